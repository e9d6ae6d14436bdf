//! The log: a memory that outlives the collector's process, and a writer that takes its time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use collector::store::writer::{Chore, QueueFull, Write, WriterEvent};
use collector::store::{Memory, Parts, Store, StoreError};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::random::Random;

/// Orders that wait, as in the log's real queue.
const QUEUE_MAX: usize = 1024;
/// Records in one append.
const GROUP_MAX: usize = 256;

/// What is durable.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Memory>>);

impl Disk {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every record that there is.
    pub fn records(&self) -> Vec<Bytes> {
        let mut records = Vec::new();
        let read = self.read_from(0, &mut |_, record| {
            records.push(record);
            true
        });
        read.expect("memory does not fail");
        records
    }
}

impl Store for Disk {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        self.memory().append(first, records)
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        self.memory().read_from(from, each)
    }

    fn tail(&self) -> Result<u64, StoreError> {
        self.memory().tail()
    }

    fn head(&self) -> Result<u64, StoreError> {
        self.memory().head()
    }

    fn trim(&mut self, before: u64) -> Result<(), StoreError> {
        self.memory().trim(before)
    }

    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
        self.memory().put_part(key, bytes)
    }

    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError> {
        self.memory().delete_parts(keys)
    }

    fn parts(&self) -> Arc<dyn Parts> {
        self.memory().parts()
    }
}

enum Order {
    Append(u64, Bytes),
    Do(u64, Chore),
}

/// The end of the log that the collector holds.
pub struct Queue(mpsc::Sender<Order>);

impl Write for Queue {
    fn append(&self, ticket: u64, record: Bytes) -> Result<(), QueueFull> {
        self.0.try_send(Order::Append(ticket, record)).map_err(|_| QueueFull)
    }

    fn chore(&self, number: u64, chore: Chore) -> Result<(), QueueFull> {
        self.0.try_send(Order::Do(number, chore)).map_err(|_| QueueFull)
    }

    fn hurry(&self) {}
}

/// The end that writes, in simulated time. What it has not written when it is dropped is not written.
pub struct Writer {
    disk: Disk,
    position: u64,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<WriterEvent>,
    random: Random,
}

impl Writer {
    /// Writes from `position` on.
    pub fn new(
        disk: Disk,
        position: u64,
        random: Random,
    ) -> (Self, Queue, mpsc::Receiver<WriterEvent>) {
        let (queue, orders) = mpsc::channel(QUEUE_MAX);
        let (events, reports) = mpsc::channel(QUEUE_MAX);
        (Self { disk, position, orders, events, random }, Queue(queue), reports)
    }

    /// Works until the collector is gone.
    pub async fn work(mut self) {
        let mut orders = Vec::with_capacity(GROUP_MAX);
        while self.orders.recv_many(&mut orders, GROUP_MAX).await > 0 {
            let mut records = Vec::new();
            let (mut up_to, mut done) = (None, None);
            let mut chores = Vec::new();
            for order in orders.drain(..) {
                match order {
                    Order::Append(ticket, record) => {
                        records.push(record);
                        up_to = Some(ticket);
                    }
                    Order::Do(number, chore) => {
                        chores.push(chore);
                        done = Some(number);
                    }
                }
            }
            let slow = if self.random.one_in(50) { 6_000 } else { 120 };
            sleep(self.random.millis(1, slow)).await;
            self.write(&records, &chores);
            // It may die before anybody hears of it.
            sleep(self.random.millis(1, 40)).await;
            let durable = up_to.map(|up_to| WriterEvent::Durable { up_to });
            let chores = done.map(|up_to| WriterEvent::ChoresDone { up_to });
            for event in [durable, chores].into_iter().flatten() {
                if self.events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }

    fn write(&mut self, records: &[Bytes], chores: &[Chore]) {
        self.disk.append(self.position, records).expect("nobody else writes");
        self.position += records.len() as u64;
        for chore in chores {
            match chore {
                Chore::Put(key, bytes) => self.disk.put_part(key, bytes),
                Chore::Delete(keys) => self.disk.delete_parts(keys),
                Chore::Trim(before) => self.disk.trim(*before),
            }
            .expect("memory does not fail");
        }
    }
}
