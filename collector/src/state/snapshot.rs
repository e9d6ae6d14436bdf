//! The state as parts, and back: everything but the slots of hours that have parts of their own.
//!
//! `read(write(state))` and the slots of its hours are the state again: what a log says from its beginning on, and what it
//! says behind a snapshot, are the same. Structs are taken apart without `..`, so that a new field must be written before
//! the crate builds again.

use std::collections::HashMap;

use bytes::Bytes;
use proto::{
    Batch, Kind, Note, Outcome, ProbeResult, Record, Suspicion, TargetEntry, Timestamp, Uid, wire,
};

use super::changes::Changes;
use super::hours::Hours;
use super::touched::Touched;
use super::{
    Detail, Entry, MissedRun, Quiet, Reach, Reporter, ReporterIdx, Series, State, Stretch,
    Suspicions, TargetIdx, TargetState, Vantage, VantageIdx, VerdictChange,
};
use crate::parts::{Coded, Damaged, In, Out, PART_BYTES, put_outcome, take_outcome};
use crate::verdict::Verdict;

/// The version of these parts. Whoever adds to the state adds to it, and reads the version before, too.
const VERSION: u64 = 2;
/// The first version that has incidents and maintenance.
const WITH_INCIDENTS: u64 = 2;

/// The parts, in order.
pub fn write(state: &State) -> Vec<Bytes> {
    let State {
        targets,
        by_name: _,
        vantages,
        reporters: _,
        reporter_idx: _,
        last_reports,
        led,
        suspicions,
        hours,
        position,
        touched: _,
        forgotten,
        log,
        epoch,
        catalog_revision,
        changes,
        incidents,
        first_load,
        newest,
    } = state;
    let mut writer = Writer { state, places: HashMap::new(), reporters: Vec::new() };
    let mut parts = Vec::new();
    let mut out = Out::default();
    for (index, target) in targets.iter().enumerate() {
        writer.target(&mut out, TargetIdx(index as u32), target);
        if out.0.len() >= PART_BYTES {
            parts.push(std::mem::take(&mut out).0.into());
        }
    }
    parts.push(out.0.into());
    let mut last_reports: Vec<(ReporterIdx, Timestamp)> =
        last_reports.iter().map(|(reporter, at)| (*reporter, *at)).collect();
    // The same reports always give the same bytes.
    last_reports.sort_by_cached_key(|(reporter, at)| {
        let Reporter { agent_id, zone, boot } = state.reported_by(*reporter).clone();
        (*at, agent_id, zone, boot)
    });
    let last_reports: Vec<(u64, Timestamp)> =
        last_reports.into_iter().map(|(reporter, at)| (writer.place(reporter), at)).collect();
    let mut head = Out::default();
    for number in [VERSION, *log, *epoch, *position, *catalog_revision] {
        head.number(number);
    }
    head.put(first_load);
    head.put(newest);
    head.put(forgotten);
    head.number(vantages.len() as u64);
    for Vantage { name, reach, seen, series: _ } in vantages {
        head.put(name);
        head.put(reach);
        head.put(seen);
    }
    head.put(led);
    head.put(&last_reports);
    head.put(&writer.reporters);
    hours.put(&mut head);
    put_changes(&mut head, changes);
    put_suspicions(&mut head, suspicions);
    head.put(incidents);
    parts.push(head.0.into());
    parts
}

/// The state that [`write`] wrote, with hours of this length.
///
/// # Errors
/// When it is something else.
pub fn read(parts: &[Bytes], length: std::time::Duration) -> Result<State, Damaged> {
    let (head, parts) = parts.split_last().ok_or(Damaged("a head"))?;
    let mut input = In(head);
    let version = input.number()?;
    if !(1..=VERSION).contains(&version) {
        return Err(Damaged("a version that is known"));
    }
    let mut state = State {
        log: input.number()?,
        epoch: input.number()?,
        position: input.number()?,
        catalog_revision: input.number()?,
        first_load: input.take()?,
        newest: input.take()?,
        forgotten: input.take()?,
        ..State::default()
    };
    state.touched = Touched::from(state.position);
    for _ in 0..input.count()? {
        let (name, reach, seen) = (input.take()?, input.take()?, input.take()?);
        state.vantages.push(Vantage { name, reach, seen, series: Vec::new() });
    }
    state.led = input.take()?;
    let last_reports: Vec<(u64, Timestamp)> = input.take()?;
    let reporters: Vec<Reporter> = input.take()?;
    let reporters: Vec<ReporterIdx> =
        reporters.into_iter().map(|reporter| state.intern(reporter)).collect();
    for (place, at) in last_reports {
        state.last_reports.insert(reporter_at(&reporters, place)?, at);
    }
    state.hours = Hours::take(&mut input, length)?;
    state.changes = take_changes(&mut input)?;
    state.suspicions = take_suspicions(&mut input)?;
    if version >= WITH_INCIDENTS {
        state.incidents = input.take()?;
    }
    for part in parts {
        let mut input = In(part);
        while !input.is_empty() {
            take_target(&mut state, &mut input, &reporters, version)?;
        }
    }
    Ok(state)
}

struct Writer<'a> {
    state: &'a State,
    places: HashMap<ReporterIdx, u64>,
    reporters: Vec<Reporter>,
}

impl Writer<'_> {
    fn place(&mut self, reporter: ReporterIdx) -> u64 {
        let next = self.reporters.len() as u64;
        let (state, reporters) = (self.state, &mut self.reporters);
        *self.places.entry(reporter).or_insert_with(|| {
            reporters.push(state.reported_by(reporter).clone());
            next
        })
    }

    fn target(&mut self, out: &mut Out, idx: TargetIdx, target: &TargetState) {
        let TargetState {
            uid: _,
            shard: _,
            entry,
            listed,
            revisions,
            verdict,
            since,
            stale_at,
            doubt,
            quiet,
        } = target;
        let kind =
            Kind::Catalog { revision: 0, upserts: vec![entry.clone()], removals: Vec::new() };
        out.bytes(&wire::encode_record(Record { at: Timestamp::EPOCH, kind }));
        out.put(listed);
        out.put(revisions);
        out.put(verdict);
        out.put(since);
        out.put(stale_at);
        out.put(doubt);
        out.put(&quiet.0);
        let state = self.state;
        let series = state.vantages().filter_map(|(vantage, _)| {
            let series = state.series(vantage, idx)?;
            (!series.is_blank()).then_some((vantage, series))
        });
        let series: Vec<_> = series.collect();
        out.number(series.len() as u64);
        for (vantage, series) in series {
            out.put(&vantage.0);
            self.series(out, series);
        }
    }

    fn series(&mut self, out: &mut Out, series: &Series) {
        let Series {
            stretches,
            entries: _,
            missed,
            reported,
            settled_to,
            last_up,
            last_not_up,
            attempts: _,
        } = series;
        out.put(stretches);
        out.put(settled_to);
        out.put(reported);
        for detail in [last_up, last_not_up] {
            out.put(&detail.is_some());
            if let Some(detail) = detail {
                self.detail(out, detail);
            }
        }
        let hours = &self.state.hours;
        let mut known = (Timestamp::MAX, false);
        let mut is_loose = |planned: Timestamp| {
            let start = hours.start_of(planned);
            if known.0 != start {
                let clean = hours.get(start).is_some_and(|hour| hour.clean().is_some());
                known = (start, !clean);
            }
            known.1
        };
        let all = series.all_attempts(Timestamp::from_millis(i64::MIN), Timestamp::MAX);
        let loose: Vec<&Entry> = all.filter(|entry| is_loose(entry.planned)).collect();
        out.number(loose.len() as u64);
        for entry in loose {
            self.entry(out, entry);
        }
        out.put(&loose_runs(missed, hours));
    }

    fn detail(&mut self, out: &mut Out, detail: &Detail) {
        let Detail { entry, phases, body_bytes, note } = detail;
        self.entry(out, entry);
        // In the words of the log, which are read for ever.
        let result = ProbeResult {
            uid: Uid(0),
            revision: 0,
            planned: Timestamp::EPOCH,
            start_delay_ms: 0,
            outcome: entry.outcome,
            phases: *phases,
            body_bytes: *body_bytes,
            note: (*note != Note::default()).then(|| note.clone().into()),
        };
        out.bytes(&wire::encode_batch(&Batch { results: vec![result], missed: Vec::new() }));
    }

    fn entry(&mut self, out: &mut Out, entry: &Entry) {
        let Entry { planned, start_delay_ms, latency_us, outcome, reporter, suspect } = *entry;
        out.put(&planned);
        out.put(&start_delay_ms);
        out.put(&latency_us);
        put_outcome(out, outcome);
        out.number(self.place(reporter));
        out.put(&suspect);
    }
}

/// What of these runs lies in hours that have no parts of their own.
fn loose_runs(missed: &[MissedRun], hours: &Hours) -> Vec<MissedRun> {
    let mut loose: Vec<MissedRun> = Vec::new();
    for run in missed {
        let mut from = run.from;
        while from < run.to {
            let start = hours.start_of(from);
            let to = run.to.min(start + hours.length());
            if hours.get(start).is_none_or(|hour| hour.clean().is_none()) {
                match loose.last_mut() {
                    Some(last) if last.to == from && last.reason == run.reason => last.to = to,
                    _ => loose.push(MissedRun { from, to, reason: run.reason }),
                }
            }
            from = to;
        }
    }
    loose
}

fn put_changes(out: &mut Out, changes: &Changes) {
    let Changes { list, count, forgotten } = changes;
    out.number(*count);
    out.put(forgotten);
    out.number(list.len() as u64);
    for VerdictChange { seq, uid, from, since, to, at, fresh, failing } in list {
        out.number(*seq);
        out.put(uid);
        out.put(from);
        out.put(since);
        out.put(to);
        out.put(at);
        out.put(fresh);
        out.number(failing.len() as u64);
        for (vantage, outcome) in failing {
            out.put(&vantage.0);
            put_outcome(out, *outcome);
        }
    }
}

fn take_changes(input: &mut In<'_>) -> Result<Changes, Damaged> {
    let (count, forgotten, kept) = (input.number()?, input.take()?, input.count()?);
    let change = |_| {
        Ok(VerdictChange {
            seq: input.number()?,
            uid: input.take()?,
            from: input.take()?,
            since: input.take()?,
            to: input.take()?,
            at: input.take()?,
            fresh: input.take()?,
            failing: take_failing(input)?,
        })
    };
    let list = (0..kept).map(change).collect::<Result<_, _>>()?;
    Ok(Changes { list, count, forgotten })
}

fn take_failing(input: &mut In<'_>) -> Result<Vec<(VantageIdx, Outcome)>, Damaged> {
    let count = input.count()?;
    (0..count).map(|_| Ok((VantageIdx(input.take()?), take_outcome(input)?))).collect()
}

fn put_suspicions(out: &mut Out, suspicions: &Suspicions) {
    let Suspicions { by_agent } = suspicions;
    let all: Vec<&Suspicion> = by_agent.values().flatten().collect();
    out.number(all.len() as u64);
    for Suspicion { vantage, agent_id, from, until } in all {
        out.put(vantage);
        out.put(agent_id);
        out.put(from);
        out.put(until);
    }
}

fn take_suspicions(input: &mut In<'_>) -> Result<Suspicions, Damaged> {
    let mut suspicions = Suspicions::default();
    for _ in 0..input.count()? {
        suspicions.add(Suspicion {
            vantage: input.take()?,
            agent_id: input.take()?,
            from: input.take()?,
            until: input.take()?,
        });
    }
    Ok(suspicions)
}

fn reporter_at(reporters: &[ReporterIdx], place: u64) -> Result<ReporterIdx, Damaged> {
    let found = usize::try_from(place).ok().and_then(|place| reporters.get(place));
    found.copied().ok_or(Damaged("a reporter of the snapshot"))
}

fn take_target(
    state: &mut State,
    input: &mut In<'_>,
    reporters: &[ReporterIdx],
    version: u64,
) -> Result<(), Damaged> {
    let entry = take_target_entry(input)?;
    if entry.uid != state.next_uid() {
        return Err(Damaged("a target in its turn"));
    }
    let idx = state.add(entry, Timestamp::EPOCH);
    let target = state.target_mut(idx);
    target.listed = input.take()?;
    target.revisions = input.take()?;
    target.verdict = input.take()?;
    target.since = input.take()?;
    target.stale_at = input.take()?;
    target.doubt = input.take()?;
    if version >= WITH_INCIDENTS {
        target.quiet = Quiet(input.take()?);
    }
    for _ in 0..input.count()? {
        let vantage: u16 = input.take()?;
        let series = take_series(input, reporters, &state.reporters)?;
        let vantage = state.vantages.get_mut(usize::from(vantage));
        let all = &mut vantage.ok_or(Damaged("a vantage of the snapshot"))?.series;
        all.resize_with(idx.index() + 1, Series::default);
        all[idx.index()] = series;
    }
    Ok(())
}

fn take_target_entry(input: &mut In<'_>) -> Result<TargetEntry, Damaged> {
    let bytes = Bytes::copy_from_slice(input.bytes()?);
    match wire::decode_record(bytes).map(|record| record.kind) {
        Ok(Kind::Catalog { upserts, .. }) => upserts.into_iter().next(),
        _ => None,
    }
    .ok_or(Damaged("a target"))
}

fn take_series(
    input: &mut In<'_>,
    reporters: &[ReporterIdx],
    known: &[Reporter],
) -> Result<Series, Damaged> {
    let mut series = Series {
        stretches: input.take()?,
        settled_to: input.take()?,
        reported: input.take()?,
        ..Series::default()
    };
    series.last_up = take_detail(input, reporters)?;
    series.last_not_up = take_detail(input, reporters)?;
    for _ in 0..input.count()? {
        let entry = take_entry(input, reporters)?;
        series.put(entry, &|reporter: ReporterIdx| known[reporter.0 as usize].boot);
    }
    series.missed = input.take()?;
    Ok(series)
}

fn take_detail(
    input: &mut In<'_>,
    reporters: &[ReporterIdx],
) -> Result<Option<Box<Detail>>, Damaged> {
    if !input.take::<bool>()? {
        return Ok(None);
    }
    let entry = take_entry(input, reporters)?;
    let batch = wire::decode_batch(input.bytes()?).ok();
    let result = batch.and_then(|batch| batch.results.into_iter().next());
    let ProbeResult { phases, body_bytes, note, .. } = result.ok_or(Damaged("a result"))?;
    let note = note.map_or_else(Note::default, |note| Note::clone(&note));
    Ok(Some(Box::new(Detail { entry, phases, body_bytes, note })))
}

fn take_entry(input: &mut In<'_>, reporters: &[ReporterIdx]) -> Result<Entry, Damaged> {
    Ok(Entry {
        planned: input.take()?,
        start_delay_ms: input.take()?,
        latency_us: input.take()?,
        outcome: take_outcome(input)?,
        reporter: reporter_at(reporters, input.number()?)?,
        suspect: input.take()?,
    })
}

impl Coded for Stretch {
    fn put(&self, out: &mut Out) {
        let Self { from, until, loaded, interval, phase, pace, extra } = self;
        for instant in [from, until, loaded] {
            out.put(instant);
        }
        for duration in [interval, phase, pace] {
            out.put(duration);
        }
        out.put(extra);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            from: input.take()?,
            until: input.take()?,
            loaded: input.take()?,
            interval: input.take()?,
            phase: input.take()?,
            pace: input.take()?,
            extra: input.take()?,
        })
    }
}

impl Coded for Reach {
    fn put(&self, out: &mut Out) {
        out.number(match self {
            Self::All => 1,
            Self::Named => 2,
            Self::Nobody => 3,
        });
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        match input.number()? {
            1 => Ok(Self::All),
            2 => Ok(Self::Named),
            3 => Ok(Self::Nobody),
            _ => Err(Damaged("a reach")),
        }
    }
}

impl Coded for Verdict {
    fn put(&self, out: &mut Out) {
        let place = Self::ALL.iter().position(|verdict| verdict == self).unwrap_or(Self::ALL.len());
        out.number(place as u64);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let place = usize::try_from(input.number()?).unwrap_or(usize::MAX);
        Self::ALL.get(place).copied().ok_or(Damaged("a verdict"))
    }
}
