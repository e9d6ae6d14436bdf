//! `/api/v1/summary`: what became of the slots planned in a window of time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use proto::Timestamp;
use serde::Serialize;

use super::is_of;
use super::tally::{Tally, nearest_rank};
use crate::parts::{Sketch, Totals};
use crate::state::{Entry, State, VantageIdx};
use crate::verdict::Verdict;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// How far back from now.
    pub window: Duration,
    /// The length of a round: the default interval.
    pub round: Duration,
    /// Only this vantage.
    pub vantage: Option<VantageIdx>,
    /// Only the results of this zone's agents.
    pub zone: Option<String>,
    /// Only targets of this category.
    pub category: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Summary {
    pub as_of: String,
    pub window: Window,
    pub targets: Verdicts,
    pub slots: Slots,
    pub status_codes: BTreeMap<u16, u64>,
    pub unexpected: UnexpectedCounts,
    pub failures: BTreeMap<&'static str, u64>,
    pub unconfirmed: u64,
    pub in_maintenance: Option<u64>,
    pub latency_ms: Latency,
    pub uptime: Option<UptimeBounds>,
    pub rounds: Vec<Round>,
}

/// From (included) to (not included).
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Window {
    pub from: String,
    pub to: String,
}

/// Targets by verdict.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Verdicts {
    pub total: u64,
    pub up: u64,
    pub degraded: u64,
    pub partial: u64,
    pub down: u64,
    pub unknown: u64,
    pub paused: u64,
}

impl Verdicts {
    fn count(&mut self, verdict: Option<Verdict>) {
        self.total += 1;
        *match verdict {
            None => &mut self.paused,
            Some(Verdict::Up) => &mut self.up,
            Some(Verdict::Degraded) => &mut self.degraded,
            Some(Verdict::Partial) => &mut self.partial,
            Some(Verdict::Down) => &mut self.down,
            Some(Verdict::Unknown) => &mut self.unknown,
        } += 1;
    }
}

/// `expected = received + missed + open`; with a zone only what it received can be said.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Slots {
    pub expected: Option<u64>,
    pub received: u64,
    pub missed: Option<BTreeMap<&'static str, u64>>,
    pub open: Option<u64>,
}

/// Answers that broke an expectation.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct UnexpectedCounts {
    pub status: u64,
    pub body: u64,
}

/// Over answers only; null without samples.
#[derive(Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Latency {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

impl Latency {
    /// Of samples in any order, in microseconds.
    pub(super) fn of(mut samples: Vec<u32>) -> Self {
        samples.sort_unstable();
        let percentile = |percent| nearest_rank(&samples, percent).map(millis);
        Self {
            p50: percentile(50),
            p90: percentile(90),
            p95: percentile(95),
            p99: percentile(99),
            max: samples.last().copied().map(millis),
        }
    }
}

/// See [`super::tally::Uptime`].
#[derive(Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct UptimeBounds {
    pub low: f64,
    pub high: f64,
    pub coverage: f64,
}

/// The part of a round that lies in the window.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Round {
    pub start: String,
    #[serde(flatten)]
    pub slots: Slots,
    pub status_codes: BTreeMap<u16, u64>,
    pub failures: BTreeMap<&'static str, u64>,
    pub latency_ms: Latency,
}

/// Microseconds as milliseconds.
pub(super) fn millis(us: u32) -> f64 {
    f64::from(us) / 1000.0
}

/// Counts part by part: a million targets never hold up the core.
#[derive(Debug)]
pub struct Counting {
    question: Question,
    now: Timestamp,
    /// From the first round of the window on: what came of its slots, and its samples. All of them together are the window.
    rounds: Vec<Counted>,
    targets: Verdicts,
}

/// A round, and whether anything was ever due when it began.
#[derive(Clone, Debug, Default)]
struct Counted {
    due: bool,
    tally: Tally,
    latencies: Vec<u32>,
}

/// Answers the question about `[now - window, now)`.
pub fn summary(state: &State, now: Timestamp, question: &Question) -> Summary {
    let mut counting = Counting::new(now, question.clone());
    counting.count(state, 0..usize::MAX);
    counting.finish()
}

impl Counting {
    /// Nothing is counted yet.
    pub fn new(now: Timestamp, question: Question) -> Self {
        Self { question, now, rounds: Vec::new(), targets: Verdicts::default() }
    }

    /// Counts these targets. Each is counted whole: what comes in between two parts belongs to the later one.
    pub fn count(&mut self, state: &State, part: Range<usize>) {
        let Self { question, now, rounds, targets } = self;
        let (from, to) = (*now - question.window, *now);
        let begin = from.floor(question.round);
        let length = i64::try_from(question.round.as_millis()).unwrap_or(i64::MAX).max(1);
        let include = |entry: &Entry| match &question.zone {
            Some(zone) => state.reported_by(entry.reporter).zone == *zone,
            None => true,
        };
        for (idx, target) in state.targets_in(part) {
            if question.category.as_ref().is_some_and(|wanted| *wanted != target.entry.category) {
                continue;
            }
            if target.listed && is_of(state, target, question.vantage) {
                let verdict =
                    (!target.entry.paused).then(|| state.judge(idx, to, question.vantage));
                targets.count(verdict);
            }
            for (vantage, _) in state.vantages() {
                if question.vantage.is_some_and(|only| only != vantage) {
                    continue;
                }
                let Some(series) = state.series(vantage, idx) else { continue };
                // Before its first stretch nothing was due.
                let first = series.stretches.first().map_or(to, |stretch| stretch.from);
                let mut start = from.max(first).floor(question.round);
                let ahead = (start.millis() - begin.millis()) / length;
                let mut place = usize::try_from(ahead).unwrap_or_default();
                while start < to {
                    let end = start + question.round;
                    if rounds.len() <= place {
                        rounds.resize_with(place + 1, Counted::default);
                    }
                    let Counted { due, tally, latencies } = &mut rounds[place];
                    *due = true;
                    tally.count(
                        series,
                        &target.quiet,
                        start.max(from),
                        end.min(to),
                        include,
                        |entry| {
                            sample(entry, latencies);
                        },
                    );
                    (start, place) = (end, place + 1);
                }
            }
        }
    }

    /// What it came to. Sorts the samples: not on the core's time.
    pub fn finish(self) -> Summary {
        self.finish_with(None)
    }

    /// The same, with what the hours before came to, from their first instant on.
    pub fn finish_with(self, older: Option<(Timestamp, Totals)>) -> Summary {
        let Self { question, now, rounds, targets } = self;
        let (mut from, to) = (now - question.window, now);
        let first = from.floor(question.round);
        let mut tally = Tally::default();
        rounds.iter().for_each(|round| tally.merge(&round.tally));
        let samples = rounds.iter().flat_map(|round| &round.latencies).copied();
        let latency_ms = match older {
            None => Latency::of(samples.collect()),
            Some((begin, mut older)) => {
                from = begin;
                tally.merge(&older.tally);
                samples.for_each(|us| older.latency.add(us));
                sketched(&older.latency)
            }
        };
        let zoned = question.zone.is_some();
        let mut start = first;
        let mut shown = Vec::with_capacity(rounds.len());
        for Counted { due, tally, latencies } in rounds {
            shown.extend(due.then(|| round(start, tally, latencies, zoned)));
            start = start + question.round;
        }
        shown.reverse();
        Summary {
            as_of: now.rfc3339(),
            window: Window { from: from.rfc3339(), to: to.rfc3339() },
            targets,
            slots: slots(&tally, zoned),
            unexpected: unexpected(&tally),
            latency_ms,
            uptime: uptime(&tally).filter(|_| !zoned),
            failures: named(&tally),
            unconfirmed: tally.unconfirmed,
            in_maintenance: (!zoned).then_some(tally.quiet.expected),
            status_codes: tally.status_codes,
            rounds: shown,
        }
    }
}

/// Latencies within the error of a sketch.
pub(super) fn sketched(sketch: &Sketch) -> Latency {
    let percentile = |percent| sketch.percentile(percent).map(millis);
    Latency {
        p50: percentile(50),
        p90: percentile(90),
        p95: percentile(95),
        p99: percentile(99),
        max: sketch.max().map(millis),
    }
}

pub(super) fn unexpected(tally: &Tally) -> UnexpectedCounts {
    UnexpectedCounts { status: tally.unexpected_status, body: tally.unexpected_body }
}

pub(super) fn uptime(tally: &Tally) -> Option<UptimeBounds> {
    tally.uptime().map(|u| UptimeBounds { low: u.low, high: u.high, coverage: u.coverage })
}

pub(super) fn slots(tally: &Tally, zoned: bool) -> Slots {
    debug_assert!(
        zoned || tally.expected == tally.received + tally.missed_total() + tally.open,
        "every slot is received, missed or open: {tally:?}"
    );
    let missed = || tally.missed.iter().map(|(reason, slots)| (reason.name(), *slots)).collect();
    Slots {
        expected: (!zoned).then_some(tally.expected),
        received: tally.received,
        missed: (!zoned).then(missed),
        open: (!zoned).then_some(tally.open),
    }
}

pub(super) fn named(tally: &Tally) -> BTreeMap<&'static str, u64> {
    tally.failures.iter().map(|(failure, count)| (failure.name(), *count)).collect()
}

/// Only answers have a latency.
fn sample(entry: &Entry, latencies: &mut Vec<u32>) {
    if matches!(entry.outcome, proto::Outcome::Answered { .. }) {
        latencies.push(entry.latency_us);
    }
}

fn round(start: Timestamp, tally: Tally, latencies: Vec<u32>, zoned: bool) -> Round {
    Round {
        start: start.rfc3339(),
        slots: slots(&tally, zoned),
        failures: named(&tally),
        status_codes: tally.status_codes,
        latency_ms: Latency::of(latencies),
    }
}
