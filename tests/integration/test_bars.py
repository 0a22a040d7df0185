"""Price history, splits and dividends through the graph, and proposals made of them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from models.market import Actions, DividendEvent, KnownActions, SplitEvent
from services.stored_bars import StoredHistory
from tests.conftest import NOW

PRICES = """date,symbol,close,open,high,low,volume,currency
2024-04-29,ACME,400,390,410,380,10,USD
2024-04-30,ACME,404,400,408,396,20,USD
2024-05-01,ACME,408,404,412,400,30,USD
2024-06-03,ACME,102,101,103,100,40,USD
2024-04-29,OTHER,10,,,,,USD
"""
RATES = "Date,USD,GBP\n2024-04-01,1,0.8\n2024-06-14,1,0.8\n"
SOURCE = "vendor"
HISTORY = """query($range: DateRangeInput!, $interval: BarInterval) {
  instruments(symbols: ["ACME", "OTHER"]) {
    history(range: $range, interval: $interval, adjusted: false) {
      day open high low close volume currency adjusted source } } }"""
RANGE = {"from": "2024-04-29", "to": "2024-05-03"}
ACTIONS = """{ instruments(symbols: ["ACME", "OTHER"]) {
  splits { day newUnits oldUnits source }
  dividends(range: {from: "2024-01-01", to: "2024-06-14"}) {
    exDay payDay amount { amount currency } source } } }"""
PROPOSALS = """{ viewer { portfolios { proposals {
  key kind instrument { symbol } day bookedOn units newUnits oldUnits amountPerUnit grossAmount
  currency source mutation arguments { name value } dismissed } } } }"""
ONLY_IDS = "{ viewer { portfolios { proposals { key } } } }"
ACCEPT = """mutation($input: AcceptProposalInput!) { done: acceptProposal(input: $input) {
  transaction { id kind externalId } position { quantity } replayed
  preview { portfolios { cashAfter { amount currency } } } userErrors { code field } } }"""
DISMISS = """mutation($input: DismissProposalInput!) { done: dismissProposal(input: $input) {
  portfolio { proposals { key } all: proposals(includeDismissed: true) { key dismissed } }
  userErrors { code field } } }"""

SPLIT = SplitEvent(
    symbol="ACME", day=date(2024, 5, 20), new=Decimal(4), old=Decimal(1), source=SOURCE
)
EARLY = DividendEvent(
    symbol="ACME",
    ex_day=date(2024, 5, 10),
    amount=Decimal("0.255"),
    currency="USD",
    source=SOURCE,
    pay_day=date(2024, 5, 16),
)
LATE = DividendEvent(
    symbol="ACME", ex_day=date(2024, 6, 3), amount=Decimal("0.07"), currency="USD", source=SOURCE
)
SPLIT_ID = "proposal:split:ACME:2024-05-20:4:1"
EARLY_ID = "proposal:dividend:ACME:2024-05-10:0.255"
LATE_ID = "proposal:dividend:ACME:2024-06-03:0.07"


@pytest.fixture
async def ledger(open_market, books):
    made = books(await open_market(prices=PRICES, rates=RATES))
    known = KnownActions(
        symbol="ACME",
        source=SOURCE,
        first=date(1984, 1, 1),
        last=NOW.date(),
        checked_at=NOW,
        actions=Actions(splits=(SPLIT,), dividends=(EARLY, LATE)),
    )
    store = StoredHistory(made.api.services.database)
    await store.keep_actions(known, first=known.first, last=known.last)
    return made


async def buy(ledger, portfolio_id, symbol, quantity="10.5", day="2024-05-01", **extra):
    await ledger.record(
        "recordTrade",
        portfolio_id,
        day,
        symbol=symbol,
        side="BUY",
        quantity=quantity,
        price="400",
        **extra,
    )


async def proposed(ledger, query=ONLY_IDS):
    answer = await ledger.api.data(query)
    return [one["proposals"] for one in answer["viewer"]["portfolios"]]


async def test_history_has_days_weeks_and_months(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    await buy(ledger, main, "OTHER")
    acme, other = (await ledger.api.data(HISTORY, {"range": RANGE}))["instruments"]
    assert [bar["day"] for bar in acme["history"]] == ["2024-04-29", "2024-04-30", "2024-05-01"]
    assert acme["history"][0] == {
        "day": "2024-04-29",
        "open": "390",
        "high": "410",
        "low": "380",
        "close": "400",
        "volume": "10",
        "currency": "USD",
        "adjusted": False,
        "source": "files",
    }
    assert [(bar["close"], bar["open"]) for bar in other["history"]] == [("10", None)]
    acme, _ = (await ledger.api.data(HISTORY, {"range": RANGE, "interval": "WEEK"}))["instruments"]
    (week,) = acme["history"]
    assert [week[name] for name in ("day", "open", "high", "low", "close", "volume")] == [
        "2024-04-29",
        "390",
        "412",
        "380",
        "408",
        "60",
    ]
    acme, _ = (await ledger.api.data(HISTORY, {"range": RANGE, "interval": "MONTH"}))["instruments"]
    assert [bar["close"] for bar in acme["history"]] == ["404", "408"]


@pytest.mark.parametrize(
    ("range_", "words"),
    [
        ({"from": "2024-05-03", "to": "2024-05-02"}, "before"),
        ({"from": "1980-01-01", "to": "2024-05-02"}, "40 years"),
    ],
)
async def test_a_range_that_cannot_be_is_refused(ledger, range_, words):
    await buy(ledger, await ledger.portfolio(), "ACME")
    answer = await ledger.api.ask(HISTORY, {"range": range_})
    assert words in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_splits_and_dividends_are_shown_with_their_source(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    await buy(ledger, main, "OTHER")
    services = ledger.api.services
    before = services.database.statements
    acme, other = (await ledger.api.data(ACTIONS))["instruments"]
    # instruments, and for splits and dividends alike what is known and the actions
    assert services.database.statements - before == 3
    assert acme["splits"] == [
        {"day": "2024-05-20", "newUnits": "4", "oldUnits": "1", "source": SOURCE}
    ]
    assert acme["dividends"] == [
        {
            "exDay": "2024-05-10",
            "payDay": "2024-05-16",
            "amount": {"amount": "0.255", "currency": "USD"},
            "source": SOURCE,
        },
        {
            "exDay": "2024-06-03",
            "payDay": None,
            "amount": {"amount": "0.07", "currency": "USD"},
            "source": SOURCE,
        },
    ]
    assert other == {"splits": [], "dividends": []}


async def test_what_the_ledger_lacks_is_proposed_ready_to_book(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    ((paid, split, later),) = await proposed(ledger, PROPOSALS)
    assert paid == {
        "key": EARLY_ID,
        "kind": "DIVIDEND",
        "instrument": {"symbol": "ACME"},
        "day": "2024-05-10",
        "bookedOn": "2024-05-16",
        "units": "10.5",
        "newUnits": None,
        "oldUnits": None,
        "amountPerUnit": "0.255",
        "grossAmount": "2.6775",
        "currency": "USD",
        "source": SOURCE,
        "mutation": "recordIncome",
        "arguments": [
            {"name": "portfolioId", "value": main},
            {"name": "kind", "value": "DIVIDEND"},
            {"name": "symbol", "value": "ACME"},
            {"name": "occurredAt", "value": "2024-05-16T00:00:00Z"},
            {"name": "amount", "value": "2.6775"},
            {"name": "currency", "value": "USD"},
            {"name": "externalId", "value": EARLY_ID},
        ],
        "dismissed": False,
    }
    assert (split["key"], split["newUnits"], split["units"]) == (SPLIT_ID, "4", "10.5")
    assert (later["key"], later["units"], later["grossAmount"]) == (LATE_ID, "10.5", "0.735")


async def test_the_arguments_of_a_proposal_book_it(ledger):
    await buy(ledger, await ledger.portfolio(), "ACME")
    for one in (await proposed(ledger, PROPOSALS))[0][:2]:
        given = {pair["name"]: pair["value"] for pair in one["arguments"]}
        kind = one["mutation"][0].upper() + one["mutation"][1:]
        done = await ledger.api.data(
            f"mutation($input: {kind}Input!) {{ done: {one['mutation']}(input: $input) "
            "{ userErrors { message } } }",
            {"input": given},
        )
        assert done["done"]["userErrors"] == []
    # After the split four times the units were held on the day before the later dividend.
    ((left,),) = await proposed(ledger, PROPOSALS)
    assert (left["units"], left["grossAmount"]) == ("42", "2.94")


async def test_units_count_that_were_held_on_the_day_before(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME", day="2024-05-10")  # on the ex-day: too late
    await ledger.record(
        "recordTrade",
        main,
        "2024-05-20",
        symbol="ACME",
        side="SELL",
        quantity="10.5",
        price="100",
    )
    assert [[one["key"] for one in some] for some in await proposed(ledger)] == [[SPLIT_ID]]


async def test_what_is_booked_by_hand_is_not_proposed(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    await ledger.record(
        "recordCorporateAction",
        main,
        "2024-05-22",
        kind="SPLIT",
        symbol="ACME",
        newUnits="8",
        oldUnits="2",
    )
    await ledger.record(
        "recordIncome", main, "2024-06-12", kind="DIVIDEND", symbol="ACME", amount="2.50"
    )
    # The booking of 12 June is nearer to the dividend of 3 June than to that paid on 16 May.
    assert [[one["key"] for one in some] for some in await proposed(ledger)] == [[EARLY_ID]]


async def test_accepting_twice_books_once(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    given = {"input": {"portfolioId": main, "proposalKey": SPLIT_ID}}
    tried = (await ledger.api.data(ACCEPT, {"input": given["input"] | {"dryRun": True}}))["done"]
    assert tried["preview"] is not None
    first = (await ledger.api.data(ACCEPT, given))["done"]
    assert first["userErrors"] == []
    assert first["transaction"]["externalId"] == SPLIT_ID
    assert (first["position"], first["replayed"]) == ({"quantity": "42"}, False)
    again = (await ledger.api.data(ACCEPT, given))["done"]
    assert again == first | {"replayed": True}
    assert [[one["key"] for one in some] for some in await proposed(ledger)] == [
        [EARLY_ID, LATE_ID]
    ]


async def test_what_was_never_proposed_or_is_a_strangers_is_not_accepted(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    wrong = {"portfolioId": main, "proposalKey": "proposal:split:ACME:2024-05-20:5:1"}
    for mutation in (ACCEPT, DISMISS):
        done = (await ledger.api.data(mutation, {"input": wrong}))["done"]
        assert done["userErrors"] == [{"code": "NOT_FOUND", "field": ["proposalKey"]}]
    await ledger.api.sign_up("bob")
    for mutation in (ACCEPT, DISMISS):
        given = {"portfolioId": main, "proposalKey": SPLIT_ID}
        done = (await ledger.api.data(mutation, {"input": given}))["done"]
        assert done["userErrors"] == [{"code": "NOT_FOUND", "field": ["portfolioId"]}]


async def test_a_dismissed_proposal_is_out_of_sight_until_it_is_taken_back(ledger):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    given = {"portfolioId": main, "proposalKey": EARLY_ID}
    for _ in range(2):
        done = (await ledger.api.data(DISMISS, {"input": given}))["done"]
        assert [one["key"] for one in done["portfolio"]["proposals"]] == [SPLIT_ID, LATE_ID]
        assert done["portfolio"]["all"][0] == {"key": EARLY_ID, "dismissed": True}
    back = (await ledger.api.data(DISMISS, {"input": given | {"dismissed": False}}))["done"]
    assert len(back["portfolio"]["proposals"]) == 3


async def test_proposals_cost_a_fixed_number_of_statements(ledger):
    services = ledger.api.services
    for number in range(3):
        main = await ledger.portfolio(f"Main {number}")
        await buy(ledger, main, "ACME")
        await buy(ledger, main, "OTHER")
    before = services.database.statements
    assert [len(some) for some in await proposed(ledger)] == [3, 3, 3]
    # user, portfolios, dismissed, ledgers, ties, portfolios by owner, instruments, coverage, actions
    assert services.database.statements - before == 9


async def test_a_dividend_that_is_not_paid_yet_is_not_proposed(ledger, clock):
    main = await ledger.portfolio()
    await buy(ledger, main, "ACME")
    clock.now = clock.now.replace(month=5, day=15)
    assert await proposed(ledger) == [[]]
    clock.now += timedelta(days=1)
    assert [[one["key"] for one in some] for some in await proposed(ledger)] == [[EARLY_ID]]
