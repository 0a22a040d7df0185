"""Shared portfolios: what viewers, editors and links may see and do, and what stays private."""

import asyncio
from datetime import timedelta

import pytest
from graphql import get_named_type

from gateway.schema import schema
from services.verification import verify_all
from tests.ledger import Ledger
from tests.people import another, link, person, send, share, token_of, wrong

SHARED = "{ viewer { sharedPortfolios { id name ownerName viewerRole } portfolios { id } } }"
UNSEEN = "A portfolio of the owner that is tied to this one by a transfer does not allow it."


class World:
    """Ann's two portfolios, the one shared with Bob, and what he reaches of them."""

    @classmethod
    async def create(cls, api, role):
        self = cls()
        self.ann, self.bob = await person(api, "ann"), await person(api, "bob")
        self.shared = await Ledger.create(self.ann, "Shared")
        self.private = await Ledger.create(self.ann, "Private")
        bought = await self.shared.trade("BUY", "10", "100")
        self.trade = bought["entry"]["id"]
        self.share = await share(self.ann, self.shared.key, "bob", role)
        self.bobs = Ledger(self.bob, self.shared.key)
        return self

    async def transfer(self, quantity="4", symbol="AAPL"):
        """Move units from the shared portfolio to the private one."""
        moved = await self.shared.record(
            "transferUnits",
            toPortfolioId=self.private.key,
            symbol=symbol,
            quantity=quantity,
            day="2024-03-05",
        )
        return moved["entry"]["id"]


@pytest.fixture
async def viewer(api):
    return await World.create(api, "VIEWER")


@pytest.fixture
async def editor(api):
    return await World.create(api, "EDITOR")


EXPLAINED = """performance(range: {from: "2024-03-01", to: "2024-03-06"}) { gain { explain {
    flows { nodes { day amount transaction { id kind portfolio { id } } } }
    days(last: 2) { nodes { value lines { portfolio { id } units value } } }
    transactions { totalCount nodes { id portfolio { id } } } } }
  attribution(by: PORTFOLIO) { contributions { portfolio { id } } } }
  income { expected { dividends { portfolio { id } } } }"""


async def test_explanations_name_nothing_of_portfolios_that_are_not_shared(viewer):
    await viewer.transfer()
    seen = await viewer.bobs.see(EXPLAINED)
    assert seen == await viewer.shared.see(EXPLAINED)
    assert viewer.private.key not in repr(seen)
    flows = seen["performance"]["gain"]["explain"]["flows"]["nodes"]
    left = next(flow["transaction"] for flow in flows if flow["day"] == "2024-03-05")
    assert (left["kind"], left["portfolio"]["id"]) == ("TRANSFER_OUT", viewer.shared.key)
    query = "query($id: ID!) { node(id: $id) { id } }"
    assert (await viewer.bob.data(query, {"id": left["id"]}))["node"] == {"id": left["id"]}


async def test_a_viewer_reads_all_of_the_portfolio_and_none_of_the_others(viewer):
    fields = (
        "name ownerName version overview { value { amount } totalReturn } cash { amount } "
        "positions { symbol quantity lots { quantity } } transactions { nodes { id history "
        "{ changedBy } portfolio { id } } } transactionsExport { content } statement(range: "
        '{from: "2024-03-01", to: "2024-03-02"}) { currency } dataQuality { message } '
        "proposals { key } lots { nodes { quantity } } realizedGains { totalCount }"
    )
    assert await viewer.bobs.see(fields) == await viewer.shared.see(fields)
    assert await Ledger(viewer.bob, viewer.private.key).see(fields) is None
    assert await viewer.bob.data(SHARED) == {
        "viewer": {
            "sharedPortfolios": [
                {
                    "id": viewer.shared.key,
                    "name": "Shared",
                    "ownerName": "ann",
                    "viewerRole": "VIEWER",
                }
            ],
            "portfolios": [],
        }
    }
    assert await viewer.shared.see("viewerRole shares { id role username name expiresAt }") == {
        "viewerRole": "OWNER",
        "shares": [
            {
                "id": viewer.share,
                "role": "VIEWER",
                "username": "bob",
                "name": None,
                "expiresAt": None,
            }
        ],
    }
    assert await viewer.bobs.see("shares { id }") == {"shares": None}
    combined = "{ viewer { combined { positions { symbol } cash { amount } } } }"
    found = await viewer.bob.data(combined)
    assert found == {"viewer": {"combined": {"positions": [], "cash": []}}}


async def test_node_finds_what_is_shared_and_nothing_of_the_rest(viewer):
    hidden = await viewer.transfer()
    position = (await viewer.shared.position(fields="id"))["id"]
    (arrived,) = (await viewer.private.see("transactions { nodes { id } }"))["transactions"][
        "nodes"
    ]
    (elsewhere,) = (await viewer.private.see("positions { id }"))["positions"]
    ids = [viewer.shared.key, position, viewer.trade, hidden]
    ids += [viewer.private.key, elsewhere["id"], arrived["id"]]
    found = await viewer.bob.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert found["nodes"] == [{"id": one} for one in ids[:4]] + [None] * 3
    stranger = await person(viewer.ann, "eve")
    found = await stranger.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert found["nodes"] == [None] * 7


async def test_a_viewer_changes_nothing(viewer):
    trade = {"side": "BUY", "symbol": "AAPL", "quantity": "1", "price": "1"}
    assert await viewer.bobs.refused("recordTrade", **trade) == [("NOT_FOUND", "portfolioId")]
    assert await viewer.bobs.refused("recordTrade", dryRun=True, **trade) == [
        ("NOT_FOUND", "portfolioId")
    ]
    void = await send(viewer.bob, "voidTransaction", {"id": viewer.trade})
    assert wrong(void) == [("NOT_FOUND", "id")]
    update = await send(viewer.bob, "updateTransaction", {"id": viewer.trade, "price": "1"})
    assert wrong(update) == [("NOT_FOUND", "id")]
    for mutation in ("updatePortfolio", "archivePortfolio"):
        assert await viewer.bobs.change_terms(mutation) == [("NOT_FOUND", "portfolioId")]
    assert (await viewer.shared.see("version archivedAt")) == {"version": 1, "archivedAt": None}


async def test_an_editor_books_corrects_and_imports(editor):
    await editor.bobs.trade("SELL", "4", "110", day="2024-03-04")
    done = await send(editor.bob, "updateTransaction", {"id": editor.trade, "price": "90"})
    assert wrong(done) == []
    await editor.bobs.record(
        "importTransactions", content="date,type,amount\n2024-03-02,DEPOSIT,5000\n"
    )
    assert await editor.shared.see("cash { amount currency }") == {"cash": ["4540 USD"]}
    history = await editor.ann.data(
        "query($id: ID!) { node(id: $id) { ... on Trade { history { changedBy } } } }",
        {"id": editor.trade},
    )
    assert history["node"]["history"] == [{"changedBy": "bob"}]
    undone = await send(editor.bob, "undoTransactionChange", {"id": editor.trade})
    assert wrong(undone) == []
    assert wrong(await send(editor.bob, "voidTransaction", {"id": editor.trade})) == [
        ("OVERSOLD", "id")
    ]
    assert await verify_all(editor.ann.services.database) == (2, [])


async def test_an_editor_neither_shares_nor_changes_the_portfolio_itself(editor):
    for mutation, terms in (
        ("updatePortfolio", {"name": "Mine"}),
        ("archivePortfolio", {}),
        ("sharePortfolio", {"username": "ann", "role": "VIEWER"}),
        ("createPortfolioLink", {"name": "x"}),
    ):
        assert await editor.bobs.change_terms(mutation, **terms) == [("NOT_FOUND", "portfolioId")]
    assert await editor.bobs.see("shares { id }") == {"shares": None}
    assert await editor.shared.see("name archivedAt") == {"name": "Shared", "archivedAt": None}


async def test_an_editor_transfers_between_portfolios_of_one_owner_that_are_both_shared(editor):
    given = {"toPortfolioId": editor.private.key, "symbol": "AAPL", "quantity": "4"}
    refused = await editor.bobs.refused("transferUnits", **given)
    assert refused == [("NOT_FOUND", "toPortfolioId")]
    own = await Ledger.create(editor.bob, "Own")
    to_own = await editor.bobs.refused("transferUnits", **given | {"toPortfolioId": own.key})
    assert to_own == [("INVALID", "toPortfolioId")]
    await share(editor.ann, editor.private.key, "bob", "VIEWER")
    refused = await editor.bobs.refused("transferUnits", **given)
    assert refused == [("NOT_FOUND", "toPortfolioId")]
    await share(editor.ann, editor.private.key, "bob", "EDITOR")
    await editor.bobs.record("transferUnits", **given)
    assert (await editor.private.position(fields="quantity"))["quantity"] == "4"
    assert await verify_all(editor.ann.services.database) == (3, [])


async def test_an_editor_leaves_transfers_with_other_portfolios_as_they_are(editor):
    moved = await editor.transfer()
    for mutation in ("voidTransaction", "updateTransaction"):
        assert wrong(await send(editor.bob, mutation, {"id": moved})) == [("INVALID", "id")]
    assert wrong(await send(editor.ann, "voidTransaction", {"id": moved})) == []
    undone = await send(editor.bob, "undoTransactionChange", {"id": moved})
    assert wrong(undone) == [("INVALID", "id")]
    assert (await editor.private.see("positions { quantity }")) == {"positions": []}


async def test_a_preview_shows_an_editor_only_what_is_shared(editor):
    await editor.transfer()
    tried = []  # by FIFO other lots would have moved
    for ledger in (editor.shared, editor.bobs):
        done = await ledger.record(
            "recordTrade",
            dryRun=True,
            side="BUY",
            symbol="AAPL",
            quantity="1",
            price="50",
            day="2024-02-01",
        )
        tried.append([one["portfolio"]["id"] for one in done["preview"]["portfolios"]])
    assert tried == [[editor.shared.key, editor.private.key], [editor.shared.key]]


async def test_a_refusal_tells_an_editor_nothing_of_other_portfolios(editor):
    await editor.transfer()
    (lot,) = (await editor.private.position(fields="lots { openedById }"))["lots"]
    chosen = [{"openedById": lot["openedById"], "quantity": "4"}]
    await editor.private.trade("SELL", "4", "123", day="2024-03-06", lots=chosen)
    earlier = {"side": "BUY", "symbol": "AAPL", "quantity": "4", "price": "50"}
    # Other units would have been moved, and the lot that was sold would not be there.
    told = {}
    for who, ledger in (("ann", editor.shared), ("bob", editor.bobs)):
        done = await ledger.try_to("recordTrade", day="2024-02-01", **earlier)
        (error,) = done["userErrors"]
        assert error["code"] == "OVERSOLD"
        told[who] = error["message"]
    assert told == {
        "ann": "This would break a later entry: the entry of 2024-03-06 takes 4 and finds only 0 "
        "held, 4 too few.",
        "bob": UNSEEN,
    }


async def test_an_archived_portfolio_is_not_named_to_an_editor_who_may_not_see_it(editor):
    await editor.transfer()
    await editor.private.change_terms("archivePortfolio")
    earlier = {"side": "BUY", "symbol": "AAPL", "quantity": "4", "price": "50"}
    told = {}
    for who, ledger in (("ann", editor.shared), ("bob", editor.bobs)):
        done = await ledger.try_to("recordTrade", day="2024-02-01", **earlier)
        (error,) = done["userErrors"]
        assert error["code"] == "ARCHIVED"
        told[who] = error["message"]
    assert told == {
        "ann": "This would change the portfolio 'Private', which is archived.",
        "bob": UNSEEN,
    }


async def test_who_is_no_longer_an_editor_is_a_stranger_to_repeats_too(editor):
    keyed = {"id": editor.trade, "idempotencyKey": "k1"}
    booked = {
        "side": "BUY",
        "symbol": "AAPL",
        "quantity": "1",
        "price": "1",
        "idempotencyKey": "k2",
    }
    assert wrong(await send(editor.bob, "voidTransaction", keyed)) == []
    await editor.bobs.record("recordTrade", **booked)
    done = await send(
        editor.ann, "revokePortfolioShare", {"shareId": editor.share}, "portfolio { id }"
    )
    assert done == {"portfolio": {"id": editor.shared.key}, "userErrors": []}
    repeated = await send(editor.bob, "voidTransaction", keyed, "transaction { id } replayed")
    assert (repeated["transaction"], wrong(repeated)) == (None, [("NOT_FOUND", "")])
    assert await editor.bobs.refused("recordTrade", **booked) == [("NOT_FOUND", "portfolioId")]
    assert await editor.bobs.see("id") is None
    assert (await editor.bob.data(SHARED))["viewer"]["sharedPortfolios"] == []


async def test_a_role_is_changed_by_sharing_again(editor):
    assert await share(editor.ann, editor.shared.key, "BOB", "VIEWER") == editor.share
    assert await editor.bobs.see("viewerRole") == {"viewerRole": "VIEWER"}


async def test_whom_it_is_shared_with_may_leave_and_nobody_else_may_end_it(viewer):
    eve = await person(viewer.ann, "eve")
    other = await share(viewer.ann, viewer.shared.key, "eve")
    for who, key in ((viewer.bob, other), (await person(viewer.ann, "dan"), viewer.share)):
        refused = await send(who, "revokePortfolioShare", {"shareId": key})
        assert wrong(refused) == [("NOT_FOUND", "shareId")]
    left = await send(eve, "revokePortfolioShare", {"shareId": other}, "portfolio { id }")
    assert left == {"portfolio": None, "userErrors": []}
    shares = (await viewer.shared.see("shares { username }"))["shares"]
    assert shares == [{"username": "bob"}]


async def test_a_share_is_refused_to_nobody_and_to_oneself(viewer):
    given = {"portfolioId": viewer.shared.key, "role": "VIEWER"}
    for name, code in (("nobody", "NOT_FOUND"), ("not a name!", "NOT_FOUND"), ("Ann", "INVALID")):
        made = await send(viewer.ann, "sharePortfolio", given | {"username": name})
        assert wrong(made) == [(code, "username")]


async def test_shares_of_a_portfolio_have_a_limit_and_expired_links_make_room(viewer, clock):
    for _ in range(99):
        await link(viewer.ann, viewer.shared.key, expiresAt="2024-06-14T15:01:00Z")
    more = {"portfolioId": viewer.shared.key, "name": "x"}
    assert wrong(await send(viewer.ann, "createPortfolioLink", more)) == [("OUT_OF_RANGE", "")]
    await person(viewer.ann, "eve")
    given = {"portfolioId": viewer.shared.key, "username": "eve", "role": "VIEWER"}
    assert wrong(await send(viewer.ann, "sharePortfolio", given)) == [("OUT_OF_RANGE", "")]
    clock.now += timedelta(minutes=2)
    await link(viewer.ann, viewer.shared.key)
    assert len((await viewer.shared.see("shares { id }"))["shares"]) == 2


async def test_a_token_of_an_editor_needs_the_scope_and_the_role(editor):
    _, reading = await token_of(editor.bob, "READ")
    _, trading = await token_of(editor.bob, "TRADE")
    trade = {"side": "BUY", "symbol": "AAPL", "quantity": "1", "price": "1"}
    await Ledger(another(editor.bob, token=trading), editor.shared.key).record(
        "recordTrade", **trade
    )
    program = another(editor.bob, token=reading)
    answer = await program.ask(
        "mutation($id: ID!) { voidTransaction(input: {id: $id}) { replayed } }",
        {"id": editor.trade},
    )
    assert answer["data"] == {"voidTransaction": None}
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "scope": "TRADE"}


async def test_owner_and_editor_book_at_the_same_time(editor):
    ledgers = [editor.shared, editor.bobs] * 4
    await asyncio.gather(*(ledger.trade("BUY", "1", "100") for ledger in ledgers))
    assert await editor.shared.see("version positions { quantity }") == {
        "version": 9,
        "positions": [{"quantity": "18"}],
    }
    assert await verify_all(editor.ann.services.database) == (2, [])


async def test_a_shared_portfolio_costs_one_statement_more_than_ones_own_at_most(viewer):
    viewer.ann.services.market._learner._flusher.cancel()  # what is written behind costs nobody
    fields = "{ id name version positions { quantity } transactions { nodes { id } } }"

    async def statements(api, query):
        before = api.services.database.statements
        await api.data(query)
        return api.services.database.statements - before

    own = await statements(viewer.ann, f"{{ viewer {{ portfolios {fields} }} }}")
    assert await statements(viewer.bob, f"{{ viewer {{ sharedPortfolios {fields} }} }}") == own
    one = 'query {{ node(id: "{}") {{ ... on Portfolio {} }} }}'
    own = await statements(viewer.ann, one.format(viewer.shared.key, fields))
    theirs = await statements(viewer.bob, one.format(viewer.shared.key, fields))
    assert theirs == own + 1  # the role


# Links

VIEW = """query($token: String!) { sharedPortfolio(token: $token) {
  name baseCurrency totalReturn dayChangeRatio cashWeight expiresAt
  holdings { symbol name weight unrealizedReturn }
} }"""


async def test_a_link_shows_percentages_to_whoever_has_it(open_market):
    ann = await open_market(
        prices="date,symbol,close,currency\n2024-06-13,AAPL,100,USD\n2024-06-14,AAPL,110,USD\n"
        "2024-06-13,MSFT,200,USD\n2024-06-14,MSFT,200,USD\n",
        rates="Date,USD\n2024-06-12,1.25\n",
    )
    ledger = await Ledger.create(ann, "Main")
    await ledger.record("recordCashTransfer", direction="DEPOSIT", amount="1900", day="2024-06-12")
    await ledger.trade("BUY", "10", "88", day="2024-06-12")
    await ledger.trade("BUY", "3", "250", symbol="MSFT", day="2024-06-12")
    _, token = await link(ann, ledger.key)
    shown = (await another(ann).data(VIEW, {"token": token}))["sharedPortfolio"]
    # 1100 in AAPL, 600 in MSFT and 270 in cash: 1970
    assert shown == {
        "name": "Main",
        "baseCurrency": "USD",
        "totalReturn": 0.037,  # 70 of 1900
        "dayChangeRatio": 0.053,  # 100 of 1870
        "cashWeight": 0.14,
        "expiresAt": "2024-09-12T15:00:00Z",
        "holdings": [
            {"symbol": "AAPL", "name": "AAPL", "weight": 0.56, "unrealizedReturn": 0.25},
            {"symbol": "MSFT", "name": "MSFT", "weight": 0.3, "unrealizedReturn": -0.2},
        ],
    }


def reached(name):
    """Return the types that can be reached from a type, by name."""
    found, waiting = {}, [schema._schema.type_map[name]]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found[one.name] = one
            waiting += [get_named_type(field.type) for field in getattr(one, "fields", {}).values()]
    return set(found)


def test_a_link_leads_to_no_type_that_could_hold_an_amount():
    assert reached("SharedPortfolioView") == {
        "SharedPortfolioView",
        "SharedHolding",
        "SharedAllocation",
        "SharedSlice",
        "SharedPerformance",
        "SharedPoint",
        "SharedReturn",
        "AllocationDimension",
        "CurrencyCode",
        "Date",
        "DateTime",
        "NullReason",
        "Ratio",
        "SliceKind",
        "String",
        "Symbol",
    }


PRICES = """date,symbol,close,currency
2024-06-12,AAPL,88,USD
2024-06-13,AAPL,100,USD
2024-06-14,AAPL,110,USD
2024-06-12,SAP.DE,160,EUR
2024-06-13,SAP.DE,160,EUR
2024-06-14,SAP.DE,160,EUR
"""
MORE = """query($token: String!, $by: AllocationDimension! = CURRENCY) {
  sharedPortfolio(token: $token) {
    allocation(by: $by) { by reason slices { kind label weight } }
    performance { from to timeWeightedReturn { value reason }
      annualizedTimeWeightedReturn { value reason } moneyWeightedReturn { value reason }
      series { day growth } }
    day: performance(period: ONE_DAY) { timeWeightedReturn { value } }
} }"""


async def linked(api, name="Main", *, times=1, fee="0"):
    """Share a portfolio of 10 AAPL, 3 SAP.DE and 420 dollars, or some times as much, by a link.

    A fee is the same for any size.
    """
    ledger = await Ledger.create(api, name)
    day = "2024-06-12"
    await ledger.record(
        "recordCashTransfer", direction="DEPOSIT", amount=str(1900 * times), day=day
    )
    await ledger.trade("BUY", str(10 * times), "88", day=day, fee=fee)
    await ledger.trade(
        "BUY", str(3 * times), "160", symbol="SAP.DE", day=day, settlementCurrency="USD",
        exchangeRate="1.25", fee=fee,
    )  # fmt: skip
    _, token = await link(api, ledger.key)
    return ledger, token


async def test_a_link_shows_what_a_portfolio_is_made_of_by_weights_alone(open_market):
    ann = await open_market(prices=PRICES, rates="Date,USD\n2024-06-12,1.25\n")
    _, token = await linked(ann)
    anyone = another(ann)
    shown = (await anyone.data(MORE, {"token": token}))["sharedPortfolio"]["allocation"]
    # 1100 in AAPL and 420 in cash, 600 in SAP.DE: of 2120
    assert shown == {
        "by": "CURRENCY",
        "reason": None,
        "slices": [
            {"kind": "ASSIGNED", "label": "USD", "weight": 0.72},
            {"kind": "ASSIGNED", "label": "EUR", "weight": 0.28},
        ],
    }
    shown = await anyone.data(MORE, {"token": token, "by": "INSTRUMENT"})
    weights = [one["weight"] for one in shown["sharedPortfolio"]["allocation"]["slices"]]
    assert weights == [0.52, 0.28, 0.2]
    assert sum(weights) == 1
    answer = await anyone.ask(MORE, {"token": token, "by": "TAG"})
    assert answer["errors"][0]["message"].startswith("`by`: A link shows no tags")


async def test_a_link_shows_how_a_portfolio_did_in_percent(open_market):
    ann = await open_market(prices=PRICES, rates="Date,USD\n2024-06-12,1.25\n")
    _, token = await linked(ann)
    shown = (await another(ann).data(MORE, {"token": token}))["sharedPortfolio"]
    # 1900, of which AAPL makes 2020 and then 2120.
    assert shown["performance"] == {
        "from": "2024-06-12",
        "to": "2024-06-14",
        "timeWeightedReturn": {"value": 0.116, "reason": None},
        "annualizedTimeWeightedReturn": {"value": None, "reason": "LESS_THAN_A_YEAR"},
        "moneyWeightedReturn": {"value": 0.116, "reason": None},
        "series": [
            {"day": "2024-06-11", "growth": 0},
            {"day": "2024-06-12", "growth": 0},
            {"day": "2024-06-13", "growth": 0.063},
            {"day": "2024-06-14", "growth": 0.116},
        ],
    }
    assert shown["day"] == {"timeWeightedReturn": {"value": 0.05}}  # 100 of 2020


async def test_a_link_tells_nothing_of_how_much_there_is(open_market):
    ann = await open_market(prices=PRICES, rates="Date,USD\n2024-06-12,1.25\n")
    seen = []
    for times in (1, 10):
        _, token = await linked(ann, f"{times} times", times=times, fee="1")
        anyone = another(ann)
        answers = [
            await anyone.data(MORE, {"token": token, "by": by})
            for by in ("CURRENCY", "INSTRUMENT", "ASSET_CLASS", "SECTOR")
        ]
        whole = (await anyone.data(VIEW, {"token": token}))["sharedPortfolio"]
        assert whole.pop("name") == f"{times} times"
        seen.append([*answers, whole])
    assert seen[0] == seen[1]


async def test_what_a_link_shows_is_before_the_fees_of_trades(open_market):
    ann = await open_market(prices=PRICES, rates="Date,USD\n2024-06-12,1.25\n")
    seen = []
    for fee in ("0", "20"):
        ledger = await Ledger.create(ann, f"Fee {fee}")
        paid = {"direction": "DEPOSIT", "amount": "10000", "day": "2024-06-12"}
        await ledger.record("recordCashTransfer", **paid)
        await ledger.trade("BUY", "20", "88", day="2024-06-12", fee=fee)
        _, token = await link(ann, ledger.key)
        view = (await another(ann).data(VIEW, {"token": token}))["sharedPortfolio"]
        more = (await another(ann).data(MORE, {"token": token}))["sharedPortfolio"]
        assert view.pop("name") == f"Fee {fee}"
        seen.append((view, more))
    assert seen[0] == seen[1]
    view, more = seen[0]
    # 20 times 22 is 440, of 10000, and of a cost of 1760; after fees it would be 420, and of 1780.
    assert view["totalReturn"] == 0.044
    assert more["performance"]["timeWeightedReturn"]["value"] == 0.044
    assert [one["unrealizedReturn"] for one in view["holdings"]] == [0.25]


async def test_without_a_rate_a_link_shows_no_weight_and_why(open_market):
    ann = await open_market(prices=PRICES, rates="Date,USD\n2024-06-12,1.25\n")
    ledger, token = await linked(ann)
    pounds = {"direction": "DEPOSIT", "currency": "GBP", "amount": "5", "exchangeRate": "1.3"}
    await ledger.record("recordCashTransfer", **pounds, day="2024-06-12")
    shown = (await another(ann).data(MORE, {"token": token}))["sharedPortfolio"]
    assert shown["allocation"]["reason"] == "NO_RATE"
    assert {one["weight"] for one in shown["allocation"]["slices"]} == {None}
    assert shown["performance"]["timeWeightedReturn"] == {"value": None, "reason": "NO_RATE"}


async def test_a_link_ends_when_it_expires_and_when_it_is_revoked(viewer, clock):
    anyone = another(viewer.ann)
    _, one = await link(viewer.ann, viewer.shared.key, expiresAt="2024-06-14T15:00:01Z")
    second, other = await link(viewer.ann, viewer.shared.key)
    for token in (one, other):
        assert (await anyone.data(VIEW, {"token": token}))["sharedPortfolio"]["name"] == "Shared"
    clock.now += timedelta(seconds=1)
    assert await anyone.data(VIEW, {"token": one}) == {"sharedPortfolio": None}
    assert [row["id"] for row in (await viewer.shared.see("shares { id }"))["shares"]] == [
        viewer.share,
        second,
    ]
    done = await send(viewer.ann, "revokePortfolioShare", {"shareId": second})
    assert done == {"userErrors": []}
    assert await anyone.data(VIEW, {"token": other}) == {"sharedPortfolio": None}


async def test_a_link_is_no_token_of_a_user_and_a_token_of_a_user_no_link(viewer):
    _, token = await link(viewer.ann, viewer.shared.key)
    _, secret = await token_of(viewer.ann, "READ")
    answer = await another(viewer.ann, token=token).ask("{ viewer { username } }")
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    anyone = another(viewer.ann)
    for text in (secret, token[:-1], token.swapcase(), "", "\0"):
        assert await anyone.data(VIEW, {"token": text}) == {"sharedPortfolio": None}


async def test_a_link_has_a_name_and_an_end_within_a_year(viewer):
    given = {"portfolioId": viewer.shared.key, "name": "", "expiresAt": "2025-06-15T00:00:00Z"}
    made = await send(viewer.ann, "createPortfolioLink", given, "token")
    assert wrong(made) == [("REQUIRED", "name"), ("OUT_OF_RANGE", "expiresAt")]
    assert made["token"] is None
