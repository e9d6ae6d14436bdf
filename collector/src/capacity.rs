//! How many agents a list wants at a vantage: one formula, for `check` before anything runs and for the collector while it does.
//!
//! The worst case is what counts: every probe takes its whole timeout, as they do when a network fails. A list that fits
//! then misses nothing when it matters.

use std::time::Duration;

/// How many probes an agent runs at once unless it is told otherwise.
pub const AGENT_CONCURRENCY: u32 = 1000;
/// Starts that are later than this, on an agent that is full, show that the worst case is there.
pub const LATE_MS: u32 = 1000;
/// An agent is full from here on, in thousandths of its capacity.
pub const FULL_PERMILLE: u32 = 900;

/// What one vantage has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// Probes a second.
    pub rate: f64,
    /// Probes that run at once when every one takes its whole timeout.
    pub busy: f64,
}

impl Demand {
    /// A target more.
    pub fn add(&mut self, interval: Duration, timeout: Duration) {
        let interval = interval.as_secs_f64();
        self.rate += 1.0 / interval;
        self.busy += timeout.as_secs_f64() / interval;
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { rate: self.rate + other.rate, busy: self.busy + other.busy }
    }

    /// How many probes run at once; without what adding a million fractions left behind the point.
    pub fn at_once(self) -> f64 {
        ((self.busy * 1000.0).round() / 1000.0).ceil()
    }

    /// Agents of this capacity that carry it; one at least.
    pub fn agents(self, capacity: f64) -> u64 {
        (self.at_once() / capacity.max(1.0)).ceil().max(1.0) as u64
    }
}

/// What there is at a vantage to meet it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// Agents that take work.
    pub agents: u64,
    /// Probes that they run at once, together.
    pub at_once: u64,
    /// Of these, agents that are full and late.
    pub swamped: u64,
}

impl Supply {
    /// An agent more, as busy and as late as it says.
    pub fn add(&mut self, capacity: u32, busy_permille: u32, lateness_ms: u32) {
        self.agents += 1;
        self.at_once += u64::from(capacity);
        self.swamped += u64::from(busy_permille >= FULL_PERMILLE && lateness_ms >= LATE_MS);
    }

    /// How many agents like these are wanted besides them: what the worst case asks for; and one at least while all of them are
    /// full and late, whatever was reckoned.
    pub fn more_for(self, demand: Demand) -> u64 {
        if demand.busy <= 0.0 {
            return 0;
        }
        let each = match self.agents {
            0 => f64::from(AGENT_CONCURRENCY),
            agents => self.at_once as f64 / agents as f64,
        };
        let reckoned = demand.agents(each).saturating_sub(self.agents);
        let all_swamped = self.agents > 0 && self.swamped == self.agents;
        reckoned.max(u64::from(all_swamped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(targets: u32) -> Demand {
        let mut demand = Demand::default();
        (0..targets).for_each(|_| demand.add(Duration::from_secs(600), Duration::from_secs(10)));
        demand
    }

    fn supply(agents: &[(u32, u32, u32)]) -> Supply {
        let mut supply = Supply::default();
        agents.iter().for_each(|(capacity, busy, late)| supply.add(*capacity, *busy, *late));
        supply
    }

    #[test]
    fn a_list_wants_as_many_agents_as_carry_it_when_every_probe_takes_its_whole_timeout() {
        assert_eq!(demand(60_000).at_once(), 1000.0);
        assert_eq!(supply(&[(1000, 0, 0)]).more_for(demand(60_000)), 0);
        assert_eq!(supply(&[(1000, 0, 0)]).more_for(demand(60_100)), 1);
        assert_eq!(supply(&[(500, 0, 0), (500, 0, 0)]).more_for(demand(240_000)), 6);
        assert_eq!(Supply::default().more_for(demand(240_000)), 4);
    }

    #[test]
    fn a_vantage_without_anything_to_do_wants_nobody() {
        assert_eq!(Supply::default().more_for(Demand::default()), 0);
    }

    #[test]
    fn agents_that_are_all_full_and_late_want_another_whatever_was_reckoned() {
        let (full, idle) = ((100, 990, 5_000), (100, 10, 5_000));
        assert_eq!(supply(&[full, full]).more_for(demand(600)), 1);
        assert_eq!(supply(&[full, idle]).more_for(demand(600)), 0);
    }
}
