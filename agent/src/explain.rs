//! A probe, told phase by phase: for a person at a terminal, or as JSON for a script.
//!
//! Pure; the only place that knows how the answer of `zonewatch-agent probe` looks.

use std::fmt::Write;

use proto::{Outcome, Phases};
use serde_json::{Value, json};

use crate::probe::{Attempt, Hop, Phase, Report, mask_url};

/// The width of the longest bar.
const BAR: u32 = 40;

/// `report` of a probe of `url`, in lines.
pub fn text(url: &str, report: &Report) -> String {
    let mut out = String::new();
    let Report { outcome, phases, body_bytes, note, .. } = report;
    let details = report.details.as_deref().cloned().unwrap_or_default();
    line(&mut out, "url", &mask_url(url));
    line(&mut out, "outcome", &outcome_text(*outcome));
    if let Some(kind) = note.kind {
        line(&mut out, "cause", &format!("{} ({kind})", note.cause));
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
    if let Some(address) = note.remote_address {
        line(&mut out, "address", &address.to_string());
    }
    if let Some(tls) = note.tls {
        line(&mut out, "tls", &format!("{tls}, {}", details.cipher.as_deref().unwrap_or("?")));
    }
    let more = note.more.as_deref().cloned().unwrap_or_default();
    if let Some(expires) = note.certificate_expires {
        let text = format!("expires {}", expires.rfc3339());
        line(&mut out, "certificate", &text);
        line(&mut out, "", &format!("for {}", more.certificate_subject));
        line(&mut out, "", &format!("by {}", more.certificate_issuer));
    }
    if let Some(protocol) = note.protocol {
        line(&mut out, "http", protocol.name());
        for (header, value) in &more.headers {
            line(&mut out, "", &format!("{header}: {}", String::from_utf8_lossy(value)));
        }
        let rest = if details.body_cut { ", and more that was not read" } else { "" };
        line(&mut out, "body", &format!("{body_bytes} bytes{rest}"));
    }
    if !more.body_start.is_empty() {
        line(&mut out, "begins with", &String::from_utf8_lossy(&more.body_start));
    }
    out.push('\n');
    let failed_in = details.last_phase.filter(|_| matches!(outcome, Outcome::Failed(_)));
    bars(&mut out, *phases, failed_in.map(Phase::name));
    out
}

/// The same as one JSON object; times in microseconds, instants in RFC 3339.
pub fn json(url: &str, report: &Report) -> Value {
    let Report { outcome, phases, body_bytes, note, .. } = report;
    let details = report.details.as_deref().cloned().unwrap_or_default();
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
    let more = note.more.as_deref().cloned().unwrap_or_default();
    let headers = more.headers.iter().map(|(header, value)| {
        (header.name().to_owned(), Value::from(String::from_utf8_lossy(value).into_owned()))
    });
    json!({
        "url": mask_url(url),
        "up": outcome.is_up(),
        "status": status,
        "unexpected": unexpected.map(|unexpected| unexpected.name()),
        "failure": failure.map(|failure| failure.name()),
        "cause": (!note.cause.is_empty()).then_some(&note.cause),
        "kind": note.kind.map(|kind| kind.name()),
        "address": note.remote_address,
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
        "protocol": note.protocol.map(|protocol| protocol.name()),
        "headers": headers.collect::<serde_json::Map<_, _>>(),
        "tls": note.tls.map(|tls| json!({"version": tls.name(), "cipher": details.cipher})),
        "certificate": note.certificate_expires.map(|expires| json!({
            "expires": expires.rfc3339(),
            "subject": more.certificate_subject,
            "issuer": more.certificate_issuer,
        })),
        "body_start": (!more.body_start.is_empty())
            .then(|| String::from_utf8_lossy(&more.body_start).into_owned()),
        "body_bytes": body_bytes,
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
    use proto::{Cause, Failure, More, Note, Protocol, ShownHeader, Timestamp, TlsVersion};

    use super::*;
    use crate::probe::Details;

    fn report() -> Report {
        let details = Details {
            resolved: vec!["127.0.0.1".parse().unwrap()],
            cipher: Some("TLS13_AES_128_GCM_SHA256".into()),
            redirects: vec![Hop { status: 301, to: "https://b.test/".into() }],
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
            body_bytes: 12,
            note: Box::new(Note {
                remote_address: Some("127.0.0.1:443".parse().unwrap()),
                protocol: Some(Protocol::Http2),
                tls: Some(TlsVersion::Tls13),
                certificate_expires: Some(Timestamp::from_millis(1_795_024_854_000)),
                more: Some(Box::new(More {
                    certificate_subject: "CN=a.test".into(),
                    certificate_issuer: "CN=ca".into(),
                    headers: vec![(ShownHeader::Server, "nginx\u{1b}".into())],
                    ..More::default()
                })),
                ..Note::default()
            }),
            details: Some(Box::new(details)),
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
            "             by CN=ca\n",
            "http         HTTP/2\n",
            "             server: nginx\u{fffd}\n",
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
        report.note.kind = Some(Cause::TimeoutProcessing);
        report.details.as_mut().unwrap().last_phase = Some(Phase::Processing);
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
        assert_eq!(value["protocol"], "HTTP/2");
        assert_eq!(value["tls"]["version"], "TLS 1.3");
        assert_eq!(value["certificate"]["issuer"], "CN=ca");
        assert_eq!(value["redirects"][0]["to"], "https://b.test/");
    }
}
