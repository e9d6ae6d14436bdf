//! What is known of a running probe: the part that is left when its time is up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use proto::{Cause, Note, Outcome, Phases, Unexpected};

use super::mask::mask_url;
use super::report::{Attempt, Details, Hop, Report};
use super::request::Request;
use super::shown::shown_url;

/// The phases of a probe, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// From the name to its addresses.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request to the first byte of the answer.
    Processing,
    /// From the first byte of the answer to the last.
    Transfer,
}

impl Phase {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Processing => "processing",
            Self::Transfer => "transfer",
        }
    }
}

/// Grows while a probe runs; becomes its report.
pub(super) struct Trace {
    /// Of this hop.
    host: Arc<str>,
    phases: Phases,
    running: Option<(Phase, Instant)>,
    last: Option<Phase>,
    status: Option<u16>,
    /// Of the body of the last answer.
    pub(super) body_bytes: u64,
    pub(super) note: Box<Note>,
    /// Only where somebody wants to know.
    details: Option<Box<Details>>,
}

impl Trace {
    pub(super) fn new(host: &Arc<str>, detailed: bool) -> Self {
        Self {
            host: Arc::clone(host),
            phases: Phases::default(),
            running: None,
            last: None,
            status: None,
            body_bytes: 0,
            note: Box::default(),
            details: detailed.then(Box::default),
        }
    }

    /// The phase that runs now ends, `phase` begins.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.enter_at(phase, Instant::now());
    }

    /// The same at an instant that was noted before.
    pub(super) fn enter_at(&mut self, phase: Phase, now: Instant) {
        self.end(now);
        self.running = Some((phase, now));
        self.last = Some(phase);
    }

    /// The phase that runs now ends, if one does.
    pub(super) fn leave(&mut self) {
        self.end(Instant::now());
    }

    fn end(&mut self, now: Instant) {
        let Some((phase, since)) = self.running.take() else { return };
        let phases = &mut self.phases;
        let sum = match phase {
            Phase::Resolve => &mut phases.resolve_us,
            Phase::Connect => &mut phases.connect_us,
            Phase::Tls => &mut phases.tls_us,
            Phase::Processing => &mut phases.processing_us,
            Phase::Transfer => &mut phases.transfer_us,
        };
        let took = now.saturating_duration_since(since).as_micros();
        *sum = sum.saturating_add(u32::try_from(took).unwrap_or(u32::MAX));
    }

    /// The phase that runs, or that ran last.
    pub(super) fn phase(&self) -> Option<Phase> {
        self.last
    }

    /// A connection is being tried.
    pub(super) fn dialling(&mut self, address: SocketAddr) {
        self.note.remote_address = Some(address);
        self.detail(|details| details.attempts.push(Attempt { address, error: None }));
    }

    /// The newest attempt at `address` failed.
    pub(super) fn dial_failed(&mut self, address: SocketAddr, error: String) {
        self.detail(|details| {
            let mut attempts = details.attempts.iter_mut().rev();
            if let Some(attempt) = attempts.find(|attempt| attempt.address == address) {
                attempt.error = Some(error);
            }
        });
    }

    /// A head came.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }

    /// Notes what only a person at a terminal wants to know.
    pub(super) fn detail(&mut self, note: impl FnOnce(&mut Details)) {
        if let Some(details) = &mut self.details {
            note(details);
        }
    }

    /// The body went on, and was not read.
    pub(super) fn body_cut(&mut self) {
        self.detail(|details| details.body_cut = true);
    }

    /// `request` is the next hop.
    pub(super) fn redirected(&mut self, request: &Request) {
        let status = self.status.take().unwrap_or_default();
        self.detail(|details| {
            details.redirects.push(Hop { status, to: mask_url(request.url.as_str()) });
            details.cipher = None;
        });
        self.body_bytes = 0;
        self.note.tls = None;
        self.note.protocol = None;
        self.note.redirects = self.note.redirects.saturating_add(1);
        self.note.more_mut().location = shown_url(&request.url);
        self.host = request.host().into();
    }

    /// What the probe is busy with, in words.
    pub(super) fn doing(&self) -> String {
        let remote = self.note.remote_address;
        let remote = remote.map_or_else(|| self.host.to_string(), |address| address.to_string());
        match self.last {
            None | Some(Phase::Resolve) => format!("resolve {}", self.host),
            Some(Phase::Connect) => format!("connect to {remote}"),
            Some(Phase::Tls) => format!("TLS handshake with {remote}"),
            Some(Phase::Processing) => format!("wait for an answer from {remote}"),
            Some(Phase::Transfer) => {
                format!("read the body from {remote}, {} bytes so far", self.body_bytes)
            }
        }
    }

    /// An answer came, with what about it was not as expected.
    pub(super) fn answer(self, status: u16, broken: Option<(Unexpected, String)>) -> Report {
        let (unexpected, cause) = broken.unzip();
        let kind = unexpected.map(|unexpected| match unexpected {
            Unexpected::Status => Cause::UnexpectedStatus,
            Unexpected::Body => Cause::UnexpectedBody,
        });
        self.report(Outcome::Answered { status, unexpected }, kind, cause.unwrap_or_default())
    }

    /// None came.
    pub(super) fn failure(self, kind: Cause, cause: String) -> Report {
        let failure = kind.failure().expect("every cause of a stop belongs to a failure");
        self.report(Outcome::Failed(failure), Some(kind), cause)
    }

    /// The time was up.
    pub(super) fn timeout(self, limit: Duration) -> Report {
        let kind = match self.last {
            None | Some(Phase::Resolve) => Cause::TimeoutResolve,
            Some(Phase::Connect) => Cause::TimeoutConnect,
            Some(Phase::Tls) => Cause::TimeoutTls,
            Some(Phase::Processing) => Cause::TimeoutProcessing,
            Some(Phase::Transfer) => Cause::TimeoutTransfer,
        };
        let limit = humantime::format_duration(limit);
        let cause = format!("no answer within {limit}: {}", self.doing());
        self.failure(kind, cause)
    }

    fn report(mut self, outcome: Outcome, kind: Option<Cause>, cause: String) -> Report {
        let last = self.last;
        self.detail(|details| details.last_phase = last);
        self.note.kind = kind;
        self.note.cause = clip(cause);
        let body_bytes = u32::try_from(self.body_bytes).unwrap_or(u32::MAX);
        let Self { phases, note, details, .. } = self;
        Report { outcome, phases, body_bytes, note, details }
    }
}

/// `text`, cut to what crosses the wire.
fn clip(mut text: String) -> String {
    if text.len() > Note::TEXT_MAX {
        let end = text.floor_char_boundary(Note::TEXT_MAX - '…'.len_utf8());
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
impl Trace {
    pub(super) fn detailed() -> Self {
        Self::new(&"a".into(), true)
    }

    pub(super) fn details(&self) -> &Details {
        self.details.as_deref().expect("it is detailed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_several_hops_add_up_and_the_last_stamp_ends_the_phase_before() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut trace = Trace::detailed();
        trace.enter_at(Phase::Resolve, at(0));
        trace.enter_at(Phase::Connect, at(3));
        trace.enter_at(Phase::Resolve, at(5));
        trace.enter_at(Phase::Transfer, at(6));
        trace.end(at(16));
        let Phases { resolve_us, connect_us, transfer_us, .. } = trace.phases;
        assert_eq!((resolve_us, connect_us, transfer_us), (4_000, 2_000, 10_000));
    }

    #[test]
    fn a_cause_is_cut_at_a_letter_to_what_the_wire_takes() {
        let cut = clip("ü".repeat(300));
        assert!(cut.len() <= Note::TEXT_MAX && cut.ends_with('…'), "{} bytes", cut.len());
        assert_eq!(clip("short".into()), "short");
    }
}
