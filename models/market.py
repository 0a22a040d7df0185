"""Market-data values: what every provider's answer is turned into, whatever its wire format.

All values are frozen, all prices are exact decimals in major currency units (never pence), all
times are aware UTC. A quote always says where it comes from and how old it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum

import numpy as np
from numpy.typing import NDArray

KINDS = ("quotes", "profiles", "bars", "actions", "rates", "search")
"""What providers are asked for: the names of their methods and of their chains."""


class QuoteQuality(Enum):
    """How far a price can be trusted to be the market's price of now."""

    FRESH = "FRESH"
    DELAYED = "DELAYED"
    STALE = "STALE"
    SIMULATED = "SIMULATED"
    HISTORICAL = "HISTORICAL"


class AssetClass(Enum):
    """What kind of thing an instrument is."""

    EQUITY = "EQUITY"
    FUND = "FUND"
    BOND = "BOND"
    CRYPTO = "CRYPTO"
    CURRENCY = "CURRENCY"
    OTHER = "OTHER"


class Outcome(Enum):
    """How one provider answered one question."""

    ANSWERED = "ANSWERED"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTED"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    NOT_ENTITLED = "NOT_ENTITLED"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    AUTH_EXPIRED = "AUTH_EXPIRED"
    INVALID_REQUEST = "INVALID_REQUEST"
    BAD_PAYLOAD = "BAD_PAYLOAD"
    UNAVAILABLE = "UNAVAILABLE"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One provider asked about one symbol; ``detail`` is for people and never holds a secret."""

    provider: str
    outcome: Outcome
    at: datetime
    milliseconds: int
    detail: str | None = None


class Doubt(Enum):
    """Why a price is not believed as it came."""

    MINOR_UNIT = "MINOR_UNIT"
    SPLIT = "SPLIT"
    JUMP = "JUMP"
    DISAGREEMENT = "DISAGREEMENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDoubt:
    """Two prices of one instrument that do not go together, both in the quote's currency.

    ``rejected`` tells whether the quote shows the price it is measured against, or the doubted one.
    """

    doubt: Doubt
    rejected: bool
    price: Decimal
    source: str
    against: Decimal
    against_source: str
    against_as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Quote:
    """The price of one instrument at one moment; ``price`` is always above zero."""

    symbol: str
    price: Decimal
    currency: str
    as_of: datetime
    received_at: datetime
    source: str
    quality: QuoteQuality
    previous_close: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    attempts: tuple[Attempt, ...] = ()
    doubt: PriceDoubt | None = None


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class CompanyProfile:
    """What a provider tells about the company or fund behind a symbol."""

    symbol: str
    name: str
    source: str
    fetched_at: datetime
    country: str | None = None
    currency: str | None = None
    exchange: str | None = None
    ipo_date: date | None = None
    market_cap: Decimal | None = None
    sector: str | None = None
    industry: str | None = None
    logo_url: str | None = None
    website_url: str | None = None
    isin: str | None = None
    figi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One trading day of one instrument; only ``close`` is always known, and above zero.

    ``adjusted`` is true when the source has already applied splits (and perhaps dividends), so
    that nobody applies them again.
    """

    symbol: str
    day: date
    close: Decimal
    currency: str
    source: str
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    adjusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closes:
    """Closes in one currency by day, as ordinals that ascend: bars without all the rest.

    ``adjusted`` ones have splits applied, and maybe dividends.
    """

    currency: str
    days: NDArray[np.int64]
    values: NDArray[np.float64]
    adjusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentMatch:
    """One instrument that fits a search; ``symbol`` is in canonical form."""

    symbol: str
    name: str
    currency: str
    source: str
    exchange: str | None = None
    isin: str | None = None
    figi: str | None = None
    asset_class: AssetClass = AssetClass.EQUITY


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitEvent:
    """``new`` units for ``old`` ones, from the beginning of ``day`` on: 4 for 1 is new 4, old 1."""

    symbol: str
    day: date
    new: Decimal
    old: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DividendEvent:
    """A cash payment for each unit held before ``ex_day``, as paid: not adjusted for splits."""

    symbol: str
    ex_day: date
    amount: Decimal
    currency: str
    source: str
    pay_day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What companies did to their shares, oldest first; ``whole`` if all days were told of."""

    splits: tuple[SplitEvent, ...] = ()
    dividends: tuple[DividendEvent, ...] = ()
    whole: bool = True


class BarInterval(Enum):
    """How long a bar is."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuestion:
    """Asks for the trading days of a symbol or what was done to it, both days included.

    ``adjusted`` tells whether prices should have splits applied, as far as these are known.
    """

    symbol: str
    first: date
    last: date
    adjusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """Names a stored series of bars: prices of different keys are never mixed."""

    symbol: str
    source: str
    adjusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is known of a stored series: all of its days from first to last as of ``checked_at``.

    ``gaps`` are trading days within that have no bar but may yet get one, with the moment they
    were last asked for.
    """

    key: SeriesKey
    first: date
    last: date
    checked_at: datetime
    gaps: Mapping[date, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRange:
    """Days of one stored series, both included."""

    key: SeriesKey
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownActions:
    """All that a source knows was done to a symbol from first to last, as of ``checked_at``."""

    symbol: str
    source: str
    first: date
    last: date
    checked_at: datetime
    actions: Actions = Actions()


@dataclass(frozen=True, slots=True, kw_only=True)
class EuroRate:
    """A published reference rate: units of ``currency`` for one euro on ``day``."""

    currency: str
    day: date
    value: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Units of ``target`` for one unit of ``base`` on ``day``.

    ``day`` is the day both legs were published: never after the day asked for, perhaps before.
    ``legs`` are the published rates it was worked out from.
    """

    base: str
    target: str
    value: Decimal
    day: date
    source: str
    legs: tuple[EuroRate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateQuestion:
    """Asks for units of ``target`` for one unit of ``base``, on ``day`` or the last day before."""

    base: str
    target: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseQuestion:
    """Asks for the last close of ``symbol`` on or before ``day``."""

    symbol: str
    day: date


class BreakerState(Enum):
    """Whether a provider is asked."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """What is left of one limit; ``resets_at`` is null while nothing of it is used."""

    limit: int
    window: timedelta
    left: int
    resets_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """What an operator wants to know about one provider, as one process sees it.

    ``usable`` is false while it is left alone and when its last call failed. ``milliseconds`` is
    the usual time of a call, newer ones counting more.
    """

    name: str
    kinds: tuple[str, ...]
    usable: bool
    breaker: BreakerState = BreakerState.CLOSED
    probes_at: datetime | None = None
    budgets: tuple[BudgetState, ...] = ()
    last_error: str | None = None
    last_error_at: datetime | None = None
    last_success_at: datetime | None = None
    milliseconds: float | None = None
    calls: int = 0
