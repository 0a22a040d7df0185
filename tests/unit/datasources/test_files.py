"""Expected prices are read off the price files by hand."""

import asyncio
import gzip
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from datasources.errors import BadPayloadError
from datasources.providers.files import Files
from models.market import CloseQuestion, HistoryQuestion, QuoteQuality

# Seven lines of real adjusted closes, with a hole and without the weekends.
WIDE = """Date,AAPL,AMD,KO
2022-12-20,131.916,65.05,61.841
2022-12-21,135.057,67.68,62.836
2022-12-22,131.846,63.86,62.383
2022-12-23,131.477,64.52,62.855
2022-12-27,129.652,N/A,63.24
2022-12-28,125.674,,62.609
"""
LONG = """date,symbol,close,open,high,low,volume,currency
2026-11-19,VOD.L,74.5,74,75,73.9,1000,GBp
2026-11-18,VOD.L,73.98,,,,,GBp
2026-11-19,SAP.DE,201.4,,,,,EUR
"""
NOW = datetime(2022, 12, 29, 12, tzinfo=UTC)


def files(tmp_path, text, *, name="prices.csv", now=NOW, **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Files([path], clock=lambda: now, **options)


def close(source, symbol, day):
    question = CloseQuestion(symbol=symbol, day=date.fromisoformat(day))
    return asyncio.run(source.closes([question])).get(question)


def quote(source, symbol):
    return asyncio.run(source.quotes([symbol])).get(symbol)


def test_the_newest_close_is_the_price_and_the_one_before_its_previous_close(tmp_path):
    found = quote(files(tmp_path, WIDE), "AAPL")
    assert (found.price, found.previous_close) == (Decimal("125.674"), Decimal("129.652"))
    assert found.as_of == datetime(2022, 12, 28, 21, tzinfo=UTC)
    assert (found.received_at, found.source, found.currency) == (NOW, "files", "USD")


def test_a_hole_is_not_a_price(tmp_path):
    found = quote(files(tmp_path, WIDE), "AMD")
    assert (found.price, found.as_of.date()) == (Decimal("64.52"), date(2022, 12, 23))


@pytest.mark.parametrize(
    ("today", "quality"),
    [
        (datetime(2023, 1, 1, 23, 59, tzinfo=UTC), QuoteQuality.DELAYED),  # four days
        (datetime(2023, 1, 2, tzinfo=UTC), QuoteQuality.STALE),
    ],
)
def test_a_price_older_than_a_long_weekend_is_stale(tmp_path, today, quality):
    assert quote(files(tmp_path, WIDE, now=today), "AAPL").quality is quality


def test_a_close_is_the_last_one_on_or_before_the_day(tmp_path):
    source = files(tmp_path, WIDE)
    assert close(source, "AAPL", "2022-12-23").close == Decimal("131.477")
    assert close(source, "AAPL", "2022-12-26").day == date(2022, 12, 23)
    assert close(source, "AMD", "2022-12-28").day == date(2022, 12, 23)
    assert close(source, "AAPL", "2030-01-01").day == date(2022, 12, 28)
    assert close(source, "AAPL", "2022-12-19") is None
    assert close(source, "TSLA", "2022-12-28") is None


def test_a_column_a_symbol_is_adjusted_and_a_row_a_symbol_is_not(tmp_path):
    assert close(files(tmp_path, WIDE), "AAPL", "2022-12-28").adjusted
    assert not close(files(tmp_path, LONG), "SAP.DE", "2026-11-19").adjusted


def test_bars_include_both_ends_in_order(tmp_path):
    bars = asyncio.run(
        files(tmp_path, WIDE).bars("KO", first=date(2022, 12, 21), last=date(2022, 12, 27))
    )
    assert [(bar.day.day, str(bar.close)) for bar in bars] == [
        (21, "62.836"),
        (22, "62.383"),
        (23, "62.855"),
        (27, "63.24"),
    ]


def test_pence_become_pounds(tmp_path):
    found = quote(files(tmp_path, LONG), "VOD.L")
    assert (found.price, found.currency) == (Decimal("0.745"), "GBP")
    assert found.previous_close == Decimal("0.7398")


def test_a_row_gives_what_else_it_knows_of_the_day(tmp_path):
    bar = close(files(tmp_path, LONG), "VOD.L", "2026-11-19")
    assert (bar.open, bar.high, bar.low) == (Decimal("0.74"), Decimal("0.75"), Decimal("0.739"))
    assert bar.volume == Decimal(1000)  # shares, not pence
    bare = close(files(tmp_path, LONG), "VOD.L", "2026-11-18")
    assert (bare.open, bare.high, bare.low, bare.volume) == (None, None, None, None)


def test_an_opening_price_of_zero_is_unknown_and_no_volume_is_a_volume(tmp_path):
    text = "date,symbol,close,open,volume\n2022-12-28,KO,62.609,0,0\n"
    bar = close(files(tmp_path, text), "KO", "2022-12-28")
    assert (bar.open, bar.volume) == (None, Decimal(0))


def test_a_price_of_today_is_not_from_the_future(tmp_path):
    early = datetime(2022, 12, 28, 9, tzinfo=UTC)
    assert quote(files(tmp_path, WIDE, now=early), "AAPL").as_of == early


def test_a_file_without_currencies_is_in_the_one_given(tmp_path):
    text = "date,symbol,close\n2026-11-19,VOD.L,74.5\n"
    found = quote(files(tmp_path, text, currency="GBX"), "VOD.L")
    assert (found.price, found.currency) == (Decimal("0.745"), "GBP")


def test_packed_files_are_read_like_plain_ones(tmp_path):
    packed = gzip.compress(WIDE.encode())
    assert quote(files(tmp_path, packed, name="p.csv.gz"), "KO").price == Decimal("62.609")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("p.csv", WIDE)
    found = quote(Files([tmp_path / "p.zip"], clock=lambda: NOW), "KO")
    assert found.price == Decimal("62.609")


def test_a_byte_order_mark_and_crlf_lines_do_no_harm(tmp_path):
    text = b"\xef\xbb\xbf" + WIDE.replace("\n", "\r\n").encode()
    assert quote(files(tmp_path, text), "KO").price == Decimal("62.609")


def test_an_unnamed_column_does_not_move_the_prices_after_it(tmp_path):
    source = files(tmp_path, "Date,AAPL,,KO,\n2022-12-28,125.674,1,62.609,\n")
    assert quote(source, "KO").price == Decimal("62.609")


def test_a_file_a_year_is_one_history(tmp_path):
    for year, price in (("2022", "1.5"), ("2021", "1.25")):
        (tmp_path / f"{year}.csv").write_text(f"Date,AAPL\n{year}-06-01,{price}\n")
    source = Files([tmp_path / "2022.csv", tmp_path / "2021.csv"], clock=lambda: NOW)
    assert close(source, "AAPL", "2021-12-31").close == Decimal("1.25")
    assert quote(source, "AAPL").price == Decimal("1.5")


def test_a_day_given_twice_counts_once_and_the_later_file_wins(tmp_path):
    (tmp_path / "a.csv").write_text("Date,AAPL\n2022-06-01,1\n2022-06-02,2\n")
    (tmp_path / "b.csv").write_text("Date,AAPL\n2022-06-02,3\n")
    source = Files([tmp_path / "a.csv", tmp_path / "b.csv"], clock=lambda: NOW)
    bars = asyncio.run(source.bars("AAPL", first=date(2022, 6, 1), last=date(2022, 6, 30)))
    assert [bar.close for bar in bars] == [Decimal(1), Decimal(3)]
    assert quote(source, "AAPL").previous_close == Decimal(1)


def test_adjusted_and_traded_prices_of_one_symbol_do_not_mix(tmp_path):
    (tmp_path / "wide.csv").write_text("Date,AAPL\n2022-06-01,1\n")
    (tmp_path / "long.csv").write_text("date,symbol,close\n2022-06-02,AAPL,4\n")
    source = Files([tmp_path / "wide.csv", tmp_path / "long.csv"], clock=lambda: NOW)
    with pytest.raises(BadPayloadError, match=r"long\.csv.*AAPL"):
        quote(source, "AAPL")


def test_two_currencies_of_one_symbol_do_not_mix(tmp_path):
    text = "date,symbol,close,currency\n2022-06-01,X,1,USD\n2022-06-02,X,2,EUR\n"
    with pytest.raises(BadPayloadError, match=r"prices\.csv line 3.*X"):
        quote(files(tmp_path, text), "X")


@pytest.mark.parametrize("cell", ["abc", "0", "-1", "inf", "NAN()", "1_000", "$5", "1e400", "٣"])
def test_a_cell_that_is_no_price_is_refused_with_file_and_line(tmp_path, cell):
    source = files(tmp_path, f"Date,AAPL\n2022-12-27,1.5\n2022-12-28,{cell}\n")
    with pytest.raises(BadPayloadError, match=r"prices\.csv line 3"):
        quote(source, "AAPL")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html></html>",
        "Date,A A\n2022-12-28,1\n",
        "Date,AAPL\nyesterday,1\n",
        b"\xff\xfe\x00",
        "Date,AAPL\n" + "1" * 200_000,
    ],
)
def test_a_file_in_another_form_is_refused_by_name(tmp_path, text):
    with pytest.raises(BadPayloadError, match=r"prices\.csv"):
        quote(files(tmp_path, text), "AAPL")


def test_a_missing_or_damaged_file_is_refused_by_name(tmp_path):
    with pytest.raises(BadPayloadError, match=r"gone\.csv"):
        quote(Files([tmp_path / "gone.csv"], clock=lambda: NOW), "AAPL")
    packed = gzip.compress(WIDE.encode())
    for damaged in (packed[:40], packed[:10] + b"\xff" * 40, b"plain"):
        with pytest.raises(BadPayloadError, match=r"p\.csv\.gz"):
            quote(files(tmp_path, damaged, name="p.csv.gz"), "AAPL")


def test_symbols_are_found_exactly_and_searched_by_their_start(tmp_path):
    source = files(tmp_path, WIDE)
    found = asyncio.run(source.find(["KO", "TSLA"]))
    assert [(match.symbol, match.name, match.currency) for match in found.values()] == [
        ("KO", "KO", "USD")
    ]
    matches = asyncio.run(source.search(" a ", limit=10))
    assert [match.symbol for match in matches] == ["AAPL", "AMD"]
    assert len(asyncio.run(source.search("a", limit=1))) == 1


def test_a_symbol_without_a_single_price_is_not_known(tmp_path):
    source = files(tmp_path, "Date,AAPL,AMD\n2022-12-28,1,N/A\n")
    assert set(asyncio.run(source.find(["AAPL", "AMD"]))) == {"AAPL"}
    assert asyncio.run(source.search("AMD", limit=5)) == []


@pytest.mark.parametrize(("text", "symbol"), [(WIDE, "AMD"), (LONG, "VOD.L")])
def test_closes_as_arrays_are_those_of_bars(tmp_path, text, symbol):
    source, first, last = files(tmp_path, text), date(2022, 12, 21), date(2026, 11, 18)
    question = HistoryQuestion(symbol=symbol, first=first, last=last)
    unknown = HistoryQuestion(symbol="XYZ", first=first, last=last)
    ((found,),) = asyncio.run(source.close_arrays([question, unknown])).values()
    bars = asyncio.run(source.bars(symbol, first=first, last=last))
    assert found.currency == bars[0].currency
    assert [date.fromordinal(day) for day in found.days] == [bar.day for bar in bars]
    assert found.values.tolist() == [float(bar.close) for bar in bars]
