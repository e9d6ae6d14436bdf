//! The log on a disk that loses what was not synced, and fills up.

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use super::super::contract::{read, records};
use super::*;

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Sectors>>);

#[derive(Debug, Default)]
struct Sectors {
    /// What the process sees.
    seen: Vec<u8>,
    /// What is there after a power cut.
    synced: Vec<u8>,
    syncs: u64,
    /// Nothing can be written from now on.
    full: bool,
    /// The next so many syncs work, and then say that they did not.
    doubtful_syncs: u64,
}

impl Disk {
    fn sectors(&self) -> MutexGuard<'_, Sectors> {
        self.0.lock().unwrap()
    }

    /// The disk as it would be found after a power cut now.
    fn after_power_cut(&self) -> Disk {
        let synced = self.sectors().synced.clone();
        Disk(Arc::new(Mutex::new(Sectors { seen: synced.clone(), synced, ..Sectors::default() })))
    }

    fn log(&self) -> Log {
        let database = Database::builder().create_with_backend(self.clone()).unwrap();
        if format_of(&database).unwrap().is_none() {
            create_tables(&database, FORMAT).unwrap();
        }
        drop(database);
        let disk = self.clone();
        let reopen = move || Database::builder().create_with_backend(disk.clone()).map_err(failed);
        Log::open(Box::new(reopen)).unwrap()
    }
}

impl Sectors {
    fn room(&self) -> Result<()> {
        if self.full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn range(&self, offset: u64, len: usize) -> Result<Range<usize>> {
        let range = offset as usize..offset as usize + len;
        if range.end <= self.seen.len() { Ok(range) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        Ok(self.sectors().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let sectors = self.sectors();
        out.copy_from_slice(&sectors.seen[sectors.range(offset, out.len())?]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.sectors().room()?;
        self.sectors().seen.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut sectors = self.sectors();
        sectors.synced = sectors.seen.clone();
        sectors.syncs += 1;
        if sectors.doubtful_syncs > 0 {
            sectors.doubtful_syncs -= 1;
            return Err(Error::other("who knows"));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut sectors = self.sectors();
        sectors.room()?;
        let range = sectors.range(offset, data.len())?;
        sectors.seen[range].copy_from_slice(data);
        Ok(())
    }
}

#[test]
fn every_append_survives_a_power_cut_right_after_it() {
    let disk = Disk::default();
    let mut log = disk.log();
    let mut all = Vec::new();
    for round in 0..30u64 {
        let group: Vec<Bytes> =
            (0..=round % 4).map(|n| Bytes::from(vec![n as u8; 700 * round as usize])).collect();
        let before = disk.sectors().syncs;
        log.append(all.len() as u64, &group).unwrap();
        assert!(disk.sectors().syncs > before, "an append is synced");
        all.extend(group);
        assert_eq!(read(&disk.after_power_cut().log(), 0), all);
    }
}

#[test]
fn an_append_that_was_not_synced_is_lost_on_this_disk() {
    // Or the test above would prove nothing.
    let disk = Disk::default();
    let log = disk.log();
    let database = log.open.database().unwrap();
    let mut writing = database.begin_write().unwrap();
    writing.set_durability(Durability::None).unwrap();
    writing.open_table(LOG).unwrap().insert(0, b"a".as_slice()).unwrap();
    writing.commit().unwrap();
    assert_eq!(read(&log, 0), records(&["a"]));
    assert!(read(&disk.after_power_cut().log(), 0).is_empty());
}

#[test]
fn a_full_disk_fails_the_append_and_room_mends_it() {
    let disk = Disk::default();
    let mut log = disk.log();
    log.append(0, &records(&["a"])).unwrap();
    disk.sectors().full = true;
    let large = [Bytes::from(vec![1; 4 << 20])];
    for _ in 0..3 {
        assert!(matches!(log.append(1, &large), Err(StoreError::Failed(_))));
    }
    assert_eq!(read(&disk.after_power_cut().log(), 0), records(&["a"]));
    disk.sectors().full = false;
    log.append(1, &large).unwrap();
    log.append(2, &records(&["c"])).unwrap();
    assert_eq!(read(&log, 2), records(&["c"]));
    assert_eq!(read(&disk.after_power_cut().log(), 0).len(), 3);
}

#[test]
fn an_append_in_doubt_is_made_again_and_there_once() {
    for doubtful_syncs in 1..6 {
        let disk = Disk::default();
        let mut log = disk.log();
        log.append(0, &records(&["a"])).unwrap();
        disk.sectors().doubtful_syncs = doubtful_syncs;
        let group = records(&["b", "c"]);
        let tries = (1..20).find(|_| log.append(1, &group).is_ok()).expect("it works at last");
        assert!(tries > 1, "the first try failed");
        assert_eq!(read(&log, 0), records(&["a", "b", "c"]));
        assert_eq!(read(&disk.after_power_cut().log(), 0), records(&["a", "b", "c"]));
    }
}

#[test]
fn parts_and_trims_survive_a_power_cut_right_after_them() {
    let disk = Disk::default();
    let mut log = disk.log();
    log.append(0, &records(&["a", "b", "c"])).unwrap();
    log.put_part("part", &Bytes::from_static(b"bytes")).unwrap();
    let parts = disk.after_power_cut().log().parts();
    assert_eq!(parts.get("part").unwrap(), Some(Bytes::from_static(b"bytes")));
    log.trim(3).unwrap();
    let found = disk.after_power_cut().log();
    assert_eq!((found.head().unwrap(), found.tail().unwrap()), (3, 3));
    log.delete_parts(&["part".into()]).unwrap();
    assert_eq!(disk.after_power_cut().log().parts().keys("").unwrap(), Vec::<String>::new());
}

#[test]
fn a_part_that_the_disk_refuses_is_made_again_and_readers_wait_no_longer_than_that() {
    let disk = Disk::default();
    let mut log = disk.log();
    let parts = log.parts();
    disk.sectors().full = true;
    let large = Bytes::from(vec![1; 4 << 20]);
    assert!(matches!(log.put_part("a", &large), Err(StoreError::Failed(_))));
    assert!(matches!(parts.get("a"), Err(StoreError::Failed(_))), "closed until the next write");
    disk.sectors().full = false;
    log.put_part("a", &large).unwrap();
    assert_eq!(parts.get("a").unwrap(), Some(large));
}
