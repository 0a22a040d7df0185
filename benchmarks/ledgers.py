"""Made-up ledgers of any size, the same at every run: valid, and never oversold."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from models.drafts import Draft
from models.transactions import Kind

FIRST = datetime(2014, 1, 2, 9, tzinfo=UTC)
SPAN = timedelta(days=12 * 365)
INSTRUMENTS = 300
SUFFIXES = ("", "", "", ".DE", ".TO", ".L")
"""Half of the instruments are in US dollars, the others in euros, Canadian dollars and pounds."""

WEIGHTS = {
    Kind.BUY: 600,
    Kind.SELL: 180,
    Kind.DIVIDEND: 120,
    Kind.DEPOSIT: 40,
    Kind.WITHDRAWAL: 15,
    Kind.FEE: 20,
    Kind.INTEREST: 15,
    Kind.DELIVERY_IN: 5,
    Kind.DELIVERY_OUT: 4,
    Kind.SPLIT: 1,
}
CASH = frozenset({Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.FEE, Kind.INTEREST})
TAKING = frozenset({Kind.SELL, Kind.DELIVERY_OUT})


def symbol_of(rank: int) -> str:
    """Return the symbol of an instrument by how busy it is, from 0."""
    return f"SIM{rank:03}{SUFFIXES[rank % len(SUFFIXES)]}"


BUSIEST, QUIETEST = symbol_of(0), symbol_of(INSTRUMENTS - 1)


def drafts_of(size: int, *, seed: int = 1) -> list[Draft]:
    """Return bookings over twelve years, oldest first; some instruments are far busier."""
    chance = Random(seed)
    held = dict.fromkeys((symbol_of(rank) for rank in range(INSTRUMENTS)), 0)
    split_on: set[tuple[str, date]] = set()
    symbols = chance.choices(
        list(held), weights=[1 / (rank + 1) for rank in range(INSTRUMENTS)], k=size
    )
    kinds = chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=size)
    drafts = []
    for number, (symbol, wish) in enumerate(zip(symbols, kinds, strict=True)):
        moment = FIRST + SPAN * number / size
        kind = wish
        if kind not in CASH and not held[symbol]:
            kind = Kind.BUY
        if kind is Kind.SPLIT and (symbol, moment.date()) in split_on:
            kind = Kind.BUY
        draft = _draft(kind, symbol, moment=moment, held=held[symbol], chance=chance, number=number)
        drafts.append(draft)
        if kind is Kind.SPLIT:
            held[symbol] *= 2
            split_on.add((symbol, moment.date()))
        elif draft.quantity is not None:
            held[symbol] += int(draft.quantity) * (-1 if kind in TAKING else 1)
    return drafts


def _draft(
    kind: Kind, symbol: str, *, moment: datetime, held: int, chance: Random, number: int
) -> Draft:
    money = Decimal(chance.randint(1000, 20000)) / 100
    units = Decimal(chance.randint(1, min(held, 40)) if kind in TAKING else chance.randint(1, 20))
    fee = Decimal(chance.randint(0, 499)) / 100
    given: dict[str, object]
    if kind in CASH:
        given = {"amount": money * 10, "currency": chance.choice(("USD", "EUR", "CAD", "GBP"))}
    elif kind is Kind.SPLIT:
        given = {"symbol": symbol, "ratio_new": Decimal(2), "ratio_old": Decimal(1)}
    elif kind is Kind.DIVIDEND:
        given = {"symbol": symbol, "amount": money, "tax": money / 4}
    elif kind is Kind.DELIVERY_OUT:
        given = {"symbol": symbol, "quantity": units}
    else:
        given = {"symbol": symbol, "quantity": units, "price": money, "fee": fee}
    return Draft(kind=kind, occurred_at=moment, external_id=f"made-up-{number}", **given)  # type: ignore[arg-type]
