//! What every [`Store`] promises, as tests that every implementation has to pass: the two here and any other.
//!
//! Public, so that a store that needs more than a unit test can be run through it from a test of its own.
#![expect(clippy::unwrap_used, reason = "a law that does not hold is to panic")]

use bytes::Bytes;

use super::{Store, StoreError};

/// Runs every law on a new store of its own.
///
/// # Panics
/// When one does not hold.
pub fn holds_for(make: &dyn Fn() -> Box<dyn Store>) {
    for (law, check) in LAWS {
        println!("{law}");
        check(make().as_mut());
    }
}

type Law = (&'static str, fn(&mut dyn Store));

const LAWS: &[Law] = &[
    ("a new log is empty", a_new_log_is_empty),
    ("records come back in order from any position", records_come_back_in_order),
    ("reading stops when it is told to", reading_stops_when_told),
    ("an append made again is there once", an_append_made_again_is_there_once),
    ("an append that was there in part is completed", an_append_there_in_part_is_completed),
    ("other bytes are a conflict and change nothing", other_bytes_are_a_conflict),
    ("a gap is a conflict and changes nothing", a_gap_is_a_conflict),
    ("records may be empty, large and many", records_may_be_empty_large_and_many),
    ("a trimmed log begins where it was trimmed to", a_trimmed_log_begins_there),
    ("a log trimmed whole keeps its tail", a_log_trimmed_whole_keeps_its_tail),
    ("nothing is trimmed beyond the tail or twice", nothing_is_trimmed_beyond_the_tail_or_twice),
    ("a trimmed position is never written again", a_trimmed_position_is_never_written_again),
    ("a long trim is done in steps", a_long_trim_is_done_in_steps),
    ("a part is created once", a_part_is_created_once),
    ("parts may be empty and large", parts_may_be_empty_and_large),
    ("parts are listed by the beginning of their keys", parts_are_listed_by_their_keys),
    ("a deleted part is gone", a_deleted_part_is_gone),
    ("parts are read from another thread while the log grows", parts_are_read_from_another_thread),
];

pub(super) fn records(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

pub(super) fn read(store: &dyn Store, from: u64) -> Vec<Bytes> {
    let mut found = Vec::new();
    let mut expected = from;
    let mut each = |position, record| {
        assert_eq!(position, expected, "positions have no gaps");
        expected += 1;
        found.push(record);
        true
    };
    store.read_from(from, &mut each).expect("the log can be read");
    found
}

fn a_new_log_is_empty(store: &mut dyn Store) {
    assert_eq!(store.tail().unwrap(), 0);
    assert!(read(store, 0).is_empty());
}

fn records_come_back_in_order(store: &mut dyn Store) {
    store.append(0, &records(&["a", "b"])).unwrap();
    store.append(2, &records(&["c"])).unwrap();
    assert_eq!(store.tail().unwrap(), 3);
    assert_eq!(read(store, 0), records(&["a", "b", "c"]));
    assert_eq!(read(store, 1), records(&["b", "c"]));
    assert!(read(store, 3).is_empty() && read(store, u64::MAX).is_empty());
}

fn reading_stops_when_told(store: &mut dyn Store) {
    store.append(0, &records(&["a", "b", "c"])).unwrap();
    let mut seen = 0;
    let mut each = |_, _| {
        seen += 1;
        seen < 2
    };
    store.read_from(0, &mut each).unwrap();
    assert_eq!(seen, 2);
}

fn an_append_made_again_is_there_once(store: &mut dyn Store) {
    store.append(0, &records(&["a"])).unwrap();
    for _ in 0..3 {
        store.append(1, &records(&["b", "c"])).unwrap();
    }
    assert_eq!(read(store, 0), records(&["a", "b", "c"]));
    assert_eq!(store.tail().unwrap(), 3);
}

fn an_append_there_in_part_is_completed(store: &mut dyn Store) {
    store.append(0, &records(&["a", "b"])).unwrap();
    store.append(1, &records(&["b", "c"])).unwrap();
    store.append(0, &records(&["a"])).unwrap();
    assert_eq!(read(store, 0), records(&["a", "b", "c"]));
}

fn other_bytes_are_a_conflict(store: &mut dyn Store) {
    store.append(0, &records(&["a", "b"])).unwrap();
    for (other, at) in [(["x", "b", "c"], 0), (["a", "x", "c"], 1), (["a", "bb", "c"], 1)] {
        let refused = store.append(0, &records(&other));
        assert!(matches!(refused, Err(StoreError::Conflict { position }) if position == at));
        assert_eq!(read(store, 0), records(&["a", "b"]));
    }
    store.append(2, &records(&["c"])).unwrap();
}

fn a_gap_is_a_conflict(store: &mut dyn Store) {
    store.append(0, &records(&["a"])).unwrap();
    for first in [2, u64::MAX] {
        let refused = store.append(first, &records(&["c"]));
        assert!(matches!(refused, Err(StoreError::Conflict { position }) if position == first));
    }
    assert_eq!(read(store, 0), records(&["a"]));
}

fn records_may_be_empty_large_and_many(store: &mut dyn Store) {
    store.append(0, &[]).unwrap();
    assert_eq!(store.tail().unwrap(), 0);
    let large = Bytes::from(vec![7; 2 << 20]);
    let many = (0..3_000u32).map(|n| Bytes::copy_from_slice(&n.to_le_bytes()));
    let all: Vec<Bytes> = [Bytes::new(), large].into_iter().chain(many).collect();
    store.append(0, &all).unwrap();
    assert_eq!(read(store, 0), all);
}

/// Trims step by step, as the writer does.
fn trim(store: &mut dyn Store, before: u64) {
    while store.head().unwrap() < before {
        let was = store.head().unwrap();
        store.trim(before).unwrap();
        assert!(store.head().unwrap() > was, "every step gets on");
    }
}

fn a_trimmed_log_begins_there(store: &mut dyn Store) {
    assert_eq!(store.head().unwrap(), 0);
    store.append(0, &records(&["a", "b", "c", "d"])).unwrap();
    trim(store, 2);
    assert_eq!((store.head().unwrap(), store.tail().unwrap()), (2, 4));
    let mut found = Vec::new();
    let mut each = |position, record| {
        found.push((position, record));
        true
    };
    store.read_from(0, &mut each).unwrap();
    let all = records(&["c", "d"]);
    assert_eq!(found, [(2, all[0].clone()), (3, all[1].clone())]);
    assert_eq!(read(store, 3), records(&["d"]));
    store.append(4, &records(&["e"])).unwrap();
    assert_eq!(read(store, 2), records(&["c", "d", "e"]));
}

fn a_log_trimmed_whole_keeps_its_tail(store: &mut dyn Store) {
    store.append(0, &records(&["a", "b"])).unwrap();
    trim(store, 2);
    assert_eq!((store.head().unwrap(), store.tail().unwrap()), (2, 2));
    assert!(read(store, 2).is_empty());
    let gap = store.append(3, &records(&["d"]));
    assert!(matches!(gap, Err(StoreError::Conflict { position: 3 })));
    store.append(2, &records(&["c"])).unwrap();
    assert_eq!(read(store, 2), records(&["c"]));
}

fn nothing_is_trimmed_beyond_the_tail_or_twice(store: &mut dyn Store) {
    store.append(0, &records(&["a", "b"])).unwrap();
    for before in [3, u64::MAX] {
        let refused = store.trim(before);
        assert!(matches!(refused, Err(StoreError::Conflict { position }) if position == before));
    }
    assert_eq!(read(store, 0), records(&["a", "b"]));
    trim(store, 1);
    for before in [0, 1] {
        store.trim(before).unwrap();
        assert_eq!(store.head().unwrap(), 1);
    }
}

fn a_trimmed_position_is_never_written_again(store: &mut dyn Store) {
    store.append(0, &records(&["a", "b"])).unwrap();
    trim(store, 2);
    for first in [0, 1] {
        let refused = store.append(first, &records(&["a", "b", "c"]));
        assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    }
    assert_eq!((store.head().unwrap(), store.tail().unwrap()), (2, 2));
}

fn a_long_trim_is_done_in_steps(store: &mut dyn Store) {
    let many: Vec<Bytes> =
        (0..10_000u32).map(|n| Bytes::copy_from_slice(&n.to_le_bytes())).collect();
    store.append(0, &many).unwrap();
    trim(store, 9_999);
    assert_eq!((store.head().unwrap(), store.tail().unwrap()), (9_999, 10_000));
    assert_eq!(read(store, 9_999), many[9_999..]);
}

fn a_part_is_created_once(store: &mut dyn Store) {
    let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
    let parts = store.parts();
    assert_eq!(parts.get("a/1").unwrap(), None);
    for _ in 0..2 {
        store.put_part("a/1", &one).unwrap();
        assert_eq!(parts.get("a/1").unwrap(), Some(one.clone()));
    }
    let refused = store.put_part("a/1", &other);
    assert!(matches!(refused, Err(StoreError::PartConflict { key }) if key == "a/1"));
    assert_eq!(parts.get("a/1").unwrap(), Some(one));
    store.put_part("a/2", &other).unwrap();
    assert!(read(store, 0).is_empty(), "parts are not records");
}

fn parts_may_be_empty_and_large(store: &mut dyn Store) {
    let large: Bytes = (0..1_500_000u32).map(|n| (n * 7 % 251) as u8).collect::<Vec<_>>().into();
    let key = "k".repeat(super::PART_KEY_MAX);
    store.put_part("empty", &Bytes::new()).unwrap();
    store.put_part(&key, &large).unwrap();
    store.put_part(&key, &large).unwrap();
    assert_eq!(store.parts().get("empty").unwrap(), Some(Bytes::new()));
    assert!(store.parts().get(&key).unwrap() == Some(large));
}

fn parts_are_listed_by_their_keys(store: &mut dyn Store) {
    let parts = store.parts();
    assert!(parts.keys("").unwrap().is_empty());
    for key in ["b/2", "a", "b/1", "b", "c"] {
        store.put_part(key, &Bytes::from_static(b"x")).unwrap();
    }
    assert_eq!(parts.keys("b/").unwrap(), ["b/1", "b/2"]);
    assert_eq!(parts.keys("").unwrap(), ["a", "b", "b/1", "b/2", "c"]);
    assert!(parts.keys("d").unwrap().is_empty());
}

fn a_deleted_part_is_gone(store: &mut dyn Store) {
    for key in ["a", "b", "c"] {
        store.put_part(key, &Bytes::from(vec![1; 400_000])).unwrap();
    }
    store.delete_parts(&["a".into(), "never".into(), "c".into()]).unwrap();
    assert_eq!(store.parts().keys("").unwrap(), ["b"]);
    assert_eq!(store.parts().get("a").unwrap(), None);
    store.delete_parts(&["a".into()]).unwrap();
    store.put_part("a", &Bytes::from_static(b"new")).unwrap();
    assert_eq!(store.parts().get("a").unwrap(), Some(Bytes::from_static(b"new")));
}

fn parts_are_read_from_another_thread(store: &mut dyn Store) {
    store.put_part("a", &Bytes::from_static(b"x")).unwrap();
    let parts = store.parts();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || (0..20).all(|_| parts.get("a").unwrap().is_some()));
        for position in 0..20 {
            store.append(position, &records(&["r"])).unwrap();
        }
        assert!(reader.join().unwrap());
    });
}
