"""The page of one target."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from steps import opened
from world import HOSTILE, a_detail, rfc3339

TIMED_OUT = "www.site-0004.example"
WELL = "www.site-0001.example"
REGIONAL = "www.site-0007.example"


def test_a_row_leads_to_its_target_and_the_address_can_be_sent_on(watched, collector):
    page = opened(watched, collector, "targets")
    page.get_by_role("link", name=TIMED_OUT, exact=True).click()
    expect(page).to_have_url(f"{collector.url}/#/target/{TIMED_OUT}")
    expect(page.locator("h1:visible")).to_have_text(TIMED_OUT)
    page.reload()
    expect(page.locator("h1:visible")).to_have_text(TIMED_OUT)
    expect(page).to_have_title(f"{TIMED_OUT} · Zonewatch")


def test_a_failure_is_said_in_plain_words_with_what_to_check_first(watched, collector):
    page = opened(watched, collector, f"target/{TIMED_OUT}")
    expect(page.locator(".plainly")).to_have_text("From everywhere it did not answer in time.")
    expect(page.locator("#wrong .cause")).to_have_text("10 s passed")
    expect(page.locator("#wrong")).to_contain_text("Check first: the load of the server")
    page.goto(f"{collector.url}/#/target/{WELL}")
    expect(page.locator("#wrong")).to_be_empty()
    page.goto(f"{collector.url}/#/target/{REGIONAL}")
    expect(page.locator(".plainly")).to_have_text("From eu-west-1 it answered 503, which is not expected.")


def test_each_vantage_has_its_phases_address_and_certificate(watched, collector):
    now = datetime.now(UTC)
    name = WELL
    detail = a_detail(next(t for t in collector.world["targets"] if t["name"] == name), now)
    detail["vantages"][1]["newest"]["certificate_expires"] = rfc3339(now - timedelta(days=3, hours=1))
    collector.world["details"][name] = detail
    page = opened(watched, collector, f"target/{name}")
    cards = page.locator(".vantage")
    expect(cards).to_have_count(2)
    expect(cards.first).to_contain_text("200 as expected")
    expect(cards.first).to_contain_text("203.0.113.7:443")
    expect(cards.first).to_contain_text("HTTP/2, TLS 1.3")
    expect(cards.first).to_contain_text("by CN=R11, O=Let's Encrypt")
    expect(cards.first).to_contain_text(re.compile("8[23] d left"))
    expect(cards.last).to_contain_text(re.compile("expired [34] d ago"))
    expect(cards.first.get_by_role("img", name=re.compile("Phases: resolve 1 ms, connect 8 ms"))).to_be_visible()
    expect(cards.first.get_by_role("img", name=re.compile("^Past hour"))).to_be_visible()


def test_the_newest_failure_stands_against_the_last_success(watched, collector):
    page = opened(watched, collector, f"target/{REGIONAL}")
    page.get_by_text("Newest failure against last success").click()
    table = page.locator(".compare")
    expect(table).to_contain_text("503")
    expect(table).to_contain_text("200 as expected")
    page.get_by_text("What the server said").click()
    expect(page.locator(".body")).to_have_text("<html>" + HOSTILE)
    assert page.evaluate("window.pwned") is None
    expect(page.locator(".vantage").first).to_contain_text("connect took 9.00 s instead of 8 ms")


def test_probe_now_says_what_every_vantage_found(watched, collector):
    page = opened(watched, collector, f"target/{WELL}")
    page.get_by_role("button", name="Probe now from everywhere").click()
    expect(page.locator("#probed li").first).to_contain_text("200 as expected (42 ms)")
    expect(page.locator("#probed li").last).to_contain_text("no agent is connected there")
    expect(page.locator("#probe-now")).to_be_enabled()


def test_a_collector_that_cannot_probe_on_demand_says_so(watched, collector):
    watched.expected = ["status of 404"]
    collector.absent = {"/probe"[1:]}
    page = opened(watched, collector, f"target/{WELL}")
    page.get_by_role("button", name="Probe now from everywhere").click()
    expect(page.locator("#probed")).to_contain_text("This collector cannot probe on demand")


def test_a_target_that_left_says_what_to_do(watched, collector):
    watched.expected = ["status of 404"]
    page = opened(watched, collector, "target/gone")
    expect(page.locator("#now")).to_contain_text("No target is called “gone”.")
    page.get_by_role("link", name="Search for it").click()
    expect(page.locator("#q")).to_have_value("gone")


def test_a_hostile_target_is_text_all_over_its_page(watched, collector):
    page = opened(watched, collector, "targets")
    page.locator("#list tbody tr").filter(has_text="onerror").first.locator("a.name").click()
    expect(page.locator("h1:visible")).to_have_text(HOSTILE)
    expect(page.locator(".plainly")).to_contain_text("no secure connection")
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    page.reload()
    expect(page.locator("h1:visible")).to_have_text(HOSTILE)


def test_a_paused_target_says_what_that_means(watched, collector):
    page = opened(watched, collector, "target/www.site-0013.example")
    expect(page.locator("#now")).to_contain_text("This target is paused.")


def test_the_hours_are_read_one_by_one_with_the_bounds_of_their_uptime(watched, collector):
    page = opened(watched, collector, f"target/{WELL}")
    page.get_by_role("slider", name="Hours").focus()
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    account = page.locator("#hours .account")
    expect(account).to_contain_text("uptime 66.66 % … 100.00 %; 8 of 12 probes done; 4 missed: its agent was lost")
    page.get_by_text("Hours as a table").click()
    expect(page.locator("#hours-table tbody tr")).to_have_count(24)


def test_every_probe_of_a_vantage_has_a_readable_account(watched, collector):
    page = opened(watched, collector, f"target/{WELL}")
    strip = page.get_by_role("slider", name="Probes from eu-west-1")
    account = page.locator(".slots").first.locator(".account")
    strip.focus()
    page.keyboard.press("End")
    expect(account).to_have_text(re.compile(": running$"))
    page.keyboard.press("ArrowLeft")
    expect(account).to_have_text(re.compile(r": 200 as expected, \d+ ms, by a-1 \(eu-west-1a\)$"))
    for _ in range(17):
        page.keyboard.press("ArrowLeft")
    expect(account).to_have_text(re.compile(": missed: its agent was lost$"))
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    expect(account).to_contain_text("timeout: it did not answer in time, 10.0 s")
    page.get_by_text("Probes as a table").click()
    expect(page.locator("#slots-table tbody tr").nth(40)).to_contain_text("missed: its agent was lost")


def test_a_longer_history_is_asked_for_and_can_be_sent_on(watched, collector):
    page = opened(watched, collector, f"target/{WELL}")
    expect(page.get_by_role("slider", name="Latency from each vantage")).to_be_visible()
    with page.expect_request(re.compile(r"history\?from=\d{4}-")):
        page.get_by_role("link", name="30 days").click()
    expect(page).to_have_url(re.compile(r"\?range=month$"))
    expect(page.locator(".ranges [aria-current]")).to_have_text("30 days")


def test_a_collector_without_history_says_so(watched, collector):
    watched.expected = ["status of 404"]
    collector.absent = {"history"}
    page = opened(watched, collector, f"target/{WELL}")
    expect(page.locator("#no-history")).to_have_text("This collector keeps no history; a newer one does.")
    expect(page.locator(".vantage")).to_have_count(2)
