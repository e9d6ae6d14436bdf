//! The lease over a way that fails: whoever holds it keeps it, one at a time, and hands it over.

use std::time::Duration;

use collector::store::dynamodb::lease::{Lease, Renewal};

use super::moto;
use super::proxy::{Fault, Proxy};

const FAULTS: [Fault; 4] = [Fault::Throttled, Fault::Broken, Fault::Lost, Fault::DoneButUnknown];
/// A lease that could not be given back is over after 12 s.
const PATIENCE: Duration = Duration::from_secs(40);

/// Looks until it is had, however many looks fail.
async fn take(lease: &mut Lease) {
    let taken = async {
        while !matches!(lease.look().await, Ok(None)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("it can be had");
}

#[test]
fn one_at_a_time_holds_the_lease_and_hands_it_over_whatever_becomes_of_single_calls() {
    let proxy = Proxy::start(moto::address());
    for seed in 0..3 {
        println!("seed {seed}");
        let table = moto::table(moto::address());
        let [mut old, mut new] = ["http://old", "http://new"].map(|http| {
            let store = moto::open(&moto::at(&table.table, proxy.address()));
            store.lease().reached_at(http.to_owned())
        });
        proxy.fail(seed, &FAULTS);
        moto::runtime().block_on(async {
            take(&mut old).await;
            for _ in 0..8 {
                // A failed renewal is not a lost lease.
                assert!(!matches!(old.renew().await, Ok(Renewal::Lost)));
                match new.look().await {
                    Ok(Some(holder)) => assert_eq!(holder.http, "http://old"),
                    Ok(None) => panic!("two hold it"),
                    Err(_fault) => {}
                }
            }
            let _waited_for_instead = old.release().await;
            take(&mut new).await;
            assert!(matches!(old.renew().await, Ok(Renewal::Lost)), "it gave it back");
            match old.look().await {
                Ok(Some(holder)) => assert_eq!(holder.http, "http://new"),
                Ok(None) => panic!("two hold it"),
                Err(_fault) => {}
            }
        });
    }
    for fault in FAULTS {
        assert!(proxy.failed(fault) > 0, "{fault:?} never happened");
    }
}
