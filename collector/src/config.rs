//! What the command line means: checked whole, before anything is opened.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use agent::ProbeOptions;

use crate::agent_settings::{AgentSettings, SettingsError};
use crate::args::{FileArgs, NotifyArgs, ServeArgs};
use crate::core::DEFAULT_VANTAGE;
use crate::maintenance::{Maintenance, MaintenanceError};
use crate::notify::{AddressError, Notify, Secret, SecretError};
use crate::reload::Reloaded;
use crate::screen::Screen;
use crate::serve::{TlsError, TlsFiles};
use crate::store::StoreAddress;
use crate::target_file::{Defaults, Secrets, Source, mask_url, parse_default, show};
use crate::tokens::{Tokens, TokensError};

/// Everything that `serve` needs to know.
pub struct Config {
    /// Where the targets come from.
    pub targets: Source,
    /// How they are read.
    pub defaults: Arc<Defaults>,
    /// What fills `${NAME}` in them.
    pub secrets: Arc<Secrets>,
    /// The default interval, and so the length of a round.
    pub interval: Duration,
    /// The API and the page.
    pub http_listen: SocketAddr,
    /// The agents.
    pub grpc_listen: SocketAddr,
    /// TLS on the agents' port.
    pub tls: Option<Reloaded<rustls::ServerConfig>>,
    /// The vantages there are, if they are given.
    pub vantages: Option<Vec<String>>,
    /// Where the log is.
    pub store: StoreAddress,
    /// How long hours are kept.
    pub keep: Duration,
    /// How long single slots are kept.
    pub keep_slots: Duration,
    /// Agents inside this process.
    pub local_agents: Vec<LocalAgent>,
    /// The most probes that each of them runs at once, if that is given.
    pub concurrency: Option<u32>,
    /// … and that this process affords each.
    pub concurrency_max: usize,
    /// Where the agents' settings are, and what they were at the start.
    pub agent_settings: Option<(PathBuf, AgentSettings)>,
    /// How long a silent agent keeps its shards.
    pub lease: Duration,
    /// A certificate that expires within this is an incident, unless that is zero.
    pub certificate_warning: Option<Duration>,
    /// When targets are expected to fail.
    pub maintenance: Option<Reloaded<Maintenance>>,
    /// Who is told of incidents.
    pub notify: Notify,
    /// What agents must show.
    pub agent_tokens: Option<Reloaded<Tokens>>,
    /// What API clients must show.
    pub api_tokens: Option<Reloaded<Tokens>>,
    /// Where dashboards that read the API are hosted.
    pub origins: Arc<[crate::http::Origin]>,
    /// The terminal, if there is one: it shows how the first pass is going.
    pub screen: Option<Screen>,
    /// The name of the installation in CloudWatch, if metrics are written for it.
    pub emf: Option<String>,
}

/// An agent inside the collector's process.
pub struct LocalAgent {
    /// The same at every start, so that a restart finds its own.
    pub id: String,
    /// Where its results are reported from.
    pub vantage: String,
    /// Its failure domain.
    pub zone: String,
    /// How it probes.
    pub probe: ProbeOptions,
}

/// A command line that cannot work. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something about the target file's options.
    #[error("{0}")]
    File(String),
    /// A place that targets cannot come from.
    #[error("{place}: {reason}")]
    Source {
        /// Where, without credentials.
        place: String,
        /// What was expected.
        reason: String,
    },
    /// The store's address.
    #[error("--store {0}")]
    Store(String),
    /// A receiver of messages.
    #[error("{option}, the {nth}. of them: {error}")]
    Address {
        /// Which option.
        option: &'static str,
        /// Which of its values, which are secret: the first is 1.
        nth: usize,
        /// What was expected.
        error: AddressError,
    },
    /// What signs messages to webhooks.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A token file.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The agents' settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The windows of maintenance.
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
    /// A certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A lease that leaves no time.
    #[error("--lease {} is out of range; expected 1s to 10m", show(*.0))]
    Lease(Duration),
    /// Slots that are gone before an hour is over.
    #[error("--keep-slots {} is too short; expected at least 1h", show(*.0))]
    KeepSlots(Duration),
    /// Hours that are gone before their slots.
    #[error("--keep {} is too short; expected at least --keep-slots, {}", show(*.0), show(*.1))]
    Keep(Duration, Duration),
    /// A vantage's name.
    #[error("--vantages: `{0}` is not a name; expected 1 to 255 bytes without control characters")]
    Vantage(String),
    /// Anyone on the network could listen in.
    #[error(
        "--grpc-listen {0} is not a loopback address and has no TLS: agents' tokens and results would cross the \
         network in the clear; give --tls-cert and --tls-key, or --allow-plaintext if TLS ends at a load balancer"
    )]
    Plaintext(SocketAddr),
    /// Anyone on the network could be an agent.
    #[error(
        "--grpc-listen {0} is not a loopback address and nothing tells agents from strangers: give \
         --agent-token-file or --client-ca"
    )]
    Open(SocketAddr),
}

/// The environment: a variable's value, if it is set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Makes sense of the arguments.
    ///
    /// # Errors
    /// When they cannot work; the sentence says what would.
    pub fn new(args: ServeArgs, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let targets = source(&args.targets)?;
        let (defaults, secrets) = file(&args.file)?;
        if !(Duration::from_secs(1)..=Duration::from_secs(600)).contains(&args.lease) {
            return Err(ConfigError::Lease(args.lease));
        }
        if args.keep_slots < Duration::from_secs(3600) {
            return Err(ConfigError::KeepSlots(args.keep_slots));
        }
        if args.keep < args.keep_slots {
            return Err(ConfigError::Keep(args.keep, args.keep_slots));
        }
        let vantages: Vec<String> =
            args.vantages.iter().map(|name| name.trim().to_owned()).collect();
        let bad = |name: &&String| {
            name.is_empty() || name.len() > 255 || name.chars().any(char::is_control)
        };
        if let Some(name) = vantages.iter().find(bad) {
            return Err(ConfigError::Vantage(name.clone()));
        }
        // In turn, so that one process can play several regions.
        let vantage = |n: u8| match vantages.len() {
            0 => DEFAULT_VANTAGE,
            count => vantages[usize::from(n) % count].as_str(),
        };
        let local_agents =
            (0..args.local_agents).map(|n| local_agent(n, vantage(n), &args.probe)).collect();
        let agent_settings = match args.agent_settings.clone() {
            Some(path) => Some((path.clone(), AgentSettings::read(&path)?)),
            None => None,
        };
        let tls = tls(&args)?;
        let (agents, clients) = (args.agent_token_file.as_ref(), args.api_token_file.as_ref());
        let agent_tokens =
            tokens("the agents' tokens", agents, "ZONEWATCH_AGENT_TOKEN", environment)?;
        let api_tokens = tokens("the API's tokens", clients, "ZONEWATCH_API_TOKEN", environment)?;
        if !args.grpc_listen.ip().is_loopback() {
            if agent_tokens.is_none() && args.client_ca.is_none() {
                return Err(ConfigError::Open(args.grpc_listen));
            }
            if tls.is_none() && !args.allow_plaintext {
                return Err(ConfigError::Plaintext(args.grpc_listen));
            }
        }
        Ok(Self {
            targets,
            defaults,
            secrets,
            interval: args.file.interval,
            http_listen: args.http_listen,
            grpc_listen: args.grpc_listen,
            tls,
            vantages: (!vantages.is_empty()).then_some(vantages),
            store: args.store.parse().map_err(ConfigError::Store)?,
            keep: args.keep,
            keep_slots: args.keep_slots,
            local_agents,
            concurrency: args.concurrency,
            concurrency_max: usize::MAX,
            agent_settings,
            lease: args.lease,
            maintenance: args.maintenance.map(maintenance).transpose()?,
            notify: notify(args.notify, environment)?,
            certificate_warning: Some(args.certificate_warning)
                .filter(|warning| !warning.is_zero()),
            agent_tokens,
            api_tokens,
            origins: args.cors_origins.into(),
            screen: None,
            emf: args.emf.emf.then_some(args.emf.deployment),
        })
    }
}

impl Config {
    /// Leaves every local agent, and the servers, a share of the open files that this process may have.
    pub fn within(self, descriptors: Option<u64>) -> Self {
        let shares = self.local_agents.len() + 1;
        let each = agent::affordable_concurrency(usize::MAX, descriptors) / shares;
        Self { concurrency_max: each.max(1), ..self }
    }
}

/// local-a, local-b, …, each in a zone of its own.
fn local_agent(n: u8, vantage: &str, probe: &ProbeOptions) -> LocalAgent {
    let id = format!("local-{}", char::from(b'a' + n));
    LocalAgent { zone: id.clone(), id, vantage: vantage.to_owned(), probe: probe.clone() }
}

/// Where targets come from: for `serve` and `check` alike.
///
/// # Errors
/// When it is neither a path nor a URL that can be asked.
pub fn source(text: &str) -> Result<Source, ConfigError> {
    text.parse().map_err(|reason| ConfigError::Source { place: mask_url(text), reason })
}

/// How a target file is to be read: for `serve` and `check` alike.
///
/// # Errors
/// When a default or the secrets file cannot be used.
pub fn file(args: &FileArgs) -> Result<(Arc<Defaults>, Arc<Secrets>), ConfigError> {
    let told = |error: &dyn std::error::Error| ConfigError::File(chain(error));
    let columns: Result<Vec<_>, String> = args
        .defaults
        .iter()
        .map(|text| parse_default(text).map_err(|e| format!("--default {text}: {e}")))
        .collect();
    let columns = columns.map_err(ConfigError::File)?;
    let defaults = Defaults::new(args.interval, args.timeout, columns).map_err(|e| told(&e))?;
    let secrets = Secrets::from_environment();
    let secrets = match &args.secrets_file {
        Some(path) => secrets.with_file(path).map_err(|error| told(&error))?,
        None => secrets,
    };
    Ok((Arc::new(defaults), Arc::new(secrets)))
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn tokens(
    what: &'static str,
    path: Option<&PathBuf>,
    variable: &'static str,
    environment: Environment<'_>,
) -> Result<Option<Reloaded<Tokens>>, TokensError> {
    match (path.cloned(), environment(variable)) {
        (Some(path), _) => {
            Reloaded::new(what, vec![path.clone()], move || Tokens::read(&path)).map(Some)
        }
        (None, Some(text)) => {
            Reloaded::new(what, Vec::new(), move || Tokens::parse(&text, variable)).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// The windows in this file, watched.
///
/// # Errors
/// When it cannot be read, or something in it is no window.
pub fn maintenance(path: PathBuf) -> Result<Reloaded<Maintenance>, MaintenanceError> {
    let file = path.clone();
    Reloaded::new("the windows of maintenance", vec![path], move || Maintenance::read(&file))
}

/// Who is told, and what signs it.
fn notify(args: NotifyArgs, environment: Environment<'_>) -> Result<Notify, ConfigError> {
    const VARIABLE: &str = "ZONEWATCH_WEBHOOK_SECRET";
    let secret = match (&args.webhook_secret_file, environment(VARIABLE)) {
        (Some(path), _) => Some(Secret::read(path)?),
        (None, Some(text)) => Some(Secret::new(&text, VARIABLE)?),
        (None, None) => None,
    };
    let heartbeat = addresses("--heartbeat", args.heartbeat.as_slice())?.pop();
    Ok(Notify {
        alertmanagers: addresses("--alertmanager", &args.alertmanagers)?,
        webhooks: addresses("--webhook", &args.webhooks)?,
        secret,
        budget: args.notification_budget.into(),
        heartbeat,
    })
}

fn addresses<T: FromStr<Err = AddressError>>(
    option: &'static str,
    texts: &[String],
) -> Result<Vec<T>, ConfigError> {
    let parsed = texts.iter().zip(1..).map(|(text, nth)| {
        text.parse().map_err(|error| ConfigError::Address { option, nth, error })
    });
    parsed.collect()
}

fn tls(args: &ServeArgs) -> Result<Option<Reloaded<rustls::ServerConfig>>, TlsError> {
    let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
    let (cert, key, client_ca) = (cert.clone(), key.clone(), args.client_ca.clone());
    let files = TlsFiles { cert, key, client_ca };
    Reloaded::new("the certificate of the agents' port", files.paths(), move || files.load())
        .map(Some)
}
