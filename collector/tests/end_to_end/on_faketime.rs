//! Wall clocks that step, before and while the programs run, by libfaketime. What counts is boot time, which goes on.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Cluster, INTERVAL};
use super::origin::Origin;

/// Names libfaketime.so.1; scripts/test finds or fetches it.
const LIBRARY: &str = "ZONEWATCH_FAKETIME";

/// What a program's wall clock shows beside the real one; it can be changed while the program runs.
struct Wall(PathBuf);

impl Wall {
    fn new(cluster: &Cluster, name: &str) -> Self {
        let wall = Self(cluster.folder().join(format!("{name}.wall")));
        wall.step("+0");
        wall
    }

    fn step(&self, offset: &str) {
        // In one step, or the program might read half of it.
        let draft = self.0.with_extension("draft");
        std::fs::write(&draft, format!("{offset}\n")).expect("writable");
        std::fs::rename(&draft, &self.0).expect("writable");
    }

    fn environment(&self) -> Vec<(String, String)> {
        let library = std::env::var(LIBRARY).unwrap_or_else(|_| panic!("{LIBRARY} names it"));
        [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", self.0.to_str().expect("ASCII")),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DONT_RESET", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

fn as_of(cluster: &Cluster) -> jiff::Timestamp {
    cluster.summary("")["as_of"].as_str().and_then(|text| text.parse().ok()).expect("an instant")
}

/// Waits until everything that is due now has a result, and nothing was missed.
#[track_caller]
fn all_arrives(cluster: &Cluster) {
    let due = count(&cluster.summary("")["slots"]["expected"]);
    cluster.eventually("everything that was due is there", INTERVAL * 4, |cluster| {
        count(&cluster.summary("")["slots"]["received"]) >= due
    });
    let whole = cluster.summary("");
    assert_eq!(whole["slots"]["missed"], json!({}), "{}", cluster.story());
    assert_eq!(whole["failures"], json!({}), "{}", cluster.story());
}

#[test]
fn a_wall_clock_that_steps_changes_no_count_whoever_has_it() {
    let origin = Origin::of(100);
    let mut cluster = Cluster::new(&origin);
    let (collector, agent) = (Wall::new(&cluster, "collector"), Wall::new(&cluster, "agent"));
    cluster.set_environment("collector", collector.environment());
    cluster.set_environment("agent-a", agent.environment());
    cluster.start_collector(&[]);
    // An agent whose clock is wrong from the start, and one whose is right.
    agent.step("-40d");
    for id in ["a", "b"] {
        cluster.start_agent(id);
    }
    cluster.eventually("every site was probed", Duration::from_secs(40), |cluster| {
        cluster.latest() == *origin.mix()
    });

    // While they run: on, and back.
    let before = as_of(&cluster);
    for (ours, theirs) in [("+2h", "+3d"), ("-2h", "-1h"), ("+0", "+10y")] {
        collector.step(ours);
        agent.step(theirs);
        cluster.eventually("the step is seen", Duration::from_secs(20), |cluster| {
            let (_, metrics) = cluster.answer("/metrics").expect("it answers");
            let ahead =
                metrics.lines().find_map(|l| l.strip_prefix("zonewatch_wall_clock_ahead_seconds "));
            let ahead: f64 = ahead.and_then(|text| text.parse().ok()).expect("a number");
            let expected = match ours {
                "+2h" => 7_200.0,
                "-2h" => -7_200.0,
                _ => 0.0,
            };
            (ahead - expected).abs() < 2.0
        });
        cluster.wait(INTERVAL / 2);
    }
    let log = cluster.log_of("collector");
    assert_eq!(log.matches("the wall clock is not where it was").count(), 2, "{log}");
    assert_eq!(log.matches("the wall clock is where it should be again").count(), 1, "{log}");
    let passed = as_of(&cluster).duration_since(before);
    assert!(passed < jiff::SignedDuration::from_mins(5), "it goes on by boot time: {passed:?}");
    all_arrives(&cluster);

    // A collector that is started again with its clock behind goes on from the log's time.
    let (before, held) = (as_of(&cluster), count(&cluster.summary("")["slots"]["received"]));
    cluster.kill_collector();
    collector.step("-2h");
    cluster.start_collector(&[]);
    assert!(as_of(&cluster) >= before - jiff::SignedDuration::from_secs(60));
    assert!(count(&cluster.summary("")["slots"]["received"]) >= held, "{}", cluster.story());
    all_arrives(&cluster);

    // With its clock ahead the time between is one in which it did not run, and said to be.
    let before = count(&cluster.get("/api/v1/summary?window=66m")["slots"]["received"]);
    cluster.kill_collector();
    collector.step("+1h");
    cluster.start_collector(&[]);
    let due = count(&cluster.get("/api/v1/summary?window=66m")["slots"]["expected"]);
    let whole = || cluster.get("/api/v1/summary?window=66m");
    let missed = |slots: &Value| {
        let missed = slots["missed"].as_object().expect("counts");
        missed.values().map(count).sum::<u64>()
    };
    cluster.eventually("every slot is settled", Duration::from_secs(150), |_| {
        let slots = &whole()["slots"];
        count(&slots["received"]) + missed(slots) >= due
    });
    let summary = whole();
    let slots = &summary["slots"];
    println!("{slots}");
    assert_eq!(
        count(&slots["expected"]),
        count(&slots["received"]) + missed(slots) + count(&slots["open"])
    );
    assert!(count(&slots["received"]) >= before, "{slots}");
    let hour = 3600 / INTERVAL.as_secs() * 100;
    assert!(missed(slots).abs_diff(hour) <= 1_000, "an hour is {hour} slots: {slots}");
    // No collector ran by its own clock, and agents do not run what was never due by theirs. A slot or two may be due in
    // the moment before the first agent is back.
    let of = |reason: &str| slots["missed"].get(reason).map_or(0, count);
    assert_eq!(
        of("collector_down") + of("clock_unsure") + of("no_agent"),
        missed(slots),
        "{slots}"
    );
    assert!(of("no_agent") <= 20, "{slots}");
    assert_eq!(summary["failures"], json!({}));
    cluster.nobody_has_ended();
}
