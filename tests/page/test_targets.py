"""The list of targets: searched, filtered, ordered and paged by the collector."""

import re
from datetime import UTC, datetime

from playwright.sync_api import expect

from steps import opened, tile
from world import a_target


def rows(page):
    return page.locator("#list tbody tr")


def test_a_verdict_on_the_overview_leads_to_its_targets_and_the_address_can_be_sent_on(watched, collector):
    page = opened(watched, collector)
    tile(page, "down").press("Enter")
    expect(page.locator("#total")).to_have_text("18 targets match")
    expect(page.locator("#verdict")).to_have_value("down")
    expect(page).to_have_url(collector.url + "/#/targets?verdict=down")
    page.reload()
    expect(page.locator("#total")).to_have_text("18 targets match")
    expect(page.locator("#verdict")).to_have_value("down")
    page.go_back()
    expect(page.locator("h1:visible")).to_have_text("Overview")


def test_the_list_is_searched_as_one_types_and_ordered(watched, collector):
    page = opened(watched, collector, "targets")
    expect(page.locator("#total")).to_have_text("130 targets")
    page.locator("#q").press_sequentially("site-0042 EXAMPLE")
    expect(page.locator("#total")).to_have_text("1 target matches")
    expect(rows(page)).to_contain_text("www.site-0042.example")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("site-0042 EXAMPLE")
    page.locator("#q").fill("no such thing")
    expect(page.locator("#list")).to_contain_text("No target matches.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#total")).to_have_text("130 targets")
    page.locator("#sort").select_option("-latency")
    expect(rows(page).first).to_contain_text("4.21 s")


def test_the_list_is_filtered_by_category_label_and_vantage(watched, collector):
    page = opened(watched, collector, "targets")
    page.locator("#category").fill("News")
    expect(page.locator("#total")).to_have_text("43 targets match")
    rows(page).first.get_by_text("tier=").click()  # A tag is a filter.
    expect(page).to_have_url(re.compile("label=tier%3D"))
    expect(page.locator("#total")).to_have_text("11 targets match")
    with page.expect_request(re.compile(r"api/v1/targets\?.*vantage=us-east-1.*label\.tier=")):
        page.locator("#vantage").select_option("us-east-1")
    page.locator("#label").fill("nonsense")
    expect(page.locator("#total")).to_have_text("a label is written name=value")


def test_pages_come_from_the_collector_and_none_is_skipped(watched, collector):
    page = opened(watched, collector, "targets")
    expect(page.locator("#page")).to_have_text("1–50 of 130")
    expect(page.locator("#prev")).to_be_disabled()
    page.locator("#next").evaluate("button => { button.click(); button.click(); }")  # As an impatient reader does.
    expect(page.locator("#page")).to_have_text("51–100 of 130")
    expect(rows(page).first).to_contain_text("www.site-0050.example")
    page.locator("#next").click()
    expect(page.locator("#page")).to_have_text("101–130 of 130")
    expect(page.locator("#next")).to_be_disabled()
    page.locator("#prev").click()
    expect(page.locator("#page")).to_have_text("51–100 of 130")
    page.locator("#verdict").select_option("up")
    expect(page.locator("#page")).to_have_text(re.compile("^1–50 of"))


def test_the_last_hour_of_each_row_is_a_picture_with_words(watched, collector):
    collector.world["targets"] = [a_target(0, datetime.now(UTC), last_hour={"cell_ms": 600_000, "cells": "uspfmo."})]
    page = opened(watched, collector, "targets")
    strip = rows(page).locator("svg.strip")
    label = "1 × as expected, 1 × as expected, slowly, 1 × some failed, 1 × failed, 1 × missed and 1 × running"
    expect(strip).to_have_attribute("aria-label", f"Past hour, in steps of 10 min: {label}")
    shapes = strip.evaluate(
        "svg => Object.fromEntries([...svg.querySelectorAll('path')].map(p => "
        "[p.getAttribute('class'), [getComputedStyle(p).fill, p.getBBox().height]]))"
    )
    assert set(shapes) == {"s-up", "s-slow", "s-fail", "s-missed", "s-open", "s-none"}
    assert "hatch" in shapes["s-missed"][0]
    assert shapes["s-open"][0] == "none"
    assert shapes["s-fail"][1] > shapes["s-slow"][1] > shapes["s-up"][1] > shapes["s-none"][1]


def test_an_answer_that_arrives_while_one_chooses_puts_nothing_back(watched, collector):
    page = opened(watched, collector, "targets")
    choose = """
        const select = document.querySelector('#verdict');
        select.value = 'down';
        select.dispatchEvent(new Event('input', { bubbles: true }));
        dispatchEvent(new Event('resize'));  // The view is drawn again, as with every answer.
    """
    page.evaluate(choose)
    expect(page.locator("#total")).to_have_text("18 targets match")
    expect(page.locator("#verdict")).to_have_value("down")


def test_slash_goes_to_the_search(watched, collector):
    page = opened(watched, collector, "targets")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("")


def test_an_empty_list_says_what_that_means(watched, collector):
    collector.world["targets"] = []
    page = opened(watched, collector, "targets")
    expect(page.locator("#list")).to_contain_text("There are no targets.")
    page.locator("#q").fill("x")
    expect(page.locator("#list")).to_contain_text("No target matches.")
