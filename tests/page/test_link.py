"""The link to the collector: live, lost, locked, elsewhere."""

import re
import shutil
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from collector import ASSETS
from steps import LOST, opened, tile


def test_an_event_brings_what_changed_at_once_and_in_place(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#live-text")).to_have_text("Live")
    expect(tile(page, "down").locator("b")).to_have_text("338")
    page.evaluate("window.kept = [...document.querySelectorAll('.tile, #outages li')]")
    tile(page, "down").focus()
    collector.world["summary"]["targets"] |= {"up": 970, "down": 339}
    collector.emit("verdict", {"name": "x"})
    expect(tile(page, "down").locator("b")).to_have_text("339")
    expect(page.locator("#spoken")).to_contain_text("339 down")
    expect(page).to_have_title("339 down · Overview · Zonewatch")
    assert page.evaluate("kept.every(node => node.isConnected)"), "rows are updated in place, not replaced"
    expect(tile(page, "down")).to_be_focused()


def test_many_events_ask_no_route_oftener_than_once_a_second(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#live-text")).to_have_text("Live")
    collector.asked.clear()
    began = time.monotonic()
    for _ in range(300):
        collector.emit("verdict", {"name": "x"})
        page.wait_for_timeout(10)
    seconds = time.monotonic() - began
    assert len([path for path in collector.asked if "summary" in path]) <= seconds + 2


def test_without_events_the_page_asks_and_stays_true(watched, collector):
    watched.expected = ["status of 404"]
    collector.absent = {"/api/v1/events"}
    page = opened(watched, collector)
    expect(page.locator("#live-text")).to_have_text("Live, by asking")
    collector.world["summary"]["targets"]["down"] = 339
    expect(tile(page, "down").locator("b")).to_have_text("339")


def test_a_lost_link_is_dated_and_the_last_numbers_stay_until_it_is_back(watched, collector):
    watched.expected = LOST
    page = opened(watched, collector)
    expect(tile(page, "up").locator("b")).to_have_text("971")
    collector.reachable = False
    collector.hang_up()
    expect(page.locator("#live-text")).to_have_text(re.compile(r"Stale since \d\d:\d\d:\d\d · \d+ s"))
    expect(page.locator("#banners")).to_contain_text("The collector cannot be reached.")
    expect(page.locator("#banners")).to_contain_text(re.compile(r"is from \d\d:\d\d:\d\d"))
    before = page.locator("#live-text").inner_text()
    expect(page.locator("#live-text")).not_to_have_text(before)  # Its age goes on growing.
    expect(page.locator("#main")).to_have_css("filter", "grayscale(1)")
    expect(tile(page, "up").locator("b")).to_have_text("971")
    collector.reachable = True
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    expect(page.locator("#banners")).not_to_contain_text("cannot be reached")


def test_a_collector_that_is_away_from_the_start_is_said_too(watched, collector):
    watched.expected = LOST
    collector.reachable = False
    page = watched.open(collector.url)
    expect(page.locator("#banners")).to_contain_text("There is nothing to show yet.")
    collector.reachable = True
    expect(tile(page, "up").locator("b")).to_have_text("971")


def test_a_hidden_tab_asks_for_nothing(watched, collector):
    page = opened(watched, collector)
    page.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away })")
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#live-text")).to_have_text("Paused")
    page.wait_for_timeout(300)
    collector.quiet()  # What had left before has arrived.
    collector.asked.clear()
    page.wait_for_timeout(4500)  # Over twice its pace: the absence of requests has no event to wait for.
    assert collector.asked == []
    collector.world["summary"]["targets"]["down"] = 400
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(tile(page, "down").locator("b")).to_have_text("400")


def test_a_token_is_asked_for_sent_and_kept_in_this_tab_only(watched, collector):
    watched.expected = ["status of 401"]
    collector.token = "open sesame"
    page = watched.open(collector.url)
    expect(page.locator("#sign-in")).to_be_visible()
    expect(page.locator("#main")).to_be_hidden()
    page.get_by_role("textbox", name="Token").fill("a guess")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#sign-in-why")).to_have_text("That token was not accepted.")
    page.wait_for_timeout(1500)  # It looks at the link every second: who is not let in is not live.
    expect(page.locator("#live-text")).to_have_text("Token needed")
    page.get_by_role("textbox", name="Token").fill("open sesame")
    page.keyboard.press("Enter")
    expect(tile(page, "up").locator("b")).to_have_text("971")
    expect(page.locator("#sign-in")).to_be_hidden()
    expect(page.locator("#live-text")).to_have_text("Live")  # The stream of events carries it too.
    assert "sesame" not in page.url
    assert "sesame" not in page.evaluate("JSON.stringify({...localStorage})")
    assert page.context.cookies() == []


def test_the_page_works_below_a_path(watched, collector):
    collector.prefix = "/watch/over"
    page = opened(watched, collector, "targets?verdict=down")
    expect(page.locator("#total")).to_have_text("18 targets match")


@pytest.fixture
def elsewhere(collector, tmp_path):
    """The page's files on another origin, told where the API is, as docs/how-to/dashboard-elsewhere.md says."""
    shutil.copytree(ASSETS, tmp_path / "site")
    html = tmp_path / "site" / "index.html"
    told = f'<meta name="zonewatch-api" content="{collector.url}">'
    html.write_text(html.read_text().replace('<meta name="zonewatch-api" content="">', told))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "site"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_page_can_be_hosted_elsewhere_and_no_link_sends_its_token_astray(watched, collector, elsewhere):
    watched.expected = ["status of 401"]
    watched.origins = {collector.origin}
    collector.cors = elsewhere
    collector.token = "open sesame"
    page = watched.open(
        f"{elsewhere}/?api=https://evil.example/&zonewatch-api=https://evil.example/#/?api=//evil.example"
    )
    page.get_by_role("textbox", name="Token").fill("open sesame")
    page.keyboard.press("Enter")
    expect(tile(page, "up").locator("b")).to_have_text("971")
    expect(page.locator("#live-text")).to_have_text("Live")
