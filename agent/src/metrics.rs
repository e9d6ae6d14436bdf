//! What an agent counts, in the exposition format. Its size does not grow with the targets.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use proto::{Missed, Outcome, Refusal};

use crate::admit::Admit;
use crate::agent_core::AgentCore;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// One agent's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    probes: Family<ByOutcome, Counter>,
    retries: Family<ByReason, Counter>,
    missed: Family<ByReason, Counter>,
    refused: Family<ByReason, Counter>,
    dropped: Counter,
    connects: Counter,
    connected: Gauge,
    running: Gauge,
    waiting: Gauge,
    targets: Gauge,
    outbox: Gauge,
    lateness: Gauge<f64, AtomicU64>,
    was_connected: AtomicBool,
    draining: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Self {
            registry: Registry::with_prefix("zonewatch_agent"),
            probes: Family::default(),
            retries: Family::default(),
            missed: Family::default(),
            refused: Family::default(),
            dropped: Counter::default(),
            connects: Counter::default(),
            connected: Gauge::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            targets: Gauge::default(),
            outbox: Gauge::default(),
            lateness: Gauge::default(),
            was_connected: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        };
        let r = &mut all.registry;
        r.register("probes", "Probes that ended, by what they found", all.probes.clone());
        r.register("retries", "Probes whose result was our own fault", all.retries.clone());
        r.register("missed", "Slots, and ranges of them, reported as missed", all.missed.clone());
        r.register("results_refused", "Results the collector did not take", all.refused.clone());
        r.register(
            "results_dropped",
            "Results given up at the outbox's bound",
            all.dropped.clone(),
        );
        r.register("connects", "Times that a collector took the agent in", all.connects.clone());
        r.register("connected", "1 while a collector has the agent", all.connected.clone());
        r.register("probes_in_flight", "Probes that run", all.running.clone());
        r.register("slots_waiting", "Slots that are due and wait", all.waiting.clone());
        r.register("targets", "Targets held", all.targets.clone());
        r.register("outbox_bytes", "What undelivered results take", all.outbox.clone());
        r.register(
            "lateness_seconds",
            "The latest start between two beats against its plan",
            all.lateness.clone(),
        );
        all
    }
}

impl Metrics {
    /// A probe ended.
    pub(crate) fn found(&self, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Answered { unexpected: None, .. } => "up",
            Outcome::Answered { unexpected: Some(_), .. } => "unexpected",
            Outcome::Failed(failure) => failure.name(),
        };
        self.probes.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// A probe ended, and what it found was thrown away.
    pub(crate) fn wasted(&self, reason: Missed) {
        self.retries.get_or_create(&ByReason { reason: reason.name() }).inc();
    }

    /// Follows the core.
    pub(crate) fn follow<A: Admit>(&self, core: &AgentCore<A>) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let raise = |counter: &Counter, to: u64| counter.inc_by(to.saturating_sub(counter.get()));
        let connected = core.is_connected();
        if connected && self.connected.get() == 0 {
            self.connects.inc();
            self.was_connected.store(true, Ordering::Relaxed);
        }
        self.connected.set(connected.into());
        let (running, waiting) = core.load();
        self.running.set(gauge(running));
        self.waiting.set(gauge(waiting));
        self.targets.set(gauge(core.targets()));
        self.lateness.set(core.lateness().as_secs_f64());
        self.outbox.set(gauge(core.outbox_bytes()));
        raise(&self.dropped, core.dropped());
        let counts = core.counts();
        for reason in Missed::ALL.into_iter().filter(|r| counts.missed[*r as usize] > 0) {
            let counter = self.missed.get_or_create(&ByReason { reason: reason.name() });
            raise(&counter, counts.missed[reason as usize]);
        }
        for reason in Refusal::ALL.into_iter().filter(|r| counts.refused[*r as usize] > 0) {
            let counter = self.refused.get_or_create(&ByReason { reason: reason.name() });
            raise(&counter, counts.refused[reason as usize]);
        }
    }

    /// It drains: nobody should count on it any more.
    pub(crate) fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A collector took the agent in, once at least, and it does not drain.
    pub(crate) fn is_ready(&self) -> bool {
        self.was_connected.load(Ordering::Relaxed) && !self.draining.load(Ordering::Relaxed)
    }

    /// Probes that run.
    pub(crate) fn running(&self) -> usize {
        usize::try_from(self.running.get()).unwrap_or(0)
    }

    /// The latest start between the last two beats, against its plan.
    pub(crate) fn lateness(&self) -> Duration {
        Duration::from_secs_f64(self.lateness.get().max(0.0))
    }

    /// In the exposition format.
    pub(crate) fn render(&self) -> String {
        let mut text = crate::process::process_metrics();
        encode(&mut text, &self.registry).expect("writing to a String does not fail");
        text
    }
}
