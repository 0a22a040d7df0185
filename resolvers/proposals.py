"""Proposals: splits and dividends that the market knows of and a ledger does not have."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Protocol

import strawberry
from strawberry.types import Info

from analytics.money import plain
from models import portfolios
from models.corporate_actions import ActionKind
from models.market import HistoryQuestion
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.instruments import Instrument, instrument_of
from resolvers.loaders import Ledger, state_key
from resolvers.scalars import CurrencyCode, write_datetime
from services import proposals
from services.aside import aside
from services.entries import Terms, by_portfolio
from services.order import in_order
from services.proposals import proposals_of
from services.quality import Holdings

MAX_PROPOSALS = 100
MUTATIONS = {
    ActionKind.SPLIT: "recordCorporateAction",
    ActionKind.DIVIDEND: "recordIncome",
}


class Owned(Protocol):
    """Whatever stands for a portfolio."""

    row: portfolios.Portfolio


@strawberry.enum(description="What is proposed.")
class ProposalKind(Enum):
    """What is proposed."""

    SPLIT = strawberry.enum_value("SPLIT", description="A split of units that were held.")
    DIVIDEND = strawberry.enum_value(
        "DIVIDEND", description="A dividend on units that were held before its ex-day."
    )


@strawberry.type(description="One field of the input of a booking.")
class ProposedValue:
    """One field of the input of a booking."""

    name: str = strawberry.field(description="The field of the mutation's `input`.")
    value: str = strawberry.field(description="Its value as text.")


@strawberry.type(
    description="A booking that may be missing: the market knows of it, and the ledger held units "
    "and has nothing like it. Nothing is booked before you accept it."
)
class LedgerProposal:
    """A booking that may be missing."""

    key: str = strawberry.field(
        description="Names it within its portfolio, for `acceptProposal` and `dismissProposal`; "
        "the external id of the entry that it becomes."
    )
    kind: ProposalKind = strawberry.field(description="What it is.")
    instrument: Instrument = strawberry.field(description="What it happened to.")
    day: date = strawberry.field(description="The split's day, or the dividend's ex-day.")
    booked_on: date = strawberry.field(
        description="The day it would be booked on: the split's, or the dividend's pay day."
    )
    units: Decimal = strawberry.field(
        description="Units held at the end of the day before `day`, by the ledger."
    )
    new_units: Decimal | None = strawberry.field(
        description="Split: so many new units for `oldUnits`; null for a dividend."
    )
    old_units: Decimal | None = strawberry.field(
        description="Split: the units that `newUnits` is for; null for a dividend."
    )
    amount_per_unit: Decimal | None = strawberry.field(
        description="Dividend: for each unit; null for a split."
    )
    gross_amount: Decimal | None = strawberry.field(
        description="Dividend: for all units, before taxes, not rounded; null for a split."
    )
    currency: CurrencyCode | None = strawberry.field(
        description="Dividend: what it is paid in; null for a split."
    )
    source: str = strawberry.field(description="Who knows of it.")
    mutation: str = strawberry.field(description="The mutation that books it.")
    arguments: list[ProposedValue] = strawberry.field(
        description="What its `input` would be, ready to be changed: the broker's amount and tax "
        "may differ."
    )
    dismissed: bool = strawberry.field(description="Whether you have dismissed it.")


async def proposals_for(
    context: Context, rows: Sequence[portfolios.Portfolio]
) -> list[list[proposals.Proposal]]:
    """Return what a level of ledgers lacks, in a fixed number of statements."""
    today = context.now().date()
    ledgers = await context.loaders.ledgers.load_many([state_key(row) for row in rows])
    held: dict[int, Holdings] = {}
    for ledger in {id(ledger): ledger for ledger in ledgers}.values():
        held |= await aside(ledger.entries, _holdings, ledger)
    empty = Holdings((), allow_short=False)
    holdings = [held.get(row.id or 0, empty) for row in rows]
    ids = sorted({key for one in holdings for key in one.spans(today)})
    found = await context.loaders.instruments.load_many(ids)
    known = {key: row for key, row in zip(ids, found, strict=True) if row is not None}
    questions = [
        {
            key: HistoryQuestion(symbol=known[key].symbol, first=first, last=last)
            for key, (first, last) in one.spans(today).items()
            if key in known
        }
        for one in holdings
    ]
    wanted = [question for some in questions for question in some.values()]
    actions = dict(zip(wanted, await context.loaders.actions.load_many(wanted), strict=True))
    return [
        proposals_of(
            [entry for entry in ledger.entries if entry.portfolio_id == row.id],
            holdings=one,
            instruments=known,
            actions={key: actions[question] for key, question in some.items()},
            today=today,
        )
        for row, ledger, one, some in zip(rows, ledgers, holdings, questions, strict=True)
    ]


def _holdings(ledger: Ledger) -> dict[int, Holdings]:
    return {
        key: Holdings(in_order(entries), allow_short=ledger.terms.get(key, Terms()).allow_short)
        for key, entries in by_portfolio(ledger.entries).items()
    }


async def proposals_of_portfolios(
    parents: "list[Owned]", info: Info[Context, None], include_dismissed: bool = False
) -> list[list[LedgerProposal]]:
    """Propose to a level of portfolios what their ledgers lack."""
    rows = [parent.row for parent in parents]
    dismissed = await info.context.loaders.dismissed.load_many([row.id or 0 for row in rows])
    return [
        [
            proposal_of(one, portfolio_id=row.id or 0, dismissed=one.key in unwanted)
            for one in found
            if include_dismissed or one.key not in unwanted
        ][:MAX_PROPOSALS]
        for row, found, unwanted in zip(
            rows, await proposals_for(info.context, rows), dismissed, strict=True
        )
    ]


def proposal_of(
    proposal: proposals.Proposal, *, portfolio_id: int, dismissed: bool
) -> LedgerProposal:
    """Build the outward shape of a proposal."""
    values = {
        "portfolioId": encode_id("Portfolio", portfolio_id),
        "kind": proposal.kind.value,
        "symbol": proposal.instrument.symbol,
        "occurredAt": write_datetime(proposal.draft().occurred_at),
        "newUnits": _written(proposal.ratio_new),
        "oldUnits": _written(proposal.ratio_old),
        "amount": _written(proposal.gross),
        "currency": proposal.currency,
        "externalId": proposal.key,
    }
    return LedgerProposal(
        key=proposal.key,
        kind=ProposalKind(proposal.kind.value),
        instrument=instrument_of(proposal.instrument),
        day=proposal.day,
        booked_on=proposal.booked_on,
        units=proposal.units,
        new_units=proposal.ratio_new,
        old_units=proposal.ratio_old,
        amount_per_unit=proposal.per_unit,
        gross_amount=proposal.gross,
        currency=None if proposal.currency is None else CurrencyCode(proposal.currency),
        source=proposal.source,
        mutation=MUTATIONS[proposal.kind],
        arguments=[
            ProposedValue(name=name, value=value)
            for name, value in values.items()
            if value is not None
        ],
        dismissed=dismissed,
    )


def _written(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
