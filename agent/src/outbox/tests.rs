//! The laws of the outbox: bounded, nothing freed early, nothing lost unsaid, every watermark true.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proto::{Outcome, Phases};

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn result(uid: u64, planned: i64) -> ProbeResult {
    ProbeResult {
        uid: Uid(uid),
        revision: 1,
        planned: at(planned),
        start_delay_ms: 3,
        outcome: Outcome::Answered { status: 200, unexpected: None },
        phases: Phases { connect_us: 900, processing_us: 5000, ..Phases::default() },
        body_bytes: 0,
        note: None,
    }
}

/// One batch a result, planned at 1, 2, … ms, each with the watermark that is just behind it.
fn filled(bytes_max: usize, results: i64) -> Outbox {
    let mut outbox = Outbox::new(bytes_max);
    for planned in 1..=results {
        outbox.add(LocalMicros(0), result(1, planned));
        outbox.seal(at(planned + 1), Duration::ZERO);
    }
    outbox
}

fn send_all(outbox: &mut Outbox) -> Vec<ResultsMessage> {
    std::iter::from_fn(|| outbox.next_to_send()).collect()
}

fn batch(message: &ResultsMessage) -> Batch {
    decode_batch(&message.columns).unwrap()
}

#[test]
fn batches_are_numbered_from_one_and_freed_by_their_acknowledgement_alone() {
    let mut outbox = filled(1 << 20, 3);
    outbox.open_stream(1 << 20, true);
    let sent = send_all(&mut outbox);
    assert_eq!(sent.iter().map(|m| m.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(!outbox.is_empty(), "sending frees nothing");
    outbox.ack(2);
    outbox.close_stream();
    outbox.open_stream(1 << 20, true);
    let again = send_all(&mut outbox);
    assert_eq!(again.iter().map(|m| m.seq).collect::<Vec<_>>(), [1]);
    assert_eq!(batch(&again[0]).results, [result(1, 3)]);
    outbox.ack(1);
    assert!(outbox.is_empty());
    assert_eq!(outbox.bytes(), 0);
}

#[test]
fn a_collector_that_reads_no_runs_is_sent_none() {
    let mut outbox = filled(1 << 20, 1);
    outbox.open_stream(1 << 20, false);
    let sent = send_all(&mut outbox);
    let without = encode_batch_without_runs(&batch(&sent[0]));
    assert_eq!((batch(&sent[0]).results, &sent[0].columns), (vec![result(1, 1)], &without));
    outbox.open_stream(1 << 20, true);
    assert_eq!(send_all(&mut outbox)[0].columns, outbox.sealed[0].columns);
    assert_ne!(outbox.sealed[0].columns, without);
}

#[test]
fn an_acknowledgement_frees_only_what_was_sent_on_this_stream() {
    let mut outbox = filled(1 << 20, 2);
    outbox.ack(9);
    outbox.open_stream(1 << 20, true);
    outbox.ack(9);
    assert_eq!(send_all(&mut outbox).len(), 2, "nothing had been sent");
    outbox.close_stream();
    outbox.ack(2);
    outbox.open_stream(1 << 20, true);
    assert_eq!(send_all(&mut outbox).len(), 2, "the old stream's acknowledgement came too late");
}

#[test]
fn no_more_bytes_than_allowed_are_unacknowledged_but_always_one_batch() {
    let mut outbox = filled(1 << 20, 10);
    let one = outbox.sealed[0].columns.len() as u64;
    outbox.open_stream(3 * one, true);
    assert_eq!(send_all(&mut outbox).len(), 3);
    outbox.ack(1);
    assert_eq!(send_all(&mut outbox).len(), 1);
    outbox.open_stream(0, true);
    assert_eq!(send_all(&mut outbox).len(), 1);
}

#[test]
fn a_result_travels_a_tenth_of_a_second_later_and_waits_while_nobody_listens() {
    let mut outbox = Outbox::new(1 << 20);
    outbox.add(LocalMicros(1_000_000), result(1, 1));
    assert_eq!(outbox.seal_at(), None);
    outbox.open_stream(1 << 20, true);
    outbox.add(LocalMicros(1_050_000), result(1, 2));
    assert_eq!(outbox.seal_at(), Some(LocalMicros(1_100_000)));
}

#[test]
fn a_batch_is_full_with_4096_items() {
    let mut outbox = Outbox::new(64 << 20);
    for planned in 0..4096 {
        assert!(!outbox.is_full());
        outbox.add(LocalMicros(0), result(1, planned));
    }
    assert!(outbox.is_full());
}

#[test]
fn what_is_given_up_is_reported_once_a_target_before_what_is_left() {
    let mut outbox = filled(4_000, 100);
    assert!(outbox.bytes() <= 4_000, "{}", outbox.bytes());
    let dropped = i64::try_from(outbox.dropped()).unwrap();
    assert!(dropped > 50);
    outbox.open_stream(1 << 20, true);
    let sent = send_all(&mut outbox);
    let range =
        MissedRange { uid: Uid(1), from: at(1), to: at(dropped + 1), reason: Missed::BufferFull };
    assert_eq!(batch(&sent[0]).missed, [range]);
    assert_eq!(sent[0].watermark, at(dropped + 1));
    assert_eq!(batch(&sent[1]).results, [result(1, dropped + 1)]);
}

#[test]
fn a_lost_report_of_a_loss_is_reported_again() {
    let mut outbox = filled(2_000, 40);
    outbox.open_stream(1 << 20, true);
    assert!(!batch(&send_all(&mut outbox)[0]).missed.is_empty());
    for planned in 41..100 {
        outbox.add(LocalMicros(0), result(1, planned));
        outbox.seal(at(planned + 1), Duration::ZERO);
    }
    outbox.open_stream(1 << 20, true);
    let missed = batch(&send_all(&mut outbox)[0]).missed;
    assert_eq!(missed[0].from, at(1));
}

#[test]
fn it_knows_which_keys_it_holds() {
    let mut outbox = filled(1 << 20, 2);
    outbox.add(LocalMicros(0), result(1, 3));
    for planned in 1..=3 {
        assert!(outbox.holds(Uid(1), at(planned)));
    }
    assert!(!outbox.holds(Uid(2), at(2)));
    assert!(!outbox.holds(Uid(1), at(4)));
}

#[test]
fn how_far_everything_is_can_be_said_without_results_and_is_not_kept_for_the_next_stream() {
    let mut outbox = Outbox::new(1 << 20);
    outbox.seal_watermark(at(5), Duration::ZERO);
    assert!(outbox.is_empty(), "nobody listens");
    outbox.open_stream(1 << 20, true);
    outbox.seal_watermark(at(5), Duration::ZERO);
    outbox.seal_watermark(at(6), Duration::ZERO);
    let sent = send_all(&mut outbox);
    assert_eq!(sent.iter().map(|m| (m.seq, m.watermark)).collect::<Vec<_>>(), [(1, at(5))]);
    outbox.close_stream();
    assert!(outbox.is_empty());
    assert_eq!(outbox.bytes(), 0);
}

#[test]
fn keys_that_come_in_late_take_the_watermarks_back() {
    let mut outbox = filled(1 << 20, 3);
    outbox.cap_watermarks(at(2));
    outbox.open_stream(1 << 20, true);
    let watermarks: Vec<_> = send_all(&mut outbox).iter().map(|m| m.watermark).collect();
    assert_eq!(watermarks, [at(2), at(2), at(2)]);
}

#[derive(Clone, Debug)]
enum Step {
    Add(u64),
    Seal,
    Open,
    Close,
    Send(usize),
    Ack(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..5_u64).prop_map(Step::Add),
        4 => Just(Step::Seal),
        1 => Just(Step::Open),
        1 => Just(Step::Close),
        3 => (1..5_usize).prop_map(Step::Send),
        2 => (0..9_u64).prop_map(Step::Ack),
    ]
}

proptest! {
    /// Whatever happens: the bound holds; every key before a watermark has been delivered or sent or said to be lost
    /// on the stream that the watermark was sent on; and in the end every key was acknowledged as one or the other.
    #[test]
    fn nothing_is_lost_unsaid_and_every_watermark_is_true(
        steps in prop::collection::vec(step(), 1..400),
        bytes_max in 1_500..6_000_usize,
    ) {
        let mut outbox = Outbox::new(bytes_max);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Add(uid) => {
                    model.clock += 1;
                    let planned = model.clock;
                    model.added.insert((uid, planned));
                    outbox.add(LocalMicros(0), result(uid, planned));
                    if outbox.is_full() {
                        outbox.seal(at(planned + 1), Duration::ZERO);
                    }
                }
                Step::Seal => outbox.seal(at(model.clock + 1), Duration::ZERO),
                Step::Open => {
                    outbox.open_stream(1_000, true);
                    model.sent.clear();
                    model.open = true;
                }
                Step::Close => {
                    outbox.close_stream();
                    model.open = false;
                }
                Step::Send(count) => {
                    for message in std::iter::from_fn(|| outbox.next_to_send()).take(count) {
                        model.send(&message);
                    }
                }
                Step::Ack(seq) => {
                    let sent = model.sent.len() as u64;
                    if model.open {
                        model.ack(seq.min(sent));
                    }
                    outbox.ack(seq.min(sent));
                }
            }
            prop_assert!(outbox.bytes() <= bytes_max, "{} of {bytes_max}", outbox.bytes());
        }
        outbox.seal(at(model.clock + 1), Duration::ZERO);
        outbox.open_stream(1 << 20, true);
        model.sent.clear();
        model.open = true;
        for message in send_all(&mut outbox) {
            model.send(&message);
        }
        let sent = model.sent.len() as u64;
        model.ack(sent);
        outbox.ack(sent);
        prop_assert!(outbox.is_empty());
        prop_assert_eq!(&model.delivered, &model.added);
    }
}

#[derive(Default)]
struct Model {
    clock: i64,
    open: bool,
    added: BTreeSet<(u64, i64)>,
    /// Keys of each message of this stream.
    sent: Vec<BTreeSet<(u64, i64)>>,
    delivered: BTreeSet<(u64, i64)>,
}

impl Model {
    #[track_caller]
    fn send(&mut self, message: &ResultsMessage) {
        assert_eq!(message.seq, self.sent.len() as u64 + 1, "in order");
        let Batch { results, missed } = batch(message);
        let mut keys: BTreeSet<_> = results.iter().map(|r| (r.uid.0, r.planned.millis())).collect();
        for range in missed {
            let covered = |(uid, planned): &&(u64, i64)| {
                *uid == range.uid.0 && (range.from..range.to).contains(&at(*planned))
            };
            keys.extend(self.added.iter().filter(covered));
        }
        self.sent.push(keys);
        let before = self.added.iter().filter(|(_, planned)| at(*planned) < message.watermark);
        for key in before {
            let there = self.delivered.contains(key) || self.sent.iter().any(|s| s.contains(key));
            assert!(there, "{key:?} is before the watermark {:?}", message.watermark);
        }
    }

    fn ack(&mut self, seq: u64) {
        for keys in &self.sent[..usize::try_from(seq).unwrap()] {
            self.delivered.extend(keys);
        }
    }
}
