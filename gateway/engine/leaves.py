"""Leaves: whole columns of scalars and enums written at once, by the functions of their types."""

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from math import isfinite
from types import GeneratorType, NoneType
from typing import Any, NamedTuple

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

from gateway.engine.rows import Code

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


class AsItIs(NamedTuple):
    """What is written as it is: values of exactly this class for which a condition holds."""

    kind: type
    holds: Callable[[Values], bool] = bool
    """Whether it holds for all values of a column, of which there are some."""
    condition: str = ""
    """The same for one of them, as an expression of Python's."""


INTEGER = AsItIs(
    int,
    lambda values: min(values) >= -(2**31) and max(values) < 2**31,
    "-2147483648 <= {0} < 2147483648",
)
FLOAT = AsItIs(float, lambda values: all(map(isfinite, values)), "{0} - {0} == 0")

AS_IT_IS: dict[GraphQLLeafType, AsItIs] = {
    GraphQLString: AsItIs(str),
    GraphQLID: AsItIs(str),
    GraphQLBoolean: AsItIs(bool),
    GraphQLInt: INTEGER,
    GraphQLFloat: FLOAT,
}


class Known(dict[Any, Any]):
    """Values of a scalar that writes equal values alike, and what was written of them."""

    def __init__(self, write: Callable[[Any], Any]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: Any) -> Any:
        """Write a value that is not known yet; raises what writing it raises."""
        written = self._write(value)
        if len(self) >= KEPT:
            self.clear()
        self[value] = written
        return written


class Leaf:
    """Writes the values of one scalar or enum.

    A scalar whose function is cached by `functools.lru_cache` says so that it writes equal values
    alike: then what was written is kept here, where a whole column is looked up at once.
    """

    def __init__(self, type_: GraphQLLeafType) -> None:
        self._type = type_
        self._coerce: Callable[[Any], Any] = type_.coerce_output_value
        self._as_it_is = AS_IT_IS.get(type_)
        self._plain = self._write_plain  # one object, which functions that are made can name
        self._known = Known(self._plain) if hasattr(self._coerce, "cache_info") else None
        self._names = self._names_of(type_) if isinstance(type_, GraphQLEnumType) else None

    def _names_of(self, type_: GraphQLEnumType) -> dict[int, Any] | None:
        """Look the names of an enum's members up beforehand, by where these are.

        Members are there for good, and to hash one is slow.
        """
        wrapped = getattr(type_, "wrapped_cls", None)
        if not (isinstance(wrapped, type) and issubclass(wrapped, Enum)):
            return None
        names = {}
        for member in wrapped:
            try:
                names[id(member)] = self._coerce(member)
            except Exception:  # noqa: BLE001, S112  # as it will fail for whoever answers it
                continue
        return names

    def expression(self, code: Code, value: str) -> str:
        """Return the expression that writes a value, and raises for one that is special."""
        if self._known is not None:
            return f"{code.thing(self._known)}[{value}]"
        if self._names is not None:
            return f"{code.thing(self._names)}[id({value})]"
        write = f"{code.thing(self._plain)}({value})"
        if self._as_it_is is None:
            return write
        kind, _, condition = self._as_it_is
        holds = f" and {condition.format(value)}" if condition else ""
        return f"({value} if type({value}) is {kind.__name__}{holds} else {write})"

    def column(self, values: Values) -> Values | None:
        """Write a column; none when any of its values has to be looked at by itself."""
        if self._as_it_is is not None and set(map(type, values)) == {self._as_it_is.kind}:
            return values if self._as_it_is.holds(values) else None
        try:
            if self._known is not None:
                return list(map(self._known.__getitem__, values))
            if self._names is not None:
                return list(map(self._names.__getitem__, map(id, values)))
            return list(map(self._plain, values))
        except Exception:  # noqa: BLE001  # found again and reported when looked at one by one
            return None

    def _write_plain(self, value: Any) -> Any:
        """Write a value that is no special one."""
        kind: type = type(value)
        if is_special(kind):
            raise TypeError(f"{inspect(value)} is no plain value")
        return self.one(value)

    def one(self, value: Any) -> Any:
        """Write one value as graphql-core does; raises what it raises."""
        written = self._coerce(value)
        if written is None or written is Undefined:
            raise TypeError(
                f"Expected `{inspect(self._type)}.coerce_output_value({inspect(value)})`"
                f" to return non-nullable value, returned: {inspect(written)}"
            )
        return written
