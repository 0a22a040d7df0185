"""Instruments: what can be held and priced."""

from enum import Enum

import strawberry
from strawberry.types import Info

from datasources.symbols import InvalidSymbolError, canonical
from models import instruments
from models.market import InstrumentMatch as Match
from resolvers.bars import (
    Bar,
    DividendEvent,
    SplitEvent,
    dividends_of_instruments,
    histories_of_instruments,
    splits_of_instruments,
)
from resolvers.batching import batched
from resolvers.caching import MINUTE, CacheControl
from resolvers.companies import CompanyProfile, profile_of
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.providers import ProviderAttempt, attempts_of
from resolvers.quotes import Quote, quote_of
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.values import Node, bad_input

MAX_SYMBOLS = 100
MAX_MATCHES = 50


@strawberry.enum(description="What kind of thing an instrument is.")
class AssetClass(Enum):
    """What kind of thing an instrument is."""

    EQUITY = strawberry.enum_value("EQUITY", description="A share of a company.")
    FUND = strawberry.enum_value("FUND", description="A fund, exchange-traded or not.")
    BOND = strawberry.enum_value("BOND", description="A debt security.")
    CRYPTO = strawberry.enum_value("CRYPTO", description="A crypto asset.")
    CURRENCY = strawberry.enum_value("CURRENCY", description="A currency pair.")
    OTHER = strawberry.enum_value("OTHER", description="Anything else.")


async def quotes_of_instruments(
    parents: "list[Instrument]", info: Info[Context, None]
) -> list[Quote | None]:
    """Quote a level of instruments in one go."""
    found = await info.context.loaders.quotes.load_many([parent.symbol for parent in parents])
    return [None if value is None else quote_of(value) for value in found]


async def profiles_of_instruments(
    parents: "list[Instrument]", info: Info[Context, None]
) -> list[CompanyProfile | None]:
    """Profile a level of instruments in one go."""
    found = await info.context.loaders.profiles.load_many([parent.symbol for parent in parents])
    return [None if value is None else profile_of(value) for value in found]


async def attempts_of_instruments(
    parents: "list[Instrument]", info: Info[Context, None]
) -> list[list[ProviderAttempt]]:
    """Tell how the last question for the prices of a level of instruments went."""
    symbols = [parent.symbol for parent in parents]
    quotes = await info.context.loaders.quotes.load_many(symbols)
    market = info.context.services.market
    return [
        attempts_of(market.attempts(symbol) if quote is None else quote.attempts)
        for symbol, quote in zip(symbols, quotes, strict=True)
    ]


@strawberry.type(
    description="A share, fund or other thing that can be held and priced.",
    directives=[CacheControl(max_age=5 * MINUTE)],
)
class Instrument(Node):
    """A share, fund or other thing that can be held and priced."""

    symbol: Symbol = strawberry.field(description="Canonical symbol, unique.")
    name: str = strawberry.field(description="The instrument's name.")
    asset_class: AssetClass = strawberry.field(description="What kind of thing it is.")
    currency: CurrencyCode = strawberry.field(description="What it trades in.")
    exchange: str | None = strawberry.field(description="Where it trades, if known.")
    isin: str | None = strawberry.field(description="International number (ISIN), if known.")
    figi: str | None = strawberry.field(description="OpenFIGI's identifier (FIGI), if known.")
    quote: Quote | None = batched(
        quotes_of_instruments, description="Current price; null when no source has one."
    )
    quote_attempts: list[ProviderAttempt] = batched(
        attempts_of_instruments,
        description="Which providers were asked for the price, in order, and how each answered: "
        "why `quote` is null, or old.",
    )
    profile: CompanyProfile | None = batched(
        profiles_of_instruments, description="The company behind it; null when no source knows."
    )
    history: list[Bar] = batched(
        histories_of_instruments,
        description="Its trading days, or their weeks or months, oldest first, all from one "
        "source. With splits applied unless `adjusted` is false, as far as its source tells of "
        "them: each bar says what it is. Dividends are never applied.",
    )
    splits: list[SplitEvent] = batched(
        splits_of_instruments, description="Its splits as far as sources tell, oldest first."
    )
    dividends: list[DividendEvent] = batched(
        dividends_of_instruments,
        description="Its cash dividends with an ex-day within the range, oldest first.",
    )


def instrument_of(row: instruments.Instrument) -> Instrument:
    """Build the outward shape of an instrument; one not stored has an id that sets it apart."""
    return Instrument(
        id=strawberry.ID(
            encode_id("Instrument" if row.id else f"NewInstrument-{row.symbol}", row.id or 0)
        ),
        symbol=Symbol(row.symbol),
        name=row.name,
        asset_class=AssetClass(row.asset_class),
        currency=CurrencyCode(row.currency),
        exchange=row.exchange,
        isin=row.isin,
        figi=row.figi,
    )


@strawberry.type(
    description="An instrument that fits a search, whether held by anyone or not.",
    directives=[CacheControl(max_age=MINUTE)],
)
class InstrumentMatch:
    """An instrument that fits a search."""

    symbol: Symbol = strawberry.field(description="Canonical symbol, ready for `recordTrade`.")
    name: str = strawberry.field(description="The instrument's name.")
    currency: CurrencyCode = strawberry.field(description="What it trades in.")
    exchange: str | None = strawberry.field(description="Where it trades, if known.")
    isin: str | None = strawberry.field(description="International number (ISIN), if known.")
    figi: str | None = strawberry.field(description="OpenFIGI's identifier (FIGI), if known.")
    asset_class: AssetClass = strawberry.field(description="What kind of thing it is.")
    source: str = strawberry.field(description="Which provider found it.")


def match_of(match: Match) -> InstrumentMatch:
    """Build the outward shape of a match."""
    return InstrumentMatch(
        symbol=Symbol(match.symbol),
        name=match.name,
        currency=CurrencyCode(match.currency),
        exchange=match.exchange,
        isin=match.isin,
        figi=match.figi,
        asset_class=AssetClass(match.asset_class.value),
        source=match.source,
    )


def _canonical_or_none(text: str) -> str | None:
    try:
        return canonical(text)
    except InvalidSymbolError:
        return None


async def instruments_by_symbol(context: Context, symbols: list[str]) -> list[Instrument | None]:
    """Return instruments of the ledger by symbol, in order; null for those it has never seen."""
    known = [_canonical_or_none(symbol) for symbol in symbols]
    wanted = [symbol for symbol in known if symbol is not None]
    rows = await context.loaders.instruments_by_symbol.load_many(wanted)
    found = dict(zip(wanted, rows, strict=True))
    return [
        None if symbol is None or (row := found[symbol]) is None else instrument_of(row)
        for symbol in known
    ]


@strawberry.type
class InstrumentQueries:
    """Root fields about instruments."""

    @strawberry.field(
        description="An instrument by symbol; null when nobody has ever booked or watched it. "
        "`searchInstruments` finds those as well."
    )
    async def instrument(self, info: Info[Context, None], symbol: Symbol) -> Instrument | None:
        """Look up one instrument."""
        return (await instruments_by_symbol(info.context, [symbol]))[0]

    @strawberry.field(
        description="Instruments by symbol, at most 100, in the order asked for; null where "
        "unknown."
    )
    async def instruments(
        self, info: Info[Context, None], symbols: list[Symbol]
    ) -> list[Instrument | None]:
        """Look up several instruments."""
        if len(symbols) > MAX_SYMBOLS:
            raise bad_input(f"`symbols` takes at most {MAX_SYMBOLS}.")
        return await instruments_by_symbol(info.context, list(symbols))

    @strawberry.field(
        description="Instruments that fit a symbol or words of a name, best first; asks the "
        "market-data sources."
    )
    async def search_instruments(
        self, info: Info[Context, None], text: str, first: int = 10
    ) -> list[InstrumentMatch]:
        """Search the market."""
        if not 1 <= first <= MAX_MATCHES:
            raise bad_input(f"`first` must be from 1 to {MAX_MATCHES}, not {first}.")
        if not text.strip() or len(text) > 100:
            raise bad_input("`text` must have 1 to 100 characters.")
        found = await info.context.services.market.search(text.strip(), limit=first)
        return [match_of(match) for match in found]
