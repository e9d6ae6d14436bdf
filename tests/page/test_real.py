"""The page against the real collector: what it shows is what the collector's own API says.

With ZONEWATCH_COLLECTOR (the program's path) the tests start it, with agents of its own and sites of theirs; with
ZONEWATCH_URL they look at a collector that already runs, whatever it watches. One of them has to be there.
"""

import re
import urllib.request

from playwright.sync_api import expect

from real import DOWN, UP, read


def test_the_real_page_shows_what_the_real_api_says(watched, real):
    url, ours = real
    page = watched.open(url)
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    if ours:
        expect(page.locator(".tile[data-v=up] .big")).to_have_text(str(UP))
        expect(page.locator(".tile[data-v=down] .big")).to_have_text(str(DOWN))
        expect(page.locator("#newest li")).to_have_text([re.compile(f"^200.*{UP}"), re.compile(f"^503.*{DOWN}")])
        expect(page.locator("#broken tbody tr")).to_have_count(DOWN)
        expect(page.locator("#agents .state")).to_have_text(["connected"] * 3)
        expect(page.locator("#rejected-note")).to_contain_text("1 row of the target file is left out")
        page.locator("#rejected summary").click()
        expect(page.locator("#rejected-rows")).to_contain_text("ftp")
    total = read(url + "/api/v1/summary?window=1h")["targets"]["total"]
    expect(page.locator("#targets-note")).to_have_text(re.compile(f"^{total:,} target"))
    expect(page.locator("#slots .bad")).to_have_count(0)
    assert page.evaluate("window.pwned") is None


def test_every_filter_of_the_page_is_one_that_the_real_api_takes(watched, real):
    url, _ = real
    page = watched.open(url + "/?verdict=down&category=Shops&q=down&sort=-latency")
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    for verdict in ("up", "degraded", "partial", "unknown", "paused"):
        page.locator("#verdict").select_option(verdict)
        expect(page.locator("#targets-note")).to_have_text(re.compile("match"))
    for order in ("name", "-since", "-latency"):
        with page.expect_response(re.compile(rf"sort={order}.*limit=50")) as answer:
            page.locator("#sort").select_option(order)
        assert answer.value.status == 200
    vantage = read(url + "/api/v1/vantages")["vantages"][0]["name"]
    page.locator("#vantage").select_option(vantage)
    expect(page.locator("#now-note")).to_contain_text(f"seen from {vantage}")
    expect(page.locator("body")).to_have_attribute("data-state", "live")


def test_the_real_page_lets_nothing_in_from_elsewhere(real):
    url, _ = real
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
