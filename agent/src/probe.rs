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
mod lookup;
mod mask;
mod options;
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
mod verify;
mod watched;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use proto::{Cause, Note, Unexpected};
use tokio::time::timeout;

pub use exchange::{BODY_MATCHED_MAX, BODY_MAX, HEAD_MAX};
pub use mask::mask_url;
pub use options::{DnsServer, ProbeOptions, network};
pub use permits::HostPermit;
pub use prepare::{Prepared, Unfit};
pub use report::{Attempt, Details, Ended, Fault, Hop, Report};
pub use trace::Phase;

use address::AddressPolicy;
use exchange::{Answer, Exchange};
use fault::Stop;
use permits::Permits;
use request::Request;
use resolve::Names;
use tls::TlsConfigs;
use trace::Trace;

/// Probes targets; cheap to clone, all clones share its caches and limits.
#[derive(Clone)]
pub struct Prober {
    shared: Arc<Shared>,
}

struct Shared {
    tls: TlsConfigs,
    tuned: RwLock<Arc<Tuned>>,
}

/// What may change while the prober runs: a probe keeps what it began with.
struct Tuned {
    options: ProbeOptions,
    names: Arc<Names>,
    addresses: AddressPolicy,
    permits: Arc<Permits>,
}

impl Tuned {
    /// What `options` ask for; what they do not change of `before` is kept, caches and waiting probes with it.
    fn new(options: &ProbeOptions, before: Option<&Self>) -> Result<Self, ProberError> {
        let names = match before.filter(|before| before.options.dns == options.dns) {
            Some(before) => before.names.clone(),
            None => Arc::new(Names::new(options.dns.as_ref())?),
        };
        let permits = match before.filter(|before| before.options.per_host == options.per_host) {
            Some(before) => before.permits.clone(),
            None => Arc::new(Permits::new(options.per_host.unwrap_or(ProbeOptions::PER_HOST))),
        };
        let addresses = AddressPolicy::new(options.deny_private, options.allow_network.clone())
            .refusing(options.refuse_network.clone());
        Ok(Self { options: options.clone(), names, addresses, permits })
    }
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
        let tuned = RwLock::new(Arc::new(Tuned::new(options, None)?));
        let shared = Shared { tls: TlsConfigs::new()?, tuned };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Probes like this from now on, in all clones; what runs or waits for its host goes on as it began. A name server
    /// given by name is looked up by the system: this may block.
    ///
    /// # Errors
    /// When the options cannot be used: the ones before stay.
    pub fn tune(&self, options: &ProbeOptions) -> Result<(), ProberError> {
        let before = self.tuned();
        if before.options == *options {
            return Ok(());
        }
        let tuned = Tuned::new(options, Some(&before))?;
        *self.shared.tuned.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tuned);
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
        prepare::prepare(spec, &self.shared.tls)
    }

    /// Waits until fewer than `--per-host` probes of the target's host are running. Not part of the probe's time: hold
    /// what this returns while [`Self::probe`] runs. Hosts that redirects lead to are not counted.
    pub async fn permit(&self, prepared: &Prepared) -> HostPermit {
        self.tuned().permits.acquire(&prepared.host).await
    }

    /// Probes once, for at most the timeout of `prepared`.
    pub async fn probe(&self, prepared: &Prepared) -> Ended {
        let mut trace = Trace::new(prepared.first.host());
        let tuned = self.tuned();
        let ended = timeout(prepared.timeout, follow(&tuned, prepared, &mut trace)).await;
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
}

/// One hop after the other, until one is the answer.
async fn follow(tuned: &Tuned, prepared: &Prepared, trace: &mut Trace) -> Result<Answer, Stop> {
    let mut itinerary = redirect::Itinerary::new(&prepared.first);
    let mut request = prepared.first.clone();
    introduce(tuned, &mut request);
    loop {
        let exchange = open(tuned, prepared, &request, trace).await?;
        trace.answered(exchange.status());
        if !prepared.follow_redirects || !redirect::is_redirect(exchange.status()) {
            return exchange.read(prepared.expect_body.is_some(), trace).await;
        }
        request = itinerary.next(&request, exchange.status(), exchange.location())?;
        introduce(tuned, &mut request);
        trace.redirected(&request);
    }
}

/// From a request to the head of its answer, over a new connection.
async fn open(
    tuned: &Tuned,
    prepared: &Prepared,
    request: &Request,
    trace: &mut Trace,
) -> Result<Exchange, Stop> {
    trace.enter(Phase::Resolve);
    let addresses = tuned.names.resolve(&request.url).await?;
    let allowed = tuned.addresses.filter(&addresses, trace)?;
    let port = request.port();
    let targets: Vec<_> = allowed.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();

    trace.enter(Phase::Connect);
    let stream = dial::dial(&targets, trace).await?;

    if request.url.scheme() == "http" {
        trace.enter(Phase::Processing);
        return Exchange::http1(stream, request, trace).await;
    }
    trace.enter(Phase::Tls);
    let Some(trust) = &prepared.trust else {
        return Err(Stop::failed(
            Cause::RedirectNoRoots,
            "to https, but this agent has no trust roots",
        ));
    };
    let stream = tls::handshake(trust, &request.url, stream, trace).await?;
    trace.enter(Phase::Processing);
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        Exchange::http2(stream, request, trace).await
    } else {
        Exchange::http1(stream, request, trace).await
    }
}

/// Says who asks, where neither the target nor the program's default is to.
fn introduce(tuned: &Tuned, request: &mut Request) {
    if let Some(agent) = &tuned.options.user_agent {
        request.headers.entry(http::header::USER_AGENT).or_insert_with(|| agent.clone());
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
        Some(regex) if !regex.is_match(&answer.kept) => {
            Some((Unexpected::Body, format!("the body does not match /{regex}/")))
        }
        _ => None,
    }
}
