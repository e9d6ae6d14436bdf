//! A whole collector in this process, with the servers that its targets lead to.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, Once};
use std::time::{Duration, Instant};

use agent::{Agent, AgentConfig, ProbeOptions};
use clap::Parser;
use collector::args::{Cli, Command};
use collector::config::Config;
use collector::serve::Collector;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, send};
use crate::origin;

/// What takes longer than this will never come.
const PATIENCE: Duration = Duration::from_secs(45);

/// Everything that any part of this process logged.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct IntoLog;

impl Write for IntoLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What was logged so far, of every level down to debug.
pub(crate) fn logged() -> String {
    String::from_utf8_lossy(&LOG.lock().expect("not poisoned")).into_owned()
}

/// A running collector. It ends when this is dropped.
pub(crate) struct Rig {
    pub(crate) http: SocketAddr,
    grpc: SocketAddr,
    runtime: Runtime,
    stop: CancellationToken,
    _dead: tokio::net::TcpSocket,
    _folder: TempDir,
}

impl Rig {
    /// A collector over this target file, in which `{origin}` is a server, `{port}` its port, and `{dead}` an address
    /// without a server. Rounds last a second.
    pub(crate) fn start(targets: &str, options: &[&str]) -> Self {
        static LOGS: Once = Once::new();
        LOGS.call_once(|| {
            let logs = tracing_subscriber::fmt().with_env_filter("debug").with_ansi(false);
            logs.with_writer(|| IntoLog).init();
        });
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let stop = CancellationToken::new();
        let (http, grpc, dead) = runtime.block_on(async {
            let (origin, serve) = origin::start().await;
            runtime.spawn(serve);
            let (dead_address, dead) = origin::dead_port();
            let path = folder.path().join("targets.csv");
            let text = targets
                .replace("{origin}", &origin.to_string())
                .replace("{port}", &origin.port().to_string())
                .replace("{dead}", &dead_address.to_string());
            std::fs::write(&path, text).expect("the file can be written");
            let path = path.to_str().expect("UTF-8");
            let usual = ["zonewatch-collector", "serve", path, "--interval", "1s"];
            let memory: &[&str] =
                if options.contains(&"--store") { &[] } else { &["--store", "memory:"] };
            let ports = ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"];
            let line = usual.iter().chain(memory).chain(&ports).chain(options);
            let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
            let Command::Serve(args) = cli.command else { panic!("serve was asked for") };
            let config = Config::new(*args, &|_| None).expect("options that work");
            let collector = Collector::open(config).await.unwrap_or_else(|error| panic!("{error}"));
            let addresses = (collector.http_address(), collector.grpc_address());
            let run = collector.run(stop.clone());
            runtime.spawn(async move { run.await.expect("it runs until it is stopped") });
            (addresses.0, addresses.1, dead)
        });
        let rig = Self { http, grpc, runtime, stop, _dead: dead, _folder: folder };
        rig.until_answered("/readyz", |answer| answer.status == 200);
        rig
    }

    /// An agent of another vantage, whose name server answers `ip` to everything, or that no name exists.
    pub(crate) fn agent(&self, vantage: &str, ip: Option<[u8; 4]>, probe: ProbeOptions) {
        self.agent_in(vantage, &format!("{vantage}-a"), ip, probe);
    }

    /// The same in another zone.
    pub(crate) fn agent_in(
        &self,
        vantage: &str,
        zone: &str,
        ip: Option<[u8; 4]>,
        probe: ProbeOptions,
    ) {
        let config = self.runtime.block_on(async {
            let (dns, serve) = origin::name_server(ip).await;
            self.runtime.spawn(serve);
            AgentConfig {
                vantage: vantage.into(),
                zone: zone.into(),
                agent_id: format!("agent-{}", zone.trim_end_matches("-a")),
                probe: ProbeOptions {
                    dns: Some(dns.to_string().parse().expect("an address")),
                    ..probe
                },
                ..AgentConfig::new(format!("http://{}", self.grpc).parse().expect("a URL"))
            }
        });
        let agent = Agent::new(config).expect("usable options");
        self.runtime.spawn(agent.run(self.stop.clone()));
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        send(self.http, "GET", target, &[])
    }

    /// The JSON of a route that must answer.
    #[track_caller]
    pub(crate) fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{target}");
        answer.json()
    }

    /// Asks until `enough`, and gives that answer; the last one stands in the panic.
    #[track_caller]
    pub(crate) fn until(&self, target: &str, enough: impl Fn(&Value) -> bool) -> Value {
        self.until_answered(target, |answer| answer.status == 200 && enough(&answer.json())).json()
    }

    #[track_caller]
    fn until_answered(&self, target: &str, enough: impl Fn(&Answer) -> bool) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get(target);
            if enough(&answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{target} stays {answer:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One collector for all tests that only look: a local agent, targets of every sort, each with its result.
pub(crate) fn shared() -> &'static Rig {
    static RIG: LazyLock<Rig> = LazyLock::new(|| {
        let rig = Rig::start(TARGETS, &["--local-agents", "1"]);
        rig.until("/websites-status", |sites| {
            let sites = sites.as_object().expect("by name");
            sites.len() == 13 && sites.values().all(|site| site["Error"] != "pending")
        });
        rig
    });
    &RIG
}

/// What [`shared`] probes, each twice a minute: often enough to be fresh, seldom enough for a machine that is busy with
/// other things. Every password stands in [`crate::secrets`].
const TARGETS: &str = r#"name,url,category,interval,timeout,expect_status,expect_body,slow_after,paused,follow_redirects,team,env
ok,http://{origin}/status/200,Good,30s,,,,,,,a,live
created,http://{origin}/status/201,Good,30s,,,,,,,a,test
teapot,http://{origin}/status/418,Good,30s,,418,,,,,b,live
"names/with spaces, & ünï✓ %41?#",http://{origin}/status/200?a=b,Good,30s,,,,,,,,
gone,http://{origin}/status/404,Bad,30s,,,,,,,b,
odd-body,http://{origin}/status/200,Bad,30s,,,good ?bye,,,,,
refused,http://{dead}/,Bad,30s,,,,,,,,
never,http://{origin}/slow/60000,Bad,30s,1s,,,,,,,
slow,http://{origin}/slow/1000,Good,30s,,,,1ms,,,,
forbidden,http://169.254.169.254/latest,Bad,30s,,,,,,,,
paused,http://{origin}/status/200,Good,30s,,,,,true,,,
secret,http://admin:hunter2-in-the-url@{origin}/status/200,Good,30s,,,,,,,,
moved,http://{origin}/redirect,Good,30s,,204,,,,true,,
no-url,ftp://admin:hunter2-in-a-bad-row@example.com/,Bad,30s,,,,,,,,
ok,http://twice:hunter2-of-a-twin@{origin}/,Bad,30s,,,,,,,,
"#;
