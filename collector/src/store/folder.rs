//! The embedded store: one redb file in a folder, owned by one process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Store, StoreError};

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The version of the tables and of what the records mean.
const FORMAT: u64 = 1;
const FORMAT_KEY: &str = "format";
/// redb keeps this much of the file in memory: the log is written at its end and read once.
const CACHE_BYTES: usize = 16 << 20;

/// A log in a folder.
pub struct Folder {
    database: Database,
    /// Held as long as the log is open.
    _owner: File,
}

impl Folder {
    /// Opens the log in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When another process has it open, or its file is not a log of this version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Unusable { path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let owner = own(folder)?;
        let path = folder.join("log.redb");
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path)
            .map_err(|error| cannot_open(&path, folder, error))?;
        check_format(&database, &path)?;
        Ok(Self { database, _owner: owner })
    }
}

/// Takes the folder for this process; the lock ends with it, however it ends.
fn own(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("owner");
    let unusable = |source| StoreError::Unusable { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // The lock is what counts; its text is for people and may be missing.
            let known = file.read_to_string(&mut owner).is_ok() && !owner.trim().is_empty();
            let owner = if known { owner.trim().to_owned() } else { "another process".into() };
            return Err(StoreError::Locked { path: folder.to_owned(), owner });
        }
        Err(TryLockError::Error(source)) => return Err(unusable(source)),
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let text = format!("process {} on {}\n", std::process::id(), host.trim());
    file.set_len(0).map_err(unusable)?;
    file.rewind().map_err(unusable)?;
    file.write_all(text.as_bytes()).map_err(unusable)?;
    Ok(file)
}

fn cannot_open(path: &Path, folder: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            StoreError::Locked { path: folder.to_owned(), owner: "another process".into() }
        }
        DatabaseError::Storage(redb::StorageError::Io(source))
            if source.kind() != std::io::ErrorKind::InvalidData =>
        {
            StoreError::Unusable { path: path.to_owned(), source }
        }
        other => StoreError::Foreign { path: path.to_owned(), reason: other.to_string() },
    }
}

fn check_format(database: &Database, path: &Path) -> Result<(), StoreError> {
    let found = {
        let reading = database.begin_read().map_err(failed)?;
        match reading.open_table(META) {
            Ok(meta) => meta.get(FORMAT_KEY).map_err(failed)?.map(|value| value.value()),
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(foreign(path, error.to_string())),
        }
    };
    match found {
        Some(FORMAT) => Ok(()),
        Some(other) => {
            Err(foreign(path, format!("format {other}; this version reads format {FORMAT}")))
        }
        None => {
            let writing = database.begin_write().map_err(failed)?;
            writing.open_table(LOG).map_err(failed)?;
            writing.open_table(META).map_err(failed)?.insert(FORMAT_KEY, FORMAT).map_err(failed)?;
            writing.commit().map_err(failed)
        }
    }
}

fn foreign(path: &Path, reason: String) -> StoreError {
    StoreError::Foreign { path: PathBuf::from(path), reason }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Failed(Box::new(error))
}

impl Store for Folder {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        let mut writing = self.database.begin_write().map_err(failed)?;
        writing.set_durability(Durability::Immediate).map_err(failed)?;
        {
            let mut log = writing.open_table(LOG).map_err(failed)?;
            let tail = log.last().map_err(failed)?.map_or(0, |(position, _)| position.value() + 1);
            if first > tail {
                return Err(StoreError::Conflict { position: first });
            }
            for (position, record) in (first..).zip(records) {
                if position < tail {
                    let there = log.get(position).map_err(failed)?;
                    if there.is_none_or(|there| there.value() != record.as_ref()) {
                        return Err(StoreError::Conflict { position });
                    }
                } else {
                    log.insert(position, record.as_ref()).map_err(failed)?;
                }
            }
        }
        writing.commit().map_err(failed)
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        let reading = self.database.begin_read().map_err(failed)?;
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
        let reading = self.database.begin_read().map_err(failed)?;
        let log = reading.open_table(LOG).map_err(failed)?;
        Ok(log.last().map_err(failed)?.map_or(0, |(position, _)| position.value() + 1))
    }
}
