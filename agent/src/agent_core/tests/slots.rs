//! The life of a slot.

use proto::{Beat, RunTarget};

use super::*;

#[test]
fn a_slot_starts_when_it_is_planned_and_its_result_is_sent_and_freed_by_the_acknowledgement() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 4_500)]);
    assert!(matches!(rig.sent.last(), Some(AgentMessage::Applied(a)) if a.version == 3));
    rig.pass(3_499);
    assert!(rig.starts.is_empty());
    rig.pass(1);
    assert_eq!(rig.starts.len(), 1);
    assert_eq!(rig.starts[0].planned, at(4_500));
    assert_eq!(rig.starts[0].start_before, LocalMicros(14_500_000));
    rig.now = LocalMicros(4_507_000);
    rig.started(0);
    let found = rig.found();
    rig.pass(100);
    rig.ended(0, found);
    rig.pass(100);
    let [result] = &rig.reported().results[..] else { panic!("{:?}", rig.sent) };
    assert_eq!((result.planned, result.start_delay_ms), (at(4_500), 7));
    assert!(rig.core.outbox_bytes() > 0);
    let seq = rig.results().last().unwrap().seq;
    rig.hear(CollectorMessage::Ack { seq, refused: vec![(Refusal::StaleSpec, 2)] });
    assert_eq!(rig.core.outbox_bytes(), 0);
    assert_eq!(rig.core.counts().refused[Refusal::StaleSpec as usize], 2);
}

#[test]
fn a_start_keeps_its_time_when_more_is_learnt_of_the_clock_while_the_probe_runs() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 4_500)]);
    rig.pass(3_500);
    rig.started(0);
    let found = rig.found();
    // A quicker answer than the one before says that the collector's clock is 120 ms behind what was believed.
    let (sent_us, now_us) = (rig.now.0, rig.collector_us() - 120_000);
    rig.hear(CollectorMessage::Beat(Beat { sent_us, now_us, ..Beat::default() }));
    rig.pass(100);
    rig.ended(0, found);
    rig.pass(100);
    assert_eq!(rig.reported().results[0].start_delay_ms, 0);
}

#[test]
fn the_watermark_stays_behind_a_slot_that_still_runs() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500), target(2, 10_000, 2_500)]);
    rig.pass(2_000);
    let found = rig.found();
    rig.ended(1, found);
    rig.pass(3_000);
    assert_eq!(rig.reported().results.len(), 1);
    assert_eq!(rig.results().last().unwrap().watermark, at(1_500));
    let found = rig.found();
    rig.ended(0, found);
    rig.pass(150);
    assert!(rig.results().last().unwrap().watermark > at(5_000));
}

#[test]
fn a_paused_probe_runs_again_in_its_window_and_is_missed_after_it() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    rig.ended(0, Attempt::Paused);
    assert_eq!(rig.starts.len(), 2, "at once");
    assert_eq!(rig.starts[1].planned, at(1_500));
    assert_ne!(rig.starts[1].ticket, rig.starts[0].ticket);
    let found = rig.found();
    rig.ended(0, found);
    assert_eq!(rig.core.load().1, 1, "what is said of the old try counts no more");
    rig.now = LocalMicros(11_500_000);
    rig.ended(1, Attempt::Paused);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 1_500, 1_501, Missed::AgentPaused)]);
    assert!(rig.reported().results.is_empty());
}

#[test]
fn a_fault_of_this_machine_rests_a_second_and_is_missed_at_the_end_of_the_window() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    rig.ended(0, Attempt::Fault);
    rig.pass(999);
    assert_eq!(rig.starts.len(), 1);
    rig.pass(1);
    assert_eq!(rig.starts.len(), 2);
    rig.now = LocalMicros(10_600_000);
    rig.ended(1, Attempt::Fault);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 1_500, 1_501, Missed::AgentFault)]);
}

#[test]
fn a_slot_that_three_faults_befell_is_reported_while_another_agent_can_still_run_it() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    for n in 0..3 {
        assert_eq!(rig.starts.len(), n + 1);
        assert_eq!(rig.core.counts().missed[Missed::AgentFault as usize], 0);
        rig.ended(n, Attempt::Fault);
        rig.pass(1_000);
    }
    assert_eq!(rig.reported().missed, [missed(1, 1_500, 1_501, Missed::AgentFault)]);
    assert_eq!(rig.starts.len(), 3);
    assert!(rig.results().last().unwrap().watermark > at(1_500));
}

#[test]
fn a_slot_without_a_permit_was_missed_by_overload() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(10_500);
    rig.ended(0, Attempt::NoPermit);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 1_500, 1_501, Missed::Overloaded)]);
    assert_eq!(rig.core.counts().missed[Missed::Overloaded as usize], 1);
}

#[test]
fn slots_inside_a_pause_were_missed_by_it_and_the_open_one_is_probed() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 5_000)]);
    rig.now = LocalMicros(66_000_000);
    rig.apply(Event::Paused { from: LocalMicros(1_000_000), to: LocalMicros(66_000_000) });
    assert_eq!(rig.starts.iter().map(|s| s.planned).collect::<Vec<_>>(), [at(65_000)]);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 5_000, 65_000, Missed::AgentPaused)]);
}

#[test]
fn a_run_is_done_once_and_does_not_hold_the_watermark() {
    let mut rig = Rig::welcomed();
    let run = |before| {
        let slots = vec![(at(-5_000), at(before))];
        CollectorMessage::Run(vec![RunTarget { target: target(1, 10_000, 5_000), slots }])
    };
    rig.hear(run(5_000));
    rig.hear(run(5_000));
    assert_eq!(rig.starts.len(), 1, "it is on its way");
    rig.pass(1_100);
    assert_eq!(rig.results().last().unwrap().watermark, at(2_000));
    let found = rig.found();
    rig.ended(0, found);
    rig.hear(run(5_000));
    rig.pass(100);
    rig.hear(run(5_000));
    assert_eq!(rig.starts.len(), 1, "its result is on its way");
    let seq = rig.results().last().unwrap().seq;
    rig.hear(CollectorMessage::Ack { seq, refused: vec![] });
    rig.hear(run(5_000));
    assert_eq!(rig.starts.len(), 2, "the collector has it, and wants it again");
    rig.hear(CollectorMessage::Run(vec![RunTarget {
        target: target(2, 10_000, 5_000),
        slots: vec![(at(-5_000), at(0))],
    }]));
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(2, -5_000, -4_999, Missed::Overloaded)]);
}
