"""Symbols in one canonical form, the venues behind their suffixes, and minor currency units."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=-]{0,31}")


class InvalidSymbolError(ValueError):
    """A text cannot be a symbol."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:40]!r} is not a symbol: 1 to 32 letters, digits or . ^ = -, such as AAPL, "
            "BRK.B or SAP.DE."
        )


def canonical(text: str) -> str:
    """Bring a symbol to canonical form: capitals, no blanks around; raises InvalidSymbolError."""
    symbol = text.strip().upper()
    if not SYMBOL.fullmatch(symbol):
        raise InvalidSymbolError(text)
    return symbol


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a symbol trades and in what, in major units; ``mic`` is the market's ISO 10383 code."""

    exchange: str
    currency: str
    country: str
    mic: str


UNITED_STATES = Venue("NASDAQ/NYSE", "USD", "US", "XNYS")
VENUES = {
    "TO": Venue("Toronto", "CAD", "CA", "XTSE"),
    "V": Venue("TSX Venture", "CAD", "CA", "XTSX"),
    "NE": Venue("Cboe Canada", "CAD", "CA", "NEOE"),
    "CN": Venue("Canadian Securities Exchange", "CAD", "CA", "XCNQ"),
    "L": Venue("London", "GBP", "GB", "XLON"),
    "DE": Venue("Xetra", "EUR", "DE", "XETR"),
    "F": Venue("Frankfurt", "EUR", "DE", "XFRA"),
    "PA": Venue("Euronext Paris", "EUR", "FR", "XPAR"),
    "AS": Venue("Euronext Amsterdam", "EUR", "NL", "XAMS"),
    "BR": Venue("Euronext Brussels", "EUR", "BE", "XBRU"),
    "LS": Venue("Euronext Lisbon", "EUR", "PT", "XLIS"),
    "MI": Venue("Borsa Italiana", "EUR", "IT", "XMIL"),
    "MC": Venue("Madrid", "EUR", "ES", "XMAD"),
    "VI": Venue("Vienna", "EUR", "AT", "XWBO"),
    "HE": Venue("Helsinki", "EUR", "FI", "XHEL"),
    "IR": Venue("Dublin", "EUR", "IE", "XDUB"),
    "SW": Venue("SIX Swiss", "CHF", "CH", "XSWX"),
    "ST": Venue("Stockholm", "SEK", "SE", "XSTO"),
    "OL": Venue("Oslo", "NOK", "NO", "XOSL"),
    "CO": Venue("Copenhagen", "DKK", "DK", "XCSE"),
    "WA": Venue("Warsaw", "PLN", "PL", "XWAR"),
    "IS": Venue("Istanbul", "TRY", "TR", "XIST"),
    "T": Venue("Tokyo", "JPY", "JP", "XTKS"),
    "HK": Venue("Hong Kong", "HKD", "HK", "XHKG"),
    "SS": Venue("Shanghai", "CNY", "CN", "XSHG"),
    "SZ": Venue("Shenzhen", "CNY", "CN", "XSHE"),
    "AX": Venue("Sydney", "AUD", "AU", "XASX"),
    "NZ": Venue("New Zealand", "NZD", "NZ", "XNZE"),
    "SI": Venue("Singapore", "SGD", "SG", "XSES"),
    "JK": Venue("Jakarta", "IDR", "ID", "XIDX"),
    "KL": Venue("Kuala Lumpur", "MYR", "MY", "XKLS"),
    "BK": Venue("Bangkok", "THB", "TH", "XBKK"),
    "KS": Venue("Korea", "KRW", "KR", "XKRX"),
    "KQ": Venue("Kosdaq", "KRW", "KR", "XKOS"),
    "TW": Venue("Taiwan", "TWD", "TW", "XTAI"),
    "TWO": Venue("Taipei Exchange", "TWD", "TW", "ROCO"),
    "NS": Venue("National Stock Exchange of India", "INR", "IN", "XNSE"),
    "BO": Venue("Bombay", "INR", "IN", "XBOM"),
    "JO": Venue("Johannesburg", "ZAR", "ZA", "XJSE"),
    "TA": Venue("Tel Aviv", "ILS", "IL", "XTAE"),
    "KW": Venue("Kuwait", "KWD", "KW", "XKUW"),
    "SA": Venue("B3 Sao Paulo", "BRL", "BR", "BVMF"),
    "MX": Venue("Mexico", "MXN", "MX", "XMEX"),
}


def suffix_of(symbol: str) -> str | None:
    """Return the exchange suffix of a canonical symbol; null for an American one."""
    _, point, suffix = symbol.rpartition(".")
    return suffix if point and suffix in VENUES else None


def venue_of(symbol: str) -> Venue:
    """Return where a canonical symbol trades; a class share such as BRK.B is American."""
    suffix = suffix_of(symbol)
    return UNITED_STATES if suffix is None else VENUES[suffix]


PAIR = re.compile(r"([A-Z]{3})([A-Z]{3})=X")
COIN = re.compile(r"([A-Z0-9]{2,10})-(USD|EUR|GBP|JPY|BTC)")


def class_of(symbol: str) -> str | None:
    """Name what trades on no exchange of its own: a currency pair, a coin, an index."""
    if PAIR.fullmatch(symbol):
        return "pair"
    if COIN.fullmatch(symbol):
        return "coin"
    return "index" if symbol.startswith("^") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a vendor writes symbols.

    ``suffixes`` are the venues it serves, by our suffix; other venues have no symbol there, and
    ``american`` says whether shares of the United States have. ``class_mark`` stands before a share
    class. ``pair`` and ``coin`` are the forms of a currency pair and of a crypto asset, null where
    the vendor has none; ``indices`` says whether it knows ours (^GSPC).
    """

    suffixes: Mapping[str, str] = field(default_factory=dict)
    separator: str = "."
    american: bool = True
    class_mark: str = "."
    pair: str | None = None
    coin: str | None = None
    indices: bool = False

    def outward(self, symbol: str) -> str | None:
        """Return the vendor's form of a canonical symbol; null if it does not serve the venue."""
        if pair := PAIR.fullmatch(symbol):
            return self.pair and self.pair.format(*pair.groups())
        if coin := COIN.fullmatch(symbol):
            return self.coin and self.coin.format(*coin.groups())
        if symbol.startswith("^"):
            return symbol if self.indices else None
        suffix = suffix_of(symbol)
        if suffix is None:
            return symbol.replace(".", self.class_mark) if self.american else None
        if suffix not in self.suffixes:
            return None
        ticker = symbol.removesuffix(f".{suffix}").replace(".", self.class_mark)
        return f"{ticker}{self.separator}{self.suffixes[suffix]}"

    def inward(self, text: str) -> str | None:
        """Return the canonical form of a vendor's symbol; null for one that has none."""
        ticker, separator, end = text.strip().rpartition(self.separator)
        ours = {theirs: suffix for suffix, theirs in self.suffixes.items()}
        suffix = ours.get(end) if separator else None
        if suffix is None:
            ticker = text
        if self.class_mark != "." and re.fullmatch(r"[A-Za-z0-9]+-[A-Za-z]", ticker):
            ticker = ticker.replace(self.class_mark, ".")
        try:
            return canonical(ticker if suffix is None else f"{ticker}.{suffix}")
        except InvalidSymbolError:
            return None


class Names:
    """A vendor's names of instruments: its dialect, and what has been set for single ones.

    ``overrides`` may be changed while in use: it maps canonical symbols to the vendor's.
    """

    def __init__(self, dialect: Dialect, overrides: Mapping[str, str] | None = None) -> None:
        self._dialect = dialect
        self.overrides: Mapping[str, str] = overrides or {}

    def outward(self, symbols: Collection[str]) -> dict[str, str]:
        """Return canonical symbols by the vendor's; those it does not serve are left out."""
        found: dict[str, str] = {}
        for symbol in symbols:
            text = self.overrides.get(symbol) or self._dialect.outward(symbol)
            if text:
                found[text] = symbol
        return found

    def inward(self, text: str) -> str | None:
        """Return the canonical symbol of a vendor's; null for one that has none."""
        for symbol, theirs in self.overrides.items():
            if theirs == text:
                return symbol
        return self._dialect.inward(text)


MINOR_UNITS = {
    "GBp": ("GBP", Decimal("0.01")),
    "GBX": ("GBP", Decimal("0.01")),
    "ZAc": ("ZAR", Decimal("0.01")),
    "ZAC": ("ZAR", Decimal("0.01")),
    "ILA": ("ILS", Decimal("0.01")),
    "ILa": ("ILS", Decimal("0.01")),
    "KWF": ("KWD", Decimal("0.001")),
}


def major_unit(currency: str) -> tuple[str, Decimal]:
    """Return the major currency of a vendor's code and the factor to it; capitals matter."""
    return MINOR_UNITS.get(currency, (currency, Decimal(1)))
