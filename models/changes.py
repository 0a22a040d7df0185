"""What a transaction changed for those who listen: they are told after its commit, never before."""

from collections.abc import Hashable
from typing import Any

Topic = tuple[str, Hashable]
"""What can be listened to: a kind, and one thing of it."""

LEDGER = "ledger"
"""The bookings of a portfolio, by its key."""

ACCESS = "access"
"""Who reaches a portfolio, by its key."""

WATCHLIST = "watchlist"
"""What is on a watchlist and what it is called, by its key."""

ALERTS = "alerts"
"""The alerts of a user, by the user's key."""

ALERT_EVENTS = "alert events"
"""What alerts of a user have fired, by the user's key."""

QUOTE = "quote"
"""The price of an instrument, by its symbol."""

RATE = "rate"
"""The exchange rate of two currencies, by both."""

_NOTED = "changes"


def note(session: Any, *topics: Topic) -> None:
    """Note what the session's transaction changes; to note more than that costs a look."""
    session.info.setdefault(_NOTED, set()).update(topics)


def taken_notes(session: Any) -> frozenset[Topic]:
    """Return what was noted, and forget it."""
    return frozenset(session.info.pop(_NOTED, ()))
