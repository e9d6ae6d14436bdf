//! The list of targets: filters, orders, and pages that together are the whole.

use serde_json::Value;

use crate::rig::shared;

fn names(query: &str) -> Vec<String> {
    let page = shared().json(&format!("/api/v1/targets?{query}"));
    let targets = page["targets"].as_array().expect("a list");
    assert_eq!(page["total"].as_u64(), Some(targets.len() as u64), "{query}");
    targets.iter().map(|target| target["name"].as_str().expect("a text").to_owned()).collect()
}

const ALL: [&str; 13] = [
    "created",
    "forbidden",
    "gone",
    "moved",
    "names/with spaces, & ünï✓ %41?#",
    "never",
    "odd-body",
    "ok",
    "paused",
    "refused",
    "secret",
    "slow",
    "teapot",
];

#[test]
fn targets_come_by_name_unless_another_order_is_asked_for() {
    assert_eq!(names(""), ALL);
    assert_eq!(names("sort=name"), ALL);
    let slowest = names("sort=-latency");
    // Only what answered has a latency.
    assert_eq!(slowest[0], "slow", "{slowest:?}");
    let without: std::collections::BTreeSet<&str> =
        slowest[9..].iter().map(String::as_str).collect();
    assert_eq!(without, ["forbidden", "never", "paused", "refused"].into());
    let page = shared().json("/api/v1/targets?sort=-since");
    let since: Vec<Option<&str>> =
        page["targets"].as_array().expect("a list").iter().map(|t| t["since"].as_str()).collect();
    assert!(since.is_sorted_by(|a, b| a >= b), "newest first, those without any last: {since:?}");
    assert!(since.iter().flatten().count() >= 11, "{since:?}");
}

#[test]
fn filters_narrow_the_list_and_all_of_them_hold() {
    assert_eq!(names("category=Bad"), ["forbidden", "gone", "never", "odd-body", "refused"]);
    assert_eq!(names("verdict=down"), ["gone", "never", "odd-body", "refused"]);
    assert_eq!(names("verdict=down&category=Good"), [""; 0]);
    assert_eq!(names("verdict=unknown"), ["forbidden"]);
    assert_eq!(names("verdict=degraded"), ["slow"]);
    assert_eq!(names("label.team=a"), ["created", "ok"]);
    assert_eq!(names("label.team=a&label.env=live"), ["ok"]);
    assert_eq!(names("label.team="), [""; 0]);
    assert_eq!(names("label.nothing=a"), [""; 0]);
    assert_eq!(names("category=bad"), [""; 0]);
}

#[test]
fn words_are_looked_for_in_names_and_urls_in_any_case() {
    assert_eq!(names("q=TEA"), ["teapot"]);
    assert_eq!(names("q=status+o"), ["gone", "odd-body", "ok", "teapot"]);
    assert_eq!(names("q=%C3%9CN%C3%8F"), ["names/with spaces, & ünï✓ %41?#"]);
    assert_eq!(names("q=169.254"), ["forbidden"]);
    assert_eq!(names("q=+++"), ALL);
    assert_eq!(names("q=ok+gone"), [""; 0]);
}

#[test]
fn all_pages_together_are_the_list_with_nothing_twice_and_nothing_left_out() {
    for (limit, order) in
        [(1, "name"), (2, "name"), (5, "name"), (13, "name"), (1000, "name"), (4, "-latency")]
    {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        for _page in 0..20 {
            let from =
                cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let page = shared().json(&format!("/api/v1/targets?limit={limit}&sort={order}{from}"));
            assert_eq!(page["total"], 13);
            let targets = page["targets"].as_array().expect("a list");
            assert!(!targets.is_empty() && targets.len() <= limit, "{page:#}");
            found.extend(targets.iter().map(|t| t["name"].as_str().expect("a text").to_owned()));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                assert_eq!(page["next_cursor"], Value::Null);
                break;
            }
        }
        if order == "name" {
            assert_eq!(found, ALL, "pages of {limit}");
        } else {
            // Latencies change from page to page: only how many there are is sure.
            assert_eq!(found.len(), 13);
        }
    }
}

#[test]
fn a_cursor_past_the_end_is_an_empty_last_page() {
    let page = shared().json("/api/v1/targets?cursor=n7a7a7a7a");
    let expected = serde_json::json!({"targets": [], "total": 13, "next_cursor": null});
    assert_eq!(page, expected);
}
