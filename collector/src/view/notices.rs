//! What is told as it happens and stands in no other route.

use serde::Serialize;

use crate::core::Notice;

/// One notice.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub enum Shown {
    Fleet {
        change: &'static str,
        agent: String,
        vantage: String,
        zone: String,
        at: String,
    },
    Suspicion {
        change: &'static str,
        circle: &'static str,
        vantage: Option<String>,
        zone: Option<String>,
        agents: Vec<String>,
        since: String,
        at: String,
    },
    Revision {
        hour: String,
        revision: u32,
    },
}

/// As users see it.
pub fn shown(notice: &Notice) -> Shown {
    match notice {
        Notice::Fleet { change, agent, vantage, zone, at } => Shown::Fleet {
            change: change.name(),
            agent: agent.clone(),
            vantage: vantage.clone(),
            zone: zone.clone(),
            at: at.rfc3339(),
        },
        Notice::Suspicion { change, circle, vantage, zone, agents, since, at } => {
            Shown::Suspicion {
                change: change.name(),
                circle: circle.name(),
                vantage: vantage.clone(),
                zone: zone.clone(),
                agents: agents.clone(),
                since: since.rfc3339(),
                at: at.rfc3339(),
            }
        }
        Notice::Revision { hour, revision } => {
            Shown::Revision { hour: hour.rfc3339(), revision: *revision }
        }
    }
}
