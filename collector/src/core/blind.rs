//! Whether the monitor itself sees: are there agents, did the last settled round get its results, can the log be written.

use std::time::Duration;

use proto::{
    CauseKind, IncidentCause, IncidentFact, IncidentKind, IncidentWhat, LeftWhy, MONITOR, Timestamp,
};

use super::Core;
use crate::fleet::AgentStatus;
use crate::incidents::{HOLD, hold, monitor};

/// Without an agent for so long nothing is probed: a restart of all of them takes less.
const NO_AGENTS_AFTER: Duration = Duration::from_secs(60);
/// A log that has taken nothing for so long is not just slow.
const STORE_AFTER: Duration = Duration::from_secs(30);
/// Of a hundred settled slots of a round so many must have a result.
const COVERAGE_MIN: u64 = 90;
/// After its end, a round that is not settled yet is looked at again so often.
const ROUND_AGAIN: Duration = Duration::from_secs(30);
/// By then a round is settled, or its agents have much to deliver.
const SETTLED_AFTER: Duration = Duration::from_secs(1200);
/// Targets counted in one tick.
const COUNTED_MAX: usize = 10_000;

/// What is known about it.
#[derive(Debug)]
pub(super) struct Blindness {
    /// Since when no agent speaks.
    alone_since: Option<Timestamp>,
    /// When this process last went on after standing still: what it did not hear in that time says nothing.
    awake_since: Timestamp,
    /// The round to be counted next, when to look, and what was counted so far.
    round: Timestamp,
    look: Timestamp,
    counting: Option<Counting>,
    /// In words, while the last settled round got too few results.
    poor: Option<String>,
    store: Option<StoreTrouble>,
}

#[derive(Debug, Default)]
struct Counting {
    next: usize,
    expected: u64,
    received: u64,
}

/// That the log cannot be written: it can hardly be logged, and is told while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreTrouble {
    /// Since when.
    pub since: Timestamp,
    /// Until when, once it is over.
    pub until: Option<Timestamp>,
}

impl Blindness {
    /// Begins with the round that ended last.
    pub(super) fn new(now: Timestamp, length: Duration) -> Self {
        let (round, look) = (now.floor(length) - length, now);
        let awake_since = Timestamp::EPOCH;
        Self {
            alone_since: None,
            awake_since,
            round,
            look,
            counting: None,
            poor: None,
            store: None,
        }
    }

    /// This process stood still until now.
    pub(super) fn awake(&mut self, now: Timestamp) {
        self.awake_since = now;
        self.alone_since = self.alone_since.map(|_| now);
    }
}

impl Core {
    /// The last time that the log could not be written for long; it may be over.
    pub fn store_trouble(&self) -> Option<StoreTrouble> {
        self.watch.blindness.store
    }

    /// Notes when the log has taken nothing for too long; what it was is logged when it can be.
    pub(super) fn watch_store(&mut self, now: Timestamp) {
        let blindness = &mut self.watch.blindness;
        let waiting = self.appending.front().map(|first| first.record.at);
        let waiting = waiting.map(|since| since.max(blindness.awake_since));
        let stuck = waiting.filter(|since| now.since(*since) >= STORE_AFTER);
        let store = &mut blindness.store;
        let lasts = store.is_some_and(|trouble| trouble.until.is_none());
        match (stuck, lasts) {
            (Some(since), false) => {
                *store = Some(StoreTrouble { since, until: None });
                tracing::error!(%since, "the log has taken nothing since then: receivers of messages are told");
            }
            // Numbers are given one record after the other.
            (None, true) if self.watch.in_log == 0 => {
                let Some(trouble) = store else { return };
                trouble.until = Some(now);
                let text = format!("nothing could be logged from {} to {now}", trouble.since);
                let since = trouble.since;
                let number = self.state.incidents.count() + 1;
                let fact = |what| IncidentFact { incident: number, what };
                let member = monitor(text, since, HOLD);
                let facts = vec![
                    fact(opened(cause(CauseKind::Store))),
                    fact(IncidentWhat::Joined(member)),
                    fact(IncidentWhat::Left { uid: MONITOR, why: LeftWhy::Well }),
                ];
                self.log_facts(now, facts);
            }
            (Some(_), true) | (None, _) => {}
        }
    }

    /// Counts a part of the round that ended last.
    pub(super) fn count_round(&mut self, now: Timestamp) {
        let length = self.config.watch.round;
        let blindness = &mut self.watch.blindness;
        if now < blindness.look || !self.config.watch.on {
            return;
        }
        let Some(first_load) = self.state.first_load else { return };
        // A round that began before the first load was not ours; and one that is long over says nothing of now.
        let oldest = (now - (length * 2).max(SETTLED_AFTER)).floor(length);
        let first = (first_load + length).floor(length).max(oldest);
        let round = blindness.round.max(first);
        if round != blindness.round {
            blindness.counting = None;
            blindness.round = round;
        }
        let end = round + length;
        if now < end + ROUND_AGAIN {
            blindness.look = end + ROUND_AGAIN;
            return;
        }
        let mut counting = blindness.counting.take().unwrap_or_default();
        let to = counting.next + COUNTED_MAX;
        let mut open = 0;
        for (target, _) in self.state.targets_in(counting.next..to) {
            for (vantage, _) in self.state.vantages() {
                let Some(series) = self.state.series(vantage, target) else { continue };
                counting.expected += series.expected(round, end);
                counting.received += series.received(round, end).count() as u64;
                open += series.open_slots(round, end);
            }
        }
        counting.next = to;
        let whole = to >= self.state.targets().len();
        let blindness = &mut self.watch.blindness;
        if open > 0 {
            blindness.look = now + ROUND_AGAIN;
        } else if whole {
            blindness.round = end;
            let Counting { expected, received, .. } = counting;
            let poor = expected > 0 && received * 100 < expected * COVERAGE_MIN;
            blindness.poor = poor.then(|| {
                format!("of the round from {round} {received} of {expected} slots have a result")
            });
        } else {
            blindness.counting = Some(counting);
        }
    }

    /// What follows from it.
    pub(super) fn blind_facts(&mut self, now: Timestamp, next: u64) -> Vec<IncidentFact> {
        let agents = self.fleet.agents();
        let speaks = agents.iter().any(|(_, agent)| agent.status() == AgentStatus::Connected);
        let due = self.watch.targets > 0;
        let blindness = &mut self.watch.blindness;
        blindness.alone_since = match blindness.alone_since {
            _ if speaks || !due => None,
            since => since.or(Some(now)),
        };
        let alone = blindness.alone_since.filter(|since| now.since(*since) >= NO_AGENTS_AFTER);
        let found = match (alone, &blindness.poor) {
            (Some(since), _) => {
                Some((CauseKind::NoAgents, format!("no agent has spoken since {since}"), since))
            }
            (None, Some(text)) if due => Some((CauseKind::Coverage, text.clone(), now)),
            (None, _) => None,
        };
        let incidents = &self.state.incidents;
        let mut blind = incidents.open().filter(|incident| incident.kind == IncidentKind::Blind);
        let known = blind.find(|incident| incident.cause.kind != CauseKind::Store);
        let fact = |incident, what| IncidentFact { incident, what };
        match (found, known) {
            (None, None) => Vec::new(),
            (None, Some(incident)) if incident.members.is_empty() => Vec::new(),
            // Agents are back: what they see is known when a round is settled.
            (None, Some(incident)) => {
                let left = IncidentWhat::Left { uid: MONITOR, why: LeftWhy::Well };
                vec![fact(incident.number, left)]
            }
            (Some(_), Some(incident)) if !incident.members.is_empty() => Vec::new(),
            (Some((kind, text, since)), known) => {
                let flaps = incidents.flaps(IncidentKind::Blind, MONITOR, now);
                let member = monitor(text, since, hold(flaps, self.config.watch.round));
                let mut facts = Vec::new();
                if known.is_none() {
                    facts.push(fact(next, opened(cause(kind))));
                }
                let number = known.map_or(next, |incident| incident.number);
                facts.push(fact(number, IncidentWhat::Joined(member)));
                facts
            }
        }
    }
}

fn cause(kind: CauseKind) -> IncidentCause {
    IncidentCause { kind, value: String::new() }
}

fn opened(cause: IncidentCause) -> IncidentWhat {
    IncidentWhat::Opened {
        kind: IncidentKind::Blind,
        shared: vec![cause.clone()],
        cause,
        labels: Vec::new(),
    }
}
