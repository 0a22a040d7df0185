"""FolioQL as it is served, with a market whose prices change each time they are looked at."""

import os
from dataclasses import replace
from decimal import Decimal
from typing import Any

from benchmarks.peers.running import serve
from datasources.providers.simulated import Simulated
from gateway import sources
from gateway.server import options_of
from gateway.settings import load_settings
from models.market import Quote


class Ticking(Simulated):
    def _quote(self, symbol: str, now: Any) -> Quote:
        price = Decimal(int(now.timestamp() * 100) % 10_000) / 10_000 + 100
        return replace(super()._quote(symbol, now), price=price)


if __name__ == "__main__":
    sources.Simulated = Ticking
    settings = load_settings(
        providers=("simulated",),
        feed_interval_ms=round(1000 / float(os.environ["LIVE_RATE"])),
    )
    options = options_of(settings)
    serve(options.pop("app"), **options)
