"""Exports that come back: what is written can be read again, and gives the same figures."""

import random

import pytest

from models.portfolios import Portfolio
from models.transactions import Transaction
from resolvers.ids import decode_id
from services.exports import as_csv, export_drafts
from services.verification import stored_figures, verify_all
from tests.conftest import NOW
from tests.ledger import GAIN, MONEY, POSITION, Ledger, correct


@pytest.fixture
async def pair(api):
    """Two portfolios of different base currencies."""
    await api.sign_up("ann")
    return await Ledger.create(api), await Ledger.create(api, "Away", baseCurrency="EUR")


async def stored(ledger):
    """Return every figure that is kept of a portfolio, to the last digit."""
    async with ledger.api.services.database.reading() as session:
        figures = await stored_figures(session, decode_id(ledger.key).key)
    return {name: text for name, text in figures.items() if not name.endswith("transaction_id")}


async def rows_of(ledger):
    """Return the drafts that a portfolio is exported as."""
    async with ledger.api.services.database.reading() as session:
        portfolio = await session.get(Portfolio, decode_id(ledger.key).key)
        return await export_drafts(session, portfolio)


FIGURES = (
    f"cash {MONEY} positions(includeClosed: true) {{ {POSITION.replace('openedById', '')} }} "
    f"realizedGains(first: 100) {{ nodes {{ {GAIN} }} }}"
)


async def copied(ledger, name="Copy", **terms):
    """Import a portfolio's export into an empty one, and compare all figures."""
    rows = await rows_of(ledger)
    copy = await Ledger.create(ledger.api, name, **terms)
    done = await copy.record("importTransactions", content=as_csv(rows))
    assert done["counts"] == [{"fate": "ADDED", "count": len(rows)}]
    assert await stored(copy) == await stored(ledger)
    assert await copy.see(FIGURES) == await ledger.see(FIGURES)
    return copy


async def move(source, target, quantity, **fields):
    return await source.record(
        "transferUnits", toPortfolioId=target.key, symbol="AAPL", quantity=quantity, **fields
    )


async def test_a_third_of_a_lot_moves_and_comes_back_from_a_file(pair):
    here, away = pair
    await here.trade("BUY", "3", "33.333333333333", fee="1", day="2024-01-02")
    await move(here, away, "1", day="2024-01-03")
    (row,) = await rows_of(away)
    assert str(row.amount) == "33.666666666666333333"
    copy = await copied(away, baseCurrency="EUR")
    entries = await copy.see("transactions(first: 1) { nodes { id } }")
    key = entries["transactions"]["nodes"][0]["id"]
    assert (await correct(copy.api, "updateTransaction", key, note="seen"))["entry"]["note"]


async def test_an_entry_at_a_small_rate_can_be_exported_and_corrected(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    done = await ledger.record(
        "recordCashTransfer", direction="DEPOSIT", amount="5000", currency="JPY"
    )
    (row,) = await rows_of(ledger)
    assert -row.rate.as_tuple().exponent == 30
    await copied(ledger)
    done = await correct(api, "updateTransaction", done["entry"]["id"], note="seen")
    assert done["entry"]["note"] == "seen"


async def test_a_price_in_pence_keeps_all_its_digits_and_can_be_corrected(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    price = "75.123456789012"
    done = await ledger.trade("BUY", "10", price, "VOD.L", currency="GBp")
    (row,) = await rows_of(ledger)
    assert str(row.price) == "0.75123456789012"
    done = await correct(api, "updateTransaction", done["entry"]["id"], note="seen")
    assert done["entry"]["note"] == "seen"
    await copied(ledger)


async def test_a_number_is_bounded_in_pounds_though_it_is_told_in_pence(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    trade = {"symbol": "VOD.L", "side": "BUY", "quantity": "1", "currency": "GBp"}
    wrong = [("OUT_OF_RANGE", "price")]
    assert await ledger.refused("recordTrade", **trade, price="0.12345678901234567") == wrong
    await ledger.record("recordTrade", **trade, price="0.1234567890123456")
    (row,) = await rows_of(ledger)
    assert str(row.price) == "0.001234567890123456"


async def test_a_sale_that_names_a_lot_which_is_gone_names_none_in_a_file(api):
    await api.sign_up("ann")
    ledger = await Ledger.create(api)
    await ledger.trade("BUY", "10", "100", day="2024-01-02")
    named = await ledger.trade("BUY", "10", "110", day="2024-01-03")
    lots = [{"openedById": named["position"]["lots"][1]["openedById"], "quantity": "10"}]
    await ledger.trade("SELL", "10", "120", lots=lots, day="2024-01-04")
    async with api.services.database.writing() as session:
        entry = await session.get(Transaction, decode_id(named["entry"]["id"]).key)
        entry.voided_at = NOW
    rows = await rows_of(ledger)
    assert [row.lot_ids for row in rows] == [(), ()]
    copy = await Ledger.create(api, "Copy")
    done = await copy.record("importTransactions", content=as_csv(rows))
    assert done["counts"] == [{"fate": "ADDED", "count": 2}]


async def test_a_lot_that_came_bit_by_bit_is_named_by_the_rows_that_it_came_in(pair):
    here, away = pair
    bought = await here.trade("BUY", "10", "100", day="2024-01-02")
    key = bought["position"]["lots"][0]["openedById"]
    await away.trade("BUY", "10", "90", day="2024-01-03")
    await move(here, away, "5", day="2024-01-04")
    await away.trade("SELL", "2", "120", lots=[{"openedById": key, "quantity": "2"}])
    await move(here, away, "4", day="2024-01-05")
    # 3 are left of what came first, and the sale takes 6 of the 7 that there are.
    await away.trade("SELL", "8", "120", lots=[{"openedById": key, "quantity": "6"}])
    *_, first, second = await rows_of(away)
    assert [units for _, units in first.lot_ids] == [2]
    assert [units for _, units in second.lot_ids] == [3, 3]
    assert len({name for name, _ in second.lot_ids}) == 2
    await copied(away, baseCurrency="EUR")


async def test_lots_of_one_day_are_taken_from_a_file_in_the_order_they_came_in(pair):
    here, away = pair
    day = {"occurredAt": "2024-01-02T00:00:00Z"}
    for quantity, price in (("5", "20"), ("6", "10")):
        await here.trade("BUY", quantity, price, **day)
    await move(here, away, "11", day="2024-01-03")
    await away.trade("SELL", "6", "30", day="2024-01-04")
    # By content the cheaper one was bought first.
    assert (await away.position())["realizedGain"] == "120 USD"
    await copied(away, baseCurrency="EUR")


async def test_a_row_of_a_transfer_has_an_id_of_bounded_length(pair):
    here, away = pair
    await here.trade("BUY", "2", "10", day="2024-01-02")
    await move(here, away, "1", day="2024-01-03", externalId="x" * 200)
    await copied(away, baseCurrency="EUR")


class Life:
    """A random life of two portfolios, the same for the same seed."""

    def __init__(self, seed, pair):
        self.luck = random.Random(seed)
        self.pair = pair
        self.day = 0

    def number(self, low, high, places):
        return str(round(self.luck.uniform(low, high), places))

    async def lots(self, ledger, symbol):
        """Choose lots of a position, or none."""
        found = await ledger.see("positions { symbol quantity lots { quantity openedById } }")
        held = [one for one in found["positions"] if one["symbol"] == symbol]
        if not held or float(held[0]["quantity"]) <= 0:
            return None
        units = min(float(held[0]["quantity"]) * self.luck.choice([0.3, 0.5, 0.9]), 10.0)
        quantity = f"{units:.3f}"
        picked = self.luck.choice(held[0]["lots"])
        of_lot = min(float(picked["quantity"]), units) * self.luck.choice([0.5, 0.99])
        if float(quantity) <= 0 or of_lot < 0.001:
            return None
        chosen = {"openedById": picked["openedById"], "quantity": f"{of_lot - 0.0005:.3f}"}
        return quantity, [chosen] if self.luck.random() < 0.6 and of_lot > 0.01 else None

    async def step(self):
        self.day += self.luck.choice([0, 1, 1])
        day = f"2024-{1 + self.day // 25:02}-{1 + self.day % 25:02}"
        clock = self.luck.choice(["00:00:00", "00:00:00", f"{self.luck.randrange(1, 23):02}:10:00"])
        at = {"occurredAt": f"{day}T{clock}Z"}
        here, there = self.luck.sample(self.pair, 2)
        symbol = self.luck.choice(["AAPL", "AAPL", "SAP.DE"])
        deed = self.luck.choice(["buy"] * 4 + ["move"] * 4 + ["sell"] * 3 + ["odd"])
        if deed == "buy":
            costs = self.luck.choice([{}, {"fee": "1.11"}, {"tax": "0.7", "currency": "EUR"}])
            costs = self.luck.choice([costs, {"fee": "3", "feeCurrency": "CHF"}])
            given = {"side": "BUY", "quantity": self.number(1, 9, 4), "symbol": symbol}
            price = self.number(90, 210, 5)
            return await here.try_to("recordTrade", price=price, **given | at | costs)
        if deed == "odd":
            kind = self.luck.choice(
                [
                    {"kind": "SPLIT", "newUnits": "3", "oldUnits": "7", "amount": "2"},
                    {"kind": "RETURN_OF_CAPITAL", "amount": "7.77"},
                    {
                        "kind": "SPIN_OFF",
                        "relatedSymbol": "SPUN",
                        "newUnits": "1",
                        "oldUnits": "3",
                        "costShare": "0.3",
                    },
                ]
            )
            return await here.try_to("recordCorporateAction", symbol="AAPL", **kind | at)
        chosen = await self.lots(here, symbol)
        if chosen is None:
            return None
        quantity, lots = chosen
        given = {"symbol": symbol, "quantity": quantity, "lots": lots} | at
        if deed == "move":
            return await here.try_to("transferUnits", toPortfolioId=there.key, **given)
        return await here.try_to("recordTrade", side="SELL", price=self.number(90, 210, 5), **given)


@pytest.mark.parametrize("method", ["FIFO", "LIFO", "HIFO", "AVERAGE", "SPECIFIC"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_any_two_ledgers_come_back_from_their_files_with_the_same_figures(api, seed, method):
    await api.sign_up("ann")
    terms = [{"lotMethod": method}, {"lotMethod": method, "baseCurrency": "EUR"}]
    pair = [await Ledger.create(api, f"Life {number}", **one) for number, one in enumerate(terms)]
    life = Life(seed, pair)
    done = [await life.step() for _ in range(45)]
    assert sum(one is not None and one["userErrors"] == [] for one in done) > 25
    for ledger, one in zip(pair, terms, strict=True):
        await copied(ledger, f"Copy of {ledger.key}", **one)
    assert await verify_all(api.services.database) == (4, [])
