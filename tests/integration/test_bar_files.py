"""Loading price files in bulk, on SQLite and PostgreSQL."""

from datetime import date
from decimal import Decimal

import pytest

from datasources.errors import BadPayloadError
from models.market import BarRange, SeriesKey
from services.bar_files import LoadedBars, Loading, load_bars
from services.stored_bars import StoredHistory
from tests.conftest import NOW

WIDE = "Date,AAA,BBB.L\n2024-05-06,10,5\n2024-05-07,11,\n2024-05-08,12,7\n"
LONG = (
    "date,symbol,close,open,high,low,volume,currency\n2024-05-06,PENNY.L,520,510,530,500,1000,GBp\n"
)
FIRST, LAST = date(2024, 5, 6), date(2024, 5, 8)


@pytest.fixture
def load(database, tmp_path):
    async def run(text, name="prices.csv", **how):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return await load_bars(database, [tmp_path / name], how=Loading(**how), now=NOW)

    return run


async def stored(database, symbol, *, source="loaded", adjusted=True):
    key = SeriesKey(symbol=symbol, source=source, adjusted=adjusted)
    wanted = BarRange(key=key, first=FIRST, last=LAST)
    return (await StoredHistory(database).bars([wanted]))[wanted]


async def test_a_file_becomes_a_series_for_each_symbol(database, load):
    assert await load(WIDE) == LoadedBars(symbols=2, added=5)
    assert [bar.close for bar in await stored(database, "AAA")] == [10, 11, 12]
    assert [bar.day for bar in await stored(database, "BBB.L")] == [FIRST, LAST]
    ((series,),) = (await StoredHistory(database).series(["AAA"])).values()
    assert (series.first, series.last, series.checked_at) == (FIRST, LAST, NOW)


async def test_the_same_file_again_changes_nothing_and_a_corrected_one_what_differs(load):
    await load(WIDE)
    assert await load(WIDE) == LoadedBars(symbols=2, unchanged=5)
    corrected = WIDE.replace("2024-05-07,11,", "2024-05-07,11.5,6")
    assert await load(corrected) == LoadedBars(symbols=2, added=1, changed=1, unchanged=4)


async def test_prices_are_stored_in_major_units_with_all_there_is_of_a_day(database, load):
    await load(LONG, source="broker")
    (bar,) = await stored(database, "PENNY.L", source="broker", adjusted=False)
    assert (bar.close, bar.open, bar.high, bar.low) == (
        Decimal("5.2"),
        Decimal("5.1"),
        Decimal("5.3"),
        5,
    )
    assert (bar.volume, bar.currency, bar.adjusted) == (1000, "GBP", False)


async def test_raw_and_adjusted_and_sources_stay_apart(database, load):
    await load(WIDE)
    await load(WIDE.replace(",10,", ",20,"), adjusted=False)
    await load(WIDE.replace(",10,", ",30,"), source="other")
    assert (await stored(database, "AAA"))[0].close == 10
    assert (await stored(database, "AAA", adjusted=False))[0].close == 20
    assert (await stored(database, "AAA", source="other"))[0].close == 30


async def test_a_bad_file_changes_nothing_and_names_itself_and_the_line(database, load):
    with pytest.raises(BadPayloadError, match=r"bad\.csv line 4"):
        await load(WIDE.replace("2024-05-08,12", "2024-05-08,twelve"), name="bad.csv")
    assert await StoredHistory(database).series(["AAA"]) == {}


async def test_a_file_that_goes_on_extends_what_is_known(database, load):
    await load(WIDE)
    await load("Date,AAA\n2024-05-09,13\n")
    ((series,),) = (await StoredHistory(database).series(["AAA"])).values()
    assert (series.first, series.last) == (FIRST, date(2024, 5, 9))
