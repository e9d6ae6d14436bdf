//! What is listed, and what a probe of it finds.

use std::time::Duration;

use collector::core::Event;
use collector::target_file::Target;
use proto::{Failure, Outcome, ProbeSpec, Timestamp, Uid, phase_of};

use super::{TIMEOUT, World};
use crate::random::Random;

/// A list never has fewer targets.
const LISTED_MIN: usize = 5;
/// Names that newcomers choose from: some were listed before.
const NAMES: u64 = 80;

/// One row of the list.
pub fn target(name: &str, seconds: u64, revision: u64) -> Target {
    Target {
        name: name.to_owned(),
        interval: Duration::from_secs(seconds),
        spec: ProbeSpec { timeout: TIMEOUT, ..ProbeSpec::get(format!("http://{name}/{revision}")) },
        category: String::new(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    }
}

impl World {
    /// One row of the list changes: now, or at the very instant at which it is due next.
    pub(super) fn change_list(&mut self) {
        let row = &self.list[self.random.below(self.list.len())];
        let (name, interval) = (row.name.clone(), row.interval);
        let kind = self.random.range(0, 6);
        if !self.random.one_in(3) {
            return self.change_row(&name, kind);
        }
        let vantage = self.nodes[self.random.below(self.nodes.len())].vantage;
        let due = self.clock().floor(interval) + phase_of(&name, vantage, interval);
        let due = if due < self.clock() { due + interval } else { due };
        self.plan.to_change.push((self.now + due.since(self.clock()), name, kind));
    }

    /// The row of this name changes, if it is there.
    pub(super) fn change_row(&mut self, name: &str, kind: u64) {
        let Some(index) = self.list.iter().position(|row| row.name == name) else { return };
        self.tell(format!("the list changes: {kind} of {name}"));
        match kind {
            0 if self.list.len() > LISTED_MIN => {
                self.list.remove(index);
            }
            1 => {
                let name = format!("t{}", self.random.range(0, NAMES));
                let interval = self.an_interval();
                if !self.list.iter().any(|target| target.name == name) {
                    self.list.push(target(&name, interval, 0));
                }
            }
            2 => {
                let revision = self.random.next();
                self.list[index].spec = target(name, 60, revision).spec;
            }
            3 => {
                let longest = self.scale.interval().as_secs();
                let seconds = self.random.range(longest / 2, longest + longest / 4);
                self.list[index].interval = Duration::from_secs(seconds);
            }
            4 => {
                let only = self.nodes[self.random.below(self.nodes.len())].vantage.to_owned();
                let vantages = &mut self.list[index].vantages;
                *vantages = if vantages.is_empty() { vec![only] } else { Vec::new() };
            }
            _ => self.list[index].paused = !self.list[index].paused,
        }
        let list = self.list.clone();
        self.tell_core(Event::Listed(list));
    }

    pub(super) fn an_interval(&mut self) -> u64 {
        self.scale.intervals[self.random.below(self.scale.intervals.len())]
    }

    /// What a probe of this slot finds. Most of it is a function of the slot; now and then one attempt is unlucky.
    pub(super) fn found(&mut self, uid: Uid, planned: Timestamp) -> Outcome {
        let outcome = self.truth(uid, planned);
        let fair = self.targets_are_up || self.plan.faults.one_at_a_time;
        match fair || !self.random.one_in(40) {
            true => outcome,
            false => Outcome::Failed(Failure::Connect),
        }
    }

    /// What a probe of this slot finds, whoever runs it, unless it has bad luck.
    pub fn truth(&self, uid: Uid, planned: Timestamp) -> Outcome {
        if self.targets_are_up {
            return Outcome::Answered { status: 200, unexpected: None };
        }
        match Random::new(uid.0 ^ planned.millis() as u64).range(0, 20) {
            0 => Outcome::Failed(Failure::Timeout),
            1 => Outcome::Failed(Failure::Connect),
            2 => Outcome::Answered { status: 503, unexpected: Some(proto::Unexpected::Status) },
            _ => Outcome::Answered { status: 200, unexpected: None },
        }
    }

    /// What an agent finds that reaches nothing.
    pub(super) fn unreachable(&mut self) -> Outcome {
        let kinds = [Failure::Dns, Failure::Connect, Failure::Timeout];
        Outcome::Failed(kinds[self.random.below(kinds.len())])
    }
}
