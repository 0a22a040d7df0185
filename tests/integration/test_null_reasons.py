"""Each reason for which a figure of returns or risk is null, brought about by a ledger."""

from datetime import date, timedelta

import pytest

from analytics.measures import Reason
from analytics.valuations import Valuation

DAYS = [date(2023, 1, 2) + timedelta(days=7 * week) for week in range(76)]
PRICES = "date,symbol,close,currency\n" + "".join(
    f"{day},FLAT,100,USD\n{day},RISING,{100 + week**2},USD\n{day},ABROAD,10,CHF\n"
    for week, day in enumerate(DAYS)
)
PRICES += "2023-01-02,OLD,50,USD\n"
RATES = "Date,USD\n2023-01-02,1.25\n"
LAST = DAYS[-1]


def cash(day, amount, direction="DEPOSIT", **extra):
    return ("recordCashTransfer", day, {"direction": direction, "amount": amount} | extra)


def buy(symbol, day="2023-01-03", **extra):
    given = {"symbol": symbol, "side": "BUY", "quantity": "1", "price": "50"}
    return ("recordTrade", day, given | extra)


def sell(symbol, day, price):
    return buy(symbol, day, side="SELL", price=price)


def fee(day, amount):
    return ("recordCharge", day, {"kind": "FEE", "amount": amount})


RETURNS = "performance(range: $range) { found: %s { value reason message } }"
TRADES = "tradeStatistics(range: $range) { found: %s { value reason message } }"
BENCHMARK = 'performance(range: $range) { benchmark(symbol: "FLAT") { found: %s { value reason message } } }'
RISK = "risk(range: $range) { found: %s { value reason message } }"
CASES = {
    "NO_CAPITAL": (RETURNS % "timeWeightedReturn", []),
    "NO_PRICE": (RETURNS % "gain", [buy("OLD")]),
    "NO_RATE": (RETURNS % "gain", [buy("ABROAD", exchangeRate="1.1")]),
    "NO_SIGN_CHANGE": (
        RETURNS % "moneyWeightedReturn",
        [cash("2023-01-03", "100"), fee("2023-03-01", "100")],
    ),
    # 100 x^2 - 230 x + 133 = 0 has no solution: 230^2 is less than 4 x 100 x 133.
    "NO_ROOT": (
        RETURNS % "moneyWeightedReturn",
        [
            cash("2023-01-03", "100"),
            ("recordIncome", "2023-05-03", {"kind": "INTEREST", "amount": "130"}),
            cash("2023-05-03", "230", direction="WITHDRAWAL"),
            cash("2023-08-31", "133"),
            fee("2023-08-31", "133"),
        ],
    ),
    "LESS_THAN_A_YEAR": (
        RETURNS % "annualizedTimeWeightedReturn",
        [cash("2024-01-02", "100")],
    ),
    "NEGATIVE_CAPITAL": (
        RETURNS % "timeWeightedReturn",
        [
            cash("2023-01-03", "100"),
            cash("2023-01-04", "200", direction="WITHDRAWAL"),
            fee("2023-01-06", "1"),
        ],
    ),
    "TOTAL_LOSS": (
        RETURNS % "annualizedTimeWeightedReturn",
        [cash("2023-01-03", "100"), fee("2024-03-01", "100")],
    ),
    # The share bought for 1 is worth 5,725 two days later: 5,725 ^ (365 / 1) fits into no float.
    "OUT_OF_RANGE": (
        RETURNS % "annualizedTimeWeightedReturn(force: true)",
        [cash(LAST, "1"), buy("RISING", LAST, price="1")],
    ),
    "SERIES_TOO_SHORT": (
        RISK % "volatility",
        [cash(DAYS[-2], "100"), buy("FLAT", DAYS[-2] + timedelta(days=1), price="100")],
    ),
    "NO_VARIATION": (RISK % "sharpe", [cash("2023-01-02", "100"), buy("FLAT", price="100")]),
    "NO_DRAWDOWN": (RISK % "calmar", [cash("2023-01-02", "50"), buy("RISING")]),
    "NO_LOSSES": (RISK % "omega", [cash("2023-01-02", "50"), buy("RISING")]),
    "NO_TRADES": (TRADES % "winRate", [buy("FLAT")]),
    "NO_WINS": (TRADES % "payoff", [buy("FLAT"), sell("FLAT", "2023-03-01", "40")]),
    "SHORT_BENCHMARK": (
        BENCHMARK % "longNickels",
        [
            cash("2023-01-04", "50"),
            buy("RISING", "2023-01-04"),
            sell("RISING", "2024-03-01", "3000"),
            cash("2024-03-04", "2900", direction="WITHDRAWAL"),
        ],
    ),
    "NO_BENCHMARK": (RISK % "beta", [cash("2023-01-02", "50"), buy("RISING")]),
}


OF_OTHER_FIGURES = {"NO_PREVIOUS_PRICE", "MISSING_ACQUISITION", "ZERO_COST", "ZERO_VALUE"}
"""Reasons that `issues` of an overview, a position or an allocation tell."""


def test_no_reason_is_left_out():
    assert CASES.keys() | OF_OTHER_FIGURES == {reason.value for reason in Reason}


def found_in(answer):
    """Return the figure asked for, however deep it is."""
    while "found" not in answer:
        (answer,) = answer.values()
    return answer["found"]


@pytest.mark.parametrize("reason", CASES)
async def test_a_figure_that_is_not_defined_is_null_for_its_reason(
    open_market, books, clock, reason
):
    field, bookings = CASES[reason]
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    for mutation, day, given in bookings:
        await ledger.record(mutation, main, day, **given)
    query = f"query($range: DateRangeInput) {{ viewer {{ portfolios {{ {field} }} }} }}"
    days = {"from": "2023-01-02", "to": str(LAST + timedelta(days=1))}
    answer = await api.data(query, {"range": days})
    found = found_in(answer["viewer"]["portfolios"][0])
    assert (found["value"], found["reason"]) == (None, reason)
    assert found["message"].endswith(".")


async def test_why_something_is_not_known_is_looked_for_once_for_all_figures(
    open_market, books, monkeypatch
):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    main = await ledger.portfolio("Main", baseCurrency="USD")
    for mutation, day, given in (buy("OLD"), buy("ABROAD", exchangeRate="1.1")):
        await ledger.record(mutation, main, day, **given)
    looked, missing = [], Valuation.missing

    def look(valuation, scope, place):
        for reason, line in missing(valuation, scope, place):
            looked.append(reason)
            yield reason, line

    monkeypatch.setattr(Valuation, "missing", look)
    figures = ("gain", "timeWeightedReturn", "moneyWeightedReturn", "annualizedTimeWeightedReturn")
    asked = " ".join(f"{name} {{ reason }}" for name in figures)
    answer = await api.data(f"{{ viewer {{ portfolios {{ performance {{ {asked} }} }} }} }}")
    (portfolio,) = answer["viewer"]["portfolios"]
    assert portfolio["performance"] == {name: {"reason": looked[0].value} for name in figures}
    assert len(looked) == 1
