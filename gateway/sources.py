"""Builds the providers that the settings name, and puts them in order."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from pydantic import SecretStr

from datasources.http import Client, Remote, Upstream
from datasources.market import Chains
from datasources.pacing import Budget, Limit, Server
from datasources.protocols import Clock
from datasources.providers.alpha_vantage import AlphaVantage
from datasources.providers.ecb import PACKAGED, Ecb, EcbOnline
from datasources.providers.files import Files
from datasources.providers.finnhub import Finnhub
from datasources.providers.frankfurter import Frankfurter
from datasources.providers.massive import Massive
from datasources.providers.simulated import Simulated
from datasources.providers.twelve_data import TwelveData
from datasources.providers.yahoo import Yahoo
from datasources.symbols import Names
from gateway.settings import Settings
from models.market import KINDS

REMOTE: dict[str, type[Remote]] = {
    "finnhub": Finnhub,
    "massive": Massive,
    "twelve_data": TwelveData,
    "alpha_vantage": AlphaVantage,
    "yahoo": Yahoo,
    "ecb": EcbOnline,
    "frankfurter": Frankfurter,
}
"""Providers that ask a vendor's service, by the name that settings use."""


class Sources:
    """All providers in use, each built once however many kinds it serves."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        client: Client,
        server: Server | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client
        self._server = server
        self._built: dict[str, Any] = {}
        self.names: dict[str, Names] = {}
        """The names that each vendor in use has for instruments."""

    def chains(self) -> Chains:
        """Return the providers of each kind in the order they are asked.

        One serves a kind when it has a method of that name.
        """
        return Chains(
            **{
                kind: tuple(
                    provider
                    for name in self._settings.providers_of(kind)
                    if (provider := self.provider(name)) is not None and hasattr(provider, kind)
                )
                for kind in KINDS
            }
        )

    def provider(self, name: str) -> Any:
        """Return a provider by its name; null for files where none are given."""
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    def _build(self, name: str) -> Any:
        settings, clock = self._settings, self._clock
        local: dict[str, Callable[[], Any]] = {
            "simulated": lambda: Simulated(clock=clock, seed=settings.simulation_seed),
            "files": lambda: (
                Files(settings.price_files, clock=clock, currency=settings.price_files_currency)
                if settings.price_files
                else None
            ),
            "ecb_file": lambda: Ecb(settings.rate_file or PACKAGED),
        }
        if name in local:
            return local[name]()
        kind = REMOTE[name]
        names = self.names[name] = Names(kind.dialect)
        return kind(self._upstream(name, kind), names=names, clock=clock)

    def _upstream(self, name: str, kind: type[Remote]) -> Upstream:
        key: SecretStr = getattr(self._settings, f"{name}_key", SecretStr(""))
        limits = tuple(Limit(*limit) for limit in self._settings.limits_of(name))
        vendor = replace(kind.vendor, limits=limits) if limits else kind.vendor
        return Upstream(
            vendor,
            client=self._client,
            budget=Budget(
                vendor.limits,
                # Replicas with another key have another budget.
                name=f"budget:{name}:{_digest(key)}",
                clock=self._clock,
                server=self._server,
            ),
            clock=self._clock,
            key=key,
            url=self._settings.provider_urls.get(name),
        )


def _digest(key: SecretStr) -> str:
    return blake2b(key.get_secret_value().encode(), digest_size=8).hexdigest()
