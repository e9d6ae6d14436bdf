"""The page, in a real browser, over answers that the tests choose."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from collector import HOSTILE, a_target, an_agent, rfc3339

REASONS = [
    *("no_agent", "agent_lost", "agent_suspect", "agent_paused", "agent_fault", "overloaded"),
    *("buffer_full", "clock_unsure", "refused", "collector_down", "not_reported"),
]
KINDS = ["dns", "connect", "tls", "timeout", "protocol", "redirect", "read", "blocked"]


def tile(page: Page, verdict: str):
    return page.locator(f".tile[data-v={verdict}]")


def opened(watched, collector, path="/", **context) -> Page:
    page = watched.open(collector.url + path, **context)
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    return page


def sideways(page: Page) -> int:
    """How many pixels the page can be scrolled sideways."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_the_numbers_of_the_api_are_shown(watched, collector):
    page = opened(watched, collector)
    for verdict, shown in {
        "up": "971",
        "degraded": "4",
        "partial": "2",
        "down": "338",
        "unknown": "5",
        "paused": "1",
    }.items():
        expect(tile(page, verdict).locator(".big")).to_have_text(shown)
    expect(page.locator("#uptime .big")).to_have_text("71.42…71.79 %")
    expect(page.locator("#uptime")).to_contain_text("99.62 %")  # Cut, not rounded: the API says 0.99621.
    expect(page.locator("#slots .big")).to_have_text(["7,926", "7,888", "30", "8"])
    expect(page.locator("#slots .bars li")).to_have_text([re.compile("agent_lost.*27"), re.compile("overloaded.*3")])
    expect(page.locator("#codes li").first).to_have_text(re.compile("200.*3,654"))
    expect(page.locator("#newest li").first).to_have_text(re.compile("200.*609"))
    expect(page.locator("#failures li").first).to_have_text(re.compile("timeout.*69"))
    expect(page.locator("#latency .count")).to_have_text(["84 ms", "412 ms", "830 ms", "3.12 s", "9.87 s"])
    expect(page.locator("#rounds li")).to_have_count(6)
    expect(page.locator("#rounds li .unseen").nth(3)).to_contain_text("1,321 expected")
    expect(page.locator("#rounds li .unseen").nth(3)).to_contain_text("18 missed")
    expect(page.locator("#agents tbody tr")).to_have_count(7)  # Five agents under the names of two vantages.
    expect(page.locator("#live-text")).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d UTC"))
    expect(page).to_have_title("338 down · Zonewatch")


def test_the_page_follows_the_data_without_being_built_anew(watched, collector):
    page = opened(watched, collector)
    expect(tile(page, "down").locator(".big")).to_have_text("338")
    page.evaluate("window.kept = [...document.querySelectorAll('.tile, #list tr, #rounds li')]")
    tile(page, "down").focus()
    collector.world["summary"]["targets"] |= {"up": 970, "down": 339}
    collector.world["targets"][1] |= {"verdict": "down", "status": 500}
    expect(tile(page, "down").locator(".big")).to_have_text("339")
    expect(page.locator("#list tbody tr").nth(1)).to_contain_text("500")
    expect(page.locator("#spoken")).to_contain_text("339 down")
    expect(page).to_have_title("339 down · Zonewatch")
    assert page.evaluate("kept.every(node => node.isConnected)"), "rows are updated in place, not replaced"
    expect(tile(page, "down")).to_be_focused()


def test_an_unreachable_collector_is_said_and_the_last_numbers_stay_greyed_and_dated(watched, collector):
    watched.expected = ["ERR_EMPTY_RESPONSE", "ERR_CONNECTION", "ERR_INVALID", "ERR_SOCKET"]
    page = opened(watched, collector)
    collector.reachable = False
    expect(page.locator("#notice")).to_contain_text("The collector cannot be reached.")
    expect(page.locator("#notice")).to_contain_text(re.compile(r"from \d\d:\d\d:\d\d UTC"))
    expect(page.locator("#live-text")).to_have_text(re.compile(r"Not reachable · \d+ s old"))
    before = page.locator("#live-text").inner_text()
    expect(page.locator("#live-text")).not_to_have_text(before)  # Its age goes on growing.
    expect(page.locator("main")).to_have_css("filter", "grayscale(1)")
    expect(tile(page, "up").locator(".big")).to_have_text("971")
    collector.reachable = True
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    expect(page.locator("#notice")).to_be_empty()
    expect(page.locator("main")).to_have_css("filter", "none")


def test_a_collector_that_is_away_from_the_start_is_said_too(watched, collector):
    watched.expected = ["ERR_EMPTY_RESPONSE", "ERR_CONNECTION", "ERR_INVALID", "ERR_SOCKET"]
    collector.reachable = False
    page = watched.open(collector.url)
    expect(page.locator("#notice")).to_contain_text("There is nothing to show yet.")


def test_before_the_first_results_it_says_what_it_waits_for(watched, fresh_collector):
    page = opened(watched, fresh_collector)
    expect(page.locator("#notice")).to_contain_text("Waiting for the first results. 1,321 targets loaded")
    expect(page.locator("#uptime .big")).to_have_text("–")
    expect(page.locator("#slots .big")).to_have_text(["1,321", "0", "0", "1,321"])
    expect(page.locator("#latency")).to_have_text("No answers yet.")
    expect(page.locator("#rounds")).to_have_text("No round has begun yet.")
    expect(page.locator("#broken")).to_have_text("Nothing has been judged yet.")
    expect(page.locator("#rejected")).to_be_hidden()
    expect(page.locator("#list tbody tr").first).to_contain_text("pending")
    assert "NaN" not in page.locator("body").inner_text()
    assert "undefined" not in page.locator("body").inner_text()


def test_a_fleet_of_none_is_said(watched, fresh_collector):
    fresh_collector.world |= {"agents": [], "vantages": []}
    page = opened(watched, fresh_collector)
    expect(page.locator("#notice")).to_contain_text("No agent is connected, so nothing is probed.")
    expect(page.locator("#agents")).to_have_text("No agent has connected yet.")


def test_sums_that_do_not_add_up_are_said(watched, collector):
    collector.world["summary"]["slots"]["received"] -= 4
    page = opened(watched, collector)
    expect(page.locator("#slots .bad")).to_have_text("This does not add up: 4 too few. Please report it.")


def test_every_missed_reason_and_failure_kind_has_words(watched, collector):
    summary = collector.world["summary"]
    summary["slots"] = {"expected": 11, "received": 0, "missed": dict.fromkeys(REASONS[:9], 1), "open": 2}
    summary["failures"] = dict.fromkeys(KINDS, 1)
    page = opened(watched, collector)
    expect(page.locator("#slots .bars li small:not(.count)")).to_have_count(9)
    expect(page.locator("#failures li small:not(.count)")).to_have_count(8)
    summary["slots"]["missed"] = dict.fromkeys(REASONS[2:], 1)
    expect(page.locator("#slots .bars")).to_contain_text("not_reported")
    expect(page.locator("#slots .bars li small:not(.count)")).to_have_count(9)


def test_counts_beyond_the_shown_ones_are_added_up_not_left_out(watched, collector):
    collector.world["summary"]["status_codes"] = {str(200 + i): 100 - i for i in range(40)}
    page = opened(watched, collector)
    expect(page.locator("#codes li")).to_have_count(9)
    expect(page.locator("#codes li").last).to_have_text(re.compile("32 others.*2,448"))


def test_an_hour_of_seconds_is_drawn_in_columns_that_hold_every_round(watched, collector):
    start = datetime.now(UTC)
    one = {
        "expected": 3,
        "received": 2,
        "missed": {"overloaded": 1},
        "open": 0,
        "status_codes": {"200": 2},
        "failures": {},
    }
    collector.world["summary"]["rounds"] = [one | {"start": rfc3339(start - timedelta(seconds=i))} for i in range(3600)]
    page = opened(watched, collector)
    expect(page.locator("#rounds li")).to_have_count(60)
    expect(page.locator("#rounds li .unseen").first).to_contain_text("180 expected; 120 answered 1xx–3xx")
    assert sideways(page) == 0


def test_hostile_names_labels_and_causes_are_shown_as_text_and_do_nothing(watched, collector):
    page = opened(watched, collector)
    row = page.locator("#list tbody tr").first
    expect(row.locator("b").first).to_have_text(HOSTILE)
    expect(row.locator(".url")).to_contain_text(HOSTILE)
    expect(row.locator(".tag").first).to_have_text(HOSTILE)
    expect(page.locator("#agents")).to_contain_text(HOSTILE)
    page.locator("#rejected summary").click()
    expect(page.locator("#rejected-rows")).to_contain_text(HOSTILE)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    assert page.evaluate("document.querySelectorAll('[onerror], [onload], [onclick], a[href^=javascript]').length") == 0


def test_hostile_words_in_the_address_are_only_words(watched, collector):
    page = opened(watched, collector, "/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&category=%22%3E%3Cscript%3E")
    expect(page.locator("#q")).to_have_value("<img src=x onerror=alert(1)>")
    expect(page.locator("#list")).to_have_text("No target matches.")
    assert page.locator("img").count() == 0


def test_dark_mode_is_dark_and_both_modes_can_be_read(watched, collector):
    def luminance(rgb: str) -> float:
        parts = [int(n) / 255 for n in re.findall(r"\d+", rgb)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    grounds = {}
    for scheme in ("light", "dark"):
        page = opened(watched, collector, color_scheme=scheme)
        grounds[scheme] = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        card = luminance(page.evaluate("getComputedStyle(document.querySelector('.tile')).backgroundColor"))
        for name in (
            ".tile .big",
            "#now-note",
            *(f".tile[data-v={v}] .name" for v in ("up", "degraded", "partial", "down", "unknown")),
        ):
            ink = luminance(page.evaluate("s => getComputedStyle(document.querySelector(s)).color", name))
            contrast = (max(ink, card) + 0.05) / (min(ink, card) + 0.05)
            assert contrast >= 4.5, f"{name} in {scheme} mode: contrast {contrast:.1f}, WCAG AA asks for 4.5"
    assert grounds["dark"] < 0.05 < 0.8 < grounds["light"]


@pytest.mark.parametrize("width", [320, 360, 768, 961, 1024])
def test_a_narrow_screen_needs_no_scrolling_sideways(watched, collector, width):
    collector.world["targets"][0]["url"] = "https://evil.example/" + "x" * 8000
    collector.world["agents"][0]["zone"] = "z" * 255
    page = opened(watched, collector, viewport={"width": width, "height": 800})
    page.locator("#rejected summary").click()
    page.locator("#rounds ~ details summary").click()
    expect(page.locator("#rounds-table tbody tr").first).to_be_visible()
    assert sideways(page) == 0


def test_a_verdict_filters_the_list_and_stands_in_the_address(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#targets-note")).to_have_text("130 targets")
    tile(page, "down").press("Enter")
    expect(page.locator("#targets-note")).to_have_text("18 targets match")
    expect(tile(page, "down")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#verdict")).to_have_value("down")
    expect(page).to_have_url(collector.url + "/?verdict=down")
    page.reload()
    expect(page.locator("#targets-note")).to_have_text("18 targets match")
    tile(page, "down").click()
    expect(page.locator("#targets-note")).to_have_text("130 targets")


def test_the_list_can_be_searched_ordered_and_paged(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#page-note")).to_have_text("1–50 of 130")
    expect(page.locator("#prev")).to_be_disabled()
    page.locator("#next").click()
    expect(page.locator("#page-note")).to_have_text("51–100 of 130")
    page.locator("#next").click()
    expect(page.locator("#page-note")).to_have_text("101–130 of 130")
    expect(page.locator("#next")).to_be_disabled()
    page.locator("#prev").click()
    expect(page.locator("#page-note")).to_have_text("51–100 of 130")
    page.locator("#sort").select_option("-latency")
    expect(page.locator("#list tbody tr").first).to_contain_text("4.21 s")
    expect(page.locator("#page-note")).to_have_text("1–50 of 130")
    page.locator("#q").fill("site-0042 example")
    expect(page.locator("#targets-note")).to_have_text("1 target matches")
    expect(page.locator("#list tbody tr")).to_contain_text("www.site-0042.example")
    page.locator("#q").fill("no such thing")
    expect(page.locator("#list")).to_have_text("No target matches.")
    page.locator("#q").fill("")
    page.locator("#category").fill("News")
    expect(page.locator("#targets-note")).to_have_text("43 targets match")


def test_the_newest_failures_come_first_and_the_rest_is_counted(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#broken tbody tr")).to_have_count(10)
    expect(page.locator("#broken tbody tr").first).to_contain_text("tls no secure connection")
    expect(page.locator("#broken")).to_contain_text("partial")
    expect(page.locator("#broken .more")).to_contain_text("and 9 more")
    now = datetime.now(UTC)
    collector.world["targets"].append(a_target(500, now, verdict="down", status=502, since=rfc3339(now)))
    expect(page.locator("#broken tbody tr").first).to_contain_text("www.site-0500.example")


def test_a_vantage_can_be_chosen_and_an_unknown_one_left_again(watched, collector):
    watched.expected = ["status of 400"]
    page = opened(watched, collector)
    page.locator("#vantage").select_option("us-east-1")
    expect(page.locator("#now-note")).to_have_text("1,321 targets, seen from us-east-1")
    expect(page).to_have_url(collector.url + "/?vantage=us-east-1")
    page.goto(collector.url + "/?vantage=mars")
    expect(page.locator("#notice")).to_contain_text("The collector answered 400: vantage: one of eu-west-1, us-east-1.")
    page.locator("#vantage").select_option("")
    expect(page.locator("body")).to_have_attribute("data-state", "live")


def test_agents_stand_under_their_vantage_with_their_state(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#agents-note")).to_have_text("3 connected, 2 not")
    expect(page.locator("#agents .group").first).to_contain_text("eu-west-1 active · 3 agents · 1,321 targets")
    expect(page.locator("#agents .state")).to_have_text(["connected", "connected", "draining", "connected", "lost"])
    collector.world["agents"].append(an_agent("c-1", "ap-south-1", "ap-south-1a", datetime.now(UTC)))
    expect(page.locator("#agents .group").first).to_contain_text("ap-south-1")


def test_rejected_rows_are_told_with_line_and_reason(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#rejected-note")).to_have_text("3 rows of the target file are left out; the other rows run.")
    page.locator("#rejected summary").click()
    expect(page.locator("#rejected tbody tr").nth(1)).to_contain_text("seen before, in line 12")
    collector.world["rejected"] = {"total": 40_000, "rows": collector.world["rejected"]["rows"]}
    expect(page.locator("#rejected-note")).to_contain_text("40,000 rows")
    expect(page.locator("#rejected-rows")).to_be_visible()  # An update does not fold it up again.


def test_a_token_is_asked_for_sent_and_kept_in_this_tab_only(watched, collector):
    watched.expected = ["status of 401"]
    collector.token = "open sesame"
    page = watched.open(collector.url)
    expect(page.locator("#ask")).to_be_visible()
    expect(page.locator("main")).to_be_hidden()
    page.get_by_label("Token").fill("a guess")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#ask-why")).to_have_text("That token was not accepted.")
    page.get_by_label("Token").fill("open sesame")
    page.keyboard.press("Enter")
    expect(tile(page, "up").locator(".big")).to_have_text("971")
    expect(page.locator("#ask")).to_be_hidden()
    assert "sesame" not in page.url
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []


def test_a_hidden_tab_asks_for_nothing(watched, collector):
    page = opened(watched, collector)
    page.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away })")
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#live-text")).to_have_text(re.compile("Paused"))
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5000)  # Two and a half times its pace: the absence of requests has no event to wait for.
    assert asked == []
    collector.world["summary"]["targets"]["down"] = 400
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(tile(page, "down").locator(".big")).to_have_text("400")


def test_the_keyboard_reaches_everything_and_headings_are_in_order(watched, collector):
    page = opened(watched, collector)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#targets")).to_be_focused()
    levels = page.evaluate("[...document.querySelectorAll('main h2, main h3, header h1')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    nameless = "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length).length"
    assert page.evaluate(nameless) == 0


def test_numbers_that_arrive_move_nothing_that_is_read(watched, collector):
    page = opened(watched, collector)
    places = "[...document.querySelectorAll('h2')].map(h => h.getBoundingClientRect().top)"
    before = page.evaluate(places)
    collector.world["summary"]["targets"] |= {"up": 1309, "down": 0}
    collector.world["summary"]["latency_ms"] |= {"p50": 1, "max": 29_999}
    expect(tile(page, "up").locator(".big")).to_have_text("1,309")
    assert page.evaluate(places) == before


def test_times_are_cut_to_what_can_be_read(watched, collector):
    collector.world["summary"]["latency_ms"] = {"p50": 0.412, "p90": 7.6, "p95": 999.7, "p99": 9_994.0, "max": 12_345.6}
    page = opened(watched, collector)
    expect(page.locator("#latency .count")).to_have_text(["< 1 ms", "8 ms", "1.00 s", "9.99 s", "12.3 s"])
