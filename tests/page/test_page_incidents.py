"""Incidents and maintenance on the page."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from steps import LOST, barriers, opened, sideways
from world import HOSTILE, a_member, a_target, an_incident, rfc3339

MINUTES_AGO = re.compile(r"\b[78] min ago")


def blind(now: datetime, **changes) -> dict:
    changes = {"cause": {"kind": "coverage", "value": ""}, "members": {"now": 1, "peak": 1}} | changes
    title = "the monitor sees too little: 41 % of the last round"
    return an_incident(12, [], now, kind="blind", title=title, **changes)


def test_open_incidents_say_in_plain_words_what_since_when_how_many_and_why(watched, collector):
    page = opened(watched, collector)
    lines = page.locator("#incidents .incident")
    expect(lines).to_have_count(3)
    first = lines.first
    expect(first.locator(".title")).to_have_text("18 targets at 203.0.113.7: not well (status 503)")
    expect(first).to_contain_text(MINUTES_AGO)
    expect(first.locator(".what")).to_contain_text("18 targets (19 at most): ")
    expect(first.locator(".what")).to_contain_text("and 15 more; all are at the address 203.0.113.7")
    expect(first.locator(".sign")).to_have_text("outage: ")
    expect(lines.nth(1).locator(".sign")).to_have_text("regional problem: ")
    expect(lines.nth(1).locator(".what")).to_have_text("1 target; came back 2 ×")
    expect(lines.nth(2).locator(".sign")).to_have_text("certificate: ")
    expect(page.locator("#nav")).to_contain_text("Incidents3")
    over = page.locator("#over .incident")
    expect(over).to_have_count(2)
    expect(over.first).to_contain_text("12 targets on old.example: not well (timeout)")
    expect(over.first).to_contain_text("12 targets at most")
    expect(over.first).to_contain_text("lasted 78 min")
    expect(over.first).to_contain_text(re.compile("4[23] min ago"))


def test_that_the_monitor_is_blind_is_no_outage_and_stands_above_every_view(watched, collector):
    now = datetime.now(UTC)
    collector.world["incidents"].insert(0, blind(now))
    page = opened(watched, collector)
    first = page.locator("#incidents .incident").first
    expect(first.locator(".sign")).to_have_text("the monitor itself: ")
    expect(first.locator(".what")).to_have_text("no target’s fault; too few of the last round’s probes have a result")
    colour = "e => getComputedStyle(e).fill"
    outage = page.locator("#incidents .incident").nth(1).locator(".glyph").evaluate(colour)
    assert first.locator(".glyph").evaluate(colour) != outage
    for view in ("", "targets", "fleet", "incidents"):
        page.goto(f"{collector.url}/#/{view}")
        expect(page.locator("#banners")).to_contain_text("The monitor itself is blind. The monitor sees too little")
    page.locator("#banners").get_by_text("See the incident.").click()
    expect(page.locator("#why")).to_contain_text("This says nothing against any target")
    expect(page.locator("#members")).to_have_text("No target: the monitor itself does.")
    assert barriers(page) == []


def test_one_incident_shows_who_has_it_the_evidence_and_what_to_check_first(watched, collector):
    page = opened(watched, collector)
    page.locator("#incidents .title").first.click()
    expect(page).to_have_url(re.compile(r"#/incident/5c3a9f01-9$"))
    expect(page.locator("h1:visible")).to_have_text("18 targets at 203.0.113.7: not well (status 503)")
    expect(page.locator("#nav [aria-current]")).to_contain_text("Incidents")
    expect(page.locator("#head .said")).to_have_text("outagetargets are not well")
    expect(page.locator("#head .times")).to_contain_text("open since")
    expect(page.locator("#why .plainly")).to_have_text("All are at the address 203.0.113.7.")
    expect(page.locator("#why")).to_contain_text("Check first:")
    expect(page.locator("#members-note")).to_have_text("18 targets now, 19 at most")
    rows = page.locator("#members tbody tr")
    expect(rows).to_have_count(19)
    expect(rows.first).to_contain_text(HOSTILE)
    expect(rows.first).to_contain_text("eu-west-1")
    expect(rows.first).to_contain_text("203.0.113.7")
    expect(rows.first.locator(".evidence")).to_contain_text("not what was expected")
    expect(rows.last).to_contain_text("under maintenance")
    rows.nth(1).locator("a.name").click()
    expect(page.locator("h1:visible")).to_have_text("www.site-0002.example")


def test_an_incident_can_be_sent_on_and_one_that_is_forgotten_says_so(watched, collector):
    page = opened(watched, collector, "incident/5c3a9f01-6")
    expect(page.locator("h1:visible")).to_have_text("12 targets on old.example: not well (timeout)")
    expect(page.locator("#head .times")).to_contain_text("it lasted 78 min")
    expect(page.locator("#members")).to_contain_text("well again")
    page.goto(collector.url + "/#/incident/%3Cimg%20src%3Dx%3E")
    expect(page.locator("#members")).to_contain_text("There is no such incident.")
    page.locator("#members").get_by_role("link").click()
    expect(page.locator("#over .incident")).to_have_count(2)


def test_of_incidents_that_began_in_one_minute_the_blind_monitor_is_shown_first_and_then_the_largest(
    watched, collector
):
    now = datetime.now(UTC).replace(second=10)
    targets = [a_target(i, now, verdict="down", status=503) for i in range(40)]
    collector.world["targets"] = targets
    large = an_incident(1, [a_member(t, now) for t in targets[20:]], now, title="the large one")
    collector.world["incidents"] = [
        an_incident(9 - i, [a_member(targets[i], now)], now + timedelta(seconds=i), title=f"number {i}")
        for i in range(8)
    ] + [large, blind(now)]
    page = opened(watched, collector)
    titles = page.locator("#incidents .incident .title")
    expect(titles).to_have_count(6)
    expect(titles.nth(0)).to_contain_text("the monitor sees too little")
    expect(titles.nth(1)).to_have_text("the large one")
    expect(titles.nth(2)).to_have_text("number 7")  # The newest of those that one target has.
    page.locator("#incidents").get_by_text("4 more open").click()
    expect(page.locator("#open .incident .title").nth(1)).to_have_text("the large one")


def test_many_members_and_many_incidents_are_counted_and_never_left_out_silently(watched, collector):
    now = datetime.now(UTC)
    targets = [a_target(i, now, verdict="down", status=503) for i in range(412)]
    collector.world["targets"] = targets
    collector.world["incidents"] = [an_incident(900, [a_member(t, now) for t in targets], now)] + [
        an_incident(100 - i, [a_member(targets[i], now)], now, title=f"number {i}") for i in range(70)
    ]
    page = opened(watched, collector)
    expect(page.locator("#incidents .incident")).to_have_count(6)
    page.locator("#incidents").get_by_text("65 more open").click()
    expect(page.locator("#open .incident")).to_have_count(50)
    expect(page.locator("#incidents-note")).to_have_text("71 open")
    page.locator("#open").get_by_text("21 more incidents").click()
    expect(page.locator("#open .incident")).to_have_count(71)
    page.locator("#open .title").first.click()
    expect(page.locator("#members tbody tr")).to_have_count(100)
    expect(page.locator("#members")).to_contain_text("The first 100.")
    page.locator("#members").get_by_text("Up to 1,000").click()
    expect(page.locator("#members tbody tr")).to_have_count(412)


def test_an_event_opens_grows_and_closes_an_incident_in_place(watched, collector):
    now = datetime.now(UTC)
    collector.world["incidents"] = []
    page = opened(watched, collector)
    expect(page.locator("#live-text")).to_have_text("Live")
    expect(page.locator("#incidents")).to_have_text("None: there is nothing that people should be told of.")
    expect(page.locator("#open-count")).to_have_text("")
    members = [a_member(t, now) for t in collector.world["targets"][2:5]]
    collector.world["incidents"] = [an_incident(13, members, now, opened=rfc3339(now))]
    collector.emit("incident", {"change": "opened"})
    expect(page.locator("#incidents .incident")).to_contain_text("3 targets")
    page.evaluate("window.kept = document.querySelector('#incidents .incident')")
    collector.world["incidents"][0]["members"] = {"now": 12, "peak": 12}
    collector.emit("incident", {"change": "grown"})
    expect(page.locator("#incidents .incident")).to_contain_text("12 targets")
    assert page.evaluate("kept.isConnected"), "it is updated in place"
    collector.world["incidents"][0] |= {"state": "closed", "closed": rfc3339(datetime.now(UTC))}
    collector.emit("incident", {"change": "closed"})
    expect(page.locator("#incidents .incident")).to_have_count(0)
    expect(page.locator("#over .incident")).to_have_count(1)


def test_a_target_says_which_incident_it_is_in_and_which_it_had(watched, collector):
    page = opened(watched, collector, "target/www.site-0002.example")
    expect(page.locator("#in-incident .incident")).to_have_count(1)
    expect(page.locator("#in-incident")).to_contain_text("18 targets at 203.0.113.7")
    page.locator("#in-incident a").click()
    expect(page.locator("h1:visible")).to_contain_text("18 targets at 203.0.113.7")
    page.goto(collector.url + "/#/target/www.site-0021.example")
    expect(page.locator("#had .incident")).to_have_count(2)
    expect(page.locator("#in-incident")).to_have_text("")
    page.goto(collector.url + "/#/target/www.site-0050.example")
    expect(page.locator("#had")).to_have_text("None is known.")


def test_maintenance_is_marked_in_strips_and_in_words_everywhere(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#headline .coverage")).to_contain_text("18 of them under maintenance, left out of uptime.")
    expect(page.locator("#outages li").filter(has_text="www.site-0002.example")).to_contain_text("maintenance until")
    page.goto(collector.url + "/#/targets?q=site-0002")
    row = page.locator("#list tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator(".quieted")).to_have_text(re.compile(r"^maintenance until \d\d:\d\d$"))
    expect(row.locator(".strip .s-quiet")).to_have_count(1)
    expect(row.locator(".strip")).to_have_attribute("aria-label", re.compile("3 × under maintenance"))
    expect(page.locator(".legend")).to_contain_text("under maintenance")
    page.goto(collector.url + "/#/target/www.site-0002.example")
    expect(page.locator("#head .quieted")).to_have_text(re.compile("maintenance until"))
    plot = page.get_by_role("slider", name="Probes from eu-west-1")
    expect(plot.locator(".s-quiet")).to_have_count(1)
    plot.focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("under maintenance, left out of uptime"))
    hours = page.get_by_role("slider", name="Hours")
    expect(hours.locator(".p-quiet")).to_have_count(1)
    hours.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#hours .account")).to_contain_text("6 under maintenance, left out of uptime")


def test_a_target_without_maintenance_has_no_mark(watched, collector):
    page = opened(watched, collector, "targets?q=site-0005")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#list .quieted, #list .s-quiet")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_words_in_incidents_are_text(watched, collector, scheme):
    page = opened(watched, collector, color_scheme=scheme)
    expect(page.locator("#incidents")).to_contain_text(HOSTILE)
    page.goto(collector.url + "/#/incident/5c3a9f01-9")
    expect(page.locator("#members tbody tr").first.locator(".evidence")).to_contain_text(HOSTILE)
    expect(page.locator("#head .tag").last).to_contain_text(HOSTILE)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0


def test_below_a_path_with_a_token_incidents_are_there_too(watched, collector):
    watched.expected = ["status of 401"]
    collector.prefix, collector.token = "/watch/over", "open sesame"
    page = watched.open(f"{collector.url}/#/incident/5c3a9f01-9")
    page.get_by_role("textbox", name="Token").fill("open sesame")
    page.keyboard.press("Enter")
    expect(page.locator("#members tbody tr")).to_have_count(19)
    page.get_by_role("link", name="Incidents").first.click()
    expect(page.locator("#open .incident")).to_have_count(3)


def test_a_collector_without_incidents_says_so_and_shows_the_rest(watched, collector):
    watched.expected = [*LOST, "status of 404"]
    collector.absent = {"/api/v1/incidents"}
    page = opened(watched, collector)
    expect(page.locator("#incidents")).to_have_text("This collector groups no outages; a newer one does.")
    expect(page.locator("#outages li")).to_have_count(8)
    page.goto(collector.url + "/#/incidents")
    expect(page.locator("#open")).to_contain_text("a newer one does")


def test_a_phone_shows_an_incident_without_scrolling_sideways(watched, collector):
    for member in collector.world["incidents"][0]["targets"]:
        member["cause"] = "x" * 2000
    collector.world["incidents"][0]["title"] = "t" * 400
    page = opened(watched, collector, viewport={"width": 360, "height": 780})
    for view in ("", "incidents", "incident/5c3a9f01-9"):
        page.goto(f"{collector.url}/#/{view}")
        expect(page.locator(".view .loading")).to_have_count(0)
        assert sideways(page) == 0, view


def test_what_ends_later_is_shown_by_the_readers_clock(watched, collector):
    now = datetime(2026, 3, 1, 21, 30, tzinfo=UTC)
    collector.world["targets"][5]["maintenance"] = rfc3339(now + timedelta(minutes=15))
    page = opened(watched, collector, "target/www.site-0005.example", timezone_id="Asia/Kolkata")
    expect(page.locator("#head .quieted")).to_have_text("maintenance until 03:15")


def test_on_a_phone_the_evidence_has_the_width_of_the_screen(watched, collector):
    page = opened(watched, collector, "incident/5c3a9f01-9", viewport={"width": 360, "height": 780})
    expect(page.locator("#members tbody tr")).to_have_count(19)
    assert page.locator("#members .evidence > div").first.bounding_box()["width"] > 180
