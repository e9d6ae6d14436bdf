//! The command line, as typed. [`crate::config`] makes sense of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use agent::cli::switch;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Zones of local agents have a letter each.
const LOCAL_AGENTS_MAX: i64 = 26;

/// Probes a list of URLs from several places and accounts for every probe that was due.
#[derive(Debug, Parser)]
#[command(name = "zonewatch-collector", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  zonewatch-collector demo
      made-up sites, agents and the dashboard on this machine, without a network
  zonewatch-collector serve examples/targets.csv --local-agents 3
      the whole system in one process; then open http://127.0.0.1:8080
  zonewatch-collector serve sites.csv --vantages eu,us --grpc-listen 0.0.0.0:50051 \\
      --allow-plaintext --agent-token-file agents.token
      agents elsewhere: zonewatch-agent run --collector http://THIS-HOST:50051 --vantage eu …
  zonewatch-collector check sites.csv
      what a target file says, and every problem with its line

Every option also reads an environment variable: --http-listen is ZONEWATCH_HTTP_LISTEN.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the targets, take agents in, serve what they find.
    Serve(Box<ServeArgs>),
    /// Validate and summarise a target file.
    Check(CheckArgs),
    /// The whole system on this machine, against a demo internet of its own: nothing leaves it, nothing stays.
    Demo(DemoArgs),
    /// Copy a store, also while a collector runs, and check the copy.
    Backup(BackupArgs),
    /// Exit 0 if this machine's collector is live.
    Healthcheck(HealthcheckArgs),
}

/// `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The folder given to --store.
    #[arg(value_name = "STORE")]
    pub store: PathBuf,
    /// A folder that is not there yet; `serve --store TO` restores it.
    #[arg(value_name = "TO")]
    pub to: PathBuf,
}

/// How the target file is read.
#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    /// How often a target is probed unless its row says otherwise (1s to 24h).
    #[arg(long, env = "ZONEWATCH_INTERVAL", value_name = "D", value_parser = duration, default_value = "10m")]
    pub interval: Duration,
    /// How long a probe may take, from DNS to the last byte, unless its row says otherwise.
    #[arg(long, env = "ZONEWATCH_TIMEOUT", value_name = "D", value_parser = duration, default_value = "10s")]
    pub timeout: Duration,
    /// Another default for a column of the target file; repeatable [in the variable: one a line].
    #[arg(
        long = "default",
        env = "ZONEWATCH_DEFAULT",
        hide_env_values = true,
        value_name = "COLUMN=VALUE",
        value_delimiter = '\n'
    )]
    pub defaults: Vec<String>,
    /// NAME=value lines that fill ${NAME} in headers and bodies.
    #[arg(long, env = "ZONEWATCH_SECRETS_FILE", value_name = "F")]
    pub secrets_file: Option<PathBuf>,
}

/// `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// A CSV file of named URLs: its path, or an https:// URL or s3://bucket/key that is asked for it every 10 s.
    #[arg(env = "ZONEWATCH_TARGETS", hide_env_values = true)]
    pub targets: String,
    /// The API and the dashboard.
    #[arg(long, env = "ZONEWATCH_HTTP_LISTEN", value_name = "IP:PORT", value_parser = address)]
    #[arg(default_value = "127.0.0.1:8080")]
    pub http_listen: SocketAddr,
    /// The agents.
    #[arg(long, env = "ZONEWATCH_GRPC_LISTEN", value_name = "IP:PORT", value_parser = address)]
    #[arg(default_value = "127.0.0.1:50051")]
    pub grpc_listen: SocketAddr,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub file: FileArgs,
    /// The vantages there are [default: those seen in the last 24 hours].
    #[arg(long, env = "ZONEWATCH_VANTAGES", value_name = "NAME,…", value_delimiter = ',')]
    pub vantages: Vec<String>,
    /// Where the log is kept: a folder, dynamodb://TABLE?region=…&endpoint=…&role_arn=…, or memory:
    #[arg(long, env = "ZONEWATCH_STORE", default_value = "./zonewatch-data")]
    pub store: String,
    /// How long the hours' summaries are kept: the longest window that the API answers for.
    #[arg(long, env = "ZONEWATCH_KEEP", value_name = "D", value_parser = duration, default_value = "90d")]
    pub keep: Duration,
    /// How long single slots are kept, on disk and in memory.
    #[arg(long, env = "ZONEWATCH_KEEP_SLOTS", value_name = "D", value_parser = duration, default_value = "48h")]
    pub keep_slots: Duration,
    /// Run N agents inside this process, in zones local-a, local-b, …
    #[arg(long, env = "ZONEWATCH_LOCAL_AGENTS", value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=LOCAL_AGENTS_MAX))]
    pub local_agents: u8,
    /// How long a silent agent keeps its shards.
    #[arg(long, env = "ZONEWATCH_LEASE", value_name = "D", value_parser = duration, default_value = "20s")]
    pub lease: Duration,
    /// A certificate that expires within this is an incident; 0s: that is not watched.
    #[arg(long, env = "ZONEWATCH_CERTIFICATE_WARNING", value_name = "D", value_parser = duration, default_value = "14d")]
    pub certificate_warning: Duration,
    /// Windows in which targets are expected to fail: TOML, watched.
    #[arg(long, env = "ZONEWATCH_MAINTENANCE", value_name = "F")]
    pub maintenance: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub notify: NotifyArgs,
    /// How agents probe, for all and per vantage: TOML, watched.
    #[arg(long, env = "ZONEWATCH_AGENT_SETTINGS", value_name = "F")]
    pub agent_settings: Option<PathBuf>,
    /// The most probes that each local agent runs at once [default: 1000]
    #[arg(long, env = "ZONEWATCH_CONCURRENCY", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: Option<u32>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub probe: agent::probe::ProbeOptions,
    /// The gRPC port's certificate chain (PEM).
    #[arg(long, env = "ZONEWATCH_TLS_CERT", value_name = "F", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The gRPC port's key (PEM).
    #[arg(long, env = "ZONEWATCH_TLS_KEY", value_name = "F", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Agents must show a certificate of this authority (PEM): mutual TLS.
    #[arg(long, env = "ZONEWATCH_CLIENT_CA", value_name = "F", requires = "tls_cert")]
    pub client_ca: Option<PathBuf>,
    /// Tokens that agents must show one of, one a line [env value itself: ZONEWATCH_AGENT_TOKEN].
    #[arg(long, env = "ZONEWATCH_AGENT_TOKEN_FILE", value_name = "F")]
    pub agent_token_file: Option<PathBuf>,
    /// Tokens that API clients must show one of, one a line [env value itself: ZONEWATCH_API_TOKEN].
    #[arg(long, env = "ZONEWATCH_API_TOKEN_FILE", value_name = "F")]
    pub api_token_file: Option<PathBuf>,
    /// Lets a dashboard hosted at this origin read the API; repeatable.
    #[arg(
        long = "cors-origin",
        env = "ZONEWATCH_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub cors_origins: Vec<crate::http::Origin>,
    /// Listen for agents on a non-loopback address without TLS (it ends at your load balancer, say).
    #[arg(long, env = "ZONEWATCH_ALLOW_PLAINTEXT", value_parser = switch)]
    pub allow_plaintext: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub emf: agent::cli::EmfArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub log: LogArgs,
}

/// Who is told of incidents. Addresses are secrets: they are understood later, so that an error does not show them.
#[derive(Clone, Debug, Args)]
pub struct NotifyArgs {
    /// An Alertmanager that gets every open incident as an alert; repeatable.
    #[arg(long = "alertmanager", env = "ZONEWATCH_ALERTMANAGER", hide_env_values = true)]
    #[arg(value_name = "URL", value_delimiter = ',')]
    pub alertmanagers: Vec<String>,
    /// Gets a message when an incident begins, grows or ends: JSON, or [slack|teams|pagerduty]+URL; repeatable [in the variable: one a line].
    #[arg(long = "webhook", env = "ZONEWATCH_WEBHOOK", hide_env_values = true)]
    #[arg(value_name = "[SHAPE+]URL", value_delimiter = '\n')]
    pub webhooks: Vec<String>,
    /// The secret that signs messages to webhooks, of 16 bytes or more [env value itself: ZONEWATCH_WEBHOOK_SECRET].
    #[arg(long, env = "ZONEWATCH_WEBHOOK_SECRET_FILE", value_name = "F")]
    pub webhook_secret_file: Option<PathBuf>,
    /// Messages a minute to one webhook; what is more is summed up in one.
    #[arg(long, env = "ZONEWATCH_NOTIFICATION_BUDGET", value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub notification_budget: u16,
    /// Is asked (POST) once a minute while the monitor itself is well: a dead man's switch.
    #[arg(long, env = "ZONEWATCH_HEARTBEAT", hide_env_values = true, value_name = "URL")]
    pub heartbeat: Option<String>,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A CSV file of named URLs: its path, an https:// URL or s3://bucket/key.
    #[arg(env = "ZONEWATCH_TARGETS", hide_env_values = true)]
    pub targets: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub file: FileArgs,
}

/// `demo`.
#[derive(Debug, Args)]
// What runs is told in plain lines; of the log only what is wrong.
#[command(mut_arg("log_level", |level| level.default_value("warn")))]
pub struct DemoArgs {
    /// The API and the dashboard. All other ports are free ones.
    #[arg(long, env = "ZONEWATCH_HTTP_LISTEN", value_name = "IP:PORT", value_parser = address)]
    #[arg(default_value = "127.0.0.1:8080")]
    pub http_listen: SocketAddr,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at its type")]
    pub log: LogArgs,
}

/// `healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where the collector serves HTTP.
    #[arg(long, env = "ZONEWATCH_HTTP_LISTEN", value_name = "IP:PORT", value_parser = address)]
    #[arg(default_value = "127.0.0.1:8080")]
    pub http_listen: SocketAddr,
}

/// What is logged, and how.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// Logs as text for people or as JSON lines.
    #[arg(long, env = "ZONEWATCH_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// error, warn, info, debug or trace; or directives like collector=debug,info.
    #[arg(long, env = "ZONEWATCH_LOG_LEVEL", value_parser = log_level, default_value = "info")]
    pub log_level: String,
}

/// The form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected IP:PORT, like 127.0.0.1:8080 or [::1]:8080".into())
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration like 500ms, 30s, 10m or 1h".into())
}

/// A word that is no level would name a module, and silence every other one.
fn log_level(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.contains(&word.trim().to_ascii_lowercase().as_str());
    let fine = |part: &str| is_level(part.rsplit_once('=').map_or(part, |(_, level)| level));
    if text.split(',').all(fine) {
        Ok(text.to_owned())
    } else {
        Err("expected error, warn, info, debug or trace, or directives like collector=debug,info"
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_one_that_clap_takes() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_log_level_is_a_level_or_a_level_for_a_module() {
        for good in
            ["info", "DEBUG", "off", "collector=debug,info", "info,h2=warn", "warn, agent=trace"]
        {
            assert_eq!(log_level(good).as_deref(), Ok(good));
        }
        for bad in ["", "verbose", "chatty=", "collector", "info,", "collector=loud", "3"] {
            assert!(
                log_level(bad).is_err_and(|error| error.contains("expected error, warn")),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_default_may_hold_any_character_but_a_line_feed() {
        let line = ["zonewatch-collector", "check", "f", "--default", r#"headers={"a":"b;c,d"}"#];
        let Command::Check(args) = Cli::parse_from(line).command else { panic!("check") };
        assert_eq!(args.file.defaults, [r#"headers={"a":"b;c,d"}"#]);
    }
}
