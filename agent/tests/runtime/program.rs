//! The program itself: exit codes, signals, and what a pause of the whole process does.

use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use proto::{AgentMessage, Missed};
use tokio::task::JoinHandle;

use crate::collector::{Collector, Origin, soon, target};

pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonewatch-agent"));
    command.args(arguments).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A program whose output is read from the start: a full pipe would stop it.
pub(crate) struct Running {
    pid: u32,
    output: JoinHandle<std::io::Result<Output>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        let pid = child.id();
        Self { pid, output: tokio::task::spawn_blocking(move || child.wait_with_output()) }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid.try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) async fn ended(self) -> Output {
        soon("the end of the program", self.output).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn wrong_usage_exits_with_2_and_says_what_was_expected() {
    for (arguments, word) in [
        (&["run", "--collector", "nonsense"][..], "http://HOST:PORT"),
        (&["run", "--collector", "http://a:65536"], "no port from 1 to 65535"),
        (&["run", "--collector", "http://a:1/x"], "it has a path"),
        (&["run", "--collector", "http://u:p@a:1"], "credentials do not belong here"),
        (&["run", "--collector", "http://a:1", "--nosuch"], "unexpected argument '--nosuch'"),
        (&["run", "--collector", "http://a:1", "--concurrency", "many"], "--concurrency <N>"),
        (&["run", "--collector", "http://a:1", "--listen", "9127"], "expected IP:PORT"),
        (&["run", "--collector", "http://a:1", "--allow-network", "10"], "is not a network"),
        (&["run", "--collector", "http://a:1", "--ca", "x"], "--ca needs an https collector"),
        (&["run", "--collector", "https://a:1", "--ca", "/nowhere"], "--ca /nowhere"),
        (&["run", "--collector", "https://a:1", "--ca", "Cargo.toml"], "--ca holds no certificate"),
        (&["run", "--collector", "https://a:1", "--tls-cert", "x"], "--tls-key"),
        (&["run", "--collector", "http://a:1", "--token-file", "/nowhere"], "--token-file"),
        (&["run", "--collector", "http://a:1", "--token-file", "/"], "Is a directory"),
        (&["run", "--collector", "http://a:1", "--token-file", "/dev/null"], "holds no token"),
        (&["run", "--collector", "http://a:1", "--vantage", ""], "vantage"),
        (&["probe", "ftp://a"], "it is neither http nor https"),
        (&["probe", "www.example.com"], "it begins with neither http:// nor https://"),
        (&["probe"], "<URL>"),
        (&["juggle"], "unrecognized subcommand 'juggle'"),
        (&[], "Usage"),
    ] {
        let output = Running::start(&mut program(arguments)).ended().await;
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(word), "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn a_variable_that_says_neither_yes_nor_no_is_refused() {
    let run = ["run", "--collector", "http://10.0.0.1:1"];
    for variable in ["ZONEWATCH_ALLOW_PLAINTEXT", "ZONEWATCH_DENY_PRIVATE", "ZONEWATCH_EMF"] {
        let output = Running::start(program(&run).env(variable, "nope")).ended().await;
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{variable}: {text}");
        assert!(text.contains("expected true or false"), "{variable}: {text}");
    }
    let mut off = program(&run);
    off.env("ZONEWATCH_ALLOW_PLAINTEXT", "false").env("ZONEWATCH_TOKEN", "a-good-token");
    let output = Running::start(&mut off).ended().await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("no TLS"), "{text}");
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = ["run", "--collector", "http://127.0.0.1:1", "--listen", &address];
    let output = Running::start(&mut program(&run)).ended().await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let expected =
        format!("error: --listen {address}: cannot listen there: Address already in use");
    assert!(text.starts_with(&expected), "{text}");
}

#[tokio::test]
async fn a_health_check_without_an_agent_exits_with_1() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let check = Running::start(&mut program(&["healthcheck", "--listen", &free.to_string()]));
    assert_eq!(check.ended().await.status.code(), Some(1));
}

#[tokio::test]
async fn a_probe_of_an_answering_server_exits_with_0() {
    let origin = Origin::start(Duration::ZERO).await;
    let mut command = program(&["probe", &origin.url, "--format", "json"]);
    // Proxies of the environment are of no consequence: nobody listens there.
    command.envs([("http_proxy", "http://127.0.0.1:9"), ("ALL_PROXY", "http://127.0.0.1:9")]);
    let probe = Running::start(&mut command);
    let output = probe.ended().await;
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains(&origin.url));
}

#[tokio::test]
async fn sigterm_drains_and_exits_with_0_and_the_token_is_in_no_log() {
    let mut collector = Collector::start(None).await;
    let url = collector.url();
    let mut command = program(&["run", "--collector", &url, "--listen", "127.0.0.1:0"]);
    command.env("ZONEWATCH_TOKEN", "hunter2").env("ZONEWATCH_LOG_LEVEL", "trace");
    let agent = Running::start(&mut command);
    let (mut conversation, _) = collector.welcomed(Duration::from_secs(120)).await;
    assert_eq!(conversation.authorization.as_deref(), Some("Bearer hunter2"));
    // It has taken the Welcome when it says how far it is.
    conversation.hear().await;
    agent.signal(Signal::TERM);
    let mut draining = false;
    while let Some(message) = soon("the end of the stream", conversation.next()).await {
        match message {
            AgentMessage::Results(results) => conversation.ack(results.seq).await,
            other => draining |= matches!(other, AgentMessage::Draining { .. }),
        }
    }
    drop(conversation);
    assert!(draining);
    let output = agent.ended().await;
    let logs = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{logs}");
    assert!(logs.contains("drained"), "{logs}");
    assert!(!logs.contains("hunter2"), "the token is in the logs");
}

#[tokio::test]
async fn an_idle_agent_tells_cloudwatch_how_busy_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let listen = ["--emf", "--listen", "127.0.0.1:0"];
    let mut command = program(&["run", "--collector", "http://127.0.0.1:1", "--zone", "z"]);
    command.args(listen).env("ZONEWATCH_DEPLOYMENT", "prod");
    command.stdout(std::fs::File::create(&out).unwrap());
    let agent = Running::start(&mut command);
    let told = async {
        loop {
            let lines = std::fs::read_to_string(&out).unwrap();
            if lines.ends_with('\n') {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let lines = soon("a line for CloudWatch", told).await;
    agent.signal(Signal::TERM);
    agent.ended().await;
    let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&line["Deployment"], &line["Zone"]), (&"prod".into(), &"z".into()));
    assert!(line["ProbeUtilization"].is_number() && line["StartLatenessSeconds"].is_number());
}

#[tokio::test]
async fn a_second_signal_exits_at_once() {
    let origin = Origin::start(Duration::ZERO).await;
    let mut collector = Collector::start(None).await;
    let url = collector.url();
    let agent = Running::start(&mut program(&["run", "--collector", &url]));
    let (mut conversation, _) = collector.welcomed(Duration::from_secs(120)).await;
    conversation.grant(target(origin.url.clone())).await;
    conversation.results().await; // never acknowledged: the drain waits
    agent.signal(Signal::INT);
    while !matches!(conversation.hear().await, AgentMessage::Draining { .. }) {}
    // Two signals within a moment are one: the second one is somebody's, who waited and lost patience.
    tokio::time::sleep(Duration::from_millis(200)).await;
    agent.signal(Signal::INT);
    assert_eq!(agent.ended().await.status.code(), Some(1));
}

#[tokio::test]
async fn a_signal_that_is_sent_to_the_process_and_to_its_group_is_one() {
    let mut collector = Collector::start(None).await;
    let url = collector.url();
    let agent = Running::start(&mut program(&["run", "--collector", &url]));
    let (mut conversation, _) = collector.welcomed(Duration::from_secs(120)).await;
    conversation.hear().await;
    // Both wait when it goes on: they come in one moment, however slow this machine is.
    for signal in [Signal::STOP, Signal::TERM, Signal::INT, Signal::CONT] {
        agent.signal(signal);
    }
    while soon("the end of the stream", conversation.next()).await.is_some() {}
    drop(conversation);
    let output = agent.ended().await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_stopped_process_blames_no_target() {
    let origin = Origin::start(Duration::from_millis(400)).await;
    let mut collector = Collector::start(None).await;
    let url = collector.url();
    let agent = Running::start(&mut program(&["run", "--collector", &url]));
    let (mut conversation, _) = collector.welcomed(Duration::from_secs(120)).await;
    let mut target = target(origin.url.clone());
    target.interval = Duration::from_secs(2);
    target.spec.timeout = Duration::from_millis(1_900);
    conversation.grant(target).await;
    let before = conversation.results().await.1.results[0].planned;
    agent.signal(Signal::STOP);
    // Longer than two windows: one lies wholly inside.
    tokio::time::sleep(Duration::from_secs(5)).await;
    agent.signal(Signal::CONT);
    let mut missed = Vec::new();
    let mut after = 0;
    while after < 2 {
        let (message, batch) = conversation.results().await;
        conversation.ack(message.seq).await;
        for result in &batch.results {
            assert!(result.outcome.is_up(), "{result:?}");
            after += u32::from(result.planned > before + Duration::from_secs(6));
        }
        missed.extend(batch.missed);
    }
    assert!(missed.iter().any(|m| m.reason == Missed::AgentPaused), "{missed:?}");
    agent.signal(Signal::KILL);
    agent.ended().await;
}
