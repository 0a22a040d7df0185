"""Rules of the house that no general linter knows."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from graphql import build_schema

from gateway.settings import PREFIX, Settings
from tests.turns import ServersInTurn

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "resolvers", "services", "datasources", "analytics", "models")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SCHEMA = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


def test_the_packages_on_disk_are_those_that_are_shipped_and_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    on_disk = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert set(project["hatch"]["build"]["targets"]["wheel"]["packages"]) == on_disk
    assert set(project["importlinter"]["root_packages"]) == on_disk
    assert set(project["mypy"]["packages"]) == on_disk


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_documented_and_commits_nowhere_but_at_the_edge(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if "migrations" not in path.parts:
        assert len(text.splitlines()) <= 500
    assert ast.get_docstring(tree) or not text.strip()
    assert "from __future__ import annotations" not in text
    commits = [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]
    assert not commits or path.name == "migrate.py"


def test_everything_in_the_schema_is_described():
    missing = []
    for name, kind in SCHEMA.type_map.items():
        if name.startswith("__") or name in {"Int", "Float", "String", "Boolean", "ID"}:
            continue
        if not kind.description:
            missing.append(name)
        for field, definition in getattr(kind, "fields", {}).items():
            if not definition.description:
                missing.append(f"{name}.{field}")
        for value, definition in getattr(kind, "values", {}).items():
            if not definition.description:
                missing.append(f"{name}.{value}")
    assert missing == []


def test_every_setting_is_documented():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    documented = set(re.findall(rf"`{PREFIX}(\w+)`", text))
    assert documented == {name.upper() for name in Settings.model_fields if name != "demo"}


def test_what_starts_servers_is_where_workers_take_turns():
    scheduler = ServersInTurn.__new__(ServersInTurn)
    marked = re.compile(r"^pytestmark = \[?[\s\w.,]*pytest\.mark\.process", re.MULTILINE)
    starting = [
        f"{path.relative_to(ROOT).as_posix()}::test"
        for path in (ROOT / "tests").rglob("test_*.py")
        if marked.search(path.read_text(encoding="utf-8"))
    ]
    assert len(starting) > 10
    assert {scheduler._split_scope(test) for test in starting} == {"servers"}
    assert scheduler._split_scope("tests/unit/test_a.py::test_b") == "tests/unit/test_a.py::test_b"
