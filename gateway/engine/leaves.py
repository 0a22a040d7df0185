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
KEPT = 2**14
"""Values of one scalar that are kept as they were written."""
NOTHING = frozenset({NoneType, type(Undefined)})


@lru_cache(1024)
def is_special(kind: type) -> bool:
    """Tell whether values of a class may be no plain values: null, an error, or a promise."""
    return (
        kind in NOTHING
        or issubclass(kind, (Exception, GeneratorType))
        or hasattr(kind, "__await__")
    )


def among_nulls(values: Values, written: Values) -> Values:
    """Return what was written of a column's values other than null where those stand."""
    following = iter(written)
    return [None if value is None else next(following) for value in values]


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
    """Writes the values of one scalar or enum.

    A scalar whose function is cached by `functools.lru_cache` says so that it writes equal values
    alike: then what was written is kept here, where a whole column is looked up at once.
    """

    def __init__(self, type_: GraphQLLeafType) -> None:
        self._type = type_
        self._coerce: Callable[[Any], Any] = type_.coerce_output_value
        self._as_it_is: set[type] | None = None
        self._holds: Callable[[Values], bool] = bool
        if type_ in AS_IT_IS:
            kind, self._holds = AS_IT_IS[type_]
            self._as_it_is = {kind}
        self._write: Callable[[Values], Values] = lambda values: list(map(self._coerce, values))
        self._known: dict[Any, Any] | None = {} if hasattr(self._coerce, "cache_info") else None
        if isinstance(type_, GraphQLEnumType):
            self._write = self._names(type_)

    def _names(self, type_: GraphQLEnumType) -> Callable[[Values], Values]:
        """Look the names of an enum's members up beforehand."""
        wrapped = getattr(type_, "wrapped_cls", None)
        if not (isinstance(wrapped, type) and issubclass(wrapped, Enum)):
            return self._write
        names = {}
        for member in wrapped:
            try:
                names[id(member)] = self._coerce(member)
            except Exception:  # noqa: BLE001, S112  # as it will fail for whoever answers it
                continue
        # Members are there for good, and to hash one is slow.
        return lambda members: list(map(names.__getitem__, map(id, members)))

    def column(self, values: Values, *, nullable: bool) -> Values | None:
        """Write a column; none when any of its values needs to be looked at by itself."""
        if self._known is not None:
            try:
                return list(map(self._known.__getitem__, values))
            except (KeyError, TypeError):
                pass
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
        return among_nulls(values, written)

    def _written(self, values: Values, kinds: set[type]) -> Values | None:
        if any(map(is_special, kinds)):
            return None
        if kinds == self._as_it_is:
            return values if self._holds(values) else None
        try:
            written = self._write(values)
        except Exception:  # noqa: BLE001  # found again and reported when looked at one by one
            return None
        if len(written) < len(values) or NOTHING & set(map(type, written)):
            return None
        if self._known is not None:
            if len(self._known) > KEPT:
                self._known.clear()
            self._known.update(zip(values, written, strict=True))
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
