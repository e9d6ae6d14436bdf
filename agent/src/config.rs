//! What an agent is told: checked where it comes in, so that nothing inside can be misconfigured.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use crate::probe::ProbeOptions;

/// Everything an agent needs. [`AgentConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Where the collector is.
    pub collector: CollectorUrl,
    /// How to trust it, for https.
    pub tls: ClientTls,
    /// Shown to the collector.
    pub token: Option<Secret>,
    /// Where the two come from: read again before every new connection.
    pub files: Files,
    /// Whether the token may cross a network in the clear.
    pub allow_plaintext: bool,
    /// Names the agent across reconnects; two live agents never share it.
    pub agent_id: String,
    /// Where its results are reported from.
    pub vantage: String,
    /// The failure domain inside the vantage.
    pub zone: String,
    /// The most probes at once, if that is given here: otherwise the collector's settings say, or the default.
    pub concurrency: Option<usize>,
    /// What this machine affords: the most that settings can bring about.
    pub concurrency_max: usize,
    /// How it probes.
    pub probe: ProbeOptions,
    /// What undelivered results may take.
    pub outbox_bytes: usize,
    /// How long a drain may take.
    pub drain_max: Duration,
    /// Where /metrics, /livez and /readyz are served, if anywhere.
    pub listen: Option<Listen>,
    /// The name of the installation in CloudWatch, if metrics are written for it.
    pub emf: Option<String>,
}

impl AgentConfig {
    /// The default of `--concurrency`.
    pub const CONCURRENCY: usize = 1000;
    /// Over an hour of 300,000 targets at ten minutes.
    pub const OUTBOX_BYTES: usize = 64 << 20;
    /// What orchestrators give a process before they kill it is 30 s: the rest is for the exit.
    pub const DRAIN_MAX: Duration = Duration::from_secs(25);
    /// The default of `--listen`.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9127);

    /// An agent of `collector` in the vantage and zone `default`, with a random id and nothing listening.
    pub fn new(collector: CollectorUrl) -> Self {
        Self {
            collector,
            tls: ClientTls::default(),
            token: None,
            files: Files::default(),
            allow_plaintext: false,
            agent_id: random_id(),
            vantage: "default".into(),
            zone: "default".into(),
            concurrency: None,
            concurrency_max: usize::MAX,
            probe: ProbeOptions::default(),
            outbox_bytes: Self::OUTBOX_BYTES,
            drain_max: Self::DRAIN_MAX,
            listen: None,
            emf: None,
        }
    }
}

/// A name for an agent that was given none.
pub fn random_id() -> String {
    format!("agent-{:016x}", rand::random::<u64>())
}

/// Where the collector is: `http://HOST:PORT` or `https://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorUrl(Uri);

impl CollectorUrl {
    /// As gRPC takes it.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether it is on this machine, by its name or address.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
    }
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        write!(f, "{scheme}://{}", self.0.authority().map_or("", |authority| authority.as_str()))
    }
}

impl FromStr for CollectorUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            |what: &str| Err(format!("{what}; expected http://HOST:PORT or https://HOST:PORT"));
        let Ok(uri) = text.trim().parse::<Uri>() else { return bad("not a URL") };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        match uri.scheme_str() {
            Some("http" | "https") if authority.contains('@') => {
                bad("credentials do not belong here (use --token-file)")
            }
            Some("http" | "https") if !matches!(uri.path(), "" | "/") || uri.query().is_some() => {
                bad("it has a path")
            }
            // Of a port that is none, `Uri` says that there is none.
            Some("http" | "https")
                if names_a_port(authority) && uri.port_u16().unwrap_or(0) == 0 =>
            {
                bad("there is no port from 1 to 65535 after the colon")
            }
            Some("http" | "https") => Ok(Self(uri)),
            _ => bad("neither http nor https"),
        }
    }
}

/// Whether `HOST:…` goes on after the host, which may be an IPv6 address in brackets.
fn names_a_port(authority: &str) -> bool {
    authority.rsplit_once(']').map_or(authority, |(_, rest)| rest).contains(':')
}

/// How to trust the collector, and how to be trusted by it. PEM.
#[derive(Clone, Default)]
pub struct ClientTls {
    /// The authorities to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// A certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ca, identity) = (self.ca.is_some(), self.identity.is_some());
        f.debug_struct("ClientTls").field("ca", &ca).field("identity", &identity).finish()
    }
}

/// Files of secrets and certificates, as far as they are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Whose first line is the token.
    pub token: Option<PathBuf>,
    /// The authorities to trust.
    pub ca: Option<PathBuf>,
    /// This agent's certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// A token. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The first line of `text`, without the white space around it; none if that is empty.
    pub fn first_line(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(Self(line.to_owned()))
    }

    /// As it is sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// Whether an agent that cannot listen there must not start.
    pub required: bool,
}

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A name that the collector would refuse.
    #[error("the {field} is {text:?}; expected 1 to 255 bytes without control characters")]
    Name {
        /// Which.
        field: &'static str,
        /// As given.
        text: String,
    },
    /// A token that anyone on the way could read.
    #[error(
        "--collector {0} has no TLS, and the token would cross the network in the clear; expected https://, or \
         --allow-plaintext where the network is yours"
    )]
    Plaintext(String),
    /// A token that cannot travel in a header.
    #[error("the token holds characters that a header cannot; expected visible ASCII")]
    Token,
    /// A certificate or key that cannot be used.
    #[error("the TLS settings cannot be used: {0}")]
    Tls(String),
    /// The prober does not take its options.
    #[error(transparent)]
    Prober(#[from] crate::probe::ProberError),
    /// The address for /metrics cannot be had.
    #[error("--listen {address}: cannot listen there: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

impl AgentError {
    /// Whether the settings are wrong, not the moment.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Listen { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_http_url_without_a_path() {
        for good in ["http://127.0.0.1:50051", "https://collector.internal", "http://[::1]:1/"] {
            let url: CollectorUrl = good.parse().unwrap_or_else(|error| panic!("{good}: {error}"));
            assert_eq!(url.to_string(), good.trim_end_matches('/'));
        }
        for (bad, word) in [
            ("", "URL"),
            ("localhost:50051", "neither"),
            ("ftp://a", "neither"),
            ("http://a/b", "path"),
            ("http://a?b", "path"),
            ("http://me:secret@a", "credentials"),
            ("a b", "URL"),
        ] {
            let error = bad.parse::<CollectorUrl>().expect_err(bad);
            assert!(error.contains(word), "{bad}: {error}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn a_collector_on_this_machine_is_told_by_its_name_or_address() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1:1", false),
            ("http://localhost.example:1", false),
            ("http://[fe80::1]:1", false),
            ("http://127.0.0.1.example", false),
        ] {
            let url: CollectorUrl = url.parse().unwrap();
            assert_eq!(url.is_loopback(), expected, "{url}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let secret = Secret::first_line("\n  hunter2 \nother").unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        let config =
            AgentConfig { token: Some(secret), ..AgentConfig::new("http://a:1".parse().unwrap()) };
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(Secret::first_line(" \n"), None);
    }
}
