from decimal import Decimal

import pytest

from datasources.symbols import InvalidSymbolError, canonical, major_unit, venue_of


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        (" aapl ", "AAPL"),
        ("brk.b", "BRK.B"),
        ("^gspc", "^GSPC"),
        ("eurusd=x", "EURUSD=X"),
        ("btc-usd", "BTC-USD"),
        ("7203.t", "7203.T"),
        ("A" * 32, "A" * 32),
    ],
)
def test_a_symbol_is_brought_to_capitals_without_blanks(text, symbol):
    assert canonical(text) == symbol
    assert canonical(symbol) == symbol


@pytest.mark.parametrize(
    "text",
    ["", "   ", ".DE", "-X", "=X", "A" * 33, "AA PL", "AAPL\n.DE", "AAPL;", "ÄPPL", "٣M", "😀"],
)
def test_a_text_that_cannot_be_a_symbol_is_refused_with_what_is_allowed(text):
    with pytest.raises(InvalidSymbolError, match=r"1 to 32 letters, digits or \. \^ = -"):
        canonical(text)


def test_a_letter_whose_capital_is_two_letters_cannot_get_past_the_length():
    # "ß".upper() is "SS": 32 of them are 64 characters.
    with pytest.raises(InvalidSymbolError):
        canonical("ß" * 32)


def test_a_refusal_shows_no_more_than_the_start_of_a_long_text():
    with pytest.raises(InvalidSymbolError) as caught:
        canonical("A" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("symbol", "currency", "country"),
    [
        ("AAPL", "USD", "US"),
        ("BRK.B", "USD", "US"),
        ("BF.A", "USD", "US"),
        ("SAP.DE", "EUR", "DE"),
        ("RY.TO", "CAD", "CA"),
        ("VOD.L", "GBP", "GB"),
        ("NESN.SW", "CHF", "CH"),
        ("7203.T", "JPY", "JP"),
        ("NPN.JO", "ZAR", "ZA"),
        ("RELIANCE.NS", "INR", "IN"),
        ("005930.KS", "KRW", "KR"),
    ],
)
def test_a_suffix_tells_the_currency_and_country(symbol, currency, country):
    venue = venue_of(symbol)
    assert (venue.currency, venue.country) == (currency, country)


@pytest.mark.parametrize(
    ("vendor_code", "major"),
    [
        ("GBp", ("GBP", Decimal("0.01"))),
        ("GBX", ("GBP", Decimal("0.01"))),
        ("ZAc", ("ZAR", Decimal("0.01"))),
        ("ZAC", ("ZAR", Decimal("0.01"))),
        ("ILA", ("ILS", Decimal("0.01"))),
        ("KWF", ("KWD", Decimal("0.001"))),
    ],
)
def test_minor_units_have_their_major_currency_and_factor(vendor_code, major):
    assert major_unit(vendor_code) == major


def test_pounds_are_not_pence():
    assert major_unit("GBP") == ("GBP", Decimal(1))
    assert major_unit("USD") == ("USD", Decimal(1))
