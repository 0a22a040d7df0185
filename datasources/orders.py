"""What callers want of the cache, and whether an entry will do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from datasources.entries import Entry
from datasources.policies import Policy

T = TypeVar("T")

Load = Callable[[list[str]], Awaitable[dict[str, T]]]
"""Asks a source for keys: what is left out is not known, unless ``Loaded`` says that it failed."""


@dataclass(slots=True)
class Held:
    """An entry in memory, and until when it is what: times are judged at every look."""

    entry: Entry[Any]
    hot_from: datetime
    fresh_until: datetime
    grace_until: datetime
    kept_until: datetime
    reads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Generic[T]):
    """What a caller wants, whatever the keys."""

    kind: str
    of: type[T]
    load: Load[T]
    policy: Policy
    max_age: timedelta | None

    def name(self, key: str) -> str:
        """Return what memory calls a key."""
        return f"{self.kind}:{key}"

    def hold(self, key: str, entry: Entry[T]) -> Held:
        """Work out the times of an entry."""
        policy, stored_at = self.policy, entry.stored_at
        life = policy.fresh_for(key, entry.value, stored_at)
        fresh_until = stored_at + life
        return Held(
            entry=entry,
            # A market's opening is foreseen: nothing new comes in the hours before.
            hot_from=fresh_until - min(life, policy.ttl) / 5,
            fresh_until=fresh_until,
            grace_until=fresh_until + (policy.grace if entry.value is not None else timedelta(0)),
            kept_until=stored_at + policy.kept_for(life),
        )

    def accepts(self, held: Held, now: datetime) -> bool:
        """Tell whether an entry is fresh enough for the caller."""
        return now < held.fresh_until and (
            self.max_age is None or now - held.entry.stored_at < self.max_age
        )

    def spares(self, held: Held, now: datetime) -> bool:
        """Tell whether the caller need not wait for what takes the place of an entry."""
        return self.max_age is None and now < held.grace_until
