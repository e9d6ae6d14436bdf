//! What the world saw happen: probes, what was sent, what the log took, what was acknowledged, who was not well and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use collector::fleet::SessionId;
use proto::{
    Batch, Failure, Kind as LogKind, MissedRange, Outcome, ProbeResult, Record, Refusal,
    ResultsMessage, Timestamp, Uid, wire,
};

use super::World;
use super::faults::Kind;

/// The places there are; the last one stands in before there is any.
pub const VANTAGES: [&str; 3] = ["eu", "us", "default"];

/// Names a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub uid: Uid,
    pub vantage: &'static str,
    pub planned: Timestamp,
}

/// A probe that the world saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub uid: Uid,
    pub vantage: &'static str,
    pub planned: Timestamp,
    /// What it was told to probe: that names the specification.
    pub url: String,
    pub boot: u64,
    pub outcome: Outcome,
    pub began: Timestamp,
    pub ended: Timestamp,
    /// The agent stood still while it ran.
    pub disturbed: bool,
    /// The agent reached nothing.
    pub dead: bool,
}

impl Seen {
    pub fn key(&self) -> Key {
        Key { uid: self.uid, vantage: self.vantage, planned: self.planned }
    }
}

/// An attempt at a slot, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub agent_id: String,
    pub boot: u64,
    pub result: ProbeResult,
}

/// Who was not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Collector,
    Agent(usize),
}

/// A time on the world's clock in which somebody was not well.
#[derive(Clone, Copy, Debug)]
pub struct Unwell {
    pub who: Who,
    pub kind: Kind,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// The books.
#[derive(Default)]
pub struct Books {
    pub seen: Vec<Seen>,
    /// The attempts at each slot that ended undisturbed.
    undisturbed: BTreeMap<Key, Vec<Seen>>,
    /// Results sent and not acknowledged, by session and sequence number.
    sent: BTreeMap<(SessionId, u64), Sent>,
    /// What the log took.
    pub logged: BTreeMap<Key, Vec<Attempt>>,
    /// What agents were told is safe.
    pub acknowledged: BTreeSet<Key>,
    /// What they said that they missed, and were told is safe.
    pub given_up: Vec<(&'static str, MissedRange)>,
    /// When each collector began to lead, on its clock.
    pub leaders: Vec<Timestamp>,
    epochs: BTreeSet<u64>,
    pub unwell: Vec<Unwell>,
    /// Whether anything may give cause to refuse a result.
    pub may_refuse: bool,
    /// Results that were refused, by name of the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Targets that had to have an incident at the end, and that must not have one.
    pub judged: (u64, u64),
    /// When each change of the list was in the log, by the instant that it bears, on the collector's clock.
    pub listed: BTreeMap<Timestamp, Timestamp>,
}

struct Sent {
    vantage: &'static str,
    boot: u64,
    batch: Batch,
}

impl Books {
    pub fn new(may_refuse: bool) -> Self {
        Self { may_refuse, ..Self::default() }
    }

    pub(super) fn see(&mut self, seen: Seen) {
        if !seen.disturbed {
            self.undisturbed.entry(seen.key()).or_default().push(seen.clone());
        }
        self.seen.push(seen);
    }

    pub(super) fn send(
        &mut self,
        session: SessionId,
        vantage: &'static str,
        boot: u64,
        message: &ResultsMessage,
    ) {
        let batch = wire::decode_batch(&message.columns).expect("agents send what they may");
        self.sent.insert((session, message.seq), Sent { vantage, boot, batch });
    }

    /// Whether something was sent on this session and is not acknowledged.
    pub fn awaits(&self, session: SessionId) -> bool {
        self.sent.range((session, 0)..=(session, u64::MAX)).any(|(_, sent)| !sent.batch.is_empty())
    }

    pub(super) fn log(&mut self, record: &Record, now: Timestamp) {
        if let LogKind::Catalog { .. } = record.kind {
            self.listed.insert(record.at, now.max(record.at));
        }
        let LogKind::Results(results) = &record.kind else { return };
        if results.agent_id.is_empty() {
            return;
        }
        let batch = wire::decode_batch(&results.columns).expect("the collector logs what it reads");
        for result in batch.results {
            let key =
                Key { uid: result.uid, vantage: place(&results.vantage), planned: result.planned };
            let attempt =
                Attempt { agent_id: results.agent_id.clone(), boot: results.boot, result };
            assert!(
                self.probed(&key, &attempt).next().is_some(),
                "{key:?} is in the log as {attempt:?}, and nobody saw that probe undisturbed"
            );
            self.logged.entry(key).or_default().push(attempt);
        }
    }

    /// The URLs of the probes that this attempt may be.
    pub fn probed(&self, key: &Key, attempt: &Attempt) -> impl Iterator<Item = &str> {
        let seen = self.undisturbed.get(key).map_or(&[][..], Vec::as_slice);
        let found = (attempt.boot, attempt.result.outcome);
        seen.iter().filter(move |seen| (seen.boot, seen.outcome) == found).map(|seen| &*seen.url)
    }

    /// The collector says that everything up to `seq` is durable or refused: now it must be so.
    pub(super) fn acknowledge(&mut self, session: SessionId, seq: u64, refused: &[(Refusal, u32)]) {
        let upto = self.sent.range((session, 0)..=(session, seq)).map(|(place, _)| *place);
        let mut absent = Vec::new();
        for place in upto.collect::<Vec<_>>() {
            let Some(sent) = self.sent.remove(&place) else { continue };
            for result in sent.batch.results {
                let key = Key { uid: result.uid, vantage: sent.vantage, planned: result.planned };
                if self.has(&key, sent.boot, &result) {
                    self.acknowledged.insert(key);
                } else {
                    absent.push((key, result.outcome));
                }
            }
            let missed = sent.batch.missed.into_iter();
            self.given_up.extend(missed.map(|range| (sent.vantage, range)));
        }
        let count: u64 = refused.iter().map(|(_, count)| u64::from(*count)).sum();
        for (reason, count) in refused {
            *self.refused.entry(reason.name()).or_default() += u64::from(*count);
        }
        assert!(
            absent.len() as u64 <= count,
            "acknowledged, neither in the log nor refused: {absent:?}"
        );
        assert!(
            absent.is_empty() || self.may_refuse,
            "refused without cause: {refused:?} {absent:?}"
        );
    }

    /// A collector leads from now on, under a number that no other had: agents tell an old one by it.
    pub(super) fn leads(&mut self, now: Timestamp, epoch: u64) {
        assert!(self.epochs.insert(epoch), "two collectors lead as number {epoch}");
        self.leaders.push(now);
    }

    /// The undisturbed probes of the slots in this range.
    pub fn found_in(
        &self,
        vantage: &'static str,
        range: &MissedRange,
    ) -> impl Iterator<Item = &Seen> {
        let key = |planned| Key { uid: range.uid, vantage, planned };
        self.undisturbed.range(key(range.from)..key(range.to)).flat_map(|(_, seen)| seen)
    }

    /// Whether the log has this attempt, or one that makes it no news.
    fn has(&self, key: &Key, boot: u64, result: &ProbeResult) -> bool {
        let Some(logged) = self.logged.get(key) else { return false };
        let same = |known: &Attempt| {
            known.boot == boot
                && known.result.start_delay_ms == result.start_delay_ms
                && known.result.outcome == result.outcome
        };
        let up = |known: &Attempt| known.result.outcome.is_up();
        logged.iter().any(|known| same(known) || (result.outcome.is_up() && up(known)))
            || logged.len() > 8
    }
}

/// The place of this name.
pub fn place(name: &str) -> &'static str {
    let known = VANTAGES.into_iter().find(|known| *known == name);
    known.unwrap_or_else(|| panic!("nobody is at {name}"))
}

impl World {
    /// Somebody is not well from now on, for so long.
    pub(super) fn unwell(&mut self, who: Who, kind: Kind, time: Duration) {
        self.books.unwell.push(Unwell { who, kind, from: self.now, to: self.now + time });
    }

    /// A new collector's clock is not where the one before it would be.
    pub(super) fn note_clock_step(&mut self, before_ms: i64) {
        let by = self.leader.ahead_ms - before_ms;
        self.tell(format!("its clock is {by} ms from where it was"));
        let around = Duration::from_millis(by.unsigned_abs()) + Duration::from_secs(10);
        let (who, kind) = (Who::Collector, Kind::StepClock);
        self.books.unwell.push(Unwell {
            who,
            kind,
            from: self.now - around,
            to: self.now + around,
        });
    }

    /// Probes of one slot whose agent reached nothing.
    pub fn dead_failures(&self) -> BTreeSet<Key> {
        let dead = self.books.seen.iter().filter(|seen| {
            seen.dead && matches!(seen.outcome, Outcome::Failed(f) if f != Failure::Blocked)
        });
        dead.map(Seen::key).collect()
    }
}
