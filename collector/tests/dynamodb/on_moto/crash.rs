//! A writer that dies between any two of its calls leaves a log and parts that are whole.

use bytes::Bytes;
use collector::store::{Store, StoreError};

use super::moto;
use super::proxy::Proxy;

fn large(byte: u8) -> Bytes {
    Bytes::from(vec![byte; 700_000])
}

/// What the writer was told is durable before it died.
#[derive(Debug, Default)]
struct Told {
    tail: u64,
    part: bool,
    trimmed: bool,
    deleted: bool,
}

fn write(store: &mut dyn Store, told: &mut Told) -> Result<(), StoreError> {
    store.append(0, &[Bytes::from_static(b"claim")])?;
    told.tail = 1;
    store.append(1, &[large(1), large(2)])?;
    told.tail = 3;
    store.put_part("hour/1", &large(3))?;
    told.part = true;
    store.trim(2)?;
    store.trim(3)?;
    told.trimmed = true;
    store.append(3, &[Bytes::from_static(b"more")])?;
    told.tail = 4;
    store.delete_parts(&["hour/1".into()])?;
    told.deleted = true;
    Ok(())
}

#[test]
fn a_crash_between_any_two_calls_leaves_the_log_and_its_parts_whole() {
    let proxy = Proxy::start(moto::address());
    let mut crashes = 0;
    loop {
        let table = moto::table(proxy.address());
        proxy.fail(0, &[]);
        let mut store = moto::open(&table);
        proxy.cut_after(crashes);
        let mut told = Told::default();
        let done = write(&mut store, &mut told).is_ok();
        drop(store);

        let mut store = moto::open(&moto::at(&table.table, moto::address()));
        let (head, tail) = (store.head().unwrap(), store.tail().unwrap());
        assert!(tail >= told.tail, "after {crashes} calls: {told:?}, and the log ends at {tail}");
        let mut next = head;
        let mut each = |position, record: Bytes| {
            assert_eq!(position, next);
            let expected = [Bytes::from_static(b"claim"), large(1), large(2), "more".into()];
            assert!(record == expected[usize::try_from(position).unwrap()], "at {position}");
            next += 1;
            true
        };
        store.read_from(0, &mut each).unwrap();
        assert_eq!(next, tail, "after {crashes} calls");
        assert!(!told.trimmed || head == 3);
        let part = store.parts().get("hour/1").unwrap();
        match part {
            Some(part) => assert!(part == large(3) && !told.deleted),
            None => assert!(!told.part || told.tail == 4, "after {crashes} calls"),
        }
        // Whoever comes next goes on, and can do again what was left half done.
        store.append(tail, &[Bytes::from_static(b"claim 2")]).unwrap();
        while store.head().unwrap() < tail {
            store.trim(tail).unwrap();
        }
        store.put_part("hour/2", &large(4)).unwrap();
        assert_eq!(store.parts().get("hour/2").unwrap(), Some(large(4)));
        if done {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 15, "every call is a place to die: {crashes}");
}
