"""GraphiQL in a real browser, with everything but our own server cut off."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("process")]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page(chromium, demo_server):
    """A page of a fresh profile that records what it asks other hosts and complains of."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.strangers, page.complaints = [], []
        host = demo_server.removeprefix("http://")

        def see(url):
            if not url.startswith(("data:", "blob:")) and host not in url:
                page.strangers.append(url)

        page.on("request", lambda request: see(request.url))
        page.on("websocket", lambda socket: see(socket.url))
        page.on(
            "console",
            lambda line: page.complaints.append(line.text) if line.type == "error" else None,
        )
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{demo_server}/graphql")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=30_000)
        yield page
        browser.close()


def sign_in(page):
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Signed in as demo")).to_be_visible(timeout=15_000)


def run(page):
    page.get_by_role("button", name=re.compile("Execute query")).click()


def result_of(page):
    return page.locator(".result-window, .graphiql-response").first


def test_the_canonical_query_runs_after_signing_in_and_no_other_host_is_asked(page):
    sign_in(page)
    run(page)
    expect(result_of(page)).to_contain_text('"Growth"', timeout=20_000)
    assert page.strangers == []
    assert page.complaints == []


def test_a_wrong_password_is_told_in_words(page):
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".folioql-bar").get_by_role("alert")).to_contain_text(
        "not valid", timeout=15_000
    )


def test_a_subscription_shows_prices_that_change(page):
    sign_in(page)
    page.get_by_role("tab", name=re.compile("LivePrices")).click()
    run(page)
    expect(result_of(page)).to_contain_text('"quoteUpdated"', timeout=20_000)
    first = result_of(page).inner_text()
    page.wait_for_function(
        "before => document.querySelector('.result-window, .graphiql-response').innerText "
        "!== before",
        arg=first,
        timeout=30_000,
    )
    assert page.strangers == []


def test_the_documentation_lists_the_schema(page):
    page.get_by_role("button", name=re.compile("Show Documentation Explorer")).click()
    expect(page.locator(".graphiql-doc-explorer")).to_contain_text("Subscription", timeout=15_000)


def test_the_history_keeps_what_was_run(page):
    sign_in(page)
    run(page)
    expect(result_of(page)).to_contain_text('"Growth"', timeout=20_000)
    page.get_by_role("button", name=re.compile("Show History")).click()
    expect(page.locator(".graphiql-history")).to_contain_text("Dashboard", timeout=15_000)


def test_the_headers_editor_is_there(page):
    page.get_by_role("button", name="Headers", exact=True).click()
    expect(page.locator(".graphiql-editor-tool")).to_be_visible()
