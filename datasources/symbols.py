"""Symbols in one canonical form, the venues behind their suffixes, and minor currency units."""

import re
from dataclasses import dataclass
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
    """Where a symbol trades and in what, in major units."""

    exchange: str
    currency: str
    country: str


UNITED_STATES = Venue("NASDAQ/NYSE", "USD", "US")
VENUES = {
    "TO": Venue("Toronto", "CAD", "CA"),
    "V": Venue("TSX Venture", "CAD", "CA"),
    "L": Venue("London", "GBP", "GB"),
    "DE": Venue("Xetra", "EUR", "DE"),
    "F": Venue("Frankfurt", "EUR", "DE"),
    "PA": Venue("Euronext Paris", "EUR", "FR"),
    "AS": Venue("Euronext Amsterdam", "EUR", "NL"),
    "BR": Venue("Euronext Brussels", "EUR", "BE"),
    "LS": Venue("Euronext Lisbon", "EUR", "PT"),
    "MI": Venue("Borsa Italiana", "EUR", "IT"),
    "MC": Venue("Madrid", "EUR", "ES"),
    "VI": Venue("Vienna", "EUR", "AT"),
    "HE": Venue("Helsinki", "EUR", "FI"),
    "IR": Venue("Dublin", "EUR", "IE"),
    "SW": Venue("SIX Swiss", "CHF", "CH"),
    "ST": Venue("Stockholm", "SEK", "SE"),
    "OL": Venue("Oslo", "NOK", "NO"),
    "CO": Venue("Copenhagen", "DKK", "DK"),
    "WA": Venue("Warsaw", "PLN", "PL"),
    "T": Venue("Tokyo", "JPY", "JP"),
    "HK": Venue("Hong Kong", "HKD", "HK"),
    "AX": Venue("Sydney", "AUD", "AU"),
    "NZ": Venue("New Zealand", "NZD", "NZ"),
    "SI": Venue("Singapore", "SGD", "SG"),
    "KS": Venue("Korea", "KRW", "KR"),
    "NS": Venue("National Stock Exchange of India", "INR", "IN"),
    "JO": Venue("Johannesburg", "ZAR", "ZA"),
    "TA": Venue("Tel Aviv", "ILS", "IL"),
    "SA": Venue("B3 Sao Paulo", "BRL", "BR"),
    "MX": Venue("Mexico", "MXN", "MX"),
}


def venue_of(symbol: str) -> Venue:
    """Return where a canonical symbol trades; a class share such as BRK.B is American."""
    _, point, suffix = symbol.rpartition(".")
    return VENUES.get(suffix, UNITED_STATES) if point else UNITED_STATES


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
