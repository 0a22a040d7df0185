"""Documents: parsed, checked and validated once, and kept by their text."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import ref

import structlog
from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    VisitorAction,
    parse,
    visit,
)

from gateway.limits import Breach, Limits, breaches_of, breaches_of_text
from gateway.validation import mistakes_in

KEPT = 500
KEPT_LENGTH = 20_000
"""Longer documents are not kept: a few of them would fill the cache."""
KEPT_LENGTHS = 500_000
"""Characters of all that are kept together; each takes a hundred bytes once it is read."""

log = structlog.get_logger(__name__)

INCREMENTAL = ("defer", "stream")
"""Directives that let parts of an answer come later."""

AT_ONCE = 2_000
"""Characters of a document that is read on the spot: the worst of that length take some 20 ms."""

T = TypeVar("T")

OF_SCHEMA = {"__schema", "__type", "__typename"}
"""Root fields that tell of the schema and nothing else."""


class RefusedDocumentError(Exception):
    """A document cannot be executed; ``code`` says in which way for all its errors."""

    def __init__(self, code: str, *errors: GraphQLError) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document cannot be executed, as it is kept: a kept exception would grow a traceback."""

    code: str
    errors: tuple[GraphQLError, ...]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Operation:
    """One operation of a valid document."""

    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    of_schema_alone: bool
    """Whether it asks for nothing but the schema."""
    has_variables: bool = False
    whole: "Operation | None" = None
    """The same without @defer and @stream; none if it has neither."""
    warnings: tuple[Breach, ...] = ()
    """The limits that its document goes beyond where they are not enforced."""

    @property
    def type(self) -> OperationType:
        """Return whether it reads, changes or follows."""
        return self.node.operation

    @property
    def in_parts(self) -> bool:
        """Tell whether parts of its answer may come later."""
        return self.whole is not None


class PerOperation(Generic[T]):
    """What is worked out of each operation once, and kept as long as the operation is.

    Nothing that is made may hold the operation: it would never go.
    """

    def __init__(self, make: Callable[[Operation], T]) -> None:
        self._make = make
        self._made: dict[int, tuple[ref[Operation], T]] = {}
        """By where the operation is, which nothing else is while it lives."""

    def of(self, operation: Operation) -> T:
        """Return what was made of an operation, or make it."""
        key, kept = id(operation), self._made
        found = kept.get(key)
        if found is None:
            made = self._make(operation)
            found = kept[key] = (ref(operation, lambda _: kept.pop(key, None)), made)
        return found[1]


Read = Refusal | dict[str | None, Operation]
"""What became of a text: a refusal, or its operations by name."""


class Documents:
    """Parses and validates documents against one schema."""

    def __init__(self, schema: GraphQLSchema, *, limits: Limits, introspection: bool) -> None:
        self._schema = schema
        self.limits = limits
        self._introspection = introspection
        self._kept: OrderedDict[str, Read] = OrderedDict()
        self._kept_length = 0
        self._reading = asyncio.Semaphore()
        self.beyond_limits: Counter[tuple[str, str]] = Counter()
        """How many requests went beyond a limit, by its code, and were refused or warned."""

    def price(self, text: str) -> int:
        """Return the points of a document that has to be read.

        A character is a point: whoever has none left is turned away without a look at the text.
        """
        return min(len(text), self.limits.length)

    def known(self, text: str, *, name: str | None) -> Operation | None:
        """Return the operation to run of a document that is known; none for another.

        Raises RefusedDocumentError.
        """
        read = self._known(text)
        return None if read is None else self._chosen(read, name)

    def operation(self, text: str, *, name: str | None) -> Operation:
        """Return the operation to run; raises RefusedDocumentError."""
        read = self._known(text) or self._keep(text, self._read(text))
        return self._chosen(read, name)

    async def find(self, text: str, *, name: str | None) -> Operation:
        """Return the operation to run, and let others go on while a long document is read.

        Long ones that are new are read one after the other. Raises RefusedDocumentError.
        """
        read = self._known(text)
        if read is None and len(text) > AT_ONCE:
            async with self._reading:
                read = self._known(text)
                if read is None:
                    read = self._keep(text, await asyncio.to_thread(self._read, text))
        return self.operation(text, name=name) if read is None else self._chosen(read, name)

    def _known(self, text: str) -> Read | None:
        read = self._kept.get(text)
        if read is not None:
            self._kept.move_to_end(text)
        return read

    def _keep(self, text: str, read: Read) -> Read:
        if len(text) <= KEPT_LENGTH:
            self._kept[text] = read
            self._kept_length += len(text)
            while len(self._kept) > KEPT or self._kept_length > KEPT_LENGTHS:
                oldest, _ = self._kept.popitem(last=False)
                self._kept_length -= len(oldest)
        return read

    def _chosen(self, read: Read, name: str | None) -> Operation:
        if isinstance(read, Refusal):
            if read.code.startswith("MAX_"):
                self.beyond_limits[read.code, "refused"] += 1
            raise RefusedDocumentError(read.code, *read.errors)
        if name is None and len(read) == 1:
            (name,) = read
        if name in read:
            operation = read[name]
            for breach in operation.warnings:
                self.beyond_limits[breach.code, "warned"] += 1
            return operation
        message = (
            f"The document has no operation named {name!r:.80}."
            if name is not None
            else "The document has several operations: say which by operationName."
            if read
            else "The document has no operation."
        )
        raise RefusedDocumentError("BAD_REQUEST", GraphQLError(message))

    def _read(self, text: str) -> Read:
        """Parse and validate; the refusal is returned so that it can be kept as well."""
        limits = self.limits
        breaches = [*breaches_of_text(text, limits)]
        if breaches and limits.enforced:
            return self._beyond(breaches)
        try:
            document = parse(text)
            breaches += breaches_of(document, limits)
            if breaches and limits.enforced:
                return self._beyond(breaches)
            errors = mistakes_in(document, schema=self._schema, introspection=self._introspection)
        except GraphQLSyntaxError as error:
            return Refusal("GRAPHQL_PARSE_FAILED", (error.with_traceback(None),))
        except RecursionError:
            # Whether limits are enforced or not: there is no way to go on.
            message = "The document is nested too deeply."
            return Refusal("MAX_DEPTH_LIMIT", (GraphQLError(message),))
        if errors:
            return Refusal("GRAPHQL_VALIDATION_FAILED", tuple(errors))
        for breach in breaches:
            log.warning(
                "document_beyond_limit", code=breach.code, limit=breach.limit, found=breach.found
            )
        return operations_of(document, tuple(breaches))

    @staticmethod
    def _beyond(breaches: list[Breach]) -> Refusal:
        return Refusal(breaches[0].code, tuple(breach.error() for breach in breaches))


def operations_of(
    document: DocumentNode, warnings: tuple[Breach, ...]
) -> dict[str | None, Operation]:
    """Return the operations of a valid document by name."""
    source = document.loc.source.body if document.loc else ""
    wholes: dict[str | None, Operation] = {}
    if any(name in source for name in INCREMENTAL):
        whole = visit(document, _WithoutParts())
        wholes = operations_of(whole, warnings) if whole is not document else {}
    operations: dict[str | None, Operation] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            name = node.name.value if node.name else None
            roots = node.selection_set.selections
            operations[name] = Operation(
                document,
                node,
                name,
                of_schema_alone=all(
                    isinstance(root, FieldNode) and root.name.value in OF_SCHEMA for root in roots
                ),
                has_variables=bool(node.variable_definitions),
                whole=wholes.get(name),
                warnings=warnings,
            )
    return operations


class _WithoutParts(Visitor):
    """Takes @defer and @stream out of a document."""

    @staticmethod
    def enter_directive(node: DirectiveNode, *_: object) -> VisitorAction:
        return REMOVE if node.name.value in INCREMENTAL else None
