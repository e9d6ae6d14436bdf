"""The page against the real collector: what it shows is what the collector's own API says.

With ZONEWATCH_COLLECTOR (the program's path) the tests start it, with agents of its own and sites of theirs; with
ZONEWATCH_URL they look at a collector that already runs, whatever it watches. One of them has to be there.
"""

import re
import urllib.request
from urllib.parse import quote

from playwright.sync_api import expect

from real import DOWN, UP, read
from steps import barriers, tile


def test_the_real_page_shows_what_the_real_api_says(watched, real):
    url, ours = real
    page = watched.open(url)
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    total = read(url + "/api/v1/summary?window=1h")["targets"]["total"]
    if ours:
        expect(page.locator("#headline .said")).to_have_text(f"{DOWN} of {total} targets are down")
        expect(tile(page, "up").locator("b")).to_have_text(str(UP))
        expect(page.locator("#codes li b")).to_have_text(["200", "503"])
        expect(page.locator("#outages li")).to_have_count(DOWN)
        expect(page.locator("#banners")).to_contain_text("1 row of the target file is left out")
        page.get_by_text("Which, and why").click()
        expect(page.locator(".rejected")).to_contain_text("ftp")
    expect(page.locator("#headline .bad")).to_have_count(0)
    page.goto(url + "/#/fleet")
    agents = read(url + "/api/v1/agents")["agents"]
    expect(page.locator("#agents .state")).to_have_text([agent["state"] for agent in agents])
    page.goto(url + "/#/targets")
    expect(page.locator("#total")).to_have_text(re.compile(f"^{total:,} target"))
    assert page.evaluate("window.pwned") is None


def test_a_real_target_is_shown_and_probed_now(watched, real):
    url, _ = real
    name = read(url + "/api/v1/targets?verdict=down&limit=1")["targets"][0]["name"]
    page = watched.open(f"{url}/#/target/{quote(name, safe='')}")
    expect(page.locator("h1:visible")).to_have_text(name)
    expect(page.locator(".plainly").first).to_contain_text("503")
    expect(page.locator(".vantage .phases").first).to_be_visible()
    page.get_by_role("button", name="Probe now from everywhere").click()
    expect(page.locator("#probed")).to_contain_text("503")
    assert barriers(page) == []


def test_every_filter_of_the_page_is_one_that_the_real_api_takes(watched, real):
    url, _ = real
    page = watched.open(url + "/#/targets?verdict=down&category=Shops&q=down&sort=-latency&label=a%3Db")
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    for verdict in ("up", "degraded", "partial", "unknown", "paused"):
        with page.expect_response(re.compile(rf"verdict={verdict}")) as answer:
            page.locator("#verdict").select_option(verdict)
        assert answer.value.status == 200
    for order in ("-since", "-latency"):
        with page.expect_response(re.compile(rf"sort={order}")) as answer:
            page.locator("#sort").select_option(order)
        assert answer.value.status == 200
    vantage = read(url + "/api/v1/vantages")["vantages"][0]["name"]
    for place in ("#/targets", "#/"):
        page.goto(f"{url}/{place}")
        with page.expect_response(re.compile(rf"vantage={vantage}")) as answer:
            page.locator("#vantage").select_option(vantage)
        assert answer.value.status == 200


def test_the_real_page_lets_nothing_in_from_elsewhere(real):
    url, _ = real
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
