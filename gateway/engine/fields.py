"""Fields: how a plan gets the values of one field for all objects of a level."""

from collections.abc import Awaitable, Callable
from inspect import getattr_static
from operator import attrgetter
from types import MemberDescriptorType
from typing import Any

from graphql import GraphQLField, GraphQLObjectType
from strawberry.types.field import StrawberryField

from gateway.engine.calling import Arguments, Call, Caller, definition_of
from gateway.engine.completion import Asked, Completer
from gateway.engine.leaves import Values
from gateway.engine.places import FieldPlace, Place, Step
from gateway.engine.rows import Code, NotStoredError
from gateway.engine.running import Run

BatchResolver = Callable[..., Awaitable[list[Any]]]
Getter = Callable[[Any], Any]

# What Strawberry calls its own functions. Where another version calls them otherwise, they are
# called as any other function is: slower, and with the same answers.
BASIC = "GraphQLCoreConverter.from_resolver.<locals>._get_basic_result"
IS_TYPE_OF = "GraphQLCoreConverter.from_object.<locals>._get_is_type_of.<locals>.is_type_of"
USUAL = getattr_static(object, "__getattribute__")


def getter_of(definition: GraphQLField) -> Getter | None:
    """Return what reads a field that is nothing but an attribute of its object."""
    if getattr(definition.resolve, "__qualname__", "") != BASIC:
        return None
    field: StrawberryField = definition_of(definition)
    name, read = field.python_name, field.default_resolver
    return attrgetter(name) if read is getattr else lambda source: read(source, name)


def kind_of(type_: GraphQLObjectType) -> type | None:
    """Return the class that a type was declared by, if Strawberry knows it.

    Objects of a generic type are of the class that is generic, whatever it is of.
    """
    definition = definition_of(type_)
    kind: type | None = getattr(definition, "origin", None)
    generic = getattr(definition, "concrete_of", None)
    return kind if generic is None else generic.origin


def is_stored(field: StrawberryField, kind: type) -> bool:
    """Tell whether reading a field of objects of a class runs nobody's code."""
    reads = getattr_static(kind, "__getattribute__")
    usual = reads is USUAL and not hasattr(kind, "__getattr__")
    found = getattr_static(kind, field.python_name, None)
    slot = isinstance(found, MemberDescriptorType)
    return usual and field.default_resolver is getattr and (slot or not hasattr(found, "__get__"))


def tells_class(type_: GraphQLObjectType) -> type | None:
    """Return the class whose objects are of a type without asking it; none if each has to be."""
    declared = type_.is_type_of
    if declared is not None and getattr(declared, "__qualname__", "") != IS_TYPE_OF:
        return None
    return kind_of(type_)


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

    def expression(self, code: Code, source: str) -> str:  # noqa: ARG002
        """Write out what answers for an object; return the expression of what comes of it.

        Raises NotStoredError where more is needed than what the object stores.
        """
        raise NotStoredError

    @property
    def is_plain(self) -> bool:
        """Tell whether an answer was made of nothing but the objects themselves."""
        return False

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

    def expression(self, code: Code, source: str) -> str:  # noqa: ARG002
        """Return the name."""
        return repr(self.asked.parent.name)

    def read(self, objects: Values) -> Values:
        """Return the name for each of the objects."""
        return [self.asked.parent.name] * len(objects)

    @property
    def is_plain(self) -> bool:
        """It is the type's, so it is."""
        return True


class Attribute(Column):
    """A field that is read from its object."""

    def __init__(
        self, key: str, order: int, asked: Asked, completer: Completer, getter: Getter
    ) -> None:
        super().__init__(key, order, asked, completer)
        self._getter = getter
        kind, field = kind_of(asked.parent), definition_of(asked.definition)
        self.is_stored = kind is not None and is_stored(field, kind)
        """Whether its values can be read as often as one likes."""
        self._name = field.python_name

    @property
    def is_plain(self) -> bool:
        """It is if its value is."""
        return self._completer.is_plain

    def expression(self, code: Code, source: str) -> str:
        """Write out what reads and completes it."""
        if not self.is_stored:
            raise NotStoredError
        value = code.variable()
        code.add(f"{value} = {source}.{self._name}")
        return self._completer.expression(code, value)

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


class Batched(Column):
    """A field whose resolver answers for all objects at once."""

    def __init__(
        self,
        key: str,
        order: int,
        asked: Asked,
        completer: Completer,
        resolver: BatchResolver,
        *,
        caller: Caller,
    ) -> None:
        super().__init__(key, order, asked, completer)
        self._resolver = resolver
        self._caller = caller
        self._arguments = Arguments(asked)

    async def _resolved(self, run: Run, objects: Values, place: Place) -> Values:
        try:
            info = self._caller.info(run, self.asked, place, 0)
            named = self._caller.named(self._arguments.read(run), info)
            # Its first steps belong to the task that goes on with it, not to whoever looks first.
            if run.looks_first:
                await run.pause()
            answers = list(await self._resolver(objects.copy(), info, **named))
        except Exception as error:  # noqa: BLE001  # the error of each of them
            return [error] * len(objects)
        if len(answers) != len(objects):
            mistake = RuntimeError(f"{len(objects)} objects got {len(answers)} values")
            return [mistake] * len(objects)
        return answers


class Resolved(Column):
    """Any other field: its own resolver, for one object after the other."""

    def __init__(self, key: str, order: int, asked: Asked, completer: Completer) -> None:
        super().__init__(key, order, asked, completer)
        self._arguments = Arguments(asked)

    async def _resolved(self, run: Run, objects: Values, place: Place) -> Values:
        values: Values = []
        for number, source in enumerate(objects):
            try:
                values.append(self._one(run, source, place, number))
            except Exception as error:  # noqa: BLE001  # reported at its place
                values.append(error)
        return values

    def _one(self, run: Run, source: Any, place: Place, number: int) -> Any:
        """Resolve the field of one object."""
        resolve = self.asked.definition.resolve or run.executor.field_resolver
        info = self.asked.info(run, place, number)
        return resolve(source, info, **self._arguments.read(run))


class Called(Resolved):
    """A field that Strawberry resolves by its function, called without Strawberry's steps."""

    def __init__(
        self,
        key: str,
        order: int,
        asked: Asked,
        completer: Completer,
        function: Call,
        *,
        caller: Caller,
    ) -> None:
        super().__init__(key, order, asked, completer)
        self._function = function
        self._caller = caller

    def _one(self, run: Run, source: Any, place: Place, number: int) -> Any:
        info = self._caller.info(run, self.asked, place, number)
        return self._function(source, info, self._caller.named(self._arguments.read(run), info))
