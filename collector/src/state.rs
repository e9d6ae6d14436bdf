//! Everything durable, in memory: the state is a fold of the log, at start and while running alike.
//!
//! Nothing here reads a clock, and nothing changes but by [`State::apply`] (and by forgetting what is too old), so what a
//! restart finds is what was there. Start at [`State::apply`].

mod accept;
mod attempts;
mod changes;
mod due;
mod found;
pub mod hours;
pub mod incidents;
mod quiet;
mod series;
pub mod snapshot;
mod stretch;
mod suspicions;
mod target;
mod touched;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, Range};
use std::time::Duration;

use proto::{
    Batch, Kind, Malformed, Record, ResultBatch, Timestamp, Uid, VantageState as LoggedState, wire,
};

pub use accept::{Accepted, LATE_MAX};
pub use changes::{CHANGES_MAX, Changes, FAILING_MAX, VerdictChange};
pub use hours::Hours;
pub use incidents::{Incident, Incidents, Message};
pub use quiet::Quiet;
pub use series::{Detail, MissedRun, Series};
pub use stretch::Stretch;
pub use suspicions::Suspicions;
pub use target::{TargetIdx, TargetState};
use touched::Touched;
pub use value::{Entry, ReporterIdx, rank};

/// A vantage's place in the state's vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VantageIdx(pub u16);

impl VantageIdx {
    /// As an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Which targets a vantage reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those for all vantages, and those that name it.
    All,
    /// Only those that name it.
    Named,
    /// None.
    Nobody,
}

/// A vantage that the log knows.
#[derive(Debug)]
pub struct Vantage {
    /// Its name.
    pub name: String,
    /// Which targets are due from it.
    pub reach: Reach,
    /// When an agent of it was last logged.
    pub seen: Option<Timestamp>,
    /// By [`TargetIdx`]; shorter than the targets where it never reached the later ones.
    pub series: Vec<Series>,
}

/// An agent process that reported.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reporter {
    /// The agent's id.
    pub agent_id: String,
    /// Its zone.
    pub zone: String,
    /// Its boot id.
    pub boot: u64,
}

/// The fold of the log.
#[derive(Debug, Default)]
pub struct State {
    targets: Vec<TargetState>,
    /// In the order of names.
    by_name: BTreeMap<String, TargetIdx>,
    vantages: Vec<Vantage>,
    /// One a start of an agent, some 100 bytes, for as long as the collector runs.
    reporters: Vec<Reporter>,
    reporter_idx: HashMap<Reporter, ReporterIdx>,
    /// When each agent's results were last logged.
    last_reports: HashMap<ReporterIdx, Timestamp>,
    /// When a collector led: from its claim to the last thing that it logged.
    led: Vec<(Timestamp, Timestamp)>,
    /// When which agents were under suspicion.
    pub suspicions: Suspicions,
    /// What was written into parts.
    hours: Hours,
    /// How many records the log had up to here: where the next one is.
    position: u64,
    touched: Touched,
    /// Slots planned before this are not here any more.
    forgotten: Timestamp,
    /// Names the log.
    pub log: u64,
    /// The last claim's.
    pub epoch: u64,
    /// The last catalog's.
    pub catalog_revision: u64,
    /// The newest changes of verdicts.
    pub changes: Changes,
    /// What people should know of.
    pub incidents: Incidents,
    /// When targets were first listed.
    pub first_load: Option<Timestamp>,
    /// The newest record's instant.
    pub newest: Timestamp,
}

/// What a record changed: what the rest of the collector must look at again.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// A claim.
    Claimed,
    /// These targets were listed, changed or removed.
    Targets(Vec<TargetIdx>),
    /// A vantage was seen.
    Seen(VantageIdx),
    /// A vantage reaches other targets than before.
    Vantage(VantageIdx),
    /// The values of these slots changed at this vantage.
    Values(VantageIdx, Vec<(TargetIdx, Timestamp)>),
    /// A revision of the hour that begins then was written.
    Hour(Timestamp),
    /// A snapshot was written.
    Snapshot,
    /// Something became of incidents, or was told.
    Incidents,
    /// The maintenance of these targets begins, or changes.
    Maintenance(Vec<TargetIdx>),
}

/// Unless its hour cannot be written, a slot is forgotten when it is too old; if it cannot, so much later.
const FORGET_ANYWAY: Duration = Duration::from_secs(24 * 3600);

impl State {
    /// Nothing yet, with hours of another length than an hour.
    pub fn with_hours_of(length: Duration) -> Self {
        Self { hours: Hours::of_length(length), ..Self::default() }
    }

    /// Takes the next record of the log.
    ///
    /// # Errors
    /// When the record's batch cannot be decoded, or a target has a number that is not its turn: the log is not ours, or damaged.
    pub fn apply(&mut self, record: Record) -> Result<Change, Malformed> {
        let found = match &record.kind {
            Kind::Results(batch) => wire::decode_batch(&batch.columns)?,
            _ => Batch::default(),
        };
        self.apply_decoded(record, &found)
    }

    /// The same with what the record's columns hold, for whoever has that at hand; nothing if it has none.
    ///
    /// # Errors
    /// When a target has a number that is not its turn.
    pub fn apply_decoded(&mut self, record: Record, found: &Batch) -> Result<Change, Malformed> {
        let Record { at, kind } = record;
        self.newest = self.newest.max(at);
        if let Some(led) = self.led.last_mut() {
            led.1 = self.newest;
        }
        let position = self.position;
        self.position += 1;
        let change = match kind {
            Kind::Claim { epoch, log } => {
                self.log = log;
                self.epoch = epoch;
                self.led.push((at, at));
                Change::Claimed
            }
            Kind::Catalog { revision, upserts, removals } => {
                self.catalog_revision = revision;
                self.first_load.get_or_insert(at);
                Change::Targets(self.apply_catalog(at, upserts, &removals, position)?)
            }
            Kind::Vantage { name, state: LoggedState::Seen } => {
                let idx = self.vantage_or_new(&name);
                self.vantages[idx.index()].seen = Some(at);
                Change::Seen(idx)
            }
            Kind::Vantage { name, state } => {
                Change::Vantage(self.apply_vantage(at, &name, state, position))
            }
            Kind::Results(batch) => {
                let (vantage, touched) = self.apply_results(at, &batch, found, position);
                Change::Values(vantage, touched)
            }
            Kind::Hour(manifest) => {
                let start = manifest.start;
                self.hours.seal(manifest);
                Change::Hour(start)
            }
            Kind::Snapshot(_) => Change::Snapshot,
            Kind::Suspicion(suspicion) => self.apply_suspicion(suspicion, position),
            Kind::Incidents(facts) => {
                self.incidents.apply(at, facts);
                Change::Incidents
            }
            Kind::Maintenance { from, until, uids } => {
                Change::Maintenance(self.apply_maintenance(at, (from, until), &uids, position))
            }
            Kind::Told { sink, up_to } => {
                self.incidents.messages.tell(sink, up_to);
                Change::Incidents
            }
        };
        match &change {
            Change::Values(_, slots) => {
                self.touched.mark(position, slots.iter().map(|(target, _)| *target));
            }
            Change::Targets(targets) => self.touched.mark(position, targets.iter().copied()),
            Change::Vantage(_) => {
                let all = 0..self.targets.len();
                self.touched.mark(position, all.map(|index| TargetIdx(index as u32)));
            }
            Change::Claimed
            | Change::Seen(_)
            | Change::Hour(_)
            | Change::Snapshot
            | Change::Incidents
            | Change::Maintenance(_) => {}
        }
        Ok(change)
    }

    /// Whether [`Self::changed_since`] knows what records at or after `position` changed.
    pub fn knows_changes_since(&self, position: u64) -> bool {
        self.touched.reaches(position)
    }

    /// The targets, from a place on, whose listing or values records at or after `position` changed.
    pub fn changed_since(
        &self,
        position: u64,
        first: usize,
    ) -> impl Iterator<Item = TargetIdx> + use<'_> {
        self.touched.since(position, first)
    }

    /// Takes a record of the past: verdicts are what they were then.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn replay(&mut self, record: Record) -> Result<(), Malformed> {
        let at = record.at;
        match self.apply(record)? {
            Change::Values(_, slots) => {
                for (target, _) in slots {
                    self.renew_verdict(target, at);
                }
            }
            Change::Targets(targets) => {
                for target in targets {
                    self.renew_verdict(target, at);
                }
            }
            Change::Claimed
            | Change::Seen(_)
            | Change::Vantage(_)
            | Change::Hour(_)
            | Change::Snapshot
            | Change::Incidents
            | Change::Maintenance(_) => {}
        }
        Ok(())
    }

    /// Slots of these targets that are planned in a span are marked; what was written of the past is written again.
    fn apply_maintenance(
        &mut self,
        at: Timestamp,
        (from, until): (Timestamp, Timestamp),
        uids: &[Uid],
        position: u64,
    ) -> Vec<TargetIdx> {
        let known: Vec<TargetIdx> = uids.iter().filter_map(|uid| self.by_uid(*uid)).collect();
        for idx in &known {
            self.targets[idx.index()].quiet.set(from, until);
        }
        let mut hour = self.hours.start_of(from.max(self.forgotten));
        while hour <= at && !known.is_empty() {
            self.hours.touch(hour, position);
            hour = hour + self.hours.length();
        }
        known
    }

    fn reporter(&mut self, batch: &ResultBatch) -> ReporterIdx {
        let reporter = Reporter {
            agent_id: batch.agent_id.clone(),
            zone: batch.zone.clone(),
            boot: batch.boot,
        };
        self.intern(reporter)
    }

    /// The place of a reporter.
    pub fn intern(&mut self, reporter: Reporter) -> ReporterIdx {
        let next = ReporterIdx(u32::try_from(self.reporters.len()).unwrap_or(u32::MAX));
        *self.reporter_idx.entry(reporter.clone()).or_insert_with(|| {
            self.reporters.push(reporter);
            next
        })
    }

    fn vantage_or_new(&mut self, name: &str) -> VantageIdx {
        self.vantage_idx(name).unwrap_or_else(|| {
            let idx =
                VantageIdx(u16::try_from(self.vantages.len()).expect("fewer than 2^16 vantages"));
            let name = name.to_owned();
            self.vantages.push(Vantage {
                name,
                reach: Reach::Nobody,
                seen: None,
                series: Vec::new(),
            });
            idx
        })
    }

    /// The vantage of this name, if the log knows it.
    pub fn vantage_idx(&self, name: &str) -> Option<VantageIdx> {
        let index = self.vantages.iter().position(|vantage| vantage.name == name)?;
        u16::try_from(index).ok().map(VantageIdx)
    }

    /// Every vantage, by index.
    pub fn vantages(&self) -> impl Iterator<Item = (VantageIdx, &Vantage)> + Clone {
        self.vantages.iter().enumerate().map(|(index, vantage)| (VantageIdx(index as u16), vantage))
    }

    /// One vantage.
    pub fn vantage(&self, idx: VantageIdx) -> &Vantage {
        &self.vantages[idx.index()]
    }

    /// Every target that was ever listed, by index.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = (TargetIdx, &TargetState)> {
        self.targets.iter().enumerate().map(|(index, target)| (TargetIdx(index as u32), target))
    }

    /// Those of a part of the places.
    pub fn targets_in(
        &self,
        part: Range<usize>,
    ) -> impl ExactSizeIterator<Item = (TargetIdx, &TargetState)> {
        let end = part.end.min(self.targets.len());
        let start = part.start.min(end);
        let idx = move |index: usize| TargetIdx((start + index) as u32);
        let part = self.targets[start..end].iter().enumerate();
        part.map(move |(index, target)| (idx(index), target))
    }

    /// One target.
    pub fn target(&self, idx: TargetIdx) -> &TargetState {
        &self.targets[idx.index()]
    }

    /// One target, to keep its verdict.
    pub fn target_mut(&mut self, idx: TargetIdx) -> &mut TargetState {
        &mut self.targets[idx.index()]
    }

    /// The target of this name, if it was ever listed.
    pub fn by_name(&self, name: &str) -> Option<TargetIdx> {
        self.by_name.get(name).copied()
    }

    /// Every target that was ever listed, in the order of names.
    pub fn by_names(&self) -> impl Iterator<Item = (&str, TargetIdx)> {
        self.by_name.iter().map(|(name, idx)| (name.as_str(), *idx))
    }

    /// Those after a name.
    pub fn after_name(&self, name: Option<&str>) -> impl Iterator<Item = (&str, TargetIdx)> {
        let after = name.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.by_name.range::<str, _>((after, Bound::Unbounded));
        rest.map(|(name, idx)| (name.as_str(), *idx))
    }

    /// The target with this uid.
    pub fn by_uid(&self, uid: Uid) -> Option<TargetIdx> {
        // Uids are given in the order of the targets' places, from 1 on, and no target ever leaves its place.
        let idx = TargetIdx(u32::try_from(uid.0.checked_sub(1)?).ok()?);
        self.targets.get(idx.index()).is_some_and(|target| target.uid == uid).then_some(idx)
    }

    /// The uid that the next new name gets: none is given twice.
    pub fn next_uid(&self) -> Uid {
        Uid(self.targets.len() as u64 + 1)
    }

    /// A target at a vantage, if it was ever due from there.
    pub fn series(&self, vantage: VantageIdx, target: TargetIdx) -> Option<&Series> {
        self.vantages[vantage.index()].series.get(target.index())
    }

    /// The same, to settle it.
    pub fn series_mut(&mut self, vantage: VantageIdx, target: TargetIdx) -> Option<&mut Series> {
        self.vantages[vantage.index()].series.get_mut(target.index())
    }

    /// Who reported a value.
    pub fn reported_by(&self, idx: ReporterIdx) -> &Reporter {
        &self.reporters[idx.0 as usize]
    }

    /// The ids of the agents whose results were logged no longer than this before the newest that were.
    pub fn reporters_within(&self, time: Duration) -> impl Iterator<Item = &str> {
        let newest = self.last_reports.values().max().copied().unwrap_or_default();
        let recent = self.last_reports.iter().filter(move |(_, at)| **at >= newest - time);
        recent.map(|(idx, _)| self.reported_by(*idx).agent_id.as_str())
    }

    /// Whether some collector led during the whole of `[from, to)`; the present one leads still.
    pub fn was_led(&self, from: Timestamp, to: Timestamp) -> bool {
        let current = self.led.last().is_some_and(|(since, _)| *since <= from);
        current || self.led.iter().any(|(since, until)| *since <= from && to <= *until)
    }

    /// When the present leader began.
    pub fn leads_since(&self) -> Timestamp {
        self.led.last().map_or(Timestamp::MAX, |(since, _)| *since)
    }

    /// Moves every series over what is settled.
    pub fn settle_all(&mut self, now: Timestamp) {
        for series in self.vantages.iter_mut().flat_map(|vantage| &mut vantage.series) {
            series.settle(now);
        }
    }

    /// Forgets settled slots that were planned longer ago than they are kept, in whole hours, and not before their hour
    /// was written into parts.
    pub fn forget(&mut self, now: Timestamp, keep_slots: Duration) {
        let wanted = self.hours.start_of(now - keep_slots);
        let unsealed = self.hours.unsealed().next().map_or(wanted, |(start, _)| start);
        let horizon = wanted.min(unsealed).max(wanted - FORGET_ANYWAY);
        self.forgotten = self.forgotten.max(horizon);
        self.hours.drop_unsealed_before(horizon);
        for vantage in &mut self.vantages {
            for (index, series) in vantage.series.iter_mut().enumerate() {
                if series.forget_before(horizon) {
                    self.touched.mark(self.position, [TargetIdx(index as u32)]);
                }
            }
        }
        self.suspicions.forget_before(horizon);
        for target in &mut self.targets {
            target.quiet.forget_before(horizon);
        }
        let horizon = now - keep_slots;
        self.last_reports.retain(|_, at| *at >= horizon);
        let current = self.led.len().saturating_sub(1);
        let mut index = 0;
        self.led.retain(|(_, until)| {
            index += 1;
            index > current || *until >= horizon
        });
    }

    /// What was written into parts.
    pub fn hours(&self) -> &Hours {
        &self.hours
    }

    /// The same, to drop what is no longer kept.
    pub fn hours_mut(&mut self) -> &mut Hours {
        &mut self.hours
    }

    /// How many records the log had when it said this.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Slots planned before this are not here any more.
    pub fn forgotten(&self) -> Timestamp {
        self.forgotten
    }

    /// Every slot planned before this is settled, but for those of targets and vantages to come. Settles what it can.
    pub fn open_from(&mut self, now: Timestamp) -> Timestamp {
        let all = self.vantages.iter_mut().flat_map(|vantage| &mut vantage.series);
        let open = all.filter_map(|series| {
            series.settle(now);
            series.next(series.settled_to).map(|(planned, _)| planned)
        });
        open.min().unwrap_or(Timestamp::MAX)
    }

    /// Puts slots back that were written into parts; what is here already stays where it is greater.
    pub fn put_slots(
        &mut self,
        uid: Uid,
        vantage: &str,
        entries: Vec<Entry>,
        missed: Vec<MissedRun>,
    ) {
        let (Some(idx), Some(vantage)) = (self.by_uid(uid), self.vantage_idx(vantage)) else {
            return;
        };
        let reporters = &self.reporters;
        let all = &mut self.vantages[vantage.index()].series;
        let Some(series) = all.get_mut(idx.index()) else { return };
        for entry in entries {
            series.put(entry, &|reporter: ReporterIdx| reporters[reporter.0 as usize].boot);
        }
        for run in missed {
            series.judge(run);
        }
    }
}
