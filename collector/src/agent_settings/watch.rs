//! The settings file while the collector runs: looked at twice a second, read when it has changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::AgentSettings;
use crate::core::Event;
use crate::hub::{Hub, Stopped};

/// Between two looks: a change is in force within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What tells one state of the file from another.
type Look = Option<(SystemTime, u64, u64)>;

/// Tells the core of every change until `stop`. A change that cannot be used changes nothing but what is shown.
///
/// # Errors
/// When the collector is stopping.
pub async fn watch(
    hub: Hub,
    path: PathBuf,
    mut in_force: AgentSettings,
    stop: CancellationToken,
) -> Result<(), Stopped> {
    hub.tell(Event::Settings(Ok(in_force.clone()))).await?;
    // Read at the start, before this began: whatever came in between is seen by the first look.
    let mut seen = None;
    loop {
        let now = look(&path);
        if now != seen {
            seen = now;
            let read = AgentSettings::read(&path);
            // Written to while it was read: the next look sees another state, and it is read again.
            match read {
                Ok(settings) if settings == in_force => {
                    hub.tell(Event::Settings(Ok(settings))).await?
                }
                Ok(settings) => {
                    tracing::info!(path = %path.display(), "agent settings changed");
                    in_force = settings.clone();
                    hub.tell(Event::Settings(Ok(settings))).await?;
                }
                Err(error) => {
                    tracing::warn!(%error, "agent settings cannot be used; keeping those in force");
                    hub.tell(Event::Settings(Err(error.to_string()))).await?;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn look(path: &Path) -> Look {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
