"""Preparing: finds the instruments and exchange rates that drafts need, before a ledger is held.

Market data must not be waited for within a database transaction, so this comes first; the drafts
with all they need are then booked (``services.booking``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from analytics.money import ONE, ZERO, plain, total
from datasources.market import Market
from models.database import Database
from models.drafts import Draft
from models.instruments import Instrument
from models.market import InstrumentMatch, Rate, RateQuestion
from models.transactions import Kind, RateSource
from services.errors import Mistake, MistakeCode
from services.instruments import (
    find_isins,
    find_missing,
    known_instruments,
    symbols_of_isins,
    unknown_instrument,
)


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


def symbols_of(drafts: Sequence[Draft]) -> set[str]:
    """Return all symbols that drafts name."""
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
    database: Database, market: Market, *, base_currency: str, drafts: Sequence[Draft]
) -> Prepared:
    """Find the instruments and market rates that drafts need: one look each, for all of them."""
    drafts, by_isin = await _with_symbols(database, market, drafts)
    symbols = symbols_of(drafts)
    async with database.reading() as session:
        known = await known_instruments(session, symbols)
    listed = {match.symbol: match for match in by_isin.values() if match.symbol not in known}
    asked = await find_missing(market, symbols - listed.keys(), known=known)
    matches = asked | listed
    currencies = {symbol: row.currency for symbol, row in known.items()}
    currencies |= {symbol: match.currency for symbol, match in matches.items()}

    settled: list[Settled] = []
    mistakes: dict[int, list[Mistake]] = {}
    for place, draft in enumerate(drafts):
        found = _unknown(draft, currencies, untold=asked.failed) or _two_currencies(
            draft, currencies
        )
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


async def _with_symbols(
    database: Database, market: Market, drafts: Sequence[Draft]
) -> tuple[Sequence[Draft], dict[str, InstrumentMatch]]:
    """Give drafts that name an ISIN alone a symbol: of an instrument of ours, or as listed."""
    wanted: dict[str, set[str]] = {}
    for draft in drafts:
        if draft.isin is not None and draft.symbol is None:
            booked = wanted.setdefault(draft.isin, set())
            if draft.currency is not None:
                booked.add(draft.currency)
    if not wanted:
        return drafts, {}
    async with database.reading() as session:
        symbols = await symbols_of_isins(session, wanted.keys())
    unknown = {isin: currencies for isin, currencies in wanted.items() if isin not in symbols}
    listed = await find_isins(market, unknown)
    symbols |= {isin: match.symbol for isin, match in listed.items()}
    named = [
        replace(draft, symbol=symbols.get(draft.isin or "")) if draft.symbol is None else draft
        for draft in drafts
    ]
    return named, listed


def _unknown(
    draft: Draft, currencies: Mapping[str, str], *, untold: Collection[str]
) -> list[Mistake]:
    found = []
    for name, symbol in (("symbol", draft.symbol), ("relatedSymbol", draft.related_symbol)):
        if symbol is not None and symbol not in currencies:
            found.append(unknown_instrument(symbol, untold=untold, field=(name,)))
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
