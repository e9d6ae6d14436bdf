//! One process owns a folder: a lock that ends with the process, however it ends, and a text that says who has it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::StoreError;

/// Longer texts than this are not ours.
const OWNER_TEXT_MAX: u64 = 512;

/// Held as long as the log is open.
#[derive(Debug)]
pub(super) struct Owner(File);

impl Drop for Owner {
    fn drop(&mut self) {
        // Closing the file would do, were it not for a child process that was forked a moment ago and has it open until it
        // runs its own program. A failure leaves it to that.
        let _left_to_closing = self.0.unlock();
    }
}

impl Owner {
    /// Takes the folder for this process.
    pub(super) fn of(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("owner");
        let unusable = |source| StoreError::Unusable { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => sign(&mut file).map_err(unusable)?,
            Err(TryLockError::WouldBlock) => {
                // The lock is what counts; the text is for people and may be missing.
                let owner = signature(&mut file).unwrap_or_else(|| "another process".into());
                return Err(StoreError::Locked { path: folder.to_owned(), owner });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        Ok(Self(file))
    }
}

/// The instant is the file's own: it is written when it is taken and never again.
fn sign(file: &mut File) -> io::Result<()> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "this machine" } else { host.trim() };
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {} on {host}", std::process::id())
}

fn signature(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(OWNER_TEXT_MAX).read_to_string(&mut text).ok()?;
    let text = text.trim();
    let since = file.metadata().ok()?.modified().ok()?;
    let since = jiff::Timestamp::try_from(since).ok()?;
    (!text.is_empty()).then(|| format!("{text} since {since:.0}"))
}
