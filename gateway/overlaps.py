"""Validation of fields that share a name in the answer, by going over each of them once.

graphql-core compares every pair of such fields, which a document of 5,000 words makes take seconds.
Here all fields of one name are put together, as the executor does, and compared with the first of
them, level by level. The verdict is that of graphql-core's rule, as a test with made-up documents
shows. Simon Adameit described it:
https://tech.new-work.se/graphql-overlapping-fields-can-be-merged-fast-ea6e92e0a01
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValidationRule,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.validation.validate import ValidationAbortedError

MAX_VISITS = 20_000
"""Fields looked at until a document is given up: fragments can be made to meet in endless ways."""

SHOWN_CONFLICTS = 5


class Level(NamedTuple):
    """A selection set that is merged with others, its type, and the field it is below."""

    selections: SelectionSetNode
    type: GraphQLNamedType | None
    owner: "Answered | None"


class Answered:
    """One field among those that are answered under one name."""

    __slots__ = ("definition", "node", "owner", "parent")

    def __init__(
        self, node: FieldNode, parent: GraphQLNamedType | None, owner: "Answered | None"
    ) -> None:
        self.node = node
        self.parent = parent
        self.owner = owner
        known = isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        self.definition: GraphQLField | None = (
            parent.fields.get(node.name.value) if known else None  # type: ignore[union-attr]
        )

    @property
    def name(self) -> str:
        """Return the name it is answered under."""
        return (self.node.alias or self.node.name).value


class MergedFieldsRule(ValidationRule):
    """Fields of one name in the answer are one field with the same arguments, or fit together."""

    visits = 0
    """How many fields were looked at."""

    def enter_document(self, *_: Any) -> None:
        """Check all operations, and the fragments that none of them uses."""
        self._spread: set[str] = set()
        self._repeated = False
        definitions = self.context.document.definitions
        for node in definitions:
            if isinstance(node, OperationDefinitionNode):
                root = self.context.schema.get_root_type(node.operation)
                self._check(Level(node.selection_set, root, None))
        for node in definitions:
            if isinstance(node, FragmentDefinitionNode) and node.name.value not in self._spread:
                kind = self._type(node.type_condition.name.value)
                self._check(Level(node.selection_set, kind, None))

    def _check(self, root: Level) -> None:
        if not self._compare([root], self._same_field) and self._repeated:
            self._compare([root], self._same_shape)

    def _compare(self, root: list[Level], groups: Any) -> bool:
        """Go down all levels, each once; tell whether there was a conflict."""
        waiting, seen, conflicts = [root], set(), 0
        while waiting and conflicts < SHOWN_CONFLICTS:
            levels = waiting.pop()
            key = frozenset(id(level.selections) for level in levels)
            if key in seen:
                continue
            seen.add(key)
            for fields in self._collect(levels).values():
                for group, conflict in groups(fields):
                    if conflict is not None:
                        conflicts += 1
                        self.context.report_error(conflict)
                    elif below := _levels_below(group):
                        waiting.append(below)
        return conflicts > 0

    def _collect(self, levels: list[Level]) -> dict[str, list[Answered]]:
        """Return the fields of levels by their names in the answer, each fragment once."""
        found: dict[str, list[Answered]] = {}
        spread: set[str] = set()
        waiting = levels[::-1]
        while waiting:
            selections, parent, owner = waiting.pop()
            inner: list[Level] = []
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    field = Answered(node, parent, owner)
                    same = found.setdefault(field.name, [])
                    same.append(field)
                    self._repeated |= len(same) > 1
                elif isinstance(node, InlineFragmentNode):
                    condition = node.type_condition
                    kind = self._type(condition.name.value) if condition else parent
                    inner.append(Level(node.selection_set, kind, owner))
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                    spread.add(node.name.value)
                    fragment = self.context.get_fragment(node.name.value)
                    if fragment is not None:
                        kind = self._type(fragment.type_condition.name.value)
                        inner.append(Level(fragment.selection_set, kind, owner))
            self.visits += len(selections.selections)
            if self.visits > MAX_VISITS:
                raise ValidationAbortedError("Its fields meet in too many ways to be checked.")
            waiting += reversed(inner)
        self._spread |= spread
        return found

    def _type(self, name: str) -> GraphQLNamedType | None:
        return self.context.schema.get_type(name)

    @staticmethod
    def _same_field(
        fields: list[Answered],
    ) -> Iterator[tuple[list[Answered], GraphQLError | None]]:
        """Part fields into those that one object can have together; those must be one field."""
        for group in _together(fields):
            first = _call(group[0].node) if len(group) > 1 else None
            for other in group[1:]:
                if other.node.name.value != group[0].node.name.value:
                    one, two = group[0].node.name.value, other.node.name.value
                    reason = f"'{one}' and '{two}' are different fields"
                    yield group, _conflict(group[0], other, reason)
                    break
                if _call(other.node) != first:
                    yield group, _conflict(group[0], other, "they have differing arguments")
                    break
            else:
                yield group, None

    @staticmethod
    def _same_shape(
        fields: list[Answered],
    ) -> Iterator[tuple[list[Answered], GraphQLError | None]]:
        """Fields of one name must look alike in the answer, whatever object they are of."""
        known = [field for field in fields if field.definition is not None]
        streamed = [field for field in fields if _directive(field.node, "stream")]
        if streamed and len(fields) > 1:
            other = next(field for field in fields if field is not streamed[0])
            yield fields, _conflict(streamed[0], other, "they have overlapping stream directives")
            return
        for other in known[1:]:
            one, two = known[0].definition, other.definition
            if one and two and _differ(one.type, two.type):
                reason = f"they return conflicting types '{one.type}' and '{two.type}'"
                yield fields, _conflict(known[0], other, reason)
                return
        yield fields, None


def _levels_below(fields: Iterable[Answered]) -> list[Level]:
    return [
        Level(
            field.node.selection_set,
            get_named_type(field.definition.type) if field.definition else None,
            field,
        )
        for field in fields
        if field.node.selection_set is not None
    ]


def _together(fields: list[Answered]) -> list[list[Answered]]:
    """Part fields by the object types they are of; those of interfaces may be of any."""
    if len(fields) == 1:
        return [fields]
    by_object: dict[str, list[Answered]] = {
        field.parent.name: [] for field in fields if field.parent and is_object_type(field.parent)
    }
    if not by_object:
        return [fields]
    for field in fields:
        if field.parent is not None and is_object_type(field.parent):
            by_object[field.parent.name].append(field)
        else:
            for group in by_object.values():
                group.append(field)
    return list(by_object.values())


def _differ(one: GraphQLOutputType, two: GraphQLOutputType) -> bool:
    """Tell whether values of two types cannot stand in one place."""
    while one is not two:
        wrapped = any(is_list_type(kind) or is_non_null_type(kind) for kind in (one, two))
        if not wrapped:
            return is_leaf_type(one) or is_leaf_type(two)
        if is_list_type(one) != is_list_type(two) or is_non_null_type(one) != is_non_null_type(two):
            return True
        one, two = one.of_type, two.of_type  # type: ignore[union-attr]
    return False


def _directive(node: FieldNode, name: str) -> DirectiveNode | None:
    return next((found for found in node.directives or () if found.name.value == name), None)


def _call(node: FieldNode) -> dict[str, Any]:
    """Return the arguments of a field in a form that compares equal whatever their order."""
    return {one.name.value: _value(one.value) for one in node.arguments or ()}


def _value(node: ValueNode) -> tuple[Any, ...]:
    kind = type(node)
    if isinstance(node, VariableNode):
        return kind, node.name.value
    if isinstance(node, ListValueNode):
        return kind, [_value(one) for one in node.values]
    if isinstance(node, ObjectValueNode):
        fields = sorted(node.fields, key=lambda one: one.name.value)
        return kind, [(one.name.value, _value(one.value)) for one in fields]
    if isinstance(node, StringValueNode):
        return kind, node.value, bool(node.block)
    return kind, getattr(node, "value", None)


def _conflict(one: Answered, two: Answered, reason: str) -> GraphQLError:
    """Word a conflict from where the two fields' ways part, as graphql-core does."""
    first, second = [one.node], [two.node]
    while one.owner is not None and two.owner is not None and one.owner is not two.owner:
        reason = f"subfields '{one.name}' conflict because {reason}"
        one, two = one.owner, two.owner
        first.insert(0, one.node)
        second.insert(0, two.node)
    return GraphQLError(
        f"Fields '{one.name}' conflict because {reason}. "
        "Use different aliases on the fields to fetch both if this was intentional.",
        first + second,
    )
