//! A disk as the system shows it: what is written is in memory first, and on the disk when a sync has said so.
//!
//! It fails on purpose, and loses at a power cut whatever was not synced: any part of it, as real ones do.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use redb::StorageBackend;

use super::super::*;

/// What the system caches and writes back at a time.
const PAGE: usize = 4096;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// The database caches this much: little, so that it also writes before it commits.
const CACHE_BYTES: usize = 256 << 10;

/// What can go wrong with a write, a change of length or a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The power goes: nothing works any more, and what was not synced is there in part.
    PowerCut,
    /// So many writes are refused, some of them after a part was written.
    RefusedWrites(u32),
    /// So many syncs fail. Part of what was to be synced is on the disk; the rest never will be, though the system goes on
    /// showing it as long as it remembers it, and says of no later sync that it failed.
    FailedSyncs(u32),
    /// So many syncs work, and say that they failed.
    DoubtfulSyncs(u32),
    /// So many times there is no room for pages that were never written.
    Full(u32),
}

#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<Pages>>);

#[derive(Debug)]
pub struct Pages {
    random: StdRng,
    /// What the process sees.
    seen: Vec<u8>,
    /// What is on the disk.
    synced: Vec<u8>,
    /// Pages to be synced.
    dirty: BTreeSet<usize>,
    /// Pages that a failed sync lost: seen, and never synced.
    forgotten: BTreeSet<usize>,
    /// Pages that have room on the disk.
    placed: BTreeSet<usize>,
    pub syncs: u64,
    /// After so many more calls that change something.
    armed: Option<(u64, Fault)>,
    /// As long as it lasts.
    acting: Option<Fault>,
    off: bool,
}

impl Disk {
    pub fn new(seed: u64) -> Self {
        Self::holding(Vec::new(), StdRng::seed_from_u64(seed))
    }

    fn holding(bytes: Vec<u8>, random: StdRng) -> Self {
        Self(Arc::new(Mutex::new(Pages {
            random,
            seen: bytes.clone(),
            placed: (0..bytes.len().div_ceil(PAGE)).collect(),
            synced: bytes,
            dirty: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            syncs: 0,
            armed: None,
            acting: None,
            off: false,
        })))
    }

    pub fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    /// The fault happens at the call after so many more that change something.
    pub fn fail(&self, after: u64, fault: Fault) {
        self.pages().armed = Some((after, fault));
    }

    pub fn is_off(&self) -> bool {
        self.pages().off
    }

    /// Whether what was armed has not happened yet.
    pub fn is_armed(&self) -> bool {
        self.pages().armed.is_some()
    }

    /// There is room again, and whatever else failed works.
    pub fn stop_failing(&self) {
        self.pages().acting = None;
    }

    /// From now on nothing fails that has not begun to.
    pub fn disarm(&self) {
        self.pages().armed = None;
    }

    /// The disk as it is found after the power was cut, now or before.
    pub fn after_power_cut(&self) -> Self {
        let mut pages = self.pages();
        let survive = [0, 10, 50, 90, 100][pages.random.random_range(0..5)];
        let mut found = pages.synced.clone();
        // A new length may be there without what was written behind the old one, and the other way round it may not.
        if pages.random.random_ratio(1, 2) {
            found.resize(pages.seen.len(), 0);
        }
        for page in pages.dirty.clone() {
            for sector in (page * PAGE..(page + 1) * PAGE).step_by(SECTOR) {
                let range = sector..sector + SECTOR;
                if range.end <= found.len().min(pages.seen.len())
                    && pages.random.random_range(0..100) < survive
                {
                    found[range.clone()].copy_from_slice(&pages.seen[range]);
                }
            }
        }
        let random = StdRng::seed_from_u64(pages.random.random());
        Self::holding(found, random)
    }

    /// The system forgets what it holds in memory and what needs no sync any more.
    pub fn forget_clean_pages(&self) {
        let pages = &mut *self.pages();
        for page in std::mem::take(&mut pages.forgotten) {
            let range = whole(page, pages.seen.len().min(pages.synced.len()));
            pages.seen[range.clone()].copy_from_slice(&pages.synced[range]);
        }
    }

    fn open(&self) -> std::result::Result<Database, StoreError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        builder.create_with_backend(self.clone()).map_err(failed)
    }

    /// A log on it, made if there is none. Opens it as [`super::super::super::Folder`] does.
    pub fn log(&self) -> Log {
        self.try_log().expect("nothing fails")
    }

    pub fn try_log(&self) -> std::result::Result<Log, StoreError> {
        if self.pages().synced.is_empty() {
            create_tables(&self.open()?, FORMAT)?;
        }
        let disk = self.clone();
        Log::open(Box::new(move || {
            disk.forget_clean_pages();
            disk.open()
        }))
    }
}

/// The bytes of a page in a file of this length.
fn whole(page: usize, len: usize) -> Range<usize> {
    (page * PAGE).min(len)..((page + 1) * PAGE).min(len)
}

impl Pages {
    /// Counts a call that changes something; the fault that is acting now.
    fn call(&mut self) -> Result<Option<Fault>> {
        match &mut self.armed {
            Some((0, fault)) => {
                let fault = *fault;
                self.armed = None;
                if fault == Fault::PowerCut {
                    self.off = true;
                } else {
                    self.acting = Some(fault);
                }
            }
            Some((after, _)) => *after -= 1,
            None => {}
        }
        if self.off { Err(Error::other("no power")) } else { Ok(self.acting) }
    }

    /// One of the times that the acting fault has.
    fn once(&mut self) {
        self.acting = match self.acting {
            Some(Fault::RefusedWrites(n)) if n > 1 => Some(Fault::RefusedWrites(n - 1)),
            Some(Fault::FailedSyncs(n)) if n > 1 => Some(Fault::FailedSyncs(n - 1)),
            Some(Fault::DoubtfulSyncs(n)) if n > 1 => Some(Fault::DoubtfulSyncs(n - 1)),
            Some(Fault::Full(n)) if n > 1 => Some(Fault::Full(n - 1)),
            _ => None,
        };
    }

    fn range(&self, offset: u64, len: usize) -> Result<Range<usize>> {
        let range = offset as usize..offset as usize + len;
        if range.end <= self.seen.len() { Ok(range) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    fn put(&mut self, range: Range<usize>, data: &[u8]) {
        let pages = range.start / PAGE..range.end.div_ceil(PAGE);
        self.seen[range].copy_from_slice(data);
        for page in pages {
            // The system writes pages whole, and so also what it had lost of this one.
            self.forgotten.remove(&page);
            self.placed.insert(page);
            self.dirty.insert(page);
        }
    }

    fn sync_page(&mut self, page: usize) {
        let range = whole(page, self.seen.len());
        self.synced[range.clone()].copy_from_slice(&self.seen[range]);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        Ok(self.pages().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let pages = self.pages();
        if pages.off {
            return Err(Error::other("no power"));
        }
        out.copy_from_slice(&pages.seen[pages.range(offset, out.len())?]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut pages = self.pages();
        let len = len as usize;
        match pages.call()? {
            Some(Fault::RefusedWrites(_)) => {
                pages.once();
                return Err(Error::other("no such luck"));
            }
            // A longer file takes no room by itself; some systems refuse it all the same.
            Some(Fault::Full(_)) if len > pages.seen.len() && pages.random.random_ratio(1, 2) => {
                pages.once();
                return Err(ErrorKind::StorageFull.into());
            }
            _ => {}
        }
        pages.seen.resize(len, 0);
        let beyond = len.div_ceil(PAGE);
        pages.dirty.split_off(&beyond);
        pages.forgotten.split_off(&beyond);
        pages.placed.split_off(&beyond);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let pages = &mut *self.pages();
        let fault = pages.call()?;
        pages.syncs += 1;
        pages.synced.resize(pages.seen.len(), 0);
        for page in std::mem::take(&mut pages.dirty) {
            if matches!(fault, Some(Fault::FailedSyncs(_))) && pages.random.random_ratio(1, 2) {
                pages.forgotten.insert(page);
            } else {
                pages.sync_page(page);
            }
        }
        if matches!(fault, Some(Fault::FailedSyncs(_) | Fault::DoubtfulSyncs(_))) {
            pages.once();
            return Err(Error::other("who knows"));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let pages = &mut *self.pages();
        let range = pages.range(offset, data.len())?;
        match pages.call()? {
            Some(Fault::RefusedWrites(_)) => {
                pages.once();
                let part = pages.random.random_range(0..=data.len());
                pages.put(range.start..range.start + part, &data[..part]);
                return Err(Error::other("no such luck"));
            }
            Some(Fault::Full(_)) => {
                let fits = (range.start / PAGE..range.end.div_ceil(PAGE))
                    .all(|page| pages.placed.contains(&page));
                if !fits {
                    pages.once();
                    return Err(ErrorKind::StorageFull.into());
                }
            }
            _ => {}
        }
        pages.put(range, data);
        Ok(())
    }
}
