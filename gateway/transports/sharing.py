"""One execution and one serialisation of each event, however many follow the same subscription.

Two subscriptions are the same when their documents, their variables and their audiences are. Who
may subscribe is asked of each subscriber before it joins.

Of most, only the newest event matters. Where none may be left out, the execution goes on as fast as
the fastest of those who follow it, but waits for those who are far behind and read on. For who does
not, no more than so much waits; then the subscription ends and says so.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import orjson
import structlog
from graphql import GraphQLError, GraphQLSchema

from datasources.hub import Listener
from gateway.documents import Operation, PerOperation
from gateway.failures import failed, present
from gateway.transports.followers import (
    Follower,
    Response,
    Stragglers,
    Written,
    is_too_slow,
    too_slow,
    written,
)
from gateway.transports.terms import Terms, terms_of
from models.access import Scope
from models.changes import ACCESS, Topic
from models.portfolios import Portfolio
from resolvers.access import ROOT_FIELDS, guests_among, out_of_reach, portfolios_in_reach
from resolvers.audiences import Arguments, Audience, Shared
from resolvers.context import Context
from services.access import Principal

log = structlog.get_logger(__name__)

Note = Callable[[Any], None]
Begin = Callable[[Context, Note], AsyncGenerator[Response, None]]
"""Runs a subscription as somebody, and notes each event before its response comes."""

AT_ONCE = 200
"""Followers that are offered a response before anything else has its turn."""

FRESH = 1.0
"""Seconds for which it is taken for granted that who reached a portfolio still does."""

SLOT = "slot"
ENDLESS = datetime.max.replace(tzinfo=UTC)
NOBODY = Principal(user_id=0, expires_at=ENDLESS, scopes=frozenset({Scope.READ}))
"""As whom is executed what everybody gets: whatever looked at the caller would find nothing."""


class _Run:
    """One execution, and those who follow it."""

    def __init__(
        self,
        begin: Callable[[Note], AsyncGenerator[Response, None]],
        *,
        request_id: str,
        forget: Callable[[], None],
        gate: "_Gate | None",
        every: bool,
    ) -> None:
        self._request_id = request_id
        self._followers: dict[Follower, int] = {}
        self._begin = begin
        self._forget = forget
        self._topic: Topic = (SLOT, None)
        self._last: dict[Topic, Written] = {}
        self._gate = gate
        self._every = every
        self._passed = asyncio.Event()
        self._stragglers = Stragglers(self._followers.keys())
        self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        final: Response | None = None
        watch = asyncio.create_task(self._gate.watch(self._followers)) if self._gate else None
        try:
            async with aclosing(self._begin(self._note)) as responses:
                async for response in responses:
                    if "data" not in response:
                        final = response
                        return
                    await self._show(written(response))
        except Exception as error:  # noqa: BLE001  # logged and masked
            final = {"errors": [failed(error, request_id=self._request_id)]}
        finally:
            self._forget()
            for follower in tuple(self._followers):
                self._end(follower, final)
            if watch is not None:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)

    def _note(self, slot: Hashable) -> None:
        self._topic = (SLOT, slot)

    async def _show(self, event: Written) -> None:
        topic = self._topic
        if self._gate is not None:
            await self._gate.sure(self._followers)
        self._last[topic] = event
        for number, follower in enumerate(tuple(self._followers), 1):
            if follower in self._followers:
                self._offer(follower, topic, event)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # others have their turn, and what was written goes out
        if self._every:
            await self._passed_on()
            del self._last[topic]

    async def _passed_on(self) -> None:
        """Wait until somebody has passed on all there is, and others have not much more to pass on.

        Lets go who is too far behind.
        """
        while all(follower.waiting for follower in self._followers):
            self._passed.clear()
            await self._passed.wait()
        await self._stragglers.caught_up(self._passed)
        for follower in tuple(self._followers):
            if follower.waiting and is_too_slow(follower):
                del self._followers[follower]
                self._end(follower, {"errors": present([too_slow()], request_id=self._request_id)})

    def _offer(self, follower: Follower, topic: Topic, event: Written) -> None:
        """Show something to somebody; whoever fails to take it keeps it from nobody else."""
        try:
            follower.offer(topic, event)
        except Exception as error:  # noqa: BLE001  # logged and masked
            self._followers.pop(follower, None)
            self._end(follower, {"errors": [failed(error, request_id=self._request_id)]})

    def _end(self, follower: Follower, final: Response | None) -> None:
        try:
            follower.end(final)
        except Exception:
            log.exception("follower_not_ended")

    def passed(self) -> None:
        """Take it that somebody has passed something on."""
        self._passed.set()

    def join(self, follower: Follower, user_id: int) -> None:
        """Let somebody follow, from the last response of each slot on."""
        self._followers[follower] = user_id
        if self._gate is not None:
            self._gate.look()
        for topic, event in self._last.items():
            follower.offer(topic, event)
        self._passed.set()

    def leave(self, follower: Follower) -> asyncio.Task[None] | None:
        """Let somebody go; the last one ends the execution, and gets what is left of it."""
        self._followers.pop(follower, None)
        self._stragglers.forget(follower)
        if self._followers:
            self._passed.set()
            return None
        self._forget()
        self._task.cancel()
        return self._task


class _Gate:
    """Lets go who no longer reaches the portfolio that is followed, before anything more is shown.

    It looks at once when it hears that somebody has lost it, and now and then in any case: from
    another replica that may not be heard. Whoever joins is looked at, too.
    """

    def __init__(self, context: Context, portfolio: Portfolio) -> None:
        self._context = context
        self._key = portfolio.id or 0
        self._owner_id = portfolio.owner_id
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._listener: Listener | None = None

    def look(self) -> None:
        """Look who is there; if nothing looks yet, all will be looked at first."""
        self._looked_at = float("-inf")
        if self._listener is not None:
            self._listener.offer((ACCESS, self._key), None)

    async def sure(self, followers: dict[Follower, int]) -> None:
        """Make sure that whoever is there reached the portfolio a moment ago."""
        async with self._looking:
            if asyncio.get_running_loop().time() - self._looked_at > FRESH:
                await self._look(followers)

    async def watch(self, followers: dict[Follower, int]) -> None:
        """Look who is there whenever somebody may have lost the portfolio."""
        access: Topic = (ACCESS, self._key)
        async with self._context.services.feed.join([access]) as self._listener:
            news: dict[Topic, Any] = {access: None}
            while news:
                async with self._looking:
                    await self._look(followers)
                news = await self._listener.changes()

    async def _look(self, followers: dict[Follower, int]) -> None:
        self._looked_at = asyncio.get_running_loop().time()
        guests = {one: user for one, user in followers.items() if user != self._owner_id}
        if not guests:
            return
        self._context.forget()
        reached, error = set[int](), out_of_reach()
        try:
            reached = await guests_among(self._context, self._key, set(guests.values()))
        except Exception as failure:  # noqa: BLE001  # logged and masked; they come again
            error = GraphQLError("failure", original_error=failure)
        gone = [one for one, user_id in guests.items() if user_id not in reached]
        for follower in gone:
            if followers.pop(follower, None) is None:
                continue  # has left meanwhile
            errors = present([error], request_id=self._context.request_id)
            follower.end({"errors": errors}, at_once=True)


@dataclass(frozen=True, slots=True)
class House:
    """As whom something is executed for all who may get it, and of what parts it is the sum.

    A part is a name and the arguments that it has instead.
    """

    principal: Principal
    readers_of: int | None
    parts: tuple[tuple[bytes, Arguments | None], ...]

    def context(self, of: Context, *, narrowed: Arguments | None = None) -> Context:
        """Return a context of the house where somebody has one of their own."""
        return Context(
            services=of.services,
            principal=self.principal,
            request_id=of.request_id,
            readers_of=self.readers_of,
            narrowed=narrowed,
        )


@dataclass(frozen=True, slots=True)
class Seat:
    """A follower's place at the executions whose sum it follows."""

    runs: tuple[_Run, ...]
    follower: Follower
    user_id: int
    every: bool
    """Whether nothing that they say may be left out."""

    def begin(self) -> None:
        """Follow, from the last response of each slot on."""
        for run in self.runs:
            run.join(self.follower, self.user_id)

    def passed(self) -> None:
        """Tell that something has been passed on."""
        for run in self.runs:
            run.passed()

    def leave(self) -> list[asyncio.Task[None]]:
        """Follow no more; return what is left of executions that were for nobody else."""
        endings = [run.leave(self.follower) for run in self.runs]
        return [ending for ending in endings if ending is not None]


class _Reader:
    """Follows at its own pace: of each topic, what has not been read is replaced by what is newer.

    What was read is passed on when the next one is asked for.
    """

    def __init__(self) -> None:
        self._due: dict[Topic, Written] = {}
        self._bytes = 0
        self._in_hand = False
        self._ended = False
        self._final: Response | None = None
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many responses are not read, with the one that is being passed on."""
        return len(self._due) + self._in_hand

    @property
    def burden(self) -> int:
        """Return how many bytes are not read; nothing if it is one response."""
        return self._bytes if self.waiting > 1 else 0

    def offer(self, topic: Topic, event: Written) -> None:
        """Keep a response until it is read."""
        self._bytes += len(event) - len(self._due.get(topic, b""))
        self._due[topic] = event
        self._wake.set()

    def end(self, final: Response | None, *, at_once: bool = False) -> None:
        """End after what is kept and what it ended with."""
        if at_once:
            self._due.clear()
            self._bytes = 0
        self._final, self._ended = final, True
        self._wake.set()

    async def read(self, seat: Seat) -> AsyncGenerator[Response, None]:
        """Follow from a seat, and yield responses as they come."""
        try:
            seat.begin()
            while self._due or not self._ended:
                if not self._due:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                event = self._due.pop(next(iter(self._due)))
                self._bytes -= len(event)
                self._in_hand = True
                yield event.response
                self._in_hand = False
                seat.passed()
            if self._final is not None:
                yield self._final
        finally:
            await asyncio.gather(*seat.leave(), return_exceptions=True)


class Sharing:
    """Knows which subscriptions are running, and lets those who want the same follow one."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._terms = PerOperation(lambda operation: terms_of(operation, schema))
        self._runs: dict[Hashable, _Run] = {}

    @property
    def running(self) -> int:
        """Return how many executions are shared now."""
        return len(self._runs)

    def newest_only(self, operation: Operation) -> bool:
        """Tell whether it is known of a subscription that only the newest event matters."""
        terms = self._terms.of(operation)
        return terms is not None and not terms.shared.every

    async def join(
        self,
        operation: Operation,
        variables: dict[str, Any] | None,
        context: Context,
        *,
        begin: Begin,
        follower: Follower,
    ) -> Seat | None:
        """Give somebody a place at a subscription; null for one that nobody else may get.

        They must begin to follow before anything else has its turn.
        """
        terms, principal = self._terms.of(operation), context.principal
        if terms is None or principal is None:
            return None
        try:
            context.require(ROOT_FIELDS[terms.field] or Scope.READ)
            house = self._house(terms, variables or {}, principal)
        except (GraphQLError, orjson.JSONEncodeError):
            return None  # what is wrong is told by executing it
        portfolio: Portfolio | None = None
        if house.readers_of is not None:
            (portfolio,) = await portfolios_in_reach(context, [house.readers_of])
            if portfolio is None:
                return None
        runs = []
        for part, narrowed in house.parts:
            key = (operation, part, house.principal)
            if key not in self._runs:
                own = house.context(context, narrowed=narrowed)
                gate = None if portfolio is None else _Gate(house.context(context), portfolio)
                shared = terms.shared
                self._runs[key] = self._begun(key, begin, own, shared=shared, gate=gate)
            runs.append(self._runs[key])
        return Seat(tuple(runs), follower, principal.user_id, terms.shared.every)

    def _house(self, terms: Terms, variables: dict[str, Any], caller: Principal) -> House:
        """Return how something is executed for all who may get it.

        Raises GraphQLError and JSONEncodeError for what cannot be executed.
        """
        shared = terms.shared
        asked = terms.asked(variables, self._schema)
        if asked is None:
            raise GraphQLError("The variables do not fit.")
        principal, readers_of = NOBODY, None
        if shared.audience is Audience.USER:
            principal = replace(caller, expires_at=ENDLESS)
        elif shared.portfolio is not None:
            readers_of = shared.portfolio(asked.arguments)
        parts: list[tuple[bytes, Arguments | None]] = [(_written(variables), None)]
        if shared.each is not None:
            each = shared.each(asked.arguments)
            parts = [(_written([part, asked.beside]), part) for part in each]
        return House(principal, readers_of, tuple(parts))

    def _begun(
        self,
        key: Hashable,
        begin: Begin,
        house: Context,
        *,
        shared: Shared,
        gate: _Gate | None,
    ) -> _Run:
        run: _Run
        numbers = count()

        def work(note: Note) -> AsyncGenerator[Response, None]:
            if shared.every:
                return begin(house, lambda _: note(next(numbers)))
            return begin(house, lambda event: note(shared.slot(event)))

        def forget() -> None:
            if self._runs.get(key) is run:
                del self._runs[key]

        run = _Run(work, request_id=house.request_id, forget=forget, gate=gate, every=shared.every)
        return run

    async def follow(
        self,
        operation: Operation,
        variables: dict[str, Any] | None,
        context: Context,
        *,
        begin: Begin,
    ) -> AsyncGenerator[Response, None] | None:
        """Follow a subscription with others, at one's own pace; null as with ``join``."""
        reader = _Reader()
        seat = await self.join(operation, variables, context, begin=begin, follower=reader)
        return None if seat is None else reader.read(seat)


def _written(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
