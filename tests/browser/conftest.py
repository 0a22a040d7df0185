"""A real browser with everything but our own server cut off, and what it did on record."""

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--renderer-process-limit=1",  # pages one after the other share what is compiled
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # No name resolves: the network is cut for workers and sockets too.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PATIENCE = 20_000  # a busy machine takes its time

TRACES = "cookies,file_systems,indexeddb,local_storage,service_workers,cache_storage"

# Playwright sees the console; the page itself sees which rule was violated.
WATCH_POLICY = """
  window.violations = [];
  addEventListener("securitypolicyviolation", (event) =>
    window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Explorer:
    """The explorer's page, driven as a person drives it."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    sockets: list = field(default_factory=list)
    sent: list[dict] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self):
        self.page.add_init_script(WATCH_POLICY)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", self._follow)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)

    def _follow(self, socket):
        self.sockets.append(socket)
        socket.on("framesent", lambda text: self.sent.append(json.loads(text)))

    def _listen(self, line):
        if line.type in {"error", "warning"}:
            self.complaints.append(line.text)

    def open(self):
        self.page.goto(f"{self.address}/graphql")
        expect(self.button("Execute query")).to_be_visible()
        expect(self.page.locator(".graphiql-query-editor .view-line").first).to_be_visible()

    @property
    def strangers(self):
        """Every address asked that is not our server's."""
        asked = self.requests + [socket.url for socket in self.sockets]
        ours = urlsplit(self.address).netloc
        return [
            url
            for url in asked
            if urlsplit(url).netloc != ours and urlsplit(url).scheme not in {"data", "blob"}
        ]

    @property
    def violations(self):
        return self.page.evaluate("window.violations")

    @property
    def bar(self):
        return self.page.get_by_role("banner")

    @property
    def result(self):
        return self.page.get_by_role("region", name="Result Window")

    def button(self, name):
        return self.page.get_by_role("button", name=re.compile(f"^{re.escape(name)}"))

    def sign_in(self, username="demo", password="demo123"):
        self.bar.get_by_label("Username").fill(username)
        self.bar.get_by_label("Password").fill(password)
        self.bar.get_by_role("button", name="Sign in").click()
        expect(self.bar.get_by_role("status")).to_have_text(f"Signed in as {username}")

    def tab(self, title):
        self.page.get_by_role("tab", name=title).click()

    def choose_events(self):
        self.bar.get_by_label("Subscriptions over").select_option("Server-sent events")

    def run(self):
        self.button("Execute query").click()

    def stop(self):
        self.button("Stop query").click()

    @contextmanager
    def asking(self):
        """Expect one GraphQL request within; holds it as `value` afterwards."""
        with self.page.expect_request(f"{self.address}/graphql") as asked:
            yield asked

    def write(self, editor, text):
        """Replace what an editor holds."""
        self.page.locator(f"{editor} .view-lines").first.click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)

    def write_headers(self, headers):
        self.button("Headers").click()
        self.write(".graphiql-editor-tool .graphiql-editor:not(.hidden)", json.dumps(headers))

    def write_variables(self, variables):
        self.button("Variables").click()
        self.write(".graphiql-editor-tool .graphiql-editor:not(.hidden)", json.dumps(variables))

    def write_query(self, text):
        self.write(".graphiql-query-editor", text)


@pytest.fixture(scope="module")
def profile(chromium, demo_server, tmp_path_factory):
    """The browser with a profile on disk: it keeps the explorer compiled, and nothing else."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        profile = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            headless=True,
            executable_path=chromium,
            args=FLAGS,
            viewport={"width": 1400, "height": 900},
            service_workers="block",
        )
        profile.set_default_timeout(PATIENCE)
        yield profile
        profile.close()


@pytest.fixture
def unopened(profile, demo_server):
    """The explorer in a page of its own, about to be opened; no earlier visit has left a trace."""
    page = profile.new_page()
    # Now, and not when a visit ends: a page still writes while it is closed.
    profile.new_cdp_session(page).send(
        "Storage.clearDataForOrigin", {"origin": demo_server, "storageTypes": TRACES}
    )
    explorer = Explorer(page, demo_server)
    explorer.watch()
    yield explorer
    page.close()


@pytest.fixture
def explorer(unopened):
    """The explorer in a page of its own, opened."""
    unopened.open()
    return unopened
