"""What may be changed of a published schema, and when."""

from datetime import date

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.schema import schema
from gateway.schema_changes import breaking_changes, dangerous_changes

TODAY = date(2026, 6, 1)
DUE = '@deprecated(reason: "Use `b`. Removed no sooner than 2026-06-01.")'
LATER = '@deprecated(reason: "Use `b`. Removed no sooner than 2026-06-02.")'
UNDATED = "@deprecated"
NO_DAY = '@deprecated(reason: "Use `b`. Removed no sooner than 2026-06-31.")'
PUBLISHED = """
type Query {{ a(x: Int {0}): Int b(kind: Kind, asked: Asked): Int gone: Gone {0} }}
type Gone {{ deep: Deeper }}
type Deeper {{ a: Int }}
enum Kind {{ OLD {0} NEW }}
input Asked {{ old: Int {0} new: Int }}
"""
CURRENT = """
type Query { a: Int b(kind: Kind, asked: Asked): Int }
enum Kind { NEW }
input Asked { new: Int }
"""


def test_what_was_announced_may_go_from_its_day_on():
    assert breaking_changes(PUBLISHED.format(DUE), CURRENT, today=TODAY) == []


@pytest.mark.parametrize("deprecation", ["", LATER, UNDATED, NO_DAY])
def test_what_was_not_announced_in_time_breaks(deprecation):
    assert sorted(breaking_changes(PUBLISHED.format(deprecation), CURRENT, today=TODAY)) == [
        "Argument Query.a(x:) was removed.",
        "Deeper was removed.",
        "Enum value Kind.OLD was removed.",
        "Field Asked.old was removed.",
        "Field Query.gone was removed.",
        "Gone was removed.",
    ]


def test_a_type_that_something_else_leads_to_does_not_go_with_a_deprecated_field():
    published = f"type Query {{ a: Int one: Gone {DUE} other: Gone }} type Gone {{ a: Int }}"
    assert sorted(breaking_changes(published, "type Query { a: Int }", today=TODAY)) == [
        "Field Query.other was removed.",
        "Gone was removed.",
    ]


@pytest.mark.parametrize(
    ("current", "change"),
    [
        ("type Query { a(x: Int): String }", "Field Query.a changed type from Int to String."),
        ("type Query { a(x: Int!): Int }", "Query.a(x:)"),
        ("type Query { a(x: Int, y: Int!): Int }", "A required argument Query.a(y:) was added."),
    ],
)
def test_what_changes_its_type_or_becomes_necessary_breaks(current, change):
    (found,) = breaking_changes("type Query { a(x: Int): Int }", current, today=TODAY)
    assert change in found


def test_what_is_added_breaks_nothing_and_may_surprise():
    published = "type Query { a(kind: Kind): Int } enum Kind { ONE }"
    current = "type Query { a(kind: Kind, b: Int): Int c: Int } enum Kind { ONE TWO }"
    assert breaking_changes(published, current, today=TODAY) == []
    assert sorted(dangerous_changes(published, current)) == [
        "An optional argument Query.a(b:) was added.",
        "Enum value Kind.TWO was added.",
    ]


def test_the_command_passes_the_schema_of_today_and_names_what_another_would_miss():
    same = CliRunner().invoke(main, ["schema", "changes", "--since", "-"], input=schema.as_str())
    assert (same.exit_code, same.output) == (0, "Nothing that is published breaks.\n")
    more = schema.as_str() + "\nextend type Viewer { shoeSize: Int }"
    result = CliRunner().invoke(main, ["schema", "changes", "--since", "-"], input=more)
    assert result.exit_code == 1
    assert result.output.startswith("breaks: Field Viewer.shoeSize was removed.\nError: ")
