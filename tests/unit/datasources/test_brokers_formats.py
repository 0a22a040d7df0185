"""Every format on a small file of its own: exact drafts, worked out from the rows by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from datasources.brokers import read
from models.drafts import Draft
from models.transactions import Kind
from services.drafts import check_draft

SAMPLES = Path(__file__).parents[2] / "samples" / "brokers"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
APPLE = "US0378331005"
NUMBERS = {"quantity", "price", "amount", "fee", "tax", "rate", "ratio_new", "ratio_old"}


def at(year, month, day, hour=0, minute=0, second=0):
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def draft(kind, when, **fields):
    numbers = {name: Decimal(fields[name]) for name in fields.keys() & NUMBERS}
    return Draft(kind=Kind[kind], occurred_at=when, **(fields | numbers))


def rows(name, **options):
    reading = read((SAMPLES / name).read_bytes(), **options)
    return {row.line: row for row in reading.rows}


def drafts(name, **options):
    return {line: row.drafts for line, row in rows(name, **options).items() if row.drafts}


def test_schwab():
    found = rows("schwab.csv")
    assert {line: row.drafts for line, row in found.items() if row.drafts} == {
        2: (
            draft(
                "BUY",
                at(2026, 11, 12),
                symbol="AAPL",
                quantity="10",
                price="229.9",
                currency="USD",
                note="APPLE INC",
            ),
        ),
        # 1,259.48 came in after a fee of 0.11: a price of 1.2596 would make 1,259.60.
        3: (
            draft(
                "SELL",
                at(2026, 11, 12),
                symbol="BRK.B",
                quantity="1000",
                amount="1259.59",
                fee="0.11",
                currency="USD",
                note="BERKSHIRE HATHAWAY",
            ),
        ),
        4: (
            draft(
                "DIVIDEND",
                at(2026, 11, 9),
                symbol="AAPL",
                amount="26",
                tax="3.9",
                currency="USD",
                note="APPLE INC",
            ),
        ),
        6: (draft("DEPOSIT", at(2026, 11, 5), amount="5000", currency="USD", note="Tfr BANK"),),
    }
    assert found[5].skipped == "Is the tax of the dividend in line 4."
    assert found[7].problem.column == "Action"
    assert "ratio" in found[7].problem.message
    assert (found[8].problem.field, found[8].problem.column) == ("kind", "Action")
    assert "'Mystery'" in found[8].problem.message
    assert found[9].skipped == "Is the total of the file."


def test_fidelity():
    found = rows("fidelity.csv")
    buy, sell, dividend, split = (found[line].drafts[0] for line in (4, 5, 6, 9))
    assert (buy.kind, buy.quantity, buy.price) == (Kind.BUY, 10, Decimal("229.9"))
    # 4 x 230 less 0.65 and 0.02 is 919.33.
    assert sell == draft(
        "SELL",
        at(2026, 11, 11),
        symbol="AAPL",
        quantity="4",
        price="230",
        fee="0.67",
        currency="USD",
        note="APPLE INC",
    )
    assert (dividend.kind, dividend.amount) == (Kind.DIVIDEND, 26)
    assert (split.kind, split.ratio_new, split.ratio_old) == (Kind.SPLIT, 3, 1)
    assert [found[line].skipped for line in (7, 8, 11, 13)] == [
        "Moves cash within the account.",
        "Is still pending.",
        "Is no row of the table.",
        "Is no row of the table.",
    ]


def test_robinhood():
    found = rows("robinhood.csv")
    assert found[2].drafts == (
        draft(
            "BUY",
            at(2026, 11, 12),
            symbol="AAPL",
            quantity="1.5",
            price="229.90",
            currency="USD",
            note="Apple",
        ),
    )
    # 0.3 x 229.91 is 68.973: the cash counts.
    assert found[4].drafts[0].amount == Decimal("68.97")
    assert [
        (row.drafts[0].kind, row.drafts[0].amount)
        for line, row in found.items()
        if line in {6, 7, 8}
    ] == [
        (Kind.DIVIDEND, Decimal("0.40")),
        (Kind.DEPOSIT, Decimal(1000)),
        (Kind.FEE, Decimal(5)),
    ]
    # Twenty units taken away, two given.
    (split,) = found[9].drafts
    assert (split.kind, split.ratio_new, split.ratio_old) == (Kind.SPLIT, 2, 20)
    assert found[10].skipped == "Tells the same split as line 9."
    assert "ratio" in found[11].problem.message
    assert found[13].skipped == "Is no row of the table."


def test_trading_212():
    found = drafts("trading212.csv")
    (vodafone,), (sale,), (dividend,), (asml,), (split,), (deposit,) = found.values()
    # 100 units at 71.34 pence are 71.34 pounds, the total.
    assert (vodafone.symbol, vodafone.price, vodafone.currency) == (
        "VOD.L",
        Decimal("71.34"),
        "GBX",
    )
    assert (vodafone.settlement_currency, vodafone.rate) == (None, None)
    assert vodafone.external_id == "EOF9900000001"
    # 500 dollars came to 399.40 pounds after 0.60 for the conversion.
    assert (sale.price, sale.currency, sale.rate) == (250, "USD", Decimal("0.8"))
    assert (sale.settlement_currency, sale.fee, sale.fee_currency) == (
        "GBP",
        Decimal("0.60"),
        "GBP",
    )
    # 10 x 0.22 net of 0.39 withheld is 2.59 gross; 2.20 dollars came to 1.97 pounds.
    assert dividend == draft(
        "DIVIDEND",
        at(2026, 11, 10, 10),
        symbol="AAPL",
        isin=APPLE,
        amount="2.59",
        tax="0.39",
        currency="USD",
        settlement_currency="GBP",
        rate="0.895454545455",
        note="Apple",
    )
    # Euros do not tell the exchange: the ISIN decides.
    assert (asml.symbol, asml.isin) == (None, "NL0010273215")
    assert (split.kind, split.ratio_new, split.ratio_old) == (Kind.SPLIT, 30, 3)
    assert deposit.external_id == "b1c2d3e4-0000-4000-8000-000000000001"


def test_trading_212_with_currencies_in_the_titles():
    (buy,), (withdrawal,) = drafts("trading212-older.csv").values()
    assert (buy.price, buy.currency, buy.tax, buy.tax_currency) == (
        100,
        "GBX",
        Decimal("0.50"),
        "GBP",
    )
    assert (withdrawal.kind, withdrawal.amount, withdrawal.currency) == (
        Kind.WITHDRAWAL,
        20,
        "GBP",
    )


def test_questrade():
    found = drafts("questrade.csv")
    (buy,), (sale,), (interest,), (deposit,), (sold,), (bought,) = found.values()
    assert buy == draft(
        "BUY",
        at(2026, 11, 12),
        symbol="VFV.TO",
        quantity="10",
        price="178.5",
        fee="4.95",
        currency="CAD",
        note="VANGUARD S&P 500 INDEX ETF WE ACTED AS AGENT",
    )
    # 11:15:58 in Toronto in winter.
    assert (sale.occurred_at, sale.price) == (at(2025, 12, 16, 16, 15, 58), Decimal("1178.50"))
    assert (interest.kind, interest.amount) == (Kind.INTEREST_PAID, Decimal("1.12"))
    assert (deposit.kind, deposit.amount) == (Kind.DEPOSIT, 500)
    assert [(one.kind, one.amount, one.currency) for one in (sold, bought)] == [
        (Kind.EXCHANGE_OUT, 100, "USD"),
        (Kind.EXCHANGE_IN, 136, "CAD"),
    ]


def test_degiro_trades():
    (buy,), (sale,) = drafts("degiro-transactions.csv").values()
    # 2,057.45 euros for 2,299 dollars, and 5.14 + 2.00 euros of costs: 2,064.59 in all.
    assert buy == draft(
        "BUY",
        at(2026, 11, 12, 14, 31),
        isin=APPLE,
        quantity="10",
        price="229.9",
        currency="USD",
        settlement_currency="EUR",
        rate="0.894932579382",
        fee="7.14",
        fee_currency="EUR",
        note="APPLE INC. - COMMON ST",
    )
    assert (sale.kind, sale.quantity, sale.price, sale.fee) == (Kind.SELL, 2, 600, 3)
    assert (sale.currency, sale.settlement_currency) == ("EUR", None)


def test_degiro_trades_in_dutch_and_pence():
    ((buy,),) = drafts("degiro-transacties.csv").values()
    clean = check_draft(Draft(**{**fields_of(buy), "symbol": "VOD.L"}), now=NOW)
    # 858.40 euros for 713.40 pounds.
    assert (clean.price, clean.currency) == (Decimal("0.7134"), "GBP")
    assert abs(clean.rate * Decimal("713.40") - Decimal("858.40")) < Decimal("0.000001")


def test_degiro_cash():
    found = rows("degiro-account.csv")
    entries = [(one.kind, one.amount, one.currency) for row in found.values() for one in row.drafts]
    assert entries == [
        (Kind.EXCHANGE_IN, Decimal("19.77"), "EUR"),
        (Kind.EXCHANGE_OUT, Decimal("22.10"), "USD"),
        (Kind.DIVIDEND, 26, "USD"),
        (Kind.FEE, Decimal("2.50"), "EUR"),
        (Kind.DEPOSIT, 1000, "EUR"),
    ]
    assert found[4].drafts[0].tax == Decimal("3.90")
    assert found[6].skipped == "Is part of a trade, which Transactions.csv has."
    assert found[7].drafts[0].note == "DEGIRO Aansluitingskosten 2026 (Nasdaq)"
    assert found[9].skipped == "Moves cash within the account."


def test_interactive_brokers_statement():
    found = rows("ibkr-activity.csv")
    entries = {
        line: [(one.kind, one.symbol, one.amount) for one in row.drafts]
        for line, row in found.items()
        if row.drafts
    }
    assert entries == {
        7: [(Kind.BUY, "AAPL", None)],
        8: [(Kind.SELL, "VOD.L", None)],
        11: [
            (Kind.EXCHANGE_OUT, None, Decimal("1118.1")),
            (Kind.EXCHANGE_IN, None, 1000),
        ],
        14: [(Kind.DIVIDEND, "AAPL", 26)],
        20: [(Kind.DEPOSIT, None, 5000)],
        22: [(Kind.INTEREST_PAID, None, Decimal("1.12"))],
        24: [(Kind.FEE, None, Decimal("0.03"))],
        26: [(Kind.SPLIT, "NVDA", None)],
    }
    (buy,) = found[7].drafts
    # 10:31:15 in New York in winter; proceeds of -2,299 are 10 x 229.90.
    assert (buy.occurred_at, buy.price) == (at(2026, 11, 12, 15, 31, 15), Decimal("229.9"))
    assert (buy.isin, buy.fee) == (APPLE, Decimal("1.0046"))
    assert (found[11].drafts[0].fee, found[11].drafts[0].fee_currency) == (
        Decimal("1.7904"),
        "EUR",
    )
    assert found[14].drafts[0].tax == Decimal("3.9")
    assert [found[line].skipped for line in (9, 15)] == ["Is a total."] * 2


def test_a_statement_is_known_before_its_first_table():
    lines = (SAMPLES / "ibkr-activity.csv").read_text().splitlines()
    padding = ["Net Asset Value,Data,Cash,1"] * 100
    reading = read("\n".join([*lines[:3], *padding, *lines[3:]]).encode())
    assert reading.format == "interactive-brokers"
    assert sum(len(row.drafts) for row in reading.rows) == 9


def test_interactive_brokers_history_is_in_base_currency():
    (buy,), (dividend,) = drafts("ibkr-history.csv").values()
    assert (buy.quantity, buy.amount, buy.fee, buy.currency) == (
        10,
        Decimal("2058.1"),
        Decimal("0.9"),
        "EUR",
    )
    assert (dividend.amount, dividend.isin) == (Decimal("23.27"), APPLE)


def test_interactive_brokers_history_without_a_base_currency_asks_for_it():
    text = (SAMPLES / "ibkr-history.csv").read_text().replace("Base Currency", "Alias")
    problems = [row.problem for row in read(text.encode()).rows if row.problem]
    assert ["base currency" in problem.message for problem in problems] == [True, True]
    told = read(text.encode(), mapping={"currency": "=EUR"})
    assert [one.currency for row in told.rows for one in row.drafts] == ["EUR", "EUR"]


def test_interactive_brokers_flex():
    found = rows("ibkr-flex.csv")
    (sale,) = found[3].drafts
    assert sale == draft(
        "SELL",
        at(2026, 11, 18, 15, 31, 15),
        symbol="AAPL",
        isin=APPLE,
        quantity="10",
        price="230.5",
        fee="1.0046",
        currency="USD",
        note="APPLE INC",
        external_id="29000000001",
    )
    assert found[4].skipped == "Repeats executions at the level ORDER."
    assert [one.external_id for one in found[5].drafts] == ["29000000002:out", "29000000002:in"]
    (dividend,) = found[7].drafts
    # 20:20 in New York is the next day in UTC: the day is kept.
    assert (dividend.occurred_at, dividend.tax) == (at(2026, 11, 12), Decimal("3.9"))


def test_ghostfolio():
    found = rows("ghostfolio.json")
    buy, sale, dividend, fee = (found[number].drafts[0] for number in (1, 2, 3, 4))
    assert buy == draft(
        "BUY",
        at(2026, 11, 12),
        symbol="AAPL",
        quantity="10",
        price="229.9",
        fee="1.5",
        currency="USD",
    )
    # 23:00 UTC is midnight of the next day where the file was written.
    assert (sale.occurred_at, sale.symbol, sale.price) == (
        at(2026, 11, 13),
        "SAP.DE",
        Decimal("240.02"),
    )
    assert (dividend.occurred_at, dividend.amount, dividend.fee) == (
        at(2026, 11, 10, 14, 37, 12),
        Decimal("2.6"),
        Decimal("0.1"),
    )
    assert (fee.kind, fee.amount, fee.fee, fee.symbol) == (Kind.FEE, Decimal("4.9"), 0, None)
    assert found[5].skipped.startswith("Is no booking")


def test_ghostfolio_numbers_lose_the_noise_of_floats():
    text = (SAMPLES / "ghostfolio.json").read_text()
    text = text.replace('"quantity":10,', '"quantity":0.30000000000000004,', 1)
    assert read(text.encode()).rows[0].drafts[0].quantity == Decimal("0.3")


def test_ghostfolio_as_a_table():
    (buy,), (dividend,) = drafts("ghostfolio.csv").values()
    assert (buy.occurred_at, buy.price, buy.fee) == (
        at(2026, 11, 12),
        Decimal("229.9"),
        Decimal("1.5"),
    )
    assert (dividend.occurred_at, dividend.amount) == (at(2026, 2, 1), Decimal("2.6"))


def test_portfolio_performance():
    (buy,), (dividend,) = drafts("portfolio-performance.csv").values()
    # 2,057.45 with a fee of 2.00; 19.88 after 3.49 of tax.
    assert (buy.amount, buy.fee, buy.occurred_at) == (
        Decimal("2055.45"),
        2,
        at(2026, 11, 12, 15, 31),
    )
    assert (dividend.amount, dividend.tax) == (Decimal("23.37"), Decimal("3.49"))


def test_portfolio_performance_in_german():
    (sale,), (deposit,), (delivery,), (buy,) = drafts("portfolio-performance-german.csv").values()
    assert (sale.quantity, sale.amount, sale.fee, sale.tax) == (
        Decimal("2.5"),
        1200,
        3,
        Decimal("1.75"),
    )
    assert (deposit.kind, deposit.amount) == (Kind.DEPOSIT, 5000)
    assert (delivery.kind, delivery.isin, delivery.amount) == (
        Kind.DELIVERY_IN,
        "DE0007164600",
        Decimal("1234.50"),
    )
    # 902 euros with a fee of 2 for 1,000 dollars.
    assert (buy.amount, buy.currency, buy.rate) == (1000, "USD", Decimal("0.9"))
    assert (buy.settlement_currency, buy.fee, buy.fee_currency) == ("EUR", 2, "EUR")


def fields_of(one):
    return {name: getattr(one, name) for name in Draft.__dataclass_fields__}


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_draft_has_the_fields_that_its_kind_may_have(path):
    for row in read(path.read_bytes()).rows:
        for one in row.drafts:
            known = fields_of(one)
            if one.isin and not one.symbol:
                known["symbol"] = "AAPL"  # booking finds it by the ISIN
            check_draft(Draft(**known), now=NOW)


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_row_of_a_sample_is_a_draft_a_problem_or_skipped(path):
    for row in read(path.read_bytes()).rows:
        assert [bool(row.drafts), bool(row.problem), bool(row.skipped)].count(True) == 1
