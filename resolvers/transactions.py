"""Transactions: the ledger's entries as a client reads them."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.types import Info

from analytics.money import ZERO, total
from datasources.symbols import InvalidSymbolError, canonical
from models import transactions
from models.transactions import CHARGES, FLOWS, INCOME, TRADES, Kind
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.loaders import Booked, PageKey
from resolvers.paging import PageInfo, encode_cursor
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.values import Money, Node, bad_input, money
from services.entries import cash_effect

if TYPE_CHECKING:
    from resolvers.portfolios import Portfolio

PortfolioReference = Annotated["Portfolio", strawberry.lazy("resolvers.portfolios")]
"""Portfolios list transactions, so the way back is told by name."""


async def portfolios_of_transactions(
    parents: "list[Transaction]", info: Info[Context, None]
) -> list[PortfolioReference]:
    """Find the portfolios of a level of transactions."""
    from resolvers.portfolios import portfolio_of  # noqa: PLC0415  # the way back

    keys = [parent.row.portfolio_id for parent in parents]
    rows = await info.context.loaders.portfolios.load_many(keys)
    return [portfolio_of(row) for row in rows if row is not None]


@strawberry.enum(description="What a transaction is.")
class TransactionKind(Enum):
    """What a transaction is."""

    BUY = strawberry.enum_value("BUY", description="Units bought.")
    SELL = strawberry.enum_value("SELL", description="Units sold.")
    DIVIDEND = strawberry.enum_value("DIVIDEND", description="A dividend received.")
    INTEREST = strawberry.enum_value("INTEREST", description="Interest received on cash.")
    DEPOSIT = strawberry.enum_value("DEPOSIT", description="Cash paid into the portfolio.")
    WITHDRAWAL = strawberry.enum_value("WITHDRAWAL", description="Cash taken out.")
    FEE = strawberry.enum_value("FEE", description="A fee that belongs to no trade.")
    TAX = strawberry.enum_value("TAX", description="A tax that belongs to no trade or income.")


@strawberry.enum(description="The direction of a trade.")
class TradeSide(Enum):
    """The direction of a trade."""

    BUY = strawberry.enum_value("BUY", description="Units come in, cash goes out.")
    SELL = strawberry.enum_value("SELL", description="Units go out, cash comes in.")


@strawberry.interface(description="One entry of a portfolio's ledger.")
class Transaction(Node):
    """One entry of a portfolio's ledger."""

    row: strawberry.Private[transactions.Transaction]
    kind: TransactionKind = strawberry.field(description="What it is.")
    occurred_at: datetime = strawberry.field(
        description="When it took place; midnight UTC where only the day is known."
    )
    fee: Money = strawberry.field(description="Fee within it, zero or more.")
    tax: Money = strawberry.field(description="Tax within it, zero or more.")
    cash_effect: Money = strawberry.field(
        description="What it did to the cash, after fee and tax, in the currency it was settled "
        "in: positive in, negative out."
    )
    exchange_rate: Decimal | None = strawberry.field(
        description="Units of the portfolio's base currency for one unit of the entry's, by which "
        "it counts: the booking's own or the market's of its day. Null if none was known."
    )
    note: str | None = strawberry.field(description="The owner's words, if any.")
    external_id: str | None = strawberry.field(
        description="Id in the system it comes from, unique within the portfolio."
    )
    voided_at: datetime | None = strawberry.field(
        description="When it was voided: it then counts for nothing. Null while it counts."
    )
    portfolio: PortfolioReference = batched(
        portfolios_of_transactions, description="The portfolio it belongs to."
    )


async def realized_gains(parents: "list[Trade]", info: Info[Context, None]) -> list[Money | None]:
    """Work out what each trade of a level realised."""
    context = info.context
    portfolio_ids = [parent.row.portfolio_id for parent in parents]
    owners = await context.loaders.portfolios.load_many(portfolio_ids)
    keys = [
        (parent.row.portfolio_id, parent.row.instrument_id or 0, bool(owner and owner.allow_short))
        for parent, owner in zip(parents, owners, strict=True)
    ]
    states = await context.loaders.instrument_states.load_many(keys)
    gains: list[Money | None] = []
    for parent, state in zip(parents, states, strict=True):
        closings = [] if state is None else state.holding.closings
        closed = [closing.gain for closing in closings if closing.fill_id == parent.row.id]
        gains.append(money(total(closed), parent.row.currency) if closed else None)
    return gains


@strawberry.type(description="A purchase or sale.")
class Trade(Transaction):
    """A purchase or sale."""

    instrument: Instrument = strawberry.field(description="What was traded.")
    side: TradeSide = strawberry.field(description="The direction.")
    quantity: Decimal = strawberry.field(description="Units traded, always above zero.")
    price: Money = strawberry.field(description="Price of one unit.")
    realized_gain: Money | None = batched(
        realized_gains,
        description="Proceeds after fees less the cost of the units closed, first in first out; "
        "null when the trade closed nothing.",
    )


@strawberry.type(description="A dividend or interest received.")
class Income(Transaction):
    """A dividend or interest received."""

    instrument: Instrument | None = strawberry.field(
        description="What paid it; null for interest on cash."
    )
    amount: Money = strawberry.field(description="What was earned, before tax withheld.")


@strawberry.type(description="Cash paid into or taken out of the portfolio: an external flow.")
class CashTransfer(Transaction):
    """Cash paid in or taken out."""

    amount: Money = strawberry.field(description="How much, always above zero: see `kind`.")


@strawberry.type(description="A fee or tax that belongs to no other entry.")
class Charge(Transaction):
    """A fee or tax of its own."""

    amount: Money = strawberry.field(description="How much, always above zero.")


def transaction_of(booked: Booked) -> Trade | Income | CashTransfer | Charge:
    """Build the outward shape of a ledger entry."""
    row, instrument = booked
    kind = Kind(row.kind)
    common: dict[str, Any] = {
        "id": strawberry.ID(encode_id(TYPE_NAMES[kind], row.id)),
        "row": row,
        "kind": TransactionKind(kind.value),
        "occurred_at": row.occurred_at,
        "fee": money(row.fee, row.currency),
        "tax": money(row.tax, row.currency),
        "cash_effect": money(cash_effect(row), row.settlement_currency),
        "exchange_rate": row.rate,
        "note": row.note,
        "external_id": row.external_id,
        "voided_at": row.voided_at,
    }
    if kind in TRADES and instrument is not None:
        return Trade(
            **common,
            instrument=instrument_of(instrument),
            side=TradeSide(kind.value),
            quantity=row.quantity or ZERO,
            price=Money(amount=row.price or ZERO, currency=CurrencyCode(row.currency)),
        )
    amount = money(row.amount or ZERO, row.currency)
    if kind in INCOME:
        paid_by = None if instrument is None else instrument_of(instrument)
        return Income(**common, instrument=paid_by, amount=amount)
    if kind in FLOWS:
        return CashTransfer(**common, amount=amount)
    return Charge(**common, amount=amount)


TYPE_NAMES = (
    dict.fromkeys(TRADES, "Trade")
    | dict.fromkeys(INCOME, "Income")
    | dict.fromkeys(FLOWS, "CashTransfer")
    | dict.fromkeys(CHARGES, "Charge")
)


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
    """One page of a portfolio's entries, newest first."""

    key: PageKey
    rows: list[Booked]
    more: bool

    def info(self) -> PageInfo:
        """Tell where the page stands."""
        cut = self.key.cut
        cursors = [encode_cursor(row.occurred_at, row.id or 0) for row, _ in self.rows]
        return PageInfo(
            has_next_page=cut.before is not None if cut.backward else self.more,
            has_previous_page=self.more if cut.backward else cut.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


async def pages_of(context: Context, keys: list[PageKey]) -> list[Page]:
    """Read pages of several portfolios in one statement."""
    found = await context.loaders.transaction_pages.load_many(keys)
    pages = []
    for key, rows in zip(keys, found, strict=True):
        limit = key.cut.limit
        kept = rows[-limit:] if key.cut.backward else rows[:limit]
        pages.append(Page(key=key, rows=kept if limit else [], more=len(rows) > limit))
    return pages


async def counts_of_pages(
    parents: "list[TransactionConnection] | list[TradeConnection]", info: Info[Context, None]
) -> list[int]:
    """Count the whole lists that a level of pages is from."""
    keys = [(parent.page.key.portfolio_id, parent.page.key.chosen) for parent in parents]
    return await info.context.loaders.transaction_counts.load_many(keys)


TOTAL_COUNT = "How many entries the whole list has."
NODES = "The entries of this page, newest first."
EDGES = "The entries of this page with their cursors."
CURSOR = "Opaque place of this entry, for `after` and `before`."


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


async def transaction_by_key(
    context: Context, key: int, *, type_name: str
) -> Trade | Income | CashTransfer | Charge | None:
    """Return the caller's ledger entry of a key and type; null for a stranger's."""
    booked = await context.loaders.transactions.load(key)
    if booked is None or TYPE_NAMES[Kind(booked[0].kind)] != type_name:
        return None
    owner = await context.loaders.portfolios.load(booked[0].portfolio_id)
    if owner is None or owner.owner_id != context.user_id:
        return None
    return transaction_of(booked)
