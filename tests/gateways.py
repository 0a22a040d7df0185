"""The application without a database worth the name, for tests of what is before it."""

import pytest

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import NOW, SECRET

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
TYPENAME = {"query": "{ __typename }"}
ANSWER = {"data": {"__typename": "Query"}}


def application_of(*, patience=None, **settings):
    """The application under some settings."""
    given = {"database_url": "sqlite://", "secret": SECRET, "log_level": "error"}
    return create_app(Settings(**given | settings), clock=lambda: NOW, patience=patience)


def told(response):
    """The codes of an answer's errors, all of them in GraphQL's shape."""
    body = response.json()
    assert body.keys() == {"errors"}
    assert all(error["message"] for error in body["errors"])
    return [error["extensions"]["code"] for error in body["errors"]]


class Site:
    """The application under one group of settings."""

    def __init__(self, client, services):
        self.client = client
        token, _ = services.tokens.issue_access(1, now=NOW)
        self.user = {"authorization": f"Bearer {token}"}

    async def get(self, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get("/graphql", params=TYPENAME, headers=named)


def under(**settings):
    return pytest.mark.parametrize("site", [settings], indirect=True)
