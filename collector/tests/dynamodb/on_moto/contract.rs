//! The contract of every store, kept by a table: over a good way, and over a bad one.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use collector::store::{DynamoDb, Parts, Store, StoreError, contract};

use super::moto;
use super::proxy::{Fault, Proxy};

/// Does what the writer does: what fails is tried again, with the same bytes at the same position.
pub struct Stubborn(pub DynamoDb);

const TRIES: u32 = 60;

fn again<T>(mut call: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..TRIES {
        match call() {
            Err(StoreError::Failed(_)) => std::thread::sleep(Duration::from_millis(5)),
            done => return done,
        }
    }
    call()
}

impl Store for Stubborn {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        again(|| self.0.append(first, records))
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        // Shown is shown: a reading that breaks off goes on where it was.
        let mut next = from;
        let mut stopped = false;
        again(|| {
            self.0.read_from(next, &mut |position, record| {
                next = position + 1;
                stopped = !each(position, record);
                !stopped
            })
        })
    }

    fn tail(&self) -> Result<u64, StoreError> {
        again(|| self.0.tail())
    }

    fn head(&self) -> Result<u64, StoreError> {
        again(|| self.0.head())
    }

    fn trim(&mut self, before: u64) -> Result<(), StoreError> {
        again(|| self.0.trim(before))
    }

    fn upgrade(&mut self) -> Result<(), StoreError> {
        again(|| self.0.upgrade())
    }

    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
        again(|| self.0.put_part(key, bytes))
    }

    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError> {
        again(|| self.0.delete_parts(keys))
    }

    fn parts(&self) -> Arc<dyn Parts> {
        Arc::new(StubbornParts(self.0.parts()))
    }
}

struct StubbornParts(Arc<dyn Parts>);

impl Parts for StubbornParts {
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        again(|| self.0.get(key))
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        again(|| self.0.keys(prefix))
    }
}

#[test]
fn a_table_keeps_the_contract() {
    contract::holds_for(&|| Box::new(moto::open(&moto::table(moto::address()))));
}

#[test]
fn a_table_of_an_older_format_goes_on_and_one_of_a_newer_is_refused_unchanged() {
    let table = moto::table(moto::address());
    let record = Bytes::from_static(b"a record");
    moto::open(&table).append(0, std::slice::from_ref(&record)).expect("it is written");
    moto::set_format(&table, "1");
    let mut found = Vec::new();
    let read = moto::open(&table).read_from(0, &mut |_, record| {
        found.push(record);
        true
    });
    read.expect("it is read");
    // Whoever leads still may be of the version before: it is kept from its log by the next leader alone.
    assert_eq!((found, moto::format_of(&table).as_str()), (vec![record], "1"));
    moto::open(&table).upgrade().expect("it is noted");
    assert_eq!(moto::format_of(&table), "2");
    moto::set_format(&table, "3");
    let refused = moto::open_once(&table).err().expect("it is refused").to_string();
    assert!(refused.contains("format 3") && refused.contains("formats 1 to 2"), "{refused}");
    assert_eq!(moto::format_of(&table), "3");
}

#[test]
fn a_table_keeps_the_contract_behind_a_bad_network_and_a_busy_service() {
    let proxy = Proxy::start(moto::address());
    let seed = Cell::new(0);
    contract::holds_for(&|| {
        let table = moto::table(proxy.address());
        proxy.fail(seed.replace(seed.get() + 1), &Fault::ALL);
        Box::new(Stubborn(moto::open(&table)))
    });
    for fault in Fault::ALL {
        assert!(proxy.failed(fault) > 0, "{fault:?} never happened");
    }
}
