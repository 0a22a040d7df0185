"""Mutations that book into the ledger, one for each shape of entry."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeVar

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from models.access import Role
from models.drafts import Draft
from models.transactions import Kind
from resolvers.batching import batched
from resolvers.booking_inputs import (
    MoneyInput,
    RecordCashTransferInput,
    RecordChargeInput,
    RecordCorporateActionInput,
    RecordCurrencyExchangeInput,
    RecordDeliveryInput,
    RecordIncomeInput,
    RecordOpeningBalanceInput,
    RecordTradeInput,
    TransferCashInput,
    TransferInput,
    TransferUnitsInput,
    halves_of,
    values_of,
)
from resolvers.changes import ERRORS, REPLAYED, Done, once, prepare_in, prepared_anew
from resolvers.context import Context
from resolvers.figures import Ask, facts_of
from resolvers.ids import key_of
from resolvers.portfolios import Portfolio, portfolio_by_key
from resolvers.positions import Position, position_of
from resolvers.previews import LedgerPreview, ledger_preview
from resolvers.transactions import (
    CashTransfer,
    Charge,
    CorporateAction,
    CurrencyExchange,
    Income,
    OpeningBalance,
    Trade,
    TransactionKind,
    UnitTransfer,
    transaction_of,
)
from resolvers.values import UserError, user_errors
from services.access import portfolio_as
from services.booking import book_one, hold_portfolio
from services.drafts import check_draft
from services.errors import MistakeCode, RefusedError, refuse
from services.transfers import book_exchange, book_transfer, prepare_transfer

BOOKING_ERRORS = (
    "Errors: NOT_FOUND, ARCHIVED, REQUIRED, INVALID, OUT_OF_RANGE, TOO_LONG, IN_FUTURE, "
    "UNKNOWN_CURRENCY, UNKNOWN_INSTRUMENT, CURRENCY_MISMATCH, NO_RATE, OVERSOLD, ALREADY_EXISTS, "
    "IDEMPOTENCY_CONFLICT."
)


async def positions_of_payloads(
    parents: "list[LedgerPayload]", info: Info[Context, None]
) -> list[Position | None]:
    """Find the position that each booking of a level is about."""
    asked = [parent.portfolio for parent in parents if parent.portfolio is not None]
    facts = await facts_of(info.context, [Ask(portfolio.row) for portfolio in asked])
    by_portfolio = {fact.portfolio.id: fact for fact in facts}
    found: list[Position | None] = []
    for parent in parents:
        fact = None if parent.portfolio is None else by_portfolio[parent.portfolio.row.id]
        held = [] if fact is None else fact.holdings
        found.append(
            next(
                (
                    position_of(one, fact)
                    for one in held
                    if fact is not None and one.instrument.id == parent.instrument_id
                ),
                None,
            )
        )
    return found


@strawberry.type
class LedgerPayload:
    """What every change of the ledger answers with."""

    instrument_id: strawberry.Private[int | None] = None
    portfolio: Portfolio | None = strawberry.field(
        default=None, description="The portfolio as it is now; null on an error or a dry run."
    )
    position: Position | None = batched(
        positions_of_payloads,
        description="The position it is about as it is now; null for cash, on an error or a "
        "dry run.",
    )
    preview: LedgerPreview | None = strawberry.field(
        default=None, description="What it would do; null unless it is a dry run."
    )
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


NULL = "null on an error or a dry run."


@strawberry.type(description="The outcome of `recordTrade`.")
class RecordTradePayload(LedgerPayload):
    """The outcome of recording a trade."""

    trade: Trade | None = strawberry.field(default=None, description=f"The trade; {NULL}")


@strawberry.type(description="The outcome of `recordIncome`.")
class RecordIncomePayload(LedgerPayload):
    """The outcome of recording an income."""

    income: Income | None = strawberry.field(default=None, description=f"The income; {NULL}")


@strawberry.type(description="The outcome of `recordCashTransfer`.")
class RecordCashTransferPayload(LedgerPayload):
    """The outcome of recording a cash transfer."""

    cash_transfer: CashTransfer | None = strawberry.field(
        default=None, description=f"The transfer; {NULL}"
    )


@strawberry.type(description="The outcome of `recordCurrencyExchange`.")
class RecordCurrencyExchangePayload(LedgerPayload):
    """The outcome of recording an exchange of currencies."""

    exchange: CurrencyExchange | None = strawberry.field(
        default=None, description=f"The half that went; {NULL}"
    )


@strawberry.type(description="The outcome of `recordCharge`.")
class RecordChargePayload(LedgerPayload):
    """The outcome of recording a charge."""

    charge: Charge | None = strawberry.field(default=None, description=f"The charge; {NULL}")


@strawberry.type(description="The outcome of `recordDelivery`.")
class RecordDeliveryPayload(LedgerPayload):
    """The outcome of recording a delivery."""

    delivery: UnitTransfer | None = strawberry.field(
        default=None, description=f"The delivery; {NULL}"
    )


@strawberry.type(description="The outcome of `recordCorporateAction`.")
class RecordCorporateActionPayload(LedgerPayload):
    """The outcome of recording a corporate action."""

    corporate_action: CorporateAction | None = strawberry.field(
        default=None, description=f"The corporate action; {NULL}"
    )


@strawberry.type(description="The outcome of `recordOpeningBalance`.")
class RecordOpeningBalancePayload(LedgerPayload):
    """The outcome of recording an opening balance."""

    opening_balance: OpeningBalance | None = strawberry.field(
        default=None, description=f"The opening balance; {NULL}"
    )


@strawberry.type(description="The outcome of `transferUnits`.")
class TransferUnitsPayload(LedgerPayload):
    """The outcome of a transfer of units."""

    transfer: UnitTransfer | None = strawberry.field(
        default=None, description=f"The half that leaves; {NULL}"
    )


@strawberry.type(description="The outcome of `transferCash`.")
class TransferCashPayload(LedgerPayload):
    """The outcome of a transfer of cash."""

    transfer: CashTransfer | None = strawberry.field(
        default=None, description=f"The half that leaves; {NULL}"
    )


PayloadType = TypeVar("PayloadType", bound=LedgerPayload)


async def payload_of(
    context: Context, made: type[PayloadType], done: Done, *, field: str
) -> PayloadType:
    """Answer with what was done, or would be."""
    if done.preview is not None:
        return made(preview=await ledger_preview(context, done.preview))
    booked = await context.loaders.transactions.load(done.key)
    portfolio = None if booked is None else await portfolio_by_key(context, booked[0].portfolio_id)
    if booked is None or portfolio is None:
        # A repeat of what was done in a portfolio that is no longer shared.
        refused = refuse(MistakeCode.NOT_FOUND, "There is no such transaction any more.")
        return made(user_errors=user_errors(refused))
    shown: dict[str, Any] = {field: transaction_of(booked)}
    return made(
        instrument_id=booked[0].instrument_id,
        portfolio=portfolio,
        replayed=done.replayed,
        **shown,
    )


async def answer(
    context: Context,
    made: type[PayloadType],
    *,
    field: str,
    change: Callable[[], Awaitable[Done]],
) -> PayloadType:
    """Run a change and answer with what came of it."""
    try:
        done = await prepared_anew(change)
    except RefusedError as error:
        return made(user_errors=user_errors(error))
    return await payload_of(context, made, done, field=field)


async def _record(  # one booking: who, what, where and how to answer
    context: Context,
    operation: str,
    made: type[PayloadType],
    *,
    given: MoneyInput,
    kind: Enum,
    field: str,
) -> PayloadType:
    """Book one entry; what market data it needs is asked for before the ledger is held."""
    now, user_id = context.now(), context.user_id

    async def change() -> Done:
        draft = check_draft(Draft(**values_of(given) | {"kind": Kind(kind.value)}), now=now)
        portfolio, prepared = await prepare_in(context, given.portfolio_id, [draft])

        async def act(session: AsyncSession) -> int | None:
            held = await hold_portfolio(session, user_id=user_id, portfolio_id=portfolio.id or 0)
            return (await book_one(session, held, prepared=prepared, now=now)).id

        return await once(context, operation, given=given, act=act)

    return await answer(context, made, field=field, change=change)


async def _exchange(context: Context, given: RecordCurrencyExchangeInput) -> Done:
    now, user_id = context.now(), context.user_id
    halves = halves_of(given, now=now)
    portfolio, prepared = await prepare_in(context, given.portfolio_id, halves)

    async def act(session: AsyncSession) -> int | None:
        held = await hold_portfolio(session, user_id=user_id, portfolio_id=portfolio.id or 0)
        return (await book_exchange(session, held, prepared=prepared, now=now)).id

    return await once(context, "recordCurrencyExchange", given=given, act=act)


async def _transfer(
    context: Context,
    operation: str,
    made: type[PayloadType],
    *,
    given: TransferInput,
    kind: Kind,
) -> PayloadType:
    now, user_id = context.now(), context.user_id

    async def change() -> Done:
        draft = check_draft(Draft(**values_of(given) | {"kind": kind}), now=now)
        portfolios = []
        async with context.services.database.reading() as session:
            for text, name in (
                (given.from_portfolio_id, "fromPortfolioId"),
                (given.to_portfolio_id, "toPortfolioId"),
            ):
                key = key_of(text, type_name="Portfolio")
                try:
                    found = await portfolio_as(
                        session, Role.EDITOR, user_id=user_id, portfolio_id=key
                    )
                except RefusedError as error:
                    mistake = error.mistakes[0]
                    raise refuse(mistake.code, mistake.message, name) from error
                portfolios.append(found)
        source, target = portfolios
        if source.id == target.id:
            message = "Must be another portfolio."
            raise refuse(MistakeCode.INVALID, message, "toPortfolioId")
        prepared = await prepare_transfer(
            context.services.database,
            context.services.market,
            source=source,
            target=target,
            draft=draft,
        )

        async def act(session: AsyncSession) -> int | None:
            leaving = await book_transfer(
                session,
                prepared,
                user_id=user_id,
                source_id=source.id or 0,
                target_id=target.id or 0,
                now=now,
            )
            return leaving.id

        return await once(context, operation, given=given, act=act)

    return await answer(context, made, field="transfer", change=change)


@strawberry.type
class BookingMutations:
    """Root fields that book into ledgers."""

    @strawberry.mutation(description=f"Book a purchase or sale. {BOOKING_ERRORS}")
    async def record_trade(
        self, info: Info[Context, None], input: RecordTradeInput
    ) -> RecordTradePayload | None:
        """Book a trade."""
        return await _record(
            info.context,
            "recordTrade",
            RecordTradePayload,
            given=input,
            kind=input.side,
            field="trade",
        )

    @strawberry.mutation(description=f"Book a dividend or interest. {BOOKING_ERRORS}")
    async def record_income(
        self, info: Info[Context, None], input: RecordIncomeInput
    ) -> RecordIncomePayload | None:
        """Book an income."""
        return await _record(
            info.context,
            "recordIncome",
            RecordIncomePayload,
            given=input,
            kind=input.kind,
            field="income",
        )

    @strawberry.mutation(description=f"Book cash paid in or taken out. {BOOKING_ERRORS}")
    async def record_cash_transfer(
        self, info: Info[Context, None], input: RecordCashTransferInput
    ) -> RecordCashTransferPayload | None:
        """Book a cash transfer."""
        return await _record(
            info.context,
            "recordCashTransfer",
            RecordCashTransferPayload,
            given=input,
            kind=input.direction,
            field="cash_transfer",
        )

    @strawberry.mutation(
        description="Book cash of one currency that became cash of another: an entry for each, "
        f"tied together, and no external flow. {BOOKING_ERRORS}"
    )
    async def record_currency_exchange(
        self, info: Info[Context, None], input: RecordCurrencyExchangeInput
    ) -> RecordCurrencyExchangePayload | None:
        """Book an exchange of currencies."""
        return await answer(
            info.context,
            RecordCurrencyExchangePayload,
            field="exchange",
            change=lambda: _exchange(info.context, input),
        )

    @strawberry.mutation(
        description=f"Book a fee or tax of its own, or its refund. {BOOKING_ERRORS}"
    )
    async def record_charge(
        self, info: Info[Context, None], input: RecordChargeInput
    ) -> RecordChargePayload | None:
        """Book a charge."""
        return await _record(
            info.context,
            "recordCharge",
            RecordChargePayload,
            given=input,
            kind=input.kind,
            field="charge",
        )

    @strawberry.mutation(
        description=f"Book units that came from or went to somewhere outside. {BOOKING_ERRORS}"
    )
    async def record_delivery(
        self, info: Info[Context, None], input: RecordDeliveryInput
    ) -> RecordDeliveryPayload | None:
        """Book a delivery."""
        return await _record(
            info.context,
            "recordDelivery",
            RecordDeliveryPayload,
            given=input,
            kind=input.direction,
            field="delivery",
        )

    @strawberry.mutation(
        description="Book a split, symbol change, spin-off, merger or return of capital. "
        f"{BOOKING_ERRORS}"
    )
    async def record_corporate_action(
        self, info: Info[Context, None], input: RecordCorporateActionInput
    ) -> RecordCorporateActionPayload | None:
        """Book a corporate action."""
        return await _record(
            info.context,
            "recordCorporateAction",
            RecordCorporateActionPayload,
            given=input,
            kind=input.kind,
            field="corporate_action",
        )

    @strawberry.mutation(description=f"Book what was there when the ledger began. {BOOKING_ERRORS}")
    async def record_opening_balance(
        self, info: Info[Context, None], input: RecordOpeningBalanceInput
    ) -> RecordOpeningBalancePayload | None:
        """Book an opening balance."""
        return await _record(
            info.context,
            "recordOpeningBalance",
            RecordOpeningBalancePayload,
            given=input,
            kind=TransactionKind.OPENING_BALANCE,
            field="opening_balance",
        )

    @strawberry.mutation(
        description="Move units to another of your portfolios: an entry in each, tied together. "
        "Lots keep their date, cost and fees, and nothing is realised. Each portfolio counts it "
        f"as paid out or in at cost, both together do not. {BOOKING_ERRORS}"
    )
    async def transfer_units(
        self, info: Info[Context, None], input: TransferUnitsInput
    ) -> TransferUnitsPayload | None:
        """Move units between portfolios."""
        return await _transfer(
            info.context,
            "transferUnits",
            TransferUnitsPayload,
            given=input,
            kind=Kind.TRANSFER_OUT,
        )

    @strawberry.mutation(
        description="Move cash to another of your portfolios: an entry in each, tied together. "
        f"{BOOKING_ERRORS}"
    )
    async def transfer_cash(
        self, info: Info[Context, None], input: TransferCashInput
    ) -> TransferCashPayload | None:
        """Move cash between portfolios."""
        return await _transfer(
            info.context,
            "transferCash",
            TransferCashPayload,
            given=input,
            kind=Kind.CASH_TRANSFER_OUT,
        )
