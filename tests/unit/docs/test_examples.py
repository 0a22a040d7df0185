"""The documentation: its examples are valid, its tables complete, its links lead somewhere."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from gateway.schema import schema
from gateway.settings import Settings
from models.transactions import Kind

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^```graphql\n(.*?)^```", re.DOTALL | re.MULTILINE)
EXAMPLES = [
    pytest.param(block[1], id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1)
]


def test_the_documentation_has_examples():
    assert EXAMPLES


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_valid(text):
    assert validate(schema._schema, parse(text)) == []


def test_the_ledger_page_has_a_row_for_every_kind_of_entry():
    page = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([A-Z_]+)` \| `", page, re.MULTILINE)) == sorted(
        kind.value for kind in Kind
    )


def test_the_configuration_page_has_a_row_for_every_setting():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `FOLIOQL_([A-Z_]+)` \|", page, re.MULTILINE)) == {
        name.upper() for name in Settings.model_fields if name != "demo"
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_links_to_files_that_are_there(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
