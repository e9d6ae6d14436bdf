//! What is told of the fleet as it happens.

use serde::Serialize;

use crate::core::Notice;

/// One notice.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct FleetChange {
    pub change: &'static str,
    pub agent: String,
    pub vantage: String,
    pub zone: String,
    pub at: String,
}

/// As users see it.
pub fn shown(notice: &Notice) -> FleetChange {
    let Notice::Fleet { change, agent, vantage, zone, at } = notice;
    FleetChange {
        change: change.name(),
        agent: agent.clone(),
        vantage: vantage.clone(),
        zone: zone.clone(),
        at: at.rfc3339(),
    }
}
