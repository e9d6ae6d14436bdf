//! The tables of the embedded store, over whatever redb can be opened on.

use bytes::Bytes;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::{Store, StoreError};

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The version of the tables and of what the records mean.
pub(super) const FORMAT: u64 = 1;
const FORMAT_KEY: &str = "format";

/// Opens the database again after a failure.
pub(super) type Reopen = Box<dyn Fn() -> Result<Database, StoreError> + Send>;

/// A log in a redb database.
pub(super) struct Log {
    /// `None` after a failure: redb refuses everything once the disk has refused something, until it is opened again.
    database: Option<Database>,
    reopen: Reopen,
}

/// Makes the tables in an empty database.
pub(super) fn create_tables(database: &Database, format: u64) -> Result<(), StoreError> {
    let writing = database.begin_write().map_err(failed)?;
    writing.open_table(LOG).map_err(failed)?;
    writing.open_table(META).map_err(failed)?.insert(FORMAT_KEY, format).map_err(failed)?;
    writing.commit().map_err(failed)
}

/// The format that the database says it has; `None` if it does not look like a log of ours at all.
pub(super) fn format_of(database: &Database) -> Result<Option<u64>, StoreError> {
    let reading = database.begin_read().map_err(failed)?;
    match reading.open_table(META) {
        Ok(meta) => Ok(meta.get(FORMAT_KEY).map_err(failed)?.map(|value| value.value())),
        Err(TableError::Storage(error)) => Err(failed(error)),
        Err(_) => Ok(None),
    }
}

impl Log {
    /// `reopen` is called at once, and again after each failure.
    pub(super) fn open(reopen: Reopen) -> Result<Self, StoreError> {
        Ok(Self { database: Some(reopen()?), reopen })
    }

    fn database(&self) -> Result<&Database, StoreError> {
        let closed = "closed after a failure; the next append opens it again";
        self.database.as_ref().ok_or_else(|| StoreError::Failed(closed.into()))
    }
}

impl Store for Log {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => (self.reopen)()?,
        };
        let appended = append(&database, first, records);
        if matches!(appended, Ok(()) | Err(StoreError::Conflict { .. })) {
            self.database = Some(database);
        }
        appended
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        let reading = self.database()?.begin_read().map_err(failed)?;
        let log = reading.open_table(LOG).map_err(failed)?;
        for entry in log.range(from..).map_err(failed)? {
            let (position, record) = entry.map_err(failed)?;
            if !each(position.value(), Bytes::copy_from_slice(record.value())) {
                break;
            }
        }
        Ok(())
    }

    fn tail(&self) -> Result<u64, StoreError> {
        let reading = self.database()?.begin_read().map_err(failed)?;
        tail(&reading.open_table(LOG).map_err(failed)?)
    }
}

fn append(database: &Database, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
    let mut writing = database.begin_write().map_err(failed)?;
    writing.set_durability(Durability::Immediate).map_err(failed)?;
    {
        let mut log = writing.open_table(LOG).map_err(failed)?;
        let tail = tail(&log)?;
        if first > tail {
            return Err(StoreError::Conflict { position: first });
        }
        for (position, record) in (first..).zip(records) {
            if position < tail {
                let there = log.get(position).map_err(failed)?;
                if there.is_none_or(|there| there.value() != record.as_ref()) {
                    return Err(StoreError::Conflict { position });
                }
            }
            // Also where the same bytes are there already: if an earlier sync of them failed, the system may have
            // forgotten that they were never written, and only pages written anew are sure to reach the disk.
            log.insert(position, record.as_ref()).map_err(failed)?;
        }
    }
    writing.commit().map_err(failed)
}

fn tail(log: &impl ReadableTable<u64, &'static [u8]>) -> Result<u64, StoreError> {
    Ok(log.last().map_err(failed)?.map_or(0, |(position, _)| position.value() + 1))
}

pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Failed(Box::new(error))
}

#[cfg(test)]
mod tests;
