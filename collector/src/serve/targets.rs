//! The target file while the collector runs.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::core::Event;
use crate::hub::{Hub, Stopped};
use crate::state::State;
use crate::target_file::{Rejected, Target, TargetFile, Watch, Watching, carry_over};

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
        self.hub.tell(Event::Listed(file.targets)).await?;
        let looking = self.watching.run(watch, changes, stop);
        let taking = async {
            while let Some(file) = changed.recv().await {
                let names = file.rejected_names();
                let in_force = match names.is_empty() {
                    true => Vec::new(),
                    false => self.hub.ask(move |core, _| in_force(core.state(), &names)).await?,
                };
                let file = carry_over(file, &in_force);
                tell_problems(&file);
                self.rejected.send_replace(Arc::new(file.rejected));
                self.hub.tell(Event::Listed(file.targets)).await?;
            }
            Ok(())
        };
        let ((), taken) = tokio::join!(looking, taking);
        taken
    }
}

/// Those of these names that are listed, as they are probed now: a million of them need not be kept beside the state for the
/// few whose rows go bad.
fn in_force(state: &State, names: &[String]) -> Vec<Target> {
    let known = names.iter().filter_map(|name| Some(state.target(state.by_name(name)?)));
    known.filter(|known| known.listed).map(|known| Target::from(&known.entry)).collect()
}
