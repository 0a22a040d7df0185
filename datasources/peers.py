"""Replicas of one deployment: one of them looks after prices for all, and each hears of bookings.

Every replica says each second what its people listen to. The one that leads polls and connects for
all of it and tells prices; the others ask nobody. What is told and cannot be said is kept, of each
symbol the newest, and said when the wire is back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Protocol, Self
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from datasources.lease import Lease
from datasources.protocols import Clock
from datasources.wire import Wire
from models.changes import Topic
from models.market import Quote

log = structlog.get_logger(__name__)

BEAT = timedelta(seconds=1)
QUIET = timedelta(seconds=3)
"""Who says nothing for so long is not there."""

PATIENCE = 0.1
"""Seconds that a task has to end when it is told to."""

LEASE = timedelta(seconds=5)
"""How long the one that leads is missed before another may."""

LOOKING = 5
"""Every so many beats without a wire everybody looks at the ledgers without being told."""

MAX_QUOTES = 500
"""Prices in one message."""

MAX_TOPICS = 10_000
"""Topics that wait to be told; beyond that everybody is told to look at everything."""

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one replica tells the others; ``topics`` is null for all, ``wants`` for as before.

    Prices are for those alone who have them from the same ``sources``.
    """

    sender: str
    sources: str
    leads: bool = False
    wants: tuple[str, ...] | None = None
    quotes: tuple[Quote, ...] = ()
    topics: tuple[tuple[str, int | str], ...] | None = ()


_FORM = TypeAdapter(Message)


class Ear(Protocol):
    """Hears what other replicas tell, and knows what its own people listen to."""

    @property
    def symbols(self) -> frozenset[str]:
        """Return the symbols that anybody listens to here."""
        ...

    def hear(self, quotes: Collection[Quote]) -> None:
        """Take prices from the replica that leads."""
        ...

    def stir(self, topics: Collection[Topic] | None) -> None:
        """Take it that topics have changed elsewhere; null for whatever others may change."""
        ...

    async def settle(self) -> None:
        """See what there is to look after now."""
        ...


class Peers:
    """The other replicas, as one of them knows them."""

    def __init__(
        self,
        wire: Wire,
        lease: Lease,
        *,
        clock: Clock,
        sources: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.leads = False
        """Whether prices are for this replica to look after."""
        self._wire = wire
        self._lease = lease
        self._clock = clock
        self._sources = sources
        self._sleep = sleep
        self._name = uuid4().hex
        self._ear: Ear | None = None
        self._wants: dict[str, tuple[frozenset[str], datetime]] = {}
        self._echoed_at = self._leader_heard_at = NEVER
        self._was_connected = False
        self._seen: tuple[bool, bool, frozenset[str]] = (False, True, frozenset())
        self._beats = 0
        self._says_wants = True
        self._said: frozenset[str] = frozenset()
        self._quotes: dict[str, Quote] = {}
        self._topics: set[Topic] | None = set()
        self._news = asyncio.Event()
        self._unsettled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def attend(self, ear: Ear) -> None:
        """Let somebody hear what the others tell."""
        self._ear = ear

    @property
    def wanted(self) -> frozenset[str]:
        """Return the symbols that anybody listens to at other replicas."""
        return frozenset().union(*(symbols for symbols, _ in self._wants.values()))

    @property
    def connected(self) -> bool:
        """Tell whether what is said here is heard."""
        return self._lately(self._echoed_at)

    @property
    def cut_off(self) -> bool:
        """Tell whether nobody looks after prices for this replica, so that it must do so itself."""
        return not self.leads and not (self._lately(self._leader_heard_at) and self.connected)

    def _lately(self, moment: datetime) -> bool:
        # A clock that was put back must not make it last.
        return abs(self._clock() - moment) < QUIET

    def show(self, quote: Quote) -> None:
        """Tell the others a price; a newer one replaces it until it is said."""
        self._quotes[quote.symbol] = quote
        self._news.set()

    def tell(self, topics: Collection[Topic]) -> None:
        """Tell the others that topics have changed."""
        if self._topics is not None:
            self._topics.update(topics)
            if len(self._topics) > MAX_TOPICS:
                self._topics = None
        self._news.set()

    def want(self) -> None:
        """Tell the others what is listened to here, if it is something else than they know."""
        if self._ear is not None and self._ear.symbols != self._said:
            self._says_wants = True
            self._news.set()

    async def beat(self) -> None:
        """Do what is done each second: keep the lead or take it, notice who is gone, be heard."""
        leads = await self._lease.held()
        if leads is not self.leads:
            log.info("feed_taken" if leads else "feed_given_up")
        self.leads = leads
        self._wants = {
            name: (symbols, heard_at)
            for name, (symbols, heard_at) in self._wants.items()
            if self._lately(heard_at)
        }
        self._see()
        self._beats += 1
        if self._ear is not None and not self.connected and self._beats % LOOKING == 0:
            self._ear.stir(None)
        if not self.connected and self._was_connected:
            self._was_connected = False
            log.warning("replicas_not_heard")
        self._says_wants = True
        self._news.set()

    async def flush(self) -> bool:
        """Say what there is to say; false if it could not be said, and is kept."""
        quotes = dict(islice(self._quotes.items(), MAX_QUOTES))
        for symbol in quotes:
            del self._quotes[symbol]
        topics, self._topics = self._topics, set()
        wants = None
        if self._ear is not None and self._says_wants:
            self._said = self._ear.symbols
            wants = tuple(sorted(self._said))
        self._says_wants = False
        message = Message(
            sender=self._name,
            sources=self._sources,
            leads=self.leads,
            wants=wants,
            quotes=tuple(quotes.values()),
            topics=None if topics is None else tuple(sorted(topics)),  # type: ignore[arg-type]
        )
        said = False
        try:
            said = await self._wire.say(_FORM.dump_json(message))
        finally:
            if not said:
                self._keep(quotes, topics)
        if said and self._quotes:
            self._news.set()
        return said

    def _keep(self, quotes: dict[str, Quote], topics: set[Topic] | None) -> None:
        """Keep what was not said, behind what is newer."""
        self._quotes = quotes | self._quotes
        self._topics = None if topics is None or self._topics is None else topics | self._topics

    def take(self, text: bytes) -> None:
        """Take a message; one that cannot be read is from replicas with other code."""
        try:
            message = _FORM.validate_json(text)
        except ValidationError:
            return
        if message.sender == self._name:
            self._take_echo()
            return
        if self._ear is None:
            return
        if message.topics or message.topics is None:
            self._ear.stir(message.topics)
        if message.sources == self._sources:
            self._take_prices(message, self._ear)

    def _take_echo(self) -> None:
        self._echoed_at = self._clock()
        if not self._was_connected:
            self._was_connected = True
            self._see()
            if self._ear is not None:
                self._ear.stir(None)  # what was told meanwhile was not heard

    def _take_prices(self, message: Message, ear: Ear) -> None:
        now = self._clock()
        if message.wants is not None:
            self._wants[message.sender] = (frozenset(message.wants), now)
        if message.leads:
            self._leader_heard_at = now
            ear.hear(message.quotes)
        self._see()

    def _see(self) -> None:
        """See whether there is something else to look after, for whatever reason."""
        state = (self.leads, self.cut_off, self.wanted)
        if state != self._seen:
            self._seen = state
            self._unsettled.set()

    async def _beat(self) -> None:
        while True:
            await self._sleep(BEAT.total_seconds())
            try:
                await self.beat()
            except Exception:
                log.exception("beat_failed")

    async def _say(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.flush()
            except Exception:
                log.exception("replicas_not_told")

    async def _settle(self) -> None:
        while True:
            await self._unsettled.wait()
            self._unsettled.clear()
            if self._ear is not None:
                try:
                    await self._ear.settle()
                except Exception:
                    log.exception("feed_not_settled")

    async def _hear(self) -> None:
        while True:
            try:
                async with aclosing(self._wire.hear()) as messages:  # type: ignore[type-var]
                    async for message in messages:
                        self.take(message)
            except Exception as error:  # noqa: BLE001  # the next try may do
                # Only the kind of error: a server's words may repeat a password.
                log.debug("wire_cut", error=type(error).__name__)
            await self._sleep(BEAT.total_seconds())

    async def __aenter__(self) -> Self:
        """Begin to hear and to be heard."""
        loops = (self._hear(), self._say(), self._settle(), self._beat())
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        await self.beat()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say what is left, and let another replica lead at once."""
        # The client of the server loses a cancellation that comes as it connects: so ask again.
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=PATIENCE)
        await self._lease.give_back()
        self.leads = False
        with suppress(Exception):
            await self.flush()
        await self._wire.close()
