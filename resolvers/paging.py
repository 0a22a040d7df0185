"""Pages of long lists: Relay connections with keyset cursors."""

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import strawberry

from models.transactions import PageCut
from resolvers.values import bad_input

DEFAULT_PAGE = 20
MAX_PAGE = 100
MAX_CURSOR = 200
ORDERING = "t1"
"""Names the ordering that a cursor belongs to: newest first by time, then id."""

T = TypeVar("T")

TOTAL_COUNT = "How many entries the whole list has."
CURSOR = "Opaque place of this entry, for `after` and `before`."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@strawberry.type(description="Where a page stands in the whole list.")
class PageInfo:
    """Where a page stands in the whole list."""

    has_next_page: bool = strawberry.field(description="Whether older entries follow.")
    has_previous_page: bool = strawberry.field(description="Whether newer entries precede.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first entry; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last entry; null on an empty page."
    )


@strawberry.type(description="One of a list and its place in it.")
class Edge(Generic[T]):
    """One of a list and its place in it."""

    cursor: str = strawberry.field(description=CURSOR)
    node: T = strawberry.field(description="What is there.")


@strawberry.type(description="A page of a list, newest first.")
class Connection(Generic[T]):
    """A page of a list, newest first."""

    nodes: list[T] = strawberry.field(description="Those of this page, newest first.")
    edges: list[Edge[T]] = strawberry.field(description="The same with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description=TOTAL_COUNT)


def encode_cursor(moment: datetime, key: int, *, ordering: str = ORDERING) -> str:
    """Build the cursor of an entry by its time and key."""
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    text = f"{ordering}:{micros}:{key}"
    text += f":{zlib.crc32(text.encode()):08x}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, *, argument: str, ordering: str = ORDERING) -> tuple[datetime, int]:
    """Read a cursor; raises BAD_USER_INPUT for anything that is not one of this list."""
    wrong = bad_input(f"`{argument}` is not a cursor of this list.")
    if len(text) > MAX_CURSOR:
        raise wrong
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        known, micros, key, check = raw.split(":")
        genuine = f"{zlib.crc32(raw.rpartition(':')[0].encode()):08x}" == check
        moment = EPOCH + timedelta(microseconds=int(micros))
        number = int(key)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise wrong from error
    if not genuine or known != ordering or not 0 < number < 2**63:
        raise wrong
    return moment, number


def cut_of(
    *,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    ordering: str = ORDERING,
) -> PageCut:
    """Read the four page arguments; raises BAD_USER_INPUT for those that make no sense."""
    if first is not None and last is not None:
        raise bad_input("Give `first` or `last`, not both.")
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= MAX_PAGE:
            raise bad_input(f"`{name}` must be from 0 to {MAX_PAGE}, not {value}.")
    size = last if last is not None else first
    return PageCut(
        limit=DEFAULT_PAGE if size is None else size,
        after=None if after is None else decode_cursor(after, argument="after", ordering=ordering),
        before=None
        if before is None
        else decode_cursor(before, argument="before", ordering=ordering),
        backward=last is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[T]):
    """One page of a list that is worked out as a whole."""

    items: list[T]
    cursors: list[str]
    info: PageInfo
    total: int


def page_of_list(
    items: Sequence[T], cut: PageCut, *, place: Callable[[T], tuple[datetime, int]], ordering: str
) -> ListPage[T]:
    """Cut a page out of a list; ``place`` is what it is sorted by, greatest first."""
    kept = [
        item
        for item in items
        if (cut.after is None or place(item) < cut.after)
        and (cut.before is None or place(item) > cut.before)
    ]
    more = len(kept) > cut.limit
    page = (kept[-cut.limit :] if cut.limit else []) if cut.backward else kept[: cut.limit]
    cursors = [encode_cursor(*place(item), ordering=ordering) for item in page]
    return ListPage(
        items=page,
        cursors=cursors,
        info=PageInfo(
            has_next_page=cut.before is not None if cut.backward else more,
            has_previous_page=more if cut.backward else cut.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
        total=len(items),
    )


def connection_of(page: ListPage[Any], nodes: list[T]) -> Connection[T]:
    """Build a page whose entries were made into something else."""
    return Connection(
        nodes=nodes,
        edges=[
            Edge(cursor=cursor, node=node) for node, cursor in zip(nodes, page.cursors, strict=True)
        ],
        page_info=page.info,
        total_count=page.total,
    )
