"""Proposals of weights through the graph, against what the prices say."""

import sys
from datetime import date, timedelta

import numpy as np
import pytest

DAYS = [
    day for count in range(120) if (day := date(2024, 2, 14) + timedelta(days=count)).weekday() < 5
]
DRAWN = np.random.default_rng(3).standard_normal((len(DAYS), 3))
CLOSES = {
    "CALM": 100 * np.cumprod(1 + 0.001 + 0.01 * DRAWN[:, 0]),
    "WILD": 100 * np.cumprod(1 + 0.002 + 0.03 * DRAWN[:, 1]),
    "EURO.DE": 100 * np.cumprod(1 + 0.02 * DRAWN[:, 2]),
    "SAME": 200 * np.cumprod(1 + 0.001 + 0.01 * DRAWN[:, 0]),
    "FLAT": np.full(len(DAYS), 7.0),
}
LATE = DAYS[-20:]
RATES = "Date,USD\n" + "".join(
    f"{day},{1.25 if place % 2 else 1.2}\n" for place, day in enumerate(DAYS)
)
ASK = """query($objective: OptimizationObjective! = RISK_PARITY, $symbols: [Symbol!],
    $range: DateRangeInput = {from: "2024-02-14", to: "2024-06-12"}, $period: PerformancePeriod,
    $currency: CurrencyCode, $covariance: CovarianceEstimator! = SAMPLE, $free: Ratio! = 0,
    $minimum: Ratio! = 0, $maximum: Ratio! = 1, $periods: Int! = 252) {
  viewer { portfolios { optimization(objective: $objective, symbols: $symbols, range: $range,
      period: $period, currency: $currency, covariance: $covariance, riskFreeRate: $free,
      minimumWeight: $minimum, maximumWeight: $maximum, periodsPerYear: $periods) {
    objective currency from to observations periodsPerYear covariance riskFreeRate minimumWeight
    maximumWeight weights { instrument { symbol } weight riskShare } expectedReturn volatility
    sharpe dropped { symbol reason message } failure message } } } }"""


@pytest.fixture
async def api(open_market, books):
    lines = [
        f"{day},{symbol},{close:.6f},{'EUR' if symbol == 'EURO.DE' else 'USD'}"
        for symbol, closes in CLOSES.items()
        for day, close in zip(DAYS, closes, strict=True)
    ]
    lines += [f"{day},YOUNG,{10 + place},USD" for place, day in enumerate(LATE)]
    prices = "\n".join(["date,symbol,close,currency", *lines]) + "\n"
    started = await open_market(prices=prices, rates=RATES)
    ledger = started.books = books(started)
    started.main = await ledger.portfolio("Main", baseCurrency="USD", allowShort=True)
    for symbol in ("CALM", "WILD"):
        await ledger.record(
            "recordTrade",
            started.main,
            "2024-06-01",
            symbol=symbol,
            side="BUY",
            quantity="1",
            price="1",
        )
    return started


async def proposal(api, **variables):
    answer = await api.data(ASK, variables)
    return answer["viewer"]["portfolios"][0]["optimization"]


def weights(found):
    return {one["instrument"]["symbol"]: one["weight"] for one in found["weights"]}


def returns(symbol, *, rates=None):
    # Written to six decimals, read as binary.
    worth = np.round(CLOSES[symbol], 6) * (1 if rates is None else rates)
    return worth[1:] / worth[:-1] - 1


async def test_what_is_held_is_weighed_with_all_that_is_assumed(api):
    found = await proposal(api)
    calm, wild = returns("CALM"), returns("WILD")
    one, two = calm.std(ddof=1), wild.std(ddof=1)
    first = two / (one + two)
    assert weights(found) == {
        "CALM": pytest.approx(first, abs=1e-4),
        "WILD": pytest.approx(1 - first, abs=1e-4),
    }
    assert sum(round(one["weight"] * 10**6) for one in found["weights"]) == 10**6
    assert [one["riskShare"] for one in found["weights"]] == pytest.approx([0.5, 0.5], abs=1e-3)
    joint = np.cov(calm, wild)
    shares = np.array([first, 1 - first])
    volatility = np.sqrt(shares @ joint @ shares * 252)
    expected = 252 * (shares @ [calm.mean(), wild.mean()])
    assert found["volatility"] == pytest.approx(volatility, rel=1e-4)
    assert found["expectedReturn"] == pytest.approx(expected, rel=1e-3)
    assert found["sharpe"] == pytest.approx(expected / volatility, rel=1e-3)
    assert {key: found[key] for key in ("objective", "currency", "from", "to", "covariance")} == {
        "objective": "RISK_PARITY",
        "currency": "USD",
        "from": "2024-02-14",
        "to": "2024-06-12",
        "covariance": "SAMPLE",
    }
    assert (found["observations"], found["periodsPerYear"]) == (len(DAYS) - 1, 252)
    assert (found["riskFreeRate"], found["minimumWeight"], found["maximumWeight"]) == (0, 0, 1)
    assert (found["dropped"], found["failure"], found["message"]) == ([], None, None)


async def test_each_objective_has_its_weights(api):
    calm, wild = returns("CALM"), returns("WILD")
    joint = np.cov(calm, wild)
    least = (joint[1, 1] - joint[0, 1]) / (joint[0, 0] + joint[1, 1] - 2 * joint[0, 1])
    inverse = joint[1, 1] / (joint[0, 0] + joint[1, 1])
    tangency = np.linalg.solve(joint, [calm.mean(), wild.mean()])
    for objective, expected in (
        ("MINIMUM_VARIANCE", least),
        ("HIERARCHICAL_RISK_PARITY", inverse),
        ("MAXIMUM_SHARPE", np.clip(tangency / tangency.sum(), 0, 1)[0]),
    ):
        found = await proposal(api, objective=objective)
        assert weights(found).get("CALM", 0) == pytest.approx(expected, abs=2e-4), objective


async def test_another_currency_has_the_returns_of_its_rates(api):
    found = await proposal(api, symbols=["calm", "EURO.DE"], currency="USD")
    rates = np.array([1.25 if place % 2 else 1.2 for place in range(len(DAYS))])
    one, two = returns("CALM").std(), returns("EURO.DE", rates=rates).std()
    assert weights(found)["CALM"] == pytest.approx(two / (one + two), abs=1e-4)


async def test_what_has_no_returns_is_left_out_and_told(api):
    found = await proposal(api, symbols=["CALM", "WILD", "YOUNG", "FLAT", "NOPE"])
    assert set(weights(found)) == {"CALM", "WILD"}
    assert sorted((one["symbol"], one["reason"]) for one in found["dropped"]) == [
        ("FLAT", "NO_VARIATION"),
        ("NOPE", "NO_PRICE"),
        ("YOUNG", "SERIES_TOO_SHORT"),
    ]


@pytest.mark.parametrize(
    ("variables", "failure"),
    [
        ({"symbols": ["CALM"]}, "TOO_FEW_INSTRUMENTS"),
        ({"symbols": []}, "TOO_FEW_INSTRUMENTS"),
        ({"range": {"from": "2024-05-20", "to": "2024-06-12"}}, "SERIES_TOO_SHORT"),
        ({"symbols": ["CALM", "SAME"]}, "SINGULAR_COVARIANCE"),
        (
            {"objective": "MAXIMUM_SHARPE", "free": 1, "symbols": ["CALM", "EURO.DE"]},
            "NO_EXCESS_RETURN",
        ),
        ({"maximum": 0.4}, "INFEASIBLE"),
        ({"range": None, "period": "ONE_DAY"}, "TOO_FEW_INSTRUMENTS"),
    ],
)
async def test_without_weights_the_reason_is_told(api, variables, failure):
    found = await proposal(api, **variables)
    assert (found["weights"], found["volatility"], found["sharpe"]) == ([], None, None)
    assert found["failure"] == failure
    assert found["message"]


async def test_a_server_without_the_extra_says_how_to_install_it(api, monkeypatch):
    monkeypatch.setitem(sys.modules, "skfolio", None)
    found = await proposal(api)
    assert (found["failure"], found["weights"]) == ("NOT_INSTALLED", [])
    assert "folioql[optimisation]" in found["message"]


async def test_weights_can_be_given_as_targets(api):
    found = await proposal(api)
    targets = [{"key": key, "weight": weight} for key, weight in weights(found).items()]
    answer = await api.data(
        """query($targets: [TargetWeightInput!]!) { viewer { portfolios {
      rebalance(by: INSTRUMENT, targets: $targets) { issues { reason } slices { key target } } } } }""",
        {"targets": targets},
    )
    plan = answer["viewer"]["portfolios"][0]["rebalance"]
    assert {one["key"]: one["target"] for one in plan["slices"] if one["key"]} == weights(found)


async def test_all_portfolios_together_are_weighed_too(api):
    answer = await api.data(
        """{ viewer { combined { optimization(objective: MINIMUM_VARIANCE, symbols: ["CALM"]) {
      failure from to } } } }"""
    )
    assert answer["viewer"]["combined"]["optimization"] == {
        "failure": "TOO_FEW_INSTRUMENTS",
        "from": "2021-06-15",
        "to": "2024-06-13",
    }


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"minimum": 0.5, "maximum": 0.4}, "`minimumWeight` and `maximumWeight`"),
        ({"free": 2}, "`riskFreeRate`"),
        ({"periods": 0}, "`periodsPerYear`"),
        ({"symbols": ["?!"]}, "`symbols`"),
        ({"symbols": [f"S{place}" for place in range(51)]}, "`symbols` takes at most 50"),
        ({"range": {"from": "2000-01-01", "to": "2024-01-01"}}, "within the last 20 years"),
        ({"currency": "dollars"}, "is not an ISO 4217 currency"),
        ({"period": "ONE_YEAR"}, "Give `range` or `period`, not both."),
    ],
)
async def test_what_makes_no_sense_is_refused(api, variables, message):
    answer = await api.ask(ASK, variables)
    assert message in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
