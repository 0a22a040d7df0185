"""Yahoo's stream: the small message, field by field, and what is made of it."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from datasources.errors import BadPayloadError
from datasources.http import Answer
from datasources.yahoo_stream import Followed, decode, messages, read_message
from models.market import QuoteQuality

AT = datetime(2026, 11, 19, 21, 0, 0, tzinfo=UTC)
"""1795122000 in seconds."""

AAPL = "CgRBQVBMFYVrZ0MYgMLf2b5oKgNOTVMwCDgBRaCJUD9IoOSBJWUpXO8/2AEE"
VOD = "CgVWT0QuTBUUro5CGID9pcq+aCIDR0JwKgNMU0UwCDgBRT0K175IpuirFGWamZm+2AEE"
EARLY = "CgRBQVBMFc2MZ0MYgJXIvL5oKgNOTVMwCEXNzEw9ZbgeBT7YAQQ="
"""The message of AAPL before the market: no field for its hours."""

DOLLARS = Followed(symbol="AAPL", unit=("USD", Decimal(1)))


def frame(text, kind="pricing"):
    body = json.dumps({"type": kind, "message": text}).encode()
    return Answer(status=200, headers={}, body=body, received_at=AT)


def read(text, *followed, at=AT):
    (message,) = messages(frame(text))
    names = {"VOD.L" if one.symbol == "VOD.L" else "AAPL": one for one in followed}
    return read_message(message, names, received_at=at)


def test_a_message_says_what_the_table_of_its_fields_says():
    quote = read(AAPL, DOLLARS)
    assert (quote.symbol, quote.price, quote.currency) == ("AAPL", Decimal("231.42"), "USD")
    assert quote.as_of == AT
    assert quote.quality is QuoteQuality.FRESH
    assert quote.volume == 38_811_920
    # 231.42 less the change of 1.87, and what Finnhub says of the same day.
    assert quote.previous_close == Decimal("229.55")
    assert (quote.open, quote.high, quote.low) == (None, None, None)


def test_pence_are_pounds_and_a_price_of_hours_ago_is_not_fresh():
    quote = read(VOD, Followed(symbol="VOD.L", unit=None))
    assert (quote.price, quote.currency) == (Decimal("0.7134"), "GBP")
    # 71.34 and the change of -0.3: 71.64 pence, the close of the day before in the chart.
    assert quote.previous_close == Decimal("0.7164")
    assert quote.volume == 21_330_451
    # 1795105800: 16:30 in London.
    assert quote.as_of == datetime(2026, 11, 19, 16, 30, tzinfo=UTC)
    assert quote.quality is QuoteQuality.DELAYED


def test_before_the_market_the_change_is_from_the_last_close():
    quote = read(EARLY, DOLLARS)
    assert (quote.price, quote.previous_close) == (Decimal("231.55"), Decimal("231.42"))
    assert quote.as_of == datetime(2026, 11, 19, 12, 30, tzinfo=UTC)
    assert quote.volume is None


def test_a_unit_that_nobody_tells_makes_no_price():
    (message,) = messages(frame(VOD))
    del message["currency"]
    unknown = Followed(symbol="VOD.L", unit=None)
    known = Followed(symbol="VOD.L", unit=("GBP", Decimal("0.01")))
    assert read_message(message, {"VOD.L": unknown}, received_at=AT) is None
    assert read_message(message, {"VOD.L": known}, received_at=AT).price == Decimal("0.7134")


@pytest.mark.parametrize(
    ("price", "hint", "shown"),
    [
        # The floats of 32 bits nearest to 0.0123, 1e-7 and 231.42, exactly.
        ("0.0123000002", 4, "0.0123"),
        ("0.0000001000", 2, "1.000E-7"),
        ("231.4199981689453125", 0, "231.4200"),
        ("231.4199981689453125", 99, "231.4200"),
    ],
)
def test_the_noise_of_binary_fractions_goes_and_no_price_becomes_zero(price, hint, shown):
    message = {"id": "AAPL", "price": Decimal(price), "time": 1795122000000, "price_hint": hint}
    assert str(read_message(message, {"AAPL": DOLLARS}, received_at=AT).price) == shown


def test_heartbeats_other_symbols_and_messages_without_a_price_are_nothing():
    message = {"id": "AAPL", "price": Decimal(1), "time": 1795122000000, "quote_type": 7}
    assert read_message(message, {"AAPL": DOLLARS}, received_at=AT) is None
    message = {"id": "MSFT", "price": Decimal(1), "time": 1795122000000}
    assert read_message(message, {"AAPL": DOLLARS}, received_at=AT) is None
    assert read_message({"id": "AAPL"}, {"AAPL": DOLLARS}, received_at=AT) is None
    assert messages(frame(AAPL, kind="status")) == []


def test_a_time_to_come_is_the_time_of_arrival():
    early = AT - timedelta(seconds=3)
    assert read(AAPL, DOLLARS, at=early).as_of == early


def test_every_cut_of_a_message_is_either_whole_fields_or_refused():
    whole = base64.b64decode(AAPL)
    fields = set(decode(whole).items())
    refused = 0
    for end in range(len(whole)):
        try:
            found = decode(whole[:end])
        except BadPayloadError:
            refused += 1
        else:
            assert set(found.items()) <= fields
    assert refused > len(whole) // 2


@pytest.mark.parametrize(
    "message",
    [
        b"\x0b",  # a group, which nobody sends any more
        b"\x10\x05",  # the price as an integer
        b"\x18" + b"\xff" * 11,  # a number without end
        b"\x15\x00\x00\x80\x7f",  # infinity
        b"\x15\x00\x00\xc0\x7f",  # not a number
        b"\x0a\x05AB",  # text that is cut off
    ],
)
def test_what_is_no_such_message_is_refused(message):
    with pytest.raises(BadPayloadError):
        decode(message)


def test_fields_of_later_versions_are_passed_over():
    # A fixed number of 64 bits, a text and an integer with numbers that nobody knows.
    more = b"\xc1\x3e" + bytes(8) + b"\xca\x3e\x02hi" + b"\xd0\x3e\x07"
    assert decode(more + base64.b64decode(EARLY)) == decode(base64.b64decode(EARLY))


def test_text_that_is_no_base64_is_refused():
    with pytest.raises(ValueError, match=r"base64|padding|alphabet"):
        messages(frame("not base64!"))
