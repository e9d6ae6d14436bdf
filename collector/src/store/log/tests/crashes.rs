//! Whatever happens to the disk, and whenever: what was acknowledged is there, and nothing else has changed.
//!
//! `ZONEWATCH_STORE_SEED=7 cargo test -p collector --lib crashes` runs one seed again, `ZONEWATCH_STORE_SEEDS=10000` more.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::*;
use super::disk::{Disk, Fault};

/// Seeds that are run unless the environment says otherwise.
const SEEDS: u64 = 10;
const CHANGES: usize = 60;
/// A change that fails is made again, as the writer does; no fault here lasts longer.
const TRIES_MAX: u32 = 20;

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Held {
    head: u64,
    records: Vec<Bytes>,
    parts: BTreeMap<String, Bytes>,
}

#[derive(Clone, Debug)]
enum Change {
    Append(Vec<Bytes>),
    Put(String, Bytes),
    Delete(Vec<String>),
    Trim(u64),
}

impl Held {
    /// Everything in the store, read as the collector reads it.
    fn of(log: &Log) -> Result<Self, StoreError> {
        let mut held = Self { head: log.head()?, ..Self::default() };
        let mut next = held.head;
        log.read_from(0, &mut |position, record| {
            assert_eq!(position, next, "positions have no gaps");
            next += 1;
            held.records.push(record);
            true
        })?;
        assert_eq!(log.tail()?, held.tail());
        for key in log.parts().keys("")? {
            let bytes = log.parts().get(&key)?.expect("it is listed");
            held.parts.insert(key, bytes);
        }
        Ok(held)
    }

    fn tail(&self) -> u64 {
        self.head + self.records.len() as u64
    }

    fn after(&self, change: &Change) -> Self {
        let mut after = self.clone();
        match change {
            Change::Append(records) => after.records.extend(records.iter().cloned()),
            Change::Put(key, bytes) => {
                after.parts.insert(key.clone(), bytes.clone());
            }
            Change::Delete(keys) => after.parts.retain(|key, _| !keys.contains(key)),
            Change::Trim(before) => {
                after.records.drain(..(before - after.head) as usize);
                after.head = *before;
            }
        }
        after
    }

    fn next(&self, random: &mut StdRng) -> Change {
        match random.random_range(0..10) {
            0..5 => {
                Change::Append((0..random.random_range(1..12)).map(|_| bytes(random)).collect())
            }
            5..7 => Change::Put(format!("part/{:04}", random.random_range(0..40)), bytes(random)),
            7 => Change::Delete(
                self.parts.keys().filter(|_| random.random_ratio(1, 3)).cloned().collect(),
            ),
            _ => Change::Trim(random.random_range(self.head..=self.tail())),
        }
    }
}

/// Mostly little, at times more than the database caches.
fn bytes(random: &mut StdRng) -> Bytes {
    let len = match random.random_range(0..20) {
        0..12 => random.random_range(0..300),
        12..19 => random.random_range(0..20_000),
        _ => random.random_range(0..400_000),
    };
    let mut bytes = vec![0; len];
    random.fill(&mut bytes[..]);
    bytes.into()
}

fn make(log: &mut Log, held: &Held, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Append(records) => log.append(held.tail(), records),
        Change::Put(key, bytes) => log.put_part(key, bytes),
        Change::Delete(keys) => log.delete_parts(keys),
        Change::Trim(before) => log.trim(*before),
    }
}

fn fault(random: &mut StdRng) -> Fault {
    let times = random.random_range(1..4);
    match random.random_range(0..7) {
        0..3 => Fault::PowerCut,
        3 => Fault::RefusedWrites(times),
        4 => Fault::FailedSyncs(times),
        5 => Fault::DoubtfulSyncs(times),
        _ => Fault::Full(times),
    }
}

/// How often each fault met each step: what was never hit was not tested.
#[derive(Default)]
struct Hit(BTreeMap<(&'static str, &'static str), u64>);

impl Hit {
    fn count(&mut self, fault: Fault, step: &'static str) {
        *self.0.entry((name(fault), step)).or_default() += 1;
    }
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::PowerCut => "power cut",
        Fault::RefusedWrites(_) => "refused write",
        Fault::FailedSyncs(_) => "failed sync",
        Fault::DoubtfulSyncs(_) => "doubtful sync",
        Fault::Full(_) => "no room",
    }
}

const STEPS: [&str; 5] = ["append", "put", "delete", "trim", "open"];

fn step(change: &Change) -> &'static str {
    match change {
        Change::Append(_) => "append",
        Change::Put(..) => "put",
        Change::Delete(_) => "delete",
        Change::Trim(_) => "trim",
    }
}

struct World {
    random: StdRng,
    disk: Disk,
    log: Log,
    /// What was acknowledged.
    held: Held,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = Disk::new(seed);
        let log = disk.log();
        Self { random: StdRng::seed_from_u64(!seed), disk, log, held: Held::default() }
    }

    /// Makes one change, over whatever faults there are.
    fn change(&mut self, hit: &mut Hit) {
        let mut change = self.held.next(&mut self.random);
        if let Change::Put(key, bytes) = &mut change
            && let Some(there) = self.held.parts.get(key)
        {
            *bytes = there.clone(); // Parts are created once; the same again is no change.
        }
        let after = self.held.after(&change);
        let mut armed = None;
        if self.random.random_ratio(1, 2) {
            let fault = fault(&mut self.random);
            self.disk.fail(self.random.random_range(0..25), fault);
            armed = Some(fault);
        }
        let mut tries = 0;
        self.held = loop {
            assert!(tries < TRIES_MAX, "it never works again: {change:?}");
            tries += 1;
            let made = make(&mut self.log, &self.held, &change);
            if let Some(fault) = armed.take_if(|_| !self.disk.is_armed()) {
                hit.count(fault, step(&change));
            }
            match made {
                Ok(()) => break after,
                Err(StoreError::Failed(_)) if self.disk.is_off() => {
                    self.power_cut(hit);
                    let found = Held::of(&self.log).expect("nothing fails");
                    assert!(found == self.held || found == after, "all or none of it");
                    break found;
                }
                Err(StoreError::Failed(_)) => {
                    if let Ok(found) = Held::of(&self.log) {
                        assert!(found == self.held || found == after, "while it fails");
                    }
                }
                Err(other) => panic!("{other}: {change:?}"),
            }
        };
        self.disk.disarm();
    }

    /// The power goes, perhaps again and again while the log is opened.
    fn power_cut(&mut self, hit: &mut Hit) {
        loop {
            self.disk = self.disk.after_power_cut();
            let mut armed = None;
            if self.random.random_ratio(1, 2) {
                let fault = fault(&mut self.random);
                self.disk.fail(self.random.random_range(0..6), fault);
                armed = Some(fault);
            }
            let opened = (0..TRIES_MAX).find_map(|_| match self.disk.try_log() {
                Ok(log) => Some(Some(log)),
                Err(_) if self.disk.is_off() => Some(None),
                Err(_) => None,
            });
            if let Some(fault) = armed.take_if(|_| !self.disk.is_armed()) {
                hit.count(fault, "open");
            }
            self.disk.disarm();
            if let Some(log) = opened.expect("it opens at last") {
                break self.log = log;
            }
        }
    }

    fn check(&self) {
        let found = Held::of(&self.log).expect("nothing fails");
        assert!(found == self.held, "{}", difference(&found, &self.held));
    }
}

fn difference(found: &Held, held: &Held) -> String {
    format!(
        "found {}..{} and {:?}; acknowledged were {}..{} and {:?}",
        found.head,
        found.tail(),
        found.parts.keys(),
        held.head,
        held.tail(),
        held.parts.keys()
    )
}

fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

#[test]
fn whatever_happens_to_the_disk_what_was_acknowledged_is_there_and_nothing_else_has_changed() {
    let one = number("ZONEWATCH_STORE_SEED");
    let seeds = match one {
        Some(seed) => seed..=seed,
        None => 1..=number("ZONEWATCH_STORE_SEEDS").unwrap_or(SEEDS),
    };
    let mut hit = Hit::default();
    for seed in seeds {
        println!("ZONEWATCH_STORE_SEED={seed}");
        let mut world = World::new(seed);
        for _ in 0..CHANGES {
            world.change(&mut hit);
            if world.random.random_ratio(1, 6) {
                world.power_cut(&mut hit);
            }
            world.check();
        }
        world.power_cut(&mut hit);
        world.check();
    }
    println!("{:#?}", hit.0);
    if one.is_none() {
        for fault in ["power cut", "refused write", "failed sync", "doubtful sync", "no room"] {
            for step in STEPS.iter().filter(|step| (fault, **step) != ("no room", "open")) {
                assert!(hit.0.contains_key(&(fault, *step)), "{fault} never met {step}");
            }
        }
    }
}
