//! Probes as tasks: each waits for its permits, runs, and says how it ended. A panic is a fault of ours, not silence.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proto::{ProbeSettings, ScheduledTarget, SettingsApplied};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::task::coop::unconstrained;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::admit::Admit;
use crate::agent_core::{Attempt, Start};
use crate::clock::LocalMicros;
use crate::flights::Ticket;
use crate::limit::Limit;
use crate::machine::Machine;
use crate::pause::Pauses;
use crate::probe::{Ended, Prepared, Prober};
use crate::tuning::{Own, Tuner};

/// Starts that are told and not yet taken note of: a task that finds it full waits a moment.
const STARTED_MAX: usize = 1024;

/// Tasks at once that the runtime has not come to yet. Its queue is first come first served: behind ten thousand new probes those
/// that run, and the stream to the collector, would wait for a second, and what is due faster than this machine can probe it
/// would bring everything to a stop.
const NEW_MAX: usize = 256;

/// A target, ready to be probed.
pub type Ready = Arc<(Prepared, Duration)>;

impl Admit for Prober {
    type Handle = Ready;

    fn admit(&mut self, target: &ScheduledTarget) -> Result<Ready, String> {
        match self.prepare(&target.spec) {
            Ok(prepared) => Ok(Arc::new((prepared, target.spec.timeout))),
            Err(unfit) => Err(unfit.to_string()),
        }
    }
}

/// The probes of one agent.
pub(crate) struct Workers {
    tasks: JoinSet<(Ticket, Attempt)>,
    /// What is to be started and is no task yet, with what stops it.
    waiting: VecDeque<(Start<Ready>, CancellationToken)>,
    tickets: FxHashMap<Id, Ticket>,
    shared: Arc<Shared>,
    started: mpsc::Receiver<(Ticket, LocalMicros)>,
    /// Of what has not begun.
    no_more: CancellationToken,
    tuner: Tuner,
}

struct Shared {
    /// Tasks that have not run yet.
    new: AtomicUsize,
    machine: Arc<dyn Machine>,
    prober: Prober,
    permits: Limit,
    pauses: Arc<Pauses>,
    started: mpsc::Sender<(Ticket, LocalMicros)>,
}

/// What a worker tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// A probe has its permits and begins.
    Started(Ticket, LocalMicros),
    /// A try is over.
    Ended(Ticket, Attempt),
    /// Settings were tried.
    Tuned(SettingsApplied),
}

impl Workers {
    /// None yet; as many will run at once as `own` says, until settings say otherwise.
    pub(crate) fn new(
        machine: Arc<dyn Machine>,
        prober: Prober,
        own: Own,
        pauses: Arc<Pauses>,
    ) -> Self {
        let (sender, started) = mpsc::channel(STARTED_MAX);
        let permits = Limit::new(own.concurrency(None));
        let tuner = Tuner::new(prober.clone(), own);
        let no_more = CancellationToken::new();
        let new = AtomicUsize::new(0);
        let shared = Arc::new(Shared { new, machine, prober, permits, pauses, started: sender });
        Self {
            tasks: JoinSet::new(),
            waiting: VecDeque::new(),
            tickets: FxHashMap::default(),
            shared,
            started,
            no_more,
            tuner,
        }
    }

    /// Probes like this from now on; [`Told::Tuned`] says what came of it.
    pub(crate) fn tune(&mut self, settings: ProbeSettings) {
        self.tuner.tune(settings);
    }

    /// Probes as soon as there is room and there are permits.
    pub(crate) fn start(&mut self, start: Start<Ready>) {
        self.waiting.push_back((start, self.no_more.clone()));
        self.begin();
    }

    /// Makes tasks of what waits, as far as there is room.
    pub(crate) fn begin(&mut self) {
        while self.shared.new.load(Ordering::Relaxed) < NEW_MAX
            && let Some((start, no_more)) = self.waiting.pop_front()
        {
            let (ticket, shared) = (start.ticket, self.shared.clone());
            shared.new.fetch_add(1, Ordering::Relaxed);
            let task = self.tasks.spawn(async move {
                shared.new.fetch_sub(1, Ordering::Relaxed);
                (ticket, shared.attempt(&start, &no_more).await)
            });
            self.tickets.insert(task.id(), ticket);
        }
    }

    /// What has not begun must not begin, and each says [`Attempt::NotBegun`]; what is to be started later may begin.
    pub(crate) fn stop_starting(&mut self) {
        std::mem::take(&mut self.no_more).cancel();
    }

    /// Whether there may be news later.
    pub(crate) fn are_busy(&self) -> bool {
        !self.tasks.is_empty() || !self.waiting.is_empty() || self.tuner.is_busy()
    }

    /// The next piece of news, if there is one by now. Whoever asks is not woken when there is: see [`Workers::are_busy`].
    pub(crate) fn told(&mut self) -> Option<Told> {
        let told = pin!(unconstrained(self.next()));
        match told.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(told) => Some(told),
            Poll::Pending => None,
        }
    }

    /// Waits for news; for ever, when there is nothing to wait for. Cancel safe.
    async fn next(&mut self) -> Told {
        tokio::select! {
            biased;
            Some((ticket, at)) = self.started.recv() => Told::Started(ticket, at),
            Some(applied) = self.tuner.done() => {
                // What runs is not cut short.
                let capacity = usize::try_from(applied.capacity).unwrap_or(usize::MAX);
                self.shared.permits.resize(capacity);
                Told::Tuned(applied)
            }
            Some(ended) = self.tasks.join_next_with_id() => match ended {
                Ok((id, (ticket, attempt))) => {
                    self.tickets.remove(&id);
                    Told::Ended(ticket, attempt)
                }
                Err(error) => {
                    tracing::error!(%error, "a probe panicked: please report this");
                    let ticket = self.tickets.remove(&error.id()).expect("every task has its ticket");
                    Told::Ended(ticket, Attempt::Fault)
                }
            },
        }
    }
}

impl Shared {
    /// One try, from waiting to its end.
    async fn attempt(&self, start: &Start<Ready>, no_more: &CancellationToken) -> Attempt {
        let (prepared, timeout) = &*start.handle;
        let permits = async {
            let host = self.prober.permit(prepared).await;
            let global = self.permits.acquire().await;
            (host, global)
        };
        let closes_in = start.start_before.since(self.machine.boot_time());
        let permits = tokio::select! {
            biased;
            () = no_more.cancelled() => return Attempt::NotBegun,
            permits = permits => permits,
            () = tokio::time::sleep(closes_in) => return Attempt::NoPermit,
        };
        let started = self.machine.boot_time();
        if started >= start.start_before {
            return Attempt::NoPermit;
        }
        self.pauses.tick(started);
        if self.started.send((start.ticket, started)).await.is_err() {
            return Attempt::NotBegun; // The agent has ended.
        }
        // Boxed, so that one who waits for a permit takes little memory.
        let ended = self.machine.probe(&self.prober, start).await;
        let paused = self.pauses.tainted(started, self.machine.boot_time(), *timeout);
        drop(permits);
        match ended {
            _ if paused => Attempt::Paused,
            Ended::Report(report) => Attempt::Found {
                started,
                outcome: report.outcome,
                phases: report.phases,
                body_bytes: report.body_bytes,
                note: report.note,
            },
            Ended::Fault(fault) => {
                tracing::debug!(fault = fault.name(), "this machine ran short of something");
                Attempt::Fault
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::{ProbeSpec, Timestamp, Uid};

    use super::*;
    use crate::machine::this_machine;
    use crate::probe::ProbeOptions;

    fn workers() -> Workers {
        let probe = ProbeOptions::default();
        let prober = Prober::new(&probe).expect("the defaults are good");
        let own = Own { probe, concurrency: Some(10), concurrency_max: 10 };
        let machine = this_machine();
        let pauses = Arc::new(Pauses::new(machine.boot_time()));
        Workers::new(machine, prober, own, pauses)
    }

    /// Its window has closed: it ends as soon as it gets a turn, without a probe.
    fn closed(workers: &Workers, ticket: u64) -> Start<Ready> {
        let spec = ProbeSpec::get("http://127.0.0.1/");
        let prepared = workers.shared.prober.prepare(&spec).expect("a good target");
        let handle = Arc::new((prepared, spec.timeout));
        let (planned, start_before) = (Timestamp::EPOCH, LocalMicros(0));
        Start { ticket: Ticket(ticket), uid: Uid(ticket), planned, start_before, handle }
    }

    #[tokio::test]
    async fn of_ten_thousand_starts_only_a_few_stand_before_those_that_run_and_all_have_their_turn()
    {
        let mut workers = workers();
        for ticket in 0..10_000 {
            workers.start(closed(&workers, ticket));
        }
        let mut ended = Vec::new();
        while workers.are_busy() {
            assert!(workers.tasks.len() <= NEW_MAX, "{} tasks", workers.tasks.len());
            tokio::task::yield_now().await;
            while let Some(told) = workers.told() {
                let Told::Ended(ticket, Attempt::NoPermit) = told else { panic!("{told:?}") };
                ended.push(ticket.0);
            }
            workers.begin();
        }
        assert_eq!(ended, Vec::from_iter(0..10_000), "the first come first");
    }

    #[tokio::test]
    async fn what_waits_to_begin_says_that_it_must_not_when_nothing_may_begin_any_more() {
        let mut workers = workers();
        for ticket in 0..1_000 {
            workers.start(closed(&workers, ticket));
        }
        workers.stop_starting();
        let mut ended = 0;
        while workers.are_busy() {
            tokio::task::yield_now().await;
            while let Some(told) = workers.told() {
                assert!(matches!(told, Told::Ended(_, Attempt::NotBegun)), "{told:?}");
                ended += 1;
            }
            workers.begin();
        }
        assert_eq!(ended, 1_000);
    }
}
