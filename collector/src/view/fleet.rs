//! `/api/v1/agents` and `/api/v1/vantages`.

use proto::Timestamp;
use serde::Serialize;

use crate::core::{BEHIND_MAX, Core, Tuning};
use crate::fleet::AgentStatus;
use crate::state::Reach;

/// Every agent of the last hour.
#[derive(Debug, Serialize)]
pub struct Agents {
    /// In the order in which they came.
    pub agents: Vec<AgentView>,
    /// What all are told about probing.
    pub settings: SettingsView,
}

/// The settings that are wanted, and what is wrong with the file that says them.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct SettingsView {
    pub version: u64,
    pub problem: Option<String>,
}

/// How far an agent is with what it is told.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct ProgressView {
    pub desired: u64,
    pub applied: u64,
    pub behind_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One agent.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct AgentView {
    pub id: String,
    pub vantage: String,
    pub zone: String,
    pub state: &'static str,
    pub targets: u64,
    pub shards: usize,
    pub version: String,
    pub capacity: u32,
    pub in_flight: u32,
    pub waiting: u32,
    pub outbox_bytes: u64,
    pub lateness_ms: u32,
    pub busy: f64,
    pub clock_offset_ms: Option<f64>,
    pub clock_error_ms: Option<f64>,
    pub connected_since: String,
    pub last_heard: String,
    pub watermark: Option<String>,
    pub refused: Vec<RefusedView>,
    pub settings: ProgressView,
    pub assignment: ProgressView,
    pub behind: bool,
    pub suspect: Option<SuspectView>,
}

/// Why an agent is set aside.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct SuspectView {
    pub since: String,
    pub with: &'static str,
}

/// A target that an agent cannot probe.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct RefusedView {
    pub name: String,
    pub reason: String,
}

/// Refused targets shown for each agent.
const REFUSED_SHOWN: usize = 100;

/// The fleet as it is.
pub fn agents(core: &Core, now: Timestamp) -> Agents {
    let behind_ms = |since: Option<Timestamp>| {
        let behind = since.map_or_else(Default::default, |since| now.since(since));
        u64::try_from(behind.as_millis()).unwrap_or(u64::MAX)
    };
    let agents = core.fleet().agents().into_iter().map(|(_, agent)| {
        let refused = agent.refused.iter().take(REFUSED_SHOWN).filter_map(|(uid, (_, reason))| {
            let target = core.state().target(core.state().by_uid(*uid)?);
            Some(RefusedView { name: target.entry.name.clone(), reason: reason.clone() })
        });
        let (load, progress) = (agent.load, &agent.progress);
        AgentView {
            id: agent.id.clone(),
            vantage: agent.vantage.clone(),
            zone: agent.zone.clone(),
            state: agent.status().name(),
            targets: agent.targets(),
            shards: agent.applied.len(),
            version: agent.version.clone(),
            capacity: agent.capacity,
            in_flight: load.in_flight,
            waiting: load.waiting,
            outbox_bytes: load.outbox_bytes,
            lateness_ms: load.lateness_ms,
            busy: f64::from(load.busy_permille) / 1000.0,
            clock_offset_ms: agent.clock.map(|clock| clock.offset_us as f64 / 1000.0),
            clock_error_ms: agent.clock.map(|clock| f64::from(clock.error_us) / 1000.0),
            connected_since: agent.connected_since.rfc3339(),
            last_heard: agent.last_heard.rfc3339(),
            watermark: (agent.watermark > Timestamp::EPOCH).then(|| agent.watermark.rfc3339()),
            refused: refused.collect(),
            suspect: agent.suspect.map(|suspect| SuspectView {
                since: suspect.from.rfc3339(),
                with: suspect.circle.name(),
            }),
            behind: agent.progress.behind(now) > BEHIND_MAX,
            settings: ProgressView {
                desired: core.tuning().version,
                applied: progress.settings_applied,
                behind_ms: behind_ms(progress.settings_behind),
                problem: progress.settings_problem.clone(),
            },
            assignment: ProgressView {
                desired: core.state().catalog_revision,
                applied: progress.catalog_applied,
                behind_ms: behind_ms(progress.catalog_behind),
                problem: None,
            },
        }
    });
    let Tuning { version, problem, .. } = core.tuning();
    let settings = SettingsView { version: *version, problem: problem.clone() };
    Agents { agents: agents.collect(), settings }
}

/// Every vantage that the log knows.
#[derive(Debug, Serialize)]
pub struct Vantages {
    /// In the order in which they came.
    pub vantages: Vec<VantageView>,
}

/// One vantage.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct VantageView {
    pub name: String,
    pub state: &'static str,
    pub agents: usize,
    pub targets: usize,
    pub last_seen: Option<String>,
    pub capacity: CapacityView,
}

/// What a vantage's targets ask for, and what its agents have.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct CapacityView {
    pub at_once: u64,
    pub needed: f64,
    pub more_agents: u64,
}

/// The vantages as they are: `active` ones are reported from, `idle` ones have agents that nothing asks, `retired` ones
/// are of the past.
pub fn vantages(core: &Core) -> Vantages {
    let vantages = core.state().vantages().map(|(idx, vantage)| {
        let supply = core.fleet().supply(&vantage.name);
        let demand = core.fleet().place(idx).map_or_else(Default::default, |place| place.demand);
        let of_vantage = core.fleet().agents().into_iter().map(|(_, agent)| agent);
        let of_vantage = of_vantage.filter(|agent| agent.vantage == vantage.name);
        // The log says it once an hour; who is there says it now.
        let heard = of_vantage.clone().map(|agent| agent.last_heard).max();
        let agents = of_vantage.filter(|agent| agent.status() != AgentStatus::Lost).count();
        VantageView {
            name: vantage.name.clone(),
            state: match vantage.reach {
                Reach::All | Reach::Named => "active",
                Reach::Nobody if agents > 0 => "idle",
                Reach::Nobody => "retired",
            },
            agents,
            targets: vantage.series.iter().filter(|series| series.current().is_some()).count(),
            last_seen: vantage.seen.max(heard).map(Timestamp::rfc3339),
            capacity: CapacityView {
                at_once: supply.at_once,
                needed: demand.at_once(),
                more_agents: supply.more_for(demand),
            },
        }
    });
    Vantages { vantages: vantages.collect() }
}
