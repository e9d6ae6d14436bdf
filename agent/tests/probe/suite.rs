//! The prober against real servers on this machine: well-behaved, hostile, and silent ones.

mod addresses;
mod answers;
mod faults;
mod hostile;
mod http2;
mod name_server;
mod names;
mod origin;
mod outcomes;
mod redirects;
mod tls;
mod tls_origin;

use std::time::Duration;

use agent::probe::{Details, Ended, ProbeOptions, Prober, Report};
use proto::{Failure, Outcome, ProbeSpec};

/// Longer than anything here takes on a busy machine: a probe that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where running out of time is the expected end.
const SHORT: Duration = Duration::from_millis(500);

fn prober() -> Prober {
    Prober::new(&ProbeOptions::default()).expect("the defaults are usable")
}

/// A plain GET with more time than it needs.
fn get(url: impl Into<String>) -> ProbeSpec {
    ProbeSpec { timeout: PATIENCE, ..ProbeSpec::get(url) }
}

async fn run_with(prober: &Prober, spec: &ProbeSpec) -> Report {
    let prepared = prober.prepare(spec).expect("a spec that can be probed");
    match prober.explain(&prepared).await {
        Ended::Report(report) => report,
        Ended::Fault(fault) => panic!("a fault of this machine: {fault}"),
    }
}

fn details(report: &Report) -> &Details {
    report.details.as_deref().expect("it was explained")
}

async fn run(spec: &ProbeSpec) -> Report {
    run_with(&prober(), spec).await
}

#[track_caller]
fn answered(report: &Report, expected: u16) {
    let outcome = Outcome::Answered { status: expected, unexpected: None };
    assert_eq!(report.outcome, outcome, "{}", report.note.cause);
    assert_eq!(report.note.cause, "");
}

/// The failure is of this kind, and its cause says so.
#[track_caller]
fn failed(report: &Report, expected: Failure, cause: &str) {
    assert_eq!(report.outcome, Outcome::Failed(expected), "{}", report.note.cause);
    assert!(report.note.cause.contains(cause), "`{cause}` is not in `{}`", report.note.cause);
}
