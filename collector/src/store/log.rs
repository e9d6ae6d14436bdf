//! The tables of the embedded store, over whatever redb can be opened on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::{Parts, Store, StoreError};

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const PARTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("parts");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The version of the tables and of what the records mean. 1 had no parts and was never trimmed; in 2 no batch had runs
/// (`ResultColumns.runs`).
pub(super) const FORMAT: u64 = 3;
/// The oldest format that is brought up to date when it is opened.
pub(super) const FORMAT_OLDEST: u64 = 1;
const FORMAT_KEY: &str = "format";
/// Everything before this position was trimmed.
const TRIMMED_KEY: &str = "trimmed";
/// Records that one transaction trims: a few milliseconds' worth, so that appends have their turn.
const TRIM_MAX: u64 = 4096;

/// Opens the database again after a failure.
pub(super) type Reopen = Box<dyn Fn() -> Result<Database, StoreError> + Send>;

/// A log in a redb database.
pub(super) struct Log {
    open: Arc<OpenDatabase>,
    reopen: Reopen,
}

/// The database; none after a failure: redb refuses everything once the disk has refused something, until it is opened
/// again.
struct OpenDatabase(Mutex<Option<Arc<Database>>>);

/// Makes the tables in an empty database.
pub(super) fn create_tables(database: &Database, format: u64) -> Result<(), StoreError> {
    let writing = database.begin_write().map_err(failed)?;
    writing.open_table(LOG).map_err(failed)?;
    writing.open_table(PARTS).map_err(failed)?;
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
        let database = Arc::new(reopen()?);
        Ok(Self { open: Arc::new(OpenDatabase(Mutex::new(Some(database)))), reopen })
    }

    /// Does something in the database; after a failure it is opened again the next time.
    fn change<T>(
        &self,
        change: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let taken = self.open.slot().take();
        let database = match taken {
            Some(database) => database,
            None => Arc::new((self.reopen)()?),
        };
        // Readers go on meanwhile.
        *self.open.slot() = Some(database.clone());
        let changed = change(&database);
        let sound = matches!(
            changed,
            Ok(_) | Err(StoreError::Conflict { .. } | StoreError::PartConflict { .. })
        );
        if !sound {
            *self.open.slot() = None;
        }
        changed
    }
}

impl OpenDatabase {
    /// Nothing panics while it is held.
    fn slot(&self) -> MutexGuard<'_, Option<Arc<Database>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let closed = "closed after a failure; the next append opens it again";
        self.slot().clone().ok_or_else(|| StoreError::Failed(closed.into()))
    }
}

impl Parts for OpenDatabase {
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let reading = self.database()?.begin_read().map_err(failed)?;
        let parts = reading.open_table(PARTS).map_err(failed)?;
        let part = parts.get(key).map_err(failed)?;
        Ok(part.map(|part| Bytes::copy_from_slice(part.value())))
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let reading = self.database()?.begin_read().map_err(failed)?;
        let parts = reading.open_table(PARTS).map_err(failed)?;
        let mut keys = Vec::new();
        for entry in parts.range(prefix..).map_err(failed)? {
            let (key, _) = entry.map_err(failed)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            keys.push(key.value().to_owned());
        }
        Ok(keys)
    }
}

impl Store for Log {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        self.change(|database| append(database, first, records))
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        let reading = self.open.database()?.begin_read().map_err(failed)?;
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
        let reading = self.open.database()?.begin_read().map_err(failed)?;
        let meta = reading.open_table(META).map_err(failed)?;
        tail(&reading.open_table(LOG).map_err(failed)?, &meta)
    }

    fn head(&self) -> Result<u64, StoreError> {
        let reading = self.open.database()?.begin_read().map_err(failed)?;
        trimmed(&reading.open_table(META).map_err(failed)?)
    }

    fn trim(&mut self, before: u64) -> Result<(), StoreError> {
        self.change(|database| trim(database, before))
    }

    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
        self.change(|database| put_part(database, key, bytes))
    }

    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError> {
        self.change(|database| {
            let writing = begin(database)?;
            {
                let mut parts = writing.open_table(PARTS).map_err(failed)?;
                for key in keys {
                    parts.remove(key.as_str()).map_err(failed)?;
                }
            }
            writing.commit().map_err(failed)
        })
    }

    fn parts(&self) -> Arc<dyn Parts> {
        self.open.clone()
    }
}

fn begin(database: &Database) -> Result<redb::WriteTransaction, StoreError> {
    let mut writing = database.begin_write().map_err(failed)?;
    writing.set_durability(Durability::Immediate).map_err(failed)?;
    Ok(writing)
}

fn append(database: &Database, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
    let writing = begin(database)?;
    {
        let meta = writing.open_table(META).map_err(failed)?;
        let mut log = writing.open_table(LOG).map_err(failed)?;
        let tail = tail(&log, &meta)?;
        if first > tail || first < trimmed(&meta)? {
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

fn trim(database: &Database, before: u64) -> Result<(), StoreError> {
    let writing = begin(database)?;
    {
        let mut meta = writing.open_table(META).map_err(failed)?;
        let mut log = writing.open_table(LOG).map_err(failed)?;
        if before > tail(&log, &meta)? {
            return Err(StoreError::Conflict { position: before });
        }
        let from = trimmed(&meta)?;
        let to = before.min(from.saturating_add(TRIM_MAX));
        if to <= from {
            return Ok(());
        }
        log.retain_in(from..to, |_, _| false).map_err(failed)?;
        meta.insert(TRIMMED_KEY, to).map_err(failed)?;
    }
    writing.commit().map_err(failed)
}

fn put_part(database: &Database, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
    let writing = begin(database)?;
    {
        let mut parts = writing.open_table(PARTS).map_err(failed)?;
        let there = parts.get(key).map_err(failed)?.map(|there| there.value() == bytes.as_ref());
        if there == Some(false) {
            return Err(StoreError::PartConflict { key: key.to_owned() });
        }
        // Also where the same bytes are there already: as in `append`.
        parts.insert(key, bytes.as_ref()).map_err(failed)?;
    }
    writing.commit().map_err(failed)
}

fn tail(
    log: &impl ReadableTable<u64, &'static [u8]>,
    meta: &impl ReadableTable<&'static str, u64>,
) -> Result<u64, StoreError> {
    match log.last().map_err(failed)? {
        Some((position, _)) => Ok(position.value() + 1),
        None => trimmed(meta),
    }
}

fn trimmed(meta: &impl ReadableTable<&'static str, u64>) -> Result<u64, StoreError> {
    Ok(meta.get(TRIMMED_KEY).map_err(failed)?.map_or(0, |position| position.value()))
}

/// Brings a log of an older format up to date, in one step.
pub(super) fn migrate(database: &Database) -> Result<(), StoreError> {
    create_tables(database, FORMAT)
}

pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Failed(Box::new(error))
}

#[cfg(test)]
mod tests;
