//! Passwords in URLs: sent to the target, shown to nobody.

use crate::rig::{logged, shared};

/// Those in the target file of the shared collector, and the one that its server redirects to.
pub(crate) const PASSWORDS: [&str; 4] =
    ["hunter2-in-the-url", "hunter2-in-a-redirect", "hunter2-in-a-bad-row", "hunter2-of-a-twin"];

#[track_caller]
fn shows_none(place: &str, text: &str) {
    for password in PASSWORDS {
        assert!(!text.contains(password), "{password} in {place}: {text:.2000}");
    }
}

#[test]
fn a_password_in_a_url_is_on_no_route_and_in_no_log_line() {
    let rig = shared();
    for route in [
        "/latest-summary",
        "/past-hour-summary",
        "/websites-status",
        "/api/v1/summary",
        "/api/v1/targets",
        "/api/v1/targets?q=secret",
        "/api/v1/targets/secret",
        "/api/v1/targets/moved",
        "/api/v1/agents",
        "/api/v1/vantages",
        "/api/v1/rejected-rows",
        "/metrics",
    ] {
        let answer = rig.get(route);
        assert_eq!(answer.status, 200, "{route}");
        shows_none(route, &answer.body);
    }
    let log = logged();
    assert!(log.contains("targets loaded") && log.contains("DEBUG"), "{log:.2000}");
    shows_none("the log", &log);
}

#[test]
fn a_url_is_shown_with_its_credentials_masked_and_was_probed_with_them() {
    let secret = shared().json("/api/v1/targets/secret");
    let url = secret["url"].as_str().expect("a URL");
    assert!(url.starts_with("http://***@127.0.0.1:") && url.ends_with("/status/200"), "{url}");
    assert_eq!(secret["vantages"][0]["newest"]["status"], 200);
    let moved = shared().json("/api/v1/targets/moved");
    assert_eq!(moved["vantages"][0]["newest"]["status"], 204, "{moved:#}");
}

#[test]
fn nobody_can_search_for_a_password() {
    for words in ["hunter2", "admin", "secret+hunter2"] {
        let found = shared().json(&format!("/api/v1/targets?q={words}"));
        assert_eq!(found["total"], 0, "{words}: {found:#}");
    }
    assert_eq!(shared().json("/api/v1/targets?q=secret")["total"], 1);
}
