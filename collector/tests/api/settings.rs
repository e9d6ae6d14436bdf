//! `--agent-settings`: a change is in force on a running agent within moments, and a bad one changes nothing.

use std::fs;

use serde_json::json;

use crate::rig::Rig;

#[test]
fn a_change_of_the_settings_reaches_a_running_agent_and_a_bad_one_changes_nothing_but_what_is_shown()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("agents.toml");
    fs::write(&path, "per-host = 5\n").expect("writable");
    let shown = path.to_str().expect("UTF-8");
    let targets = "name,url,interval\na,http://{origin}/status/200,1s\n";
    let rig = Rig::start(targets, &["--local-agents", "1", "--agent-settings", shown]);
    let agent = |version: u64| {
        rig.until("/api/v1/agents", |agents| {
            agents["agents"][0]["settings"]["applied"] == version
                && agents["settings"]["version"] == version
                && agents["settings"]["problem"].is_null()
        })
    };
    rig.until("/latest-summary", |counts| *counts == json!({"200": 1}));
    let agents = agent(2);
    assert_eq!(agents["agents"][0]["behind"], false);
    assert_eq!(agents["agents"][0]["capacity"], 1000);

    // Loopback is where the target is.
    let refuse = "concurrency = 7\n[vantages.default]\ndeny-private = true\n";
    fs::write(&path, refuse).expect("writable");
    rig.until("/latest-summary", |counts| *counts == json!({"blocked": 1}));
    let agents = agent(3);
    assert_eq!(agents["agents"][0]["capacity"], 7, "what it carries follows");

    fs::write(&path, "deny-private = true\nconcurency = 5\n").expect("writable");
    let agents = rig.until("/api/v1/agents", |agents| agents["settings"]["problem"].is_string());
    let problem = agents["settings"]["problem"].as_str().unwrap_or_default().to_owned();
    assert!(problem.contains("agents.toml:2") && problem.contains("concurrency"), "{problem}");
    assert_eq!(agents["settings"]["version"], 3);
    let metrics = rig.get("/metrics").body;
    assert!(metrics.contains("zonewatch_agent_settings_bad 1"), "{metrics}");
    assert!(metrics.contains("zonewatch_agents_behind 0"), "{metrics}");

    fs::write(&path, "").expect("writable");
    rig.until("/latest-summary", |counts| *counts == json!({"200": 1}));
    assert_eq!(agent(4)["agents"][0]["capacity"], 1000, "as it was started");
}
