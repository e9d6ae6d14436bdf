//! Maintenance: which targets are inside a window is logged when it begins, changes or ends early, so that history stays what
//! it was when the file changes.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Kind, Timestamp, Uid};

use super::Core;
use crate::maintenance::Maintenance;
use crate::state::TargetIdx;

/// Windows begin and end at minutes.
const MINUTE: Duration = Duration::from_secs(60);
/// A window that had begun when it became known holds so far back: slots are probed, and lost, within that time.
const BACK_MAX: Duration = Duration::from_secs(600);
/// Targets in one record.
const UIDS_MAX: usize = 65_536;

/// What is known of windows.
#[derive(Debug, Default)]
pub(super) struct Windows {
    file: Maintenance,
    /// The file or the list changed.
    changed: bool,
    looked: Timestamp,
    /// Who was inside when it was looked at last.
    inside: Vec<TargetIdx>,
    /// Records that are on their way into the log.
    in_log: usize,
}

impl Windows {
    /// The list of targets changed.
    pub(super) fn targets_changed(&mut self) {
        self.changed = true;
    }

    /// A record is durable.
    pub(super) fn logged(&mut self) {
        self.in_log = self.in_log.saturating_sub(1);
    }
}

impl Core {
    /// The file was read.
    pub(super) fn maintenance(&mut self, file: Maintenance) {
        self.windows.file = file;
        self.windows.changed = true;
    }

    /// Logs who is inside from now on, or no longer. Once a minute, and after a change.
    pub(super) fn maintain(&mut self, now: Timestamp) {
        let due = self.windows.changed || now.floor(MINUTE) != self.windows.looked;
        if !due || self.stopping || self.windows.in_log > 0 || self.state.first_load.is_none() {
            return;
        }
        self.windows.changed = false;
        self.windows.looked = now.floor(MINUTE);
        // Who was inside until just now may fail, and have no incident.
        let before = std::mem::take(&mut self.windows.inside);
        self.watch.touch(&before);
        let current = self.windows.file.now(now);
        if current.is_empty() && before.is_empty() && !self.watch.is_new() {
            return;
        }
        let mut spans: BTreeMap<(Timestamp, Timestamp), Vec<Uid>> = BTreeMap::new();
        let mut inside = Vec::new();
        for (idx, target) in self.state.targets().filter(|(_, target)| target.listed) {
            let wanted = current.of(&target.entry);
            if wanted.is_some() {
                inside.push(idx);
            }
            let span = match (wanted, target.quiet.until(now)) {
                (Some((from, until)), None) => (from.max(now - BACK_MAX), until),
                (Some((_, until)), Some(known)) if until != known => (now, until),
                (None, Some(_)) => (now, now),
                (Some(_), Some(_)) | (None, None) => continue,
            };
            spans.entry(span).or_default().push(target.uid);
        }
        self.windows.inside = inside;
        for ((from, until), uids) in spans {
            for uids in uids.chunks(UIDS_MAX) {
                self.append(now, Kind::Maintenance { from, until, uids: uids.to_vec() });
                self.windows.in_log += 1;
            }
        }
    }
}
