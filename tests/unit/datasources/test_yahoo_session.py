"""Yahoo's session: how it is opened, kept, renewed once, and left alone when it cannot be had."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from datasources.errors import AuthExpiredError, RateLimitedError
from datasources.http import Answer
from datasources.providers.yahoo import Yahoo
from datasources.yahoo_session import BackOff, YahooSession, read_crumb, read_inputs
from tests.contract.vendors.yahoo import APPLE_CHART, BAD_CRUMB
from tests.vendors import HTML, fake_vendor, reply, upstream_of

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
COOKIE = reply("", status=404, headers={"Set-Cookie": "A3=one; Path=/"})
THROTTLED = reply("Too Many Requests", content_type="text/plain")
FINE = reply({"fine": True})

# The documented consent form: hidden inputs, in an order of their own.
FORM = reply(
    '<html><form><input type="hidden" name="csrfToken" value="a&amp;b">'
    '<input value="3_cc/1" type="hidden" name="sessionId"></form></html>',
    content_type="text/html",
)


@asynccontextmanager
async def connected(clock, **pages):
    """Serve pages by path: one reply, or several one after the other."""
    clock.now = NOW
    served = {
        "/": COOKIE,
        "/v1/test/getcrumb": reply("crumb1"),
        "/signed": FINE,
        "/open": FINE,
        "/consent": reply("", status=500),
    } | {f"/{path.replace('__', '/')}": page for path, page in pages.items()}

    def handler(request):
        page = served[request.path]
        if isinstance(page, list):
            return page.pop(0) if len(page) > 1 else page[0]
        return page

    async with (
        fake_vendor() as server,
        upstream_of(Yahoo.vendor, server, clock=clock) as upstream,
    ):
        server.handler = handler
        session = YahooSession(upstream, clock=clock)

        async def ask(path="/signed"):
            return await session.get(
                path, {"q": "1"}, read=lambda payload, _: payload, signed=path == "/signed"
            )

        ask.session = session
        yield ask, server


async def test_a_session_is_opened_once_for_all(clock):
    async with connected(clock) as (ask, server):
        assert await asyncio.gather(*(ask() for _ in range(5))) == [{"fine": True}] * 5
    assert server.paths == ["/", "/v1/test/getcrumb", *["/signed"] * 5]
    for request in server.requests[2:]:
        assert request.query == {"q": "1", "crumb": "crumb1"}
        assert request.headers["cookie"] == "A3=one"
    assert "Mozilla" in server.requests[0].headers["user-agent"]


async def test_a_session_is_opened_to_its_end_though_who_wanted_it_gives_up(clock):
    slow = asyncio.Event()
    cookie = reply("", status=404, headers=COOKIE.headers, hold=slow)
    async with connected(clock, **{"": cookie}) as (ask, server):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await ask()
        slow.set()
        assert await ask() == {"fine": True}
    assert server.paths == ["/", "/v1/test/getcrumb", "/signed"]


async def test_what_needs_no_crumb_opens_no_session(clock):
    async with connected(clock) as (ask, server):
        await ask("/open")
    assert server.paths == ["/open"]
    assert "crumb" not in server.requests[0].query


async def test_a_refused_crumb_is_renewed_once_for_all_who_held_it(clock):
    crumbs = [reply("crumb1"), reply("crumb2")]

    async with connected(clock, v1__test__getcrumb=crumbs) as (ask, server):
        await ask()
        answer = server.handler

        def strict(request):
            if request.path == "/signed" and request.query["crumb"] == "crumb1":
                return BAD_CRUMB
            return answer(request)

        server.handler = strict
        await asyncio.gather(*(ask() for _ in range(5)))
    assert server.paths.count("/v1/test/getcrumb") == 2
    assert server.paths.count("/") == 2


async def test_a_crumb_that_is_refused_again_is_not_renewed_again(clock):
    async with connected(clock, signed=BAD_CRUMB) as (ask, server):
        with pytest.raises(AuthExpiredError):
            await ask()
        assert server.paths == ["/", "/v1/test/getcrumb", "/signed"] * 2
        # For a minute nothing more than the question itself is asked.
        with pytest.raises(AuthExpiredError):
            await ask()
        assert server.paths[6:] == ["/signed"]


@pytest.mark.parametrize(
    "crumb",
    [
        reply(""),
        reply("<html><body>no</body></html>"),
        reply("crumb1", status=500),
        BAD_CRUMB,
        reply("a crumb with words"),
        reply("x" * 65),
    ],
    ids=["empty", "html", "an error", "json", "words", "too long"],
)
async def test_an_invalid_crumb_is_never_sent_and_consent_is_tried(clock, crumb):
    async with connected(clock, v1__test__getcrumb=crumb) as (ask, server):
        with pytest.raises(AuthExpiredError):
            await ask()
    assert "/consent" in server.paths
    assert "/signed" not in server.paths


async def test_a_crumb_service_that_has_enough_is_left_alone_twice_as_long_each_time(clock):
    async with connected(clock, v1__test__getcrumb=THROTTLED) as (ask, server):
        for minutes, tries in ((0, 1), (0.9, 1), (1, 2), (2.9, 2), (3, 3), (6.9, 3), (7, 4)):
            clock.now = NOW + timedelta(minutes=minutes)
            with pytest.raises(AuthExpiredError):
                await ask()
            assert server.paths.count("/v1/test/getcrumb") == tries
            # The rest of the service is not closed by that.
            assert await ask("/open") == {"fine": True}
    assert "/consent" not in server.paths


async def test_europes_way_accepts_the_terms_and_takes_the_crumb(clock):
    async with connected(
        clock,
        **{"": reply(reset=True)},  # blocked, as ad blockers do
        consent=[
            reply("", status=302, headers={"Location": "/v2/collectConsent", "Set-Cookie": "G=1"}),
        ],
        v2__collectConsent=[
            FORM,
            reply("", status=302, headers={"Location": "https://finance.yahoo.com/"}),
        ],
        copyConsent=reply("", headers={"Set-Cookie": "A1=two; Domain=.yahoo.com"}),
    ) as (ask, server):
        assert await ask() == {"fine": True}
    assert server.paths == [
        "/",
        "/",
        "/consent",
        "/v2/collectConsent",
        "/v2/collectConsent",
        "/copyConsent",
        "/v1/test/getcrumb",
        "/signed",
    ]
    posted = server.requests[4]
    assert posted.method == "POST"
    assert posted.query == {"sessionId": "3_cc/1"}
    assert posted.form == (
        ("agree", "agree"),
        ("agree", "agree"),
        ("consentUUID", "default"),
        ("sessionId", "3_cc/1"),
        ("csrfToken", "a&b"),
        ("originalDoneUrl", "https://finance.yahoo.com/"),
        ("namespace", "yahoo"),
    )
    assert server.requests[-1].headers["cookie"] == "G=1; A1=two"


async def test_a_wall_before_an_open_page_is_passed_by_consent_first(clock):
    wall = reply("", status=307, headers={"Location": "https://consent.yahoo.com/v2/x"})
    async with connected(
        clock,
        open=[wall, FINE],
        consent=FORM,
        v2__collectConsent=reply(""),
        copyConsent=reply("", headers={"Set-Cookie": "A1=two"}),
    ) as (ask, server):
        assert await ask("/open") == {"fine": True}
    assert "/" not in server.paths
    assert server.requests[-1].headers["cookie"] == "A1=two"
    assert "crumb" not in server.requests[-1].query


async def test_too_many_calls_close_the_service_for_a_minute_then_two_up_to_a_quarter(clock):
    async with connected(clock, open=reply("Too Many Requests", status=429)) as (ask, server):
        for length in (1, 2, 4, 8, 15, 15):
            started = clock.now
            with pytest.raises(RateLimitedError) as caught:
                await ask("/open")
            assert caught.value.until == started + timedelta(minutes=length)
            asked = len(server.requests)
            clock.now = caught.value.until - timedelta(seconds=10)
            with pytest.raises(RateLimitedError):
                await ask("/open")
            assert len(server.requests) == asked
            clock.now = caught.value.until


def test_failures_within_a_pause_are_one_failure_and_success_begins_anew():
    pause = BackOff()
    until = pause.extend(NOW)
    assert until == pause.extend(NOW + timedelta(seconds=59)) == NOW + timedelta(minutes=1)
    assert pause.extend(until) == until + timedelta(minutes=2)
    pause.reset()
    assert pause.extend(until) == until + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "crumb"), [("aB/c.dEf9hI", "aB/c.dEf9hI"), ("aB\\u002Fc\n", "aB/c")]
)
def test_a_crumb_is_plain_text_perhaps_with_an_escaped_slash(text, crumb):
    assert read_crumb(Answer(status=200, headers={}, body=text.encode(), received_at=NOW)) == crumb


def test_a_page_that_is_no_form_has_no_inputs():
    assert read_inputs(HTML.body.decode()) == {}
    assert read_inputs('<input name="a"><input value="b">') == {}


async def test_cookies_and_crumbs_are_in_no_representation(clock):
    async with connected(clock, signed=reply(APPLE_CHART)) as (ask, _):
        await ask()
        ticket = repr(ask.session._ticket)
    assert "crumb1" not in ticket
    assert "A3" not in ticket
