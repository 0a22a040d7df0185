"""Pages of ledgers: which entries to list, and the connections they come in."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import strawberry
from strawberry.types import Info

from datasources.symbols import InvalidSymbolError, canonical
from models import transactions
from models.transactions import TRADES, Kind, PageCut
from resolvers.access import portfolios_in_reach
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.loaders import Booked, PageKey
from resolvers.paging import CURSOR, ORDERING, TOTAL_COUNT, PageInfo, encode_cursor, page_of_list
from resolvers.scalars import Symbol
from resolvers.transactions import Trade, Transaction, TransactionKind, transaction_of
from resolvers.values import bad_input


@strawberry.input(description="Bounds in time, both included.")
class DateTimeFilter:
    """Bounds in time."""

    gte: datetime | None = strawberry.field(default=None, description="This moment or later.")
    lte: datetime | None = strawberry.field(default=None, description="This moment or earlier.")


@strawberry.input(description="Which entries of a ledger to list; all conditions must hold.")
class TransactionFilter:
    """Which entries of a ledger to list."""

    kinds: list[TransactionKind] | None = strawberry.field(
        default=None, description="Of one of these kinds."
    )
    symbols: list[Symbol] | None = strawberry.field(
        default=None, description="About one of these instruments, at most 100."
    )
    occurred_at: DateTimeFilter | None = strawberry.field(
        default=None, description="Within these bounds."
    )
    include_voided: bool = strawberry.field(
        default=False, description="List voided entries too; they count for nothing."
    )


def chosen_of(given: TransactionFilter | None) -> transactions.TransactionFilter:
    """Read a filter; raises BAD_USER_INPUT for a symbol that cannot be one."""
    if given is None:
        return transactions.TransactionFilter()
    symbols = given.symbols or []
    if len(symbols) > 100:
        raise bad_input("`filter.symbols` takes at most 100.")
    try:
        clean = frozenset(canonical(symbol) for symbol in symbols)
    except InvalidSymbolError as error:
        raise bad_input(f"`filter.symbols`: {error}") from error
    bounds = given.occurred_at or DateTimeFilter()
    return transactions.TransactionFilter(
        kinds=frozenset(Kind(kind.value) for kind in given.kinds or ()),
        symbols=clean,
        since=bounds.gte,
        until=bounds.lte,
        voided=given.include_voided,
    )


def only_trades(chosen: transactions.TransactionFilter) -> transactions.TransactionFilter | None:
    """Narrow a filter to trades; null if it asks for other kinds only."""
    kinds = chosen.kinds & TRADES if chosen.kinds else TRADES
    return replace(chosen, kinds=kinds) if kinds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the entries of a portfolio, or of several together, newest first.

    ``total`` is null where the database is to count.
    """

    keys: tuple[PageKey, ...]
    cut: PageCut
    rows: list[Booked]
    more: bool
    total: int | None = None

    def info(self) -> PageInfo:
        """Tell where the page stands."""
        cut = self.cut
        cursors = [encode_cursor(row.occurred_at, row.id or 0) for row, _, _ in self.rows]
        return PageInfo(
            has_next_page=cut.before is not None if cut.backward else self.more,
            has_previous_page=self.more if cut.backward else cut.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


async def pages_of(context: Context, keys: list[PageKey]) -> list[Page]:
    """Read pages of several portfolios in one statement."""
    found = await context.loaders.transaction_pages.load_many(keys)
    return [_page((key,), key.cut, rows) for key, rows in zip(keys, found, strict=True)]


async def page_of_several(
    context: Context, ids: Collection[int], chosen: transactions.TransactionFilter, cut: PageCut
) -> Page:
    """Read one page of the entries of several portfolios together."""
    keys = tuple(PageKey(portfolio_id=key, chosen=chosen, cut=cut) for key in ids)
    found = await context.loaders.transaction_pages.load_many(keys)
    rows = sorted(
        (row for rows in found for row in rows),
        key=lambda row: (row[0].occurred_at, row[0].id or 0),
        reverse=True,
    )
    return _page(keys, cut, rows)


async def page_of_keys(
    context: Context, entries: Iterable[tuple[datetime, int]], cut: PageCut
) -> Page:
    """Read one page of some entries, told by their times and keys, that the caller may see."""
    listed = page_of_list(
        sorted(entries, reverse=True), cut, place=lambda one: one, ordering=ORDERING
    )
    found = await context.loaders.transactions.load_many([key for _, key in listed.items])
    rows = [row for row in found if row is not None]
    reached = await portfolios_in_reach(context, [row[0].portfolio_id for row in rows])
    seen = [row for row, portfolio in zip(rows, reached, strict=True) if portfolio is not None]
    more = listed.info.has_previous_page if cut.backward else listed.info.has_next_page
    return Page(keys=(), cut=cut, rows=seen, more=more, total=listed.total)


def _page(keys: tuple[PageKey, ...], cut: PageCut, rows: list[Booked]) -> Page:
    kept = rows[-cut.limit :] if cut.backward else rows[: cut.limit]
    return Page(keys=keys, cut=cut, rows=kept if cut.limit else [], more=len(rows) > cut.limit)


async def counts_of_pages(
    parents: "list[TransactionConnection] | list[TradeConnection]", info: Info[Context, None]
) -> list[int]:
    """Count the whole lists that a level of pages is from."""
    pages: list[Page] = [parent.page for parent in parents]
    keys = [[(key.portfolio_id, key.chosen) for key in page.keys] for page in pages]
    counts = info.context.loaders.transaction_counts
    await counts.load_many([key for some in keys for key in some])
    return [
        sum(await counts.load_many(some)) if page.total is None else page.total
        for page, some in zip(pages, keys, strict=True)
    ]


NODES = "The entries of this page, newest first."
EDGES = "The entries of this page with their cursors."


@strawberry.type(description="An entry and its place in the list.")
class TransactionEdge:
    """An entry and its place in the list."""

    cursor: str = strawberry.field(description=CURSOR)
    node: Transaction = strawberry.field(description="The entry.")


@strawberry.type(description="A page of a portfolio's ledger, newest first.")
class TransactionConnection:
    """A page of a portfolio's ledger."""

    page: strawberry.Private[Page]
    nodes: list[Transaction] = strawberry.field(description=NODES)
    edges: list[TransactionEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = batched(counts_of_pages, description=TOTAL_COUNT)


@strawberry.type(description="A trade and its place in the list.")
class TradeEdge:
    """A trade and its place in the list."""

    cursor: str = strawberry.field(description=CURSOR)
    node: Trade = strawberry.field(description="The trade.")


@strawberry.type(description="A page of a portfolio's trades, newest first.")
class TradeConnection:
    """A page of a portfolio's trades."""

    page: strawberry.Private[Page]
    nodes: list[Trade] = strawberry.field(description=NODES)
    edges: list[TradeEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = batched(counts_of_pages, description=TOTAL_COUNT)


def _cursor(node: Transaction) -> str:
    return encode_cursor(node.row.occurred_at, node.row.id or 0)


def transaction_connection(page: Page) -> TransactionConnection:
    """Build a page of entries."""
    nodes = [transaction_of(row) for row in page.rows]
    return TransactionConnection(
        page=page,
        nodes=list(nodes),
        edges=[TransactionEdge(cursor=_cursor(node), node=node) for node in nodes],
        page_info=page.info(),
    )


def trade_connection(page: Page) -> TradeConnection:
    """Build a page of trades."""
    nodes = [node for row in page.rows if isinstance(node := transaction_of(row), Trade)]
    return TradeConnection(
        page=page,
        nodes=nodes,
        edges=[TradeEdge(cursor=_cursor(node), node=node) for node in nodes],
        page_info=page.info(),
    )
