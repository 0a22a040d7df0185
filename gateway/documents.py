"""Documents: parsed, checked and validated once, and kept by their text."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

if TYPE_CHECKING:
    from strawberry import Schema

KEPT = 500
KEPT_LENGTH = 20_000
"""Longer documents are not kept: a few of them would fill the cache."""


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


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document."""

    document: DocumentNode
    type: OperationType
    name: str | None


class Documents:
    """Parses and validates documents against one schema."""

    def __init__(
        self, schema: "Schema", *, max_tokens: int, max_depth: int, introspection: bool
    ) -> None:
        self._schema = schema
        self._max_tokens = max_tokens
        self._max_depth = max_depth
        self._rules = tuple(specified_rules)
        if not introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._kept = lru_cache(KEPT)(self._read)

    def operation(self, text: str, *, name: str | None) -> Operation:
        """Return the operation to run; raises RefusedDocumentError."""
        read = self._kept(text) if len(text) <= KEPT_LENGTH else self._read(text)
        if isinstance(read, Refusal):
            raise RefusedDocumentError(read.code, *read.errors)
        operations = [
            node for node in read.definitions if isinstance(node, OperationDefinitionNode)
        ]
        if name is not None:
            operations = [node for node in operations if node.name and node.name.value == name]
        if len(operations) != 1:
            message = (
                "The document has no operation."
                if not operations and name is None
                else f"The document has no operation named {name!r}."
                if not operations
                else "The document has several operations: say which by operationName."
            )
            raise RefusedDocumentError("BAD_REQUEST", GraphQLError(message))
        (chosen,) = operations
        return Operation(read, chosen.operation, name)

    def _read(self, text: str) -> DocumentNode | Refusal:
        """Parse and validate; the refusal is returned so that it can be kept as well."""
        try:
            document = parse(text, max_lexical_tokens=self._max_tokens)
        except GraphQLSyntaxError as error:
            too_long = error.message.endswith("tokens. Parsing aborted.")
            code = "MAX_TOKENS_LIMIT" if too_long else "GRAPHQL_PARSE_FAILED"
            return Refusal(code, (error.with_traceback(None),))
        except RecursionError:
            return self._too_deep()
        if depth_of(document) > self._max_depth:
            return self._too_deep()
        errors = validate_document(self._schema._schema, document, self._rules)  # noqa: SLF001
        if errors:
            return Refusal("GRAPHQL_VALIDATION_FAILED", tuple(errors))
        return document

    def _too_deep(self) -> Refusal:
        message = f"The document is deeper than {self._max_depth} levels."
        return Refusal("MAX_DEPTH_LIMIT", (GraphQLError(message),))


def depth_of(document: DocumentNode) -> int:
    """Return how many fields deep a document goes; each fragment is measured once.

    Fragments that contain themselves count as endless: validation would refuse them anyway.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    measured: dict[str, int] = {}
    endless = 10**6

    def deepest(selections: SelectionSetNode | None) -> int:
        return max((depth(node) for node in selections.selections), default=0) if selections else 0

    def depth(node: object) -> int:
        if isinstance(node, FieldNode):
            return 1 + deepest(node.selection_set)
        if isinstance(node, InlineFragmentNode):
            return deepest(node.selection_set)
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in measured:
                measured[name] = endless
                fragment = fragments.get(name)
                measured[name] = deepest(fragment.selection_set) if fragment else 0
            return measured[name]
        return 0

    return max(
        (
            deepest(node.selection_set)
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        ),
        default=0,
    )


class PreparedDocument(SchemaExtension):
    """Hands Strawberry the document that was parsed and validated before execution."""

    def on_operation(self) -> Iterator[None]:
        """Put the document in place, so that neither parsing nor validation runs again."""
        prepared = getattr(self.execution_context.context, "document", None)
        if prepared is not None:
            self.execution_context.graphql_document = prepared
            self.execution_context.validation_rules = ()
        yield
