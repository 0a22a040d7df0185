"""Every published example comes out as its source prints it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from analytics.gains import split_realized, split_unrealized
from analytics.money import round_to, total
from models.transactions import Transaction
from services.entries import Terms, instrument_states
from tests.scenarios.published import EXAMPLES

INSTRUMENTS = {"A": 1, "B": 2, "C": 3, "D": 4}
PORTFOLIOS = {"one": 1, "two": 2}
NUMBERS = {"quantity", "price", "amount", "fee", "tax", "rate", "fee_rate"}
RATIOS = {"ratio_new", "ratio_old", "cost_share"}


def pool(name):
    """Return the pool of an instrument, in the first portfolio unless it says otherwise."""
    portfolio, _, instrument = name.rpartition("/")
    return PORTFOLIOS[portfolio or "one"], INSTRUMENTS[instrument]


def booked(number, entry):
    portfolio, instrument = pool(entry["of"])
    given = {name: entry[name] for name in NUMBERS | RATIOS if entry.get(name) is not None}
    moment = datetime.fromisoformat(entry["on"]).replace(tzinfo=UTC)
    return Transaction(
        id=number,
        portfolio_id=portfolio,
        instrument_id=instrument,
        related_instrument_id=INSTRUMENTS.get(entry.get("into")),
        origin_id=number - 1 if entry.get("arrives") else None,
        kind=entry["kind"].value,
        occurred_at=moment,
        created_at=moment,
        currency="USD",
        settlement_currency="USD",
        instrument_currency="USD",
        fee_currency=entry.get("fee_currency"),
        lots=[[str(lot), str(units)] for lot, units in entry.get("lots", ())] or None,
        **(
            {"rate": Decimal(1), "fee": Decimal(0), "tax": Decimal(0)}
            | {name: Decimal(value) for name, value in given.items()}
        ),
    )


def holdings(example):
    terms = {key: Terms(method=example.method) for key in PORTFOLIOS.values()}
    entries = [booked(number, entry) for number, entry in enumerate(example.entries, 1)]
    states = instrument_states(entries, terms=terms)
    held = {key: state.holding for key, state in states.items()}
    return {key: one.before_fees() if example.fees_apart else one for key, one in held.items()}


def unrealized(held, worth):
    """Return the gain on what is held at a price and rate, and the currency's part of it."""
    price, rate = map(Decimal, worth)
    value = held.quantity * price
    parts = split_unrealized(value=value, cost=held.cost, cost_base=held.cost_base, rate=rate)
    return parts.price + parts.currency, parts.currency


FIGURES = {
    "open": lambda held, _: [(lot.quantity, lot.cost) for lot in held.lots],
    "dates": lambda held, _: [lot.opened_at.date() for lot in held.lots],
    "closed": lambda held, _: [
        (one.quantity, one.cost) for one in held.closings if one.paid is not None
    ],
    "units": lambda held, _: held.quantity,
    "cost": lambda held, _: held.cost,
    "cost_base": lambda held, _: held.cost_base,
    "gains": lambda held, _: [one.gain for one in held.closings],
    "gain": lambda held, _: held.realized,
    "gain_base": lambda held, _: held.realized_base,
    "currency_gain": lambda held, _: total(split_realized(one).currency for one in held.closings),
    "days": lambda held, _: [one.holding_days for one in held.closings],
    "unrealized": lambda held, worth: unrealized(held, worth)[0],
    "unrealized_currency": lambda held, worth: unrealized(held, worth)[1],
    "missing": lambda held, _: held.missing,
}


def printed(figure, places):
    """Return a figure, or a list of figures, to the decimals the source prints."""
    if isinstance(figure, list | tuple):
        return [printed(one, places) for one in figure]
    if isinstance(figure, date):
        return figure
    number = Decimal(figure)
    return number if places is None else round_to(number, places)


def test_there_are_examples_of_many_sources():
    assert len(EXAMPLES) >= 40
    assert len({example.where for example in EXAMPLES}) >= 30


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one.source}, {one.method.name}")
def test_an_example_comes_out_as_published(example):
    held = holdings(example)
    compared = 0
    for figure, work_out in FIGURES.items():
        for name, expected in getattr(example, figure).items():
            found = work_out(held[pool(name)], example.worth)
            wanted = printed(expected, example.places)
            assert printed(found, example.places) == wanted, (figure, name)
            compared += 1
    assert compared
