//! Greeting, leases, streams that break, draining.

use proto::{Beat, HeldShard, ProbeSettings, SettingsApplied};

use super::*;

#[test]
fn before_a_welcome_no_time_is_known_and_nothing_starts() {
    let mut rig = Rig::new();
    rig.stream = StreamId(1);
    rig.apply(Event::Connected(rig.stream));
    let AgentMessage::Hello(hello) = &rig.sent[0] else { panic!("{:?}", rig.sent) };
    assert_eq!((hello.agent_id.as_str(), hello.boot, hello.capacity), ("a", 7, 10));
    assert_eq!(hello.sent_us, 1_000_000);
    rig.grant(0, vec![target(1, 10_000, 500)]);
    assert!(rig.starts.is_empty());
    assert_eq!(rig.disconnects.len(), 1, "a collector that does not greet is left");
}

#[test]
fn an_idle_agent_says_every_second_how_far_it_is() {
    let mut rig = Rig::welcomed();
    for _ in 0..50 {
        rig.pass(100);
        if let Some(seq) = rig.results().last().map(|r| r.seq) {
            rig.hear(CollectorMessage::Ack { seq, refused: vec![] });
        }
    }
    let said: Vec<_> = rig.results().iter().map(|r| (r.seq, r.watermark)).collect();
    assert_eq!(said, (1..=5).map(|n| (n, at(1_000 + n as i64 * 1_000))).collect::<Vec<_>>());
}

#[test]
fn a_deposed_leader_is_left_and_an_equal_epoch_is_taken() {
    let mut rig = Rig::new();
    rig.connect(5);
    rig.connect(4);
    assert_eq!(rig.disconnects.len(), 1);
    assert!(rig.disconnects[0].0.contains("epoch"), "{:?}", rig.disconnects);
    assert!(!rig.core.is_connected());
    rig.connect(5);
    assert!(rig.core.is_connected());
    let hello = rig.sent.iter().rev().find_map(|m| match m {
        AgentMessage::Hello(hello) => Some(hello),
        _ => None,
    });
    assert_eq!(hello.unwrap().epoch_seen, 5);
}

#[test]
fn a_silent_collector_is_left_after_the_lease_and_one_that_does_not_greet_after_ten_seconds() {
    let mut rig = Rig::new();
    rig.stream = StreamId(1);
    rig.apply(Event::Connected(rig.stream));
    rig.pass(9_999);
    assert!(rig.disconnects.is_empty());
    rig.pass(1);
    assert_eq!(rig.disconnects.len(), 1);
    rig.stream = StreamId(2);
    rig.apply(Event::Connected(rig.stream));
    let (now_us, echo_us) = (rig.collector_us(), rig.now.0);
    rig.hear(CollectorMessage::Welcome(Welcome {
        epoch: 1,
        now_us,
        echo_us,
        lease: Duration::from_secs(20),
        beat: Duration::from_secs(5),
        unacked_bytes_max: 1,
        log: 1,
        takes_runs: true,
    }));
    rig.pass(15_000);
    let beats = rig.sent.iter().filter(|m| matches!(m, AgentMessage::Beat(_))).count();
    assert_eq!(beats, 4, "at 0, 5, 10 and 15 s");
    rig.hear(CollectorMessage::Beat(Beat {
        sent_us: rig.now.0,
        now_us: rig.collector_us(),
        ..Beat::default()
    }));
    rig.pass(19_999);
    assert_eq!(rig.disconnects.len(), 1);
    rig.pass(1);
    assert_eq!(rig.disconnects.len(), 2);
}

#[test]
fn go_away_says_when_to_come_back() {
    let mut rig = Rig::welcomed();
    let after = Duration::from_secs(3);
    rig.hear(CollectorMessage::GoAway { after, cause: "restart".into() });
    assert_eq!(rig.disconnects, [("the collector says: restart".into(), after)]);
    assert!(!rig.core.is_connected());
}

#[test]
fn cut_off_it_goes_on_probing_and_delivers_everything_on_the_next_stream() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 5_000)]);
    rig.apply(Event::Disconnected(rig.stream));
    let silent = rig.sent.len();
    for slot in 0..50 {
        rig.pass(10_000);
        let found = rig.found();
        rig.ended(slot, found);
    }
    assert_eq!(rig.sent.len(), silent);
    rig.connect(1);
    let held = HeldShard { shard: shard(), from: at(0), content_hash: 42 };
    assert!(matches!(&rig.sent[silent], AgentMessage::Hello(h) if h.held == [held]));
    rig.pass(100);
    assert_eq!(rig.reported().results.len(), 50);
    assert_eq!(rig.results().iter().find(|r| !r.columns.is_empty()).unwrap().seq, 1);
}

#[test]
fn what_an_old_stream_says_is_not_heard() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    let found = rig.found();
    rig.ended(0, found);
    rig.pass(100);
    let old = rig.stream;
    rig.connect(1);
    let bytes = rig.core.outbox_bytes();
    rig.apply(Event::Received(old, CollectorMessage::Ack { seq: 1, refused: vec![] }));
    rig.apply(Event::Disconnected(old));
    rig.apply(Event::Connected(old));
    assert_eq!(rig.core.outbox_bytes(), bytes);
    assert!(rig.core.is_connected());
}

#[test]
fn a_drain_finishes_what_runs_drops_what_does_not_and_ends_when_all_is_acknowledged() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500), target(2, 10_000, 1_600)]);
    rig.pass(700);
    rig.started(0);
    rig.apply(Event::Drain);
    let draining =
        |m: &AgentMessage| matches!(m, AgentMessage::Draining { until } if *until == at(1_700));
    assert!(rig.sent.iter().any(draining));
    rig.ended(1, Attempt::NotBegun);
    rig.pass(20_000);
    assert_eq!(rig.starts.len(), 2, "nothing starts any more");
    assert!(!rig.drained);
    let found = rig.found();
    rig.ended(0, found);
    let last = rig.results().last().map(|r| (r.seq, r.watermark)).unwrap();
    assert_eq!(last.1, at(1_600), "what was dropped is not claimed");
    assert!(!rig.drained, "not acknowledged yet");
    rig.hear(CollectorMessage::Ack { seq: last.0, refused: vec![] });
    assert!(rig.drained);
    assert_eq!(rig.reported().results.len(), 1);
    assert!(rig.reported().missed.is_empty(), "another agent will run it");
}

#[test]
fn a_probe_whose_begin_was_not_heard_of_before_the_drain_is_finished_and_reported() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(600);
    rig.apply(Event::Drain);
    assert!(!rig.drained, "it may have begun");
    rig.started(0);
    rig.pass(1_000);
    let found = rig.found();
    rig.ended(0, found);
    assert_eq!(rig.reported().results.len(), 1);
    let said = rig.results().last().unwrap().watermark;
    assert_eq!(said, at(1_600), "up to the drain everything is said");
}

/// Greeted by a collector that stood still for so many seconds before it answered.
fn welcomed_after(seconds: u64) -> Rig {
    let mut rig = Rig::new();
    rig.stream = StreamId(1);
    rig.apply(Event::Connected(rig.stream));
    let asked = rig.now.0;
    rig.now = LocalMicros(asked + seconds * 1_000_000);
    rig.hear(CollectorMessage::Welcome(Welcome {
        epoch: 1,
        now_us: rig.collector_us(),
        echo_us: asked,
        lease: Duration::from_secs(60),
        beat: Duration::from_secs(5),
        unacked_bytes_max: 1 << 20,
        log: 1,
        takes_runs: true,
    }));
    rig
}

#[test]
fn nothing_is_started_by_a_time_that_is_not_known_to_five_seconds() {
    let mut rig = welcomed_after(10);
    rig.grant(0, vec![target(1, 10_000, 4_000)]);
    rig.pass(100);
    assert!(rig.starts.is_empty(), "it is taken for {:?}", rig.core.collector_now(rig.now));
    let beat = Beat { sent_us: rig.now.0, now_us: rig.collector_us(), ..Beat::default() };
    rig.hear(CollectorMessage::Beat(beat));
    rig.pass(4_000);
    let planned: Vec<_> = rig.starts.iter().map(|start| start.planned).collect();
    assert_eq!(planned, [at(4_000), at(14_000)], "as soon as it is known: the first was due");
}

#[test]
fn a_result_says_how_well_time_was_known_when_it_started_not_when_it_is_sent() {
    let mut rig = welcomed_after(3);
    rig.grant(0, vec![target(1, 10_000, 7_000)]);
    rig.pass(2_000);
    rig.started(0);
    let beat = Beat { sent_us: rig.now.0, now_us: rig.collector_us(), ..Beat::default() };
    rig.hear(CollectorMessage::Beat(beat));
    let found = rig.found();
    rig.ended(0, found);
    rig.pass(200);
    let results = rig.results();
    let with_it = results.iter().find(|message| !message.columns.is_empty()).unwrap();
    assert_eq!(with_it.clock_error, Duration::from_millis(1_500));
}

#[test]
fn a_drain_says_so_again_on_the_next_stream() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    rig.started(0);
    rig.apply(Event::Disconnected(rig.stream));
    rig.apply(Event::Drain);
    rig.connect(1);
    let last = rig.sent.iter().rposition(|m| matches!(m, AgentMessage::Draining { .. }));
    let hello = rig.sent.iter().rposition(|m| matches!(m, AgentMessage::Hello(_)));
    assert!(last > hello);
    assert!(matches!(&rig.sent[hello.unwrap()], AgentMessage::Hello(h) if h.held.is_empty()));
}

#[test]
fn an_idle_agent_drains_at_once() {
    let mut rig = Rig::new();
    rig.apply(Event::Drain);
    assert!(rig.drained);
}

#[test]
fn a_step_of_the_collectors_clock_repeats_nothing_and_what_it_skips_is_said() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    let found = rig.found();
    rig.ended(0, found);
    rig.stream = StreamId(2);
    rig.apply(Event::Connected(rig.stream));
    let welcome = |rig: &Rig, epoch, step_ms: i64| {
        CollectorMessage::Welcome(Welcome {
            epoch,
            now_us: rig.collector_us() + step_ms * 1000,
            echo_us: rig.now.0,
            lease: Duration::from_secs(1_000),
            beat: Duration::from_secs(5),
            unacked_bytes_max: 1 << 20,
            log: 1,
            takes_runs: true,
        })
    };
    let forward = welcome(&rig, 2, 100_000);
    rig.hear(forward);
    assert_eq!(rig.starts.iter().map(|s| s.planned).collect::<Vec<_>>(), [at(1_500), at(101_500)]);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 11_500, 101_500, Missed::ClockUnsure)]);
    rig.stream = StreamId(3);
    rig.apply(Event::Connected(rig.stream));
    let back = welcome(&rig, 3, 0);
    rig.hear(back);
    rig.pass(60_000);
    assert_eq!(rig.starts.len(), 2, "until time has come that far again");
    rig.pass(50_000);
    assert_eq!(rig.starts.len(), 3);
}

#[test]
fn a_backlog_does_not_claim_keys_that_a_grant_has_brought_since() {
    let mut rig = Rig::new();
    rig.unacked_bytes_max = 1;
    rig.connect(1);
    rig.grant(0, vec![target(1, 10_000, 1_500), target(2, 10_000, 2_500)]);
    rig.pass(2_000);
    for index in 0..2 {
        let found = rig.found();
        rig.ended(index, found);
        rig.pass(200);
    }
    assert_eq!(rig.reported().results.len(), 1, "the second waits for the first");
    let grant = Grant {
        shard: ShardId::new(8).unwrap(),
        from: at(1_000),
        content_hash: 1,
        targets: vec![target(3, 10_000, 1_200)],
        more: false,
    };
    rig.assign(vec![], vec![grant]);
    let seq = rig.results().last().unwrap().seq;
    rig.hear(CollectorMessage::Ack { seq, refused: vec![] });
    assert_eq!(rig.reported().results.len(), 2);
    assert_eq!(rig.results().last().unwrap().watermark, at(1_200));
}

#[test]
fn a_try_that_a_drain_gives_up_is_not_claimed() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500), target(2, 10_000, 1_600)]);
    rig.pass(700);
    rig.started(0);
    rig.started(1);
    rig.apply(Event::Drain);
    rig.ended(0, Attempt::Paused);
    let found = rig.found();
    rig.ended(1, found);
    assert_eq!(rig.starts.len(), 2, "nothing is tried again");
    assert_eq!(rig.results().last().unwrap().watermark, at(1_500));
}

#[test]
fn settings_are_tried_and_their_version_is_said_on_the_stream_that_there_is_by_then() {
    let mut rig = Rig::welcomed();
    let settings = ProbeSettings { version: 7, concurrency: Some(3), ..ProbeSettings::default() };
    rig.hear(CollectorMessage::Settings(settings.clone()));
    assert_eq!(rig.tunes, [settings]);
    let said = |rig: &Rig| {
        rig.sent.iter().filter(|m| matches!(m, AgentMessage::SettingsApplied(_))).count()
    };
    assert_eq!(said(&rig), 0, "nothing is said before it is so");
    rig.connect(1);
    rig.apply(Event::Tuned(SettingsApplied { version: 7, capacity: 3, problem: None }));
    assert_eq!(said(&rig), 1);
    rig.connect(1);
    let hello = rig.sent.iter().rev().find_map(|m| match m {
        AgentMessage::Hello(hello) => Some(hello),
        _ => None,
    });
    assert_eq!(hello.map(|hello| (hello.capacity, hello.takes_settings)), Some((3, true)));
}
