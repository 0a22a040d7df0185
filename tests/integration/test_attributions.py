"""Attribution through the graph, with the arithmetic beside each figure."""

from threading import get_ident

import pytest

from resolvers import attributions

PRICES = """date,symbol,close,currency
2024-03-29,ACME,100,USD
2024-04-01,ACME,110,USD
2024-04-02,ACME,110,USD
2024-03-29,EUCO,100,EUR
2024-04-01,EUCO,90,EUR
2024-04-02,EUCO,99,EUR
"""
# A dollar is 0.80 euros, and 1 on April 2nd.
RATES = """Date,USD
2024-03-29,1.25
2024-04-01,1.25
2024-04-02,1
"""
# Main has 400 dollars in ACME and 500 euros in EUCO, Other 200 euros: 1,020 euros on March 29th.
# April 1st: ACME +32, EUCO -50, so 1,002. April 2nd: ACME +88 by the rate, EUCO +45, so 1,135.
QUESTION = """query($range: DateRangeInput!, $by: AttributionDimension!, $first: Int! = 50,
    $order: ContributionOrder) { viewer { combined { performance(range: $range, currency: "EUR") {
  attribution(by: $by, first: $first, orderBy: $order) {
    by timeWeightedReturn { value } totalCount residual
    priceEffect { value reason explain { inputs { name value } } } currencyEffect { value reason }
    contributions { ...Part } rest { ...Part } } } } } }
  fragment Part on ReturnContribution { label instrument { symbol } portfolio { name }
    gain { amount currency } contribution priceContribution currencyContribution }"""
APRIL = {"from": "2024-04-01", "to": "2024-04-02"}


@pytest.fixture
async def api(open_market, books):
    started = await open_market(prices=PRICES, rates=RATES)
    ledger = books(started)
    main = await ledger.portfolio("Main", baseCurrency="EUR")
    other = await ledger.portfolio("Other", baseCurrency="USD")
    deposit = {"direction": "DEPOSIT"}
    day, cash = "2024-03-29", "recordCashTransfer"
    await ledger.record(cash, main, day, **deposit, amount="500")
    await ledger.record(cash, main, day, **deposit, amount="400", currency="USD")
    await ledger.record(cash, other, day, **deposit, amount="200", currency="EUR")
    for symbol, quantity in (("ACME", "4"), ("EUCO", "5")):
        await ledger.record(
            "recordTrade", main, day, symbol=symbol, side="BUY", quantity=quantity, price="100"
        )
    return started


async def attribution(api, by, **variables):
    answer = await api.data(QUESTION, {"range": APRIL, "by": by} | variables)
    return answer["viewer"]["combined"]["performance"]["attribution"]


def shares(found):
    return {one["label"]: one["contribution"] for one in found["contributions"]}


async def test_each_instrument_contributes_its_gain_over_the_capital_of_all(api):
    found = await attribution(api, "INSTRUMENT")
    assert found["timeWeightedReturn"]["value"] == pytest.approx(115 / 1020)
    assert [
        (one["instrument"]["symbol"], one["gain"], one["contribution"])
        for one in found["contributions"]
    ] == [
        ("ACME", {"amount": "120", "currency": "EUR"}, pytest.approx(120 / 1020)),
        ("EUCO", {"amount": "-5", "currency": "EUR"}, pytest.approx(-5 / 1020)),
    ]
    first = found["contributions"][0]
    assert first["currencyContribution"] == pytest.approx(88 / 1020)
    assert first["priceContribution"] == pytest.approx(32 / 1020)
    assert (found["totalCount"], found["residual"], found["rest"]) == (2, 0, None)


async def test_both_effects_compound_to_the_return(api):
    found = await attribution(api, "CURRENCY")
    price, currency = found["priceEffect"]["value"], found["currencyEffect"]["value"]
    assert currency == pytest.approx(88 / 1002)
    assert (1 + price) * (1 + currency) == pytest.approx(1135 / 1020)
    assert found["priceEffect"]["explain"]["inputs"] == [
        {"name": "time weighted return", "value": pytest.approx(115 / 1020)},
        {"name": "currency effect", "value": pytest.approx(88 / 1002)},
    ]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("SECTOR", {"Unassigned": 115 / 1020}),
        ("CURRENCY", {"USD": 120 / 1020, "EUR": -5 / 1020}),
        ("PORTFOLIO", {"Main": 115 / 1020}),
    ],
)
async def test_contributions_add_up_by_every_dimension(api, by, expected):
    found = await attribution(api, by)
    assert shares(found) == pytest.approx(expected)
    assert (found["by"], found["residual"]) == (by, 0)
    names = [one["portfolio"] and one["portfolio"]["name"] for one in found["contributions"]]
    assert names == [label if by == "PORTFOLIO" else None for label in expected]


async def test_what_is_beyond_the_first_is_one_rest(api):
    order = {"field": "LABEL", "direction": "ASC"}
    found = await attribution(api, "INSTRUMENT", first=1, order=order)
    assert list(shares(found)) == ["ACME"]
    assert found["rest"]["label"] == "Rest"
    assert found["rest"]["contribution"] == pytest.approx(-5 / 1020)
    assert (found["totalCount"], found["residual"]) == (2, 0)


async def test_transfers_between_portfolios_contribute_nothing(api, books):
    ids = (await api.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"]
    ends = {"fromPortfolioId": ids[0]["id"], "toPortfolioId": ids[1]["id"]}
    await books(api).record(
        "transferUnits", None, "2024-04-02", **ends, symbol="ACME", quantity="2"
    )
    found = await attribution(api, "PORTFOLIO", order={"field": "SIZE"})
    assert found["timeWeightedReturn"]["value"] == pytest.approx(115 / 1020)
    # The units pass at the prices of the day, so what they gained on it is where they were.
    assert shares(found) == pytest.approx({"Main": 115 / 1020})


async def test_what_has_no_return_has_no_parts(api):
    empty = {"from": "2024-01-01", "to": "2024-01-31"}
    late = {"from": "2024-04-01", "to": "2024-04-30"}
    for days, reason in ((empty, "NO_CAPITAL"), (late, "NO_PRICE")):
        found = await attribution(api, "INSTRUMENT", range=days)
        assert found["contributions"] == []
        assert (found["residual"], found["totalCount"]) == (None, 0)
        for effect in ("priceEffect", "currencyEffect"):
            assert (found[effect]["value"], found[effect]["reason"]) == (None, reason)


async def test_more_parts_than_are_given_are_refused(api):
    answer = (await api.post(QUESTION, {"range": APRIL, "by": "SECTOR", "first": 201})).json()
    assert answer["errors"][0]["message"] == "`first` must be from 0 to 200, not 201."


async def test_a_short_list_costs_less(api):
    costs = {}
    for first in (5, 50):
        query = f"""{{ viewer {{ portfolios {{ performance {{ attribution(first: {first}) {{
          contributions {{ gain {{ amount }} }} }} }} }} }} }}"""
        answer = (await api.post(query, extensions={"cost": True})).json()
        costs[first] = answer["extensions"]["cost"]["requestedQueryCost"]
    # 45 contributions with an amount each, in five portfolios.
    assert costs[50] - costs[5] == 5 * 45 * 2


async def test_a_long_time_is_attributed_aside(open_market, books, monkeypatch):
    api = await open_market(prices=PRICES, rates=RATES)
    ledger = books(api)
    main = await ledger.portfolio("Main", baseCurrency="EUR")
    for currency in ("EUR", "USD"):
        await ledger.record(
            "recordCashTransfer", main, "1900-01-02", direction="DEPOSIT", amount="1",
            currency=currency, exchangeRate="1" if currency == "USD" else None,
        )  # fmt: skip
    threads, attribute = [], attributions.attribute

    def note(*args, **kwargs):
        threads.append(get_ident())
        return attribute(*args, **kwargs)

    monkeypatch.setattr(attributions, "attribute", note)
    asked = "{ attribution(by: CURRENCY) { totalCount } }"
    await api.data(f"{{ viewer {{ portfolios {{ performance {asked} }} }} }}")
    assert len(threads) == 1
    assert get_ident() not in threads
