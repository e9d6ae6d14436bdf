//! A log that is gone with the process.

use bytes::Bytes;

use super::{Store, StoreError};

/// Records in memory. As long as it lives it keeps every rule of the trait but durability.
#[derive(Debug, Default)]
pub struct Memory(Vec<Bytes>);

impl Store for Memory {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        let index = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
        if index(first) > self.0.len() {
            return Err(StoreError::Conflict { position: first });
        }
        for (position, record) in (first..).zip(records) {
            if self.0.get(index(position)).is_some_and(|there| there != record) {
                return Err(StoreError::Conflict { position });
            }
        }
        let new = self.0.len() - index(first);
        self.0.extend(records.iter().skip(new).cloned());
        Ok(())
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        let first = usize::try_from(from).unwrap_or(usize::MAX);
        for (position, record) in (0..).zip(&self.0).skip(first) {
            if !each(position, record.clone()) {
                break;
            }
        }
        Ok(())
    }

    fn tail(&self) -> Result<u64, StoreError> {
        Ok(self.0.len() as u64)
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
