"""Schemathesis' own questions, made up from the schema, against a server process."""

import re

import httpx2
import pytest

from tests.clients.conftest import HERE

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]


def test_schemathesis_finds_nothing(tool, demo_server, tmp_path):
    """Each value that fits its type need not be taken: a cursor is text, and not any text a cursor."""
    answer = httpx2.post(
        f"{demo_server}/auth/token", data={"username": "demo", "password": "demo123"}
    )
    output = tool(
        *("schemathesis", "run", f"{demo_server}/graphql"),
        *("--header", f"Authorization: Bearer {answer.json()['access_token']}"),
        *("--exclude-checks", "positive_data_acceptance"),
        *("--max-examples", "2", "--seed", "1", "--no-color"),
        # How fast it makes its questions up, and how fast they are answered here, is not the test.
        *("--suppress-health-check", "all", "--request-timeout", "60"),
        folder=tmp_path,
        PYTHONPATH=str(HERE / "python"),
        SCHEMATHESIS_HOOKS="fuzzing",
    )
    assert re.search(r"(\d{2,}) generated, \1 passed", output)
