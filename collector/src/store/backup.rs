//! A copy of a folder's log that can be trusted, while a collector writes it.
//!
//! The store never overwrites what its last two commits need, so a copy is whole unless several commits happened while it
//! was made. The copy is checked page by page, and made again if it is not.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Folder, Store, StoreError};

/// A copy that is not whole is made again so often.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(200);

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there already.
    #[error("{0}: is there already; expected a name for a new folder")]
    Exists(PathBuf),
    /// There is nothing to copy.
    #[error("{path}: there is no log to copy")]
    NoLog {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The copy cannot be written.
    #[error("{path}: the copy cannot be written")]
    Copy {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It never was whole.
    #[error(
        "the log changed faster than it could be copied, {TRIES} times; copy it while the collector is stopped"
    )]
    NeverWhole(#[source] StoreError),
}

/// What a copy holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Copied {
    /// The first position of its log.
    pub head: u64,
    /// The first position that is not in it any more.
    pub tail: u64,
    /// Parts.
    pub parts: usize,
}

/// Copies the log in `from` into the new folder `to`, and checks it.
///
/// # Errors
/// When there is no whole copy; what there is of one is removed.
pub fn backup(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    let source = from.join("log.redb");
    File::open(&source)
        .map_err(|error| BackupError::NoLog { path: source.clone(), source: error })?;
    let failed = |source| BackupError::Copy { path: to.to_owned(), source };
    match DirBuilder::new().mode(0o700).create(to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(to.to_owned()));
        }
        Err(error) => return Err(failed(error)),
    }
    let mut tries = 0;
    loop {
        copy(&source, &to.join("log.redb")).map_err(failed)?;
        match check(to) {
            Ok(copied) => return Ok(copied),
            Err(error) => {
                tries += 1;
                if tries == TRIES {
                    std::fs::remove_dir_all(to).map_err(failed)?;
                    return Err(BackupError::NeverWhole(error));
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync_all()
}

/// Opens the copy, checks every page, and reads it once.
fn check(folder: &Path) -> Result<Copied, StoreError> {
    Folder::check_pages(folder)?;
    let store = Folder::open(folder)?;
    let mut tail = store.head()?;
    store.read_from(tail, &mut |position, _| {
        tail = position + 1;
        true
    })?;
    let parts = store.parts();
    let keys = parts.keys("")?;
    for key in &keys {
        parts.get(key)?;
    }
    Ok(Copied { head: store.head()?, tail: store.tail()?, parts: keys.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_backup_of_a_log_that_is_being_written_is_a_whole_log_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("data");
        let mut store = Folder::open(&from).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let stopped = &stop;
        let (copied, before) = std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut position = 0;
                while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                    let record = Bytes::from(position.to_string());
                    store.append(position, std::slice::from_ref(&record)).unwrap();
                    store.put_part(&format!("part/{position}"), &record).unwrap();
                    position += 1;
                    // About as often as a collector does.
                    std::thread::sleep(Duration::from_millis(20));
                }
                position
            });
            std::thread::sleep(Duration::from_millis(300));
            let copied = backup(&from, &folder.path().join("copy"));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            (copied.unwrap(), writer.join().unwrap())
        });
        assert!(copied.tail > 0 && copied.tail <= before, "{copied:?} of {before}");
        assert!(copied.parts as u64 + 1 >= copied.tail, "{copied:?}");
        let mut restored = Folder::open(&folder.path().join("copy")).unwrap();
        restored.read_from(0, &mut |position, record| record == position.to_string()).unwrap();
        restored.append(copied.tail, &[Bytes::from_static(b"goes on")]).unwrap();
    }

    #[test]
    fn a_backup_never_overwrites_anything_and_says_when_there_is_nothing_to_copy() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let error = backup(&data, &folder.path().join("copy")).unwrap_err();
        assert!(matches!(error, BackupError::NoLog { .. }), "{error}");
        drop(Folder::open(&data).unwrap());
        let error = backup(&data, &data).unwrap_err();
        assert!(matches!(error, BackupError::Exists(_)), "{error}");
        backup(&data, &folder.path().join("copy")).unwrap();
    }
}
