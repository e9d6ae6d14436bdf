//! The command line, exactly as given; what it means is decided in [`crate::settings`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{AgentConfig, CollectorUrl};
use crate::emf;
use crate::probe::ProbeOptions;

const EXAMPLES: &str = "\
Examples:
  zonewatch-agent run --collector http://127.0.0.1:50051
  zonewatch-agent run --collector https://collector.internal:50051 --vantage eu-west-1 --zone eu-west-1a \\
      --token-file /run/secrets/agent-token --ca /etc/zonewatch/ca.pem
  zonewatch-agent probe https://www.example.com --timeout 5s
  zonewatch-agent healthcheck

Every option also reads an environment variable: --token-file is ZONEWATCH_TOKEN_FILE (or the token itself: ZONEWATCH_TOKEN).
Exit codes: 0 done; 1 failed at run time, or a probe that is not up; 2 wrong usage or configuration.";

const RUN_EXAMPLES: &str = "\
Examples:
  zonewatch-agent run --collector http://127.0.0.1:50051
  ZONEWATCH_TOKEN=secret zonewatch-agent run --collector https://collector.internal:50051 --zone eu-west-1a

On ECS the vantage is the region, the zone the availability zone and the id that of the task, unless they are given.
SIGTERM and SIGINT drain for at most 25 s; a second one exits at once.";

const PROBE_EXAMPLES: &str = "\
Examples:
  zonewatch-agent probe https://www.example.com
  zonewatch-agent probe http://10.0.0.7:8080/health --timeout 2s --format json | jq .outcome";

/// Probes what a Zonewatch collector assigns, and streams the results back
#[derive(Debug, Parser)]
#[command(name = "zonewatch-agent", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Probe for a collector, until a signal
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// One probe, now, explained phase by phase
    #[command(after_help = PROBE_EXAMPLES)]
    Probe(Box<ProbeArgs>),
    /// Exit 0 if this machine's agent is live
    Healthcheck(HealthcheckArgs),
}

/// The options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where the collector's gRPC port is: http(s)://HOST:PORT
    #[arg(long, env = "ZONEWATCH_COLLECTOR", value_name = "URL")]
    pub collector: CollectorUrl,
    /// Where results are reported from [default: the region on ECS, else "default"]
    #[arg(long, env = "ZONEWATCH_VANTAGE", value_name = "NAME")]
    pub vantage: Option<String>,
    /// The failure domain inside the vantage [default: the availability zone on ECS, else "default"]
    #[arg(long, env = "ZONEWATCH_ZONE", value_name = "NAME")]
    pub zone: Option<String>,
    /// Names this agent across reconnects; two live agents never share it [default: the task's id on ECS, else random]
    #[arg(long, env = "ZONEWATCH_AGENT_ID", value_name = "ID")]
    pub agent_id: Option<String>,
    /// A file whose first line is the token to show to the collector; or ZONEWATCH_TOKEN holds the token itself
    #[arg(long, env = "ZONEWATCH_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM file with the authorities to trust for an https collector [default: the system's]
    #[arg(long, env = "ZONEWATCH_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file with this agent's certificate, for mutual TLS
    #[arg(long, env = "ZONEWATCH_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with its key
    #[arg(long, env = "ZONEWATCH_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Send the token to another machine without TLS (where the network is yours)
    #[arg(long, env = "ZONEWATCH_ALLOW_PLAINTEXT", value_parser = switch)]
    pub allow_plaintext: bool,
    /// Most probes at once; no more than the descriptor limit allows [default: 1000]
    #[arg(long, env = "ZONEWATCH_CONCURRENCY", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: Option<u32>,
    /// How to probe.
    #[command(flatten)]
    pub probe: ProbeOptions,
    /// Where to serve /metrics, /livez and /readyz [default: 127.0.0.1:9127, if it is free]
    #[arg(long, env = "ZONEWATCH_LISTEN", value_name = "IP:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// What to tell CloudWatch.
    #[command(flatten)]
    pub emf: EmfArgs,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Metrics for CloudWatch.
#[derive(Clone, Debug, Args)]
pub struct EmfArgs {
    /// Write metrics for CloudWatch to standard output every minute (embedded metric format)
    #[arg(long, env = "ZONEWATCH_EMF", value_parser = switch)]
    pub emf: bool,
    /// What tells this installation's metrics from another's in CloudWatch
    #[arg(long, env = "ZONEWATCH_DEPLOYMENT", value_name = "NAME", default_value = emf::DEPLOYMENT)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub deployment: String,
}

/// How to log: always to standard error.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// How log lines look
    #[arg(long, env = "ZONEWATCH_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: Format,
    /// error, warn, info, debug or trace; or by module: info,agent=debug
    #[arg(long, env = "ZONEWATCH_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// JSON.
    Json,
}

/// The options of `probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// What to probe: http or https
    pub url: String,
    /// From DNS to the last byte
    #[arg(long, env = "ZONEWATCH_TIMEOUT", value_name = "DURATION", default_value = "10s")]
    #[arg(value_parser = timeout)]
    pub timeout: Duration,
    /// How to probe.
    #[command(flatten)]
    pub probe: ProbeOptions,
    /// How to tell what was found
    #[arg(long, env = "ZONEWATCH_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// The options of `healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where the agent serves /livez
    #[arg(long, env = "ZONEWATCH_LISTEN", value_name = "IP:PORT", default_value_t = AgentConfig::LISTEN)]
    #[arg(value_parser = address)]
    pub listen: SocketAddr,
}

/// What a variable of an option without a value says. (Anything but a few words for no would otherwise mean yes.)
///
/// # Errors
/// When it is neither yes nor no.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "" | "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected IP:PORT, like 127.0.0.1:9127 or [::1]:9127".into())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let bounds = Duration::from_millis(1)..=Duration::from_secs(86_400);
    match humantime::parse_duration(text) {
        Ok(timeout) if bounds.contains(&timeout) => Ok(timeout),
        _ => Err("expected a duration from 1ms to 24h, such as 500ms, 10s or 2m".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_of_run_has_its_environment_variable() {
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        for option in run.get_arguments().filter(|a| a.get_id() != "help") {
            let name = option.get_long().unwrap().replace('-', "_").to_uppercase();
            let variable = option.get_env().map(|v| v.to_string_lossy().into_owned());
            assert_eq!(variable, Some(format!("ZONEWATCH_{name}")));
        }
    }

    #[test]
    fn wrong_usage_says_what_was_expected_and_exits_with_2() {
        for (line, word) in [
            ("run", "--collector"),
            ("run --collector ftp://a", "http://HOST:PORT"),
            (
                "run --collector http://a:65536",
                "no port from 1 to 65535 after the colon; expected http://HOST:PORT",
            ),
            ("run --collector http://a:", "there is no port from 1 to 65535"),
            ("run --collector http://a:0", "there is no port from 1 to 65535"),
            ("run --collector http://a:1 --concurrency 0", "--concurrency <N>': 0 is not in 1.."),
            ("run --collector http://a:1 --listen nowhere", "like 127.0.0.1:9127"),
            ("healthcheck --listen nowhere", "like 127.0.0.1:9127"),
            ("run --collector https://a:1 --tls-cert c.pem", "--tls-key"),
            ("probe", "<URL>"),
            ("probe http://a --timeout 0s", "1ms to 24h"),
            ("probe http://a --format xml", "json"),
            ("juggle", "juggle"),
        ] {
            let arguments = ["zonewatch-agent"].into_iter().chain(line.split(' '));
            let error = Cli::try_parse_from(arguments).expect_err(line);
            assert!(error.to_string().contains(word), "{line}: {error}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
