"""Fields: how a plan gets the values of one field for all objects of a level."""

from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any

from graphql import GraphQLField, GraphQLObjectType
from graphql.execution.values import get_argument_values
from strawberry import Schema
from strawberry.types.arguments import convert_arguments
from strawberry.types.cast import get_strawberry_type_cast
from strawberry.types.field import StrawberryField

from gateway.engine.completion import Asked, Completer, LeafCompleter
from gateway.engine.leaves import Values
from gateway.engine.places import FieldPlace, Place, Step
from gateway.engine.running import Run

BatchResolver = Callable[..., Awaitable[list[Any]]]
Getter = Callable[[Any], Any]

# What Strawberry calls its own functions. Where another version calls them otherwise, they are
# called as any other function is: slower, and with the same answers.
BASIC = "GraphQLCoreConverter.from_resolver.<locals>._get_basic_result"
IS_TYPE_OF = "GraphQLCoreConverter.from_object.<locals>._get_is_type_of.<locals>.is_type_of"


def definition_of(thing: GraphQLField | GraphQLObjectType) -> Any:
    """Return Strawberry's definition behind a field or type, if there is one."""
    return thing.extensions.get("strawberry-definition")


def getter_of(definition: GraphQLField) -> Getter | None:
    """Return what reads a field that is nothing but an attribute of its object."""
    if getattr(definition.resolve, "__qualname__", "") != BASIC:
        return None
    field: StrawberryField = definition_of(definition)
    name, read = field.python_name, field.default_resolver
    return attrgetter(name) if read is getattr else lambda source: read(source, name)


def is_instance(type_: GraphQLObjectType, values: Values) -> bool:
    """Tell whether all values are of a type without asking its is_type_of for each."""
    if getattr(type_.is_type_of, "__qualname__", "") != IS_TYPE_OF:
        return False
    if set(map(type, values)) != {definition_of(type_).origin}:
        return False
    return all(cast is None for cast in map(get_strawberry_type_cast, values))


class Column:
    """One field of a selection; the values of all objects of a level are its column."""

    def __init__(self, key: str, order: int, asked: Asked, completer: Completer) -> None:
        self.key = key
        self.asked = asked
        self.nullable = completer.nullable
        self._completer = completer
        self._step = Step(key, order, completer.nullable, asked.parent.name)

    def read(self, objects: Values) -> Values | None:  # noqa: ARG002
        """Return the values that need no resolver to be called; none if there are no such."""
        return None

    @property
    def is_plain(self) -> bool:
        """Tell whether an answer was made of nothing but the objects themselves."""
        return False

    def finished(self, values: Values) -> Values | None:  # noqa: ARG002
        """Return what stands in the answer if nothing needs a second look; none otherwise."""
        return None

    async def answer(
        self, run: Run, objects: Values, place: Place, values: Values | None
    ) -> Values:
        """Return what stands in the answer for each of the objects."""
        where = FieldPlace(place, self._step)
        if values is None:
            values = await self._resolved(run, objects, where)
        return await self._completer.complete(run, values, where)

    async def _resolved(self, run: Run, objects: Values, place: Place) -> Values:
        raise NotImplementedError


class TypeName(Column):
    """``__typename``: the same for all objects of a selection."""

    def read(self, objects: Values) -> Values:
        """Return the name for each of the objects."""
        return [self.asked.parent.name] * len(objects)

    @property
    def is_plain(self) -> bool:
        """It is the type's, so it is."""
        return True

    def finished(self, values: Values) -> Values:
        """Return the names."""
        return values


class Attribute(Column):
    """A field that is read from its object."""

    def __init__(
        self, key: str, order: int, asked: Asked, completer: Completer, getter: Getter
    ) -> None:
        super().__init__(key, order, asked, completer)
        self._getter = getter
        self._leaf = completer if isinstance(completer, LeafCompleter) else None

    @property
    def is_plain(self) -> bool:
        """It is if its value is."""
        return self._completer.is_plain

    def read(self, objects: Values) -> Values:
        """Read all objects, each once; an exception is its object's value."""
        values: Values = []
        rest = iter(objects)
        while len(values) < len(objects):
            try:
                values.extend(map(self._getter, rest))
            except Exception as error:  # noqa: BLE001  # reported at its place
                values.append(error)
            else:
                if len(values) < len(objects):  # what was raised ended the loop and not more
                    values.append(StopIteration())
        return values

    def finished(self, values: Values) -> Values | None:
        """Return a column of leaves in which everything is as it should be."""
        return None if self._leaf is None else self._leaf.column(values)


class Batched(Column):
    """A field whose resolver answers for all objects at once."""

    def __init__(
        self,
        key: str,
        order: int,
        asked: Asked,
        completer: Completer,
        resolver: BatchResolver,
    ) -> None:
        super().__init__(key, order, asked, completer)
        self._resolver = resolver
        self._field: StrawberryField = definition_of(asked.definition)

    async def _resolved(self, run: Run, objects: Values, place: Place) -> Values:
        try:
            answers = await self._answers(run, objects, place)
        except Exception as error:  # noqa: BLE001  # the error of each of them
            return [error] * len(objects)
        if len(answers) != len(objects):
            mistake = RuntimeError(f"{len(objects)} objects got {len(answers)} values")
            return [mistake] * len(objects)
        return answers

    async def _answers(self, run: Run, objects: Values, place: Place) -> Values:
        schema: Schema = run.executor.schema._strawberry_schema  # type: ignore[attr-defined] # noqa: SLF001
        info = schema.config.info_class(
            _raw_info=self.asked.info(run, place, 0), _field=self._field
        )
        arguments = convert_arguments(
            arguments_of(run, self.asked),
            self._field.arguments,
            scalar_registry=schema.schema_converter.scalar_registry,
            config=schema.config,
            info=info,
        )
        # Its first steps belong to the task that goes on with it, not to whoever looks here first.
        await run.pause()
        return list(await self._resolver(objects.copy(), info, **arguments))


class Resolved(Column):
    """Any other field: its own resolver, for one object after the other."""

    async def _resolved(self, run: Run, objects: Values, place: Place) -> Values:
        asked = self.asked
        resolve = asked.definition.resolve or run.executor.field_resolver
        values: Values = []
        for number, source in enumerate(objects):
            try:
                info = asked.info(run, place, number)
                values.append(resolve(source, info, **arguments_of(run, asked)))
            except Exception as error:  # noqa: BLE001  # reported at its place
                values.append(error)
        return values


def arguments_of(run: Run, asked: Asked) -> dict[str, Any]:
    """Read the arguments of a field, new ones each time: a resolver may change what it is given."""
    if not asked.definition.args:
        return {}
    executor = run.executor
    return get_argument_values(
        asked.definition,
        asked.nodes[0],
        executor.variable_values,
        None,
        executor.hide_suggestions,
    )
