//! What the log says of targets and vantages: which are listed, and so when what is due from where.

use proto::{Malformed, TargetEntry, Timestamp, Uid, VantageState as LoggedState, phase_of};

use super::{Reach, Series, State, Stretch, TargetIdx, TargetState, VantageIdx};

impl State {
    pub(super) fn apply_catalog(
        &mut self,
        at: Timestamp,
        upserts: Vec<TargetEntry>,
        removals: &[Uid],
        position: u64,
    ) -> Result<Vec<TargetIdx>, Malformed> {
        let newcomers = upserts.len();
        let mut touched = Vec::with_capacity(newcomers + removals.len());
        for entry in upserts {
            let idx = match self.by_uid(entry.uid) {
                Some(idx) => {
                    self.targets[idx.index()].list(entry, at);
                    idx
                }
                None if entry.uid == self.next_uid() => self.add(entry, at),
                None => {
                    let (value, expected) = (entry.uid.0.to_string(), "a known one, or the next");
                    return Err(Malformed::Value { field: "catalog.uid", value, expected });
                }
            };
            touched.push(idx);
        }
        for uid in removals {
            let Some(idx) = self.by_uid(*uid) else { continue };
            self.targets[idx.index()].listed = false;
            touched.push(idx);
        }
        for vantage in 0..self.vantages.len() {
            for idx in &touched {
                self.reconcile(vantage, *idx, at, newcomers, position);
            }
        }
        Ok(touched)
    }

    pub(super) fn add(&mut self, entry: TargetEntry, at: Timestamp) -> TargetIdx {
        let idx = TargetIdx(u32::try_from(self.targets.len()).expect("fewer than 2^32 targets"));
        self.by_name.insert(entry.name.clone(), idx);
        self.targets.push(TargetState::new(entry, at));
        idx
    }

    pub(super) fn apply_vantage(
        &mut self,
        at: Timestamp,
        name: &str,
        state: LoggedState,
        position: u64,
    ) -> VantageIdx {
        let idx = self.vantage_or_new(name);
        let vantage = &mut self.vantages[idx.index()];
        vantage.reach = match state {
            LoggedState::Active => Reach::All,
            LoggedState::Named => Reach::Named,
            LoggedState::Seen | LoggedState::Retired | LoggedState::Withdrawn => Reach::Nobody,
        };
        for target in 0..self.targets.len() {
            let target = TargetIdx(target as u32);
            self.reconcile(idx.index(), target, at, self.targets.len(), position);
        }
        if state == LoggedState::Withdrawn {
            for series in &mut self.vantages[idx.index()].series {
                if series.is_untouched() {
                    *series = Series::default();
                }
            }
        }
        idx
    }

    /// Opens or closes the stretch of a target at a vantage, as its listing and the vantage's reach say.
    fn reconcile(
        &mut self,
        vantage: usize,
        target: TargetIdx,
        at: Timestamp,
        newcomers: usize,
        position: u64,
    ) {
        let vantage = &mut self.vantages[vantage];
        let state = &self.targets[target.index()];
        let due = state.is_due_from(&vantage.name, vantage.reach);
        if vantage.series.len() <= target.index() {
            if !due {
                return;
            }
            vantage.series.resize_with(target.index() + 1, Series::default);
        }
        let series = &mut vantage.series[target.index()];
        let interval = state.entry.interval;
        let phase = || phase_of(&state.entry.name, &vantage.name, interval);
        match (due, series.current()) {
            (true, None) => {
                let not_before =
                    series.stretches.last().map_or(Timestamp::EPOCH, |last| last.until);
                let stretch = Stretch::first(at, not_before, interval, phase(), newcomers);
                // It begins in the past: an hour that was finished has slots that are open again.
                self.hours.touch(stretch.from, position);
                self.hours.touch(at, position);
                series.open(stretch);
            }
            (true, Some(current)) if current.interval != interval => {
                series.open(Stretch::continued(at, interval, phase()));
            }
            (false, Some(_)) => series.close(at),
            (true, Some(_)) | (false, None) => {}
        }
    }
}
