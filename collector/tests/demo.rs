//! The demo shows everything there is to see, and leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent::local_get;
use collector::demo::{Demo, Options, VANTAGES, sites};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// For everything that is waited for: much more than it takes, as other tests may be running.
const DEADLINE: Duration = Duration::from_secs(120);

async fn ask(address: SocketAddr, path: &str) -> Option<Value> {
    let uri = format!("http://{address}{path}").parse().expect("a URL");
    let (status, body) = local_get::get(uri).await.ok()?;
    assert!(status.is_success(), "{path}: {status}");
    Some(serde_json::from_slice(&body).expect("JSON"))
}

/// Asks until the answer is as wanted; gives it.
async fn eventually(
    address: SocketAddr,
    path: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let start = Instant::now();
    loop {
        let answer = ask(address, path).await;
        if let Some(answer) = answer.as_ref().filter(|answer| wanted(answer)) {
            return answer.clone();
        }
        assert!(start.elapsed() < DEADLINE, "not in time: {what}; {path}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn count(answer: &Value, pointer: &str) -> u64 {
    answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_every_failure_and_every_vantage_is_there_to_see() {
    let sites: Vec<_> = sites::all().into_iter().take(100).collect();
    let cast = |role: fn(&sites::Role) -> bool| {
        sites.iter().filter(|site| role(&site.role)).count() as u64
    };
    let degraded = cast(|role| matches!(role, sites::Role::Slow));
    let partial = cast(|role| matches!(role, sites::Role::LostTo(_)));
    let paused = cast(|role| matches!(role, sites::Role::Paused));
    assert!(degraded > 0 && partial > 0 && paused > 0);
    let options = Options {
        http_listen: "127.0.0.1:0".parse().expect("an address"),
        interval: Duration::from_secs(5),
        sites,
        screen: None,
    };
    let demo = Demo::open(options).await.expect("it opens");
    let (address, targets) = (demo.http_address(), demo.targets().to_owned());
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(demo.run(stop.clone()));

    eventually(address, "/api/v1/summary?window=1h", "every verdict", |summary| {
        count(summary, "/targets/total") == 100
            && count(summary, "/targets/degraded") == degraded
            && count(summary, "/targets/partial") >= partial
            && count(summary, "/targets/paused") == paused
            && count(summary, "/targets/up") > 0
            && count(summary, "/targets/down") > 0
            && count(summary, "/targets/unknown") == 0
    })
    .await;
    eventually(address, "/api/v1/summary?window=1h", "every kind of trouble", |summary| {
        let kinds = ["dns", "connect", "tls", "timeout", "redirect", "read"];
        kinds.iter().all(|kind| count(summary, &format!("/failures/{kind}")) > 0)
            && count(summary, "/unexpected/body") > 0
    })
    .await;
    let rejected = ask(address, "/api/v1/rejected-rows").await.expect("an answer");
    assert_eq!(rejected["total"], 4, "{rejected}");
    for vantage in VANTAGES {
        eventually(address, "/api/v1/vantages", "two agents in each vantage", |vantages| {
            let vantages = vantages["vantages"].as_array().expect("a list");
            vantages
                .iter()
                .any(|v| v["name"] == vantage && v["state"] == "active" && v["agents"] == 2)
        })
        .await;
        let summary = ask(address, &format!("/api/v1/summary?window=1h&vantage={vantage}")).await;
        assert!(count(&summary.expect("an answer"), "/slots/received") > 0, "{vantage}");
    }

    let before = std::fs::read_to_string(&targets).expect("readable");
    let added = before.replacen('\n', "\nmine,http://mine.example:1/,,,,,,,,true\n", 1);
    std::fs::write(&targets, added).expect("writable");
    eventually(address, "/api/v1/summary?window=1h", "the file is read again", |summary| {
        count(summary, "/targets/paused") == paused + 1
    })
    .await;

    stop.cancel();
    let ended = tokio::time::timeout(DEADLINE, running.join_next()).await.expect("it drains");
    ended.expect("one task").expect("no panic").expect("no error");
    assert_nothing_is_left(&targets);
}

#[track_caller]
fn assert_nothing_is_left(targets: &Path) {
    let folder = targets.parent().expect("a folder of its own");
    assert!(!folder.exists(), "{} is still there", folder.display());
}

/// Killed if a test fails before it ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The word after `label` in what the demo says at its start.
fn word_after<'a>(label: &str, lines: &'a [String]) -> &'a str {
    let line = lines.iter().find_map(|line| line.trim_start().strip_prefix(label));
    line.unwrap_or_else(|| panic!("no `{label}` in {lines:?}")).trim()
}

#[test]
fn the_program_says_that_it_is_a_demo_and_where_to_look_and_ends_well_at_sigint() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonewatch-collector"));
    command.args(["demo", "--http-listen", "127.0.0.1:0", "--log-level", "error"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut program = Program(child.expect("the program starts"));
    let mut said = BufReader::new(program.0.stdout.take().expect("piped")).lines();
    // It says everything at once; the last line is how it ends.
    let mut lines = Vec::new();
    for line in said.by_ref() {
        lines.push(line.expect("text"));
        if lines.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
            break;
        }
    }
    assert!(lines[0].starts_with("This is a demo: 1321 made-up sites"), "{lines:?}");
    let page = word_after("look at", &lines).strip_prefix("http://").expect("a URL");
    let address: SocketAddr = page.parse().expect("an address");
    let targets = PathBuf::from(word_after("targets", &lines));
    assert!(targets.exists(), "{}", targets.display());

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let probing = eventually(address, "/api/v1/summary?window=1h", "the first results", |s| {
        count(s, "/slots/received") > 0
    });
    runtime.block_on(probing);

    kill_process(Pid::from_child(&program.0), Signal::INT).expect("it runs");
    let ended = program.0.wait().expect("a child can be waited for");
    assert_eq!(ended.code(), Some(0), "SIGINT drains and exits 0");
    let last = said.last().expect("it says that it ends").expect("text");
    assert_eq!(last, "The demo is over: its files are removed, and nothing was kept.");
    assert_nothing_is_left(&targets);
}
