//! A sign of life while all is well with the monitor itself: whoever gets it notices when it does not come.

use std::time::Duration;

use proto::IncidentKind;
use reqwest::header::HeaderMap;
use tokio_util::sync::CancellationToken;

use super::client::{Sent, client, post};
use super::{Counts, Endpoint, Receiver};
use crate::core::Core;
use crate::hub::{Hub, Stopped};

/// How often.
pub const EVERY: Duration = Duration::from_secs(60);

/// Whoever gets it, ready to be told.
pub struct Heart {
    endpoint: Endpoint,
    client: reqwest::Client,
}

impl Heart {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(endpoint: Endpoint) -> Result<Self, reqwest::Error> {
        Ok(Self { endpoint, client: client()? })
    }

    /// Gives it until `stop`.
    ///
    /// # Errors
    /// When the collector is stopping.
    pub async fn beat(
        self,
        hub: Hub,
        counts: Counts,
        stop: CancellationToken,
    ) -> Result<(), Stopped> {
        let Self { endpoint, client } = self;
        beat(hub, endpoint, client, counts, stop).await
    }
}

async fn beat(
    hub: Hub,
    endpoint: Endpoint,
    client: reqwest::Client,
    counts: Counts,
    stop: CancellationToken,
) -> Result<(), Stopped> {
    let mut beats = tokio::time::interval(EVERY);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = beats.tick() => {}
        }
        if !hub.ask(|core, _| is_well(core)).await? {
            continue;
        }
        let sent = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            sent = post(&client, &endpoint, None, HeaderMap::new(), b"{}".to_vec()) => sent,
        };
        match sent {
            Sent::Taken => {
                counts.taken(Receiver::Heartbeat);
                failing = false;
            }
            Sent::Refused(why) | Sent::Failed { why, .. } => {
                counts.failed(Receiver::Heartbeat);
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(heartbeat = %endpoint, why, "the sign of life is not taken");
                }
            }
        }
    }
}

/// Whether the monitor sees, and can write down what it sees.
pub fn is_well(core: &Core) -> bool {
    let blind = core
        .state()
        .incidents
        .open()
        .any(|incident| incident.kind == IncidentKind::Blind && !incident.members.is_empty());
    let store = core.store_trouble().is_some_and(|trouble| trouble.until.is_none());
    core.state().first_load.is_some() && !blind && !store
}
