"""Names, labels, URLs and causes come from strangers."""

from playwright.sync_api import expect

from steps import opened
from world import HOSTILE


def test_hostile_names_labels_and_causes_are_shown_as_text_and_do_nothing(watched, collector):
    page = opened(watched, collector)
    expect(page.locator("#outages a").first).to_have_text(HOSTILE)
    page.get_by_text("Which, and why").click()
    expect(page.locator(".rejected")).to_contain_text(HOSTILE)
    page.goto(collector.url + "/#/targets")
    row = page.locator("#list tbody tr").filter(has_text="onerror").first
    expect(row.locator("a.name")).to_have_text(HOSTILE)
    expect(row.locator(".url")).to_contain_text(HOSTILE)
    expect(row.locator(".tag").first).to_have_text(HOSTILE)
    row.locator(".tag").first.click()
    expect(page.locator("#category")).to_have_value(HOSTILE)
    expect(page.locator("#total")).to_have_text("1 target matches")
    page.goto(collector.url + "/#/fleet")
    expect(page.locator("#agents")).to_contain_text(HOSTILE)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    assert page.evaluate("document.querySelectorAll('[onerror], [onload], [onclick], a[href^=javascript]').length") == 0


def test_a_url_that_is_a_script_is_not_a_link(watched, collector):
    collector.world["targets"][1]["url"] = "javascript:window.pwned=1"
    page = opened(watched, collector, "target/www.site-0001.example")
    expect(page.locator(".target-head .url")).to_have_text("javascript:window.pwned=1")
    assert page.locator("a[href^='javascript' i]").count() == 0


def test_hostile_words_in_the_address_are_only_words(watched, collector):
    page = opened(watched, collector, "targets?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&category=%22%3E%3Cscript%3E")
    expect(page.locator("#q")).to_have_value("<img src=x onerror=alert(1)>")
    expect(page.locator("#list")).to_contain_text("No target matches.")
    page.goto(collector.url + "/#/target/%3Cimg%20src=x%20onerror=alert(1)%3E%")
    watched.expected = ["status of 404"]
    expect(page.locator("#now")).to_contain_text("No target is called")
    assert page.locator("img").count() == 0


def test_keys_that_objects_have_anyway_are_keys_like_any_other(watched, collector):
    collector.world["summary"]["failures"] = {"constructor": 3, "__proto__": 2, "toString": 1}
    collector.world["agents"][0]["state"] = "constructor"
    page = opened(watched, collector)
    expect(page.locator("#failures li b")).to_have_text(["constructor", "__proto__", "toString"])
