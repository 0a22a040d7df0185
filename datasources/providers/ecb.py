"""Exchange rates from the European Central Bank: from a file, and as it publishes them.

Both serve cross rates through the euro, both legs of the same day.
"""

import asyncio
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import structlog
from holidays import financial_holidays

from datasources.errors import BadPayloadError, ProviderError
from datasources.eurofxref import Table, read_history, read_xml
from datasources.http import Answer, Remote, Upstream, Vendor, check_status
from datasources.once import Once
from datasources.pacing import Limit
from datasources.protocols import Clock
from datasources.rates import CARRY, cross
from datasources.symbols import Names
from models.market import Rate, RateQuestion

log = structlog.get_logger(__name__)

PACKAGED = Path(__file__).parent.parent / "data" / "ecb-eurofxref-hist.zip"

FRANKFURT = ZoneInfo("Europe/Berlin")
PUBLISHED_AT = time(16)
CLOSING_DAYS = financial_holidays("XECB")
"""The days other than weekends without rates."""

AGAIN_AFTER = timedelta(minutes=15)
"""How long to wait for a publication that is late, or that the caches in between still hide."""

HISTORY, QUARTER, DAY = "/eurofxref-hist.zip", "/eurofxref-hist-90d.xml", "/eurofxref-daily.xml"
QUARTER_REACH = timedelta(days=80)
"""How far back the 90-day file surely goes."""

VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


class Ecb:
    """Serves the rates of a history file; past its end its last day stands, and says so."""

    name = "ecb_file"
    batch: ClassVar[dict[str, int]] = {}

    def __init__(self, path: Path = PACKAGED) -> None:
        self._path = path
        self._table: Table | None = None
        self._loading = asyncio.Lock()

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the last published day on or before the day asked for.

        Absent before the first day, within a suspension, and for unknown currencies.
        """
        async with self._loading:
            if self._table is None:
                self._table = await asyncio.to_thread(self._read)
        return _answers(questions, self._table, latest=self._table.days[-1])

    def _read(self) -> Table:
        try:
            raw = self._path.read_bytes()
        except OSError as error:
            raise BadPayloadError(f"{self._path.name} cannot be read: {error}") from error
        return read_history(raw, name=self._path.name)


def _answers(
    questions: Collection[RateQuestion], table: Table, *, latest: date
) -> dict[RateQuestion, Rate]:
    found = {
        question: cross(question, days=table.days_back(min(question.day, latest)), look=table.look)
        for question in questions
    }
    return {question: rate for question, rate in found.items() if rate is not None}


def is_working_day(day: date) -> bool:
    """Tell whether rates are published on a day."""
    return day.weekday() < 5 and day not in CLOSING_DAYS


def last_publication(now: datetime) -> date:
    """Return the newest day whose rates should be out."""
    local = now.astimezone(FRANKFURT)
    return _working_day(local.date() - timedelta(days=local.time() < PUBLISHED_AT))


def _working_day(day: date) -> date:
    """Return a day, or the last working day before it."""
    while not is_working_day(day):
        day -= timedelta(days=1)
    return day


def _check(answer: Answer) -> None:
    if answer.status != 304:
        check_status(answer)


class EcbOnline(Remote):
    """Serves the rates as published; asks at most once a publication, and while one is late.

    Starts with the 90-day file, or with the whole history as soon as an older day is asked for.
    What cannot be renewed stays for as long as a rate may stand for later days.
    """

    vendor = Vendor(
        name="ecb",
        url="https://www.ecb.europa.eu/stats/eurofxref",
        # None is published: a start and a publication take three calls.
        limits=(Limit(10, timedelta(minutes=1)),),
        check=_check,
    )

    def __init__(self, upstream: Upstream, *, names: Names, clock: Clock) -> None:
        super().__init__(upstream, names=names, clock=clock)
        self._table: Table | None = None
        self._whole = False
        self._again_at: datetime | None = None
        self._versions: dict[str, dict[str, str]] = {}
        self._loading = asyncio.Lock()
        self._once = Once()

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the last published day within a week on or before the day."""
        if not questions:
            return {}
        now, first = self._clock(), min(question.day for question in questions)
        table = await self._once.do(first, partial(self._current, first, now=now))
        return _answers(questions, table, latest=now.date())

    async def _current(self, first: date, *, now: datetime) -> Table:
        async with self._loading:
            table = await self._load(first, now=now)
            self._table = await self._renewed(table, now=now)
            return self._table

    async def _load(self, first: date, *, now: datetime) -> Table:
        """Return what is there already, with the days from ``first`` on."""
        table = self._table
        if table is not None and (self._whole or first - CARRY >= table.days[0]):
            return table
        recent = first >= now.date() - QUARTER_REACH + CARRY
        path = QUARTER if table is None and recent else HISTORY
        loaded = await self._fetch(path)
        if loaded is None:
            raise BadPayloadError(f"{path} is not sent although nothing of it is known")
        self._table = loaded if table is None else loaded.with_newer(table)
        return self._table

    async def _renewed(self, table: Table, *, now: datetime) -> Table:
        newest, expected = table.days[-1], last_publication(now)
        if newest >= expected or (self._again_at is not None and now < self._again_at):
            return table
        if newest >= _working_day(expected - timedelta(days=1)):
            path = DAY
        else:
            path = QUARTER if expected - newest <= QUARTER_REACH else HISTORY
        self._again_at = now + AGAIN_AFTER
        try:
            found = await self._fetch(path)
        except ProviderError as error:
            if now.date() - newest > CARRY:
                raise
            log.warning("rates_not_renewed", provider=self.name, error=str(error))
            return table
        return table if found is None else table.with_newer(found)

    async def _fetch(self, path: str) -> Table | None:
        """Return what a file has; null if it is still the one that was read last."""
        parse = read_history if path == HISTORY else read_xml

        def read(answer: Answer) -> Table | None:
            if answer.status == 304:
                return None
            table = parse(answer.body, name=path.lstrip("/"))
            self._whole = self._whole or path == HISTORY
            self._versions[path] = {
                asked: answer.headers[told]
                for told, asked in VALIDATORS.items()
                if told in answer.headers
            }
            return table

        return await self.upstream.get(path, read=read, headers=self._versions.get(path))
