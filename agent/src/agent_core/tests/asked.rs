//! Probes that the collector asks for: answered on the stream, and no part of any slot.

use proto::ProbeNow;

use super::*;

fn question(id: u64, uid: u64) -> CollectorMessage {
    let target = target(uid, 10_000, 0);
    CollectorMessage::ProbeNow(ProbeNow { id, target, start_within: Duration::from_secs(1) })
}

fn answers(rig: &Rig) -> Vec<(u64, Result<Outcome, Missed>)> {
    let answer = |message: &AgentMessage| match message {
        AgentMessage::ProbeAnswer(answer) => {
            Some((answer.id, answer.found.clone().map(|result| result.outcome)))
        }
        _ => None,
    };
    rig.sent.iter().filter_map(answer).collect()
}

const UP: Outcome = Outcome::Answered { status: 200, unexpected: None };

#[test]
fn what_is_asked_for_is_probed_at_once_and_answered_and_is_in_no_results() {
    let mut rig = Rig::welcomed();
    rig.hear(question(7, 1));
    let start = rig.starts.pop().expect("it starts at once");
    rig.apply(Event::Started { ticket: start.ticket, at: rig.now });
    let attempt = rig.found();
    rig.apply(Event::Ended { ticket: start.ticket, attempt });
    assert_eq!(answers(&rig), [(7, Ok(UP))]);
    rig.pass(60_000);
    assert!(rig.reported().is_empty(), "no slot has it");
}

#[test]
fn a_probe_that_could_not_be_made_says_why() {
    let mut rig = Rig::welcomed();
    let attempts = [Attempt::Paused, Attempt::Fault, Attempt::NoPermit, Attempt::NotBegun];
    for (id, attempt) in (1..).zip(attempts) {
        rig.hear(question(id, id));
        let ticket = rig.starts.pop().expect("it starts").ticket;
        rig.apply(Event::Ended { ticket, attempt });
    }
    let expected =
        [Missed::AgentPaused, Missed::AgentFault, Missed::Overloaded, Missed::Overloaded];
    assert_eq!(answers(&rig), (1..).zip(expected.map(Err)).collect::<Vec<_>>());
}

#[test]
fn only_so_many_run_at_once_and_the_others_are_told_that_there_is_no_room() {
    let mut rig = Rig::welcomed();
    for id in 0..20 {
        rig.hear(question(id, id));
    }
    assert_eq!(rig.starts.len(), 16);
    assert_eq!(answers(&rig).len(), 4);
    assert!(answers(&rig).iter().all(|(_, answer)| *answer == Err(Missed::Overloaded)));
}
