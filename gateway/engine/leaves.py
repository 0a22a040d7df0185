"""Leaves: whole columns of scalars and enums written at once, by the functions of their types."""

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from math import isfinite
from types import GeneratorType, NoneType
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect

Values = list[Any]
NOTHING = frozenset({NoneType, type(Undefined)})


@lru_cache(1024)
def is_special(kind: type) -> bool:
    """Tell whether values of a class may be no plain values: null, an error, or a promise."""
    return (
        kind in NOTHING
        or issubclass(kind, (Exception, GeneratorType))
        or hasattr(kind, "__await__")
    )


def _in_range(values: Values) -> bool:
    return bool(min(values) >= -(2**31) and max(values) < 2**31)


def _all_finite(values: Values) -> bool:
    return all(map(isfinite, values))


AS_IT_IS: dict[GraphQLLeafType, tuple[type, Callable[[Values], bool]]] = {
    GraphQLString: (str, bool),
    GraphQLID: (str, bool),
    GraphQLBoolean: (bool, bool),
    GraphQLInt: (int, _in_range),
    GraphQLFloat: (float, _all_finite),
}
"""What is written as it is: values of exactly this class, if the check holds for all of them."""


class Leaf:
    """Writes the values of one scalar or enum."""

    def __init__(self, type_: GraphQLLeafType) -> None:
        self._type = type_
        self._coerce: Callable[[Any], Any] = type_.coerce_output_value
        self._as_it_is: set[type] | None = None
        self._holds: Callable[[Values], bool] = bool
        if type_ in AS_IT_IS:
            kind, self._holds = AS_IT_IS[type_]
            self._as_it_is = {kind}
        self._write = self._coerce
        if isinstance(type_, GraphQLEnumType):
            self._write = self._names(type_)

    def _names(self, type_: GraphQLEnumType) -> Callable[[Any], Any]:
        """Look the names of an enum's members up beforehand."""
        wrapped = getattr(type_, "wrapped_cls", None)
        if not (isinstance(wrapped, type) and issubclass(wrapped, Enum)):
            return self._coerce
        names = {}
        for member in wrapped:
            try:
                names[member] = self._coerce(member)
            except Exception:  # noqa: BLE001, S112  # as it will fail for whoever answers it
                continue
        return names.__getitem__

    def column(self, values: Values, *, nullable: bool) -> Values | None:
        """Write a column; none when any of its values needs to be looked at by itself."""
        kinds = set(map(type, values))
        if kinds == self._as_it_is and self._holds(values):
            return values
        if NoneType not in kinds:
            return self._written(values, kinds)
        if not nullable:
            return None
        present = [value for value in values if value is not None]
        written = self._written(present, kinds - {NoneType})
        if written is None:
            return None
        following = iter(written)
        return [None if value is None else next(following) for value in values]

    def _written(self, values: Values, kinds: set[type]) -> Values | None:
        if any(map(is_special, kinds)):
            return None
        if kinds == self._as_it_is:
            return values if self._holds(values) else None
        try:
            written = list(map(self._write, values))
        except Exception:  # noqa: BLE001  # found again and reported when looked at one by one
            return None
        if len(written) < len(values) or NOTHING & set(map(type, written)):
            return None
        return written

    def one(self, value: Any) -> Any:
        """Write one value as graphql-core does; raises what it raises."""
        written = self._coerce(value)
        if written is None or written is Undefined:
            raise TypeError(
                f"Expected `{inspect(self._type)}.coerce_output_value({inspect(value)})`"
                f" to return non-nullable value, returned: {inspect(written)}"
            )
        return written
