//! A thousand connections that never get anywhere, at both ports: whoever is honest does not notice.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::certificates::Authority;
use crate::fleet::{Shown, hello, knock};
use crate::program::{Program, Targets};

const TOKEN: &str = "a-token-of-the-agents";
/// Of each kind at each port.
const EACH: usize = 250;

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Opens connections that say this and then nothing, and read nothing.
fn hang(address: SocketAddr, says: &[u8], held: &mut Vec<TcpStream>) {
    for _ in 0..EACH {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let _cut_already = stream.write_all(says);
        held.push(stream);
    }
}

#[test]
fn a_thousand_connections_that_hang_at_each_port_disturb_nobody_and_cost_little() {
    let rows: String = (0..2000).map(|n| format!("t{n},http://127.0.0.1:9/{n}\n")).collect();
    let targets = Targets::new(format!("name,url\n{rows}"));
    let ours = Authority::new();
    let (cert, key) = (targets.join("server.pem"), targets.join("server.key"));
    ours.issue(&["localhost"]).write(&cert, &key);
    let path = targets.path();
    // The agents of this test say nothing for a while.
    let line = [&path, "--lease", "5m", "--tls-cert", &cert, "--tls-key", &key];
    let program = Program::serve(&line, &[("ZONEWATCH_AGENT_TOKEN", TOKEN)]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let shown = Shown { trusts: Some(&ours.pem), token: Some(TOKEN), ..Shown::default() };
    let agent = |id: &str| {
        let began = Instant::now();
        let stream = runtime.block_on(knock(program.grpc, shown, hello(id, 1, "eu", "a")));
        (stream.expect("an honest agent is let in"), began.elapsed())
    };
    let (mut first, alone) = agent("first");
    let reader = || {
        let began = Instant::now();
        assert_eq!(program.get("/latest-summary").status, 200);
        began.elapsed()
    };
    let read_alone = reader();
    let before = resident_kib(program.id());

    let mut held = Vec::new();
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for says in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n"] {
        hang(program.grpc, says, &mut held);
    }
    let large = b"GET /websites-status HTTP/1.1\r\nHost: x\r\n\r\n".repeat(40);
    for says in [&b""[..], b"GET /latest-summary HTTP/1.1\r\nHost: x\r\nX-Slow: ", http2, &large] {
        hang(program.http, says, &mut held);
    }
    let during = resident_kib(program.id());
    let (_second, crowded) = agent("second");
    let read_crowded = reader();
    println!(
        "{} connections held; an agent is let in after {crowded:?} ({alone:?} alone), an answer takes {read_crowded:?} \
         ({read_alone:?} alone); resident memory {before} KiB before, {during} KiB during",
        held.len()
    );
    // Far beyond what it takes: only that nobody is shut out is held here.
    assert!(crowded < Duration::from_secs(30), "{crowded:?}");
    assert!(read_crowded < Duration::from_secs(30), "{read_crowded:?}");
    assert!(during < before + (200 << 10), "{before} KiB, then {during} KiB");

    // Every one of them is given up on in the end; the agent that was there before is not.
    let began = Instant::now();
    for stream in &mut held {
        let left = Duration::from_secs(150).saturating_sub(began.elapsed());
        let timeout = left.max(Duration::from_millis(1));
        stream.set_read_timeout(Some(timeout)).expect("a timeout");
        let mut sink = [0; 4096];
        loop {
            match stream.read(&mut sink) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("still open after {:?}: {error}", began.elapsed()),
            }
        }
    }
    runtime.block_on(async {
        let beat = proto::AgentMessage::Beat(proto::Beat::default());
        first.say.send(beat.into()).await.expect("its session goes on");
        first.hear.message().await.expect("and is answered").expect("it does not end");
    });
    assert_eq!(program.get("/readyz").status, 200);
}
