//! Renewing the lease while this process leads, and giving it back at the end.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::chain;
use crate::store::dynamodb::lease::{Lease, RENEW_EVERY, Renewal};

/// After a renewal that failed.
const AGAIN: Duration = Duration::from_millis(500);
/// How long giving it back may take.
const RELEASE_MAX: Duration = Duration::from_secs(2);

/// Another process may lead now.
#[derive(Debug, thiserror::Error)]
pub enum LeaseLost {
    /// It has the lease.
    #[error("another collector has taken the lease")]
    Taken,
    /// It may take it: this process could not renew.
    #[error("the lease could not be renewed in time")]
    Over,
    /// A bug.
    #[error("the lease's task panicked")]
    Panicked,
}

/// Renews a lease until it is told to give it back.
pub struct LeaseKeeper {
    task: JoinSet<Result<(), LeaseLost>>,
    stop: CancellationToken,
}

impl LeaseKeeper {
    /// Begins.
    pub fn start(lease: Lease) -> Self {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(keep(lease, stop.clone()));
        Self { task, stop }
    }

    /// Waits until the lease is lost; for ever if that never is.
    pub async fn lost(&mut self) -> LeaseLost {
        match self.task.join_next().await {
            Some(Ok(Err(lost))) => lost,
            _ => LeaseLost::Panicked,
        }
    }

    /// Gives the lease back: everything is in the log.
    pub async fn release(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(RELEASE_MAX, self.task.join_next()).await.is_err() {
            tracing::warn!("the lease could not be given back: the standby waits for its end");
        }
    }
}

async fn keep(mut lease: Lease, stop: CancellationToken) -> Result<(), LeaseLost> {
    let mut pause = RENEW_EVERY;
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                if let Err(error) = lease.release().await {
                    tracing::warn!(error = %chain(&error), "the lease could not be given back");
                }
                return Ok(());
            }
            () = tokio::time::sleep(pause) => {}
        }
        pause = RENEW_EVERY;
        match lease.renew().await {
            Ok(Renewal::Held) => {}
            Ok(Renewal::Lost) => return Err(LeaseLost::Taken),
            Err(_) if lease.is_over() => return Err(LeaseLost::Over),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the lease was not renewed; trying again");
                pause = AGAIN;
            }
        }
    }
}
