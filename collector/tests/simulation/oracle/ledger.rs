//! A recount of the whole log with code of its own: when each slot was due, what was found, what was judged.
//!
//! It shares with the collector the records' code and the two hashes, and nothing else. [`Wrong`] makes it count as a
//! collector with a known mistake would: that is how the oracle is tested.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proto::{
    Batch, Failure, Kind, Missed, Outcome, Record, ResultBatch, Suspicion, TargetEntry, Timestamp,
    Uid, VantageState, WINDOW_MAX, phase_of, wire,
};

use crate::mutants::Wrong;
use crate::world::books::{Attempt, Books, Key, VANTAGES, place};

/// A time in which a target is due at a vantage.
#[derive(Clone, Debug)]
pub(super) struct Due {
    from: i64,
    pub(super) until: i64,
    loaded: i64,
    interval: i64,
    phase: i64,
    extra: bool,
}

impl Due {
    /// Every planned start up to `now`.
    fn starts(&self, now: i64, boundary: i64) -> Vec<i64> {
        let mut starts = Vec::new();
        let (from, until) = (self.from + boundary, self.until.min(now + 1));
        let until = if self.until <= now { until + boundary } else { until };
        let mut planned =
            (from - self.phase).div_euclid(self.interval) * self.interval + self.phase;
        while planned < until {
            if planned >= from {
                starts.push(planned);
            }
            planned += self.interval;
        }
        let extra = self.extra && self.loaded < self.until && self.loaded <= now;
        if extra && !starts.contains(&self.loaded) {
            starts.push(self.loaded);
        }
        starts
    }

    fn plans(&self, planned: i64) -> bool {
        let regular = (planned - self.phase).rem_euclid(self.interval) == 0;
        let inside = self.from <= planned && planned < self.until;
        inside && (regular || (self.extra && planned == self.loaded))
    }
}

/// The window of a slot, in which its probe may start.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub opens: Timestamp,
    pub closes: Timestamp,
}

/// What the log says of one target at one vantage.
#[derive(Default)]
pub(super) struct Own {
    pub(super) due: Vec<Due>,
    /// Attempts with the instant of their record.
    pub(super) attempts: BTreeMap<i64, Vec<(Timestamp, Attempt)>>,
    judged: Vec<(i64, i64, Missed)>,
    reported: Vec<(i64, i64, Missed)>,
}

pub(super) struct Row {
    pub(super) entry: TargetEntry,
    pub(super) listed: bool,
    /// Revisions, each from its instant on.
    revisions: Vec<(i64, u32, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    All,
    Named,
    Nobody,
}

/// The recount.
pub struct Ledger {
    wrong: Option<Wrong>,
    pub(super) rows: BTreeMap<Uid, Row>,
    reach: BTreeMap<&'static str, Reach>,
    pub(super) own: BTreeMap<(Uid, &'static str), Own>,
    /// With the instant of the record that began each.
    suspicions: BTreeMap<String, Vec<(Timestamp, Suspicion)>>,
    aliases: BTreeMap<Uid, Uid>,
    /// Hours by their beginning: how often each was written.
    pub written: BTreeMap<Timestamp, u32>,
}

impl Ledger {
    pub fn of(archive: &[Bytes], wrong: Option<Wrong>) -> Self {
        let mut ledger = Self::empty(wrong);
        for bytes in archive {
            ledger.take(wire::decode_record(bytes.clone()).expect("it was decoded before"));
        }
        ledger
    }

    /// Of a log without a record.
    pub fn empty(wrong: Option<Wrong>) -> Self {
        Self {
            wrong,
            rows: BTreeMap::new(),
            reach: BTreeMap::new(),
            own: BTreeMap::new(),
            suspicions: BTreeMap::new(),
            aliases: BTreeMap::new(),
            written: BTreeMap::new(),
        }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: Record) {
        let Record { at, kind } = record;
        match kind {
            Kind::Catalog { upserts, removals, .. } => self.list(at, upserts, &removals),
            Kind::Vantage { name, state } => self.reach(at, place(&name), state),
            Kind::Results(batch) => self.results(at, &batch),
            Kind::Suspicion(suspicion) => self.suspect(at, suspicion),
            Kind::Hour(hour) => *self.written.entry(hour.start).or_default() += 1,
            _ => {}
        }
    }

    fn list(&mut self, at: Timestamp, upserts: Vec<TargetEntry>, removals: &[Uid]) {
        let mut touched: Vec<Uid> = removals.to_vec();
        for mut entry in upserts {
            self.reuse_uid(&mut entry);
            touched.push(entry.uid);
            let revision = (at.millis(), entry.revision, entry.spec.url.clone());
            match self.rows.get_mut(&entry.uid) {
                Some(row) => {
                    row.revisions.push(revision);
                    (row.entry, row.listed) = (entry, true);
                }
                None => {
                    let row = Row { entry, listed: true, revisions: vec![revision] };
                    self.rows.insert(row.entry.uid, row);
                }
            }
        }
        for uid in removals {
            let uid = self.aliases.get(uid).unwrap_or(uid);
            self.rows.get_mut(uid).expect("only what was listed is removed").listed = false;
        }
        for uid in touched {
            for vantage in VANTAGES {
                self.reconcile(at.millis(), uid, vantage);
            }
        }
    }

    /// With one mistake a newcomer gets the uid of somebody who is gone.
    fn reuse_uid(&mut self, entry: &mut TargetEntry) {
        let new = !self.rows.contains_key(&entry.uid);
        if let Some(alias) = self.aliases.get(&entry.uid) {
            entry.uid = *alias;
        } else if new && self.wrong == Some(Wrong::UidReused) {
            let gone = self.rows.iter().find(|(_, row)| !row.listed).map(|(uid, _)| *uid);
            if let Some(gone) = gone {
                self.aliases.insert(entry.uid, gone);
                entry.uid = gone;
            }
        }
    }

    fn reach(&mut self, at: Timestamp, vantage: &'static str, state: VantageState) {
        let reach = match state {
            VantageState::Seen => return,
            VantageState::Active => Reach::All,
            VantageState::Named => Reach::Named,
            VantageState::Retired | VantageState::Withdrawn => Reach::Nobody,
        };
        self.reach.insert(vantage, reach);
        let uids: Vec<Uid> = self.rows.keys().copied().collect();
        for uid in uids {
            self.reconcile(at.millis(), uid, vantage);
            let own = self.own.entry((uid, vantage)).or_default();
            if state == VantageState::Withdrawn && own.attempts.is_empty() && own.judged.is_empty()
            {
                *own = Own::default();
            }
        }
    }

    /// Whether the target is due at the vantage from now on, and since when.
    fn reconcile(&mut self, at: i64, uid: Uid, vantage: &'static str) {
        let Some(row) = self.rows.get(&uid) else { return };
        let named = row.entry.vantages.iter().any(|name| name == vantage);
        let due = row.listed
            && !row.entry.paused
            && match self.reach.get(vantage) {
                Some(Reach::All) => named || row.entry.vantages.is_empty(),
                Some(Reach::Named) => named,
                Some(Reach::Nobody) | None => false,
            };
        let interval = row.entry.interval;
        let phase = phase_of(&row.entry.name, vantage, interval).as_millis() as i64;
        let window = interval.min(WINDOW_MAX).as_millis() as i64;
        let interval = interval.as_millis() as i64;
        let own = self.own.entry((uid, vantage)).or_default();
        let open = own.due.last().filter(|due| due.until == i64::MAX).map(|due| due.interval);
        match (due, open) {
            (true, Some(before)) if before == interval => {}
            (true, Some(_)) => {
                own.close(at);
                let until = i64::MAX;
                own.due.push(Due { from: at, until, loaded: at, interval, phase, extra: false });
            }
            (true, None) => {
                let not_before = own.due.last().map_or(0, |due| due.until);
                let from = (at - window + 1).max(not_before);
                let first = (from - phase).div_euclid(interval) * interval + phase;
                let first = if first < from { first + interval } else { first };
                let extra = first > at;
                own.due.push(Due { from, until: i64::MAX, loaded: at, interval, phase, extra });
            }
            (false, Some(_)) => own.close(at),
            (false, None) => {}
        }
    }

    fn results(&mut self, at: Timestamp, batch: &ResultBatch) {
        let Batch { results, missed } = wire::decode_batch(&batch.columns).expect("it was before");
        let vantage = place(&batch.vantage);
        for mut result in results {
            result.uid = self.aliases.get(&result.uid).copied().unwrap_or(result.uid);
            let own = self.own.entry((result.uid, vantage)).or_default();
            let planned = result.planned.millis();
            // The list may have changed between the decision to log it and the log.
            if own.due.iter().any(|due| due.plans(planned)) {
                let attempt =
                    Attempt { agent_id: batch.agent_id.clone(), boot: batch.boot, result };
                own.attempts.entry(planned).or_default().push((at, attempt));
            }
        }
        for range in missed {
            let own = self.own.entry((range.uid, vantage)).or_default();
            let runs = if batch.agent_id.is_empty() { &mut own.judged } else { &mut own.reported };
            runs.push((range.from.millis(), range.to.millis(), range.reason));
        }
    }

    fn suspect(&mut self, at: Timestamp, suspicion: Suspicion) {
        let spans = self.suspicions.entry(suspicion.agent_id.clone()).or_default();
        match spans.iter_mut().find(|(_, span)| span.from == suspicion.from) {
            Some((_, span)) => span.until = span.until.min(suspicion.until),
            None => spans.push((at, suspicion)),
        }
    }

    fn is_suspect(&self, attempt: &Attempt) -> bool {
        self.suspected_at(attempt).is_some()
    }

    /// When the suspicion under which a failure was found came into the log, if there is one.
    pub(super) fn suspected_at(&self, attempt: &Attempt) -> Option<Timestamp> {
        let began = attempt.result.started();
        let ours = matches!(attempt.result.outcome, Outcome::Failed(f) if f != Failure::Blocked);
        let spans = self.suspicions.get(&attempt.agent_id).map_or(&[][..], Vec::as_slice);
        let around = |(_, span): &&(Timestamp, Suspicion)| span.from <= began && began < span.until;
        spans.iter().find(around).filter(|_| ours).map(|(at, _)| *at)
    }

    /// Whether an agent of the vantage was under suspicion at some time in the window.
    pub fn was_suspected(&self, vantage: &str, window: Window) -> bool {
        let mut spans = self.suspicions.values().flatten();
        spans
            .any(|(_, s)| s.vantage == vantage && s.from <= window.closes && window.opens < s.until)
    }

    /// Every slot that is due up to `now`, with its window.
    pub fn due(&self, now: Timestamp) -> BTreeMap<Key, Window> {
        let mut all = BTreeMap::new();
        let boundary = i64::from(self.wrong == Some(Wrong::FloorOffByOne));
        for ((uid, vantage), own) in &self.own {
            let today = self.wrong == Some(Wrong::ExpectedFromTodaysCatalog);
            let due = if today { own.as_today() } else { own.due.clone() };
            for due in due {
                for planned in due.starts(now.millis(), boundary) {
                    let opens = Timestamp::from_millis(planned.max(due.loaded));
                    let window = due.interval.min(WINDOW_MAX.as_millis() as i64);
                    let closes = Timestamp::from_millis(opens.millis() + window);
                    let planned = Timestamp::from_millis(planned);
                    let key = Key { uid: *uid, vantage, planned };
                    let twice = all.insert(key, Window { opens, closes }).is_some();
                    assert!(!twice || self.wrong.is_some(), "{key:?} is planned twice");
                }
            }
        }
        all
    }

    /// Every slot that has a result, and the greatest one; with the instant at which it came.
    pub fn counted(&self) -> BTreeMap<Key, (Timestamp, Outcome)> {
        let mut counted = BTreeMap::new();
        for ((uid, vantage), own) in &self.own {
            for (planned, attempts) in &own.attempts {
                let Some((at, best)) = self.best(attempts) else { continue };
                if self.wrong == Some(Wrong::MissedOverwritesResult) && own.is_judged(*planned) {
                    continue;
                }
                let planned = match self.wrong {
                    Some(Wrong::KeyBySlotNumber) => own.by_slot_number(*planned),
                    Some(Wrong::DedupeByStartTime) => best.result.started().millis(),
                    _ => *planned,
                };
                let planned = Timestamp::from_millis(planned);
                let key = Key { uid: *uid, vantage, planned };
                counted.insert(key, (at, best.result.outcome));
            }
        }
        counted
    }

    pub(super) fn best<'a>(
        &self,
        attempts: &'a [(Timestamp, Attempt)],
    ) -> Option<(Timestamp, &'a Attempt)> {
        let mut all = attempts.iter().filter(|(_, attempt)| !self.is_suspect(attempt));
        let found = match self.wrong {
            Some(Wrong::FirstWins) => all.next(),
            Some(Wrong::LastWins) => all.next_back(),
            _ => all.max_by_key(|(_, attempt)| place_in_order(attempt)),
        };
        let late = |at: Timestamp, attempt: &Attempt| at.since(attempt.result.started());
        let found = found.filter(|(at, attempt)| {
            self.wrong != Some(Wrong::LateNotCounted) || late(*at, attempt) < WINDOW_MAX / 10
        });
        found.map(|(at, attempt)| (*at, attempt))
    }

    /// The reasons that the collector gave for the slot.
    pub fn judged(&self, key: &Key) -> BTreeSet<Missed> {
        self.own
            .get(&(key.uid, key.vantage))
            .map_or_else(BTreeSet::new, |own| covering(&own.judged, key.planned.millis()))
    }

    /// The reasons that agents gave for it.
    pub fn reported(&self, key: &Key) -> BTreeSet<Missed> {
        self.own
            .get(&(key.uid, key.vantage))
            .map_or_else(BTreeSet::new, |own| covering(&own.reported, key.planned.millis()))
    }

    /// Whether the slot has attempts, if only such as count for nothing.
    pub fn was_attempted(&self, key: &Key) -> bool {
        let own = self.own.get(&(key.uid, key.vantage));
        own.is_some_and(|own| own.attempts.contains_key(&key.planned.millis()))
    }

    /// Every counted attempt probed the specification that was in force, or a newer one. In force is what is in the log: what was
    /// taken in while a change was on its way there stands.
    pub fn specifications_are_in_force(&self, books: &Books) {
        for ((uid, vantage), own) in &self.own {
            let revisions = &self.rows[uid].revisions;
            for (planned, attempts) in &own.attempts {
                let logged = |from: i64| {
                    let from = Timestamp::from_millis(from);
                    books.listed.get(&from).copied().unwrap_or(from).millis()
                };
                let is_in_force = |(from, ..): &(i64, _, _)| logged(*from) <= *planned;
                let in_force = revisions.iter().rposition(is_in_force).unwrap_or(0);
                let key = Key { uid: *uid, vantage, planned: Timestamp::from_millis(*planned) };
                for (_, attempt) in attempts {
                    let known = |url: &str| revisions[in_force..].iter().any(|(.., it)| it == url);
                    let fit = books.probed(&key, attempt).any(known);
                    assert!(fit, "{key:?}: an old specification was probed: {attempt:?}");
                }
            }
        }
    }
}

fn covering(runs: &[(i64, i64, Missed)], planned: i64) -> BTreeSet<Missed> {
    let covering = runs.iter().filter(|(from, to, _)| *from <= planned && planned < *to);
    covering.map(|(.., reason)| *reason).collect()
}

/// The fixed order of values: up, answered otherwise, failed; then the earlier start, the boot id, the bytes.
fn place_in_order(attempt: &Attempt) -> (u8, Reverse<i32>, u64, u32, u32) {
    let (rank, code) = match attempt.result.outcome {
        Outcome::Answered { status, unexpected: None } => (3, (u32::from(status), 0)),
        Outcome::Answered { status, unexpected: Some(what) } => (2, (status.into(), what.number())),
        Outcome::Failed(failure) => (1, (failure.number(), 0)),
    };
    (rank, Reverse(attempt.result.start_delay_ms), attempt.boot, code.0, code.1)
}

impl Own {
    fn close(&mut self, until: i64) {
        let Some(last) = self.due.last_mut() else { return };
        last.until = last.until.min(until);
        if last.until <= last.from {
            self.due.pop();
        }
        // An agent's clock may be ahead by a little: what was not to be planned does not count.
        self.attempts.split_off(&until);
    }

    fn is_judged(&self, planned: i64) -> bool {
        !covering(&self.judged, planned).is_empty() || !covering(&self.reported, planned).is_empty()
    }

    /// As if what is due now had been due all the time.
    fn as_today(&self) -> Vec<Due> {
        let Some(last) = self.due.last().filter(|due| due.until == i64::MAX) else {
            return Vec::new();
        };
        let from = self.due.iter().map(|due| due.from).min().unwrap_or(last.from);
        vec![Due { from, ..last.clone() }]
    }

    /// As if slots were numbered by the interval of today.
    fn by_slot_number(&self, planned: i64) -> i64 {
        let Some(last) = self.due.last() else { return planned };
        (planned - last.phase).div_euclid(last.interval) * last.interval + last.phase
    }
}
