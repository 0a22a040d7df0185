"""Expected values are read off the published history by hand: units of a currency for one euro."""

import asyncio
import zipfile
from datetime import date
from decimal import Decimal

import pytest

from datasources.errors import BadPayloadError
from datasources.providers.ecb import Ecb
from datasources.rates import crosses
from models.market import EuroRate, RateQuestion


@pytest.fixture(scope="module")
def ecb():
    return Ecb()


def ask(ecb, base, target, day):
    question = RateQuestion(base=base, target=target, day=date.fromisoformat(day))
    return asyncio.run(ecb.rates([question])).get(question)


def test_a_euro_in_dollars_is_the_published_rate(ecb):
    rate = ask(ecb, "EUR", "USD", "2026-10-30")
    assert (rate.value, rate.day, rate.source) == (Decimal("1.1172"), date(2026, 10, 30), "ECB")


def test_a_dollar_in_euros_is_the_inverse_to_28_digits(ecb):
    # 1 / 1.1172, by long division
    assert ask(ecb, "USD", "EUR", "2026-10-30").value == Decimal("0.8950948800572860723236663086")


def test_a_cross_rate_divides_two_legs_of_the_same_day_and_names_them(ecb):
    # 2022-12-30: one euro is 1.0666 dollars or 0.88693 pounds
    rate = ask(ecb, "USD", "GBP", "2022-12-30")
    assert rate.value * Decimal("1.0666") == pytest.approx(Decimal("0.88693"), abs=Decimal("1e-27"))
    day = date(2022, 12, 30)
    assert rate.legs == (
        EuroRate(currency="USD", day=day, value=Decimal("1.0666"), source="ECB"),
        EuroRate(currency="GBP", day=day, value=Decimal("0.88693"), source="ECB"),
    )


def test_a_weekend_gets_the_friday_before_and_says_so(ecb):
    rate = ask(ecb, "EUR", "USD", "2026-10-25")  # a Sunday
    assert (rate.value, rate.day) == (Decimal("1.1193"), date(2026, 10, 23))


def test_a_day_after_the_file_gets_its_last_day_and_says_so(ecb):
    rate = ask(ecb, "EUR", "JPY", "2027-06-01")
    assert (rate.value, rate.day) == (Decimal("175.68"), date(2026, 10, 30))


def test_the_first_day_is_served_and_the_day_before_is_not(ecb):
    assert ask(ecb, "EUR", "USD", "1999-01-04").value == Decimal("1.1789")
    assert ask(ecb, "EUR", "USD", "1999-01-03") is None


@pytest.mark.parametrize(
    ("day", "published"),
    [
        ("2022-03-01", date(2022, 3, 1)),
        ("2022-03-08", date(2022, 3, 1)),  # seven days on
        ("2022-03-09", None),
        ("2026-10-30", None),
    ],
)
def test_a_suspended_currency_is_carried_for_a_week_and_then_missing(ecb, day, published):
    rate = ask(ecb, "EUR", "RUB", day)
    assert (rate and rate.day) == published


def test_a_currency_that_returns_is_missing_only_in_between(ecb):
    assert ask(ecb, "EUR", "ISK", "2008-12-09").value == Decimal(290)
    assert ask(ecb, "EUR", "ISK", "2009-06-01") is None
    assert ask(ecb, "EUR", "ISK", "2018-01-31") is None
    assert ask(ecb, "EUR", "ISK", "2018-02-01").value == Decimal("125.01")


def test_both_legs_are_of_a_day_that_has_both(ecb):
    # Dollars were published on 2022-03-04, roubles last on 2022-03-01 (1.1162 and 117.201).
    rate = ask(ecb, "USD", "RUB", "2022-03-04")
    assert rate.day == date(2022, 3, 1)
    assert {leg.value for leg in rate.legs} == {Decimal("1.1162"), Decimal("117.201")}


def test_a_currency_that_joined_the_euro_keeps_its_fixed_rate(ecb):
    assert ask(ecb, "EUR", "BGN", "2025-12-31").value == Decimal("1.9558")
    assert ask(ecb, "EUR", "BGN", "2026-01-02").value == Decimal("1.95583")
    assert ask(ecb, "EUR", "HRK", "2022-12-30").value == Decimal("7.5365")
    assert ask(ecb, "EUR", "HRK", "2026-10-30").value == Decimal("7.53450")


def test_redenominated_currencies_end_with_their_code(ecb):
    assert ask(ecb, "EUR", "TRL", "2026-10-30") is None
    assert ask(ecb, "EUR", "TRY", "2026-10-30").value == Decimal("55.8015")


@pytest.mark.parametrize("currency", ["AED", "usd", "", "Date", "N/A"])
def test_an_unknown_currency_is_absent(ecb, currency):
    assert ask(ecb, "EUR", currency, "2026-10-30") is None


def test_many_questions_at_once_load_the_file_once(monkeypatch):
    ecb, reads = Ecb(), []
    read = ecb._read
    monkeypatch.setattr(ecb, "_read", lambda: reads.append(1) or read())
    question = RateQuestion(base="EUR", target="USD", day=date(2026, 10, 30))

    async def ask_together():
        return await asyncio.gather(*(ecb.rates([question]) for _ in range(20)))

    answers = asyncio.run(ask_together())
    assert len(reads) == 1
    assert all(answer == answers[0] for answer in answers)


def file_of(tmp_path, text, name="rates.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Ecb(path)


def test_a_plain_history_file_is_read_like_its_zip(tmp_path):
    ecb = file_of(tmp_path, "Date,USD,JPY,\n2026-11-19,1.117,175.65,\n2026-11-18,1.11,N/A,\n")
    assert ask(ecb, "EUR", "USD", "2026-11-19").value == Decimal("1.117")
    assert ask(ecb, "EUR", "JPY", "2026-11-18") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!DOCTYPE html><html><body>Maintenance</body></html>",
        "Date,USD,\n",
        "Date,USD,\nyesterday,1.1,\n",
        b"\xff\xfe\x00garbage",
    ],
)
def test_a_file_in_another_form_is_refused_by_name(tmp_path, text):
    with pytest.raises(BadPayloadError, match=r"rates\.csv"):
        ask(file_of(tmp_path, text), "EUR", "USD", "2026-11-19")


@pytest.mark.parametrize("cell", ["one", "NaN", "Infinity", "1_0", "1e400", "-1.1"])
def test_a_cell_that_is_no_rate_is_refused_and_never_served(tmp_path, cell):
    ecb = file_of(tmp_path, f"Date,USD,\n2026-11-19,{cell},\n")
    with pytest.raises(BadPayloadError, match=r"rates\.csv"):
        ask(ecb, "EUR", "USD", "2026-11-19")


def test_a_rate_of_zero_is_as_good_as_none(tmp_path):
    ecb = file_of(tmp_path, "Date,USD,\n2026-11-19,0,\n2026-11-18,1.11,\n")
    assert ask(ecb, "USD", "EUR", "2026-11-19").day == date(2026, 11, 18)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(BadPayloadError, match=r"gone\.zip"):
        ask(Ecb(tmp_path / "gone.zip"), "EUR", "USD", "2026-11-19")


def test_a_damaged_zip_is_refused_by_name(tmp_path):
    path = tmp_path / "rates.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rates.csv", "Date,USD,\n" + "2026-11-19,1.117,\n" * 200)
    raw = bytearray(path.read_bytes())
    raw[45:60] = b"\xff" * 15  # within the packed data
    for damaged in (bytes(raw), bytes(raw[:60]), b"PK"):
        with pytest.raises(BadPayloadError, match=r"rates\.zip"):
            ask(file_of(tmp_path, damaged, "rates.zip"), "EUR", "USD", "2026-11-19")


def test_all_that_was_published_between_two_days_makes_the_rates_of_each_of_them(ecb):
    first, last = date(2022, 12, 23), date(2023, 1, 3)
    legs = asyncio.run(ecb.euro_rates(["USD", "HRK", "XXX"], first=first, last=last))
    assert legs.keys() == {"USD", "HRK"}
    for base, target in (("USD", "EUR"), ("EUR", "USD"), ("HRK", "USD")):
        found = crosses(base, target, legs=legs)
        assert [day.day for day, _ in found] == [23, 27, 28, 29, 30, 2, 3]
        for day, value in found:
            assert value == ask(ecb, base, target, day.isoformat()).value


def test_a_day_on_which_one_leg_is_missing_makes_no_rate():
    legs = {
        "USD": [EuroRate(currency="USD", day=date(2024, 1, day), value=Decimal(2), source="t")
                for day in (2, 3)],
        "GBP": [EuroRate(currency="GBP", day=date(2024, 1, 3), value=Decimal(1), source="t")],
    }  # fmt: skip
    assert crosses("USD", "GBP", legs=legs) == [(date(2024, 1, 3), Decimal("0.5"))]
    assert crosses("EUR", "CHF", legs=legs) == []
