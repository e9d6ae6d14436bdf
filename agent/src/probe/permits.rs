//! At most so many probes of one host at a time, however many targets share it.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hosts that are being probed, or waited for: entries leave with their last user, so the map is bounded by the
/// caller's concurrency.
type Hosts = DashMap<Arc<str>, Arc<Semaphore>>;

pub(super) struct Permits {
    per_host: usize,
    hosts: Arc<Hosts>,
}

/// Leave to probe one host, given back when it is dropped.
pub struct HostPermit {
    // Fields drop in this order: the entry must find the permit gone to be removed.
    _permit: Option<OwnedSemaphorePermit>,
    _entry: Entry,
}

/// One user's share of a host's entry.
struct Entry {
    hosts: Arc<Hosts>,
    host: Arc<str>,
    semaphore: Option<Arc<Semaphore>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.semaphore = None;
        // New users clone the Arc under the same lock of the map, so a count of one means that nobody else has it.
        self.hosts.remove_if(&self.host, |_, semaphore| Arc::strong_count(semaphore) == 1);
    }
}

impl Permits {
    pub(super) fn new(per_host: u32) -> Self {
        let per_host = usize::try_from(per_host).unwrap_or(usize::MAX);
        Self { per_host: per_host.clamp(1, Semaphore::MAX_PERMITS), hosts: Arc::default() }
    }

    /// Waits for leave to probe `host`, first come first served.
    pub(super) async fn acquire(&self, host: &Arc<str>) -> HostPermit {
        let semaphore = {
            let entry = self.hosts.entry(Arc::clone(host));
            Arc::clone(&entry.or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
        };
        // Made before the wait: whoever stops waiting leaves nothing behind.
        let entry = Entry {
            hosts: Arc::clone(&self.hosts),
            host: Arc::clone(host),
            semaphore: Some(Arc::clone(&semaphore)),
        };
        // The semaphore is never closed; if it were, not limiting is the lesser evil.
        let permit = semaphore.acquire_owned().await.ok();
        HostPermit { _permit: permit, _entry: entry }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const AT_ONCE: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn no_more_than_so_many_of_one_host_and_others_are_not_held_up() {
        let permits = Permits::new(2);
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        let first = permits.acquire(&a).await;
        let _second = permits.acquire(&a).await;
        assert!(timeout(AT_ONCE, permits.acquire(&a)).await.is_err());
        let _other = permits.acquire(&b).await;
        drop(first);
        let _third = permits.acquire(&a).await;
    }

    #[tokio::test]
    async fn a_host_that_nobody_probes_or_waits_for_is_forgotten() {
        let permits = Permits::new(1);
        let host = Arc::from("a");
        let permit = permits.acquire(&host).await;
        assert!(timeout(AT_ONCE, permits.acquire(&host)).await.is_err());
        assert_eq!(permits.hosts.len(), 1);
        drop(permit);
        assert_eq!(permits.hosts.len(), 0);
    }
}
