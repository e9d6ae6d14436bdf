//! `zonewatch-collector` as a process. It gets nothing of this process's own settings, and is killed with its handle.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Answer, send};

/// What takes longer than this will never come.
const PATIENCE: Duration = Duration::from_secs(45);

/// What a program that ended left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Arguments and variables. Hang-ups are not ignored, even where whoever runs the tests ignores them (nohup).
fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_zonewatch-collector")]);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"ZONEWATCH_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end. One that does not end is killed, and has no code.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    run_command(command(arguments, variables))
}

/// The same, somewhere else: relative paths are relative to `folder`.
pub(crate) fn run_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = command(arguments, variables);
    command.current_dir(folder);
    run_command(command)
}

fn run_command(mut command: Command) -> Ended {
    let mut child = command.spawn().expect("the program can be started");
    let out = collect(child.stdout.take().expect("piped"));
    let err = collect(child.stderr.take().expect("piped"));
    let code = wait(&mut child).and_then(|status| status.code());
    let text = |collector: JoinHandle<String>| collector.join().expect("it reads");
    Ended { code, out: text(out), err: text(err) }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _what_came_so_far = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it is our child");
    None
}

/// A collector that serves.
pub(crate) struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
}

impl Program {
    /// `serve` with these arguments and variables, as soon as it says where it listens. Unless they say otherwise it
    /// takes free ports and keeps its log in memory.
    #[track_caller]
    pub(crate) fn serve(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let usual = [
            ("--http-listen", "ZONEWATCH_HTTP_LISTEN", "127.0.0.1:0"),
            ("--grpc-listen", "ZONEWATCH_GRPC_LISTEN", "127.0.0.1:0"),
            ("--store", "ZONEWATCH_STORE", "memory:"),
        ];
        let mut line = vec!["serve"];
        line.extend(arguments);
        for (option, variable, value) in usual {
            if !arguments.contains(&option) && !variables.iter().any(|(name, _)| *name == variable)
            {
                line.extend([option, value]);
            }
        }
        let mut child = command(&line, variables).spawn().expect("the program can be started");
        let log = Arc::<Mutex<String>>::default();
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut kept = kept.lock().expect("not poisoned");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut program = Self { child, log, reader: Some(reader), http: nowhere, grpc: nowhere };
        program.grpc = program.said_address("agents connect here");
        program.http = program.said_address("look at http://");
        program.until("/readyz", |answer| answer.status == 200);
        program
    }

    /// The address in the line of the log that has these words, whatever the form of the log.
    #[track_caller]
    fn said_address(&mut self, words: &str) -> SocketAddr {
        let line = self.says(words);
        let pattern = Regex::new(r"\d+\.\d+\.\d+\.\d+:\d+").expect("a regex");
        let address = pattern.find(&line).unwrap_or_else(|| panic!("no address: {line}"));
        let mut address: SocketAddr = address.as_str().parse().expect("an address");
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        address
    }

    /// Waits for a line of the log that has these words.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some(line) = self.log().lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            let ended = self.child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "it ended with {ended:?} before {words:?}: {}", self.log());
            assert!(began.elapsed() < PATIENCE, "it never says {words:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The first line of its standard output.
    #[track_caller]
    pub(crate) fn out_line(&mut self) -> String {
        let out = self.child.stdout.take().expect("piped");
        let (sender, line) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ended = BufReader::new(out).read_line(&mut line);
            let _nobody_waits = sender.send(line);
        });
        line.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line: {}", self.log()))
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("not poisoned").clone()
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        send(self.http, "GET", target, &[])
    }

    #[track_caller]
    pub(crate) fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        answer.json()
    }

    /// Asks until `enough`; the last answer and the log stand in the panic.
    #[track_caller]
    pub(crate) fn until(&self, target: &str, enough: impl Fn(&Answer) -> bool) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get(target);
            if enough(&answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{target} stays {answer:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is our child");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit code, once it ends, with all that it logged. One that a signal ended has none.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let status =
            wait(&mut self.child).unwrap_or_else(|| panic!("it does not end: {}", self.log()));
        // The last lines may be on their way through the pipe still.
        self.reader.take().expect("it ends once").join().expect("it reads to the end");
        (status.code(), self.log())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A folder with one target file, whose name is `targets.csv`.
pub(crate) struct Targets(TempDir);

impl Targets {
    pub(crate) fn new(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("targets.csv"), text).expect("it can be written");
        Self(folder)
    }

    pub(crate) fn path(&self) -> String {
        self.join("targets.csv")
    }

    pub(crate) fn join(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Puts another file in its place, as tools do: all at once.
    pub(crate) fn replace(&self, text: impl AsRef<[u8]>) {
        let draft = self.join("targets.csv.new");
        std::fs::write(&draft, text).expect("it can be written");
        std::fs::rename(draft, self.path()).expect("it can be renamed");
    }
}
