//! An incident in one line, for somebody who was just woken up.

use proto::{CauseKind, IncidentKind};

use super::cause::way;
use crate::state::incidents::Incident;

/// What is the matter. `name` is the name of one of its targets.
pub fn headline(incident: &Incident, name: Option<&str>) -> String {
    let name = name.unwrap_or("a target");
    let value = &incident.cause.value;
    let count = incident.peak.max(1);
    let some = if count == 1 { "1 target".to_owned() } else { format!("{count} targets") };
    let first = incident.members.values().chain(incident.past.values()).next();
    let found = first.and_then(|member| member.outcome).map(way);
    let how = found.map(|way| format!(" ({way})")).unwrap_or_default();
    let text = first.map_or("", |member| member.text.as_str());
    match (incident.kind, incident.cause.kind) {
        (IncidentKind::Certificate, _) => {
            let shows = if count == 1 { name.to_owned() } else { some };
            format!("a certificate expires soon: {value} ({shows})")
        }
        (IncidentKind::Blind, CauseKind::NoAgents) => {
            format!("the monitor is blind: no agent is connected, nothing is probed; {text}")
        }
        (IncidentKind::Blind, CauseKind::Store) => {
            format!("the monitor could not write its log; {text}")
        }
        (IncidentKind::Blind, _) => format!("the monitor sees too little: {text}"),
        (IncidentKind::Failing, CauseKind::Target) => {
            let down = first.is_some_and(|member| member.down);
            let where_from = if down { "is down" } else { "fails from some vantages" };
            format!("{name} {where_from}{how}")
        }
        (IncidentKind::Failing, CauseKind::Certificate) => {
            format!("{some} with the certificate {value}: not well{how}")
        }
        (IncidentKind::Failing, CauseKind::Address) => format!("{some} at {value}: not well{how}"),
        (IncidentKind::Failing, CauseKind::Host) => {
            format!("{some} on the host {value}: not well{how}")
        }
        (IncidentKind::Failing, CauseKind::Zone) => {
            format!("{some} in the DNS zone {value}: not well{how}")
        }
        (IncidentKind::Failing, CauseKind::Vantage) => {
            format!("{some} from the vantage {value} alone: not well{how}")
        }
        (IncidentKind::Failing, CauseKind::Agent) => {
            format!("{some} by the agent {value} alone: not well{how}")
        }
        (IncidentKind::Failing, _) => format!("{some} at the same time: not well ({value})"),
    }
}
