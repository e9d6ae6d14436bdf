//! What the leading collector tells CloudWatch with `--emf`: verdicts, and whether every planned probe was run.

use std::time::Duration;

use agent::emf::{self, Metric};
use proto::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::hub::{Hub, Stopped};
use crate::state::Quiet;
use crate::verdict::Verdict;
use crate::view::tally::Tally;

/// What [`Metric`] `Coverage` looks back on.
const COVERAGE_WINDOW: Duration = Duration::from_secs(3600);

/// Writes a line a minute until `stop`.
///
/// # Errors
/// When the collector is stopping.
pub async fn tell(hub: Hub, deployment: String, stop: CancellationToken) -> Result<(), Stopped> {
    let mut lines = tokio::time::interval(emf::EVERY);
    lines.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut missed_before = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = lines.tick() => {}
        }
        let (now, missed, metrics) = hub
            .ask(move |core, now| {
                let missed = core.counters().missed.iter().sum();
                (now, missed, metrics(core, now, missed - missed_before))
            })
            .await?;
        missed_before = missed;
        emf::print(&emf::line(now.millis(), &[("Deployment", &deployment)], &metrics));
    }
}

fn metrics(core: &Core, now: Timestamp, missed: u64) -> [Metric; 5] {
    let state = core.state();
    let verdicts = |wanted| {
        let listed = state.targets().filter(|(_, t)| t.listed && !t.entry.paused);
        listed.filter(|(_, target)| target.verdict == wanted).count() as f64
    };
    // Under maintenance or not: what is due is to be probed.
    let (mut tally, all) = (Tally::default(), Quiet::default());
    for (target, _) in state.targets() {
        for series in state.vantages().filter_map(|(vantage, _)| state.series(vantage, target)) {
            tally.count(series, &all, now - COVERAGE_WINDOW, now, |_| true, |_| {});
        }
    }
    // Where nothing was due, nothing that was due is lacking.
    let coverage = tally.uptime().map_or(1.0, |uptime| uptime.coverage);
    let count = |name, value| Metric { name, unit: "Count", value };
    [
        count("TargetsDown", verdicts(Verdict::Down)),
        count("TargetsPartial", verdicts(Verdict::Partial)),
        count("TargetsUnknown", verdicts(Verdict::Unknown)),
        Metric { name: "Coverage", unit: "Percent", value: 100.0 * coverage },
        count("SlotsMissed", missed as f64),
    ]
}
