"""What a provider can be asked for: one small protocol a capability, batch in and batch out.

An answer has only what the provider knows: what is unknown is absent, never null or zero. Each
method may raise ProviderError, which stands for the whole batch: the chain cuts a batch into the
pieces that a provider can answer in one go, as its ``batch`` tells.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from models.market import (
    Actions,
    Bar,
    BarRange,
    CloseQuestion,
    Closes,
    CompanyProfile,
    EuroRate,
    HistoryQuestion,
    InstrumentMatch,
    KnownActions,
    Quote,
    Rate,
    RateQuestion,
    Series,
    SeriesKey,
)

Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC."""


class Provider(Protocol):
    """Anything that market data comes from."""

    @property
    def name(self) -> str:
        """Return the name that its values carry as their source."""
        ...

    @property
    def batch(self) -> Mapping[str, int]:
        """Return how many keys of a kind one question may have; no limit for kinds left out."""
        ...


class QuoteProvider(Provider, Protocol):
    """Knows current prices."""

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the current quotes of symbols."""
        ...


class ProfileProvider(Provider, Protocol):
    """Knows who is behind a symbol."""

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the profiles of symbols."""
        ...


@runtime_checkable
class CloseProvider(Provider, Protocol):
    """Has all history at hand, so that single days cost nothing."""

    async def closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the last close on or before each day, never a later one."""
        ...


@runtime_checkable
class ArrayProvider(Provider, Protocol):
    """Has all history at hand as arrays."""

    async def close_arrays(
        self, questions: Collection[HistoryQuestion]
    ) -> dict[HistoryQuestion, list[Closes]]:
        """Return the closes of the trading days asked for, apart by currency; absent if none."""
        ...


class BarProvider(Provider, Protocol):
    """Knows past trading days."""

    async def bars(self, symbol: str, *, first: date, last: date) -> list[Bar]:
        """Return the trading days from first to last, both included, in order."""
        ...


class ActionProvider(Provider, Protocol):
    """Knows splits and dividends."""

    async def actions(self, symbol: str, *, first: date, last: date) -> Actions:
        """Return splits and dividends with their day from first to last, both included."""
        ...


class RateProvider(Provider, Protocol):
    """Knows exchange rates."""

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the day or the last one before, both legs of the same day."""
        ...


@runtime_checkable
class EuroRateProvider(Provider, Protocol):
    """Has the rates of many days at hand."""

    async def euro_rates(
        self, currencies: Collection[str], *, first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return what was published of currencies between two days, oldest first."""
        ...

    async def rates_version(self) -> str | None:
        """Return what changes with anything that is published; null while nothing was read."""
        ...


class SearchProvider(Provider, Protocol):
    """Finds instruments."""

    async def search(self, text: str, *, limit: int) -> list[InstrumentMatch]:
        """Return instruments that fit a symbol or words of a name, best first."""
        ...

    async def find(self, symbols: Collection[str]) -> dict[str, InstrumentMatch]:
        """Return the instruments with exactly these symbols."""
        ...


class StreamProvider(Provider, Protocol):
    """Pushes prices as they are made."""

    @property
    def stream_limit(self) -> int:
        """Return how many symbols one connection may follow."""
        ...

    def streamable(self, symbols: Collection[str]) -> list[str]:
        """Return those of symbols that can be followed at all, in their order."""
        ...

    def stream(self, symbols: Collection[str]) -> AsyncGenerator[Quote, None]:
        """Yield quotes of symbols as they come, none older than the one before of its symbol.

        One call is one connection; symbols that the vendor does not know are silent. Raises
        ProviderError when it cannot be opened, and when it ends: whoever listens connects anew.
        """
        ...


class HistoryStore(Protocol):
    """A lasting store of bars and corporate actions."""

    async def series(self, symbols: Collection[str]) -> dict[str, list[Series]]:
        """Return the series of symbols of which more than single days are known."""
        ...

    async def bars(self, ranges: Collection[BarRange]) -> dict[BarRange, list[Bar]]:
        """Return the bars of stretches of series, oldest first."""
        ...

    async def closes(
        self, questions: Collection[tuple[SeriesKey, date]]
    ) -> dict[tuple[SeriesKey, date], Bar]:
        """Return the last bar of each series on or before a day."""
        ...

    async def close_arrays(
        self, keys: Collection[SeriesKey], *, first: date, last: date
    ) -> dict[SeriesKey, list[Closes]]:
        """Return the closes of series between two days, apart by currency."""
        ...

    async def versions(self, symbols: Collection[str]) -> dict[str, int]:
        """Return what changes whenever bars or actions of a symbol are written; zero for none."""
        ...

    async def keep(
        self,
        series: Series,
        bars: Collection[Bar],
        *,
        confirmed: Collection[date] = (),
        anew: bool = False,
    ) -> None:
        """Add bars to a series, or put them in the place of all it had, with what is now known.

        ``confirmed`` are days that will not get a bar any more.
        """
        ...

    async def actions(self, symbols: Collection[str]) -> dict[str, list[KnownActions]]:
        """Return what sources know was done to symbols."""
        ...

    async def keep_actions(self, known: KnownActions, *, first: date, last: date) -> None:
        """Keep what is known, ``known.actions`` in the place of all from first to last."""
        ...


class LastKnown(Protocol):
    """A lasting memory of market data, asked when every provider has failed."""

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the last known quotes."""
        ...

    async def profiles(self, symbols: Collection[str]) -> dict[str, CompanyProfile]:
        """Return the last known profiles."""
        ...

    async def closes(self, questions: Collection[CloseQuestion]) -> dict[CloseQuestion, Bar]:
        """Return the last known closes on or before each day."""
        ...

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return the last known rates on or before each day."""
        ...

    async def euro_rates(
        self, currencies: Collection[str], *, first: date, last: date
    ) -> dict[str, list[EuroRate]]:
        """Return what is known of currencies between two days, oldest first."""
        ...

    async def rate_versions(self, currencies: Collection[str]) -> dict[str, int]:
        """Return what changes whenever a rate of a currency is written; zero for none."""
        ...

    async def remember(
        self,
        *,
        quotes: Collection[Quote] = (),
        profiles: Collection[CompanyProfile] = (),
        bars: Collection[Bar] = (),
        rates: Collection[EuroRate] = (),
    ) -> None:
        """Keep values, each instead of what was known of the same thing."""
        ...
