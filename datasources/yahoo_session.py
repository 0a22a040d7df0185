"""Yahoo's session: a cookie and the crumb that goes with it, and what its answers mean.

There is no documentation and no promise: everything here is what clients have found to work.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from datasources.errors import (
    AuthExpiredError,
    BadPayloadError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from datasources.http import Answer, Upstream, check_status
from datasources.protocols import Clock

T = TypeVar("T")
Payload = dict[str, Any]

HOSTS = {
    "cookie": "https://fc.yahoo.com",
    "consent": "https://guce.yahoo.com",
    "collect": "https://consent.yahoo.com",
}
CRUMB = "/v1/test/getcrumb"
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=15)
MAX_REDIRECTS = 5
MAX_CRUMB = 64

THROTTLED = "Too Many Requests"
NO_DATA = "Data doesn't exist"
"""What a chart of days without any trading says, with a status that blames the question."""


class BackOff:
    """How long to leave alone what failed: a minute, doubled with each failure, up to a quarter."""

    def __init__(self) -> None:
        self._length = FIRST_PAUSE
        self.until: datetime | None = None

    def extend(self, now: datetime) -> datetime:
        """Return when to try again; failures within one pause are the same failure."""
        if self.until is None or now >= self.until:
            self.until = now + self._length
            self._length = min(2 * self._length, LONGEST_PAUSE)
        return self.until

    def lasts(self, now: datetime) -> bool:
        """Tell whether it is too early to try again."""
        return self.until is not None and now < self.until

    def reset(self) -> None:
        """Begin anew, because it worked."""
        self._length, self.until = FIRST_PAUSE, None


class _ConsentWallError(AuthExpiredError):
    """Yahoo wants to be told first that its terms are accepted."""


def read_payload(answer: Answer) -> Payload:
    """Return the JSON of an answer, or raise what it is instead, whatever its status says.

    A 404 in JSON is an answer too: what is asked about is unknown.
    """
    text = answer.text().lstrip()
    is_json = text.startswith("{")
    if answer.status == 429 or (not is_json and THROTTLED in text[:1_000]):
        raise RateLimitedError("too many calls")
    if "consent" in answer.headers.get("location", "") or (
        not is_json and "consent.yahoo.com" in text
    ):
        raise _ConsentWallError("it wants consent first")
    if answer.status == 401:
        raise AuthExpiredError("cookie or crumb refused")
    if answer.status == 403:
        raise UnavailableError("turned away")  # there are no plans that could lack anything
    if not is_json:
        check_status(answer)
        raise BadPayloadError(f"no JSON: begins with {text[:20]!r}")
    payload = answer.json(dict)
    if not (answer.status == 400 and NO_DATA in text):
        check_status(answer)
    return payload


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    cookies: Mapping[str, str] = field(repr=False)
    crumb: str = field(repr=False)


class YahooSession:
    """Asks with one shared session, opened when first needed and renewed when refused."""

    def __init__(self, upstream: Upstream, *, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock
        self._ticket: _Ticket | None = None
        self._opening: asyncio.Task[_Ticket] | None = None
        self._refusals = BackOff()
        self._closed = BackOff()

    async def get(
        self,
        path: str,
        parameters: Mapping[str, str],
        *,
        read: Callable[[Payload, datetime], T],
        signed: bool = False,
    ) -> T:
        """Ask, ``signed`` with the crumb, and return what ``read`` makes of payload and time.

        A refused session is renewed once. Raises AuthExpiredError if that does not help, or if
        there is none to be had, which then is not tried again for a while.
        """
        ticket = await self._valid(refused=None) if signed else self._ticket
        try:
            return await self._send(path, parameters, read=read, ticket=ticket, signed=signed)
        except AuthExpiredError as error:
            walled = isinstance(error, _ConsentWallError)
            ticket = await self._valid(refused=ticket, walled=walled)
        try:
            return await self._send(path, parameters, read=read, ticket=ticket, signed=signed)
        except AuthExpiredError as error:
            self._closed.extend(self._clock())
            raise AuthExpiredError(str(error)) from None

    async def _send(
        self,
        path: str,
        parameters: Mapping[str, str],
        *,
        read: Callable[[Payload, datetime], T],
        ticket: _Ticket | None,
        signed: bool,
    ) -> T:
        def judge(answer: Answer) -> T:
            try:
                payload = read_payload(answer)
            except RateLimitedError as error:
                until = self._refusals.extend(answer.received_at)
                raise RateLimitedError(str(error), until=until) from None
            self._refusals.reset()
            return read(payload, answer.received_at)

        crumb = {"crumb": ticket.crumb} if signed and ticket else {}
        found = await self._upstream.get(
            path,
            {**parameters, **crumb},
            read=judge,
            headers=_cookie_header(ticket.cookies if ticket else {}),
        )
        if signed:
            self._closed.reset()
        return found

    async def _valid(self, *, refused: _Ticket | None, walled: bool = False) -> _Ticket:
        """Return a session other than the refused one: another task's, or a new one.

        One is opened for all who wait, and to its end though they give up: where a host is out of
        reach that takes longer than anybody waits, and would never come to the other way.
        """
        if self._ticket is not None and self._ticket is not refused:
            return self._ticket
        if self._opening is None:
            if self._closed.lasts(self._clock()):
                raise AuthExpiredError("no session is to be had for now")
            self._ticket = None
            self._opening = asyncio.create_task(self._open(walled=walled))
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    def _opened(self, opening: asyncio.Task[_Ticket]) -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._ticket = opening.result()

    async def _open(self, *, walled: bool) -> _Ticket:
        ways = [self._plain_cookies, self._consent_cookies]
        for way in reversed(ways) if walled else ways:
            try:
                cookies = await way()
                if not cookies:
                    continue
                answer = await self._upstream.get(
                    CRUMB, read=_as_it_is, headers=_cookie_header(cookies)
                )
            except RateLimitedError:
                raise  # by our own budget: nothing was asked
            except ProviderError:
                continue
            crumb = read_crumb(answer)
            if crumb is not None:
                return _Ticket(cookies, crumb)
            if THROTTLED in answer.text():
                break
        self._closed.extend(self._clock())
        raise AuthExpiredError("no session is to be had")

    async def _plain_cookies(self) -> dict[str, str]:
        """Fetch a page for its cookie alone; the page itself is an error by nature."""
        cookies: dict[str, str] = {}
        await self._visit("/", "cookie", cookies)
        return cookies

    async def _consent_cookies(self) -> dict[str, str]:
        """Accept the terms that are put before visitors from Europe, as a browser would."""
        cookies: dict[str, str] = {}
        page = await self._visit("/consent", "consent", cookies)
        inputs = read_inputs(page.text())
        token, session = inputs.get("csrfToken"), inputs.get("sessionId")
        if not token or not session:
            return {}
        form: dict[str, str | list[str]] = {
            "agree": ["agree", "agree"],
            "consentUUID": "default",
            "sessionId": session,
            "csrfToken": token,
            "originalDoneUrl": "https://finance.yahoo.com/",
            "namespace": "yahoo",
        }
        query = f"?sessionId={quote(session, safe='')}"
        await self._visit(f"/v2/collectConsent{query}", "collect", cookies, form=form)
        await self._visit(f"/copyConsent{query}", "consent", cookies)
        return cookies

    async def _visit(
        self,
        path: str,
        host: str,
        cookies: dict[str, str],
        *,
        form: Mapping[str, str | list[str]] | None = None,
    ) -> Answer:
        """Return a page, after redirects within the hosts known here; gathers its cookies."""
        own = {urlsplit(self._upstream.address("/", name)).netloc for name in (None, *HOSTS)}
        address = self._upstream.address(path, host)
        for _ in range(MAX_REDIRECTS):
            headers = _cookie_header(cookies)
            if form is None:
                answer = await self._upstream.get(address, read=_as_it_is, headers=headers)
            else:
                answer = await self._upstream.post(address, form, read=_as_it_is, headers=headers)
            cookies |= answer.cookies
            form = None
            address = urljoin(address, answer.headers.get("location", ""))
            if not 300 <= answer.status < 400 or urlsplit(address).netloc not in own:
                break
        return answer


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _cookie_header(cookies: Mapping[str, str]) -> dict[str, str]:
    pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {"Cookie": pairs} if pairs else {}


def read_crumb(answer: Answer) -> str | None:
    """Return the crumb; null for the errors that come in its place, some with status 200."""
    text = answer.text().strip().replace("\\u002F", "/")
    if answer.status != 200 or not 0 < len(text) <= MAX_CRUMB or re.search(r"[\s<{]", text):
        return None
    return text


def read_inputs(page: str) -> dict[str, str]:
    """Return the names and values of a page's form."""
    inputs = (
        dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<input\b[^>]*>", page)
    )
    return {one["name"]: unescape(one["value"]) for one in inputs if {"name", "value"} <= set(one)}
