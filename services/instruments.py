"""Instruments: found among ours, or through the market's search and then created."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from datasources.loaded import Loaded
from datasources.market import Market
from datasources.symbols import venue_of
from models.instruments import Instrument, instruments_by_symbol, symbols_by_isin
from models.market import InstrumentMatch


async def known_instruments(
    session: AsyncSession, symbols: Collection[str]
) -> dict[str, Instrument]:
    """Return our instruments by symbol; those we do not have are absent."""
    if not symbols:
        return {}
    rows = await session.scalars(instruments_by_symbol(sorted(symbols)))
    return {row.symbol: row for row in rows}


async def symbols_of_isins(session: AsyncSession, isins: Collection[str]) -> dict[str, str]:
    """Return the symbols of instruments by ISIN; an ISIN of several listings is left out."""
    if not isins:
        return {}
    found: dict[str, set[str]] = {}
    for isin, symbol in await session.execute(symbols_by_isin(sorted(isins))):
        found.setdefault(isin or "", set()).add(symbol)
    return {isin: symbols.pop() for isin, symbols in found.items() if len(symbols) == 1}


async def find_isins(
    market: Market, wanted: Mapping[str, Collection[str]]
) -> dict[str, InstrumentMatch]:
    """Ask the market for ISINs that we do not know, each with the currencies it was booked in.

    Of several listings the one in that currency is taken, then the one at home in the ISIN's
    country; if that leaves a choice, none.
    """
    listings = await market.listings(sorted(wanted)) if wanted else {}
    found: dict[str, InstrumentMatch] = {}
    for isin, matches in listings.items():
        in_currency = [match for match in matches if match.currency in wanted[isin]]
        at_home = [match for match in matches if venue_of(match.symbol).country == isin[:2]]
        both = [match for match in in_currency if match in at_home]
        # An ISIN that was booked in a currency is not what trades in another alone.
        choices = (matches, at_home) if not wanted[isin] else (in_currency, both)
        for choice in choices:
            if len(choice) == 1:
                found[isin] = replace(choice[0], isin=isin)
                break
    return found


async def find_missing(
    market: Market, symbols: Collection[str], *, known: Mapping[str, Instrument]
) -> Loaded[str, InstrumentMatch]:
    """Ask the market for the symbols we do not have, all in one go."""
    missing = sorted(set(symbols) - set(known))
    return await market.find(missing) if missing else Loaded({})


async def create_missing(
    session: AsyncSession, matches: Collection[InstrumentMatch], *, now: datetime
) -> dict[str, Instrument]:
    """Create instruments from matches and return them; one created meanwhile is taken as it is."""
    known = await known_instruments(session, [match.symbol for match in matches])
    for match in matches:
        if match.symbol not in known:
            row = Instrument(
                symbol=match.symbol,
                name=match.name,
                asset_class=match.asset_class.value,
                currency=match.currency,
                exchange=match.exchange,
                isin=match.isin,
                figi=match.figi,
                created_at=now,
            )
            session.add(row)
            known[match.symbol] = row
    await session.flush()
    return known
