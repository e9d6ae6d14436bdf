"""The overview: what it says, and that what it says is what the API said."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from steps import opened, sideways, tile
from world import a_change, a_target, rfc3339

REASONS = [
    *("no_agent", "agent_lost", "agent_suspect", "agent_paused", "agent_fault", "overloaded"),
    *("buffer_full", "clock_unsure", "refused", "collector_down", "not_reported"),
]
FAILURES = ["dns", "connect", "tls", "timeout", "protocol", "redirect", "read", "blocked"]


def test_the_numbers_of_the_api_are_shown(watched, collector):
    page = opened(watched, collector)
    counts = {"up": "971", "degraded": "4", "partial": "2", "down": "338", "unknown": "5", "paused": "1"}
    for verdict, shown in counts.items():
        expect(tile(page, verdict).locator("b")).to_have_text(shown)
    expect(page.locator("#headline .said")).to_have_text("338 of 1,320 targets are down")
    expect(page.locator("#headline .more")).to_have_text(
        "2 fail from some places only, 4 are slow and 5 cannot be judged."
    )
    expect(page.locator("#headline .coverage")).to_have_text(
        "7,888 of 7,926 probes done; 27 missed: its agent was lost; 3 missed: its agents were full; 8 running; "
        "18 of them under maintenance, left out of uptime."
    )
    expect(page.locator("#headline dd")).to_have_text(["71.42 … 71.79 %", "99.62 %"])  # Cut, not rounded: 0.99621.
    expect(page.locator("#codes li").first).to_have_text(re.compile("200.*3,654"))
    expect(page.locator("#failures li").first).to_have_text(re.compile("timeout.*69"))
    expect(page.locator("#missed li")).to_have_text([re.compile("agent_lost.*27"), re.compile("overloaded.*3")])
    expect(page.locator("#latency-now b")).to_have_text(["84 ms", "412 ms", "3.12 s", "9.87 s"])
    expect(page.locator("#fleet tbody tr").first).to_contain_text("2 of 3 agents connected")
    expect(page).to_have_title("338 down · Overview · Zonewatch")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"up": 1321}, "All 1,321 targets are up"),
        ({"up": 1320, "partial": 1}, "No outage, but regional problems"),
        ({"up": 1320, "degraded": 1}, "Everything answers, some slowly"),
        ({"up": 1320, "down": 1}, "1 of 1,321 targets is down"),
        ({"paused": 1321}, "Every target is paused"),
        ({"unknown": 1321}, "Nothing fresh to judge by"),
    ],
)
def test_the_headline_says_in_one_sentence_how_things_are(watched, collector, targets, said):
    none = dict.fromkeys(("up", "degraded", "partial", "down", "unknown", "paused"), 0)
    collector.world["summary"]["targets"] = {"total": 1321} | none | targets
    expect(opened(watched, collector).locator("#headline .said")).to_have_text(said)


def test_rounds_can_be_read_one_by_one_with_the_keyboard_and_as_a_table(watched, collector):
    page = opened(watched, collector)
    plot = page.get_by_role("slider", name="Rounds of the past hour")
    plot.focus()
    page.keyboard.press("End")
    expect(page.locator("#rounds .account")).to_contain_text("417 planned; 200 2xx answers")
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#rounds .account")).to_contain_text("18 missed")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("18 missed"))
    page.keyboard.press("Escape")
    expect(page.locator("#rounds .account")).to_contain_text("Point at a column")
    page.get_by_text("As a table").click()
    expect(page.locator("#rounds-table tbody tr")).to_have_count(6)
    expect(page.locator("#rounds-table tbody tr").nth(2)).to_contain_text("1,303")


def test_an_hour_of_seconds_is_drawn_in_columns_that_hold_every_round(watched, collector):
    start = datetime.now(UTC)
    one = {"expected": 3, "received": 2, "missed": {"overloaded": 1}, "open": 0, "status_codes": {"200": 2}}
    one |= {"failures": {}, "latency_ms": dict.fromkeys(("p50", "p90", "p95", "p99", "max"))}
    collector.world["summary"]["rounds"] = [one | {"start": rfc3339(start - timedelta(seconds=i))} for i in range(3600)]
    page = opened(watched, collector)
    page.get_by_role("slider", name="Rounds of the past hour").focus()
    page.keyboard.press("Home")
    expect(page.locator("#rounds .account")).to_contain_text("180 planned; 120 2xx answers, 60 missed")
    assert sideways(page) == 0


def test_every_missed_reason_and_failure_kind_has_words(watched, collector):
    summary = collector.world["summary"]
    summary["slots"] = {"expected": 10, "received": 0, "missed": dict.fromkeys(REASONS[:8], 1), "open": 2}
    summary["failures"] = dict.fromkeys(FAILURES, 1)
    page = opened(watched, collector)
    expect(page.locator("#missed li small:not(.count)")).to_have_count(8)
    expect(page.locator("#failures li small:not(.count)")).to_have_count(8)
    summary["slots"]["missed"] = dict.fromkeys(REASONS[3:], 1)
    expect(page.locator("#missed")).to_contain_text("not_reported")
    expect(page.locator("#missed li small:not(.count)")).to_have_count(8)


def test_counts_beyond_the_shown_ones_are_added_up_not_left_out(watched, collector):
    collector.world["summary"]["status_codes"] = {str(200 + i): 100 - i for i in range(40)}
    page = opened(watched, collector)
    expect(page.locator("#codes li")).to_have_count(8)
    expect(page.locator("#codes li").last).to_have_text(re.compile("33 others.*2,541"))


def test_sums_that_do_not_add_up_are_said(watched, collector):
    collector.world["summary"]["slots"]["received"] -= 4
    page = opened(watched, collector)
    expect(page.locator("#headline .bad")).to_have_text("This does not add up: 4 too few. Please report it.")


def test_outages_regional_problems_and_changes_stand_apart_newest_first(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#outages li")).to_have_count(8)
    expect(page.locator("#outages li").first).to_contain_text("tls no secure connection could be made")
    expect(page.locator("#outages")).to_contain_text("All 18")
    expect(page.locator("#regional li")).to_have_count(1)
    expect(page.locator("#regional li")).to_contain_text("www.site-0007.example")
    expect(page.locator("#regional li")).to_contain_text("503 out of service, from eu-west-1")
    expect(page.locator("#changes li").first).to_contain_text("up → down")
    now = datetime.now(UTC)
    broken = a_target(500, now, verdict="down", status=502, since=rfc3339(now))
    collector.world["targets"].append(broken)
    collector.world["changes"].insert(0, a_change(-1, broken, now))
    expect(page.locator("#outages li").first).to_contain_text("www.site-0500.example")
    expect(page.locator("#changes li").first).to_contain_text("www.site-0500.example")
    page.locator("#outages").get_by_text("All 19").click()
    expect(page).to_have_url(re.compile(r"#/targets\?verdict=down&sort=-since$"))


def test_a_vantage_can_be_chosen_and_an_unknown_one_left_again(watched, collector):
    watched.expected = ["status of 400"]
    page = opened(watched, collector)
    page.locator("#vantage").select_option("us-east-1")
    expect(page).to_have_url(collector.url + "/#/?vantage=us-east-1")
    page.goto(collector.url + "/#/?vantage=mars")
    expect(page.locator("#banners")).to_contain_text("vantage: one of eu-west-1, us-east-1")
    page.locator("#vantage").select_option("")
    expect(page.locator("#banners")).not_to_contain_text("refused what was asked")


def test_before_the_first_results_it_says_what_it_waits_for(watched, fresh_collector):
    page = opened(watched, fresh_collector)
    expect(page.locator("#headline .said")).to_have_text("Waiting for the first results")
    expect(page.locator("#headline .more")).to_contain_text("1,321 targets loaded")
    expect(page.locator("#headline dd")).to_have_text(["–", "–"])
    expect(page.locator("#outages")).to_have_text("Nothing has been judged yet.")
    expect(page.locator("#codes")).to_have_text("No answers yet.")
    text = page.locator("body").inner_text()
    assert "NaN" not in text
    assert "undefined" not in text


def test_without_an_agent_it_waits_for_one_and_calls_nothing_running(watched, fresh_collector):
    fresh_collector.world |= {"agents": [], "vantages": []}
    page = opened(watched, fresh_collector)
    expect(page.locator("#headline .said")).to_have_text("Waiting for an agent")
    expect(page.locator("#headline .coverage")).to_contain_text("waiting for an agent")
    expect(page.locator("#missed")).to_have_text("None so far.")
    expect(page.locator("#rounds .account")).to_have_text("")


def test_numbers_that_arrive_move_nothing_that_is_read(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#changes li").first).to_be_visible()
    places = "[...document.querySelectorAll('h2')].map(h => h.getBoundingClientRect().top)"
    before = page.evaluate(places)
    collector.world["summary"]["targets"] |= {"up": 1306, "down": 3}
    collector.world["summary"]["latency_ms"] |= {"p50": 1, "max": 29_999}
    expect(tile(page, "up").locator("b")).to_have_text("1,306")
    assert page.evaluate(places) == before


def test_times_are_cut_to_what_can_be_read(watched, collector):
    collector.world["summary"]["latency_ms"] = {"p50": 0.412, "p90": 7.6, "p95": 9, "p99": 999.7, "max": 12_345.6}
    page = opened(watched, collector)
    expect(page.locator("#latency-now b")).to_have_text(["< 1 ms", "8 ms", "1.00 s", "12.3 s"])


def test_a_collector_without_changes_says_so_and_shows_the_rest(watched, collector):
    watched.expected = ["status of 404"]
    collector.absent = {"/api/v1/changes", "/api/v1/events"}
    page = opened(watched, collector)
    expect(page.locator("#changes")).to_have_text("This collector does not tell changes; a newer one does.")
    expect(page.locator("#live-text")).to_have_text("Live, by asking")
    expect(tile(page, "down").locator("b")).to_have_text("338")
