"""The GraphQL examples of the documentation: each must be valid against the schema."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from gateway.schema import schema

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
