"""Calling: how resolvers declared with Strawberry get their infos and arguments.

What Strawberry does for each call and is the same each time is worked out once for each field.
"""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo, VariableNode
from graphql.execution.values import get_argument_values
from strawberry import ID, Schema
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from gateway.engine.completion import Asked
from gateway.engine.places import Place
from gateway.engine.running import Run

Named = dict[str, Any]
Call = Callable[[Any, Any, Named], Any]
"""Calls a field's function with an object, an info and arguments."""

PLAIN = frozenset({str, int, float, bool, ID})
"""Types whose values a resolver gets as graphql-core has read them."""

# What Strawberry calls its own functions; see `fields.py`.
ORDINARY = frozenset(
    f"GraphQLCoreConverter.from_resolver.<locals>.{name}"
    for name in ("_resolver", "_async_resolver")
)
USUAL = StrawberryField.get_result


def definition_of(thing: GraphQLField | GraphQLObjectType) -> Any:
    """Return Strawberry's definition behind a field or type, if there is one."""
    return thing.extensions.get("strawberry-definition")


class Arguments:
    """The arguments of a field as an operation gives them."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        known = asked.definition.args
        given = {one.name.value: one.value for one in asked.nodes[0].arguments or ()}
        variables = {
            known[name].out_name or name: node.name.value
            for name, node in given.items()
            if name in known and isinstance(node, VariableNode)
        }
        self._variables = variables if len(variables) == len(known) else {}

    def read(self, run: Run) -> Named:
        """Read them, into a new mapping each time: a resolver may change what it is given."""
        asked, executor = self._asked, run.executor
        if not asked.definition.args:
            return {}
        if self._variables:
            known = executor.variable_values.coerced
            values = {name: known.get(variable) for name, variable in self._variables.items()}
            # Null, and what is missing, may be a mistake.
            if all(value is not None for value in values.values()):
                return values
        return get_argument_values(
            asked.definition,
            asked.nodes[0],
            executor.variable_values,
            None,
            executor.hide_suggestions,
        )


class LateInfo:
    """graphql-core's info of a field, built when more of it is asked for than the context."""

    __slots__ = ("_built", "_of", "context")

    def __init__(self, run: Run, asked: Asked, place: Place, number: int) -> None:
        self.context = run.executor.context_value
        self._of = (run, asked, place, number)
        self._built: GraphQLResolveInfo[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        """Return anything else of it."""
        if name.startswith("_"):  # of an object that is no such tuple, and may not be made yet
            raise AttributeError(name)
        if self._built is None:
            run, asked, place, number = self._of
            self._built = asked.info(run, place, number)
        return getattr(self._built, name)


class Caller:
    """What calls a field's own function, as Strawberry would."""

    def __init__(self, field: StrawberryField, schema: Schema) -> None:
        self._field = field
        self._schema = schema
        self._info_class = schema.config.info_class
        names = schema.config.name_converter
        arguments = field.arguments
        self._plain: dict[str, str] | None = (
            {names.from_argument(one): one.python_name for one in arguments}
            if all(map(_is_plain, arguments))
            else None
        )

    def info(self, run: Run, asked: Asked, place: Place, number: int) -> Any:
        """Return what Strawberry tells a resolver about its place."""
        late: Any = LateInfo(run, asked, place, number)
        return self._info_class(_raw_info=late, _field=self._field)

    def named(self, arguments: Named, info: Any) -> Named:
        """Turn arguments as graphql-core has read them into those of the function."""
        if not arguments:
            return arguments
        if self._plain is not None:
            return {self._plain[name]: value for name, value in arguments.items()}
        return convert_arguments(
            arguments,
            self._field.arguments,
            scalar_registry=self._schema.schema_converter.scalar_registry,
            config=self._schema.config,
            info=info,
        )

    def function(self, definition: GraphQLField) -> Call | None:
        """Return what calls the field's function; none where Strawberry does more than that."""
        field, function = self._field, self._field.base_resolver
        ordinary = getattr(definition.resolve, "__qualname__", "") in ORDINARY
        usual = getattr(field.get_result, "__func__", None) is USUAL
        if function is None or not ordinary or not usual:
            return None
        has_self = function.self_parameter is not None
        parents = [one.name for one in (function.parent_parameter, function.root_parameter) if one]
        told = function.info_parameter.name if function.info_parameter else None

        def call(source: Any, info: Any, named: Named) -> Any:
            for name in parents:
                named[name] = source
            if told is not None:
                named[told] = info
            return function(source, **named) if has_self else function(**named)

        return call


def _is_plain(argument: StrawberryArgument) -> bool:
    kind = argument.type
    return (kind.of_type if type(kind) is StrawberryOptional else kind) in PLAIN
