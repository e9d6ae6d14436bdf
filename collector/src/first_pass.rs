//! How the first pass over the list is going, until it is over: a bar on a terminal, lines elsewhere.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::hub::{Hub, Stopped};
use crate::screen::Screen;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two lines.
const SAY_EVERY: u32 = 5;
/// A first pass takes half a minute, and whatever its agents' room makes of it; what is left after this (targets that no
/// agent takes, say) is for the page to show.
const LOOKS_MAX: u32 = 600;
/// Without an agent, this is said once after so many looks.
const NO_AGENT_AFTER: u32 = 3;
/// How wide the bar is, in characters: with its words it fits 80.
const BAR: usize = 30;

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

/// `first pass  [#########---------------------]  400 of 1321 targets, 3 agents`
fn bar(probed: usize, targets: usize, agents: usize) -> String {
    let full = (BAR * probed).checked_div(targets).unwrap_or(0).min(BAR);
    let (done, left) = ("#".repeat(full), "-".repeat(BAR - full));
    let s = if agents == 1 { "" } else { "s" };
    format!("first pass  [{done}{left}]  {probed} of {targets} targets, {agents} agent{s}")
}

/// Tells the progress until every target has a result.
///
/// # Errors
/// When the collector is stopping.
pub async fn tell(
    hub: Hub,
    screen: Option<Screen>,
    stop: CancellationToken,
) -> Result<(), Stopped> {
    let told = until_over(hub, screen.as_ref(), &stop).await;
    if let Some(screen) = screen {
        screen.show("");
    }
    told?;
    stop.cancelled().await;
    Ok(())
}

async fn until_over(
    hub: Hub,
    screen: Option<&Screen>,
    stop: &CancellationToken,
) -> Result<(), Stopped> {
    let mut said = false;
    for look in 1..LOOKS_MAX {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let ((probed, targets), agents) = hub.ask(|core, _| (probed(core), core.load().0)).await?;
        if targets > 0 && probed == targets {
            if let Some(screen) = screen {
                screen.show("");
            }
            if said || look > 1 {
                tracing::info!(targets, "first pass over: every target has been probed");
            }
            return Ok(());
        }
        if agents == 0 && look == NO_AGENT_AFTER {
            tracing::warn!("no agent is connected: nothing is probed until one is");
        }
        match screen {
            Some(screen) => screen.show(&bar(probed, targets, agents)),
            None if agents > 0 && look % SAY_EVERY == 0 => {
                tracing::info!(probed, targets, agents, "first pass");
                said = true;
            }
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_full_as_the_pass_is_over() {
        for (probed, targets, full) in [(0, 0, 0), (0, 9, 0), (3, 9, 10), (8, 9, 26), (9, 9, 30)] {
            let bar = bar(probed, targets, 3);
            assert_eq!(bar.matches('#').count(), full, "{bar}");
            assert!(bar.len() < 80 && bar.ends_with("3 agents"), "{bar}");
        }
        assert!(bar(123_456, 1_000_000, 1).ends_with("]  123456 of 1000000 targets, 1 agent"));
    }
}
