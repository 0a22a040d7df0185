"""The ECB's files, in the layout it publishes them in."""

from datetime import date
from decimal import Decimal

import pytest

from datasources.errors import BadPayloadError
from datasources.eurofxref import read_history, read_xml
from tests.contract.vendors.ecb import RATES, document

DAY = date(2026, 11, 19)


def test_the_daily_file_is_read_exactly_with_its_zeros():
    table = read_xml(document(["2026-11-19"]).encode(), name="daily.xml")
    assert table.days == [DAY]
    rate = table.look("USD", DAY)
    assert (str(rate.value), rate.day, rate.source) == ("1.1170", DAY, "ECB")
    assert table.look("BGN", DAY) is None


def test_the_90_day_file_is_newest_first_and_its_days_come_out_in_order():
    table = read_xml(document(RATES).encode(), name="quarter.xml")
    assert table.days == [date(2026, 8, 24), *(date(2026, 11, day) for day in (13, 18, 19, 20))]
    # Suspended or missing on single days: the place in the line is the day's own.
    assert table.look("ISK", date(2026, 11, 18)) is None
    assert table.look("ISK", DAY).value == Decimal(142)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!DOCTYPE html><html><body>Maintenance</body></html>",
        "<html><body><p>Maintenance</body></html>",
        "<Envelope><Cube time='2026-11-19'><Cube currency='USD' rate='1.1'/></Cube></Envelope>",
        document(RATES)[:-20],  # cut off
        document([]),
        document(RATES).replace("1.1170", "NaN"),
        document(RATES).replace("1.1170", "-1.1"),
        document(RATES).replace("2026-11-19", "19 November 2026"),
        document(RATES).replace(" rate='1.1170'", ""),
        document(RATES).replace("<Cube time='2026-11-20'>", "<Cube>"),
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + document(RATES).partition("\n")[2],
    ],
)
def test_a_file_that_is_not_whole_or_not_in_form_is_refused_as_a_whole(text):
    with pytest.raises(BadPayloadError, match=r"daily\.xml"):
        read_xml(text.encode(), name="daily.xml")


def test_the_days_of_a_newer_file_take_the_place_of_those_there_were():
    old = read_history(
        b"Date,JPY,USD,BGN,\n2026-11-19,1,2,N/A,\n2025-12-31,184.09,1.175,1.9558,\n", name="h.csv"
    )
    both = old.renewed(read_xml(document(["2026-11-19"]).encode(), name="90d.xml"))
    assert both.days == [date(2025, 12, 31), DAY]
    assert both.look("USD", DAY).value == Decimal("1.117")
    assert both.look("BGN", date(2025, 12, 31)).value == Decimal("1.9558")


def test_a_version_is_of_the_rates_and_their_days_alone():
    lines = b"Date,JPY,USD\n2026-11-19,1,2\n2025-12-31,184.09,1.175\n"
    known = read_history(lines, name="h.csv").version
    assert read_history(lines, name="other.csv").version == known
    for changed in (
        lines.replace(b"1.175", b"1.176"),
        lines.replace(b"12-31", b"12-30"),
        lines.replace(b"JPY,USD", b"USD,JPY"),
        lines[: lines.rindex(b"2025")],
        lines + b"2025-12-30,184,1.1\n",
    ):
        assert read_history(changed, name="h.csv").version != known


def test_an_archive_that_would_unpack_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("datasources.eurofxref.MAX_UNPACKED", 20)
    from tests.contract.vendors.ecb import history

    with pytest.raises(BadPayloadError, match="too large"):
        read_history(history(), name="h.zip")
