//! Tells the core of windows, at the start and whenever the file changes.

use tokio_util::sync::CancellationToken;

use super::Maintenance;
use crate::core::Event;
use crate::hub::{Hub, Stopped};
use crate::reload::Live;

/// Tells until `stop`.
///
/// # Errors
/// When the collector is stopping.
pub async fn tell(
    hub: Hub,
    mut live: Live<Maintenance>,
    stop: CancellationToken,
) -> Result<(), Stopped> {
    loop {
        let windows = live.borrow_and_update().as_ref().clone();
        hub.tell(Event::Maintenance(windows)).await?;
        let changed = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = live.changed() => changed,
        };
        if changed.is_err() {
            // Whoever looks at the file is over: so is the collector.
            stop.cancelled().await;
            return Ok(());
        }
    }
}
