//! What an agent tells CloudWatch with `--emf`: how busy it is, and how late.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::emf::{self, Metric};
use crate::local_time::wall_ms;
use crate::metrics::Metrics;

/// Between two looks at what runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whose metrics these are.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    pub(crate) deployment: String,
    pub(crate) vantage: String,
    pub(crate) zone: String,
    pub(crate) concurrency: usize,
}

/// The looks of one minute.
#[derive(Debug, Default)]
struct Minute {
    looks: u32,
    running: f64,
    lateness: f64,
}

impl Minute {
    fn look(&mut self, running: usize, lateness: Duration) {
        self.looks += 1;
        self.running += running as f64;
        self.lateness = self.lateness.max(lateness.as_secs_f64());
    }

    fn metrics(&self, concurrency: usize) -> [Metric; 2] {
        let places = f64::from(self.looks.max(1)) * concurrency.max(1) as f64;
        let used = 100.0 * self.running / places;
        [
            Metric { name: "ProbeUtilization", unit: "Percent", value: used },
            Metric { name: "StartLatenessSeconds", unit: "Seconds", value: self.lateness },
        ]
    }
}

impl Signals {
    /// Writes a line a minute until `stop`.
    pub(crate) async fn tell(self, metrics: Arc<Metrics>, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut lines = tokio::time::interval(emf::EVERY);
        let mut minute = Minute::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => minute.look(metrics.running(), metrics.lateness()),
                _ = lines.tick() => emf::print(&self.line(&std::mem::take(&mut minute))),
            }
        }
    }

    fn line(&self, minute: &Minute) -> String {
        let dimensions = [
            ("Deployment", self.deployment.as_str()),
            ("Vantage", self.vantage.as_str()),
            ("Zone", self.zone.as_str()),
        ];
        emf::line(wall_ms(), &dimensions, &minute.metrics(self.concurrency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_the_mean_of_what_ran_and_the_latest_start() {
        let mut minute = Minute::default();
        assert_eq!(minute.metrics(10).map(|m| m.value), [0.0, 0.0], "an idle minute is a minute");
        minute.look(10, Duration::from_millis(1_500));
        minute.look(0, Duration::ZERO);
        assert_eq!(minute.metrics(10).map(|m| m.value), [50.0, 1.5]);
        assert_eq!(minute.metrics(0).map(|m| m.name)[0], "ProbeUtilization");
    }
}
