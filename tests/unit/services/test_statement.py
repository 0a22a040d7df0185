"""Statements of ledgers: every kind of entry leaves a residual of zero."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events import Method
from analytics.measures import Reason
from analytics.statement import Mark, reconcile
from models.transactions import CHARGES, EXCHANGES, FLOWS, INCOME, TRADES, Kind, Transaction
from services.combined import Report
from services.entries import Terms
from services.statement import activities_of, period_of

DAY = datetime(2024, 6, 3, tzinfo=UTC)
SYMBOLS = {1: ("ONE", "EUR"), 2: ("TWO", "USD"), 3: ("THREE", "JPY")}
FIRST, LAST = date(2024, 6, 6), date(2024, 6, 9)

numbers = st.decimals(min_value="0.000001", max_value=5000, places=6)
shares = st.sampled_from([Decimal(text) for text in ("0", "0.1", "0.2348", "1")])
rates = st.sampled_from([Decimal(1), Decimal("0.9238"), Decimal(1) / Decimal("1.4528")])
costs = st.sampled_from([Decimal(text) for text in ("0", "0", "9.95", "0.01", "7")])
OUT_OF = {Kind.TRANSFER_IN: 2, Kind.CASH_TRANSFER_IN: 2}


def _common(draw, kind, portfolio):
    instrument = draw(st.integers(1, 3))
    own, base = SYMBOLS[instrument][1], "EUR"
    currency = draw(st.sampled_from([own, base]))
    free = kind in {Kind.SYMBOL_CHANGE, Kind.TRANSFER_IN, Kind.TRANSFER_OUT}
    return {
        "portfolio_id": portfolio,
        "instrument_id": instrument,
        "kind": kind.value,
        "occurred_at": DAY + timedelta(hours=6 * draw(st.integers(0, 27))),
        "currency": currency,
        "rate": Decimal(1) if currency == base else draw(rates),
        "instrument_currency": None if currency == own else own,
        "instrument_rate": None if currency == own else draw(rates),
        "settlement_currency": draw(st.sampled_from([currency, base])),
        "fee": Decimal(0) if free else draw(costs),
        "tax": Decimal(0) if free else draw(costs),
        "created_at": DAY,
    }


def _content(draw, kind):
    """Return the columns that a kind has of its own."""
    if kind in TRADES | {Kind.DELIVERY_IN}:
        money = draw(st.sampled_from(["price", "amount"]))
        return {"quantity": draw(numbers), money: draw(numbers)}
    if kind in {Kind.OPENING_BALANCE, Kind.DELIVERY_OUT, Kind.TRANSFER_OUT}:
        stated = draw(st.booleans()) or kind is Kind.OPENING_BALANCE
        return {"quantity": draw(numbers)} | ({"price": draw(numbers)} if stated else {})
    if kind is Kind.DIVIDEND_REINVESTED:
        price = draw(numbers) if draw(st.booleans()) else None
        return {"amount": draw(numbers), "quantity": draw(numbers), "price": price}
    if kind is Kind.DIVIDEND_IN_KIND:
        return {"amount": draw(st.none() | numbers), "quantity": draw(numbers)}
    if kind in {Kind.SPLIT, Kind.SPIN_OFF, Kind.MERGER, Kind.SYMBOL_CHANGE}:
        change = kind is Kind.SYMBOL_CHANGE
        return {
            "ratio_new": None if change else draw(st.integers(1, 7).map(Decimal)),
            "ratio_old": None if change else draw(st.integers(1, 7).map(Decimal)),
            "amount": None if change else draw(st.none() | numbers),
            "cost_share": draw(shares) if kind in {Kind.SPIN_OFF, Kind.MERGER} else None,
        }
    return {"amount": draw(numbers)}


@st.composite
def entries(draw):
    kind = draw(st.sampled_from(Kind))
    columns = _common(draw, kind, 1) | _content(draw, Kind.BUY if kind in OUT_OF else kind)
    if kind in FLOWS | EXCHANGES or (kind in CHARGES | INCOME and not columns.get("quantity")):
        columns["instrument_id"] = None if kind in FLOWS | EXCHANGES else columns["instrument_id"]
    else:
        currency = draw(st.sampled_from([None, "USD", "CHF"]))
        columns |= {"fee_currency": currency, "fee_rate": draw(rates) if currency else None}
    if kind in {Kind.SPIN_OFF, Kind.MERGER, Kind.SYMBOL_CHANGE}:
        cash_only = kind is Kind.MERGER and columns["amount"] and draw(st.booleans())
        columns["related_instrument_id"] = None if cash_only else columns["instrument_id"] % 3 + 1
    return columns


@st.composite
def ledgers(draw):
    rows = draw(st.lists(entries(), min_size=1, max_size=14))
    bought = _common(draw, Kind.BUY, 2) | _content(draw, Kind.BUY)
    moved = _common(draw, Kind.TRANSFER_OUT, 2) | {"quantity": draw(numbers)}
    ways = [(1, 2), (2, 1)]
    out, into = draw(st.sampled_from(ways))
    pair = {"fee": Decimal(0), "tax": Decimal(0)}
    rows += [
        bought | {"instrument_id": moved["instrument_id"]},
        moved | pair | {"portfolio_id": out},
        moved | pair | {"portfolio_id": into, "kind": Kind.TRANSFER_IN.value, "origin_id": 0},
    ]
    rows[-1]["origin_id"] = len(rows) - 1
    return [Transaction(id=number, **columns) for number, columns in enumerate(rows, 1)]


def period(
    rows,
    *,
    method=Method.FIFO,
    mark_at,
    rate_at,
    factors=None,
    currency="EUR",
    first=FIRST,
    last=LAST,
):
    terms = {key: Terms(allow_short=True, method=method) for key in (1, 2)}
    found = activities_of(rows, terms=terms, portfolio_ids=[1], first=first, last=last)[1]
    days = found.days()
    return period_of(
        found,
        symbols=SYMBOLS,
        mark_at=mark_at,
        rate_at=rate_at,
        report=Report(
            currency=currency,
            factors={(1, day): (factors or {}).get(day, Decimal(1)) for day in days},
        ),
    )


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=ledgers(),
    method=st.sampled_from(Method),
    prices=st.lists(numbers, min_size=3, max_size=3),
    report=st.sampled_from(["EUR", "USD", "CHF"]),
)
def test_the_lines_of_any_ledger_add_up_to_the_last_digit(rows, method, prices, report):
    foreign = report != "EUR"
    drift = {
        day: Decimal(day.day) / 7 for day in (date(2024, 6, 2) + timedelta(n) for n in range(9))
    }

    def rate_at(currency, day):
        base = {"EUR": Decimal(1), "USD": Decimal("0.91"), "JPY": Decimal("0.0061")}
        if currency == report:
            return Decimal(1)
        scale = drift[day] if foreign else Decimal(1)
        return base.get(currency, Decimal("1.05")) * scale

    def mark_at(instrument, day):
        return Mark(
            price=prices[instrument - 1] * drift[day], rate=rate_at(SYMBOLS[instrument][1], day)
        )

    found = reconcile(
        period(
            rows,
            method=method,
            mark_at=mark_at,
            rate_at=rate_at,
            factors=drift if foreign else None,
            currency=report,
        )
    )
    short = {one.reason for one in found.missing}
    assert short <= {Reason.MISSING_ACQUISITION}
    assert (found.lines is None) == bool(short)
    if found.lines is not None:
        assert found.lines.residual == 0
        shown = found.lines.rounded(2)
        assert shown.residual == 0
        assert shown.start == round(found.lines.start, 2)
        assert shown.end == round(found.lines.end, 2)
