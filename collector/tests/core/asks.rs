//! Asking every vantage now: outside the slots, bounded, and with an answer whatever the agents do.

use std::time::Duration;

use collector::core::{Answer, Asked, AskedAt};
use proto::Missed;

use crate::rig::{Rig, targets};

/// Two vantages with an agent each, which hold what they should.
fn two_vantages() -> Rig {
    let mut rig = Rig::new(targets(3, 600));
    rig.hello(1, "a1", 1, "eu");
    rig.hello(2, "a2", 2, "us");
    rig.run(30, &[1, 2]);
    rig
}

fn said(rig: &Rig) -> Vec<(String, Answer)> {
    let Some(Asked::Answered { vantages, .. }) = rig.answers.last() else {
        panic!("no answer: {:?}", rig.answers)
    };
    vantages
        .iter()
        .map(|AskedAt { vantage, answer, .. }| (vantage.clone(), answer.clone()))
        .collect()
}

#[test]
fn every_vantage_is_asked_at_once_and_nothing_of_it_is_logged_or_counted() {
    let mut rig = two_vantages();
    let (appended, counted) = (rig.appended, format!("{:?}", rig.core.counters()));
    rig.ask(7, "t0");
    assert_eq!(rig.questions.len(), 2);
    assert!(rig.answers.is_empty(), "nobody has answered yet");
    let result = rig.up(1, rig.now());
    let ids: Vec<u64> = rig.questions.iter().map(|(_, question)| question.id).collect();
    rig.answer_question(1, ids[0], Ok(result.clone()));
    rig.answer_question(2, ids[1], Err(Missed::AgentFault));
    let expected = [
        ("eu".to_owned(), Answer::Found(Box::new(result))),
        ("us".to_owned(), Answer::Missed(Missed::AgentFault)),
    ];
    assert_eq!(said(&rig), expected);
    assert_eq!((rig.appended, format!("{:?}", rig.core.counters())), (appended, counted));
}

#[test]
fn an_agent_that_says_nothing_is_waited_for_for_the_timeout_and_two_seconds() {
    let mut rig = two_vantages();
    rig.ask(7, "t0");
    let id = rig.questions[0].1.id;
    rig.answer_question(2, id, Err(Missed::AgentFault)); // It was another that was asked.
    rig.run(4, &[1, 2]);
    assert!(rig.answers.is_empty(), "its timeout is 3 s: {:?}", rig.answers);
    rig.run(1, &[1, 2]);
    assert!(said(&rig).iter().all(|(_, answer)| *answer == Answer::NoAnswer), "{:?}", said(&rig));
    let late = rig.up(1, rig.now());
    rig.answer_question(1, id, Ok(late));
    assert_eq!(rig.answers.len(), 1, "an answer that comes later is nobody's");
}

#[test]
fn a_vantage_without_an_agent_says_so_at_once() {
    let mut rig = two_vantages();
    rig.close(1);
    rig.close(2);
    rig.ask(7, "t0");
    assert!(said(&rig).iter().all(|(_, answer)| *answer == Answer::NoAgent), "{:?}", said(&rig));
    rig.ask(8, "t99");
    assert_eq!(rig.answers.last(), Some(&Asked::Unknown));
}

#[test]
fn who_asks_too_often_is_told_when_to_ask_again() {
    let mut rig = two_vantages();
    for ask in 0..10 {
        rig.ask(ask, "t0");
    }
    rig.ask(10, "t0");
    let Some(Asked::TooMany(wait)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert_eq!(*wait, Duration::from_secs(60));
    rig.ask(11, "t1");
    assert_eq!(rig.questions.len(), 22, "another target may be asked about");
    rig.run(61, &[1, 2]);
    rig.ask(12, "t0");
    assert_eq!(rig.questions.len(), 24);
}

#[test]
fn questions_are_bounded_over_all_targets_too() {
    let mut rig = Rig::new(targets(100, 600));
    rig.hello(1, "a1", 1, "eu");
    rig.run(30, &[1]);
    for ask in 0..70 {
        rig.ask(ask, &format!("t{ask}"));
    }
    assert_eq!(rig.questions.len(), 60);
}
