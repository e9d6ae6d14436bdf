//! The log on a disk that loses what was not synced, fails, and fills up.

mod crashes;
mod disk;

use super::super::contract::{read, records};
use super::*;
use disk::{Disk, Fault};

#[test]
fn every_append_survives_a_power_cut_right_after_it() {
    let disk = Disk::new(1);
    let mut log = disk.log();
    let mut all = Vec::new();
    for round in 0..30u64 {
        let group: Vec<Bytes> =
            (0..=round % 4).map(|n| Bytes::from(vec![n as u8; 700 * round as usize])).collect();
        let before = disk.pages().syncs;
        log.append(all.len() as u64, &group).unwrap();
        assert!(disk.pages().syncs > before, "an append is synced");
        all.extend(group);
        assert_eq!(read(&disk.after_power_cut().log(), 0), all);
    }
}

#[test]
fn an_append_that_was_not_synced_is_lost_on_this_disk() {
    // Or the test above would prove nothing.
    let disk = Disk::new(1);
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
    let disk = Disk::new(1);
    let mut log = disk.log();
    log.append(0, &records(&["a"])).unwrap();
    disk.fail(0, Fault::Full(u32::MAX));
    let large = [Bytes::from(vec![1; 4 << 20])];
    for _ in 0..3 {
        assert!(matches!(log.append(1, &large), Err(StoreError::Failed(_))));
    }
    assert_eq!(read(&disk.after_power_cut().log(), 0), records(&["a"]));
    disk.stop_failing();
    log.append(1, &large).unwrap();
    log.append(2, &records(&["c"])).unwrap();
    assert_eq!(read(&log, 2), records(&["c"]));
    assert_eq!(read(&disk.after_power_cut().log(), 0).len(), 3);
}

#[test]
fn an_append_in_doubt_is_made_again_and_there_once() {
    for doubtful_syncs in 1..6 {
        let disk = Disk::new(1);
        let mut log = disk.log();
        log.append(0, &records(&["a"])).unwrap();
        disk.fail(0, Fault::DoubtfulSyncs(doubtful_syncs));
        let group = records(&["b", "c"]);
        let tries = (1..20).find(|_| log.append(1, &group).is_ok()).expect("it works at last");
        assert!(tries > 1, "the first try failed");
        assert_eq!(read(&log, 0), records(&["a", "b", "c"]));
        assert_eq!(read(&disk.after_power_cut().log(), 0), records(&["a", "b", "c"]));
    }
}

#[test]
fn parts_and_trims_survive_a_power_cut_right_after_them() {
    let disk = Disk::new(1);
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
    let disk = Disk::new(1);
    let mut log = disk.log();
    let parts = log.parts();
    disk.fail(0, Fault::Full(u32::MAX));
    let large = Bytes::from(vec![1; 4 << 20]);
    assert!(matches!(log.put_part("a", &large), Err(StoreError::Failed(_))));
    assert!(matches!(parts.get("a"), Err(StoreError::Failed(_))), "closed until the next write");
    disk.stop_failing();
    log.put_part("a", &large).unwrap();
    assert_eq!(parts.get("a").unwrap(), Some(large));
}
