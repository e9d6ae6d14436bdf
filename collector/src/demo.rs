//! `demo`: the whole system on this machine, against a demo internet of its own. Nothing leaves the machine, nothing stays.
//!
//! Everything but the sites is the real thing: the target file, the collector, agents over gRPC, probes over TCP. Read
//! [`Demo::open`], then [`Demo::run`].

pub mod names;
pub mod origin;
mod rows;
pub mod script;
pub mod sites;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent::ProbeOptions;
use agent::probe::DnsServer;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, LocalAgent};
use crate::maintenance::MaintenanceError;
use crate::notify::Notify;
use crate::screen::Screen;
use crate::serve::{Collector, RunError, StartError};
use crate::store::StoreAddress;
use crate::target_file::{Defaults, DefaultsError, Source};
use names::{Lost, NameServer};
use origin::Origin;
use sites::{Role, Site};

/// How often every site is probed from every vantage: 1,321 sites from three of them are 200 probes a second.
pub const INTERVAL: Duration = Duration::from_secs(20);
/// How long a probe may take: silent sites hold one for all of it. A busy machine is no reason to call a site down.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The API's shortest; in memory it costs some megabytes.
const KEEP_SLOTS: Duration = Duration::from_secs(3600);
/// Probes of each agent at once: 33 begin in a second, and last 0.1 s. Were all sites silent, two of them would have 331 to
/// carry, and with less room the page would ask for another agent. Not more: the sites are on the same processors, and a
/// burst, as after the machine was asleep, must not starve them.
const CONCURRENCY: u32 = 170;
/// Where the sites are probed from.
pub const VANTAGES: [&str; 3] = ["eu-west", "us-east", "ap-south"];
/// Each vantage has an agent in each of these zones.
const ZONES: [&str; 2] = ["a", "b"];
/// Beside the target file.
const WINDOWS_FILE: &str = "maintenance.toml";
/// One category is under maintenance for five minutes of every fifteen.
const WINDOWS: &str = r#"# What fails inside of a window is marked, left out of uptime, and told to nobody. Edit it, and see.

[[window]]
name = "the games move to another rack"
categories = ["Games"]
cron = "*/15 * * * *" # minute hour day month weekday
duration = "5m"
"#;
const LEASE: Duration = Duration::from_secs(10);

/// What a demo is made of.
pub struct Options {
    /// The API and the page.
    pub http_listen: SocketAddr,
    /// How often every site is probed; at least the timeout of 5 s.
    pub interval: Duration,
    /// What there is to probe.
    pub sites: Vec<Site>,
    /// The terminal, if there is one.
    pub screen: Option<Screen>,
}

/// Why a demo does not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The demo internet's own.
    #[error("the demo's {what} cannot be had")]
    Internet {
        /// What of it.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The windows are none.
    #[error(transparent)]
    Windows(#[from] MaintenanceError),
    /// The interval is not one.
    #[error(transparent)]
    Interval(#[from] DefaultsError),
    /// The collector's.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A demo with everything open, not yet running.
pub struct Demo {
    collector: Collector,
    internet: Internet,
    targets: PathBuf,
    interval: Duration,
    sites: usize,
    /// Removed when this is dropped.
    folder: TempDir,
}

/// Everything that the agents reach.
struct Internet {
    origin: Origin,
    /// A port that is taken, and that nobody listens at.
    closed: TcpSocket,
    names: Vec<NameServer>,
}

impl Demo {
    /// Writes the files of targets and of maintenance windows, and opens every part.
    ///
    /// # Errors
    /// When a part cannot be opened: which, and why.
    pub async fn open(options: Options) -> Result<Self, DemoError> {
        let Options { http_listen, interval, sites, screen } = options;
        let defaults = Defaults::new(interval, TIMEOUT, [])?;
        let internet = Internet::open(&sites).await.map_err(failed("internet"))?;
        let folder = tempfile::Builder::new().prefix("zonewatch-demo-").tempdir();
        let folder = folder.map_err(failed("temporary folder"))?;
        let targets = folder.path().join("sites.csv");
        let text = internet.target_file(&sites).map_err(failed("internet"))?;
        std::fs::write(&targets, text).map_err(failed("target file"))?;
        let windows = folder.path().join(WINDOWS_FILE);
        std::fs::write(&windows, WINDOWS).map_err(failed("maintenance file"))?;
        let config = Config {
            targets: Source::File(targets.clone()),
            defaults: defaults.into(),
            secrets: Arc::default(),
            interval,
            http_listen,
            grpc_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            vantages: Some(VANTAGES.map(str::to_owned).into()),
            store: StoreAddress::Memory,
            keep: KEEP_SLOTS,
            keep_slots: KEEP_SLOTS,
            local_agents: internet.agents(),
            concurrency: Some(CONCURRENCY),
            concurrency_max: usize::MAX,
            agent_settings: None,
            lease: LEASE,
            certificate_warning: None,
            maintenance: Some(config::maintenance(windows)?),
            notify: Notify::default(),
            agent_tokens: None,
            api_tokens: None,
            origins: std::sync::Arc::new([]),
            screen,
            emf: None,
        };
        let collector = Collector::open(config).await?;
        Ok(Self { collector, internet, targets, interval, sites: sites.len(), folder })
    }

    /// Where the API and the page are.
    pub fn http_address(&self) -> SocketAddr {
        self.collector.http_address()
    }

    /// The target file: whoever edits it changes what is probed.
    pub fn targets(&self) -> &Path {
        &self.targets
    }

    /// What runs and where to look, in a few lines.
    pub fn introduction(&self) -> String {
        let page = self.http_address();
        let (first, dns) = (VANTAGES[0], self.internet.names[0].address());
        format!(
            "This is a demo: {sites} made-up sites on this machine. Nothing reaches the network, and nothing is kept.\n\
             \n\
             \x20 look at    http://{page}\n\
             \x20 or ask     curl -s http://{page}/latest-summary\n\
             \x20 targets    {targets}\n\
             \x20            edit it, and see what changes; {wrong} of its rows are wrong on purpose\n\
             \x20 windows    {windows}\n\
             \x20            one category is under maintenance for 5 of every 15 minutes\n\
             \x20 agents     two in each of {vantages}; every site is probed every {interval} from each\n\
             \x20 add one    zonewatch-agent run --collector http://{grpc} --vantage {first} --zone {first}-c \\\n\
             \x20              --concurrency {CONCURRENCY} --dns {dns}\n\
             \x20            and kill it: the others take over\n\
             \n\
             Some sites are slow, flap, hang, break off, refuse or are lost to one vantage; one dies in 2 min, for 3 min.\n\
             Ctrl-C ends it.\n",
            sites = self.sites,
            targets = self.targets.display(),
            windows = self.targets.with_file_name(WINDOWS_FILE).display(),
            wrong = rows::WRONG,
            vantages = VANTAGES.join(", "),
            interval = humantime::format_duration(self.interval),
            grpc = self.collector.grpc_address(),
        )
    }

    /// Runs until `stop`, then drains; the demo internet stays until the last probe has ended.
    ///
    /// # Errors
    /// When a part ended that must not: the whole demo ends then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let Self { collector, internet, folder, .. } = self;
        let Internet { origin, closed: _stays_taken, names } = internet;
        let mut servers = JoinSet::new();
        servers.spawn(origin.serve());
        for server in names {
            servers.spawn(server.serve());
        }
        let ended = tokio::select! {
            ended = collector.run(stop) => ended,
            Some(server) = servers.join_next() => {
                let cause = match server {
                    Ok(Ok(())) => "nothing told it to".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(panic) => panic.to_string(),
                };
                Err(RunError::Part { part: "the demo internet", cause })
            }
        };
        if let Err(error) = folder.close() {
            tracing::warn!(%error, "the demo's temporary folder could not be removed");
        }
        ended
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> DemoError {
    move |source| DemoError::Internet { what, source }
}

impl Internet {
    async fn open(sites: &[Site]) -> io::Result<Self> {
        let scripts = sites.iter().map(|site| (site.host.clone(), site.script()));
        let origin = Origin::bind(scripts).await?;
        let closed = TcpSocket::new_v4()?;
        closed.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let mut names = Vec::new();
        for vantage in VANTAGES {
            names.push(NameServer::bind(lost_to(vantage, sites)).await?);
        }
        Ok(Self { origin, closed, names })
    }

    fn target_file(&self, sites: &[Site]) -> io::Result<String> {
        Ok(rows::target_file(sites, self.origin.address(), self.closed.local_addr()?))
    }

    fn agents(&self) -> Vec<LocalAgent> {
        let at = |(vantage, names): (&'static str, &NameServer)| {
            let dns = names.address();
            ZONES.map(|zone| local_agent(vantage, zone, dns.clone()))
        };
        VANTAGES.into_iter().zip(&self.names).flat_map(at).collect()
    }
}

fn local_agent(vantage: &str, zone: &str, dns: DnsServer) -> LocalAgent {
    let zone = format!("{vantage}-{zone}");
    LocalAgent {
        id: format!("demo-{zone}"),
        vantage: vantage.to_owned(),
        zone,
        probe: ProbeOptions { dns: Some(dns), ..ProbeOptions::default() },
    }
}

/// The names that a vantage cannot look up.
fn lost_to(vantage: &str, sites: &[Site]) -> HashMap<String, Lost> {
    let lost = sites.iter().filter_map(|site| match site.role {
        Role::Lost => Some((site.host.clone(), Lost::NoSuchName)),
        Role::LostTo(here) if here == vantage => Some((site.host.clone(), Lost::ServerFailure)),
        _ => None,
    });
    lost.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::{Demand, Supply};

    #[test]
    fn the_agents_carry_the_list_even_if_every_site_is_silent() {
        let (mut demand, mut supply) = (Demand::default(), Supply::default());
        sites::all().iter().for_each(|_| demand.add(INTERVAL, TIMEOUT));
        ZONES.iter().for_each(|_| supply.add(CONCURRENCY, 0, 0));
        assert_eq!(supply.more_for(demand), 0);
    }
}
