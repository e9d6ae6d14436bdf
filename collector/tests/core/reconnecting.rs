//! Agents that come back with what they hold: told by hashes, so that only what changed meanwhile is sent again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use agent::{AdmitAll, AgentCore, CoreConfig as AgentConfig, Effect as AgentEffect};
use agent::{Event as AgentEvent, LocalMicros, StreamId};
use collector::core::{Core, Effect, Event};
use collector::fleet::SessionId;
use collector::state::State;
use collector::target_file::Target;
use proto::{AgentMessage, CollectorMessage, Kind, ProbeSpec, Record, SettingsApplied};

use crate::rig::{at, config, targets};

/// The real cores of a collector and its agents, over links without delay and a log that takes everything at once.
struct Fleet {
    core: Core,
    agents: Vec<AgentCore<AdmitAll>>,
    now_ms: i64,
    sessions: u64,
    by_session: BTreeMap<u64, usize>,
    /// Targets that were sent with grants.
    granted: usize,
}

impl Fleet {
    fn new(agents: usize, list: Vec<Target>) -> Self {
        let mut state = State::default();
        let claim = Record { at: at(0), kind: Kind::Claim { epoch: 1, log: 7 } };
        state.apply(claim).expect("a claim has nothing to decode");
        let agent = |n: usize| {
            let config = AgentConfig {
                agent_id: format!("agent-{n}"),
                boot: n as u64,
                vantage: "eu".into(),
                zone: format!("zone-{}", n % 3),
                capacity: 100,
                outbox_bytes: 1 << 20,
                handed_max: 200,
            };
            AgentCore::new(config, AdmitAll)
        };
        let mut fleet = Self {
            core: Core::new(config(None), state, at(0)),
            agents: (0..agents).map(agent).collect(),
            now_ms: 0,
            sessions: 0,
            by_session: BTreeMap::new(),
            granted: 0,
        };
        fleet.tell(Event::Listed(list));
        (0..agents).for_each(|n| fleet.connect(n));
        fleet
    }

    fn local(&self) -> LocalMicros {
        LocalMicros(u64::try_from(self.now_ms).expect("time goes on") * 1000)
    }

    fn connect(&mut self, n: usize) {
        self.sessions += 1;
        self.by_session.insert(self.sessions, n);
        let (session, now) = (SessionId(self.sessions), self.local());
        let told = self.agents[n].apply(now, AgentEvent::Connected(StreamId(self.sessions)));
        self.settle(told.into_iter().filter_map(|effect| to_core(session, effect)).collect());
    }

    /// Every stream breaks.
    fn break_all(&mut self) {
        for (session, n) in std::mem::take(&mut self.by_session) {
            let now = self.local();
            self.agents[n].apply(now, AgentEvent::Disconnected(StreamId(session)));
            self.tell(Event::Closed(SessionId(session)));
        }
    }

    fn run(&mut self, seconds: i64) {
        for _ in 0..seconds * 5 {
            self.now_ms += 200;
            self.tell(Event::Tick);
            let sessions: Vec<(u64, usize)> =
                self.by_session.iter().map(|(session, n)| (*session, *n)).collect();
            for (session, n) in sessions {
                let now = self.local();
                let told = self.agents[n].apply(now, AgentEvent::Tick);
                let session = SessionId(session);
                self.settle(told.into_iter().filter_map(|e| to_core(session, e)).collect());
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.settle(VecDeque::from([event]));
    }

    fn settle(&mut self, mut events: VecDeque<Event>) {
        while let Some(event) = events.pop_front() {
            for effect in self.core.apply(at(self.now_ms), event) {
                match effect {
                    Effect::Append(ticket, _) => events.push_back(Event::Durable(ticket)),
                    Effect::Chore(number, _) => events.push_back(Event::ChoresDone(number)),
                    Effect::Send(session, message) => events.extend(self.hear(session, message)),
                    Effect::End(..) | Effect::Answer(..) => {}
                }
            }
        }
    }

    fn hear(&mut self, session: SessionId, message: CollectorMessage) -> Vec<Event> {
        let Some(n) = self.by_session.get(&session.0).copied() else { return Vec::new() };
        if let CollectorMessage::Assign(assign) = &message {
            self.granted += assign.grants.iter().map(|grant| grant.targets.len()).sum::<usize>();
        }
        let (now, stream) = (self.local(), StreamId(session.0));
        let mut told = self.agents[n].apply(now, AgentEvent::Received(stream, message));
        let tunes = told.iter().find_map(|effect| match effect {
            AgentEffect::Tune(settings) => Some(settings.version),
            _ => None,
        });
        if let Some(version) = tunes {
            let applied = SettingsApplied { version, capacity: 100, problem: None };
            told.extend(self.agents[n].apply(now, AgentEvent::Tuned(applied)));
        }
        told.into_iter().filter_map(|effect| to_core(session, effect)).collect()
    }

    fn held(&self) -> u64 {
        self.core.fleet().agents().iter().map(|(_, agent)| agent.targets()).sum()
    }
}

fn to_core(session: SessionId, effect: AgentEffect<Arc<ProbeSpec>>) -> Option<Event> {
    match effect {
        AgentEffect::Send(_, AgentMessage::Hello(hello)) => Some(Event::Hello(session, hello)),
        AgentEffect::Send(_, message) => Some(Event::Message(session, message)),
        _ => None,
    }
}

#[test]
fn agents_that_all_come_back_with_what_they_hold_are_sent_none_of_it_again() {
    let mut fleet = Fleet::new(30, targets(3_000, 600));
    fleet.run(5);
    assert_eq!(fleet.held(), 3_000);
    assert!(fleet.granted >= 3_000, "{}", fleet.granted);
    fleet.granted = 0;
    let moves = fleet.core.counters().moves;
    for _ in 0..3 {
        fleet.break_all();
        fleet.run(2);
        (0..30).for_each(|n| fleet.connect(n));
        fleet.run(5);
    }
    assert_eq!((fleet.held(), fleet.granted), (3_000, 0));
    assert_eq!(fleet.core.counters().moves, moves, "and nothing moves");
}

#[test]
fn of_what_changed_while_they_were_away_they_are_sent_the_shards_that_changed() {
    let mut list = targets(3_000, 600);
    let mut fleet = Fleet::new(10, list.clone());
    fleet.run(5);
    fleet.break_all();
    fleet.granted = 0;
    list[7].spec = ProbeSpec { timeout: Duration::from_secs(2), ..list[7].spec.clone() };
    let shard = proto::shard_of(&list[7].name);
    let members = list.iter().filter(|target| proto::shard_of(&target.name) == shard).count();
    fleet.tell(Event::Listed(list));
    fleet.run(1);
    (0..10).for_each(|n| fleet.connect(n));
    fleet.run(3);
    assert_eq!((fleet.held(), fleet.granted), (3_000, members));
}

#[test]
fn what_an_agent_would_have_run_that_does_not_come_back_to_the_next_leader_is_missed_as_agent_lost()
{
    let list = crate::rig::targets(60, 10);
    let mut rig = crate::rig::Rig::with_vantages(list.clone(), Some(&["eu"]));
    rig.hello(1, "a1", 1, "eu");
    rig.hello(2, "a2", 2, "eu");
    let began = rig.now();
    for second in 0..60 {
        rig.run(1, &[1, 2]);
        let due = rig.due_by_schedule().into_iter().filter(|(_, planned)| *planned >= began);
        let results: Vec<_> = due.map(|(uid, planned)| rig.up(uid.0, planned)).collect();
        let session = 1 + second % 2;
        rig.results(session, rig.now(), results, Vec::new());
    }
    rig.close(1);
    rig.close(2);
    rig.restart(list, Some(&["eu"]));
    rig.hello(3, "a1", 1, "eu");
    let given_out = rig.now() + Duration::from_secs(22);
    for _ in 0..120 {
        rig.run(1, &[3]);
        // It runs what it is asked to, and what it owns: nothing is given out before the lease is over.
        let asked = std::mem::take(&mut rig.runs).into_iter().flat_map(|(_, targets)| targets);
        let asked = asked.flat_map(|run| {
            run.slots.iter().map(|(at, _)| (run.target.uid, *at)).collect::<Vec<_>>()
        });
        let due = rig.due_by_schedule().into_iter().filter(|(_, planned)| *planned >= given_out);
        let all: Vec<_> = asked.chain(due).collect();
        let results: Vec<_> = all.into_iter().map(|(uid, at)| rig.up(uid.0, at)).collect();
        rig.results(3, rig.now(), results, Vec::new());
    }
    let missed = rig.core.counters().missed;
    let lost = crate::count(proto::Missed::AgentLost, &missed);
    assert!(lost >= 60, "{missed:?}");
    assert_eq!(crate::count(proto::Missed::NotReported, &missed), 0, "{missed:?}");
}

/// A list of one target, and an agent that has reported once.
fn reported_once(interval: u64) -> (crate::rig::Rig, Vec<collector::target_file::Target>) {
    let list = crate::rig::targets(1, interval);
    let mut rig = crate::rig::Rig::with_vantages(list.clone(), Some(&["eu"]));
    rig.hello(1, "holder", 1, "eu");
    rig.run(40, &[1]);
    let asked = rig.runs.iter().flat_map(|(_, targets)| targets).flat_map(|run| &run.slots);
    let (planned, _) = *asked.into_iter().next().expect("the first slot is asked for");
    let late = i32::try_from(rig.now().since(planned).as_millis()).expect("ten minutes");
    let found = proto::ProbeResult { start_delay_ms: late, ..rig.up(1, planned) };
    rig.results(1, rig.now(), vec![found], Vec::new());
    assert_eq!(rig.core.counters().results, 1);
    (rig, list)
}

#[test]
fn whoever_had_nothing_to_probe_for_minutes_is_awaited_by_the_next_leader_all_the_same() {
    let (mut rig, list) = reported_once(600);
    rig.run(300, &[1]);
    rig.close(1);
    rig.restart(list, Some(&["eu"]));
    rig.assigns.clear();
    rig.hello(2, "other", 2, "eu");
    rig.run(15, &[2]);
    assert_eq!(rig.assigns, [], "the holder may come back within its lease");
    rig.run(10, &[2]);
    assert!(!rig.assigns.is_empty(), "it did not come back");
}

#[test]
fn a_collector_that_led_for_a_moment_only_does_not_make_the_next_one_forget_who_is_awaited() {
    let (mut rig, list) = reported_once(60);
    rig.close(1);
    // Away for longer than any of its targets' windows, then there for a moment, and gone again before anybody came.
    rig.stand_still(std::time::Duration::from_secs(200));
    rig.restart(list.clone(), Some(&["eu"]));
    rig.run(2, &[]);
    rig.restart(list, Some(&["eu"]));
    rig.assigns.clear();
    rig.hello(2, "other", 2, "eu");
    rig.run(15, &[2]);
    assert_eq!(rig.assigns, [], "the holder may come back within its lease");
}
