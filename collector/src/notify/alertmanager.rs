//! Incidents as alerts of an Alertmanager (API v2): all that are open, again and again; those that are over, as resolved.
//!
//! Grouping, silencing and escalation are its business. An alert that is not sent again resolves itself there after
//! [`FORGOTTEN_AFTER`]: a collector that died leaves nothing firing for ever, and its silence is what the heartbeat is for.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{CauseKind, IncidentKind, Timestamp};
use reqwest::header::HeaderMap;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::backoff::pause;
use super::client::{Sent, client, post};
use super::{Counts, Endpoint, Receiver};
use crate::core::{Core, Event, StoreTrouble};
use crate::hub::{Hub, Stopped};
use crate::state::State;
use crate::state::incidents::{Incident, Severity, What};
use crate::view::incidents;

/// How often to look for news: an answer from memory.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is open is sent again so often.
const RESEND_EVERY: Duration = Duration::from_secs(60);
/// An alert that is not sent again ends there after this.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);
/// Alerts in one request.
const ALERTS_MAX: usize = 500;
/// Members that a description names.
const NAMED: usize = 10;

/// One alert, as the API wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What routes go by: the same as long as the incident lasts.
    pub labels: BTreeMap<String, String>,
    /// What people read.
    pub annotations: BTreeMap<&'static str, String>,
    /// When it began.
    pub starts_at: String,
    /// When it is over, or will be unless it is sent again.
    pub ends_at: String,
}

/// An Alertmanager, and what it was told.
pub struct Teller {
    hub: Hub,
    endpoint: Endpoint,
    counts: Counts,
    client: reqwest::Client,
    /// Messages up to this one are told, by alerts that followed them.
    cursor: Option<u64>,
    store: Option<StoreTrouble>,
    sent_at: Option<Timestamp>,
    failures: u32,
}

struct Batch {
    now: Timestamp,
    alerts: Vec<Alert>,
    up_to: u64,
    store: Option<StoreTrouble>,
}

impl Teller {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(hub: Hub, endpoint: Endpoint, counts: Counts) -> Result<Self, reqwest::Error> {
        let (client, cursor, store, sent_at) = (client()?, None, None, None);
        Ok(Self { hub, endpoint, counts, client, cursor, store, sent_at, failures: 0 })
    }

    /// Tells until `stop`.
    ///
    /// # Errors
    /// When the collector is stopping.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Stopped> {
        loop {
            let pause = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                step = self.step() => step?,
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn step(&mut self) -> Result<Duration, Stopped> {
        let Some(batch) = self.batch().await? else { return Ok(LOOK_EVERY) };
        let Batch { now, alerts, up_to, store } = batch;
        for alerts in alerts.chunks(ALERTS_MAX) {
            let body = serde_json::to_vec(alerts).expect("alerts are plain JSON");
            let (endpoint, path) = (&self.endpoint, Some("/api/v2/alerts"));
            match post(&self.client, endpoint, path, HeaderMap::new(), body).await {
                Sent::Taken => self.counts.taken(Receiver::Alertmanager),
                Sent::Refused(why) | Sent::Failed { why, .. } => {
                    self.failures = self.failures.saturating_add(1);
                    self.counts.failed(Receiver::Alertmanager);
                    if self.failures == 1 {
                        let alertmanager = self.endpoint.to_string();
                        tracing::warn!(
                            alertmanager,
                            why,
                            "alerts cannot be delivered; they are sent again"
                        );
                    }
                    return Ok(pause(self.failures, rand::random(), None));
                }
            }
        }
        if std::mem::take(&mut self.failures) > 0 {
            let alertmanager = self.endpoint.to_string();
            tracing::info!(alertmanager, "alerts can be delivered again");
        }
        (self.sent_at, self.store) = (Some(now), store);
        if self.cursor != Some(up_to) {
            self.cursor = Some(up_to);
            self.hub.tell(Event::Told(self.endpoint.id(), up_to)).await?;
        }
        Ok(LOOK_EVERY)
    }

    /// What is to be sent now, if anything is.
    async fn batch(&mut self) -> Result<Option<Batch>, Stopped> {
        let (id, cursor, told) = (self.endpoint.id(), self.cursor, self.store);
        let sent_at = self.sent_at;
        let asked = move |core: &Core, now: Timestamp| {
            let messages = &core.state().incidents.messages;
            let cursor = cursor.or(messages.told(id)).unwrap_or(messages.count());
            let store = core.store_trouble();
            let news = messages.count() > cursor || store != told;
            let due = sent_at.is_none_or(|sent_at| now.since(sent_at) >= RESEND_EVERY);
            (news || due).then(|| Batch {
                now,
                alerts: alerts(core.state(), cursor, store, now),
                up_to: messages.count(),
                store,
            })
        };
        self.hub.ask(asked).await
    }
}

/// All alerts: what is open, and what was closed by the messages after `cursor`.
pub fn alerts(
    state: &State,
    cursor: u64,
    store: Option<StoreTrouble>,
    now: Timestamp,
) -> Vec<Alert> {
    let all = &state.incidents;
    let over = all.messages.after(cursor).filter(|message| message.what == What::Closed);
    let over = over.filter_map(|message| all.get(message.incident));
    let mut alerts: Vec<Alert> = all
        .open()
        .chain(over)
        .filter(|incident| incident.cause.kind != CauseKind::Store)
        .flat_map(|incident| of(state, incident, now))
        .collect();
    alerts.extend(store.map(|trouble| of_store(state, trouble, now)));
    alerts
}

/// An incident's alert; and, once it got worse, that the milder one is over.
fn of(state: &State, incident: &Incident, now: Timestamp) -> Vec<Alert> {
    let shown = incidents::shown(state, incident, NAMED);
    let names: Vec<&str> = shown.targets.iter().filter_map(|t| t.name.as_deref()).collect();
    let more = (incident.peak as usize).saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let why = shown.targets.first().map_or("", |target| target.cause.as_str());
    let annotations = BTreeMap::from([
        ("summary", shown.title.clone()),
        ("description", format!("{}{more}\n{why}", names.join(", "))),
        ("members", shown.members.now.to_string()),
    ]);
    let alert = |severity: Severity, ends: Timestamp| Alert {
        labels: labels(incident, &shown.id, severity),
        annotations: annotations.clone(),
        starts_at: shown.opened.clone(),
        ends_at: ends.rfc3339(),
    };
    let ends = incident.closed.unwrap_or(now + FORGOTTEN_AFTER);
    let mut alerts = vec![alert(incident.severity, ends)];
    if incident.raised {
        alerts.push(alert(Severity::Warning, now.min(ends)));
    }
    alerts
}

/// What its first members have alike, and what is ours; none of it changes while it lasts.
fn labels(incident: &Incident, id: &str, severity: Severity) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &incident.labels {
        if !value.is_empty() {
            labels.insert(label_name(name), value.clone());
        }
    }
    if let Some(first) = incident.shared.first().filter(|first| !first.value.is_empty()) {
        labels.insert(first.kind.name().to_owned(), first.value.clone());
    }
    let cause = incident.shared.first().map_or(incident.cause.kind, |first| first.kind);
    for (name, value) in [
        ("alertname", alert_name(incident.kind)),
        ("incident", id),
        ("kind", incident.kind.name()),
        ("cause", cause.name()),
        ("severity", severity.name()),
    ] {
        labels.insert(name.to_owned(), value.to_owned());
    }
    labels
}

fn alert_name(kind: IncidentKind) -> &'static str {
    match kind {
        IncidentKind::Failing => "ZonewatchFailing",
        IncidentKind::Certificate => "ZonewatchCertificateExpires",
        IncidentKind::Blind => "ZonewatchBlind",
    }
}

/// Letters, digits and underscores, which every version takes.
fn label_name(name: &str) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(fine).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn of_store(state: &State, trouble: StoreTrouble, now: Timestamp) -> Alert {
    let shown = incidents::store_trouble(state, trouble);
    let label = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let labels = [
        ("alertname", alert_name(IncidentKind::Blind)),
        ("incident", shown.id.as_str()),
        ("kind", shown.kind),
        ("cause", shown.cause.kind),
        ("severity", shown.severity),
    ];
    Alert {
        labels: labels.into_iter().map(label).collect(),
        annotations: BTreeMap::from([("summary", shown.title.clone())]),
        starts_at: shown.opened,
        ends_at: trouble.until.unwrap_or(now + FORGOTTEN_AFTER).rfc3339(),
    }
}

#[cfg(test)]
mod tests;
