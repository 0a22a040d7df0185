"""Runs the benchmarks: ``python -m benchmarks``, or one of them at all its sizes by its name."""

import asyncio
import shutil
import sys

from benchmarks import (
    breakdown,
    execution,
    hostile,
    ledger,
    live,
    market,
    query,
    serving,
    valuation,
)
from gateway.telemetry import configure_logging

if __name__ == "__main__":
    configure_logging("error")
    chosen = sys.argv[1:]
    if chosen in ([], ["query"]):
        asyncio.run(query.main())
    if chosen in ([], ["execution"]):
        asyncio.run(execution.main())
    if chosen in ([], ["market"]):
        asyncio.run(market.main())
    if chosen in ([], ["ledger"]):
        asyncio.run(ledger.main(ledger.SIZES if chosen else ledger.SIZES[:2]))
    if chosen in ([], ["valuation"]):
        asyncio.run(valuation.main(valuation.SIZES if chosen else valuation.SIZES[:1]))
    if chosen in ([], ["breakdown"]):
        breakdown.main()
    if chosen == ["hostile"]:
        asyncio.run(hostile.main())
    if chosen[:1] == ["live"]:
        live.main(chosen[1:])
    elif not chosen:
        live.main(live.SMALLEST)
    if chosen[:1] == ["serving"]:
        serving.main(chosen[1:])
    elif not chosen and shutil.which("node"):
        serving.main()
    elif not chosen:
        print("Serving skipped: it compares with servers on Node.js, and there is no node")
