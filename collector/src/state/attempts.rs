//! Attempts at slots that lost to a better one: kept where not all found the target up, so that flakiness is not hidden.

use proto::Timestamp;

use super::value::Entry;

/// Attempts kept a slot besides the one that counts: confirmations and re-runs are a few.
const PER_SLOT_MAX: usize = 8;

/// The attempts of one series, by planned start. Most have none: then this is one word.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "a million series have none: one word, not three")]
pub struct Attempts(Option<Box<Vec<Entry>>>);

impl Attempts {
    /// Those at one slot.
    pub fn of(&self, planned: Timestamp) -> &[Entry] {
        let Some(all) = self.0.as_deref() else { return &[] };
        let first = all.partition_point(|entry| entry.planned < planned);
        let end = all.partition_point(|entry| entry.planned <= planned);
        &all[first..end]
    }

    /// Those planned in `[from, to)`.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Entry> {
        let all = self.0.as_deref().map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |entry| entry.planned >= from && entry.planned < to)
    }

    /// Keeps one more, if the slot has room.
    pub fn keep(&mut self, entry: Entry) {
        if self.of(entry.planned).len() >= PER_SLOT_MAX {
            return;
        }
        let all = self.0.get_or_insert_default();
        let place = all.partition_point(|known| known.planned <= entry.planned);
        all.insert(place, entry);
    }

    /// Takes those at one slot out.
    pub fn take(&mut self, planned: Timestamp) -> Vec<Entry> {
        let Some(all) = self.0.as_deref_mut() else { return Vec::new() };
        all.extract_if(.., |entry| entry.planned == planned).collect()
    }

    /// Changes each of those that `change` gives another form.
    pub fn each_mut(&mut self, from: Timestamp, mut change: impl FnMut(&mut Entry)) {
        let all = self.0.as_deref_mut().map_or(&mut [][..], Vec::as_mut_slice);
        all.iter_mut().filter(|entry| entry.planned >= from).for_each(&mut change);
    }

    /// Keeps only what was planned at or after `from` and before `until`.
    pub fn keep_within(&mut self, from: Timestamp, until: Timestamp) {
        if let Some(all) = self.0.as_deref_mut() {
            all.retain(|entry| entry.planned >= from && entry.planned < until);
            if all.is_empty() {
                self.0 = None;
            }
        }
    }
}
