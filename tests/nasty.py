"""A schema made to be nasty: everything a field can return, by everything that can resolve it.

The same seed makes the same graph of objects, with the same faults, in two forms: one that waits,
with promises and batched fields, and a still one, in which every resolver answers at once.
"""

import asyncio
import random
from contextlib import suppress
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Optional
from zlib import crc32

import strawberry
from graphql import GraphQLError, Undefined
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from resolvers.batching import Batches, Loader, batched


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
WAYS = (
    *("attribute", "attribute", "plain", "async", "promise", "batched", "batched"),
    *("loaded", "batch loaded", "data loaded"),
)
FAULTY = 0.03
BROKEN = 0.04
"""How often all of a batch fails, or all that a loader is asked for."""
DEEPEST = 3
"""Objects within objects that store what they have: those further down store nothing."""
GUARDED = 0.1
"""How often a field that has a resolver has a permission and an extension around it."""


MANY = {"batched", "loaded", "batch loaded", "data loaded"}
"""Ways that answer for many objects at once, and may fail for all of them."""


class Context:
    """What resolvers need for one operation: its batched fields and its loaders."""

    def __init__(self):
        self.batches = Batches()
        self.loaders = {}
        self.data_loaders = {}


class Late(BasePermission):
    """Lets most in, after a while."""

    message = "not allowed"

    async def has_permission(self, source, info, **given):
        await asyncio.sleep(0)
        return allowed(source, info)


class Still(BasePermission):
    """Lets the same in at once."""

    message = "not allowed"

    def has_permission(self, source, info, **given):
        return allowed(source, info)


def caught(told, *given):
    """Tell a value, or what is raised instead."""
    try:
        return told(*given)
    except Exception as error:  # noqa: BLE001  # a value of its own
        return error


def allowed(source, info):
    return crc32(f"{source.seed} {info.field_name}".encode()) % 8 > 0


class Around(FieldExtension):
    """Stands around a field, and adds nothing."""

    def resolve(self, following, source, info, **given):
        return following(source, info, **given)

    async def resolve_async(self, following, source, info, **given):
        await asyncio.sleep(0)
        found = following(source, info, **given)
        return await found if asyncio.iscoroutine(found) else found


class World:
    """One graph of objects, with its schema."""

    def __init__(self, seed, *, waiting, storing=False):
        """Make a graph; ``storing`` objects have their attributes in them, down to some depth."""
        self.seed = seed
        self.waiting = waiting
        self.storing = storing
        self.stored: dict[str, dict[str, str]] = {}
        self.depth = 0
        self.types: dict[str, Any] = {}
        self.running = 0
        chosen = random.Random(f"ways {seed}")
        plans = {
            name: [
                (number, shape, chosen.choice(WAYS), chosen.random() < GUARDED)
                for number, shape in enumerate(SHAPES)
            ]
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
        self.schema = strawberry.Schema(
            self.types["Query"],
            self.types["Mutation"],
            types=[self.types[name] for name in OBJECTS],
            config=CONFIG,
        )

    def root(self, question):
        name = "Mutation" if question.text.startswith("mutation") else "Query"
        return self.make(name, "root")

    def annotation(self, shape):
        if shape.endswith("!"):
            shape = shape[:-1]
            if shape.startswith("["):
                return list[self.annotation(shape[1:-1])]
            return LEAVES[shape][0] if shape in LEAVES else self.types[shape]
        return Optional[self.annotation(shape + "!")]  # noqa: UP045  # of a union that is annotated

    def _fill(self, type_, plan):
        attributes = {"name": "Str", "rank": "Int!"}
        for number, shape, way, guarded in plan:
            name = f"f{number}"
            if way == "attribute":
                type_.__annotations__[name] = self.annotation(shape)
                attributes[name] = shape
            else:
                field = self._field(type_.__name__, name, shape, way, guarded=guarded)
                setattr(type_, name, field)

        type_.__repr__ = lambda source: f"<{type(source).__name__} {source.seed}>"
        self.stored[type_.__name__] = attributes
        if self.storing:
            return

        def read(source, name):
            shape = attributes.get(name)
            if shape is None:
                raise AttributeError(name)
            return self.outcome(source.seed, name, shape, late=True)

        type_.__getattr__ = read

    def _field(self, type_name, name, shape, way, *, guarded):
        place = f"{type_name}.{name}"

        def told(source, given):
            return self.outcome(source, f"{name} {given}", shape)

        def checked(given):
            if way in MANY and random.Random(f"{place} {given}").random() < BROKEN:
                raise RuntimeError(f"all of {place} broke")

        async def one(root, info, count=2, box=None, color=Color.GREEN, tags=None):
            given = f"{count} {box} {color} {tags}"
            if way == "async":
                await self.pause(root.seed)
                return told(root.seed, given)
            loader = self.loader(info.context, way, checked, told, given)
            # Shielded: graphql-core cancels what waits beside a failure, and a waiter of Strawberry's
            # loader that is cancelled leaves its neighbours waiting for good.
            error = await asyncio.shield(loader.load(root.seed))
            if isinstance(error, Exception):
                raise error
            # Not what was loaded: an iterator would be the same for all who asked for it.
            return told(root.seed, given)

        async def many(parents, info, count=2, box=None, color=Color.GREEN, tags=None):
            given = f"{count} {box} {color} {tags}"
            await self.pause(f"{place} {parents[0].seed}")
            if way == "batch loaded":
                loader = self.loader(info.context, way, checked, told, given)
                found = await loader.load_many([parent.seed for parent in parents])
            else:
                checked(given)
                found = [None] * len(parents)
            return [
                error or caught(told, parent.seed, given)
                for parent, error in zip(parents, found, strict=True)
            ]

        def still(root, info, count=2, box=None, color=Color.GREEN, tags=None):
            given = f"{count} {box} {color} {tags}"
            checked(given)
            value = told(root.seed, given)
            return self.later(value) if way == "promise" and self.waiting else value

        for resolver in (one, many, still):
            # It is told of where one stands in a value's place.
            resolver.__name__ = resolver.__qualname__ = "resolver"
        arguments = {"count": int, "box": Box | None, "color": Color, "tags": list[str] | None}
        result = self.annotation(shape)
        slow = self.waiting and way not in {"plain", "promise"}
        if slow and way in {"batched", "batch loaded"}:
            many.__annotations__ = {
                "parents": list[Any], "info": Info, **arguments, "return": list[result]
            }  # fmt: skip
            made = batched(many, description=name)
            made.base_resolver.wrapped_func.__qualname__ = "resolver"
        else:
            resolver = one if slow else still
            resolver.__annotations__ = {"root": Any, "info": Info, **arguments, "return": result}
            made = strawberry.field(resolver=resolver)
        if guarded:
            permission = Late if slow else Still
            made.extensions = [PermissionExtension([permission()]), Around()]
        return made

    def loader(self, context, way, checked, told, given):
        """Return the operation's loader of one field: it tells what is wrong with each object."""

        def wrong(seed):
            value = caught(told, seed, given)
            return value if isinstance(value, Exception) else None

        async def load(seeds):
            await self.slowly(seeds[0])
            checked(given)
            return {seed: wrong(seed) for seed in seeds}

        async def load_in_order(seeds):
            return list((await load(seeds)).values())

        if way == "data loaded":
            return context.data_loaders.setdefault((told, given), DataLoader(load_in_order))
        return context.loaders.setdefault((told, given), Loader(load, default=lambda: None))

    async def pause(self, seed):
        """Wait as a resolver does, which must not go on when nobody waits for it."""
        self.running += 1
        try:
            await self.slowly(seed)
        finally:
            self.running -= 1

    async def slowly(self, seed):
        """Wait: mostly some turns of the event loop, at times many, and at times for the clock."""
        chosen = crc32(f"{self.seed} {seed}".encode()) % 64
        if chosen == 0:
            await asyncio.sleep(0.0005)
        for _ in range(25 if chosen < 4 else chosen % 4):
            await asyncio.sleep(0)

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
        if self.storing and self.depth < DEEPEST:
            self.depth += 1
            for attribute, shape in self.stored[name].items():
                # What is raised is not stored: the attribute is missing.
                with suppress(Exception):
                    setattr(made, attribute, self.outcome(seed, attribute, shape))
            self.depth -= 1
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
        if kind < 0.2:
            return ValueError(f"value {seed}")
        if kind < 0.25:
            return TimeoutError(f"late {seed}")
        if kind < 0.4:
            return GraphQLError(f"graph {seed}", extensions={"code": "NASTY"})
        if kind < 0.6:
            return None
        if kind < 0.75:
            return self.make(chosen.choice(OBJECTS), seed)
        return chosen.choice(WRONG)
