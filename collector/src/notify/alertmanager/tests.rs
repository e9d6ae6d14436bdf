//! What an Alertmanager is told of an incident, from its beginning to its end.

use proto::{
    Failure, IncidentCause, IncidentFact, IncidentMember, IncidentWhat, LeftWhy, Outcome, Uid,
};

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000) + Duration::from_secs(seconds)
}

fn member(down: bool) -> IncidentWhat {
    IncidentWhat::Joined(IncidentMember {
        uid: Uid(1),
        down,
        vantage: "eu".into(),
        planned: at(0),
        outcome: Some(Outcome::Failed(Failure::Connect)),
        address: None,
        text: "connection refused".into(),
        hold: Duration::ZERO,
    })
}

fn opened(down: bool) -> Vec<IncidentWhat> {
    let host = IncidentCause { kind: CauseKind::Host, value: "shop.test".into() };
    let opened = IncidentWhat::Opened {
        kind: IncidentKind::Failing,
        cause: host.clone(),
        shared: vec![host],
        labels: vec![("team".into(), "shop".into()), ("tier 1".into(), "yes".into())],
    };
    vec![opened, member(down)]
}

fn tell(state: &mut State, seconds: u64, what: Vec<IncidentWhat>) {
    let facts = what.into_iter().map(|what| IncidentFact { incident: 1, what }).collect();
    state.incidents.apply(at(seconds), facts);
}

#[test]
fn an_open_incident_fires_until_five_minutes_after_it_was_sent_last() {
    let mut state = State::default();
    tell(&mut state, 0, opened(true));
    let told = alerts(&state, 0, None, at(100));
    assert_eq!(told.len(), 1);
    let labels = &told[0].labels;
    for (name, value) in [
        ("alertname", "ZonewatchFailing"),
        ("cause", "host"),
        ("host", "shop.test"),
        ("severity", "critical"),
        ("team", "shop"),
        ("tier_1", "yes"),
    ] {
        assert_eq!(labels[name], value);
    }
    assert_eq!((&told[0].starts_at, &told[0].ends_at), (&at(0).rfc3339(), &at(400).rfc3339()));
    assert!(told[0].annotations["description"].contains("connection refused"));
}

#[test]
fn the_labels_stay_when_the_cause_widens_and_the_milder_alert_ends_when_it_gets_worse() {
    let mut state = State::default();
    tell(&mut state, 0, opened(false));
    let before = alerts(&state, 0, None, at(1));
    assert_eq!(before[0].labels["severity"], "warning");
    let address = IncidentCause { kind: CauseKind::Address, value: "10.0.0.7".into() };
    tell(&mut state, 5, vec![IncidentWhat::Caused(address)]);
    assert_eq!(alerts(&state, 0, None, at(6))[0].labels, before[0].labels);
    tell(&mut state, 10, vec![member(true)]);
    let after = alerts(&state, 0, None, at(11));
    assert_eq!(after.len(), 2);
    assert_eq!(after[0].labels["severity"], "critical");
    assert_eq!((&after[1].labels, &after[1].ends_at), (&before[0].labels, &at(11).rfc3339()));
}

#[test]
fn what_is_over_is_sent_as_resolved_until_it_was_taken() {
    let mut state = State::default();
    tell(&mut state, 0, opened(true));
    tell(&mut state, 50, vec![IncidentWhat::Left { uid: Uid(1), why: LeftWhy::Well }]);
    tell(&mut state, 70, vec![IncidentWhat::Closed]);
    let told = alerts(&state, 1, None, at(80));
    assert_eq!((told.len(), &told[0].ends_at), (1, &at(70).rfc3339()));
    assert!(alerts(&state, state.incidents.messages.count(), None, at(90)).is_empty());
}
