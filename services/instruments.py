"""Instruments: found among ours, or through the market's search and then created."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from datasources.loaded import Loaded
from datasources.market import Market
from datasources.symbols import venue_of
from models.database import Database
from models.instruments import Instrument, instruments_by_symbol, symbols_by_isin
from models.market import InstrumentMatch
from services.errors import Mistake, MistakeCode, RefusedError

Path = tuple[str, ...]
"""Where in an input a thing is named."""


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


def unknown_instrument(symbol: str, *, untold: Collection[str], field: Path) -> Mistake:
    """Tell of a symbol that no instrument was found for; ``untold`` are those nobody could tell."""
    message = f"No instrument with the symbol {symbol} was found."
    if symbol in untold:
        message = f"No provider could tell just now what {symbol} is: try again later."
    return Mistake(MistakeCode.UNKNOWN_INSTRUMENT, message, field)


@dataclass(frozen=True, slots=True)
class Named:
    """Instruments by the symbols that somebody named, in that order, ours or not yet ours."""

    symbols: tuple[str, ...]
    matches: Mapping[str, InstrumentMatch]

    async def rows(self, session: AsyncSession, *, now: datetime) -> list[Instrument]:
        """Return the instruments in their order; those that are not ours yet are created."""
        found = await known_instruments(session, self.symbols)
        missing = [self.matches[symbol] for symbol in self.symbols if symbol not in found]
        found |= await create_missing(session, missing, now=now) if missing else {}
        return [found[symbol] for symbol in self.symbols]


async def find_named(database: Database, market: Market, symbols: Mapping[str, Path]) -> Named:
    """Find the instruments of canonical symbols, each with the field that named it.

    The market is asked, so this comes before any transaction. Raises RefusedError for the unknown.
    """
    async with database.reading() as session:
        known = await known_instruments(session, symbols)
    matches = await find_missing(market, symbols, known=known)
    unknown = [
        unknown_instrument(symbol, untold=matches.failed, field=field)
        for symbol, field in symbols.items()
        if symbol not in known and symbol not in matches
    ]
    if unknown:
        raise RefusedError(unknown)
    return Named(tuple(symbols), matches)


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
