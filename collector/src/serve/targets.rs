//! The target file while the collector runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::core::Event;
use crate::hub::{Hub, Stopped};
use crate::state::State;
use crate::target_file::{Rejected, Target, TargetFile, Watch, Watching, carry_over};

/// Bad rows that are logged one by one; the others are counted.
const ROWS_LOGGED_MAX: usize = 10;
/// Names that the core is asked for in one question: a few milliseconds' worth.
const NAMES_AT_ONCE: usize = 4096;
/// A listing mostly is in the log after so long.
const LISTING_LOGGED_WITHIN: Duration = Duration::from_millis(100);

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
        let mut told = 1;
        let looking = self.watching.run(watch, changes, stop);
        let taking = async {
            while let Some(file) = changed.recv().await {
                let mut in_force = Vec::new();
                for names in file.rejected_names().chunks(NAMES_AT_ONCE) {
                    in_force.extend(listed_in(&self.hub, told, names).await?);
                }
                let file = carry_over(file, &in_force);
                tell_problems(&file);
                self.rejected.send_replace(Arc::new(file.rejected));
                self.hub.tell(Event::Listed(file.targets)).await?;
                told += 1;
            }
            Ok(())
        };
        let ((), taken) = tokio::join!(looking, taking);
        taken
    }
}

/// Those of these names that are listed, as they are probed: a million of them need not be kept beside the state for the few
/// whose rows go bad. Waits until all `told` listings are in force.
async fn listed_in(hub: &Hub, told: u64, names: &[String]) -> Result<Vec<Target>, Stopped> {
    loop {
        let names = names.to_vec();
        let found = hub.ask(move |core, _| {
            let settled = core.listings_in_force() == Some(told);
            settled.then(|| listed(core.state(), &names))
        });
        match found.await? {
            Some(found) => return Ok(found),
            None => tokio::time::sleep(LISTING_LOGGED_WITHIN).await,
        }
    }
}

fn listed(state: &State, names: &[String]) -> Vec<Target> {
    let known = names.iter().filter_map(|name| Some(state.target(state.by_name(name)?)));
    known.filter(|known| known.listed).map(|known| Target::from(&known.entry)).collect()
}
