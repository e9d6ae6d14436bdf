"""One browser for all tests; every page is watched, and a test in which it complains fails."""

import os
import shutil
import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from collector import Collector
from real import real  # noqa: F401 (a fixture)
from world import a_busy_world, an_empty_world

# A loaded machine may take long to answer; a wait ends as soon as what it waits for is there.
DEADLINE_MS = int(os.environ.get("ZONEWATCH_DEADLINE_MS", "30000"))
expect.set_options(timeout=DEADLINE_MS)

FLAGS = [
    "--no-sandbox",  # Tests may run as root, in a container.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    given = os.environ.get("ZONEWATCH_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        sys.exit("no chromium found: install Debian's `chromium`, or name one in ZONEWATCH_CHROMIUM")
    return found


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def collector():
    standing_in = Collector(a_busy_world(datetime.now(UTC)))
    yield standing_in
    standing_in.close()
    assert standing_in.problems == [], "the page asked for what the API does not have"


@pytest.fixture
def fresh_collector(collector):
    """One that has only just started."""
    collector.world = an_empty_world(datetime.now(UTC))
    return collector


class Watched:
    """Opens pages and keeps every complaint of theirs: console errors, exceptions, breaches of the CSP, and requests
    to any other origin than their own."""

    def __init__(self, browser: Browser):
        self.browser = browser
        self.complaints: list[str] = []
        # Parts of complaints that a test brings about on purpose (the browser itself logs each failed request).
        self.expected: list[str] = []
        # Other origins that a page was told to read from.
        self.origins: set[str] = set()

    def open(self, url: str, **context) -> Page:
        page = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context).new_page()
        page.set_default_timeout(DEADLINE_MS)
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('CSP: ' + e.violatedDirective))"
        )
        page.on("request", lambda request: self.went(request.url, url))
        page.goto(url)
        return page

    def went(self, to: str, opened: str):
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(to))
        if origin not in self.origins | {"{0.scheme}://{0.netloc}".format(urlsplit(opened))}:
            self.complaints.append(f"a request left the origin: {to}")

    def unexpected(self) -> list[str]:
        return [c for c in self.complaints if not any(part in c for part in self.expected)]


@pytest.fixture
def watched(browser):
    watch = Watched(browser)
    yield watch
    complaints = watch.unexpected()
    for context in browser.contexts:
        context.close()
    assert complaints == []
