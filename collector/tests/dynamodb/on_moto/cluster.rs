//! Two collectors on one table, and an agent behind a balancer that knows neither from the other: all real processes.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use collector::store::TableAddress;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::moto::{self, Moto};
use super::proxy::{Creation, Proxy};

/// What takes longer than this will never come.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a target is probed.
pub const INTERVAL: Duration = Duration::from_secs(10);
pub const TARGETS: usize = 12;

pub struct Cluster {
    folder: TempDir,
    pub table: TableAddress,
    /// Its own: how long a takeover takes is no matter of what other tests do.
    pub service: Moto,
    members: [Member; 2],
    _agent: Process,
}

struct Member {
    name: &'static str,
    http: SocketAddr,
    grpc: SocketAddr,
    way: Proxy,
    process: Option<Process>,
}

/// Killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

/// Beside the collector's: `cargo test --workspace` and scripts/test build both.
fn agent_program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_zonewatch-collector"));
    let agent = program.with_file_name("zonewatch-agent");
    assert!(agent.exists(), "{agent:?} is not there: cargo build --workspace --bins");
    agent
}

/// Answers everything with 204.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let _read = stream.read(&mut request);
                let _gone =
                    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            });
        }
    });
    address
}

/// Connects to one after the other, as a network load balancer does.
fn balancer(to: [SocketAddr; 2]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let turn = AtomicUsize::new(0);
    std::thread::spawn(move || {
        for inbound in listener.incoming().map_while(Result::ok) {
            let first = turn.fetch_add(1, Ordering::Relaxed);
            let outbound = (0..2).find_map(|n| TcpStream::connect(to[(first + n) % 2]).ok());
            let Some(outbound) = outbound else { continue };
            let (Ok(a), Ok(b)) = (inbound.try_clone(), outbound.try_clone()) else { continue };
            for (mut from, mut to) in [(a, outbound), (b, inbound)] {
                std::thread::spawn(move || {
                    let _broken = std::io::copy(&mut from, &mut to);
                    let _gone = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    address
}

impl Cluster {
    /// The first member leads.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let service = moto::start();
        let table = moto::table_on(service.address, service.address);
        let origin = origin();
        let rows: String = (0..TARGETS).map(|n| format!("t{n},http://{origin}/{n}\n")).collect();
        std::fs::write(folder.path().join("targets.csv"), format!("name,url\n{rows}"))
            .expect("it can be written");
        let members = ["a", "b"].map(|name| Member {
            name,
            http: free(),
            grpc: free(),
            way: Proxy::start(service.address),
            process: None,
        });
        let door = balancer([members[0].grpc, members[1].grpc]);
        let log = File::create(folder.path().join("agent.log")).expect("a file");
        let agent = Command::new(agent_program())
            .args(["run", "--collector", &format!("http://{door}"), "--listen", "127.0.0.1:0"])
            .stderr(log)
            .spawn()
            .expect("the agent can be started");
        let mut cluster = Self { folder, table, service, members, _agent: Process(agent) };
        cluster.run(0);
        cluster
            .until("the first one leads", |cluster| cluster.get(0, "/readyz").contains("ready\n"));
        cluster.run(1);
        cluster.until("the other one stands by", |cluster| cluster.stands_by(1));
        cluster
    }

    pub fn run(&mut self, index: usize) {
        let member = &self.members[index];
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join(format!("{}.log", member.name)))
            .expect("a file");
        let store = format!(
            "dynamodb://{}?region=eu-west-1&endpoint=http://{}",
            self.table.table,
            member.way.address()
        );
        let child = Command::new(env!("CARGO_BIN_EXE_zonewatch-collector"))
            .arg("serve")
            .arg(self.folder.path().join("targets.csv"))
            .args(["--http-listen", &member.http.to_string()])
            .args(["--grpc-listen", &member.grpc.to_string()])
            .args(["--store", &store, "--lease", "3s", "--interval", "10s", "--timeout", "2s"])
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stderr(log)
            .spawn()
            .expect("the collector can be started");
        self.members[index].process = Some(Process(child));
    }

    pub fn signal(&self, index: usize, signal: Signal) {
        let process = self.members[index].process.as_ref().expect("it runs");
        kill_process(Pid::from_child(&process.0), signal).expect("it is our child");
    }

    /// Waits for its end; its exit code.
    pub fn ended(&mut self, index: usize) -> Option<i32> {
        let mut process = self.members[index].process.take().expect("it runs");
        process.0.wait().expect("it is our child").code()
    }

    /// Nothing of this member reaches the table any more, or everything does again.
    pub fn cut_off(&self, index: usize, cut: bool) {
        match cut {
            true => self.members[index].way.cut_after(0),
            false => self.members[index].way.fail(0, &[]),
        }
    }

    /// The status and body of an answer; empty without one.
    pub fn get(&self, index: usize, path: &str) -> String {
        let ask = || {
            let mut stream = TcpStream::connect(self.members[index].http)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        ask().unwrap_or_default()
    }

    pub fn json(&self, index: usize, path: &str) -> serde_json::Value {
        let answer = self.get(index, path);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        // Chunks, if there are any, are one line each here.
        let body = body.lines().find(|line| line.starts_with('{')).unwrap_or("null");
        serde_json::from_str(body).unwrap_or_default()
    }

    /// What each member tried to write into the log.
    pub fn creations(&self) -> [Vec<Creation>; 2] {
        [0, 1].map(|index| self.members[index].way.creations())
    }

    pub fn stands_by(&self, index: usize) -> bool {
        let answer = self.get(index, "/readyz");
        answer.starts_with("HTTP/1.1 200") && answer.contains("a standby")
    }

    pub fn log_of(&self, index: usize) -> String {
        let path = self.folder.path().join(format!("{}.log", self.members[index].name));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[track_caller]
    pub fn until(&self, what: &str, mut enough: impl FnMut(&Self) -> bool) -> Duration {
        let began = Instant::now();
        while !enough(self) {
            let logs = || format!("a: {}\nb: {}", self.log_of(0), self.log_of(1));
            assert!(began.elapsed() < PATIENCE, "not in time: {what}\n{}", logs());
            std::thread::sleep(Duration::from_millis(100));
        }
        began.elapsed()
    }
}
