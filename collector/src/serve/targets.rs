//! The target file while the collector runs.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::core::Event;
use crate::hub::{Hub, Stopped};
use crate::target_file::{Rejected, TargetFile, Watch, Watching, carry_over};

/// Bad rows that are logged one by one; the others are counted.
const ROWS_LOGGED_MAX: usize = 10;

pub(super) fn tell_problems(file: &TargetFile) {
    let TargetFile { path, rejected, warnings, .. } = file;
    for row in rejected.rows.iter().take(ROWS_LOGGED_MAX) {
        tracing::warn!("row left out: {path}:{}: {}", row.line, row.reason);
    }
    if rejected.total > ROWS_LOGGED_MAX {
        let more = rejected.total - ROWS_LOGGED_MAX;
        tracing::warn!(more, "further rows are left out; see /api/v1/rejected-rows");
    }
    for warning in warnings {
        tracing::warn!("{path}: {warning}");
    }
}

/// Reads the target file again when it changes, and tells the core.
pub(super) struct TargetKeeper {
    pub(super) hub: Hub,
    pub(super) rejected: watch::Sender<Arc<Rejected>>,
    pub(super) watching: Watching,
}

impl TargetKeeper {
    pub(super) async fn keep(
        self,
        file: TargetFile,
        stop: CancellationToken,
    ) -> Result<(), Stopped> {
        let (changes, mut changed) = mpsc::channel(1);
        let watch = Watch::new(&file);
        let mut current = file.targets;
        self.hub.tell(Event::Listed(current.clone())).await?;
        let looking = self.watching.run(watch, changes, stop);
        let taking = async {
            while let Some(file) = changed.recv().await {
                let file = carry_over(file, &current);
                tell_problems(&file);
                self.rejected.send_replace(Arc::new(file.rejected));
                current = file.targets;
                self.hub.tell(Event::Listed(current.clone())).await?;
            }
            Ok(())
        };
        let ((), taken) = tokio::join!(looking, taking);
        taken
    }
}
