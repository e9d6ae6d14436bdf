//! A way to the service that fails, by seed: each fault is one that a network or DynamoDB itself can show.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
}

impl Fault {
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

#[derive(Default)]
struct Plan {
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

/// Threads of their own serve it; they end with the program.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    failed: Arc<[AtomicU64; Fault::ALL.len()]>,
}

impl Proxy {
    pub fn start(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let plan = Arc::<Mutex<Plan>>::default();
        let failed = Arc::<[AtomicU64; Fault::ALL.len()]>::default();
        let (shared, counted) = (plan.clone(), failed.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (plan, failed) = (shared.clone(), counted.clone());
                std::thread::spawn(move || {
                    // Whoever asked may be gone.
                    let _gone = serve(&stream, service, &plan, &failed);
                });
            }
        });
        Self { address, plan, failed }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on calls fail so.
    pub fn fail(&self, seed: u64, faults: &[Fault]) {
        *self.plan.lock().expect("whole") =
            Plan { faults: faults.to_vec(), random: seed, ..Plan::default() };
    }

    /// Cuts everything off after so many calls.
    pub fn cut_after(&self, calls: u64) {
        *self.plan.lock().expect("whole") = Plan { left: Some(calls), ..Plan::default() };
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

/// The whole answer, its head included.
fn ask(service: SocketAddr, call: &Call, body: &[u8]) -> std::io::Result<Vec<u8>> {
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
    service: SocketAddr,
    plan: &Mutex<Plan>,
    failed: &[AtomicU64; Fault::ALL.len()],
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
fn partial(service: SocketAddr, call: &Call) -> std::io::Result<Vec<u8>> {
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
