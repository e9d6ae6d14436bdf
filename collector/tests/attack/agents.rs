//! The agents' port, tried by whoever is no agent, or not the one that it says it is.

use std::time::{Duration, Instant};

use proto::wire::encode_batch;
use proto::wire::raw::v1 as raw;
use proto::{
    AgentMessage, Batch, CollectorMessage, Outcome, Phases, ProbeResult, Refusal, ResultsMessage,
    Timestamp, Uid,
};
use tokio::runtime::Runtime;

use crate::certificates::Authority;
use crate::fleet::{Shown, Stream, connect, hello, knock, open};
use crate::program::{Program, Targets};

const TOKEN: &str = "a-token-of-the-agents";

/// A collector with mutual TLS and a token, and all that is needed to get in.
struct Rig {
    program: Program,
    targets: Targets,
    ours: Authority,
    runtime: Runtime,
}

impl Rig {
    fn start() -> Self {
        let targets = Targets::new("ok,http://127.0.0.1:9/\n");
        let ours = Authority::new();
        let (cert, key) = (targets.join("server.pem"), targets.join("server.key"));
        ours.issue(&["localhost"]).write(&cert, &key);
        let ca = targets.join("ca.pem");
        std::fs::write(&ca, &ours.pem).expect("written");
        let path = targets.path();
        let line = [&path, "--tls-cert", &cert, "--tls-key", &key, "--client-ca", &ca];
        let program = Program::serve(&line, &[("ZONEWATCH_AGENT_TOKEN", TOKEN)]);
        Self { program, targets, ours, runtime: Runtime::new().expect("a runtime") }
    }

    /// An agent of eu/a that shows what it has to, but for what `change` makes of it.
    fn knock<'a>(&self, shown: Shown<'a>, first: raw::AgentMessage) -> Result<Stream, String> {
        self.runtime.block_on(knock(self.program.grpc, shown, first))
    }

    /// How many were refused for a reason.
    fn refused(&self, reason: &str) -> u64 {
        let line = format!("zonewatch_sessions_refused_total{{reason=\"{reason}\"}} ");
        let metrics = self.program.get("/metrics").body;
        let value = metrics.lines().find_map(|text| text.strip_prefix(&line));
        value.unwrap_or_else(|| panic!("no {line}")).parse().expect("a number")
    }

    /// Waits until so many were: an answer may be half a second old.
    #[track_caller]
    fn until_refused(&self, reason: &str, count: u64) {
        let began = Instant::now();
        while self.refused(reason) < count {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", self.program.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn only_a_certificate_of_ours_for_that_place_and_a_token_open_a_session() {
    let rig = Rig::start();
    let theirs = Authority::new();
    let good = rig.ours.issue(&["zonewatch://eu/a", "zonewatch://eu/b"]);
    let trusts = Some(rig.ours.pem.as_str());
    let shown = Shown { trusts, certificate: Some(&good), token: Some(TOKEN) };
    for zone in ["a", "b"] {
        rig.knock(shown, hello(&format!("agent-{zone}"), 1, "eu", zone)).expect("it is let in");
    }

    // Without TLS, without a certificate, with one of somebody else's authority: no connection at all.
    let stranger = theirs.issue(&["zonewatch://eu/a"]);
    for (what, shown) in [
        ("no TLS", Shown { trusts: None, ..shown }),
        ("no certificate", Shown { certificate: None, ..shown }),
        ("a stranger's certificate", Shown { certificate: Some(&stranger), ..shown }),
    ] {
        let refused = rig.knock(shown, hello("evil", 1, "eu", "a")).err();
        assert!(refused.is_some(), "{what}");
    }
    // A peer that is sent away may come again at once.
    rig.until_refused("handshake", 3);

    // One of ours, for another place or for none.
    for (names, vantage, zone) in [
        (&["zonewatch://eu/a"][..], "us", "a"),
        (&["zonewatch://eu/a"], "eu", "b"),
        (&["agent.example"], "eu", "a"),
        (&["https://eu/a"], "eu", "a"),
    ] {
        let other = rig.ours.issue(names);
        let shown = Shown { certificate: Some(&other), ..shown };
        let refused = rig.knock(shown, hello("evil", 1, vantage, zone)).err().expect("refused");
        assert!(
            refused.starts_with("PermissionDenied") && refused.contains("the certificate names"),
            "{refused}"
        );
    }
    rig.until_refused("certificate", 4);

    // The right certificate, and a wrong token or none.
    for (token, words) in [(None, "asks agents for a token"), (Some("another-token"), "is not one")]
    {
        let refused = rig.knock(Shown { token, ..shown }, hello("evil", 1, "eu", "a"));
        let refused = refused.err().expect("refused");
        assert!(refused.starts_with("Unauthenticated") && refused.contains(words), "{refused}");
    }
    rig.until_refused("no_token", 1);
    rig.until_refused("token", 1);
    let log = rig.program.log();
    assert!(!log.contains(TOKEN) && !log.contains("another-token"), "{log}");
    drop(rig.targets);
}

#[test]
fn tls_older_than_1_3_is_not_spoken() {
    let rig = Rig::start();
    let mut roots = rustls::RootCertStore::empty();
    let authority = rustls::pki_types::pem::PemObject::from_pem_slice(rig.ours.pem.as_bytes());
    roots.add(authority.expect("PEM")).expect("a certificate");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    for (version, works) in [(&rustls::version::TLS12, false), (&rustls::version::TLS13, true)] {
        let config = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("versions")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let name = "localhost".try_into().expect("a name");
        let mut session =
            rustls::ClientConnection::new(config.into(), name).expect("a configuration");
        let mut stream = std::net::TcpStream::connect(rig.program.grpc).expect("it listens");
        let mut shaken = Ok((0, 0));
        while shaken.is_ok() && session.is_handshaking() {
            shaken = session.complete_io(&mut stream);
        }
        assert_eq!(shaken.is_ok(), works, "{version:?}: {shaken:?}");
    }
}

#[test]
fn an_id_that_is_taken_and_results_of_nothing_that_is_planned_are_refused_and_counted() {
    let rig = Rig::start();
    let place = rig.ours.issue(&["zonewatch://eu/a"]);
    let trusts = Some(rig.ours.pem.as_str());
    let shown = Shown { trusts, certificate: Some(&place), token: Some(TOKEN) };
    let mut first = rig.knock(shown, hello("agent", 1, "eu", "a")).expect("it is let in");
    let second = rig.knock(shown, hello("agent", 2, "eu", "a"));
    let refused = second.err().expect("the first one lives");
    assert!(refused.starts_with("AlreadyExists"), "{refused}");
    rig.until_refused("id_in_use", 1);

    let made_up = ProbeResult {
        uid: Uid(999),
        revision: 1,
        planned: Timestamp::from_millis(1_700_000_000_000),
        start_delay_ms: 0,
        outcome: Outcome::Answered { status: 200, unexpected: None },
        phases: Phases::default(),
        note: None,
        body_bytes: 0,
    };
    let batch = Batch { results: vec![made_up], ..Batch::default() };
    let results = AgentMessage::Results(ResultsMessage {
        seq: 1,
        watermark: Timestamp::from_millis(0),
        columns: encode_batch(&batch),
        clock_error: Duration::ZERO,
    });
    let counts = rig.runtime.block_on(async {
        first.say.send(results.into()).await.expect("there is room");
        loop {
            let message = first.hear.message().await.expect("it goes on").expect("it goes on");
            if let Ok(CollectorMessage::Ack { refused, .. }) = CollectorMessage::try_from(message) {
                break refused;
            }
        }
    });
    assert_eq!(counts, [(Refusal::UnknownTarget, 1)], "acknowledged, or it would come for ever");
    let summary = rig.program.json("/api/v1/summary?window=1h");
    assert_eq!(summary["slots"]["received"], 0);
}

#[test]
fn messages_that_cannot_be_end_their_own_session_and_nothing_else() {
    let rig = Rig::start();
    let place = rig.ours.issue(&["zonewatch://eu/a"]);
    let trusts = Some(rig.ours.pem.as_str());
    let shown = Shown { trusts, certificate: Some(&place), token: Some(TOKEN) };
    let mut honest = rig.knock(shown, hello("honest", 1, "eu", "a")).expect("it is let in");
    let beat = raw::AgentMessage::from(AgentMessage::Beat(proto::Beat::default()));
    let huge = hello("evil", 1, "eu", "a");
    let huge = match huge.message {
        Some(raw::agent_message::Message::Hello(hello)) => raw::AgentMessage {
            message: Some(raw::agent_message::Message::Hello(raw::Hello {
                version: "x".repeat(5 << 20),
                ..hello
            })),
        },
        other => panic!("{other:?}"),
    };
    for (what, first) in [
        ("no Hello", beat),
        ("nothing", raw::AgentMessage { message: None }),
        ("a nameless one", hello("", 1, "eu", "a")),
        ("a vantage with a line break", hello("evil", 1, "eu\nINFO all is well", "a")),
        ("5 MiB", huge),
    ] {
        let refused = rig.knock(shown, first).err();
        assert!(refused.is_some(), "{what}");
    }
    rig.runtime.block_on(async {
        let channel = connect(rig.program.grpc, shown).await.expect("a connection");
        let mut evil = open(channel, Some(TOKEN), hello("evil", 1, "eu", "a")).await.expect("in");
        let garbage = raw::agent_message::Message::Results(raw::Results {
            seq: 1,
            columns: vec![0xff; 100].into(),
            ..raw::Results::default()
        });
        evil.say.send(raw::AgentMessage { message: Some(garbage) }).await.expect("room");
        while let Ok(Some(_)) = evil.hear.message().await {}
        honest
            .say
            .send(AgentMessage::Beat(proto::Beat::default()).into())
            .await
            .expect("the honest one's session goes on");
        honest.hear.message().await.expect("and is answered").expect("it does not end");
    });
    rig.until_refused("malformed", 4);
    let forged = rig.program.log().lines().any(|line| line.starts_with("INFO all is well"));
    assert!(!forged, "{}", rig.program.log());
    assert_eq!(rig.program.get("/readyz").status, 200);
}
