//! What the slots of an hour came to: counts and latencies that can be added up, over targets, vantages and hours.

use std::collections::BTreeMap;

use proto::Missed;

use super::Sketch;
use super::code::{Coded, Damaged, In, Out};
use crate::state::Entry;
use crate::view::tally::{QuietCounts, Tally};

/// Counts and latencies of some slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The counts.
    pub tally: Tally,
    /// Of answers only.
    pub latency: Sketch,
}

impl Totals {
    /// Counts one result.
    pub fn receive(&mut self, entry: &Entry) {
        self.tally.receive(entry);
        self.sample(entry);
    }

    /// Counts the latency alone.
    pub fn sample(&mut self, entry: &Entry) {
        if matches!(entry.outcome, proto::Outcome::Answered { .. }) {
            self.latency.add(entry.latency_us);
        }
    }

    /// Adds others to these.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.latency.merge(&other.latency);
    }
}

impl Coded for Totals {
    fn put(&self, out: &mut Out) {
        let Tally {
            expected,
            received,
            missed,
            open,
            up,
            status_codes,
            failures,
            unexpected_status,
            unexpected_body,
            unconfirmed,
            quiet,
        } = &self.tally;
        let unexpected = [unexpected_status, unexpected_body];
        for number in [expected, received, open, up].into_iter().chain(unexpected) {
            out.number(*number);
        }
        out.number(*unconfirmed);
        out.put(&with_quiet(missed, quiet));
        out.put(status_codes);
        out.put(failures);
        out.put(&self.latency);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let mut number = || input.number();
        let (expected, received, open) = (number()?, number()?, number()?);
        let (up, unexpected_status, unexpected_body) = (number()?, number()?, number()?);
        let unconfirmed = number()?;
        let (missed, quiet) = without_quiet(input.take()?)?;
        let tally = Tally {
            expected,
            received,
            open,
            up,
            unexpected_status,
            unexpected_body,
            unconfirmed,
            missed,
            quiet,
            status_codes: input.take()?,
            failures: input.take()?,
        };
        Ok(Self { tally, latency: input.take()? })
    }
}

/// Among the reasons to miss, by number, what was under maintenance has numbers of its own from here on: so parts that were
/// written before there was any are read as they stand.
const QUIET: u32 = 100;

fn quiet_at(quiet: &mut QuietCounts, key: u32) -> Option<&mut u64> {
    let QuietCounts { expected, received, up, missed } = quiet;
    match key.checked_sub(QUIET)? {
        0 => Some(expected),
        1 => Some(received),
        2 => Some(up),
        3 => Some(missed),
        _ => None,
    }
}

fn with_quiet(missed: &BTreeMap<Missed, u64>, quiet: &QuietCounts) -> BTreeMap<u32, u64> {
    let QuietCounts { expected, received, up, missed: missed_too } = *quiet;
    let quiet = (QUIET..).zip([expected, received, up, missed_too]);
    let missed = missed.iter().map(|(reason, count)| (reason.number(), *count));
    missed.chain(quiet.filter(|(_, count)| *count > 0)).collect()
}

fn without_quiet(
    counts: BTreeMap<u32, u64>,
) -> Result<(BTreeMap<Missed, u64>, QuietCounts), Damaged> {
    let (mut missed, mut quiet) = (BTreeMap::new(), QuietCounts::default());
    for (key, count) in counts {
        match quiet_at(&mut quiet, key) {
            Some(place) => *place = count,
            None => {
                let reason = Missed::from_number(key).ok_or(Damaged("a reason to miss"))?;
                missed.insert(reason, count);
            }
        }
    }
    Ok((missed, quiet))
}

/// Totals without their details: what uptime is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `Tally`")]
pub struct Counts {
    pub expected: u64,
    pub received: u64,
    pub up: u64,
    pub missed: u64,
    pub open: u64,
    pub quiet: QuietCounts,
}

impl Counts {
    /// Of these.
    pub fn of(tally: &Tally) -> Self {
        let missed = tally.missed_total();
        let Tally { expected, received, up, open, quiet, .. } = *tally;
        Self { expected, received, up, missed, open, quiet }
    }

    /// Adds others to these.
    pub fn merge(&mut self, other: &Self) {
        let Self { expected, received, up, missed, open, quiet } = other;
        self.quiet.merge(quiet);
        self.expected += expected;
        self.received += received;
        self.up += up;
        self.missed += missed;
        self.open += open;
    }

    /// Reads [`Totals`] without keeping what is not needed: millions of rows make a month.
    ///
    /// # Errors
    /// When they are not there.
    pub fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let (expected, received, open) = (input.number()?, input.number()?, input.number()?);
        let up = input.number()?;
        let quiet = QuietCounts::default();
        let mut counts = Self { expected, received, up, open, missed: 0, quiet };
        // What was unexpected, and unconfirmed.
        for _ in 0..3 {
            input.number()?;
        }
        for _ in 0..input.count()? {
            let (key, count) = (input.take()?, input.number()?);
            match quiet_at(&mut counts.quiet, key) {
                Some(quiet) => *quiet = count,
                None => counts.missed += count,
            }
        }
        // Status codes, failures, buckets: pairs all.
        for _ in 0..3 {
            for _ in 0..input.count()? * 2 {
                input.number()?;
            }
        }
        input.number()?;
        Ok(counts)
    }
}

/// What the slots of one vantage and one category came to in an hour: by zone what was received, and the rest of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Without any result.
    pub planned: Totals,
    /// Results alone, by the zone of the agent that reported them.
    pub zones: BTreeMap<String, Totals>,
}

impl Group {
    /// Everything, or the results of one zone.
    pub fn totals(&self, zone: Option<&str>) -> Totals {
        match zone {
            Some(zone) => self.zones.get(zone).cloned().unwrap_or_default(),
            None => {
                let mut all = self.planned.clone();
                self.zones.values().for_each(|totals| all.merge(totals));
                all
            }
        }
    }
}

impl Coded for Group {
    fn put(&self, out: &mut Out) {
        let Self { planned, zones } = self;
        out.put(planned);
        out.put(zones);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Ok(Self { planned: input.take()?, zones: input.take()? })
    }
}
