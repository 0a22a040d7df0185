"""Tells what a change of the schema breaks for clients of the published one."""

import re
from datetime import date
from typing import Any

from graphql import (
    REMOVE,
    GraphQLObjectType,
    GraphQLSchema,
    Node,
    Visitor,
    build_ast_schema,
    build_schema,
    parse,
    visit,
)
from graphql.utilities import BreakingChangeType, find_breaking_changes, find_dangerous_changes

ANNOUNCED = re.compile(r"Use .+\. Removed no sooner than (\d{4}-\d{2}-\d{2})\.", re.DOTALL)
"""How a deprecation says what to use instead, and until when."""


def removal_day(reason: str) -> date | None:
    """Return the day from which on something deprecated may go; null if none was announced."""
    announced = ANNOUNCED.fullmatch(reason)
    try:
        return None if announced is None else date.fromisoformat(announced[1])
    except ValueError:
        return None


def breaking_changes(published: str, current: str, *, today: date) -> list[str]:
    """Return what clients of the published schema lose, but for what was announced to go by now."""
    left = _without_what_is_due(published, today=today)
    used = _reachable(left)
    return [
        change.description
        for change in find_breaking_changes(left, build_schema(current))
        if change.type is not BreakingChangeType.TYPE_REMOVED
        or change.description.partition(" ")[0] in used
    ]


def dangerous_changes(published: str, current: str) -> list[str]:
    """Return what clients of the published schema may not expect, such as new enum values."""
    changes = find_dangerous_changes(build_schema(published), build_schema(current))
    return [change.description for change in changes]


def _without_what_is_due(text: str, *, today: date) -> GraphQLSchema:
    class Prune(Visitor):
        def enter(self, node: Node, *_: Any) -> Any:
            for directive in getattr(node, "directives", None) or ():
                if directive.name.value == "deprecated" and directive.arguments:
                    day = removal_day(directive.arguments[0].value.value)
                    if day is not None and day <= today:
                        return REMOVE
            return None

    return build_ast_schema(visit(parse(text), Prune()), assume_valid=True)


def _reachable(schema: GraphQLSchema) -> set[str]:
    """Return the types that something in a schema still leads to."""
    kinds = schema.type_map.values()
    implementing = [one for one in kinds if isinstance(one, GraphQLObjectType) and one.interfaces]
    left = GraphQLSchema(
        schema.query_type,
        schema.mutation_type,
        schema.subscription_type,
        types=implementing,
        directives=schema.directives,
        assume_valid=True,
    )
    return set(left.type_map)
