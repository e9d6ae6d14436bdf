//! So many at once, where "so many" may change while they run: what runs is not cut short.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// A semaphore of a size that can change.
#[derive(Debug)]
pub(crate) struct Limit {
    semaphore: Semaphore,
    size: Mutex<usize>,
    /// Permits that are to be taken out of use when those who hold them give them back.
    surplus: AtomicUsize,
}

/// Given back when it is dropped.
pub(crate) struct LimitPermit<'a> {
    limit: &'a Limit,
    /// None while it is dropped.
    permit: Option<SemaphorePermit<'a>>,
}

impl Limit {
    pub(crate) fn new(size: usize) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            semaphore: Semaphore::new(size),
            size: Mutex::new(size),
            surplus: AtomicUsize::new(0),
        }
    }

    /// Waits for room, first come first served.
    pub(crate) async fn acquire(&self) -> LimitPermit<'_> {
        // The semaphore is never closed; if it were, not limiting is the lesser evil.
        LimitPermit { limit: self, permit: self.semaphore.acquire().await.ok() }
    }

    /// From now on at most `size` at once.
    pub(crate) fn resize(&self, size: usize) {
        let wanted = size.clamp(1, Semaphore::MAX_PERMITS);
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *size, wanted);
        if wanted > before {
            // What was to be taken out of use is wanted again.
            let kept = (before..wanted).take_while(|_| self.take_surplus()).count();
            self.semaphore.add_permits(wanted - before - kept);
        } else {
            let fewer = before - wanted;
            let forgotten = self.semaphore.forget_permits(fewer);
            self.surplus.fetch_add(fewer - forgotten, Ordering::SeqCst);
        }
    }

    fn take_surplus(&self) -> bool {
        let lower = |count: usize| count.checked_sub(1);
        self.surplus.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lower).is_ok()
    }
}

impl Drop for LimitPermit<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.limit.take_surplus()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_limit_that_falls_takes_effect_as_what_runs_ends_and_one_that_rises_at_once() {
        let limit = Limit::new(3);
        let held = [limit.acquire().await, limit.acquire().await, limit.acquire().await];
        limit.resize(1);
        let [one, two, three] = held;
        drop(one);
        assert_eq!(limit.semaphore.available_permits(), 0);
        drop(two);
        assert_eq!(limit.semaphore.available_permits(), 0);
        drop(three);
        assert_eq!(limit.semaphore.available_permits(), 1);
        let _held = limit.acquire().await;
        limit.resize(4);
        assert_eq!(limit.semaphore.available_permits(), 3);
    }

    #[tokio::test]
    async fn a_limit_that_falls_and_rises_again_is_what_it_was() {
        let limit = Limit::new(2);
        let held = [limit.acquire().await, limit.acquire().await];
        limit.resize(1);
        limit.resize(2);
        drop(held);
        assert_eq!(limit.semaphore.available_permits(), 2);
    }
}
