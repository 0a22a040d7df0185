"""Settings of providers: what is refused at the start, and what a limit means."""

from datetime import timedelta
from traceback import format_exception

import pytest

from gateway.settings import Settings, SettingsError, load_settings


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"FOLIOQL_PROVIDERS": "finnhub"}, "used: FOLIOQL_FINNHUB_KEY is empty, but finnhub"),
        ({"FOLIOQL_QUOTE_PROVIDERS": "twelve_data"}, "used: FOLIOQL_TWELVE_DATA_KEY is empty"),
        ({"FOLIOQL_PROVIDERS": "yahoo,files"}, "comes last"),
        ({"FOLIOQL_ACTION_PROVIDERS": "yahoo,files"}, "comes last"),
        ({"FOLIOQL_PROVIDERS": "files,files"}, "twice"),
        ({"FOLIOQL_ACTION_PROVIDERS": "files,files"}, "twice"),
        ({"FOLIOQL_RATE_PROVIDERS": "ecb,ecb"}, "twice"),
        ({"FOLIOQL_PROVIDERS": "bloomberg"}, "PROVIDERS"),
        ({"FOLIOQL_RATE_PROVIDERS": "finnhub"}, "RATE_PROVIDERS"),
        ({"FOLIOQL_PROVIDER_LIMITS": "finnhub=many"}, "60/minute"),
        ({"FOLIOQL_PROVIDER_LIMITS": "finnhub=60/minute+"}, "60/minute"),
        ({"FOLIOQL_PROVIDER_LIMITS": "bloomberg=1/day"}, "bloomberg is none of"),
        ({"FOLIOQL_PROVIDER_URLS": "yahoo=ftp://host"}, "https://host/path"),
        ({"FOLIOQL_PROVIDER_URLS": "yahoo=https://me:secret@host"}, "https://host/path"),
        ({"FOLIOQL_PROVIDER_URLS": "yahoo"}, "name=value"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start_with_its_reason(given, words, tmp_path):
    with pytest.raises(SettingsError, match=words):
        load_settings(given, env_file=tmp_path / "none")


def test_a_refusal_repeats_no_key(tmp_path):
    given = {"FOLIOQL_FINNHUB_KEY": "a key", "FOLIOQL_PROVIDERS": "massive"}
    with pytest.raises(SettingsError) as caught:
        load_settings(given, env_file=tmp_path / "none")
    assert "a key" not in "".join(format_exception(caught.value))


def test_each_kind_may_have_an_order_of_its_own(tmp_path):
    settings = load_settings(
        {
            "FOLIOQL_PROVIDERS": "finnhub, yahoo, simulated",
            "FOLIOQL_BAR_PROVIDERS": "yahoo",
            "FOLIOQL_SEARCH_PROVIDERS": "",
            "FOLIOQL_FINNHUB_KEY": "a key",
            "FOLIOQL_RATE_PROVIDERS": "ecb,frankfurter,ecb_file",
        },
        env_file=tmp_path / "none",
    )
    assert settings.providers_of("quotes") == ("finnhub", "yahoo", "simulated")
    assert settings.providers_of("bars") == ("yahoo",)
    assert settings.providers_of("search") == ()
    assert settings.providers_of("rates") == ("ecb", "frankfurter", "ecb_file")
    assert "a key" not in repr(settings)


def test_limits_are_calls_within_a_time():
    settings = Settings(provider_limits={"finnhub": "300/minute+30/second", "yahoo": "5/day"})
    assert settings.limits_of("finnhub") == [
        (300, timedelta(minutes=1)),
        (30, timedelta(seconds=1)),
    ]
    assert settings.limits_of("yahoo") == [(5, timedelta(days=1))]
    assert settings.limits_of("massive") == []
