"""The door to vendors: faults of the wire, budgets, repetition, and keys that stay secret."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from datasources import http
from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    QuotaExhaustedError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer, Vendor, milliseconds, nanoseconds, number, seconds, word
from datasources.pacing import Budget, Limit
from tests.vendors import HTML, KEY, fake_vendor, reply, upstream_of

PLAIN = Vendor(name="plain", url="https://vendor.example", key_header="X-Key")
IN_QUERY = Vendor(name="query", url="https://vendor.example", key_parameter="apikey")
PACED = Vendor(
    name="paced",
    url="https://vendor.example",
    limits=(Limit(2, timedelta(seconds=1)), Limit(3, timedelta(days=1))),
)


def as_object(answer: Answer) -> dict:
    return answer.json(dict)


@asynccontextmanager
async def connected(clock, *replies, vendor=PLAIN):
    async with fake_vendor() as server, upstream_of(vendor, server, clock=clock) as upstream:
        server.answers(*replies)
        yield server, upstream


async def test_an_answer_comes_back_exact_and_the_key_travels_in_its_header(clock):
    async with connected(clock, reply('{"p": 0.1, "n": NaN, "i": 7}')) as (server, upstream):
        found = await upstream.get("/quote", {"symbol": "A"}, read=as_object)
    assert found == {"p": Decimal("0.1"), "n": None, "i": 7}
    (request,) = server.requests
    assert (request.path, request.query) == ("/quote", {"symbol": "A"})
    assert request.headers["x-key"] == KEY


@pytest.mark.parametrize(
    ("answer", "error", "tries"),
    [
        (HTML, BadPayloadError, 2),
        (reply('{"price": 1', content_type="application/json"), BadPayloadError, 2),
        (reply([1]), BadPayloadError, 2),
        (reply(""), BadPayloadError, 2),
        (reply({"price": 1}, cut=3), UnavailableError, 2),
        (reply(reset=True), UnavailableError, 2),
        (reply("busy", status=503, content_type="text/html"), UnavailableError, 2),
        (reply(status=302, headers={"Location": "https://elsewhere.example"}), BadPayloadError, 2),
        (reply(b"\x1f\x8b nothing", headers={"Content-Encoding": "gzip"}), BadPayloadError, 2),
        (reply({"error": KEY}, status=401), InvalidCredentialsError, 1),
        (reply({"error": "plan"}, status=403), NotEntitledError, 1),
        (reply({"error": "what"}, status=400), InvalidRequestError, 1),
        (reply("slow down", status=429), RateLimitedError, 1),
    ],
)
async def test_each_fault_has_its_class_and_only_what_may_mend_is_tried_again(
    clock, answer, error, tries
):
    async with connected(clock, answer) as (server, upstream):
        with pytest.raises(error) as caught:
            await upstream.get("/quote", read=as_object)
    assert type(caught.value) is error
    assert len(server.requests) == tries
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_a_second_try_that_works_is_an_answer(clock):
    async with connected(clock, HTML, reply({"price": 1})) as (_, upstream):
        assert await upstream.get("/quote", read=as_object) == {"price": 1}


async def test_a_wrong_content_type_does_not_hide_a_good_body(clock):
    async with connected(clock, reply({"price": 1}, content_type="text/csv")) as (_, upstream):
        assert await upstream.get("/quote", read=as_object) == {"price": 1}


async def test_a_vendor_that_never_ends_its_answer_is_given_up(clock, monkeypatch):
    monkeypatch.setattr(http, "CALL_TIME", timedelta(milliseconds=30))
    never = asyncio.Event()
    drip = reply({"price": 1}, drip=True, hold=never)
    async with connected(clock, drip) as (_, upstream):
        with pytest.raises(UnavailableError, match="took too long"):
            await upstream.get("/quote", read=as_object)


async def test_an_answer_beyond_all_size_is_not_read_to_its_end(clock, monkeypatch):
    monkeypatch.setattr(http, "MAX_BYTES", 10)
    async with connected(clock, reply({"price": "1" * 20})) as (_, upstream):
        with pytest.raises(BadPayloadError, match="too large"):
            await upstream.get("/quote", read=as_object)


async def test_a_vendor_that_nobody_runs_is_unavailable(clock):
    async with fake_vendor() as server:
        pass
    async with upstream_of(PLAIN, server, clock=clock) as upstream:
        with pytest.raises(UnavailableError, match="ConnectError"):
            await upstream.get("/quote", read=as_object)


async def test_a_defect_in_reading_an_answer_is_a_bad_payload(clock):
    async with connected(clock, reply({})) as (_, upstream):
        with pytest.raises(BadPayloadError, match="KeyError"):
            await upstream.get("/quote", read=lambda answer: answer.json(dict)["price"])


@pytest.mark.parametrize("vendor", [PLAIN, IN_QUERY])
async def test_a_key_that_a_vendor_repeats_is_struck_out(clock, vendor, capfd, caplog):
    caplog.set_level("DEBUG")

    def complain(answer):
        raise InvalidRequestError(f"said: {answer.text()}")

    echo = reply({"Information": f"your key {KEY} is used up"})
    async with connected(clock, echo, vendor=vendor) as (server, upstream):
        with pytest.raises(InvalidRequestError) as caught:
            await upstream.get("/quote", read=complain)
        assert KEY not in repr(upstream)
    assert "***" in str(caught.value)
    assert KEY in server.requests[0].query.values() or KEY in server.requests[0].headers.values()
    out, err = capfd.readouterr()
    assert KEY not in str(caught.value) + out + err + caplog.text


SPREAD = Vendor(
    name="spread",
    url="https://api.vendor.example",
    hosts={"door": "https://door.vendor.example/", "desk": "https://desk.vendor.example"},
)


def words(answer):
    return answer.text()


async def test_another_address_than_the_vendors_stands_for_all_its_hosts(clock):
    async with connected(clock, reply("ok"), vendor=SPREAD) as (server, upstream):
        assert await upstream.get("/a", read=words) == "ok"
        assert await upstream.get("/b", read=words, host="door") == "ok"
        assert upstream.address("/b", "door") == f"{server.url}/b"
    assert server.paths == ["/a", "/b"]
    async with http.open_client() as client:
        own = http.Upstream(
            SPREAD, client=client, budget=Budget((), name="spread", clock=clock), clock=clock
        )
    assert own.address("/b") == "https://api.vendor.example/b"
    assert own.address("/b", "door") == "https://door.vendor.example/b"
    assert own.address("https://else.example/c", "door") == "https://else.example/c"


async def test_a_form_is_sent_as_a_browser_would_and_twice_if_need_be(clock):
    form = {"agree": ["yes", "yes"], "who": "a&b"}
    async with connected(clock, reply(status=503), reply("ok")) as (server, upstream):
        assert await upstream.post("/consent", form, read=words) == "ok"
    for request in server.requests:
        assert (request.method, request.path) == ("POST", "/consent")
        assert request.form == (("agree", "yes"), ("agree", "yes"), ("who", "a&b"))


async def test_cookies_are_told_and_never_sent_back_unasked(clock):
    def cookies(answer):
        return dict(answer.cookies)

    lines = "A3=d=x&y=z; Expires=Fri, 20 Nov 2027 10:00:00 GMT; Secure\r\nSet-Cookie: B=1"
    async with connected(clock, reply("ok", headers={"Set-Cookie": lines})) as (server, upstream):
        assert await upstream.get("/", read=cookies) == {"A3": "d=x&y=z", "B": "1"}
        await upstream.get("/", read=words)
        await upstream.get("/", read=words, headers={"Cookie": "B=2"})
    assert [request.headers.get("cookie") for request in server.requests] == [None, None, "B=2"]


async def test_budgets_wait_for_a_moment_and_refuse_for_a_day(clock):
    started = clock.now
    async with connected(clock, reply({}), vendor=PACED) as (server, upstream):
        for _ in range(3):
            await upstream.get("/quote", read=as_object)
        assert clock.now - started == timedelta(seconds=1)
        with pytest.raises(QuotaExhaustedError) as caught:
            await upstream.get("/quote", read=as_object)
    assert caught.value.until == started + timedelta(days=1)
    assert len(server.requests) == upstream.calls == 3


async def test_after_a_429_nothing_is_sent_before_the_time_the_vendor_gives(clock):
    limited = reply("busy", status=429, headers={"Retry-After": "90"})
    async with connected(clock, limited, reply({})) as (server, upstream):
        for _ in range(2):
            with pytest.raises(RateLimitedError) as caught:
                await upstream.get("/quote", read=as_object)
            assert caught.value.until == clock.now + timedelta(seconds=90)
        assert len(server.requests) == 1
        clock.now += timedelta(seconds=90)
        assert await upstream.get("/quote", read=as_object) == {}


async def test_without_a_header_a_429_lasts_until_the_next_minute(clock):
    clock.now += timedelta(seconds=20)
    async with connected(clock, reply("busy", status=429)) as (_, upstream):
        with pytest.raises(RateLimitedError) as caught:
            await upstream.get("/quote", read=as_object)
    assert caught.value.until == clock.now + timedelta(seconds=40)


def test_times_in_another_unit_are_refused_and_nanoseconds_stay_exact():
    assert seconds(1795122000).isoformat() == "2026-11-19T21:00:00+00:00"
    assert milliseconds(1795122000123).isoformat() == "2026-11-19T21:00:00.123000+00:00"
    assert nanoseconds(1795121940000001999).isoformat() == "2026-11-19T20:59:00.000001+00:00"
    for read, value in [
        (seconds, 1795122000123),
        (milliseconds, 1795121940000000999),
        (milliseconds, 1795122000),
        (nanoseconds, 1795122000123),
        (seconds, True),
        (seconds, "1795122000"),
        (seconds, None),
    ]:
        with pytest.raises(BadPayloadError):
            read(value)


def test_what_stands_for_a_missing_number_is_missing_and_a_giant_one_is_refused():
    assert [number(text) for text in (None, "", "None", "-", "N/A")] == [None] * 5
    assert number("301.1000") == Decimal("301.1000")
    for value in ("1e40", "Infinity", "1" * 41, "12,5", True, []):
        with pytest.raises(BadPayloadError):
            number(value)


@pytest.mark.parametrize("text", ["A\x00 B", "A\ud800B", " A\n\tB ", "A\xa0B"])
def test_what_no_database_can_keep_becomes_a_blank(text):
    assert word(text) == "A B"
    assert word("Société Générale, 株式会社") == "Société Générale, 株式会社"
