//! A log that is gone with the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Parts, Store, StoreError};

/// Records and parts in memory. As long as it lives it keeps every rule of the trait but durability.
#[derive(Debug, Default)]
pub struct Memory {
    head: u64,
    records: VecDeque<Bytes>,
    parts: Arc<MemoryParts>,
}

#[derive(Debug, Default)]
struct MemoryParts(Mutex<BTreeMap<String, Bytes>>);

impl MemoryParts {
    /// Nothing panics while it is held.
    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts for MemoryParts {
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.map().get(key).cloned())
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let map = self.map();
        let from = map.range(prefix.to_owned()..);
        Ok(from.map(|(key, _)| key.clone()).take_while(|key| key.starts_with(prefix)).collect())
    }
}

impl Memory {
    /// Where a position is; far beyond everything when it was trimmed.
    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.head)?).ok()
    }
}

impl Store for Memory {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        let conflict = StoreError::Conflict { position: first };
        let Some(index) = self.index(first).filter(|index| *index <= self.records.len()) else {
            return Err(conflict);
        };
        for ((position, record), there) in (first..).zip(records).zip(self.records.range(index..)) {
            if there != record {
                return Err(StoreError::Conflict { position });
            }
        }
        let there = self.records.len() - index;
        self.records.extend(records.iter().skip(there).cloned());
        Ok(())
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        let from = from.max(self.head);
        let first = self.index(from).unwrap_or(usize::MAX);
        for (position, record) in (self.head..).zip(&self.records).skip(first) {
            if !each(position, record.clone()) {
                break;
            }
        }
        Ok(())
    }

    fn tail(&self) -> Result<u64, StoreError> {
        Ok(self.head + self.records.len() as u64)
    }

    fn head(&self) -> Result<u64, StoreError> {
        Ok(self.head)
    }

    fn trim(&mut self, before: u64) -> Result<(), StoreError> {
        if before > self.tail()? {
            return Err(StoreError::Conflict { position: before });
        }
        if let Some(count) = self.index(before) {
            self.records.drain(..count);
            self.head = before;
        }
        Ok(())
    }

    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
        let mut parts = self.parts.map();
        match parts.get(key) {
            Some(there) if there != bytes => {
                return Err(StoreError::PartConflict { key: key.to_owned() });
            }
            Some(_) => {}
            None => {
                parts.insert(key.to_owned(), bytes.clone());
            }
        }
        Ok(())
    }

    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError> {
        let mut parts = self.parts.map();
        for key in keys {
            parts.remove(key);
        }
        Ok(())
    }

    fn parts(&self) -> Arc<dyn Parts> {
        self.parts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_the_contract() {
        super::super::contract::holds_for(&|| Box::new(Memory::default()));
    }
}
