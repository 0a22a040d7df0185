"""Countries, as vendors write them."""

import pytest

from datasources.countries import country_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("US", "US"),  # Finnhub
        ("USA", "US"),  # Alpha Vantage
        ("United States", "US"),  # Yahoo
        ("United Kingdom", "GB"),
        ("Germany", "DE"),
        ("South Korea", "KR"),
        ("Hong Kong", "HK"),
        ("Taiwan", "TW"),
        ("Atlantis", "Atlantis"),
        (None, None),
    ],
)
def test_a_country_has_one_code_however_it_is_written(text, code):
    assert country_code(text) == code
