//! How fast an agent may speak. Whoever is faster is read more slowly, and nothing of it is lost.

use std::time::Duration;

use tokio::time::Instant;

/// Messages a second in the long run: an agent sends a few, and some more while it delivers a backlog.
const MESSAGES: f64 = 500.0;
/// Bytes a second in the long run: over half a million results.
const BYTES: f64 = 16.0 * 1024.0 * 1024.0;
/// How many seconds' worth may come at once: a whole outbox of 64 MiB.
const BURST: f64 = 4.0;

/// What has been read of one session.
#[derive(Debug)]
pub(super) struct Pace {
    messages: f64,
    bytes: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { messages: 0.0, bytes: 0.0, at: now }
    }

    /// One more message: how long to wait before the next is read.
    pub(super) fn read(&mut self, now: Instant, bytes: usize) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.messages = (self.messages - passed * MESSAGES).max(0.0) + 1.0;
        self.bytes = (self.bytes - passed * BYTES).max(0.0) + bytes as f64;
        let ahead = (self.messages / MESSAGES).max(self.bytes / BYTES) - BURST;
        Duration::from_secs_f64(ahead.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_read_at_once_and_a_flood_at_its_rate() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        for _ in 0..2000 {
            assert_eq!(pace.read(began, 100), Duration::ZERO);
        }
        let mut now = began;
        for _ in 0..5000 {
            now += pace.read(now, 100);
        }
        let took = (now - began).as_secs_f64();
        assert!((9.0..11.0).contains(&took), "5,000 messages in {took} s");
        let mut pace = Pace::new(began);
        assert!(pace.read(began, 80 << 20) >= Duration::from_millis(900));
    }
}
