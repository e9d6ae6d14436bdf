//! Group commit: one thread appends what is queued, in order, and says when it is durable.
//!
//! A failed or doubtful append is made again with the same bytes at the same positions until it works; nothing behind it
//! overtakes it, and nothing is reported durable before it is.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Store, StoreError};

/// Records that wait for the thread.
const QUEUE_MAX: usize = 1024;
/// One transaction takes at most so many records and (but for the last one) so many bytes.
const GROUP_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 1 << 20;
/// Between two tries of a failing append.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Reports that wait for the core; the thread waits when there are so many.
const EVENTS_MAX: usize = 64;

/// What the thread reports.
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

/// The sending end.
pub struct WriterHandle {
    queue: SyncSender<(u64, Bytes)>,
}

impl WriterHandle {
    /// Queues a record. Tickets rise; records become durable in this order. The thread ends when the handle is dropped
    /// and the queue is empty.
    ///
    /// # Errors
    /// When the queue is full, or the thread has ended: its last event says why.
    pub fn append(&self, ticket: u64, record: Bytes) -> Result<(), QueueFull> {
        self.queue.try_send((ticket, record)).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => QueueFull,
        })
    }
}

/// Starts the thread; it appends from `position` on.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn(
    store: Box<dyn Store>,
    position: u64,
) -> std::io::Result<(WriterHandle, mpsc::Receiver<WriterEvent>, JoinHandle<()>)> {
    let (queue, records) = sync_channel(QUEUE_MAX);
    let (events, reports) = mpsc::channel(EVENTS_MAX);
    let thread = std::thread::Builder::new()
        .name("log".into())
        .spawn(move || write(store, position, &records, &events))?;
    Ok((WriterHandle { queue }, reports, thread))
}

fn write(
    mut store: Box<dyn Store>,
    mut position: u64,
    records: &Receiver<(u64, Bytes)>,
    events: &mpsc::Sender<WriterEvent>,
) {
    while let Some((up_to, group)) = next_group(records) {
        let (mut failing, mut pause) = (false, RETRY_FIRST);
        loop {
            match store.append(position, &group) {
                Ok(()) => break,
                Err(StoreError::Conflict { position }) => {
                    // Nobody may be listening any more: then nobody goes on leading either.
                    let _stopped = events.blocking_send(WriterEvent::Deposed { position });
                    return;
                }
                Err(error) => {
                    if !failing {
                        let error = crate::config::chain(&error);
                        if events.blocking_send(WriterEvent::Failing { error }).is_err() {
                            return;
                        }
                    }
                    failing = true;
                    if events.is_closed() {
                        return;
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
        position += group.len() as u64;
        let recovered = !failing || events.blocking_send(WriterEvent::Recovered).is_ok();
        if !recovered || events.blocking_send(WriterEvent::Durable { up_to }).is_err() {
            return;
        }
    }
}

/// What is queued, as one group; none when no more will come.
fn next_group(records: &Receiver<(u64, Bytes)>) -> Option<(u64, Vec<Bytes>)> {
    let (mut up_to, first) = records.recv().ok()?;
    let mut bytes = first.len();
    let mut group = vec![first];
    while group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
        match records.recv_timeout(Duration::ZERO) {
            Ok((ticket, record)) => {
                up_to = ticket;
                bytes += record.len();
                group.push(record);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Some((up_to, group))
}
