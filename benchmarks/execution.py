"""Execution alone: plain Strawberry, the engine and a loop by hand, over objects in memory.

50 positions with 25 fields each, parsed and validated before; with plain fields only, and with five
of them batched. All three must give the same answer, or the benchmark refuses to go on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from time import perf_counter
from typing import Any

import strawberry
from graphql import execute, parse
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from analytics.money import plain
from gateway.engine import compiled_executor
from gateway.schema import batch_resolver_of
from resolvers.batching import Batches, batched
from resolvers.scalars import SCALARS

POSITIONS = 50
RUNS = 500
TEXTS = [f"text{number}" for number in range(9)]
NUMBERS = [f"number{number}" for number in range(5)]
SHARES = [f"share{number}" for number in range(3)]
FLAGS = [f"flag{number}" for number in range(3)]
FIGURES = [f"figure{number}" for number in range(5)]


@strawberry.enum
class Side(Enum):
    """On which side of the market."""

    LONG = "long"
    SHORT = "short"


class Context:
    """What batched fields need of a context where there is no engine."""

    def __init__(self) -> None:
        self.batches = Batches()


async def figures(parents: list["Any"], info: Info) -> list[int]:  # noqa: ARG001
    """Answer for all positions at once."""
    return [7] * len(parents)


def position_type(*, with_batched: bool) -> Any:
    """Make the type of a position: 25 fields, five of them batched or plain."""
    kinds: dict[str, Any] = (
        dict.fromkeys(TEXTS, str)
        | dict.fromkeys(NUMBERS[: 2 if with_batched else 5], int)
        | dict.fromkeys(SHARES[: 2 if with_batched else 3], float)
        | dict.fromkeys(FLAGS[: 2 if with_batched else 3], bool)
        | {"side": Side, "quantity": Decimal, "price": Decimal, "opened": date, "closed": date}
    )
    given: dict[str, Any] = {"__annotations__": kinds}
    if with_batched:
        given |= {name: batched(figures, description="A figure.") for name in FIGURES}
    return strawberry.type(type("Position", (), given))


def make(position: Any) -> Any:
    """Make a position."""
    values: dict[type, Any] = {
        str: "some text", int: 7, float: 0.5, bool: True, Side: Side.LONG,
        Decimal: Decimal("175.50"), date: date(2024, 6, 14),
    }  # fmt: skip
    kinds = position.__annotations__
    return position(**{name: values[kinds[name]] for name in kinds if name not in FIGURES})


def by_hand(positions: list[Any], names: list[str]) -> Callable[[], dict[str, Any]]:
    """Write the loop that answers as somebody would who knows the question."""
    writes = dict.fromkeys(FIGURES, "7") | {
        "side": "one.side.name",
        "quantity": "plain(one.quantity)",
        "price": "plain(one.price)",
        "opened": "one.opened.isoformat()",
        "closed": "one.closed.isoformat()",
    }
    entries = ", ".join(f"{name!r}: {writes.get(name, f'one.{name}')}" for name in names)
    loop: Callable[[], dict[str, Any]] = eval(  # of our own names
        f"lambda: {{'positions': [{{{entries}}} for one in positions]}}",
        {"positions": positions, "plain": plain},
    )
    return loop


async def fastest(ask: Callable[[], Awaitable[Any]]) -> float:
    """Return the microseconds of the fastest run: the one that other work disturbed least."""
    best = float("inf")
    for _ in range(RUNS):
        started = perf_counter()
        await ask()
        best = min(best, perf_counter() - started)
    return best * 1e6


async def compare(kind: str, *, with_batched: bool) -> dict[str, float]:
    """Print one row of the table and return its times."""
    position = position_type(with_batched=with_batched)
    positions = [make(position) for _ in range(POSITIONS)]

    def everything() -> list[Any]:
        return positions

    everything.__annotations__["return"] = list[position]
    query = strawberry.type(type("Query", (), {"positions": strawberry.field(resolver=everything)}))
    config = StrawberryConfig(scalar_map=SCALARS)
    schema = strawberry.Schema(query, config=config)
    names = [field.name for field in position.__strawberry_definition__.fields]
    document = parse(f"{{ positions {{ {' '.join(names)} }} }}")
    loop = by_hand(positions, names)

    def asking(executor: Any) -> Callable[[], Awaitable[Any]]:
        async def ask() -> Any:
            result: Any = execute(
                schema._schema,  # noqa: SLF001
                document,
                context_value=Context(),
                executor_class=executor,
                is_awaitable=optimized_is_awaitable,
                operation_extensions=None,
            )
            result = await result if optimized_is_awaitable(result) else result
            return result.data

        return ask

    async def written() -> Any:
        return loop()

    ways = {
        "plain": asking(schema.execution_context_class),
        "engine": asking(compiled_executor(batch_resolver_of)),
        "hand": written,
    }
    answers = [await ask() for ask in ways.values()]
    if answers != [answers[0]] * 3:
        raise RuntimeError("they do not answer the same")
    times = {name: await fastest(ask) for name, ask in ways.items()}
    print(
        f"{kind:16} {times['plain']:>9.0f} {times['engine']:>8.0f} {times['hand']:>8.0f} "
        f"{times['plain'] / times['engine']:>7.1f} {times['engine'] / times['hand']:>7.1f}"
    )
    return times


async def main() -> None:
    """Run both comparisons."""
    print(f"Execution of {POSITIONS} positions with 25 fields: microseconds")
    print(f"{'fields':16} {'plain':>9} {'engine':>8} {'by hand':>8} {'faster':>7} {'of hand':>7}")
    await compare("all plain", with_batched=False)
    await compare("five batched", with_batched=True)


if __name__ == "__main__":
    asyncio.run(main())
