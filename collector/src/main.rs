//! zonewatch-collector: the command line, the logs, the signals, the exit code. Everything else is in the library.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agent::levels::Levels;
use clap::Parser;
use collector::args::{
    BackupArgs, CheckArgs, Cli, Command, DemoArgs, HealthcheckArgs, LogArgs, LogFormat, ServeArgs,
};
use collector::config::{self, Config, chain};
use collector::demo::{self, Demo, DemoError, sites};
use collector::screen::Screen;
use collector::serve::{Collector, StartError};
use collector::target_file::Tell;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Failed at run time.
const FAILED: u8 = 1;
/// Wrong usage or configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, &format!("the runtime cannot be started: {error}")),
    };
    // Every probe of an agent in this process takes a descriptor, and every connection that comes in.
    agent::raise_descriptor_limit();
    let code = match Cli::parse().command {
        Command::Serve(args) => runtime.block_on(serve(*args)),
        Command::Check(args) => runtime.block_on(check(&args)),
        Command::Demo(args) => runtime.block_on(demo(args)),
        Command::Backup(args) => backup(&args),
        Command::Healthcheck(args) => runtime.block_on(healthcheck(&args)),
    };
    // A blocked thread (a name server that is silent, a disk that hangs) does not keep the program.
    runtime.shutdown_background();
    code
}

fn fail(code: u8, what: &str) -> ExitCode {
    let _nowhere_to_say_it = writeln!(std::io::stderr(), "zonewatch-collector: {what}");
    ExitCode::from(code)
}

async fn serve(args: ServeArgs) -> ExitCode {
    let (mut screen, levels) = match logs(&args.log) {
        Ok(started) => started,
        Err(error) => return fail(USAGE, &error),
    };
    let descriptors = agent::raise_descriptor_limit();
    until_signal(levels, async |stop| {
        loop {
            let config = match Config::new(args.clone(), &|name| std::env::var(name).ok()) {
                Ok(config) => Config { screen: screen.take(), ..config.within(descriptors) },
                Err(error) => return fail(USAGE, &chain(&error)),
            };
            let opened = tokio::select! {
                () = stop.cancelled() => return ExitCode::SUCCESS, // Nothing runs yet: there is nothing to drain.
                opened = Collector::open(config) => opened,
            };
            let collector = match opened {
                Ok(collector) => collector,
                Err(error) => return fail(exit_code(&error), &chain(&error)),
            };
            let may_stand_by = collector.may_stand_by();
            match collector.run(stop.clone()).await {
                Ok(()) => return ExitCode::SUCCESS,
                Err(error) if may_stand_by && error.is_succeeded() && !stop.is_cancelled() => {
                    tracing::warn!(error = %chain(&error), "deposed; standing by from now on");
                }
                Err(error) => return fail(FAILED, &chain(&error)),
            }
        }
    })
    .await
}

async fn demo(args: DemoArgs) -> ExitCode {
    let (screen, levels) = match logs(&args.log) {
        Ok(started) => started,
        Err(error) => return fail(USAGE, &error),
    };
    let options = demo::Options {
        http_listen: args.http_listen,
        interval: demo::INTERVAL,
        sites: sites::all(),
        screen,
    };
    until_signal(levels, async |stop| {
        let demo = match Demo::open(options).await {
            Ok(demo) => demo,
            Err(DemoError::Start(error)) => return fail(exit_code(&error), &chain(&error)),
            Err(error) => return fail(FAILED, &chain(&error)),
        };
        let _nobody_reads_it = writeln!(std::io::stdout(), "{}", demo.introduction());
        match demo.run(stop).await {
            Ok(()) => {
                let _nobody_reads_it = writeln!(
                    std::io::stdout(),
                    "The demo is over: its files are removed, and nothing was kept."
                );
                ExitCode::SUCCESS
            }
            Err(error) => fail(FAILED, &chain(&error)),
        }
    })
    .await
}

/// Runs something that drains at the first SIGTERM, SIGINT or SIGHUP, and is cut off at the second. What it logs follows the signals,
/// too.
async fn until_signal(
    levels: Levels,
    run: impl AsyncFnOnce(CancellationToken) -> ExitCode,
) -> ExitCode {
    let stop = CancellationToken::new();
    let heard = stop_on_signals(stop.clone()).and_then(|stopped| Ok((stopped, levels.follow()?)));
    let (signals, levels) = match heard {
        Ok(heard) => heard,
        Err(error) => return fail(FAILED, &format!("signals cannot be heard: {error}")),
    };
    tokio::select! {
        code = run(stop) => code,
        never = levels => match never {},
        () = signals => fail(FAILED, "a second signal: stopped at once, without draining"),
    }
}

fn exit_code(error: &StartError) -> u8 {
    match error {
        StartError::Targets(_) | StartError::Agent(_) => USAGE,
        _ => FAILED,
    }
}

/// Signals this close together are one: `timeout` and some supervisors signal a process and then its whole group.
const SAME_SIGNAL: Duration = Duration::from_millis(50);

/// Whether whoever started this program wants it to outlive its terminal (nohup).
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Cancels `stop` at the first SIGTERM, SIGINT or SIGHUP; ends at the second. The kernel sends SIGHUP when the terminal is gone,
/// and to a stopped program whose shell has ended: unheard, it would end this one without a word.
fn stop_on_signals(stop: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Listening to it would undo that it is ignored.
    let mut hangup = if ignores_hangups() { None } else { Some(signal(SignalKind::hangup())?) };
    let mut hung_up = async move || match &mut hangup {
        Some(hangup) => hangup.recv().await,
        None => std::future::pending().await,
    };
    Ok(async move {
        let mut first: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hung_up() => tracing::warn!("SIGHUP: the terminal or the shell is gone"),
            }
            match first {
                None => first = Some(Instant::now()),
                Some(first) if first.elapsed() < SAME_SIGNAL => {}
                Some(_) => return,
            }
            stop.cancel();
        }
    })
}

/// Starts the logs. Where people read them on a terminal, gives the screen that they are on.
fn logs(args: &LogArgs) -> Result<(Option<Screen>, Levels), String> {
    let level = &args.log_level;
    let filter = tracing_subscriber::EnvFilter::try_new(level)
        .map_err(|error| format!("--log-level {level}: {error}"))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    Ok(match args.log_format {
        LogFormat::Json => {
            let logs = logs.json().flatten_event(true).with_filter_reloading();
            let levels = Levels::new(level, logs.reload_handle());
            logs.init();
            (None, levels)
        }
        LogFormat::Text if std::io::stderr().is_terminal() => {
            let screen = Screen::new(std::io::stderr());
            let logs = logs.with_target(false).with_writer(screen.clone()).with_filter_reloading();
            let levels = Levels::new(level, logs.reload_handle());
            logs.init();
            (Some(screen), levels)
        }
        LogFormat::Text => {
            let logs = logs.with_ansi(false).with_target(false).with_filter_reloading();
            let levels = Levels::new(level, logs.reload_handle());
            logs.init();
            (None, levels)
        }
    })
}

async fn check(args: &CheckArgs) -> ExitCode {
    let read = config::source(&args.targets).and_then(|source| {
        config::file(&args.file).map(|(defaults, secrets)| (source, defaults, secrets))
    });
    let (source, defaults, secrets) = match read {
        Ok(options) => options,
        Err(error) => return fail(USAGE, &chain(&error)),
    };
    let tell: Tell = match std::io::stderr().is_terminal() {
        true => collector::check::progress(std::io::stderr()),
        false => Box::new(|_, _| ()),
    };
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let checked =
        collector::check::run(&source, &defaults, &secrets, tell, &mut out, &mut err).await;
    match checked {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => fail(FAILED, &format!("the report cannot be written: {error}")),
    }
}

fn backup(args: &BackupArgs) -> ExitCode {
    match collector::store::backup::backup(&args.store, &args.to) {
        Ok(copied) => {
            let (records, parts) = (copied.tail - copied.head, copied.parts);
            let said = format!("{}: {records} records and {parts} parts", args.to.display());
            match writeln!(std::io::stdout(), "{said}") {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(FAILED, &format!("{said}; it cannot be reported: {error}")),
            }
        }
        Err(error) => fail(FAILED, &chain(&error)),
    }
}

async fn healthcheck(args: &HealthcheckArgs) -> ExitCode {
    match collector::health::check(args.http_listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &format!("http://{}/livez: {error}", args.http_listen)),
    }
}
