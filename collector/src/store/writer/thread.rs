//! The writer's thread from outside: it can be told to come to an end, and waited for, never for ever.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After the deadline the thread may still be inside one append: so much longer it is waited for.
const LAST_APPEND_MAX: Duration = Duration::from_secs(1);

/// The running thread. Dropping it leaves the thread to itself: it ends when its handle is gone and its queue is empty.
pub struct WriterThread {
    thread: JoinHandle<usize>,
    stop: Arc<Stop>,
}

/// The log was not closed as it should be. What was not reported durable may be missing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// Time was over, or the writer had been deposed.
    #[error("{records} records were not written to the log; they were not acknowledged either")]
    Unwritten {
        /// How many were queued.
        records: usize,
    },
    /// The store answers no more, or the handle still exists.
    #[error("the log's thread did not come to an end; it was left behind")]
    Stuck,
    /// A bug.
    #[error("the log's thread panicked")]
    Panicked,
}

impl WriterThread {
    /// `body` says how many records it left unwritten.
    pub(super) fn start(
        body: impl FnOnce(&Stop) -> usize + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let ending = Ending(stop.clone());
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || {
            let ending = ending;
            body(&ending.0)
        })?;
        Ok(Self { thread, stop })
    }

    /// Waits, blocking, until what is queued is durable and the log is closed. Drop the handle before: only then is it
    /// known that no more will come. A failing append is given up when the time is over.
    ///
    /// # Errors
    /// When something is not in the log.
    pub fn close(self, within: Duration) -> Result<(), CloseError> {
        if !self.stop.wait_for_end(within) {
            return Err(CloseError::Stuck);
        }
        match self.thread.join() {
            Ok(0) => Ok(()),
            Ok(records) => Err(CloseError::Unwritten { records }),
            Err(_) => Err(CloseError::Panicked),
        }
    }
}

/// What the two sides tell each other.
#[derive(Default)]
pub(super) struct Stop {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// When to give up.
    deadline: Option<Instant>,
    ended: bool,
}

impl Stop {
    /// Whether it is time to give up.
    pub(super) fn is_over(&self) -> bool {
        self.state().deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Waits so long; no longer than to the deadline, and false when that has passed.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if state.deadline.is_some_and(|deadline| deadline <= now) {
                return false;
            }
            if until <= now {
                return true;
            }
            let next = state.deadline.map_or(until, |deadline| deadline.min(until));
            let woken = self.changed.wait_timeout(state, next - now);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_for_end(&self, within: Duration) -> bool {
        let mut state = self.state();
        state.deadline = Some(Instant::now() + within);
        self.changed.notify_all();
        let patience = within + LAST_APPEND_MAX;
        let waited = self.changed.wait_timeout_while(state, patience, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// Nothing panics while it is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the thread has ended, by a panic too.
struct Ending(Arc<Stop>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_all();
    }
}
