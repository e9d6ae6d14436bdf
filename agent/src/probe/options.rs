//! The command line of everything that probes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// How this machine probes. The same for every target.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ProbeOptions {
    /// Most probes of one host that run at a time [default: 10]
    #[arg(long, env = "ZONEWATCH_PER_HOST", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub per_host: Option<u32>,
    /// Name server to ask [default: as the system does]; a name in /etc/hosts is answered from it alone
    #[arg(long, env = "ZONEWATCH_DNS", value_name = "HOST:PORT")]
    pub dns: Option<DnsServer>,
    /// Refuse loopback, private and other special-purpose addresses too
    #[arg(long, env = "ZONEWATCH_DENY_PRIVATE", value_parser = crate::cli::switch)]
    pub deny_private: bool,
    /// An exception to what is refused; repeatable
    #[arg(long, env = "ZONEWATCH_ALLOW_NETWORK", value_name = "CIDR", value_delimiter = ',')]
    #[arg(value_parser = network)]
    pub allow_network: Vec<IpNet>,
    /// Refused in any case. From the collector's settings only.
    #[arg(skip)]
    pub refuse_network: Vec<IpNet>,
    /// Sent as User-Agent unless the target has its own. From the collector's settings only.
    #[arg(skip)]
    pub user_agent: Option<http::HeaderValue>,
}

impl ProbeOptions {
    /// The default of `--per-host`.
    pub const PER_HOST: u32 = 10;
}

/// A CIDR block; an address alone stands for itself.
///
/// # Errors
/// What was expected, when it is neither.
pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    IpNet::from_str(text)
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("`{text}` is not a network; expected 10.0.0.0/8 or fd00::/8"))
}

/// A name server as given: not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsServer {
    /// An address, or a name that the system resolves once at the start.
    pub host: String,
    /// 53 unless given.
    pub port: u16,
}

const DNS_PORT: u16 = 53;

impl FromStr for DnsServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a name server; expected HOST:PORT");
        let text = text.trim();
        if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self { host: ip.to_string(), port: DNS_PORT });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
            None => (text, DNS_PORT),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() || port == 0 || host.contains(char::is_whitespace) {
            return Err(bad());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        probe: ProbeOptions,
    }

    #[test]
    fn without_options_the_defaults_hold() {
        let program = Program::parse_from(["zonewatch-agent"]);
        assert_eq!(program.probe, ProbeOptions::default());
    }

    #[test]
    fn networks_repeat_and_split_at_commas() {
        let program = Program::parse_from([
            "zonewatch-agent",
            "--allow-network",
            "10.0.0.0/8,fd00::/8",
            "--allow-network=169.254.169.254",
            "--deny-private",
        ]);
        let networks: Vec<_> = program.probe.allow_network.iter().map(IpNet::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "fd00::/8", "169.254.169.254/32"]);
        assert!(program.probe.deny_private);
    }

    #[test]
    fn a_name_server_is_an_address_or_a_name_with_or_without_a_port() {
        let check = |text: &str, shown: &str| {
            let server: DnsServer = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(server.to_string(), shown, "{text}");
        };
        check("127.0.0.1:5353", "127.0.0.1:5353");
        check("10.0.0.2", "10.0.0.2:53");
        check("[::1]:5353", "[::1]:5353");
        check("::1", "[::1]:53");
        check("dns.internal:53", "dns.internal:53");
        for bad in ["", ":53", "host:0", "host:99999", "a b:53"] {
            assert!(bad.parse::<DnsServer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_was_expected() {
        let refused = |arguments: &[&str]| {
            Program::try_parse_from([&["zonewatch-agent"], arguments].concat())
                .map(|_| ())
                .expect_err("refused")
                .to_string()
        };
        assert!(refused(&["--allow-network", "10.0.0.0/33"]).contains("expected 10.0.0.0/8"));
        assert!(refused(&["--dns", ":53"]).contains("expected HOST:PORT"));
        assert!(refused(&["--per-host", "0"]).contains("--per-host"));
    }
}
