//! The shell round [`Watch`]: it looks, sleeps, reads and tells. It decides nothing but to read ahead, which changes what is in
//! force only once [`Watch`] would have the file read.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::super::{FileError, TargetFile};
use super::{HOLD, Judgement, Look, Step, Watch, Watching};

/// A file that has stood still for so long is read already while it has yet to stand still for long enough: longer than a tick
/// of the kernel's clock, in which two writes have one time.
const READ_AHEAD: Duration = Duration::from_millis(20);

/// Sends every change of the file at `path` that is to be taken.
///
/// The file is polled: notifications miss mounted volumes and files that are put in place by renaming.
pub(super) async fn follow(
    watching: Watching,
    path: PathBuf,
    mut in_force: Watch,
    on_change: mpsc::Sender<TargetFile>,
) {
    let Watching { source, defaults, secrets, health, .. } = watching;
    // What was read ahead, and of what.
    let mut ahead: Option<(Look, TargetFile)> = None;
    // Once a change, or who writes slowly would be read all the while.
    let mut tried = false;
    loop {
        let seen = look(&path).await;
        if !in_force.is_new(&seen) {
            (ahead, tried) = (None, false);
        }
        let read = match in_force.observe(Instant::now(), seen.clone()) {
            Step::LookAfter(rest) if !tried && in_force.is_new(&seen) && is_finely_dated(&seen) => {
                tried = true;
                tokio::time::sleep(READ_AHEAD.min(rest)).await;
                // What cannot be read or used now perhaps can a moment later.
                if look(&path).await == seen
                    && let Ok(file) = source.read(&defaults, &secrets).await
                {
                    ahead = Some((seen, file));
                }
                continue;
            }
            Step::LookAfter(rest) => {
                tokio::time::sleep(rest).await;
                continue;
            }
            Step::Read => match ahead.take() {
                Some((of, file)) if of == seen && opened(&path).await == seen => Ok(file),
                _ => source.read(&defaults, &secrets).await,
            },
        };
        if look(&path).await != seen {
            continue; // It was written to while it was read: it has to settle again.
        }
        super::report(&health, read.as_ref().err().map(ToString::to_string));
        if let Some(file) = judge(&mut in_force, read)
            && on_change.send(file).await.is_err()
        {
            return; // Nobody wants to know any more.
        }
    }
}

/// Says what is to be said, and gives what is to be taken.
pub(super) fn judge(watch: &mut Watch, read: Result<TargetFile, FileError>) -> Option<TargetFile> {
    let judgement = watch.judge(Instant::now(), read.as_ref());
    match (judgement, read) {
        (Judgement::Take, Ok(file)) => {
            info!(
                path = file.path,
                targets = watch.targets(),
                rejected = file.rejected.total,
                "target file changed"
            );
            Some(file)
        }
        (Judgement::Hold { lost, of }, Ok(file)) => {
            warn!(
                path = file.path,
                lost,
                of,
                hold = ?HOLD,
                "target file loses over 30 % of its targets; taken when it has stayed the same for a minute"
            );
            None
        }
        (Judgement::Refuse, Err(error)) => {
            let kept = watch.targets();
            warn!(%error, kept, "target file cannot be used; keeping the targets in force");
            None
        }
        _ => None,
    }
}

async fn look(path: &Path) -> Look {
    shown(tokio::fs::metadata(path).await)
}

/// The same of the file opened: what a network's file system remembers of it is asked for anew.
async fn opened(path: &Path) -> Look {
    match tokio::fs::File::open(path).await {
        Ok(file) => shown(file.metadata().await),
        Err(error) => shown(Err(error)),
    }
}

fn shown(metadata: io::Result<Metadata>) -> Look {
    match metadata {
        Ok(metadata) => Look::File {
            modified: metadata.modified().ok(),
            len: metadata.len(),
            inode: metadata.ino(),
        },
        Err(error) => Look::Gone(error.to_string()),
    }
}

/// Whether two writes within a moment have two times: some file systems count whole seconds.
fn is_finely_dated(look: &Look) -> bool {
    let Look::File { modified: Some(modified), .. } = look else { return false };
    modified.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since.subsec_nanos() != 0)
}
