"""The example portfolio's figures against a table worked out by plain fractions.

``real_trades_table.md`` shows the arithmetic; ``work_out.py`` did it without FolioQL's code.
"""

import asyncio
import json
import runpy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.money import round_to, total, total_known
from analytics.valuation import Book, Held, Rates, market_value, value_portfolio
from datasources.brokers import read
from datasources.providers.ecb import Ecb
from datasources.providers.files import Files
from models.market import CloseQuestion, RateQuestion
from models.transactions import TRADES, Transaction
from services.entries import Terms, ledger_states

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
EXPECTED = json.loads((HERE / "real_trades_expected.json").read_text(encoding="utf-8"))
NOW = datetime(2023, 1, 2, 12, tzinfo=UTC)
DAY = date(2022, 12, 28)
BEFORE = DAY - timedelta(days=1)

# Read off the European Central Bank's file: dollars for one euro.
DOLLARS = {
    date(2010, 1, 11): "1.4528",
    date(2010, 3, 15): "1.3705",
    date(2011, 8, 8): "1.4225",
    date(2012, 5, 14): "1.2863",
    date(2014, 10, 15): "1.2666",
    date(2017, 9, 1): "1.192",
    date(2018, 12, 13): "1.1371",
    date(2020, 3, 23): "1.0783",
    date(2022, 6, 8): "1.0739",
    BEFORE: "1.0624",
    DAY: "1.064",
}
# Read off the price file: the closes of the day before and of the day.
CLOSES = {
    "AAPL": ("129.652", "125.674"),
    "JPM": ("128.871", "129.575"),
    "KO": ("63.24", "62.609"),
    "MSFT": ("235.852", "233.434"),
    "XOM": ("108.408", "106.627"),
}
SYMBOLS = sorted(CLOSES)


def rate(day):
    return Decimal(1) / Decimal(DOLLARS[day])


def drafts():
    rows = read((EXAMPLES / "real-trades.csv").read_bytes()).rows
    assert not [row for row in rows if row.problem or row.skipped]
    return [draft for row in rows for draft in row.drafts]


def entries():
    return [
        Transaction(
            id=place,
            portfolio_id=1,
            instrument_id=SYMBOLS.index(draft.symbol) if draft.symbol else None,
            kind=draft.kind.value,
            occurred_at=draft.occurred_at,
            quantity=draft.quantity,
            price=draft.price,
            amount=draft.amount,
            currency=draft.currency,
            fee=draft.fee,
            tax=draft.tax,
            settlement_currency=draft.settlement_currency,
            instrument_currency="USD" if draft.symbol else None,
            rate=Decimal(1) if draft.currency == "EUR" else rate(draft.occurred_at.date()),
            created_at=NOW,
        )
        for place, draft in enumerate(drafts(), 1)
    ]


@pytest.fixture
def state():
    return ledger_states(entries(), terms={1: Terms()})[1]


@pytest.fixture
def valuation(state):
    # On the day itself nothing is traded, and 1000 EUR are taken out.
    return value_portfolio(
        Book(
            base_currency="EUR",
            held=tuple(
                Held(
                    symbol=symbol,
                    currency="USD",
                    quantity=state.instruments[place].holding.quantity,
                    cost=state.instruments[place].holding.cost,
                    cost_base=state.instruments[place].holding.cost_base,
                    realized_base=state.instruments[place].holding.realized_base,
                    missing=state.instruments[place].holding.missing,
                    price=Decimal(CLOSES[symbol][1]),
                    previous_price=Decimal(CLOSES[symbol][0]),
                    previous_quantity=state.instruments[place].holding.quantity,
                )
                for place, symbol in enumerate(SYMBOLS)
            ),
            cash=state.cash,
            previous_cash={"EUR": total([state.cash["EUR"], Decimal(1000)])},
            day_inflow={},
            day_outflow={"EUR": Decimal(1000)},
            totals=state.totals,
            first_day=state.first_day,
            day=DAY,
        ),
        currency="EUR",
        rates=Rates(
            now={"USD": rate(DAY), "EUR": Decimal(1)},
            previous={"USD": rate(BEFORE), "EUR": Decimal(1)},
        ),
    )


def cents(value):
    return str(round_to(value, 2))


@pytest.mark.parametrize(
    ("figure", "name"),
    [
        ("value", "value"),
        ("cash", "cash"),
        ("market_value", "marketValue"),
        ("invested", "invested"),
        ("unrealized", "unrealizedGain"),
        ("realized", "realizedGain"),
        ("income", "income"),
        ("charges", "charges"),
        ("contributed", "netContributions"),
        ("total_gain", "totalGain"),
        ("day_change", "dayChange"),
    ],
)
def test_every_amount_of_the_overview_is_the_one_worked_out_by_hand(valuation, figure, name):
    assert cents(getattr(valuation, figure)) == EXPECTED["overview"][name]


def test_the_returns_are_those_worked_out_by_hand(valuation):
    assert str(round_to(valuation.total_return, 10)) == EXPECTED["overview"]["totalReturn"]
    assert str(round_to(valuation.day_change_ratio, 10)) == EXPECTED["overview"]["dayChangeRatio"]


def test_nothing_is_missing(valuation):
    assert valuation.missing == ()
    assert valuation.currency == EXPECTED["currency"]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_position_is_the_one_worked_out_by_hand(state, symbol):
    holding = state.instruments[SYMBOLS.index(symbol)].holding
    dollars = market_value(holding.quantity, Decimal(CLOSES[symbol][1]))
    euros = dollars / Decimal(DOLLARS[DAY])
    assert {
        "quantity": str(holding.quantity),
        "costUsd": cents(holding.cost),
        "cost": cents(holding.cost_base),
        "marketValueUsd": cents(dollars),
        "marketValue": cents(euros),
        "unrealizedGain": cents(euros - holding.cost_base),
        "realizedGain": cents(holding.realized_base),
    } == EXPECTED["positions"][symbol]


def test_the_parts_of_the_gain_make_up_the_gain_to_a_millionth_of_a_cent(valuation):
    parts = total_known(
        [valuation.unrealized, valuation.realized, valuation.income, -valuation.charges]
    )
    assert abs(parts - valuation.total_gain) < Decimal("1e-8")


def test_the_rates_and_closes_by_hand_are_those_of_the_files():
    async def read():
        asked = [RateQuestion(base="EUR", target="USD", day=day) for day in (*DOLLARS, BEFORE, DAY)]
        rates = await Ecb().rates(asked)
        files = Files([EXAMPLES / "prices.csv"], clock=lambda: NOW)
        closes = await files.closes(
            [CloseQuestion(symbol=symbol, day=day) for symbol in SYMBOLS for day in (BEFORE, DAY)]
        )
        return rates, closes

    rates, closes = asyncio.run(read())
    assert {question.day: found.value for question, found in rates.items()} == {
        day: Decimal(text) for day, text in DOLLARS.items()
    }
    assert all(question.day == found.day for question, found in (rates | closes).items())
    assert {
        symbol: tuple(
            str(closes[CloseQuestion(symbol=symbol, day=day)].close) for day in (BEFORE, DAY)
        )
        for symbol in SYMBOLS
    } == CLOSES


def test_every_trade_is_at_the_close_of_its_day():
    trades = [draft for draft in drafts() if draft.kind in TRADES]
    asked = [CloseQuestion(symbol=trade.symbol, day=trade.occurred_at.date()) for trade in trades]
    closes = asyncio.run(Files([EXAMPLES / "prices.csv"], clock=lambda: NOW).closes(asked))
    assert [closes[question].close for question in asked] == [trade.price for trade in trades]
    assert [closes[question].day for question in asked] == [question.day for question in asked]


def test_the_page_and_the_figures_are_what_the_fractions_say():
    script = runpy.run_path(str(HERE / "work_out.py"))
    figures, positions, text = script["work_out"]()
    assert text == (HERE / "real_trades_table.md").read_text(encoding="utf-8")
    assert script["expected"](figures, positions) == EXPECTED
