"""Imports through the service and the example, with figures worked out by hand."""

import json
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from services.batches import Fate
from services.demo import seed_demo
from services.errors import RefusedError
from services.imports import ImportFile, Target, import_file
from services.verification import verify_all
from tests.conftest import NOW, SECRET

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples" / "real-trades.csv").read_text(encoding="utf-8")
EXPECTED = json.loads((ROOT / "tests/scenarios/real_trades_expected.json").read_text())

QUERY = """query($asOf: Date!) { viewer { portfolios { name
  cash(asOf: $asOf) { amount currency }
  overview(asOf: $asOf) { currency
    value { amount } cash { amount } marketValue { amount } invested { amount }
    unrealizedGain { amount } realizedGain { amount } income { amount } charges { amount }
    netContributions { amount } totalGain { amount } totalReturn
    dayChange { amount } dayChangeRatio issues { reason } }
  positions(asOf: $asOf, includeClosed: true) {
    symbol quantity costBasis { amount currency }
    own: marketValue { amount } euro: marketValue(currency: "EUR") { amount }
    unrealizedGain(currency: "EUR") { amount }
    quote { price source quality } issues { reason } } } } }"""


@pytest.fixture
async def real(database_url, clock):
    """The application on real prices, with the demo user; yields the client and services."""
    settings = Settings(
        database_url=database_url,
        secret=SECRET,
        providers=("files", "simulated"),
        price_files=(ROOT / "examples" / "prices.csv",),
    )
    application = create_app(settings, clock=clock)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):
        services = application.state.services
        await seed_demo(services.database, services.market, services.passwords, now=clock())
        answer = await client.post("/auth/token", data={"username": "demo", "password": "demo123"})
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client, services


async def load(services, text, *, dry_run=False, skip_refused=False, name="Real trades"):
    report = await import_file(
        services.database,
        services.market,
        file=ImportFile(content=text.encode(), skip_refused=skip_refused),
        into=Target(username="demo", portfolio=name, base_currency="EUR"),
        dry_run=dry_run,
        now=NOW,
    )
    return [outcome.fate for outcome in report.outcomes], report


def close_to(money, expected):
    return Decimal(money["amount"]) == Decimal(expected)


async def test_the_example_is_worth_what_hand_arithmetic_says(real):
    client, services = real
    fates, _ = await load(services, EXAMPLE)
    assert fates == [Fate.ADDED] * 15
    answer = (
        await client.post(
            "/graphql", json={"query": QUERY, "variables": {"asOf": EXPECTED["asOf"]}}
        )
    ).json()
    assert "errors" not in answer
    (found,) = [
        one for one in answer["data"]["viewer"]["portfolios"] if one["name"] == "Real trades"
    ]
    overview, expected = found["overview"], dict(EXPECTED["overview"])
    assert overview.pop("currency") == "EUR"
    assert overview.pop("issues") == []
    ratios = {name: expected.pop(name) for name in ("totalReturn", "dayChangeRatio")}
    for name, ratio in ratios.items():
        assert round(Decimal(str(overview.pop(name))), 10) == Decimal(ratio)
    assert {name: Decimal(money["amount"]) for name, money in overview.items()} == {
        name: Decimal(amount) for name, amount in expected.items()
    }
    assert [(money["currency"], Decimal(money["amount"])) for money in found["cash"]] == [
        ("EUR", Decimal(EXPECTED["overview"]["cash"]))
    ]
    assert [one["symbol"] for one in found["positions"]] == list(EXPECTED["positions"])
    for one in found["positions"]:
        wanted = EXPECTED["positions"][one["symbol"]]
        assert one["quantity"] == wanted["quantity"]
        assert close_to(one["costBasis"], wanted["costUsd"])
        assert close_to(one["own"], wanted["marketValueUsd"])
        assert close_to(one["euro"], wanted["marketValue"])
        assert close_to(one["unrealizedGain"], wanted["unrealizedGain"])
        assert (one["quote"]["source"], one["quote"]["quality"]) == ("files", "HISTORICAL")
        assert one["issues"] == []


async def test_a_sale_without_its_purchase_is_kept_with_what_is_missing(real):
    client, services = real
    await load(services, "date,type,symbol,quantity,price\n2011-08-08,sell,JPM,3,40\n")
    answer = await client.post(
        "/graphql",
        json={
            "query": """{ viewer { portfolios { name positions(includeClosed: true) {
              symbol quantity missingQuantity realizedGain { amount } issues { reason } } } } }"""
        },
    )
    (found,) = [
        one["positions"]
        for one in answer.json()["data"]["viewer"]["portfolios"]
        if one["name"] == "Real trades"
    ]
    assert found == [
        {
            "symbol": "JPM",
            "quantity": "0",
            "missingQuantity": "3",
            "realizedGain": None,
            "issues": [{"reason": "MISSING_ACQUISITION"}],
        }
    ]


async def test_the_same_file_twice_changes_nothing_and_says_so_row_by_row(real):
    _, services = real
    await load(services, EXAMPLE)
    fates, _ = await load(services, EXAMPLE)
    assert fates == [Fate.KNOWN] * 15
    assert await verify_all(services.database) == (3, [])


async def test_a_broken_row_refuses_the_whole_file_unless_told_otherwise(real):
    _, services = real
    broken = EXAMPLE.replace("2011-08-08,buy,JPM,180,", "2011-08-08,buy,JPM,-180,")
    fates, report = await load(services, broken)
    assert report.booked is False
    assert (fates.count(Fate.REFUSED), fates.count(Fate.HELD_BACK)) == (1, 14)
    assert {
        outcome.line: [mistake.field for mistake in outcome.mistakes]
        for outcome in report.outcomes
        if outcome.fate is Fate.REFUSED
    } == {6: [("quantity",)]}
    checked, _ = await verify_all(services.database)
    assert checked == 2
    fates, report = await load(services, broken, skip_refused=True)
    assert (report.booked, fates.count(Fate.ADDED)) == (True, 14)
    assert await verify_all(services.database) == (3, [])


async def test_a_dry_run_tells_the_same_and_changes_nothing(real):
    _, services = real
    fates, report = await load(services, EXAMPLE, dry_run=True)
    assert (fates, report.booked) == ([Fate.ADDED] * 15, False)
    assert await verify_all(services.database) == (2, [])


async def test_two_equal_rows_without_ids_are_two_bookings_and_known_the_next_time(real):
    _, services = real
    text = "date,type,price\n2020-01-02,deposit,10\n2020-01-02,deposit,10\n"
    assert (await load(services, text))[0] == [Fate.ADDED, Fate.ADDED]
    assert (await load(services, text))[0] == [Fate.KNOWN, Fate.KNOWN]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("date,price\n", "no known format"),
        ("date,type,colour\n", "'colour'"),
        ("date,type,type\n", "repeated"),
        ('date,type\n2020-01-02,"x\n', "no known format"),
    ],
)
async def test_a_file_that_is_no_table_of_ours_is_refused_as_a_whole(real, text, message):
    _, services = real
    with pytest.raises(RefusedError, match=message):
        await load(services, text)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("2020-13-01,deposit,,,1", ("date",)),
        ("2030-01-01,deposit,,,1", ("date",)),
        ("2020-01-02,gift,,,1", ("type",)),
        ("2020-01-02,buy,,1,1", ("symbol",)),
        ("2020-01-02,buy,AAPL,,1", ("quantity",)),
        ("2020-01-02,buy,AAPL,1,", ("price",)),
        ('2020-01-02,buy,AAPL,1,"1,5"', ("price",)),
        ("2020-01-02,deposit,,,", ("amount",)),
        ("2020-01-02,deposit", ()),
    ],
)
async def test_a_wrong_cell_is_named_by_its_column(real, row, field):
    _, services = real
    _, report = await load(services, f"date,type,symbol,quantity,price\n{row}\n")
    (outcome,) = report.outcomes
    assert (outcome.line, outcome.fate) == (2, Fate.REFUSED)
    assert [mistake.field for mistake in outcome.mistakes] == [field]
