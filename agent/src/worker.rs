//! Probes as tasks: each waits for its permits, runs, and says how it ended. A panic is a fault of ours, not silence.

use std::pin::pin;
use std::sync::Arc;
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
use crate::local_time::{boot_time, until};
use crate::pause::Pauses;
use crate::probe::{Ended, Prepared, Prober};
use crate::tuning::{Own, Tuner};

/// Starts that are told and not yet taken note of: a task that finds it full waits a moment.
const STARTED_MAX: usize = 1024;

/// A target, ready to be probed.
pub(crate) type Ready = Arc<(Prepared, Duration)>;

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
    tickets: FxHashMap<Id, Ticket>,
    shared: Arc<Shared>,
    started: mpsc::Receiver<(Ticket, LocalMicros)>,
    /// Of what has not begun.
    no_more: CancellationToken,
    tuner: Tuner,
}

struct Shared {
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
    pub(crate) fn new(prober: Prober, own: Own, pauses: Arc<Pauses>) -> Self {
        let (sender, started) = mpsc::channel(STARTED_MAX);
        let permits = Limit::new(own.concurrency(None));
        let tuner = Tuner::new(prober.clone(), own);
        let no_more = CancellationToken::new();
        let shared = Arc::new(Shared { prober, permits, pauses, started: sender });
        Self {
            tasks: JoinSet::new(),
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

    /// Probes as soon as there are permits.
    pub(crate) fn start(&mut self, start: Start<Ready>) {
        let ticket = start.ticket;
        let (shared, no_more) = (self.shared.clone(), self.no_more.clone());
        let task =
            self.tasks.spawn(async move { (start.ticket, shared.attempt(&start, &no_more).await) });
        self.tickets.insert(task.id(), ticket);
    }

    /// What has not begun must not begin, and each says [`Attempt::NotBegun`]; what is to be started later may begin.
    pub(crate) fn stop_starting(&mut self) {
        std::mem::take(&mut self.no_more).cancel();
    }

    /// Whether there may be news later.
    pub(crate) fn are_busy(&self) -> bool {
        !self.tasks.is_empty() || self.tuner.is_busy()
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
        let permits = tokio::select! {
            biased;
            () = no_more.cancelled() => return Attempt::NotBegun,
            permits = permits => permits,
            () = tokio::time::sleep(until(start.start_before)) => return Attempt::NoPermit,
        };
        let started = boot_time();
        if started >= start.start_before {
            return Attempt::NoPermit;
        }
        self.pauses.tick(started);
        if self.started.send((start.ticket, started)).await.is_err() {
            return Attempt::NotBegun; // The agent has ended.
        }
        // Boxed, so that one who waits for a permit takes little memory.
        let ended = Box::pin(self.prober.probe(prepared)).await;
        let paused = self.pauses.tainted(started, boot_time(), *timeout);
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
