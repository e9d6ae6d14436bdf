//! How busy an agent is: the probes that ran, on average between two beats.

use crate::clock::LocalMicros;

/// Probes times the time that they ran, since the last answer.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    since: LocalMicros,
    now: LocalMicros,
    /// Probe-microseconds.
    ran: u128,
}

impl Usage {
    /// Since the last call so many ran.
    pub(crate) fn advance(&mut self, now: LocalMicros, running: usize) {
        let passed = now.since(self.now).as_micros();
        self.ran += passed * running as u128;
        self.now = now;
    }

    /// The part of the capacity that ran since the last answer, in thousandths.
    pub(crate) fn take_permille(&mut self, capacity: u32) -> u32 {
        let room = self.now.since(self.since).as_micros() * u128::from(capacity.max(1));
        let permille = (self.ran * 1000).checked_div(room).unwrap_or(0);
        (self.since, self.ran) = (self.now, 0);
        u32::try_from(permille).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_capacity_for_half_of_the_time_is_a_quarter() {
        let mut usage = Usage::default();
        usage.advance(LocalMicros(1_000_000), 5);
        usage.advance(LocalMicros(2_000_000), 0);
        assert_eq!(usage.take_permille(10), 250);
        assert_eq!(usage.take_permille(10), 0, "no time has passed");
        usage.advance(LocalMicros(3_000_000), 10);
        assert_eq!(usage.take_permille(10), 1000);
    }
}
