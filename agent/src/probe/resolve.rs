//! From a URL's host to its addresses, as the system would: literal, `/etc/hosts`, `localhost`, then DNS.
//!
//! Answers are cached by their time to live, at most [`CACHE_MAX`] of them and never for longer than [`TTL_MAX`];
//! look-ups of one name that run at the same time share one question. Both files of the system are read again when they
//! change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::{parse_resolv_conf, read_system_conf};
use proto::Failure;
use tokio::time::sleep_until;
use tracing::warn;
use url::{Host, Url};

use super::ProberError;
use super::fault::{Stop, fault_of, io_text};
use super::hosts::HostsFile;
use super::options::DnsServer;

/// Cached answers: at about 1 KiB each, 16 MiB. The least used leave first.
const CACHE_MAX: u64 = 16_384;
/// A moved name is noticed after this at the latest.
const TTL_MAX: Duration = Duration::from_secs(300);
/// A failure is asked for again soon: it must be evidence about now.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(5);
/// Once one family has addresses, the other gets this long: a server that drops AAAA must not fail every probe.
const FAMILY_WAIT: Duration = Duration::from_millis(500);
/// Questions in flight over one TCP connection to a name server.
const TCP_QUESTIONS_MAX: usize = 1_024;
/// Search domains that are tried, as many as the C library did.
const SEARCH_MAX: usize = 6;
/// How often the system's files are looked at.
const FILES_EVERY: Duration = Duration::from_secs(5);

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";

pub(super) struct Names {
    /// Where to ask instead of the system's name servers.
    dns: Option<Vec<SocketAddr>>,
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
    resolver: TokioResolver,
    search: Vec<Name>,
    ndots: usize,
}

impl Names {
    /// Asks `dns`, or else the system's name servers.
    pub(super) fn new(dns: Option<&DnsServer>) -> Result<Self, ProberError> {
        let dns = dns.map(server_addresses).transpose()?;
        let modified = modified();
        let current = Arc::new(Snapshot::read(dns.as_deref())?);
        Ok(Self { dns, system: Mutex::new(System { looked: Instant::now(), modified, current }) })
    }

    /// The addresses of `url`'s host, the preferred first.
    pub(super) async fn resolve(&self, url: &Url) -> Result<Vec<IpAddr>, Stop> {
        let host = match url.host() {
            Some(Host::Ipv4(ip)) => return Ok(vec![ip.into()]),
            Some(Host::Ipv6(ip)) => return Ok(vec![ip.into()]),
            Some(Host::Domain(host)) => host,
            None => return Err(Stop::failed(Failure::Dns, "the URL has no host")),
        };
        let system = self.current();
        if let Some(found) = system.hosts.lookup(host) {
            return Ok(found.to_vec());
        }
        if is_localhost(host) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        system.ask(host).await
    }

    fn current(&self) -> Arc<Snapshot> {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        if system.looked.elapsed() >= FILES_EVERY {
            system.looked = Instant::now();
            let modified = modified();
            if modified != system.modified {
                system.modified = modified;
                match Snapshot::read(self.dns.as_deref()) {
                    Ok(snapshot) => system.current = Arc::new(snapshot),
                    Err(error) => warn!(%error, "name resolution changed; keeping the previous"),
                }
            }
        }
        Arc::clone(&system.current)
    }
}

impl Snapshot {
    fn read(dns: Option<&[SocketAddr]>) -> Result<Self, ProberError> {
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
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_options(options);
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

    /// Asks for `host` as it stands and in the search domains, in the order that the C library would.
    async fn ask(&self, host: &str) -> Result<Vec<IpAddr>, Stop> {
        let plain = Name::from_str_relaxed(host).map_err(|error| {
            Stop::failed(Failure::Dns, format!("{host} is not a name that DNS can hold: {error}"))
        })?;
        let mut failed = NetError::NoConnections;
        for (name, is_plain) in candidates(&plain, &self.search, self.ndots) {
            match both_families(&self.resolver, name).await {
                Ok(addresses) => return Ok(addresses),
                // What is said about the name itself, not about one that search domains made of it.
                Err(error) if is_plain => failed = error,
                Err(_) => {}
            }
        }
        Err(stop(host, &failed))
    }
}

/// What to ask for, in this order; whether it is the name as it stands.
fn candidates(plain: &Name, search: &[Name], ndots: usize) -> Vec<(Name, bool)> {
    let mut as_is = plain.clone();
    as_is.set_fqdn(true);
    if plain.is_fqdn() {
        return vec![(as_is, true)];
    }
    let joined = search.iter().filter_map(|domain| plain.clone().append_domain(domain).ok());
    let mut names: Vec<_> = joined.map(|name| (name, false)).collect();
    let dots = usize::from(plain.num_labels()).saturating_sub(1);
    names.insert(if dots >= ndots { 0 } else { names.len() }, (as_is, true));
    names
}

/// IPv6 before IPv4. An error of one family counts only when the other has no addresses either.
async fn both_families(resolver: &TokioResolver, name: Name) -> Result<Vec<IpAddr>, NetError> {
    let mut ask_v4 = pin!(one_family(resolver, name.clone(), RecordType::A));
    let mut ask_v6 = pin!(one_family(resolver, name, RecordType::AAAA));
    let (mut v4, mut v6) = (None, None);
    let mut deadline = None;
    while v4.is_none() || v6.is_none() {
        let patience = deadline.unwrap_or_else(tokio::time::Instant::now);
        tokio::select! {
            answer = &mut ask_v6, if v6.is_none() => v6 = Some(answer),
            answer = &mut ask_v4, if v4.is_none() => v4 = Some(answer),
            () = sleep_until(patience), if deadline.is_some() => break,
        }
        if matches!(v4, Some(Ok(_))) || matches!(v6, Some(Ok(_))) {
            deadline.get_or_insert_with(|| tokio::time::Instant::now() + FAMILY_WAIT);
        }
    }
    let mut addresses = Vec::new();
    let mut error = None;
    for answer in [v6, v4].into_iter().flatten() {
        match answer {
            Ok(found) => addresses.extend(found),
            // A server that fails says more than one that knows the name, but no address of this family.
            Err(new) if error.as_ref().is_none_or(is_no_data) => error = Some(new),
            Err(_) => {}
        }
    }
    match error {
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

/// At least one address, or why not.
async fn one_family(
    resolver: &TokioResolver,
    name: Name,
    family: RecordType,
) -> Result<Vec<IpAddr>, NetError> {
    let lookup = resolver.lookup(name, family).await?;
    let found: Vec<_> =
        lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
    if found.is_empty() {
        return Err(NoRecords::new(lookup.query().clone(), ResponseCode::NoError).into());
    }
    Ok(found)
}

fn is_no_data(error: &NetError) -> bool {
    error.is_no_records_found() && !error.is_nx_domain()
}

/// What a look-up's error says about the target, or about us.
fn stop(host: &str, error: &NetError) -> Stop {
    if let NetError::Io(error) = error
        && let Some(fault) = fault_of(error)
    {
        return Stop::Fault(fault);
    }
    let reason = match error {
        error if error.is_nx_domain() => "no such name (NXDOMAIN)".to_owned(),
        error if error.is_no_records_found() => "the name has no address".to_owned(),
        NetError::Dns(DnsError::ResponseCode(code)) => match *code {
            ResponseCode::ServFail => "the name server failed (SERVFAIL)".to_owned(),
            ResponseCode::Refused => "the name server refused to answer (REFUSED)".to_owned(),
            code => format!("the name server answered: {code}"),
        },
        NetError::Timeout => "no name server answered in time".to_owned(),
        NetError::NoConnections => "no name server could be asked".to_owned(),
        NetError::Io(error) => format!("cannot reach the name server: {}", io_text(error)),
        other => other.to_string(),
    };
    Stop::failed(Failure::Dns, format!("{host}: {reason}"))
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

    #[track_caller]
    fn asked(name: &str, search: &[&str], ndots: usize, expected: &[&str]) {
        let plain = Name::from_str_relaxed(name).unwrap();
        let search: Vec<_> = search.iter().map(|s| Name::from_str_relaxed(s).unwrap()).collect();
        let names: Vec<_> = candidates(&plain, &search, ndots)
            .into_iter()
            .map(|(name, _)| name.to_string())
            .collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn search_domains_are_tried_after_a_name_with_dots_and_before_one_without() {
        asked(
            "www.example.com",
            &["corp.test"],
            1,
            &["www.example.com.", "www.example.com.corp.test."],
        );
        asked("www", &["corp.test", "test"], 1, &["www.corp.test.", "www.test.", "www."]);
        asked("a.b", &["c"], 5, &["a.b.c.", "a.b."]);
        asked("www.", &["corp.test"], 1, &["www."]);
        asked("www", &[], 1, &["www."]);
    }

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
