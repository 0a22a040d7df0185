"""Income by month as booked, and dividends to expect, through the graph."""

from datetime import date
from decimal import Decimal

import pytest

from models.market import Actions, DividendEvent, KnownActions
from services.stored_bars import StoredHistory
from tests.conftest import NOW

PRICES = "date,symbol,close,currency\n" + "".join(
    f"2023-08-01,{symbol},100,{currency}\n"
    for symbol, currency in (("ACME", "USD"), ("HOME", "EUR"), ("FAR", "CHF"))
)
# A dollar is 0.80 euros until the end of May, then 1.
RATES = """Date,USD
2023-08-01,1.25
2024-03-01,1.25
2024-03-29,1.25
2024-04-02,1.25
2024-04-30,1.25
2024-05-02,1.25
2024-05-31,1.25
2024-06-14,1
"""
INCOME = """query($range: DateRangeInput, $currency: CurrencyCode) { viewer {
  portfolios { name income(range: $range, currency: $currency) { ...Income } }
  combined { income(range: $range, currency: $currency) { ...Income } } } }
  fragment Income on IncomeCalendar { currency
    months { from to gross { amount } tax { amount } net { amount }
      payers { instrument { symbol } gross { amount } tax { amount } bookings } }
    expected { from to announced { amount currency } estimated { amount } totalCount
      months { from announced { amount } estimated { amount } }
      dividends { portfolio { name } instrument { symbol } basis estimated day exDay payDay
        amountPerUnit { amount currency } units gross { amount currency } amount { amount currency }
        exchangeRate { rate rateDate } reason source lastYear transaction { id kind } } } }"""
STATEMENT = """query($range: DateRangeInput!) { viewer { portfolios {
  statement(range: $range) { income { amount } } } } }"""
SPRING = {"from": "2024-04-01", "to": "2024-06-14"}


def dividend(ex_day, pay_day, amount):
    return DividendEvent(
        symbol="ACME",
        ex_day=ex_day,
        amount=Decimal(amount),
        currency="USD",
        source="vendor",
        pay_day=pay_day,
    )


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    known = KnownActions(
        symbol="ACME",
        source="vendor",
        first=date(1984, 1, 1),
        last=date(2025, 6, 15),
        checked_at=NOW,
        actions=Actions(
            dividends=(
                dividend(date(2023, 8, 11), date(2023, 8, 17), "0.5"),
                dividend(date(2024, 2, 9), date(2024, 2, 15), "0.6"),
                dividend(date(2024, 8, 9), date(2024, 8, 15), "0.7"),
            )
        ),
    )
    store = StoredHistory(started.services.database)
    await store.keep_actions(known, first=known.first, last=known.last)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="EUR")
    side = await ledger.portfolio("Side", baseCurrency="EUR")
    for owner, symbol, extra in (
        (main, "ACME", {}),
        (main, "HOME", {}),
        (side, "ACME", {}),
        (side, "FAR", {"exchangeRate": "0.95"}),
    ):
        await ledger.record(
            "recordTrade",
            owner,
            "2023-08-01",
            symbol=symbol,
            side="BUY",
            quantity="10",
            price="100",
            **extra,
        )
    income = "recordIncome"
    paid = {"kind": "DIVIDEND"}
    await ledger.record(income, main, "2024-04-02", **paid, symbol="ACME", amount="6", tax="0.9")
    await ledger.record(income, main, "2024-05-02", **paid, symbol="HOME", amount="20")
    await ledger.record(income, main, "2024-05-02", kind="INTEREST", amount="3.5")
    await ledger.record(
        income, side, "2024-03-01", **paid, symbol="FAR", amount="8", exchangeRate="0.95"
    )
    return started


async def income(api, **variables):
    answer = (await api.data(INCOME, variables))["viewer"]
    return {one["name"]: one["income"] for one in answer["portfolios"]} | {
        "all": answer["combined"]["income"]
    }


def flat(value):
    return value if value is None else value["amount"]


async def test_months_have_what_was_booked_by_payer(api):
    months = (await income(api, range=SPRING))["Main"]["months"]
    assert [
        (one["from"], flat(one["gross"]), flat(one["tax"]), flat(one["net"])) for one in months
    ] == [
        ("2024-04-01", "4.8", "0.72", "4.08"),  # dollars at 0.80
        ("2024-05-01", "23.5", "0", "23.5"),
        ("2024-06-01", "0", "0", "0"),
    ]
    assert [
        (one["instrument"] and one["instrument"]["symbol"], flat(one["gross"]), one["bookings"])
        for one in months[1]["payers"]
    ] == [("HOME", "20", 1), (None, "3.5", 1)]


async def test_months_are_the_income_of_their_statements(api):
    for month in (await income(api, range=SPRING))["Main"]["months"]:
        days = {"from": month["from"], "to": month["to"]}
        answer = await api.data(STATEMENT, {"range": days})
        assert answer["viewer"]["portfolios"][0]["statement"]["income"] == month["gross"]


async def test_twelve_months_until_today_are_shown_unless_others_are_asked_for(api):
    months = (await income(api))["Main"]["months"]
    assert (months[0]["from"], months[-1]["to"], len(months)) == ("2023-07-01", "2024-06-14", 12)


async def test_announced_dividends_come_before_estimates_of_last_year(api):
    expected = (await income(api))["Main"]["expected"]
    assert (expected["from"], expected["to"]) == ("2024-06-15", "2025-06-14")
    august, february, may = expected["dividends"]
    assert august == {
        "portfolio": {"name": "Main"},
        "instrument": {"symbol": "ACME"},
        "basis": "ANNOUNCED",
        "estimated": False,
        "day": "2024-08-15",
        "exDay": "2024-08-09",
        "payDay": "2024-08-15",
        "amountPerUnit": {"amount": "0.7", "currency": "USD"},
        "units": "10",
        "gross": {"amount": "7", "currency": "USD"},
        "amount": {"amount": "7", "currency": "EUR"},  # at the latest rate, which is 1
        "exchangeRate": {"rate": "1", "rateDate": "2024-06-14"},
        "reason": None,
        "source": "vendor",
        "lastYear": None,
        "transaction": None,
    }
    # The one of last August is announced by now; that of February is not.
    assert (february["basis"], february["estimated"]) == ("PAID_LAST_YEAR", True)
    assert (february["day"], february["lastYear"]) == ("2025-02-15", "2024-02-09")
    assert flat(february["gross"]) == "6"
    # Of HOME no source knows: what was booked in May is 2 a unit.
    assert (may["basis"], may["day"], may["lastYear"]) == (
        "BOOKED_LAST_YEAR",
        "2025-05-02",
        "2024-05-02",
    )
    assert may["amountPerUnit"] == {"amount": "2", "currency": "EUR"}
    assert may["transaction"]["kind"] == "DIVIDEND"
    assert (flat(expected["announced"]), flat(expected["estimated"])) == ("7", "26")
    by_month = {one["from"]: flat(one["announced"]) for one in expected["months"]}
    assert (by_month["2024-08-01"], len(by_month)) == ("7", 13)


async def test_without_a_rate_an_amount_is_null_and_says_why(api):
    expected = (await income(api))["Side"]["expected"]
    (far,) = (one for one in expected["dividends"] if one["instrument"]["symbol"] == "FAR")
    assert far["gross"] == {"amount": "8", "currency": "CHF"}
    assert (far["amount"], far["exchangeRate"], far["reason"]) == (None, None, "NO_RATE")
    assert (expected["estimated"], flat(expected["announced"])) == (None, "7")


async def test_all_portfolios_expect_what_each_of_them_does(api):
    found = await income(api, currency="USD")
    assert found["all"]["expected"]["totalCount"] == 6
    assert found["all"]["expected"]["announced"] == {"amount": "14", "currency": "USD"}
    owners = [one["portfolio"]["name"] for one in found["all"]["expected"]["dividends"]]
    assert sorted(owners) == ["Main", "Main", "Main", "Side", "Side", "Side"]
    gross = [flat(one["gross"]) for one in found["all"]["months"]]
    # 8 francs at 0.95 euros of 1.25 dollars; 6 dollars; 23.50 euros.
    assert gross[-4:] == ["9.5", "6", "29.38", "0"]


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ('{from: "2024-04-02", to: "2024-04-01"}', "`range.from` is after `range.to`."),
        ('{from: "1970-01-01", to: "2024-04-01"}', "`range` takes at most 600 months."),
        ('{from: "2024-04-02", to: "2024-07-01"}', "`range.to` 2024-07-01 is yet to come."),
    ],
)
async def test_days_that_make_no_sense_are_refused(api, days, message):
    query = f"{{ viewer {{ portfolios {{ income(range: {days}) {{ currency }} }} }} }}"
    answer = (await api.post(query)).json()
    assert answer["errors"][0]["message"] == message
