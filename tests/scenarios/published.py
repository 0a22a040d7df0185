"""Trades and figures that others have published: what they booked, and what they print for it.

Each example names its source. Only figures that the source prints are expected, to the decimals
it prints them with. Where a source counts something in another way than FolioQL, its ``note``
says so.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from analytics.events import Method
from models.transactions import Kind

FIFO, LIFO, HIFO, AVERAGE, SPECIFIC = Method

Entry = dict[str, Any]
Part = tuple[Decimal, Decimal]
"""Units, and what they cost."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example; figures of instruments are by name, ``two/A`` is A in the second portfolio.

    ``open`` has lots and ``closed`` what was relieved, both as units and cost; ``dates`` are those
    of open lots, ``units`` and ``cost`` are sums. ``gains`` are by closing, ``gain`` is their sum, ``currency_gain`` the part
    of it that the exchange rate made. ``worth`` is a price and a rate, which ``unrealized`` and
    ``unrealized_currency`` go with. With ``fees_apart`` costs and proceeds are before fees.
    """

    source: str
    where: str
    entries: tuple[Entry, ...]
    method: Method = FIFO
    places: int | None = None
    fees_apart: bool = False
    open: dict[str, list[Part]] = field(default_factory=dict)
    dates: dict[str, list[date]] = field(default_factory=dict)
    closed: dict[str, list[Part]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    cost: dict[str, str] = field(default_factory=dict)
    cost_base: dict[str, str] = field(default_factory=dict)
    gains: dict[str, list[str]] = field(default_factory=dict)
    gain: dict[str, str] = field(default_factory=dict)
    gain_base: dict[str, str] = field(default_factory=dict)
    currency_gain: dict[str, str] = field(default_factory=dict)
    days: dict[str, list[int]] = field(default_factory=dict)
    worth: tuple[str, str] = ("0", "1")
    unrealized: dict[str, str] = field(default_factory=dict)
    unrealized_currency: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    note: str = ""


def at(units: str | int, price: str | int) -> Part:
    """Return units and what they cost at a price per unit."""
    return Decimal(units), Decimal(units) * Decimal(price)


def costing(units: str | int, cost: str | int) -> Part:
    """Return units and what they cost together."""
    return Decimal(units), Decimal(cost)


def _entry(kind: Kind, on: str, **columns: Any) -> Entry:
    return {"kind": kind, "on": on, "of": "A"} | columns


def buy(on: str, quantity: Any, price: Any = None, **more: Any) -> Entry:
    """Book a purchase."""
    return _entry(Kind.BUY, on, quantity=quantity, price=price, **more)


def sell(on: str, quantity: Any, price: Any = None, **more: Any) -> Entry:
    """Book a sale."""
    return _entry(Kind.SELL, on, quantity=quantity, price=price, **more)


def short(on: str, quantity: Any, price: Any = None, **more: Any) -> Entry:
    """Book a short sale."""
    return _entry(Kind.SHORT, on, quantity=quantity, price=price, **more)


def deliver(on: str, quantity: Any, amount: Any, **more: Any) -> Entry:
    """Book units that came in without cash; the amount is before fee and tax."""
    return _entry(Kind.DELIVERY_IN, on, quantity=quantity, amount=amount, **more)


def remove(on: str, quantity: Any, amount: Any, **more: Any) -> Entry:
    """Book units that went out without cash for what they were worth."""
    return _entry(Kind.DELIVERY_OUT, on, quantity=quantity, amount=amount, **more)


def transfer(on: str, quantity: Any) -> tuple[Entry, Entry]:
    """Book both halves of a transfer from the first portfolio to the second."""
    return (
        _entry(Kind.TRANSFER_OUT, on, quantity=quantity),
        _entry(Kind.TRANSFER_IN, on, quantity=quantity, of="two/A", arrives=True),
    )


def split(on: str, new: Any, old: Any, **more: Any) -> Entry:
    """Book a split, or a reverse one, with cash for the fraction that remains."""
    return _entry(Kind.SPLIT, on, ratio_new=new, ratio_old=old, **more)


def exchange(on: str, new: Any, old: Any, **more: Any) -> Entry:
    """Book an exchange of all units of A for units of B."""
    return _entry(Kind.SYMBOL_CHANGE, on, into="B", ratio_new=new, ratio_old=old, **more)


def merger(on: str, new: Any, old: Any, **more: Any) -> Entry:
    """Book an exchange of all units of A for units of B and cash."""
    return _entry(Kind.MERGER, on, into="B", ratio_new=new, ratio_old=old, **more)


def spin_off(on: str, new: Any, old: Any, **more: Any) -> Entry:
    """Book units of B that holders of A get."""
    return _entry(Kind.SPIN_OFF, on, **({"into": "B"} | more), ratio_new=new, ratio_old=old)


def reinvest(on: str, quantity: Any, amount: Any) -> Entry:
    """Book a dividend that bought units."""
    return _entry(Kind.DIVIDEND_REINVESTED, on, quantity=quantity, amount=amount)


def repay(on: str, amount: Any) -> Entry:
    """Book a return of capital."""
    return _entry(Kind.RETURN_OF_CAPITAL, on, amount=amount)


BEANCOUNT = "github.com/beancount/beancount beancount/parser/booking_full_test.py"
HLEDGER = "github.com/simonmichael/hledger hledger/test/journal"
PORTFOLIO_PERFORMANCE = (
    "github.com/portfolio-performance/portfolio "
    "name.abuchen.portfolio.tests/src/name/abuchen/portfolio/snapshot"
)
GHOSTFOLIO = (
    "github.com/ghostfolio/ghostfolio "
    "apps/api/src/app/portfolio/calculator/roai/portfolio-calculator"
)
ROTKI = "github.com/rotki/rotki rotkehlchen/tests/unit/test_cost_basis.py"
RP2 = "github.com/eprbell/rp2 tests/test_accounting_method.py"
ACB = "adjustedcostbase.ca/blog"

# Beancount.

_HOOL = (
    buy("2015-10-02", 5, "111.11"),
    buy("2015-10-01", 4, "100.00"),
    buy("2015-10-03", 6, "122.22"),
)
_EARLY = "The source reduces on a day before those of the lots, which its booking does not look at."


def _hool(name: str, method: Method, sold: int, **expected: Any) -> Example:
    return Example(
        source=f"Beancount, test_ambiguous__{method.name}__{name}",
        where=BEANCOUNT,
        entries=(*_HOOL, sell("2016-02-22", sold, 0)),
        method=method,
        note=_EARLY,
        **{key: {"A": parts} for key, parts in expected.items()},
    )


def _merged(name: str, lots: list[tuple[int, str]], sold: int, left: Part) -> Example:
    return Example(
        source=f"Beancount, test_ambiguous__AVERAGE__{name}",
        where=BEANCOUNT,
        entries=(
            *(buy("2015-10-01", units, price) for units, price in lots),
            sell("2016-06-01", sold, 0),
        ),
        method=AVERAGE,
        units={"A": str(left[0])},
        cost={"A": str(left[1])},
        note="The source keeps this test for a method that it has not switched on.",
    )


_BEANCOUNT = [
    _hool(
        "test_match_against_complete_first_lot",
        FIFO,
        4,
        closed=[at(4, "100.00")],
        open=[at(5, "111.11"), at(6, "122.22")],
    ),
    _hool(
        "test_partial_match_against_first_two_lots",
        FIFO,
        7,
        closed=[at(4, "100.00"), at(3, "111.11")],
        open=[at(2, "111.11"), at(6, "122.22")],
    ),
    _hool(
        "test_partial_match_against_first_three_lots",
        FIFO,
        12,
        closed=[at(4, "100.00"), at(5, "111.11"), at(3, "122.22")],
        open=[at(3, "122.22")],
    ),
    _hool(
        "test_complete_match_against_first_three_lots",
        FIFO,
        15,
        closed=[at(4, "100.00"), at(5, "111.11"), at(6, "122.22")],
        open=[],
    ),
    _hool(
        "test_match_against_partial_first_lot",
        LIFO,
        2,
        closed=[at(2, "122.22")],
        open=[at(4, "100.00"), at(5, "111.11"), at(4, "122.22")],
    ),
    _hool(
        "test_partial_match_against_first_two_lots",
        LIFO,
        7,
        closed=[at(6, "122.22"), at(1, "111.11")],
        open=[at(4, "100.00"), at(4, "111.11")],
    ),
    _hool(
        "test_partial_match_against_first_three_lots",
        LIFO,
        12,
        closed=[at(6, "122.22"), at(5, "111.11"), at(1, "100.00")],
        open=[at(3, "100.00")],
    ),
    Example(
        source="Beancount, TestBookCrossover",
        where=BEANCOUNT,
        entries=(short("2015-10-02", 1, "110.00"), buy("2016-02-22", 2, "112.00")),
        closed={"A": [at(-1, "110.00")]},
        open={"A": [at(1, "112.00")]},
        note="The source keeps this test for crossing zero, which it does not do yet.",
    ),
    _merged("simple_merge2_match1", [(50, "100.00"), (50, "101.00")], 49, at(51, "100.50")),
    _merged("simple_merge2_match2_b", [(60, "100.00"), (40, "110.00")], 20, at(80, "104.00")),
    _merged(
        "simple_merge3_match1",
        [(50, "100.00"), (50, "101.00"), (50, "102.00")],
        49,
        at(101, "101.00"),
    ),
    Example(
        source="Beancount group: capital gains with both commissions",
        where="groups.google.com/d/msgid/beancount/8ECDDC0D-41C1-47B3-A7D2-68921B64F5E6",
        entries=(
            buy("2023-06-18", 10, "10.00", fee="10.00"),
            sell("2023-07-21", 10, "12.00", fee="10.00"),
        ),
        gain={"A": "0"},
    ),
    Example(
        source="Beancount group: half of the shares, and half of their commission",
        where="groups.google.com/d/msgid/beancount/8ECDDC0D-41C1-47B3-A7D2-68921B64F5E6",
        entries=(
            buy("2023-06-18", 20, "10.00", fee="10.00"),
            sell("2023-07-21", 10, "12.00", fee="10.00"),
        ),
        gain={"A": "5"},
        note="Printed as -5: income has a negative sign there.",
    ),
    Example(
        source="Notes on capital gains (beancount 1.0): the average of two purchases",
        where="F. Tampieri to M. Blais, 2008, in the beancount-1.0 package",
        entries=(
            buy("2008-01-01", 100, 40),
            buy("2008-01-02", 100, 60),
            sell("2008-01-03", 50, 70),
        ),
        method=AVERAGE,
        gain={"A": "1000"},
        open={"A": [at(50, 50), at(100, 50)]},
        note="USD 20 a share, and 150 left at USD 50.",
    ),
]

# Ledger and hledger.


def _hledger(name: str, file: str, entries: tuple[Entry, ...], **expected: Any) -> Example:
    return Example(
        source=f"hledger, {name}",
        where=f"{HLEDGER}/{file}.test",
        entries=entries,
        **expected,
    )


_AAPL = (buy("2026-01-15", 10, 50), buy("2026-02-01", 10, 50))

_LEDGER = [
    _hledger(
        "LIFO disposal via commodity tag: newest lot consumed first",
        "lots-methods",
        (*_AAPL, sell("2026-03-01", 15, 55)),
        method=LIFO,
        open={"A": [at(5, 50)]},
        gain={"A": "75"},
        dates={"A": [date(2026, 1, 15)]},
    ),
    _hledger(
        "bare lots tag defaults to FIFO: oldest lot consumed first",
        "lots-methods",
        (*_AAPL, sell("2026-03-01", 15, 55)),
        open={"A": [at(5, 50)]},
        gain={"A": "75"},
        dates={"A": [date(2026, 2, 1)]},
    ),
    _hledger(
        "FIFO1 disposal: per-account scope, oldest first",
        "lots-methods",
        (
            buy("2026-01-15", 10, 50),
            buy("2026-02-01", 5, 50, of="two/A"),
            sell("2026-03-01", 10, 50),
        ),
        open={"A": [], "two/A": [at(5, 50)]},
    ),
    _hledger(
        "LIFO transfer: lots are transferred newest first",
        "lots-methods",
        (buy("2026-01-15", 10, 50), buy("2026-02-01", 5, 50), *transfer("2026-03-01", 8)),
        method=LIFO,
        open={"A": [at(7, 50)], "two/A": [at(3, 50), at(5, 50)]},
        dates={"A": [date(2026, 1, 15)], "two/A": [date(2026, 1, 15), date(2026, 2, 1)]},
    ),
    _hledger(
        "FIFO multi-lot disposal",
        "lots-dispose",
        (buy("2026-01-15", 10, 50), buy("2026-02-01", 10, 60), sell("2026-03-01", 15, 55)),
        open={"A": [at(5, 60)]},
        gain={"A": "25"},
    ),
    _hledger(
        "implicit multi-lot disposal",
        "lots-dispose",
        (buy("2026-01-15", 10, 50), buy("2026-02-01", 10, 55), sell("2026-03-01", 15, amount=900)),
        closed={"A": [at(10, 50), at(5, 55)]},
        gain={"A": "125"},
    ),
    _hledger(
        "bare acquire followed by transfer",
        "lots-transfer-entries",
        (buy("2000-01-01", 1, 100), *transfer("2000-01-01", "0.02")),
        open={"A": [at("0.98", 100)], "two/A": [at("0.02", 100)]},
        note="Printed is what is transferred; the rest stays.",
    ),
    Example(
        source="Ledger manual: Buying and Selling Stock",
        where="git.casenave.fr/sfos/ledger commit dedec9de709fd91922466fedd83e0a73b2320496",
        entries=(
            buy("2004-05-01", 50, "30.00", fee="19.95"),
            sell("2005-08-01", 50, "50.00", fee="19.95"),
        ),
        fees_apart=True,
        gain={"A": "1000.00"},
    ),
    Example(
        source="Ledger mailing list: the commission of the purchase counts too",
        where="mail-archive.com/ledger-cli@googlegroups.com/msg05390.html",
        entries=(buy("2014-06-10", 10, 160, fee="9.95"), sell("2014-06-11", 10, 170, fee="9.95")),
        gain={"A": "80.10"},
        closed={"A": [at(10, "160.995")]},
    ),
]

# Portfolio Performance.

_FIFO_1 = (
    buy("2010-01-01", 109, amount="3149.20"),
    sell("2010-02-01", 15, amount="531.50"),
    buy("2010-03-01", 52, amount="1684.92"),
    buy("2010-03-01", 32, amount="959.30"),
)
_FIFO_2 = (
    buy("2010-01-01", 109, amount="3149.20"),
    buy("2010-02-01", 52, amount="1684.92"),
    sell("2010-03-01", 15, amount="531.50"),
)
_FOREX = (
    deliver("2024-01-01", 100, 5000, rate="0.90"),
    deliver("2024-02-01", 50, 3000, rate="0.85"),
    remove("2024-03-01", 50, 3500, rate="0.88"),
)
_TWO_TENS = (buy("2021-01-01", 10, amount=100), buy("2021-02-01", 10, amount=200))
_WITH_FEES = (
    deliver("2022-01-01", 5, 500, fee=10, tax=10),
    deliver("2022-02-01", 10, 1000),
    remove("2022-03-01", 10, 1500, fee=10, tax=10),
)


def _performance(name: str, file: str, entries: tuple[Entry, ...], **expected: Any) -> Example:
    return Example(
        source=f"Portfolio Performance, {name}",
        where=f"{PORTFOLIO_PERFORMANCE}/{file}.java",
        entries=entries,
        **expected,
    )


_PERFORMANCE = [
    *(
        _performance(
            "testFifoBuySellTransactions",
            "security/CostCalculationTest",
            _FIFO_1,
            method=method,
            places=2,
            cost={"A": "5360.04"},
            gain={"A": "98.12"},
            worth=("100", "1"),
            unrealized={"A": "12439.96"},
        )
        for method in (FIFO, AVERAGE)
    ),
    _performance(
        "testFifoBuySellTransactions2",
        "security/CapitalGainsCalculationTest",
        _FIFO_2,
        places=2,
        cost={"A": "4400.74"},
        gain={"A": "98.12"},
        worth=("100", "1"),
        unrealized={"A": "10199.26"},
    ),
    _performance(
        "testFifoBuySellTransactions2, moving average",
        "security/CapitalGainsCalculationTest",
        _FIFO_2,
        method=AVERAGE,
        places=2,
        cost={"A": "4383.74"},
        gain={"A": "81.12"},
        worth=("100", "1"),
        unrealized={"A": "10216.26"},
    ),
    _performance(
        "testFifoBuySellTransactions3: dollars in euros",
        "security/CapitalGainsCalculationTest",
        _FOREX,
        gain_base={"A": "830"},
    ),
    _performance(
        "testFifoBuySellTransactions3, moving average, with the currency's part",
        "security/CapitalGainsCalculationTest",
        _FOREX,
        method=AVERAGE,
        places=2,
        gain_base={"A": "730"},
        currency_gain={"A": "-3.33"},
        worth=("80", str(Decimal(1) / Decimal("1.1588"))),
        unrealized={"A": "2203.69"},
        unrealized_currency={"A": "-97.54"},
    ),
    *(
        _performance(
            "testThatRoundingDifferencesAreRemovedIfZeroSharesHeld",
            "security/CostCalculationTest",
            (
                buy("2010-01-01", 10, amount="0.01"),
                sell("2010-02-01", 3, amount="0.01"),
                sell("2010-03-01", 3, amount="0.01"),
                sell("2010-03-01", 4, amount="0.01"),
            ),
            method=method,
            units={"A": "0"},
            cost={"A": "0"},
        )
        for method in (FIFO, AVERAGE)
    ),
    _performance(
        "testTargetBasisDerivedFromSourceAtExDate",
        "security/SpinOffBasisDerivationTest",
        (buy("2010-01-01", 100, amount=5000), spin_off("2010-06-01", 1, 1, cost_share="0.25")),
        cost={"A": "3750", "B": "1250"},
        units={"A": "100", "B": "100"},
    ),
    _performance(
        "testSharedSnapshotCacheServesMultipleIndependentSpinOffs",
        "security/SpinOffBasisDerivationTest",
        (
            buy("2010-01-01", 100, amount=4000),
            buy("2010-01-01", 100, amount=2000, of="C"),
            spin_off("2010-06-01", 1, 10, cost_share="0.25"),
            spin_off("2010-06-01", 1, 10, cost_share="0.10", of="C", into="D"),
        ),
        cost={"A": "3000", "B": "1000", "C": "1800", "D": "200"},
    ),
    _performance(
        "testTradesProfitAndGrossProfitFIFOAndMovingAverage",
        "trades/TradeCollector6Test",
        _WITH_FEES,
        gain={"A": "460.00"},
        worth=("200", "1"),
        unrealized={"A": "500.00"},
    ),
    _performance(
        "testTradesProfitAndGrossProfitFIFOAndMovingAverage, moving average",
        "trades/TradeCollector6Test",
        _WITH_FEES,
        method=AVERAGE,
        places=2,
        gain={"A": "466.67"},
        worth=("200", "1"),
        unrealized={"A": "493.33"},
    ),
    *(
        _performance(
            "testTradesProfitAndGrossProfitFIFOAndMovingAverage, without taxes and fees",
            "trades/TradeCollector6Test",
            _WITH_FEES,
            method=method,
            places=2,
            fees_apart=True,
            gain={"A": "500.00"},
            worth=("200", "1"),
            unrealized={"A": "500.00"},
        )
        for method in (FIFO, AVERAGE)
    ),
    _performance(
        "testSaleIsSplitAcrossAllConsumedLots",
        "trades/TradeCollector7Test",
        (*_TWO_TENS, buy("2021-03-01", 10, amount=300), sell("2021-06-01", 30, amount=900)),
        gains={"A": ["200", "100", "0"]},
    ),
    _performance(
        "testPartiallyConsumedLot",
        "trades/TradeCollector7Test",
        (*_TWO_TENS, sell("2021-06-01", 15, amount=600)),
        closed={"A": [costing(10, 100), costing(5, 100)]},
        gains={"A": ["300", "100"]},
        open={"A": [costing(5, 100)]},
    ),
    _performance(
        "testSameDayLotIsAvailableButNotPreferred",
        "trades/TradeCollector7Test",
        (
            buy("2021-01-01", 10, amount=100),
            sell("2021-06-01", 10, amount=400),
            buy("2021-06-01", 10, amount=200),
        ),
        closed={"A": [costing(10, 100)]},
        open={"A": [costing(10, 200)]},
    ),
    _performance(
        "testSameDayLotIsAvailableForSameDaySale",
        "trades/TradeCollector7Test",
        (sell("2021-06-01", 10, amount=200), buy("2021-06-01", 10, amount=100)),
        gain={"A": "100"},
        days={"A": [0]},
    ),
    _performance(
        "testSameDayLotsWithTimeAreSortedByTime",
        "trades/TradeCollector7Test",
        (
            buy("2021-05-01", 10, amount=100),
            buy("2021-06-01T14:00", 10, amount=200),
            buy("2021-06-01T09:00", 10, amount=300),
            sell("2021-07-01", 20, amount=1000),
        ),
        open={"A": [costing(10, 200)]},
    ),
    _performance(
        "testBuyTransferAndSellOnOneDay",
        "trades/TradeCollector7Test",
        (
            buy("2021-06-01", 10, amount=100),
            *transfer("2021-06-01", 10),
            sell("2021-06-01", 10, amount=200, of="two/A"),
        ),
        gain={"A": "0", "two/A": "100"},
    ),
    _performance(
        "testWholeLotTransferIsAttributedToTheReceivingPortfolio",
        "trades/TradeCollector7Test",
        (*_TWO_TENS, *transfer("2021-03-01", 20)),
        open={"A": [], "two/A": [costing(10, 100), costing(10, 200)]},
    ),
    _performance(
        "testPartialTransferOfBuySellEntry",
        "trades/TradeCollector7Test",
        (*_TWO_TENS, *transfer("2021-03-01", 15)),
        open={"A": [costing(5, 100)], "two/A": [costing(10, 100), costing(5, 100)]},
    ),
    _performance(
        "testShortPositionIsSplitPerOpeningSell",
        "trades/TradeCollector7Test",
        (
            short("2026-01-01", 10, amount=1000),
            short("2026-03-01", 10, amount=900),
            buy("2026-07-01", 20, amount=1600),
        ),
        gains={"A": ["200", "100"]},
        gain={"A": "300"},
        days={"A": [181, 122]},
    ),
    _performance(
        "testShortPositionWithPartialCover",
        "trades/TradeCollector7Test",
        (
            short("2026-01-01", 10, amount=1000),
            short("2026-03-01", 10, amount=900),
            buy("2026-07-01", 15, amount=1200),
        ),
        closed={"A": [costing(-10, -1000), costing(-5, -450)]},
        gains={"A": ["200", "50"]},
        open={"A": [costing(-5, -450)]},
    ),
]

# Ghostfolio.

_GHOSTFOLIO = [
    *(
        Example(
            source=f"Ghostfolio, JNUG bought and sold twice, {side}",
            where=f"{GHOSTFOLIO}-jnug-buy-and-sell-and-buy-and-sell.spec.ts",
            entries=(
                buy("2025-12-11", 9, "209.45", fee=1),
                sell("2025-12-18", 9, "210", fee=1),
                buy("2025-12-18", 10, "204.11", fee=1),
                sell("2025-12-28", 10, "208.01", fee=1),
            ),
            fees_apart=side == "gross",
            gain={"A": figure},
        )
        for side, figure in (("gross", "43.95"), ("net", "39.95"))
    ),
    Example(
        source="Ghostfolio, NOVN.SW sold in part",
        where=f"{GHOSTFOLIO}-novn-buy-and-sell-partially.spec.ts",
        entries=(
            buy("2022-03-07", 2, "75.8", fee="2.95"),
            sell("2022-04-08", 1, "85.73", fee="1.3"),
        ),
        fees_apart=True,
        open={"A": [costing(1, "75.80")]},
    ),
    Example(
        source="Ghostfolio, NVDA bought before a split and sold after it",
        where=f"{GHOSTFOLIO}-nvda-buy-with-split-and-sell.spec.ts",
        entries=(
            buy("2024-06-03", 1, 1200),
            split("2024-06-10", 10, 1),
            sell("2024-06-14", 10, 125),
        ),
        closed={"A": [costing(10, 1200)]},
        gain={"A": "50"},
    ),
    Example(
        source="Ghostfolio, MU in ringgit: the gain of a round trip, then a new purchase",
        where=f"{GHOSTFOLIO}-multi-trade-currency-effect.spec.ts",
        entries=(
            buy("2024-01-01", 10, 100, rate=4),
            sell("2024-02-01", 10, 120, rate="4.1"),
            buy("2024-03-01", 3, 500, rate="3.9"),
        ),
        gain_base={"A": "920"},
        cost_base={"A": "5850"},
        units={"A": "3"},
    ),
    Example(
        source="Ghostfolio, BTCUSD sold short twice: the average price",
        where=f"{GHOSTFOLIO}-btcusd-short.spec.ts",
        entries=(
            short("2021-12-12", 1, "44558.42", fee="4.46"),
            short("2021-12-13", 1, "46737.48", fee="4.46"),
        ),
        method=AVERAGE,
        fees_apart=True,
        open={"A": [at(-1, "45647.95"), at(-1, "45647.95")]},
    ),
]

# rotki and RP2.

_BITCOIN = (
    buy("2015-11-08", 5, "268.1"),
    buy("2016-07-01", 15, "612.45"),
    buy("2016-10-25", 3, "603.415"),
)

_ROTKI = [
    Example(
        source="rotki, test_calculate_spend_cost_basis_after_year",
        where=ROTKI,
        entries=(*_BITCOIN, sell("2016-12-02", 8, 0)),
        closed={"A": [costing(5, "1340.5"), costing(3, "1837.35")]},
        units={"A": "15"},
    ),
    Example(
        source="rotki, test_calculate_spend_cost_basis1_buy_used_by_2_sells_taxable",
        where=ROTKI,
        entries=(_BITCOIN[0], sell("2016-07-01", 3, 0), sell("2016-07-02", 2, 0)),
        closed={"A": [costing(3, "804.3"), costing(2, "536.2")]},
        open={"A": []},
    ),
    Example(
        source="rotki, test_calculate_spend_cost_basis_sell_more_than_bought_within_year",
        where=ROTKI,
        entries=(
            buy("2015-11-08", 1, "268.1"),
            buy("2016-07-01", 1, "612.45"),
            sell("2016-07-02", 3, 0),
        ),
        closed={"A": [costing(1, "268.1"), costing(1, "612.45")]},
        missing={"A": "1"},
        note="Printed as 880.55 for both. What is missing costs nothing there, and is not known here.",
    ),
    Example(
        source="rotki, test_accounting_lifo_order",
        where=ROTKI,
        entries=(buy("2020-01-01", 2, 1), buy("2020-01-02", 5, 1), sell("2020-01-03", 3, 0)),
        method=LIFO,
        open={"A": [costing(2, 2), costing(2, 2)]},
    ),
    Example(
        source="rotki, test_accounting_hifo_order",
        where=ROTKI,
        entries=(
            buy("2020-01-01", 2, 3),
            buy("2020-01-02", 5, 1),
            sell("2020-01-03", 1, 0),
            buy("2020-01-04", 1, 2),
            sell("2020-01-05", 6, 0),
        ),
        method=HIFO,
        open={"A": [costing(1, 1)]},
    ),
    Example(
        source="rotki, test_accounting_average_cost_basis",
        where=ROTKI,
        entries=(
            buy("2020-01-01", 100, 50),
            sell("2020-01-02", 50, 0),
            buy("2020-01-03", 50, 130),
            sell("2020-01-04", 40, 0),
        ),
        method=AVERAGE,
        units={"A": "60"},
        cost={"A": "5400"},
    ),
    Example(
        source="rotki, test_accounting_average_cost_basis, with a fraction",
        where=ROTKI,
        entries=(
            buy("2020-01-03", 1, 100),
            buy("2020-01-04", 1, 200),
            sell("2020-01-05", "0.5", 0),
            buy("2020-01-06", "0.5", 500),
        ),
        method=AVERAGE,
        units={"A": "2"},
        cost={"A": "475"},
    ),
]


def _rp2(
    name: str, method: Method, lots: list[tuple[int, int]], sold: list[int], *parts: Part
) -> Example:
    return Example(
        source=f"RP2, {name}",
        where=RP2,
        entries=(
            *(buy(f"2021-01-0{day}", units, price) for day, (price, units) in enumerate(lots, 1)),
            *(sell(f"2021-02-0{day}", units, 0) for day, units in enumerate(sold, 1)),
        ),
        method=method,
        closed={"A": list(parts)},
    )


_RISING = [(10, 10), (11, 20), (12, 30)]
_PEAKED = [(10, 10), (12, 20), (11, 30)]
_RP2 = [
    _rp2(
        "test_lot_candidates_with_fifo",
        FIFO,
        _RISING,
        [15, 10, 5],
        at(10, 10),
        at(5, 11),
        at(10, 11),
        at(5, 11),
    ),
    _rp2(
        "test_lot_candidates_with_lifo",
        LIFO,
        _RISING,
        [55, 5],
        at(30, 12),
        at(20, 11),
        at(5, 10),
        at(5, 10),
    ),
    _rp2(
        "test_fixed_lot_candidates_with_hifo",
        HIFO,
        _PEAKED,
        [15, 5, 35, 5],
        at(15, 12),
        at(5, 12),
        at(30, 11),
        at(5, 10),
        at(5, 10),
    ),
]

# Canada: the adjusted cost base is a moving average.

_CANADA = [
    Example(
        source="AdjustedCostBase.ca: How to Calculate Adjusted Cost Base",
        where=f"{ACB}/how-to-calculate-adjusted-cost-base-acb-and-capital-gains",
        entries=(buy("2012-03-03", 100, 50), sell("2014-05-01", 100, 120)),
        method=AVERAGE,
        gain={"A": "7000"},
    ),
    Example(
        source="AdjustedCostBase.ca: Purchasing Foreign Currency Securities",
        where=f"{ACB}/calculating-adjusted-cost-base-with-foreign-currency-transactions",
        entries=(
            buy("2014-07-02", 100, "40.00", fee="9.99", rate=Decimal(1) / Decimal("0.9192")),
            sell("2015-07-02", 40, "50.00", fee="9.99", rate=Decimal(1) / Decimal("1.0344")),
        ),
        method=AVERAGE,
        places=2,
        gain_base={"A": "178.84"},
        cost_base={"A": "2617.49"},
    ),
    Example(
        source="AdjustedCostBase.ca: Can My Adjusted Cost Base be Negative?",
        where=f"{ACB}/can-my-adjusted-cost-base-be-negative",
        entries=(
            buy("2014-04-01", 100, 10, fee=10),
            repay("2014-05-01", 500),
            repay("2014-06-01", 600),
            repay("2014-07-01", 100),
        ),
        method=AVERAGE,
        gains={"A": ["0", "90", "100"]},
        cost={"A": "0"},
        note="A purchase of 1,000 with a commission of 10; the source names no units.",
    ),
    Example(
        source="AdjustedCostBase.ca: The Effect of Stock Splits",
        where=f"{ACB}/the-effect-of-stock-splits-on-adjusted-cost-base",
        entries=(buy("2012-03-03", 100, 50), split("2013-03-03", 2, 1)),
        method=AVERAGE,
        open={"A": [at(200, 25)]},
    ),
    Example(
        source="AdjustedCostBase.ca: cash for the odd share of a reverse split",
        where=f"{ACB}/the-effect-of-stock-splits-on-adjusted-cost-base (comment)",
        entries=(buy("2012-03-03", 101, 10), split("2013-03-03", 1, 2, amount=15)),
        method=AVERAGE,
        closed={"A": [costing("0.5", 10)]},
        note="One share of 101 that cost 10 is half a share after the split.",
    ),
    Example(
        source="ib-edavki issue 181: the fraction that a reverse split left, sold on its day",
        where="github.com/ib-edavki/ib-edavki/issues/181",
        entries=(
            buy("2023-07-21", 350, 0),
            split("2024-01-02", 1, 40),
            sell("2024-01-02T20:25:00", "0.75", "9.6"),
        ),
        units={"A": "8"},
        gain={"A": "7.2"},
        note="350 units became 8.75. The cost is not printed: without any the gain is the proceeds.",
    ),
    Example(
        source="Boomer & Echo: How To Calculate Capital Gains And ACB",
        where="boomerandecho.com/how-to-calculate-capital-gains-and-adjusted-cost-base-acb",
        entries=(
            buy("2012-01-10", 100, 63, fee=10),
            buy("2012-05-08", 60, 72, fee=10),
            sell("2012-09-28", 50, 75, fee=10),
        ),
        method=AVERAGE,
        cost={"A": "7315"},
        gain={"A": "415"},
    ),
    Example(
        source="Adjusted Cost base, an explanation",
        where="pellrides.com/2017/05/adjusted-cost-base-explanation.html",
        entries=(
            buy("2016-06-01", 10, 50, fee=7),
            buy("2016-07-01", 10, 55, fee=7),
            sell("2017-05-01", 5, 65, fee=7),
        ),
        method=AVERAGE,
        closed={"A": [costing(5, 266)]},
        gain={"A": "52"},
    ),
    Example(
        source="Tax Guy: Calculating Gain or Loss on a Stock Sale",
        where="blog.taxresource.ca/calculating-stock-sale-gain-or-loss",
        entries=(buy("2009-02-01", 100, 10), buy("2009-02-02", 100, 5), sell("2009-02-03", 100, 2)),
        method=AVERAGE,
        gain={"A": "-550"},
    ),
    Example(
        source="Introduction to Canadian Tax, question 17: identical properties",
        where="kpu.pressbooks.pub/intercdntax",
        entries=(
            buy("2019-01-01", 1000, amount=25000),
            buy("2019-02-01", 1111, amount=24998),
            sell("2019-03-01", 1001, 0),
        ),
        method=AVERAGE,
        places=0,
        cost={"A": "26290"},
        note="Printed as 49,998 less 23,708.",
    ),
]

# The United Kingdom: the pool of section 104 is a moving average too.

_REORGANISATIONS = "github.com/KapJI/capital-gains-calculator tests/general/test_stock_splits.py"
_KINGDOM = [
    Example(
        source="cgt-calc, test_a_reorganisation_is_not_an_acquisition_to_be_matched_against",
        where=_REORGANISATIONS,
        entries=(buy("2023-05-02", 10, 10), split("2023-05-15", 2, 1), sell("2023-05-15", 5, 8)),
        method=AVERAGE,
        closed={"A": [costing(5, 25)]},
        note="A split on the day of a sale.",
    ),
    Example(
        source="cgt-calc, test_a_later_part_disposal_takes_its_share_of_the_unchanged_cost",
        where=_REORGANISATIONS,
        entries=(
            buy("2023-05-02", 100, 7),
            split("2023-05-15", 1, 100),
            sell("2023-06-10", "0.4", 1000),
        ),
        method=AVERAGE,
        closed={"A": [costing("0.4", 280)]},
        cost={"A": "420"},
    ),
    Example(
        source="cgt-calc, test_selling_the_whole_holding_after_a_reorganisation_leaves_nothing",
        where=_REORGANISATIONS,
        entries=(
            buy("2023-05-02", 100, 7),
            split("2023-05-15", 1, 100),
            sell("2023-06-10", 1, 1000),
        ),
        method=AVERAGE,
        units={"A": "0"},
        cost={"A": "0"},
    ),
]

# The United States: first in, first out unless lots are named.

_STATES = [
    Example(
        source="J.K. Lasser's Your Income Tax, 30.2 Earmarking Stock Lots",
        where="safaribooksonline.com/library/view/jk-lassers-your/9781118562338",
        entries=(
            buy("1998-01-01", 100, 77),
            buy("1999-01-01", 200, 84),
            buy("2000-01-01", 100, 105),
            sell("2001-01-01", 100, 90, lots=[(3, 100)]),
        ),
        method=SPECIFIC,
        gain={"A": "-1500"},
    ),
    Example(
        source="Firstrade: tax lots, first in first out",
        where="firstrade.com/content/en-us/accounts/taxcenter",
        entries=(buy("2020-01-01", 100, 5), buy("2020-12-01", 100, 7), sell("2021-03-01", 150, 10)),
        closed={"A": [costing(100, 500), costing(50, 350)]},
        gain={"A": "650"},
    ),
    Example(
        source="IRS Publication 550: stock dividends, identical stock",
        where="boards.fool.com/ok-here-is-the-tax-information-on-stock-splits-11634905.aspx",
        entries=(buy("1999-01-01", 1, 45), split("1999-06-01", 3, 1)),
        open={"A": [at(3, 15)]},
    ),
    Example(
        source="IRS Publication 550: stock dividends, two lots",
        where="boards.fool.com/ok-here-is-the-tax-information-on-stock-splits-11634905.aspx",
        entries=(buy("1999-01-01", 1, 30), buy("1999-02-01", 1, 45), split("1999-06-01", 3, 1)),
        open={"A": [at(3, 10), at(3, 15)]},
    ),
    Example(
        source="IRS Link & Learn Taxes: basis and adjusted basis",
        where="apps.irs.gov/app/vita/content/10s/10_03_015.jsp",
        entries=(buy("2009-01-01", 100, "10.75", fee=25), split("2009-06-01", 11, 10)),
        open={"A": [costing(110, 1100)]},
    ),
    Example(
        source="Fairmark: a stock dividend of ten percent",
        where="si.frajer.net/readmsg.aspx?msgid=4503941",
        entries=(buy("1994-06-10", 400, 33), split("1997-11-10", 11, 10)),
        open={"A": [at(440, 30)]},
    ),
    Example(
        source="Fairmark: a split of two lots",
        where="si.frajer.net/readmsg.aspx?msgid=4503941",
        entries=(buy("1994-06-10", 150, 24), buy("1995-06-10", 100, 28), split("1997-11-10", 2, 1)),
        open={"A": [at(300, 12), at(200, 14)]},
    ),
    Example(
        source="TurboTax community: all of a reverse split paid in cash",
        where="ttlc.intuit.com/community/taxes/discussion/748521",
        entries=(buy("2019-01-01", 100, "5.51"), split("2020-04-15", 1, 200, amount="7.36")),
        closed={"A": [costing("0.5", 551)]},
        open={"A": []},
        gain={"A": "-543.64"},
        note="Printed as 551 - 7.36.",
    ),
    Example(
        source="Motley Fool boards: a merger of two lots, the fraction off the first",
        where="boards.fool.com/from-my-own-humble-understanding-of-the-tax-laws-10067684.aspx",
        entries=(
            buy("1996-01-01", 160, amount="4753.47"),
            buy("1996-02-01", 130, amount="5228.25"),
            exchange("1997-12-01", "0.85", 1, amount="29.13"),
        ),
        places=2,
        closed={"B": [costing("0.5", "17.48")]},
        gain={"B": "11.65"},
        open={"B": [costing("135.5", "4735.99"), costing("110.5", "5228.25")]},
    ),
    Example(
        source="misc.taxes: cash in lieu of fractional shares",
        where="beansmart.com/taxes/cash-in-lieu-of-fractional-shares-9902-.htm",
        entries=(
            buy("2005-01-01", 200, amount="3333.33"),
            exchange("2006-01-01", "301.45", 200, amount="18.00"),
        ),
        places=2,
        gain={"B": "13.02"},
        open={"B": [costing(301, "3328.35")]},
    ),
    Example(
        source="Ask Tax Guru: cost basis after acquisition",
        where="asktaxguru.com/769-cost-basis-after-acquisition.html",
        entries=(
            buy("2006-01-01", 20, 9),
            buy("2006-02-01", 30, 10),
            buy("2006-03-01", 50, 11),
            exchange("2008-01-01", 1, 4),
        ),
        units={"A": "0", "B": "25"},
        cost={"B": "1030"},
    ),
    Example(
        source="CostBasis.com: cash to boot, Ocular Science and Cooper Companies",
        where="costbasis.com/stkchanges/cashtoboot.html",
        entries=(
            buy("2002-02-12", 100, "24.00"),
            merger("2005-01-06", "0.3879", 1, amount="2200.00", cost_share=0),
            sell("2005-01-07", "0.79", amount="57.28", of="B"),
        ),
        places=2,
        gain={"A": "2200.00"},
        closed={"B": [costing("0.79", "48.88")]},
        units={"B": "38"},
        note="The gain is the cash, as it is below the whole gain: the cash takes no cost along.",
    ),
    Example(
        source="Taxes on the AT&T spin-off of Warner Bros. Discovery",
        where="markettradingessentials.com/2022/04/how-to-handle-the-taxes-on-the-att-spinoff-of-warner-bros",
        entries=(buy("2021-04-08", 1, 32), spin_off("2022-04-08", "0.25", 1, cost_share="0.25")),
        open={"A": [costing(1, 24)], "B": [at("0.25", 32)]},
        note="With a quarter of a share for each, as the source rounds it.",
    ),
    Example(
        source="The Finance Base: cost basis of reinvested dividends",
        where="thefinancebase.com/calculate-cost-basis-stock-reinvestment-dividends-5477.html",
        entries=(
            reinvest("2010-01-01", 25, 500),
            reinvest("2010-04-01", 20, 500),
            reinvest("2010-07-01", 35, 500),
        ),
        method=AVERAGE,
        units={"A": "80"},
        cost={"A": "1500"},
        open={"A": [at(25, "18.75"), at(20, "18.75"), at(35, "18.75")]},
    ),
    Example(
        source="Motley Fool boards: one share of four reinvested quarters",
        where="boards.fool.com/in-general-the-cost-basis-for-shares-bought-10398283.aspx",
        entries=(
            reinvest("1999-03-31", "0.25", 1),
            reinvest("1999-06-30", "0.25", 2),
            reinvest("1999-09-30", "0.25", 3),
            reinvest("1999-12-31", "0.25", 2),
            sell("2000-01-03", 1, 20),
        ),
        gain={"A": "12"},
    ),
]

# Coins.

_COINS = [
    *(
        Example(
            source=f"Random Calculators: {method.name} of three purchases",
            where="randomcalculators.com/blockchain-crypto/blog/fifo-vs-lifo-vs-hifo",
            entries=(
                buy("2017-01-01", 1, 1000),
                buy("2018-01-01", 2, 9000),
                buy("2019-01-01", 5, 6000),
                sell("2024-12-01", 2, 100000),
            ),
            method=method,
            gain={"A": figure},
        )
        for method, figure in ((FIFO, "190000"), (LIFO, "188000"))
    ),
    *(
        Example(
            source=f"CoinTracker guide: {method.name} of three halves",
            where="toolstac.com/tool/cointracker/tax-optimization-guide",
            entries=(
                buy("2023-02-01", "0.5", 23000),
                buy("2023-08-01", "0.5", 28000),
                buy("2023-11-01", "0.5", 35000),
                sell("2023-12-01", "0.5", 42000),
            ),
            method=method,
            gain={"A": figure},
        )
        for method, figure in ((FIFO, "9500"), (HIFO, "3500"))
    ),
    Example(
        source="Crypto Tax Calculator: a fee in a third coin",
        where="help.cryptotaxcalculator.io/en/articles/5629791",
        entries=(
            buy("2021-01-01", 100, 1),
            sell("2021-06-01", 100, 5, fee="0.5", fee_currency="BNB", fee_rate=15),
        ),
        gain={"A": "392.50"},
        note="The fee lessens the proceeds here and raises the cost there.",
    ),
    Example(
        source="CoinTracker: fees from existing holdings",
        where="support.cointracker.io/hc/en-us/articles/12029908614289",
        entries=(buy("2021-01-01", 1, 1000, fee="0.2", fee_currency="ETH", fee_rate=300),),
        cost={"A": "1060"},
    ),
    Example(
        source="AI Trading Arena, Short Selling Guide: a profitable short",
        where="github.com/biajee/ai_trading2 SHORT_TRADING.md",
        entries=(short("2025-01-01", "0.1", 50000), buy("2025-01-02", "0.1", 49000)),
        gain={"A": "100"},
    ),
]

# Inventories, as textbooks count them: purchases and sales in the order of their days.

_GOODS = (
    buy("2012-01-01", 1000, 10),
    buy("2012-01-10", 260, "10.50"),
    sell("2012-01-20", 700, 0),
    buy("2012-02-04", 400, "11.50"),
    buy("2012-02-21", 300, "12.50"),
    sell("2012-03-16", 620, 0),
    sell("2012-04-12", 240, 0),
    buy("2012-05-10", 500, 11),
    sell("2012-05-25", 380, 0),
)
_JUNE = (
    buy("2020-06-01", 304, 13),
    sell("2020-06-10", 205, 30),
    buy("2020-06-11", 804, 15),
    sell("2020-06-15", 504, 32),
    buy("2020-06-20", 498, 16),
    sell("2020-06-27", 295, 34),
)
_INVENTORIES = [
    *(
        Example(
            source=f"Inventory example, {method.name}",
            where="scribd.com/doc/96605529/Example",
            entries=_GOODS,
            method=method,
            units={"A": "520"},
            cost={"A": figure},
        )
        for method, figure in ((FIFO, "5750"), (LIFO, "5320"))
    ),
    Example(
        source="Perpetual inventory of June, last in first out",
        where="indextestingapp.uonbi.ac.ke/preguntia/13686044",
        entries=_JUNE,
        method=LIFO,
        open={"A": [costing(99, 1287), costing(300, 4500), costing(203, 3248)]},
        cost={"A": "9035"},
    ),
    Example(
        source="Inventory of June, first in first out",
        where="indextestingapp.uonbi.ac.ke/preguntia/13686044",
        entries=_JUNE,
        open={"A": [costing(104, 1560), costing(498, 7968)]},
        cost={"A": "9528"},
    ),
    Example(
        source="Simple Studies: LIFO cost flow under perpetual system",
        where="simplestudies.com/accounting-for-inventories.html/page/7",
        entries=(
            buy("2010-01-01", 50, 10),
            buy("2010-02-25", 100, 12),
            sell("2010-03-03", 120, 0),
            buy("2010-04-06", 60, 14),
            sell("2010-05-17", 70, 0),
        ),
        method=LIFO,
        closed={"A": [at(100, 12), at(20, 10), at(60, 14), at(10, 10)]},
        gain={"A": "-2340"},
        open={"A": [at(20, 10)]},
    ),
    Example(
        source="LIFO periodic and perpetual: the perpetual solution",
        where="coursehero.com/file/1646824/LIFO-periodic-vs-perp-Solutions",
        entries=(
            buy("2010-12-01", 100, 10),
            sell("2010-12-05", 100, 0),
            buy("2010-12-06", 100, 8),
            sell("2010-12-10", 40, 0),
            sell("2010-12-11", 40, 0),
            buy("2010-12-12", 150, 6),
            sell("2010-12-14", 160, 0),
        ),
        method=LIFO,
        gain={"A": "-2620"},
        open={"A": [at(10, 8)]},
    ),
    Example(
        source="Intermediate Accounting, chapter 8: Waterway Industries, moving average",
        where="quizlet.com/634164174",
        entries=(
            buy("2020-01-01", 9200, "9.71"),
            buy("2020-01-06", 6300, "10.23"),
            sell("2020-01-07", 7400, 0),
            buy("2020-01-26", 8200, "10.69"),
            sell("2020-01-31", 11100, 0),
        ),
        method=AVERAGE,
        places=0,
        units={"A": "5200"},
        cost={"A": "53602"},
    ),
    Example(
        source="AnalystForum: perpetual system for weighted average cost",
        where="analystforum.com/t/121754",
        entries=(buy("2015-01-01", 2, 2), buy("2015-01-07", 3, 3), sell("2015-01-12", 4, 0)),
        method=AVERAGE,
        gain={"A": "-10.4"},
        cost={"A": "2.6"},
    ),
]

EXAMPLES = [
    *_BEANCOUNT,
    *_LEDGER,
    *_PERFORMANCE,
    *_GHOSTFOLIO,
    *_ROTKI,
    *_RP2,
    *_CANADA,
    *_KINGDOM,
    *_STATES,
    *_COINS,
    *_INVENTORIES,
]
