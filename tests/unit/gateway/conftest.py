"""The application, asked within this process."""

import httpx2
import pytest

from tests.gateways import Site, application_of


@pytest.fixture
async def site(request):
    application = application_of(**getattr(request, "param", {}))
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):
        yield Site(client, application.state.services)
