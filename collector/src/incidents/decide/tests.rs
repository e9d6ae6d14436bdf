//! Laws of the decisions, over random failures in random order; and the cases that people talk about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proto::{
    CauseKind, Failure, IncidentFact, IncidentKind, IncidentMember, IncidentWhat, LeftWhy, Note,
    Outcome, Timestamp, Uid,
};

use super::super::cause::{Evidence, near, wide};
use super::super::hold;
use super::{Candidate, certificate_facts, decide, grown};
use crate::state::Incidents;

const INTERVAL: Duration = Duration::from_secs(600);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000) + Duration::from_secs(seconds)
}

fn candidate(uid: u64, host: &str, address: Option<u8>, failure: Failure) -> Candidate {
    let outcome = Some(Outcome::Failed(failure));
    let address = address.map(|last| std::net::IpAddr::from([10, 0, 0, last]));
    let note = Note { remote_address: address.map(|ip| (ip, 80).into()), ..Note::default() };
    let (name, url) = (format!("t{uid}"), format!("http://{host}/{uid}"));
    let evidence =
        Evidence { name: &name, url: &url, outcome, note: Some(&note), vantage: None, agent: None };
    Candidate {
        member: IncidentMember {
            uid: Uid(uid),
            down: true,
            vantage: "eu".into(),
            planned: at(0),
            outcome,
            address,
            text: String::new(),
            hold: hold(0, INTERVAL),
        },
        interval: INTERVAL,
        near: near(&evidence),
        wide: wide(&evidence),
        labels: vec![("team".into(), if uid.is_multiple_of(2) { "a" } else { "b" }.into())],
    }
}

fn judged(known: &mut Incidents, at: Timestamp, candidates: Vec<Candidate>) -> Vec<IncidentFact> {
    let mut facts = decide(known, known.count() + 1, candidates, at, 1000);
    facts.extend(grown(known, &facts));
    known.apply(at, facts.clone());
    facts
}

/// The members of what is open, by what it is for.
fn open(known: &Incidents) -> Vec<(String, Vec<u64>)> {
    let shown = known.open().map(|incident| {
        let cause = format!("{} {}", incident.cause.kind, incident.cause.value);
        (cause, incident.members.keys().map(|uid| uid.0).collect())
    });
    shown.collect()
}

fn left(known: &mut Incidents, at: Timestamp, uid: u64) {
    let incident = known.of(IncidentKind::Failing, Uid(uid)).expect("it has one").number;
    let what = IncidentWhat::Left { uid: Uid(uid), why: LeftWhy::Well };
    known.apply(at, vec![IncidentFact { incident, what }]);
}

#[test]
fn four_hundred_targets_behind_one_address_are_one_incident_and_others_their_own() {
    let mut known = Incidents::default();
    let mut failing: Vec<Candidate> = (1..=412)
        .map(|uid| candidate(uid, &format!("h{uid}.test"), Some(7), Failure::Connect))
        .collect();
    failing.push(candidate(500, "other.test", Some(8), Failure::Connect));
    failing.push(candidate(501, "third.test", Some(9), Failure::Timeout));
    judged(&mut known, at(0), failing);
    let open = open(&known);
    assert_eq!(open.len(), 3);
    assert_eq!((open[0].0.as_str(), open[0].1.len()), ("address 10.0.0.7", 412));
    assert_eq!(open[1], ("target t500".into(), vec![500]));
    assert_eq!(open[2], ("target t501".into(), vec![501]));
}

#[test]
fn who_fails_later_for_the_same_reason_joins_and_the_first_ones_incident_gets_its_wider_cause() {
    let mut known = Incidents::default();
    let fails = |uid| candidate(uid, &format!("h{uid}.test"), Some(7), Failure::Connect);
    judged(&mut known, at(0), vec![fails(1)]);
    assert_eq!(open(&known), [("target t1".into(), vec![1])]);
    judged(&mut known, at(3000), vec![fails(2)]);
    judged(&mut known, at(9000), vec![fails(3)]);
    assert_eq!(open(&known), [("address 10.0.0.7".into(), vec![1, 2, 3])]);
    assert_eq!(known.count(), 1);
}

#[test]
fn an_incident_that_grows_is_told_again_when_it_is_four_times_as_large() {
    let mut known = Incidents::default();
    let fails = |uid| candidate(uid, &format!("h{uid}.test"), Some(7), Failure::Connect);
    for uid in 1..=300 {
        judged(&mut known, at(uid), vec![fails(uid)]);
    }
    // Opened with 1, and told again at 4, 16, 64 and 256.
    assert_eq!(known.messages.count(), 5);
}

#[test]
fn many_unrelated_places_that_fail_alike_at_one_time_are_one_incident_and_a_few_are_not() {
    let fails =
        |uid: u64, failure| candidate(uid, &format!("h{uid}.test"), Some(uid as u8), failure);
    let mut known = Incidents::default();
    judged(&mut known, at(0), (1..=9).map(|uid| fails(uid, Failure::Timeout)).collect());
    assert_eq!(known.count(), 9, "one in a hundred of a thousand are ten");
    // With those that were opened just now there are enough: the next ones are one.
    judged(&mut known, at(60), (10..=40).map(|uid| fails(uid, Failure::Timeout)).collect());
    assert_eq!(known.count(), 10);
    let last = open(&known).pop().expect("it is open");
    assert_eq!((last.0.as_str(), last.1.len()), ("failure timeout", 31));
    judged(&mut known, at(120), vec![fails(50, Failure::Timeout)]);
    assert_eq!(known.count(), 10, "it fails at the same time");
    judged(&mut known, at(7200), vec![fails(51, Failure::Timeout)]);
    assert_eq!(known.count(), 11, "two hours later it is another matter");
}

#[test]
fn who_comes_back_before_the_end_is_told_nothing_new_and_holds_the_end_up() {
    let mut known = Incidents::default();
    let fails = candidate(1, "h.test", Some(7), Failure::Connect);
    judged(&mut known, at(0), vec![fails.clone()]);
    left(&mut known, at(60), 1);
    assert_eq!(known.empty().count(), 1);
    judged(&mut known, at(65), vec![fails]);
    assert_eq!((known.count(), known.messages.count()), (1, 1));
    let incident = known.open().next().expect("it is open");
    assert_eq!(incident.flaps, 1);
    assert!(incident.empty_since.is_none());
}

#[test]
fn the_end_is_told_at_once_the_first_time_and_ever_later_the_oftener_a_target_comes_back() {
    let minutes = |flaps, interval| hold(flaps, Duration::from_secs(interval)).as_secs() / 60;
    assert_eq!(minutes(0, 600), 0);
    assert_eq!([1, 2, 3, 9].map(|flaps| minutes(flaps, 600)), [30, 60, 60, 60]);
    assert_eq!([1, 2, 3, 4, 5].map(|flaps| minutes(flaps, 60)), [5, 10, 20, 40, 60]);
}

#[test]
fn an_incident_carries_the_labels_that_all_its_first_members_have_alike() {
    let mut known = Incidents::default();
    let fails = |uid| candidate(uid, &format!("h{uid}.test"), Some(7), Failure::Connect);
    judged(&mut known, at(0), vec![fails(2), fails(4)]);
    judged(&mut known, at(0), vec![candidate(3, "x.test", Some(9), Failure::Dns)]);
    let labels: Vec<_> = known.open().map(|incident| incident.labels.clone()).collect();
    assert_eq!(labels[0], [("team".to_owned(), "a".to_owned())]);
    assert_eq!(labels[1], [("team".to_owned(), "b".to_owned())]);
}

#[test]
fn a_certificate_is_one_incident_whoever_shows_it() {
    let mut known = Incidents::default();
    let shows = |uid, which: &str| {
        let mut candidate = candidate(uid, "h.test", None, Failure::Tls);
        let value = which.to_owned();
        candidate.near = vec![proto::IncidentCause { kind: CauseKind::Certificate, value }];
        candidate
    };
    let facts = certificate_facts(&known, 1, vec![shows(1, "x"), shows(2, "y"), shows(3, "x")]);
    known.apply(at(0), facts);
    let facts = certificate_facts(&known, 3, vec![shows(4, "y")]);
    known.apply(at(5), facts);
    let members = open(&known).into_iter().map(|(_, members)| members).collect::<Vec<_>>();
    assert_eq!(members, [vec![1, 3], vec![2, 4]]);
    assert_eq!(known.messages.count(), 2);
}

fn some() -> impl Strategy<Value = Candidate> {
    let failure = prop::sample::select(vec![Failure::Dns, Failure::Timeout, Failure::Connect]);
    (1_u64..60, 0_u8..6, prop::option::of(0_u8..5), failure).prop_map(
        |(uid, host, address, failure)| candidate(uid, &format!("h{host}.test"), address, failure),
    )
}

/// Each once.
fn distinct(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut seen = BTreeMap::new();
    for candidate in candidates {
        seen.entry(candidate.member.uid).or_insert(candidate);
    }
    seen.into_values().collect()
}

proptest! {
    #[test]
    fn in_whatever_order_failures_come_the_same_is_decided(
        first in prop::collection::vec(some(), 0..20),
        then in prop::collection::vec(some(), 0..40),
        seed in any::<u64>(),
    ) {
        let mut known = Incidents::default();
        judged(&mut known, at(0), distinct(first));
        let then: Vec<Candidate> = distinct(then)
            .into_iter()
            .filter(|c| known.of(IncidentKind::Failing, c.member.uid).is_none())
            .collect();
        let mut shuffled = then.clone();
        let mut state = seed | 1;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(index, (state >> 33) as usize % (index + 1));
        }
        let next = known.count() + 1;
        prop_assert_eq!(
            decide(&known, next, then, at(30), 100),
            decide(&known, next, shuffled, at(30), 100)
        );
    }

    #[test]
    fn everybody_who_fails_has_exactly_one_incident_and_nobody_else_has(
        batches in prop::collection::vec(prop::collection::vec(some(), 0..20), 1..6),
    ) {
        let mut known = Incidents::default();
        let mut failing = BTreeSet::new();
        for (nth, batch) in batches.into_iter().enumerate() {
            let new: Vec<Candidate> = distinct(batch)
                .into_iter()
                .filter(|c| !failing.contains(&c.member.uid))
                .collect();
            failing.extend(new.iter().map(|candidate| candidate.member.uid));
            judged(&mut known, at(nth as u64 * 20), new);
        }
        let mut members: Vec<Uid> =
            known.open().flat_map(|incident| incident.members.keys().copied()).collect();
        members.sort_unstable();
        prop_assert_eq!(&members, &failing.iter().copied().collect::<Vec<_>>());
        for uid in &failing {
            prop_assert!(known.of(IncidentKind::Failing, *uid).is_some());
        }
        prop_assert!(known.open().all(|incident| !incident.members.is_empty()));
    }

    #[test]
    fn facts_that_are_replayed_open_nothing_twice(
        batches in prop::collection::vec(prop::collection::vec(some(), 0..20), 1..5),
    ) {
        let mut known = Incidents::default();
        let mut log = Vec::new();
        for (nth, batch) in batches.into_iter().enumerate() {
            let at = at(nth as u64 * 20);
            let new = distinct(batch)
                .into_iter()
                .filter(|c| known.of(IncidentKind::Failing, c.member.uid).is_none())
                .collect();
            let facts = judged(&mut known, at, new);
            log.push((at, facts));
        }
        let mut again = Incidents::default();
        for (at, facts) in &log {
            again.apply(*at, facts.clone());
        }
        prop_assert_eq!(&again, &known);
        // And through a snapshot.
        let mut out = crate::parts::Out::default();
        out.put(&known);
        let read: Incidents = crate::parts::In(&out.0).take().expect("what was written");
        prop_assert_eq!(&read, &known);
    }
}
