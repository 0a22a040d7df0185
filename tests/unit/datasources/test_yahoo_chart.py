"""Yahoo's charts on payloads in the documented form: units, days, and what is wrong in them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pytest

from datasources.errors import BadPayloadError, InvalidRequestError
from datasources.http import Answer
from datasources.yahoo_chart import amount, chart_of, parse_actions, parse_bars, unit_of, zone_of
from models.market import Bar
from tests.contract.vendors.yahoo import APPLE_CHART, at, chart

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
ALL = {"first": date(1990, 1, 1), "last": date(2026, 12, 31)}
LONDON = {
    "currency": "GBp",
    "symbol": "VOD.L",
    "exchangeTimezoneName": "Europe/London",
    "gmtoffset": 0,
}

# The documented example.
VODAFONE = chart(
    LONDON,
    stamps=[1794988800, 1795075200],
    events={"dividends": {"1795075200": {"amount": 2.25, "date": 1795075200}}},
    open=[71.0, 71.5],
    high=[72.4, 72.02],
    low=[70.8, 71.1],
    closes=[71.64, 71.34],
    volume=[30120044, 21330451],
)


def wire(payload):
    """Send a payload through JSON, as an answer does."""
    body = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
    return Answer(status=200, headers={}, body=body, received_at=NOW).json(dict)


def bars_of(payload, symbol="AAPL", **days):
    return parse_bars(wire(payload), symbol=symbol, **(ALL | days))


def closes_of(payload, symbol="AAPL", **days):
    return {str(bar.day): bar.close for bar in bars_of(payload, symbol, **days)}


def daily(closes, meta=None, first=9, **more):
    """Chart closes of one day after the other in November 2026, from the ninth on."""
    stamps = [at(f"2026-11-{first + number:02}T14:30") for number in range(len(closes))]
    return chart(meta, stamps=stamps, closes=closes, **more)


def test_days_in_pence_come_out_in_pounds_and_as_adjusted():
    assert bars_of(VODAFONE, "VOD.L") == [
        Bar(
            symbol="VOD.L",
            day=date(2026, 11, 18),
            close=Decimal("0.7164"),
            currency="GBP",
            source="yahoo",
            open=Decimal("0.71"),
            high=Decimal("0.724"),
            low=Decimal("0.708"),
            volume=Decimal(30120044),
            adjusted=True,
        ),
        Bar(
            symbol="VOD.L",
            day=date(2026, 11, 19),
            close=Decimal("0.7134"),
            currency="GBP",
            source="yahoo",
            open=Decimal("0.715"),
            high=Decimal("0.7202"),
            low=Decimal("0.711"),
            volume=Decimal(21330451),
            adjusted=True,
        ),
    ]


@pytest.mark.parametrize(
    ("currency", "symbol", "unit"),
    [
        ("GBp", "VOD.L", ("GBP", "0.01")),
        ("GBP", "VOD.L", ("GBP", "1")),
        ("ZAc", "NPN.JO", ("ZAR", "0.01")),
        ("ILA", "TEVA.TA", ("ILS", "0.01")),
        ("KWF", "NBK.KW", ("KWD", "0.001")),
        ("USD", "VOD.L", ("USD", "1")),
        (None, "SAP.DE", ("EUR", "1")),
        (None, "AAPL", ("USD", "1")),
        (None, "VOD.L", None),  # pence or pounds: cannot be told
        (None, "^FTSE", None),
        (None, "EURUSD=X", None),
        ("pence", "VOD.L", None),
    ],
)
def test_a_unit_is_what_is_told_or_what_the_venue_can_only_have(currency, symbol, unit):
    assert unit_of(currency, symbol) == (unit and (unit[0], Decimal(unit[1])))


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("71.63999938964844", "71.64"),  # 71.64 in 32 bits
        ("231.42000000000002", "231.42"),  # and in 64
        ("0.2634870111942291", "0.263487"),  # an old price after many splits keeps its digits
        ("712345.0", "712345"),
        ("98765.4321", "98765.4321"),
        ("12345678.901234567", "12345678.90"),
    ],
)
def test_the_noise_of_binary_fractions_goes_and_the_price_stays(text, price):
    assert amount(Decimal(text)) == Decimal(price)
    assert amount({"raw": Decimal(text), "fmt": "1"}) == Decimal(price)


@pytest.mark.parametrize("value", [None, 0, Decimal(-1), {}])
def test_nothing_and_zero_are_no_price(value):
    assert amount(value) is None


def test_null_and_infinity_are_days_without_a_price():
    text = orjson.dumps(daily([230, None, 232])).decode()
    text = text.replace('"adjclose":[230', '"adjclose":[Infinity')
    assert closes_of(text) == {"2026-11-09": 230, "2026-11-11": 232}


def test_rows_out_of_order_or_repeated_are_days_in_order_once():
    stamps = [at(f"2026-11-{when}") for when in ("10T14:30", "09T14:30", "10T21:00")]
    assert closes_of(chart(stamps=stamps, closes=[231, 230, 299])) == {
        "2026-11-09": 230,
        "2026-11-10": 231,
    }


def test_a_day_is_the_exchanges_own():
    # Tokyo opens at 00:00 UTC, Sydney at 23:00 UTC the day before.
    tokyo = chart(
        {"currency": "JPY", "exchangeTimezoneName": "Asia/Tokyo"},
        stamps=[at("2026-11-18T00:00")],
        closes=[2500],
    )
    sydney = chart(
        {"currency": "AUD", "exchangeTimezoneName": "Australia/Sydney"},
        stamps=[at("2026-11-17T23:00")],
        closes=[45],
    )
    assert list(closes_of(tokyo, "7203.T")) == list(closes_of(sydney, "BHP.AX")) == ["2026-11-18"]


def test_without_a_zone_the_offset_counts_and_without_that_utc():
    moment = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)
    for meta, day in (
        ({"exchangeTimezoneName": "No/Where", "gmtoffset": 39600}, 19),
        ({"exchangeTimezoneName": "../etc/passwd"}, 18),
        ({}, 18),
    ):
        assert moment.astimezone(zone_of(meta)).day == day


def test_only_the_days_asked_for_are_given():
    found = closes_of(daily([1, 2, 3, 4]), first=date(2026, 11, 10), last=date(2026, 11, 11))
    assert list(found) == ["2026-11-10", "2026-11-11"]


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([71, 7150, 72, 73], ["0.71", "0.715", "0.72", "0.73"]),  # one day times a hundred
        ([71, 0.72, 72, 73], ["0.71", "0.72", "0.72", "0.73"]),  # one day in pounds
        ([0.70, 0.71, 72, 73, 74], ["0.70", "0.71", "0.72", "0.73", "0.74"]),  # a flip
        ([71, 72, 73, 0.74, 0.75], ["0.71", "0.72", "0.73", "0.74", "0.75"]),
        ([71, 30, 73], ["0.71", "0.30", "0.73"]),  # a wild day, and no unit
    ],
)
def test_days_in_the_other_unit_are_brought_to_what_most_are_in(closes, expected):
    found = closes_of(daily(closes, LONDON), "VOD.L")
    assert list(found.values()) == [Decimal(text) for text in expected]


def test_where_there_is_no_minor_unit_a_hundredfold_is_the_price():
    assert list(closes_of(daily([2, 200, 2])).values()) == [2, 200, 2]


def test_a_part_of_a_day_in_the_other_unit_is_left_out():
    (bar,) = bars_of(daily([71], LONDON, open=[0.71], high=[72], low=[70.5]), "VOD.L")
    assert (bar.open, bar.high, bar.low) == (None, Decimal("0.72"), Decimal("0.705"))


SPLIT = {"splits": {"x": {"date": at("2026-11-11T14:30"), "numerator": 4, "denominator": 1}}}


def test_days_before_a_split_that_are_not_yet_adjusted_are_adjusted():
    payload = daily([400, 404, 102, 103], events=SPLIT, volume=[10, 20, 80, 90])
    found = bars_of(payload)
    assert [bar.close for bar in found] == [100, 101, 102, 103]
    assert [bar.volume for bar in found] == [40, 80, 80, 90]


def test_days_before_a_split_that_are_adjusted_stay():
    assert list(closes_of(daily([100, 101, 102], events=SPLIT)).values()) == [100, 101, 102]
    # A quarter lost on the day of the split is no split of four for one.
    assert list(closes_of(daily([100, 101, 75], events=SPLIT)).values()) == [100, 101, 75]


def test_a_lagging_split_in_thirds_is_rid_of_endless_digits():
    thirds = {"splits": {"x": {"date": at("2026-11-10T14:30"), "numerator": 3, "denominator": 1}}}
    assert list(closes_of(daily([100, 33], events=thirds)).values()) == [Decimal("33.33333"), 33]


@pytest.mark.parametrize(
    "payload",
    [
        # The three documented forms of no data, and the one that blames the question.
        {"chart": {"result": None, "error": {"code": "Not Found", "description": "delisted"}}},
        {"chart": {"result": [], "error": None}},
        {"chart": {"result": [{"meta": {"currency": "USD"}, "indicators": {"quote": [{}]}}]}},
        {
            "chart": {
                "result": None,
                "error": {"code": "Bad Request", "description": "Data doesn't exist for startDate"},
            }
        },
    ],
    ids=["not found", "empty", "meta only", "no such days"],
)
def test_no_data_is_no_error(payload):
    assert bars_of(payload) == []
    actions = parse_actions(wire(payload), symbol="AAPL", **ALL)
    assert (actions.splits, actions.dividends) == ((), ())


def test_another_error_or_another_interval_is_one():
    with pytest.raises(InvalidRequestError):
        chart_of({"chart": {"result": None, "error": {"code": "Bad Request"}}})
    with pytest.raises(BadPayloadError, match="days"):
        bars_of(daily([1], {"dataGranularity": "1mo"}))
    with pytest.raises(ValueError, match="argument"):
        bars_of(chart(stamps=[at("2026-11-09T14:30")], closes=[1, 2]))
    assert bars_of(daily([1], {"currency": "pence"})) == []


def test_dividends_are_what_was_paid_and_not_what_splits_made_of_it():
    # Apple paid 0.82 dollars on 7 August 2020; four for one on 31 August.
    actions = parse_actions(wire(APPLE_CHART), symbol="AAPL", **ALL)
    (split,) = actions.splits
    assert (split.day, split.new, split.old) == (date(2020, 8, 31), 4, 1)
    (dividend,) = actions.dividends
    assert (dividend.ex_day, dividend.amount) == (date(2020, 8, 7), Decimal("0.82"))
    assert dividend.currency == "USD"
    # Before the split: it is asked for all the same, to tell what was paid.
    before = parse_actions(
        wire(APPLE_CHART), symbol="AAPL", first=date(2020, 8, 1), last=date(2020, 8, 30)
    )
    assert before.splits == ()
    assert before.dividends == actions.dividends


def test_a_dividend_after_many_splits_is_rid_of_the_rounding_too():
    # 2.65 dollars in August 2012, before seven for one and four for one: 0.094643 since.
    events = {
        "dividends": {"1": {"amount": 0.094643, "date": at("2012-08-09T13:30")}},
        "splits": {
            "2": {"date": at("2014-06-09T13:30"), "numerator": 7, "denominator": 1},
            "3": {"date": at("2020-08-31T13:30"), "numerator": 4, "denominator": 1},
            "4": {"date": at("2021-08-31T13:30"), "numerator": 0, "denominator": 1},
        },
    }
    actions = parse_actions(wire(chart(events=events)), symbol="AAPL", **ALL)
    assert [dividend.amount for dividend in actions.dividends] == [Decimal("2.65")]
    assert [split.new for split in actions.splits] == [7, 4]


def test_a_dividend_is_in_the_unit_of_the_price_or_in_the_one_it_tells():
    (dividend,) = parse_actions(wire(VODAFONE), symbol="VOD.L", **ALL).dividends
    assert (dividend.amount, dividend.currency) == (Decimal("0.0225"), "GBP")
    told = chart(
        LONDON,
        events={"dividends": {"1": {"amount": 0.5, "currency": "USD", "date": 1795075200}}},
    )
    (dividend,) = parse_actions(wire(told), symbol="VOD.L", **ALL).dividends
    assert (dividend.amount, dividend.currency) == (Decimal("0.5"), "USD")
    nothing = chart(events={"dividends": {"1": {"amount": None, "date": 1795075200}}})
    assert parse_actions(wire(nothing), symbol="AAPL", **ALL).dividends == ()
