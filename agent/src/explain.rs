//! A probe, told phase by phase: for a person at a terminal, or as JSON for a script.
//!
//! Pure; the only place that knows how the answer of `zonewatch-agent probe` looks.

use std::fmt::Write;

use proto::{Outcome, Phases};
use serde_json::{Value, json};

use crate::probe::{Attempt, Hop, Phase, Report, TlsDetails, mask_url};

/// The width of the longest bar.
const BAR: u32 = 40;

/// `report` of a probe of `url`, in lines.
pub fn text(url: &str, report: &Report) -> String {
    let mut out = String::new();
    let Report { outcome, phases, note, details } = report;
    line(&mut out, "url", &mask_url(url));
    line(&mut out, "outcome", &outcome_text(*outcome));
    if !note.cause.is_empty() {
        line(&mut out, "cause", &note.cause);
    }
    for Hop { status, to } in &details.redirects {
        line(&mut out, "redirect", &format!("{status} -> {to}"));
    }
    if !details.resolved.is_empty() {
        line(&mut out, "resolved", &listed(&details.resolved));
    }
    for (ip, reason) in &details.refused {
        line(&mut out, "refused", &format!("{ip}: {reason}"));
    }
    for Attempt { address, error } in &details.attempts {
        if let Some(error) = error {
            line(&mut out, "attempt", &format!("{address}: {error}"));
        }
    }
    if !note.remote_address.is_empty() {
        line(&mut out, "address", &note.remote_address);
    }
    if let Some(TlsDetails { version, cipher }) = &details.tls {
        line(&mut out, "tls", &format!("{version}, {cipher}"));
    }
    if let Some(expires) = note.certificate_expires {
        line(&mut out, "certificate", &format!("expires {}", expires.rfc3339()));
    }
    if let Some(http) = &details.http {
        line(&mut out, "http", http);
        let more = if details.body_cut { ", and more that was not read" } else { "" };
        line(&mut out, "body", &format!("{} bytes{more}", details.body_bytes));
    }
    out.push('\n');
    let failed_in = details.last_phase.filter(|_| matches!(outcome, Outcome::Failed(_)));
    bars(&mut out, *phases, failed_in.map(Phase::name));
    out
}

/// The same as one JSON object; times in microseconds, instants in RFC 3339.
pub fn json(url: &str, report: &Report) -> Value {
    let Report { outcome, phases, note, details } = report;
    let Phases { resolve_us, connect_us, tls_us, processing_us, transfer_us } = *phases;
    let (status, unexpected, failure) = match outcome {
        Outcome::Answered { status, unexpected } => (Some(*status), *unexpected, None),
        Outcome::Failed(failure) => (None, None, Some(*failure)),
    };
    let refused =
        details.refused.iter().map(|(ip, reason)| json!({"address": ip, "reason": reason}));
    let attempts = details
        .attempts
        .iter()
        .map(|Attempt { address, error }| json!({"address": address, "error": error}));
    let redirects =
        details.redirects.iter().map(|Hop { status, to }| json!({"status": status, "to": to}));
    json!({
        "url": mask_url(url),
        "up": outcome.is_up(),
        "status": status,
        "unexpected": unexpected.map(|unexpected| unexpected.name()),
        "failure": failure.map(|failure| failure.name()),
        "cause": (!note.cause.is_empty()).then_some(&note.cause),
        "address": (!note.remote_address.is_empty()).then_some(&note.remote_address),
        "phases_us": {
            "resolve": resolve_us,
            "connect": connect_us,
            "tls": tls_us,
            "processing": processing_us,
            "transfer": transfer_us,
            "total": phases.total_us(),
        },
        "last_phase": details.last_phase.map(|phase| phase.name()),
        "resolved": details.resolved,
        "refused": refused.collect::<Vec<_>>(),
        "attempts": attempts.collect::<Vec<_>>(),
        "redirects": redirects.collect::<Vec<_>>(),
        "http": details.http,
        "tls": details.tls.as_ref().map(|TlsDetails { version, cipher }| {
            json!({"version": version, "cipher": cipher})
        }),
        "certificate_expires": note.certificate_expires.map(|expires| expires.rfc3339()),
        "body_bytes": details.body_bytes,
        "body_cut": details.body_cut,
    })
}

fn outcome_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answered { status, unexpected: None } => format!("up, status {status}"),
        Outcome::Answered { status, unexpected: Some(what) } => {
            format!("not up, status {status}, unexpected {what}")
        }
        Outcome::Failed(failure) => format!("not up, failed: {failure}"),
    }
}

fn line(out: &mut String, label: &str, text: &str) {
    // A server chose some of these letters: none of them may steer the terminal.
    let plain: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let _ = writeln!(out, "{label:<12} {plain}"); // Writing to a string cannot fail.
}

/// One row a phase: milliseconds, and a bar whose length is its share and whose place is its turn.
fn bars(out: &mut String, phases: Phases, failed_in: Option<&str>) {
    let total = phases.total_us();
    let Phases { resolve_us, connect_us, tls_us, processing_us, transfer_us } = phases;
    let rows = [
        ("resolve", resolve_us),
        ("connect", connect_us),
        ("tls", tls_us),
        ("processing", processing_us),
        ("transfer", transfer_us),
    ];
    let mut before = 0_u32;
    for (name, took) in rows {
        let start = cells(before, total);
        before = before.saturating_add(took);
        let width = cells(before, total).saturating_sub(start).max(u32::from(took > 0));
        let bar = format!("{:start$}{}", "", "#".repeat(width as usize), start = start as usize);
        let mark = if failed_in == Some(name) { "  <- failed here" } else { "" };
        let row = format!("{name:<12} {:>12} ms  {bar}{mark}", millis(took));
        let _ = writeln!(out, "{}", row.trim_end());
    }
    let _ = writeln!(out, "{:<12} {:>12} ms", "total", millis(total));
}

/// Where `us` of `total` stands on a bar.
fn cells(us: u32, total: u32) -> u32 {
    let scaled = u64::from(us) * u64::from(BAR) / u64::from(total.max(1));
    u32::try_from(scaled).unwrap_or(BAR).min(BAR)
}

fn millis(us: u32) -> String {
    format!("{}.{:03}", us / 1_000, us % 1_000)
}

fn listed<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use proto::{Failure, Note, Timestamp};

    use super::*;
    use crate::probe::Details;

    fn report() -> Report {
        let details = Details {
            resolved: vec!["127.0.0.1".parse().unwrap()],
            tls: Some(TlsDetails { version: "TLS 1.3", cipher: "TLS13_AES_128_GCM_SHA256".into() }),
            http: Some("HTTP/2.0".into()),
            redirects: vec![Hop { status: 301, to: "https://b.test/".into() }],
            body_bytes: 12,
            last_phase: Some(Phase::Transfer),
            ..Details::default()
        };
        Report {
            outcome: Outcome::Answered { status: 200, unexpected: None },
            phases: Phases {
                resolve_us: 1_500,
                connect_us: 250,
                tls_us: 3_000,
                processing_us: 10_000,
                transfer_us: 1,
            },
            note: Note {
                remote_address: "127.0.0.1:443".into(),
                cause: String::new(),
                certificate_expires: Some(Timestamp::from_millis(1_795_024_854_000)),
            },
            details: Box::new(details),
        }
    }

    #[test]
    fn a_person_reads_the_outcome_the_way_there_and_where_the_time_went() {
        let text = text("https://user:secret@a.test/", &report());
        assert!(!text.contains("secret"), "{text}");
        for expected in [
            "url          https://***@a.test/\n",
            "outcome      up, status 200\n",
            "redirect     301 -> https://b.test/\n",
            "address      127.0.0.1:443\n",
            "tls          TLS 1.3, TLS13_AES_128_GCM_SHA256\n",
            "certificate  expires 2026-11-18T",
            "body         12 bytes\n",
            "resolve             1.500 ms  ####\n",
            "connect             0.250 ms      #\n",
            "total              14.751 ms\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
        }
    }

    #[test]
    fn a_failure_shows_its_phase_and_cause_and_no_control_character() {
        let mut report = report();
        report.outcome = Outcome::Failed(Failure::Timeout);
        report.note.cause = "no answer within 1s\u{1b}[31m".into();
        report.details.last_phase = Some(Phase::Processing);
        let text = text("http://a.test/", &report);
        assert!(text.contains("outcome      not up, failed: timeout\n"), "{text}");
        assert!(text.contains("<- failed here") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_script_reads_the_same() {
        let value = json("https://user:secret@a.test/", &report());
        assert_eq!(value["url"], "https://***@a.test/");
        assert_eq!((&value["up"], &value["status"]), (&json!(true), &json!(200)));
        assert_eq!(value["failure"], Value::Null);
        assert_eq!(value["phases_us"]["total"], 14_751);
        assert_eq!(value["redirects"][0]["to"], "https://b.test/");
    }
}
