//! `/metrics/probes`: the newest fresh result of every target and vantage, under the names of blackbox_exporter's HTTP prober.
//!
//! One family after the other, since the format wants them whole; each in pieces, so that a million targets never hold up
//! the core. A result that is no longer fresh is left out, and so is one that says nothing about its target.

use std::fmt::Write;

use proto::{Outcome, Phases, Protocol, Timestamp, Unexpected};

use crate::state::{Detail, Entry, State, TargetIdx, TargetState, Vantage, VantageIdx};
use crate::target_file::mask_url;
use crate::verdict::fresh_from;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Only this category.
    pub category: Option<String>,
    /// Only this vantage.
    pub vantage: Option<VantageIdx>,
    /// Only the targets of the i-th of n parts, i from 0.
    pub shard: Option<(usize, usize)>,
}

/// A probe as the families see it.
struct Sample<'a> {
    target: &'a TargetState,
    entry: &'a Entry,
    phases: Phases,
    /// Kept for the newest result only.
    detail: Option<&'a Detail>,
    now: Timestamp,
}

type Values = Vec<(Option<(&'static str, String)>, f64)>;

/// A family of metrics: its name, its help, and its values for one probe, each with one more label perhaps.
pub struct Family {
    /// As blackbox_exporter has it, but for our own.
    pub name: &'static str,
    help: &'static str,
    values: fn(&Sample<'_>) -> Values,
}

fn one(value: f64) -> Values {
    vec![(None, value)]
}

fn known(value: Option<f64>) -> Values {
    value.map_or_else(Vec::new, one)
}

fn flag(is: bool) -> Values {
    one(f64::from(u8::from(is)))
}

fn seconds(us: u32) -> f64 {
    f64::from(us) / 1e6
}

fn phases(sample: &Sample<'_>) -> Values {
    let Phases { resolve_us, connect_us, tls_us, processing_us, transfer_us } = sample.phases;
    let phases = [
        ("resolve", resolve_us),
        ("connect", connect_us),
        ("tls", tls_us),
        ("processing", processing_us),
        ("transfer", transfer_us),
    ];
    let value = |(phase, us): (&str, u32)| (Some(("phase", phase.to_owned())), seconds(us));
    phases.into_iter().map(value).collect()
}

fn status(sample: &Sample<'_>) -> Values {
    one(match sample.entry.outcome {
        Outcome::Answered { status, .. } => f64::from(status),
        Outcome::Failed(_) => 0.0,
    })
}

fn ip_protocol(sample: &Sample<'_>) -> Values {
    let address = sample.detail.and_then(|detail| detail.note.remote_address);
    known(address.map(|address| if address.is_ipv4() { 4.0 } else { 6.0 }))
}

fn http_version(sample: &Sample<'_>) -> Values {
    let protocol = sample.detail.and_then(|detail| detail.note.protocol);
    known(protocol.map(|protocol| match protocol {
        Protocol::Http10 => 1.0,
        Protocol::Http11 => 1.1,
        Protocol::Http2 => 2.0,
    }))
}

fn certificate(sample: &Sample<'_>) -> Values {
    let expires = sample.detail.and_then(|detail| detail.note.certificate_expires);
    known(expires.map(|at| at.millis() as f64 / 1000.0))
}

fn tls_version(sample: &Sample<'_>) -> Values {
    let version = sample.detail.and_then(|detail| detail.note.tls);
    version
        .map_or_else(Vec::new, |version| vec![(Some(("version", version.name().to_owned())), 1.0)])
}

fn body_bytes(sample: &Sample<'_>) -> Values {
    let answered = matches!(sample.entry.outcome, Outcome::Answered { .. });
    known(sample.detail.filter(|_| answered).map(|detail| f64::from(detail.body_bytes)))
}

fn failed_due_to_regex(sample: &Sample<'_>) -> Values {
    let body = Some(Unexpected::Body);
    flag(matches!(sample.entry.outcome, Outcome::Answered { unexpected, .. } if unexpected == body))
}

/// Every family, in the order in which they are shown. All are gauges, as there.
pub static FAMILIES: [Family; 16] = [
    Family {
        name: "probe_success",
        help: "Displays whether or not the probe was a success",
        values: |sample| flag(sample.entry.outcome.is_up()),
    },
    Family {
        name: "probe_duration_seconds",
        help: "Returns how long the probe took to complete in seconds",
        values: |sample| one(seconds(sample.entry.latency_us)),
    },
    Family {
        name: "probe_timeout_seconds",
        help: "Returns the timeout of the probe in seconds",
        values: |sample| one(sample.target.entry.spec.timeout.as_secs_f64()),
    },
    Family {
        name: "probe_dns_lookup_time_seconds",
        help: "Returns the time taken for probe dns lookup in seconds",
        values: |sample| one(seconds(sample.phases.resolve_us)),
    },
    Family {
        name: "probe_ip_protocol",
        help: "Specifies whether probe ip protocol is IP4 or IP6",
        values: ip_protocol,
    },
    Family {
        name: "probe_http_duration_seconds",
        help: "Duration of http request by phase, summed over all redirects",
        values: phases,
    },
    Family { name: "probe_http_status_code", help: "Response HTTP status code", values: status },
    Family {
        name: "probe_http_uncompressed_body_length",
        help: "Length of uncompressed response body",
        values: body_bytes,
    },
    Family {
        name: "probe_http_redirects",
        help: "The number of redirects",
        values: |sample| known(sample.detail.map(|detail| f64::from(detail.note.redirects))),
    },
    Family {
        name: "probe_http_ssl",
        help: "Indicates if SSL was used for the final redirect",
        values: |sample| flag(sample.detail.is_some_and(|detail| detail.note.tls.is_some())),
    },
    Family {
        name: "probe_http_version",
        help: "Returns the version of HTTP of the probe response",
        values: http_version,
    },
    Family {
        name: "probe_failed_due_to_regex",
        help: "Indicates if probe failed due to regex",
        values: failed_due_to_regex,
    },
    Family {
        name: "probe_ssl_earliest_cert_expiry",
        help: "Returns earliest SSL cert expiry in unixtime",
        values: certificate,
    },
    Family {
        name: "probe_tls_version_info",
        help: "Contains the TLS version used",
        values: tls_version,
    },
    Family {
        name: "zonewatch_probe_age_seconds",
        help: "How long ago the probe that these values are of was planned",
        values: |sample| one(sample.now.since(sample.entry.planned).as_secs_f64()),
    },
    Family {
        name: "zonewatch_probe_interval_seconds",
        help: "How often the target is probed",
        values: |sample| one(sample.target.entry.interval.as_secs_f64()),
    },
];

/// Targets looked at in one piece: some milliseconds of the core's time.
const PIECE: usize = 4096;

/// A piece of a family, from the target `first` on; and the first target of the next piece, if there is one.
pub fn piece(
    state: &State,
    now: Timestamp,
    question: &Question,
    family: &Family,
    first: usize,
) -> (String, Option<usize>) {
    let mut text = String::new();
    if first == 0 {
        let Family { name, help, .. } = family;
        let _infallible = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }
    let total = state.targets().len();
    let end = total.min(first + PIECE);
    for (idx, target) in state.targets_in(first..end) {
        if !is_asked_for(question, target) {
            continue;
        }
        for (vantage, at) in state.vantages() {
            if question.vantage.is_none_or(|only| only == vantage) {
                write_samples(&mut text, state, now, family, (idx, target), (vantage, at));
            }
        }
    }
    (text, (end < total).then_some(end))
}

fn is_asked_for(question: &Question, target: &TargetState) -> bool {
    let in_part = |(part, of): (usize, usize)| target.shard.index() % of == part;
    target.listed
        && !target.entry.paused
        && question.category.as_ref().is_none_or(|wanted| *wanted == target.entry.category)
        && question.shard.is_none_or(in_part)
}

fn write_samples(
    text: &mut String,
    state: &State,
    now: Timestamp,
    family: &Family,
    (idx, target): (TargetIdx, &TargetState),
    (vantage, at): (VantageIdx, &Vantage),
) {
    let Some(series) = state.series(vantage, idx).filter(|s| s.current().is_some()) else { return };
    let Some(entry) = series.newest(fresh_from(now, target.entry.interval), false) else { return };
    let details = [&series.last_up, &series.last_not_up];
    let of_entry = |detail: &&Detail| detail.entry.planned == entry.planned;
    let detail = details.into_iter().filter_map(Option::as_deref).find(of_entry);
    let phases = detail.map_or_else(Phases::default, |detail| detail.phases);
    for (label, value) in (family.values)(&Sample { target, entry, phases, detail, now }) {
        text.push_str(family.name);
        text.push_str("{target=\"");
        escape(text, &target.entry.name);
        text.push_str("\",vantage=\"");
        escape(text, &at.name);
        text.push_str("\",category=\"");
        escape(text, &target.entry.category);
        text.push_str("\",instance=\"");
        escape(text, &mask_url(&target.entry.spec.url));
        if let Some((name, value)) = label {
            let _infallible = write!(text, "\",{name}=\"");
            escape(text, &value);
        }
        let _infallible = writeln!(text, "\"}} {value}");
    }
}

/// A label's value: backslash, quote and end of line are escaped, as the format wants.
fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_leave_its_label() {
        let mut text = String::new();
        escape(&mut text, "a\"} 1\nprobe_success{x=\"\\");
        assert_eq!(text, "a\\\"} 1\\nprobe_success{x=\\\"\\\\");
    }
}
