"""Alerts through the graph: what they wait for, when they fire, and what becomes of it."""

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import orjson
import pytest
from sqlalchemy import Select, text

from gateway.app import create_app
from gateway.auth import context_for
from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import schema
from gateway.settings import Settings
from gateway.transports.execution import Executor, Request
from models.market import Doubt, PriceDoubt, QuoteQuality
from services import alert_watch
from tests.alerts import ALERT, Prices, alert, fired, listed, quote, settled
from tests.conftest import SECRET, Api
from tests.own_redis import PATIENCE, own_redis
from tests.people import another, person, send, wrong

ROOT = Path(__file__).parents[2]
TRIGGERED = "subscription { alertTriggered { id price delivery alert { symbol status } } }"


@pytest.fixture
async def ann(api):
    return await person(api, "ann")


@pytest.fixture
async def prices(ann):
    """Prices that come to the application, the first of them 100."""
    coming = Prices(ann)
    await coming.come("100")
    return coming


@asynccontextmanager
async def following(api):
    """Subscribe to alerts, and yield what waits for the next event."""
    executor = Executor(schema, Documents(schema._schema, limits=Limits(), introspection=True))
    request = Request(query=TRIGGERED)
    context = await context_for(
        api.services, authorization=api.headers["authorization"], request_id="test"
    )
    operation = await executor.operation(request, context)
    answers = executor.subscribe(request, operation=operation, context=context)

    async def event():
        answer = orjson.loads(orjson.dumps(await anext(answers)))
        return answer["data"]["alertTriggered"]

    async with aclosing(answers):
        yield lambda: asyncio.ensure_future(event())


async def waiting(api):
    """Wait until somebody listens, and has looked at what is pending."""
    while not api.services.feed.listeners:
        await asyncio.sleep(0)
    seen = -1
    while seen != api.services.database.statements:
        seen = api.services.database.statements
        await asyncio.sleep(0.02)


# What an alert is


async def test_an_alert_says_what_it_waits_for_and_in_what_currency(ann, prices):
    made = await alert(ann, threshold="120.50", note=" Sell half ", currency="USD")
    assert made | {"id": ""} == {
        "id": "",
        "symbol": "AAPL",
        "measure": "PRICE",
        "direction": "ABOVE",
        "threshold": "120.5",
        "currency": "USD",
        "referencePrice": None,
        "repeats": False,
        "note": "Sell half",
        "status": "ARMED",
        "version": 1,
        "armedAt": "2024-06-14T15:00:00Z",
        "triggeredAt": None,
        "timesTriggered": 0,
        "expiresAt": None,
        "lastEvent": None,
    }
    assert ann.services.feed.watched == {"AAPL"}  # though no client listens
    assert ann.services.feed.listeners == 0


CHANGE = {"measure": "CHANGE_FROM_PREVIOUS_CLOSE", "threshold": "0.05"}
REFERENCE = {"measure": "CHANGE_FROM_REFERENCE", "threshold": "0.05"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"symbol": "A A"}, [("INVALID", "symbol")]),
        ({"threshold": "0"}, [("OUT_OF_RANGE", "threshold")]),
        ({"threshold": "-1"}, [("OUT_OF_RANGE", "threshold")]),
        ({"threshold": "0.0000000000000000001"}, [("OUT_OF_RANGE", "threshold")]),
        ({"direction": "EITHER"}, [("INVALID", "direction")]),
        ({"currency": "EUR"}, [("CURRENCY_MISMATCH", "currency")]),
        ({"referencePrice": "1"}, [("INVALID", "referencePrice")]),
        (CHANGE | {"referencePrice": "1"}, [("INVALID", "referencePrice")]),
        (REFERENCE | {"referencePrice": "0"}, [("OUT_OF_RANGE", "referencePrice")]),
        (CHANGE | {"threshold": "1000.1"}, [("OUT_OF_RANGE", "threshold")]),
        (CHANGE | {"threshold": "1", "direction": "BELOW"}, [("OUT_OF_RANGE", "threshold")]),
        ({"expiresAt": "2024-06-14T15:00:00Z"}, [("OUT_OF_RANGE", "expiresAt")]),
        ({"note": "n" * 2001}, [("TOO_LONG", "note")]),
        ({"threshold": "0", "note": "n" * 2001}, [("OUT_OF_RANGE", "threshold"), ("TOO_LONG", "note")]),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_an_alert_is_told_by_its_field(ann, given, expected):
    wanted = {"symbol": "AAPL", "direction": "ABOVE", "threshold": "120"} | given
    made = await send(ann, "createAlert", wanted, ALERT)
    assert (wrong(made), made["alert"]) == (expected, None)
    assert await listed(ann) == []


async def test_a_symbol_or_a_price_that_no_source_knows_is_told(open_market):
    api = await open_market(prices="Date,ABC\n2024-06-13,10\n", rates="Date,USD\n2024-06-13,1\n")
    wanted = {"symbol": "XYZ", "direction": "ABOVE", "threshold": "120"}
    assert wrong(await send(api, "createAlert", wanted)) == [("UNKNOWN_INSTRUMENT", "symbol")]


async def test_a_user_has_two_hundred_alerts(ann, clock):
    made = await alert(ann)
    async with ann.services.database.writing() as session:
        names = "user_id, instrument_id, measure, direction, threshold, currency, repeats, state, version, times_triggered, created_at, changed_at"
        for _ in range(199):
            await session.execute(
                text(f"INSERT INTO alerts ({names}) SELECT {names} FROM alerts ORDER BY id LIMIT 1")
            )
    wanted = {"symbol": "AAPL", "direction": "ABOVE", "threshold": "120"}
    assert wrong(await send(ann, "createAlert", wanted)) == [("OUT_OF_RANGE", "")]
    await send(ann, "deleteAlert", {"alertId": made["id"]})
    assert wrong(await send(ann, "createAlert", wanted)) == []


async def test_a_repeat_with_the_same_key_makes_one_alert(ann, prices):
    wanted = {"symbol": "AAPL", "direction": "ABOVE", "threshold": "120", "idempotencyKey": "k"}
    first = await send(ann, "createAlert", wanted, f"replayed {ALERT}")
    again = await send(ann, "createAlert", wanted | {"threshold": "120.0"}, f"replayed {ALERT}")
    assert (first["replayed"], again["replayed"], len(await listed(ann))) == (False, True, 1)
    assert again["alert"] == first["alert"]
    other = await send(ann, "createAlert", wanted | {"threshold": "121"})
    assert wrong(other) == [("IDEMPOTENCY_CONFLICT", "idempotencyKey")]


async def test_an_alert_is_its_owners_alone(ann, prices):
    made = await alert(ann, note="mine")
    await prices.come("120")
    (found,) = await listed(ann)
    ids = [made["id"], found["events"]["nodes"][0]["id"]]
    eve = await person(ann, "eve")
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Alert { note } ... on AlertEvent { price alert { note } } } }"
    assert (await ann.data(query, {"ids": ids}))["nodes"] == [
        {"note": "mine"},
        {"price": "120", "alert": {"note": "mine"}},
    ]
    assert (await eve.data(query, {"ids": ids}))["nodes"] == [None, None]
    one = "query($id: ID!) { viewer { alerts { id } alert(id: $id) { note } } }"
    assert (await eve.data(one, {"id": made["id"]}))["viewer"] == {"alerts": [], "alert": None}
    for mutation in ("updateAlert", "deleteAlert"):
        for key in (made["id"], "nonsense"):
            done = await send(eve, mutation, {"alertId": key})
            assert wrong(done) == [("NOT_FOUND", "alertId")]
    assert await listed(ann) == [found]


async def test_alerts_are_listed_by_symbol_and_status(ann, prices):
    await alert(ann, threshold="110")
    await alert(ann, threshold="90")
    await alert(ann, symbol="KO", threshold="1000000")
    await alert(ann, threshold="130", expiresAt="2024-06-14T15:00:01Z")
    await prices.come("111")

    async def found(arguments):
        answer = await ann.data(
            f"{{ viewer {{ alerts{arguments} {{ symbol threshold status }} }} }}"
        )
        return [tuple(one.values()) for one in answer["viewer"]["alerts"]]

    assert await found('(symbol: "aapl", statuses: [TRIGGERED, DISARMED])') == [
        ("AAPL", "110", "TRIGGERED"),
        ("AAPL", "90", "DISARMED"),
    ]
    assert await found("(statuses: [ARMED])") == [
        ("KO", "1000000", "ARMED"),
        ("AAPL", "130", "ARMED"),
    ]
    assert await found("(statuses: [])") == []
    (error,) = (await ann.ask('{ viewer { alerts(symbol: "A A") { id } } }'))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


# When it fires


async def test_an_alert_fires_once_on_crossing_and_not_on_each_price_beyond(ann, prices, clock):
    await alert(ann)
    await prices.come("119.99")
    assert await fired(ann) == ([], "ARMED")
    clock.now += timedelta(seconds=5)
    await prices.come("120.01", "125", "119", "121")
    (found,) = await listed(ann)
    assert found["events"] == {
        "totalCount": 1,
        "nodes": [
            {
                "id": found["events"]["nodes"][0]["id"],
                "price": "120.01",
                "currency": "USD",
                "threshold": "120",
                "changeRatio": None,
                "asOf": "2024-06-14T15:00:03Z",
                "source": "vendor",
                "triggeredAt": "2024-06-14T15:00:05Z",
                "delivery": "PENDING",
                "deliveredAt": None,
            }
        ],
    }
    assert (found["status"], found["timesTriggered"]) == ("TRIGGERED", 1)
    assert (found["armedAt"], found["triggeredAt"]) == (None, "2024-06-14T15:00:05Z")
    assert ann.services.feed.watched == frozenset()  # nothing waits for a price any more


async def test_a_repeating_alert_fires_at_each_crossing_though_prices_come_all_at_once(ann, prices):
    await alert(ann, repeats=True, direction="BELOW", threshold="90")
    await prices.come("90", "80", "91", "89", "90.5", "90")
    assert await fired(ann) == (["90", "89", "90"], "DISARMED")
    await prices.come("90.01")
    assert (await fired(ann))[1] == "ARMED"


async def test_an_alert_that_is_crossed_already_waits_for_the_price_to_come_back(ann, prices):
    made = await alert(ann, threshold="100")
    assert (made["status"], made["armedAt"]) == ("DISARMED", None)
    await prices.come("105", "100")
    assert await fired(ann) == ([], "DISARMED")
    await prices.come("99")
    assert await fired(ann) == ([], "ARMED")
    await prices.come("101")
    assert await fired(ann) == (["101"], "TRIGGERED")


@pytest.mark.parametrize(
    ("direction", "coming", "expected"),
    [
        ("ABOVE", ["104.99", "95", "105"], [("105", 0.05)]),
        ("BELOW", ["104.99", "95.01", "94"], [("94", -0.06)]),
        ("EITHER", ["104.99", "95", "100", "106"], [("95", -0.05), ("106", 0.06)]),
    ],
)
async def test_the_change_of_the_day_counts_from_the_previous_close(
    ann, prices, direction, coming, expected
):
    await alert(ann, **CHANGE, direction=direction, repeats=True)
    await prices.come(*coming)
    (found,) = await listed(ann)
    nodes = found["events"]["nodes"][::-1]
    assert [(node["price"], node["changeRatio"]) for node in nodes] == expected


async def test_each_day_begins_at_no_change(ann, prices):
    await alert(ann, **CHANGE, repeats=True)
    await prices.come("106", "107")
    # Another vendor's close of the same day is no other day.
    await prices.come("107", previous_close=Decimal("99.9"))
    # Before the open the day is another one, the close still the same.
    prices.seconds += 24 * 3600
    await prices.come("108")
    assert await fired(ann) == (["106"], "DISARMED")
    await prices.come("115", previous_close=Decimal(107))
    assert await fired(ann) == (["106", "115"], "DISARMED")
    prices.seconds += 24 * 3600
    await prices.come("116", previous_close=Decimal(115))
    assert await fired(ann) == (["106", "115"], "ARMED")


async def test_a_change_from_a_reference_counts_from_the_price_when_it_was_made(ann, prices):
    made = await alert(ann, **REFERENCE)
    assert made["referencePrice"] == "100"
    own = await alert(ann, **REFERENCE, referencePrice="110", direction="BELOW")
    assert (own["referencePrice"], own["status"]) == ("110", "DISARMED")
    await prices.come("105", previous_close=Decimal(104))
    first, second = await listed(ann)
    assert (first["status"], first["events"]["nodes"][0]["changeRatio"]) == ("TRIGGERED", 0.05)
    assert second["status"] == "ARMED"  # 104.5 is 5 % below 110


DOUBT = PriceDoubt(
    doubt=Doubt.SPLIT,
    rejected=False,
    price=Decimal(200),
    source="vendor",
    against=Decimal(100),
    against_source="vendor",
    against_as_of=quote("1").as_of,
)


@pytest.mark.parametrize(
    "terms",
    [
        {"quality": QuoteQuality.STALE},
        {"doubt": DOUBT},
        {"currency": "EUR"},
        {"as_of": quote("1", at=-60).as_of},
    ],
)
async def test_what_is_stale_doubted_older_or_in_another_currency_does_nothing(ann, prices, terms):
    await alert(ann)
    await prices.come("200", **terms)
    assert await fired(ann) == ([], "ARMED")
    # What was believed instead of a doubted price is a price as any.
    await prices.come("121", doubt=replace(DOUBT, rejected=True))
    assert await fired(ann) == (["121"], "TRIGGERED")


async def test_an_expired_alert_does_nothing_until_it_gets_another_end(ann, prices, clock):
    made = await alert(ann, expiresAt="2024-06-14T15:10:00Z")
    clock.now += timedelta(minutes=10)
    assert await fired(ann) == ([], "EXPIRED")
    prices.seconds += 600
    await prices.come("125")
    assert await fired(ann) == ([], "EXPIRED")
    assert ann.services.feed.watched == frozenset()
    again = await send(ann, "updateAlert", {"alertId": made["id"], "rearm": True})
    assert wrong(again) == [("OUT_OF_RANGE", "expiresAt")]
    # What was crossed while it had expired is no crossing.
    done = await send(ann, "updateAlert", {"alertId": made["id"], "expiresAt": None}, ALERT)
    assert (done["alert"]["status"], done["alert"]["expiresAt"]) == ("DISARMED", None)
    await settled(ann)
    await prices.come("119", "120")
    assert await fired(ann) == (["120"], "TRIGGERED")


async def test_an_alert_is_changed_and_armed_again(ann, prices):
    made = await alert(ann)
    which = {"alertId": made["id"]}
    await prices.come("121", "110")
    done = await send(ann, "updateAlert", which | {"note": "Again", "repeats": True}, ALERT)
    assert (done["alert"]["status"], done["alert"]["note"]) == ("TRIGGERED", "Again")
    done = await send(ann, "updateAlert", which | {"rearm": True}, ALERT)
    assert (done["alert"]["status"], done["alert"]["timesTriggered"]) == ("ARMED", 1)
    await settled(ann)
    await prices.come("122")
    done = await send(ann, "updateAlert", which | {"threshold": "130", "note": ""}, ALERT)
    assert (done["alert"]["status"], done["alert"]["note"]) == ("ARMED", None)
    await settled(ann)
    await prices.come("131")
    assert await fired(ann) == (["121", "122", "131"], "DISARMED")
    bad = which | {"threshold": "0", "expiresAt": "2024-06-14T14:00:00Z"}
    done = await send(ann, "updateAlert", bad, ALERT)
    assert wrong(done) == [("OUT_OF_RANGE", "threshold"), ("OUT_OF_RANGE", "expiresAt")]
    assert (await listed(ann))[0]["timesTriggered"] == 3


async def test_a_deleted_alert_is_gone_with_its_events(ann, prices):
    made = await alert(ann, repeats=True)
    await prices.come("121", "110")
    done = await send(ann, "deleteAlert", {"alertId": made["id"]}, "deletedAlertId replayed")
    assert done == {"deletedAlertId": made["id"], "replayed": False, "userErrors": []}
    await settled(ann)
    assert ann.services.feed.watched == frozenset()
    await prices.come("122")
    assert await listed(ann) == []
    async with ann.services.database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM alert_events")) == 0


async def test_an_event_never_has_the_key_of_one_that_was_deleted(ann, prices):
    made = await alert(ann)
    await prices.come("121", "110")
    (found,) = await listed(ann)
    await send(ann, "deleteAlert", {"alertId": made["id"]})
    await alert(ann)
    await prices.come("121")
    (other,) = await listed(ann)
    assert other["events"]["nodes"][0]["id"] != found["events"]["nodes"][0]["id"]


async def test_the_newest_hundred_events_of_an_alert_are_kept(ann, prices, monkeypatch):
    monkeypatch.setattr(alert_watch, "MAX_EVENTS", 3)
    await alert(ann, repeats=True)
    for number in range(5):
        await prices.come(str(121 + number), "110")
    assert await fired(ann) == (["123", "124", "125"], "ARMED")
    page = "{ viewer { alerts { timesTriggered lastEvent { price } events(first: 2) { nodes { price } pageInfo { hasNextPage endCursor } } } } }"
    (found,) = (await ann.data(page))["viewer"]["alerts"]
    assert (found["timesTriggered"], found["lastEvent"]["price"]) == (5, "125")
    assert [node["price"] for node in found["events"]["nodes"]] == ["125", "124"]
    rest = page.replace(
        "first: 2", f'first: 2, after: "{found["events"]["pageInfo"]["endCursor"]}"'
    )
    (found,) = (await ann.data(rest))["viewer"]["alerts"]
    assert [node["price"] for node in found["events"]["nodes"]] == ["123"]
    assert found["events"]["pageInfo"]["hasNextPage"] is False


async def test_any_number_of_alerts_costs_four_statements_however_many_events(ann, prices):
    for level in ("110", "120", "130"):
        await alert(ann, threshold=level, repeats=True)
    await prices.come("115", "100", "135", "100", "140")
    before = ann.services.database.statements
    query = "{ viewer { alerts { status instrument { name } lastEvent { price alert { symbol } } events { nodes { price } } } } }"
    assert len((await ann.data(query))["viewer"]["alerts"]) == 3
    # user, alerts with their instruments, events, the alerts of events
    assert ann.services.database.statements - before == 4


# How it is delivered


async def test_pending_events_come_first_and_then_each_as_it_happens(ann, prices, clock):
    await alert(ann, repeats=True)
    await prices.come("121", "110", "122", "110")
    async with following(ann) as event:
        first = await event()
        assert (first["price"], first["delivery"]) == ("121", "PENDING")
        assert first["alert"] == {"symbol": "AAPL", "status": "ARMED"}
        clock.now += timedelta(seconds=7)
        assert (await event())["price"] == "122"
        coming = event()
        await waiting(ann)
        (found,) = await listed(ann)
        assert [node["deliveredAt"] for node in found["events"]["nodes"]] == [
            "2024-06-14T15:00:07Z"
        ] * 2
        await prices.come("123")
        assert (await coming)["price"] == "123"
    assert ann.services.feed.listeners == 0
    # Nobody has asked for what comes after it, so it may not have been passed on.
    async with following(ann) as event:
        assert (await event())["price"] == "123"
        coming = event()
        await waiting(ann)
        (found,) = await listed(ann)
        assert {node["delivery"] for node in found["events"]["nodes"]} == {"DELIVERED"}
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def test_what_a_listener_was_not_told_of_it_is_told_within_a_minute(
    ann, prices, clock, monkeypatch
):
    await alert(ann)
    async with following(ann) as event:
        coming = event()
        await waiting(ann)
        with monkeypatch.context() as patch:  # as if the process had been killed after the commit
            patch.setattr(ann.services.database, "tell", lambda _: None)
            await prices.come("121")
        await waiting(ann)
        assert (await fired(ann), coming.done()) == ((["121"], "TRIGGERED"), False)
        clock.now += timedelta(minutes=1)
        ann.services.alerts._wake.set()  # its minute is over as well
        assert (await coming)["price"] == "121"


async def test_each_listener_of_a_user_gets_each_event_and_others_get_none(ann, prices):
    eve = await person(ann, "eve")
    await alert(ann)
    async with following(ann) as one, following(ann) as other, following(eve) as stranger:
        coming = [one(), other(), stranger()]
        while ann.services.feed.listeners < 3:
            await asyncio.sleep(0)
        await settled(ann)
        await prices.come("121")
        events = await asyncio.gather(*coming[:2])
        assert [event["price"] for event in events] == ["121", "121"]
        assert events[0]["id"] == events[1]["id"]
        await settled(ann)
        assert not coming[2].done()
        coming[2].cancel()
        await asyncio.gather(coming[2], return_exceptions=True)


async def test_many_events_come_all_and_in_order_to_a_reader_that_joins_late(ann, prices):
    await alert(ann, repeats=True)
    for number in range(130):
        await prices.come(str(200 + number), "110")
    async with following(ann) as event:
        got = [(await event())["price"] for _ in range(100)]
    assert got == [str(230 + number) for number in range(100)]  # the newest hundred


# One of several looks after it, and none is left out


@asynccontextmanager
async def replica(ann, clock, **given):
    """Another process of the same deployment."""
    url = ann.services.database.url.render_as_string(hide_password=False)
    settings = Settings(
        database_url=url.replace("+aiosqlite", "").replace("+asyncpg", ""),
        secret=SECRET,
        log_level="error",
        **given,
    )
    application = create_app(settings, clock=clock)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(application.router.lifespan_context(application))
        client = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url="http://test")
        )
        opened = Api(client, application.state.services)
        opened.headers = ann.headers
        yield opened


async def test_two_who_watch_at_once_fire_once(ann, prices, clock):
    await alert(ann)
    await alert(ann, threshold="110", repeats=True)
    async with replica(ann, clock) as other:
        both = Prices(ann, other)
        both.seconds = 100
        await both.come("121")
        await both.come("100", "121", "105")
        first, second = await listed(ann)
        assert (first["timesTriggered"], first["events"]["totalCount"]) == (1, 1)
        assert (second["timesTriggered"], second["events"]["totalCount"]) == (2, 2)
        assert [one["status"] for one in (first, second)] == ["TRIGGERED", "ARMED"]


async def test_what_was_crossed_while_nobody_watched_is_found_by_the_first_price(
    ann, prices, clock
):
    await alert(ann)
    await alert(ann, direction="BELOW", threshold="90")
    ann.services.feed.watch(None)
    async with replica(ann, clock) as other:
        other.services.feed.hear([quote("130", at=50)])
        await settled(other)
        first, second = await listed(other)
    assert [node["price"] for node in first["events"]["nodes"]] == ["130"]
    assert (first["status"], second["status"]) == ("TRIGGERED", "ARMED")


async def test_the_first_price_that_a_new_process_asks_for_is_one_to_look_at(ann, clock):
    made = await alert(ann, **REFERENCE | {"threshold": "0.000001"}, direction="EITHER")
    ann.services.feed.watch(None)
    clock.now += timedelta(minutes=10)
    async with replica(ann, clock) as other:
        await settled(other)
        (found,) = await listed(other)
    (event,) = found["events"]["nodes"]
    assert event["price"] != made["referencePrice"]
    assert (event["source"], event["asOf"]) == ("simulated", "2024-06-14T15:10:00Z")


async def test_an_alert_of_one_process_is_fired_by_another_and_told_to_its_listeners(
    ann, prices, clock
):
    """Without Redis they share nothing but the database: the sweep finds what is new."""
    async with replica(ann, clock) as other:
        other.services.feed.hear([quote("100", at=150)])
        await alert(ann)
        ann.services.feed.watch(None)
        clock.now += timedelta(minutes=2)
        other.services.alerts._wake.set()
        await settled(other)
        coming = Prices(other)
        coming.seconds = 200
        await coming.come("121")
        assert await fired(ann) == (["121"], "TRIGGERED")
        async with following(ann) as event:
            assert (await event())["price"] == "121"


async def test_what_the_database_could_not_take_is_written_when_it_can(ann, prices, monkeypatch):
    await alert(ann)
    watch = ann.services.alerts
    failures = iter([OSError("gone"), OSError("gone")])
    write = alert_watch._write

    async def fails(session, due):
        for failure in failures:
            raise failure
        return await write(session, due)

    pauses = []

    async def pause(seconds):
        pauses.append(seconds)

    monkeypatch.setattr(alert_watch, "_write", fails)
    monkeypatch.setattr(watch, "_sleep", pause)
    await prices.come("121")
    assert await fired(ann) == (["121"], "TRIGGERED")
    assert pauses == [1, 2]


async def test_alerts_that_could_not_be_read_are_read_when_they_can_be(ann, prices, monkeypatch):
    watch = ann.services.alerts
    read = watch._database.rows
    failures = iter([OSError("gone")])

    async def fails(statement, **parameters):
        for failure in failures if isinstance(statement, Select) else ():  # who watches asks
            raise failure
        return await read(statement, **parameters)

    async def pause(_seconds):
        pass

    monkeypatch.setattr(watch._database, "rows", fails)
    monkeypatch.setattr(watch, "_sleep", pause)
    assert watch.watched == 0
    await alert(ann)
    assert watch.watched == 1
    await prices.come("121")
    assert (await fired(ann), watch.watched) == ((["121"], "TRIGGERED"), 0)


async def test_an_alert_that_nobody_told_of_is_found_by_looking(ann, prices, monkeypatch):
    monkeypatch.setattr(ann.services.database, "tell", lambda _: None)
    await alert(ann)
    assert ann.services.alerts.watched == 0
    ann.services.feed.stir(None)  # as after a break between replicas
    await settled(ann)
    assert ann.services.alerts.watched == 1


async def test_an_alert_that_was_changed_meanwhile_does_what_it_says_now(ann, prices):
    made = await alert(ann)
    watch = ann.services.alerts
    ann.services.feed.watch(None)  # it does not hear of the change
    await send(ann, "updateAlert", {"alertId": made["id"], "threshold": "150"})
    ann.services.feed.watch(watch)
    await prices.come("121")
    assert await fired(ann) == ([], "ARMED")
    await prices.come("149", "150")
    assert await fired(ann) == (["150"], "TRIGGERED")


async def test_prices_go_on_being_looked_at_through_a_program_with_a_token(ann, prices):
    made = await send(ann, "createApiToken", {"name": "x", "scopes": ["READ"]}, "secret")
    program = another(ann, token=made["secret"])
    await alert(ann)
    await prices.come("121")
    async with following(program) as event:
        assert (await event())["alert"] == {"symbol": "AAPL", "status": "TRIGGERED"}


@pytest.mark.process
async def test_a_process_that_is_killed_loses_no_event_and_tells_none_twice(
    ann, prices, database_url
):
    await alert(ann, threshold="1000000")
    ann.services.feed.watch(None)
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.killed_alert", database_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    # After the update, after the event, before the commit, and before anybody was told: killed four
    # times. SQLite's beginning is a statement too.
    assert int(run.stdout) == 4 + ann.services.database.is_sqlite
    (found,) = await listed(ann)
    assert (found["status"], found["timesTriggered"]) == ("TRIGGERED", 1)
    (stored,) = found["events"]["nodes"]
    assert (stored["price"], stored["delivery"]) == ("1000001", "PENDING")
    async with following(ann) as event:
        assert (await event())["id"] == stored["id"]
        coming = event()
        await waiting(ann)
        (found,) = await listed(ann)
        assert found["events"]["nodes"][0]["delivery"] == "DELIVERED"
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


@pytest.mark.redis
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_of_several_replicas_one_watches_and_all_tell(ann, prices, clock):
    ann.services.feed.watch(None)
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(own_redis())
        opened = [
            await stack.enter_async_context(replica(ann, clock, cache_url=redis.url))
            for _ in range(2)
        ]
        leader, led = opened
        assert [api.services.feed.leads for api in opened] == [True, False]
        async with asyncio.timeout(PATIENCE):
            while led.services.feed._peers.cut_off:
                await asyncio.sleep(0.05)
        leader.services.feed.hear([quote("100", at=1)])
        led.services.feed.hear([quote("100", at=1)])
        # Created at one, watched by the other, told to a listener of the first.
        await alert(led, repeats=True)
        async with asyncio.timeout(PATIENCE):
            while leader.services.alerts.symbols != {"AAPL"}:
                await asyncio.sleep(0.05)
        await settled(leader)
        assert led.services.alerts.symbols == frozenset()
        assert (leader.services.feed.watched, led.services.feed.watched) == ({"AAPL"}, frozenset())
        async with following(led) as event:
            coming = event()
            await waiting(led)
            both = Prices(leader, led)
            both.seconds = 10
            await both.come("121")
            assert (await asyncio.wait_for(coming, PATIENCE))["price"] == "121"
            # The one that watches is gone, and the other goes on where it ended.
            leader.services.feed.watch(None)
            await leader.services.feed._peers._lease.give_back()
            leader.services.feed._peers._lease._locks = None
            coming = event()
            async with asyncio.timeout(PATIENCE):
                while led.services.alerts.symbols != {"AAPL"}:
                    await asyncio.sleep(0.05)
            await settled(led)
            alone = Prices(led)
            alone.seconds = 20
            await alone.come("110", "122")
            assert (await asyncio.wait_for(coming, PATIENCE))["price"] == "122"
        (found,) = await listed(led)
        assert [node["price"] for node in found["events"]["nodes"]] == ["122", "121"]
