//! The shell round [`Watch`]: it looks, sleeps, reads and tells, and decides nothing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::super::{Defaults, FileError, Problem, Secrets, TargetFile, read_path};
use super::{HOLD, Judgement, Look, Step, Watch};

/// Sends every change of the file at `path` that is to be taken, until `stop`. `in_force` is what was read at the start.
/// The receiver has the targets before and applies [`super::super::carry_over`].
///
/// The file is polled: notifications miss mounted volumes and files that are put in place by renaming.
pub async fn watch(
    path: PathBuf,
    defaults: Arc<Defaults>,
    secrets: Arc<Secrets>,
    mut in_force: Watch,
    on_change: mpsc::Sender<TargetFile>,
    stop: CancellationToken,
) {
    let changes = async {
        loop {
            match in_force.observe(Instant::now(), look(&path).await) {
                Step::LookAfter(rest) => tokio::time::sleep(rest).await,
                Step::Read => {
                    let before = look(&path).await;
                    let read = read(&path, &defaults, &secrets).await;
                    if look(&path).await != before {
                        continue; // It was written to while it was read: it has to settle again.
                    }
                    if let Some(file) = judge(&mut in_force, read)
                        && on_change.send(file).await.is_err()
                    {
                        return; // Nobody wants to know any more.
                    }
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = changes => {}
    }
}

/// Says what is to be said, and gives what is to be taken.
fn judge(watch: &mut Watch, read: Result<TargetFile, FileError>) -> Option<TargetFile> {
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
    match tokio::fs::metadata(path).await {
        Ok(metadata) => Look::File {
            modified: metadata.modified().ok(),
            len: metadata.len(),
            inode: metadata.ino(),
        },
        Err(error) => Look::Gone(error.to_string()),
    }
}

/// Reads on a thread of its own: a million rows take seconds.
async fn read(
    path: &Path,
    defaults: &Arc<Defaults>,
    secrets: &Arc<Secrets>,
) -> Result<TargetFile, FileError> {
    let shown = path.display().to_string();
    let (path, defaults, secrets) = (path.to_owned(), defaults.clone(), secrets.clone());
    let read = tokio::task::spawn_blocking(move || read_path(&path, &defaults, &secrets));
    // A reader that panics is a file that cannot be read: the targets in force stay.
    read.await.unwrap_or_else(|error| {
        Err(FileError { path: shown, problem: Problem::Unreadable(std::io::Error::other(error)) })
    })
}
