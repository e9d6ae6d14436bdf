"""That everybody can read it: by keyboard, by screen reader, on a phone, in the dark, without colours, in any zone."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from steps import LOST, barriers, opened, sideways

VIEWS = [
    *("", "targets", "target/www.site-0004.example", "target/www.site-0007.example", "incidents"),
    *("incident/5c3a9f01-9", "fleet"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_in_the_way_of_anybody_in_any_view(watched, collector, scheme):
    page = opened(watched, collector, color_scheme=scheme)
    for view in VIEWS:
        page.goto(f"{collector.url}/#/{view}")
        expect(page.locator(".view .loading")).to_have_count(0)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert barriers(page) == [], view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_in_the_way_when_there_is_nothing_or_no_link_or_no_token(watched, fresh_collector, scheme):
    watched.expected = [*LOST, "status of 401", "status of 404"]
    fresh_collector.world |= {"agents": [], "vantages": []}
    page = opened(watched, fresh_collector, color_scheme=scheme)
    for view in ["", "targets?q=none", "target/gone", "incidents", "incident/gone", "fleet"]:
        page.goto(f"{fresh_collector.url}/#/{view}")
        expect(page.locator(".view .loading")).to_have_count(0)
        assert barriers(page) == [], view
    fresh_collector.reachable = False
    fresh_collector.hang_up()
    expect(page.locator("body")).to_have_attribute("data-state", "stale")
    assert barriers(page) == []
    fresh_collector.reachable, fresh_collector.token = True, "open sesame"
    expect(page.locator("#sign-in")).to_be_visible()
    assert barriers(page) == []


@pytest.mark.parametrize("width", [320, 360, 768, 861, 1100])
def test_a_narrow_screen_needs_no_scrolling_sideways(watched, collector, width):
    collector.world["targets"][0]["url"] = "https://evil.example/" + "x" * 8000
    collector.world["targets"][0]["name"] = "n" * 255
    collector.world["agents"][0]["zone"] = "z" * 255
    collector.world["agents"][1]["id"] = "i" * 255
    page = opened(watched, collector, viewport={"width": width, "height": 800})
    for view in [*VIEWS, "target/" + "n" * 255]:
        page.goto(f"{collector.url}/#/{view}")
        expect(page.locator(".view .loading")).to_have_count(0)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert sideways(page) == 0, view


def test_the_colours_follow_the_system_or_the_reader(watched, collector):
    ground = "getComputedStyle(document.body).backgroundColor"
    page = opened(watched, collector, color_scheme="dark")
    dark = page.evaluate(ground)
    page.locator("#theme").click()
    light = page.evaluate(ground)
    assert sum(map(int, re.findall(r"\d+", dark))) < 100 < 600 < sum(map(int, re.findall(r"\d+", light)))
    page.reload()
    expect(page.locator("#theme")).to_have_text("Light")
    assert page.evaluate(ground) == light


def test_times_are_in_the_readers_zone_with_utc_at_hand(watched, collector):
    page = opened(watched, collector, "fleet", timezone_id="Asia/Kolkata")
    expect(page.locator("#zone")).to_have_text("GMT+5:30")
    hint = page.locator("#agents time").first.get_attribute("title")
    assert re.search(r"GMT\+5:30 · .* UTC$", hint)
    page.goto(collector.url + "/#/")
    tick = page.locator("#rounds .tick").last
    local = tick.inner_html()
    page.locator("#zone").click()
    expect(page.locator("#zone")).to_have_text("UTC")
    expect(tick).not_to_have_text(local)
    page.reload()
    expect(page.locator("#zone")).to_have_text("UTC")


def test_the_keyboard_reaches_everything_and_headings_are_in_order(watched, collector):
    page = opened(watched, collector)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    for view in VIEWS:
        page.goto(f"{collector.url}/#/{view}")
        expect(page.locator(".view .loading")).to_have_count(0)
        levels = page.evaluate("[...document.querySelectorAll('main :is(h1, h2, h3)')].map(h => +h.tagName[1])")
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), (view, levels)


def test_going_to_another_view_moves_the_focus_there(watched, collector):
    page = opened(watched, collector)
    page.get_by_role("link", name="Fleet", exact=True).press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#nav [aria-current]")).to_have_text("Fleet")
