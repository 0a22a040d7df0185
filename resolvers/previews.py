"""Previews: what a change of the ledger would do to positions, lots, gains and cash."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import strawberry

from models import portfolios
from resolvers.context import Context
from resolvers.figures import Ask, PortfolioFacts, facts_of, holding_facts
from resolvers.gains import RealizedGain, realized_gain_of
from resolvers.instruments import Instrument, instrument_of
from resolvers.portfolios import Portfolio, portfolio_of
from resolvers.positions import Position, position_of
from resolvers.values import Money, money
from services.preview import Preview


@strawberry.type(description="One position before a change and after it.")
class PositionPreview:
    """One position before a change and after it."""

    instrument: Instrument = strawberry.field(description="What it is of.")
    before: Position | None = strawberry.field(
        description="As it is now, with lots and gains; null if there is none yet."
    )
    after: Position | None = strawberry.field(
        description="As it would be, with lots and gains; null if there would be none any more."
    )
    realized_gains: list[RealizedGain] = strawberry.field(
        description="Closings of lots that there would be, and that there are not now."
    )


@strawberry.type(description="One portfolio before a change and after it.")
class PortfolioPreview:
    """One portfolio before a change and after it."""

    portfolio: Portfolio = strawberry.field(description="As it is now.")
    cash_before: list[Money] = strawberry.field(description="Its cash now, by currency.")
    cash_after: list[Money] = strawberry.field(description="Its cash as it would be.")
    positions: list[PositionPreview] = strawberry.field(
        description="The positions that the change reaches, by symbol."
    )


@strawberry.type(description="What a change would do. Nothing was written.")
class LedgerPreview:
    """What a change would do."""

    portfolios: list[PortfolioPreview] = strawberry.field(
        description="The portfolios that the change reaches: two for a transfer."
    )


async def ledger_preview(context: Context, seen: Preview) -> LedgerPreview:
    """Build the outward shape of a preview."""
    before = await facts_of(context, [Ask(row) for row in seen.portfolios])
    return LedgerPreview(
        portfolios=[
            _portfolio_preview(seen, row, facts)
            for row, facts in zip(seen.portfolios, before, strict=True)
        ]
    )


def _portfolio_preview(
    seen: Preview, row: portfolios.Portfolio, before: PortfolioFacts
) -> PortfolioPreview:
    key = row.id or 0
    touched = {
        instrument_id
        for portfolio_id, instrument_id in seen.before.states.keys() | seen.after.states.keys()
        if portfolio_id == key
    }
    held = {facts.instrument.id or 0: facts for facts in before.holdings}
    arrived = {
        instrument_id: holding_facts(seen.instruments[instrument_id], state)
        for (portfolio_id, instrument_id), state in seen.after.states.items()
        if portfolio_id == key
    }
    after = replace(
        before,
        holdings=tuple(
            (
                {other: facts for other, facts in held.items() if other not in touched} | arrived
            ).values()
        ),
        cash=seen.after.cash[key],
        variant="after",
    )
    previews = [
        PositionPreview(
            instrument=instrument_of((arrived.get(one) or held[one]).instrument),
            before=position_of(held[one], before) if one in held else None,
            after=position_of(arrived[one], after) if one in arrived else None,
            realized_gains=_new_gains(seen, key, one, base_currency=row.base_currency),
        )
        for one in touched
        if one in held or one in arrived
    ]
    return PortfolioPreview(
        portfolio=portfolio_of(row),
        cash_before=_cash(before.cash),
        cash_after=_cash(after.cash),
        positions=sorted(previews, key=lambda preview: preview.instrument.symbol),
    )


def _cash(balances: Mapping[str, Decimal]) -> list[Money]:
    return [money(amount, currency) for currency, amount in sorted(balances.items()) if amount]


def _new_gains(
    seen: Preview, portfolio_id: int, instrument_id: int, *, base_currency: str
) -> list[RealizedGain]:
    pool = (portfolio_id, instrument_id)
    if pool not in seen.after.states:
        return []
    known = seen.before.states.get(pool)
    had = Counter(repr(closing) for closing in (known.holding.closings if known else ()))
    fresh = []
    for closing in seen.after.states[pool].holding.closings:
        if had[repr(closing)]:
            had[repr(closing)] -= 1
        else:
            fresh.append(closing)
    return [
        realized_gain_of(
            closing,
            instrument=seen.instruments[instrument_id],
            base_currency=base_currency,
            recorded=False,
        )
        for closing in fresh
    ]
