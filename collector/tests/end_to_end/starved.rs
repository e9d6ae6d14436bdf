//! Agents that run out of descriptors: their own fault, and never a target's.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use super::cluster::{Cluster, INTERVAL};
use super::origin::Origin;

/// How many descriptors this agent may open; those that are open stay.
fn allow(cluster: &Cluster, id: &str, descriptors: Option<u64>) {
    let pid = i32::try_from(cluster.agent_pid(id)).ok().and_then(Pid::from_raw);
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit { current: descriptors.or(maximum), maximum };
    prlimit(pid, Resource::Nofile, limit).expect("it is our child");
}

#[test]
fn what_an_agent_without_descriptors_cannot_probe_another_does_and_no_target_is_blamed() {
    let origin = Origin::of(200);
    let mut cluster = Cluster::new(&origin);
    cluster.start_collector(&["--timeout", "3s"]);
    for agent in ["a", "b"] {
        cluster.start_agent(agent);
    }
    cluster.eventually("both have their share", Duration::from_secs(40), |cluster| {
        cluster.latest() == *origin.mix() && cluster.targets_held().values().all(|held| *held > 0)
    });
    allow(&cluster, "a", Some(3));
    cluster.wait(INTERVAL * 2);
    let starved = cluster.summary("");
    assert_eq!(starved["failures"], json!({}), "{}", cluster.story());
    assert_eq!(cluster.latest(), *origin.mix(), "nothing looks different");
    cluster.nobody_has_ended();
    allow(&cluster, "a", None);

    // Whoever has no descriptors for any target has them for none: now nobody is left.
    cluster.stop_agent("b");
    allow(&cluster, "a", Some(3));
    cluster.wait(INTERVAL * 2);
    allow(&cluster, "a", None);
    let due = cluster.summary("")["slots"]["expected"].as_u64().expect("a count");
    cluster.eventually("what was due is settled", INTERVAL * 6, |cluster| {
        let slots = &cluster.summary("")["slots"];
        let count = |value: &serde_json::Value| value.as_u64().unwrap_or(0);
        let missed = slots["missed"].as_object().expect("counts").values().map(count).sum::<u64>();
        count(&slots["received"]) + missed >= due
    });
    cluster.nobody_has_ended();
    let whole = cluster.summary("");
    let missed = whole["slots"]["missed"].as_object().expect("counts");
    println!("{}", whole["slots"]);
    assert!(missed.keys().all(|reason| reason == "agent_fault"), "{missed:?}\n{}", cluster.story());
    assert!(missed["agent_fault"].as_u64() >= Some(100), "it had no descriptors: {missed:?}");
    assert_eq!(whole["failures"], json!({}), "{}", cluster.story());
    cluster.eventually("it probes again", INTERVAL * 3, |c| c.latest() == *origin.mix());
}
