"""How a subscription may be shared: by what its field declares, and by what is selected of it."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_argument_values,
    get_variable_values,
    visit,
)

from gateway.documents import Operation
from resolvers.audiences import AUDIENCE, PERSONAL, Audience, Shared


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for with some variables: of the root field, and beside its arguments."""

    arguments: dict[str, Any]
    beside: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The root field of a subscription, and how it may be shared."""

    field: str
    shared: Shared
    node: FieldNode
    definition: GraphQLField
    variables: tuple[VariableDefinitionNode, ...]
    beside: frozenset[str]
    """The variables that are used elsewhere than in the arguments of the root field."""

    def asked(self, variables: dict[str, Any], schema: GraphQLSchema) -> Asked | None:
        """Return what is asked for; null where something is wrong with the variables."""
        values = get_variable_values(schema, self.variables, variables, max_errors=1)
        if isinstance(values, list):
            return None
        return Asked(
            get_argument_values(self.definition, self.node, values),
            {name: variables[name] for name in sorted(self.beside & variables.keys())},
        )


class _Uses(Visitor):
    """Counts the uses of variables."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: Counter[str] = Counter()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        """Count one."""
        self.uses[node.name.value] += 1


class _Selections(_Uses):
    """Finds the root fields of a document, and of what kind everything below them is."""

    def __init__(self, schema: GraphQLSchema, types: TypeInfo) -> None:
        super().__init__()
        self._schema = schema
        self._types = types
        self.roots: list[tuple[FieldNode, GraphQLField | None]] = []
        self.variables: list[VariableDefinitionNode] = []
        self.plain = True
        self.personal = False

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Look at what variables there are: their definition is no use of them."""
        self.variables.extend(node.variable_definitions or ())
        self.uses.subtract(one.variable.name.value for one in self.variables)

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Look at a field."""
        field = self._types.get_field_def()
        if self._types.get_parent_type() is self._schema.subscription_type:
            self.roots.append((node, field))
        elif node.name.value != "__typename":
            self.plain = self.plain and field is not None and is_plain(field)
            self.personal = self.personal or field is None or is_personal(field)


def is_plain(field: GraphQLField) -> bool:
    """Tell whether a field is an attribute of its object: nobody's resolver sees the caller."""
    definition: Any = field.extensions.get("strawberry-definition")
    return (
        definition is not None
        and definition.base_resolver is None
        and not definition.metadata.get("batched")
        and not definition.permission_classes
        and not definition.extensions
    )


def is_personal(field: GraphQLField) -> bool:
    """Tell whether a field says that it depends on who asks, or says nothing at all."""
    definition: Any = field.extensions.get("strawberry-definition")
    return definition is None or bool(definition.metadata.get(PERSONAL))


def terms_of(operation: Operation, schema: GraphQLSchema) -> Terms | None:
    """Return how a subscription may be shared; null when it may not be."""
    types = TypeInfo(schema)
    found = _Selections(schema, types)
    visit(operation.document, TypeInfoVisitor(types, found))
    if len(found.roots) != 1 or operation.in_parts:
        return None
    ((node, field),) = found.roots
    definition: Any = None if field is None else field.extensions.get("strawberry-definition")
    shared: Shared | None = None if definition is None else definition.metadata.get(AUDIENCE)
    if field is None or shared is None:
        return None
    if shared.audience is Audience.EVERYONE and not found.plain:
        return None
    if shared.audience is Audience.READERS and found.personal:
        shared = replace(shared, audience=Audience.USER)
    within = _Uses()
    for argument in node.arguments or ():
        visit(argument, within)
    return Terms(
        field=node.name.value,
        shared=shared,
        node=node,
        definition=field,
        variables=tuple(found.variables),
        beside=frozenset(name for name, count in (found.uses - within.uses).items() if count),
    )
