"""Data quality: what looks wrong in a ledger, what it spoils, and how to repair it."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum

import strawberry
from strawberry.types import Info

from analytics.quality import Finding, Repair
from models import instruments
from models.market import HistoryQuestion
from models.transactions import Kind
from resolvers.batching import batched
from resolvers.context import Context
from resolvers.gains import Scope
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.loaders import Ledger, state_key
from resolvers.transactions import Transaction, entry_id, transaction_of
from services.aside import aside
from services.entries import LedgerState, Terms, by_portfolio, ledger_states
from services.quality import Audit, Evidence, audit_of, findings_of

MAX_FINDINGS = 100
MAX_ENTRIES = 10
MADE_UP = "simulated"
"""The source whose prices prove nothing about recorded ones."""


@strawberry.enum(description="How much a finding matters.")
class DataQualitySeverity(Enum):
    """How much a finding matters."""

    ERROR = strawberry.enum_value("ERROR", description="Figures are wrong or null because of it.")
    WARNING = strawberry.enum_value(
        "WARNING", description="Figures are wrong if it is what it seems."
    )
    INFO = strawberry.enum_value("INFO", description="Worth a look; may well be meant.")


@strawberry.enum(description="What was found.")
class DataQualityCode(Enum):
    """What was found, as `analytics.quality.Code` has it."""

    MISSING_ACQUISITION = strawberry.enum_value(
        "MISSING_ACQUISITION",
        description="Units were sold or moved out that no booking accounts for.",
    )
    FUTURE_DATE = strawberry.enum_value(
        "FUTURE_DATE", description="An entry is dated later than now."
    )
    PRICE_OFF_BY_100 = strawberry.enum_value(
        "PRICE_OFF_BY_100",
        description="A trade's price is about a hundred times the close of its day, or a "
        "hundredth: pence read as pounds.",
    )
    QUOTE_CURRENCY_MISMATCH = strawberry.enum_value(
        "QUOTE_CURRENCY_MISMATCH",
        description="An instrument is quoted in another currency than it is kept in.",
    )
    SPLIT_NOT_BOOKED = strawberry.enum_value(
        "SPLIT_NOT_BOOKED",
        description="The close of units held jumped from one day to the next as after a split, and "
        "none was booked within five days.",
    )
    PRICE_OFF_BY_SPLIT = strawberry.enum_value(
        "PRICE_OFF_BY_SPLIT",
        description="A trade's price is off the close of its day by the ratio of a split.",
    )
    DUPLICATE = strawberry.enum_value(
        "DUPLICATE",
        description="Entries of one day have the same kind, instrument, units and money.",
    )
    ENTRY_CURRENCY_MISMATCH = strawberry.enum_value(
        "ENTRY_CURRENCY_MISMATCH",
        description="A trade was booked in another currency than its instrument's.",
    )


@strawberry.type(description="One known field of a repair's input.")
class RepairArgument:
    """One known field of a repair's input."""

    name: str = strawberry.field(description="The field of the mutation's `input`.")
    value: str = strawberry.field(description="Its value as text.")


@strawberry.type(description="A mutation that would repair a finding, once you agree.")
class DataQualityRepair:
    """A mutation that would repair a finding."""

    mutation: str = strawberry.field(description="The mutation's name.")
    arguments: list[RepairArgument] = strawberry.field(
        description="What of its `input` is known; what it needs beyond that only you know."
    )


async def entries_of_findings(
    parents: "list[DataQualityFinding]", info: Info[Context, None]
) -> list[list[Transaction]]:
    """Find the entries that a level of findings is about."""
    ids = [key for parent in parents for key in parent.entry_keys]
    rows = await info.context.loaders.transactions.load_many(ids)
    found = {
        key: transaction_of(row) for key, row in zip(ids, rows, strict=True) if row is not None
    }
    return [[found[key] for key in parent.entry_keys if key in found] for parent in parents]


@strawberry.type(description="One thing that looks wrong in a ledger.")
class DataQualityFinding:
    """One thing that looks wrong in a ledger."""

    entry_keys: strawberry.Private[tuple[int, ...]]
    code: DataQualityCode = strawberry.field(description="What was found, for a program.")
    severity: DataQualitySeverity = strawberry.field(description="How much it matters.")
    message: str = strawberry.field(description="What was found, for a person.")
    instrument: Instrument | None = strawberry.field(
        description="The instrument concerned; null for an entry about cash."
    )
    missing_quantity: Decimal | None = strawberry.field(
        description="Units that were taken and never came; null for other findings."
    )
    affects: list[str] = strawberry.field(
        description="The figures it spoils, by their field names."
    )
    repair: DataQualityRepair | None = strawberry.field(
        description="How to repair it; null where no mutation can."
    )
    transaction_count: int = strawberry.field(description="How many entries are concerned.")
    transactions: list[Transaction] = batched(
        entries_of_findings, description=f"The entries concerned, at most {MAX_ENTRIES} of them."
    )


async def findings_of_scopes(
    parents: "list[Scope]", info: Info[Context, None]
) -> list[list[DataQualityFinding]]:
    """Judge the ledgers of a level of portfolios."""
    context = info.context
    portfolios = [parent.row for parent in parents]
    ledgers = await context.loaders.ledgers.load_many([state_key(row) for row in portfolios])
    audits: dict[int, Audit] = {}
    for ledger in {id(ledger): ledger for ledger in ledgers}.values():
        audits |= await aside(ledger.entries, _audits, ledger)
    chosen = [
        audits.get(row.id or 0) or audit_of((), state=LedgerState(), terms=Terms())
        for row in portfolios
    ]
    ids = sorted({key for audit in chosen for key in audit.state.instruments})
    rows = await context.loaders.instruments.load_many(ids)
    known = {key: row for key, row in zip(ids, rows, strict=True) if row is not None}
    evidence = await _evidence(context, chosen, known)
    listed = []
    for row, audit, found in zip(portfolios, chosen, evidence, strict=True):
        findings = await aside(
            [bar for one in found.values() for bar in one.bars],
            findings_of,
            audit,
            instruments={key: known[key] for key in audit.state.instruments if key in known},
            evidence=found,
            now=context.now(),
        )
        listed.append(
            [
                _outward(finding, audit, known, portfolio_id=row.id or 0)
                for finding in findings[:MAX_FINDINGS]
            ]
        )
    return listed


def _audits(ledger: Ledger) -> dict[int, Audit]:
    states = ledger_states(ledger.entries, terms=ledger.terms)
    return {
        key: audit_of(entries, state=states[key], terms=ledger.terms.get(key, Terms()))
        for key, entries in by_portfolio(ledger.entries).items()
    }


async def _evidence(
    context: Context,
    audits: Sequence[Audit],
    known: Mapping[int, instruments.Instrument],
) -> list[dict[int, Evidence]]:
    """Ask the market for closes while units were held, and for what is held what it quotes in."""
    today = context.now().date()
    questions = [
        {
            key: HistoryQuestion(symbol=known[key].symbol, first=first, last=last)
            for key, (first, last) in audit.spans(today).items()
            if key in known
        }
        for audit in audits
    ]
    held = [
        key
        for audit, wanted in zip(audits, questions, strict=True)
        for key in wanted
        if audit.holdings.now(key)
    ]
    quotes, _ = await asyncio.gather(
        context.loaders.quotes.load_many([known[key].symbol for key in held]),
        context.loaders.bars.load_many([one for wanted in questions for one in wanted.values()]),
    )
    quoted_in = {
        key: quote.currency for key, quote in zip(held, quotes, strict=True) if quote is not None
    }
    found = []
    for wanted in questions:
        bars = await context.loaders.bars.load_many(list(wanted.values()))
        found.append(
            {
                key: Evidence(
                    bars=[bar for bar in series if bar.source != MADE_UP],
                    quoted_in=quoted_in.get(key),
                )
                for key, series in zip(wanted, bars, strict=True)
            }
        )
    return found


def _outward(
    finding: Finding,
    audit: Audit,
    known: Mapping[int, instruments.Instrument],
    *,
    portfolio_id: int,
) -> DataQualityFinding:
    row = known.get(finding.instrument_id or 0)
    return DataQualityFinding(
        entry_keys=finding.entry_ids[:MAX_ENTRIES],
        code=DataQualityCode(finding.code.value),
        severity=DataQualitySeverity(finding.severity.value),
        message=finding.message,
        instrument=None if row is None else instrument_of(row),
        missing_quantity=finding.missing,
        affects=list(finding.affects),
        repair=None
        if finding.repair is None
        else _repair(finding.repair, audit, portfolio_id=portfolio_id),
        transaction_count=len(finding.entry_ids),
    )


def _repair(repair: Repair, audit: Audit, *, portfolio_id: int) -> DataQualityRepair:
    if repair.entry_id is None:
        target = {"portfolioId": encode_id("Portfolio", portfolio_id)}
    else:
        kind = next(entry.kind for entry in audit.entries if entry.id == repair.entry_id)
        target = {"id": str(entry_id(Kind(kind), repair.entry_id))}
    return DataQualityRepair(
        mutation=repair.mutation,
        arguments=[
            RepairArgument(name=name, value=value)
            for name, value in (target | dict(repair.arguments)).items()
        ],
    )
