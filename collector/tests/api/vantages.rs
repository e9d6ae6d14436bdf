//! Agents of three vantages over gRPC: one sees what another cannot, and every route tells them apart.

use agent::ProbeOptions;
use serde_json::{Value, json};

use crate::rig::Rig;

/// `eu` finds every name on this machine; `us` finds none and refuses loopback addresses; nothing asks for `mars`.
const TARGETS: &str = "\
name,url,interval,vantages,paused
half,http://web.test:{port}/status/200,30s,,
blocked-there,http://{origin}/status/200,30s,,
eu-only,http://web.test:{port}/status/404,30s,eu,
us-only,http://web.test:{port}/status/200,30s,us,
us-resting,http://web.test:{port}/status/200,30s,us,true
far,http://web.test:{port}/status/200,30s,mars,
";

fn start() -> Rig {
    let rig = Rig::start(TARGETS, &["--vantages", "eu,us"]);
    rig.agent("eu", Some([127, 0, 0, 1]), ProbeOptions::default());
    rig.agent("us", None, ProbeOptions { deny_private: true, ..ProbeOptions::default() });
    rig.agent("mars", Some([127, 0, 0, 1]), ProbeOptions::default());
    for vantage in ["eu", "us"] {
        rig.until(&format!("/latest-summary?vantage={vantage}"), |counts| {
            counts["unknown"].is_null() && !counts.as_object().expect("a map").is_empty()
        });
    }
    rig.until("/api/v1/agents", |agents| agents["agents"].as_array().map(Vec::len) == Some(3));
    rig
}

fn named(rig: &Rig, query: &str) -> Vec<(String, String)> {
    let page = rig.json(&format!("/api/v1/targets?{query}"));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let targets = page["targets"].as_array().expect("a list");
    targets.iter().map(|target| (text(&target["name"]), text(&target["verdict"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, verdict)| ((*name).into(), (*verdict).into())).collect()
}

#[test]
fn every_route_tells_the_vantages_apart_and_counts_each_target_once() {
    let rig = start();
    assert_eq!(rig.json("/latest-summary"), json!({"200": 2, "404": 1, "dns": 1, "unknown": 1}));
    assert_eq!(rig.json("/latest-summary?vantage=eu"), json!({"200": 2, "404": 1}));
    assert_eq!(rig.json("/latest-summary?vantage=us"), json!({"blocked": 1, "dns": 2}));

    let all = [
        ("blocked-there", "up"),
        ("eu-only", "down"),
        ("far", "unknown"),
        ("half", "partial"),
        ("us-only", "down"),
        ("us-resting", "paused"),
    ];
    assert_eq!(named(&rig, ""), pairs(&all));
    let of_eu = [("blocked-there", "up"), ("eu-only", "down"), ("half", "up")];
    assert_eq!(named(&rig, "vantage=eu"), pairs(&of_eu));
    let of_us = [
        ("blocked-there", "unknown"),
        ("half", "down"),
        ("us-only", "down"),
        ("us-resting", "paused"),
    ];
    assert_eq!(named(&rig, "vantage=us"), pairs(&of_us));
    assert_eq!(named(&rig, "vantage=us&verdict=down"), pairs(&of_us[1..3]));

    let names = |route: &str| {
        let sites = rig.json(route);
        sites.as_object().expect("by name").keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names("/websites-status?vantage=eu"), ["blocked-there", "eu-only", "half"]);
    let of_us = names("/websites-status?vantage=us");
    assert_eq!(of_us, ["blocked-there", "half", "us-only", "us-resting"]);
    assert_eq!(rig.json("/websites-status")["far"]["Error"], "pending");
    assert_eq!(rig.json("/websites-status?vantage=us")["blocked-there"]["Error"], "blocked");

    let verdicts =
        |query: &str| rig.json(&format!("/api/v1/summary?window=1m{query}"))["targets"].clone();
    let expected = json!({"total": 6, "up": 1, "degraded": 0, "partial": 1, "down": 2, "unknown": 1, "paused": 1});
    assert_eq!(verdicts(""), expected);
    let expected = json!({"total": 3, "up": 2, "degraded": 0, "partial": 0, "down": 1, "unknown": 0, "paused": 0});
    assert_eq!(verdicts("&vantage=eu"), expected);
    let expected = json!({"total": 4, "up": 0, "degraded": 0, "partial": 0, "down": 2, "unknown": 1, "paused": 1});
    assert_eq!(verdicts("&vantage=us"), expected);
    let of_zone = rig.json("/api/v1/summary?zone=us-a");
    assert_eq!(of_zone["status_codes"], json!({}));
    assert!(of_zone["failures"]["dns"].as_u64() >= Some(2), "{of_zone:#}");

    let half = rig.json("/api/v1/targets/half");
    assert_eq!(half["verdict"], "partial");
    let from = |vantage: &str| {
        let all = half["vantages"].as_array().expect("a list");
        all.iter().find(|at| at["vantage"] == vantage).expect(vantage).clone()
    };
    assert_eq!(half["vantages"].as_array().map(Vec::len), Some(2));
    let (eu, us) = (from("eu"), from("us"));
    assert_eq!((&eu["verdict"], &eu["newest"]["status"]), (&json!("up"), &json!(200)));
    assert_eq!(
        (&eu["newest"]["agent"], &eu["newest"]["zone"]),
        (&json!("agent-eu"), &json!("eu-a"))
    );
    assert_eq!((&us["verdict"], &us["newest"]["error"]), (&json!("down"), &json!("dns")));
    assert_eq!((&us["last_success"], &us["newest"]), (&Value::Null, &us["newest_failure"]));

    let vantages = rig.json("/api/v1/vantages");
    let vantages: Vec<_> = vantages["vantages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| {
            (v["name"].as_str(), v["state"].as_str(), v["agents"].as_u64(), v["targets"].as_u64())
        })
        .collect();
    for (name, state, targets) in [("eu", "active", 3), ("us", "active", 3), ("mars", "idle", 0)] {
        let expected = (Some(name), Some(state), Some(1), Some(targets));
        assert!(vantages.contains(&expected), "{expected:?} in {vantages:?}");
    }
}
