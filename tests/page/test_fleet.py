"""The fleet, and the banners that it gives every view."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from steps import opened
from world import an_agent, rfc3339


def test_agents_stand_under_their_vantage_and_zone_with_their_state(watched, collector):
    page = opened(watched, collector, "fleet")
    expect(page.locator("#fleet-note")).to_have_text("3 of 5 agents connected")
    expect(page.locator("#agents .state")).to_have_text(["connected", "connected", "draining", "connected", "lost"])
    expect(page.locator(".place").first).to_contain_text("1,321 targets from here, 3 agents")
    expect(page.locator(".place").first.locator(".zones li")).to_have_count(3)
    first = page.locator("#agents tbody tr:not(.group)").first
    for shown in ("0.1.0", "440", "1,365 shards", "7 / 512", "3 ms", "18.0 KiB", "−2 ms"):
        expect(first).to_contain_text(shown)
    collector.world["agents"].append(an_agent("c-1", "ap-south-1", "ap-south-1a", datetime.now(UTC)))
    expect(page.locator("#agents .group").first).to_contain_text("ap-south-1")


def test_what_is_not_well_with_an_agent_is_said_in_words(watched, collector):
    now = datetime.now(UTC)
    collector.world["agents"][0] |= {
        "waiting": 40,
        "lateness_ms": 2300,
        "watermark": rfc3339(now - timedelta(minutes=5)),
    }
    collector.world["agents"][1] |= {"refused": [{"name": "shop", "reason": "tls_ca: no such file"}]}
    collector.world["agents"][2] |= {"clock_offset_ms": -61_000.5}
    page = opened(watched, collector, "fleet")
    expect(page.locator("#agents")).to_contain_text("has a wall clock that is 61.0 s behind")
    expect(page.locator("#agents .worry").first).to_have_text("40 probes wait for room")
    expect(page.locator("#agents .worry").nth(1)).to_have_text("starts probes 2.30 s late")
    expect(page.locator("#refused")).to_contain_text("shop: tls_ca: no such file")


def test_missing_agents_and_rejected_rows_are_told_above_every_view(watched, collector):
    collector.world["rejected"]["problem"] = "no such file"
    page = opened(watched, collector, "targets")
    banners = page.locator("#banners")
    expect(banners).to_contain_text("1 agent missing in us-east-1.")
    expect(banners).to_contain_text("3 rows of the target file are left out; the other rows run.")
    expect(banners).to_contain_text("The target file cannot be read; the targets from before go on. no such file")
    page.get_by_text("Which, and why").click()
    expect(page.locator(".rejected li").nth(1)).to_contain_text("seen before, in line 12")
    collector.world["agents"][3]["state"] = "silent"
    expect(banners).to_contain_text("Nobody probes from us-east-1.")
    expect(page.locator(".rejected li").first).to_be_visible()  # An update does not fold it up again.


def test_agents_that_are_set_aside_or_behind_and_vantages_that_lack_agents_are_told(watched, collector):
    settings = {"desired": 3, "applied": 2, "behind_ms": 42_000}
    collector.world["agents"][0] |= {
        "suspect": {"since": rfc3339(datetime.now(UTC)), "with": "zone"},
        "settings": settings,
    }
    collector.world["vantages"][0]["capacity"] = {"at_once": 1000, "needed": 2400.5, "more_agents": 2}
    page = opened(watched, collector, "fleet")
    banners = page.locator("#banners")
    expect(banners).to_contain_text("1 agent under suspicion in eu-west-1.")
    expect(banners).to_contain_text("The list needs more agents. eu-west-1: about 2 more agents")
    expect(banners).to_contain_text("some 2,401 probes at once are needed, there is room for 1,000")
    expect(page.locator("#agents .state").first).to_have_text("suspect")
    expect(page.locator("#agents .worry").first).to_contain_text("is set aside: its zone alone sees failures")
    expect(page.locator("#agents .worry").first).to_contain_text("is set aside: its zone alone sees failures")
    expect(page.locator("#agents .worry").nth(1)).to_have_text("has not taken settings 3 for 42.0 s")


def test_a_fleet_of_none_says_how_to_start_one(watched, fresh_collector):
    fresh_collector.world |= {"agents": [], "vantages": []}
    page = opened(watched, fresh_collector, "fleet")
    expect(page.locator("#banners")).to_contain_text("No agent is connected, so nothing is probed.")
    expect(page.locator("#agents")).to_contain_text("zonewatch-agent run --collector")


def test_a_collector_that_is_unwell_says_why(watched, collector):
    watched.expected = ["status of 503"]
    collector.unwell = "the log cannot be written: no space left on device"
    page = opened(watched, collector)
    expect(page.locator("#banners")).to_contain_text("The collector is unwell. the log cannot be written: no space")
