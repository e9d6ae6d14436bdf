//! The embedded store: one redb file in a folder, owned by one process.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use redb::{Builder, Database, DatabaseError, StorageError};
use rustix::fs::{Advice, fadvise};

use super::log::{FORMAT, FORMAT_OLDEST, Log, create_tables, format_of, migrate};
use super::owner::Owner;
use super::{Parts, Store, StoreError};

/// redb keeps this much of the file in memory: the log is written at its end and read once.
const CACHE_BYTES: usize = 16 << 20;
/// What every redb file begins with.
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// A log in a folder.
pub struct Folder {
    // Closed before the folder is given up: fields are dropped in this order.
    log: Log,
    _owner: Owner,
}

impl Folder {
    /// Opens the log in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When another process has it open, or its file is not a log of this version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Unusable { path: folder.to_owned(), source };
        if folder.is_file() {
            let what = "it is a file; expected a folder, or a name for one";
            return Err(unusable(io::Error::new(io::ErrorKind::NotADirectory, what)));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let owner = Owner::of(folder)?;
        let path = folder.join("log.redb");
        if !path.try_exists().map_err(unusable)? {
            create(folder, &path)?;
        }
        let log = Log::open(Box::new(move || open_file(&path)))?;
        Ok(Self { log, _owner: owner })
    }
}

impl Folder {
    /// Checks every page of the log in `folder`, which nobody has open.
    ///
    /// # Errors
    /// When one is not what was written.
    pub(super) fn check_pages(folder: &Path) -> Result<(), StoreError> {
        let path = folder.join("log.redb");
        let mut database = open_file(&path)?;
        match database.check_integrity() {
            Ok(_) => Ok(()),
            Err(error) => Err(cannot_open(&path, error)),
        }
    }
}

/// Makes an empty log under another name first: a crash on the way leaves no file that looks damaged later.
fn create(folder: &Path, path: &Path) -> Result<(), StoreError> {
    let draft = folder.join("log.redb.new");
    let unusable = |source| StoreError::Unusable { path: draft.clone(), source };
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(&draft).map_err(unusable)?;
    let database = builder().create_file(file).map_err(|error| cannot_open(&draft, error))?;
    create_tables(&database, FORMAT)?;
    drop(database);
    std::fs::rename(&draft, path).map_err(unusable)?;
    // The names, too, have to outlast a power cut: the file's in the folder, and the folder's in its parent.
    let parent = folder.canonicalize().map_err(unusable)?;
    for named in [Some(parent.as_path()), parent.parent()].into_iter().flatten() {
        File::open(named).and_then(|folder| folder.sync_all()).map_err(unusable)?;
    }
    Ok(())
}

fn open_file(path: &Path) -> Result<Database, StoreError> {
    forget_cached(path)?;
    // redb would make a new database of an empty file.
    expect_magic(path)?;
    let database = builder().open(path).map_err(|error| cannot_open(path, error))?;
    match format_of(&database)? {
        Some(FORMAT) => Ok(database),
        Some(older) if (FORMAT_OLDEST..FORMAT).contains(&older) => {
            migrate(&database)?;
            Ok(database)
        }
        Some(other) => Err(foreign(
            path,
            format!(
                "it has format {other}, this version understands formats {FORMAT_OLDEST} to {FORMAT}"
            ),
        )),
        None => Err(foreign(path, "a redb file of another program".into())),
    }
}

/// Has the system forget what it holds of the file in memory, so that what is read now is on the disk. After a sync that
/// failed, Linux shows pages that never got there and takes them for written; redb would find a commit whole that is not,
/// and build on it. What is still to be written stays, and the next sync says whether that worked.
fn forget_cached(path: &Path) -> Result<(), StoreError> {
    let unusable = |source| StoreError::Unusable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unusable)?;
    fadvise(&file, 0, None, Advice::DontNeed).map_err(|errno| unusable(errno.into()))
}

fn expect_magic(path: &Path) -> Result<(), StoreError> {
    let mut start = Vec::with_capacity(MAGIC.len());
    let read = File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
        .map_err(|source| StoreError::Unusable { path: path.to_owned(), source })?;
    match start == MAGIC {
        true => Ok(()),
        false if read == 0 => Err(foreign(path, "it is empty".into())),
        false => Err(foreign(path, "it is not a redb file".into())),
    }
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn cannot_open(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            StoreError::Locked { path: path.to_owned(), owner: "another program".into() }
        }
        DatabaseError::Storage(StorageError::Io(source)) if !says_damaged(&source) => {
            StoreError::Unusable { path: path.to_owned(), source }
        }
        other => foreign(path, format!("it is damaged: {other}")),
    }
}

/// Reading past the end, or nonsense, is the file's fault; anything else is the machine's.
fn says_damaged(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

fn foreign(path: &Path, reason: String) -> StoreError {
    StoreError::Foreign { path: PathBuf::from(path), reason }
}

impl Store for Folder {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        self.log.append(first, records)
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        self.log.read_from(from, each)
    }

    fn tail(&self) -> Result<u64, StoreError> {
        self.log.tail()
    }

    fn head(&self) -> Result<u64, StoreError> {
        self.log.head()
    }

    fn trim(&mut self, before: u64) -> Result<(), StoreError> {
        self.log.trim(before)
    }

    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
        self.log.put_part(key, bytes)
    }

    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError> {
        self.log.delete_parts(keys)
    }

    fn parts(&self) -> Arc<dyn Parts> {
        self.log.parts()
    }
}

#[cfg(test)]
mod tests;
