"""Providers of market data: how each is, and how it answered one question."""

from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry
from strawberry.types import Info

from models import market as values
from resolvers.context import Context


@strawberry.enum(description="How one provider answered one question.")
class AttemptOutcome(Enum):
    """How one provider answered one question."""

    ANSWERED = strawberry.enum_value("ANSWERED", description="It had what was asked for.")
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="It does not know the symbol.")
    REJECTED = strawberry.enum_value(
        "REJECTED", description="Its price was not believed; `detail` says why."
    )
    RATE_LIMITED = strawberry.enum_value(
        "RATE_LIMITED", description="Too many calls for the moment."
    )
    QUOTA_EXHAUSTED = strawberry.enum_value(
        "QUOTA_EXHAUSTED", description="The calls of a long period, such as a day, are used up."
    )
    NOT_ENTITLED = strawberry.enum_value(
        "NOT_ENTITLED", description="The plan does not include this."
    )
    INVALID_CREDENTIALS = strawberry.enum_value(
        "INVALID_CREDENTIALS", description="Its key is missing or wrong."
    )
    AUTH_EXPIRED = strawberry.enum_value(
        "AUTH_EXPIRED", description="Its session ran out and could not be renewed."
    )
    INVALID_REQUEST = strawberry.enum_value(
        "INVALID_REQUEST", description="It refused the question itself."
    )
    BAD_PAYLOAD = strawberry.enum_value("BAD_PAYLOAD", description="Its answer could not be read.")
    UNAVAILABLE = strawberry.enum_value(
        "UNAVAILABLE", description="It could not be reached, was too slow or failed inside."
    )
    CIRCUIT_OPEN = strawberry.enum_value(
        "CIRCUIT_OPEN", description="It was not asked: it failed too often lately."
    )
    FAILED = strawberry.enum_value("FAILED", description="It failed in an unforeseen way.")


@strawberry.type(description="One provider asked about one price.")
class ProviderAttempt:
    """One provider asked about one price."""

    provider: str = strawberry.field(description="Which provider.")
    outcome: AttemptOutcome = strawberry.field(description="How it answered.")
    attempted_at: datetime = strawberry.field(description="When it was asked.")
    milliseconds: int = strawberry.field(description="How long it took; 0 if it was not asked.")
    detail: str | None = strawberry.field(description="More about it, in words, if there is more.")


def attempts_of(attempts: tuple[values.Attempt, ...]) -> list[ProviderAttempt]:
    """Build the outward shape of attempts."""
    return [
        ProviderAttempt(
            provider=one.provider,
            outcome=AttemptOutcome(one.outcome.value),
            attempted_at=one.at,
            milliseconds=one.milliseconds,
            detail=one.detail,
        )
        for one in attempts
    ]


@strawberry.enum(description="Why a price is doubted.")
class Doubt(Enum):
    """Why a price is doubted."""

    MINOR_UNIT = strawberry.enum_value(
        "MINOR_UNIT", description="About 100 or 1000 times apart: pence taken for pounds, perhaps."
    )
    SPLIT = strawberry.enum_value(
        "SPLIT", description="Apart by the ratio of a usual split of shares."
    )
    JUMP = strawberry.enum_value("JUMP", description="More than threefold apart.")
    DISAGREEMENT = strawberry.enum_value(
        "DISAGREEMENT", description="Two providers are more than 5 % apart."
    )


@strawberry.type(
    description="Two prices of one instrument that do not go together, both in the quote's "
    "currency."
)
class PriceDoubt:
    """Two prices of one instrument that do not go together."""

    doubt: Doubt = strawberry.field(description="What is odd.")
    rejected: bool = strawberry.field(
        description="True: the quote shows `against`, the price believed before. False: it shows "
        "`price`, and this is a warning."
    )
    price: Decimal = strawberry.field(description="The price in doubt.")
    source: str = strawberry.field(description="Which provider it comes from.")
    against: Decimal = strawberry.field(description="The price it is measured against.")
    against_source: str = strawberry.field(description="Which provider that comes from.")
    against_as_of: datetime = strawberry.field(description="When the market made that.")


def doubt_of(value: values.PriceDoubt | None) -> PriceDoubt | None:
    """Build the outward shape of a doubt."""
    if value is None:
        return None
    return PriceDoubt(
        doubt=Doubt(value.doubt.value),
        rejected=value.rejected,
        price=value.price,
        source=value.source,
        against=value.against,
        against_source=value.against_source,
        against_as_of=value.against_as_of,
    )


@strawberry.enum(description="What a provider can be asked for.")
class ProviderKind(Enum):
    """What a provider can be asked for."""

    QUOTES = strawberry.enum_value("quotes", description="Current prices.")
    PROFILES = strawberry.enum_value("profiles", description="Companies and funds.")
    BARS = strawberry.enum_value("bars", description="Past trading days.")
    ACTIONS = strawberry.enum_value("actions", description="Splits and dividends.")
    RATES = strawberry.enum_value("rates", description="Exchange rates.")
    SEARCH = strawberry.enum_value("search", description="Symbols and names.")


@strawberry.enum(description="Whether a provider is asked.")
class BreakerState(Enum):
    """Whether a provider is asked."""

    CLOSED = strawberry.enum_value("CLOSED", description="It is asked.")
    OPEN = strawberry.enum_value("OPEN", description="It is left alone until `probesAt`.")
    HALF_OPEN = strawberry.enum_value(
        "HALF_OPEN", description="The next question decides whether it is asked again."
    )


@strawberry.type(description="What is left of one limit of a vendor's plan.")
class ProviderBudget:
    """What is left of one limit of a vendor's plan."""

    calls: int = strawberry.field(description="How many calls the limit allows.")
    window_seconds: int = strawberry.field(description="Within how many seconds.")
    calls_left: int = strawberry.field(
        description="How many of them are left, as far as this process knows."
    )
    resets_at: datetime | None = strawberry.field(
        description="When there will be more; null while all are left."
    )


@strawberry.type(
    description="How one provider of market data is, as the process you reach sees it."
)
class ProviderStatus:
    """How one provider of market data is."""

    name: str = strawberry.field(description="The provider, as values name their source.")
    kinds: list[ProviderKind] = strawberry.field(description="What it is asked for.")
    usable: bool = strawberry.field(
        description="False while it is left alone, and when its last call failed."
    )
    breaker: BreakerState = strawberry.field(description="Whether it is asked.")
    probes_at: datetime | None = strawberry.field(
        description="When it is tried again; null while it is asked."
    )
    budgets: list[ProviderBudget] = strawberry.field(
        description="What is left of its plan; empty where there is no limit."
    )
    calls: int = strawberry.field(description="How often it was asked since the start.")
    latency_milliseconds: int | None = strawberry.field(
        description="How long a call usually takes; null before the first answer."
    )
    last_success_at: datetime | None = strawberry.field(description="When it last answered.")
    last_error: str | None = strawberry.field(description="What went wrong last, if anything.")
    last_error_at: datetime | None = strawberry.field(description="When that was.")


def status_of(value: values.ProviderState) -> ProviderStatus:
    """Build the outward shape of a provider's state."""
    return ProviderStatus(
        name=value.name,
        kinds=[ProviderKind(kind) for kind in value.kinds],
        usable=value.usable,
        breaker=BreakerState(value.breaker.value),
        probes_at=value.probes_at,
        budgets=[
            ProviderBudget(
                calls=budget.limit,
                window_seconds=round(budget.window.total_seconds()),
                calls_left=budget.left,
                resets_at=budget.resets_at,
            )
            for budget in value.budgets
        ],
        calls=value.calls,
        latency_milliseconds=None if value.milliseconds is None else round(value.milliseconds),
        last_success_at=value.last_success_at,
        last_error=value.last_error,
        last_error_at=value.last_error_at,
    )


@strawberry.type
class ProviderQueries:
    """Root fields about providers."""

    @strawberry.field(
        description="The providers of market data: what is left of their plans, which are left "
        "alone, and what went wrong last. Asks none of them."
    )
    async def provider_statuses(self, info: Info[Context, None]) -> list[ProviderStatus]:
        """List the providers."""
        return [status_of(state) for state in info.context.services.market.statuses()]
