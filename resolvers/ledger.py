"""Mutations of portfolios and their ledgers: each atomic, each safe to repeat with its key."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import strawberry
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from models.drafts import Draft
from models.transactions import Kind
from resolvers.context import Context
from resolvers.figures import Ask, facts_of
from resolvers.ids import decode_id, key_of
from resolvers.portfolios import Portfolio, portfolio_by_key
from resolvers.positions import Position, position_of
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.transactions import (
    TYPE_NAMES,
    CashTransfer,
    Trade,
    TradeSide,
    Transaction,
    transaction_of,
)
from resolvers.values import UserError, user_errors
from services.booking import book_one, hold_portfolio, owned_portfolio, prepare
from services.drafts import check_draft
from services.errors import RefusedError
from services.idempotency import Request, check_key, remember, replayed
from services.portfolios import (
    PortfolioChange,
    archive_portfolio,
    create_portfolio,
    update_portfolio,
)
from services.transactions import void_transaction

KEY = (
    "Makes repeating safe: the same key with the same input happens once, and the repeat answers "
    "with `replayed: true`. 1 to 200 characters, such as a UUID."
)
REPLAYED = "Whether this answers a repeat of an earlier request with the same idempotencyKey."
ERRORS = "What is wrong with the input; empty when it worked. On an error nothing was changed."


@dataclass(frozen=True, slots=True)
class Done:
    """The row a mutation made or changed, and whether an earlier request did it."""

    key: int
    replayed: bool


async def _once(
    context: Context,
    operation: str,
    *,
    given: Any,
    act: Callable[[AsyncSession], Awaitable[int | None]],
) -> Done:
    """Run a change within one transaction, or find what an earlier request with its key did."""
    request = Request(
        user_id=context.user_id,
        key=given.idempotency_key,
        operation=operation,
        content=repr(sorted(asdict(given).items())),
    )
    check_key(request)
    database = context.services.database
    for attempt in range(2):
        try:
            async with database.writing() as session:
                known = await replayed(session, request)
                if known is not None:
                    return Done(known, replayed=True)
                key = await act(session)
                remember(session, request, result_id=key, now=context.now())
        except IntegrityError:
            # Someone else took the same key, name or symbol a moment before us: look again.
            if attempt:
                raise
            continue
        context.forget()
        return Done(key or 0, replayed=False)
    raise AssertionError("unreachable")


@strawberry.input(description="A new portfolio.")
class CreatePortfolioInput:
    """A new portfolio."""

    name: str = strawberry.field(description="1 to 100 characters, unique among yours.")
    base_currency: CurrencyCode | None = strawberry.field(
        default=None, description="What its figures are in; yours if left out."
    )
    allow_short: bool = strawberry.field(
        default=False, description="Whether sales may go beyond what is held."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="What to change of a portfolio; what is left out stays.")
class UpdatePortfolioInput:
    """What to change of a portfolio."""

    portfolio_id: strawberry.ID = strawberry.field(description="Which portfolio.")
    name: str | None = strawberry.field(default=None, description="Its new name.")
    base_currency: CurrencyCode | None = strawberry.field(
        default=None, description="Possible only while nothing is booked."
    )
    allow_short: bool | None = strawberry.field(
        default=None, description="Whether sales may go beyond what is held."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A portfolio to put away.")
class ArchivePortfolioInput:
    """A portfolio to put away."""

    portfolio_id: strawberry.ID = strawberry.field(description="Which portfolio.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The outcome of a mutation of a portfolio.")
class PortfolioPayload:
    """The outcome of a mutation of a portfolio."""

    portfolio: Portfolio | None = strawberry.field(description="As it is now; null on an error.")
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.input(description="A purchase or sale that took place.")
class RecordTradeInput:
    """A purchase or sale that took place."""

    portfolio_id: strawberry.ID = strawberry.field(description="Where to book it.")
    symbol: Symbol = strawberry.field(
        description="What was traded; found through the market-data sources if it is new."
    )
    side: TradeSide = strawberry.field(description="The direction.")
    quantity: Decimal = strawberry.field(
        description="Units, more than zero, at most 15 digits before the point and 12 after."
    )
    price: Decimal = strawberry.field(description="Per unit, zero or more.")
    occurred_at: datetime = strawberry.field(description="When; not in the future.")
    currency: CurrencyCode | None = strawberry.field(
        default=None, description="What price, fee and tax are in; the instrument's if left out."
    )
    fee: Decimal = strawberry.field(default=Decimal(0), description="In total, zero or more.")
    tax: Decimal = strawberry.field(
        default=Decimal(0), description="Transaction tax in total, zero or more."
    )
    settlement_currency: CurrencyCode | None = strawberry.field(
        default=None,
        description="The cash that moves: `currency`, as if left out, or the portfolio's base "
        "currency, converted at the exchange rate.",
    )
    exchange_rate: Decimal | None = strawberry.field(
        default=None,
        description="The booking's own rate: units of the base currency for one unit of "
        "`currency`. The market's of the day if left out.",
    )
    note: str | None = strawberry.field(default=None, description="At most 2,000 characters.")
    external_id: str | None = strawberry.field(
        default=None, description="Id in the system it comes from, unique within the portfolio."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The outcome of `recordTrade`.")
class RecordTradePayload:
    """The outcome of recording a trade."""

    trade: Trade | None = strawberry.field(description="The trade; null on an error.")
    position: Position | None = strawberry.field(
        description="The position as it is now; null on an error."
    )
    portfolio: Portfolio | None = strawberry.field(
        description="The portfolio as it is now; null on an error."
    )
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.enum(description="The direction of a cash transfer.")
class CashDirection(Enum):
    """The direction of a cash transfer."""

    DEPOSIT = strawberry.enum_value("DEPOSIT", description="Cash comes in.")
    WITHDRAWAL = strawberry.enum_value("WITHDRAWAL", description="Cash goes out.")


@strawberry.input(description="Cash paid into or taken out of a portfolio.")
class RecordCashTransferInput:
    """Cash paid in or taken out."""

    portfolio_id: strawberry.ID = strawberry.field(description="Where to book it.")
    direction: CashDirection = strawberry.field(description="In or out.")
    amount: Decimal = strawberry.field(description="How much, more than zero.")
    occurred_at: datetime = strawberry.field(description="When; not in the future.")
    currency: CurrencyCode | None = strawberry.field(
        default=None, description="The portfolio's base currency if left out."
    )
    exchange_rate: Decimal | None = strawberry.field(
        default=None,
        description="Units of the base currency for one unit of `currency`; the market's of the "
        "day if left out.",
    )
    note: str | None = strawberry.field(default=None, description="At most 2,000 characters.")
    external_id: str | None = strawberry.field(
        default=None, description="Id in the system it comes from, unique within the portfolio."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The outcome of `recordCashTransfer`.")
class RecordCashTransferPayload:
    """The outcome of recording a cash transfer."""

    cash_transfer: CashTransfer | None = strawberry.field(
        description="The transfer; null on an error."
    )
    portfolio: Portfolio | None = strawberry.field(
        description="The portfolio as it is now; null on an error."
    )
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.input(description="A ledger entry that shall no longer count.")
class VoidTransactionInput:
    """A ledger entry that shall no longer count."""

    id: strawberry.ID = strawberry.field(description="Which entry.")
    reason: str | None = strawberry.field(default=None, description="At most 2,000 characters.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The outcome of `voidTransaction`.")
class VoidTransactionPayload:
    """The outcome of voiding an entry."""

    transaction: Transaction | None = strawberry.field(
        description="The voided entry; null on an error."
    )
    portfolio: Portfolio | None = strawberry.field(
        description="The portfolio as it is now; null on an error."
    )
    replayed: bool = strawberry.field(description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


async def _change_portfolio(
    context: Context,
    operation: str,
    *,
    given: Any,
    act: Callable[[AsyncSession], Awaitable[int | None]],
) -> PortfolioPayload:
    try:
        done = await _once(context, operation, given=given, act=act)
    except RefusedError as error:
        return PortfolioPayload(portfolio=None, replayed=False, user_errors=user_errors(error))
    portfolio = await portfolio_by_key(context, done.key)
    return PortfolioPayload(portfolio=portfolio, replayed=done.replayed, user_errors=[])


async def _book(context: Context, operation: str, *, given: Any, draft: Draft) -> Done:
    """Book one draft; what market data it needs is asked for before the ledger is held."""
    now, owner_id = context.now(), context.user_id
    draft = check_draft(draft, now=now)
    async with context.services.database.reading() as session:
        portfolio = await owned_portfolio(
            session,
            owner_id=owner_id,
            portfolio_id=key_of(given.portfolio_id, type_name="Portfolio"),
        )
        prepared = await prepare(
            session,
            context.services.market,
            base_currency=portfolio.base_currency,
            drafts=[draft],
        )

    async def act(session: AsyncSession) -> int | None:
        held = await hold_portfolio(session, owner_id=owner_id, portfolio_id=portfolio.id or 0)
        return (await book_one(session, held, prepared=prepared, now=now)).id

    return await _once(context, operation, given=given, act=act)


async def _entry(context: Context, key: int) -> tuple[Any, Portfolio | None]:
    booked = await context.loaders.transactions.load(key)
    if booked is None:
        return None, None
    return transaction_of(booked), await portfolio_by_key(context, booked[0].portfolio_id)


async def _position(context: Context, portfolio: Portfolio | None, *, key: int) -> Position | None:
    if portfolio is None:
        return None
    (facts,) = await facts_of(context, [Ask(portfolio.row, None)])
    found = (held for held in facts.holdings if held.instrument.id == key)
    return next((position_of(held, facts) for held in found), None)


@strawberry.type
class LedgerMutations:
    """Root fields that change portfolios and their ledgers."""

    @strawberry.mutation(
        description="Create an empty portfolio. Errors: REQUIRED, TOO_LONG, INVALID, "
        "UNKNOWN_CURRENCY, ALREADY_EXISTS, IDEMPOTENCY_CONFLICT."
    )
    async def create_portfolio(
        self, info: Info[Context, None], input: CreatePortfolioInput
    ) -> PortfolioPayload | None:
        """Create a portfolio."""
        context = info.context
        user = await context.loaders.users.load(context.user_id)

        async def act(session: AsyncSession) -> int | None:
            row = await create_portfolio(
                session,
                input.name,
                owner_id=context.user_id,
                base_currency=input.base_currency or (user.base_currency if user else "USD"),
                allow_short=input.allow_short,
                now=context.now(),
            )
            return row.id

        return await _change_portfolio(context, "createPortfolio", given=input, act=act)

    @strawberry.mutation(
        description="Change a portfolio. Errors: NOT_FOUND, REQUIRED, TOO_LONG, INVALID, "
        "UNKNOWN_CURRENCY, ALREADY_EXISTS, LEDGER_NOT_EMPTY, OVERSOLD, IDEMPOTENCY_CONFLICT."
    )
    async def update_portfolio(
        self, info: Info[Context, None], input: UpdatePortfolioInput
    ) -> PortfolioPayload | None:
        """Change a portfolio."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            row = await update_portfolio(
                session,
                PortfolioChange(
                    name=input.name,
                    base_currency=input.base_currency,
                    allow_short=input.allow_short,
                ),
                owner_id=context.user_id,
                portfolio_id=key_of(input.portfolio_id, type_name="Portfolio") or 0,
                now=context.now(),
            )
            return row.id

        return await _change_portfolio(context, "updatePortfolio", given=input, act=act)

    @strawberry.mutation(
        description="Put a portfolio away: it stays readable and takes no bookings. "
        "Errors: NOT_FOUND, IDEMPOTENCY_CONFLICT."
    )
    async def archive_portfolio(
        self, info: Info[Context, None], input: ArchivePortfolioInput
    ) -> PortfolioPayload | None:
        """Archive a portfolio."""
        context = info.context

        async def act(session: AsyncSession) -> int | None:
            row = await archive_portfolio(
                session,
                owner_id=context.user_id,
                portfolio_id=key_of(input.portfolio_id, type_name="Portfolio") or 0,
                now=context.now(),
            )
            return row.id

        return await _change_portfolio(context, "archivePortfolio", given=input, act=act)

    @strawberry.mutation(
        description="Book a purchase or sale. Errors: NOT_FOUND, ARCHIVED, INVALID, OUT_OF_RANGE, "
        "TOO_LONG, IN_FUTURE, UNKNOWN_CURRENCY, UNKNOWN_INSTRUMENT, CURRENCY_MISMATCH, NO_RATE, "
        "OVERSOLD, ALREADY_EXISTS, IDEMPOTENCY_CONFLICT."
    )
    async def record_trade(
        self, info: Info[Context, None], input: RecordTradeInput
    ) -> RecordTradePayload | None:
        """Book a trade."""
        draft = Draft(
            kind=Kind(input.side.value),
            occurred_at=input.occurred_at,
            symbol=input.symbol,
            quantity=input.quantity,
            price=input.price,
            currency=input.currency,
            fee=input.fee,
            tax=input.tax,
            settlement_currency=input.settlement_currency,
            rate=input.exchange_rate,
            note=input.note,
            external_id=input.external_id,
        )
        try:
            done = await _book(info.context, "recordTrade", given=input, draft=draft)
        except RefusedError as error:
            return RecordTradePayload(
                trade=None,
                position=None,
                portfolio=None,
                replayed=False,
                user_errors=user_errors(error),
            )
        trade, portfolio = await _entry(info.context, done.key)
        key = trade.row.instrument_id if trade else 0
        return RecordTradePayload(
            trade=trade,
            position=await _position(info.context, portfolio, key=key),
            portfolio=portfolio,
            replayed=done.replayed,
            user_errors=[],
        )

    @strawberry.mutation(
        description="Book cash paid in or taken out. Errors: NOT_FOUND, ARCHIVED, INVALID, "
        "OUT_OF_RANGE, TOO_LONG, IN_FUTURE, UNKNOWN_CURRENCY, ALREADY_EXISTS, "
        "IDEMPOTENCY_CONFLICT."
    )
    async def record_cash_transfer(
        self, info: Info[Context, None], input: RecordCashTransferInput
    ) -> RecordCashTransferPayload | None:
        """Book a cash transfer."""
        draft = Draft(
            kind=Kind(input.direction.value),
            occurred_at=input.occurred_at,
            amount=input.amount,
            currency=input.currency,
            rate=input.exchange_rate,
            note=input.note,
            external_id=input.external_id,
        )
        try:
            done = await _book(info.context, "recordCashTransfer", given=input, draft=draft)
        except RefusedError as error:
            return RecordCashTransferPayload(
                cash_transfer=None, portfolio=None, replayed=False, user_errors=user_errors(error)
            )
        transfer, portfolio = await _entry(info.context, done.key)
        return RecordCashTransferPayload(
            cash_transfer=transfer, portfolio=portfolio, replayed=done.replayed, user_errors=[]
        )

    @strawberry.mutation(
        description="Void a ledger entry: it stays in the list and counts for nothing. Errors: "
        "NOT_FOUND, ARCHIVED, ALREADY_VOIDED, OVERSOLD (a later sale needs it), TOO_LONG, "
        "IDEMPOTENCY_CONFLICT."
    )
    async def void_transaction(
        self, info: Info[Context, None], input: VoidTransactionInput
    ) -> VoidTransactionPayload | None:
        """Void a ledger entry."""
        context = info.context
        found = decode_id(input.id)
        key = (
            found.key if found is not None and found.type_name in set(TYPE_NAMES.values()) else None
        )

        async def act(session: AsyncSession) -> int | None:
            entry = await void_transaction(
                session,
                owner_id=context.user_id,
                transaction_id=key,
                reason=input.reason,
                now=context.now(),
            )
            return entry.id

        try:
            done = await _once(context, "voidTransaction", given=input, act=act)
        except RefusedError as error:
            return VoidTransactionPayload(
                transaction=None, portfolio=None, replayed=False, user_errors=user_errors(error)
            )
        entry, portfolio = await _entry(context, done.key)
        return VoidTransactionPayload(
            transaction=entry, portfolio=portfolio, replayed=done.replayed, user_errors=[]
        )
