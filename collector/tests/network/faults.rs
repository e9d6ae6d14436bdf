//! What goes wrong, drawn from the seed: kinds of faults, whom they hit, for how long; and a census of those that hit.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use turmoil::Sim;

use crate::random::Random;

/// No fault lasts longer.
const LONGEST: Duration = Duration::from_secs(50);
/// Between two faults at most.
const CALM_MS: u64 = 12_000;
/// What a packet takes when nothing is wrong.
pub const LATENCY: Duration = Duration::from_millis(80);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing passes between an agent and the collector; what was on its way is gone.
    Partition,
    /// The same for all agents of a vantage.
    PartitionVantage,
    /// Packets stand still, both ways, and arrive when it is over.
    Hold,
    /// What an agent says is lost; what it is told arrives.
    LoseUp,
    /// What an agent is told is lost; what it says arrives.
    LoseDown,
    /// A packet takes seconds.
    Slow,
    /// Now and then a packet is lost, and with it the connection, of which nobody says so.
    Lossy,
    /// An agent's process dies; its machine closes the connection.
    CrashAgent,
    /// An agent's machine is gone, and closes nothing.
    PowerOffAgent,
    /// The collector's process dies.
    CrashCollector,
    /// The collector's machine is gone, and closes nothing.
    PowerOffCollector,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Partition,
        Self::PartitionVantage,
        Self::Hold,
        Self::LoseUp,
        Self::LoseDown,
        Self::Slow,
        Self::Lossy,
        Self::CrashAgent,
        Self::PowerOffAgent,
        Self::CrashCollector,
        Self::PowerOffCollector,
    ];

    fn hits_links(self) -> bool {
        !matches!(self, Self::CrashAgent | Self::CrashCollector)
    }

    fn kills_collector(self) -> bool {
        matches!(self, Self::CrashCollector | Self::PowerOffCollector)
    }

    fn kills_agent(self) -> bool {
        matches!(self, Self::CrashAgent | Self::PowerOffAgent)
    }
}

/// How often each kind hit somebody who had a stream, and what the runs came to.
#[derive(Clone, Debug, Default)]
pub struct Census {
    met: BTreeMap<Kind, u32>,
    pub probes: u64,
    pub received: u64,
    pub missed: u64,
    /// Processes of agents.
    pub lives: u64,
}

impl Census {
    pub fn add(&mut self, other: &Self) {
        for (kind, times) in &other.met {
            *self.met.entry(*kind).or_default() += times;
        }
        self.probes += other.probes;
        self.received += other.received;
        self.missed += other.missed;
        self.lives += other.lives;
    }

    pub fn missing(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| !self.met.contains_key(kind)).collect()
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in Kind::ALL {
            let times = self.met.get(&kind).copied().unwrap_or(0);
            writeln!(f, "{:<20} {times:>4}", format!("{kind:?}"))?;
        }
        let Self { probes, received, missed, lives, .. } = self;
        writeln!(
            f,
            "{probes} probes by {lives} processes; {received} slots received, {missed} missed"
        )
    }
}

/// A time in which an agent and the collector were not both well, as far as the world did that.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// Which agent; none is the collector, and so all.
    pub agent: Option<usize>,
    pub from: Duration,
    pub to: Duration,
}

/// A fault that lasts.
#[derive(Clone, Debug)]
struct Fault {
    kind: Kind,
    agents: Vec<usize>,
    from: Duration,
    until: Duration,
}

/// The faults of a run.
pub struct Plan {
    random: Random,
    next: Duration,
    /// No fault lasts beyond it.
    end: Duration,
    lasting: Vec<Fault>,
    pub troubles: Vec<Trouble>,
    pub census: Census,
}

/// What the plan has to know of the agents.
pub struct Victim {
    pub id: String,
    pub vantage: &'static str,
    /// The collector has its stream.
    pub connected: bool,
}

impl Plan {
    pub fn new(random: Random, begin: Duration, end: Duration) -> Self {
        let (lasting, troubles, census) = Default::default();
        Self { random, next: begin, end, lasting, troubles, census }
    }

    /// Begins and ends what it is time for; says what that was.
    pub fn act(&mut self, sim: &mut Sim<'_>, agents: &[Victim]) -> Vec<String> {
        let now = sim.elapsed();
        let mut story = Vec::new();
        let (over, lasting) = self.lasting.drain(..).partition(|fault| fault.until <= now);
        self.lasting = lasting;
        for fault in over {
            self.mend(sim, agents, &fault);
            story.push(format!("{:?} {:?} is over", fault.kind, fault.agents));
        }
        if self.next <= now && now < self.end {
            self.next = now + self.random.millis(500, CALM_MS);
            if let Some(fault) = self.draw(now, agents) {
                let lasts = fault.until - now;
                story.push(format!("{:?} {:?} for {lasts:?}", fault.kind, fault.agents));
                self.strike(sim, agents, &fault);
                self.lasting.push(fault);
            }
        }
        story
    }

    /// A fault that does not undo another one.
    fn draw(&mut self, now: Duration, agents: &[Victim]) -> Option<Fault> {
        let kind = Kind::ALL[self.random.below(Kind::ALL.len())];
        let one = self.random.below(agents.len());
        let lasts = match self.random.one_in(2) {
            true => self.random.span(LONGEST),
            false => self.random.millis(2_000, 30_000),
        };
        let until = (now + lasts).min(self.end);
        let agents = match kind {
            Kind::PartitionVantage => {
                (0..agents.len()).filter(|n| agents[*n].vantage == agents[one].vantage).collect()
            }
            _ if kind.kills_collector() => (0..agents.len()).collect(),
            _ => vec![one],
        };
        let fault = Fault { kind, agents, from: now, until };
        let fits = self.lasting.iter().all(|other| !fault.collides(other));
        fits.then_some(fault)
    }

    fn strike(&mut self, sim: &mut Sim<'_>, agents: &[Victim], fault: &Fault) {
        let ids = || fault.agents.iter().map(|n| agents[*n].id.as_str());
        if fault.agents.iter().any(|n| agents[*n].connected) {
            *self.census.met.entry(fault.kind).or_default() += 1;
        }
        for id in ids() {
            match fault.kind {
                Kind::Hold => sim.hold(id, "collector"),
                Kind::LoseUp => sim.partition_oneway(id, "collector"),
                Kind::LoseDown => sim.partition_oneway("collector", id),
                Kind::Slow => {
                    let takes = self.random.millis(1_000, 6_000);
                    sim.set_link_latency(id, "collector", takes);
                }
                Kind::Lossy => sim.set_link_fail_rate(id, "collector", 0.03),
                Kind::Partition
                | Kind::PartitionVantage
                | Kind::PowerOffAgent
                | Kind::PowerOffCollector => sim.partition(id, "collector"),
                Kind::CrashAgent | Kind::CrashCollector => {}
            }
        }
        if fault.kind.kills_agent() {
            ids().for_each(|id| sim.crash(id));
        }
        if fault.kind.kills_collector() {
            sim.crash("collector");
        }
    }

    fn mend(&mut self, sim: &mut Sim<'_>, agents: &[Victim], fault: &Fault) {
        let now = sim.elapsed();
        for n in &fault.agents {
            let id = agents[*n].id.as_str();
            match fault.kind {
                Kind::Hold => sim.release(id, "collector"),
                Kind::LoseUp => sim.repair_oneway(id, "collector"),
                Kind::LoseDown => sim.repair_oneway("collector", id),
                Kind::Slow => {
                    sim.set_link_latency(id, "collector", Duration::from_millis(1));
                    sim.set_link_max_message_latency(id, "collector", LATENCY);
                }
                Kind::Lossy => sim.set_link_fail_rate(id, "collector", 0.0),
                Kind::Partition
                | Kind::PartitionVantage
                | Kind::PowerOffAgent
                | Kind::PowerOffCollector => sim.repair(id, "collector"),
                Kind::CrashAgent | Kind::CrashCollector => {}
            }
            if fault.kind.kills_agent() {
                sim.bounce(id);
            }
        }
        if fault.kind.kills_collector() {
            sim.bounce("collector");
        }
        let all = fault.kind.kills_collector();
        let whom = if all { vec![None] } else { fault.agents.iter().copied().map(Some).collect() };
        self.troubles.extend(whom.into_iter().map(|agent| Trouble {
            agent,
            from: fault.from,
            to: now,
        }));
    }
}

impl Fault {
    /// Whether both are about the same link or process.
    fn collides(&self, other: &Self) -> bool {
        let shared = self.agents.iter().any(|n| other.agents.contains(n));
        let links = self.kind.hits_links() && other.kind.hits_links() && shared;
        let agents = self.kind.kills_agent() && other.kind.kills_agent() && shared;
        links || agents || (self.kind.kills_collector() && other.kind.kills_collector())
    }
}
