//! An agent that reaches nothing: its failures are its own, and every route says so.

use agent::ProbeOptions;
use serde_json::json;

use crate::events::Listener;
use crate::rig::Rig;

/// Six hosts: five are enough to tell a dead resolver from dead sites.
const TARGETS: &str = "\
name,url,interval,timeout
a,http://a.test:{port}/status/200,5s,1s
b,http://b.test:{port}/status/200,5s,1s
c,http://c.test:{port}/status/200,5s,1s
d,http://d.test:{port}/status/200,5s,1s
e,http://e.test:{port}/status/200,5s,1s
f,http://f.test:{port}/status/200,5s,1s
";

#[test]
fn on_a_machine_without_a_network_no_site_is_down_but_the_agent_is_suspect() {
    let rig = Rig::start(TARGETS, &[]);
    let mut listener = Listener::open(&rig, None);
    rig.agent("eu", None, ProbeOptions::default());
    let agents = rig.until("/api/v1/agents", |agents| agents["agents"][0]["suspect"].is_object());
    assert_eq!(agents["agents"][0]["suspect"]["with"], "vantage");
    let told = listener.until(|told| told.kind == "suspicion").pop().expect("it was heard");
    let expected = json!({
        "change": "begins", "circle": "vantage", "vantage": "eu", "zone": null, "agents": ["agent-eu"],
        "since": agents["agents"][0]["suspect"]["since"], "at": told.data["at"],
    });
    assert_eq!(told.data, expected);
    rig.until("/latest-summary", |counts| *counts == json!({"unknown": 6}));
    let summary = rig.json("/api/v1/summary?window=1m");
    assert_eq!(summary["targets"]["unknown"], 6, "{summary:#}");
    assert_eq!(summary["failures"], json!({}), "{summary:#}");
    let site = rig.json("/api/v1/targets/a");
    assert_eq!(
        (&site["verdict"], &site["vantages"][0]["newest_failure"]),
        (&json!("unknown"), &json!(null))
    );
    let metrics = rig.get("/metrics").body;
    assert!(metrics.contains("zonewatch_agents_suspect 1"), "{metrics}");

    // Another agent of the vantage has a network: it gets all of the targets.
    rig.agent_in("eu", "eu-b", Some([127, 0, 0, 1]), ProbeOptions::default());
    rig.until("/latest-summary", |counts| *counts == json!({"200": 6}));
    let agents = rig.json("/api/v1/agents");
    let held = |zone: &str| {
        let all = agents["agents"].as_array().expect("a list");
        all.iter().find(|agent| agent["zone"] == zone).map(|agent| agent["targets"].clone())
    };
    assert_eq!((held("eu-a"), held("eu-b")), (Some(json!(0)), Some(json!(6))));
}
