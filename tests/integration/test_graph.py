"""The graph over HTTP, on SQLite and PostgreSQL: reading, booking, correcting."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from gateway.auth import context_for
from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import schema
from gateway.transports.execution import Executor, Request

CREATE = """mutation($input: CreatePortfolioInput!) { createPortfolio(input: $input) {
  replayed portfolio { id name baseCurrency version } userErrors { code message field } } }"""
TRADE = """mutation($input: RecordTradeInput!) { recordTrade(input: $input) {
  replayed
  trade { id quantity realizedGain { amount } cashEffect { amount currency } instrument { symbol } }
  position { quantity averageCost { amount } costBasis { amount } realizedGain { amount }
             lots { quantity cost { amount } } }
  portfolio { version cash { amount currency } }
  userErrors { code message field } } }"""
CASH = """mutation($input: RecordCashTransferInput!) { recordCashTransfer(input: $input) {
  replayed cashTransfer { id } portfolio { version cash { amount currency } }
  userErrors { code message field } } }"""
VOID = """mutation($input: VoidTransactionInput!) { voidTransaction(input: $input) {
  transaction { voidedAt } portfolio { version cash { amount currency } positions { symbol } }
  userErrors { code field } } }"""


async def portfolio(api, name="Main", **extra):
    answer = await api.data(CREATE, {"input": {"name": name} | extra})
    assert answer["createPortfolio"]["userErrors"] == []
    return answer["createPortfolio"]["portfolio"]["id"]


def trade(portfolio_id, side="BUY", quantity="10", price="100", **extra):
    return {
        "input": {
            "portfolioId": portfolio_id,
            "symbol": "AAPL",
            "side": side,
            "quantity": quantity,
            "price": price,
            "occurredAt": "2024-03-01T15:00:00Z",
        }
        | extra
    }


async def book(api, variables):
    return (await api.data(TRADE, variables))["recordTrade"]


async def test_the_demo_shows_what_was_seeded(demo):
    answer = await demo.data(
        """{ viewer { username portfolios { name baseCurrency
             cash { amount currency }
             overview { cash { amount } realizedGain { amount } income { amount }
                        invested { amount } netContributions { amount } issues { reason } }
             positions { symbol quantity averageCost { amount } }
             trades { totalCount } } } }"""
    )
    growth, income = answer["viewer"]["portfolios"]
    assert answer["viewer"]["username"] == "demo"
    assert growth["positions"] == [
        {"symbol": "AAPL", "quantity": "50", "averageCost": {"amount": "175.5"}},
        {"symbol": "GOOGL", "quantity": "25", "averageCost": {"amount": "142.3"}},
        {"symbol": "MSFT", "quantity": "30", "averageCost": {"amount": "380.25"}},
        {"symbol": "NVDA", "quantity": "15", "averageCost": {"amount": "495.6"}},
        {"symbol": "TSLA", "quantity": "20", "averageCost": {"amount": "245.8"}},
    ]
    # 100,000 - 8,775 - 11,407.50 - 3,557.50 - 4,916 - 7,434 - 1,440 + 1,583.50
    assert growth["cash"] == [{"amount": "64053.5", "currency": "USD"}]
    # 8,775 + 11,407.50 + 3,557.50 + 4,916 + 7,434; AMZN: 1,585 - 1.50 - 1,440
    assert growth["overview"] == {
        "cash": {"amount": "64053.5"},
        "realizedGain": {"amount": "143.5"},
        "income": {"amount": "0"},
        "invested": {"amount": "36090"},
        "netContributions": {"amount": "100000"},
        "issues": [],
    }
    assert growth["trades"]["totalCount"] == 7
    assert income["baseCurrency"] == "CAD"
    assert [one["symbol"] for one in income["positions"]] == [
        "ENB.TO",
        "JPM",
        "KO",
        "RY.TO",
        "SAP.DE",
    ]


async def test_value_is_cash_plus_market_value_and_gain_is_value_less_contributions(demo):
    answer = await demo.data(
        "{ viewer { portfolios { overview { value { amount } cash { amount } "
        "marketValue { amount } totalGain { amount } netContributions { amount } "
        "unrealizedGain { amount } invested { amount } } } } }"
    )
    from decimal import Decimal

    for one in answer["viewer"]["portfolios"]:
        figures = {name: Decimal(money["amount"]) for name, money in one["overview"].items()}
        cent = Decimal("0.01")
        assert abs(figures["value"] - figures["cash"] - figures["marketValue"]) <= cent
        assert abs(figures["totalGain"] - figures["value"] + figures["netContributions"]) <= cent
        assert abs(figures["unrealizedGain"] - figures["marketValue"] + figures["invested"]) <= cent


async def test_a_trade_in_a_new_instrument_finds_and_creates_it(api):
    await api.sign_up("ann")
    key = await portfolio(api)
    assert (await api.data('{ instrument(symbol: "AAPL") { id } }'))["instrument"] is None
    done = await book(api, trade(key, quantity="3", price="10.5", fee="0.6"))
    assert done["userErrors"] == []
    assert done["position"] == {
        "quantity": "3",
        "averageCost": {"amount": "10.7"},  # (31.50 + 0.60) / 3
        "costBasis": {"amount": "32.1"},
        "realizedGain": {"amount": "0"},
        "lots": [{"quantity": "3", "cost": {"amount": "32.1"}}],
    }
    assert done["portfolio"] == {
        "version": 1,
        "cash": [{"amount": "-32.1", "currency": "USD"}],
    }
    found = await api.data('{ instrument(symbol: "aapl") { name currency } }')
    assert found["instrument"] == {"name": "Apple Inc.", "currency": "USD"}


async def test_a_sale_relieves_the_oldest_lot_first(api):
    await api.sign_up("ann")
    key = await portfolio(api)
    await book(api, trade(key, quantity="10", price="100"))
    await book(api, trade(key, quantity="10", price="120", occurredAt="2024-03-02T15:00:00Z"))
    sold = await book(
        api,
        trade(key, "SELL", quantity="15", price="130", occurredAt="2024-03-03T15:00:00Z"),
    )
    # 15 x 130 - (10 x 100 + 5 x 120) = 350
    assert sold["trade"]["realizedGain"] == {"amount": "350"}
    assert sold["position"]["lots"] == [{"quantity": "5", "cost": {"amount": "600"}}]
    assert sold["portfolio"]["cash"] == [{"amount": "-250", "currency": "USD"}]


async def test_an_oversell_is_refused_and_changes_nothing(api):
    await api.sign_up("ann")
    key = await portfolio(api)
    await book(api, trade(key, quantity="10"))
    refused = await book(
        api, trade(key, "SELL", quantity="10.5", occurredAt="2024-03-02T15:00:00Z")
    )
    assert [error["code"] for error in refused["userErrors"]] == ["OVERSOLD"]
    assert refused["userErrors"][0]["field"] == ["quantity"]
    assert "0.5 too few" in refused["userErrors"][0]["message"]
    after = await api.data("{ viewer { portfolios { version trades { totalCount } } } }")
    assert after["viewer"]["portfolios"] == [{"version": 1, "trades": {"totalCount": 1}}]


async def test_a_portfolio_may_allow_shorts(api):
    await api.sign_up("ann")
    key = await portfolio(api, allowShort=True)
    await book(api, trade(key, "SELL", quantity="4", price="50"))
    short = await book(
        api, trade(key, "BUY", quantity="1", price="45", occurredAt="2024-03-02T15:00:00Z")
    )
    assert short["position"]["quantity"] == "-3"
    assert short["position"]["realizedGain"] == {"amount": "5"}
    assert short["position"]["averageCost"] == {"amount": "50"}


async def test_voiding_undoes_a_booking_and_is_refused_when_a_later_sale_needs_it(api):
    await api.sign_up("ann")
    key = await portfolio(api)
    bought = (await book(api, trade(key)))["trade"]["id"]
    sold = await book(api, trade(key, "SELL", occurredAt="2024-03-02T15:00:00Z", price="110"))
    refused = (await api.data(VOID, {"input": {"id": bought}}))["voidTransaction"]
    assert refused["userErrors"] == [{"code": "OVERSOLD", "field": ["id"]}]
    done = (await api.data(VOID, {"input": {"id": sold["trade"]["id"]}}))["voidTransaction"]
    assert done["portfolio"] == {
        "version": 3,
        "cash": [{"amount": "-1000", "currency": "USD"}],
        "positions": [{"symbol": "AAPL"}],
    }
    again = (await api.data(VOID, {"input": {"id": sold["trade"]["id"]}}))["voidTransaction"]
    assert again["userErrors"] == [{"code": "ALREADY_VOIDED", "field": ["id"]}]
    done = (await api.data(VOID, {"input": {"id": bought}}))["voidTransaction"]
    assert done["portfolio"] == {"version": 4, "cash": [], "positions": []}


async def test_the_same_idempotency_key_books_once_and_another_input_is_refused(api):
    await api.sign_up("ann")
    key = await portfolio(api)
    first = await book(api, trade(key, idempotencyKey="k1"))
    second = await book(api, trade(key, idempotencyKey="k1"))
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert first["trade"]["id"] == second["trade"]["id"]
    other = await book(api, trade(key, quantity="11", idempotencyKey="k1"))
    assert [error["code"] for error in other["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]
    after = await api.data("{ viewer { portfolios { version } } }")
    assert after["viewer"]["portfolios"] == [{"version": 1}]


async def test_cash_in_another_currency_is_converted_at_the_rate_of_its_day(api):
    await api.sign_up("ann")
    key = await portfolio(api, baseCurrency="USD")
    await api.data(
        CASH,
        {
            "input": {
                "portfolioId": key,
                "direction": "DEPOSIT",
                "amount": "1000",
                "currency": "EUR",
                "occurredAt": "2022-12-28T00:00:00Z",
            }
        },
    )
    answer = await api.data(
        '{ viewer { portfolios { overview(asOf: "2022-12-28") '
        "{ value { amount } netContributions { amount } totalGain { amount } } } } }"
    )
    # The ECB's rate of 2022-12-28: 1.064 dollars for a euro.
    assert answer["viewer"]["portfolios"][0]["overview"] == {
        "value": {"amount": "1064"},
        "netContributions": {"amount": "1064"},
        "totalGain": {"amount": "0"},
    }


async def test_pages_follow_each_other_without_gap_or_repeat(demo):
    query = """query($first: Int, $after: String, $last: Int, $before: String) {
      viewer { portfolios { trades(first: $first, after: $after, last: $last, before: $before) {
        nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }"""

    async def page(**variables):
        answer = await demo.data(query, variables)
        return answer["viewer"]["portfolios"][0]["trades"]

    whole = [node["id"] for node in (await page(first=100))["nodes"]]
    seen, after = [], None
    for _ in range(4):
        part = await page(first=2, after=after)
        seen += [node["id"] for node in part["nodes"]]
        after = part["pageInfo"]["endCursor"]
    assert seen == whole
    assert part["pageInfo"]["hasNextPage"] is False
    tail = await page(last=2)
    assert [node["id"] for node in tail["nodes"]] == whole[-2:]
    assert tail["pageInfo"]["hasPreviousPage"] is True
    head = await page(last=2, before=tail["pageInfo"]["startCursor"])
    assert [node["id"] for node in head["nodes"]] == whole[-4:-2]


async def test_every_id_finds_its_node_again_and_a_stranger_sees_nothing(demo):
    answer = await demo.data(
        "{ viewer { id portfolios { id positions { id instrument { id } } "
        "transactions(first: 100) { nodes { id kind } } } } }"
    )
    viewer = answer["viewer"]
    own = [viewer["id"]]
    for one in viewer["portfolios"]:
        own.append(one["id"])
        own += [position["id"] for position in one["positions"]]
        own += [entry["id"] for entry in one["transactions"]["nodes"]]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await demo.data(query, {"ids": own}))["nodes"] == [{"id": key} for key in own]
    await demo.sign_up("mallory")
    assert (await demo.data(query, {"ids": own}))["nodes"] == [None] * len(own)
    assert (await demo.data(query, {"ids": ["", "x", "MTpQ"]}))["nodes"] == [None, None, None]


async def test_a_stranger_can_change_nothing_and_learns_nothing(demo):
    key = (await demo.data("{ viewer { portfolios { id } } }"))["viewer"]["portfolios"][0]["id"]
    entry = await demo.data("{ viewer { portfolios { trades(first: 1) { nodes { id } } } } }")
    trade_id = entry["viewer"]["portfolios"][0]["trades"]["nodes"][0]["id"]
    owner = dict(demo.headers)
    before = await demo.data("{ viewer { portfolios { version name } } }")
    await demo.sign_up("mallory")
    refusals = [
        (await book(demo, trade(key)))["userErrors"],
        (await book(demo, trade("nonsense")))["userErrors"],
        (await demo.data(VOID, {"input": {"id": trade_id}}))["voidTransaction"]["userErrors"],
        (
            await demo.data(
                "mutation($input: UpdatePortfolioInput!) { updatePortfolio(input: $input) "
                "{ userErrors { code field } } }",
                {"input": {"portfolioId": key, "name": "Mine"}},
            )
        )["updatePortfolio"]["userErrors"],
        (
            await demo.data(
                "mutation($input: ArchivePortfolioInput!) { archivePortfolio(input: $input) "
                "{ userErrors { code field } } }",
                {"input": {"portfolioId": key}},
            )
        )["archivePortfolio"]["userErrors"],
    ]
    assert [[error["code"] for error in errors] for errors in refusals] == [["NOT_FOUND"]] * 5
    assert refusals[0] == refusals[1]
    demo.headers = owner
    assert await demo.data("{ viewer { portfolios { version name } } }") == before


async def test_an_archived_portfolio_is_hidden_unless_asked_for_and_takes_no_bookings(api):
    await api.sign_up("ann")
    key = await portfolio(api)
    await api.data(
        "mutation($input: ArchivePortfolioInput!) { archivePortfolio(input: $input) "
        "{ portfolio { archivedAt } } }",
        {"input": {"portfolioId": key}},
    )
    answer = await api.data(
        "{ viewer { portfolios { id } all: portfolios(includeArchived: true) { id } } }"
    )
    assert answer["viewer"] == {"portfolios": [], "all": [{"id": key}]}
    refused = await book(api, trade(key))
    assert [error["code"] for error in refused["userErrors"]] == ["ARCHIVED"]


async def test_sessions_rotate_and_a_reused_refresh_token_ends_the_family(api, clock):
    session = await api.sign_up("ann")
    refresh = (
        "mutation($input: RefreshTokenInput!) { refreshSession(input: $input) "
        "{ session { refreshToken } userErrors { code } } }"
    )

    async def renew(token):
        answer = await api.data(refresh, {"input": {"refreshToken": token}})
        return answer["refreshSession"]

    first = session["refreshToken"]
    second = (await renew(first))["session"]["refreshToken"]
    assert (await renew(first))["userErrors"] == [{"code": "INVALID_TOKEN"}]
    assert (await renew(second))["userErrors"] == [{"code": "INVALID_TOKEN"}]
    clock.now += timedelta(minutes=16)
    expired = await api.ask("{ viewer { id } }")
    assert expired["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert "expired" in expired["errors"][0]["message"]
    signed_in = await api.data(
        "mutation($input: SignInInput!) { signIn(input: $input) "
        "{ session { refreshToken viewer { username } } } }",
        {"input": {"username": "ANN", "password": "correct horse"}},
    )
    third = signed_in["signIn"]["session"]["refreshToken"]
    await api.data(
        "mutation($input: RefreshTokenInput!) { signOut(input: $input) { userErrors { code } } }",
        {"input": {"refreshToken": third}},
    )
    assert (await renew(third))["userErrors"] == [{"code": "INVALID_TOKEN"}]


async def test_anonymous_callers_may_only_sign_in_and_introspect(api):
    for query in (
        "{ viewer { id } }",
        '{ node(id: "x") { id } }',
        '{ nodes(ids: ["x"]) { id } }',
        '{ instrument(symbol: "AAPL") { id } }',
        '{ instruments(symbols: ["AAPL"]) { id } }',
        '{ searchInstruments(text: "A") { symbol } }',
        '{ exchangeRate(base: "USD", target: "EUR") { rate } }',
        'mutation { createPortfolio(input: {name: "x"}) { replayed } }',
        'mutation { archivePortfolio(input: {portfolioId: "x"}) { replayed } }',
        'mutation { updatePortfolio(input: {portfolioId: "x"}) { replayed } }',
        'mutation { voidTransaction(input: {id: "x"}) { replayed } }',
    ):
        answer = await api.ask(query)
        codes = [error["extensions"]["code"] for error in answer["errors"]]
        assert codes == ["UNAUTHENTICATED"], query
    assert (await api.data("{ __schema { queryType { name } } }"))["__schema"]


async def test_writers_at_one_portfolio_take_turns_and_none_is_lost(api):

    from services.verification import verify_all

    await api.sign_up("ann")
    key = await portfolio(api)
    outcomes = await asyncio.gather(
        *(book(api, trade(key, quantity=str(number), price="1")) for number in range(1, 13)),
        *(book(api, trade(key, quantity="100", idempotencyKey="same")) for _ in range(4)),
    )
    assert [outcome["userErrors"] for outcome in outcomes] == [[]] * 16
    assert [outcome["replayed"] for outcome in outcomes].count(True) == 3
    after = await api.data("{ viewer { portfolios { version positions { quantity } } } }")
    # 1 + 2 + … + 12, and 100 once
    assert after["viewer"]["portfolios"] == [{"version": 13, "positions": [{"quantity": "178"}]}]
    assert await verify_all(api.services.database) == (1, [])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", ["execute", "results"])
async def test_a_mutation_comes_to_its_end_though_its_client_leaves(api, way):
    await api.sign_up("ann")
    executor = Executor(schema, Documents(schema._schema, limits=Limits(), introspection=True))
    made = " ".join(
        f'p{n}: createPortfolio(input: {{name: "P{n}"}}) {{ portfolio {{ id }} }}' for n in range(5)
    )
    request = Request(query=f"mutation {{ {made} }}")
    context = await context_for(
        api.services, authorization=api.headers["authorization"], request_id="test"
    )
    operation = await executor.operation(request, context)
    given = {"operation": operation, "context": context}
    running = (
        executor.execute(request, **given)
        if way == "execute"
        else anext(executor.results(request, **given))
    )
    client = asyncio.ensure_future(running)
    for _ in range(3):
        await asyncio.sleep(0)
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client
    await executor.close()
    answer = await api.data("{ viewer { portfolios { name } } }")
    names = [portfolio["name"] for portfolio in answer["viewer"]["portfolios"]]
    assert names == ["P0", "P1", "P2", "P3", "P4"]


async def test_a_client_that_leaves_a_subscription_leaves_nothing_behind(demo):
    executor = Executor(
        schema,
        Documents(schema._schema, limits=Limits(), introspection=True),
    )
    request = Request(query='subscription { quoteUpdated(symbols: ["AAPL"]) { symbol } }')
    context = await context_for(
        demo.services, authorization=demo.headers["authorization"], request_id="test"
    )
    operation = await executor.operation(request, context)
    events = executor.subscribe(request, operation=operation, context=context)
    event = orjson.loads(orjson.dumps(await anext(events)))
    assert event == {"data": {"quoteUpdated": {"symbol": "AAPL"}}}
    assert demo.services.feed.listeners == 1
    await events.aclose()
    assert demo.services.feed.listeners == 0
