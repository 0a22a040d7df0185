"""Exchange rates as a client reads them."""

from datetime import date
from decimal import Decimal

import strawberry

from models.market import Rate
from resolvers.caching import MINUTE, CacheControl
from resolvers.scalars import CurrencyCode


@strawberry.type(
    description="How many units of one currency one unit of another is worth.",
    directives=[CacheControl(max_age=5 * MINUTE)],
)
class ExchangeRate:
    """How many units of one currency one unit of another is worth."""

    base: CurrencyCode = strawberry.field(description="The currency that one unit is of.")
    target: CurrencyCode = strawberry.field(description="The currency it is expressed in.")
    rate: Decimal = strawberry.field(
        description="Units of `target` for one unit of `base`, with up to 28 digits."
    )
    rate_date: date = strawberry.field(
        description="The day the rate is of: the day asked for or the last one before."
    )
    source: str = strawberry.field(description="Who published it.")


def rate_of(rate: Rate, *, value: Decimal | None = None) -> ExchangeRate:
    """Build the outward shape of a rate, or of what something was converted at on its day."""
    return ExchangeRate(
        base=CurrencyCode(rate.base),
        target=CurrencyCode(rate.target),
        rate=rate.value if value is None else value,
        rate_date=rate.day,
        source=rate.source,
    )
