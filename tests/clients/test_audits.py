"""The public audits of GraphQL over HTTP, against a server process."""

import json

import pytest

pytestmark = pytest.mark.process


def test_all_audits_of_graphql_over_http_pass(node, demo_server):
    audits = json.loads(node("audits.mjs", given={"address": demo_server}))
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == 61
