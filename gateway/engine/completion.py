"""Completion: from the values that resolvers return to what stands in the answer, column by column.

The specification's CompleteValue for a whole level at a time. A completer answers with a column of
the same length. Null in it stands for null, or, where null may not stand, for an error that was
recorded: then whoever holds the column becomes null in turn.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Sequence
from itertools import chain, islice
from types import NoneType
from typing import Any, NamedTuple, Protocol

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import inspect, is_iterable

from gateway.engine.keeping import Room, Write, Written
from gateway.engine.leaves import Leaf, Values, is_special
from gateway.engine.places import ChosenPlace, ItemPlace, Place, path_of
from gateway.engine.rows import Code, NotStoredError
from gateway.engine.running import Run


class Asked(NamedTuple):
    """A field as an operation asks for it: all that its errors and infos need."""

    parent: GraphQLObjectType
    definition: GraphQLField
    details: FieldDetailsList
    nodes: list[FieldNode]

    @property
    def name(self) -> str:
        """Its name in the schema."""
        return self.nodes[0].name.value

    def info(self, run: Run, place: Place, number: int) -> GraphQLResolveInfo[Any]:
        """Build what a resolver is told about its place."""
        return run.executor.build_resolve_info(
            self.definition, self.nodes, self.parent, path_of(place.steps(number))
        )


class Selection(Protocol):
    """What is asked of objects of one type."""

    @property
    def is_plain(self) -> bool:
        """Tell whether all that is asked is in the objects themselves."""
        raise NotImplementedError

    def row(self, code: Code, source: str) -> str:
        """Write out an object's row; raises NotStoredError if it does not store all of it."""
        raise NotImplementedError

    async def objects(self, run: Run, objects: Values, place: Place) -> Values:
        """Return the answer for each of the objects."""


class Shaper:
    """What a plan is made with: the leaves of a schema, and selections of object types."""

    def __init__(
        self,
        leaf: Callable[[Any], Leaf],
        select: Callable[[Run, GraphQLObjectType, FieldDetailsList], Selection],
        class_of: Callable[[GraphQLObjectType], type | None],
        writer: Callable[[GraphQLObjectType], Write | None],
    ) -> None:
        self.leaf = leaf
        self.select = select
        self.class_of = class_of
        self.writer = writer
        self.room = Room()

    def completer(self, type_: GraphQLOutputType, asked: Asked) -> "Completer":
        """Build what completes a field's values."""
        nullable, bare = True, type_
        if isinstance(type_, GraphQLNonNull):
            nullable, bare = False, type_.of_type
        if isinstance(bare, GraphQLList):
            return ListCompleter(asked, self.completer(bare.of_type, asked), nullable=nullable)
        if isinstance(bare, GraphQLObjectType):
            return ObjectCompleter(asked, bare, self, nullable=nullable)
        if is_abstract_type(bare):
            return AbstractCompleter(asked, bare, self, nullable=nullable)
        if is_leaf_type(bare):
            return LeafCompleter(asked, self.leaf(bare), nullable=nullable)
        raise TypeError(f"{bare} is no type of fields")


class Completer:
    """Completes columns of one type."""

    def __init__(self, asked: Asked, *, nullable: bool) -> None:
        self._asked = asked
        self.nullable = nullable

    @property
    def is_plain(self) -> bool:
        """Tell whether an answer was made of nothing but the values themselves."""
        return False

    def expression(self, code: Code, value: str) -> str:
        """Write out what completes a value; return the name or expression of what comes of it.

        What is written ends the function, or raises, when the value is not as it should be.
        Raises NotStoredError where more is needed than the value.
        """
        if not self.nullable:
            return self._expression(code, value)
        result = code.variable()
        code.add(f"{result} = None")
        with code.within(f"if {value} is not None:"):
            code.add(f"{result} = {self._expression(code, value)}")
        return result

    def _expression(self, code: Code, value: str) -> str:  # noqa: ARG002
        """Write out what completes a value that is not null."""
        raise NotStoredError

    def fail(self, run: Run, place: Place, number: int, error: Exception) -> None:
        """Record what is wrong with one value."""
        run.fail(place, number, self._asked.nodes, error)

    def complete(self, run: Run, values: Values, place: Place) -> Coroutine[Any, Any, Values]:
        """Complete a column of whatever resolvers return."""
        special = set(filter(is_special, set(map(type, values))))
        if special:
            return self._look(run, values, place, special)
        return self._present(run, values, place)

    async def _look(self, run: Run, values: Values, place: Place, special: set[type]) -> Values:
        """Complete a column in which there are nulls, errors or promises."""
        if special != {NoneType}:
            values = await settled(run, values)
        present: list[int] = []
        for number, value in enumerate(values):
            if isinstance(value, Exception):
                self.fail(run, place, number, value)
            elif value is not None and value is not Undefined:
                present.append(number)
            elif not self.nullable:
                name = f"{self._asked.parent}.{self._asked.name}"
                message = f"Cannot return null for non-nullable field {name}."
                self.fail(run, place, number, TypeError(message))
        return await self.some(run, values, place, present)

    async def some(self, run: Run, values: Values, place: Place, chosen: Sequence[int]) -> Values:
        """Complete some values of a column, which are there; the others are null."""
        return await _of_some(self._present, run, values, place, chosen)

    async def _present(self, run: Run, values: Values, place: Place) -> Values:
        """Complete values that are there: no nulls, errors or promises among them."""
        raise NotImplementedError


class LeafCompleter(Completer):
    """Completes scalars and enums."""

    def __init__(self, asked: Asked, leaf: Leaf, *, nullable: bool) -> None:
        super().__init__(asked, nullable=nullable)
        self._leaf = leaf

    @property
    def is_plain(self) -> bool:
        """Scalars and enums are."""
        return True

    def _expression(self, code: Code, value: str) -> str:
        return self._leaf.expression(code, value)

    async def _present(self, run: Run, values: Values, place: Place) -> Values:
        column = self._leaf.column(values)
        if column is not None:
            return column
        column = [None] * len(values)
        for number, value in enumerate(values):
            try:
                column[number] = self._leaf.one(value)
            except Exception as error:  # noqa: BLE001  # reported at its place
                self.fail(run, place, number, error)
        return column


class ListCompleter(Completer):
    """Completes lists: the items of all of them as one column."""

    def __init__(self, asked: Asked, item: Completer, *, nullable: bool) -> None:
        super().__init__(asked, nullable=nullable)
        self._item = item

    @property
    def is_plain(self) -> bool:
        """Lists are as their items are."""
        return self._item.is_plain

    def _expression(self, code: Code, value: str) -> str:
        result, item = code.variable(), code.variable()
        code.add(f"if type({value}) is not list and type({value}) is not tuple: return None")
        code.add(f"{result} = []")
        with code.within(f"for {item} in {value}:"):
            code.add(f"{result}.append({self._item.expression(code, item)})")
        return result

    async def _present(self, run: Run, values: Values, place: Place) -> Values:
        broken: dict[int, Exception] = {}
        if not set(map(type, values)) <= {list, tuple}:
            values = await self._iterated(run, values, broken)
        lengths = list(map(len, values))
        items = list(chain.from_iterable(values))
        if items:
            where = ItemPlace(place, lengths, nullable=self._item.nullable)
            items = await self._item.complete(run, items, where)
        column: Values = [items] if len(lengths) == 1 else _dealt(items, lengths)
        if run.failures and not self._item.nullable:
            column = [None if any(item is None for item in one) else one for one in column]
        for number, reason in broken.items():
            self.fail(run, place, number, reason)
            column[number] = None
        return column

    async def _iterated(
        self, run: Run, values: Values, broken: dict[int, Exception]
    ) -> list[list[Any]]:
        """Turn all kinds of iterables into lists; those that break off are noted with why."""
        lists: list[list[Any]] = []
        later: list[tuple[int, AsyncIterable[Any]]] = []
        for number, value in enumerate(values):
            items: list[Any] = []
            lists.append(items)
            if run.executor.is_async_iterable(value):
                later.append((number, value))
            elif is_iterable(value):
                try:
                    items.extend(value)
                except Exception as error:  # noqa: BLE001  # those before it count
                    broken[number] = error
            else:
                name = f"{self._asked.parent}.{self._asked.name}"
                broken[number] = GraphQLError(
                    f"Expected Iterable, but did not find one for field '{name}'."
                )
        if later:
            drained = [_drained(value, lists[number]) for number, value in later]
            for (number, _), reason in zip(later, await run.settle(drained), strict=True):
                if reason is not None:
                    broken[number] = reason
        return lists


class ObjectCompleter(Completer):
    """Completes objects of one type: all of them by one selection."""

    def __init__(
        self, asked: Asked, type_: GraphQLObjectType, shaper: Shaper, *, nullable: bool
    ) -> None:
        super().__init__(asked, nullable=nullable)
        self._type = type_
        self._shaper = shaper
        self._class = shaper.class_of(type_)
        self._selection: Selection | None = None
        write = shaper.writer(type_)
        self._kept = None if write is None else Written(write, shaper.room)

    @property
    def is_plain(self) -> bool:
        """Objects are if all of their fields are."""
        return self._selection is not None and self._selection.is_plain

    def _expression(self, code: Code, value: str) -> str:
        if self._kept is not None or self._class is None or is_special(self._class):
            raise NotStoredError
        code.require(value, self._class)
        try:
            return self._select(code.run).row(code, value)
        except GraphQLError as error:  # @skip or @include with a variable that is null
            raise NotStoredError from error

    async def _present(self, run: Run, values: Values, place: Place) -> Values:
        if self._kept is None:
            if self._selection is not None and self._are_known(values):
                return await self._selection.objects(run, values, place)
            return await self._anew(run, values, place)
        found = self._kept.find_all(values)
        if found is not None:
            return found
        column = self._kept.find(values)
        unknown = [number for number, found in enumerate(column) if found is None]
        failures = len(run.failures)
        rows = await _of_some(self._anew, run, values, place, unknown)
        is_clean = self.is_plain and len(run.failures) == failures
        for number in unknown:
            row = rows[number]
            column[number] = self._kept.keep(values[number], row) if is_clean else row
        return column

    def _are_known(self, values: Values) -> bool:
        """Tell whether values are of the type without asking it for each."""
        return self._type.is_type_of is None or set(map(type, values)) == {self._class}

    async def _anew(self, run: Run, values: Values, place: Place) -> Values:
        is_type_of = self._type.is_type_of
        if is_type_of is None or self._are_known(values):
            return await self._selected(run, values, place)
        verdicts: list[Any] = []
        for number, value in enumerate(values):
            try:
                verdicts.append(is_type_of(value, self._asked.info(run, place, number)))
            except Exception as error:  # noqa: BLE001  # reported at its place
                verdicts.append(error)
        verdicts = await settled(run, verdicts)
        right: list[int] = []
        for number, (value, verdict) in enumerate(zip(values, verdicts, strict=True)):
            if isinstance(verdict, Exception):
                self.fail(run, place, number, verdict)
            elif verdict:
                right.append(number)
            else:
                message = f"Expected value of type '{self._type}' but got: {inspect(value)}."
                self.fail(run, place, number, GraphQLError(message, self._asked.nodes))
        return await _of_some(self._selected, run, values, place, right)

    def _select(self, run: Run) -> Selection:
        if self._selection is None:
            self._selection = self._shaper.select(run, self._type, self._asked.details)
        return self._selection

    async def _selected(self, run: Run, values: Values, place: Place) -> Values:
        try:
            selection = self._select(run)
        except GraphQLError as error:  # @skip or @include with a variable that is null
            for number in range(len(values)):
                self.fail(run, place, number, error)
            return [None] * len(values)
        return await selection.objects(run, values, place)


class AbstractCompleter(Completer):
    """Completes values of an interface or union, grouped by their types."""

    def __init__(
        self, asked: Asked, type_: GraphQLAbstractType, shaper: Shaper, *, nullable: bool
    ) -> None:
        super().__init__(asked, nullable=nullable)
        self._type = type_
        self._shaper = shaper
        self._possible: dict[str, ObjectCompleter] = {}

    async def _present(self, run: Run, values: Values, place: Place) -> Values:
        resolve = self._type.resolve_type or run.executor.type_resolver
        names: list[Any] = []
        for number, value in enumerate(values):
            try:
                names.append(resolve(value, self._asked.info(run, place, number), self._type))
            except Exception as error:  # noqa: BLE001  # reported at its place
                names.append(error)
        groups: dict[str, list[int]] = {}
        for number, name in enumerate(await settled(run, names)):
            try:
                self._check(run, name, values[number], place, number)
            except Exception as error:  # noqa: BLE001  # reported at its place
                self.fail(run, place, number, error)
            else:
                groups.setdefault(name, []).append(number)
        columns = await run.together(
            [
                self._possible[name].some(run, values, place, chosen)
                for name, chosen in groups.items()
            ]
        )
        if len(columns) == 1:
            return columns[0]
        column: Values = [None] * len(values)
        for chosen, completed in zip(groups.values(), columns, strict=True):
            for number in chosen:
                column[number] = completed[number]
        return column

    def _check(self, run: Run, name: Any, value: Any, place: Place, number: int) -> None:
        """Make sure that a value can be completed as being of a type; raises if it cannot."""
        if isinstance(name, Exception):
            raise name
        if isinstance(name, str) and name in self._possible:
            return
        info = self._asked.info(run, place, number)
        type_ = run.executor.ensure_valid_runtime_type(
            name, self._type, self._asked.details, info, value
        )
        self._possible[name] = ObjectCompleter(self._asked, type_, self._shaper, nullable=True)


def _dealt(items: Values, lengths: Iterable[int]) -> list[Values]:
    """Deal items out to lists again, which had so many each."""
    following = iter(items)
    return [list(islice(following, length)) for length in lengths]


async def _of_some(
    complete: Callable[[Run, Values, Place], Awaitable[Values]],
    run: Run,
    values: Values,
    place: Place,
    chosen: Sequence[int],
) -> Values:
    """Complete some values of a column; the others are null."""
    if len(chosen) == len(values):
        return await complete(run, values, place)
    column: Values = [None] * len(values)
    if chosen:
        some = [values[number] for number in chosen]
        completed = await complete(run, some, ChosenPlace(place, chosen))
        for number, value in zip(chosen, completed, strict=True):
            column[number] = value
    return column


async def settled(run: Run, values: Values) -> Values:
    """Wait for the promises in a column; what fails is its own exception."""
    promised = [number for number, value in enumerate(values) if run.executor.is_awaitable(value)]
    if not promised:
        return values
    values = values.copy()
    awaitables: list[Awaitable[Any]] = [values[number] for number in promised]
    for number, value in zip(promised, await run.settle(awaitables), strict=True):
        values[number] = value
    return values


async def _drained(values: AsyncIterable[Any], items: list[Any]) -> Exception | None:
    """Take all items; returns what broke it off."""
    iterator = aiter(values)
    try:
        async for item in iterator:
            items.append(item)  # noqa: PERF401  # those before an error count
    except Exception as error:  # noqa: BLE001  # reported at the list's place
        return error
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
    return None
