//! The prober: one HTTP or HTTPS probe at a time over a connection of its own, each phase timed where it happens.
//!
//! A probe always ends as exactly one [`Ended`]: what the target did, or a fault of this machine that says nothing about
//! the target. Nothing is pooled, resumed or retried, no task is spawned, and a probe that is dropped leaves nothing
//! behind. Every byte that a target sends is bounded: its head by [`HEAD_MAX`], its body by [`BODY_MAX`].
//!
//! Start at [`Prober::probe`]. [`address`] says what may be dialled, [`resolve`] and [`dial`] reach it, [`tls`] and
//! [`exchange`] talk to it, [`redirect`] decides where to go next, and [`trace`] remembers how far it all came.

mod address;
mod certificate;
mod dial;
mod driver;
mod exchange;
mod fault;
pub(crate) mod fuzz;
mod hosts;
mod http1;
mod http2;
mod known;
mod lookup;
mod mask;
mod options;
mod patterns;
mod permits;
mod prepare;
mod redirect;
mod report;
mod request;
mod resolve;
mod shown;
mod sockets;
mod tls;
mod trace;
mod tuned;
mod verify;
mod watched;

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use proto::{Cause, Note, Unexpected};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use exchange::{BODY_MATCHED_MAX, BODY_MAX, HEAD_MAX};
pub use mask::mask_url;
pub use options::{DnsServer, ProbeOptions, network};
pub use permits::HostPermit;
pub use prepare::{Prepared, Unfit};
pub use report::{Attempt, Details, Ended, Fault, Hop, Report};
pub use trace::Phase;

use exchange::{Answer, Exchange};
use fault::Stop;
use patterns::Patterns;
use permits::Permits;
use request::Request;
use tls::TlsConfigs;
use trace::Trace;
use tuned::Tuned;

/// Probes targets; cheap to clone, all clones share its caches and limits.
#[derive(Clone)]
pub struct Prober {
    shared: Arc<Shared>,
}

struct Shared {
    tls: TlsConfigs,
    permits: Permits,
    patterns: Patterns,
    tuned: RwLock<Arc<Tuned>>,
}

/// Why a prober cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    /// `--dns` names a host that has no address.
    #[error("--dns {server}: {reason}; expected the address of a name server")]
    Dns {
        /// As given.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The resolver could not be built.
    #[error("cannot set up name resolution: {0}")]
    Resolver(String),
    /// The TLS library refused its own defaults.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Prober {
    /// A prober with the system's trust roots and name resolution, or what `options` say instead.
    ///
    /// # Errors
    /// When `--dns` names no server. Missing trust roots or a missing `/etc/resolv.conf` are warned of.
    pub fn new(options: &ProbeOptions) -> Result<Self, ProberError> {
        let shared = Shared {
            tuned: RwLock::new(Arc::new(Tuned::new(options, None)?)),
            tls: TlsConfigs::new()?,
            permits: Permits::new(options.per_host.unwrap_or(ProbeOptions::PER_HOST)),
            patterns: Patterns::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Probes like this from now on, in all clones; what runs goes on as it began. A name server given by name is looked up by
    /// the system: this may block.
    ///
    /// # Errors
    /// When the options cannot be used: the ones before stay.
    pub fn tune(&self, options: &ProbeOptions) -> Result<(), ProberError> {
        let tuned = Tuned::new(options, Some(&self.tuned()))?;
        *self.shared.tuned.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tuned);
        self.shared.permits.resize(options.per_host.unwrap_or(ProbeOptions::PER_HOST));
        Ok(())
    }

    fn tuned(&self) -> Arc<Tuned> {
        self.shared.tuned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks `spec` and does once what need not be done at every probe. Reads the file of `tls_ca`, nothing else.
    ///
    /// # Errors
    /// What about the specification cannot be probed.
    pub fn prepare(&self, spec: &proto::ProbeSpec) -> Result<Prepared, Unfit> {
        let Shared { tls, permits, patterns, .. } = &*self.shared;
        prepare::prepare(spec, tls, permits, patterns)
    }

    /// Waits until fewer than `--per-host` probes of the target's host are running. Not part of the probe's time: hold
    /// what this returns while [`Self::probe`] runs. Hosts that redirects lead to are not counted.
    pub async fn permit<'a>(&self, prepared: &'a Prepared) -> HostPermit<'a> {
        prepared.limit.acquire().await
    }

    /// Probes once, for at most the timeout of `prepared`.
    pub async fn probe(&self, prepared: &Prepared) -> Ended {
        self.run(prepared, Trace::new(&prepared.limit.host, false)).await
    }

    /// The same, with every step noted: for a person who wants to know.
    pub async fn explain(&self, prepared: &Prepared) -> Ended {
        self.run(prepared, Trace::new(&prepared.limit.host, true)).await
    }

    async fn run(&self, prepared: &Prepared, mut trace: Trace) -> Ended {
        let tuned = self.tuned();
        let ended = timeout(prepared.timeout, self.follow(&tuned, prepared, &mut trace)).await;
        trace.leave();
        match ended {
            Ok(Ok(answer)) => {
                let status = answer.status.as_u16();
                let broken = judge(prepared, &answer);
                if broken.is_some() && !answer.kept.is_empty() {
                    let end = answer.kept.len().min(Note::BODY_START_MAX);
                    let start = Bytes::copy_from_slice(&answer.kept[..end]);
                    trace.note.more_mut().body_start = start;
                }
                Ended::Report(trace.answer(status, broken))
            }
            Ok(Err(Stop::Failed(kind, cause))) => Ended::Report(trace.failure(kind, cause)),
            Ok(Err(Stop::Fault(fault))) => Ended::Fault(fault),
            Err(_) => {
                let resolving = trace.phase() == Some(Phase::Resolve);
                match tuned.names.recent_fault().filter(|_| resolving) {
                    Some(fault) => Ended::Fault(fault),
                    None => Ended::Report(trace.timeout(prepared.timeout)),
                }
            }
        }
    }

    /// One hop after the other, until one is the answer.
    async fn follow(
        &self,
        tuned: &Tuned,
        prepared: &Prepared,
        trace: &mut Trace,
    ) -> Result<Answer, Stop> {
        let mut itinerary = redirect::Itinerary::default();
        let mut next = tuned.introduced(&prepared.first);
        loop {
            let request = next.as_ref().unwrap_or(&prepared.first);
            let exchange = self.open(tuned, prepared, request, trace).await?;
            trace.answered(exchange.status());
            if !prepared.follow_redirects || !redirect::is_redirect(exchange.status()) {
                return exchange.read(trace).await;
            }
            let to = itinerary.next(request, exchange.status(), exchange.location())?;
            trace.redirected(&to);
            next = tuned.introduced(&to).or(Some(to));
        }
    }

    /// From a request to the head of its answer, over a new connection.
    async fn open(
        &self,
        tuned: &Tuned,
        prepared: &Prepared,
        request: &Request,
        trace: &mut Trace,
    ) -> Result<Exchange, Stop> {
        trace.enter(Phase::Resolve);
        let mut addresses = tuned.names.resolve(&request.url).await?;
        tuned.addresses.filter(&mut addresses, trace)?;

        trace.enter(Phase::Connect);
        let stream = dial::dial(&addresses, request.port(), trace).await?;
        if request.url.scheme() == "https" {
            // Boxed: a probe without TLS should not carry the room for it.
            return Box::pin(self.secure(prepared, request, stream, trace)).await;
        }
        trace.enter(Phase::Processing);
        let keep = prepared.expect_body.is_some();
        Ok(Exchange::Plain(http1::Answering::ask(stream, request, keep, trace).await?))
    }

    async fn secure(
        &self,
        prepared: &Prepared,
        request: &Request,
        stream: TcpStream,
        trace: &mut Trace,
    ) -> Result<Exchange, Stop> {
        trace.enter(Phase::Tls);
        let Some(trust) = &prepared.trust else {
            let cause = "to https, but this agent has no trust roots";
            return Err(Stop::failed(Cause::RedirectNoRoots, cause));
        };
        let stream = tls::handshake(trust, &request.url, stream, trace).await?;
        trace.enter(Phase::Processing);
        let keep = prepared.expect_body.is_some();
        Ok(if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            Exchange::Http2(Box::new(http2::Answering::ask(stream, request, keep, trace).await?))
        } else {
            Exchange::Secure(Box::new(http1::Answering::ask(stream, request, keep, trace).await?))
        })
    }
}

/// What about an answer breaks the target's expectation, and that in words.
fn judge(prepared: &Prepared, answer: &Answer) -> Option<(Unexpected, String)> {
    let status = answer.status.as_u16();
    if !prepared.expect_status.contains(status) {
        let expected = prepare::status_text(&prepared.expect_status);
        return Some((Unexpected::Status, format!("status {status}; expected {expected}")));
    }
    match &prepared.expect_body {
        Some(pattern) if !pattern.regex.is_match(&answer.kept) => {
            Some((Unexpected::Body, format!("the body does not match /{}/", pattern.regex)))
        }
        _ => None,
    }
}
