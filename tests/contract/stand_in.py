"""What the shared tests need to know of a vendor's stand-in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from datasources.errors import ProviderError
from datasources.http import Remote, Upstream, Vendor
from datasources.protocols import Clock
from tests.vendors import Reply, Request


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """One vendor in good health, and its own ways of failing.

    ``faults`` gives for each documented error form what is sent and what that must be taken for.
    ``minor`` is a symbol that the vendor prices in a minor unit, such as pence; ``opening`` is how
    many requests it takes to open a session before the first answer.
    """

    vendor: Vendor
    make: Callable[[Upstream, Clock], Remote]
    handler: Callable[[Request], Reply]
    serves: frozenset[str]
    faults: Mapping[str, tuple[Reply, type[ProviderError]]]
    known: str = "AAPL"
    unknown: str = "ZZZZZ"
    minor: str | None = None
    opening: int = 0
