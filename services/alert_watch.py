"""Watches prices for everybody's alerts: one replica does, and the database lets each fire once.

Each price is looked at as it comes, in memory; what it does to alerts is then written in its turn,
each alert only if it is as it was read. So what somebody else did meanwhile is never done twice,
and whoever was wrong about an alert reads it anew.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Protocol, Self

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from analytics.alerts import Condition, Measure, Step, is_met, step
from datasources.market import Market
from datasources.protocols import Clock
from datasources.sessions import local_day
from datasources.tasks import end
from models.alerts import (
    Alert,
    AlertEvent,
    AlertState,
    alert_at,
    alerts_by_user,
    alerts_changed,
    alerts_to_watch,
    forget_events,
    users_with_pending_events,
)
from models.base import row_key
from models.changes import ALERT_EVENTS, ALERTS, Topic, note
from models.database import CHUNK, Database
from models.instruments import Instrument
from models.market import Quote, QuoteQuality
from services.alerts import condition_of, is_believable
from services.failing import say_failed

log = structlog.get_logger(__name__)

MAX_EVENTS = 100
"""Events that are kept of one alert, the newest."""

MAX_DUE = 10_000
"""Changes that wait for the database; beyond that the oldest are left out, and alerts read anew."""

ROUND = timedelta(minutes=1)
"""How often it is looked for changes that nobody told of, and what is pending is told again."""

WHOLE = timedelta(hours=1)
"""How often all alerts are read anew: so is noticed what was deleted and not told."""

SKEW = timedelta(minutes=1)
"""How far the clocks of replicas may be apart."""

RECENT = timedelta(hours=1)
"""How old what is pending may be to be told of again; older is told to whoever subscribes."""

NEVER = datetime.min.replace(tzinfo=UTC)

LAST_ROUND = 5.0
"""Seconds that a round may still take when the watch is to stop."""

FIRST_PAUSE = timedelta(seconds=1)
"""How long to wait for the next try where the database failed; twice as long each time."""


class Prices(Protocol):
    """Shows each price of what is watched, in the replica that looks after prices."""

    def watch(self, watcher: "AlertWatch | None") -> None:
        """Show prices to a watcher, or no longer to any."""
        ...

    def tell(self, topics: Collection[Topic]) -> None:
        """Tell those who listen to topics that they have changed."""
        ...

    async def settle(self) -> None:
        """Look after what is watched now."""
        ...


@dataclass(slots=True, kw_only=True)
class Watched:
    """An alert as it will be when all that is due is written.

    It is ``lost`` when it turns out that somebody else has changed it: then nothing of it counts.
    """

    alert_id: int
    user_id: int
    symbol: str
    currency: str
    condition: Condition
    repeats: bool
    expires_at: datetime | None
    times_triggered: int
    version: int
    armed: bool
    judged_at: datetime | None
    judged_close: Decimal | None
    seen_at: datetime
    lost: bool = False

    def _begins_anew(self, quote: Quote, at: datetime) -> bool:
        """Tell whether a change counts from another close than when it was last met.

        A later day alone is not enough: vendors tell the close of the day before until the open.
        Nor is another close: two vendors may differ about the same one.
        """
        return (
            self.condition.measure is Measure.CHANGE_FROM_PREVIOUS_CLOSE
            and self.judged_at is not None
            and quote.previous_close != self.judged_close
            and local_day(self.symbol, at) > local_day(self.symbol, self.judged_at)
        )

    def take(self, quote: Quote) -> Step:
        """Take a price, and tell what it does; one that is older than another does nothing."""
        at = min(quote.as_of, quote.received_at)  # a clock that is ahead must not silence the rest
        if at < self.seen_at:
            return Step.STAY
        self.seen_at = at
        met = is_met(self.condition, price=quote.price, previous_close=quote.previous_close)
        taken = step(met, armed=self.armed, begins_anew=self._begins_anew(quote, at))
        if taken is not Step.STAY:
            self.armed = taken is Step.ARM
            self.judged_at, self.judged_close = at, quote.previous_close
        return taken


def watched_of(alert: Alert, *, symbol: str) -> Watched:
    """Return what is watched of an alert as it is stored."""
    return Watched(
        alert_id=row_key(alert.id),
        user_id=alert.user_id,
        symbol=symbol,
        currency=alert.currency,
        condition=condition_of(alert),
        repeats=alert.repeats,
        expires_at=alert.expires_at,
        times_triggered=alert.times_triggered,
        version=alert.version,
        armed=alert.state == AlertState.ARMED.value,
        judged_at=alert.judged_at,
        judged_close=alert.judged_close,
        seen_at=alert.judged_at or NEVER,
    )


@dataclass(frozen=True, slots=True)
class Due:
    """What a price did to an alert of a version, to be written."""

    watched: Watched
    version: int
    step: Step
    quote: Quote
    at: datetime


class AlertWatch:
    """Evaluates alerts as long as this replica looks after prices.

    Used as an async context manager it works in the background, and writes what is due at the end.
    """

    def __init__(
        self,
        *,
        database: Database,
        market: Market,
        prices: Prices,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._market = market
        self._prices = prices
        self._clock = clock
        self._sleep = sleep
        self._leads = False
        self._watched: dict[str, dict[int, Watched]] = {}
        self._due: deque[Due] = deque(maxlen=MAX_DUE)
        self._settled: frozenset[str] = frozenset()
        self._fresh: set[str] = set()
        self._all_read_at: datetime | None = None
        self._read_at: datetime | None = None
        self._changed: set[int] = set()
        self._wake = asyncio.Event()
        self._at_work = asyncio.Lock()
        self._worker: asyncio.Task[None] | None = None

    @property
    def symbols(self) -> frozenset[str]:
        """Return the symbols that there are alerts of."""
        return frozenset(self._watched)

    @property
    def watched(self) -> int:
        """Return how many alerts are evaluated here."""
        return sum(map(len, self._watched.values()))

    def lead(self, leads: bool) -> None:
        """Take over the watch, or leave it to another replica; what is due is written anyway."""
        if leads is not self._leads:
            self._leads = leads
            self._watched.clear()
            self._changed.clear()
            self._all_read_at = self._read_at = None
            self._wake.set()

    def stir(self, topics: Collection[Topic] | None) -> None:
        """Take it that the alerts of users have changed; null for those of anybody."""
        if not self._leads:
            return
        users = {user for kind, user in topics or () if kind == ALERTS and isinstance(user, int)}
        if topics is None and self._read_at is not None:
            self._read_at -= ROUND  # as if it was time to look
        if users or topics is None:
            self._changed |= users
            self._wake.set()

    def see(self, quote: Quote) -> None:
        """Look at a price. What is stale, in doubt or made up among real ones does nothing."""
        mine = self._watched.get(quote.symbol)
        if not mine or quote.quality is QuoteQuality.STALE:
            return
        if not is_believable(quote, among_real=self._market.has_vendors):
            return
        now = self._clock()
        for watched in list(mine.values()):
            if watched.expires_at is not None and watched.expires_at <= now:
                self._drop(watched)
                continue
            taken = watched.take(quote) if quote.currency == watched.currency else Step.STAY
            if taken is not Step.STAY:
                self._due.append(Due(watched, watched.version, taken, quote, now))
                watched.version += 1
                self._wake.set()
            if taken is Step.FIRE and not watched.repeats:
                self._drop(watched)

    def _drop(self, watched: Watched) -> None:
        mine = self._watched.get(watched.symbol, {})
        mine.pop(watched.alert_id, None)
        if not mine:
            self._watched.pop(watched.symbol, None)
        self._wake.set()

    async def round(self) -> None:
        """Write what is due, and read what has changed."""
        await self._write_due()
        if self._leads:
            await self._read()
        if self.symbols != self._settled:
            settled = self.symbols
            await self._prices.settle()
            self._settled = settled
        # The first price counts as any: so is found what was crossed while nobody looked.
        if self._fresh:
            quotes = await self._market.quotes(sorted(self._fresh))
            self._fresh.clear()
            for quote in quotes.values():
                self.see(quote)

    async def _read(self) -> None:
        now = self._clock()
        if _is_over(self._all_read_at, WHOLE, now):
            rows = await self._database.rows(alerts_to_watch(now=now))
            self._take(rows, now=now, instead_of=self._all())
            self._all_read_at = now
        elif self._read_at is not None and _is_over(self._read_at, ROUND, now):
            rows = await self._database.rows(alerts_changed(self._read_at - SKEW))
            self._take(rows, now=now)
        if _is_over(self._read_at, ROUND, now):
            recent = users_with_pending_events(since=now - RECENT)
            users = await self._database.scalars(recent)
            self._prices.tell([(ALERT_EVENTS, user) for user in users])
            self._read_at = now
        while self._changed:
            user = next(iter(self._changed))
            rows = await self._database.rows(alerts_by_user([user]))
            self._changed.discard(user)
            self._take(rows, now=now, instead_of=self._all(user))

    def _all(self, user_id: int | None = None) -> list[Watched]:
        """Return all that is watched, or of a user."""
        watched = (one for mine in self._watched.values() for one in mine.values())
        return [one for one in watched if user_id in {None, one.user_id}]

    def _take(
        self,
        rows: Sequence[tuple[Alert, Instrument]],
        *,
        now: datetime,
        instead_of: Collection[Watched] = (),
    ) -> None:
        """Take alerts as they are stored, but for those that changes of ours are due of."""
        stored = {alert.id for alert, _ in rows}
        for watched in instead_of:
            if watched.alert_id not in stored:
                self._drop(watched)
        for alert, instrument in rows:
            symbol = instrument.symbol
            known = self._watched.get(symbol, {}).get(row_key(alert.id))
            if known is not None and known.version >= alert.version:
                continue
            if known is not None:
                known.lost = True
                self._drop(known)
            over = alert.expires_at is not None and alert.expires_at <= now
            if alert.state != AlertState.TRIGGERED.value and not over:
                watched = watched_of(alert, symbol=symbol)
                self._watched.setdefault(symbol, {})[watched.alert_id] = watched
                self._fresh.add(symbol)

    async def _write_due(self) -> None:
        while self._due:
            await self._write([self._due.popleft() for _ in range(min(len(self._due), CHUNK))])

    async def _write(self, batch: list[Due]) -> None:
        """Write changes, each if its alert is as it was; all are due again if that fails."""
        try:
            async with self._database.writing() as session:
                # In one order, so that two who write the same ones do not wait for each other.
                for due in sorted(batch, key=lambda due: due.watched.alert_id):
                    if not due.watched.lost and not await _write(session, due):
                        due.watched.lost = True
        except BaseException:
            self._due.extendleft(reversed(batch))
            raise
        for watched in {id(due.watched): due.watched for due in batch}.values():
            if watched.lost:
                self._drop(watched)
                self._changed.add(watched.user_id)

    async def _work(self, *, begun_well: bool) -> None:
        went_well, pause = begun_well, FIRST_PAUSE
        while True:
            if went_well:
                pause = FIRST_PAUSE
                with suppress(TimeoutError):
                    async with asyncio.timeout(ROUND.total_seconds()):
                        await self._wake.wait()
            else:
                await self._sleep(pause.total_seconds())
                pause = min(2 * pause, ROUND)
            self._wake.clear()
            went_well = await self._try_round()

    async def _try_round(self) -> bool:
        async with self._at_work:
            try:
                await self.round()
            except Exception as error:  # noqa: BLE001  # logged
                say_failed(log, "alerts_not_watched", error)
                return False
            return True

    async def __aenter__(self) -> Self:
        """Read what there is to watch, if it is for this replica to do, and begin."""
        self._prices.watch(self)
        begun_well = await self._try_round()
        self._worker = asyncio.create_task(self._work(begun_well=begun_well))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and write what is due."""
        self._prices.watch(None)
        if self._worker is not None:
            # A round that is cut off can lose its connection, so it may come to its end.
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_ROUND), self._at_work:
                    self._worker.cancel()
            await end(self._worker)
        try:
            await self._write_due()
        except Exception:
            log.exception("alerts_not_written")


def _is_over(since: datetime | None, period: timedelta, now: datetime) -> bool:
    """Tell whether a period is over; a clock that was put back must not make it last."""
    return since is None or abs(now - since) >= period


async def _write(session: AsyncSession, due: Due) -> bool:
    """Write what a price did to an alert; false if somebody else has changed the alert."""
    watched, quote = due.watched, due.quote
    changes: dict[str, Any] = {
        "version": due.version + 1,
        "changed_at": due.at,
        "judged_at": min(quote.as_of, quote.received_at),
        "judged_close": quote.previous_close,
    }
    if due.step is Step.ARM:
        changes |= {"state": AlertState.ARMED.value, "armed_at": due.at}
    else:
        state = AlertState.DISARMED if watched.repeats else AlertState.TRIGGERED
        changes |= {"state": state.value, "armed_at": None, "triggered_at": due.at}
        changes |= {"times_triggered": col(Alert.times_triggered) + 1}
    written: Any = await session.execute(
        alert_at(watched.alert_id, version=due.version).values(changes),
        execution_options={"synchronize_session": False},
    )
    if written.rowcount != 1:
        return False
    if due.step is Step.FIRE:
        watched.times_triggered += 1
        session.add(
            AlertEvent(
                alert_id=watched.alert_id,
                user_id=watched.user_id,
                threshold=watched.condition.threshold,
                price=quote.price,
                currency=quote.currency,
                base=watched.condition.base(quote.previous_close),
                as_of=quote.as_of,
                source=quote.source,
                triggered_at=due.at,
            )
        )
        note(session, (ALERT_EVENTS, watched.user_id))
        if watched.times_triggered > MAX_EVENTS:
            await session.execute(
                forget_events(watched.alert_id, keep=MAX_EVENTS),
                execution_options={"synchronize_session": False},
            )
    return True
