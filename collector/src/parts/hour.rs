//! A finished hour as parts, and the parts read again.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use proto::{HourManifest, PartRef, Timestamp, Uid};

use super::code::{Coded, Damaged, In, Out, put_outcome, take_outcome};
use super::{Group, PART_BYTES, PartError, Totals, hash, read, rows_key, slots_key, totals_key};
use crate::state::{Entry, MissedRun, Quiet, Reporter, ReporterIdx, Series, State};
use crate::store::Parts;

/// The version of these parts, their first number.
const VERSION: u64 = 1;

/// An hour that can be written.
#[derive(Debug)]
pub struct Sealed {
    /// What the log is to say about it.
    pub manifest: HourManifest,
    /// Its parts, with their keys.
    pub parts: Vec<(String, Bytes)>,
}

/// Totals by vantage and category.
pub type Groups = BTreeMap<(String, String), Group>;

/// Puts everything that was planned in an hour into parts. The same slots always give the same bytes.
pub fn seal(state: &State, start: Timestamp, revision: u32) -> Sealed {
    let end = start + state.hours().length();
    let mut vantages = Out::default();
    vantages.number(VERSION);
    vantages.put(&state.vantages().map(|(_, place)| place.name.clone()).collect::<Vec<_>>());
    let mut groups = Groups::new();
    let (mut rows, mut slots) = (Pieces::default(), Pieces::default());
    let mut reporters = ReporterTable::default();
    for (idx, target) in state.targets() {
        for (vantage, place) in state.vantages() {
            let Some(series) = state.series(vantage, idx) else { continue };
            let (row, zones) = count(state, (&target.quiet, series), start, end);
            if row == Totals::default() {
                continue;
            }
            let out = rows.of(target.uid);
            out.put(&vantage.0);
            out.put(&row);
            let out = slots.of(target.uid);
            out.put(&vantage.0);
            put_slots(out, state, series, (start, end), &mut reporters);
            let key = (place.name.clone(), target.entry.category.clone());
            add_to_group(groups.entry(key).or_default(), &row, zones);
        }
        if rows.body.0.len() >= PART_BYTES {
            rows.close(&vantages);
        }
        if slots.body.0.len() >= PART_BYTES {
            slots.close(&reporters.take_header(&vantages));
        }
    }
    rows.close(&vantages);
    slots.close(&reporters.take_header(&vantages));
    let mut totals = Out::default();
    totals.number(VERSION);
    totals.put(&groups);
    let totals = Bytes::from(totals.0);
    let mut parts = vec![(totals_key(start, hash(&totals)), totals.clone())];
    let rows = rows.into_parts(&mut parts, |part| rows_key(start, part));
    let slots = slots.into_parts(&mut parts, |part| slots_key(start, part));
    let as_of = state.position();
    let manifest = HourManifest { start, revision, as_of, totals: hash(&totals), rows, slots };
    Sealed { manifest, parts }
}

/// What a series came to, and what of it each zone received.
fn count(
    state: &State,
    (quiet, series): (&Quiet, &Series),
    start: Timestamp,
    end: Timestamp,
) -> (Totals, BTreeMap<String, Totals>) {
    let mut row = Totals::default();
    let mut zones: BTreeMap<String, Totals> = BTreeMap::new();
    let Totals { tally, latency: _ } = &mut row;
    let mut received = Vec::new();
    tally.count(series, quiet, start, end, |_| true, |entry| received.push(entry));
    for entry in received {
        row.sample(entry);
        let zone = &state.reported_by(entry.reporter).zone;
        match zones.get_mut(zone) {
            Some(totals) => totals.receive(entry),
            None => zones.entry(zone.clone()).or_default().receive(entry),
        }
    }
    (row, zones)
}

fn add_to_group(group: &mut Group, row: &Totals, zones: BTreeMap<String, Totals>) {
    for (zone, totals) in zones {
        group.zones.entry(zone).or_default().merge(&totals);
    }
    let planned = &mut group.planned.tally;
    planned.expected += row.tally.expected;
    planned.open += row.tally.open;
    planned.unconfirmed += row.tally.unconfirmed;
    planned.quiet.merge(&row.tally.quiet);
    for (reason, count) in &row.tally.missed {
        *planned.missed.entry(*reason).or_default() += count;
    }
}

/// A column of parts: each holds whole targets.
#[derive(Default)]
struct Pieces {
    body: Out,
    first: Option<Uid>,
    last: Option<Uid>,
    done: Vec<(Uid, Bytes)>,
}

impl Pieces {
    /// Where the next series of this target goes.
    fn of(&mut self, uid: Uid) -> &mut Out {
        self.first.get_or_insert(uid);
        // 1 says: another series of the same target; 2: of another one.
        if self.last.replace(uid) == Some(uid) {
            self.body.number(1);
        } else {
            self.body.number(2);
            self.body.put(&uid);
        }
        &mut self.body
    }

    fn close(&mut self, header: &Out) {
        let Some(first) = self.first.take() else { return };
        self.last = None;
        let body = std::mem::take(&mut self.body);
        self.done.push((first, [header.0.as_slice(), &body.0, &[0]].concat().into()));
    }

    fn into_parts(
        self,
        parts: &mut Vec<(String, Bytes)>,
        key: impl Fn(PartRef) -> String,
    ) -> Vec<PartRef> {
        let keep = |(first, bytes): (Uid, Bytes)| {
            let part = PartRef { first, hash: hash(&bytes) };
            parts.push((key(part), bytes));
            part
        };
        self.done.into_iter().map(keep).collect()
    }
}

/// The reporters that a part names, in the order in which it does.
#[derive(Default)]
struct ReporterTable {
    places: HashMap<ReporterIdx, u64>,
    reporters: Vec<Reporter>,
}

impl ReporterTable {
    fn place(&mut self, state: &State, reporter: ReporterIdx) -> u64 {
        let next = self.reporters.len() as u64;
        let reporters = &mut self.reporters;
        *self.places.entry(reporter).or_insert_with(|| {
            reporters.push(state.reported_by(reporter).clone());
            next
        })
    }

    fn take_header(&mut self, vantages: &Out) -> Out {
        let mut header = Out(vantages.0.clone());
        header.put(&std::mem::take(&mut self.reporters));
        self.places.clear();
        header
    }
}

fn put_slots(
    out: &mut Out,
    state: &State,
    series: &Series,
    (start, end): (Timestamp, Timestamp),
    reporters: &mut ReporterTable,
) {
    out.number(series.all_attempts(start, end).count() as u64);
    let mut before = start.millis();
    for entry in series.all_attempts(start, end) {
        let Entry { planned, start_delay_ms, latency_us, outcome, reporter, suspect } = *entry;
        out.put(&(planned.millis() - before));
        before = planned.millis();
        out.put(&start_delay_ms);
        out.put(&latency_us);
        put_outcome(out, outcome);
        // Who, and whether under suspicion.
        out.number(reporters.place(state, reporter) * 2 + u64::from(suspect));
    }
    out.put(&series.missed_runs(start, end));
}

fn take_slots(
    input: &mut In<'_>,
    start: Timestamp,
    reporters: &[ReporterIdx],
) -> Result<(Vec<Entry>, Vec<MissedRun>), Damaged> {
    let count = input.count()?;
    let mut entries = Vec::with_capacity(count);
    let mut before = start.millis();
    for _ in 0..count {
        before = before.saturating_add(input.take()?);
        let (start_delay_ms, latency_us) = (input.take()?, input.take()?);
        let outcome = take_outcome(input)?;
        let number = input.number()?;
        let (place, suspect) = (usize::try_from(number / 2), number % 2 == 1);
        let reporter = place.ok().and_then(|place| reporters.get(place));
        let reporter = *reporter.ok_or(Damaged("a reporter of the part"))?;
        let planned = Timestamp::from_millis(before);
        entries.push(Entry { planned, start_delay_ms, latency_us, outcome, reporter, suspect });
    }
    Ok((entries, input.take()?))
}

impl Coded for Reporter {
    fn put(&self, out: &mut Out) {
        let Self { agent_id, zone, boot } = self;
        out.put(agent_id);
        out.put(zone);
        out.number(*boot);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Ok(Self { agent_id: input.take()?, zone: input.take()?, boot: input.number()? })
    }
}

impl Coded for MissedRun {
    fn put(&self, out: &mut Out) {
        let Self { from, to, reason } = self;
        out.put(from);
        out.put(to);
        out.put(reason);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Ok(Self { from: input.take()?, to: input.take()?, reason: input.take()? })
    }
}

/// Reads the version and the names of the vantages.
fn header(input: &mut In<'_>) -> Result<Vec<String>, Damaged> {
    version(input)?;
    input.take()
}

fn version(input: &mut In<'_>) -> Result<(), Damaged> {
    if input.number()? == VERSION { Ok(()) } else { Err(Damaged("a version that is known")) }
}

/// Shows each series of a part: whose it is, at which of the part's vantages.
fn each_series<'a>(
    input: &mut In<'a>,
    mut each: impl FnMut(&mut In<'a>, Uid, usize) -> Result<(), Damaged>,
) -> Result<(), Damaged> {
    let mut uid = Uid(0);
    loop {
        match input.number()? {
            0 => return Ok(()),
            1 => {}
            _ => uid = input.take()?,
        }
        let vantage: u16 = input.take()?;
        each(input, uid, usize::from(vantage))?;
    }
}

/// The totals of an hour.
///
/// # Errors
/// When they cannot be read.
pub fn totals(parts: &dyn Parts, manifest: &HourManifest) -> Result<Groups, PartError> {
    let key = totals_key(manifest.start, manifest.totals);
    let bytes = read(parts, key.clone(), manifest.totals)?;
    let mut input = In(&bytes);
    let groups = version(&mut input).and_then(|()| input.take());
    groups.map_err(|source| PartError::Damaged { key, source })
}

/// Shows every row of an hour (or of `only` one target), as `take` reads it: whose it is, from which vantage.
///
/// # Errors
/// When they cannot be read.
pub fn rows<T>(
    parts: &dyn Parts,
    manifest: &HourManifest,
    only: Option<Uid>,
    take: impl Fn(&mut In<'_>) -> Result<T, Damaged>,
    mut each: impl FnMut(Uid, &str, T),
) -> Result<(), PartError> {
    for (index, part) in manifest.rows.iter().enumerate() {
        let next = manifest.rows.get(index + 1);
        if only.is_some_and(|uid| uid < part.first || next.is_some_and(|next| next.first <= uid)) {
            continue;
        }
        let key = rows_key(manifest.start, *part);
        let bytes = read(parts, key.clone(), part.hash)?;
        let mut input = In(&bytes);
        let shown = header(&mut input).and_then(|vantages| {
            each_series(&mut input, |input, uid, vantage| {
                let row = take(input)?;
                let vantage = vantages.get(vantage).ok_or(Damaged("a vantage of the part"))?;
                if only.is_none_or(|only| only == uid) {
                    each(uid, vantage, row);
                }
                Ok(())
            })
        });
        shown.map_err(|source| PartError::Damaged { key, source })?;
    }
    Ok(())
}

/// Puts the slots of an hour back into the state.
///
/// # Errors
/// When they cannot be read.
pub fn load_slots(
    parts: &dyn Parts,
    manifest: &HourManifest,
    state: &mut State,
) -> Result<(), PartError> {
    for part in &manifest.slots {
        let key = slots_key(manifest.start, *part);
        let bytes = read(parts, key.clone(), part.hash)?;
        let mut input = In(&bytes);
        let loaded = header(&mut input).and_then(|vantages| {
            let reporters: Vec<Reporter> = input.take()?;
            let reporters: Vec<ReporterIdx> =
                reporters.into_iter().map(|reporter| state.intern(reporter)).collect();
            each_series(&mut input, |input, uid, vantage| {
                let (entries, missed) = take_slots(input, manifest.start, &reporters)?;
                let vantage = vantages.get(vantage).ok_or(Damaged("a vantage of the part"))?;
                state.put_slots(uid, vantage, entries, missed);
                Ok(())
            })
        });
        loaded.map_err(|source| PartError::Damaged { key, source })?;
    }
    Ok(())
}
