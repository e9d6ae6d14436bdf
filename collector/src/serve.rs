//! The whole collector: opens everything, starts every part, and ends when the first one does.
//!
//! Half a collector is worse than none. Read [`Collector::open`], then [`Collector::run`].

mod accept;
#[doc(hidden)]
pub mod grpc;
mod local;
mod notified;
mod parts;
mod patient;
mod targets;
mod tls;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::agent_settings::{self, AgentSettings};
use crate::config::Config;
use crate::core::{Core, CoreConfig, SealPace};
use crate::fill::Filler;
use crate::http::{Answers, Api, History, Listeners, Orders, router};
use crate::hub::{self, Between, Hub, HubError, Inbox, LogHealth};
use crate::incidents::WatchConfig;
use crate::leader::{LeadError, Leadership, lead};
use crate::maintenance::Maintenance;
use crate::news::{News, Reporter};
use crate::reload::{Reloaded, fixed};
use crate::screen::Screen;
use crate::sessions::{Refusals, Sessions};
use crate::standby::{self, Elected, LeaseKeeper, LeaseLost, Meanwhile};
use crate::store::writer::{self, WriterEvent, WriterHandle, WriterThread};
use crate::store::{self, Parts, Store, StoreAddress, StoreError};
use crate::target_file::{
    ASK_EVERY, Defaults, FileError, Health, Secrets, Source, TargetFile, Watching,
};
use crate::tokens::{Tokens, TokensError};

pub use accept::{Incoming, Peer};
use local::LocalAgents;
use notified::Notified;
use parts::{Part, flush, part_error, within};
pub(crate) use patient::Patient;
use targets::{TargetKeeper, tell_problems};
pub use tls::{Place, TlsError, TlsFiles, places};
pub(crate) use waiting::Waiting;

/// Claims before giving up: each that fails means that another collector wrote meanwhile.
const CLAIMS_MAX: u32 = 20;
/// Of the 25 s that a drain may take, local agents get most.
const AGENTS_DRAIN_MAX: Duration = Duration::from_secs(17);
/// … the log some …
const LOG_DRAIN_MAX: Duration = Duration::from_secs(4);
/// … and its thread, which is idle by then, …
const LOG_CLOSE_MAX: Duration = Duration::from_millis(500);
/// … and the servers the rest: a graceful shutdown can hang on a client that says nothing.
const SERVERS_DRAIN_MAX: Duration = Duration::from_secs(2);

/// Why a collector does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The target file gives no target. Exit code 2.
    #[error(transparent)]
    Targets(#[from] FileError),
    /// An address is taken, or not this machine's.
    #[error("{option} {address}: cannot listen there")]
    Listen {
        /// Which option.
        option: &'static str,
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The log cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A port cannot be shared.
    #[error("a port cannot be used by the standby")]
    Port(#[source] std::io::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Lead(#[from] LeadError),
    /// The system gives no thread.
    #[error("the log's thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// A local agent cannot be set up. Exit code 2.
    #[error("a local agent cannot be started")]
    Agent(#[from] agent::AgentError),
    /// No message can be sent.
    #[error("TLS of messages cannot be set up")]
    Messages(#[source] reqwest::Error),
    /// The token of the local agents.
    #[error(transparent)]
    Tokens(#[from] TokensError),
}

/// Why a running collector ended on its own.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The core's task.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// Another collector may lead now.
    #[error(transparent)]
    Lease(#[from] LeaseLost),
    /// A server stopped.
    #[error("{part} ended: {cause}")]
    Part {
        /// Which.
        part: &'static str,
        /// Why.
        cause: String,
    },
}

/// A collector with everything open, not yet running.
pub struct Collector {
    http: TcpListener,
    http_address: SocketAddr,
    grpc: TcpListener,
    grpc_address: SocketAddr,
    tls: Option<Reloaded<rustls::ServerConfig>>,
    local: Option<LocalAgents>,
    hub: Hub,
    inbox: Inbox,
    core: Core,
    log: OpenLog,
    file: TargetFile,
    source: Source,
    defaults: Arc<Defaults>,
    secrets: Arc<Secrets>,
    interval: Duration,
    keep: Duration,
    keep_slots: Duration,
    history: Arc<dyn Parts>,
    agent_tokens: Option<Reloaded<Tokens>>,
    api_tokens: Option<Reloaded<Tokens>>,
    origins: Arc<[crate::http::Origin]>,
    screen: Option<Screen>,
    store: String,
    agent_settings: Option<(std::path::PathBuf, AgentSettings)>,
    emf: Option<String>,
    notified: Notified,
    maintenance: Option<Reloaded<Maintenance>>,
    lease: Option<LeaseKeeper>,
    meanwhile: Option<Meanwhile>,
}

struct OpenLog {
    writer: WriterHandle,
    events: mpsc::Receiver<WriterEvent>,
    thread: WriterThread,
}

impl Collector {
    /// Reads the target file, takes the log, binds the addresses. Nothing is probed or served yet.
    ///
    /// # Errors
    /// When any of that cannot be done: what, where, and what was expected.
    pub async fn open(config: Config) -> Result<Self, StartError> {
        let file = config.targets.read(&config.defaults, &config.secrets).await?;
        let http = listen("--http-listen", config.http_listen).await?;
        let grpc = listen("--grpc-listen", config.grpc_listen).await?;
        let address = |listener: &TcpListener, fallback| listener.local_addr().unwrap_or(fallback);
        let (http_address, grpc_address) =
            (address(&http, config.http_listen), address(&grpc, config.grpc_listen));
        let (elected, lease, meanwhile) = match &config.store {
            StoreAddress::DynamoDb(table) => {
                let Elected { store, lease, meanwhile } =
                    standby::until_elected(&config, table, &http, &grpc).await?;
                (Some(store), Some(lease), meanwhile)
            }
            StoreAddress::Memory | StoreAddress::Folder(_) => (None, None, None),
        };
        let (address, keep_slots) = (config.store.clone(), config.keep_slots);
        let (store, leadership) = blocking(move || {
            let mut store = match elected {
                Some(store) => Box::new(store),
                None => store::open(&address)?,
            };
            let leadership = claim(store.as_mut(), keep_slots)?;
            Ok::<_, StartError>((store, leadership))
        })
        .await?;
        tracing::info!(
            store = %config.store,
            records = leadership.records,
            epoch = leadership.state.epoch,
            known_targets = leadership.state.targets().filter(|(_, t)| t.listed).count(),
            "log read"
        );
        let core_config = core_config(&config);
        let now = (leadership.clock)();
        let (hub, inbox) = Hub::new(leadership.clock);
        let notified = Notified::open(&hub, config.notify.clone()).map_err(StartError::Messages)?;
        let mut core = Core::new(core_config, leadership.state, now);
        core.stand_on(leadership.standing);
        let history = store.parts();
        let (writer, events, thread) =
            writer::spawn(store, leadership.records).map_err(StartError::Thread)?;
        let local = match config.local_agents.is_empty() {
            true => None,
            false => Some(LocalAgents::open(&config).await?),
        };
        Ok(Self {
            http,
            http_address,
            grpc,
            grpc_address,
            tls: config.tls,
            local,
            hub,
            inbox,
            core,
            log: OpenLog { writer, events, thread },
            file,
            source: config.targets,
            defaults: config.defaults,
            secrets: config.secrets,
            interval: config.interval,
            keep: config.keep,
            keep_slots: config.keep_slots,
            history,
            agent_tokens: config.agent_tokens,
            api_tokens: config.api_tokens,
            origins: config.origins,
            screen: config.screen,
            store: config.store.to_string(),
            agent_settings: config.agent_settings,
            emf: config.emf,
            notified,
            maintenance: config.maintenance,
            lease,
            meanwhile,
        })
    }

    /// Where the API and the page are.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Whether it shares its store with others, of which one leads.
    pub fn may_stand_by(&self) -> bool {
        self.lease.is_some()
    }

    /// Where agents connect.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Runs until `stop`, then drains: local agents deliver what they have, the log takes it, the servers end.
    ///
    /// # Errors
    /// When a part ended that must not: the whole collector ends then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        self.introduce();
        let mut lease = self.lease;
        drop(self.meanwhile);
        let hub = self.hub.clone();
        let (health, log_health) = watch::channel(LogHealth::Working);
        let (source_told, source_health) = watch::channel(Health::default());
        let (rejected_sender, rejected) = watch::channel(Arc::new(self.file.rejected.clone()));
        let hub_stop = CancellationToken::new();
        let servers_stop = CancellationToken::new();
        let mut core_task = JoinSet::new();
        let OpenLog { writer, events, thread } = self.log;
        let news = News::default();
        let reporter = Reporter::new(news.clone(), &self.core, self.interval);
        core_task.spawn(hub::run(
            self.core,
            self.inbox,
            Between { filler: Filler::new(self.secrets.clone()), reporter },
            writer,
            events,
            health,
            hub_stop.clone(),
        ));

        let mut parts: JoinSet<Part> = JoinSet::new();
        let refusals = Arc::<Refusals>::default();
        let api = Api {
            hub: hub.clone(),
            round: self.interval,
            keep: self.keep,
            keep_slots: self.keep_slots,
            history: History::new(self.history),
            targets: self.source.to_string().into(),
            rejected,
            source_health,
            log_health,
            tokens: self.api_tokens.as_ref().map(Reloaded::live),
            refusals: refusals.clone(),
            origins: self.origins,
            answers: Answers::default(),
            lists: Default::default(),
            sites: Default::default(),
            orders: Orders::default(),
            notified: self.notified.counts.clone(),
            listeners: Listeners::new(news, servers_stop.clone()),
        };
        let written = api.sites.clone().keep(hub.clone(), servers_stop.clone());
        parts.spawn(async move { Part::of("what /websites-status says", written.await) });
        let http = crate::http::serve(self.http, router(api), servers_stop.clone());
        parts.spawn(async move { Part::of("the HTTP server", http.await) });
        let sessions = Sessions::new(hub.clone(), refusals.clone());
        let public = grpc::serve(
            sessions.guarded(self.agent_tokens.as_ref().map(Reloaded::live)),
            self.grpc,
            self.tls.as_ref().map(Reloaded::live),
            refusals.clone(),
            servers_stop.clone(),
        );
        parts.spawn(async move { Part::of("the gRPC server", public.await) });
        let mut agents = JoinSet::new();
        let agents_stop = CancellationToken::new();
        if let Some(local) = self.local {
            let door = sessions.guarded(Some(fixed(local.tokens)));
            let served = grpc::serve(door, local.listener, None, refusals, servers_stop.clone());
            parts.spawn(async move { Part::of("the local agents' gRPC server", served.await) });
            for agent in local.agents {
                agents.spawn(agent.run(agents_stop.clone()));
            }
        }
        for tokens in [self.agent_tokens, self.api_tokens].into_iter().flatten() {
            let kept = tokens.keep(servers_stop.clone());
            parts.spawn(async move { Part::of("the token files' watcher", kept.await) });
        }
        if let Some(tls) = self.tls {
            let kept = tls.keep(servers_stop.clone());
            parts.spawn(async move { Part::of("the certificate's watcher", kept.await) });
        }
        let walls = crate::clock::watch(hub.clock(), servers_stop.clone());
        parts.spawn(async move {
            walls.await;
            Part::of("the wall clock's watcher", Ok::<_, std::convert::Infallible>(()))
        });
        let progress = crate::first_pass::tell(hub.clone(), self.screen, servers_stop.clone());
        parts.spawn(async move { Part::of("the first pass's progress", progress.await) });
        if let Some(deployment) = self.emf {
            let told = crate::signals::tell(hub.clone(), deployment, servers_stop.clone());
            parts.spawn(async move { Part::of("what CloudWatch is told", told.await) });
        }
        if let Some(windows) = self.maintenance {
            let told = crate::maintenance::tell(hub.clone(), windows.live(), servers_stop.clone());
            parts.spawn(async move { Part::of("the windows of maintenance", told.await) });
            let kept = windows.keep(servers_stop.clone());
            parts.spawn(async move { Part::of("the maintenance file's watcher", kept.await) });
        }
        self.notified.start(&mut parts, &servers_stop);
        let keeper = TargetKeeper {
            hub: hub.clone(),
            rejected: rejected_sender,
            watching: Watching {
                source: self.source,
                defaults: self.defaults,
                secrets: self.secrets,
                health: source_told,
                ask_every: ASK_EVERY,
            },
        };
        let keeper = keeper.keep(self.file, servers_stop.clone());
        parts.spawn(async move { Part::of("the target file's watcher", keeper.await) });

        if let Some((path, settings)) = self.agent_settings {
            let watch = agent_settings::watch(hub.clone(), path, settings, servers_stop.clone());
            parts.spawn(async move { Part::of("the settings file's watcher", watch.await) });
        }

        let first = tokio::select! {
            () = stop.cancelled() => Ok(()),
            lost = lease_lost(lease.as_mut()) => Err(lost.into()),
            Some(part) = parts.join_next() => Err(part_error(part)),
            Some(core) = core_task.join_next() => match core {
                Ok(Ok(_)) => Err(RunError::Part { part: "the core", cause: "nothing told it to".into() }),
                Ok(Err(error)) => Err(error.into()),
                Err(panic) => Err(RunError::Part { part: "the core", cause: panic.to_string() }),
            },
            Some(Err(panic)) = agents.join_next(), if !agents.is_empty() => {
                Err(RunError::Part { part: "a local agent", cause: panic.to_string() })
            }
        };
        let store = self.store;
        let running = Running {
            hub,
            store,
            agents,
            agents_stop,
            core_task,
            hub_stop,
            parts,
            servers_stop,
            thread,
            lease,
        };
        running.drain().await;
        first
    }

    fn introduce(&self) {
        let TargetFile { path, targets, rejected, .. } = &self.file;
        tracing::info!(path, targets = targets.len(), left_out = rejected.total, "targets loaded");
        tell_problems(&self.file);
        if !self.http_address.ip().is_loopback() && self.api_tokens.is_none() {
            tracing::warn!(
                address = %self.http_address,
                "anyone who reaches this address can read the API; --api-token-file asks them for a token"
            );
        }
        tracing::info!(grpc = %self.grpc_address, "agents connect here");
        tracing::info!("look at http://{}", self.http_address);
    }
}

/// A running collector's parts, in the order in which they end.
struct Running {
    hub: Hub,
    store: String,
    agents: JoinSet<agent::DrainReport>,
    agents_stop: CancellationToken,
    core_task: JoinSet<Result<Core, HubError>>,
    hub_stop: CancellationToken,
    parts: JoinSet<Part>,
    servers_stop: CancellationToken,
    thread: WriterThread,
    lease: Option<LeaseKeeper>,
}

impl Running {
    /// Agents deliver what they have, the log takes it, the servers end.
    async fn drain(self) {
        let Self {
            hub,
            store,
            mut agents,
            agents_stop,
            mut core_task,
            hub_stop,
            mut parts,
            servers_stop,
            thread,
            lease,
        } = self;
        tracing::info!("stopping: agents deliver, the log is flushed");
        let before = hub.ask(|core, _| core.counters().results).await.ok();
        agents_stop.cancel();
        within(AGENTS_DRAIN_MAX, "local agents", &mut agents).await;
        hub_stop.cancel();
        let flushed = flush(&mut core_task).await;
        // Nothing more is written: the standby need not wait.
        if let Some(lease) = lease {
            lease.release().await;
        }
        servers_stop.cancel();
        within(SERVERS_DRAIN_MAX, "servers", &mut parts).await;
        // The core's task is over, and with it the writer's queue: the thread ends.
        match tokio::task::spawn_blocking(move || thread.close(LOG_CLOSE_MAX)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the log was not closed as it should be"),
            Err(panic) => tracing::error!(%panic, "closing the log panicked"),
        }
        if let Some(core) = flushed {
            let targets = core.state().targets().filter(|(_, target)| target.listed).count();
            let results = core.counters().results;
            let while_stopping = results - before.unwrap_or(results);
            tracing::info!(
                store,
                targets,
                results,
                while_stopping,
                "stopped; everything acknowledged is in the log: all results since the start, and those that came while stopping"
            );
        }
    }
}

impl RunError {
    /// Whether another collector leads now: this one may stand by.
    pub fn is_succeeded(&self) -> bool {
        matches!(self, Self::Hub(HubError::Deposed { .. }) | Self::Lease(_))
    }
}

/// Claims the log, however often another one is faster: the one behind is deposed, and finds out.
fn claim(store: &mut dyn Store, keep_slots: Duration) -> Result<Leadership, LeadError> {
    for _ in 1..CLAIMS_MAX {
        match lead(store, crate::clock::start, keep_slots, SealPace::default().hour) {
            Err(LeadError::Store(StoreError::Conflict { position })) => {
                tracing::info!(position, "another collector wrote just now; claiming again");
            }
            done => return done,
        }
    }
    lead(store, crate::clock::start, keep_slots, SealPace::default().hour)
}

/// Waits for the loss of the lease; for ever where there is none.
async fn lease_lost(lease: Option<&mut LeaseKeeper>) -> LeaseLost {
    match lease {
        Some(lease) => lease.lost().await,
        None => std::future::pending().await,
    }
}

pub(crate) fn core_config(config: &Config) -> CoreConfig {
    CoreConfig {
        lease: config.lease,
        vantages: config.vantages.clone(),
        keep_slots: config.keep_slots,
        keep: config.keep,
        seal: SealPace::default(),
        local_agents: config.local_agents.iter().map(|local| local.id.clone()).collect(),
        watch: WatchConfig {
            on: true,
            round: config.interval,
            certificate_warning: config.certificate_warning,
            gather: crate::incidents::gather(config.interval),
        },
    }
}

/// Runs what blocks (files, the log) on a thread of its own, so that signals are heard meanwhile.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

async fn listen(option: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen {
        option,
        address,
        source,
    })
}
