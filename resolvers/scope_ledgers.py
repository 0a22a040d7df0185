"""The ledgers of a scope, be it a portfolio or all of a person's, and what their money is in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from models.base import row_key
from models.portfolios import Portfolio
from models.transactions import Transaction
from resolvers.context import Context
from resolvers.figures import rates_at
from resolvers.loaders import Ledger, state_key
from services.combined import Report, internal


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLedger:
    """The entries of a scope's portfolios; transfers between them are ``inside``."""

    whole: Portfolio
    rows: Sequence[Portfolio]
    ledgers: tuple[Ledger, ...]
    entries: Sequence[Transaction]
    inside: set[int | None]

    @property
    def currencies(self) -> set[str]:
        """Return the base currencies that sums are kept in."""
        return {self.whole.base_currency, *(row.base_currency for row in self.rows)}

    def report(self, currency: str, rates: dict[tuple[str, str, date], Decimal | None]) -> Report:
        """Return how to get from base currencies to another, by the rates of days."""
        return Report(
            currency=currency,
            factors={
                (row_key(row.id), day): rate
                for row in self.rows
                for (base, _, day), rate in rates.items()
                if base == row.base_currency
            },
        )


async def scope_ledger_of(context: Context, whole: Portfolio) -> ScopeLedger:
    """Read the ledgers of a scope."""
    rows: list[Portfolio] = [whole]
    if whole.is_all:
        rows = await context.loaders.portfolios_by_owner.load(whole.owner_id)
    ids = {row.id for row in rows}
    found = await context.loaders.ledgers.load_many([state_key(row) for row in rows])
    ledgers = tuple({id(ledger): ledger for ledger in found}.values())  # several read at once
    entries = {
        entry.id: entry
        for ledger in ledgers
        for entry in ledger.entries
        if entry.portfolio_id in ids
    }
    return ScopeLedger(
        whole=whole,
        rows=rows,
        ledgers=ledgers,
        entries=list(entries.values()),
        inside=internal(entries.values()) if whole.is_all else set(),
    )


async def base_rates(
    context: Context, ledger: ScopeLedger, currency: str, days: Collection[date]
) -> dict[tuple[str, str, date], Decimal | None]:
    """Return what the base currencies of a scope were in another on days."""
    return await rates_at(
        context, [(base, currency, day) for base in sorted(ledger.currencies) for day in days]
    )
