//! Which hours were written into parts, and which have changed since: a fold of the log like everything in the state.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use proto::{HourManifest, Timestamp};

use crate::parts::{self, Damaged, In, Out};

/// An hour is this long, but for tests that have no time for it.
const HOUR: Duration = Duration::from_secs(3600);

/// What is known of one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// Its newest revision, if it was ever written.
    pub sealed: Option<HourManifest>,
    /// The records before this position have changed it.
    pub changed: u64,
}

impl Hour {
    /// Its newest revision, if that holds everything.
    pub fn clean(&self) -> Option<&HourManifest> {
        self.sealed.as_ref().filter(|manifest| self.changed <= manifest.as_of)
    }
}

/// Every hour in which something was planned, for as long as it is kept.
#[derive(Debug)]
pub struct Hours {
    length: Duration,
    hours: BTreeMap<Timestamp, Hour>,
    /// Parts that newer revisions have replaced, or that are no longer kept. The last snapshot may still name them.
    replaced: Vec<String>,
}

impl Default for Hours {
    fn default() -> Self {
        Self::of_length(HOUR)
    }
}

impl Hours {
    /// Hours of another length than an hour.
    pub fn of_length(length: Duration) -> Self {
        Self { length, hours: BTreeMap::new(), replaced: Vec::new() }
    }

    /// How long one is.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// The hour in which this was planned begins then.
    pub fn start_of(&self, planned: Timestamp) -> Timestamp {
        planned.floor(self.length)
    }

    /// What is known of the hour that begins then.
    pub fn get(&self, start: Timestamp) -> Option<&Hour> {
        self.hours.get(&start)
    }

    /// The hours that begin in `[from, to)`.
    pub fn range(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, &Hour)> {
        self.hours.range(from..to.max(from)).map(|(start, hour)| (*start, hour))
    }

    /// The hours that changed since they were written, or never were, in the order of time.
    pub fn unsealed(&self) -> impl Iterator<Item = (Timestamp, &Hour)> {
        let unsealed = self.hours.iter().filter(|(_, hour)| hour.clean().is_none());
        unsealed.map(|(start, hour)| (*start, hour))
    }

    /// The record at `position` changed something that was planned then.
    pub(super) fn touch(&mut self, planned: Timestamp, position: u64) {
        let start = self.start_of(planned);
        self.hours.entry(start).or_default().changed = position + 1;
    }

    /// A revision stands.
    pub(super) fn seal(&mut self, manifest: HourManifest) {
        let hour = self.hours.entry(manifest.start).or_default();
        let new: HashSet<String> = parts::keys_of(&manifest).into_iter().collect();
        // What is written again is not replaced any more.
        self.replaced.retain(|key| !new.contains(key));
        if let Some(old) = hour.sealed.replace(manifest) {
            let gone = parts::keys_of(&old).into_iter().filter(|key| !new.contains(key));
            self.replaced.extend(gone);
        }
    }

    /// Drops what is no longer kept: slots of hours that begin before `slots_from`, and hours that begin before `from`.
    pub fn expire(&mut self, slots_from: Timestamp, from: Timestamp) {
        let kept = self.hours.split_off(&from);
        for hour in std::mem::replace(&mut self.hours, kept).into_values() {
            self.replaced.extend(hour.sealed.iter().flat_map(parts::keys_of));
        }
        for (start, hour) in self.hours.range_mut(..slots_from) {
            if let Some(manifest) = &mut hour.sealed {
                let slots = std::mem::take(&mut manifest.slots);
                self.replaced.extend(slots.into_iter().map(|part| parts::slots_key(*start, part)));
            }
        }
    }

    /// Hours that were never written and will not be: their slots are forgotten.
    pub(super) fn drop_unsealed_before(&mut self, horizon: Timestamp) {
        self.hours.retain(|start, hour| *start >= horizon || hour.sealed.is_some());
        for hour in self.hours.range_mut(..horizon).map(|(_, hour)| hour) {
            hour.changed = hour.sealed.as_ref().map_or(0, |manifest| manifest.as_of);
        }
    }

    /// The parts that nothing but the last snapshot may still name; they are forgotten here.
    pub fn take_replaced(&mut self) -> Vec<String> {
        std::mem::take(&mut self.replaced)
    }

    /// Every part that is named by an hour, or was since the last snapshot.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        let named = self.hours.values().filter_map(|hour| hour.sealed.as_ref());
        named.flat_map(parts::keys_of).chain(self.replaced.iter().cloned())
    }

    pub(super) fn put(&self, out: &mut Out) {
        let Self { length: _, hours, replaced: _ } = self;
        out.number(hours.len() as u64);
        for (start, Hour { sealed, changed }) in hours {
            out.put(start);
            out.number(*changed);
            out.put(&sealed.is_some());
            if let Some(manifest) = sealed {
                parts::put_manifest(out, manifest);
            }
        }
    }

    pub(super) fn take(input: &mut In<'_>, length: Duration) -> Result<Self, Damaged> {
        let mut found = Self::of_length(length);
        for _ in 0..input.count()? {
            let start = input.take()?;
            let changed = input.number()?;
            let sealed =
                if input.take()? { Some(parts::take_manifest(input, start)?) } else { None };
            found.hours.insert(start, Hour { sealed, changed });
        }
        Ok(found)
    }
}
