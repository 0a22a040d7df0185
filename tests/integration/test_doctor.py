"""What the doctor asks vendors for."""

from gateway.doctor import examine
from gateway.settings import Settings
from tests.contract.vendors.massive import handler
from tests.vendors import KEY, fake_vendor


async def test_a_vendor_is_asked_for_what_it_is_set_up_for(tmp_path):
    async with fake_vendor() as server:
        server.handler = handler
        settings = Settings(
            database_url=f"sqlite:///{tmp_path}/test.db",
            bar_providers=("massive",),
            search_providers=("massive",),
            massive_key=KEY,
            provider_urls={"massive": server.url},
        )
        findings = {one.what: one for one in await examine(settings, vendors=True)}
    found = findings["provider massive"]
    assert found.usable
    assert "bars of AAPL, in " in found.how
    assert [path.split("/")[2] for path in server.paths] == ["aggs"]
