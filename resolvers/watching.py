"""Loaders of what a user watches: watchlists and what is on them, alerts and their events."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from models.alerts import (
    Alert,
    AlertEvent,
    alerts_by_id,
    alerts_by_user,
    events_by_alert,
    events_by_id,
)
from models.database import Database
from models.instruments import Instrument
from models.reading import Prepared
from models.watchlists import (
    Watchlist,
    WatchlistItem,
    items_by_id,
    items_by_watchlist,
    watchlists_by_id,
    watchlists_by_user,
)
from resolvers.batching import loading

T = TypeVar("T")
K = TypeVar("K")

WATCHLISTS: Prepared[Watchlist] = Prepared(watchlists_by_id())
WATCHLISTS_BY_USER: Prepared[Watchlist] = Prepared(watchlists_by_user())
ITEMS: Prepared[Any] = Prepared(items_by_id())
ITEMS_BY_WATCHLIST: Prepared[Any] = Prepared(items_by_watchlist())

ALERTS: Prepared[Any] = Prepared(alerts_by_id())
ALERTS_BY_USER: Prepared[Any] = Prepared(alerts_by_user())
EVENTS: Prepared[AlertEvent] = Prepared(events_by_id())
EVENTS_BY_ALERT: Prepared[AlertEvent] = Prepared(events_by_alert())

Listed = tuple[WatchlistItem, Instrument]
Alerted = tuple[Alert, Instrument]


def grouped(rows: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Group rows by a key, each group in the order of the rows."""
    groups: dict[K, list[T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def nothing() -> None:
    """Stand for what was not found."""


class WatchLoaders:
    """The loaders of one operation that concern what is watched."""

    _database: Database

    @loading(default=nothing, lasts=True)
    async def watchlists(self, ids: list[int]) -> dict[int, Watchlist | None]:
        """Load watchlists by key, whoever's they are."""
        return {row.id or 0: row for row in await self._database.scalars(WATCHLISTS, keys=ids)}

    @loading(default=list)
    async def watchlists_by_user(self, users: list[int]) -> dict[int, list[Watchlist]]:
        """Load the watchlists of users, oldest first."""
        rows = await self._database.scalars(WATCHLISTS_BY_USER, keys=users)
        return grouped(rows, lambda row: row.user_id)

    @loading(default=nothing)
    async def watchlist_items(self, ids: list[int]) -> dict[int, Listed | None]:
        """Load items of watchlists by key, whoever's they are."""
        rows = await self._database.rows(ITEMS, keys=ids)
        return {item.id or 0: (item, instrument) for item, instrument in rows}

    @loading(default=list, lasts=True)
    async def items_by_watchlist(self, ids: list[int]) -> dict[int, list[Listed]]:
        """Load what is on watchlists, in its order."""
        rows = await self._database.rows(ITEMS_BY_WATCHLIST, keys=ids)
        return grouped(rows, lambda row: row[0].watchlist_id)

    @loading(default=list)
    async def alerts_by_user(self, users: list[int]) -> dict[int, list[Alerted]]:
        """Load the alerts of users, oldest first."""
        rows = await self._database.rows(ALERTS_BY_USER, keys=users)
        return grouped(rows, lambda row: row[0].user_id)

    @loading(default=nothing)
    async def alerts(self, ids: list[int]) -> dict[int, Alerted | None]:
        """Load alerts by key, whoever's they are."""
        rows = await self._database.rows(ALERTS, keys=ids)
        return {alert.id or 0: (alert, instrument) for alert, instrument in rows}

    @loading(default=list)
    async def events_by_alert(self, ids: list[int]) -> dict[int, list[AlertEvent]]:
        """Load the events that are kept of alerts, newest first."""
        rows = await self._database.scalars(EVENTS_BY_ALERT, keys=ids)
        return grouped(rows, lambda row: row.alert_id)

    @loading(default=nothing)
    async def alert_events(self, ids: list[int]) -> dict[int, AlertEvent | None]:
        """Load events of alerts by key, whoever's they are."""
        return {row.id or 0: row for row in await self._database.scalars(EVENTS, keys=ids)}
