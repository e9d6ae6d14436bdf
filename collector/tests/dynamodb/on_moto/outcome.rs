//! A call that was done, and whose answer never came: neither lost nor done twice.

use std::time::{Duration, Instant};

use bytes::Bytes;
use collector::store::Store;

use super::moto;
use super::proxy::{Fault, Proxy};

#[test]
fn what_is_written_without_an_answer_is_found_out_after_a_time_out_and_is_there_once() {
    let proxy = Proxy::start(moto::address());
    let mut store = moto::open(&moto::table(proxy.address()));
    let records: Vec<Bytes> = ["claim", "results", "more"].map(Bytes::from).into();
    store.append(0, &records[..1]).unwrap();
    let began = Instant::now();
    proxy.fail_once(Fault::Silent);
    store.append(1, &records[1..2]).unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3), "no answer came");
    assert_eq!(proxy.failed(Fault::Silent), 1);
    store.append(2, &records[2..]).unwrap();
    let mut found = Vec::new();
    let mut each = |position, record| {
        found.push((position, record));
        true
    };
    store.read_from(0, &mut each).unwrap();
    assert_eq!(found, (0..).zip(records).collect::<Vec<_>>());
}
