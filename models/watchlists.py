"""Watchlists: instruments that a user has an eye on, in an order of their own."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, String, UniqueConstraint, func, select
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.instruments import Instrument
from models.reading import one_of
from models.types import Identifier, UtcDateTime


class Watchlist(Base, table=True):
    """A named list of one user; ``version`` grows by one with every change of it."""

    __tablename__ = "watchlists"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    user_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False)
    )
    name: str = Field(sa_type=String)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)


class WatchlistItem(Base, table=True):
    """An instrument on a watchlist; the list is read by ``place``."""

    __tablename__ = "watchlist_items"
    __table_args__ = (UniqueConstraint("watchlist_id", "instrument_id"),)

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    watchlist_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("watchlists.id", ondelete="CASCADE"), nullable=False
        )
    )
    instrument_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("instruments.id"), nullable=False, index=True)
    )
    place: int
    note: str | None = Field(default=None, sa_type=String)
    added_at: datetime = Field(sa_type=UtcDateTime)


def watchlists_by_user(user_ids: Sequence[int] = ()) -> Select[Watchlist]:
    """Select the watchlists of users, oldest first."""
    return (
        select(Watchlist)
        .where(one_of(col(Watchlist.user_id), user_ids))
        .order_by(col(Watchlist.id))
    )


def watchlists_by_id(ids: Sequence[int] = ()) -> Select[Watchlist]:
    """Select watchlists by key, whoever's they are."""
    return select(Watchlist).where(one_of(col(Watchlist.id), ids))


def items_by_watchlist(watchlist_ids: Sequence[int] = ()) -> Select[WatchlistItem, Instrument]:
    """Select what is on watchlists, in its order."""
    return (
        select(WatchlistItem, Instrument)
        .join(Instrument, col(Instrument.id) == col(WatchlistItem.instrument_id))
        .where(one_of(col(WatchlistItem.watchlist_id), watchlist_ids))
        .order_by(col(WatchlistItem.place))
    )


def items_by_id(ids: Sequence[int] = ()) -> Select[WatchlistItem, Instrument]:
    """Select items of watchlists by key, whoever's they are."""
    return (
        select(WatchlistItem, Instrument)
        .join(Instrument, col(Instrument.id) == col(WatchlistItem.instrument_id))
        .where(one_of(col(WatchlistItem.id), ids))
    )


def watchlist_for_update(*, user_id: int, watchlist_id: int) -> Select[Watchlist]:
    """Select one user's watchlist and hold it against other writers."""
    return (
        select(Watchlist)
        .where(col(Watchlist.id) == watchlist_id, col(Watchlist.user_id) == user_id)
        .with_for_update()
    )


def watchlist_by_name(*, user_id: int, name: str) -> Select[Watchlist]:
    """Select one user's watchlist by its name."""
    return select(Watchlist).where(col(Watchlist.user_id) == user_id, col(Watchlist.name) == name)


def watchlist_count(user_id: int) -> Select[int]:
    """Count the watchlists of a user."""
    return select(func.count(col(Watchlist.id))).where(col(Watchlist.user_id) == user_id)
