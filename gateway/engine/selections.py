"""Selections: the fields asked of one object type, for all its objects of a level at once."""

from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any

from graphql import GraphQLField, GraphQLLeafType, GraphQLObjectType
from graphql.execution.collect_fields import (
    FieldDetailsList,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)

from gateway.engine.calling import Caller, definition_of
from gateway.engine.completion import Asked, Shaper
from gateway.engine.fields import (
    Attribute,
    Batched,
    BatchResolver,
    Called,
    Column,
    Resolved,
    TypeName,
    getter_of,
    is_instance,
    kind_of,
)
from gateway.engine.keeping import Write
from gateway.engine.leaves import Leaf, Values
from gateway.engine.places import Place, Root
from gateway.engine.running import Run

KEPT_ROW_MAKERS = 256

FindBatched = Callable[[GraphQLField], BatchResolver | None]
FindWriter = Callable[[GraphQLObjectType], Write | None]


class Selection:
    """The fields asked of one object type."""

    def __init__(self, columns: list[Column], kind: type | None = None) -> None:
        """Select columns of objects; ``kind`` is their usual class."""
        self._columns = columns
        self._rows_of = row_maker(tuple(column.key for column in columns)) if columns else None
        self._needed = [number for number, one in enumerate(columns) if not one.nullable]
        self._stored_in = {kind} if all(column.is_stored for column in columns) else None

    @property
    def is_plain(self) -> bool:
        """Tell whether all that is asked is in the objects themselves."""
        return all(column.is_plain for column in self._columns)

    def stored(self, objects: Values, kinds: set[type]) -> Values | None:
        """Return the answer for each of the objects if all of it is stored in them as it should be.

        None otherwise; then nobody's code has run yet. ``kinds`` are the classes of the objects.
        """
        if self._rows_of is None or kinds != self._stored_in:
            return None
        finished = []
        for column in self._columns:
            values = column.read(objects)
            done = None if values is None else column.finished(values)
            if done is None:
                return None
            finished.append(done)
        return self._rows_of(finished)

    async def objects(self, run: Run, objects: Values, place: Place) -> Values:
        """Return the answer for each of the objects; null for those that an error makes null."""
        finished: list[Values | None] = []
        unfinished: list[int] = []
        answers: list[Coroutine[Any, Any, Values]] = []
        for number, column in enumerate(self._columns):
            values = column.read(objects)
            done = None if values is None else column.finished(values)
            if done is None:
                unfinished.append(number)
                answers.append(column.answer(run, objects, place, values))
            finished.append(done)
        if unfinished:
            for number, done in zip(unfinished, await run.together(answers), strict=True):
                finished[number] = done
        return self._rows(run, finished, len(objects))

    async def one_by_one(self, run: Run, root: Any) -> Values:
        """Answer for the root object, each field when the one before is finished."""
        finished: list[Values] = []
        for column in self._columns:
            found = await column.answer(run, [root], Root(), column.read([root]))
            if found == [None] and not column.nullable:
                return [None]
            finished.append(found)
        return self._rows(run, finished, 1)

    def _rows(self, run: Run, columns: list[Any], count: int) -> Values:
        rows = self._rows_of(columns) if self._rows_of else [{} for _ in range(count)]
        if run.failures:
            for number in self._needed:
                for which, value in enumerate(columns[number]):
                    if value is None:
                        rows[which] = None
        return rows


@lru_cache(KEPT_ROW_MAKERS)
def row_maker(keys: tuple[str, ...]) -> Callable[[list[Values]], Values]:
    """Make what turns columns into rows with these keys.

    It is written out and compiled, one dict display for all keys: nothing else is half as fast.
    Keys are names of a valid document, so they are letters, digits and underscores.
    """
    numbers = range(len(keys))
    row = ", ".join(f"{keys[number]!r}: v{number}" for number in numbers)
    names = "".join(f"v{number}, " for number in numbers)
    made: Callable[[list[Values]], Values] = eval(  # noqa: S307
        f"lambda columns: [{{{row}}} for {names}in zip(*columns)]"
    )
    return made


class Maker:
    """Makes the selections of one schema."""

    def __init__(self, batched: FindBatched, writer: FindWriter) -> None:
        self._batched = batched
        self._leaves: dict[GraphQLLeafType, Leaf] = {}
        self._shaper = Shaper(self._leaf, self.of_object, is_instance, writer)

    def of_root(self, run: Run, type_: GraphQLObjectType) -> Selection:
        """Make the selection of an operation."""
        executor = run.executor
        collected = collect_fields(
            executor.schema,
            executor.fragments,
            executor.variable_values,
            type_,
            executor.operation,
            executor.hide_suggestions,
        )
        return self._selection(run, type_, collected.grouped_field_set)

    def of_object(self, run: Run, type_: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        """Make the selection of one object type below a field."""
        executor = run.executor
        collected = collect_subfields(
            executor.schema,
            executor.fragments,
            executor.variable_values,
            executor.operation,
            type_,
            details,
            executor.hide_suggestions,
        )
        return self._selection(run, type_, collected.grouped_field_set)

    def _leaf(self, type_: GraphQLLeafType) -> Leaf:
        if type_ not in self._leaves:
            self._leaves[type_] = Leaf(type_)
        return self._leaves[type_]

    def _selection(self, run: Run, type_: GraphQLObjectType, fields: GroupedFieldSet) -> Selection:
        columns: list[Column] = []
        for key, details in fields.items():
            nodes = [one.node for one in details]
            definition = run.executor.schema.get_field(type_, nodes[0].name.value)
            if definition is not None:
                asked = Asked(type_, definition, details, nodes)
                columns.append(self._column(run, key, len(columns), asked))
        return Selection(columns, kind_of(type_))

    def _column(self, run: Run, key: str, order: int, asked: Asked) -> Column:
        definition = asked.definition
        completer = self._shaper.completer(definition.type, asked)
        if asked.name == "__typename":
            return TypeName(key, order, asked, completer)
        getter = getter_of(definition)
        if getter is not None:
            return Attribute(key, order, asked, completer, getter)
        caller = self._caller(run, definition)
        batch = self._batched(definition) if caller else None
        if caller and batch:
            return Batched(key, order, asked, completer, batch, caller=caller)
        function = caller.function(definition) if caller else None
        if caller and function:
            return Called(key, order, asked, completer, function, caller=caller)
        return Resolved(key, order, asked, completer)

    def _caller(self, run: Run, definition: GraphQLField) -> Caller | None:
        """Return what calls a field's function, if nothing that we do not know of wraps it."""
        field = definition_of(definition)
        schema = getattr(run.executor.schema, "_strawberry_schema", None)
        if field is None or schema is None or field.extensions or schema.exception_handlers:
            return None
        return Caller(field, schema)
