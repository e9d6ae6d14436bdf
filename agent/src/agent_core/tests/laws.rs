//! What holds whatever happens.

use std::cell::Cell;
use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use proto::Failure;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    End(usize, u8),
    Ack,
    Cut,
    Connect,
    Grant(u64),
    Revoke(i64),
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4_000_u64).prop_map(Step::Pass),
        8 => (any::<usize>(), 0..8_u8).prop_map(|(n, how)| Step::End(n, how)),
        2 => Just(Step::Ack),
        1 => Just(Step::Cut),
        2 => Just(Step::Connect),
        1 => (1..12_u64).prop_map(Step::Grant),
        1 => (0..5_000_i64).prop_map(Step::Revoke),
        1 => Just(Step::Drain),
    ]
}

/// Whatever happens in whatever order: a scheduled key before a watermark was acknowledged or sent on that stream
/// before, as a result or as missed. Keys are learned from the starts; late ones need none.
#[test]
fn no_scheduled_key_below_a_watermark_is_left_out() {
    // Many a short story has no watermark with a key before it; all of them together have.
    let checked = Cell::new(0);
    TestRunner::default()
        .run(&prop::collection::vec(step(), 1..150), |steps| {
            let mut rig = Rig::welcomed();
            let mut acked: HashSet<(Uid, Timestamp)> = HashSet::new();
            let mut running: Vec<usize> = Vec::new();
            let (mut known, mut read) = (0, 0);
            let mut on_stream: Vec<(u64, Vec<(Uid, Timestamp)>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Pass(ms) => rig.pass(ms),
                    Step::End(n, how) if !running.is_empty() => {
                        let index = running.swap_remove(n % running.len());
                        if how != 3 {
                            rig.started(index);
                        }
                        let attempt = match how {
                            0 => Attempt::Paused,
                            1 => Attempt::Fault,
                            2 => Attempt::NoPermit,
                            3 => Attempt::NotBegun,
                            _ => Attempt::Found {
                                started: rig.now,
                                outcome: Outcome::Failed(Failure::Timeout),
                                phases: Phases::default(),
                                body_bytes: 0,
                                note: Box::default(),
                            },
                        };
                        rig.ended(index, attempt);
                    }
                    Step::End(..) => {}
                    Step::Ack => {
                        if let Some((seq, _)) = on_stream.last() {
                            let seq = *seq;
                            acked.extend(
                                on_stream.iter().flat_map(|(_, keys)| keys.iter().copied()),
                            );
                            rig.hear(CollectorMessage::Ack { seq, refused: vec![] });
                        }
                    }
                    Step::Cut => {
                        let stream = rig.stream;
                        rig.apply(Event::Disconnected(stream));
                        on_stream.clear();
                    }
                    Step::Connect => {
                        on_stream.clear();
                        rig.connect(1);
                    }
                    Step::Grant(count) => {
                        let now = i64::try_from(rig.now.0 / 1000).unwrap();
                        let targets = (1..count).map(|uid| target(uid, 5_000, uid * 371));
                        rig.grant(now, targets.collect());
                    }
                    Step::Revoke(after) => {
                        let now = i64::try_from(rig.now.0 / 1000).unwrap();
                        let until = at(now + after);
                        rig.assign(vec![Revoke { shard: shard(), until }], vec![]);
                    }
                    Step::Drain => rig.apply(Event::Drain),
                }
                while known < rig.starts.len() {
                    running.push(known);
                    known += 1;
                }
                while read < rig.sent.len() {
                    if let AgentMessage::Results(message) = &rig.sent[read] {
                        let Batch { results, missed } = decode_batch(&message.columns).unwrap();
                        let mut keys: Vec<_> = results.iter().map(|r| (r.uid, r.planned)).collect();
                        for range in &missed {
                            let slots = rig.starts.iter().map(|s| (s.uid, s.planned));
                            keys.extend(slots.filter(|(uid, planned)| {
                                *uid == range.uid && (range.from..range.to).contains(planned)
                            }));
                        }
                        on_stream.push((message.seq, keys));
                        let before = rig.starts.iter().map(|s| (s.uid, s.planned));
                        for key in before.filter(|(_, planned)| *planned < message.watermark) {
                            let there = acked.contains(&key)
                                || on_stream.iter().any(|(_, keys)| keys.contains(&key));
                            prop_assert!(there, "{key:?} is before {:?}", message.watermark);
                            checked.set(checked.get() + 1);
                        }
                    }
                    read += 1;
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(checked.get() > 100, "{} keys were looked at", checked.get());
}
