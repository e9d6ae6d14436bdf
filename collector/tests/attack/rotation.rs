//! The certificate and the tokens are replaced while agents work: nobody restarts, and no slot is missed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use agent::{Agent, AgentConfig, ClientTls, Files, Secret};
use tokio_util::sync::CancellationToken;

use crate::certificates::{Authority, put};
use crate::fleet::{Shown, hello, knock};
use crate::origin::Origin;
use crate::program::{Program, Targets};

const OLD: &str = "the-old-token-of-the-agents";
const NEW: &str = "the-new-token-of-the-agents";

/// An agent in this process, with all that it shows in files.
fn agent(grpc: SocketAddr, targets: &Targets, id: &str) -> Agent {
    let read = |name: &str| std::fs::read_to_string(targets.join(name)).expect("it is there");
    let config = AgentConfig {
        agent_id: id.into(),
        zone: id.into(),
        tls: ClientTls { ca: Some(read("ca.pem").into_bytes()), identity: None },
        token: Secret::first_line(&read("agent.token")),
        files: Files {
            token: Some(targets.join("agent.token").into()),
            ca: Some(targets.join("ca.pem").into()),
            ..Files::default()
        },
        ..AgentConfig::new(format!("https://localhost:{}", grpc.port()).parse().expect("a URL"))
    };
    Agent::new(config).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn certificates_and_tokens_are_replaced_under_load_and_no_slot_is_missed() {
    let origin = Origin::start();
    let rows: String =
        (0..60).map(|n| format!("t{n},{}\n", origin.url(&format!("t{n}/200")))).collect();
    let targets = Targets::new(format!("name,url\n{rows}"));
    let (old, new) = (Authority::new(), Authority::new());
    let (cert, key) = (targets.join("server.pem"), targets.join("server.key"));
    let (tokens, token) = (targets.join("agents.tokens"), targets.join("agent.token"));
    let ca = targets.join("ca.pem");
    old.issue(&["localhost"]).write(&cert, &key);
    put(&ca, &old.pem);
    put(&tokens, OLD);
    put(&token, OLD);
    let path = targets.path();
    let mut line = vec![path.as_str(), "--interval", "5s", "--vantages", "default"];
    line.extend(["--tls-cert", &cert, "--tls-key", &key, "--agent-token-file", &tokens]);
    let mut program = Program::serve(&line, &[]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let grpc = program.grpc;
    let start = |id: &str| {
        let stop = CancellationToken::new();
        let agent = agent(grpc, &targets, id);
        (runtime.spawn(agent.run(stop.clone())), stop)
    };
    let mut running = vec![start("a"), start("b")];
    program.until("/latest-summary", |answer| answer.json()["200"] == 60);

    // The file half replaced: nothing changes, and it is said.
    let next = new.issue(&["localhost"]);
    put(&cert, &next.cert);
    program.says("the certificate of the agents' port cannot be used");
    put(&key, &next.key);
    put(&ca, &format!("{}{}", old.pem, new.pem));
    program.says("the certificate of the agents' port read again");
    put(&tokens, &format!("{OLD}\n{NEW}\n"));
    program.says("the agents' tokens read again");
    put(&token, NEW);

    // Agents come back, one after the other, with what the files say now; sessions of before went on until then.
    let opened = |program: &Program| {
        let metrics = program.get("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix("zonewatch_sessions_total "));
        line.expect("a counter").parse::<u64>().expect("a number")
    };
    assert_eq!(opened(&program), 2, "nobody was sent away");
    for id in ["c", "d"] {
        running.push(start(id));
    }
    let connected = |count: usize| {
        program.until("/api/v1/agents", |answer| {
            let agents = answer.json()["agents"].as_array().cloned().unwrap_or_default();
            agents.iter().filter(|agent| agent["state"] == "connected").count() == count
        });
    };
    connected(4);
    for (task, stop) in running.drain(..2) {
        stop.cancel();
        assert!(runtime.block_on(task).expect("it ends well").complete);
    }
    // The old token is worth nothing from now on.
    put(&tokens, NEW);
    let shown =
        |token| Shown { trusts: Some(new.pem.as_str()), token: Some(token), ..Shown::default() };
    let began = Instant::now();
    while runtime
        .block_on(knock(program.grpc, shown(OLD), hello("thief", 1, "nowhere", "x")))
        .is_ok()
    {
        assert!(began.elapsed() < Duration::from_secs(30), "the old token is still taken");
        std::thread::sleep(Duration::from_millis(100));
    }
    runtime.block_on(knock(program.grpc, shown(NEW), hello("new", 1, "nowhere", "x"))).expect("in");
    connected(2);

    let rounds = program.until("/api/v1/summary?window=1h", |answer| {
        answer.json()["slots"]["received"].as_u64().is_some_and(|received| received > 240)
    });
    let slots = &rounds.json()["slots"];
    println!("slots while everything was replaced: {slots}");
    assert_eq!(slots["missed"], serde_json::json!({}), "{slots}");
    for (task, stop) in running {
        stop.cancel();
        assert!(runtime.block_on(task).expect("it ends well").complete);
    }
}
