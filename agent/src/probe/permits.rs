//! At most so many probes of one host at a time, however many targets share it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use dashmap::DashMap;

use crate::limit::{Limit, LimitPermit};

/// Hosts of targets that are held: entries leave with their last target.
type Hosts = DashMap<Arc<str>, Weak<Limit>>;

pub(super) struct Permits {
    per_host: AtomicUsize,
    hosts: Arc<Hosts>,
}

/// Leave to probe one host, given back when it is dropped.
pub struct HostPermit<'a> {
    _permit: Option<LimitPermit<'a>>,
}

/// One target's share of its host's limit.
pub(super) struct HostLimit {
    pub(super) host: Arc<str>,
    /// None while it is dropped.
    semaphore: Option<Arc<Limit>>,
    hosts: Arc<Hosts>,
}

impl Permits {
    pub(super) fn new(per_host: u32) -> Self {
        let per_host = usize::try_from(per_host).unwrap_or(usize::MAX);
        Self { per_host: AtomicUsize::new(per_host), hosts: Arc::default() }
    }

    /// From now on so many of each host.
    pub(super) fn resize(&self, per_host: u32) {
        let per_host = usize::try_from(per_host).unwrap_or(usize::MAX);
        if self.per_host.swap(per_host, Ordering::SeqCst) != per_host {
            for host in self.hosts.iter().filter_map(|held| held.value().upgrade()) {
                host.resize(per_host);
            }
        }
    }

    /// The limit that all targets of `host` share.
    pub(super) fn of(&self, host: &str) -> HostLimit {
        let host = Arc::<str>::from(host);
        let mut held = self.hosts.entry(Arc::clone(&host)).or_default();
        let semaphore = held.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Limit::new(self.per_host.load(Ordering::SeqCst)));
            *held = Arc::downgrade(&new);
            new
        });
        HostLimit { host, semaphore: Some(semaphore), hosts: Arc::clone(&self.hosts) }
    }
}

impl HostLimit {
    /// Waits for leave to probe the host, first come first served.
    pub(super) async fn acquire(&self) -> HostPermit<'_> {
        let Some(semaphore) = &self.semaphore else { return HostPermit { _permit: None } };
        HostPermit { _permit: Some(semaphore.acquire().await) }
    }
}

impl Drop for HostLimit {
    fn drop(&mut self) {
        self.semaphore = None;
        // New users upgrade under the same lock of the map, so a count of none means that nobody has it.
        self.hosts.remove_if(&self.host, |_, semaphore| semaphore.strong_count() == 0);
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
        let (a, same, b) = (permits.of("a"), permits.of("a"), permits.of("b"));
        let first = a.acquire().await;
        let _second = same.acquire().await;
        assert!(timeout(AT_ONCE, a.acquire()).await.is_err());
        let _other = b.acquire().await;
        drop(first);
        let _third = same.acquire().await;
    }

    #[tokio::test]
    async fn another_limit_holds_for_hosts_that_are_held_already() {
        let permits = Permits::new(1);
        let host = permits.of("a");
        let _first = host.acquire().await;
        assert!(timeout(AT_ONCE, host.acquire()).await.is_err());
        permits.resize(2);
        let _second = host.acquire().await;
    }

    #[tokio::test]
    async fn a_host_that_no_target_has_is_forgotten() {
        let permits = Permits::new(1);
        let (one, other) = (permits.of("a"), permits.of("a"));
        assert_eq!(permits.hosts.len(), 1);
        drop(one);
        assert_eq!(permits.hosts.len(), 1);
        drop(other);
        assert_eq!(permits.hosts.len(), 0);
    }
}
