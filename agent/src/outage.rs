//! What is said about an unreachable collector: once when it begins, once for each new cause, once when it is over.

use std::time::Duration;

use crate::clock::LocalMicros;

/// Why there is no stream: one line in the log for each in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No connection, or it broke.
    Unreachable,
    /// What answered is a collector that stands by while another one leads.
    Standby,
    /// The token or certificate was not accepted.
    Denied,
    /// Something answered that is not a collector.
    NotACollector,
    /// The collector, or we, ended it.
    Ended,
}

/// What to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// It is new: a warning.
    Warn,
    /// It was said before.
    Quietly,
}

/// The state of what was said.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<LocalMicros>,
    said: Vec<Cause>,
}

impl Outage {
    /// There is no stream, for this cause.
    pub(crate) fn lost(&mut self, now: LocalMicros, cause: Cause) -> Say {
        self.since.get_or_insert(now);
        if self.said.contains(&cause) {
            return Say::Quietly;
        }
        self.said.push(cause);
        Say::Warn
    }

    /// A collector has the agent. Gives how long it had not, if that is worth saying.
    pub(crate) fn over(&mut self, now: LocalMicros) -> Option<Duration> {
        self.said.clear();
        self.since.take().map(|since| now.since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_said_once_an_outage() {
        let mut outage = Outage::default();
        assert_eq!(outage.over(LocalMicros(0)), None);
        assert_eq!(outage.lost(LocalMicros(1), Cause::Unreachable), Say::Warn);
        assert_eq!(outage.lost(LocalMicros(2), Cause::Unreachable), Say::Quietly);
        assert_eq!(outage.lost(LocalMicros(3), Cause::Denied), Say::Warn);
        assert_eq!(outage.lost(LocalMicros(4), Cause::Unreachable), Say::Quietly);
        assert_eq!(outage.over(LocalMicros(11)), Some(Duration::from_micros(10)));
        assert_eq!(outage.lost(LocalMicros(12), Cause::Unreachable), Say::Warn);
    }
}
