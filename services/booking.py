"""Booking: the one way into the ledger, for a single trade and for an import alike.

Two steps, because market data must not be waited for while the ledger is held: ``prepare`` finds
instruments and exchange rates, ``book`` writes entries and the projection within one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from analytics.money import ONE, ZERO, plain, total
from datasources.market import Market
from models.base import row_key
from models.database import insert_all
from models.drafts import Draft
from models.instruments import Instrument
from models.market import InstrumentMatch, Rate, RateQuestion
from models.portfolios import Portfolio, portfolio_for_update, portfolios_by_id
from models.transactions import (
    Kind,
    RateSource,
    Transaction,
    booked_since,
    newest_key,
    splits_on,
)
from models.users import user_for_update
from services.entry_ids import keys_of_ids, taken_external_ids
from services.errors import (
    Mistake,
    MistakeCode,
    RefusedEntriesError,
    RefusedError,
    portfolio_not_found,
    refuse,
)
from services.instruments import create_missing, find_missing, known_instruments, symbols_of_isins
from services.projection import OversoldError, apply_change


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A draft with its currencies settled, and the market's rates of its day by currency."""

    draft: Draft
    currency: str
    settlement_currency: str
    instrument_currency: str | None
    rates: Mapping[str, Rate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Drafts with currencies and rates settled, and the instruments that are to be created.

    ``mistakes`` are by the draft's place in the sequence; such a draft cannot be booked.
    """

    base_currency: str
    settled: Sequence[Settled]
    matches: Mapping[str, InstrumentMatch] = field(default_factory=dict)
    mistakes: Mapping[int, tuple[Mistake, ...]] = field(default_factory=dict)

    @property
    def drafts(self) -> list[Draft]:
        """Return the drafts, in order."""
        return [settled.draft for settled in self.settled]


class OutdatedError(Exception):
    """The portfolio's base currency changed since the drafts were prepared: prepare again."""


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


async def hold_portfolio(
    session: AsyncSession, *, owner_id: int, portfolio_id: int, field: str = "portfolioId"
) -> Portfolio:
    """Return an owner's portfolio for a change of its ledger, held against other writers.

    One person's ledgers are held together, for a change of one can reach into another. ``field``
    is what of the input led to it.
    """
    await session.execute(user_for_update(owner_id))
    found = await session.scalar(portfolio_for_update(owner_id=owner_id, portfolio_id=portfolio_id))
    if found is None:
        raise portfolio_not_found()
    if found.archived_at is not None:
        raise refuse(
            MistakeCode.ARCHIVED, "The portfolio is archived and takes no bookings.", field
        )
    return found


def _symbols(drafts: Sequence[Draft]) -> set[str]:
    named = {draft.symbol for draft in drafts} | {draft.related_symbol for draft in drafts}
    return {symbol for symbol in named if symbol is not None}


def _reinvested_mistakes(draft: Draft, currency: str) -> list[Mistake]:
    """Find what keeps us from telling what units were bought for, as there is no price."""
    mistakes = []
    for name, other in (("tax", draft.tax_currency), ("fee", draft.fee_currency)):
        if other not in (None, currency):
            message = f"Without a price the {name} must be in {currency}."
            field = (f"{name}Currency",)
            mistakes.append(Mistake(MistakeCode.CURRENCY_MISMATCH, message, field))
    if not mistakes and (draft.amount or ZERO) < total([draft.fee, draft.tax]):
        message = "Fee and tax leave nothing of it to buy units for."
        mistakes.append(Mistake(MistakeCode.OUT_OF_RANGE, message, ("amount",)))
    return mistakes


def _settle(draft: Draft, *, base: str, own: str | None) -> tuple[Settled, list[Mistake]]:
    """Fill in a draft's currencies; ``own`` is its instrument's currency, if it has one."""
    mistakes: list[Mistake] = []
    currency = draft.currency or own or base
    settlement = draft.settlement_currency or currency
    if settlement not in {currency, base}:
        message = f"Must be {currency} or the portfolio's {base}."
        mistakes.append(Mistake(MistakeCode.CURRENCY_MISMATCH, message, ("settlementCurrency",)))
    if draft.kind is Kind.DIVIDEND_REINVESTED and draft.price is None:
        mistakes += _reinvested_mistakes(draft, currency)
    own_differs = own is not None and own != currency
    draft = replace(
        draft,
        currency=currency,
        fee_currency=None if draft.fee_currency == currency else draft.fee_currency,
        tax_currency=None if draft.tax_currency == currency else draft.tax_currency,
    )
    settled = Settled(
        draft=draft,
        currency=currency,
        settlement_currency=settlement,
        instrument_currency=own if own_differs else None,
    )
    return settled, mistakes


@dataclass(frozen=True, slots=True)
class _Need:
    """A rate that an entry has a use for: of which field, the booking's own, and if it must be."""

    field: str
    currency: str
    own: Decimal | None
    must: bool


def _needs(settled: Settled) -> list[_Need]:
    draft = settled.draft
    needs: list[_Need] = []
    if settled.instrument_currency is not None:
        own = draft.instrument_rate
        needs.append(_Need("instrumentExchangeRate", settled.instrument_currency, own, must=True))
    for amount, name, currency, rate in (
        (draft.tax, "taxExchangeRate", draft.tax_currency, draft.tax_rate),
        (draft.fee, "feeExchangeRate", draft.fee_currency, draft.fee_rate),
    ):
        if currency is not None and amount:
            needs.append(_Need(name, currency, rate, must=True))
    must = bool(needs) or settled.settlement_currency != settled.currency
    return [*needs, _Need("exchangeRate", settled.currency, draft.rate, must)]


async def prepare(
    session: AsyncSession, market: Market, *, base_currency: str, drafts: Sequence[Draft]
) -> Prepared:
    """Find the instruments and market rates that drafts need: one look each, for all of them."""
    drafts = await _with_symbols(session, drafts)
    symbols = _symbols(drafts)
    known = await known_instruments(session, symbols)
    matches = await find_missing(market, symbols, known=known)
    currencies = {symbol: row.currency for symbol, row in known.items()}
    currencies |= {symbol: match.currency for symbol, match in matches.items()}

    settled: list[Settled] = []
    mistakes: dict[int, list[Mistake]] = {}
    for place, draft in enumerate(drafts):
        found = _unknown(draft, currencies) or _two_currencies(draft, currencies)
        one, wrong = _settle(draft, base=base_currency, own=currencies.get(draft.symbol or ""))
        settled.append(one)
        if found or wrong:
            mistakes[place] = [*found, *wrong]

    questions = {
        (place, need.currency): RateQuestion(
            base=need.currency, target=base_currency, day=one.draft.occurred_at.date()
        )
        for place, one in enumerate(settled)
        for need in _needs(one)
        if need.own is None and need.currency != base_currency and place not in mistakes
    }
    answers = await market.rates(set(questions.values())) if questions else {}
    for place, one in enumerate(settled):
        rates = {}
        for need in _needs(one):
            question = questions.get((place, need.currency))
            if question is None or need.own is not None:
                continue
            if question in answers:
                rates[need.currency] = answers[question]
            elif need.must:
                message = (
                    f"No rate from {need.currency} to {base_currency} is known for "
                    f"{question.day}: give the booking's own."
                )
                mistakes.setdefault(place, []).append(
                    Mistake(MistakeCode.NO_RATE, message, (need.field,))
                )
        settled[place] = replace(one, rates=rates)
    return Prepared(
        base_currency=base_currency,
        settled=settled,
        matches=matches,
        mistakes={place: tuple(found) for place, found in mistakes.items()},
    )


async def _with_symbols(session: AsyncSession, drafts: Sequence[Draft]) -> list[Draft]:
    """Give drafts that name an ISIN alone the symbol of the instrument we know by it."""
    isins = {draft.isin for draft in drafts if draft.isin is not None and draft.symbol is None}
    symbols = await symbols_of_isins(session, isins)
    return [
        replace(draft, symbol=symbols.get(draft.isin or "")) if draft.symbol is None else draft
        for draft in drafts
    ]


def _unknown(draft: Draft, currencies: Mapping[str, str]) -> list[Mistake]:
    found = []
    for name, symbol in (("symbol", draft.symbol), ("relatedSymbol", draft.related_symbol)):
        if symbol is not None and symbol not in currencies:
            message = f"No instrument with the symbol {symbol} was found."
            found.append(Mistake(MistakeCode.UNKNOWN_INSTRUMENT, message, (name,)))
    if draft.symbol is None and draft.isin is not None:
        message = f"No instrument with the ISIN {draft.isin} is known: name its symbol."
        found.append(Mistake(MistakeCode.UNKNOWN_INSTRUMENT, message, ("symbol",)))
    return found


def _two_currencies(draft: Draft, currencies: Mapping[str, str]) -> list[Mistake]:
    """Find units that would become ones in another currency, which their cost cannot."""
    if draft.symbol is None or draft.related_symbol is None:
        return []
    one, other = currencies[draft.symbol], currencies[draft.related_symbol]
    if one == other:
        return []
    message = f"{draft.symbol} is in {one} and {draft.related_symbol} in {other}: book a sale."
    return [Mistake(MistakeCode.CURRENCY_MISMATCH, message, ("relatedSymbol",))]


def columns_of(
    settled: Settled, *, base_currency: str, instruments: Mapping[str, Instrument]
) -> dict[str, Any]:
    """Return the columns of a transaction that a settled draft decides."""
    draft, currency = settled.draft, settled.currency
    instrument = instruments.get(draft.symbol or "")
    related = instruments.get(draft.related_symbol or "")

    def rate_of(other: str | None, own: Decimal | None) -> Decimal | None:
        if other is None:
            return None
        if other == base_currency:
            return ONE
        rate = settled.rates.get(other)
        return own if own is not None else (rate.value if rate else None)

    def source_of(other: str | None, own: Decimal | None) -> str | None:
        if other in (None, base_currency):
            return None
        if own is not None:
            return RateSource.BOOKED.value
        return RateSource.MARKET.value if other in settled.rates else None

    market = settled.rates.get(currency) if draft.rate is None else None
    # A fee within the cost of units that came in may have a rate of its own in the same currency.
    paid_in = draft.fee_currency or (currency if draft.fee_rate else None)
    return {
        "instrument_id": instrument and instrument.id,
        "related_instrument_id": related and related.id,
        "kind": draft.kind.value,
        "occurred_at": draft.occurred_at,
        "acquired_at": draft.acquired_at,
        "quantity": draft.quantity,
        "price": draft.price,
        "amount": draft.amount,
        "currency": currency,
        "fee": draft.fee,
        "fee_currency": draft.fee_currency,
        "fee_rate": rate_of(paid_in, draft.fee_rate),
        "fee_rate_source": source_of(paid_in, draft.fee_rate),
        "tax": draft.tax,
        "tax_currency": draft.tax_currency,
        "tax_rate": rate_of(draft.tax_currency, draft.tax_rate),
        "tax_rate_source": source_of(draft.tax_currency, draft.tax_rate),
        "settlement_currency": settled.settlement_currency,
        "rate": rate_of(currency, draft.rate),
        "rate_day": market.day if market else None,
        "rate_source": source_of(currency, draft.rate),
        "instrument_currency": settled.instrument_currency,
        "instrument_rate": rate_of(settled.instrument_currency, draft.instrument_rate),
        "instrument_rate_source": source_of(settled.instrument_currency, draft.instrument_rate),
        "ratio_new": draft.ratio_new,
        "ratio_old": draft.ratio_old,
        "cost_share": draft.cost_share,
        "lots": [[str(key), plain(units)] for key, units in draft.lots] or None,
        "note": draft.note,
        "external_id": draft.external_id,
    }


async def _name_lots(
    session: AsyncSession,
    portfolio_id: int,
    drafts: Sequence[Draft],
    entries: Sequence[Transaction],
) -> None:
    """Let new entries name their lots by key, where their drafts name them by external id."""
    wanted = {name for draft in drafts for name, _ in draft.lot_ids}
    if not wanted:
        return
    keys = await keys_of_ids(session, portfolio_id, wanted)
    keys |= {entry.external_id: row_key(entry.id) for entry in entries if entry.external_id}
    wrong: dict[int, Mistake] = {}
    for draft, entry in zip(drafts, entries, strict=True):
        unknown = [name for name, _ in draft.lot_ids if name not in keys]
        if unknown:
            message = f"There is no entry with the id {unknown[0]!r} that opened a lot."
            wrong[row_key(entry.id)] = Mistake(MistakeCode.NOT_FOUND, message, ("lots",))
        elif draft.lot_ids:
            entry.lots = [[str(keys[name]), plain(units)] for name, units in draft.lot_ids]
    if wrong:
        raise RefusedEntriesError(wrong)


class RefusedPlacesError(Exception):
    """Bookings of a batch were refused, by their places in it; null is an older one."""

    def __init__(self, mistakes: Mapping[int | None, Mistake]) -> None:
        super().__init__("; ".join(mistake.message for mistake in mistakes.values()))
        self.mistakes = mistakes


def oversold_mistake(error: OversoldError, *, what: str) -> Mistake:
    """Say in plain words which entry lacks how many units."""
    lack = error.shortfall
    message = (
        f"{what}: the entry of {lack.at:%Y-%m-%d} takes {plain(lack.wanted)} and "
        f"finds only {plain(lack.held)} held, {plain(lack.missing)} too few."
    )
    return Mistake(MistakeCode.OVERSOLD, message, ("quantity",))


async def instruments_for(
    session: AsyncSession, prepared: Prepared, places: Collection[int], *, now: datetime
) -> dict[str, Instrument]:
    """Return the instruments of drafts by symbol, those that are new among them created."""
    wanted = _symbols([prepared.settled[place].draft for place in places])
    known = await known_instruments(session, wanted)
    fresh = [match for symbol, match in prepared.matches.items() if symbol in wanted - set(known)]
    return known | await create_missing(session, fresh, now=now)


def repeated_split(entry: Transaction) -> Mistake:
    """Say that a split is booked already."""
    day = entry.occurred_at.date()
    message = f"A split of that day ({day}) is booked already: it would count twice."
    return Mistake(MistakeCode.ALREADY_EXISTS, message, ("occurredAt",))


async def repeated_splits(
    session: AsyncSession, portfolio_id: int, entries: Sequence[Transaction]
) -> list[Transaction]:
    """Return which of new entries are splits that the ledger, or an entry before, has already."""
    splits = [entry for entry in entries if entry.kind == Kind.SPLIT.value]
    if not splits:
        return []
    known: set[tuple[int | None, date]] = {
        (instrument_id, occurred_at.date())
        for instrument_id, occurred_at in await session.execute(
            splits_on(portfolio_id, sorted({entry.instrument_id or 0 for entry in splits}))
        )
    }
    repeated = []
    for entry in splits:
        key = (entry.instrument_id, entry.occurred_at.date())
        if key in known:
            repeated.append(entry)
        known.add(key)
    return repeated


async def book(
    session: AsyncSession,
    portfolio: Portfolio,
    *,
    prepared: Prepared,
    places: Sequence[int],
    now: datetime,
    lenient: bool = False,
) -> list[Transaction]:
    """Write the drafts at some places of a prepared batch, and bring the projection up to date.

    The portfolio must be held for the change. Raises RefusedPlacesError for splits that are booked
    already, lots that are not there, and unless ``lenient`` for more units than are held; the
    caller's transaction must then be rolled back. Raises OutdatedError when the base currency is
    no longer the one prepared for.
    """
    if prepared.base_currency != portfolio.base_currency:
        raise OutdatedError
    instruments = await instruments_for(session, prepared, places, now=now)
    portfolio_id = row_key(portfolio.id)
    rows: list[dict[str, Any]] = [
        {"portfolio_id": portfolio_id, "created_at": now}
        | columns_of(
            prepared.settled[place],
            base_currency=portfolio.base_currency,
            instruments=instruments,
        )
        for place in places
    ]
    splits = {
        place: Transaction(**row)
        for place, row in zip(places, rows, strict=True)
        if row["kind"] == Kind.SPLIT.value
    }
    repeated = {
        id(entry) for entry in await repeated_splits(session, portfolio_id, list(splits.values()))
    }
    if repeated:
        raise RefusedPlacesError(
            {
                place: repeated_split(entry)
                for place, entry in splits.items()
                if id(entry) in repeated
            }
        )
    entries = await _write(session, portfolio_id, rows)
    drafts = [prepared.settled[place].draft for place in places]
    by_id = {entry.id: place for entry, place in zip(entries, places, strict=True)}
    try:
        await _name_lots(session, portfolio_id, drafts, entries)
        await apply_change(session, owner_id=portfolio.owner_id, added=entries, lenient=lenient)
    except RefusedEntriesError as error:
        raise RefusedPlacesError(
            {by_id[key]: mistake for key, mistake in error.by_key.items()}
        ) from error
    except OversoldError as error:
        place = by_id.get(error.shortfall.event_id)
        what = "Not enough units" if place is not None else "This would break a later entry"
        raise RefusedPlacesError({place: oversold_mistake(error, what=what)}) from error
    return entries


async def _write(
    session: AsyncSession, portfolio_id: int, rows: Sequence[dict[str, Any]]
) -> list[Transaction]:
    """Insert transactions all at once and return them in the same order.

    Rows inserted together get ascending keys, all above those that were there: reading them back
    is many times faster than to ask for the key of each while inserting.
    """
    newest = await session.scalar(newest_key())
    await insert_all(session, Transaction, rows)
    found = await session.scalars(booked_since(newest or 0))
    return [row for row in found if row.portfolio_id == portfolio_id]  # others book meanwhile


async def book_one(
    session: AsyncSession, portfolio: Portfolio, *, prepared: Prepared, now: datetime
) -> Transaction:
    """Write the only draft of a prepared batch; raises RefusedError with what is wrong with it."""
    if 0 in prepared.mistakes:
        raise RefusedError(prepared.mistakes[0])
    draft = prepared.settled[0].draft
    if portfolio.id is not None and await taken_external_ids(session, portfolio.id, [draft]):
        raise refuse(
            MistakeCode.ALREADY_EXISTS,
            f"The portfolio already has a booking with the external id {draft.external_id!r}.",
            "externalId",
        )
    try:
        return (await book(session, portfolio, prepared=prepared, places=[0], now=now))[0]
    except RefusedPlacesError as error:
        raise RefusedError(list(error.mistakes.values())) from error
