//! What an agent stands on: a clock, a way to its collector, a way to its targets. This machine, or a simulated one.

use std::pin::Pin;
use std::sync::Arc;

use tonic::transport::{Channel, Endpoint};

use crate::agent_core::Start;
use crate::clock::LocalMicros;
use crate::local_time;
use crate::probe::{Ended, Prober};
use crate::worker::Ready;

/// Something that takes its time.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything outside of an agent that it acts by or on. Sleeping is not among it: timers are the runtime's, and go by the
/// same time.
pub trait Machine: Send + Sync + 'static {
    /// The clock by which the agent acts.
    fn boot_time(&self) -> LocalMicros;

    /// Microseconds since 1970 on the wall clock, which the collector is told so that people see how far it is off.
    fn wall_us(&self) -> i64;

    /// Connects to the collector.
    fn connect<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> Doing<'a, Result<Channel, tonic::transport::Error>>;

    /// Probes once, with the permits for it in hand.
    fn probe<'a>(&'a self, prober: &'a Prober, start: &'a Start<Ready>) -> Doing<'a, Ended>;
}

/// The machine on which this process runs.
#[derive(Clone, Copy, Debug)]
struct ThisMachine;

/// The machine on which this process runs.
pub(crate) fn this_machine() -> Arc<dyn Machine> {
    Arc::new(ThisMachine)
}

impl Machine for ThisMachine {
    fn boot_time(&self) -> LocalMicros {
        local_time::boot_time()
    }

    fn wall_us(&self) -> i64 {
        local_time::wall_us()
    }

    fn connect<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> Doing<'a, Result<Channel, tonic::transport::Error>> {
        Box::pin(endpoint.connect())
    }

    fn probe<'a>(&'a self, prober: &'a Prober, start: &'a Start<Ready>) -> Doing<'a, Ended> {
        Box::pin(prober.probe(&start.handle.0))
    }
}
