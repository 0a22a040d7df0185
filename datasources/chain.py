"""The chain: providers asked in order for what is still missing, each watched and held to its time.

What a provider knows is an answer, what it does not know goes on to the next, and so does what it
could not tell: the class of the error decides whether it is asked again soon.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Generic, TypeVar

import structlog

from datasources.breaker import Breaker
from datasources.errors import (
    CircuitOpenError,
    InvalidCredentialsError,
    NotEntitledError,
    ProviderError,
    UnavailableError,
)
from datasources.loaded import Loaded
from datasources.pacing import Budget, time_left
from datasources.protocols import Clock, Provider
from models.market import Attempt, BreakerState, Outcome, ProviderState

log = structlog.get_logger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

BARRED_FOR = timedelta(days=1)
"""How long a plan's refusal of a kind and venue is believed: plans change seldom."""

REFUSALS = 3
"""So many different keys refused, none answered in between: it is the venue, not an odd symbol."""

TOLD_EVERY = timedelta(minutes=1)

OFF_FOR = timedelta(minutes=15)
"""How long a provider with a wrong key is left alone."""

_REFUSED_FOR: dict[type[ProviderError], timedelta] = {
    InvalidCredentialsError: OFF_FOR,
    NotEntitledError: BARRED_FOR,
}

LAST_TIME = 10.0
"""Seconds that the last provider may take: callers have gone on by then, the cache still gains."""


class Line:
    """One provider as the chain sees it: what it was asked, how it fared, whether to ask it."""

    def __init__(self, provider: Provider, *, clock: Clock) -> None:
        self.provider = provider
        self.breaker = Breaker(clock=clock)
        self.calls: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, Outcome]] = Counter()
        self.last_error: str | None = None
        self.last_error_at: datetime | None = None
        self.last_success_at: datetime | None = None
        self.milliseconds: float | None = None
        self.seconds = 0.0
        self.answered = 0
        self._clock = clock
        self._off_until: datetime | None = None
        self._barred: dict[tuple[str, str], datetime] = {}
        self._told: dict[tuple[str, str], datetime] = {}
        self._refused: defaultdict[tuple[str, str], set[Hashable]] = defaultdict(set)

    @property
    def name(self) -> str:
        """Return the provider's name."""
        return self.provider.name

    @property
    def remote(self) -> bool:
        """Tell whether the provider asks a vendor's service."""
        return hasattr(self.provider, "upstream")

    @property
    def malformed(self) -> int:
        """Return how many events of streams could not be read."""
        return getattr(getattr(self.provider, "upstream", None), "malformed", 0)

    def off(self) -> ProviderError | None:
        """Return why nothing may be asked now, if so."""
        if self._off_until is not None and self._clock() < self._off_until:
            return InvalidCredentialsError("the key is missing or wrong")
        return None

    def barred(self, kind: str, venue: str) -> bool:
        """Tell whether the plan is known not to include a kind of a venue."""
        until = self._barred.get((kind, venue))
        return until is not None and self._clock() < until

    async def call(
        self,
        kind: str,
        keys: list[K],
        *,
        ask: Callable[[Any, list[K]], Awaitable[dict[K, V]]],
        venue_of: Callable[[K], str],
        seconds: float,
    ) -> dict[K, V]:
        """Ask for one batch; raises ProviderError, whatever went wrong."""
        admission = self.breaker.admit()
        if admission is None:
            raise CircuitOpenError("left alone after repeated failures")
        self.calls[kind] += 1
        started = perf_counter()
        faulty: bool | None = None
        time_left.set(timedelta(seconds=seconds))
        try:
            async with asyncio.timeout(seconds):
                found = await ask(self.provider, keys)
            faulty = False
        except TimeoutError:
            faulty = True
            raise self._failed(kind, UnavailableError("took too long")) from None
        except ProviderError as error:
            # A refusal says nothing about a provider's health.
            faulty = True if error.faulty else None
            self._learn(kind, error, keys, venue_of)
            raise self._failed(kind, error) from None
        except Exception as error:
            # A provider's defect is no reason to fail the graph, but must be seen.
            faulty = True
            log.exception("provider_broken", provider=self.name, kind=kind)
            raise self._failed(kind, ProviderError(type(error).__name__)) from None
        finally:
            self.breaker.settle(admission, faulty=faulty)
        spent = perf_counter() - started
        self.seconds += spent
        self.answered += 1
        before = spent * 1000 if self.milliseconds is None else self.milliseconds
        self.milliseconds = 0.8 * before + 0.2 * spent * 1000
        self.last_success_at = self._clock()
        for key in found:
            self._refused.pop((kind, venue_of(key)), None)
        return found

    def lost(self, error: ProviderError) -> None:
        """Note that a stream could not be opened or ended; a refusal is believed for a while.

        It says nothing about questions: a plan may have these and no stream.
        """
        self.outcomes["stream", _outcome(error)] += 1
        length = _REFUSED_FOR.get(type(error))
        if length is not None:
            self._barred["stream", ""] = self._clock() + length
        log.warning("stream_lost", provider=self.name, code=error.code, error=str(error))

    def state(self, kinds: Sequence[str]) -> ProviderState:
        """Tell an operator how the provider is."""
        breaker = self.breaker.state
        failed = self.last_error_at is not None and (
            self.last_success_at is None or self.last_success_at < self.last_error_at
        )
        budget: Budget | None = getattr(getattr(self.provider, "upstream", None), "budget", None)
        return ProviderState(
            name=self.name,
            kinds=tuple(kinds),
            usable=breaker is not BreakerState.OPEN and self.off() is None and not failed,
            breaker=breaker,
            probes_at=self.breaker.probes_at,
            budgets=tuple(budget.states()) if budget else (),
            last_error=self.last_error,
            last_error_at=self.last_error_at,
            last_success_at=self.last_success_at,
            milliseconds=self.milliseconds,
            calls=self.calls.total(),
        )

    def _learn(
        self, kind: str, error: ProviderError, keys: list[K], venue_of: Callable[[K], str]
    ) -> None:
        now = self._clock()
        venues = {venue_of(key) for key in keys}
        if isinstance(error, InvalidCredentialsError):
            self._off_until = now + OFF_FOR
        elif isinstance(error, NotEntitledError) and len(venues) == 1:
            # The refusal of a mixed batch does not tell which venue it is about.
            of_venue = (kind, venues.pop())
            self._refused[of_venue].update(keys)
            if len(self._refused[of_venue]) >= REFUSALS:
                del self._refused[of_venue]
                self._barred[of_venue] = now + BARRED_FOR

    def _failed(self, kind: str, error: ProviderError) -> ProviderError:
        now = self._clock()
        self.last_error, self.last_error_at = str(error), now
        # An outage is one line a minute and not one for each question.
        told = self._told.get((kind, error.code))
        if told is None or abs(now - told) >= TOLD_EVERY:
            self._told[kind, error.code] = now
            log.warning(
                "provider_failed", provider=self.name, kind=kind, code=error.code, error=str(error)
            )
        return error


@dataclass(slots=True)
class Answers(Generic[K, V]):
    """What the chain found; ``failed`` are keys that some provider could not tell about now.

    A key neither found nor failed is unknown to every provider that may be asked for it.
    """

    found: dict[K, V] = field(default_factory=dict)
    failed: set[K] = field(default_factory=set)
    attempts: dict[K, list[Attempt]] = field(default_factory=dict)


def loaded(answers: Answers[K, V]) -> Loaded[K, V]:
    """Hand answers to the cache; raises UnavailableError if nobody could tell anything."""
    if answers.failed and answers.failed == answers.attempts.keys():
        raise UnavailableError("no provider could answer")
    return Loaded(answers.found, failed=answers.failed)


def _anywhere(_: Any) -> str:
    return ""


def _always(_line: Line, _key: Any, _value: Any) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[K, V]):
    """What the chain asks: ``ask`` puts one batch to one provider.

    ``venue_of`` is what a plan may exclude. ``reject`` gives the reason not to believe an answer,
    which then counts as missing.
    """

    kind: str
    ask: Callable[[Any, list[K]], Awaitable[dict[K, V]]]
    venue_of: Callable[[K], str] = _anywhere
    reject: Callable[[Line, K, V], str | None] = _always


async def ask_chain(
    question: Question[K, V],
    wanted: Sequence[K],
    *,
    lines: Sequence[Line],
    clock: Clock,
    seconds: float,
    last_seconds: float = LAST_TIME,
) -> Answers[K, V]:
    """Ask providers in order; each but the last gets an even share of what is left of the time."""
    answers: Answers[K, V] = Answers()
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    for place, line in enumerate(lines):
        missing = [key for key in wanted if key not in answers.found]
        if not missing:
            break
        left = len(lines) - place
        share = last_seconds if left == 1 else max(ends - loop.time(), seconds / len(lines)) / left
        await _Turn(question, line, clock=clock, ends=loop.time() + share, answers=answers).ask(
            missing
        )
    answers.failed -= answers.found.keys()
    return answers


class _Turn(Generic[K, V]):
    """One provider's turn within a question; notes how each key fared."""

    def __init__(
        self,
        question: Question[K, V],
        line: Line,
        *,
        clock: Clock,
        ends: float,
        answers: Answers[K, V],
    ) -> None:
        self._question = question
        self._line = line
        self._clock = clock
        self._ends = ends
        self._answers = answers

    async def ask(self, missing: list[K]) -> None:
        """Ask for what may be asked, all batches at once."""
        kind = self._question.kind
        open_to: list[K] = []
        off = self._line.off()
        for key in missing:
            if off is not None:
                self._refuse([key], off)
            elif self._line.barred(kind, self._question.venue_of(key)):
                self._refuse([key], NotEntitledError("the plan does not include this"))
            else:
                open_to.append(key)
        await self._ask_all(list(_batches(self._line.provider, kind, open_to)))

    async def _ask_all(self, batches: list[list[K]]) -> None:
        await asyncio.gather(*(self._ask_one(batch) for batch in batches))

    async def _ask_one(self, batch: list[K]) -> None:
        kind, venue_of, line = self._question.kind, self._question.venue_of, self._line
        at, since = self._clock(), perf_counter()
        try:
            found = await line.call(
                kind,
                batch,
                ask=self._question.ask,
                venue_of=venue_of,
                seconds=self._ends - asyncio.get_running_loop().time(),
            )
        except ProviderError as error:
            line.outcomes[kind, _outcome(error)] += 1
            by_venue: defaultdict[str, list[K]] = defaultdict(list)
            for key in batch:
                by_venue[venue_of(key)].append(key)
            if isinstance(error, NotEntitledError) and len(by_venue) > 1:
                # One venue's keys must not take the answer from the others.
                await self._ask_all(list(by_venue.values()))
            else:
                self._refuse(batch, error, at=at, since=since)
            return
        line.outcomes[kind, Outcome.ANSWERED] += 1
        for key in batch:
            outcome, detail = Outcome.UNKNOWN, None
            if key in found:
                detail = self._question.reject(line, key, found[key])
                outcome = Outcome.REJECTED if detail else Outcome.ANSWERED
            if outcome is Outcome.ANSWERED:
                self._answers.found[key] = found[key]
            elif outcome is Outcome.REJECTED:
                self._answers.failed.add(key)
            self._note(key, outcome, detail, at=at, since=since)

    def _refuse(
        self,
        keys: list[K],
        error: ProviderError,
        *,
        at: datetime | None = None,
        since: float | None = None,
    ) -> None:
        for key in keys:
            # What a plan leaves out, this provider will not tell later either.
            if not isinstance(error, NotEntitledError):
                self._answers.failed.add(key)
            self._note(key, _outcome(error), str(error), at=at or self._clock(), since=since)

    def _note(
        self, key: K, outcome: Outcome, detail: str | None, *, at: datetime, since: float | None
    ) -> None:
        spent = 0 if since is None else round((perf_counter() - since) * 1000)
        self._answers.attempts.setdefault(key, []).append(
            Attempt(
                provider=self._line.name, outcome=outcome, at=at, milliseconds=spent, detail=detail
            )
        )


def _batches(provider: Provider, kind: str, keys: list[K]) -> Iterator[list[K]]:
    size = provider.batch.get(kind, len(keys) or 1)
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _outcome(error: ProviderError) -> Outcome:
    return Outcome(error.code)
