"""The cost of an operation: an upper bound before it runs, and what it came to by its answer.

Objects count 1 each, scalars nothing, and fields what `resolvers/costs.py` declares. What a list
holds counts as often as the list is long, by its arguments or by what is assumed. A plan is made
once for a document and goes over a fragment once, whatever it is spread into.
"""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from operator import itemgetter
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
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
    value_from_ast_untyped,
)

from gateway.limits import Meter
from resolvers.costs import ASSUMED, DECADE, INTERVALS, PERIODS, SPANNING, Cost, ListSize

SATURATED = 10**9
"""No estimate is greater: by then it is too much for anybody."""

PARTS_A_POINT = 50
"""Parts of the schema that can be read for a point: they cost less than what is loaded."""

MAX_SHAPE = 2_000
"""Fields of an answer that are counted; beyond it the estimate stands."""


class Shape(NamedTuple):
    """What counts in an answer."""

    certain: int
    """What each object costs by what it has for certain."""
    fields: "dict[str, Counted]"
    """The other fields, by name."""


class Counted(NamedTuple):
    """A field of an answer: its weight, that of each object in it, and what counts in those.

    One that is ``single`` has one object or null; one that is ``certain`` has exactly one wherever
    it is asked for.
    """

    weight: int = 0
    each: int = 0
    single: bool = True
    certain: bool = False
    within: Shape | None = None


class Days(NamedTuple):
    """The arguments that say how many days an object is about, as they are written."""

    range: ValueNode | None
    period: ValueNode | None


Length = int | str | tuple[str, int | None] | Days
"""How long a list is: a number, a variable and its default, or a number of days."""


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
    interval: ValueNode | str = ""
    """Of a list of stretches of days how long each is."""
    exact: bool = False
    """Whether there is exactly one object where it is asked for."""
    always: bool = False
    """Whether it is asked of each object of its selection set."""


class Part:
    """The fields of one selection set that cost something, and the fragments spread in it."""

    __slots__ = ("spread", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.spread: list[Part] = []


class CostPlan:
    """What is to be known of one operation's cost before its variables are."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self.visits = 0
        """How many selections were looked at."""
        self._schema = schema
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._parts: dict[str, Part] = {}
        self._varies = False
        """Whether variables say how long any list is."""
        self._always: int | None = None
        """The estimate where it does not vary, once it is known."""
        self._document = document
        self._defaults = {
            node.variable.name.value: _length(node.default_value)
            for node in operation.variable_definitions or ()
        }
        root = schema.get_root_type(operation.operation)
        self._values = {
            node.variable.name.value: value_from_ast_untyped(node.default_value)
            for node in operation.variable_definitions or ()
            if node.default_value is not None
        }
        self._root = self._part(operation.selection_set, root)
        self._shape = _shape_of([(self._root, True)], [0])

    def estimate(self, variables: Mapping[str, Any] | None) -> int:
        """Return the most that the operation can cost."""
        if self._varies:
            return Estimate({**self._values, **(variables or {})}).of(self._root)
        if self._always is None:
            self._always = Estimate({}).of(self._root)
        return self._always

    def actual(self, data: Mapping[str, Any] | None, *, estimated: int) -> int:
        """Return what the operation cost by its answer; without one, what was estimated."""
        if self._shape is None or not isinstance(data, dict):
            return estimated
        return min(_spent(self._shape, [data]), estimated)

    @cached_property
    def _meter(self) -> Meter:
        """Measures what is asked of the schema: made once, as it goes over all fragments."""
        return Meter(self._document)

    def _part(self, selections: SelectionSetNode, kind: GraphQLNamedType | None) -> Part:
        part = Part()
        self._fill(part, selections, kind, always=True)
        return part

    def _fill(
        self,
        part: Part,
        selections: SelectionSetNode,
        kind: GraphQLNamedType | None,
        *,
        always: bool = False,
    ) -> None:
        """Add what is asked, ``always`` of each object or only of some."""
        for node in selections.selections:
            self.visits += 1
            if isinstance(node, FieldNode):
                step = self._step(node, kind)
                if step is not None:
                    part.steps.append(step._replace(always=always and not node.directives))
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
            weight = 1 + self._meter.size(node.selection_set).parts // PARTS_A_POINT
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
        lengths = self._lengths(node, size.slicing_arguments or ()) if size else ()
        sized = frozenset(size.sized_fields or ()) if size else frozenset()
        if below.name in SPANNING:
            lengths = (Days(self._argument(node, "range"), self._argument(node, "period")),)
            sized = SPANNING[below.name]
        stretches = kind is not None and name in SPANNING.get(kind.name, ())
        return Step(
            key,
            name,
            weight,
            1,
            lengths,
            (ASSUMED if is_list else 1) if assumed is None else assumed,
            sized,
            is_list,
            self._part(node.selection_set, below) if node.selection_set else None,
            (self._argument(node, "interval") or "MONTH") if stretches else "",
            exact=is_non_null_type(field.type) and not is_list,
        )

    def _argument(self, node: FieldNode, name: str) -> ValueNode | None:
        """Return an argument as it is written."""
        value = next((one.value for one in node.arguments or () if one.name.value == name), None)
        parts = [one.value for one in value.fields] if isinstance(value, ObjectValueNode) else []
        self._varies |= any(isinstance(one, VariableNode) for one in (value, *parts))
        return value

    def _lengths(self, node: FieldNode, slicing: "list[str] | tuple[()]") -> tuple[Length, ...]:
        found: list[Length] = []
        for argument in node.arguments or ():
            if argument.name.value in slicing:
                if isinstance(argument.value, VariableNode):
                    name = argument.value.name.value
                    found.append((name, self._defaults.get(name)))
                    self._varies = True
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


def _days_of(range: Any, period: Any) -> int:
    """Return how many days arguments ask about; those that are none are refused elsewhere."""
    match range:
        case {"from": str(first), "to": str(last)}:
            try:
                return max((date.fromisoformat(last) - date.fromisoformat(first)).days + 1, 1)
            except ValueError:
                return DECADE
    return PERIODS.get(str(period), DECADE)


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
            days = INTERVALS.get(str(self._value(step.interval)))
            # The first and the last may be cut to a single day.
            count = length if days is None else min((length - 2) // days + 2, length)
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
        if isinstance(length, Days):
            return _days_of(*map(self._value, length))
        value: Any = length
        if isinstance(length, tuple):
            name, default = length
            value = self._variables.get(name, default)
        if isinstance(value, list):
            return len(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return max(0, value)

    def _value(self, written: ValueNode | str | None) -> Any:
        """Return the value of an argument; nothing for a variable that is not given."""
        if not isinstance(written, ValueNode):
            return written
        return value_from_ast_untyped(written, self._variables)  # type: ignore[arg-type]


def _shape_of(parts: list[tuple[Part, bool]], counted: list[int]) -> Shape | None:
    """Merge parts, and whether they are of all objects, into what their answer looks like.

    Nothing if that is too large.
    """
    merged: dict[str, Counted] = {}
    below: dict[str, list[tuple[Part, bool]]] = {}
    waiting, seen = parts[::-1], set()
    while waiting:
        part, of_all = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        waiting += [(one, False) for one in part.spread]
        for step in part.steps:
            counted[0] += 1
            known, always = merged.get(step.key, Counted()), of_all and step.always
            merged[step.key] = Counted(
                max(known.weight, step.weight),
                max(known.each, step.each),
                known.single and not step.is_list,
                known.certain or (always and step.exact),
            )
            if step.within:
                below.setdefault(step.key, []).append((step.within, always))
    for key, within in below.items():
        inner = _shape_of(within, counted)
        if inner is None or counted[0] > MAX_SHAPE:
            return None
        if any(inner):
            merged[key] = merged[key]._replace(within=inner)
    if counted[0] > MAX_SHAPE:
        return None
    sure = {key for key, one in merged.items() if one.certain and one.within is None}
    certain = sum(merged[key].weight + merged[key].each for key in sure)
    return Shape(certain, {key: one for key, one in merged.items() if key not in sure})


def _spent(shape: Shape, objects: list[dict[str, Any]]) -> int:
    """Add up what objects of one place of the answer cost, a field of all of them at a time."""
    total = shape.certain * len(objects)
    for key, (weight, each, single, _, within) in shape.fields.items():
        try:
            values = list(map(itemgetter(key), objects))
        except KeyError:  # asked of some types only
            values = [one[key] for one in objects if key in one]
        total += weight * len(values)
        if each == 0:
            continue
        if single and within is None:
            total += each * (len(values) - values.count(None))
            continue
        items = [value for value in values if value is not None]
        if items and isinstance(items[0], list):
            items = [item for some in items for item in some if item is not None]
        total += each * len(items)
        if within is not None:
            # What the engine has written already is one object, whatever is in it.
            total += _spent(within, [item for item in items if isinstance(item, dict)])
    return total
