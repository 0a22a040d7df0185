"""Quotes: prices with their source and age."""

from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry

from analytics.money import exact, ratio
from models import market as values
from resolvers.caching import DAY, CacheControl
from resolvers.lasting import lasting
from resolvers.providers import PriceDoubt, ProviderAttempt, attempts_of, doubt_of
from resolvers.scalars import CurrencyCode, Ratio, Symbol
from resolvers.values import fraction


@strawberry.enum(description="How far a price is the market's price of now.")
class QuoteQuality(Enum):
    """How far a price is the market's price of now."""

    FRESH = strawberry.enum_value("FRESH", description="As the market trades.")
    DELAYED = strawberry.enum_value("DELAYED", description="Late by the vendor's terms.")
    STALE = strawberry.enum_value(
        "STALE", description="Older than it should be: sources failed or the market data ended."
    )
    SIMULATED = strawberry.enum_value(
        "SIMULATED", description="Made up by FolioQL's simulated market; no real price."
    )
    HISTORICAL = strawberry.enum_value(
        "HISTORICAL", description="The close of a past day, as asked for."
    )


@strawberry.type(
    description="The price of one instrument at one moment.",
    directives=[CacheControl(max_age=DAY)],  # or less: see the directive
)
class Quote:
    """The price of one instrument at one moment."""

    symbol: Symbol = strawberry.field(description="The instrument.")
    price: Decimal = strawberry.field(
        description="Price of one unit in `currency`, always in the major unit (pounds, not pence)."
    )
    currency: CurrencyCode = strawberry.field(description="What the prices are in.")
    change: Decimal | None = strawberry.field(
        description="Price less the previous close; null if that is not known."
    )
    change_ratio: Ratio | None = strawberry.field(
        description="Change over the previous close; null if that is not known."
    )
    open: Decimal | None = strawberry.field(description="First price of the session, if known.")
    high: Decimal | None = strawberry.field(description="Highest price of the session, if known.")
    low: Decimal | None = strawberry.field(description="Lowest price of the session, if known.")
    previous_close: Decimal | None = strawberry.field(
        description="Close of the session before, if known."
    )
    volume: Decimal | None = strawberry.field(description="Units traded in the session, if known.")
    as_of: datetime = strawberry.field(description="When the market made this price.")
    received_at: datetime = strawberry.field(description="When FolioQL got it.")
    source: str = strawberry.field(description="Which provider it comes from.")
    quality: QuoteQuality = strawberry.field(description="How far to trust it as of now.")
    doubt: PriceDoubt | None = strawberry.field(
        description="Another price that does not go with this one; null when nothing is odd."
    )
    made_in: strawberry.Private[tuple[values.Attempt, ...]] = ()

    @strawberry.field(
        description="Which providers were asked for it, in order, and how each answered; empty "
        "for past closes and after a restart."
    )
    def attempts(self) -> list[ProviderAttempt]:
        """Tell how the question for it went."""
        return attempts_of(self.made_in)


@exact
def _change(price: Decimal, previous: Decimal | None) -> Decimal | None:
    return None if previous is None else price - previous


@lasting
def quote_of(value: values.Quote) -> Quote:
    """Build the outward shape of a quote."""
    change = _change(value.price, value.previous_close)
    return Quote(
        symbol=Symbol(value.symbol),
        price=value.price,
        currency=CurrencyCode(value.currency),
        change=change,
        change_ratio=fraction(ratio(change, value.previous_close)),
        open=value.open,
        high=value.high,
        low=value.low,
        previous_close=value.previous_close,
        volume=value.volume,
        as_of=value.as_of,
        received_at=value.received_at,
        source=value.source,
        quality=QuoteQuality(value.quality.value),
        doubt=doubt_of(value.doubt),
        made_in=value.attempts,
    )
