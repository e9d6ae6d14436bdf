//! The log as a disk or a table far away: one group after another, some of which fail, or did not, or will have been written.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use collector::core::Event;
use collector::store::writer::Chore;
use collector::store::{Memory, Store};
use proto::{Timestamp, wire};

use super::World;
use crate::mutants::Mutant;

/// What failed is tried again after this.
const AGAIN: Duration = Duration::from_millis(300);
/// Records in one append.
const GROUP_MAX: u64 = 256;

/// What becomes of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    /// Nothing was written.
    Failed,
    /// It was written, and reported as failed.
    DoneButError,
    /// It is reported as failed, and written so much later.
    DoneLate(Duration),
}

/// An append that is being made.
struct Group {
    up_to: u64,
    records: Vec<Bytes>,
    at: Timestamp,
    fate: Fate,
}

/// The log, and what is on its way into it.
#[derive(Default)]
pub struct Log {
    pub store: Memory,
    /// Every record there ever was, from the first on.
    pub archive: Vec<Bytes>,
    waiting: VecDeque<(u64, Bytes)>,
    group: Option<Group>,
    /// Written at last, if nobody else wrote there meanwhile.
    late: Vec<(Timestamp, u64, Vec<Bytes>)>,
    chores: VecDeque<(Timestamp, u64, Chore)>,
    /// What somebody wrote who leads no more, and so is not there; and where it would be.
    pub deposed: Vec<(u64, Bytes)>,
    /// Where the next group goes.
    pub position: u64,
    pub stalled_until: Timestamp,
    pub failing_until: Timestamp,
    /// One append in so many has another fate than to be done; none if it is 0.
    pub doubtful: u64,
}

impl Log {
    /// An empty one, in which one append in `doubtful` has another fate than to be done.
    pub fn new(doubtful: u64) -> Self {
        Self { doubtful, ..Self::default() }
    }

    /// Whether a record is on its way.
    pub fn is_appending(&self) -> bool {
        self.group.is_some()
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        let group = self.group.as_ref().map(|group| group.at.max(self.stalled_until));
        let chore = self.chores.front().map(|(at, _, _)| (*at).max(self.stalled_until));
        let late = self.late.iter().map(|(at, _, _)| *at).min();
        [group, chore, late].into_iter().flatten().min()
    }

    pub fn queue(&mut self, ticket: u64, record: Bytes) {
        self.waiting.push_back((ticket, record));
    }

    pub(super) fn queue_chore(&mut self, at: Timestamp, number: u64, chore: Chore) {
        let at = self.chores.back().map_or(at, |(last, _, _)| at.max(*last));
        self.chores.push_back((at, number, chore));
    }
}

impl World {
    /// Appends and chores whose time has come.
    pub(super) fn work_on_log(&mut self) {
        self.write_late();
        while self
            .log
            .group
            .as_ref()
            .is_some_and(|group| group.at.max(self.log.stalled_until) <= self.now)
            && let Some(group) = self.log.group.take()
        {
            self.end_group(group);
        }
        while self.log.stalled_until <= self.now
            && let Some((_, number, chore)) =
                self.log.chores.pop_front_if(|(at, _, _)| *at <= self.now)
        {
            if self.log.failing_until > self.now {
                let again = self.now + AGAIN;
                self.log.chores.push_front((again, number, chore));
                break;
            }
            self.do_chore(&chore);
            self.tell_core(Event::ChoresDone(number));
        }
    }

    /// Begins the next append, if there is something to append and nothing is being appended.
    pub(super) fn begin_group(&mut self) {
        if self.log.group.is_some() || self.log.waiting.is_empty() {
            return;
        }
        let most = usize::try_from(self.random.range(1, GROUP_MAX + 1)).expect("a few");
        let count = most.min(self.log.waiting.len());
        let (mut up_to, mut records) = (0, Vec::with_capacity(count));
        for (ticket, record) in self.log.waiting.drain(..count) {
            up_to = ticket;
            records.push(record);
        }
        let at = self.now + self.random.millis(1, 120);
        let fate = self.fate();
        self.log.group = Some(Group { up_to, records, at, fate });
    }

    fn fate(&mut self) -> Fate {
        if self.log.doubtful == 0 || !self.random.one_in(self.log.doubtful) {
            return Fate::Done;
        }
        match self.random.range(0, 3) {
            0 => Fate::Failed,
            1 => Fate::DoneButError,
            _ => Fate::DoneLate(self.random.millis(1, 30_000)),
        }
    }

    fn end_group(&mut self, group: Group) {
        let Group { up_to, records, at: _, fate } = group;
        let fate = if self.log.failing_until > self.now { Fate::Failed } else { fate };
        let written = matches!(fate, Fate::Done | Fate::DoneButError);
        if written && !self.write(self.log.position, &records) {
            self.tell("somebody else wrote there: the collector ends".into());
            return self.kill_collector(Duration::from_millis(500));
        }
        if let Fate::DoneLate(after) = fate {
            self.log.late.push((self.now + after, self.log.position, records.clone()));
        }
        let part = self.mutant == Some(Mutant::PartTakenAsWritten) && fate == Fate::Failed;
        if part && records.len() > 1 {
            self.write(self.log.position, &records[..1]);
        }
        let taken = part || self.mutant == Some(Mutant::UnknownAppendTakenAsDone);
        if fate == Fate::Done || taken {
            self.log.position = self.log.store.tail().expect("memory does not fail");
            let early = self.mutant == Some(Mutant::AcksOutOfOrder);
            let queued = self.log.waiting.back().filter(|_| early).map_or(0, |last| last.0);
            self.begin_group();
            return self.tell_core(Event::Durable(up_to.max(queued)));
        }
        // The same bytes at the same position, until it works.
        let at = self.now + AGAIN;
        let fate = self.fate();
        self.log.group = Some(Group { up_to, records, at, fate });
    }

    /// Puts records where they belong; false if somebody else wrote there.
    fn write(&mut self, position: u64, records: &[Bytes]) -> bool {
        if self.log.store.append(position, records).is_err() {
            return false;
        }
        self.archive_new();
        true
    }

    /// Notes what is new in the log.
    pub(super) fn archive_new(&mut self) {
        let mut new = Vec::new();
        let from = self.log.archive.len() as u64;
        let read = self.log.store.read_from(from, &mut |_, record| {
            new.push(record);
            true
        });
        read.expect("memory does not fail");
        let now = self.clock();
        for bytes in new {
            let record = wire::decode_record(bytes.clone()).expect("a record is what was encoded");
            self.books.log(&record, now);
            crate::oracle::judged::is_time(self, &record);
            self.log.archive.push(bytes);
        }
    }

    fn write_late(&mut self) {
        while let Some(at) = self.log.late.iter().position(|(at, _, _)| *at <= self.now) {
            let (_, position, records) = self.log.late.swap_remove(at);
            let written = self.write(position, &records);
            self.tell(format!("a late append at {position}: written {written}"));
            if !written {
                self.log.deposed.extend((position..).zip(records));
            }
        }
    }

    fn do_chore(&mut self, chore: &Chore) {
        let early = self.mutant == Some(Mutant::TrimBeforeManifest);
        if early
            && matches!(chore, Chore::Put(..))
            && let Some(core) = &self.leader.core
        {
            let position = core.state().position();
            self.log.store.trim(position).expect("memory does not fail");
        }
        let store = &mut self.log.store;
        match chore {
            Chore::Put(key, bytes) => store.put_part(key, bytes),
            Chore::Delete(keys) => store.delete_parts(keys),
            Chore::Trim(before) => store.trim(*before),
        }
        .expect("memory does not fail");
    }

    /// The collector is gone: what it was about to write is not written, or it is, or will have been.
    pub(super) fn abandon_log(&mut self) {
        self.log.waiting.clear();
        if let Some(group) = self.log.group.take() {
            match self.random.range(0, 3) {
                0 if self.log.failing_until <= self.now => {
                    self.write(self.log.position, &group.records);
                }
                1 => {
                    let at = self.now + self.random.millis(1, 20_000);
                    self.log.late.push((at, self.log.position, group.records));
                }
                _ => {}
            }
        }
        let done = self.random.below(self.log.chores.len() + 1);
        for (_, _, chore) in self.log.chores.drain(..done).collect::<Vec<_>>() {
            self.do_chore(&chore);
        }
        self.log.chores.clear();
    }
}
