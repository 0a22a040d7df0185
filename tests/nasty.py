"""A schema made to be nasty: everything a field can return, by everything that can resolve it.

The same seed makes the same graph of objects, with the same faults, in two forms: one that waits,
with promises and batched fields, and a still one, in which every resolver answers at once.
"""

import asyncio
import random
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Optional

import strawberry
from graphql import GraphQLError, Undefined
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from resolvers.batching import batched


@strawberry.enum
class Color(Enum):
    RED = "r"
    GREEN = "g"


@strawberry.input
class Box:
    size: int = 1
    tags: list[str] = strawberry.field(default_factory=list)
    color: Color | None = Color.RED
    inner: Optional["Box"] = None
    day: date | None = strawberry.UNSET


def write_odd(value):
    if value % 2:
        return value
    if value % 4:
        raise ValueError(f"{value} is even")
    return None


class Odd(int):
    """A number of which only odd ones can be written."""


CONFIG = StrawberryConfig(
    scalar_map={
        Odd: strawberry.scalar(name="Odd", serialize=write_odd, parse_value=int),
    }
)
LEAVES = {
    "Str": (str, lambda chosen: chosen.choice(("", "a", "b"))),
    "Int": (int, lambda chosen: chosen.randint(-9, 9)),
    "Float": (float, lambda chosen: chosen.choice((0.5, 1, -3.25))),
    "Bool": (bool, lambda chosen: chosen.random() < 0.5),
    "ID": (strawberry.ID, lambda chosen: str(chosen.randint(1, 9))),
    "Decimal": (Decimal, lambda chosen: Decimal(chosen.randint(1, 999)) / 100),
    "Date": (date, lambda chosen: date(2024, 1, chosen.randint(1, 28))),
    "Color": (Color, lambda chosen: chosen.choice(list(Color))),
    "Odd": (Odd, lambda chosen: chosen.choice((1, 3, 5, 7, 9, 2, 4))),
}
WRONG = ("?", 2**40, 1.5, float("nan"), object(), {"a": 1}, ["x"], True, Undefined)
OBJECTS = ("Apple", "Brick", "Cloud")
POSSIBLE = {"Thing": OBJECTS, "Either": ("Apple", "Brick")}
SHAPES = (
    *("Str!", "Str", "Int!", "Int", "Float", "Bool!", "ID!", "Decimal", "Date", "Color!", "Odd"),
    *("[Str!]!", "[Int]", "[[Int!]!]", "[[Odd!]]!", "[Color!]", "[[[Decimal]!]!]!"),
    *("Apple!", "Apple", "Brick", "Cloud!", "[Apple!]!", "[Brick]", "[[Cloud!]!]", "[[Apple]!]!"),
    *(
        "Thing!",
        "Thing",
        "[Thing!]",
        "[Thing]!",
        "Either",
        "[Either!]!",
        "[[Thing!]!]",
        "[[[Apple!]!]!]",
    ),
)
WAYS = ("attribute", "attribute", "plain", "async", "promise", "batched", "batched")
FAULTY = 0.03


class Quiet(strawberry.Schema):
    """A schema that does not log its errors: there are thousands."""

    def process_errors(self, errors, execution_context=None):
        """Leave them to the test."""


class World:
    """One graph of objects, with its schema."""

    def __init__(self, seed, *, waiting):
        self.seed = seed
        self.waiting = waiting
        self.types: dict[str, Any] = {}
        self.running = 0
        chosen = random.Random(f"ways {seed}")
        plans = {
            name: [(number, shape, chosen.choice(WAYS)) for number, shape in enumerate(SHAPES)]
            for name in (*OBJECTS, "Query", "Mutation")
        }
        thing = type("Thing", (), {"__annotations__": {"name": str | None, "rank": int}})
        self.types["Thing"] = strawberry.interface(thing)
        for name in OBJECTS:
            self.types[name] = type(name, (thing,), {"__annotations__": {}})
        self.types["Query"] = type("Query", (), {"__annotations__": {}})
        self.types["Mutation"] = type("Mutation", (), {"__annotations__": {}})
        either = self.types["Apple"] | self.types["Brick"]
        self.types["Either"] = Annotated[either, strawberry.union("Either")]
        for name, plan in plans.items():
            self._fill(self.types[name], plan)
        for name in (*OBJECTS, "Query", "Mutation"):
            strawberry.type(self.types[name])
        self.schema = Quiet(
            self.types["Query"],
            self.types["Mutation"],
            types=[self.types[name] for name in OBJECTS],
            config=CONFIG,
        )

    def root(self):
        return self.make("Query", "root")

    def annotation(self, shape):
        if shape.endswith("!"):
            shape = shape[:-1]
            if shape.startswith("["):
                return list[self.annotation(shape[1:-1])]
            return LEAVES[shape][0] if shape in LEAVES else self.types[shape]
        return Optional[self.annotation(shape + "!")]  # noqa: UP045  # of a union that is annotated

    def _fill(self, type_, plan):
        attributes = {"name": "Str", "rank": "Int!"}
        for number, shape, way in plan:
            name = f"f{number}"
            if way == "attribute":
                type_.__annotations__[name] = self.annotation(shape)
                attributes[name] = shape
            else:
                setattr(type_, name, self._field(name, shape, way))

        def read(source, name):
            shape = attributes.get(name)
            if shape is None:
                raise AttributeError(name)
            return self.outcome(source.seed, name, shape, late=True)

        type_.__getattr__ = read
        type_.__repr__ = lambda source: f"<{type(source).__name__} {source.seed}>"

    def _field(self, name, shape, way):
        result = self.annotation(shape)
        arguments = {"count": int, "box": Box | None, "color": Color, "tags": list[str] | None}

        def told(source, count, box, color, tags):
            return self.outcome(source.seed, f"{name} {count} {box} {color} {tags}", shape)

        if way == "batched" and self.waiting:

            async def resolver(parents, info, count=2, box=None, color=Color.GREEN, tags=None):
                await asyncio.sleep(0)
                values = []
                for parent in parents:
                    try:
                        values.append(told(parent, count, box, color, tags))
                    except Exception as error:  # noqa: BLE001  # a value of its own
                        values.append(error)
                return values

            resolver.__annotations__ = {
                "parents": list[Any], "info": Info, **arguments, "return": list[result]
            }  # fmt: skip
            return batched(resolver, description=name)

        if way == "async" and self.waiting:

            async def resolver(root, info, count=2, box=None, color=Color.GREEN, tags=None):
                for _ in range(len(repr(root.seed)) % 4):
                    await asyncio.sleep(0)
                return told(root, count, box, color, tags)

        else:

            def resolver(root, info, count=2, box=None, color=Color.GREEN, tags=None):
                value = told(root, count, box, color, tags)
                return self.later(value) if way == "promise" and self.waiting else value

        resolver.__annotations__ = {"root": Any, "info": Info, **arguments, "return": result}
        return strawberry.field(resolver=resolver)

    async def later(self, value):
        self.running += 1
        try:
            await asyncio.sleep(0)
            if isinstance(value, Exception):
                raise value
            return value
        finally:
            self.running -= 1

    def make(self, name, seed):
        made = object.__new__(self.types[name])
        made.seed = seed
        return made

    def outcome(self, seed, name, shape, *, late=False):
        chosen = random.Random(f"{self.seed} {seed} {name}")
        value = self.value(chosen, shape, f"{chosen.random():.12f}", late=late)
        if isinstance(value, Exception) and chosen.random() < 0.7:
            raise value
        return value

    def value(self, chosen, shape, seed, *, late=True):
        if chosen.random() < FAULTY:
            return self.fault(chosen, seed)
        if not shape.endswith("!") and chosen.random() < 0.15:
            return None
        bare = shape.removesuffix("!")
        if bare.startswith("["):
            items = [
                self.value(chosen, bare[1:-1], f"{seed}.{number}")
                for number in range(chosen.randint(0, 3))
            ]
            return self.iterable(chosen, items)
        if bare in LEAVES:
            value = LEAVES[bare][1](chosen)
        else:
            value = self.make(chosen.choice(POSSIBLE.get(bare, (bare,))), seed)
        late = chosen.random() < 0.04 and late  # a promise of a promise is none
        return self.later(value) if late and self.waiting else value

    def iterable(self, chosen, items):
        kind = chosen.random()
        if kind < 0.7:
            return items
        if kind < 0.85:
            return tuple(items)
        breaks = chosen.random() < 0.2
        if kind > 0.92 and self.waiting:
            return self.flow(items, breaks=breaks)
        return self.stream(items, breaks=breaks)

    @staticmethod
    def stream(items, *, breaks):
        yield from items
        if breaks:
            raise RuntimeError("the stream broke")

    @staticmethod
    async def flow(items, *, breaks):
        for item in items:
            await asyncio.sleep(0)
            yield item
        if breaks:
            raise RuntimeError("the stream broke")

    def fault(self, chosen, seed):
        kind = chosen.random()
        if kind < 0.25:
            return ValueError(f"value {seed}")
        if kind < 0.4:
            return GraphQLError(f"graph {seed}", extensions={"code": "NASTY"})
        if kind < 0.6:
            return None
        if kind < 0.75:
            return self.make(chosen.choice(OBJECTS), seed)
        return chosen.choice(WRONG)
