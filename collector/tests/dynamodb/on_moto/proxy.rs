//! A way to the service that fails, by seed: each fault is one that a network or DynamoDB itself can show.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// What can go wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too many calls.
    Throttled,
    /// 500.
    Broken,
    /// It never arrives, and the connection ends.
    Lost,
    /// It is done, and the connection ends before its answer.
    DoneButUnknown,
    /// The connection ends, and it arrives some time later after all: writes of the log alone, for reasons that
    /// docs/store-dynamodb.md gives.
    Late,
    /// Part of a batch is done.
    Partial,
    /// The answer to the same question as of some time ago, about the log: that parts are read consistently is the
    /// service's promise, and relied on.
    Stale,
    /// It is done, and nothing more is heard, for longer than anybody waits. Slow, so never one of many.
    Silent,
}

impl Fault {
    /// What any call may meet, but for the slow one.
    pub const ALL: [Self; 7] = [
        Self::Throttled,
        Self::Broken,
        Self::Lost,
        Self::DoneButUnknown,
        Self::Late,
        Self::Partial,
        Self::Stale,
    ];
}

/// How many kinds there are.
const KINDS: usize = Fault::ALL.len() + 1;
/// Longer than one try of a call may take (`ATTEMPT_MAX` in store/dynamodb/table.rs).
const SILENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Plan {
    /// The next call fails so.
    once: Option<Fault>,
    faults: Vec<Fault>,
    random: u64,
    /// So many more calls go through; nothing does then.
    left: Option<u64>,
    old_answers: HashMap<Vec<u8>, Vec<u8>>,
}

impl Plan {
    /// A fault for a call in four; of batches, part is done of every other one.
    fn fault(&mut self, batch: bool) -> Option<Fault> {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return Some(Fault::Lost);
            }
            *left -= 1;
        }
        if let Some(fault) = self.once.take() {
            return Some(fault);
        }
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        if batch && self.faults.contains(&Fault::Partial) {
            return z.is_multiple_of(2).then_some(Fault::Partial);
        }
        let faults = self.faults.len() as u64;
        let chosen = usize::try_from((z >> 8) % faults.max(1)).expect("small");
        (faults > 0 && z.is_multiple_of(4)).then(|| self.faults[chosen])
    }
}

/// Somebody tried to create a group of the log.
#[derive(Clone, Copy, Debug)]
pub struct Creation {
    /// Its first position.
    pub position: u64,
    /// Whether the service did.
    pub done: bool,
    /// When it said so.
    pub at: Timestamp,
}

/// The wall clock that all processes of a test share.
pub fn now() -> Timestamp {
    let wall = clock_gettime(ClockId::Realtime);
    Timestamp::from_millis(wall.tv_sec * 1000 + wall.tv_nsec / 1_000_000)
}

/// Threads of their own serve it; they end with the program.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    failed: Arc<[AtomicU64; KINDS]>,
    service: Arc<Service>,
}

/// What is behind it, and what it was asked to create there.
struct Service {
    address: SocketAddr,
    creations: Mutex<Vec<Creation>>,
}

impl Proxy {
    pub fn start(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let plan = Arc::<Mutex<Plan>>::default();
        let failed = Arc::<[AtomicU64; KINDS]>::default();
        let service = Arc::new(Service { address: service, creations: Mutex::default() });
        let (shared, counted, behind) = (plan.clone(), failed.clone(), service.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (plan, failed, service) = (shared.clone(), counted.clone(), behind.clone());
                std::thread::spawn(move || {
                    // Whoever asked may be gone.
                    let _gone = serve(&stream, &service, &plan, &failed);
                });
            }
        });
        Self { address, plan, failed, service }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on calls fail so.
    pub fn fail(&self, seed: u64, faults: &[Fault]) {
        *self.plan.lock().expect("whole") =
            Plan { faults: faults.to_vec(), random: seed, ..Plan::default() };
    }

    /// The next call fails so, and no other.
    pub fn fail_once(&self, fault: Fault) {
        *self.plan.lock().expect("whole") = Plan { once: Some(fault), ..Plan::default() };
    }

    /// Cuts everything off after so many calls.
    pub fn cut_after(&self, calls: u64) {
        *self.plan.lock().expect("whole") = Plan { left: Some(calls), ..Plan::default() };
    }

    /// Every group of the log that somebody tried to create over this way, in order of the answers.
    pub fn creations(&self) -> Vec<Creation> {
        self.service.creations.lock().expect("whole").clone()
    }

    /// How many calls failed so.
    pub fn failed(&self, fault: Fault) -> u64 {
        self.failed[fault as usize].load(Ordering::Relaxed)
    }
}

struct Call {
    head: String,
    body: Vec<u8>,
}

impl Call {
    fn is(&self, operation: &str) -> bool {
        self.head
            .to_ascii_lowercase()
            .contains(&format!("dynamodb_20120810.{operation}").to_ascii_lowercase())
    }

    fn has(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

fn read_call(stream: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Call>> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Call { head, body }))
}

/// The position of the group that a call would create, if it is such a call.
fn creates(call: &Call) -> Option<u64> {
    if !call.is("PutItem") || !call.has(r#""log/"#) {
        return None;
    }
    let asked: serde_json::Value = serde_json::from_slice(&call.body).ok()?;
    let key = |name: &str| asked["Item"][name]["S"].as_str();
    key("pk")?.starts_with("log/").then(|| key("sk")?.parse().ok())?
}

/// The whole answer, its head included.
fn ask(service: &Service, call: &Call, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let answer = ask_for(service.address, call, body)?;
    if let Some(position) = creates(call) {
        let done = answer.get(8..12) == Some(b" 200");
        service.creations.lock().expect("whole").push(Creation { position, done, at: now() });
    }
    Ok(answer)
}

fn ask_for(service: SocketAddr, call: &Call, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(service)?;
    let mut request = Vec::new();
    for line in call.head.lines() {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !matches!(name.as_str(), "content-length" | "connection") {
            request.extend_from_slice(line.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
    }
    write!(request, "Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    request.extend_from_slice(body);
    stream.write_all(&request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn refusal(status: &str, kind: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"by the test"}}"#
    );
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn serve(
    mut stream: &TcpStream,
    service: &Service,
    plan: &Mutex<Plan>,
    failed: &[AtomicU64; KINDS],
) -> std::io::Result<()> {
    // One call a connection: moto closes it, and so do we.
    let Some(call) = read_call(&mut BufReader::new(stream))? else { return Ok(()) };
    let fault = plan.lock().expect("whole").fault(call.is("BatchWriteItem"));
    let fault = fault.filter(|fault| match fault {
        Fault::Late => call.is("PutItem") && call.has(r#""log/"#),
        Fault::Partial => call.is("BatchWriteItem"),
        Fault::Stale => {
            (call.is("Query") || call.is("GetItem"))
                && (call.has(r#""log/"#) || call.has(r#""meta""#))
        }
        _ => true,
    });
    if let Some(fault) = fault {
        failed[fault as usize].fetch_add(1, Ordering::Relaxed);
    }
    let answer = match fault {
        None => {
            let answer = ask(service, &call, &call.body)?;
            if call.is("Query") || call.is("GetItem") {
                let mut plan = plan.lock().expect("whole");
                plan.old_answers.entry(call.body).or_insert_with(|| answer.clone());
            }
            answer
        }
        Some(Fault::Throttled) => {
            refusal("400 Bad Request", "ProvisionedThroughputExceededException")
        }
        Some(Fault::Broken) => refusal("500 Internal Server Error", "InternalServerError"),
        Some(Fault::Lost) => return Ok(()),
        Some(Fault::DoneButUnknown) => {
            ask(service, &call, &call.body)?;
            return Ok(());
        }
        Some(Fault::Silent) => {
            ask(service, &call, &call.body)?;
            std::thread::sleep(SILENCE);
            return Ok(());
        }
        Some(Fault::Late) => {
            stream.shutdown(std::net::Shutdown::Both)?;
            std::thread::sleep(Duration::from_millis(60));
            ask(service, &call, &call.body)?;
            return Ok(());
        }
        Some(Fault::Partial) => partial(service, &call)?,
        Some(Fault::Stale) => {
            let old = plan.lock().expect("whole").old_answers.get(&call.body).cloned();
            match old {
                Some(old) => old,
                None => ask(service, &call, &call.body)?,
            }
        }
    };
    stream.write_all(&answer)
}

/// Does the first request of a batch, and hands the others back.
fn partial(service: &Service, call: &Call) -> std::io::Result<Vec<u8>> {
    let mut batch: serde_json::Value = serde_json::from_slice(&call.body)?;
    let mut left = batch["RequestItems"].clone();
    for (done, left) in batch["RequestItems"]
        .as_object_mut()
        .into_iter()
        .flatten()
        .map(|(_, requests)| requests)
        .zip(left.as_object_mut().into_iter().flatten().map(|(_, requests)| requests))
    {
        done.as_array_mut().expect("a list").truncate(1);
        left.as_array_mut().expect("a list").remove(0);
    }
    ask(service, call, batch.to_string().as_bytes())?;
    let empty = left.as_object().is_some_and(|tables| {
        tables.values().all(|requests| requests.as_array().is_some_and(Vec::is_empty))
    });
    let left = if empty { serde_json::json!({}) } else { left };
    let body = serde_json::json!({ "UnprocessedItems": left }).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    Ok([head.into_bytes(), body.into_bytes()].concat())
}
