"""GraphiQL in a real browser, on the demo, with the network cut."""

import json
import re
import uuid
from urllib.parse import parse_qs

import httpx2
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.process]


def prices_shown(explorer):
    text = explorer.result.inner_text().replace("\xa0", " ")
    return re.findall(r'"price": "([0-9.]+)"', text)


def test_the_page_opens_with_its_documents_and_a_demo_form(explorer):
    tabs = explorer.page.get_by_role("tablist", name="Select active operation").get_by_role("tab")
    expect(tabs).to_contain_text(
        [
            "Dashboard",
            "LivePrices",
            "RecordTrade",
            "TryASale",
            "PriceAlert",
            "Returns",
            "Allocation",
        ]
    )
    expect(explorer.bar.get_by_label("Username")).to_have_value("demo")
    expect(explorer.bar.get_by_label("Password")).to_have_value("demo123")
    expect(explorer.bar).to_contain_text("This is a demo: sign in as demo / demo123")
    assert explorer.page.title() == "FolioQL explorer"


def test_the_canonical_query_shows_the_portfolios_after_signing_in(explorer):
    explorer.sign_in()
    with explorer.asking() as asked:
        explorer.run()
    expect(explorer.result).to_contain_text('"username": "demo"')
    expect(explorer.result).to_contain_text('"name": "Growth"')
    answer = asked.value.response().json()
    assert "errors" not in answer
    assert "Growth" in [portfolio["name"] for portfolio in answer["data"]["viewer"]["portfolios"]]
    headers = asked.value.headers
    assert headers["accept"] == "application/graphql-response+json, application/json"
    assert headers["authorization"].startswith("Bearer ey")
    assert "operationName" in asked.value.post_data_json


def test_the_canonical_query_before_signing_in_is_told_to_sign_in(explorer):
    with explorer.asking() as asked:
        explorer.run()
    expect(explorer.result).to_contain_text('"code": "UNAUTHENTICATED"')
    assert "authorization" not in asked.value.headers


def test_a_wrong_password_is_told_in_words_and_can_be_corrected(explorer):
    explorer.bar.get_by_label("Password").fill("wrong")
    explorer.bar.get_by_role("button", name="Sign in").click()
    expect(explorer.bar.get_by_role("alert")).to_have_text(
        "The credentials or refresh token are not valid."
    )
    explorer.sign_in()


def test_signing_out_takes_the_token_away_and_ends_the_session(explorer):
    with explorer.page.expect_response("**/auth/token") as signed_in:
        explorer.sign_in()
    with explorer.asking() as asked:
        explorer.bar.get_by_role("button", name="Sign out").click()
    assert asked.value.response().json() == {"data": {"signOut": {"userErrors": []}}}
    expect(explorer.bar.get_by_role("button", name="Sign in")).to_be_visible()
    with explorer.asking() as asked:
        explorer.run()
    assert "authorization" not in asked.value.headers
    again = httpx2.post(
        f"{explorer.address}/auth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": signed_in.value.json()["refresh_token"],
        },
    )
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_every_tab_old_and_new_carries_the_token_of_the_session(explorer):
    explorer.sign_in()
    explorer.tab("RecordTrade")
    explorer.button("New tab").click()
    explorer.write_query("{ viewer { username } }")
    with explorer.asking() as asked:
        explorer.run()
    assert asked.value.response().json() == {"data": {"viewer": {"username": "demo"}}}


def test_a_header_typed_by_hand_is_sent_as_it_is(explorer):
    explorer.sign_in()
    explorer.write_headers({"Authorization": "Bearer of my own", "X-Mine": "yes"})
    with explorer.asking() as asked:
        explorer.run()
    assert asked.value.headers["authorization"] == "Bearer of my own"
    assert asked.value.headers["x-mine"] == "yes"


def test_the_token_is_renewed_a_minute_before_it_expires(unopened):
    explorer, clock = unopened, unopened.page.clock
    clock.install()
    explorer.open()
    with explorer.page.expect_response("**/auth/token") as first:
        explorer.sign_in()
    granted = first.value.json()

    def mark(route):
        response = route.fetch()
        # Tokens of the same second are the same: only a mark tells this one.
        route.fulfill(response=response, json=response.json() | {"access_token": "renewed"})

    explorer.page.route("**/auth/token", mark)
    clock.fast_forward("13:00")
    with explorer.asking() as asked:
        explorer.run()
    assert asked.value.headers["authorization"] == f"Bearer {granted['access_token']}"
    with explorer.page.expect_response("**/auth/token") as second:
        clock.fast_forward("01:00")
    assert second.value.status == 200
    assert parse_qs(second.value.request.post_data) == {
        "grant_type": ["refresh_token"],
        "refresh_token": [granted["refresh_token"]],
    }
    explorer.button("Headers").click()
    expect(explorer.page.locator(".graphiql-editor-tool")).to_contain_text("Bearer renewed")
    with explorer.asking() as asked:
        explorer.run()
    assert asked.value.headers["authorization"] == "Bearer renewed"


def test_no_token_is_left_in_the_browsers_storage(explorer):
    explorer.sign_in()
    explorer.run()
    expect(explorer.result).to_contain_text('"name": "Growth"')
    explorer.page.wait_for_function("localStorage['graphiql:queries']?.includes('Dashboard')")
    explorer.page.wait_for_function("localStorage['graphiql:tabState']?.includes('Dashboard')")
    stored = explorer.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Bearer" not in stored
    assert explorer.page.context.cookies() == []


def test_the_history_keeps_what_was_run_and_brings_it_back_ready_to_run(explorer):
    explorer.sign_in()
    explorer.run()
    expect(explorer.result).to_contain_text('"name": "Growth"')
    explorer.page.reload()
    explorer.sign_in()
    explorer.tab("LivePrices")
    explorer.button("Show History").click()
    history = explorer.page.get_by_role("region", name="History")
    expect(history.get_by_role("listitem")).to_have_count(1)
    history.get_by_text("Dashboard", exact=True).click()
    with explorer.asking() as asked:
        explorer.run()
    assert asked.value.headers["authorization"].startswith("Bearer ey")
    expect(explorer.result).to_contain_text('"name": "Growth"')


def test_the_documentation_leads_from_the_root_types_to_the_fields(explorer):
    explorer.button("Show Documentation Explorer").click()
    documentation = explorer.page.get_by_role("region", name="Documentation Explorer")
    for name in ("Query", "Mutation", "Subscription", "Portfolio", "Position"):
        expect(documentation.get_by_text(name, exact=True).first).to_be_visible()
    documentation.get_by_text("Query", exact=True).click()
    documentation.get_by_text("Viewer", exact=True).first.click()
    expect(documentation.get_by_text("portfolios", exact=True)).to_be_visible()


def test_writing_a_query_is_helped_by_the_schema(explorer):
    explorer.write_query("{ viewer { usernames } }")
    marked = explorer.page.locator(".graphiql-query-editor .squiggly-error")
    expect(marked.first).to_be_visible()
    explorer.write_query("{ viewer { ")
    explorer.page.keyboard.press("Control+Space")
    suggestions = explorer.page.get_by_role("listbox", name="Suggest")
    expect(suggestions.get_by_text("portfolios", exact=True)).to_be_visible()


def test_prettify_formats_the_query_and_its_variables(explorer):
    explorer.write_query("query Q($symbols: [Symbol!]!) { quotes(symbols: $symbols) { price } }")
    explorer.write_variables({"symbols": ["AAPL"]})
    explorer.button("Prettify query").click()
    query = explorer.page.locator(".graphiql-query-editor .view-line")
    expect(query.nth(1)).to_have_text("quotes(symbols: $symbols) {")
    variables = explorer.page.locator(
        ".graphiql-editor-tool .graphiql-editor:not(.hidden) .view-line"
    )
    expect(variables).to_have_text(["{", '"symbols": [', '"AAPL"', "]", "}"])


def test_the_subscription_shows_prices_as_they_change(explorer):
    explorer.sign_in()
    explorer.tab("LivePrices")
    explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    (first,) = prices_shown(explorer)
    explorer.page.wait_for_function(
        "before => { const text = document.querySelector('.result-window').innerText;"
        " return text.includes('price') && !text.includes(before); }",
        arg=f'"{first}"',
    )
    (socket,) = explorer.sockets
    assert socket.url == f"{explorer.address.replace('http', 'ws')}/graphql"
    with socket.expect_event("close"):
        explorer.stop()
    expect(explorer.button("Execute query")).to_be_visible()


def test_the_socket_carries_the_token_in_its_first_message(explorer):
    explorer.sign_in()
    explorer.tab("LivePrices")
    explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    first, second = explorer.sent[:2]
    assert first["type"] == "connection_init"
    assert first["payload"]["Authorization"].startswith("Bearer ey")
    assert second["type"] == "subscribe"
    assert "subscription LivePrices {" in second["payload"]["query"]


def test_changed_headers_open_a_new_socket(explorer):
    explorer.sign_in()
    explorer.tab("LivePrices")
    explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    explorer.stop()
    explorer.write_headers({"Authorization": "Bearer of my own"})
    explorer.run()
    expect(explorer.result).to_contain_text('"code": "UNAUTHENTICATED"')
    opened = [message for message in explorer.sent if message["type"] == "connection_init"]
    assert len(opened) == len(explorer.sockets) == 2
    assert opened[1]["payload"] == {"Authorization": "Bearer of my own"}


def test_signing_out_ends_a_running_subscription(explorer):
    explorer.sign_in()
    explorer.tab("LivePrices")
    explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    (socket,) = explorer.sockets
    with socket.expect_event("close"):
        explorer.bar.get_by_role("button", name="Sign out").click()
    expect(explorer.button("Execute query")).to_be_visible()


def test_a_socket_whose_token_expired_is_opened_again_with_the_new_one(unopened):
    explorer = unopened
    opened = []

    def expire_the_first(socket):
        server = socket.connect_to_server()
        opened.append(server)

        def pass_on(message):
            socket.send(message)
            if len(opened) == 1 and '"next"' in message:
                socket.close(code=4403, reason="The access token has expired")

        server.on_message(pass_on)

    explorer.page.route_web_socket("**/graphql", expire_the_first)
    explorer.open()
    explorer.sign_in()
    explorer.tab("LivePrices")
    explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    first = explorer.result.inner_text()
    explorer.page.wait_for_function(
        "before => document.querySelector('.result-window').innerText !== before", arg=first
    )
    assert len(opened) == 2


def test_subscriptions_come_as_server_sent_events_when_that_is_chosen(explorer):
    explorer.sign_in()
    explorer.choose_events()
    explorer.tab("LivePrices")
    with explorer.asking() as asked:
        explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    (first,) = prices_shown(explorer)
    explorer.page.wait_for_function(
        "before => { const text = document.querySelector('.result-window').innerText;"
        " return text.includes('price') && !text.includes(before); }",
        arg=f'"{first}"',
    )
    assert asked.value.method == "POST"
    assert asked.value.headers["accept"] == "text/event-stream"
    assert asked.value.headers["authorization"].startswith("Bearer ey")
    assert asked.value.response().headers["content-type"].startswith("text/event-stream")
    with explorer.page.expect_event("requestfailed", lambda request: request == asked.value):
        explorer.stop()
    expect(explorer.button("Execute query")).to_be_visible()
    assert explorer.sockets == []


def test_signing_out_ends_a_running_stream_of_events(explorer):
    explorer.sign_in()
    explorer.choose_events()
    explorer.tab("LivePrices")
    with explorer.asking() as asked:
        explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    with explorer.page.expect_event("requestfailed", lambda request: request == asked.value):
        explorer.bar.get_by_role("button", name="Sign out").click()
    expect(explorer.button("Execute query")).to_be_visible()


def test_a_stream_whose_token_expired_is_opened_again_with_the_new_one(unopened):
    explorer, clock = unopened, unopened.page.clock
    clock.install()
    explorer.open()
    explorer.sign_in()
    explorer.choose_events()
    explorer.tab("LivePrices")
    held = []

    def hold(route):
        held.append(route)

    explorer.page.route("**/graphql", hold)
    with explorer.asking():
        explorer.run()

    def mark(route):
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"access_token": "renewed"})

    explorer.page.route("**/auth/token", mark)
    with explorer.page.expect_response("**/auth/token"):
        clock.fast_forward("14:00")
    explorer.button("Headers").click()
    expect(explorer.page.locator(".graphiql-editor-tool")).to_contain_text("Bearer renewed")
    explorer.page.unroute("**/graphql")
    expired = {"errors": [{"message": "Over.", "extensions": {"code": "UNAUTHENTICATED"}}]}
    with explorer.asking() as asked:
        held[0].fulfill(
            content_type="text/event-stream",
            body=f"event: next\ndata: {json.dumps(expired)}\n\nevent: complete\ndata:\n\n",
        )
    assert asked.value.headers["authorization"] == "Bearer renewed"


def test_an_answer_that_is_no_stream_is_told_in_words(explorer):
    explorer.choose_events()
    explorer.tab("LivePrices")
    explorer.page.route("**/graphql", lambda route: route.fulfill(status=404, body="<h1>No</h1>"))
    explorer.run()
    expect(explorer.result).to_contain_text("/graphql answered 404 Not Found and no events.")
    expect(explorer.button("Execute query")).to_be_visible()


def test_a_closed_socket_is_told_in_words(unopened):
    explorer = unopened
    explorer.page.route_web_socket(
        "**/graphql", lambda socket: socket.close(code=4400, reason="Not today")
    )
    explorer.open()
    explorer.tab("LivePrices")
    explorer.run()
    expect(explorer.result).to_contain_text('"message": "The connection was closed: Not today."')
    expect(explorer.button("Execute query")).to_be_visible()


def test_an_answer_that_is_no_json_is_told_in_words(explorer):
    explorer.page.route(
        "**/graphql", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>")
    )
    explorer.run()
    expect(explorer.result).to_contain_text("/graphql answered 502 Bad Gateway and no JSON")


def test_a_server_that_is_away_is_told_in_words(explorer):
    explorer.page.route("**/graphql", lambda route: route.abort("connectionrefused"))
    explorer.run()
    expect(explorer.result).to_contain_text("/graphql cannot be reached")


def test_the_mutation_of_the_third_tab_records_a_trade(explorer):
    def ask(query, token=None, **variables):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        return httpx2.post(f"{explorer.address}/graphql", json=body, headers=headers).json()["data"]

    username, password = f"u{uuid.uuid4().hex[:12]}", "correct horse"
    session = ask(
        "mutation($input: SignUpInput!) { signUp(input: $input) { session { accessToken } } }",
        input={"username": username, "password": password},
    )
    token = session["signUp"]["session"]["accessToken"]
    created = ask(
        "mutation($input: CreatePortfolioInput!) "
        "{ createPortfolio(input: $input) { portfolio { id } } }",
        token,
        input={"name": "Mine", "baseCurrency": "USD"},
    )
    portfolio = created["createPortfolio"]["portfolio"]["id"]

    explorer.sign_in(username, password)
    explorer.tab("RecordTrade")
    explorer.write_variables(
        {
            "input": {
                "portfolioId": portfolio,
                "symbol": "AAPL",
                "side": "BUY",
                "quantity": "2",
                "price": "190.00",
                "occurredAt": "2024-06-03T15:00:00Z",
            }
        }
    )
    with explorer.asking() as asked:
        explorer.run()
    answer = asked.value.response().json()["data"]["recordTrade"]
    assert answer["userErrors"] == []
    assert answer["position"] == {
        "symbol": "AAPL",
        "quantity": "2",
        "averageCost": {"amount": "190", "currency": "USD"},
    }
    expect(explorer.result).to_contain_text('"quantity": "2"')


def test_a_whole_visit_asks_no_other_host_and_breaks_no_policy(explorer):
    explorer.sign_in()
    explorer.run()
    expect(explorer.result).to_contain_text('"name": "Growth"')
    explorer.button("Show Documentation Explorer").click()
    explorer.button("Show History").click()
    explorer.tab("LivePrices")
    explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    explorer.stop()
    explorer.choose_events()
    explorer.run()
    expect(explorer.result).to_contain_text('"quoteUpdated"')
    asked = {url.partition("?")[0].removeprefix(explorer.address) for url in explorer.requests}
    assert asked - {url for url in asked if url.startswith("data:")} == {
        "/graphql",
        "/auth/token",
        "/graphiql-assets/explorer.js",
        "/graphiql-assets/explorer.css",
        "/graphiql-assets/editor.worker.js",
        "/graphiql-assets/json.worker.js",
        "/graphiql-assets/graphql.worker.js",
    }
    assert explorer.strangers == []
    assert explorer.violations == []
    assert explorer.complaints == []


def test_the_page_could_not_reach_another_host_if_it_tried(explorer):
    answer = explorer.page.evaluate(
        "fetch('https://elsewhere.example/').then(() => 'reached', (error) => error.name)"
    )
    assert answer == "TypeError"
    assert explorer.violations == ["connect-src https://elsewhere.example/"]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_bar_follows_the_theme_of_the_explorer(explorer, theme):
    explorer.button("Open settings dialog").click()
    dialog = explorer.page.get_by_role("dialog")
    dialog.get_by_role("button", name=theme).click()
    explorer.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    background = explorer.bar.evaluate("bar => getComputedStyle(bar).backgroundColor")
    lightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (lightness > 200) is (theme == "Light")
    assert (lightness < 60) is (theme == "Dark")
