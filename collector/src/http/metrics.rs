//! `/metrics`: the program's own health. Its size does not grow with the targets.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use proto::{Missed, Refusal, Timestamp};

use super::query::Parameters;
use super::{Api, Problem, exposition};
use crate::clock;
use crate::core::Core;
use crate::fleet::AgentStatus;
use crate::hub::LogHealth;
use crate::notify::{Counts, Receiver};
use crate::sessions::{Refusals, Refused};
use crate::target_file::Health;
use crate::verdict::Verdict;
use crate::view::incidents::open_by_kind;

/// One label with its value.
type Labels = [(&'static str, &'static str); 1];

pub(super) async fn metrics(
    State(api): State<Api>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let rejected = api.rejected.borrow().total;
    let log_works = *api.log_health.borrow() == LogHealth::Working;
    let source = api.source_health.borrow().clone();
    let refusals = api.refusals.clone();
    let notified = api.notified.clone();
    let compute = move |core: &Core, now| {
        let told = Outside { rejected, source, refusals, notified, log_works };
        render(core, now, &told).into()
    };
    let text = api.answers.given(&api.hub, "metrics".into(), compute).await?.body;
    let text = agent::process_metrics() + &String::from_utf8_lossy(&text);
    Ok(exposition::answer(&headers, &text))
}

/// What the core does not know.
struct Outside {
    rejected: usize,
    source: Health,
    refusals: std::sync::Arc<Refusals>,
    notified: Counts,
    log_works: bool,
}

fn render(core: &Core, now: Timestamp, told: &Outside) -> String {
    let Outside { rejected, source, refusals, notified, log_works } = told;
    let mut registry = Registry::with_prefix("zonewatch");
    counters(core, &mut registry);
    fleet(core, now, &mut registry);
    targets(core, &mut registry);
    gauge(&mut registry, "rejected_rows", "Rows of the target file left out", *rejected as i64);
    let readable = i64::from(source.problem.is_none());
    gauge(&mut registry, "targets_readable", "Whether the target file can be read now", readable);
    let help = "Readings of the target file that failed, or gave a file that cannot be used";
    registry.register("targets_read_failures", help, ConstCounter::new(source.failures));
    let refused = Family::<Labels, Counter>::default();
    for reason in Refused::ALL {
        refused.get_or_create(&[("reason", reason.name())]).inc_by(refusals.count(reason));
    }
    let help = "Connections and sessions of agents that were not let in, by reason";
    registry.register("sessions_refused", help, refused);
    gauge(&mut registry, "log_working", "Whether the log can be written", i64::from(*log_works));
    let ahead = Gauge::<f64, AtomicU64>::default();
    ahead.set(clock::wall_ahead_ms(now) as f64 / 1000.0);
    let help =
        "How far the wall clock is ahead of the collector's, which does not follow its steps";
    registry.register("wall_clock_ahead_seconds", help, ahead);
    let waiting = core.appends_waiting() as i64;
    gauge(&mut registry, "log_appends_waiting", "Records on their way into the log", waiting);
    gauge(
        &mut registry,
        "log_bytes_waiting",
        "Bytes on their way into the log",
        i64::try_from(core.appending_bytes()).unwrap_or(i64::MAX),
    );
    notifications(notified, &mut registry);
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        // A String takes everything; should that change, the scrape fails visibly.
        let _infallible = write!(text, "# encoding failed");
    }
    text
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn counters(core: &Core, registry: &mut Registry) {
    let counted = core.counters();
    let mut counter = |name: &str, help: &str, value: u64| {
        registry.register(name, help, ConstCounter::new(value));
    };
    counter("results", "Results that were new", counted.results);
    counter("results_known", "Results that the log held already", counted.known);
    counter("slots_swept", "Slots sent to an agent to be run again or late", counted.swept);
    counter("shard_moves", "Shards moved from one living agent to another", counted.moves);
    counter("agents_lost", "Agents whose lease ran out", counted.lost_agents);
    counter("sessions", "Sessions opened by agents", counted.sessions);
    counter("verdict_changes", "Verdicts that changed", counted.verdict_changes);
    counter(
        "confirmations",
        "Second attempts asked for, to confirm a failure",
        counted.confirmations,
    );
    counter(
        "confirmations_skipped",
        "Second attempts that no agent had room for",
        counted.confirmations_skipped,
    );
    counter("unconfirmed", "Failures that the second attempt did not find", counted.unconfirmed);
    counter("suspicions", "Times that an agent came under suspicion", counted.suspicions);
    counter("canaries", "Probes asked of agents under suspicion", counted.canaries);
    let outcomes = Family::<Labels, Counter>::default();
    let [up, unexpected, failed] = counted.outcomes;
    for (outcome, count) in [("up", up), ("unexpected", unexpected), ("failed", failed)] {
        outcomes.get_or_create(&[("outcome", outcome)]).inc_by(count);
    }
    registry.register("slots_received", "Slots that got a result, by what it was", outcomes);
    let refused = Family::<Labels, Counter>::default();
    for (reason, count) in Refusal::ALL.into_iter().zip(counted.refused) {
        refused.get_or_create(&[("reason", reason.name())]).inc_by(count);
    }
    registry.register("results_refused", "Results that were not taken, by reason", refused);
    let missed = Family::<Labels, Counter>::default();
    for (reason, count) in Missed::ALL.into_iter().zip(counted.missed) {
        missed.get_or_create(&[("reason", reason.name())]).inc_by(count);
    }
    registry.register("slots_missed", "Slots judged missed, by reason", missed);
}

fn notifications(notified: &Counts, registry: &mut Registry) {
    let names = [
        ("notifications_taken", "Requests that receivers took, by their sort"),
        ("notifications_failed", "Requests to receivers that failed and are tried again"),
        (
            "notifications_dropped",
            "Messages that a receiver refused for good, or that were too many",
        ),
    ];
    for (nth, (name, help)) in names.into_iter().enumerate() {
        let counted = Family::<Labels, Counter>::default();
        for receiver in Receiver::ALL {
            let count = notified.counted(receiver)[nth];
            counted.get_or_create(&[("receiver", receiver.name())]).inc_by(count);
        }
        registry.register(name, help, counted);
    }
}

fn fleet(core: &Core, now: Timestamp, registry: &mut Registry) {
    let states = Family::<Labels, Gauge>::default();
    for status in
        [AgentStatus::Connected, AgentStatus::Draining, AgentStatus::Silent, AgentStatus::Lost]
    {
        let count = core.fleet().agents().iter().filter(|(_, a)| a.status() == status).count();
        states.get_or_create(&[("state", status.name())]).set(count as i64);
    }
    registry.register("agents", "Agents by state", states);
    let suspects = core.fleet().agents().iter().filter(|(_, a)| a.suspect.is_some()).count();
    gauge(
        registry,
        "agents_suspect",
        "Agents that fail most of what they probe, and it is not the targets",
        i64::try_from(suspects).unwrap_or(i64::MAX),
    );
    gauge(
        registry,
        "agents_behind",
        "Connected agents whose settings or targets are not in force after 10 s",
        i64::try_from(core.laggards(now)).unwrap_or(i64::MAX),
    );
    gauge(
        registry,
        "agent_settings_bad",
        "1 while the file of agent settings cannot be used",
        i64::from(core.tuning().problem.is_some()),
    );
    let missing: u64 = core
        .state()
        .vantages()
        .filter_map(|(idx, _)| Some(core.fleet().place(idx)?.more_agents))
        .sum();
    gauge(
        registry,
        "agents_missing",
        "Agents that the list needs besides those there are, over all vantages",
        i64::try_from(missing).unwrap_or(i64::MAX),
    );
    let (held, behind) = core.shards();
    gauge(registry, "shards_held", "Shards that agents hold, over all vantages", held as i64);
    gauge(
        registry,
        "assignments_behind",
        "Shards whose agent has yet to take over what it should hold",
        behind as i64,
    );
    let (_, load) = core.load();
    gauge(registry, "probes_in_flight", "Probes running on all agents", load.in_flight.into());
    gauge(registry, "probes_waiting", "Probes waiting for room", load.waiting.into());
    gauge(
        registry,
        "outbox_bytes",
        "Encoded results that agents hold and that are not acknowledged",
        i64::try_from(load.outbox_bytes).unwrap_or(i64::MAX),
    );
    let lateness = Gauge::<f64, AtomicU64>::default();
    lateness.set(f64::from(load.lateness_ms) / 1000.0);
    registry.register(
        "start_lateness_seconds",
        "The latest start of a probe against its plan, over all agents",
        lateness,
    );
}

fn targets(core: &Core, registry: &mut Registry) {
    let verdicts = Family::<Labels, Gauge>::default();
    let mut paused = 0;
    for verdict in Verdict::ALL {
        verdicts.get_or_create(&[("verdict", verdict.name())]).set(0);
    }
    for (_, target) in core.state().targets().filter(|(_, target)| target.listed) {
        if target.entry.paused {
            paused += 1;
        } else {
            verdicts.get_or_create(&[("verdict", target.verdict.name())]).inc();
        }
    }
    verdicts.get_or_create(&[("verdict", "paused")]).set(paused);
    registry.register("targets", "Targets by verdict", verdicts);
    let incidents = Family::<Labels, Gauge>::default();
    for (kind, open) in open_by_kind(&core.state().incidents) {
        incidents.get_or_create(&[("kind", kind.name())]).set(open as i64);
    }
    registry.register("incidents_open", "Incidents that are open, by kind", incidents);
    let opened = ConstCounter::new(core.state().incidents.count());
    registry.register("incidents_opened", "Incidents since the log began", opened);
    gauge(registry, "leader_epoch", "The epoch of this collector", core.state().epoch as i64);
}
