//! Group commit: one thread appends what is queued, in order, and says when it is durable.
//!
//! A failed or doubtful append is made again with the same bytes at the same positions until it works; nothing behind it
//! overtakes it, and nothing is reported durable before it is. What is done beside the log (parts, trims) has its turn
//! between two groups, one chore at a time, so that results never wait long.

mod chores;
mod pace;
mod thread;

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Store, StoreError};
pub use chores::Chore;
use chores::Chores;
pub use pace::Pace;
use thread::Stop;
pub use thread::{CloseError, WriterThread};

/// Records that wait for the thread: a few transactions' worth. The caller keeps what finds no room.
const QUEUE_MAX: usize = 1024;
/// One transaction takes at most so many records and (but for the last one) so many bytes.
const GROUP_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 1 << 20;
/// Reports that wait for the core; the thread waits when there are so many.
const EVENTS_MAX: usize = 64;

/// What the thread reports. When there are no more reports it has ended, and the log is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterEvent {
    /// Every record up to this ticket is durable.
    Durable {
        /// The last one's.
        up_to: u64,
    },
    /// An append failed; it is tried again. Said once.
    Failing {
        /// Why, for people.
        error: String,
    },
    /// It worked after all.
    Recovered,
    /// Every chore up to this number is done, durably.
    ChoresDone {
        /// The last one's.
        up_to: u64,
    },
    /// A chore failed; it is tried again, and appends go on. Said once.
    ChoresFailing {
        /// Why, for people.
        error: String,
    },
    /// It worked after all.
    ChoresRecovered,
    /// Somebody else wrote to the log: this collector must not go on.
    Deposed {
        /// Where.
        position: u64,
    },
}

/// The queue is full: try again after the next [`WriterEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log's queue is full")]
pub struct QueueFull;

/// What takes the records of whoever leads: the log's thread, or a simulated log.
pub trait Write: Send + 'static {
    /// Queues a record. Tickets rise; records become durable in this order.
    ///
    /// # Errors
    /// When the queue is full, or nobody reads it any more: the last event says why.
    fn append(&self, ticket: u64, record: Bytes) -> Result<(), QueueFull>;

    /// Queues a chore. Numbers rise; chores are done in this order, and those that are left at the end are not done: whoever
    /// leads next finds out.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn chore(&self, number: u64, chore: Chore) -> Result<(), QueueFull>;

    /// From now on nothing waits to be one append with what comes later: the end is near.
    fn hurry(&self);
}

/// The thread's sending end: the thread ends when it is dropped and the queue is empty.
pub struct WriterHandle {
    queue: SyncSender<Order>,
}

/// What the thread is told.
enum Order {
    Append(u64, Bytes),
    Do(u64, Chore),
    Hurry,
}

impl Write for WriterHandle {
    fn append(&self, ticket: u64, record: Bytes) -> Result<(), QueueFull> {
        self.queue.try_send(Order::Append(ticket, record)).map_err(|_full_or_ended| QueueFull)
    }

    fn chore(&self, number: u64, chore: Chore) -> Result<(), QueueFull> {
        self.queue.try_send(Order::Do(number, chore)).map_err(|_full_or_ended| QueueFull)
    }

    fn hurry(&self) {
        // A full queue is appended without waiting anyhow.
        let _full_or_ended = self.queue.try_send(Order::Hurry);
    }
}

/// Starts the thread; it appends from `position` on.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn(
    store: Box<dyn Store>,
    position: u64,
) -> std::io::Result<(WriterHandle, mpsc::Receiver<WriterEvent>, WriterThread)> {
    spawn_with(store, position, Pace::default())
}

fn spawn_with(
    store: Box<dyn Store>,
    position: u64,
    pace: Pace,
) -> std::io::Result<(WriterHandle, mpsc::Receiver<WriterEvent>, WriterThread)> {
    let (queue, orders) = sync_channel(QUEUE_MAX);
    let (events, reports) = mpsc::channel(EVENTS_MAX);
    let thread = WriterThread::start(move |stop| {
        let chores = Chores::default();
        let not_before = Some(Instant::now());
        Writer { store, position, orders, not_before, chores, events, pace, stop }.run()
    })?;
    Ok((WriterHandle { queue }, reports, thread))
}

struct Writer<'a> {
    store: Box<dyn Store>,
    /// Where the next group goes.
    position: u64,
    orders: Receiver<Order>,
    /// What is queued before this becomes one append; nothing once it is to hurry.
    not_before: Option<Instant>,
    chores: Chores,
    events: mpsc::Sender<WriterEvent>,
    pace: Pace,
    stop: &'a Stop,
}

struct Group {
    /// The last record's ticket.
    up_to: u64,
    records: Vec<Bytes>,
}

impl Writer<'_> {
    /// Works until nothing more can come, or somebody else leads, or it is told to give up. Says how many queued
    /// records were not written.
    fn run(mut self) -> usize {
        while let Some(group) = self.next_group() {
            if !group.records.is_empty() {
                if self.stop.is_over() || !self.write(&group) {
                    return group.records.len() + self.left_in_queue();
                }
                self.position += group.records.len() as u64;
                let gather = self.store.gather();
                self.not_before = self.not_before.map(|_| Instant::now() + gather);
                self.report(WriterEvent::Durable { up_to: group.up_to });
            }
            if let Some(event) = self.chores.turn(self.store.as_mut(), self.pace) {
                self.report(event);
            }
        }
        0
    }

    fn left_in_queue(&self) -> usize {
        let left = self.orders.try_iter().take(QUEUE_MAX);
        left.filter(|order| matches!(order, Order::Append(..))).count()
    }

    /// What is queued, as one group, empty when it is a chore's turn; none when no more will come.
    fn next_group(&mut self) -> Option<Group> {
        let mut group = Group { up_to: 0, records: Vec::new() };
        let mut bytes = 0;
        let mut next = self.wait_for_order()?;
        while let Some(order) = next {
            match order {
                Order::Do(number, chore) => self.chores.push(number, chore),
                Order::Hurry => self.not_before = None,
                Order::Append(ticket, record) => {
                    debug_assert!(ticket > group.up_to, "tickets rise");
                    group.up_to = ticket;
                    bytes += record.len();
                    group.records.push(record);
                }
            }
            if group.records.len() >= GROUP_MAX || bytes >= GROUP_BYTES_MAX {
                break;
            }
            next = self.orders.try_recv().ok();
            if next.is_none() && !group.records.is_empty() {
                next = self.gather();
            }
        }
        Some(group)
    }

    /// What comes until it is time to append.
    fn gather(&self) -> Option<Order> {
        let patience = self.not_before?.checked_duration_since(Instant::now())?;
        self.orders.recv_timeout(patience).ok()
    }

    /// The next order, or nothing when there is a chore to do first; none when no more will come.
    fn wait_for_order(&self) -> Option<Option<Order>> {
        let patience = match self.chores.wait() {
            None => return self.orders.recv().ok().map(Some),
            Some(patience) => patience,
        };
        match self.orders.recv_timeout(patience) {
            Ok(order) => Some(Some(order)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Makes the group durable, however often it takes; false if that cannot be, or not in time.
    fn write(&mut self, group: &Group) -> bool {
        let mut failures = 0;
        loop {
            match self.store.append(self.position, &group.records) {
                Ok(()) if failures == 0 => return true,
                Ok(()) => {
                    self.report(WriterEvent::Recovered);
                    return true;
                }
                Err(StoreError::Conflict { position }) => {
                    self.report(WriterEvent::Deposed { position });
                    return false;
                }
                Err(error) if failures == 0 => {
                    let error = crate::config::chain(&error);
                    self.report(WriterEvent::Failing { error });
                }
                Err(_) => {}
            }
            // Without a listener nobody leads any more; what was not acknowledged will be sent again.
            if self.events.is_closed() || !self.stop.pause(self.pace.after(failures)) {
                return false;
            }
            failures += 1;
        }
    }

    /// Nobody may be listening any more: what is queued is written all the same.
    fn report(&self, event: WriterEvent) {
        let _unheard = self.events.blocking_send(event);
    }
}

#[cfg(test)]
mod tests;
