//! A message in the words of its receiver.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Shape, Webhook};
use crate::view::incidents::{Event, Shown};

/// Targets named in the text of a message for people.
const NAMED: usize = 10;
/// PagerDuty takes no longer summary.
const PAGER_BYTES_MAX: usize = 1024;

/// What is told.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Told {
    /// What became of one incident.
    One(Box<Event>),
    /// What became of many: the first of them in full, and how many there are.
    Many {
        /// How many events.
        events: usize,
        /// How many of them were opened, and closed.
        opened: usize,
        closed: usize,
        /// Events before these that are lost: the receiver was away for too long.
        lost: u64,
        incidents: Vec<Event>,
    },
}

/// The body, for `key`.
pub(super) fn render(webhook: &Webhook, key: &str, told: &Told) -> Value {
    match webhook.shape {
        Shape::Json => plain(key, told),
        Shape::Slack => json!({ "text": escaped(&text(told, "*")) }),
        Shape::Teams => teams(told),
        Shape::PagerDuty => pager(webhook.routing_key(), key, told),
    }
}

fn plain(key: &str, told: &Told) -> Value {
    let kind = if matches!(told, Told::One(_)) { "incident" } else { "summary" };
    json!({ "version": 1, "key": key, "type": kind, "data": told })
}

/// For people: a line that says it, and who it is about. `strong` marks what is to be bold.
fn text(told: &Told, strong: &str) -> String {
    match told {
        Told::One(event) => {
            let Shown { severity, title, members, targets, opened, .. } = &event.incident;
            let mut lines = vec![format!("{strong}{} ({severity}): {title}{strong}", word(event))];
            if let Some(closed) = &event.incident.closed {
                lines.push(format!("from {opened} to {closed}"));
            } else {
                lines.push(format!("since {opened}"));
            }
            if members.peak > 1 {
                let names = targets.iter().take(NAMED).filter_map(|t| t.name.as_deref());
                let names = names.collect::<Vec<_>>();
                let more = (members.peak as usize).saturating_sub(names.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                lines.push(format!("{}{more}", names.join(", ")));
            } else if let Some(target) = targets.first().filter(|t| !t.cause.is_empty()) {
                lines.push(target.cause.clone());
            }
            lines.join("\n")
        }
        Told::Many { events, opened, closed, lost, incidents } => {
            let mut lines = vec![format!(
                "{strong}{events} more messages in short time: {opened} incidents opened, {closed} closed{strong}"
            )];
            if *lost > 0 {
                lines.push(format!("{lost} older messages are lost: the API has them"));
            }
            let shown = incidents.iter().take(NAMED);
            lines.extend(shown.map(|event| format!("{}: {}", word(event), event.incident.title)));
            if *events > NAMED {
                lines.push("…".into());
            }
            lines.join("\n")
        }
    }
}

fn word(event: &Event) -> &'static str {
    match event.change {
        "opened" => "New",
        "grown" => "Grows",
        "worse" => "Worse",
        _ => "Over",
    }
}

/// The three characters that Slack reads as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn teams(told: &Told) -> Value {
    let text = text(told, "");
    let lines = text.lines().enumerate().map(|(nth, line)| {
        let weight = if nth == 0 { "Bolder" } else { "Default" };
        json!({ "type": "TextBlock", "text": line, "wrap": true, "weight": weight })
    });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": lines.collect::<Vec<_>>(),
            },
        }],
    })
}

fn pager(routing_key: &str, key: &str, told: &Told) -> Value {
    let (action, dedup_key, severity) = match told {
        Told::One(event) if event.change == "closed" => {
            ("resolve", event.incident.id.as_str(), event.incident.severity)
        }
        Told::One(event) => ("trigger", event.incident.id.as_str(), event.incident.severity),
        Told::Many { .. } => ("trigger", key, "warning"),
    };
    let mut summary = text(told, "").lines().next().unwrap_or_default().to_owned();
    summary.truncate(summary.floor_char_boundary(PAGER_BYTES_MAX));
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": dedup_key,
        "payload": {
            "summary": summary,
            "source": "zonewatch",
            "severity": severity,
            "custom_details": told,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::incidents::{Cause, Members};

    fn event(change: &'static str) -> Event {
        let incident = Shown {
            id: "00000005-1".into(),
            kind: "failing",
            state: "open",
            severity: "critical",
            title: "412 targets at <10.0.0.7>: not well (connect)".into(),
            cause: Cause { kind: "address", value: "10.0.0.7".into() },
            labels: Default::default(),
            opened: "2026-03-01T08:00:00.000Z".into(),
            closed: None,
            flaps: 0,
            members: Members { now: 412, peak: 412 },
            targets: Vec::new(),
        };
        Event { change, at: "2026-03-01T08:00:00.000Z".into(), incident }
    }

    fn body(address: &str, change: &'static str) -> Value {
        render(&address.parse().expect("an address"), "k", &Told::One(Box::new(event(change))))
    }

    #[test]
    fn each_receiver_gets_its_own_shape() {
        let plain = body("http://x/", "opened");
        assert_eq!((&plain["key"], &plain["type"]), (&json!("k"), &json!("incident")));
        assert_eq!(plain["data"]["incident"]["members"]["now"], 412);
        let slack = body("slack+http://x/", "opened");
        let text = slack["text"].as_str().expect("a text");
        assert!(text.starts_with("*New (critical): 412 targets at &lt;10.0.0.7&gt;"), "{text}");
        let teams = body("teams+http://x/", "closed");
        let card = &teams["attachments"][0]["content"];
        assert_eq!(card["type"], "AdaptiveCard");
        assert!(card["body"][0]["text"].as_str().is_some_and(|text| text.starts_with("Over")));
    }

    #[test]
    fn pagerduty_resolves_what_it_was_told_under_the_same_key() {
        let address = "pagerduty+http://KEY@x/";
        for (change, action) in [
            ("opened", "trigger"),
            ("grown", "trigger"),
            ("worse", "trigger"),
            ("closed", "resolve"),
        ] {
            let body = body(address, change);
            assert_eq!(body["event_action"], action);
            assert_eq!(body["dedup_key"], "00000005-1");
            assert_eq!(body["routing_key"], "KEY");
            assert_eq!(body["payload"]["severity"], "critical");
        }
    }

    #[test]
    fn a_summary_says_how_many_there_are_and_names_the_first() {
        let told = Told::Many {
            events: 90,
            opened: 60,
            closed: 30,
            lost: 7,
            incidents: vec![event("opened")],
        };
        let body = render(&"slack+http://x/".parse().expect("an address"), "k", &told);
        let text = body["text"].as_str().expect("a text");
        assert!(text.contains("90 more messages") && text.contains("7 older messages"), "{text}");
        assert!(text.contains("New: 412 targets"), "{text}");
    }
}
