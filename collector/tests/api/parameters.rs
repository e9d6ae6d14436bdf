//! Query parameters: what is not known or not possible is a 400 that says what is.

use crate::rig::shared;
use crate::routes::problem;

#[track_caller]
fn refused(target: &str, expected: &str) {
    assert_eq!(problem(&shared().get(target), 400), expected, "{target}");
}

#[test]
fn an_unknown_parameter_is_told_which_there_are() {
    let vantage = "allowed here: vantage";
    let of_targets = "allowed here: verdict, category, vantage, label.NAME, q, sort, limit, cursor";
    for (route, allowed) in [
        ("/latest-summary", vantage),
        ("/past-hour-summary", vantage),
        ("/websites-status", vantage),
        ("/api/v1/summary", "allowed here: window, vantage, zone, category"),
        ("/api/v1/targets", of_targets),
        ("/api/v1/targets/ok", "this route takes none"),
        ("/api/v1/agents", "this route takes none"),
        ("/api/v1/vantages", "this route takes none"),
        ("/api/v1/rejected-rows", "this route takes none"),
    ] {
        refused(&format!("{route}?sise=3"), &format!("unknown query parameter `sise`; {allowed}"));
    }
}

#[test]
fn a_window_is_a_duration_of_at_most_what_is_kept() {
    for bad in ["", "0s", "soon", "-1h", "91d", "99999999999999999999s", "1h%20and"] {
        let shown = bad.replace("%20", " ");
        refused(
            &format!("/api/v1/summary?window={bad}"),
            &format!("`window={shown}`: expected a duration like 30s, 10m or 1h, at most 2160h"),
        );
    }
    for good in ["1ms", "30s", "10m", "1h", "48h", "90days"] {
        let summary = shared().json(&format!("/api/v1/summary?window={good}"));
        assert!(summary["slots"]["expected"].is_u64(), "{good}: {summary:#}");
    }
}

#[test]
fn a_vantage_is_one_of_those_there_are() {
    for route in [
        "/latest-summary",
        "/past-hour-summary",
        "/websites-status",
        "/api/v1/summary",
        "/api/v1/targets",
    ] {
        refused(
            &format!("{route}?vantage=atlantis"),
            "`vantage=atlantis`: expected one of default",
        );
        assert!(!shared().json(&format!("{route}?vantage=default")).is_null());
    }
}

#[test]
fn verdicts_orders_limits_and_cursors_are_checked() {
    refused(
        "/api/v1/targets?verdict=broken",
        "`verdict=broken`: expected one of up, degraded, partial, down, unknown, paused",
    );
    refused("/api/v1/targets?sort=size", "`sort=size`: expected one of name, -since, -latency");
    for limit in ["0", "1001", "-1", "ten", "1.5", ""] {
        refused(
            &format!("/api/v1/targets?limit={limit}"),
            &format!("`limit={limit}`: expected a number from 1 to 1000"),
        );
    }
    for cursor in ["x", "-1", "99999999999999999999999"] {
        refused(
            &format!("/api/v1/targets?cursor={cursor}"),
            &format!("`cursor={cursor}`: expected the next_cursor of the page before"),
        );
    }
}

#[test]
fn a_parameter_that_is_given_twice_is_refused_and_not_half_heard() {
    refused(
        "/api/v1/targets?verdict=up&verdict=down",
        "query parameter `verdict` is there twice; expected each once",
    );
    refused(
        "/latest-summary?vantage=default&vantage=default",
        "query parameter `vantage` is there twice; expected each once",
    );
}

#[test]
fn a_path_or_query_that_is_not_utf_8_is_a_problem_too() {
    let detail = problem(&shared().get("/api/v1/targets/%FF%FE"), 400);
    assert_eq!(detail, "the name in the path is not UTF-8, percent-encoded");
    assert!(
        problem(&shared().get("/api/v1/targets?%FF=1"), 400).contains("unknown query parameter")
    );
}
