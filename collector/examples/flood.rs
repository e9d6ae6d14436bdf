//! An agent that probes nothing and says that everything is up, at the rate that its targets ask for: load for a collector, by
//! hand, for docs/benchmarks.md.
//!
//! `cargo run --release -p collector --example flood -- GRPC_ADDRESS SECONDS`
//!
//! It takes every shard that it is given, sends what was due in the last tenth of a second, and says at its end how many
//! results were sent and acknowledged a second, and how many bytes each took.

use std::time::{Duration, Instant};

use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_client::FleetClient;
use proto::{
    AgentMessage, Applied, Batch, Beat, CollectorMessage, Hello, Outcome, PROTOCOL, Phases,
    ProbeResult, ResultsMessage, ScheduledTarget, Timestamp, wire,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const STEP: Duration = Duration::from_millis(100);
const BATCH_MAX: usize = 4096;

/// The agent's side of a stream, and what it knows.
struct Flood {
    say: mpsc::Sender<raw::AgentMessage>,
    /// Targets with the next planned start of each.
    due: Vec<(Timestamp, ScheduledTarget)>,
    /// What the collector's clock showed, and when.
    clock: (Timestamp, Instant),
    seq: u64,
    acked: u64,
    /// By sequence number: results in all batches up to it.
    sent: Vec<u64>,
    bytes: u64,
}

impl Flood {
    fn now(&self) -> Timestamp {
        self.clock.0 + self.clock.1.elapsed()
    }

    async fn tell(&self, message: AgentMessage) {
        self.say.send(message.into()).await.expect("the collector listens");
    }

    async fn hear(&mut self, message: raw::CollectorMessage) {
        match CollectorMessage::try_from(message).expect("a message of this version") {
            CollectorMessage::Welcome(welcome) => {
                self.clock =
                    (Timestamp::from_millis(welcome.now_us.div_euclid(1000)), Instant::now());
            }
            CollectorMessage::Assign(assign) => {
                let now = self.now();
                let targets = assign.grants.into_iter().flat_map(|grant| grant.targets);
                self.due.extend(targets.map(|t| (t.planned_at_or_after(now), t)));
                let applied = Applied { version: assign.version, refused: Vec::new() };
                self.tell(AgentMessage::Applied(applied)).await;
            }
            CollectorMessage::Ack { seq, refused } => {
                assert!(refused.is_empty(), "{refused:?}");
                self.acked = seq;
            }
            _ => {}
        }
    }

    /// Sends what was due up to now.
    async fn report(&mut self) {
        let now = self.now();
        let mut results = Vec::new();
        for (planned, target) in &mut self.due {
            while *planned < now {
                results.push(found(target, *planned));
                *planned = *planned + target.interval;
            }
        }
        for results in results.chunks(BATCH_MAX) {
            self.seq += 1;
            let all = self.sent.last().copied().unwrap_or_default() + results.len() as u64;
            self.sent.push(all);
            let batch = Batch { results: results.to_vec(), missed: Vec::new() };
            let columns = wire::encode_batch(&batch);
            self.bytes += columns.len() as u64;
            let message =
                ResultsMessage { seq: self.seq, watermark: now, columns, clock_error: STEP };
            self.tell(AgentMessage::Results(message)).await;
        }
    }

    fn acknowledged(&self) -> u64 {
        let last = usize::try_from(self.acked).expect("few").checked_sub(1);
        last.map_or(0, |last| self.sent[last])
    }
}

fn found(target: &ScheduledTarget, planned: Timestamp) -> ProbeResult {
    let noise = (target.uid.0.wrapping_mul(2_654_435_761) ^ planned.millis() as u64) % 4096;
    let processing_us = 20_000 + u32::try_from(noise).expect("below 4096") * 5;
    ProbeResult {
        uid: target.uid,
        revision: target.revision,
        planned,
        start_delay_ms: 1,
        outcome: Outcome::Answered { status: 200, unexpected: None },
        phases: Phases { connect_us: 8_000, processing_us, ..Phases::default() },
        body_bytes: 5_000,
        note: None,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(seconds)) = (arguments.next(), arguments.next()) else {
        panic!("expected GRPC_ADDRESS SECONDS");
    };
    let seconds = Duration::from_secs(seconds.parse().expect("a number"));
    let client = FleetClient::connect(format!("http://{address}")).await.expect("a collector");
    let mut client = client.max_decoding_message_size(64 << 20);
    let (say, messages) = mpsc::channel(1024);
    let hello = Hello {
        agent_id: "flood".into(),
        boot: u64::from(std::process::id()),
        vantage: "default".into(),
        zone: "a".into(),
        capacity: 1_000_000,
        version: "flood".into(),
        protocol: PROTOCOL,
        epoch_seen: 0,
        held: Vec::new(),
        sent_us: 0,
        log_seen: 0,
        takes_settings: false,
        takes_parts: false,
    };
    say.send(AgentMessage::Hello(hello).into()).await.expect("there is room");
    let stream = client.session(ReceiverStream::new(messages)).await.expect("it is let in");
    let mut hear = stream.into_inner();
    let clock = (Timestamp::EPOCH, Instant::now());
    let mut flood =
        Flood { say, due: Vec::new(), clock, seq: 0, acked: 0, sent: Vec::new(), bytes: 0 };
    let mut steps = tokio::time::interval(STEP);
    let mut beats = tokio::time::interval(Duration::from_secs(2));
    let mut began: Option<(Instant, u64, u64, u64)> = None;
    loop {
        tokio::select! {
            message = hear.message() => {
                let message = message.expect("the stream goes on").expect("it does not end");
                flood.hear(message).await;
            }
            _ = beats.tick() => flood.tell(AgentMessage::Beat(Beat::default())).await,
            _ = steps.tick() => flood.report().await,
        }
        if began.is_none() && flood.acked > 50 {
            let sent = flood.sent.last().copied().unwrap_or_default();
            began = Some((Instant::now(), sent, flood.acknowledged(), flood.bytes));
        }
        let Some((since, sent, acknowledged, bytes)) = began else { continue };
        if since.elapsed() >= seconds {
            let each = |all: u64| all as f64 / since.elapsed().as_secs_f64();
            let all = flood.sent.last().copied().unwrap_or_default();
            println!(
                "{} targets: {:.0} results a second sent, {:.0} acknowledged; {:.1} bytes each",
                flood.due.len(),
                each(all - sent),
                each(flood.acknowledged() - acknowledged),
                (flood.bytes - bytes) as f64 / (all - sent) as f64,
            );
            return;
        }
    }
}
