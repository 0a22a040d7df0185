"""Answers in parts, for @defer and @stream, in the two forms that clients know.

The newer form (``incrementalSpec=v0.2``) announces parts as `pending`, names them by ids and says
which are `completed`; the older one (``deferSpec=20220824``) gives each part its path and label.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from enum import Flag
from typing import Any

from graphql import ExperimentalIncrementalExecutionResults as InParts
from graphql import GraphQLError
from graphql.execution import (
    CompletedResult,
    IncrementalDeferResult,
    IncrementalStreamResult,
    InitialIncrementalExecutionResult,
    PendingResult,
    SubsequentIncrementalExecutionResult,
)

Path = list[str | int]
Part = dict[str, Any]
Present = Callable[[Iterable[GraphQLError]], list[dict[str, Any]]]


class Form(Flag):
    """How the parts of an answer are written."""

    IDS = 1
    PATHS = 2
    BOTH = 3


def form_of(parameters: Mapping[str, str]) -> Form:
    """Find the form in the parameters of an accepted media type; both at once if it names none."""
    if "incrementalspec" in parameters:
        return Form.IDS
    return Form.PATHS if "deferspec" in parameters else Form.BOTH


async def parts_of(results: InParts, *, form: Form, present: Present) -> AsyncGenerator[Part, None]:
    """Write an answer part after part; closing this ends the work that is left."""
    writer = _Writer(form, present)
    async with aclosing(results.subsequent_results) as subsequent:
        yield writer.initial(results.initial_result)
        async for result in subsequent:
            part = writer.subsequent(result)
            if part != {"hasNext": True}:
                yield part


class _Writer:
    """Writes the results of one operation, and remembers what is to come."""

    def __init__(self, form: Form, present: Present) -> None:
        self._form = form
        self._present = present
        self._pending: dict[str, PendingResult] = {}
        self._sent: list[tuple[Path, Any]] = []
        """What was sent by where it stands: streams go on where their lists ended."""
        self._next: dict[str, int] = {}

    def initial(self, result: InitialIncrementalExecutionResult) -> Part:
        part: Part = {"data": result.data}
        if result.errors:
            part["errors"] = self._present(result.errors)
        self._sent.append(([], result.data))
        self._announce(part, result.pending)
        part["hasNext"] = result.has_next
        return part

    def subsequent(self, result: SubsequentIncrementalExecutionResult) -> Part:
        part: Part = {"hasNext": result.has_next}
        # What is announced here may be within what is delivered here.
        self._pending |= {one.id: one for one in result.pending or ()}
        entries = [self._entry(one) for one in result.incremental or ()]
        self._announce(part, result.pending or [])
        completed = []
        for one in result.completed or ():
            errors = self._present(one.errors or ())
            completed.append({"id": one.id, "errors": errors} if errors else {"id": one.id})
            if errors and Form.PATHS in self._form:
                entries.append(self._failure(one, errors))
        if entries:
            part["incremental"] = entries
        if completed and Form.IDS in self._form:
            part["completed"] = completed
        return part

    def _announce(self, part: Part, pending: list[PendingResult]) -> None:
        self._pending |= {one.id: one for one in pending}
        if pending and Form.IDS in self._form:
            part["pending"] = [one.formatted for one in pending]

    def _entry(self, result: IncrementalDeferResult | IncrementalStreamResult) -> Part:
        pending, sub_path = self._pending[result.id], result.sub_path or []
        path = pending.path + sub_path
        entry: Part = {}
        if isinstance(result, IncrementalStreamResult):
            entry["items"] = result.items
            start = self._next.get(result.id)
            start = self._length_at(path) if start is None else start
            self._next[result.id] = start + len(result.items)
            self._sent += [([*path, start + at], item) for at, item in enumerate(result.items)]
            path = [*path, start]
        else:
            entry["data"] = result.data
            self._sent.append((path, result.data))
        if Form.IDS in self._form:
            entry["id"] = result.id
            if sub_path:
                entry["subPath"] = sub_path
        if Form.PATHS in self._form:
            entry |= self._place(pending, path)
        if result.errors:
            entry["errors"] = self._present(result.errors)
        return entry

    def _failure(self, completed: CompletedResult, errors: list[dict[str, Any]]) -> Part:
        """Tell of a part that is null because of an error, as the older form does."""
        pending = self._pending[completed.id]
        is_stream = completed.id in self._next or self._is_list(pending.path)
        path = pending.path
        if is_stream:
            path = [*path, self._next.get(completed.id, self._length_at(path))]
        entry = self._place(pending, path) | {"errors": errors}
        if self._form is Form.PATHS:
            return {"items" if is_stream else "data": None} | entry
        # Readers of the newer form would put the null there.
        return {"id": completed.id} | entry

    @staticmethod
    def _place(pending: PendingResult, path: Path) -> Part:
        return {"path": path} if pending.label is None else {"path": path, "label": pending.label}

    def _is_list(self, path: Path) -> bool:
        return isinstance(self._at(path), list)

    def _length_at(self, path: Path) -> int:
        found = self._at(path)
        return len(found) if isinstance(found, list) else 0

    def _at(self, path: Path) -> Any:
        """Find what was sent at a path."""
        for base, value in reversed(self._sent):
            if path[: len(base)] == base:
                try:
                    for step in path[len(base) :]:
                        value = value[step]
                except (KeyError, IndexError, TypeError):
                    continue
                return value
        return None
