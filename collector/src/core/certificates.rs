//! Watching certificates: one that expires soon is an incident, whoever shows it, until nobody does.

use proto::{IncidentFact, IncidentKind, IncidentMember, IncidentWhat, LeftWhy, Timestamp};

use super::Core;
use super::incidents::clip;
use crate::incidents::{Candidate, cause, hold};
use crate::state::{Detail, Series, TargetIdx, VantageIdx};

impl Core {
    /// A target whose certificate expires soon has the certificate's incident, and no other's.
    pub(super) fn look_at_certificate(
        &self,
        now: Timestamp,
        target: TargetIdx,
        facts: &mut Vec<IncidentFact>,
        expiring: &mut Vec<Candidate>,
    ) {
        let Some(warning) = self.config.watch.certificate_warning else { return };
        let state = self.state.target(target);
        let uid = state.uid;
        let known = self.state.incidents.of(IncidentKind::Certificate, uid);
        let is_asked = state.listed && !state.entry.paused;
        let shown = self.first_to_expire(target).filter(|_| is_asked);
        let soon = shown.filter(|(_, detail)| {
            detail.note.certificate_expires.is_some_and(|expires| expires.since(now) < warning)
        });
        let cause = soon.and_then(|(_, detail)| cause::certificate(&detail.note));
        if let Some(incident) = known {
            if cause.as_ref() == Some(&incident.cause) || (is_asked && shown.is_none()) {
                return;
            }
            let why = if is_asked { LeftWhy::Well } else { LeftWhy::Unasked };
            let what = IncidentWhat::Left { uid, why };
            facts.push(IncidentFact { incident: incident.number, what });
        }
        let (Some(cause), Some((vantage, detail))) = (cause, soon) else { return };
        let flaps = self.state.incidents.flaps(IncidentKind::Certificate, uid, now);
        let member = IncidentMember {
            uid,
            down: false,
            vantage: self.state.vantage(vantage).name.clone(),
            planned: detail.entry.planned,
            outcome: Some(detail.entry.outcome),
            address: cause::address(Some(&detail.note)),
            text: clip(cause.value.clone()),
            hold: hold(flaps, state.entry.interval),
        };
        let (interval, labels) = (state.entry.interval, self.labels(target));
        expiring.push(Candidate { member, interval, near: vec![cause], wide: Vec::new(), labels });
    }

    /// Of the certificates that the vantages saw last the one that expires first.
    fn first_to_expire(&self, target: TargetIdx) -> Option<(VantageIdx, &Detail)> {
        let newest = |series: &'_ Series| {
            let details = [&series.last_up, &series.last_not_up].map(Option::as_deref);
            let shown = details.map(|d| d.filter(|d| d.note.certificate_expires.is_some()));
            let planned = |at: usize| shown[at].map(|detail| detail.entry.planned);
            usize::from(planned(1) > planned(0))
        };
        let all = self.state.vantages().filter_map(|(vantage, _)| {
            let series = self.state.series(vantage, target)?;
            series.current()?;
            let detail = if newest(series) == 1 { &series.last_not_up } else { &series.last_up };
            let detail = detail.as_deref()?;
            detail.note.certificate_expires.map(|expires| (expires, vantage, detail))
        });
        let first = all.min_by_key(|(expires, vantage, _)| (*expires, *vantage));
        first.map(|(_, vantage, detail)| (vantage, detail))
    }
}
