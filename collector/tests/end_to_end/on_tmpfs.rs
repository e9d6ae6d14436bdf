//! A disk that is full, with a real collector on it. Mounting one takes the rights of root.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, INTERVAL};
use super::origin::Origin;

/// The log of a few minutes is smaller, and filling it takes no time.
const SIZE: &str = "size=12m";

struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path) -> Self {
        std::fs::create_dir(folder).expect("it is new");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SIZE, "zonewatch-test"]).arg(folder);
        assert!(
            mount.status().expect("mount can be run").success(),
            "mounting takes root's rights"
        );
        Self(folder.to_owned())
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes what room there is, to the last byte.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            let piece = vec![7; size];
            let full = loop {
                if let Err(error) = filler.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("it is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever had it open is gone; a lazy unmount does not mind if not.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.0.display());
        }
    }
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_and_with_room_again_everything_arrives() {
    let origin = Origin::of(200);
    let mut cluster = Cluster::new(&origin);
    let disk = Disk::mount(&cluster.store());
    cluster.start_collector(&[]);
    for agent in ["a", "b"] {
        cluster.start_agent(agent);
    }
    cluster.eventually("every site was probed", Duration::from_secs(40), |cluster| {
        cluster.latest() == *origin.mix()
    });

    disk.fill();
    let ready = |cluster: &Cluster| cluster.answer("/readyz").map(|(status, _)| status);
    cluster.eventually("it says that it is not ready", Duration::from_secs(30), |cluster| {
        ready(cluster) == Some(503)
    });
    let (_, why) = cluster.answer("/readyz").expect("it answers");
    assert!(why.contains("the log cannot be written") && why.contains("No space left"), "{why}");
    let (_, metrics) = cluster.answer("/metrics").expect("it answers");
    assert!(metrics.contains("zonewatch_log_working 0"), "{metrics}");
    let (live, _) = cluster.answer("/livez").expect("it answers");
    assert_eq!(live, 200, "a restart would not help");
    // Probing goes on, and nothing that is not in the log is counted.
    let received = |cluster: &Cluster| cluster.summary("")["slots"]["received"].as_u64();
    let asked = |origin: &Origin| origin.asked().iter().sum::<u64>();
    let (before, asked_before) = (received(&cluster), asked(&origin));
    // Longer than a slot may wait for its result: what the agents hold is not missed for that.
    cluster.wait(INTERVAL * 3);
    assert_eq!(received(&cluster), before, "{}", cluster.story());
    assert!(asked(&origin) >= asked_before + 400, "{} then {asked_before}", asked(&origin));
    assert_eq!(ready(&cluster), Some(503));

    // The disk is as full for a collector that is started now: it says so, and changes nothing.
    cluster.kill_collector();
    cluster.launch_collector(&[]);
    let code = cluster.collector_ended();
    let log = cluster.log_of("collector");
    assert_eq!(code, Some(1), "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("No space left"), "{log}");

    disk.make_room();
    cluster.start_collector(&[]);
    assert!(received(&cluster) >= before, "what was counted is there");
    disk.fill();
    cluster.eventually("it is full again", Duration::from_secs(30), |c| ready(c) == Some(503));
    disk.make_room();
    cluster.eventually("it recovers by itself", Duration::from_secs(30), |c| ready(c) == Some(200));
    let (_, metrics) = cluster.answer("/metrics").expect("it answers");
    assert!(metrics.contains("zonewatch_log_working 1"), "{metrics}");
    let due = cluster.summary("")["slots"]["expected"].as_u64().expect("a count");
    cluster.eventually("everything arrived", INTERVAL * 4, |c| received(c) >= Some(due));
    let whole = cluster.summary("");
    assert_eq!(whole["slots"]["missed"], json!({}));
    assert_eq!(whole["failures"], json!({}));
    for agent in ["a", "b"] {
        cluster.stop_agent(agent);
    }
    for (site, asked) in origin.asked().into_iter().enumerate() {
        let slots = &cluster.summary(&format!("&category={}", origin.name(site)))["slots"];
        assert!(slots["received"].as_u64() <= Some(asked), "site {site}: {asked} for {slots}");
    }
}
