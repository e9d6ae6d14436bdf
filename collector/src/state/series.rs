//! One target at one vantage: when it is due, what was found, what was missed.
//!
//! A slot has its result (an [`Entry`]), or was judged missed (inside a run of `missed`), or is open. `expected` is
//! recounted from the stretches alone, so that the three parts can be held against it.

use std::collections::VecDeque;

use proto::{Missed, Note, Phases, ProbeResult, Timestamp};
use smallvec::SmallVec;

use super::attempts::Attempts;
use super::stretch::Stretch;
use super::value::{Entry, ReporterIdx};

/// Slots without a result in `[from, to)`, for one reason. A slot inside that has a result is not missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissedRun {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Why.
    pub reason: Missed,
}

/// A result with what is told about it, kept for the newest of its sort.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The slot and its value.
    pub entry: Entry,
    /// Where the time went.
    pub phases: Phases,
    /// Bytes of the body.
    pub body_bytes: u32,
    /// Address, cause, certificate, and the rest of the evidence.
    pub note: Note,
}

/// One target at one vantage.
#[derive(Debug, Default)]
pub struct Series {
    /// In the order of time; only the last can be without an end. Most series have one all their life: then it is here.
    pub stretches: SmallVec<[Stretch; 1]>,
    /// In the order of planned starts; each start once.
    pub(super) entries: VecDeque<Entry>,
    /// What was judged missed, in the order of time, apart from each other.
    pub(super) missed: Vec<MissedRun>,
    /// What agents said about slots that they could not fill: reasons to be, once judged.
    pub(super) reported: Vec<MissedRun>,
    /// Every slot before this instant has its result or was judged.
    pub settled_to: Timestamp,
    /// The newest result that was as expected.
    pub last_up: Option<Box<Detail>>,
    /// The newest result that was not.
    pub last_not_up: Option<Box<Detail>>,
    /// Attempts that lost to the entry of their slot.
    pub(super) attempts: Attempts,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is the slot's best.
    Best,
    /// It is kept beside a better one.
    Kept,
    /// It was known, or says nothing.
    Nothing,
}

/// The most runs that agents' reports may hold for one series; the oldest is forgotten first.
const REPORTED_MAX: usize = 64;

impl Series {
    /// The stretch that plans a slot at exactly this instant.
    pub fn stretch_of(&self, planned: Timestamp) -> Option<&Stretch> {
        self.stretches.iter().rev().find(|stretch| stretch.plans(planned))
    }

    /// The first planned start at or after `at`, with its stretch.
    pub fn next(&self, at: Timestamp) -> Option<(Timestamp, &Stretch)> {
        self.stretches.iter().find_map(|stretch| Some((stretch.next(at)?, stretch)))
    }

    /// The stretch in force, if the target is due from here now.
    pub fn current(&self) -> Option<&Stretch> {
        self.stretches.last().filter(|stretch| stretch.until == Timestamp::MAX)
    }

    /// Opens a stretch; an open one before it ends where it begins.
    pub fn open(&mut self, stretch: Stretch) {
        self.close(stretch.from);
        if self.stretches.is_empty() {
            self.settled_to = stretch.from;
        }
        self.stretches.push(stretch);
    }

    /// No slot is planned at or after `until` any more.
    pub fn close(&mut self, until: Timestamp) {
        if let Some(last) = self.stretches.last_mut() {
            last.until = last.until.min(until);
            // An agent's clock may be ahead by a little: what was not to be planned does not count.
            while self.entries.back().is_some_and(|entry| entry.planned >= until) {
                self.entries.pop_back();
            }
            self.attempts.keep_within(Timestamp::from_millis(i64::MIN), until);
            if last.until <= last.from {
                self.stretches.pop();
            }
        }
    }

    /// Whether the slot has its result.
    pub fn is_filled(&self, planned: Timestamp) -> bool {
        self.entry(planned).is_some()
    }

    /// The value of the slot, if it has one.
    pub fn entry(&self, planned: Timestamp) -> Option<&Entry> {
        self.best(planned).filter(|entry| !entry.suspect)
    }

    /// The best attempt at the slot, even one that counts for nothing.
    fn best(&self, planned: Timestamp) -> Option<&Entry> {
        // Mostly the newest slot is asked for, or one that is newer still.
        let newest = self.entries.back()?;
        if newest.planned <= planned {
            return (newest.planned == planned).then_some(newest);
        }
        let index = self.entries.binary_search_by_key(&planned, |entry| entry.planned).ok()?;
        self.entries.get(index)
    }

    /// Why the slot was judged missed, if it was; a result that it has counts all the same.
    pub fn missed_reason(&self, planned: Timestamp) -> Option<Missed> {
        run_of(&self.missed, planned).map(|run| run.reason)
    }

    /// Every attempt at the slot that is kept, the best first.
    pub fn attempts(&self, planned: Timestamp) -> impl Iterator<Item = &Entry> {
        self.best(planned).into_iter().chain(self.attempts.of(planned))
    }

    /// Whether the slot has nothing but what its agents found under suspicion.
    pub fn is_suspect(&self, planned: Timestamp) -> bool {
        self.best(planned).is_some_and(|entry| entry.suspect)
    }

    /// How many attempts at the slot found the target not up, and are not under suspicion.
    pub fn failed_attempts(&self, planned: Timestamp) -> usize {
        self.attempts(planned).filter(|entry| !entry.suspect && !entry.outcome.is_up()).count()
    }

    /// How many slots in `[from, to)` are up though an attempt at them was not, leaving out what was under suspicion.
    pub fn unconfirmed(&self, from: Timestamp, to: Timestamp) -> u64 {
        let (mut slots, mut last) = (0, None);
        for attempt in self.attempts.between(from, to) {
            let doubted = !attempt.suspect && !attempt.outcome.is_up();
            if doubted && last != Some(attempt.planned) && self.is_up(attempt.planned) {
                slots += 1;
                last = Some(attempt.planned);
            }
        }
        slots
    }

    fn is_up(&self, planned: Timestamp) -> bool {
        self.entry(planned).is_some_and(|entry| entry.outcome.is_up())
    }

    /// Whether a slot that is up was found otherwise by a later attempt.
    pub fn is_doubted(&self, entry: &Entry) -> bool {
        let later = |attempt: &Entry| attempt.start_delay_ms > entry.start_delay_ms;
        let mut others = self.attempts.of(entry.planned).iter();
        others.any(|attempt| !attempt.suspect && !attempt.outcome.is_up() && later(attempt))
    }

    /// Whether the slot was judged missed.
    pub fn is_judged(&self, planned: Timestamp) -> bool {
        run_of(&self.missed, planned).is_some()
    }

    /// What an agent said about the slot.
    pub fn reported(&self, planned: Timestamp) -> Option<Missed> {
        run_of(&self.reported, planned).map(|run| run.reason)
    }

    /// Takes an attempt at a slot: the greatest counts. Says whether anything is new. `suspect`: its agent was under
    /// suspicion. `boot` gives the boot id of a reporter.
    pub fn record(
        &mut self,
        result: &ProbeResult,
        reporter: ReporterIdx,
        suspect: bool,
        boot: impl Fn(ReporterIdx) -> u64,
    ) -> bool {
        let entry = Entry { suspect, ..Entry::new(result, reporter) };
        match self.put(entry, &boot) {
            Put::Best => {}
            Put::Kept => return true,
            Put::Nothing => return false,
        }
        if entry.suspect {
            return true;
        }
        let place = if entry.outcome.is_up() { &mut self.last_up } else { &mut self.last_not_up };
        match place {
            Some(detail) if detail.entry.planned <= entry.planned => detail.renew(entry, result),
            Some(_) => {}
            None => *place = Some(Box::new(Detail::of(entry, result))),
        }
        // What became up is no longer the newest that was not.
        let not_up = self.last_not_up.as_deref().map(|detail| detail.entry.planned);
        if entry.outcome.is_up() && not_up == Some(entry.planned) {
            self.renew_last_not_up();
        }
        true
    }

    /// The newest result that was not up is another one when its slot's value has changed: the one before it is.
    fn renew_last_not_up(&mut self) {
        let stands = |detail: &Detail| {
            self.entry(detail.entry.planned).is_none_or(|entry| !entry.outcome.is_up())
                && !self.is_suspect(detail.entry.planned)
        };
        if self.last_not_up.as_deref().is_some_and(|detail| !stands(detail)) {
            let mut counted = self.entries.iter().rev().filter(|entry| !entry.suspect);
            let before = counted.find(|entry| !entry.outcome.is_up());
            self.last_not_up = before.map(|entry| {
                let (phases, note) = <(Phases, Note)>::default();
                Box::new(Detail { entry: *entry, phases, body_bytes: 0, note })
            });
        }
    }

    /// Judges failures planned at or after `from` anew: `suspect` says of each whether its agent was under suspicion. Gives
    /// the slots in which that changed something.
    pub fn suspect(
        &mut self,
        from: Timestamp,
        suspect: impl Fn(&Entry) -> bool,
        boot: impl Fn(ReporterIdx) -> u64,
    ) -> Vec<Timestamp> {
        let mut changed = Vec::new();
        let mut judge = |entry: &mut Entry| {
            let now = suspect(entry);
            if std::mem::replace(&mut entry.suspect, now) != now {
                changed.push(entry.planned);
            }
        };
        self.entries.iter_mut().rev().take_while(|e| e.planned >= from).for_each(&mut judge);
        self.attempts.each_mut(from, judge);
        changed.sort_unstable();
        changed.dedup();
        for planned in &changed {
            self.choose(*planned, &boot);
            if !self.is_filled(*planned) && !self.is_judged(*planned) {
                // It is open again, and somebody else may run it.
                self.settled_to = self.settled_to.min(*planned);
            }
        }
        if !changed.is_empty() {
            self.renew_last_not_up();
        }
        changed
    }

    /// Lets the greatest attempt at a slot count.
    fn choose(&mut self, planned: Timestamp, boot: &impl Fn(ReporterIdx) -> u64) {
        let Ok(index) = self.entries.binary_search_by_key(&planned, |entry| entry.planned) else {
            return;
        };
        let mut all = self.attempts.take(planned);
        all.push(self.entries[index]);
        all.sort_by(|a, b| a.order(boot(a.reporter), b, boot(b.reporter)));
        if let Some(best) = all.pop() {
            self.entries[index] = best;
        }
        all.into_iter().for_each(|entry| self.attempts.keep(entry));
    }

    /// Takes an attempt alone, without what is told about it.
    pub(super) fn put(&mut self, entry: Entry, boot: &impl Fn(ReporterIdx) -> u64) -> Put {
        if self.entries.back().is_none_or(|newest| newest.planned < entry.planned) {
            self.entries.push_back(entry);
            return Put::Best;
        }
        if self.attempts(entry.planned).any(|known| known.is_same(&entry)) {
            return Put::Nothing;
        }
        match self.entries.binary_search_by_key(&entry.planned, |entry| entry.planned) {
            Ok(index) => {
                let old = self.entries[index];
                let wins = entry.order(boot(entry.reporter), &old, boot(old.reporter)).is_gt();
                let (best, other) = if wins { (entry, old) } else { (old, entry) };
                self.entries[index] = best;
                if !other.outcome.is_up() {
                    self.attempts.keep(other);
                }
                match (wins, other.outcome.is_up()) {
                    (true, _) => Put::Best,
                    (false, false) => Put::Kept,
                    (false, true) => Put::Nothing,
                }
            }
            Err(index) => {
                self.entries.insert(index, entry);
                Put::Best
            }
        }
    }

    /// Every attempt at the slots in `[from, to)` that is kept: those that count, or would, and then the others.
    pub fn all_attempts(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| entry.planned < from);
        let end = self.entries.partition_point(|entry| entry.planned < to).max(first);
        self.entries.range(first..end).chain(self.attempts.between(from, to))
    }

    /// An agent could not fill these slots.
    pub fn report_missed(&mut self, run: MissedRun) {
        insert_run(&mut self.reported, run);
        if self.reported.len() > REPORTED_MAX {
            self.reported.remove(0);
        }
    }

    /// The collector judged these slots.
    pub fn judge(&mut self, run: MissedRun) {
        insert_run(&mut self.missed, run);
    }

    /// How many slots are planned in `[from, to)`.
    pub fn expected(&self, from: Timestamp, to: Timestamp) -> u64 {
        self.stretches.iter().map(|stretch| stretch.count(from, to)).sum()
    }

    /// The slots in `[from, to)` that have a result.
    pub fn received(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| entry.planned < from);
        let end = self.entries.partition_point(|entry| entry.planned < to).max(first);
        self.entries.range(first..end).filter(|entry| !entry.suspect)
    }

    /// How many slots in `[from, to)` were judged missed, by reason.
    pub fn missed(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Missed, u64)> {
        self.missed.iter().filter_map(move |run| {
            let (from, to) = (from.max(run.from), to.min(run.to));
            let without = self.without_result(from, to);
            (without > 0).then_some((run.reason, without))
        })
    }

    /// What was judged missed, as far as it lies in `[from, to)`.
    pub fn missed_runs(&self, from: Timestamp, to: Timestamp) -> Vec<MissedRun> {
        let cut = self.missed.iter().map(|run| MissedRun {
            from: run.from.max(from),
            to: run.to.min(to),
            reason: run.reason,
        });
        cut.filter(|run| run.from < run.to).collect()
    }

    /// How many slots in `[from, to)` have neither a result nor a judgement. The runs of `missed` lie apart.
    pub fn open_slots(&self, from: Timestamp, to: Timestamp) -> u64 {
        let mut open = 0;
        let mut cursor = from;
        for run in self.missed.iter().filter(|run| run.to > from && run.from < to) {
            open += self.without_result(cursor, run.from);
            cursor = run.to;
        }
        open + self.without_result(cursor, to)
    }

    fn without_result(&self, from: Timestamp, to: Timestamp) -> u64 {
        if from >= to {
            return 0;
        }
        let received = self.received(from, to).count();
        self.expected(from, to).saturating_sub(u64::try_from(received).unwrap_or(u64::MAX))
    }

    /// The newest entry at or after `from` that says something about the target, or any with `blocked`.
    pub fn newest(&self, from: Timestamp, blocked: bool) -> Option<&Entry> {
        let is_blocked = |entry: &&Entry| {
            matches!(entry.outcome, proto::Outcome::Failed(proto::Failure::Blocked))
        };
        let fresh = self.entries.iter().rev().take_while(|entry| entry.planned >= from);
        fresh.filter(|entry| !entry.suspect).find(|entry| blocked || !is_blocked(entry))
    }

    /// Moves `settled_to` over the slots that are filled or judged, up to `now`.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some((planned, _)) = self.next(self.settled_to) {
            if planned > now || !(self.is_filled(planned) || self.is_judged(planned)) {
                return;
            }
            self.settled_to = planned + std::time::Duration::from_millis(1);
        }
    }

    /// Forgets what was planned before `horizon`, but never a slot that is not settled. Whether there was a result.
    pub fn forget_before(&mut self, horizon: Timestamp) -> bool {
        let horizon = horizon.min(self.settled_to);
        let results = self.entries.len();
        while self.entries.front().is_some_and(|entry| entry.planned < horizon) {
            self.entries.pop_front();
        }
        self.attempts.keep_within(horizon, Timestamp::MAX);
        self.missed.retain(|run| run.to > horizon);
        self.reported.retain(|run| run.to > horizon);
        self.stretches.retain(|stretch| stretch.until > horizon);
        self.entries.len() < results
    }

    /// Never due, or all of it forgotten.
    pub(super) fn is_blank(&self) -> bool {
        self.is_untouched()
            && self.stretches.is_empty()
            && self.reported.is_empty()
            && self.last_up.is_none()
            && self.last_not_up.is_none()
    }

    /// Nothing was ever found or judged here.
    pub fn is_untouched(&self) -> bool {
        self.entries.is_empty() && self.missed.is_empty()
    }
}

impl Detail {
    /// The first of its sort.
    fn of(entry: Entry, result: &ProbeResult) -> Self {
        let note = result.note.as_deref().cloned().unwrap_or_default();
        Self { entry, phases: result.phases, body_bytes: result.body_bytes, note }
    }

    /// A newer one. An answer's note travels only when it changed, so the one before it is kept.
    fn renew(&mut self, entry: Entry, result: &ProbeResult) {
        (self.entry, self.phases, self.body_bytes) = (entry, result.phases, result.body_bytes);
        match &result.note {
            Some(note) => self.note.clone_from(note),
            None if entry.outcome.is_up() => {}
            None => self.note = Note::default(),
        }
    }
}

fn run_of(runs: &[MissedRun], planned: Timestamp) -> Option<&MissedRun> {
    runs.iter().rev().find(|run| run.from <= planned && planned < run.to)
}

/// Puts a run in its place. What is already covered keeps its reason; the run that ends where it begins is extended.
fn insert_run(runs: &mut Vec<MissedRun>, run: MissedRun) {
    let mut rest = run;
    for known in runs.iter() {
        if rest.from >= known.from && rest.from < known.to {
            rest.from = known.to;
        }
        if rest.to > known.from && rest.to <= known.to {
            rest.to = known.from;
        }
    }
    if rest.from >= rest.to {
        return;
    }
    let index = runs.partition_point(|known| known.from < rest.from);
    // A known run inside the new one splits it.
    if let Some(inside) = runs.get(index).copied().filter(|known| known.from < rest.to) {
        insert_run(runs, MissedRun { to: inside.from, ..rest });
        insert_run(runs, MissedRun { from: inside.to, ..rest });
        return;
    }
    // Runs that touch and have one reason are one: what they are does not depend on the order in which they came.
    if let Some(next) = runs.get(index).filter(|n| n.from == rest.to && n.reason == rest.reason) {
        rest.to = next.to;
        runs.remove(index);
    }
    match index.checked_sub(1).and_then(|before| runs.get_mut(before)) {
        Some(before) if before.to == rest.from && before.reason == rest.reason => {
            before.to = rest.to
        }
        _ => runs.insert(index, rest),
    }
}

#[cfg(test)]
mod tests;
