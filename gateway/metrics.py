"""Metrics for Prometheus: read off what the parts count anyway, when somebody asks for them."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from datasources.feed import Feed
from datasources.market import Market
from models.market import BreakerState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MarketCollector(Collector):
    """Tells how providers and the cache fare; labels are names of ours, never symbols or keys."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def collect(self) -> Iterator[Metric]:
        """Read all figures."""
        calls = CounterMetricFamily(
            "folioql_provider_calls",
            "Questions put to providers, by how they were answered.",
            labels=("provider", "kind", "outcome"),
        )
        spent = SummaryMetricFamily(
            "folioql_provider_seconds", "Time that providers took to answer.", labels=("provider",)
        )
        state = GaugeMetricFamily(
            "folioql_provider_breaker",
            "Whether a provider is asked: 1 yes, 0.5 on trial, 0 no.",
            labels=("provider",),
        )
        malformed = CounterMetricFamily(
            "folioql_provider_malformed",
            "Events of streams that could not be read and were dropped.",
            labels=("provider",),
        )
        left = GaugeMetricFamily(
            "folioql_provider_calls_left",
            "Calls left of each limit of a plan.",
            labels=("provider", "window_seconds"),
        )
        asked = {BreakerState.CLOSED: 1.0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 0.0}
        for line in self._market.lines():
            for (kind, outcome), count in line.outcomes.items():
                calls.add_metric([line.name, kind, outcome.value.lower()], count)
            spent.add_metric([line.name], count_value=line.answered, sum_value=line.seconds)
            malformed.add_metric([line.name], line.malformed)
            status = line.state(())
            state.add_metric([line.name], asked[status.breaker])
            for budget in status.budgets:
                window = f"{budget.window.total_seconds():g}"
                left.add_metric([line.name, window], budget.left)
        looks = CounterMetricFamily(
            "folioql_cache_looks",
            "Looks at the cache of market data, by what was there.",
            labels=("kind", "result"),
        )
        for (kind, result), count in self._market.cache_looks().items():
            looks.add_metric([kind, result], count)
        yield from (calls, spent, state, malformed, left, looks)


class LiveCollector(Collector):
    """Tells what is followed live at this process."""

    def __init__(self, feed: Feed, *, alerts: int, sockets: int, executions: int) -> None:
        self._feed = feed
        self._figures = {
            "alerts": ("Alerts that are evaluated here.", alerts),
            "sockets": ("Sockets and streams that are open.", sockets),
            "shared_executions": ("Subscriptions executed once for all who follow.", executions),
        }

    def collect(self) -> Iterator[Metric]:
        """Read all figures."""
        feed = self._feed
        figures = self._figures | {
            "listeners": ("Executions that listen to prices or bookings.", feed.listeners),
            "symbols": ("Symbols that are polled or connected for here.", len(feed.watched)),
            "leads": ("Whether this process looks after prices for all.", int(feed.leads)),
        }
        for name, (words, value) in figures.items():
            yield GaugeMetricFamily(f"folioql_live_{name}", words, value=value)


class OperationCollector(Collector):
    """Tells how GraphQL operations were executed."""

    def __init__(
        self, outcomes: Mapping[str, int], beyond_limits: Mapping[tuple[str, str], int]
    ) -> None:
        self._outcomes = outcomes
        self._beyond_limits = beyond_limits

    def collect(self) -> Iterator[Metric]:
        """Read the counts."""
        operations = CounterMetricFamily(
            "folioql_operations",
            "Operations run by the engine (compiled), or else why by graphql-core.",
            labels=("execution",),
        )
        for execution, count in self._outcomes.items():
            operations.add_metric([execution], count)
        beyond = CounterMetricFamily(
            "folioql_beyond_limits",
            "Requests that went beyond a limit, and were refused or warned.",
            labels=("code", "outcome"),
        )
        for (code, outcome), count in self._beyond_limits.items():
            beyond.add_metric([code, outcome], count)
        yield from (operations, beyond)


def metrics_of(
    market: Market,
    *,
    live: LiveCollector,
    operations: Mapping[str, int],
    beyond_limits: Mapping[tuple[str, str], int],
) -> bytes:
    """Write all metrics in Prometheus' text form."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MarketCollector(market))
    registry.register(live)
    registry.register(OperationCollector(operations, beyond_limits))
    return generate_latest(registry)
