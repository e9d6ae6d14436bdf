//! What is due: the shards that an agent holds, and for each target a cursor that only rises.
//!
//! A slot is issued at most once, whatever is granted twice and however the clock steps. What an agent holds of a
//! target is a *stretch*: its planned starts from one grant to the revoke or grant that ends it. A stretch that has an
//! end is still probed up to it. Reads no clock: `now` comes in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use proto::{Grant, HeldShard, RefusedTarget, ScheduledTarget, ShardId, Timestamp, Uid};
use rustc_hash::FxHashMap;

use crate::admit::Admit;

/// Superseded heap entries that are tolerated besides one a stretch, before the heap is rebuilt.
const STALE_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct StretchId(u64);

/// The shards held, and when each of their targets is next due. `H` is what the prober made of a target.
#[derive(Debug)]
pub(crate) struct Schedule<H> {
    shards: BTreeMap<ShardId, Shard>,
    stretches: FxHashMap<StretchId, Stretch<H>>,
    /// Each stretch once at its cursor; besides them entries of stretches that are gone.
    heap: BinaryHeap<Reverse<(Timestamp, StretchId)>>,
    last_id: u64,
}

#[derive(Debug)]
struct Shard {
    /// Of the newest grant; none once it was revoked.
    held: Option<HeldShard>,
    stretches: Vec<StretchId>,
}

#[derive(Debug)]
struct Stretch<H> {
    shard: ShardId,
    grid: Grid,
    revision: u32,
    /// What the prober made of it, or why it refused.
    admitted: Result<H, ()>,
    /// The next planned start.
    cursor: Timestamp,
    /// Everything before this was issued, by this stretch or one before it.
    issued: Timestamp,
    /// The first instant that is no longer the stretch's.
    until: Timestamp,
}

/// The planned starts of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grid {
    uid: Uid,
    interval: Duration,
    phase: Duration,
}

impl Grid {
    fn of(target: &ScheduledTarget) -> Self {
        Self { uid: target.uid, interval: target.interval, phase: target.phase }
    }

    fn at_or_after(&self, at: Timestamp) -> Timestamp {
        let floor = (at - self.phase).floor(self.interval) + self.phase;
        if floor < at { floor + self.interval } else { floor }
    }

    /// How long after its planned start a probe may start.
    fn window(&self) -> Duration {
        self.interval.min(proto::WINDOW_MAX)
    }
}

/// What has become due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due<H> {
    /// A slot to probe now.
    Slot {
        /// Which target.
        uid: Uid,
        /// In which revision.
        revision: u32,
        /// The slot.
        planned: Timestamp,
        /// When its window closes.
        start_before: Timestamp,
        /// How to probe it.
        handle: H,
    },
    /// Slots whose window closed before anyone looked: those in `[from, to)`.
    Late {
        /// Which target.
        uid: Uid,
        /// The first of them.
        from: Timestamp,
        /// The first instant after them.
        to: Timestamp,
    },
    /// Slots of a target that the prober refused: those in `[from, to)`.
    Refused {
        /// Which target.
        uid: Uid,
        /// The first of them.
        from: Timestamp,
        /// The first instant after them.
        to: Timestamp,
    },
}

impl<H> Default for Schedule<H> {
    fn default() -> Self {
        Self {
            shards: BTreeMap::new(),
            stretches: FxHashMap::default(),
            heap: BinaryHeap::new(),
            last_id: 0,
        }
    }
}

impl<H: Clone> Schedule<H> {
    /// Lets a shard go: what is planned before `until` stays.
    pub(crate) fn revoke(&mut self, shard: ShardId, until: Timestamp) {
        let Some(entry) = self.shards.get_mut(&shard) else { return };
        entry.held = None;
        for id in std::mem::take(&mut entry.stretches) {
            self.end(id, until);
        }
        self.forget_if_empty(shard);
    }

    /// Takes a shard: replaces what is held of it from the grant's instant on. Gives the targets that `admit` refuses.
    pub(crate) fn grant(
        &mut self,
        grant: Grant,
        admit: &mut impl Admit<Handle = H>,
    ) -> Vec<RefusedTarget> {
        let Grant { shard, from, content_hash, targets, more: _ } = grant;
        let held = Some(HeldShard { shard, from, content_hash });
        let entry = self.shards.entry(shard).or_insert(Shard { held: None, stretches: Vec::new() });
        entry.held = held;
        let mut old: FxHashMap<Uid, Vec<StretchId>> = FxHashMap::default();
        for id in std::mem::take(&mut entry.stretches) {
            old.entry(self.stretches[&id].grid.uid).or_default().push(id);
        }
        let mut refused = Vec::new();
        for target in targets {
            let before = old.remove(&target.uid).unwrap_or_default();
            if let Some(reason) = self.replace(shard, from, &target, &before, admit) {
                let ScheduledTarget { uid, revision, .. } = target;
                refused.push(RefusedTarget { uid, revision, reason });
            }
        }
        for id in old.into_values().flatten() {
            self.end(id, from);
        }
        self.drop_stale();
        refused
    }

    /// Ends the stretches `before` of a target where its new one begins. Gives the reason if it is refused.
    fn replace(
        &mut self,
        shard: ShardId,
        from: Timestamp,
        target: &ScheduledTarget,
        before: &[StretchId],
        admit: &mut impl Admit<Handle = H>,
    ) -> Option<String> {
        let grid = Grid::of(target);
        let from = from.max(target.from);
        let same_grid = || before.iter().map(|id| &self.stretches[id]).filter(|s| s.grid == grid);
        let issued = same_grid().map(|s| s.issued).max().unwrap_or(Timestamp::EPOCH);
        let known = same_grid().find(|s| s.revision == target.revision && s.admitted.is_ok());
        let admitted = match known.map(|stretch| stretch.admitted.clone()) {
            Some(admitted) => Ok(admitted),
            None => admit.admit(target).map(Ok),
        };
        let (admitted, reason) = match admitted {
            Ok(admitted) => (admitted, None),
            Err(reason) => (Err(()), Some(reason)),
        };
        for id in before {
            self.end(*id, from);
        }
        let cursor = grid.at_or_after(from.max(issued));
        let revision = target.revision;
        let until = Timestamp::MAX;
        self.insert(Stretch { shard, grid, revision, admitted, cursor, issued, until });
        reason
    }

    fn insert(&mut self, stretch: Stretch<H>) {
        self.last_id += 1;
        let id = StretchId(self.last_id);
        let shard = self.shards.get_mut(&stretch.shard).expect("a stretch's shard is there");
        shard.stretches.push(id);
        self.heap.push(Reverse((stretch.cursor, id)));
        self.stretches.insert(id, stretch);
    }

    /// Keeps of a stretch what is planned before `until`. Its shard has let go of it and gets it back if it lasts.
    fn end(&mut self, id: StretchId, until: Timestamp) {
        let Some(stretch) = self.stretches.get_mut(&id) else { return };
        stretch.until = stretch.until.min(until);
        if stretch.cursor < stretch.until {
            let shard = self.shards.get_mut(&stretch.shard).expect("a stretch's shard is there");
            shard.stretches.push(id);
        } else {
            self.stretches.remove(&id);
        }
    }

    fn forget_if_empty(&mut self, shard: ShardId) {
        let empty = |shard: &Shard| shard.held.is_none() && shard.stretches.is_empty();
        if self.shards.get(&shard).is_some_and(empty) {
            self.shards.remove(&shard);
        }
    }

    fn drop_stale(&mut self) {
        if self.heap.len() > 2 * self.stretches.len() + STALE_MAX {
            let stretches = &self.stretches;
            self.heap.retain(|Reverse((_, id))| stretches.contains_key(id));
        }
    }

    /// The next thing that is due at `now`; call it until there is none. A target gives at most one slot and one range.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Due<H>> {
        let (cursor, id) = self.peek()?;
        if cursor > now {
            return None;
        }
        self.heap.pop();
        let stretch = self.stretches.get_mut(&id).expect("`peek` drops what is gone");
        let Grid { uid, interval, .. } = stretch.grid;
        let window = stretch.grid.window();
        let open_from = stretch.grid.at_or_after(now - window + Duration::from_millis(1));
        let (due, next) = if open_from > cursor {
            let to = open_from.min(stretch.until);
            (Due::Late { uid, from: cursor, to }, open_from)
        } else {
            let next = cursor + interval;
            let due = match &stretch.admitted {
                Ok(handle) => Due::Slot {
                    uid,
                    revision: stretch.revision,
                    planned: cursor,
                    start_before: cursor + window,
                    handle: handle.clone(),
                },
                Err(()) => Due::Refused { uid, from: cursor, to: next.min(stretch.until) },
            };
            (due, next)
        };
        stretch.cursor = next;
        stretch.issued = next;
        if next < stretch.until {
            self.heap.push(Reverse((next, id)));
        } else {
            let shard = stretch.shard;
            self.stretches.remove(&id);
            if let Some(entry) = self.shards.get_mut(&shard) {
                entry.stretches.retain(|held| *held != id);
            }
            self.forget_if_empty(shard);
        }
        Some(due)
    }

    /// The earliest planned start that was not issued.
    pub(crate) fn next(&mut self) -> Option<Timestamp> {
        self.peek().map(|(cursor, _)| cursor)
    }

    fn peek(&mut self) -> Option<(Timestamp, StretchId)> {
        while let Some(Reverse((cursor, id))) = self.heap.peek() {
            if self.stretches.contains_key(id) {
                return Some((*cursor, *id));
            }
            self.heap.pop();
        }
        None
    }

    /// The shards held and not revoked, in order.
    pub(crate) fn held(&self) -> Vec<HeldShard> {
        let mut held: Vec<_> = self.shards.values().filter_map(|shard| shard.held).collect();
        held.sort_by_key(|held| held.shard);
        held
    }

    /// The targets held: one that has changed counts twice until its old stretch ends.
    pub(crate) fn targets(&self) -> usize {
        self.stretches.len()
    }

    /// Lets everything go at once.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
