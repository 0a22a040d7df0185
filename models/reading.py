"""Reading without a session: one statement, one round trip, and rows that are plain tuples.

A session keeps account of what it has read, to write back what is changed. What only reads does
without: it gets tuples with the attributes of the entities, far cheaper to make and to look at.
"""

import asyncio
import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ColumnExpressionArgument,
    CompoundSelect,
    Dialect,
    Engine,
    Executable,
    Integer,
    Select,
    String,
    bindparam,
    literal,
    null,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import Boolean, TypeDecorator, TypeEngine

Row = tuple[Any, ...]
AnySelect = Select[*tuple[Any, ...]]
T = TypeVar("T")


class Reader(Protocol):
    """Runs one statement on a connection of its own; what it reads is of one moment."""

    async def __call__(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """Return all rows."""


def pooled(engine: AsyncEngine) -> Reader:
    """Read by a pool of connections, without a transaction around the statement."""
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row]:
        async with plain.connect() as connection:
            return cast("Sequence[Row]", (await connection.execute(statement, parameters)).all())

    return read


def threaded(engine: Engine) -> Reader:
    """Read in a thread, as a whole: drivers that only wrap one go there for each little step."""

    def read(statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row]:
        with engine.connect() as connection:
            return cast("Sequence[Row]", connection.execute(statement, parameters).all())

    async def in_thread(statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row]:
        return await asyncio.to_thread(read, statement, parameters)

    return in_thread


class Keys(TypeDecorator[Sequence[Any]]):
    """Many keys as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the form of the database at hand."""
        array = ARRAY(self.item) if dialect.name == "postgresql" else String()
        return dialect.type_descriptor(array)

    def process_bind_param(
        self, value: Sequence[Any] | None, dialect: Dialect
    ) -> list[Any] | str | None:
        """Write the keys."""
        if value is None:
            return None
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class one_of(FunctionElement[bool]):  # noqa: N801  # reads as a function of SQL
    """Tell whether a column is one of many values, by the same text however many they are.

    So a connection has the statement prepared from the second time on, which saves a round trip.
    The values are the statement's parameter ``keys``.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnExpressionArgument[Any], values: Sequence[Any]) -> None:
        known = cast("ColumnElement[Any]", column)
        item = BigInteger() if isinstance(known.type, Integer) else String()
        super().__init__(known, bindparam("keys", values, Keys(item)))

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Stand as it is: compared with true, as SQLite would have it, no index could be used."""
        del against
        return self


@compiles(one_of)
def _one_of(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    if compiler.dialect.name == "postgresql":
        return f"{column} = ANY ({values})"
    many = f"SELECT value FROM json_each({values})"  # noqa: S608  # the name of a parameter
    return f"{column} IN ({many})"


@cache
def plain(entity: type[Any]) -> Callable[[Row], Any]:
    """Return what makes a tuple with an entity's attributes of the entity's columns.

    The key comes first; where an outer join has found nothing it is null, and so is the entity.
    """
    names = [column.key for column in sqlalchemy.inspect(entity).column_attrs]
    derived = {name: made for name, made in vars(entity).items() if isinstance(made, property)}
    base = namedtuple(entity.__name__, names)  # type: ignore[misc]  # noqa: PYI024
    make = type(entity.__name__, (base,), {"__slots__": (), **derived})._make  # type: ignore[attr-defined]
    return lambda row: None if row[0] is None else make(row)


class Prepared(Generic[T]):
    """What is read by one statement, to be asked again and again; several are read as one.

    ``T`` is what a statement selects that selects one thing.

    What several statements read is of one moment, and not in the order that they ask for.
    """

    def __init__(self, *statements: AnySelect) -> None:
        self.statement = statements[0] if len(statements) == 1 else side_by_side(statements)
        self._shapes = [_shape(statement) for statement in statements]

    def dealt(self, rows: Sequence[Row]) -> list[list[Row]]:
        """Return the rows of each statement, put together as it selects them."""
        if len(self._shapes) == 1:
            return [_shaped(self._shapes[0], 0, rows)]
        groups: list[list[Row]] = [[] for _ in self._shapes]
        for row in rows:
            groups[row[0]].append(row)
        found, start = [], 1
        for shape, group in zip(self._shapes, groups, strict=True):
            found.append(_shaped(shape, start, group))
            start += sum(width for _, width in shape)
        return found


def side_by_side(statements: Sequence[AnySelect]) -> CompoundSelect[*tuple[Any, ...]]:
    """Make one statement of several.

    Its rows have the number of their statement first, then the columns of all of them; those of
    the others are null.
    """
    columns = [list(statement.selected_columns) for statement in statements]
    selects = []
    for number, statement in enumerate(statements):
        padded: list[ColumnElement[Any]] = [literal(number)]
        for other, group in enumerate(columns):
            for place, column in enumerate(group):
                value = column if other == number else sqlalchemy.cast(null(), column.type)
                padded.append(value.label(f"column_{other}_{place}"))
        selects.append(statement.order_by(None).with_only_columns(*padded))
    return union_all(*selects)


Shape = list[tuple[Callable[[Row], Any] | None, int]]
"""What makes each thing that a statement selects of its columns, and how many; null for a value."""


def _shape(statement: AnySelect) -> Shape:
    shape: Shape = []
    for described in statement.column_descriptions:
        entity = described.get("entity")
        if entity is None or described["expr"] is not entity:
            shape.append((None, 1))
        else:
            mapper = sqlalchemy.inspect(entity).mapper
            shape.append((plain(mapper.class_), len(mapper.column_attrs)))
    return shape


def _shaped(shape: Shape, start: int, rows: Sequence[Row]) -> list[Row]:
    columns: list[Iterable[Any]] = []
    for make, width in shape:
        if make is None:
            columns.append(map(itemgetter(start), rows))
        else:
            columns.append(map(make, map(itemgetter(slice(start, start + width)), rows)))
        start += width
    return list(zip(*columns, strict=True))
