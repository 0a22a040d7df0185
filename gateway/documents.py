"""Documents: parsed, checked and validated once, and kept by their text."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Visitor,
    VisitorAction,
    parse,
    specified_rules,
    visit,
)
from strawberry.schema.schema import validate_document

KEPT = 500
KEPT_LENGTH = 20_000
"""Longer documents are not kept: a few of them would fill the cache."""


INCREMENTAL = ("defer", "stream")
"""Directives that let parts of an answer come later."""

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
    type: OperationType
    name: str | None
    of_schema_alone: bool
    """Whether it asks for nothing but the schema, so that its answer is always the same."""
    whole: "Operation | None" = None
    """The same without @defer and @stream; none if it has neither."""

    @property
    def in_parts(self) -> bool:
        """Tell whether parts of its answer may come later."""
        return self.whole is not None


Read = Refusal | dict[str | None, Operation]
"""What became of a text: a refusal, or its operations by name."""


class Documents:
    """Parses and validates documents against one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        max_tokens: int,
        max_depth: int,
        max_fields: int,
        introspection: bool,
    ) -> None:
        self._schema = schema
        self._max_tokens = max_tokens
        self._max_depth = max_depth
        self._max_fields = max_fields
        self._rules = tuple(specified_rules)
        if not introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._kept = lru_cache(KEPT)(self._read)

    def operation(self, text: str, *, name: str | None) -> Operation:
        """Return the operation to run; raises RefusedDocumentError."""
        read = self._kept(text) if len(text) <= KEPT_LENGTH else self._read(text)
        if isinstance(read, Refusal):
            raise RefusedDocumentError(read.code, *read.errors)
        if name is None and len(read) == 1:
            return next(iter(read.values()))
        if name is not None and name in read:
            return read[name]
        message = (
            f"The document has no operation named {name!r}."
            if name is not None
            else "The document has several operations: say which by operationName."
            if read
            else "The document has no operation."
        )
        raise RefusedDocumentError("BAD_REQUEST", GraphQLError(message))

    def _read(self, text: str) -> Read:
        """Parse and validate; the refusal is returned so that it can be kept as well."""
        try:
            return self._checked(parse(text, max_lexical_tokens=self._max_tokens))
        except GraphQLSyntaxError as error:
            too_long = error.message.endswith("tokens. Parsing aborted.")
            code = "MAX_TOKENS_LIMIT" if too_long else "GRAPHQL_PARSE_FAILED"
            return Refusal(code, (error.with_traceback(None),))
        except RecursionError:
            return self._too_deep()

    def _checked(self, document: DocumentNode) -> Read:
        size = size_of(document)
        if size.depth > self._max_depth:
            return self._too_deep()
        if size.fields > self._max_fields:
            message = f"The document asks for more than {self._max_fields} fields."
            return Refusal("MAX_FIELDS_LIMIT", (GraphQLError(message),))
        errors = validate_document(self._schema, document, self._rules)
        if errors:
            # Without the exceptions behind some of them, such as Python's own refusal of a number
            # of thousands of digits: the mistake is the document's, and no failure of ours.
            bare = tuple(GraphQLError(error.message, error.nodes) for error in errors)
            return Refusal("GRAPHQL_VALIDATION_FAILED", bare)
        return operations_of(document)

    def _too_deep(self) -> Refusal:
        message = f"The document is deeper than {self._max_depth} levels."
        return Refusal("MAX_DEPTH_LIMIT", (GraphQLError(message),))


def operations_of(document: DocumentNode) -> dict[str | None, Operation]:
    """Return the operations of a valid document by name."""
    source = document.loc.source.body if document.loc else ""
    wholes: dict[str | None, Operation] = {}
    if any(name in source for name in INCREMENTAL):
        whole = visit(document, _WithoutParts())
        wholes = operations_of(whole) if whole is not document else {}
    operations: dict[str | None, Operation] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            name = node.name.value if node.name else None
            roots = node.selection_set.selections
            of_schema_alone = not node.variable_definitions and all(
                isinstance(root, FieldNode) and root.name.value in OF_SCHEMA for root in roots
            )
            operations[name] = Operation(
                document, node.operation, name, of_schema_alone, wholes.get(name)
            )
    return operations


class _WithoutParts(Visitor):
    """Takes @defer and @stream out of a document."""

    @staticmethod
    def enter_directive(node: DirectiveNode, *_: object) -> VisitorAction:
        return REMOVE if node.name.value in INCREMENTAL else None


class Size(NamedTuple):
    """How many fields deep something goes, and how many fields it asks for in all."""

    depth: int
    fields: int


ENDLESS = Size(10**6, 10**6)


def size_of(document: DocumentNode) -> Size:
    """Return the greatest depth and number of fields of a document's operations.

    A fragment counts wherever it is spread, and is measured once. Fragments that contain
    themselves count as endless: validation would refuse them anyway.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    measured: dict[str, Size] = {}

    def together(selections: SelectionSetNode | None) -> Size:
        sizes = [size(node) for node in selections.selections] if selections else []
        return Size(max((one.depth for one in sizes), default=0), sum(one.fields for one in sizes))

    def size(node: object) -> Size:
        if isinstance(node, FieldNode):
            within = together(node.selection_set)
            return Size(within.depth + 1, within.fields + 1)
        if isinstance(node, InlineFragmentNode):
            return together(node.selection_set)
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in measured:
                measured[name] = ENDLESS
                fragment = fragments.get(name)
                measured[name] = together(fragment.selection_set if fragment else None)
            return measured[name]
        return Size(0, 0)

    sizes = [
        together(node.selection_set)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    return Size(
        max((one.depth for one in sizes), default=0), max((one.fields for one in sizes), default=0)
    )
