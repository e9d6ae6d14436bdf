//! How the fleet's decisions grow: plans, changes of the target file, reconnects, memory. By hand; results in docs/benchmarks.md.
//!
//! `cargo run --release -p collector --example fleet [plan] [change] [reconnect] [memory]`; without names, all of them.
//! Both cores run in this process, over a log that takes everything at once and links without delay: what is measured is the
//! deciding, encoding of records included, not a network.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use agent::{AdmitAll, AgentCore, CoreConfig as AgentConfig, Effect as AgentEffect};
use agent::{Event as AgentEvent, LocalMicros, StreamId};
use collector::core::{Core, CoreConfig, Effect, Event, SealPace};
use collector::fleet::SessionId;
use collector::plan::{Member, plan};
use collector::state::State;
use collector::target_file::Target;
use proto::{CollectorMessage, Kind, ProbeSpec, Record, SHARDS, SettingsApplied, Timestamp};

const START: i64 = 1_790_000_000_000;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let all: [(&str, fn()); 4] =
        [("plan", plans), ("change", changes), ("reconnect", reconnects), ("memory", memory)];
    for (name, run) in all {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            println!("── {name}");
            run();
        }
    }
}

fn members(count: usize) -> Vec<Member> {
    (0..count as u64)
        .map(|n| Member { id: n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, capacity: 1000 })
        .collect()
}

fn moved(before: &[Option<u64>], after: &[Option<u64>], weights: &[f64]) -> f64 {
    let all: f64 = weights.iter().sum();
    let moved = (0..SHARDS).filter(|shard| before[*shard] != after[*shard]);
    moved.map(|shard| weights[shard]).sum::<f64>() / all
}

/// Plan time and moved share at a million targets.
fn plans() {
    let mut weights = vec![0.0; SHARDS];
    for n in 0..1_000_000 {
        weights[proto::shard_of(&format!("target-{n}.example")).index()] += 1.0 / 600.0;
    }
    for agents in [3, 100, 1_000] {
        let fleet = members(agents);
        let by_id = |fleet: &[Member], previous: &[Option<u64>]| -> (Duration, Vec<Option<u64>>) {
            let mut times = Vec::new();
            let mut owners = Vec::new();
            for _ in 0..5 {
                let began = Instant::now();
                owners = plan(&weights, fleet, previous);
                times.push(began.elapsed());
            }
            times.sort();
            (times[2], owners.iter().map(|owner| owner.map(|at| fleet[at].id)).collect())
        };
        let (first, owners) = by_id(&fleet, &vec![None; SHARDS]);
        let (again, same) = by_id(&fleet, &owners);
        assert_eq!(owners, same, "planning again changes nothing");
        let more = members(agents + 1);
        let (join, joined) = by_id(&more, &owners);
        let (leave, left) = by_id(&fleet[1..], &owners);
        println!(
            "{agents:>5} agents: first {first:>9.1?}  again {again:>9.1?}  join {join:>9.1?} moves {:.4} of {:.4}  leave {leave:>9.1?} moves {:.4} of {:.4}",
            moved(&owners, &joined, &weights),
            1.0 / (agents + 1) as f64,
            moved(&owners, &left, &weights),
            1.0 / agents as f64,
        );
    }
}

fn targets(count: usize) -> Vec<Target> {
    (0..count).map(|n| target(n, 0)).collect()
}

fn target(n: usize, revision: usize) -> Target {
    Target {
        name: format!("target-{n}"),
        interval: Duration::from_secs(600),
        spec: ProbeSpec::get(format!("https://target-{n}.example/health?revision={revision}")),
        category: "benchmark".into(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    }
}

/// A collector's core and its agents', wired together.
struct Fleet {
    core: Core,
    agents: Vec<AgentCore<AdmitAll>>,
    now: Timestamp,
    began: Instant,
    sessions: u64,
    by_session: BTreeMap<u64, usize>,
    assigns: usize,
    assigned_targets: usize,
}

impl Fleet {
    fn new(agents: usize, list: Vec<Target>) -> Self {
        let now = Timestamp::from_millis(START);
        let mut state = State::default();
        let claim = Record { at: now, kind: Kind::Claim { epoch: 1, log: 7 } };
        state.apply(claim).expect("a claim has nothing to decode");
        let config = CoreConfig {
            lease: Duration::from_secs(20),
            vantages: None,
            keep_slots: Duration::from_secs(48 * 3600),
            keep: Duration::from_secs(90 * 24 * 3600),
            seal: SealPace::default(),
            local_agents: Vec::new(),
            watch: collector::incidents::WatchConfig::default(),
        };
        let core = Core::new(config, state, now);
        let agent = |n: usize| {
            let config = AgentConfig {
                agent_id: format!("agent-{n}"),
                boot: n as u64,
                vantage: "eu".into(),
                zone: format!("zone-{}", n % 3),
                capacity: 1000,
                outbox_bytes: 64 << 20,
                handed_max: 2000,
            };
            AgentCore::new(config, AdmitAll)
        };
        let mut fleet = Self {
            core,
            agents: (0..agents).map(agent).collect(),
            now,
            began: Instant::now(),
            sessions: 0,
            by_session: BTreeMap::new(),
            assigns: 0,
            assigned_targets: 0,
        };
        for n in 0..agents {
            fleet.connect(n);
        }
        fleet.tell(Event::Listed(list));
        fleet
    }

    fn local(&self) -> LocalMicros {
        LocalMicros(u64::try_from(self.began.elapsed().as_micros()).expect("a short run"))
    }

    fn connect(&mut self, n: usize) {
        self.sessions += 1;
        let (session, stream) = (SessionId(self.sessions), StreamId(self.sessions));
        self.by_session.insert(self.sessions, n);
        let at = self.local();
        let effects = self.agents[n].apply(at, AgentEvent::Connected(stream));
        let events = effects.into_iter().filter_map(|effect| to_core(session, effect)).collect();
        self.settle(events);
    }

    fn tell(&mut self, event: Event) {
        self.settle(VecDeque::from([event]));
    }

    /// Hands everything over until nobody has anything to say.
    fn settle(&mut self, mut events: VecDeque<Event>) {
        while let Some(event) = events.pop_front() {
            for effect in self.core.apply(self.now, event) {
                match effect {
                    Effect::Append(ticket, _) => events.push_back(Event::Durable(ticket)),
                    Effect::Send(session, message) => {
                        if let CollectorMessage::Assign(assign) = &message {
                            self.assigns += 1;
                            self.assigned_targets += assign
                                .grants
                                .iter()
                                .map(|grant| grant.targets.len())
                                .sum::<usize>();
                        }
                        let n = self.by_session[&session.0];
                        let (at, stream) = (self.local(), StreamId(session.0));
                        let mut told =
                            self.agents[n].apply(at, AgentEvent::Received(stream, message));
                        if let Some(AgentEffect::Tune(settings)) =
                            told.iter().find(|effect| matches!(effect, AgentEffect::Tune(_)))
                        {
                            let version = settings.version;
                            let applied =
                                SettingsApplied { version, capacity: 1000, problem: None };
                            told.extend(self.agents[n].apply(at, AgentEvent::Tuned(applied)));
                        }
                        events
                            .extend(told.into_iter().filter_map(|effect| to_core(session, effect)));
                    }
                    Effect::Chore(number, _) => events.push_back(Event::ChoresDone(number)),
                    Effect::End(..) | Effect::Answer(..) => {}
                }
            }
        }
    }

    fn in_force(&self) -> bool {
        let mut agents = self.core.fleet().agents().into_iter();
        agents.all(|(_, agent)| agent.dirty.is_empty() && agent.sent.is_none())
    }
}

fn to_core(session: SessionId, effect: AgentEffect<std::sync::Arc<ProbeSpec>>) -> Option<Event> {
    match effect {
        AgentEffect::Send(_, proto::AgentMessage::Hello(hello)) => {
            Some(Event::Hello(session, hello))
        }
        AgentEffect::Send(_, message) => Some(Event::Message(session, message)),
        _ => None,
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent).div_ceil(100).max(1) - 1]
}

/// From a changed list to the last agent that has it in force.
fn changes() {
    let (agents, count) = (200, 100_000);
    let mut list = targets(count);
    let mut fleet = Fleet::new(agents, list.clone());
    for (what, rows) in [("one row", 1), ("a hundredth of the rows", count / 100)] {
        let mut times = Vec::new();
        for round in 1..=50 {
            for row in 0..rows {
                let n = (round * 7919 + row * 104_729) % count;
                list[n] = target(n, round);
            }
            let (new, began) = (list.clone(), Instant::now());
            fleet.tell(Event::Listed(new));
            assert!(fleet.in_force(), "every agent has applied what it was sent");
            times.push(began.elapsed());
        }
        let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
        println!("{agents} agents, {count} targets, {what} changed: p50 {p50:.1?}, p99 {p99:.1?}");
    }
}

/// A thousand agents whose streams all broke come back with what they hold.
fn reconnects() {
    let (agents, count) = (1_000, 100_000);
    let mut fleet = Fleet::new(agents, targets(count));
    assert!(fleet.in_force());
    let first = (fleet.assigns, fleet.assigned_targets);
    for session in 1..=agents as u64 {
        fleet.core.apply(fleet.now, Event::Closed(SessionId(session)));
    }
    (fleet.assigns, fleet.assigned_targets) = (0, 0);
    let began = Instant::now();
    for n in 0..agents {
        fleet.connect(n);
    }
    let took = began.elapsed();
    println!(
        "{agents} agents, {count} targets: first {} assigns with {} targets; reconnect of all in {took:.1?}, {} assigns with {} targets",
        first.0, first.1, fleet.assigns, fleet.assigned_targets
    );
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = status.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * 4096
}

/// Bytes a target of the collector's core, and of the agents' together, before any result.
fn memory() {
    for count in [1_000, 100_000, 1_000_000] {
        let empty = resident();
        let list = targets(count);
        let mut fleet = Fleet::new(3, list);
        let both = resident() - empty;
        let agents = std::mem::take(&mut fleet.agents);
        drop(agents);
        let freed = resident();
        println!(
            "{count:>9} targets, 3 agents: both {} bytes a target (agents about {} of them)",
            both / count,
            (both + empty).saturating_sub(freed) / count
        );
    }
}
