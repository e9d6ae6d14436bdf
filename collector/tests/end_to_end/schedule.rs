//! Which faults come when, by seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::proxy::{Way, Ways};

/// One fault; all of them end by themselves.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// kill -9; started again after so long.
    KillAgent(usize, Duration),
    /// The same.
    KillCollector(Duration),
    /// SIGSTOP, and SIGCONT after so long.
    PauseAgent(usize, Duration),
    /// The same.
    PauseCollector(Duration),
    /// The way between an agent and the collector is so for so long.
    Bend(usize, Ways, Duration),
    /// The agent's connection breaks.
    Reset(usize),
}

/// How many of each.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    pub agent_kills: usize,
    pub collector_kills: usize,
    pub pauses: usize,
    pub partitions: usize,
    /// Ways that are slow or trickle, and connections that break.
    pub hindrances: usize,
}

impl Amounts {
    pub fn total(&self) -> usize {
        self.agent_kills + self.collector_kills + self.pauses + self.partitions + self.hindrances
    }
}

/// What the faults may take: a slot's window has to outlast each of them, or missing it would be justified.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub agents: usize,
    /// How long an agent is away, stands still or is cut off at most.
    pub agent: Duration,
    /// The same for the collector.
    pub collector: Duration,
}

/// All of them, in a random order.
pub fn faults(seed: u64, amounts: Amounts, limits: Limits) -> Vec<Fault> {
    let random = &mut StdRng::seed_from_u64(seed);
    let mut faults = Vec::new();
    let agent = |random: &mut StdRng| random.random_range(0..limits.agents);
    let time = |random: &mut StdRng, most: Duration| most.mul_f64(random.random_range(0.1..1.0));
    for _ in 0..amounts.agent_kills {
        faults.push(Fault::KillAgent(agent(random), time(random, limits.agent)));
    }
    for _ in 0..amounts.collector_kills {
        faults.push(Fault::KillCollector(time(random, limits.collector)));
    }
    for n in 0..amounts.pauses {
        faults.push(match n % 2 {
            0 => Fault::PauseAgent(agent(random), time(random, limits.agent)),
            _ => Fault::PauseCollector(time(random, limits.collector)),
        });
    }
    for n in 0..amounts.partitions {
        let (open, stalled, swallowed) = (Way::Open, Way::Stalled, Way::Swallowed);
        let (up, down) = [
            (swallowed, swallowed),
            (swallowed, open),
            (open, swallowed),
            (stalled, stalled),
            (stalled, open),
            (open, stalled),
        ][n % 6];
        faults.push(Fault::Bend(agent(random), Ways { up, down }, time(random, limits.agent)));
    }
    for n in 0..amounts.hindrances {
        let slow = Way::Slow(Duration::from_millis(random.random_range(20..500)));
        let ways = [(slow, slow), (Way::Trickle, Way::Trickle), (slow, Way::Trickle)];
        let (up, down) = ways[n / 2 % 3];
        faults.push(match n % 2 {
            0 => Fault::Bend(agent(random), Ways { up, down }, time(random, limits.agent)),
            _ => Fault::Reset(agent(random)),
        });
    }
    faults.shuffle(random);
    faults
}
