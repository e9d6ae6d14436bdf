//! The world: it goes from one instant at which something happens to the next.
//!
//! Agents and a collector are the real cores; network, log, clocks, targets and processes are made here, and fail as the
//! seed says.

mod agents;
pub mod books;
pub mod faults;
mod leader;
mod log;
mod network;
pub mod receiver;
mod targets;
mod trace;

use std::fmt::Write as _;
use std::time::Duration;

use collector::core::{Core, Counters};
use collector::state::State;
use collector::target_file::Target;
use proto::Timestamp;

use crate::mutants::{Bent, Mutant};
use crate::random::Random;
use crate::scale::Scale;
use agents::Node;
use books::{Books, VANTAGES};
use faults::{Faults, Kind, Plan};
use leader::Leader;
use log::Log;
use network::Link;
use receiver::Receiver;
use trace::Trace;

pub const LEASE: Duration = Duration::from_secs(20);
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// Runs are shorter than this.
pub const KEEP: Duration = Duration::from_secs(48 * 3600);
pub const START: i64 = 1_790_000_000_000;
/// What undelivered results may take where that is not scarce.
const OUTBOX_BYTES: usize = 64 << 20;
/// At one instant no more can happen.
const STEPS_MAX: u32 = 1000;

/// See the module.
pub struct World {
    pub now: Timestamp,
    pub random: Random,
    pub scale: Scale,
    /// What is wrong with the programs on purpose.
    pub mutant: Option<Mutant>,
    pub bent: Bent,
    pub plan: Plan,
    pub log: Log,
    /// How small the log behind a snapshot may be.
    snapshot_bytes: u64,
    outbox_bytes: usize,
    pub leader: Leader,
    pub nodes: Vec<Node>,
    links: Vec<Link>,
    sessions: u64,
    pub list: Vec<Target>,
    /// Nothing is ever wrong with a target.
    pub targets_are_up: bool,
    pub books: Books,
    /// Somebody who is told of incidents.
    pub receiver: Receiver,
    /// Every event that anybody took, if they are to be noted.
    pub trace: Option<Trace>,
    story: String,
}

impl World {
    pub fn new(seed: u64, scale: Scale, mut faults: Faults) -> Self {
        let now = Timestamp::from_millis(START);
        let mut random = Random::new(seed);
        if faults.some {
            faults.kinds.retain(|_| random.one_in(2));
            if faults.kinds.contains(&Kind::StepClock) {
                // It counts at the next start.
                faults.kinds.push(Kind::KillCollector);
            }
        }
        let list = (0..random.range(scale.targets.0, scale.targets.1)).map(|n| {
            let interval = scale.intervals[random.below(scale.intervals.len())];
            targets::target(&format!("t{n}"), interval, 0)
        });
        let list = list.collect();
        let mut nodes = Vec::new();
        for vantage in VANTAGES.into_iter().take(if random.one_in(2) { 1 } else { 2 }) {
            for _ in 0..random.range(scale.agents.0, scale.agents.1) {
                let booted = now - Duration::from_secs(random.range(0, 100_000));
                nodes.push(Node::new(nodes.len(), vantage, booted, now));
            }
        }
        let has = |kind| faults.kinds.contains(&kind);
        let doubtful = match has(Kind::KillCollector) || has(Kind::FailLog) {
            true => random.range(5, 30),
            false => 0,
        };
        let scarce = !faults.one_at_a_time && random.one_in(3);
        let books = Books::new(has(Kind::ChangeList) || has(Kind::StepClock));
        let mut world = Self {
            now,
            scale,
            mutant: None,
            bent: Bent::default(),
            log: Log::new(doubtful),
            snapshot_bytes: random.range(1, 8) << 10,
            outbox_bytes: if scarce { scale.outbox_bytes } else { OUTBOX_BYTES },
            leader: Leader::new(now),
            nodes,
            links: Vec::new(),
            sessions: 0,
            list,
            targets_are_up: has(Kind::DeadUplink),
            books,
            receiver: Receiver::new(seed, now),
            trace: None,
            story: String::new(),
            plan: Plan::new(faults, now),
            random,
        };
        world.tell(format!("{} targets, {} agents", world.list.len(), world.nodes.len()));
        world.tell(format!("{:?}", world.plan.faults));
        world
    }

    pub(crate) fn tell(&mut self, what: String) {
        let at = self.now.millis() - START;
        let _infallible = writeln!(self.story, "{:>9.3}s {what}", at as f64 / 1000.0);
    }

    /// What happened, in the order in which it did.
    pub fn story(&self) -> &str {
        &self.story
    }

    /// The end of the story.
    pub fn last_of_story(&self) -> String {
        let lines: Vec<&str> = self.story.lines().collect();
        lines[lines.len().saturating_sub(200)..].join("\n")
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(next) = self.next_instant().filter(|next| *next <= end) {
            steps = if next > self.now { 0 } else { steps + 1 };
            assert!(steps < STEPS_MAX, "time stands still at {next}");
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    /// No more faults, and time passes until nothing of them can be left.
    pub fn heal_and_converge(&mut self) {
        self.heal();
        self.run(self.scale.converged);
    }

    fn next_instant(&self) -> Option<Timestamp> {
        let leader = Some(self.leader.next(self.now));
        let receiver = Some(self.receiver.next());
        let others = [self.plan.next(), self.log.next(), self.network_next(), self.agents_next()];
        others.into_iter().chain([leader, receiver]).flatten().min()
    }

    fn step(&mut self) {
        self.draw_faults();
        self.step_leader();
        self.work_on_log();
        self.carry();
        for n in 0..self.nodes.len() {
            self.step_node(n);
        }
        self.tell_receiver();
    }

    /// Whether agents may run out of room for what they found.
    pub fn is_buffer_scarce(&self) -> bool {
        self.outbox_bytes < OUTBOX_BYTES
    }

    pub fn core(&self) -> &Core {
        self.leader.core.as_ref().expect("the collector lives")
    }

    pub fn state(&self) -> &State {
        self.core().state()
    }

    pub fn counters(&self) -> &Counters {
        self.core().counters()
    }
}
