//! An agent: it probes what a collector assigns, and streams the results back until they are acknowledged.
//!
//! Agents hold nothing worth saving. Cut off, an agent goes on probing what it holds and delivers later; it never exits
//! because of a collector. Several agents may run in one process: nothing here is global, no signal is handled here.
//!
//! Read [`Agent::run`] first. Decisions are in [`AgentCore`], which reads no clock and does no I/O; the runtime waits and
//! performs; the [`probe`] module knows HTTP.

mod admin;
mod admit;
mod agent_core;
mod backoff;
pub mod cli;
mod clock;
mod config;
mod descriptors;
pub mod emf;
mod excuses;
pub mod explain;
mod flights;
#[doc(hidden)]
pub mod fuzz;
pub mod levels;
mod limit;
pub mod local_get;
mod local_time;
mod machine;
mod metadata;
mod metrics;
mod notes;
mod outage;
mod outbox;
mod parts;
mod pause;
mod plain_metrics;
pub mod probe;
mod process;
mod runtime;
mod schedule;
mod session;
mod settings;
mod signals;
mod tuning;
mod usage;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use admit::{Admit, AdmitAll};
pub use agent_core::{AgentCore, Attempt, CoreConfig, Counts, Effect, Event, Start, StreamId};
pub use clock::LocalMicros;
pub use config::{
    AgentConfig, AgentError, ClientTls, CollectorUrl, Files, Listen, Secret, random_id,
};
pub use descriptors::{affordable_concurrency, raise_descriptor_limit};
pub use flights::Ticket;
pub use local_time::boot_time;
pub use machine::{Doing, Machine};
pub use plain_metrics::plain_metrics;
pub use probe::ProbeOptions;
pub use process::process_metrics;
pub use runtime::DrainReport;
pub use settings::SettingsError;
pub use worker::Ready;

use admin::Admin;
use metrics::Metrics;
use pause::Pauses;
use probe::Prober;
use runtime::Runtime;
use session::Dialer;
use signals::Signals;
use tuning::Own;
use worker::Workers;

/// The most slots that are tasks without having started: at about 1 KB each, 100 MB. More wait in the core.
const HANDED_MAX: usize = 100_000;

/// How long /metrics may take to close.
const ADMIN_CLOSE_MAX: Duration = Duration::from_secs(1);

/// An agent that can run.
pub struct Agent {
    machine: Arc<dyn Machine>,
    config: AgentConfig,
    prober: Prober,
    dialer: Dialer,
    admin: Option<Admin>,
}

impl Agent {
    /// Checks the settings and binds the address for /metrics.
    ///
    /// # Errors
    /// When a setting cannot be used, or the address that is required cannot be had.
    pub fn new(config: AgentConfig) -> Result<Self, AgentError> {
        Self::on(machine::this_machine(), config)
    }

    /// The same on another machine: a simulated one.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn on(machine: Arc<dyn Machine>, config: AgentConfig) -> Result<Self, AgentError> {
        let names =
            [("agent id", &config.agent_id), ("vantage", &config.vantage), ("zone", &config.zone)];
        for (field, text) in names {
            if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
                return Err(AgentError::Name { field, text: text.clone() });
            }
        }
        let guarded = config.collector.is_https() || config.collector.is_loopback();
        if config.token.is_some() && !guarded && !config.allow_plaintext {
            return Err(AgentError::Plaintext(config.collector.to_string()));
        }
        let prober = Prober::new(&config.probe)?;
        let dialer = Dialer::new(machine.clone(), &config)?;
        let admin = config.listen.map(Admin::bind).transpose()?.flatten();
        Ok(Self { machine, config, prober, dialer, admin })
    }

    /// Where /metrics, /livez and /readyz are served.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Probes until `stop` is cancelled, then drains for at most [`AgentConfig::drain_max`].
    pub async fn run(self, stop: CancellationToken) -> DrainReport {
        let Self { machine, config, prober, dialer, admin } = self;
        let own = Own {
            probe: config.probe,
            concurrency: config.concurrency,
            concurrency_max: config.concurrency_max,
        };
        let concurrency = own.concurrency(None);
        let span = tracing::info_span!("agent", id = %config.agent_id);
        tracing::info!(
            parent: &span, vantage = %config.vantage, zone = %config.zone,
            collector = %config.collector, concurrency, version = env!("CARGO_PKG_VERSION"),
            "agent starts"
        );
        let signals = config.emf.map(|deployment| Signals {
            deployment,
            vantage: config.vantage.clone(),
            zone: config.zone.clone(),
            concurrency,
        });
        let core_config = CoreConfig {
            agent_id: config.agent_id,
            boot: rand::random(),
            vantage: config.vantage,
            zone: config.zone,
            capacity: u32::try_from(concurrency).unwrap_or(u32::MAX),
            outbox_bytes: config.outbox_bytes,
            handed_max: HANDED_MAX,
        };
        let metrics = Arc::new(Metrics::default());
        let pauses = Arc::new(Pauses::new(machine.boot_time()));
        let parts_end = CancellationToken::new();
        let mut parts = JoinSet::new();
        parts.spawn(tick(machine.clone(), pauses.clone(), parts_end.clone()));
        if let Some(admin) = admin {
            parts.spawn(admin.serve(metrics.clone(), parts_end.clone()));
        }
        if let Some(signals) = signals {
            parts.spawn(signals.tell(metrics.clone(), parts_end.clone()));
        }
        let runtime = Runtime::new(
            machine.clone(),
            AgentCore::new(core_config, prober.clone()),
            Workers::new(machine, prober, own, pauses.clone()),
            pauses,
            metrics,
            config.collector.to_string(),
            dialer,
            config.drain_max,
        );
        let report = runtime.run(stop).instrument(span).await;
        parts_end.cancel();
        let close = async { while parts.join_next().await.is_some() {} };
        if tokio::time::timeout(ADMIN_CLOSE_MAX, close).await.is_err() {
            tracing::debug!("a reader of /metrics was cut off");
        }
        report
    }
}

/// Says every [`pause::TICK`] that this process runs.
async fn tick(machine: Arc<dyn Machine>, pauses: Arc<Pauses>, end: CancellationToken) {
    let mut ticks = tokio::time::interval(pause::TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            _ = ticks.tick() => pauses.tick(machine.boot_time()),
        }
    }
}
