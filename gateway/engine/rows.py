"""Rows: one function, written out and compiled, that makes the answers of many objects.

It reads what the objects store and leaves out what has to be asked for. What is as it should be
costs no more than to read and compare it then, and a call only where a scalar needs one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from gateway.engine.running import Run

Rows = list[dict[str, Any]]
MakeRows = Callable[[list[Any]], Rows | None]
"""Makes the rows of objects; none, or an exception, where one of them is not as it should be."""

KEPT_CODE = 256
DEEPEST_BLOCK = 15
"""Python has twenty."""
MOST_VARIABLES = 500
"""Variables of a function, those of what was tried in vain too: some ten milliseconds' work."""


class NotStoredError(Exception):
    """Something that is asked for is not stored in the objects, or not in a simple way."""


class Code:
    """The text of a function over ``objects``, and the things that it names."""

    def __init__(self, run: Run) -> None:
        """Begin one; ``run`` tells how to select what is within objects."""
        self.run = run
        self._lines: list[str] = []
        self._depth = 2
        self._things: dict[int, tuple[str, Any]] = {}
        self._variables = 0

    def variable(self) -> str:
        """Return a name that nothing has yet; raises NotStoredError when there are too many."""
        if self._variables >= MOST_VARIABLES:
            raise NotStoredError
        self._variables += 1
        return f"v{self._variables}"

    def thing(self, value: object) -> str:
        """Return the name by which the function knows a thing."""
        name, _ = self._things.setdefault(id(value), (f"c{len(self._things)}", value))
        return name

    def add(self, line: str) -> None:
        """Write one more line."""
        self._lines.append("    " * self._depth + line)

    def require(self, value: str, kind: type) -> None:
        """End the function where a value is not of exactly this class."""
        self.add(f"if type({value}) is not {self.thing(kind)}: return None")

    @contextmanager
    def within(self, head: str) -> Iterator[None]:
        """Write lines into a block; raises NotStoredError for one too deep within others."""
        if self._depth > DEEPEST_BLOCK:
            raise NotStoredError
        self.add(head)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def tried(self, write: Callable[[], str]) -> str | None:
        """Return what some lines come to; none, and no lines, where something is not stored."""
        lines = len(self._lines)
        try:
            return write()
        except NotStoredError:
            del self._lines[lines:]
            return None

    def made(self) -> MakeRows:
        """Compile it."""
        names = tuple(name for name, _ in self._things.values())
        make = _compiled("\n".join(self._lines), names)
        return make(*(thing for _, thing in self._things.values()))


@lru_cache(KEPT_CODE)
def _compiled(body: str, names: tuple[str, ...]) -> Callable[..., MakeRows]:
    """Compile a function's lines; they are the same for whatever things it names."""
    space: dict[str, Any] = {}
    head = f"def make({', '.join(names)}):\n    def rows_of(objects):\n"
    exec(f"{head}{body}\n    return rows_of", space)  # noqa: S102  # of nothing but identifiers
    make: Callable[..., MakeRows] = space.pop("make")
    return make
