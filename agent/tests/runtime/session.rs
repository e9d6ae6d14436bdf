//! An agent in this process: it connects, probes, delivers, comes back, and drains.

use std::time::Duration;

use agent::{Agent, AgentConfig, ClientTls, DrainReport, Files, Listen, Secret, local_get};
use proto::{AgentMessage, CollectorMessage, HeldShard, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::collector::{Collector, Origin, now, shard, soon, target};

/// No test takes so long.
const LEASE: Duration = Duration::from_secs(120);

struct Running {
    stop: CancellationToken,
    tasks: JoinSet<DrainReport>,
}

impl Running {
    fn start(agent: Agent) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(agent.run(stop.clone()));
        Self { stop, tasks }
    }

    async fn ended(mut self) -> DrainReport {
        soon("the end of the agent", self.tasks.join_next()).await.unwrap().unwrap()
    }
}

fn config(url: &str) -> AgentConfig {
    AgentConfig {
        agent_id: "agent-1".into(),
        vantage: "v".into(),
        zone: "z".into(),
        ..AgentConfig::new(url.parse().unwrap())
    }
}

fn start(config: AgentConfig) -> Running {
    Running::start(Agent::new(config).unwrap())
}

#[tokio::test]
async fn an_agent_that_follows_another_log_forgets_the_old_one_and_probes_for_the_new_one() {
    let origin = Origin::start(Duration::ZERO).await;
    let mut collector = Collector::start(None).await;
    let agent = start(config(&collector.url()));

    let (mut first, _) = collector.welcomed_to(1, LEASE).await;
    first.grant(target(origin.url.clone())).await;
    first.results().await;
    drop(first);

    let (mut second, _) = collector.welcomed_to(2, LEASE).await;
    second.grant(target(origin.url.clone())).await;
    let (message, batch) = second.results().await;
    assert_eq!(batch.results[0].outcome, Outcome::Answered { status: 200, unexpected: None });
    second.ack(message.seq).await;
    agent.stop.cancel();
    drop(second);
}

#[tokio::test]
async fn results_survive_a_broken_stream_and_are_sent_again_from_one_on_the_next() {
    let origin = Origin::start(Duration::ZERO).await;
    let mut collector = Collector::start(None).await;
    let agent = start(config(&collector.url()));

    let (mut first, hello) = collector.welcomed(LEASE).await;
    assert_eq!((hello.agent_id.as_str(), hello.protocol), ("agent-1", 1));
    assert_eq!(hello.held, []);
    let from = now();
    first.grant(target(origin.url.clone())).await;
    let AgentMessage::Applied(applied) = first.hear().await else { panic!("expected Applied") };
    assert_eq!((applied.version, applied.refused), (1, vec![]));
    let (message, batch) = first.results().await;
    assert_eq!(batch.results[0].outcome, Outcome::Answered { status: 200, unexpected: None });
    assert!(batch.results[0].planned >= from);
    assert!(message.watermark > batch.results[0].planned);
    drop(first); // unacknowledged

    let (mut second, hello) = collector.welcomed(LEASE).await;
    assert_eq!(hello.epoch_seen, 1);
    assert!(
        matches!(hello.held[..], [HeldShard { shard: s, content_hash: 42, .. }] if s == shard())
    );
    let (again, batch_again) = second.results().await;
    assert_eq!(again.seq, 1);
    assert_eq!(batch_again.results[0], batch.results[0]);
    second.ack(again.seq).await;

    agent.stop.cancel();
    let mut drained = false;
    while let Some(message) = soon("the end of the stream", second.next()).await {
        match message {
            AgentMessage::Results(results) => second.ack(results.seq).await,
            AgentMessage::Draining { until } => drained = until <= now(),
            _ => {}
        }
    }
    assert!(drained);
    drop(second);
    let report = agent.ended().await;
    assert_eq!(report, DrainReport { complete: true, undelivered_bytes: 0 });
}

#[tokio::test]
async fn a_collector_that_comes_up_later_or_again_is_found() {
    let mut collector = Collector::start(None).await;
    let address = collector.address;
    let agent = start(config(&collector.url()));
    let conversation = collector.welcomed(LEASE).await;
    collector.stop().await;
    drop(conversation);
    let mut collector = Collector::start_at(address, None).await;
    let (_conversation, hello) = collector.welcomed(LEASE).await;
    assert_eq!(hello.epoch_seen, 1);
    agent.stop.cancel();
    assert!(agent.ended().await.complete);
}

#[tokio::test]
async fn a_silent_collector_is_left_after_its_lease() {
    let mut collector = Collector::start(None).await;
    let agent = start(config(&collector.url()));
    let (_silent, _) = collector.welcomed(Duration::from_secs(2)).await;
    collector.greeted().await;
    agent.stop.cancel();
    agent.ended().await;
}

#[tokio::test]
async fn one_who_is_sent_away_comes_back_no_sooner_than_told() {
    let mut collector = Collector::start(None).await;
    let agent = start(config(&collector.url()));
    let (conversation, _) = collector.welcomed(LEASE).await;
    let after = Duration::from_secs(2);
    let told = now();
    let cause = "restart".into();
    conversation.say(CollectorMessage::GoAway { after, cause }).await;
    collector.greeted().await;
    assert!(now().since(told) >= after, "{:?}", now().since(told));
    agent.stop.cancel();
    agent.ended().await;
}

#[tokio::test]
async fn the_token_is_shown_and_one_that_is_refused_does_not_end_the_agent() {
    let mut collector = Collector::start(Some("Bearer right")).await;
    let with = |token| AgentConfig { token: Secret::first_line(token), ..config(&collector.url()) };
    let (wrong, right) = (start(with("wrong")), start(with("right")));
    let (conversation, _) = collector.greeted().await;
    assert_eq!(conversation.authorization.as_deref(), Some("Bearer right"));
    assert!(!wrong.tasks.is_empty());
    wrong.stop.cancel();
    assert!(wrong.ended().await.complete, "it ran until it was stopped");
    right.stop.cancel();
    right.ended().await;
}

#[tokio::test]
async fn over_tls_each_side_trusts_only_whom_it_was_told_to() {
    let certified = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (ours, theirs) = (certified(), certified());
    let identity = |key: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        (key.cert.pem().into_bytes(), key.signing_key.serialize_pem().into_bytes())
    };
    let (certificate, key) = identity(&theirs);
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(&certificate, &key))
        .client_ca_root(Certificate::from_pem(ours.cert.pem()));
    let mut collector = Collector::start_tls(tls).await;
    let url = format!("https://localhost:{}", collector.address.port());
    let with = |agent_id: &str, ca, identity| AgentConfig {
        tls: ClientTls { ca, identity },
        agent_id: agent_id.into(),
        ..config(&url)
    };
    let trusted = Some(certificate);
    let strangers = [
        start(with("trusts-others", Some(ours.cert.pem().into_bytes()), Some(identity(&ours)))),
        start(with("shows-nothing", trusted.clone(), None)),
        start(with("shows-another", trusted.clone(), Some(identity(&certified())))),
    ];
    let good = start(with("good", trusted, Some(identity(&ours))));
    let (_conversation, hello) = collector.greeted().await;
    assert_eq!(hello.agent_id, "good");
    assert!(collector.is_quiet(Duration::from_secs(1)).await, "a stranger came in");
    for agent in strangers.into_iter().chain([good]) {
        agent.stop.cancel();
        agent.ended().await;
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_is_wrong_usage() {
    let tls = ClientTls { ca: Some(b"nonsense".to_vec()), identity: None };
    let made = Agent::new(AgentConfig { tls, ..config("https://localhost:1") });
    assert!(made.err().expect("it is no certificate").is_usage());
}

#[tokio::test]
async fn metrics_and_health_are_served_and_it_is_ready_once_a_collector_has_it() {
    let mut collector = Collector::start(None).await;
    let listen = Some(Listen { address: "127.0.0.1:0".parse().unwrap(), required: true });
    let agent = Agent::new(AgentConfig { listen, ..config(&collector.url()) }).unwrap();
    let admin = agent.admin_address().unwrap();
    let get = |path: &str| local_get::get(format!("http://{admin}/{path}").parse().unwrap());
    let agent = Running::start(agent);
    assert_eq!(soon("livez", get("livez")).await.unwrap().0, 200);
    assert_eq!(get("readyz").await.unwrap().0, 503);
    let (_conversation, _) = collector.welcomed(LEASE).await;
    let ready = async {
        while get("readyz").await.unwrap().0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    soon("readiness", ready).await;
    let (_, metrics) = get("metrics").await.unwrap();
    let metrics = String::from_utf8(metrics.into()).unwrap();
    assert!(metrics.contains("zonewatch_agent_connected 1"), "{metrics}");
    agent.stop.cancel();
    agent.ended().await;
}

#[tokio::test]
async fn connections_that_hang_at_the_metrics_port_shut_nobody_out() {
    let listen = Some(Listen { address: "127.0.0.1:0".parse().unwrap(), required: true });
    let agent = Agent::new(AgentConfig { listen, ..config("http://127.0.0.1:1") }).unwrap();
    let admin = agent.admin_address().unwrap();
    let agent = Running::start(agent);
    let mut held = Vec::new();
    for says in [&b""[..], b"GET /metrics HT", b"GET /metrics HTTP/1.1\r\nX-Slow: "].repeat(100) {
        let mut stream = tokio::net::TcpStream::connect(admin).await.unwrap();
        let _cut_already = stream.write_all(says).await;
        held.push(stream);
    }
    let get = local_get::get(format!("http://{admin}/livez").parse().unwrap());
    assert_eq!(soon("livez", get).await.unwrap().0, 200);
    // The oldest had to make room.
    let mut byte = [0];
    let first = soon("the oldest is cut", held[0].read(&mut byte)).await;
    assert!(matches!(first, Ok(0) | Err(_)), "{first:?}");
    agent.stop.cancel();
    agent.ended().await;
}

#[tokio::test]
async fn an_address_that_is_taken_stops_only_an_agent_that_was_given_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let with = |required| {
        let listen = Some(Listen { address, required });
        Agent::new(AgentConfig { listen, ..config("http://127.0.0.1:1") })
    };
    assert!(with(false).unwrap().admin_address().is_none());
    let error = with(true).err().expect("it is taken");
    assert!(!error.is_usage());
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_token_is_read_again_before_every_connection_and_the_last_good_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "the-first\n").unwrap();
    let mut collector = Collector::start(None).await;
    let _agent = start(AgentConfig {
        token: Secret::first_line("the-first"),
        files: Files { token: Some(file.clone()), ..Files::default() },
        ..config(&collector.url())
    });
    // What the file holds when the agent comes back, and what it shows then.
    for (next, shown) in [("the-second", "the-first"), ("\n", "the-second"), ("", "the-second")] {
        let (conversation, _) = collector.greeted().await;
        assert_eq!(conversation.authorization, Some(format!("Bearer {shown}")));
        std::fs::write(&file, next).unwrap();
    }
}

#[tokio::test]
async fn a_token_is_not_sent_in_the_clear_to_another_machine_unless_that_is_said() {
    let with = |url: &str, allow_plaintext: bool, token: Option<&str>| {
        let token = token.and_then(Secret::first_line);
        let config = AgentConfig { token, allow_plaintext, ..config(url) };
        Agent::new(config).map(|_| ()).map_err(|error| (error.is_usage(), error.to_string()))
    };
    let (usage, said) = with("http://10.0.0.1:50051", false, Some("hunter2-x")).unwrap_err();
    assert!(usage && said.contains("--allow-plaintext") && !said.contains("hunter2"), "{said}");
    assert_eq!(with("http://10.0.0.1:50051", true, Some("hunter2-x")), Ok(()));
    assert_eq!(with("http://127.0.0.1:50051", false, Some("hunter2-x")), Ok(()));
    assert_eq!(with("https://10.0.0.1:50051", false, Some("hunter2-x")), Ok(()));
    assert_eq!(with("http://10.0.0.1:50051", false, None), Ok(()));
}
