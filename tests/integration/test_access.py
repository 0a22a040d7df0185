"""Every field of the schema, as everybody: generated from the schema, so that nothing is left out.

Whoever adds a root field declares what it needs, and here how to call it; whoever adds a type or a
field does nothing, and has it asked for by all.
"""

import itertools
import json
from contextlib import AsyncExitStack, aclosing

import httpx2
import orjson
import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString, get_named_type
from sqlalchemy import select

from gateway.app import create_app
from gateway.auth import context_for
from gateway.documents import Documents
from gateway.limits import Limits
from gateway.schema import schema
from gateway.settings import Settings
from gateway.transports.execution import Executor, Request
from gateway.transports.terms import is_personal
from models.access import Role, Scope
from models.tables import metadata
from resolvers.access import ROOT_FIELDS, guard_roots
from tests.alerts import Prices, settled
from tests.conftest import SECRET, Api
from tests.graph import GRAPH, call, everything, found, types_in, without
from tests.ledger import Ledger, all_sorts, correct
from tests.people import ERRORS, another, link, person, send, share, token_of

NUMBERS = itertools.count()
ROOTS = (GRAPH.query_type, GRAPH.mutation_type, GRAPH.subscription_type)
DAY = "2024-05-02T15:00:00Z"
VOLATILE = {"ProviderStatus_latencyMilliseconds", "ProviderStatus_calls"}
PERSONAL = {"Portfolio_viewerRole", "Portfolio_shares"}
MARKET = {
    "company_profiles",
    "exchange_rates",
    "rate_versions",
    "last_quotes",
    "price_series",
    "daily_bars",
} | {
    "empty_days",
    "corporate_actions",
    "action_coverage",
}
"""Tables of what the market said, which are written behind."""


class World:
    """Ann's two portfolios, everybody who reaches one of them, and everybody who does not."""

    async def build(self, api):
        self.ann = await person(api, "ann")
        self.shared = await all_sorts(self.ann)
        listed = await self.ann.data("{ viewer { portfolios { id name } } }")
        (private,) = [one["id"] for one in listed["viewer"]["portfolios"] if one["name"] == "Away"]
        self.private = Ledger(self.ann, private)
        await self.private.record(
            "recordCashTransfer", direction="DEPOSIT", amount="77123.45", note="between us"
        )
        paid_in = await self.shared.record(
            "recordCashTransfer", direction="DEPOSIT", amount="1", note="of all"
        )
        await correct(self.ann, "updateTransaction", paid_in["entry"]["id"], amount="2")
        tag = await send(self.ann, "createTag", {"name": "Her own tag"}, "tag { id }")
        tagged = {"tagId": tag["tag"]["id"], "symbol": "AAPL", "share": 0.1}
        assert (await send(self.ann, "tagInstrument", tagged))["userErrors"] == []
        meant = {"by": "SECTOR", "targets": [{"key": "Her own goal", "weight": 0.5}]}
        for whose in ({"portfolioId": self.shared.key}, {}):
            given = meant | whose
            assert (await send(self.ann, "setAllocationTargets", given))["userErrors"] == []
        people = {name: await person(api, name) for name in ("eve", "bob", "cid")}
        await share(self.ann, self.shared.key, "bob", "VIEWER")
        await share(self.ann, self.shared.key, "cid", "EDITOR")
        self.link, self.link_token = await link(self.ann, self.shared.key)
        watched = (await a_watchlist(self, "Mine to watch"))["watchlistId"]
        await send(
            self.ann,
            "noteOnWatchlist",
            {"watchlistId": watched, "symbol": "AAPL", "note": "nobody else reads this"},
        )
        for ledger in (self.shared, self.private):
            await send(
                self.ann,
                "updatePortfolio",
                {
                    "portfolioId": ledger.key,
                    "benchmark": {"parts": [{"symbol": "AAPL", "weight": 1}]},
                },
            )
        tokens = {scope: await token_of(self.ann, scope.value) for scope in Scope}
        self.actors = {
            "owner": self.ann,
            "editor": people["cid"],
            "viewer": people["bob"],
            "stranger": people["eve"],
            "anonymous": another(api),
            "link": another(api, token=self.link_token),
        } | {scope: another(api, token=secret) for scope, (_, secret) in tokens.items()}
        self.entries = {
            key: await self._entries(ledger)
            for key, ledger in (("shared", self.shared), ("private", self.private))
        }
        self.secrets = {
            private,
            "Away",
            "Her own tag",
            "77123.45",
            "between us",
            *self.entries["private"],
            watched,
            "Mine to watch",
            "nobody else reads this",
        }
        self.secrets |= {await a_fired_alert(self, "wake me up"), "wake me up"}
        self.names = {"All sorts", "of all"} | self.secrets
        return self

    async def _entries(self, ledger):
        seen = await ledger.see("transactions(first: 100) { nodes { id } } positions { id }")
        return [one["id"] for one in seen["transactions"]["nodes"] + seen["positions"]]

    def arguments(self, portfolio="shared"):
        """Return how each argument that a field of the schema needs is written."""
        ledger = getattr(self, portfolio)
        ids = [ledger.key, *self.entries[portfolio]]
        return {
            "id": json.dumps(ledger.key),
            "ids": json.dumps(ids),
            "range": '{from: "2024-02-01", to: "2024-06-13"}',
            "first": "5",
            "symbol": '"AAPL"',
            "symbols": '["AAPL"]',
            "text": '"Apple"',
            "base": '"EUR"',
            "target": '"USD"',
            "measure": "VOLATILITY",
            "by": "SECTOR",
            "objective": "MINIMUM_VARIANCE",
            "token": json.dumps(self.link_token),
        }

    async def tables(self):
        """Return all rows that are people's, but for when tokens were used."""
        await self.ann.services.api_tokens.close()
        async with self.ann.services.database.reading() as session:
            return {
                table.name: sorted(
                    repr([value for key, value in row.items() if key != "last_used_at"])
                    for row in (await session.execute(select(table))).mappings()
                )
                for table in metadata.sorted_tables
                if table.name not in MARKET
            }


@pytest.fixture
async def world(database_url, clock):
    settings = Settings(
        database_url=database_url,
        secret=SECRET,
        log_level="error",
        max_depth=100,
        max_fields=100_000,
        max_tokens=1_000_000,
        max_length=10_000_000,
        max_aliases=100_000,
        max_root_fields=100_000,
        max_fragments=100_000,
        max_cost=10**9,
        rate_capacity=0,
    )
    application = create_app(settings, clock=clock)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url="http://test"
        ) as client,
    ):
        yield await World().build(Api(client, application.state.services))


def codes(answer):
    """Return the codes and scopes of an answer's errors."""
    return [
        (error["extensions"]["code"], error["extensions"].get("scope"))
        for error in answer.get("errors", ())
    ]


def denied(actor, scope):
    """Return how a root field that needs a scope is refused to somebody; null when it is not."""
    if scope is None:
        return None
    if actor in {"anonymous", "link"}:
        return "UNAUTHENTICATED", None
    fits = not isinstance(actor, Scope) or scope in {actor, Scope.READ}
    return None if fits else ("FORBIDDEN", scope.value)


# What is declared


def test_every_root_field_has_a_rule_and_every_rule_a_field():
    assert set(ROOT_FIELDS) == {name for root in ROOTS for name in root.fields}


def test_a_root_field_without_a_rule_cannot_be_served():
    query = GraphQLObjectType("Query", {"secrets": GraphQLField(GraphQLString)})
    with pytest.raises(KeyError, match="secrets"):
        guard_roots(GraphQLSchema(query))


def test_what_is_open_what_only_reads_and_what_manages_are_told_one_by_one():
    assert {name for name, scope in ROOT_FIELDS.items() if scope is None} == {
        "signUp",
        "signIn",
        "refreshSession",
        "signOut",
        "sharedPortfolio",
        "rateLimit",
    }
    assert {name for name, scope in ROOT_FIELDS.items() if scope is Scope.READ} == (
        set(GRAPH.query_type.fields) | set(GRAPH.subscription_type.fields)
    ) - {"sharedPortfolio", "rateLimit"}
    assert {name for name, scope in ROOT_FIELDS.items() if scope is Scope.ADMIN} == {
        "createApiToken",
        "revokeApiToken",
        "sharePortfolio",
        "createPortfolioLink",
        "revokePortfolioShare",
    }


# What is read

RARE = {
    "BenchmarkDay",
    "BenchmarkDayConnection",
    "BenchmarkDayEdge",
    "BenchmarkLine",
    "DatedReturn",
    "DatedReturnConnection",
    "DatedReturnEdge",
    "DividendEvent",
    "DroppedInstrument",
    "FigureIssue",
    "LedgerProposal",
    "PlannedConversion",
    "PriceDoubt",
    "ProposedValue",
    "ProviderBudget",
    "RateLimit",
    "RollingPoint",
    "SplitEvent",
}
"""Types that this world has no objects of: what is said of them is not tested here."""


async def test_every_field_that_can_be_read_is_answered_to_whom_it_may_be(world):
    reached, met = set(), set()
    for name, field in GRAPH.query_type.fields.items():
        for portfolio in ("shared", "private"):
            arguments, seen = world.arguments(portfolio), set()
            inner = everything(get_named_type(field.type), arguments, seen)
            query = f"{{ {call(name, field, arguments)} {inner} }}"
            answers = {who: await api.ask(query) for who, api in world.actors.items()}
            reached |= seen
            met |= types_in(answers["owner"].get("data"))
            for who, answer in answers.items():
                _judge(world, who, name, portfolio, answer, answers["owner"])
    types = {
        one.name
        for one in GRAPH.type_map.values()
        if isinstance(one, GraphQLObjectType) and not one.name.startswith("__")
    }
    of_changes = {name for name in types - reached if not name.endswith("Payload")}
    assert of_changes == {
        "LedgerPreview",
        "Mutation",
        "PortfolioPreview",
        "PositionPreview",
        "Query",
        "RowCount",
        "RowOutcome",
        "Session",
        "Subscription",
        "UserError",
    }
    assert (reached & types) - met == RARE


def _judge(world, who, name, portfolio, answer, owners):
    """Check what somebody was told against what the owner was told."""
    written = json.dumps(answer)
    refused = denied(who, ROOT_FIELDS[name])
    if refused is not None:
        assert codes(answer) == [refused]
        assert not any((answer["data"] or {}).values())
        return
    owns = who == "owner" or isinstance(who, Scope)
    manages = who in {"owner", Scope.ADMIN}
    managed = found(answer, "Viewer_apiTokens") + found(answer, "Portfolio_shares")
    assert manages or not any(managed), (who, name)
    lacks = bool(managed) and owns and not manages
    assert set(codes(answer)) == ({("FORBIDDEN", "ADMIN")} if lacks else set()), (who, name)
    hidden = set() if owns else world.secrets
    if who in {"stranger", "anonymous", "link"} and name != "sharedPortfolio":
        hidden = world.names
    assert not [text for text in hidden if text in written], (who, name)
    told, everything_told = (without(one["data"], VOLATILE) for one in (answer, owners))
    if name not in {"viewer", "node", "nodes"}:
        assert told == everything_told, (who, name)
    elif name != "viewer" and (owns or (portfolio == "shared" and who in {"editor", "viewer"})):
        assert without(told, PERSONAL) == without(everything_told, PERSONAL)
        roles = set(found(told, "Portfolio_viewerRole"))
        assert roles == {"OWNER" if owns else who.upper()}
    elif name != "viewer":
        assert told in ({"node": None}, {"nodes": [None] * len(everything_told.get("nodes", ()))})


def of_all_types(test):
    """Return the fields of objects that pass a test, by type and name."""
    return {
        f"{kind.name}_{name}"
        for kind in GRAPH.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind not in ROOTS
        for name, field in kind.fields.items()
        if not kind.name.startswith("__") and test(field)
    }


@pytest.mark.parametrize(
    ("people", "beside"),
    [
        (("owner", "viewer", "editor"), {}),
        (
            ("viewer",),
            {
                "by: AllocationDimension": "TAG",
                "targets": '[{key: "nobody knows of it", weight: 0.5}]',
                "optional": {"targets"},
            },
        ),
    ],
    ids=["as little as is needed", "by tags"],
)
async def test_what_readers_of_a_portfolio_get_as_one_is_what_each_would_get_alone(
    world, people, beside
):
    """Every field that does not say that it is personal; no other may look at who asks."""
    personal = of_all_types(is_personal)
    assert personal == PERSONAL | {
        "Allocation_drift",
        "Combined_rebalance",
        "Explanation_transactions",
        "Portfolio_rebalance",
        "RealizedGain_closedBy",
    }
    arguments, seen = world.arguments() | beside, set()
    inner = everything(GRAPH.type_map["Portfolio"], arguments, seen, but=personal)
    assert {"Position", "Transaction", "RealizedGain"} <= seen
    limits = Limits(
        **dict.fromkeys(("length", "tokens", "depth", "fields", "aliases", "cost"), 10**8)
    )
    executor = Executor(schema, Documents(GRAPH, limits=limits, introspection=True))
    key = world.arguments()["id"]
    request = Request(query=f"subscription {{ portfolioUpdated(portfolioId: {key}) {inner} }}")
    operation = executor.documents.operation(request.query, name=None)
    alone = f"{{ node(id: {key}) {{ ... on Portfolio {inner} }} }}"
    async with AsyncExitStack() as stack:
        for who in people:
            actor = world.actors[who]
            context = await context_for(
                actor.services, authorization=actor.headers["authorization"], request_id="test"
            )
            following = executor.subscribe(request, operation=operation, context=context)
            await stack.enter_async_context(aclosing(following))
            told = orjson.loads(orjson.dumps(await anext(following)))
            assert executor.shared_executions == 1
            assert "errors" not in told
            asked = await actor.data(alone)
            assert without(told["data"]["portfolioUpdated"], VOLATILE) == without(
                asked["node"], VOLATILE
            )


async def test_a_viewer_finds_a_portfolio_of_others_only_where_it_is_shared(world):
    for portfolio in ("shared", "private"):
        arguments = world.arguments(portfolio)
        inner = everything(GRAPH.type_map["Portfolio"], arguments, set())
        query = f"{{ viewer {{ portfolio(id: {arguments['id']}) {inner} }} }}"
        owners = (await world.ann.data(query))["viewer"]["portfolio"]
        for who, reaches in (("editor", True), ("viewer", True), ("stranger", False)):
            seen = (await world.actors[who].data(query))["viewer"]["portfolio"]
            if reaches and portfolio == "shared":
                assert without(seen, PERSONAL) == without(owners, PERSONAL)
            else:
                assert seen is None


# What is changed


def booking(**given):
    async def build(world):
        return {"portfolioId": world.shared.key, "occurredAt": DAY} | given

    return build


def within(**given):
    async def build(world):
        return {"portfolioId": world.shared.key} | given

    return build


def plain(**given):
    async def build(world):
        del world
        return given

    return build


def moving(**given):
    async def build(world):
        away = await Ledger.create(world.ann, f"Aside {next(NUMBERS)}", baseCurrency="EUR")
        await share(world.ann, away.key, "cid", "EDITOR")
        return {
            "fromPortfolioId": world.shared.key,
            "toPortfolioId": away.key,
            "occurredAt": DAY,
        } | given

    return build


async def an_entry(world):
    booked = await world.shared.record("recordCashTransfer", direction="DEPOSIT", amount="1")
    return {"id": booked["entry"]["id"]}


async def a_changed_entry(world):
    given = await an_entry(world)
    await correct(world.ann, "updateTransaction", given["id"], amount="2")
    return given


async def a_token(world):
    key, _ = await token_of(world.ann, "READ")
    return {"tokenId": key}


async def a_share(world):
    key, _ = await link(world.ann, world.shared.key)
    return {"shareId": key}


async def a_watchlist(world, name=None):
    given = {"name": name or f"Watched {next(NUMBERS)}", "symbols": ["AAPL"]}
    made = await send(world.ann, "createWatchlist", given, "watchlist { id }")
    return {"watchlistId": made["watchlist"]["id"]}


ALERT = {"symbol": "TSLA", "direction": "ABOVE", "threshold": "1000000"}


async def an_alert(world, **given):
    made = await send(world.ann, "createAlert", ALERT | given, "alert { id }")
    return {"alertId": made["alert"]["id"]}


async def a_fired_alert(world, note):
    made = await an_alert(world, note=note)
    await settled(world.ann)
    await Prices(world.ann).come("1000001", symbol="TSLA")
    found = await world.ann.data("{ viewer { alerts { id lastEvent { id } } } }")
    (fired,) = found["viewer"]["alerts"]
    assert fired["id"] == made["alertId"]
    return fired["lastEvent"]["id"]


def alerting(**given):
    async def build(world):
        return await an_alert(world) | given

    return build


def watching(**given):
    async def build(world):
        return await a_watchlist(world) | given

    return build


async def a_name(world):
    return {"name": f"Watched {next(NUMBERS)}"}


async def a_new_name(world):
    return await a_watchlist(world) | await a_name(world)


async def a_new_tag(world):
    return {"name": f"Tag {next(NUMBERS)}"}


async def a_tag(world):
    made = await send(world.ann, "createTag", await a_new_tag(world), "tag { id }")
    return {"tagId": made["tag"]["id"]}


async def a_tag_and_its_new_name(world):
    return await a_tag(world) | await a_new_tag(world)


async def a_tag_and_a_symbol(world):
    return await a_tag(world) | {"symbol": "AAPL", "share": 0.01}


async def a_tag_on_a_symbol(world):
    given = await a_tag_and_a_symbol(world)
    await send(world.ann, "tagInstrument", given)
    return {"tagId": given["tagId"], "symbol": "AAPL"}


CASES = {
    "createPortfolio": (None, None, plain(name="New")),
    "updatePortfolio": (Role.OWNER, "portfolioId", within(lotMethod="FIFO")),
    "recordTrade": (
        Role.EDITOR,
        "portfolioId",
        booking(side="BUY", symbol="AAPL", quantity="1", price="1"),
    ),
    "recordIncome": (
        Role.EDITOR,
        "portfolioId",
        booking(kind="DIVIDEND", symbol="AAPL", amount="1"),
    ),
    "recordCashTransfer": (
        Role.EDITOR,
        "portfolioId",
        booking(direction="DEPOSIT", amount="1"),
    ),
    "recordCurrencyExchange": (
        Role.EDITOR,
        "portfolioId",
        booking(soldAmount="1", soldCurrency="USD", boughtAmount="1", boughtCurrency="EUR"),
    ),
    "recordCharge": (Role.EDITOR, "portfolioId", booking(kind="FEE", amount="1")),
    "recordDelivery": (
        Role.EDITOR,
        "portfolioId",
        booking(direction="IN", symbol="AAPL", quantity="1", amount="1"),
    ),
    "recordCorporateAction": (
        Role.EDITOR,
        "portfolioId",
        booking(kind="RETURN_OF_CAPITAL", symbol="AAPL", amount="0.01"),
    ),
    "recordOpeningBalance": (Role.EDITOR, "portfolioId", booking(amount="1")),
    "transferUnits": (Role.EDITOR, "fromPortfolioId", moving(symbol="AAPL", quantity="0.1")),
    "transferCash": (Role.EDITOR, "fromPortfolioId", moving(amount="0.1")),
    "recordTransactions": (
        Role.EDITOR,
        "portfolioId",
        within(transactions=[{"kind": "DEPOSIT", "amount": "1", "occurredAt": DAY}]),
    ),
    "importTransactions": (
        Role.EDITOR,
        "portfolioId",
        within(content="date,type,amount\n2024-05-02,DEPOSIT,3\n"),
    ),
    "updateTransaction": (Role.EDITOR, "id", an_entry),
    "voidTransaction": (Role.EDITOR, "id", an_entry),
    "undoTransactionChange": (Role.EDITOR, "id", a_changed_entry),
    "acceptProposal": (Role.EDITOR, "portfolioId", within(proposalKey="none")),
    "dismissProposal": (Role.EDITOR, "portfolioId", within(proposalKey="none")),
    "createApiToken": (None, None, plain(name="x", scopes=["READ"])),
    "revokeApiToken": (Role.OWNER, "tokenId", a_token),
    "sharePortfolio": (Role.OWNER, "portfolioId", within(username="bob", role="VIEWER")),
    "createPortfolioLink": (Role.OWNER, "portfolioId", within(name="x")),
    "revokePortfolioShare": (Role.OWNER, "shareId", a_share),
    "createWatchlist": (None, None, a_name),
    "renameWatchlist": (Role.OWNER, "watchlistId", a_new_name),
    "deleteWatchlist": (Role.OWNER, "watchlistId", watching()),
    "addToWatchlist": (Role.OWNER, "watchlistId", watching(symbols=["MSFT"])),
    "removeFromWatchlist": (Role.OWNER, "watchlistId", watching(symbols=["AAPL"])),
    "reorderWatchlist": (Role.OWNER, "watchlistId", watching(symbols=["AAPL"])),
    "noteOnWatchlist": (Role.OWNER, "watchlistId", watching(symbol="AAPL", note="x")),
    "createTag": (None, None, a_new_tag),
    "renameTag": (Role.OWNER, "tagId", a_tag_and_its_new_name),
    "deleteTag": (Role.OWNER, "tagId", a_tag),
    "tagInstrument": (Role.OWNER, "tagId", a_tag_and_a_symbol),
    "untagInstrument": (Role.OWNER, "tagId", a_tag_on_a_symbol),
    "setAllocationTargets": (
        Role.EDITOR,
        "portfolioId",
        within(by="SECTOR", targets=[{"key": "Technology", "weight": 0.5}]),
    ),
    "createAlert": (None, None, plain(**ALERT)),
    "updateAlert": (Role.OWNER, "alertId", alerting(note="x", rearm=True)),
    "deleteAlert": (Role.OWNER, "alertId", alerting()),
    "archivePortfolio": (Role.OWNER, "portfolioId", within()),
}
"""What role each mutation needs, which field is wrong for whoever has less, and an input."""

UNKNOWN = {"acceptProposal": [("NOT_FOUND", "proposalKey")]}
UNKNOWN |= {"dismissProposal": UNKNOWN["acceptProposal"]}
CODES = "userErrors { code field }"
ROLES = {"editor": Role.EDITOR, "viewer": Role.VIEWER, "stranger": None}


def test_every_mutation_has_a_case():
    assert set(CASES) == {
        name for name in GRAPH.mutation_type.fields if ROOT_FIELDS[name] is not None
    }


PARTS = 3
"""Together the mutations would take longer than a test may."""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no database decides this
@pytest.mark.parametrize("part", range(PARTS))
async def test_every_mutation_is_refused_to_whom_it_must_be_and_then_changes_nothing(world, part):
    for name, (role, field, build) in list(CASES.items())[part::PARTS]:
        payload = get_named_type(GRAPH.mutation_type.fields[name].type)
        title = GRAPH.mutation_type.fields[name].args["input"].type
        seen = everything(payload, world.arguments(), set())
        query = f"mutation($input: {title}) {{ done: {name}(input: $input) {{ {CODES} }} }}"
        # Whoever may not see everything asks for all that there is.
        asking = dict.fromkeys(ROLES, query.replace(CODES, f"{CODES} {seen[1:-1]}"))
        given = await build(world)
        before = await world.tables()
        allowed = []
        for who, api in world.actors.items():
            refused = denied(who, ROOT_FIELDS[name])
            low = role is not None and (ROLES.get(who, Role.OWNER) or 0) < role
            if refused is None and not low:
                allowed.append(who)
                continue
            answer = await api.ask(asking.get(who, query), {"input": given})
            if refused is not None:
                assert (answer["data"]["done"], codes(answer)) == (None, [refused]), (name, who)
            else:
                assert wrong(answer) == [("NOT_FOUND", field)], (name, who)
            assert not [text for text in world.secrets if text in json.dumps(answer)], (name, who)
        assert await world.tables() == before, name
        for who in allowed:
            given = {"input": await build(world)}
            answer = await world.actors[who].ask(asking.get(who, query), given)
            expected = UNKNOWN.get(name, [])
            if name == "createPortfolio" and who is Scope.TRADE:
                expected = [("ALREADY_EXISTS", "name")]  # as the owner
            assert wrong(answer) == expected, (name, who)
            if who == "editor":
                assert not [text for text in world.secrets if text in json.dumps(answer)], name


def wrong(answer):
    """Return what is wrong by code and field."""
    return [
        (error["code"], ".".join(error["field"] or ()))
        for error in answer["data"]["done"]["userErrors"]
    ]


async def test_what_needs_no_account_answers_anybody(world):
    anyone = world.actors["anonymous"]
    name = {"username": "dan", "password": "correct horse"}
    session = (await send(anyone, "signUp", name, "session { refreshToken }"))["session"]
    assert (await send(anyone, "signIn", name, "session { accessToken }"))["userErrors"] == []
    for mutation in ("refreshSession", "signOut"):
        answer = await anyone.data(
            f"mutation($input: RefreshTokenInput!) {{ {mutation}(input: $input) {{ {ERRORS} }} }}",
            {"input": session},
        )
        assert answer[mutation] == {"userErrors": []}
