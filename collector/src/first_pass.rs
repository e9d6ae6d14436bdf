//! How the first pass over the list is going, said until it is over.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::hub::{Hub, Stopped};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two lines.
const SAY_EVERY: u32 = 5;
/// A first pass takes half a minute, and whatever its agents' room makes of it; what is left after this (targets that no
/// agent takes, say) is for the page to show.
const LOOKS_MAX: u32 = 600;
/// Without an agent, this is said once after so many looks.
const NO_AGENT_AFTER: u32 = 3;

/// How many of the targets that are due have ever had a result.
fn probed(core: &Core) -> (usize, usize) {
    let state = core.state();
    state.targets().fold((0, 0), |(probed, all), (idx, _)| {
        let series = state.vantages().filter_map(|(vantage, _)| state.series(vantage, idx));
        let mut due = series.filter(|series| series.current().is_some()).peekable();
        let is_due = due.peek().is_some();
        let any = due.any(|series| series.last_up.is_some() || series.last_not_up.is_some());
        (probed + usize::from(any), all + usize::from(is_due))
    })
}

/// Logs the progress until every target has a result.
///
/// # Errors
/// When the collector is stopping.
pub async fn tell(hub: Hub, stop: CancellationToken) -> Result<(), Stopped> {
    let mut said = false;
    for look in 1..LOOKS_MAX {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let ((probed, targets), agents) = hub.ask(|core, _| (probed(core), core.load().0)).await?;
        if targets > 0 && probed == targets {
            if said || look > 1 {
                tracing::info!(targets, "first pass over: every target has been probed");
            }
            break;
        }
        if agents == 0 && look == NO_AGENT_AFTER {
            tracing::warn!("no agent is connected: nothing is probed until one is");
        }
        if agents > 0 && look % SAY_EVERY == 0 {
            tracing::info!(probed, targets, agents, "first pass");
            said = true;
        }
    }
    stop.cancelled().await;
    Ok(())
}
