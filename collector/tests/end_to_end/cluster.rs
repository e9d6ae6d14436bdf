//! A collector and agents as processes of their own, which can be stopped, killed and paused.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use agent::local_get;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::origin::Origin;
use super::proxy::Proxy;

/// At least three times the lease, and over lease + 10 s: what a killed agent loses then is nothing.
pub const INTERVAL: Duration = Duration::from_secs(15);
pub const LEASE: Duration = Duration::from_secs(3);

pub struct Cluster {
    folder: tempfile::TempDir,
    interval: Duration,
    lease: Duration,
    http: SocketAddr,
    grpc: SocketAddr,
    collector: Option<Process>,
    agents: BTreeMap<String, Process>,
    /// Between an agent and the collector, for those that have one.
    ways: BTreeMap<String, Proxy>,
    /// Of programs that have some of their own, by the name of their logs.
    environments: BTreeMap<String, Vec<(String, String)>>,
    runtime: Runtime,
}

/// Killed when it is dropped.
struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.0);
        kill_process(pid, signal).expect("the process is there");
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child can be waited for").is_some()
    }

    /// Waits for the end; its exit code.
    fn wait(mut self) -> Option<i32> {
        self.0.wait().expect("a child can be waited for").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

/// Beside the collector's binary: `cargo test --workspace` and `make test` build both.
fn agent_binary() -> PathBuf {
    let binary =
        Path::new(env!("CARGO_BIN_EXE_zonewatch-collector")).with_file_name("zonewatch-agent");
    assert!(binary.exists(), "{} is missing: cargo build --workspace --bins", binary.display());
    binary
}

impl Cluster {
    pub fn new(origin: &Origin) -> Self {
        Self::with(origin, INTERVAL, LEASE)
    }

    pub fn with(origin: &Origin, interval: Duration, lease: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("sites.csv"), origin.target_file()).expect("writable");
        Self {
            folder,
            interval,
            lease,
            http: free_address(),
            grpc: free_address(),
            collector: None,
            agents: BTreeMap::new(),
            ways: BTreeMap::new(),
            environments: BTreeMap::new(),
            runtime: Runtime::new().expect("a runtime"),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// From now on this program is started with these variables.
    pub fn set_environment(&mut self, name: &str, variables: Vec<(String, String)>) {
        self.environments.insert(name.to_owned(), variables);
    }

    /// Where the collector keeps its log.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// What somebody logged.
    pub fn log_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// From now on this agent dials over a way of its own.
    pub fn give_way(&mut self, id: &str) {
        let proxy = Proxy::start(&self.runtime, self.grpc);
        self.ways.insert(id.to_owned(), proxy);
    }

    pub fn way(&self, id: &str) -> &Proxy {
        &self.ways[id]
    }

    fn run(&self, name: &str, command: &mut Command) -> Process {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("{name}.log")))
            .expect("writable");
        command.envs(
            self.environments.get(name).into_iter().flatten().map(|(name, value)| (name, value)),
        );
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        Process(child.expect("the program starts"))
    }

    pub fn start_collector(&mut self, more: &[&str]) {
        self.launch_collector(more);
        self.eventually("the collector is ready", Duration::from_secs(30), |cluster| {
            cluster.ask("/readyz").is_some()
        });
    }

    /// Starts it, and does not wait.
    pub fn launch_collector(&mut self, more: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zonewatch-collector"));
        command
            .arg("serve")
            .arg(self.folder.path().join("sites.csv"))
            .args(["--http-listen", &self.http.to_string()])
            .args(["--grpc-listen", &self.grpc.to_string()])
            .args(["--interval", &humantime::format_duration(self.interval).to_string()])
            .args(["--lease", &humantime::format_duration(self.lease).to_string()])
            .arg("--store")
            .arg(self.store())
            .args(more);
        self.collector = Some(self.run("collector", &mut command));
    }

    pub fn start_agent(&mut self, id: &str) {
        let mut command = Command::new(agent_binary());
        let collector = self.ways.get(id).map_or(self.grpc, Proxy::address);
        command
            .args(["run", "--collector", &format!("http://{collector}")])
            .args(["--agent-id", id, "--zone", &format!("zone-{id}")])
            .args(["--listen", "127.0.0.1:0"]);
        let process = self.run(&format!("agent-{id}"), &mut command);
        self.agents.insert(id.to_owned(), process);
    }

    pub fn stop_collector(&mut self) {
        let collector = self.collector.take().expect("it runs");
        collector.signal(Signal::TERM);
        assert_eq!(collector.wait(), Some(0), "SIGTERM drains and exits 0");
    }

    /// Waits until it has ended by itself; its exit code.
    pub fn collector_ended(&mut self) -> Option<i32> {
        self.collector.take().expect("it runs").wait()
    }

    pub fn signal_collector(&self, signal: Signal) {
        self.collector.as_ref().expect("it runs").signal(signal);
    }

    pub fn signal_agent(&self, id: &str, signal: Signal) {
        self.agents[id].signal(signal);
    }

    pub fn agent_pid(&self, id: &str) -> u32 {
        self.agents[id].id()
    }

    /// Whoever was not killed is alive.
    #[track_caller]
    pub fn nobody_has_ended(&mut self) {
        let mut all: Vec<_> =
            self.agents.iter_mut().map(|(id, agent)| (id.as_str(), agent)).collect();
        all.extend(self.collector.iter_mut().map(|collector| ("collector", collector)));
        let ended = all
            .into_iter()
            .find_map(|(name, process)| process.has_ended().then(|| name.to_owned()));
        assert_eq!(ended, None, "it ended by itself\n{}", self.story());
    }

    pub fn kill_collector(&mut self) {
        drop(self.collector.take().expect("it runs"));
    }

    pub fn stop_agent(&mut self, id: &str) {
        let agent = self.agents.remove(id).expect("it runs");
        agent.signal(Signal::TERM);
        assert_eq!(agent.wait(), Some(0), "SIGTERM drains and exits 0");
    }

    pub fn kill_agent(&mut self, id: &str) {
        drop(self.agents.remove(id).expect("it runs"));
    }

    pub fn pause_agent(&mut self, id: &str, pause: Duration) {
        self.agents[id].signal(Signal::STOP);
        self.wait(pause);
        self.agents[id].signal(Signal::CONT);
    }

    /// Lets real time pass: real processes have no other.
    pub fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Waits until this part of a round has passed.
    pub fn wait_until_in_round(&self, part: f64) {
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        let round = INTERVAL.as_secs_f64();
        let ahead = (part * round - now.as_secs_f64() % round).rem_euclid(round);
        self.wait(Duration::from_secs_f64(ahead));
    }

    #[track_caller]
    pub fn eventually(&self, what: &str, within: Duration, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < within, "not within {within:?}: {what}\n{}", self.story());
            self.wait(Duration::from_millis(100));
        }
    }

    /// What the collector says of itself, and the ends of all logs.
    pub fn story(&self) -> String {
        let mut story = format!("latest: {:?}\nsummary: ", self.ask("/latest-summary"));
        story += &self
            .ask("/api/v1/summary?window=1h")
            .map_or("none".into(), |s| s["slots"].to_string());
        for entry in std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let end = lines[lines.len().saturating_sub(30)..].join("\n");
                story += &format!("\n--- {:?}\n{end}", entry.file_name());
            }
        }
        story
    }

    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Status and text of an answer, if there is one.
    pub fn answer(&self, path: &str) -> Option<(u16, String)> {
        let uri = format!("http://{}{path}", self.http).parse().expect("a URL");
        let (status, body) = self.runtime.block_on(local_get::get(uri)).ok()?;
        Some((status.as_u16(), String::from_utf8_lossy(&body).into_owned()))
    }

    pub fn ask(&self, path: &str) -> Option<Value> {
        let uri = format!("http://{}{path}", self.http).parse().expect("a URL");
        let (status, body) = self.runtime.block_on(local_get::get(uri)).ok()?;
        let text = String::from_utf8_lossy(&body).into_owned();
        status.is_success().then(|| serde_json::from_slice(&body).unwrap_or(Value::String(text)))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.ask(path).unwrap_or_else(|| panic!("{path} was not answered\n{}", self.story()))
    }

    #[track_caller]
    pub fn summary(&self, filter: &str) -> Value {
        self.get(&format!("/api/v1/summary?window=1h{filter}"))
    }

    pub fn latest(&self) -> BTreeMap<String, u64> {
        serde_json::from_value(self.get("/latest-summary")).expect("counts")
    }

    /// The settled rounds, by their start, newest first.
    pub fn past_hour(&self) -> Vec<(String, BTreeMap<String, u64>)> {
        let rounds = self.get("/past-hour-summary");
        let rounds = rounds.as_array().expect("a list").clone();
        rounds
            .into_iter()
            .map(|mut round| {
                let round = round.as_object_mut().expect("an object");
                let start = round.remove("time_stamp").expect("a start");
                let counts = serde_json::from_value(Value::Object(round.clone())).expect("counts");
                (start.as_str().expect("text").to_owned(), counts)
            })
            .collect()
    }

    /// How many targets each connected agent holds.
    pub fn targets_held(&self) -> BTreeMap<String, u64> {
        let agents = self.get("/api/v1/agents");
        let agents = agents["agents"].as_array().expect("a list").clone();
        agents
            .iter()
            .filter(|agent| agent["state"] == "connected")
            .map(|agent| {
                let id = agent["id"].as_str().expect("text").to_owned();
                (id, agent["targets"].as_u64().expect("a count"))
            })
            .collect()
    }
}
