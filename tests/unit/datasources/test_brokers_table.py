"""Texts, numbers and times of import files."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from datasources.brokers.bookings import listed, ticker
from datasources.brokers.table import (
    ISO,
    UnreadableError,
    decimal_sign,
    decode,
    parse_moment,
    parse_number,
    records,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_decoded(encoding):
    assert decode("Datum;Gebühren\n".encode(encoding)) == "Datum;Gebühren\n"


def test_text_of_old_windows_is_decoded():
    assert decode("Gebühren 5 €".encode("cp1252")) == "Gebühren 5 €"


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"a\x81b", b"a,b\n\xff\0\n"])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(UnreadableError):
        decode(content)


def test_rows_know_the_line_they_begin_on():
    text = 'a,b\r\n"one\r\ntwo",2\r\n\r\n ,\r\n3,4\r\n'
    assert [(record.line, record.cells) for record in records(text, ",")] == [
        (1, ["a", "b"]),
        (2, ["one\r\ntwo", "2"]),
        (6, ["3", "4"]),
    ]


def test_a_quote_that_never_ends_is_refused_rather_than_swallowing_the_file():
    with pytest.raises(UnreadableError, match="Line 2 is not CSV"):
        list(records('a,b\n1,"two\n3,4\n', ","))


@pytest.mark.parametrize(
    ("text", "point", "number"),
    [
        ("1234.50", ".", "1234.50"),
        ("1,234,567.5", ".", "1234567.5"),
        ("1.234.567,5", ",", "1234567.5"),
        ("1 234,5", ",", "1234.5"),
        ("1\u202f234,5", ",", "1234.5"),
        ("1'234.50", ".", "1234.50"),
        ("$1,259.59", ".", "1259.59"),
        ("-$694.48", ".", "-694.48"),
        ("$-694.48", ".", "-694.48"),
        ("($344.85)", ".", "-344.85"),
        ("12.5-", ".", "-12.5"),
        ("\u22125", ".", "-5"),
        ("+5", ".", "5"),
        ("EUR 12,50", ",", "12.50"),
        ("12.50 USD", ".", "12.50"),
        ("CA$3", ".", "3"),
        (".5", ".", "0.5"),
        ("5.", ".", "5"),
        ("1.5E-7", ".", "0.00000015"),
        ("1,234", ".", "1234"),
        ("1,234", ",", "1.234"),
        ("12,5", None, "12.5"),
        ("1.234,5", None, "1234.5"),
        ("1,234.5", None, "1234.5"),
        ("0.125", None, "0.125"),
        ("1000", None, "1000"),
    ],
)
def test_a_number_is_read(text, point, number):
    assert parse_number(text, point) == Decimal(number)


@pytest.mark.parametrize("text", ["", "-", "--", "N/A", "Not available"])
def test_an_empty_number_is_none(text):
    assert parse_number(text, ".") is None


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("2,5", "."),
        ("12,34,567", "."),
        ("1.2.3", "."),
        ("1.234.5", ","),
        ("--5", "."),
        ("(5", "."),
        ("(-5)", "."),
        ("five", "."),
        ("1e999", "."),
        ("Infinity", "."),
        ("٣", "."),
        (".", "."),
        ("1" * 100, "."),
    ],
)
def test_what_is_no_number_is_refused(text, point):
    with pytest.raises(ValueError, match="is not a number"):
        parse_number(text, point)


def test_a_number_that_can_be_meant_in_two_ways_is_not_guessed():
    with pytest.raises(ValueError, match="in two ways"):
        parse_number("1.234", None)


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["1.234", "19,88"], ","),
        (["1,234", "229.90"], "."),
        (["1.234", "10"], None),
        (["1,5", "1.5"], None),
        (["APPLE, INC.", "2,50"], ","),
    ],
)
def test_the_numbers_of_a_file_show_their_decimal_sign(texts, sign):
    assert decimal_sign(texts) == sign


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-11-12", "America/New_York", datetime(2026, 11, 12, tzinfo=UTC)),
        ("2026-11-12T00:00:00", "America/New_York", datetime(2026, 11, 12, tzinfo=UTC)),
        ("2026-07-12T10:00:00", "America/New_York", datetime(2026, 7, 12, 14, tzinfo=UTC)),
        ("2026-11-12T20:20:00", "America/New_York", datetime(2026, 11, 12, tzinfo=UTC)),
        ("2026-11-12T20:20:00-05:00", "UTC", datetime(2026, 11, 13, 1, 20, tzinfo=UTC)),
        ("2026-11-12 09:15:30.123", "UTC", datetime(2026, 11, 12, 9, 15, 30, 123000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text, zone, moment):
    assert parse_moment(text, (ISO,), zone) == moment


@pytest.mark.parametrize("text", ["12/11/26", "2026-02-30", "yesterday", "0001-01-01T00:00+14:00"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is not a date"):
        parse_moment(text, (ISO, "%m/%d/%Y"), "UTC")


@pytest.mark.parametrize(
    ("symbol", "currency", "isin", "expected"),
    [
        ("AAPL", "USD", None, "AAPL"),
        ("V", "GBX", None, "V.L"),
        ("VOD", "GBX", None, "VOD.L"),
        ("VOD.L", "GBP", None, "VOD.L"),
        ("ASML", "EUR", "NL0010273215", None),
        ("ASML", "EUR", None, "ASML"),
        ("", "USD", None, None),
    ],
)
def test_a_bare_ticker_gets_the_suffix_of_its_exchange(symbol, currency, isin, expected):
    assert listed(symbol, currency, isin) == expected


@pytest.mark.parametrize("text", ["BRK.B", "BRK/B", "BRK B", " brk.b "])
def test_class_shares_are_written_with_a_point(text):
    assert ticker(text) == "BRK.B"
