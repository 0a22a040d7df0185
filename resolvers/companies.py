"""Company profiles: who is behind a symbol."""

from datetime import date, datetime

import strawberry

from models import market as values
from resolvers.caching import DAY, CacheControl
from resolvers.lasting import lasting
from resolvers.scalars import CurrencyCode, Symbol
from resolvers.values import Money, money_or_none


@strawberry.type(
    description="What a provider tells about the company or fund behind a symbol.",
    directives=[CacheControl(max_age=DAY)],
)
class CompanyProfile:
    """What a provider tells about a company or fund."""

    symbol: Symbol = strawberry.field(description="The instrument.")
    name: str = strawberry.field(description="The company's name.")
    country: str | None = strawberry.field(
        description="Where it is at home, if known: two letters by ISO 3166."
    )
    currency: CurrencyCode | None = strawberry.field(
        description="What its shares trade in, if known."
    )
    exchange: str | None = strawberry.field(description="Where they trade, if known.")
    ipo_date: date | None = strawberry.field(description="First day of trading, if known.")
    market_cap: Money | None = strawberry.field(
        description="Price of all shares together, if known."
    )
    sector: str | None = strawberry.field(description="Broad line of business, if known.")
    industry: str | None = strawberry.field(description="Narrow line of business, if known.")
    logo_url: str | None = strawberry.field(description="Address of a picture, if known.")
    website_url: str | None = strawberry.field(description="The company's own pages, if known.")
    source: str = strawberry.field(description="Which provider it comes from.")
    fetched_at: datetime = strawberry.field(description="When FolioQL got it.")


@lasting
def profile_of(value: values.CompanyProfile) -> CompanyProfile:
    """Build the outward shape of a profile."""
    return CompanyProfile(
        symbol=Symbol(value.symbol),
        name=value.name,
        country=value.country,
        currency=None if value.currency is None else CurrencyCode(value.currency),
        exchange=value.exchange,
        ipo_date=value.ipo_date,
        market_cap=money_or_none(value.market_cap, value.currency) if value.currency else None,
        sector=value.sector,
        industry=value.industry,
        logo_url=value.logo_url,
        website_url=value.website_url,
        source=value.source,
        fetched_at=value.fetched_at,
    )
