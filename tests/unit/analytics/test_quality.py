"""What looks wrong in a ledger, on ledgers made up by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from analytics.quality import (
    SPLIT_RATIOS,
    Close,
    Code,
    Copy,
    Deal,
    Severity,
    Split,
    Subject,
    duplicates,
    entry_currencies,
    future_dates,
    missing_acquisition,
    prices_off,
    quote_currency,
    split_like,
    unbooked_splits,
    worst_first,
)

NOON = datetime(2024, 4, 1, 12, tzinfo=UTC)
DAY = NOON.date()
ACME = Subject(id=7, symbol="ACME", currency="USD")


def deal(price, *, number=1, quantity=10, currency="USD"):
    return Deal(
        id=number, at=NOON, quantity=Decimal(quantity), price=Decimal(price), currency=currency
    )


def closes(*prices, adjusted=False, currency="USD"):
    return [
        Close(
            day=DAY + timedelta(number), price=Decimal(price), currency=currency, adjusted=adjusted
        )
        for number, price in enumerate(prices)
    ]


def split(new, old, *, after=0):
    return Split(day=DAY + timedelta(after), new=Decimal(new), old=Decimal(old))


def jumps(series, *, held=10, splits=()):
    return unbooked_splits(ACME, series, held=lambda _: Decimal(held), splits=splits)


def off(booked, close, *, splits=()):
    return prices_off(ACME, [booked], closes={DAY: close}, splits=splits)


@pytest.mark.parametrize(
    ("ratio", "units"),
    [
        ("2", (2, 1)),
        ("1.92", (2, 1)),
        ("1.5", (3, 2)),
        ("0.0667", (1, 15)),
        ("0.6667", (2, 3)),
        ("104", (100, 1)),
        ("1", None),
        ("0.699", (2, 3)),
        ("0.701", None),
        ("1.424", None),
        ("1.425", (3, 2)),
        ("1.7", None),
        ("6", None),
        ("0", None),
    ],
)
def test_a_ratio_is_like_a_split_within_five_per_cent(ratio, units):
    assert split_like(Decimal(ratio)) == (units and tuple(map(Decimal, units)))


def test_no_ratio_is_like_two_splits():
    bounds = sorted(
        (new / old * Decimal("0.95"), new / old * Decimal("1.05")) for new, old in SPLIT_RATIOS
    )
    assert all(one[1] < other[0] for one, other in pairwise(bounds))


def test_a_close_that_halves_while_units_are_held_looks_like_a_split():
    (found,) = jumps(closes(100, 51, 50))
    assert (found.code, found.severity) == (Code.SPLIT_NOT_BOOKED, Severity.WARNING)
    assert found.instrument_id == 7
    assert found.repair.mutation == "recordCorporateAction"
    assert found.repair.arguments == {
        "kind": "SPLIT",
        "symbol": "ACME",
        "newUnits": "2",
        "oldUnits": "1",
        "occurredAt": "2024-04-02T00:00:00Z",
    }


def test_a_close_that_rises_tenfold_looks_like_a_reverse_split():
    (found,) = jumps(closes("0.2", 2))
    assert found.repair.arguments["newUnits"] == "1"
    assert found.repair.arguments["oldUnits"] == "10"


def test_a_jump_without_units_or_near_a_booked_split_is_no_finding():
    assert jumps(closes(100, 50), held=0) == []
    assert jumps(closes(100, 50), splits=[split(2, 1, after=6)]) == []
    assert len(jumps(closes(100, 50), splits=[split(2, 1, after=7)])) == 1


@pytest.mark.parametrize(
    ("booked", "close", "repaired"),
    [("521", "5.20", "5.21"), ("5.21", "520", "521"), ("117", "1", "1.17")],
)
def test_a_price_a_hundred_times_off_is_an_error(booked, close, repaired):
    (found,) = off(deal(booked), closes(close)[0])
    assert (found.code, found.severity) == (Code.PRICE_OFF_BY_100, Severity.ERROR)
    assert found.repair.entry_id == 1
    assert found.repair.arguments == {"price": repaired}


def test_a_price_and_units_adjusted_for_a_later_split_are_told_against_closes_as_traded():
    # Booked 40 at 25 where 10 at 100 were traded.
    (found,) = off(deal(25, quantity=40), closes(100)[0])
    assert (found.code, found.severity) == (Code.PRICE_OFF_BY_SPLIT, Severity.WARNING)
    assert found.repair.mutation == "updateTransaction"
    assert found.repair.arguments == {"quantity": "10", "price": "100"}


def test_a_price_as_traded_tells_a_split_against_closes_that_are_adjusted_for_it():
    (found,) = off(deal(100), closes(25, adjusted=True)[0])
    assert found.repair.mutation == "recordCorporateAction"
    assert found.repair.arguments == {
        "kind": "SPLIT",
        "symbol": "ACME",
        "newUnits": "4",
        "oldUnits": "1",
    }


def test_a_booked_split_explains_adjusted_closes_of_before():
    adjusted = closes(25, adjusted=True)[0]
    assert off(deal(100), adjusted, splits=[split(4, 1, after=30)]) == []
    # One of the day itself has happened by its close.
    assert len(off(deal(100), adjusted, splits=[split(4, 1)])) == 1


@pytest.mark.parametrize(
    ("booked", "close"),
    [
        (deal(103), closes(100)[0]),
        (deal(170), closes(100)[0]),
        (deal(0), closes(100)[0]),
        (deal(10_000, currency="EUR"), closes(100)[0]),
    ],
)
def test_an_ordinary_price_a_free_unit_and_another_currency_prove_nothing(booked, close):
    assert off(booked, close) == []


def test_without_a_close_of_the_day_a_price_is_not_judged():
    assert prices_off(ACME, [deal(1)], closes={}, splits=[]) == []


def test_missing_units_are_summed_and_booked_before_they_were_first_taken():
    lacks = [(4, NOON + timedelta(9), Decimal("0.5")), (3, NOON, Decimal(2))]
    found = missing_acquisition(ACME, lacks)
    assert (found.code, found.severity) == (Code.MISSING_ACQUISITION, Severity.ERROR)
    assert (found.missing, found.entry_ids) == (Decimal("2.5"), (4, 3))
    assert found.repair.mutation == "recordDelivery"
    assert found.repair.arguments == {
        "direction": "IN",
        "symbol": "ACME",
        "quantity": "2.5",
        "occurredAt": "2024-04-01T00:00:00Z",
    }


def test_an_entry_of_tomorrow_is_an_error_and_one_of_now_is_none():
    entries = [(1, None, NOON), (2, 7, NOON + timedelta(days=1))]
    (found,) = future_dates(entries, latest=NOON)
    assert (found.code, found.severity) == (Code.FUTURE_DATE, Severity.ERROR)
    assert (found.entry_ids, found.instrument_id) == ((2,), 7)
    assert (found.repair.mutation, found.repair.entry_id) == ("updateTransaction", 2)


def test_the_later_of_two_alike_is_offered_for_voiding():
    alike, other = ("BUY", 7, DAY), ("BUY", 7, date(2024, 4, 2))
    copies = [
        Copy(id=3, external_id=None, content=alike),
        Copy(id=2, external_id="a", content=alike),
        Copy(id=1, external_id=None, content=other),
    ]
    (found,) = duplicates(copies, {1: 7, 2: 7, 3: 7})
    assert (found.code, found.severity) == (Code.DUPLICATE, Severity.WARNING)
    assert found.entry_ids == (2, 3)
    assert (found.repair.mutation, found.repair.entry_id) == ("voidTransaction", 3)


def test_two_alike_that_another_system_tells_apart_may_be_meant():
    copies = [Copy(id=key, external_id=str(key), content=("DIVIDEND",)) for key in (1, 2)]
    (found,) = duplicates(copies, {1: None, 2: None})
    assert found.severity is Severity.INFO


def test_trades_in_another_currency_are_told_together():
    deals = [
        deal(1, number=1),
        deal(1, number=2, currency="EUR"),
        deal(2, number=3, currency="EUR"),
    ]
    (found,) = entry_currencies(ACME, deals)
    assert (found.severity, found.entry_ids) == (Severity.INFO, (2, 3))
    assert found.repair.arguments == {"currency": "USD"}


def test_a_quote_in_another_currency_is_an_error_that_no_mutation_repairs():
    assert quote_currency(ACME, "USD") == []
    (found,) = quote_currency(ACME, "EUR")
    assert (found.code, found.severity) == (Code.QUOTE_CURRENCY_MISMATCH, Severity.ERROR)
    assert found.repair is None


def test_the_worst_come_first():
    mild = entry_currencies(ACME, [deal(1, currency="EUR")])
    bad = jumps(closes(100, 50))
    worst = [*quote_currency(ACME, "EUR"), missing_acquisition(ACME, [(1, NOON, Decimal(1))])]
    assert [one.code for one in worst_first([*mild, *bad, *worst])] == [
        Code.MISSING_ACQUISITION,
        Code.QUOTE_CURRENCY_MISMATCH,
        Code.SPLIT_NOT_BOOKED,
        Code.ENTRY_CURRENCY_MISMATCH,
    ]
