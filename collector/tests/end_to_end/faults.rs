//! A fleet under faults that come by seed: kill -9 and pauses of everybody, links that are slow, stalled, cut or broken.
//!
//! In CI a short run. A long one, by hand and with the release programs:
//!
//! ```text
//! ZONEWATCH_FAULTS=long cargo test --release -p collector --test end_to_end faults -- --nocapture
//! ```
//!
//! `ZONEWATCH_FAULTS_SEED` chooses another schedule.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use agent::local_get;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::origin::Origin;
use super::proxy::Ways;
use super::schedule::{self, Amounts, Fault, Limits};

/// How large a run is.
struct Run {
    sites: usize,
    agents: usize,
    interval: Duration,
    lease: Duration,
    /// From one fault to the next; every fourth comes together with the one before.
    every: Duration,
    amounts: Amounts,
    limits: Limits,
}

const SECOND: Duration = Duration::from_secs(1);

fn short() -> Run {
    Run {
        sites: 300,
        agents: 4,
        interval: SECOND * 15,
        lease: SECOND * 3,
        every: SECOND * 4,
        amounts: Amounts {
            agent_kills: 3,
            collector_kills: 2,
            pauses: 3,
            partitions: 3,
            hindrances: 2,
        },
        limits: Limits { agents: 4, agent: SECOND * 8, collector: SECOND * 3 },
    }
}

/// 30 minutes.
fn long() -> Run {
    Run {
        sites: 1000,
        agents: 6,
        interval: SECOND * 20,
        lease: SECOND * 4,
        every: SECOND * 32,
        amounts: Amounts {
            agent_kills: 30,
            collector_kills: 10,
            pauses: 10,
            partitions: 10,
            hindrances: 15,
        },
        limits: Limits { agents: 6, agent: SECOND * 20, collector: SECOND * 5 },
    }
}

/// What the API said, asked again and again beside the faults: what it once counted it counts for ever.
#[derive(Default)]
struct Watched {
    asked: u64,
    received: u64,
    /// The first thing that must never be seen.
    wrong: Option<String>,
}

struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Watched>,
}

impl Watcher {
    fn start(http: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let uri: http::Uri =
                format!("http://{http}/api/v1/summary?window=1h").parse().expect("a URL");
            let mut watched = Watched::default();
            while !stopped.load(Ordering::Relaxed) {
                // No answer is no news: the collector is killed and stands still at times.
                if let Ok((status, body)) = runtime.block_on(local_get::get(uri.clone()))
                    && status.is_success()
                {
                    watched.look(&serde_json::from_slice(&body).expect("JSON"));
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            watched
        });
        Self { stop, thread }
    }

    fn stop(self) -> Watched {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic")
    }
}

impl Watched {
    fn look(&mut self, summary: &Value) {
        self.asked += 1;
        let received = summary["slots"]["received"].as_u64().expect("a count");
        let mut wrong = None;
        if received < self.received {
            wrong = Some(format!("{received} were received, and before {}", self.received));
        }
        if summary["slots"]["missed"] != json!({}) {
            wrong = Some(format!("missed: {}", summary["slots"]));
        }
        if summary["failures"] != json!({}) {
            wrong = Some(format!("failures: {}", summary["failures"]));
        }
        self.received = self.received.max(received);
        if self.wrong.is_none() {
            self.wrong = wrong;
        }
    }
}

/// What is over at some time.
enum End {
    StartAgent(usize),
    StartCollector,
    Continue(usize),
    ContinueCollector,
    Straighten(usize),
}

/// Who is harmed now; whoever is cannot be harmed again before it is well.
struct Harm {
    ends: Vec<(Instant, End)>,
}

fn id(agent: usize) -> String {
    format!("agent-{agent}")
}

impl Harm {
    fn begin(&mut self, cluster: &mut Cluster, fault: Fault) {
        let now = Instant::now();
        let mut until = |time: Duration, end| self.ends.push((now + time, end));
        match fault {
            Fault::KillAgent(agent, time) => {
                cluster.kill_agent(&id(agent));
                until(time, End::StartAgent(agent));
            }
            Fault::KillCollector(time) => {
                cluster.kill_collector();
                until(time, End::StartCollector);
            }
            Fault::PauseAgent(agent, time) => {
                cluster.signal_agent(&id(agent), Signal::STOP);
                until(time, End::Continue(agent));
            }
            Fault::PauseCollector(time) => {
                cluster.signal_collector(Signal::STOP);
                until(time, End::ContinueCollector);
            }
            Fault::Bend(agent, ways, time) => {
                cluster.way(&id(agent)).set(ways);
                until(time, End::Straighten(agent));
            }
            Fault::Reset(agent) => cluster.way(&id(agent)).reset(),
        }
    }

    /// Whether a fault may begin: nobody is harmed twice at once, and one fault of an agent leaves enough others.
    fn allows(&self, fault: Fault) -> bool {
        self.ends.iter().all(|(_, end)| match (fault, end) {
            (
                Fault::KillCollector(_) | Fault::PauseCollector(_),
                End::StartCollector | End::ContinueCollector,
            ) => false,
            (
                Fault::KillAgent(agent, _) | Fault::PauseAgent(agent, _) | Fault::Bend(agent, ..),
                End::StartAgent(other) | End::Continue(other) | End::Straighten(other),
            ) => agent != *other,
            _ => true,
        })
    }

    fn end_what_is_over(&mut self, cluster: &mut Cluster) {
        let now = Instant::now();
        while let Some(over) = self.ends.iter().position(|(at, _)| *at <= now) {
            match self.ends.swap_remove(over).1 {
                End::StartAgent(agent) => cluster.start_agent(&id(agent)),
                End::StartCollector => cluster.launch_collector(&[]),
                End::Continue(agent) => cluster.signal_agent(&id(agent), Signal::CONT),
                End::ContinueCollector => cluster.signal_collector(Signal::CONT),
                End::Straighten(agent) => cluster.way(&id(agent)).set(Ways::OPEN),
            }
        }
    }
}

#[test]
fn under_kills_pauses_and_bad_links_nothing_is_lost_counted_twice_missed_or_blamed_on_a_target() {
    let run = match std::env::var("ZONEWATCH_FAULTS").as_deref() {
        Ok("long") => long(),
        Ok(other) => panic!("ZONEWATCH_FAULTS={other}: expected long, or nothing"),
        Err(_) => short(),
    };
    let seed = std::env::var("ZONEWATCH_FAULTS_SEED");
    let seed = seed.map_or(1, |seed| seed.parse().expect("a number"));
    println!("ZONEWATCH_FAULTS_SEED={seed}");
    let origin = Origin::of(run.sites);
    let mut cluster = Cluster::with(&origin, run.interval, run.lease);
    let began = wall();
    cluster.start_collector(&[]);
    for agent in 0..run.agents {
        cluster.give_way(&id(agent));
        cluster.start_agent(&id(agent));
    }
    cluster.eventually("every site was probed", SECOND * 40, |c| c.latest() == *origin.mix());
    let watcher = Watcher::start(cluster.http());
    let faults = schedule::faults(seed, run.amounts, run.limits);
    assert_eq!(faults.len(), run.amounts.total());
    suffer(&mut cluster, &run, faults);

    cluster.eventually("everybody is back", SECOND * 40, |cluster| {
        let held = cluster.ask("/api/v1/agents").is_some().then(|| cluster.targets_held());
        held.is_some_and(|held| {
            held.len() == run.agents && held.values().sum::<u64>() == run.sites as u64
        })
    });
    // What is open now has its result, or is judged, by then.
    let healed = cluster.summary("")["slots"]["expected"].as_u64().expect("a count");
    cluster.eventually("every slot of before is there", run.interval * 4, |cluster| {
        cluster.summary("")["slots"]["received"].as_u64().expect("a count") >= healed
    });
    let watched = watcher.stop();
    assert_eq!(watched.wrong, None, "{}", cluster.story());
    assert!(watched.asked > 20, "it was asked {} times", watched.asked);
    let stopping = wall();
    for agent in 0..run.agents {
        cluster.stop_agent(&id(agent));
    }
    recount(&cluster, &origin, &run, (began, stopping));
}

/// Lets every fault come and go.
fn suffer(cluster: &mut Cluster, run: &Run, faults: Vec<Fault>) {
    let mut harm = Harm { ends: Vec::new() };
    let mut next = Instant::now();
    let began = next;
    for (n, fault) in faults.into_iter().enumerate() {
        while Instant::now() < next || !harm.allows(fault) {
            cluster.wait(Duration::from_millis(50));
            harm.end_what_is_over(cluster);
            cluster.nobody_has_ended();
        }
        println!("{:7.1} s: {fault:?}", began.elapsed().as_secs_f64());
        harm.begin(cluster, fault);
        if n % 4 != 0 {
            next = Instant::now() + run.every;
        }
    }
    while !harm.ends.is_empty() {
        cluster.wait(Duration::from_millis(50));
        harm.end_what_is_over(cluster);
        cluster.nobody_has_ended();
    }
}

fn wall() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().expect("after 1970")
}

/// Counts by hand: every slot of every site, from its history, against what the sites were asked.
fn recount(cluster: &Cluster, origin: &Origin, run: &Run, (began, stopping): (Duration, Duration)) {
    let summary = cluster.summary("");
    let mut received = 0;
    let mut again = 0;
    let mut by_agent: BTreeMap<String, u64> = BTreeMap::new();
    for (site, asked) in origin.asked().into_iter().enumerate() {
        let name = origin.name(site);
        let history = cluster.get(&format!("/api/v1/targets/{name}/history?limit=5000"));
        let slots = history["slots"].as_array().expect("a list");
        let as_of = instant(&history["as_of"]);
        let mut later: Option<Duration> = None;
        let mut found = 0;
        for slot in slots {
            let planned = instant(&slot["planned"]);
            if slot["state"] == "open" && planned + SECOND * 2 > stopping {
                continue; // The last agent took no new slot when it was to stop.
            }
            assert_eq!(slot["state"], "received", "{name}: {slot}");
            assert_eq!(slot["status"], origin.status(site), "{name}: {slot}");
            found += 1;
            match later {
                // The agents have stopped by now: the very newest slots may have come due since.
                None => assert!(as_of - planned < run.interval * 2, "{name}: the newest is {slot}"),
                Some(later) => assert_eq!(later - planned, run.interval, "{name}: before {slot}"),
            }
            later = Some(planned);
            *by_agent.entry(slot["agent"].to_string()).or_default() += 1;
        }
        // The slot that ran when the list was loaded is its first.
        let first = later.expect("there are some");
        assert!(first < began + run.interval, "{name}: the oldest is planned at {first:?}");
        assert!(found <= asked, "{name}: {asked} times asked for {found} slots");
        received += found;
        again += asked - found;
    }
    println!(
        "{received} results of {} sites over {:.0} s; the sites were asked {again} times more; by agent {by_agent:?}; {}",
        run.sites,
        (wall() - began).as_secs_f64(),
        summary["slots"]
    );
    assert!(summary["slots"]["received"].as_u64() <= Some(received), "{}", summary["slots"]);
}

fn instant(value: &Value) -> Duration {
    let instant: jiff::Timestamp =
        value.as_str().and_then(|text| text.parse().ok()).expect("a time");
    Duration::from_millis(instant.as_millisecond().try_into().expect("after 1970"))
}
