//! zonewatch-agent: the command line, logs, signals and exit codes. Everything else is in the library.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agent::cli::{Cli, Command, Format, HealthcheckArgs, LogArgs, ProbeArgs, RunArgs};
use agent::levels::Levels;
use agent::probe::{Ended, Prober};
use agent::{Agent, explain, local_get, raise_descriptor_limit};
use anyhow::Context;
use clap::Parser;
use proto::ProbeSpec;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Failed at run time.
const FAILED: u8 = 1;
/// Wrong usage or configuration.
const USAGE: u8 = 2;
/// Signals this close together are one: `timeout` and some supervisors signal a process and then its whole group.
const SAME_SIGNAL: Duration = Duration::from_millis(50);

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Only fails when one was installed before, and then there is one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, &format!("cannot start: {error}")),
    };
    runtime.block_on(async {
        match cli.command {
            Command::Run(args) => run(*args).await,
            Command::Probe(args) => probe(*args).await,
            Command::Healthcheck(args) => healthcheck(args).await,
        }
    })
}

fn fail(code: u8, text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(code)
}

async fn run(args: RunArgs) -> ExitCode {
    let levels = match start_logs(&args.log) {
        Ok(levels) => levels,
        Err(error) => return fail(USAGE, &format!("{error:#}")),
    };
    let descriptors = raise_descriptor_limit();
    let variable = |name: &str| std::env::var(name).ok();
    let config = match args.config(variable, descriptors).await {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let agent = match Agent::new(config) {
        Ok(agent) => agent,
        Err(error) if error.is_usage() => return fail(USAGE, &error.to_string()),
        Err(error) => return fail(FAILED, &error.to_string()),
    };
    let (mut signals, levels) = match (Signals::new(), levels.follow()) {
        (Ok(signals), Ok(levels)) => (signals, levels),
        (Err(error), _) => return fail(FAILED, &format!("{error:#}")),
        (_, Err(error)) => return fail(FAILED, &format!("cannot listen for signals: {error}")),
    };
    tokio::pin!(levels);
    let stop = CancellationToken::new();
    // On a worker, as all that it spawns: from this thread each start would wake another.
    let mut running = JoinSet::new();
    running.spawn(agent.run(stop.clone()));
    let mut asked: Option<Instant> = None;
    loop {
        tokio::select! {
            Some(report) = running.join_next() => {
                let report = match report {
                    Ok(report) => report,
                    Err(error) => return fail(FAILED, &format!("please report this: {error}")),
                };
                if report.complete {
                    tracing::info!("drained: everything is delivered");
                } else {
                    let bytes = report.undelivered_bytes;
                    tracing::warn!(bytes, "stopped before everything was delivered");
                }
                return ExitCode::SUCCESS;
            }
            never = &mut levels => match never {},
            () = signals.next() => {
                match asked {
                    Some(first) if first.elapsed() < SAME_SIGNAL => continue,
                    Some(_) => return fail(FAILED, "a second signal: stopped at once"),
                    None => asked = Some(Instant::now()),
                }
                tracing::info!("draining: finishing what runs, delivering what there is");
                stop.cancel();
            }
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn start_logs(args: &LogArgs) -> anyhow::Result<Levels> {
    let level = &args.log_level;
    let filter = EnvFilter::try_new(level).with_context(|| format!("--log-level {level}"))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    Ok(match args.log_format {
        Format::Text => {
            let logs = logs.with_filter_reloading();
            let levels = Levels::new(level, logs.reload_handle());
            logs.init();
            levels
        }
        Format::Json => {
            let logs = logs.json().flatten_event(true).with_filter_reloading();
            let levels = Levels::new(level, logs.reload_handle());
            logs.init();
            levels
        }
    })
}

async fn probe(args: ProbeArgs) -> ExitCode {
    let ProbeArgs { url, timeout, probe, format } = args;
    let prober = match Prober::new(&probe) {
        Ok(prober) => prober,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let prepared = match prober.prepare(&ProbeSpec { timeout, ..ProbeSpec::get(url.clone()) }) {
        Ok(prepared) => prepared,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    match prober.explain(&prepared).await {
        Ended::Report(report) => {
            match format {
                Format::Text => print!("{}", explain::text(&url, &report)),
                Format::Json => println!("{}", explain::json(&url, &report)),
            }
            if report.outcome.is_up() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
        }
        Ended::Fault(fault) => {
            let fault = fault.name();
            fail(FAILED, &format!("this machine is out of {fault}: nothing is known of the target"))
        }
    }
}

async fn healthcheck(args: HealthcheckArgs) -> ExitCode {
    let address = reachable(args.listen);
    let uri = match format!("http://{address}/livez").parse() {
        Ok(uri) => uri,
        Err(error) => return fail(USAGE, &format!("{address}: {error}")),
    };
    match local_get::get(uri).await {
        Ok((status, _)) if status.is_success() => ExitCode::SUCCESS,
        Ok((status, _)) => fail(FAILED, &format!("http://{address}/livez answers {status}")),
        Err(error) => fail(FAILED, &format!("http://{address}/livez: {error}")),
    }
}

/// An agent that listens on every address is asked on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
