"""The address of the shared cache, and who shares it."""

import pytest

from gateway.resources import sources_of
from gateway.settings import Settings, SettingsError, load_settings


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://cache",
        "redis://127.0.0.1:6379/15",
        "redis://:hidden@cache/",
        "rediss://user:p%40ss@cache.example:6380/0",
        "redis://[::1]:6379/0",
    ],
)
def test_redis_addresses_and_none_are_usable(url):
    settings = load_settings({"FOLIOQL_CACHE_URL": url})
    assert settings.cache_url.get_secret_value() == url
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "hidden",
        "http://:hidden@cache",
        "redis://",
        "redis://:hidden@",
        "redis://user:hid/den@cache",
        "redis://user:hidden@cache:port",
        "redis://user:hidden@cache:0",
        "redis://user:hidden@cache:65536",
        "redis://user:hidden@cache/name",
        "redis://user:hidden@cache/0?decode_responses=true",
        "redis://user:hid#den@cache",
        "redis://[hidden/0",
    ],
)
def test_any_other_address_is_refused_without_being_repeated(url):
    with pytest.raises(SettingsError, match="FOLIOQL_CACHE_URL: ") as refusal:
        load_settings({"FOLIOQL_CACHE_URL": url})
    assert "rediss://" in str(refusal.value)
    assert "hid" not in str(refusal.value)
    assert "port'" not in str(refusal.value)


def test_replicas_share_when_they_answer_from_the_same_wherever_their_files_are(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("Date,A\n2024-06-14,1\n")
    two.write_text("Date,A\n2024-06-14,1\n")
    assert sources_of(Settings(price_files=(one,))) == sources_of(Settings(price_files=(two,)))


def test_replicas_that_answer_from_something_else_do_not_share(tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text("Date,A\n2024-06-14,1\n")
    first = sources_of(Settings(price_files=(prices,)))
    prices.write_text("Date,A\n2024-06-14,2\n")
    others = [
        Settings(price_files=(prices,)),
        Settings(price_files=(tmp_path / "missing.csv",)),
        Settings(),
        Settings(providers=("files",)),
        Settings(providers=("simulated", "files")),
        Settings(simulation_seed=2),
        Settings(price_files_currency="EUR"),
        Settings(rate_file=prices),
    ]
    assert len({first, *map(sources_of, others)}) == 1 + len(others)
