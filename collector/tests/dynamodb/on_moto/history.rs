//! The log of a cluster as this test reads it, and what it proves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use collector::store::Store;
use proto::{Kind, Record, Timestamp, wire};

use super::cluster::{Cluster, INTERVAL, TARGETS};
use super::contract::Stubborn;
use super::moto;
use super::proxy::Creation;

/// Between two looks: moto has other things to do.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Every record so far. Reads on from where it was: moto does not serve the whole log again and again.
pub struct History {
    store: Stubborn,
    records: Vec<Record>,
}

impl History {
    pub fn of(cluster: &Cluster) -> Self {
        let store = moto::open(&moto::at(&cluster.table.table, cluster.service.address));
        Self { store: Stubborn(store), records: Vec::new() }
    }

    fn read_on(&mut self) {
        let Self { store, records } = self;
        let from = records.len() as u64;
        let mut each = |position: u64, bytes| {
            assert_eq!(position, records.len() as u64, "the log has no gaps");
            records.push(wire::decode_record(bytes).expect("a record"));
            true
        };
        store.read_from(from, &mut each).expect("it can be read");
    }

    fn claims(&self) -> impl Iterator<Item = (u64, u64)> {
        let claim = |(position, record): (u64, &Record)| match record.kind {
            Kind::Claim { epoch, .. } => Some((position, epoch)),
            _ => None,
        };
        (0..).zip(&self.records).filter_map(claim)
    }

    fn results(&self) -> usize {
        let batch = |record: &Record| match &record.kind {
            Kind::Results(batch) => Some(wire::decode_batch(&batch.columns).expect("columns")),
            _ => None,
        };
        self.records.iter().filter_map(batch).map(|batch| batch.results.len()).sum()
    }

    /// What has been claimed until now.
    pub fn last_claim(&mut self) -> u64 {
        self.read_on();
        self.claims().last().expect("somebody leads").0
    }

    /// Waits for the claim after this one; how long after `since` it was in the table.
    pub fn next_claim(&mut self, cluster: &Cluster, before: u64, since: Timestamp) -> Duration {
        let mut found = None;
        cluster.until("another one claims the log", |_| {
            std::thread::sleep(LOOK_EVERY);
            self.read_on();
            found = self.claims().find(|(position, _)| *position > before);
            found.is_some()
        });
        let (position, _) = found.expect("it was found");
        // The table shows it before the proxy has heard that it is there.
        let mut heard = None;
        cluster.until("its proxy hears of the claim", |_| {
            let created = cluster.creations().concat();
            heard =
                created.into_iter().find(|created| created.done && created.position == position);
            heard.is_some()
        });
        heard.expect("it was heard of").at.since(since)
    }

    /// Waits until every target was probed once more.
    pub fn goes_on(&mut self, cluster: &Cluster) {
        self.read_on();
        let before = self.results();
        cluster.until("results go on", |_| {
            std::thread::sleep(LOOK_EVERY);
            self.read_on();
            self.results() > before + TARGETS
        });
    }

    /// What the log itself says, without any code of the collector's but the decoding.
    pub fn check(&mut self, cluster: &Cluster) {
        self.read_on();
        for (position, epoch) in self.claims() {
            assert_eq!(epoch, position + 1);
        }
        self.check_slots();
        self.check_writers(&cluster.creations());
    }

    fn check_slots(&self) {
        let mut planned: BTreeMap<_, BTreeSet<i64>> = BTreeMap::new();
        let (mut results, mut missed, mut doubled) = (0, 0, 0);
        for record in &self.records {
            let Kind::Results(batch) = &record.kind else { continue };
            let batch = wire::decode_batch(&batch.columns).expect("columns");
            missed += batch.missed.len();
            for result in batch.results {
                results += 1;
                let slots = planned.entry(result.uid).or_default();
                doubled += usize::from(!slots.insert(result.planned.millis()));
            }
        }
        let step = i64::try_from(INTERVAL.as_millis()).expect("small");
        for (target, slots) in &planned {
            // The first one may be one of its own, at the load.
            let regular: Vec<i64> = slots.iter().copied().skip(1).collect();
            for pair in regular.windows(2) {
                assert_eq!(pair[1] - pair[0], step, "{target:?} lacks a slot: {slots:?}");
            }
        }
        println!(
            "{} targets, {results} results, {missed} missed, {doubled} doubled",
            planned.len()
        );
        assert_eq!((planned.len(), missed, doubled), (TARGETS, 0, 0));
    }

    /// Between two claims all was written by whoever made the first one: what anybody else tried was refused.
    fn check_writers(&self, members: &[Vec<Creation>; 2]) {
        let mut writers = BTreeMap::new();
        let mut refused = 0;
        for (member, creations) in members.iter().enumerate() {
            for creation in creations {
                if !creation.done {
                    refused += 1;
                } else if let Some(other) = writers.insert(creation.position, member) {
                    panic!("{} was created by {other} and by {member}", creation.position);
                }
            }
        }
        let claims: BTreeSet<u64> = self.claims().map(|(position, _)| position).collect();
        let mut leader = None;
        for (position, member) in &writers {
            if claims.contains(position) {
                leader = Some(member);
            }
            assert_eq!(leader, Some(member), "at {position}, not by whoever claimed the log last");
        }
        println!("{} claims, {} groups, {refused} refused", claims.len(), writers.len());
        assert!(claims.iter().all(|claim| writers.contains_key(claim)), "a claim begins a group");
    }
}
