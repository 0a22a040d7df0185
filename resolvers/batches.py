"""Mutations that book many entries at once: a list of them, or a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import Info

from analytics.money import ZERO
from models.drafts import Draft
from resolvers.booking_inputs import AMOUNT, PRICE, QUANTITY, LotChoice, values_of
from resolvers.changes import ERRORS, REPLAYED, Done, LedgerChange, once, prepare_in, prepared_anew
from resolvers.context import Context
from resolvers.portfolios import Portfolio, portfolio_by_key
from resolvers.previews import LedgerPreview, ledger_preview
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.transactions import Transaction, TransactionKind, transaction_of
from resolvers.uploads import Upload
from resolvers.values import UserError, user_error, user_errors
from services.batches import Fate, Outcome, RefusedRowsError, Row, book_rows
from services.booking import hold_portfolio
from services.drafts import check_draft
from services.errors import MistakeCode, RefusedError, refuse
from services.imports import ImportFile, parse

MAX_TRANSACTIONS = 1_000
MAX_OUTCOMES = 1_000
BATCH = "All or nothing: when a row is refused nothing is booked, and each row says why or waits."


@strawberry.input(description="One entry of a batch; which fields it has depends on its kind.")
class TransactionInput:
    """One entry of a batch."""

    kind: TransactionKind = strawberry.field(description="What it is.")
    occurred_at: datetime = strawberry.field(description="When; not in the future.")
    symbol: Symbol | None = strawberry.field(default=None, description="The instrument.")
    quantity: Decimal | None = strawberry.field(default=None, description=QUANTITY)
    price: Decimal | None = strawberry.field(default=None, description=PRICE)
    amount: Decimal | None = strawberry.field(default=None, description=AMOUNT)
    currency: CurrencyCode | None = strawberry.field(
        default=None, description="What its money is in; the instrument's if left out."
    )
    exchange_rate: Decimal | None = strawberry.field(
        default=None, description="The booking's own rate; the market's of the day if left out."
    )
    fee: Decimal = strawberry.field(default=ZERO, description="In total, zero or more.")
    fee_currency: CurrencyCode | None = strawberry.field(
        default=None, description="What the fee was paid in; `currency` if left out."
    )
    fee_exchange_rate: Decimal | None = strawberry.field(
        default=None, description="The rate of `feeCurrency`."
    )
    tax: Decimal = strawberry.field(default=ZERO, description="In total, zero or more.")
    tax_currency: CurrencyCode | None = strawberry.field(
        default=None, description="What the tax was paid in; `currency` if left out."
    )
    tax_exchange_rate: Decimal | None = strawberry.field(
        default=None, description="The rate of `taxCurrency`."
    )
    instrument_exchange_rate: Decimal | None = strawberry.field(
        default=None, description="The rate of the instrument's currency, where it differs."
    )
    settlement_currency: CurrencyCode | None = strawberry.field(
        default=None, description="The cash that moves: `currency` or the portfolio's."
    )
    related_symbol: Symbol | None = strawberry.field(
        default=None, description="The instrument that comes of a corporate action."
    )
    new_units: Decimal | None = strawberry.field(
        default=None, description="So many new units for every `oldUnits`."
    )
    old_units: Decimal | None = strawberry.field(
        default=None, description="The units that `newUnits` is for; one if left out."
    )
    cost_share: Decimal | None = strawberry.field(default=None, description="From 0 to 1.")
    acquired_at: datetime | None = strawberry.field(
        default=None, description="When units that came in were acquired."
    )
    lots: list[LotChoice] | None = strawberry.field(
        default=None, description="The lots a sale closes."
    )
    note: str | None = strawberry.field(default=None, description="At most 2,000 characters.")
    external_id: str | None = strawberry.field(
        default=None,
        description="Id in the system it comes from. A row whose id the portfolio has already is "
        "left alone.",
    )


@strawberry.input(description="Entries to book together.")
class RecordTransactionsInput(LedgerChange):
    """Entries to book together."""

    portfolio_id: strawberry.ID = strawberry.field(description="Where to book them.")
    transactions: list[TransactionInput] = strawberry.field(
        description=f"1 to {MAX_TRANSACTIONS} entries, in any order."
    )


@strawberry.input(
    description="What a column of a file holds, for files of no known format. Fields are the "
    "columns of FolioQL's own format, such as date, type, symbol, quantity, price, currency."
)
class ColumnMapping:
    """What a column of a file holds."""

    field: str = strawberry.field(description="The field.")
    column: str | None = strawberry.field(default=None, description="The column that holds it.")
    value: str | None = strawberry.field(
        default=None, description="Or its value for all rows, such as EUR for currency."
    )


@strawberry.input(description="A file of transactions; give `file` or `content`.")
class ImportTransactionsInput(LedgerChange):
    """A file of transactions."""

    portfolio_id: strawberry.ID = strawberry.field(description="Where to book them.")
    file: Upload | None = strawberry.field(
        default=None, description="The file, in a multipart request."
    )
    content: str | None = strawberry.field(
        default=None, description="The content of the file as text."
    )
    format: str | None = strawberry.field(
        default=None, description="Its format; recognised by the header if left out."
    )
    mapping: list[ColumnMapping] | None = strawberry.field(
        default=None, description="What its columns hold, if its format is not known."
    )
    skip_refused: bool = strawberry.field(
        default=False, description="Book the good rows although others are refused."
    )


@strawberry.enum(description="What became of a row.")
class RowFate(Enum):
    """What became of a row, as `services.batches.Fate` has it."""

    ADDED = strawberry.enum_value("ADDED", description="Booked, or in a dry run it would be.")
    KNOWN = strawberry.enum_value("KNOWN", description="The portfolio has it already.")
    REFUSED = strawberry.enum_value("REFUSED", description="Wrong: see its errors.")
    HELD_BACK = strawberry.enum_value(
        "HELD_BACK", description="Good, and not booked because another row was refused."
    )
    SKIPPED = strawberry.enum_value("SKIPPED", description="No ledger entry: see `reason`.")


@strawberry.type(description="What became of one row.")
class RowOutcome:
    """What became of one row."""

    line: int = strawberry.field(
        description="Line of the file, or place in `transactions` from 1 on."
    )
    fate: RowFate = strawberry.field(description="What became of it.")
    transaction: Transaction | None = strawberry.field(
        description="The entry it became; null unless it was booked."
    )
    reason: str | None = strawberry.field(description="Why it was skipped; null if it was not.")
    user_errors: list[UserError] = strawberry.field(
        description="What is wrong with it; `field` is the path within the row, or its column."
    )


@strawberry.type(description="How many rows shared a fate.")
class RowCount:
    """How many rows shared a fate."""

    fate: RowFate = strawberry.field(description="The fate.")
    count: int = strawberry.field(description="How many rows.")


@strawberry.type
class BatchPayload:
    """What a batch answers with."""

    portfolio: Portfolio | None = strawberry.field(
        default=None, description="The portfolio as it is now; null on an error or a dry run."
    )
    counts: list[RowCount] = strawberry.field(
        default_factory=list, description="How many rows were booked, known, refused and so on."
    )
    outcomes: list[RowOutcome] = strawberry.field(
        default_factory=list,
        description=f"What became of each row, in order; of more than {MAX_OUTCOMES} rows the "
        "refused ones first. Empty on a repeat with the same idempotencyKey.",
    )
    preview: LedgerPreview | None = strawberry.field(
        default=None, description="What it would do; null unless it is a dry run."
    )
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    user_errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.type(description="The outcome of `recordTransactions`.")
class RecordTransactionsPayload(BatchPayload):
    """The outcome of booking a list."""


@strawberry.type(description="The outcome of `importTransactions`.")
class ImportTransactionsPayload(BatchPayload):
    """The outcome of importing a file."""

    format: str | None = strawberry.field(
        default=None, description="The format the file was read as; null if it could not be read."
    )


async def _shown(context: Context, outcomes: Sequence[Outcome]) -> list[RowOutcome]:
    wanted = list(outcomes)
    if len(wanted) > MAX_OUTCOMES:
        wanted = sorted(wanted, key=lambda outcome: not outcome.mistakes)[:MAX_OUTCOMES]
    keys = [outcome.key for outcome in wanted if outcome.key is not None]
    booked = dict(zip(keys, await context.loaders.transactions.load_many(keys), strict=True))
    shown = []
    for outcome in wanted:
        row = None if outcome.key is None else booked[outcome.key]
        shown.append(
            RowOutcome(
                line=outcome.line,
                fate=RowFate(outcome.fate.value),
                transaction=None if row is None else transaction_of(row),
                reason=outcome.skipped,
                user_errors=[user_error(mistake) for mistake in outcome.mistakes],
            )
        )
    return shown


def _counts(outcomes: Sequence[Outcome]) -> list[RowCount]:
    found = Counter(outcome.fate for outcome in outcomes)
    return [RowCount(fate=RowFate(fate.value), count=found[fate]) for fate in Fate if found[fate]]


async def _book(
    context: Context,
    operation: str,
    *,
    given: RecordTransactionsInput | ImportTransactionsInput,
    rows: Sequence[Row],
    lenient: bool,
    skip_refused: bool = False,
) -> BatchPayload:
    """Book rows; what market data they need is asked for before the ledger is held."""
    now, user_id = context.now(), context.user_id
    outcomes: list[Outcome] = []

    async def change() -> Done:
        drafts = [row.draft for row in rows if row.draft is not None]
        portfolio, prepared = await prepare_in(context, given.portfolio_id, drafts)

        async def act(session: AsyncSession) -> int | None:
            held = await hold_portfolio(session, user_id=user_id, portfolio_id=portfolio.id or 0)
            outcomes[:] = await book_rows(
                session,
                held,
                rows=rows,
                prepared=prepared,
                lenient=lenient,
                skip_refused=skip_refused,
                now=now,
            )
            return held.id

        return await once(context, operation, given=given, act=act)

    try:
        done = await prepared_anew(change)
    except RefusedError as error:
        return BatchPayload(user_errors=user_errors(error))
    except RefusedRowsError as refused:
        return BatchPayload(
            outcomes=await _shown(context, refused.outcomes), counts=_counts(refused.outcomes)
        )
    if done.preview is not None:
        # Their entries are gone again.
        unbooked = [replace(outcome, key=None) for outcome in outcomes]
        return BatchPayload(
            outcomes=await _shown(context, unbooked),
            counts=_counts(outcomes),
            preview=await ledger_preview(context, done.preview),
        )
    return BatchPayload(
        portfolio=await portfolio_by_key(context, done.key),
        outcomes=await _shown(context, outcomes),
        counts=_counts(outcomes),
        replayed=done.replayed,
    )


def _row(number: int, given: TransactionInput, *, now: datetime) -> Row:
    try:
        return Row(line=number, draft=check_draft(Draft(**values_of(given)), now=now))
    except RefusedError as error:
        return Row(line=number, mistakes=error.mistakes)


def _file(given: ImportTransactionsInput) -> ImportFile:
    """Read the arguments of an import; raises RefusedError."""
    if (given.file is None) == (given.content is None):
        raise refuse(MistakeCode.REQUIRED, "Give `file` or `content`, one of the two.", "file")
    mapping = {}
    for place, one in enumerate(given.mapping or ()):
        if (one.column is None) == (one.value is None):
            message = "Give `column` or `value`, one of the two."
            raise refuse(MistakeCode.REQUIRED, message, "mapping", str(place))
        mapping[one.field] = f"={one.value}" if one.column is None else one.column
    content = (given.content or "").encode() if given.file is None else given.file.content
    return ImportFile(content=content, format=given.format, mapping=mapping)


@strawberry.type
class BatchMutations:
    """Root fields that book many entries at once."""

    @strawberry.mutation(
        description=f"Book a list of entries. {BATCH} Errors of rows: those of booking one. "
        "Errors of the whole: NOT_FOUND, ARCHIVED, OUT_OF_RANGE, OVERSOLD, IDEMPOTENCY_CONFLICT."
    )
    async def record_transactions(
        self, info: Info[Context, None], input: RecordTransactionsInput
    ) -> RecordTransactionsPayload | None:
        """Book a list of entries."""
        context = info.context
        if not 0 < len(input.transactions) <= MAX_TRANSACTIONS:
            message = f"Must be 1 to {MAX_TRANSACTIONS} entries."
            refused = refuse(MistakeCode.OUT_OF_RANGE, message, "transactions")
            return RecordTransactionsPayload(user_errors=user_errors(refused))
        now = context.now()
        rows = [_row(number, one, now=now) for number, one in enumerate(input.transactions, 1)]
        payload = await _book(context, "recordTransactions", given=input, rows=rows, lenient=False)
        return RecordTransactionsPayload(**vars(payload))

    @strawberry.mutation(
        description="Book the rows of a file: FolioQL's own CSV or JSON, the exports of Ghostfolio "
        "and Portfolio Performance, those of many brokers, or any table with a mapping of its "
        f"columns. {BATCH} Rows known by their id or content are left alone; sales of more than "
        "is held are booked, and `dataQuality` tells what is missing. Errors of the whole: "
        "NOT_FOUND, ARCHIVED, REQUIRED, INVALID, IDEMPOTENCY_CONFLICT."
    )
    async def import_transactions(
        self, info: Info[Context, None], input: ImportTransactionsInput
    ) -> ImportTransactionsPayload | None:
        """Import a file."""
        context = info.context
        try:
            parsed = await parse(_file(input), now=context.now())
        except RefusedError as error:
            return ImportTransactionsPayload(user_errors=user_errors(error))
        payload = await _book(
            context,
            "importTransactions",
            given=input,
            rows=parsed.rows,
            lenient=True,
            skip_refused=input.skip_refused,
        )
        return ImportTransactionsPayload(**vars(payload), format=parsed.format)
