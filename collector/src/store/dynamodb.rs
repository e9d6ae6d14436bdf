//! The store that outlives the machine: one DynamoDB table, laid out as docs/store-dynamodb.md says.
//!
//! A group commit is an item that is created once, at the position of its first record. Two collectors that write at once
//! meet in that key: one creates it, the other reads what is there and compares. Nothing else fences, and nothing else
//! has to.

mod address;
mod group;
pub mod lease;
mod log;
mod parts;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use bytes::Bytes;

use super::{Parts, Store, StoreError};
pub use address::TableAddress;
use lease::{Lease, Licence};
use log::Extent;
use parts::TableParts;
use table::{Table, failed};

/// At least so long lies between two appends: every write costs, and what is found comes by the second.
const GATHER: Duration = Duration::from_secs(3);
/// How often a reading that ends too early is taken up again.
const READS_MAX: u32 = 20;
/// Between two of them.
const READ_PAUSE: Duration = Duration::from_millis(150);
/// No position.
const UNKNOWN: u64 = u64::MAX;
/// Rounds of creating and comparing within one append.
const APPEND_ROUNDS: u32 = 3;

/// A log in a table.
pub struct DynamoDb {
    table: Table,
    /// Where the next group goes, as far as this handle knows: what it wrote last, or where it saw the log end since.
    /// Another one may have written there meanwhile; creating the group finds out.
    tail: AtomicU64,
    /// Up to here the log is known to reach: a reading that ends before it was an old one.
    known: AtomicU64,
    /// Up to here it is known to be trimmed.
    known_head: AtomicU64,
    licence: Licence,
}

impl DynamoDb {
    /// Opens the log of a table; makes a new one of an empty table. Blocks, so not on a thread of the runtime, but within it:
    /// connections live there.
    ///
    /// # Errors
    /// When the table cannot be used, or holds what this version does not understand.
    pub fn open(address: &TableAddress) -> Result<Self, StoreError> {
        Self::open_as(address, None)
    }

    /// The same with these credentials instead of those that AWS tools find.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(
        address: &TableAddress,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Result<Self, StoreError> {
        let handle = tokio::runtime::Handle::current();
        let table = handle.block_on(Table::new(address, credentials))?;
        table.wait(log::open(&table))?;
        Ok(Self {
            table,
            tail: AtomicU64::new(UNKNOWN),
            known: AtomicU64::new(0),
            known_head: AtomicU64::new(0),
            licence: Licence::default(),
        })
    }

    /// Who may lead. The store writes only while the lease that is taken here is renewed.
    pub fn lease(&self) -> Lease {
        Lease::new(self.table.clone(), self.licence.clone())
    }

    fn extent(&self) -> Result<Extent, StoreError> {
        for _ in 0..READS_MAX {
            let extent = self.table.wait(log::open(&self.table))?;
            if self.known_head.fetch_max(extent.head, Ordering::Relaxed) <= extent.head {
                return Ok(extent);
            }
            std::thread::sleep(READ_PAUSE);
        }
        Err(failed("the table shows an old beginning of the log".into()))
    }

    fn find_tail(&self) -> Result<u64, StoreError> {
        let extent = self.extent()?;
        for _ in 0..READS_MAX {
            let tail = self.table.wait(log::tail(&self.table, extent))?;
            if tail >= self.known.load(Ordering::Relaxed) {
                return Ok(tail);
            }
            std::thread::sleep(READ_PAUSE);
        }
        Err(failed("the table shows an old end of the log".into()))
    }

    fn wrote(&self, tail: u64) {
        self.tail.store(tail, Ordering::Relaxed);
        self.known.fetch_max(tail, Ordering::Relaxed);
    }

    /// Compares what is there with what should be; what of it is still to be written.
    fn missing<'a>(&self, first: u64, records: &'a [Bytes]) -> Result<&'a [Bytes], StoreError> {
        let tail = self.find_tail()?;
        if first < self.extent()?.head || first > tail {
            return Err(StoreError::Conflict { position: first });
        }
        let there = usize::try_from(tail - first).unwrap_or(usize::MAX).min(records.len());
        let (there, missing) = records.split_at(there);
        let mut compared = 0;
        let mut other = None;
        self.read_from(first, &mut |position, record| {
            let Some(expected) = there.get(compared) else { return false };
            if record != expected {
                other = Some(position);
                return false;
            }
            compared += 1;
            compared < there.len()
        })?;
        match other {
            Some(position) => Err(StoreError::Conflict { position }),
            None if compared == there.len() => Ok(missing),
            None => Err(failed("what is there cannot be read to its end".into())),
        }
    }
}

impl Store for DynamoDb {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let end = first.saturating_add(records.len() as u64);
        let mut missing = match self.tail.load(Ordering::Relaxed) {
            tail if tail == first && tail != UNKNOWN => records,
            _ => self.missing(first, records)?,
        };
        for _ in 0..APPEND_ROUNDS {
            if missing.is_empty() {
                self.wrote(end);
                return Ok(());
            }
            self.licence.check()?;
            if self.table.wait(log::create(&self.table, end - missing.len() as u64, missing))? {
                self.wrote(end);
                return Ok(());
            }
            // An earlier try of ours may have arrived after all, or somebody else was there: what is there decides.
            self.tail.store(UNKNOWN, Ordering::Relaxed);
            missing = self.missing(first, records)?;
        }
        Err(failed("the end of the log moves while it is looked at".into()))
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        let mut from = from;
        for _ in 0..READS_MAX {
            let extent = self.extent()?;
            let reached = self.table.wait(log::read(&self.table, extent, from, each))?;
            match reached {
                Some(reached) if reached < self.known.load(Ordering::Relaxed).max(extent.head) => {
                    from = from.max(reached);
                    std::thread::sleep(READ_PAUSE);
                }
                _ => return Ok(()),
            }
        }
        Err(failed("the table shows an old end of the log".into()))
    }

    fn tail(&self) -> Result<u64, StoreError> {
        let tail = self.find_tail()?;
        // Whoever takes over asks and claims there: every call less is a moment less without a leader.
        self.tail.store(tail, Ordering::Relaxed);
        Ok(tail)
    }

    fn head(&self) -> Result<u64, StoreError> {
        Ok(self.extent()?.head)
    }

    fn trim(&mut self, before: u64) -> Result<(), StoreError> {
        let extent = self.extent()?;
        if before <= extent.head {
            return Ok(());
        }
        let tail = match self.tail.load(Ordering::Relaxed) {
            UNKNOWN => self.find_tail()?,
            tail => tail,
        };
        if before > tail {
            return Err(StoreError::Conflict { position: before });
        }
        self.licence.check()?;
        let trimmed = self.table.wait(log::trim(&self.table, extent, before))?;
        self.known_head.fetch_max(trimmed.head, Ordering::Relaxed);
        Ok(())
    }

    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
        self.licence.check()?;
        self.table.wait(parts::put(&self.table, key, bytes))
    }

    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError> {
        self.licence.check()?;
        self.table.wait(parts::delete(&self.table, keys))
    }

    fn upgrade(&mut self) -> Result<(), StoreError> {
        self.licence.check()?;
        self.table.wait(log::upgrade(&self.table))
    }

    fn parts(&self) -> Arc<dyn Parts> {
        Arc::new(TableParts(self.table.clone()))
    }

    fn gather(&self) -> Duration {
        GATHER
    }
}
