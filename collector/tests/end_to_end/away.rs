//! The collector is away for a while: agents go on, keep what they found within bounds, and nothing is lost.
//!
//! In CI for less than a minute; by hand for as long as the variable says, and as large:
//!
//! ```text
//! ZONEWATCH_AWAY=5m cargo test --release -p collector --test end_to_end away -- --nocapture
//! ```

use std::time::Duration;

use serde_json::json;

use super::cluster::Cluster;
use super::origin::Origin;

/// In CI.
const AWAY: Duration = Duration::from_secs(25);
const AGENTS: [&str; 3] = ["a", "b", "c"];

/// Resident memory of every agent, in KiB.
fn resident(cluster: &Cluster) -> Vec<u64> {
    AGENTS.iter().map(|id| resident_of(cluster.agent_pid(id))).collect()
}

fn resident_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is always there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn a_collector_that_was_away_gets_everything_and_its_agents_stay_small() {
    let away = std::env::var("ZONEWATCH_AWAY");
    let away = away.map_or(AWAY, |text| humantime::parse_duration(&text).expect("a duration"));
    let origin = Origin::of(1000);
    let (interval, lease) = (Duration::from_secs(20), Duration::from_secs(4));
    let mut cluster = Cluster::with(&origin, interval, lease);
    cluster.start_collector(&[]);
    for agent in AGENTS {
        cluster.start_agent(agent);
    }
    cluster.eventually("every site was probed", Duration::from_secs(40), |cluster| {
        cluster.latest() == *origin.mix()
    });
    let asked = || origin.asked().iter().sum::<u64>();
    let (small, before) = (resident(&cluster), asked());
    cluster.kill_collector();
    cluster.wait(away);
    let large = resident(&cluster);
    let meanwhile = asked() - before;
    let due = origin.sites() as u64 * away.as_secs() / interval.as_secs();
    assert!(meanwhile >= due * 9 / 10, "they went on: {meanwhile} of {due}");
    cluster.nobody_has_ended();
    cluster.start_collector(&[]);
    let due = cluster.summary("")["slots"]["expected"].as_u64().expect("a count");
    cluster.eventually("everything arrived", interval * 4, |cluster| {
        cluster.summary("")["slots"]["received"].as_u64() >= Some(due)
    });
    let after = resident(&cluster);
    println!(
        "away for {away:?}: {meanwhile} results meanwhile; resident KiB of each agent {small:?} before, {large:?} at its end, {after:?} afterwards; {}",
        cluster.summary("")["slots"]
    );
    let whole = cluster.summary("");
    assert_eq!(whole["slots"]["missed"], json!({}), "{}", cluster.story());
    assert_eq!(whole["failures"], json!({}), "{}", cluster.story());
    for (before, after) in small.iter().zip(&large) {
        // 64 MiB is the outbox's bound; a result takes some 20 bytes.
        assert!(*after < before + 16 * 1024, "{before} KiB, then {after}");
    }
}
