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
from models.market import EuroRate, Rate, RateQuestion

log = structlog.get_logger(__name__)

PACKAGED = Path(__file__).parent.parent / "data" / "ecb-eurofxref-hist.zip"

FRANKFURT = ZoneInfo("Europe/Berlin")
PUBLISHED_AT = time(16)
CLOSING_DAYS = financial_holidays("XECB")
"""The days other than weekends without rates."""

AGAIN_AFTER = timedelta(minutes=15)
"""How long to wait for a publication that is late, or that the caches in between still hide."""

HISTORY, QUARTER = "/eurofxref-hist.zip", "/eurofxref-hist-90d.xml"
QUARTER_REACH = timedelta(days=80)
"""How far back the 90-day file surely goes."""

VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


class Ecb:
    """Serves the rates of a history file; past its end its last day stands, and says so.

    A file that is replaced counts from the next question on; one that cannot be read does not.
    """

    name = "ecb_file"
    batch: ClassVar[dict[str, int]] = {}

    def __init__(self, path: Path = PACKAGED) -> None:
        self._path = path
        self._table: Table | None = None
        self._seen: tuple[int, ...] | None = None
        self._loading = asyncio.Lock()

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the last published day on or before the day asked for.

        Absent before the first day, within a suspension, and for unknown currencies.
        """
        table = await self._loaded()
        return _answers(questions, table, latest=table.days[-1])

    async def euro_rates(
        self, currencies: Collection[str], *, first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return what was published of currencies between two days, oldest first."""
        table = await self._loaded()
        return await asyncio.to_thread(table.between, currencies, first, last)

    async def rates_version(self) -> str | None:
        """Return what changes with anything that the file has."""
        try:
            return (await self._loaded()).version
        except ProviderError:  # whoever asks for a rate is told
            return None

    async def _loaded(self) -> Table:
        """Return what the file has, read again if it is another one than it was."""
        if self._table is None or self._look() != self._seen:
            async with self._loading:
                seen = self._look()
                if self._table is None or seen != self._seen:
                    self._table = await asyncio.to_thread(self._read)
                    self._seen = seen
        return self._table

    def _look(self) -> tuple[int, ...] | None:
        """Tell the file from what it may be replaced by, which takes microseconds."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Table:
        try:
            table = read_history(self._path.read_bytes(), name=self._path.name)
        except (OSError, BadPayloadError) as error:
            if self._table is not None:
                log.warning("rates_not_renewed", provider=self.name, error=str(error))
                return self._table
            if isinstance(error, OSError):
                raise BadPayloadError(f"{self._path.name} cannot be read: {error}") from error
            raise
        return table


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
    That is read again once a day, for corrections of older days are told nowhere else.
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
        self._whole_read: date | None = None
        self._again_at: datetime | None = None
        self._versions: dict[str, dict[str, str]] = {}
        self._loading = asyncio.Lock()
        self._once = Once()

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the last published day within a week on or before the day."""
        if not questions:
            return {}
        table = await self._since(min(question.day for question in questions))
        return _answers(questions, table, latest=self._clock().date())

    async def euro_rates(
        self, currencies: Collection[str], *, first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return what was published of currencies between two days, oldest first."""
        table = await self._since(first)
        return await asyncio.to_thread(table.between, currencies, first, last)

    async def rates_version(self) -> str | None:
        """Return what changes with anything that was read; what is newer is not asked for."""
        table = self._table
        return None if table is None else table.version

    async def _since(self, first: date) -> Table:
        return await self._once.do(first, partial(self._current, first, now=self._clock()))

    async def _current(self, first: date, *, now: datetime) -> Table:
        async with self._loading:
            table = await self._load(first, now=now)
            self._table = await self._renewed(table, now=now)
            return self._table

    async def _load(self, first: date, *, now: datetime) -> Table:
        """Return what is there already, with the days from ``first`` on."""
        table = self._table
        if table is not None and (self._whole_read or first - CARRY >= table.days[0]):
            return table
        recent = first >= now.date() - QUARTER_REACH + CARRY
        path = QUARTER if table is None and recent else HISTORY
        loaded = await self._fetch(path)
        if loaded is None:
            raise BadPayloadError(f"{path} is not sent although nothing of it is known")
        # The history may be published after the 90-day file.
        older, newer = sorted([table or loaded, loaded], key=lambda one: one.days[-1])
        self._table = older.renewed(newer)
        return self._table

    async def _renewed(self, table: Table, *, now: datetime) -> Table:
        newest, expected = table.days[-1], last_publication(now)
        if newest >= expected or (self._again_at is not None and now < self._again_at):
            return table
        due = self._whole_read is not None and self._whole_read < now.date()
        path = HISTORY if due or expected - newest > QUARTER_REACH else QUARTER
        self._again_at = now + AGAIN_AFTER
        try:
            found = await self._fetch(path)
        except ProviderError as error:
            if now.date() - newest > CARRY:
                raise
            log.warning("rates_not_renewed", provider=self.name, error=str(error))
            return table
        if due:
            self._whole_read = now.date()
        return table if found is None else table.renewed(found)

    async def _fetch(self, path: str) -> Table | None:
        """Return what a file has; null if it is still the one that was read last."""
        parse = read_history if path == HISTORY else read_xml

        def read(answer: Answer) -> Table | None:
            if answer.status == 304:
                return None
            table = parse(answer.body, name=path.lstrip("/"))
            if path == HISTORY:
                self._whole_read = self._clock().date()
                # It may lag behind the 90-day file, which is sent again then though unchanged.
                self._versions.pop(QUARTER, None)
            self._versions[path] = {
                asked: answer.headers[told]
                for told, asked in VALIDATORS.items()
                if told in answer.headers
            }
            return table

        return await self.upstream.get(path, read=read, headers=self._versions.get(path))
