//! What every [`Store`] promises, as tests that every implementation has to pass.

use bytes::Bytes;

use super::{Store, StoreError};

/// Runs every law on a new store of its own.
pub(super) fn holds_for(make: &dyn Fn() -> Box<dyn Store>) {
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
