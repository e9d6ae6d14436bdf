"""What many tests do with a page."""

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page, expect

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# What a failed request says in the browser's own console.
LOST = ["ERR_EMPTY_RESPONSE", "ERR_CONNECTION", "ERR_INVALID", "ERR_SOCKET", "ERR_INCOMPLETE", "ERR_FAILED"]


def opened(watched, collector, place="", **context) -> Page:
    """The page at a place (what follows the `#/`), once it has its first answers."""
    page = watched.open(f"{collector.url}/#/{place}", **context)
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    return page


def tile(page: Page, verdict: str):
    return page.locator(f".tile[data-v={verdict}]")


def sideways(page: Page) -> int:
    """How many pixels the page can be scrolled sideways."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def barriers(page: Page) -> list[str]:
    """What axe-core finds to be in the way of somebody."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
