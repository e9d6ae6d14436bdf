//! What answers cost over a list of N targets, an hour of ten-minute slots in each: by hand, for docs/benchmarks.md.
//!
//! `cargo run --release -p collector --example ask -- 1000000`
//!
//! For each route: what all of it takes of processors, how long it takes, and the longest that the core is held between two events.

use std::time::{Duration, Instant};

use collector::state::State;
use collector::view::blackbox::{self, FAMILIES};
use collector::view::first::{self, Counts};
use collector::view::index::Indexing;
use collector::view::past_hour::PastHour;
use collector::view::summary::{Counting, Question};
use collector::view::targets::{self, Finding, Sort};
use collector::view::websites::Ready;
use proto::{
    Batch, Failure, Kind, Outcome, Phases, ProbeResult, ProbeSpec, Record, ResultBatch,
    TargetEntry, Timestamp, Uid, VantageState, phase_of,
};
use rustix::time::{ClockId, clock_gettime};

const INTERVAL: Duration = Duration::from_secs(600);
const START: i64 = 1_699_999_200_000;
const PART: usize = 8192;

fn name(n: u64) -> String {
    format!("site-{n:07}.example/health")
}

/// An hour of a list: one target in twenty fails.
fn state(count: u64) -> State {
    let mut state = State::default();
    let at = Timestamp::from_millis(START);
    let mut log = |at, kind| state.replay(Record { at, kind }).expect("made here");
    log(at - INTERVAL * 12, Kind::Claim { epoch: 1, log: 1 });
    let state_of = VantageState::Active;
    log(at - INTERVAL * 12, Kind::Vantage { name: "eu".into(), state: state_of });
    let entry = |n| TargetEntry {
        uid: Uid(n),
        name: name(n),
        revision: 1,
        interval: INTERVAL,
        spec: ProbeSpec::get(format!("https://{}", name(n))),
        category: format!("category {}", n % 20),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    };
    let upserts = (1..=count).map(entry).collect();
    log(at - INTERVAL * 10, Kind::Catalog { revision: 1, upserts, removals: Vec::new() });
    for round in 0..6 {
        let begins = at + INTERVAL * round;
        for first in (1..=count).step_by(4096) {
            let result = |n: u64| ProbeResult {
                uid: Uid(n),
                revision: 1,
                planned: begins + phase_of(&name(n), "eu", INTERVAL),
                start_delay_ms: 2,
                outcome: match n % 20 {
                    0 => Outcome::Failed(Failure::Timeout),
                    _ => Outcome::Answered { status: 200, unexpected: None },
                },
                phases: Phases { processing_us: (n % 97) as u32 * 1000, ..Phases::default() },
                body_bytes: 0,
                note: None,
            };
            let results = (first..count.min(first + 4095) + 1).map(result).collect();
            let batch = Batch { results, missed: Vec::new() };
            let batch = ResultBatch {
                vantage: "eu".into(),
                agent_id: "agent".into(),
                zone: "eu-a".into(),
                boot: 1,
                columns: proto::wire::encode_batch(&batch),
            };
            log(begins + INTERVAL, Kind::Results(batch));
        }
    }
    state
}

/// CPU time: a machine that does other things meanwhile does not matter.
fn cpu(of: ClockId) -> Duration {
    let now = clock_gettime(of);
    let part = |n: i64| u64::try_from(n).expect("it only rises");
    Duration::from_secs(part(now.tv_sec)) + Duration::from_nanos(part(now.tv_nsec))
}

/// Runs until there is no more, and says what that took, the best of five.
fn measure(what: &str, mut whole: impl FnMut(&mut dyn FnMut(&mut dyn FnMut()))) {
    let mut best = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        let (began, begins, mut longest) =
            (cpu(ClockId::ProcessCPUTime), Instant::now(), Duration::ZERO);
        whole(&mut |piece| {
            let began = cpu(ClockId::ThreadCPUTime);
            piece();
            longest = longest.max(cpu(ClockId::ThreadCPUTime) - began);
        });
        best = best.min((cpu(ClockId::ProcessCPUTime) - began, begins.elapsed(), longest));
    }
    println!("{what:<44} {:>9.2?} {:>9.2?} {:>9.2?}", best.0, best.1, best.2);
}

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let began = Instant::now();
    let state = state(count);
    let now = Timestamp::from_millis(START) + INTERVAL * 6;
    println!(
        "{count} targets, built in {:.1?}\n{:<44} {:>9} {:>9} {:>9}",
        began.elapsed(),
        "",
        "whole",
        "takes",
        "a piece"
    );
    let parts = |step: &mut dyn FnMut(std::ops::Range<usize>)| {
        for first in (0..state.targets().len()).step_by(PART) {
            step(first..first + PART);
        }
    };
    measure("/latest-summary", |timed| {
        let mut counts = Counts::new();
        parts(&mut |part| {
            timed(&mut || first::latest(&state, now, None, part.clone(), &mut counts))
        });
        assert_eq!(counts.values().sum::<u64>(), count);
    });
    let renew = |ready: &mut Ready, timed: &mut dyn FnMut(&mut dyn FnMut())| {
        let mut done = false;
        while !done {
            timed(&mut || done = ready.renew(&state, now, PART));
        }
    };
    measure("/websites-status, written from nothing", |timed| {
        renew(&mut Ready::default(), timed);
    });
    let mut ready = Ready::default();
    renew(&mut ready, &mut |piece| piece());
    measure("/websites-status, nothing new", |timed| {
        renew(&mut ready, timed);
        assert!(ready.text().len() > 2);
    });
    measure("/api/v1/summary?window=1h", |timed| {
        let question = Question {
            window: INTERVAL * 6,
            round: INTERVAL,
            vantage: None,
            zone: None,
            category: None,
        };
        let mut counting = Counting::new(now, question);
        parts(&mut |part| timed(&mut || counting.count(&state, part.clone())));
        assert!(serde_json::to_string(&counting.finish()).is_ok_and(|text| !text.is_empty()));
    });
    measure("/past-hour-summary", |timed| {
        let mut counting = PastHour::new(&state, now, INTERVAL, None);
        parts(&mut |part| timed(&mut || counting.count(&state, part.clone())));
        assert_eq!(counting.finish().len(), 6);
    });
    let mut index = None;
    measure("the index of the list", |timed| {
        let mut indexing = Indexing::new(&state);
        let mut more = true;
        while more {
            timed(&mut || more = indexing.go_on(&state, PART));
        }
        index = Some(indexing.finish());
    });
    let index = index.expect("it was made");
    let page = |what: &str, question: targets::Question| {
        measure(what, |timed| {
            let mut finding = Finding::new(&index, question.clone());
            let mut more = true;
            while more {
                timed(&mut || more = finding.go_on(&state, now, PART));
            }
            let mut sorted = Some(finding.sorted());
            timed(&mut || {
                let (page, _) = sorted.take().expect("it is asked once").page(&state, now);
                assert!(serde_json::to_string(&page).is_ok_and(|text| !text.is_empty()));
            });
        });
    };
    let question = targets::Question { limit: 100, ..targets::Question::default() };
    let words = |words: &[&str]| targets::Question {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        ..question.clone()
    };
    page("/api/v1/targets", question.clone());
    page("/api/v1/targets?q=site-00042", words(&["site-00042"]));
    page("/api/v1/targets?q=4242 health", words(&["4242", "health"]));
    page("/api/v1/targets?q=https example", words(&["https", "example"]));
    page("/api/v1/targets?q=e", words(&["e"]));
    page("/api/v1/targets?q=nowhere", words(&["nowhere"]));
    let after = targets::After::Name(name(count / 2));
    page("/api/v1/targets?cursor=…", targets::Question { after, ..question.clone() });
    page(
        "/api/v1/targets?verdict=down",
        targets::Question { verdict: Some("down".into()), ..question.clone() },
    );
    page(
        "/api/v1/targets?sort=-since",
        targets::Question { sort: Sort::Since, ..question.clone() },
    );
    page("/api/v1/targets?sort=-latency", targets::Question { sort: Sort::Latency, ..question });
    measure("/metrics/probes", |timed| {
        let question = blackbox::Question::default();
        for family in &FAMILIES {
            let mut first = Some(0);
            while let Some(at) = first {
                timed(&mut || first = blackbox::piece(&state, now, &question, family, at).1);
            }
        }
    });
}
