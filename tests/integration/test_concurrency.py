"""Writers at one ledger at the same time, and writers that are killed, on both databases."""

import asyncio
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from services.verification import verify_all
from tests.conftest import Clock
from tests.ledger import Ledger, change

ROOT = Path(__file__).parents[2]


class Ticking(Clock):
    """A clock of which no two looks are the same, as with writers in the world."""

    def __call__(self):
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def clock():
    return Ticking()


async def ids_of(ledger, mutation, times, **fields):
    return [(await ledger.record(mutation, **fields))["entry"]["id"] for _ in range(times)]


async def test_fifty_writers_at_one_portfolio_lose_nothing(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "100", "10")
    mistaken = await ids_of(
        home, "recordTrade", 8, side="BUY", symbol="AAPL", quantity="5", price="1"
    )
    trade = {"symbol": "AAPL", "quantity": "1", "day": "2024-04-02"}
    moved = {"toPortfolioId": away.key, "symbol": "AAPL", "quantity": "1", "day": "2024-04-02"}
    done = await asyncio.gather(
        *(home.try_to("recordTrade", side="BUY", price="10", **trade) for _ in range(12)),
        *(home.try_to("recordTrade", side="SELL", price="12", **trade) for _ in range(12)),
        *(change(api, "voidTransaction", {"id": key}) for key in mistaken),
        *(home.try_to("transferUnits", **moved) for _ in range(8)),
        *(home.try_to("recordCashTransfer", direction="DEPOSIT", amount="3") for _ in range(6)),
        *(
            home.try_to("recordTrade", side="BUY", price="10", idempotencyKey="same", **trade)
            for _ in range(4)
        ),
    )
    assert len(done) == 50
    assert [one["userErrors"] for one in done] == [[]] * 50
    assert Counter(one["replayed"] for one in done) == {True: 3, False: 47}
    seen = await home.see(
        "version cash { amount currency } transactions { totalCount } "
        "all: transactions(filter: { includeVoided: true }) { totalCount }"
    )
    assert seen == {
        "version": 9 + 47,
        # -1,000 - 13 x 10 + 12 x 12 + 6 x 3; what was voided counts for nothing
        "cash": ["-968 USD"],
        "transactions": {"totalCount": 1 + 12 + 12 + 8 + 6 + 1},
        "all": {"totalCount": 1 + 12 + 12 + 8 + 6 + 1 + 8},
    }
    # 100 + 13 - 12 - 8
    assert (await home.position())["quantity"] == "93"
    assert (await away.position())["quantity"] == "8"
    assert await verify_all(api.services.database) == (2, [])


async def test_of_writers_who_want_the_last_unit_one_gets_it(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "1", "10")
    trade = {"symbol": "AAPL", "quantity": "1", "day": "2024-04-02"}
    done = await asyncio.gather(
        *(home.try_to("recordTrade", side="SELL", price="12", **trade) for _ in range(10)),
        *(home.try_to("transferUnits", toPortfolioId=away.key, **trade) for _ in range(10)),
    )
    codes = Counter(error["code"] for one in done for error in one["userErrors"])
    assert codes == {"OVERSOLD": 19}
    assert (await home.position())["quantity"] == "0"
    assert await verify_all(api.services.database) == (2, [])


async def test_corrections_of_one_entry_take_turns(api):
    await api.sign_up("ann")
    home = await Ledger.create(api)
    key = (await home.trade("BUY", "10", "10"))["entry"]["id"]
    done = await asyncio.gather(
        *(
            change(api, "updateTransaction", {"id": key, "quantity": str(units)})
            for units in range(11, 21)
        ),
        *(change(api, "updateTransaction", {"id": key, "note": "kept"}) for _ in range(5)),
    )
    assert [one["userErrors"] for one in done] == [[]] * 15
    answer = await api.data(
        "query($id: ID!) { node(id: $id) { ... on Trade { note "
        "history { fields { field before after } } } } }",
        {"id": key},
    )
    told = answer["node"]["history"]
    assert (len(told), answer["node"]["note"]) == (15, "kept")
    # What one change left behind is what the next one found.
    quantities = [
        (one["before"], one["after"])
        for change_ in told
        for one in change_["fields"]
        if one["field"] == "quantity"
    ]
    assert [before for before, _ in quantities] == ["10", *(after for _, after in quantities[:-1])]
    assert {after for _, after in quantities} == {str(units) for units in range(11, 21)}
    assert await verify_all(api.services.database) == (1, [])


async def test_a_rebuild_takes_its_turn_among_the_writers_of_one_person(api):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    await home.record("transferUnits", toPortfolioId=away.key, symbol="AAPL", quantity="4")
    database, sent = api.services.database, []

    def note(_connection, _cursor, statement, *_rest):
        sent.append(statement)

    async with database.writing() as session:
        await session.execute(text("UPDATE positions SET quantity = '1'"))
    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    _, differences = await verify_all(database, rebuild=True)
    held = [place for place, one in enumerate(sent) if "FROM users" in one]
    written = [place for place, one in enumerate(sent) if one.startswith("UPDATE positions")]
    assert differences
    assert held[0] < written[0]
    assert await verify_all(database) == (2, [])


@pytest.mark.process
async def test_a_writer_that_is_killed_leaves_all_of_its_booking_or_nothing(api, database_url):
    await api.sign_up("ann")
    home, away = await Ledger.create(api), await Ledger.create(api, "Away")
    await home.trade("BUY", "10", "100")
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.killed_booking", database_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert int(run.stdout) > 10
    # Of all of them only the one that lived to its commit left something.
    assert await home.lots() == [("2024-03-01", "9", "900 USD")]
    assert await away.lots() == [("2024-03-01", "1", "100 USD")]
    listed = await home.see("version transactions { totalCount }")
    assert listed == {"version": 2, "transactions": {"totalCount": 2}}
    assert await verify_all(api.services.database) == (2, [])
    # And what is booked next finds nobody in its way.
    await home.trade("BUY", "1", "100")
