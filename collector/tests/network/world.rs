//! A run: hosts, a network between them, faults, peace, and then the oracle.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use collector::target_file::Target;
use proto::ProbeSpec;
use turmoil::{Builder, Sim};

use crate::agents::{self, Place};
use crate::books::{Account, Says, Shared};
use crate::faults::{Census, LATENCY, Plan, Trouble, Victim};
use crate::leader;
use crate::oracle;
use crate::random::Random;

pub const VANTAGES: [&str; 2] = ["east", "west"];
/// The intervals of targets, in seconds: a slot's window is as long, and longer than lease + 10 s.
const INTERVALS: [u64; 3] = [45, 60, 300];
/// Time goes on by this much on one host after the other.
const TICK: Duration = Duration::from_millis(50);
/// The first fault, and the end of the last one.
const FAULTS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(210));
/// So long after the last fault it has to be at rest …
pub const AT_REST: Duration = Duration::from_secs(330);
/// … and is watched until then, …
const WATCHED: Duration = Duration::from_secs(450);
/// … and agents that stop have so long to deliver what they have.
const DRAINED: Duration = Duration::from_secs(15);

/// See the module.
pub struct World {
    shared: Arc<Shared>,
    places: Vec<Place>,
    plan: Plan,
    seed: u64,
    story: String,
}

impl World {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds give the same numbers, one further: what they give first does not.
        let mut random = Random::new(Random::new(seed).next());
        let list = (0..random.range(40, 90)).map(|n| {
            let interval = INTERVALS[random.below(INTERVALS.len())];
            target(&format!("t{n}"), Duration::from_secs(interval))
        });
        let shared = Arc::new(Shared::new(seed, list.collect()));
        let places = (0..random.range(3, 6) as usize).map(|n| Place {
            id: format!("agent-{n}"),
            vantage: VANTAGES[n % 2],
            booted: random.millis(0, 100_000_000),
        });
        let places = places.collect();
        let plan = Plan::new(random, FAULTS.0, FAULTS.1);
        Self { shared, places, plan, seed, story: String::new() }
    }

    /// What happened, in the order in which it did.
    pub fn story(&self) -> &str {
        &self.story
    }

    pub fn census(&self) -> Census {
        self.plan.census.clone()
    }

    /// All of it. Panics where a law is broken.
    pub fn run(&mut self) {
        let mut sim = Builder::new()
            .rng_seed(self.seed)
            .tick_duration(TICK)
            .simulation_duration(Duration::MAX)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(LATENCY)
            .tcp_capacity(1024)
            .build();
        let shared = self.shared.clone();
        sim.host("collector", move || leader::run(shared.clone()));
        for place in &self.places {
            let (shared, place) = (self.shared.clone(), place.clone());
            sim.host(place.id.clone(), move || agents::run(shared.clone(), place.clone()));
        }
        self.pass(&mut sim, AT_REST);
        let rest = self.shared.books().says.clone();
        self.pass(&mut sim, WATCHED);
        let account = self.account(&mut sim);
        let end = sim.elapsed() + DRAINED;
        self.shared.stop.cancel();
        self.pass(&mut sim, end);
        self.judge(&rest, &account);
    }

    /// Time passes, with the faults that it brings.
    fn pass(&mut self, sim: &mut Sim<'_>, until: Duration) {
        while sim.elapsed() < until {
            let victims = self.victims();
            for what in self.plan.act(sim, &victims) {
                self.tell(sim.elapsed(), &what);
            }
            sim.step().unwrap_or_else(|error| panic!("a host ended: {error}"));
        }
    }

    fn victims(&self) -> Vec<Victim> {
        let books = self.shared.books();
        let connected = &books.says.connected;
        let of = |place: &Place| Victim {
            id: place.id.clone(),
            vantage: place.vantage,
            connected: connected.contains(&place.id),
        };
        self.places.iter().map(of).collect()
    }

    fn tell(&mut self, at: Duration, what: &str) {
        let _infallible = writeln!(self.story, "{:>9.3}s {what}", at.as_secs_f64());
    }

    /// What the collector says at the end.
    fn account(&mut self, sim: &mut Sim<'_>) -> Account {
        self.shared.books().wanted = true;
        let patience = sim.elapsed() + Duration::from_secs(30);
        loop {
            if let Some(account) = self.shared.books().account.take() {
                return account;
            }
            assert!(sim.elapsed() < patience, "the log never holds all that the collector counts");
            self.pass(sim, sim.elapsed() + TICK);
        }
    }

    fn judge(&mut self, rest: &Says, account: &Account) {
        let books = self.shared.books();
        let troubles: &[Trouble] = &self.plan.troubles;
        oracle::check(&books, &self.places, troubles, rest, account);
        let slots = &account.summary.slots;
        let census = &mut self.plan.census;
        census.probes += books.seen.len() as u64;
        census.received += slots.received;
        census.missed += slots.missed.iter().flat_map(|missed| missed.values()).sum::<u64>();
        census.lives += books.lives.values().map(|lives| u64::from(*lives)).sum::<u64>();
    }
}

fn target(name: &str, interval: Duration) -> Target {
    let spec = ProbeSpec::get(format!("http://{name}.test/"));
    Target {
        name: name.to_owned(),
        interval,
        spec: ProbeSpec { timeout: Duration::from_secs(5), ..spec },
        category: String::new(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    }
}
