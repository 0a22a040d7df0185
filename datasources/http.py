"""The one door to other hosts: paced, bounded in time and size, retried where useful, redacted.

A provider says what to ask and how to read the answer; everything a vendor's HTTP has in common is
here. No key is ever part of an error, a log or a representation.
"""

import asyncio
import json
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import ClassVar, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from datasources.errors import (
    BadPayloadError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotEntitledError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from datasources.pacing import Budget, Limit
from datasources.protocols import Clock
from datasources.symbols import Dialect, Names

R = TypeVar("R")
T = TypeVar("T")

Client = httpx.AsyncClient

CALL_TIME = timedelta(seconds=10)
"""The longest that one exchange may take, whoever waits for it."""

PATIENCE = timedelta(milliseconds=1_500)
"""How long a call waits for room in its budget before it is given up."""

RETRY_AFTER = (0.05, 0.2)
"""The least and the most seconds before the one repetition of a failed call."""

MAX_BYTES = 64_000_000
MAX_WORDS = 200
SHORTEST_KEY = 8
AGENT = "FolioQL (https://graphql.org)"

UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError)
"""What reading raises where an answer is not in the form it should have."""

# They would log whole addresses, with the keys that some vendors want there, and headers.
for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a vendor sent back; ``received_at`` is when."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received_at: datetime
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)

    def text(self) -> str:
        """Return the body as text, whatever is not UTF-8 replaced."""
        return self.body.decode("utf-8-sig", errors="replace")

    def json(self, root: type[T]) -> T:
        """Return the JSON body, numbers with a point as Decimal; NaN and Infinity become null.

        Raises BadPayloadError for HTML, cut-off text, another root, and numbers beyond all reason.
        """
        try:
            found = json.loads(self.text(), parse_float=_decimal, parse_constant=_nothing)
        except (ValueError, RecursionError) as error:
            raise BadPayloadError(f"no JSON: begins with {self.text()[:20]!r}") from error
        if not isinstance(found, root):
            raise BadPayloadError(f"the root is {type(found).__name__}, not {root.__name__}")
        return found


def _decimal(text: str) -> Decimal | None:
    value = Decimal(text)
    return value if value.is_finite() and abs(value.adjusted()) < 40 else None


def _nothing(_: str) -> None:
    return None


def next_minute(now: datetime) -> datetime:
    """Return when the next full minute begins: the usual end of a limit without a header."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def retry_after(answer: Answer) -> datetime | None:
    """Return the time that ``Retry-After`` names in seconds; null without a usable one."""
    text = answer.headers.get("retry-after", "").strip()
    if not text.isdecimal() or len(text) > 6:
        return None
    return answer.received_at + timedelta(seconds=int(text))


def check_status(answer: Answer) -> None:
    """Raise what a status usually means; 2xx and 404 are left to who knows the body."""
    status = answer.status
    if 200 <= status < 300 or status == 404:
        return
    if status == 401:
        raise InvalidCredentialsError("the key is missing or wrong")
    if status == 403:
        raise NotEntitledError("the plan does not include this")
    if status == 429:
        until = retry_after(answer) or next_minute(answer.received_at)
        raise RateLimitedError("too many calls", until=until)
    if 300 <= status < 400:
        raise BadPayloadError(f"redirected (HTTP {status})")
    if status >= 500 or status == 408:
        raise UnavailableError(f"failed inside (HTTP {status})")
    raise InvalidRequestError(f"refused the question (HTTP {status})")


def no_headers(_: Answer) -> tuple[int, datetime] | None:
    """Say nothing about the calls left: most vendors do not."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """What is fixed about one vendor's service.

    The key goes into ``key_header`` (after ``key_prefix``) or, where a vendor takes it nowhere
    else, into ``key_parameter``. ``hosts`` are further addresses by names of ours; with another
    ``url`` than the vendor's own they are all there. ``check`` raises for answers that are errors,
    whatever their status; ``calls_left`` reads how many calls are left until when, if it tells.
    """

    name: str
    url: str
    limits: tuple[Limit, ...] = ()
    key_header: str | None = None
    key_prefix: str = ""
    key_parameter: str | None = None
    check: Callable[[Answer], None] = check_status
    calls_left: Callable[[Answer], tuple[int, datetime] | None] = no_headers
    headers: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One exchange to be had: a form makes it a POST."""

    path: str
    parameters: Mapping[str, str] | None = field(default=None, repr=False)
    form: Mapping[str, str | list[str]] | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    host: str | None = None
    cost: int = 1


class Upstream:
    """One vendor's service under one key.

    ``override`` is the address in place of the vendor's own; ``malformed`` counts what a stream
    sent that could not be read.
    """

    def __init__(
        self,
        vendor: Vendor,
        *,
        client: Client,
        budget: Budget,
        clock: Clock,
        key: SecretStr | None = None,
        url: str | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.vendor = vendor
        self.budget = budget
        self._client = client
        self.clock = clock
        self.key = key or SecretStr("")
        self.override = url
        self.malformed = 0
        self._url = (url or vendor.url).rstrip("/")
        self._hosts = {name: url or address for name, address in vendor.hosts.items()}
        self._sleep = sleep
        self.calls = 0

    async def get(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        read: Callable[[Answer], T],
        cost: int = 1,
        headers: Mapping[str, str] | None = None,
        host: str | None = None,
    ) -> T:
        """Ask for ``path`` (or a whole address) and return what ``read`` makes of the answer.

        ``read`` raises BadPayloadError, or whatever else the body tells. Failures that a second
        try may mend are tried once more. Raises ProviderError, never with the key in it.
        """
        question = _Question(
            path=path, parameters=parameters, headers=headers, host=host, cost=cost
        )
        return await self._try_twice(question, read)

    async def post(
        self,
        path: str,
        form: Mapping[str, str | list[str]],
        *,
        read: Callable[[Answer], T],
        headers: Mapping[str, str] | None = None,
        host: str | None = None,
    ) -> T:
        """Send a form, as a browser would, and return what ``read`` makes of the answer.

        Only for what may be sent twice: it is repeated like any question.
        """
        return await self._try_twice(
            _Question(path=path, form=form, headers=headers, host=host), read
        )

    async def _try_twice(self, question: _Question, read: Callable[[Answer], T]) -> T:
        try:
            return await self._ask(question, read)
        except ProviderError as error:
            if not error.retryable:
                raise
        await self._sleep(random.uniform(*RETRY_AFTER))  # noqa: S311  # no secret hangs on it
        return await self._ask(question, read)

    async def _ask(self, question: _Question, read: Callable[[Answer], T]) -> T:
        await self.budget.take(question.cost, patience=PATIENCE)
        self.calls += 1
        try:
            answer = await self._send(question)
            left = self.vendor.calls_left(answer)
            if left is not None and left[0] <= 0:
                await self.budget.close(left[1])
            self.vendor.check(answer)
            return read(answer)
        except ProviderError as error:
            if isinstance(error, RateLimitedError):
                await self.budget.close(error.until or next_minute(self.clock()))
            error.args = (self.redact(str(error)),)
            # The cause may hold the whole answer, and some vendors' answers repeat the key.
            raise error from None
        except UNREADABLE as e:
            raise BadPayloadError(f"not in the documented form ({type(e).__name__})") from None

    def address(self, path: str, host: str | None = None) -> str:
        """Return the whole address of a path, which may be one already."""
        if urlsplit(path).scheme:
            return path
        return f"{self._url if host is None else self._hosts[host].rstrip('/')}{path}"

    async def _send(self, question: _Question) -> Answer:
        vendor, key = self.vendor, self.key.get_secret_value()
        sent = {"User-Agent": AGENT, **vendor.headers, **(question.headers or {})}
        asked = dict(question.parameters or {})
        if key and vendor.key_header:
            sent[vendor.key_header] = f"{vendor.key_prefix}{key}"
        elif key and vendor.key_parameter:
            asked[vendor.key_parameter] = key
        try:
            async with (
                asyncio.timeout(CALL_TIME.total_seconds()),
                self._client.stream(
                    "GET" if question.form is None else "POST",
                    self.address(question.path, question.host),
                    params=asked or None,
                    data=question.form,
                    headers=sent,
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise BadPayloadError("the answer is too large")
        except TimeoutError:
            raise UnavailableError("took too long") from None
        except httpx.DecodingError:
            raise BadPayloadError("not in the encoding it says") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise UnavailableError(f"cannot be reached ({type(error).__name__})") from None
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body),
            received_at=self.clock(),
            cookies=_cookies(response.headers.get_list("set-cookie")),
        )

    def redact(self, words: str) -> str:
        """Return words without the key, and not too many of them."""
        key = self.key.get_secret_value()
        # A shorter one is no vendor's, and may be any word.
        return (words.replace(key, "***") if len(key) >= SHORTEST_KEY else words)[:MAX_WORDS]

    def __repr__(self) -> str:
        return f"Upstream({self.vendor.name})"


def _cookies(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(";")[0].partition("=") for line in lines)
    return {name.strip(): value.strip() for name, sign, value in pairs if sign and name.strip()}


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom we trust: read once, which takes a tenth of a second."""
    return httpx.create_ssl_context()


def open_client() -> Client:
    """Open the client that all vendors share: no redirects, so that a key goes to nobody else.

    Nor does it keep cookies: whoever needs some sends them along.
    """
    return httpx.AsyncClient(
        verify=_trusted(),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=httpx.Timeout(CALL_TIME.total_seconds(), connect=3.0),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
    )


class Remote:
    """Parent of providers that ask a vendor's service."""

    vendor: ClassVar[Vendor]
    dialect: ClassVar[Dialect] = Dialect()
    batch: ClassVar[Mapping[str, int]] = {}
    finds_isins: ClassVar[bool] = False
    """Whether the vendor's search is known to take an ISIN."""

    def __init__(self, upstream: Upstream, *, names: Names, clock: Clock) -> None:
        self.upstream = upstream
        self._names = names
        self._clock = clock

    @property
    def name(self) -> str:
        """Return the vendor's name."""
        return self.vendor.name


def seconds(value: object) -> datetime:
    """Read seconds since 1970; raises BadPayloadError for what cannot be a time of a market."""
    return _epoch(value, 1)


def milliseconds(value: object) -> datetime:
    """Read milliseconds since 1970."""
    return _epoch(value, 1_000)


def nanoseconds(value: object) -> datetime:
    """Read nanoseconds since 1970."""
    return _epoch(value, 1_000_000_000)


def _epoch(value: object, parts: int) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadPayloadError(f"{str(value)[:30]!r} is not a time")
    whole, part = divmod(int(value), parts)
    # A time in another unit falls outside and must not pass as a date: only seconds, which nothing
    # else is read as, may lie before 1980 (from 1900 on); none after 2100.
    if not (-2_208_988_800 if parts == 1 else 315_532_800) <= whole < 4_102_444_800:
        raise BadPayloadError(f"{str(value)[:30]} is not a time in this unit")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=whole, microseconds=part * 1_000_000 // parts
    )


def number(value: object) -> Decimal | None:
    """Read a number from JSON or text; null for what vendors write for missing.

    Raises BadPayloadError for what is no number, and for one of more than forty digits.
    """
    if value is None or value in ("", "None", "-", "N/A", "NaN", "null"):
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise BadPayloadError(f"{str(value)[:30]!r} is not a number")
    try:
        found = Decimal(value)
    except ArithmeticError:
        raise BadPayloadError(f"{str(value)[:30]!r} is not a number") from None
    if not found.is_finite() or abs(found.adjusted()) >= 40 or len(found.as_tuple().digits) > 40:
        raise BadPayloadError("a number beyond all reason")
    return found


def readable(rows: Iterable[R], read: Callable[[R], T | None]) -> list[T]:
    """Read rows of which one that is out of form must not take the others from anybody.

    Null is left out too. Raises BadPayloadError if there is nothing but what is out of form.
    """
    found: list[T] = []
    unread: Exception | None = None
    for row in rows:
        try:
            one = read(row)
        except (BadPayloadError, *UNREADABLE) as error:
            unread = unread or error
        else:
            if one is not None:
                found.append(one)
    if unread is not None and not found:
        raise BadPayloadError(f"no row in the documented form ({type(unread).__name__})")
    return found


def price(value: object) -> Decimal | None:
    """Read a price; null for zero and below, which vendors write for missing."""
    found = number(value)
    return found if found is not None and found > 0 else None


def word(value: object) -> str | None:
    """Read a text; null for an empty one and what vendors write for missing.

    What no database can keep, such as a zero character or half a surrogate pair, becomes a blank.
    """
    text = value if isinstance(value, str) else ""
    found = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return None if found in {"", "None", "-", "N/A", "null"} else found
