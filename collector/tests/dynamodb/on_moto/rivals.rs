//! Two writers that both believe they lead, over ways that fail: what was reported durable is there, once, in order.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use collector::store::{Store, StoreError};

use super::contract::Stubborn;
use super::moto;
use super::proxy::{Fault, Proxy};

#[test]
fn what_a_deposed_leader_writes_after_its_successors_claim_is_not_there() {
    let table = moto::table(moto::address());
    let (mut old, mut new) = (moto::open(&table), moto::open(&table));
    old.append(0, &[Bytes::from_static(b"claim 1")]).unwrap();
    let tail = new.tail().unwrap();
    new.append(tail, &[Bytes::from_static(b"claim 2")]).unwrap();
    let refused = old.append(1, &[Bytes::from_static(b"results")]);
    assert!(matches!(refused, Err(StoreError::Conflict { position: 1 })));
    assert_eq!(new.tail().unwrap(), 2);
}

#[test]
fn whoever_claims_deposes_and_no_acknowledged_record_is_lost_or_doubled() {
    for seed in 0..3 {
        let table = moto::table(moto::address());
        let durable = Arc::<Mutex<Vec<(u64, Bytes)>>>::default();
        std::thread::scope(|scope| {
            for writer in 0..3u64 {
                let (name, durable) = (table.table.clone(), durable.clone());
                scope.spawn(move || {
                    let proxy = Proxy::start(moto::address());
                    let mut store = Stubborn(moto::open(&moto::at(&name, proxy.address())));
                    proxy.fail(seed * 31 + writer, &Fault::ALL);
                    for term in 0..6 {
                        lead(&mut store, &format!("{seed} {writer} {term}"), &durable);
                    }
                });
            }
        });
        let mut log = Vec::new();
        let store = moto::open(&table);
        store
            .read_from(0, &mut |position, record| {
                log.push((position, record));
                true
            })
            .unwrap();
        let durable = durable.lock().unwrap();
        for (position, record) in durable.iter() {
            let there = &log[usize::try_from(*position).unwrap()];
            assert_eq!(there, &(*position, record.clone()), "acknowledged is there");
        }
        let mut records: Vec<&Bytes> = log.iter().map(|(_, record)| record).collect();
        records.sort();
        let before = records.len();
        records.dedup();
        assert_eq!(before, records.len(), "nothing is there twice");
        assert!(durable.len() > 20, "{} records were acknowledged", durable.len());
    }
}

/// Claims at the tail, however often another one is faster, and writes until it is deposed.
fn lead(store: &mut Stubborn, term: &str, durable: &Mutex<Vec<(u64, Bytes)>>) {
    let claim = Bytes::from(format!("claim {term}"));
    let mut position = loop {
        let tail = store.tail().expect("it can be read after a while");
        match store.append(tail, std::slice::from_ref(&claim)) {
            Ok(()) => break tail,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    durable.lock().expect("whole").push((position, claim));
    for n in 0..4 {
        position += 1;
        let record = Bytes::from(format!("{n} of {term}"));
        match store.append(position, std::slice::from_ref(&record)) {
            Ok(()) => durable.lock().expect("whole").push((position, record)),
            Err(StoreError::Conflict { .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
}
