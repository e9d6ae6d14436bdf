//! A task for everybody who is told of incidents.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::parts::Part;
use crate::hub::Hub;
use crate::notify::{Counts, Notify, alertmanager, heartbeat, webhook};

/// Receivers, ready to be told.
pub(super) struct Notified {
    hub: Hub,
    pub(super) counts: Counts,
    alertmanagers: Vec<alertmanager::Teller>,
    webhooks: Vec<webhook::Teller>,
    heart: Option<heartbeat::Heart>,
}

impl Notified {
    /// Nothing is sent yet.
    pub(super) fn open(hub: &Hub, notify: Notify) -> Result<Self, reqwest::Error> {
        let Notify { alertmanagers, webhooks, secret, budget, heartbeat } = notify;
        let counts = Counts::default();
        let alerts = |endpoint| {
            tracing::info!(alertmanager = %endpoint, "incidents are told as alerts");
            alertmanager::Teller::new(hub.clone(), endpoint, counts.clone())
        };
        let messages = |webhook: crate::notify::Webhook| {
            let signed = secret.is_some();
            tracing::info!(webhook = %webhook.endpoint, signed, "incidents are told");
            webhook::Teller::new(hub.clone(), webhook, secret.clone(), budget, counts.clone())
        };
        Ok(Self {
            alertmanagers: alertmanagers.into_iter().map(alerts).collect::<Result<_, _>>()?,
            webhooks: webhooks.into_iter().map(messages).collect::<Result<_, _>>()?,
            heart: heartbeat.map(heartbeat::Heart::new).transpose()?,
            hub: hub.clone(),
            counts,
        })
    }

    /// Each ends with `stop`, and the collector with each that ends before.
    pub(super) fn start(self, parts: &mut JoinSet<Part>, stop: &CancellationToken) {
        let Self { hub, counts, alertmanagers, webhooks, heart } = self;
        for teller in alertmanagers {
            let told = teller.run(stop.clone());
            parts.spawn(async move { Part::of("alerts to an Alertmanager", told.await) });
        }
        for teller in webhooks {
            let told = teller.run(stop.clone());
            parts.spawn(async move { Part::of("messages to a webhook", told.await) });
        }
        if let Some(heart) = heart {
            let beats = heart.beat(hub, counts, stop.clone());
            parts.spawn(async move { Part::of("the sign of life", beats.await) });
        }
    }
}
