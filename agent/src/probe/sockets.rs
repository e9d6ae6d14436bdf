//! The resolver's sockets, and what this machine lacked for them: the resolver itself does not pass that on.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::net::runtime::{RuntimeProvider, TokioRuntimeProvider};

use super::fault::fault_of;
use super::report::Fault;

/// A look-up that fails this soon after a fault may have failed for it: twice what one question to a name server takes.
const RECENT: Duration = Duration::from_secs(10);

type Opening<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// Tokio's sockets. Clones share what they remember.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    tokio: TokioRuntimeProvider,
    last_fault: Arc<Mutex<Option<(Instant, Fault)>>>,
}

impl Sockets {
    /// What was lacking lately, if anything was.
    pub(super) fn recent_fault(&self) -> Option<Fault> {
        let last = *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(at, _)| at.elapsed() < RECENT).map(|(_, fault)| fault)
    }

    fn watched<T: 'static>(&self, opening: Opening<T>) -> Opening<T> {
        let last_fault = Arc::clone(&self.last_fault);
        Box::pin(async move {
            let opened = opening.await;
            if let Some(fault) = opened.as_ref().err().and_then(fault_of) {
                let now = Some((Instant::now(), fault));
                *last_fault.lock().unwrap_or_else(PoisonError::into_inner) = now;
            }
            opened
        })
    }
}

impl RuntimeProvider for Sockets {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        bind: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        self.watched(self.tokio.connect_tcp(server, bind, timeout))
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Opening<Self::Udp> {
        self.watched(self.tokio.bind_udp(local, server))
    }
}
