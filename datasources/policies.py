"""How long each kind of market data is fresh, and how long it is of use once it is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from datasources.sessions import local_day, session_of
from models.market import Bar, Quote, QuoteQuality, Rate

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

SETTLED = 30 * MINUTE
"""How long after a close prices may still come: an auction, and vendors twenty minutes behind."""

TRUSTED = {QuoteQuality.FRESH, QuoteQuality.DELAYED}
"""The quotes that are a market's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long a kind of value is fresh, and absence, and how old either may ever be used.

    ``life`` tells how long a value is fresh by its key, itself and when it was stored; without it
    that is ``ttl``. For ``grace`` beyond, a value answers at once while it is loaded anew behind.
    ``failure_ttl`` is how long a source that failed for a key is not asked for it again.
    """

    ttl: timedelta
    negative_ttl: timedelta
    stale_limit: timedelta
    grace: timedelta = timedelta(0)
    failure_ttl: timedelta = timedelta(seconds=5)
    life: Callable[[str, Any, datetime], timedelta] | None = None

    def fresh_for(self, key: str, value: object, stored_at: datetime) -> timedelta:
        """Return how long a value that was stored at a time is fresh; null stands for absence."""
        if value is None:
            return self.negative_ttl
        return self.ttl if self.life is None else self.life(key, value, stored_at)

    def kept_for(self, fresh_for: timedelta) -> timedelta:
        """Return the age at which a value that is fresh for so long is of no more use."""
        return max(fresh_for + self.grace, self.stale_limit)


def life_of_quote(symbol: str, quote: Quote, now: datetime) -> timedelta:
    """Return how long a quote is fresh: a minute, or until the market opens if that is its last.

    The last price of a session is known only some time after the close; what is older than the
    session, or not from the market at all, may be replaced at any time.
    """
    if quote.doubt is not None or quote.quality not in TRUSTED:
        return MINUTE
    session = session_of(symbol, now)
    if session.closed_at is None or session.opens_at is None:
        return MINUTE
    settled = quote.received_at >= session.closed_at + SETTLED
    # The day of currencies ends where the next begins.
    day = local_day(symbol, session.closed_at - timedelta.resolution)
    of_session = local_day(symbol, quote.as_of) >= day
    return session.opens_at - now if settled and of_session else MINUTE


def fresh_until(quote: Quote) -> datetime:
    """Return when a quote stops being fresh."""
    return quote.received_at + life_of_quote(quote.symbol, quote, quote.received_at)


def life_of_past(question: str, value: Bar | Rate, _: datetime) -> timedelta:
    """Return how long what was told of a past day is fresh: a day, or an hour if an earlier one's.

    That is right for days without trading; but a source that was down may have known better.
    """
    return DAY if f"day={value.day!r}" in question else HOUR


POLICIES: Mapping[str, Policy] = {
    "quotes": Policy(
        ttl=MINUTE,
        negative_ttl=MINUTE,
        stale_limit=7 * DAY,
        grace=MINUTE / 2,
        life=life_of_quote,
    ),
    "profiles": Policy(ttl=DAY, negative_ttl=10 * MINUTE, stale_limit=30 * DAY, grace=DAY),
    "find": Policy(ttl=10 * MINUTE, negative_ttl=MINUTE, stale_limit=DAY, grace=10 * MINUTE),
    "search": Policy(ttl=MINUTE, negative_ttl=MINUTE, stale_limit=10 * MINUTE),
    "past": Policy(
        ttl=DAY,
        negative_ttl=5 * MINUTE,
        stale_limit=7 * DAY,
        grace=DAY,
        life=life_of_past,
    ),
    "today": Policy(ttl=5 * MINUTE, negative_ttl=MINUTE, stale_limit=7 * DAY, grace=MINUTE),
}
