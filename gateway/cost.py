"""The cost of an operation: an upper bound before it runs, and what it came to by its answer.

Objects count 1 each, scalars nothing, and fields what `resolvers/costs.py` declares. What a list
holds counts as often as the list is long, by its arguments or by what is assumed. A plan is made
once for a document and goes over a fragment once, whatever it is spread into.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from gateway.limits import Meter
from resolvers.costs import ASSUMED, Cost, ListSize

SATURATED = 10**9
"""No estimate is greater: by then it is too much for anybody."""

PARTS_A_POINT = 50
"""Parts of the schema that can be read for a point: they cost less than what is loaded."""

MAX_SHAPE = 2_000
"""Fields of an answer that are counted; beyond it the estimate stands."""

Shape = dict[str, tuple[int, int, "Shape | None"]]
"""What counts in an answer, by name: the weight of a field and of an object, and what is in it."""

Length = int | str | tuple[str, int | None]
"""How long a list is: a number, or a variable and its default."""


class Step(NamedTuple):
    """A field that costs something."""

    key: str
    name: str
    weight: int
    each: int
    """The weight of one object."""
    lengths: tuple[Length, ...]
    """What its arguments say of its length; the greatest counts."""
    assumed: int
    sized: frozenset[str]
    """The fields below it that are the list whose length it knows."""
    is_list: bool
    within: "Part | None"


class Part:
    """The fields of one selection set that cost something, and the fragments spread in it."""

    __slots__ = ("spread", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.spread: list[Part] = []


class CostPlan:
    """What is to be known of one operation's cost before its variables are."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, name: str | None) -> None:
        self.visits = 0
        """How many selections were looked at."""
        self._schema = schema
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._parts: dict[str, Part] = {}
        self._document = document
        operation = next(
            node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
            and (node.name.value if node.name else None) == name
        )
        self._defaults = {
            node.variable.name.value: _length(node.default_value)
            for node in operation.variable_definitions or ()
        }
        root = schema.get_root_type(operation.operation)
        self._root = self._part(operation.selection_set, root)
        self._shape = _shape_of([self._root], [0])

    def estimate(self, variables: Mapping[str, Any] | None) -> int:
        """Return the most that the operation can cost."""
        return Estimate(variables or {}).of(self._root)

    def actual(self, data: Mapping[str, Any] | None, *, estimated: int) -> int:
        """Return what the operation cost by its answer; without one, what was estimated."""
        if self._shape is None or not isinstance(data, dict):
            return estimated
        return min(_spent(self._shape, [data]), estimated)

    def _part(self, selections: SelectionSetNode, kind: GraphQLNamedType | None) -> Part:
        part = Part()
        self._fill(part, selections, kind)
        return part

    def _fill(
        self, part: Part, selections: SelectionSetNode, kind: GraphQLNamedType | None
    ) -> None:
        for node in selections.selections:
            self.visits += 1
            if isinstance(node, FieldNode):
                step = self._step(node, kind)
                if step is not None:
                    part.steps.append(step)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                named = self._schema.get_type(condition.name.value) if condition else kind
                self._fill(part, node.selection_set, named)
            elif isinstance(node, FragmentSpreadNode):
                part.spread.append(self._fragment(node.name.value))

    def _fragment(self, name: str) -> Part:
        part = self._parts.get(name)
        if part is None:
            part = self._parts[name] = Part()
            node = self._fragments[name]
            named = self._schema.get_type(node.type_condition.name.value)
            self._fill(part, node.selection_set, named)
        return part

    def _step(self, node: FieldNode, kind: GraphQLNamedType | None) -> Step | None:
        name = node.name.value
        key = node.alias.value if node.alias else name
        if name in {"__schema", "__type"}:
            meter = Meter(self._document)
            weight = 1 + meter.size(node.selection_set).parts // PARTS_A_POINT
            return Step(key, name, weight, 0, (), 1, frozenset(), False, None)
        known = isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        field = kind.fields.get(name) if known else None  # type: ignore[union-attr]
        if field is None:
            return None
        weight = _weight_of(field)
        below = get_named_type(field.type)
        if not is_composite_type(below):
            return Step(key, name, weight, 0, (), 1, frozenset(), False, None) if weight else None
        size: ListSize | None = field.extensions.get(ListSize.__name__)
        is_list = is_list_type(get_nullable_type(field.type))
        assumed = size.assumed_size if size else None
        return Step(
            key,
            name,
            weight,
            1,
            self._lengths(node, size.slicing_arguments or ()) if size else (),
            (ASSUMED if is_list else 1) if assumed is None else assumed,
            frozenset(size.sized_fields or ()) if size else frozenset(),
            is_list,
            self._part(node.selection_set, below) if node.selection_set else None,
        )

    def _lengths(self, node: FieldNode, slicing: "list[str] | tuple[()]") -> tuple[Length, ...]:
        found: list[Length] = []
        for argument in node.arguments or ():
            if argument.name.value in slicing:
                if isinstance(argument.value, VariableNode):
                    name = argument.value.name.value
                    found.append((name, self._defaults.get(name)))
                elif (length := _length(argument.value)) is not None:
                    found.append(length)
        return tuple(found)


def _length(node: ValueNode | None) -> int | None:
    """Read the length of a list from an argument: a number, or a list of so many values."""
    if isinstance(node, IntValueNode):
        return int(node.value[:10])
    if isinstance(node, ListValueNode):
        return len(node.values)
    return None


def _weight_of(field: GraphQLField) -> int:
    cost: Cost | None = field.extensions.get(Cost.__name__)
    return int(cost.weight) if cost else 0


class Estimate:
    """One estimate: each part is added up once."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._known: dict[tuple[int, int, frozenset[str]], int] = {}

    def of(self, part: Part, *, length: int = 0, sized: frozenset[str] = frozenset()) -> int:
        """Add up a part; fields that are ``sized`` are lists of a length told further up."""
        key = (id(part), length, sized)
        if key not in self._known:
            total = sum(self._step(step, length, sized) for step in part.steps)
            total += sum(self.of(one, length=length, sized=sized) for one in part.spread)
            self._known[key] = min(total, SATURATED)
        return self._known[key]

    def _step(self, step: Step, length: int, sized: frozenset[str]) -> int:
        given = [one for one in map(self._given, step.lengths) if one is not None]
        own = max(given) if given else step.assumed
        if step.name in sized:
            count = length
        elif step.is_list:
            count = own
        else:
            count = 1  # a page is one object, whatever it holds
        each = step.each
        if step.within is not None:
            each += self.of(step.within, length=own if step.sized else 0, sized=step.sized)
        return min(step.weight + count * each, SATURATED)

    def _given(self, length: Length) -> int | None:
        """Return what an argument says; nothing for null, and for what is no length at all."""
        value: Any = length
        if isinstance(length, tuple):
            name, default = length
            value = self._variables.get(name, default)
        if isinstance(value, list):
            return len(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return max(0, value)


def _shape_of(parts: list[Part], counted: list[int]) -> Shape | None:
    """Merge parts into what their answer looks like; nothing if that is too large."""
    merged: dict[str, tuple[int, int, list[Part]]] = {}
    waiting, seen = parts[::-1], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        waiting += part.spread
        for step in part.steps:
            counted[0] += 1
            weight, each, within = merged.get(step.key, (0, 0, []))
            merged[step.key] = (
                max(weight, step.weight),
                max(each, step.each),
                [*within, step.within] if step.within else within,
            )
    shape: Shape = {}
    for key, (weight, each, within) in merged.items():
        inner = _shape_of(within, counted) if within else {}
        if inner is None or counted[0] > MAX_SHAPE:
            return None
        shape[key] = (weight, each, inner or None)
    return shape


def _spent(shape: Shape, objects: list[dict[str, Any]]) -> int:
    """Add up what objects of one place of the answer cost, a field of all of them at a time."""
    total = 0
    for key, (weight, each, within) in shape.items():
        values = [one[key] for one in objects if key in one]
        total += weight * len(values)
        if each == 0:
            continue
        items = [value for value in values if value is not None]
        if items and isinstance(items[0], list):
            items = [item for some in items for item in some if item is not None]
        total += each * len(items)
        if within is not None:
            # What the engine has written already is one object, whatever is in it.
            total += _spent(within, [item for item in items if isinstance(item, dict)])
    return total
