"""Limits over HTTP: what is refused, what only warns, and what is counted."""

import httpx2
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from models.database import Database
from models.migrate import upgrade
from tests.conftest import SECRET, Api


@pytest.fixture
async def warning(tmp_path, clock):
    """The application with limits that only warn."""
    url = f"sqlite:///{tmp_path}/test.db"
    opened = Database(url)
    await upgrade(opened)
    await opened.close()
    settings = Settings(
        database_url=url, secret=SECRET, log_level="error", limits="warn", max_depth=3, metrics=True
    )
    application = create_app(settings, clock=clock)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):
        yield Api(client, application.state.services)


async def test_a_limit_that_only_warns_answers_and_says_so(warning):
    """The data is there, the warning beside it, and the count for whoever runs the server."""
    await warning.sign_up("ann")
    answer = await warning.ask("{ viewer { combined { lots { totalCount } } } }")
    assert answer["data"] == {"viewer": {"combined": {"lots": {"totalCount": 0}}}}
    assert answer["extensions"]["warnings"] == [
        {
            "message": "The document goes 4 levels deep; at most 3 are allowed.",
            "extensions": {"code": "MAX_DEPTH_LIMIT", "limit": 3, "found": 4},
        }
    ]
    assert "extensions" not in await warning.ask("{ viewer { id } }")
    metrics = (await warning.client.get("/metrics")).text
    assert 'folioql_beyond_limits_total{code="MAX_DEPTH_LIMIT",outcome="warned"} 1.0' in metrics
