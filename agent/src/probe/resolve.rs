//! From a URL's host to its addresses, as the system would: literal, `/etc/hosts`, `localhost`, then DNS.
//!
//! Answers are cached by their time to live, at most [`CACHE_MAX`] of them and never for longer than [`TTL_MAX`];
//! look-ups of one name that run at the same time share one question. Both files of the system are read again when they
//! change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::{parse_resolv_conf, read_system_conf};
use proto::Cause;
use smallvec::{SmallVec, smallvec};
use tracing::warn;
use url::{Host, Url};

use super::ProberError;
use super::fault::{Stop, io_text};
use super::hosts::HostsFile;
use super::lookup::{both_families, candidates, reason};
use super::options::DnsServer;
use super::report::Fault;
use super::sockets::Sockets;

/// Cached answers: at about 1 KiB each, 16 MiB. The least used leave first.
const CACHE_MAX: u64 = 16_384;
/// A moved name is noticed after this at the latest.
const TTL_MAX: Duration = Duration::from_secs(300);
/// A failure is asked for again soon: it must be evidence about now.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(5);
/// Questions in flight over one TCP connection to a name server.
const TCP_QUESTIONS_MAX: usize = 1_024;
/// Search domains that are tried, as many as the C library did.
const SEARCH_MAX: usize = 6;
/// How often the system's files are looked at.
const FILES_EVERY: Duration = Duration::from_secs(5);

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The addresses of one name; few have more than two.
pub(super) type Addresses = SmallVec<[IpAddr; 2]>;

pub(super) struct Names {
    /// Where to ask instead of the system's name servers.
    dns: Option<Vec<SocketAddr>>,
    sockets: Sockets,
    system: Mutex<System>,
}

struct System {
    looked: Instant,
    modified: [Option<SystemTime>; 2],
    current: Arc<Snapshot>,
}

/// What the system's files said when they were read last.
struct Snapshot {
    hosts: HostsFile,
    resolver: Resolver<Sockets>,
    search: Vec<Name>,
    ndots: usize,
}

impl Names {
    /// Asks `dns`, or else the system's name servers.
    pub(super) fn new(dns: Option<&DnsServer>) -> Result<Self, ProberError> {
        let dns = dns.map(server_addresses).transpose()?;
        let sockets = Sockets::default();
        let modified = modified();
        let current = Arc::new(Snapshot::read(dns.as_deref(), sockets.clone())?);
        Ok(Self {
            dns,
            sockets,
            system: Mutex::new(System { looked: Instant::now(), modified, current }),
        })
    }

    /// The addresses of `url`'s host, the preferred first.
    pub(super) async fn resolve(&self, url: &Url) -> Result<Addresses, Stop> {
        let host = match url.host() {
            Some(Host::Ipv4(ip)) => return Ok(smallvec![ip.into()]),
            Some(Host::Ipv6(ip)) => return Ok(smallvec![ip.into()]),
            Some(Host::Domain(host)) => host,
            None => return Err(Stop::failed(Cause::DnsBadName, "the URL has no host")),
        };
        let system = self.current();
        if let Some(found) = system.hosts.lookup(host) {
            return Ok(found.into());
        }
        if is_localhost(host) {
            return Ok(smallvec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let name = Name::from_str_relaxed(host).map_err(|error| {
            let cause = format!("{host}: not a name that DNS can hold: {error}");
            Stop::Failed(Cause::DnsBadName, cause)
        })?;
        // Boxed: a probe that needs no name server should not carry the room for asking one.
        let asked = Box::pin(system.ask(&name)).await;
        asked.map(Addresses::from_vec).map_err(|error| self.stop(host, &error))
    }

    /// What this machine lacked lately for asking a name server.
    pub(super) fn recent_fault(&self) -> Option<Fault> {
        self.sockets.recent_fault()
    }

    /// What a look-up's error says: about us, where no server was heard and a fault of ours may be why.
    fn stop(&self, host: &str, error: &NetError) -> Stop {
        match self.recent_fault() {
            Some(fault) if !matches!(error, NetError::Dns(_)) => Stop::Fault(fault),
            _ => {
                let (kind, reason) = reason(error);
                Stop::Failed(kind, format!("{host}: {reason}"))
            }
        }
    }

    fn current(&self) -> Arc<Snapshot> {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        if system.looked.elapsed() >= FILES_EVERY {
            system.looked = Instant::now();
            let modified = modified();
            if modified != system.modified {
                system.modified = modified;
                match Snapshot::read(self.dns.as_deref(), self.sockets.clone()) {
                    Ok(snapshot) => system.current = Arc::new(snapshot),
                    Err(error) => warn!(%error, "name resolution changed; keeping the previous"),
                }
            }
        }
        Arc::clone(&system.current)
    }
}

impl Snapshot {
    fn read(dns: Option<&[SocketAddr]>, sockets: Sockets) -> Result<Self, ProberError> {
        let hosts = std::fs::read(HOSTS).unwrap_or_default();
        let (config, options) = match dns {
            Some(servers) => (ask_only(servers), ResolverOpts::default()),
            None => system_config(),
        };
        let search = match config.search() {
            [] => config.domain().cloned().into_iter().collect(),
            search => search.iter().take(SEARCH_MAX).cloned().collect(),
        };
        let ndots = options.ndots;
        let mut builder = Resolver::builder_with_config(config, sockets).with_options(options);
        let options = builder.options_mut();
        options.use_hosts_file = ResolveHosts::Never; // Ours is right about names with one family only.
        options.cache_size = CACHE_MAX;
        options.positive_max_ttl = Some(TTL_MAX);
        options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
        options.max_active_requests = TCP_QUESTIONS_MAX;
        let resolver = builder.build().map_err(|error| ProberError::Resolver(error.to_string()))?;
        Ok(Self {
            hosts: HostsFile::parse(&String::from_utf8_lossy(&hosts)),
            resolver,
            search,
            ndots,
        })
    }

    /// Asks for `plain` as it stands and in the search domains, in the order that the C library would.
    async fn ask(&self, plain: &Name) -> Result<Vec<IpAddr>, NetError> {
        let mut failed = NetError::NoConnections;
        for (name, is_plain) in candidates(plain, &self.search, self.ndots) {
            match both_families(&self.resolver, name).await {
                Ok(addresses) => return Ok(addresses),
                // What is said about the name itself, not about one that search domains made of it.
                Err(error) if is_plain => failed = error,
                Err(_) => {}
            }
        }
        Err(failed)
    }
}

/// RFC 6761: answered without asking anybody.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}

/// The system's configuration; without one, the name server on this machine, as the C library does.
fn system_config() -> (ResolverConfig, ResolverOpts) {
    read_system_conf()
        .or_else(|error| {
            warn!(%error, file = RESOLV_CONF, "no name servers configured, asking 127.0.0.1");
            parse_resolv_conf("nameserver 127.0.0.1")
        })
        .unwrap_or_else(|_| {
            (ask_only(&[(Ipv4Addr::LOCALHOST, 53).into()]), ResolverOpts::default())
        })
}

fn ask_only(servers: &[SocketAddr]) -> ResolverConfig {
    let servers = servers.iter().map(|server| {
        let connections =
            [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
        NameServerConfig::new(server.ip(), true, connections.into())
    });
    ResolverConfig::from_name_servers(servers.collect())
}

/// Asks the system once for the addresses behind `--dns`.
fn server_addresses(server: &DnsServer) -> Result<Vec<SocketAddr>, ProberError> {
    let error = |reason: String| ProberError::Dns { server: server.to_string(), reason };
    let found = (server.host.as_str(), server.port)
        .to_socket_addrs()
        .map_err(|cause| error(io_text(&cause)))?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(error("it has no address".into())) } else { Ok(found) }
}

fn modified() -> [Option<SystemTime>; 2] {
    [HOSTS, RESOLV_CONF].map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_names_under_it_are_this_machine() {
        assert!(is_localhost("localhost") && is_localhost("a.localhost."));
        assert!(!is_localhost("localhost.com") && !is_localhost("notlocalhost"));
    }

    #[tokio::test]
    async fn localhost_needs_no_name_server() {
        let nowhere = DnsServer { host: "127.0.0.1".into(), port: 9 };
        let names = Names::new(Some(&nowhere)).unwrap();
        let found = names.resolve(&Url::parse("http://app.localhost/").unwrap()).await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
