"""The data that every peer serves from memory: made up, the same at every run."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

OWNERS = {"deep": (1, 1), "ten": (1, 10), "fifty": (1, 50), "many": (1, 500), "wide": (100, 20)}
"""Who holds how many portfolios, each of how many positions."""

INSTRUMENTS = 500
AS_OF = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)
EXCHANGES = ("Nasdaq", "NYSE", "Xetra")
SECTORS = ("Technology", "Health Care", "Utilities", "Energy")


@dataclass(frozen=True, kw_only=True)
class Money:
    """An amount in a currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class Quote:
    """The price of an instrument."""

    symbol: str
    price: Decimal
    currency: str
    change: Decimal
    change_ratio: float
    previous_close: Decimal
    volume: int
    as_of: datetime
    source: str
    quality: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The company behind an instrument; ``parent`` is the symbol of the company that owns it."""

    symbol: str
    name: str
    country: str
    exchange: str
    sector: str
    industry: str
    parent: str


@dataclass(frozen=True, kw_only=True)
class Position:
    """What a portfolio holds of an instrument."""

    id: str
    symbol: str
    quantity: Decimal
    average_cost: Money
    cost_basis: Money
    market_value: Money
    unrealized_gain: Money


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """A portfolio."""

    id: str
    name: str
    base_currency: str


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Everything there is: portfolios by owner, positions by portfolio, the rest by symbol."""

    portfolios: dict[str, list[Portfolio]]
    positions: dict[str, list[Position]]
    quotes: dict[str, Quote]
    profiles: dict[str, Profile]


def _symbol(number: int) -> str:
    return f"SIM{number % INSTRUMENTS:03}"


def _quote(number: int) -> Quote:
    previous = Decimal(2001 + number * 10) / 100
    change = Decimal(number % 9 - 4) / 10 + Decimal("0.05")
    return Quote(
        symbol=_symbol(number),
        price=previous + change,
        currency="USD",
        change=change,
        change_ratio=round(float(change / previous), 12),
        previous_close=previous,
        volume=1_000_000 + number * 137,
        as_of=AS_OF,
        source="simulated",
        quality="SIMULATED",
    )


def _profile(number: int) -> Profile:
    return Profile(
        symbol=_symbol(number),
        name=f"Simulated {number:03} Incorporated",
        country="US",
        exchange=EXCHANGES[number % len(EXCHANGES)],
        sector=SECTORS[number % len(SECTORS)],
        industry=f"{SECTORS[number % len(SECTORS)]} Equipment",
        parent=_symbol(number + 1),
    )


def _position(portfolio: str, number: int, quote: Quote) -> Position:
    quantity, cost = Decimal(number % 40 + 1), quote.previous_close - 7
    amounts = {
        "average_cost": cost,
        "cost_basis": cost * quantity,
        "market_value": quote.price * quantity,
        "unrealized_gain": (quote.price - cost) * quantity,
    }
    money = {
        name: Money(amount=amount.normalize() + 0, currency="USD")
        for name, amount in amounts.items()
    }
    return Position(id=f"{portfolio}-{number}", symbol=quote.symbol, quantity=quantity, **money)


def make_rows() -> Rows:
    """Make all data."""
    symbols = [_symbol(number) for number in range(INSTRUMENTS)]
    quotes = {symbol: _quote(number) for number, symbol in enumerate(symbols)}
    portfolios: dict[str, list[Portfolio]] = {}
    positions: dict[str, list[Position]] = {}
    for owner, (count, size) in OWNERS.items():
        portfolios[owner] = [
            Portfolio(id=f"{owner}-{one}", name=f"Portfolio {one}", base_currency="USD")
            for one in range(count)
        ]
        for one, portfolio in enumerate(portfolios[owner]):
            positions[portfolio.id] = [
                _position(portfolio.id, number, quotes[_symbol(one * size + number)])
                for number in range(size)
            ]
    profiles = {symbol: _profile(number) for number, symbol in enumerate(symbols)}
    return Rows(portfolios=portfolios, positions=positions, quotes=quotes, profiles=profiles)


def camel(name: str) -> str:
    """Return a name as GraphQL spells it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def written(value: object) -> object:
    """Return a value as peers in another language hold it: as it is written in an answer."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value


def as_json(rows: Rows) -> dict[str, Any]:
    """Return all data for peers in another language."""

    def fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
        return {camel(name): written(value) for name, value in pairs}

    def items() -> Iterator[tuple[str, Any]]:
        for name, rows_by_key in vars(rows).items():
            yield (
                name,
                {
                    key: [asdict(one, dict_factory=fields) for one in found]
                    if isinstance(found, list)
                    else asdict(found, dict_factory=fields)
                    for key, found in rows_by_key.items()
                },
            )

    return dict(items())
