//! Messages to one webhook: in order, each at least once, until it is taken.

use std::time::Duration;

use proto::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio_util::sync::CancellationToken;

use super::backoff::pause;
use super::body::{Told, render};
use super::budget::{Budget, Turn};
use super::client::{Sent, client, post};
use super::{Counts, Receiver, Secret, Shape, Webhook};
use crate::core::{Core, Event, StoreTrouble};
use crate::hub::{Hub, Stopped};
use crate::state::incidents::{Message, What};
use crate::view::incidents;

/// How often to look for news: an answer from memory.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events that a summary holds; it counts all.
const SUMMED_MAX: usize = 100;
/// Members that a message names, and those of a summary.
const MEMBERS: usize = 20;
const SUMMED_MEMBERS: usize = 1;

/// A receiver, and how it is told.
pub struct Teller {
    hub: Hub,
    webhook: Webhook,
    secret: Option<Secret>,
    budget: Budget,
    counts: Counts,
    client: reqwest::Client,
    /// The last message that it took, or none yet.
    cursor: Option<u64>,
    /// What it took last of a log that cannot be written.
    store: Option<StoreTrouble>,
    failures: u32,
}

/// What it gets next.
struct Next {
    key: String,
    told: Told,
    /// What it has then taken.
    then: Then,
}

enum Then {
    Messages { up_to: u64, lost: u64 },
    Store(StoreTrouble),
}

impl Teller {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        hub: Hub,
        webhook: Webhook,
        secret: Option<Secret>,
        a_minute: usize,
        counts: Counts,
    ) -> Result<Self, reqwest::Error> {
        // To page somebody for a summary would be one page too many, and one that nobody resolves.
        let a_minute = if webhook.shape == Shape::PagerDuty { usize::MAX } else { a_minute };
        let (budget, client) = (Budget::new(a_minute), client()?);
        let (cursor, store, failures) = (None, None, 0);
        Ok(Self { hub, webhook, secret, budget, counts, client, cursor, store, failures })
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

    /// Sends what is next, if something is; says how long to wait then.
    async fn step(&mut self) -> Result<Duration, Stopped> {
        let Some((now, waiting)) = self.waiting().await? else { return Ok(LOOK_EVERY) };
        let all = match self.budget.turn(now, waiting) {
            Turn::Wait(wait) => return Ok(wait.min(LOOK_EVERY * 5)),
            Turn::One => false,
            Turn::Summary => true,
        };
        let Some(next) = self.next(all).await? else { return Ok(LOOK_EVERY) };
        let body = render(&self.webhook, &next.key, &next.told).to_string().into_bytes();
        let headers = self.headers(&next.key, now, &body);
        match post(&self.client, &self.webhook.endpoint, None, headers, body).await {
            Sent::Taken => self.taken(now, next).await,
            Sent::Refused(why) => {
                let (webhook, key) = (self.webhook.endpoint.to_string(), &next.key);
                tracing::error!(webhook, key, why, "a message is refused for good and dropped");
                self.counts.dropped(Receiver::Webhook, 1);
                self.taken(now, next).await
            }
            Sent::Failed { why, after } => {
                self.failures = self.failures.saturating_add(1);
                self.counts.failed(Receiver::Webhook);
                if self.failures == 1 {
                    let webhook = self.webhook.endpoint.to_string();
                    tracing::warn!(
                        webhook,
                        why,
                        "a message cannot be delivered; it is tried again"
                    );
                }
                Ok(pause(self.failures, rand::random(), after))
            }
        }
    }

    async fn taken(&mut self, now: Timestamp, next: Next) -> Result<Duration, Stopped> {
        if std::mem::take(&mut self.failures) > 0 {
            let webhook = self.webhook.endpoint.to_string();
            tracing::info!(webhook, "messages can be delivered again");
        }
        self.counts.taken(Receiver::Webhook);
        self.budget.sent(now);
        match next.then {
            Then::Store(trouble) => self.store = Some(trouble),
            Then::Messages { up_to, lost } => {
                self.counts.dropped(Receiver::Webhook, lost);
                self.cursor = Some(up_to);
                self.hub.tell(Event::Told(self.webhook.id(), up_to)).await?;
            }
        }
        Ok(Duration::ZERO)
    }

    /// The time, and how much there is to tell, if anything.
    async fn waiting(&mut self) -> Result<Option<(Timestamp, usize)>, Stopped> {
        let (id, cursor, store) = (self.webhook.id(), self.cursor, self.store);
        let asked = move |core: &Core, now| {
            let messages = &core.state().incidents.messages;
            let cursor = cursor.or(messages.told(id));
            let news = cursor.map_or(0, |cursor| messages.after(cursor).len());
            let trouble = usize::from(trouble_to_tell(core.store_trouble(), store).is_some());
            (now, cursor, messages.count(), news + trouble)
        };
        let (now, cursor, newest, waiting) = self.hub.ask(asked).await?;
        if cursor.is_none() {
            // It is new: it is told what happens from now on, and that stands in the log.
            self.hub.tell(Event::Told(id, newest)).await?;
        }
        self.cursor = Some(cursor.unwrap_or(newest));
        Ok((waiting > 0).then_some((now, waiting)))
    }

    /// The first that waits, or all of it.
    async fn next(&self, all: bool) -> Result<Option<Next>, Stopped> {
        let (cursor, store) = (self.cursor.unwrap_or(0), self.store);
        self.hub.ask(move |core, _| next(core, cursor, store, all)).await
    }

    fn headers(&self, key: &str, now: Timestamp, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        let seconds = now.millis().div_euclid(1000);
        put("idempotency-key", key.to_owned());
        put("x-zonewatch-timestamp", seconds.to_string());
        if let Some(secret) = &self.secret {
            put("x-zonewatch-signature", secret.sign(seconds, body));
        }
        headers
    }
}

/// What there is to tell of a log that cannot be written, after what was told.
fn trouble_to_tell(now: Option<StoreTrouble>, told: Option<StoreTrouble>) -> Option<StoreTrouble> {
    match (now, told) {
        (Some(now), Some(told)) if now.since == told.since => {
            (now.until.is_some() && told.until.is_none()).then_some(now)
        }
        // It was over before anybody could be told: its record in the log is enough.
        (Some(now), _) => now.until.is_none().then_some(now),
        (None, _) => None,
    }
}

fn next(core: &Core, cursor: u64, store: Option<StoreTrouble>, all: bool) -> Option<Next> {
    let state = core.state();
    let messages = &state.incidents.messages;
    if let Some(trouble) = trouble_to_tell(core.store_trouble(), store) {
        let incident = incidents::store_trouble(state, trouble);
        let what = if trouble.until.is_some() { What::Closed } else { What::Opened };
        let key = format!("{}-{}", incident.id, what.name());
        let at = trouble.until.unwrap_or(trouble.since).rfc3339();
        let event = incidents::Event { change: what.name(), at, incident };
        let told = Told::One(Box::new(event));
        return Some(Next { key, told, then: Then::Store(trouble) });
    }
    let lost = messages.lost_after(cursor);
    let waiting: Vec<_> = messages.after(cursor).collect();
    let (first, last) = (waiting.first()?, waiting.last()?);
    let event = |message: &Message, members| incidents::event(state, message, members);
    if !all && lost == 0 {
        let then = Then::Messages { up_to: first.number, lost };
        // An incident that is not kept any more was over a thousand incidents ago.
        let Some(event) = event(first, MEMBERS) else {
            let told = summary(&waiting[..1], lost, Vec::new());
            return Some(Next {
                key: summary_key(state.log, first.number, first.number),
                told,
                then,
            });
        };
        let key = format!("{}-{}-{}", event.incident.id, event.change, first.number);
        return Some(Next { key, told: Told::One(Box::new(event)), then });
    }
    let shown = waiting.iter().take(SUMMED_MAX).filter_map(|m| event(m, SUMMED_MEMBERS)).collect();
    let told = summary(&waiting, lost, shown);
    let key = summary_key(state.log, first.number, last.number);
    Some(Next { key, told, then: Then::Messages { up_to: last.number, lost } })
}

fn summary_key(log: u64, first: u64, last: u64) -> String {
    format!("{:08x}-summary-{first}-{last}", log >> 32)
}

fn summary(waiting: &[&Message], lost: u64, incidents: Vec<incidents::Event>) -> Told {
    let count = |what| waiting.iter().filter(|message| message.what == what).count();
    Told::Many {
        events: waiting.len(),
        opened: count(What::Opened),
        closed: count(What::Closed),
        lost,
        incidents,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_written_is_told_while_it_lasts_and_when_it_is_over() {
        let at = |seconds| Timestamp::EPOCH + Duration::from_secs(seconds);
        let lasts = StoreTrouble { since: at(1), until: None };
        let over = StoreTrouble { since: at(1), until: Some(at(9)) };
        let again = StoreTrouble { since: at(20), until: None };
        assert_eq!(trouble_to_tell(None, None), None);
        assert_eq!(trouble_to_tell(Some(lasts), None), Some(lasts));
        assert_eq!(trouble_to_tell(Some(lasts), Some(lasts)), None);
        assert_eq!(trouble_to_tell(Some(over), Some(lasts)), Some(over));
        assert_eq!(trouble_to_tell(Some(over), Some(over)), None);
        assert_eq!(trouble_to_tell(Some(over), None), None);
        assert_eq!(trouble_to_tell(Some(again), Some(over)), Some(again));
    }
}
