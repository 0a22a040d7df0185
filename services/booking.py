"""Booking: the one way into the ledger, for a single trade and for an import alike.

Two steps, because market data must not be waited for while the ledger is held: ``prepare`` finds
instruments and exchange rates, ``book`` writes entries and the projection within one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.lots import OversoldError
from analytics.money import plain
from datasources.market import Market
from models.base import row_key
from models.instruments import Instrument
from models.market import InstrumentMatch, Rate, RateQuestion
from models.portfolios import Portfolio, portfolio_for_update, portfolios_by_id
from models.transactions import RateSource, Transaction, external_ids
from services.drafts import Draft
from services.errors import Mistake, MistakeCode, RefusedError, portfolio_not_found, refuse
from services.instruments import create_missing, find_missing, known_instruments
from services.projection import apply_change


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Drafts with currencies and rates settled, and the instruments that are to be created.

    ``mistakes`` are by the draft's place in the sequence; such a draft cannot be booked.
    """

    drafts: Sequence[Draft]
    rates: Mapping[int, Rate] = field(default_factory=dict)
    matches: Mapping[str, InstrumentMatch] = field(default_factory=dict)
    mistakes: Mapping[int, tuple[Mistake, ...]] = field(default_factory=dict)


async def owned_portfolio(
    session: AsyncSession, *, owner_id: int, portfolio_id: int | None
) -> Portfolio:
    """Return an owner's portfolio; a stranger's and a missing one are refused alike."""
    found = None
    if portfolio_id is not None:
        found = await session.scalar(portfolios_by_id([portfolio_id]))
    if found is None or found.owner_id != owner_id:
        raise portfolio_not_found()
    return found


async def hold_portfolio(session: AsyncSession, *, owner_id: int, portfolio_id: int) -> Portfolio:
    """Return an owner's portfolio for a change of its ledger, held against other writers."""
    found = await session.scalar(portfolio_for_update(owner_id=owner_id, portfolio_id=portfolio_id))
    if found is None:
        raise portfolio_not_found()
    if found.archived_at is not None:
        raise refuse(
            MistakeCode.ARCHIVED, "The portfolio is archived and takes no bookings.", "portfolioId"
        )
    return found


def _settle_currencies(draft: Draft, *, base: str, own: str | None) -> tuple[Draft, list[Mistake]]:
    """Fill in a draft's currencies; ``own`` is its instrument's currency, if it has one."""
    mistakes: list[Mistake] = []
    currency = draft.currency or own or base
    if own is not None and currency != own:
        message = f"{draft.symbol} trades in {own}, not in {currency}."
        mistakes.append(Mistake(MistakeCode.CURRENCY_MISMATCH, message, ("currency",)))
    settlement = draft.settlement_currency or currency
    if settlement not in {currency, base}:
        message = f"Must be {currency} or the portfolio's {base}."
        mistakes.append(Mistake(MistakeCode.CURRENCY_MISMATCH, message, ("settlementCurrency",)))
    rate = Decimal(1) if currency == base else draft.rate
    return replace(draft, currency=currency, settlement_currency=settlement, rate=rate), mistakes


async def prepare(
    session: AsyncSession, market: Market, *, base_currency: str, drafts: Sequence[Draft]
) -> Prepared:
    """Find the instruments and market rates that drafts need: one look each, for all of them."""
    symbols = {draft.symbol for draft in drafts if draft.symbol is not None}
    known = await known_instruments(session, symbols)
    matches = await find_missing(market, symbols, known=known)
    currencies = {symbol: row.currency for symbol, row in known.items()}
    currencies |= {symbol: match.currency for symbol, match in matches.items()}

    settled: list[Draft] = []
    mistakes: dict[int, list[Mistake]] = {}
    for place, draft in enumerate(drafts):
        own = currencies.get(draft.symbol) if draft.symbol is not None else None
        found: list[Mistake] = []
        if draft.symbol is not None and own is None:
            message = f"No instrument with the symbol {draft.symbol} was found."
            found.append(Mistake(MistakeCode.UNKNOWN_INSTRUMENT, message, ("symbol",)))
        draft, wrong = _settle_currencies(draft, base=base_currency, own=own)
        settled.append(draft)
        if found or wrong:
            mistakes[place] = [*found, *wrong]

    questions = {
        place: RateQuestion(
            base=draft.currency or base_currency,
            target=base_currency,
            day=draft.occurred_at.date(),
        )
        for place, draft in enumerate(settled)
        if draft.rate is None and place not in mistakes
    }
    answers = await market.rates(set(questions.values())) if questions else {}
    rates = {
        place: answers[question] for place, question in questions.items() if question in answers
    }
    for place, question in questions.items():
        draft = settled[place]
        if place not in rates and draft.settlement_currency != draft.currency:
            message = (
                f"No rate from {question.base} to {question.target} is known for {question.day}: "
                "give the booking's own."
            )
            mistakes[place] = [Mistake(MistakeCode.NO_RATE, message, ("exchangeRate",))]
    return Prepared(
        drafts=settled,
        rates=rates,
        matches=matches,
        mistakes={place: tuple(found) for place, found in mistakes.items()},
    )


def _transaction(
    draft: Draft,
    *,
    portfolio: Portfolio,
    instrument: Instrument | None,
    rate: Rate | None,
    now: datetime,
) -> Transaction:
    base = portfolio.base_currency
    currency = draft.currency or base
    source = None
    if currency != base:
        source = RateSource.BOOKED if draft.rate is not None else rate and RateSource.MARKET
    return Transaction(
        portfolio_id=row_key(portfolio.id),
        instrument_id=None if instrument is None else instrument.id,
        kind=draft.kind.value,
        occurred_at=draft.occurred_at,
        quantity=draft.quantity,
        price=draft.price,
        amount=draft.amount,
        currency=currency,
        fee=draft.fee,
        tax=draft.tax,
        settlement_currency=draft.settlement_currency or currency,
        rate=draft.rate if draft.rate is not None else (rate.value if rate else None),
        rate_day=rate.day if rate and draft.rate is None else None,
        rate_source=source.value if source else None,
        note=draft.note,
        external_id=draft.external_id,
        created_at=now,
    )


async def taken_external_ids(
    session: AsyncSession, portfolio_id: int, drafts: Sequence[Draft]
) -> set[str]:
    """Return which of the drafts' external ids the portfolio already has."""
    wanted = sorted({draft.external_id for draft in drafts if draft.external_id is not None})
    taken: set[str] = set()
    for start in range(0, len(wanted), 1000):
        rows = await session.scalars(external_ids(portfolio_id, wanted[start : start + 1000]))
        taken.update(row for row in rows if row is not None)
    return taken


class EntryOversoldError(Exception):
    """A booking at ``place`` in its batch, or an older one (null), sells more than is held."""

    def __init__(self, place: int | None, mistake: Mistake) -> None:
        super().__init__(mistake.message)
        self.place = place
        self.mistake = mistake


def oversold_mistake(error: OversoldError, *, what: str) -> Mistake:
    """Say in plain words which sale lacks how many units."""
    message = (
        f"{what}: the sale of {plain(error.fill.quantity)} on {error.fill.at:%Y-%m-%d} "
        f"finds only {plain(error.held)} held, {plain(error.missing)} too few."
    )
    return Mistake(MistakeCode.OVERSOLD, message, ("quantity",))


async def book(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    prepared: Prepared,
    places: Sequence[int],
    now: datetime,
) -> list[Transaction]:
    """Write the drafts at some places of a prepared batch, and bring the projection up to date.

    The portfolio must be held for the change. Raises EntryOversoldError; the caller's transaction
    must then be rolled back.
    """
    wanted = {prepared.drafts[place].symbol for place in places} - {None}
    known = await known_instruments(session, {symbol for symbol in wanted if symbol})
    fresh = [match for symbol, match in prepared.matches.items() if symbol in wanted - set(known)]
    known |= await create_missing(session, fresh, now=now)
    entries = [
        _transaction(
            prepared.drafts[place],
            portfolio=portfolio,
            instrument=known.get(prepared.drafts[place].symbol or ""),
            rate=prepared.rates.get(place),
            now=now,
        )
        for place in places
    ]
    session.add_all(entries)
    await session.flush()
    try:
        await apply_change(session, portfolio, added=entries)
    except OversoldError as error:
        by_id = {entry.id: place for entry, place in zip(entries, places, strict=True)}
        place = by_id.get(error.fill.id)
        what = "Not enough units" if place is not None else "This would break a later sale"
        raise EntryOversoldError(place, oversold_mistake(error, what=what)) from error
    return entries


async def book_one(
    session: AsyncSession, portfolio: Portfolio, *, prepared: Prepared, now: datetime
) -> Transaction:
    """Write the only draft of a prepared batch; raises RefusedError with what is wrong with it."""
    if 0 in prepared.mistakes:
        raise RefusedError(prepared.mistakes[0])
    draft = prepared.drafts[0]
    if portfolio.id is not None and await taken_external_ids(session, portfolio.id, [draft]):
        raise refuse(
            MistakeCode.ALREADY_EXISTS,
            f"The portfolio already has a booking with the external id {draft.external_id!r}.",
            "externalId",
        )
    try:
        return (await book(session, portfolio, prepared=prepared, places=[0], now=now))[0]
    except EntryOversoldError as error:
        raise RefusedError([error.mistake]) from error
