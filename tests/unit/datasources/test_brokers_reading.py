"""Reading import files: our own format, mapped columns, odd files, and what is no file at all."""

import json
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasources.brokers import UnknownFormatError, UnreadableError, read
from datasources.brokers.folioql import COLUMNS
from datasources.brokers.reader import FORMATS
from models.drafts import Draft
from models.transactions import Kind

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "brokers").iterdir())
DAY = datetime(2026, 11, 12, tzinfo=UTC)
FULL = Draft(
    kind=Kind.SPIN_OFF,
    occurred_at=datetime(2026, 11, 12, 14, 30, tzinfo=UTC),
    symbol="GE",
    isin="US3696043013",
    quantity=Decimal(1),
    price=Decimal(2),
    amount=Decimal(3),
    currency="USD",
    fee=Decimal(4),
    fee_currency="EUR",
    fee_rate=Decimal(5),
    tax=Decimal(6),
    tax_currency="GBP",
    tax_rate=Decimal(7),
    settlement_currency="CHF",
    rate=Decimal(8),
    instrument_rate=Decimal(9),
    related_symbol="GEV",
    ratio_new=Decimal(1),
    ratio_old=Decimal(4),
    cost_share=Decimal("0.25"),
    acquired_at=datetime(2020, 1, 2, tzinfo=UTC),
    lot_ids=(("12", Decimal(5)), ("a 13", Decimal("2.5"))),
    note="A note, with a comma",
    external_id="x-1",
)
CELLS = {
    "date": "2026-11-12T14:30:00Z",
    "type": "spin-off",
    "symbol": "ge",
    "isin": "US3696043013",
    "quantity": "1",
    "price": "2",
    "amount": "3",
    "currency": "USD",
    "fee": "4",
    "fee_currency": "EUR",
    "fee_rate": "5",
    "tax": "6",
    "tax_currency": "GBP",
    "tax_rate": "7",
    "settlement_currency": "CHF",
    "exchange_rate": "8",
    "instrument_rate": "9",
    "related_symbol": "GEV",
    "ratio_new": "1",
    "ratio_old": "4",
    "cost_share": "0.25",
    "acquired_at": "2020-01-02",
    "lots": '[["12", "5"], ["a 13", "2.5"]]',
    "note": "A note, with a comma",
    "id": "x-1",
}


def drafts(text, **options):
    return [one for row in read(text.encode(), **options).rows for one in row.drafts]


def problems(text, **options):
    return [
        (row.problem.field, row.problem.column)
        for row in read(text.encode(), **options).rows
        if row.problem
    ]


def test_every_field_of_a_draft_has_a_column_of_its_own():
    header = ",".join(CELLS)
    line = ",".join('"' + cell.replace('"', '""') + '"' for cell in CELLS.values())
    reading = read(f"{header}\n{line}\n".encode())
    assert reading.format == "folioql"
    assert [row.drafts for row in reading.rows] == [(FULL,)]
    assert len(CELLS) == len(COLUMNS) == len(Draft.__dataclass_fields__.keys() - {"lots"})
    assert reading.columns["occurred_at"] == "date"
    assert reading.columns["rate"] == "exchange_rate"


def test_a_list_of_objects_is_read_like_a_table():
    assert drafts(json.dumps([CELLS])) == [FULL]
    camel = {"occurredAt": "2026-11-12", "type": "BUY", "symbol": "AAPL", "quantity": 10}
    (one,) = drafts(json.dumps({"transactions": [camel | {"price": 229.9, "externalId": "7"}]}))
    assert (one.quantity, one.price, one.external_id) == (10, Decimal("229.9"), "7")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_read(kind):
    (one,) = drafts(f"date,type,amount\n2026-11-12,{kind.value.lower()},5\n")
    assert (one.kind, one.occurred_at, one.amount) == (kind, DAY, 5)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("Bought", Kind.BUY), ("Sell short", Kind.SHORT), ("transfer-in", Kind.TRANSFER_IN)],
)
def test_usual_words_and_titles_are_known(word, kind):
    text = f"Trade Date;Action;Ticker;Qty;Unit Price;Commission\n2026-11-12;{word};AAPL;1;2;0.5\n"
    assert drafts(text) == [
        Draft(
            kind=kind,
            occurred_at=DAY,
            symbol="AAPL",
            quantity=Decimal(1),
            price=Decimal(2),
            fee=Decimal("0.5"),
        )
    ]


def test_what_has_no_units_may_have_its_amount_in_the_price():
    text = "date,type,price,currency,settlement_currency\n2026-11-12,deposit,500,EUR,EUR\n"
    assert drafts(text) == [
        Draft(kind=Kind.DEPOSIT, occurred_at=DAY, amount=Decimal(500), currency="EUR")
    ]


@pytest.mark.parametrize(
    ("row", "field", "column"),
    [
        ("yesterday,buy,AAPL,1,2,", "occurred_at", "Date"),
        (",buy,AAPL,1,2,", "occurred_at", "Date"),
        ("2026-11-12,swap,AAPL,1,2,", "kind", "Type"),
        ("2026-11-12,buy,AAPL,one,2,", "quantity", "Qty"),
        ('2026-11-12,buy,AAPL,1,"2,5",', "price", "Price"),
        ("2026-11-12,sell,AAPL,1,2,twelve", "lots", "Lots"),
        ("2026-11-12,buy,AAPL", "", ""),
        ("2026-11-12,buy,AAPL,1,2,,,9", "", ""),
    ],
)
def test_a_malformed_row_names_its_column_and_spoils_no_other(row, field, column):
    text = f"Date,Type,Symbol,Qty,Price,Lots\n{row}\n2026-11-12,buy,AAPL,1,2,\n"
    assert problems(text) == [(field, column)]
    assert len(drafts(text)) == 1


@pytest.mark.parametrize("header", ["date,type,pirce", "date,type,price,Price"])
def test_a_misspelt_or_repeated_column_is_refused(header):
    with pytest.raises(UnreadableError, match="Columns of FolioQL are: date, type"):
        read(f"{header}\n2026-11-12,buy,1\n".encode())


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf\r\n"])
def test_an_empty_file_is_refused(content):
    with pytest.raises(UnreadableError, match="is empty"):
        read(content)


@pytest.mark.parametrize("text", ["colour,size\nred,5\n", "[]", '{"a": 1}', "hello", '[{"a": 1}]'])
def test_an_unknown_header_is_refused_with_the_known_formats(text):
    with pytest.raises(UnknownFormatError, match="schwab, fidelity, robinhood"):
        read(text.encode())


def test_an_unknown_format_is_refused():
    with pytest.raises(UnknownFormatError):
        read(b"date,type\n", format="lotus")


def test_a_header_alone_has_no_rows():
    assert read(b"date,type,symbol\n").rows == []


@pytest.mark.parametrize("text", ["[1, 2", '{"activities": [', "[" * 100_000])
def test_broken_json_is_refused(text):
    with pytest.raises(UnreadableError, match="is not JSON"):
        read(text.encode())


def test_a_mapping_says_which_column_holds_what():
    text = "Wann;Was;Papier;Stück;Kurs\n12.11.2026;Kauf;SAP.DE;1.000;240,02\n"
    mapping = {
        "date": "Wann",
        "type": "=buy",
        "symbol": "Papier",
        "quantity": "Stück",
        "price": "Kurs",
        "currency": "=EUR",
    }
    assert drafts(text, mapping=mapping) == [
        Draft(
            kind=Kind.BUY,
            occurred_at=DAY,
            symbol="SAP.DE",
            quantity=Decimal(1000),
            price=Decimal("240.02"),
            currency="EUR",
        )
    ]


@pytest.mark.parametrize("form", ["%d.%d.%Y", "%H:%M", "%Q", "%", "x", "%c%Y", "%Y\0", "\ud800"])
def test_a_date_format_that_tells_no_day_is_refused(form):
    mapping = {"date": "day", "type": "=deposit", "amount": "sum", "date_format": form}
    with pytest.raises(UnreadableError, match="is not a date format"):
        read(b"day,sum\n01.02.2024,5\n", mapping=mapping)


@pytest.mark.parametrize("form", ["%d.%m.%y", "%b %d, %Y %I:%M %p", "%Y-%m-%dT%H:%M:%S%z", "%Y%j"])
def test_a_date_format_that_tells_days_is_taken(form):
    mapping = {"date": "day", "type": "=deposit", "amount": "sum", "date_format": form}
    assert read(b"day,sum\n01.02.2024,5\n", mapping=mapping).format == "mapped"


def test_mapped_numbers_and_dates_that_can_be_meant_in_two_ways_take_the_users_word():
    text = 'when,kind,shares,price\n11/12/2026,buy,"1,234",5\n'
    mapping = {"date": "when", "type": "kind", "quantity": "shares", "price": "price"}
    assert problems(text, mapping=mapping) == [("quantity", "shares")]
    assert problems(text, mapping=mapping | {"decimal": ","}) == [("occurred_at", "when")]
    said = mapping | {"decimal": ",", "date_format": "%m/%d/%Y"}
    (one,) = drafts(text, mapping=said)
    assert (one.occurred_at, one.quantity) == (DAY, Decimal("1.234"))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"date": "when"}, "lacks: type"),
        ({"date": "when", "type": "=buy", "colour": "x"}, "unknown: colour"),
        ({"date": "when", "type": "=buy", "timezone": "Mars/Base"}, "not a time zone"),
        ({"date": "when", "type": "=buy", "decimal": ";"}, "decimal sign"),
        ({"date": "=2026-11-12", "symbol": "=A"}, "only a fixed currency"),
    ],
)
def test_a_wrong_mapping_is_refused(mapping, message):
    with pytest.raises(UnreadableError, match=message):
        read(b"when,what\n2026-11-12,buy\n", mapping=mapping)


def test_taxes_find_their_dividends_within_a_few_days():
    lines = [
        "11/10/2026,NRA Tax Adj,AAPL,,,,,-$3.00",
        "11/10/2026,Cash Dividend,AAPL,,,,,$20.00",
        "11/09/2026,Cash Dividend,MSFT,,,,,$10.00",
        "11/12/2026,NRA Tax Adj,MSFT,,,,,-$1.50",
        "11/20/2026,NRA Tax Adj,AAPL,,,,,-$0.50",
        "11/20/2026,NRA Tax Adj,,,,,,-$0.25",
    ]
    text = "\n".join(["Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount", *lines])
    assert [(one.kind, one.symbol, one.amount, one.tax) for one in drafts(text)] == [
        (Kind.DIVIDEND, "AAPL", 20, 3),
        (Kind.DIVIDEND, "MSFT", 10, Decimal("1.5")),
        (Kind.TAX, "AAPL", Decimal("0.5"), 0),
        (Kind.TAX, None, Decimal("0.25"), 0),
    ]


@pytest.mark.parametrize(
    "row",
    [
        "11/10/2026,Cash Dividend,AAPL,,,,,-$20.00",
        "11/10/2026,Buy,AAPL,,10,$2.00,,$20.00",
        "11/10/2026,Sell,AAPL,,10,$2.00,,-$20.00",
    ],
)
def test_cash_that_goes_the_wrong_way_is_no_booking(row):
    text = f"Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount\n{row}\n"
    assert problems(text) == [("amount", "Amount")]


def test_our_own_files_are_taken_at_their_word():
    text = (
        "date,type,symbol,amount,ratio_new\n"
        "2026-11-12,dividend,AAPL,20,\n2026-11-12,tax,AAPL,3,\n2026-11-12,split,AAPL,,4\n"
    )
    assert [(one.kind, one.tax, one.ratio_old) for one in drafts(text)] == [
        (Kind.DIVIDEND, 0, None),
        (Kind.TAX, 0, None),
        (Kind.SPLIT, 0, None),
    ]


def test_one_side_of_a_split_is_no_booking():
    text = (
        "Action,Time,ISIN,Ticker,No. of shares,Total,ID\n"
        "Stock split open,2026-11-05 08:00:00,US67066G1040,NVDA,30,,E1\n"
    )
    ((problem, _),) = problems(text)
    assert problem == "quantity"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_the_encoding_makes_no_difference(path, encoding):
    content = path.read_bytes()
    assert read(content.decode("utf-8-sig").encode(encoding)) == read(content)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_file_cut_off_anywhere_is_read_or_refused(path):
    content = path.read_bytes()
    for end in range(0, len(content), 7):
        with suppress(UnreadableError):
            read(content[:end])


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content):
    with suppress(UnreadableError):
        read(content)


CELL = st.one_of(
    st.text(max_size=12),
    st.decimals(allow_nan=True).map(str),
    st.dates().map(str),
    st.sampled_from(["1e99", "9999-12-31T23:00:00", "0001-01-01", "-", "USD", "Total", '"', "GBX"]),
    st.sampled_from([kind.value for kind in Kind]),
    st.sampled_from(["Dividend", "Buy", "Sell", "Currency conversion", "Stock Split", "Data"]),
)


@settings(deadline=None)
@given(st.data())
def test_any_cells_in_a_known_file_are_read_or_refused(data):
    path = data.draw(st.sampled_from([path for path in SAMPLES if path.suffix == ".csv"]))
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    delimiter = ";" if lines[0].count(";") else ","
    cells = lines[place].split(delimiter)
    for _ in range(data.draw(st.integers(1, 4))):
        cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(CELL)
    lines[place] = delimiter.join(cells)
    try:
        rows = read("\n".join(lines).encode("utf-8", "replace")).rows
    except UnreadableError:
        return
    assert all(one.amount is None or one.amount >= 0 for row in rows for one in row.drafts)


def test_a_description_that_goes_on_after_a_line_cut_off_is_read_or_refused():
    path = next(path for path in SAMPLES if path.name == "degiro-account.csv")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    with suppress(UnreadableError):
        read("\n".join([*lines[:2], "02-01-2024", ",,,,,more", *lines[2:]]).encode())


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*COLUMNS, "unitPrice", "dataSource"]), inner, max_size=9
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(document):
    with suppress(UnreadableError):
        read(json.dumps(document).encode())


def test_fifteen_thousand_rows_take_seconds_at_most():
    start = datetime(2020, 1, 1, tzinfo=UTC)
    lines = ["Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount"]
    lines += [
        f"{start + timedelta(hours=number):%m/%d/%Y},Cash Dividend,AAPL,x,,,,$2.00\n"
        f"{start + timedelta(hours=number):%m/%d/%Y},NRA Tax Adj,AAPL,x,,,,-$0.30\n"
        f"{start + timedelta(hours=number):%m/%d/%Y},Buy,AAPL,x,1,$2.00,,-$2.00"
        for number in range(5_000)
    ]
    began = process_time()
    reading = read("\n".join(lines).encode())
    assert process_time() - began < 20
    assert sum(len(row.drafts) for row in reading.rows) == 10_000


def test_every_format_has_a_name_of_its_own():
    names = [form.name for form in FORMATS]
    assert len(set(names)) == len(names) == 11


# Bounds

HUGE = {
    "rows": b"date,type\n" + b"x\n" * 300_000,
    "columns of a row": b"date,type\n" + b"," * 600_000,
    "columns of a header": b"date,type" + b",c" * 300_000,
    "columns over many lines": b"date,type\n" + b'"\n",' * 150_000,
    "cells": b"date,type\n" + (b"," * 990 + b"x\n") * 5_100,
    "keys": json.dumps([{"date": "1", f"k{number}": 1} for number in range(30_000)]).encode(),
    "objects": b"[" + b"{}," * 200_001 + b"{}]",
    "lists": b"[" + b"[]," * 5_000_000 + b"[]]",
    "numbers": b"[" + b"0," * 5_000_000 + b"0]",
}


@pytest.mark.parametrize("what", HUGE)
def test_what_is_too_large_is_refused_before_it_takes_room(what):
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError, match=r"More than .*: cut the file into parts"):
            read(HUGE[what])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_lines_end_as_on_any_system():
    for end in ("\n", "\r\n", "\r"):
        text = end.join(["date,type,amount,note", '2024-01-02,deposit,1,"a', 'b"', "", "2024,x,1,"])
        read_ = read(text.encode())
        assert [row.line for row in read_.rows] == [2, 5]
        assert read_.rows[0].drafts[0].note == f"a{end}b"


def test_objects_may_have_different_keys_in_any_order():
    rows = [
        {"type": "deposit", "date": "2024-01-02", "amount": 1.50},
        {"note": "n", "amount": 2, "date": "2024-01-03", "type": "deposit"},
    ]
    assert [(one.amount, one.note) for one in drafts(json.dumps(rows))] == [
        (Decimal("1.5"), None),
        (Decimal(2), "n"),
    ]
