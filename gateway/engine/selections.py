"""Selections: the fields asked of one object type, for all its objects of a level at once."""

from collections.abc import Callable
from functools import partial
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
    kind_of,
    tells_class,
)
from gateway.engine.keeping import Write
from gateway.engine.leaves import Leaf, Values
from gateway.engine.places import Place, Root
from gateway.engine.rows import MOST_VARIABLES, Code, MakeRows, NotStoredError
from gateway.engine.running import Run

WORTH_IT = 5
"""The use of a selection that makes its function, which takes as long as some uses without it."""
MOST_MISSES = 20
"""Times in a row that its function meets what it is not for, until it is given up."""

FindBatched = Callable[[GraphQLField], BatchResolver | None]
FindWriter = Callable[[GraphQLObjectType], Write | None]


class Selection:
    """The fields asked of one object type."""

    def __init__(self, columns: list[Column], kind: type | None = None) -> None:
        """Select columns of objects; ``kind`` is their usual class."""
        self._columns = columns
        self._kind = kind
        self._blank = dict.fromkeys(column.key for column in columns)
        self._uses = self._misses = 0
        self._rows_of: MakeRows | None = None
        self._others = columns
        """What the rows that are made have not got yet."""

    @property
    def is_plain(self) -> bool:
        """Tell whether all that is asked is in the objects themselves."""
        return all(column.is_plain for column in self._columns)

    def row(self, code: Code, source: str) -> str:
        """Write out an object's row; raises NotStoredError if it does not store all of it."""
        if len(self._columns) > MOST_VARIABLES:
            raise NotStoredError
        return _display({one.key: one.expression(code, source) for one in self._columns})

    async def objects(self, run: Run, objects: Values, place: Place) -> Values:
        """Return the answer for each of the objects; null for those that an error makes null."""
        rows, others = self._stored(run, objects)
        if not others:
            return rows
        answers = [column.answer(run, objects, place, column.read(objects)) for column in others]
        found = await run.together(answers)
        for column, values in zip(others, found, strict=True):
            key = column.key
            for row, value in zip(rows, values, strict=True):
                row[key] = value
        if run.failures:
            for column, values in zip(others, found, strict=True):
                if not column.nullable:
                    rows = [
                        None if value is None else row
                        for row, value in zip(rows, values, strict=True)
                    ]
        return rows

    async def one_by_one(self, run: Run, root: Any) -> Values:
        """Answer for the root object, each field when the one before is finished."""
        row = self._blank.copy()
        for column in self._columns:
            (value,) = await column.answer(run, [root], Root(), column.read([root]))
            if value is None and not column.nullable:
                return [None]
            row[column.key] = value
        return [row]

    def _stored(self, run: Run, objects: Values) -> tuple[Values, list[Column]]:
        """Return rows of what the objects store, and the columns that are missing in them."""
        self._uses += 1
        if self._uses == WORTH_IT:
            self._make(run)
        if self._rows_of is not None:
            try:
                rows = self._rows_of(objects)
            except Exception:  # noqa: BLE001  # found again and reported by the columns
                rows = None
            if rows is not None:
                self._misses = 0
                return rows, self._others
            self._misses += 1
            if self._misses == MOST_MISSES:
                self._rows_of = None
        blank = self._blank
        return [blank.copy() for _ in objects], self._columns

    def _make(self, run: Run) -> None:
        """Make the function that makes rows, if there is anything for it to do."""
        if self._kind is None or len(self._columns) > MOST_VARIABLES:
            return
        attributes = [one for one in self._columns if isinstance(one, Attribute)]
        if not all(one.is_stored for one in attributes):
            return  # what is run to read one may change what another is
        code, row, others = Code(run), {}, []
        code.add("rows = []")
        with code.within("for one in objects:"):
            code.require("one", self._kind)
            for column in self._columns:
                expression = code.tried(partial(column.expression, code, "one"))
                row[column.key] = expression or "None"
                if expression is None:
                    others.append(column)
            code.add(f"rows.append({_display(row)})")
        code.add("return rows")
        if len(others) < len(self._columns):
            self._rows_of, self._others = code.made(), others


def _display(row: dict[str, str]) -> str:
    """Write a row out: keys are names of a valid document, letters, digits and underscores."""
    return "{" + ", ".join(f"{key!r}: {value}" for key, value in row.items()) + "}"


class Maker:
    """Makes the selections of one schema."""

    def __init__(self, batched: FindBatched, writer: FindWriter) -> None:
        self._batched = batched
        self._leaves: dict[GraphQLLeafType, Leaf] = {}
        self._shaper = Shaper(self._leaf, self.of_object, tells_class, writer)

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
