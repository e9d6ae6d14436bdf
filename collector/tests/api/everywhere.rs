//! Probing a target now, from every vantage, over real agents and a real server.

use agent::ProbeOptions;

use crate::client::send;
use crate::rig::Rig;
use crate::routes::FOUND;
use crate::shape::check;

const LIST: &str =
    "name,url,interval\nok,http://{origin}/status/200,10m\ngone,http://{origin}/status/404,10m\n";

#[test]
fn every_vantage_probes_at_once_and_no_count_changes() {
    let rig = Rig::start(LIST, &["--local-agents", "1", "--vantages", "eu,us,nowhere"]);
    rig.agent("us", None, ProbeOptions::default());
    let settled = |summary: &serde_json::Value| {
        summary["slots"]["received"].as_u64() >= Some(4) && summary["slots"]["open"] == 2
    };
    let before = rig.until("/api/v1/summary?window=20m", settled);
    let answer = send(rig.http, "POST", "/api/v1/targets/gone/probe", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked = answer.json();
    check(
        &asked["vantages"][0],
        &format!(
            r#"{{"vantage":"text","agent":"text","zone":"text","answer":"text","result":{{{FOUND}}}}}"#
        ),
    );
    let by_vantage: Vec<_> = asked["vantages"].as_array().expect("a list").iter().collect();
    let told: Vec<_> = by_vantage
        .iter()
        .map(|at| (&at["vantage"], &at["answer"], &at["result"]["status"]))
        .collect();
    let (result, gone) = (serde_json::json!("result"), serde_json::json!(404));
    for vantage in ["eu", "us"] {
        assert!(told.contains(&(&vantage.into(), &result, &gone)), "{asked:#}");
    }
    assert!(told.contains(&(&"nowhere".into(), &"no_agent".into(), &serde_json::Value::Null)));
    let after = rig.json("/api/v1/summary?window=20m");
    assert_eq!(before["status_codes"], after["status_codes"]);
}

#[test]
fn who_asks_for_nothing_that_is_there_is_told_so() {
    let rig = Rig::start(LIST, &[]);
    assert_eq!(send(rig.http, "POST", "/api/v1/targets/nobody/probe", &[]).status, 404);
    assert_eq!(send(rig.http, "POST", "/api/v1/targets/ok/probe?now=1", &[]).status, 400);
    assert_eq!(send(rig.http, "GET", "/api/v1/targets/ok/probe", &[]).status, 405);
    for _ in 0..10 {
        assert_eq!(send(rig.http, "POST", "/api/v1/targets/ok/probe", &[]).status, 200);
    }
    let refused = send(rig.http, "POST", "/api/v1/targets/ok/probe", &[]);
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").and_then(|s| s.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
}
