"""Runs the benchmarks: ``python -m benchmarks``, or one of them at all its sizes by its name."""

import asyncio
import sys

from benchmarks import execution, ledger, query
from gateway.telemetry import configure_logging

if __name__ == "__main__":
    configure_logging("error")
    chosen = sys.argv[1:]
    if chosen in ([], ["query"]):
        asyncio.run(query.main())
    if chosen in ([], ["execution"]):
        asyncio.run(execution.main())
    if chosen in ([], ["ledger"]):
        asyncio.run(ledger.main(ledger.SIZES if chosen else ledger.SIZES[:2]))
