//! Hours, uptime and history against a naive recount, slot by slot: from memory, from parts, after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use collector::parts::{self, Totals, hour};
use collector::state::{State, snapshot};
use collector::store::{Folder, Memory, Store};
use collector::view::hours::{Filter, Source, hours};
use collector::view::uptime::{self, By};
use proptest::prelude::*;
use proto::{
    Batch, Kind, Missed, MissedRange, Outcome, Phases, ProbeResult, ResultBatch, Timestamp,
};
use serde_json::Value;

use crate::client::send;
use crate::past;
use crate::recount::Fate;
use crate::rig::Rig;
use crate::story::{Story, TIMEOUT, answer, at, target};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// The story lasts so many hours, over a midnight; the first stretch begins a minute before.
pub(crate) const HOURS: i64 = 3;
pub(crate) const VANTAGES: [&str; 2] = ["eu", "us"];

/// A list that changes, and what each slot came to by the next code.
pub(crate) fn told(codes: &[u8]) -> Story {
    let in_category = |uid, name: &str, category: &str| {
        let mut entry = target(uid, name);
        entry.category = category.to_owned();
        entry
    };
    let list = vec![in_category(1, "a", "x"), in_category(2, "b", "x"), in_category(3, "c", "y")];
    let mut story = Story::listed(&VANTAGES, list, 0);
    let mut faster = in_category(3, "c", "y");
    (faster.interval, faster.revision) = (Duration::from_secs(45), 2);
    story.list(vec![faster], &[], 6_000);
    story.list(vec![], &[2], 8_000);
    story.list(vec![in_category(2, "b", "x")], &[], 9_000);
    let end = at(HOURS * 3600);
    let mut codes = codes.iter().cycle();
    for vantage in VANTAGES {
        let names: Vec<String> =
            story.state.targets().map(|(_, target)| target.entry.name.clone()).collect();
        for name in names {
            for planned in slots(&story.state, vantage, &name, (Timestamp::EPOCH, end)) {
                tell(&mut story, vantage, &name, planned, *codes.next().expect("they go round"));
            }
        }
    }
    story
}

fn tell(story: &mut Story, vantage: &str, name: &str, planned: Timestamp, code: u8) {
    let uid = story.state.target(story.idx(name)).uid;
    let mut batch = Batch::default();
    let agent_id = match fate(code, planned) {
        Fate::Found(outcome, processing_us) => {
            batch.results.push(ProbeResult {
                uid,
                revision: 9,
                planned,
                start_delay_ms: 1,
                outcome,
                phases: Phases { processing_us, ..Phases::default() },
                body_bytes: 0,
                note: None,
            });
            format!("agent-{}", code % 2)
        }
        Fate::Missed(reason) => {
            let to = planned + Duration::from_millis(1);
            batch.missed.push(MissedRange { uid, from: planned, to, reason });
            String::new()
        }
        Fate::Open => return,
    };
    let results = ResultBatch {
        vantage: vantage.into(),
        agent_id,
        zone: zone(vantage, code),
        boot: 1,
        columns: proto::wire::encode_batch(&batch),
    };
    story.log(at(HOURS * 3600 + 60), Kind::Results(results));
}

/// What a code stands for.
pub(crate) fn fate(code: u8, planned: Timestamp) -> Fate {
    let latency_us = u32::from(code) * 70_001 + (planned.millis() % 50_000) as u32;
    match code {
        0 => Fate::Missed(Missed::NoAgent),
        1 => Fate::Missed(Missed::AgentLost),
        2 => Fate::Found(TIMEOUT, latency_us),
        3 => Fate::Found(answer(503), latency_us),
        4 => Fate::Found(answer(204), latency_us),
        _ => Fate::Found(answer(200), latency_us),
    }
}

/// The zone of the agent that found what a code stands for.
pub(crate) fn zone(vantage: &str, code: u8) -> String {
    format!("{vantage}-{}", code % 2)
}

/// Every planned start of a target at a vantage in `[from, to)`.
fn slots(
    state: &State,
    vantage: &str,
    name: &str,
    (from, to): (Timestamp, Timestamp),
) -> Vec<Timestamp> {
    let vantage = state.vantage_idx(vantage).expect("known");
    let series = state.series(vantage, state.by_name(name).expect("listed"));
    let mut found = Vec::new();
    let mut next = from;
    while let Some((planned, _)) =
        series.and_then(|series| series.next(next)).filter(|(planned, _)| *planned < to)
    {
        found.push(planned);
        next = planned + Duration::from_millis(1);
    }
    found
}

/// Slot by slot.
fn recount(state: &State, filter: &Filter, (from, to): (Timestamp, Timestamp)) -> Totals {
    let mut totals = Totals::default();
    for (vantage, place) in state.vantages() {
        if filter.vantage.is_some_and(|only| only != vantage) {
            continue;
        }
        for (idx, target) in state.targets() {
            if filter.category.as_ref().is_some_and(|only| *only != target.entry.category) {
                continue;
            }
            let series = state.series(vantage, idx).expect("due from everywhere");
            for planned in slots(state, &place.name, &target.entry.name, (from, to)) {
                if filter.zone.is_none() {
                    totals.tally.expected += 1;
                }
                match (series.entry(planned), series.missed_reason(planned)) {
                    (Some(entry), _) => {
                        let zone = &state.reported_by(entry.reporter).zone;
                        if filter.zone.as_ref().is_none_or(|only| only == zone) {
                            totals.receive(entry);
                        }
                    }
                    (None, _) if filter.zone.is_some() => {}
                    (None, Some(reason)) => {
                        *totals.tally.missed.entry(reason).or_default() += 1;
                    }
                    (None, None) => totals.tally.open += 1,
                }
            }
        }
    }
    totals
}

/// Seals what can be, as the collector does.
pub(crate) fn seal(story: &mut Story, store: &mut Memory, now: Timestamp) -> usize {
    story.state.settle_all(now);
    let open_from = story.state.open_from(now);
    let unsealed: Vec<(Timestamp, u32)> = story
        .state
        .hours()
        .unsealed()
        .filter(|(start, _)| *start + HOUR <= open_from.min(now))
        .map(|(start, hour)| (start, hour.sealed.as_ref().map_or(1, |before| before.revision + 1)))
        .collect();
    for (start, revision) in &unsealed {
        let sealed = hour::seal(&story.state, *start, *revision);
        for (key, bytes) in sealed.parts {
            store.put_part(&key, &bytes).expect("memory works");
        }
        story.log(now, Kind::Hour(sealed.manifest));
    }
    unsealed.len()
}

fn filters(state: &State) -> Vec<(Filter, Option<&'static str>)> {
    let mut all = Vec::new();
    for vantage in [None, Some("eu"), Some("us")] {
        for category in [None, Some("x"), Some("y"), Some("none")] {
            for zone in [None, Some("eu-1"), Some("us-0")] {
                let idx = vantage.map(|name| state.vantage_idx(name).expect("known"));
                let (zone, category) = (zone.map(str::to_owned), category.map(str::to_owned));
                all.push((Filter { vantage: idx, zone, category }, vantage));
            }
        }
    }
    all
}

/// What the answer for these hours would be made of, newest first.
fn answered(
    state: &State,
    store: &Memory,
    (filter, vantage): (&Filter, Option<&str>),
    now: Timestamp,
) -> Vec<(Timestamp, bool, Totals)> {
    let found = hours(state, now, filter, at(-60), at(HOURS * 3600));
    let totals = |source| match source {
        Source::Counted(totals, exact) => {
            let mut samples = exact.expect("few");
            assert_eq!(samples.pop(), totals.latency.max(), "exact is as good as its sketch");
            totals
        }
        Source::Parts(manifest) => filter.of_groups(
            vantage,
            &hour::totals(store.parts().as_ref(), &manifest).expect("it is there"),
        ),
        Source::Empty => Totals::default(),
    };
    found.into_iter().map(|hour| (hour.start, hour.is_final, totals(hour.source))).collect()
}

/// With a zone, what never ran is nobody's.
fn received(mut totals: Totals, filter: &Filter) -> Totals {
    if filter.zone.is_some() {
        totals.tally.expected = 0;
        totals.tally.open = 0;
        totals.tally.missed.clear();
    }
    totals
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn hours_and_uptime_are_what_a_naive_recount_of_the_slots_says_from_memory_and_from_parts(
        codes in prop::collection::vec(0..10_u8, 50..400),
    ) {
        let mut story = told(&codes);
        let mut store = Memory::default();
        let now = at(HOURS * 3600 + 1800);
        prop_assert_eq!(seal(&mut story, &mut store, now), HOURS as usize + 1);
        let mut expected = BTreeMap::new();
        for (index, (filter, _)) in filters(&story.state).iter().enumerate() {
            for hour in -1..HOURS {
                let window = (at(hour * 3600), at((hour + 1) * 3600));
                expected.insert((index, at(hour * 3600)), recount(&story.state, filter, window));
            }
        }
        let everything = recount(&story.state, &Filter::default(), (at(-60), at(HOURS * 3600)));
        prop_assert!(everything.tally.received > 100 && everything.tally.open == 0);

        // A restart: from a snapshot and the parts, the same state again.
        let written = snapshot::write(&story.state);
        let mut again = snapshot::read(&written, HOUR).expect("just written");
        let sealed: Vec<_> = again.hours().range(Timestamp::EPOCH, Timestamp::MAX)
            .filter_map(|(_, hour)| hour.clean().cloned()).collect();
        for manifest in &sealed {
            hour::load_slots(store.parts().as_ref(), manifest, &mut again).expect("it is there");
        }
        prop_assert_eq!(
            recount(&again, &Filter::default(), (at(-60), at(HOURS * 3600))), everything.clone()
        );
        prop_assert!(snapshot::write(&again) == written, "written again it is the same");

        // And without the slots: from the parts alone.
        let mut forgotten = snapshot::read(&written, HOUR).expect("just written");
        forgotten.forget(now, Duration::ZERO);
        prop_assert_eq!(forgotten.forgotten(), at(HOURS * 3600));
        for state in [&story.state, &again, &forgotten] {
            for (index, (filter, vantage)) in filters(state).iter().enumerate() {
                for (start, is_final, totals) in answered(state, &store, (filter, *vantage), now) {
                    prop_assert!(is_final);
                    let expected = &expected[&(index, start)];
                    prop_assert_eq!(received(totals, filter), expected.clone(), "{:?}", filter);
                }
                if filter.zone.is_some() {
                    continue;
                }
                let window = (at(-3600), at(HOURS * 3600));
                for by in [None, Some(By::Target), Some(By::Category), Some(By::Vantage)] {
                    shares_add_up(state, &store, (filter, *vantage), by, window, now);
                }
            }
        }
        let whole = uptime_of(&forgotten, &store, (&Filter::default(), None), Some(By::Target),
            (at(-3600), at(HOURS * 3600)), now);
        for row in &whole.rows {
            let name = row.target.as_deref().expect("a target");
            let mut up = 0;
            for vantage in VANTAGES {
                let series = again.series(again.vantage_idx(vantage).unwrap(), again.by_name(name).unwrap());
                let slots = slots(&again, vantage, name, (at(-60), at(HOURS * 3600)));
                let is_up = |planned: &&Timestamp| series.unwrap().entry(**planned)
                    .is_some_and(|entry| matches!(entry.outcome, Outcome::Answered { unexpected: None, .. }));
                up += slots.iter().filter(is_up).count() as u64;
            }
            prop_assert_eq!(row.share.up, up, "{}", name);
        }
    }
}

fn uptime_of(
    state: &State,
    store: &Memory,
    (filter, vantage): (&Filter, Option<&str>),
    by: Option<By>,
    window: (Timestamp, Timestamp),
    now: Timestamp,
) -> uptime::Answer {
    let mut plan = uptime::plan(state, now, filter, by, window);
    let parts = store.parts();
    for manifest in std::mem::take(&mut plan.parts) {
        let groups = hour::totals(parts.as_ref(), &manifest).expect("it is there");
        plan.counted.add_groups(filter, vantage, by, &groups);
        if by == Some(By::Target) {
            let targets = &mut plan.counted.targets;
            let take = parts::Counts::take;
            hour::rows(parts.as_ref(), &manifest, None, take, |uid, place, counts| {
                if vantage.is_none_or(|only| only == place) {
                    targets.entry(uid).or_default().merge(&counts);
                }
            })
            .expect("they are there");
        }
    }
    uptime::answer(plan, window.1, by, (0, 1000))
}

fn shares_add_up(
    state: &State,
    store: &Memory,
    filter: (&Filter, Option<&str>),
    by: Option<By>,
    window: (Timestamp, Timestamp),
    now: Timestamp,
) {
    let answer = uptime_of(state, store, filter, by, window, now);
    let all = &answer.all;
    assert_eq!(all.expected, all.received + all.missed + all.open, "{filter:?} {by:?}");
    if by.is_some() {
        let sum = |count: fn(&uptime::Share) -> u64| {
            answer.rows.iter().map(|row| count(&row.share)).sum::<u64>()
        };
        assert_eq!(sum(|share| share.expected), all.expected, "{filter:?} {by:?}");
        assert_eq!(sum(|share| share.up), all.up, "{filter:?} {by:?}");
        assert_eq!(sum(|share| share.missed), all.missed, "{filter:?} {by:?}");
    }
}

#[test]
fn a_late_result_makes_a_revision_that_replaces_the_hour_and_adds_nothing() {
    let mut story = told(&[5, 5, 0]);
    let mut store = Memory::default();
    let now = at(HOURS * 3600 + 1800);
    seal(&mut story, &mut store, now);
    let eu = slots(&story.state, "eu", "a", (at(3600), at(7200)));
    let late = *eu
        .iter()
        .find(|planned| {
            let series = story.state.series(story.at_vantage("eu").unwrap(), story.idx("a"));
            series.unwrap().entry(**planned).is_none()
        })
        .expect("a missed slot");
    let all = Filter::default();
    let of_hour = |story: &Story, store: &Memory| {
        let found = answered(&story.state, store, (&all, None), now);
        found.into_iter().find(|(start, _, _)| *start == at(3600)).expect("it is there")
    };
    let (_, was_final, before) = of_hour(&story, &store);
    assert!(was_final);
    tell(&mut story, "eu", "a", late, 5);
    assert!(!of_hour(&story, &store).1, "not final until it is written again");
    assert_eq!(seal(&mut story, &mut store, now), 1, "only this hour");
    story.state.forget(now, Duration::ZERO);
    let (_, is_final, after) = of_hour(&story, &store);
    assert!(is_final);
    assert_eq!(after.tally.expected, before.tally.expected);
    assert_eq!(after.tally.received, before.tally.received + 1);
    assert_eq!(after.tally.missed_total(), before.tally.missed_total() - 1);
    let hour = story.state.hours().get(at(3600)).expect("it is there").clean().cloned();
    assert_eq!(hour.expect("it is written").revision, 2);
    // The same again is no revision: the hour stays clean.
    tell(&mut story, "eu", "a", late, 5);
    assert_eq!(seal(&mut story, &mut store, now), 0);
}

#[test]
fn a_collector_over_its_past_answers_for_all_of_it() {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_millis();
    let now = Timestamp::from_millis(now as i64);
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Folder::open(folder.path()).expect("a store");
    // 60 hours, of which 58 are in parts, 48 with their slots, and two are in the log.
    let told = past::write(&mut store, 3, 60, 58, now);
    assert!(store.head().expect("readable") > 0, "its log was trimmed");
    drop(store);
    let mut csv = "name,url,interval\n".to_owned();
    for n in 0..3 {
        csv.push_str(&format!("{},{},10m\n", past::name(n), past::url(n)));
    }
    let path = folder.path().to_str().expect("UTF-8").to_owned();
    let rig = Rig::start(&csv, &["--store", &path, "--vantages", past::VANTAGE]);
    let end = now.floor(HOUR);
    let (from, to) = ((end - HOUR * 60).rfc3339(), end.rfc3339());
    let route = format!("/api/v1/hours?from={from}&to={to}&vantage={}", past::VANTAGE);
    // The two hours that are in the log are finished, so they are written now.
    let answer = rig.until(&route, |answer| {
        answer["hours"].as_array().expect("hours").iter().all(|hour| hour["final"] == true)
    });
    let found = answer["hours"].as_array().expect("hours");
    assert_eq!(found.len(), 60);
    for hour in found {
        let start: jiff::Timestamp = hour["start"].as_str().expect("a text").parse().expect("time");
        let start = Timestamp::from_millis(start.as_millisecond());
        let of_hour = told.slots.iter().filter(|(_, planned, _)| planned.floor(HOUR) == start);
        let due = of_hour.clone().count() as u64;
        let ok = of_hour.filter(|(_, _, outcome)| outcome.is_up()).count() as u64;
        assert_eq!(hour["slots"]["expected"], due, "{hour}");
        assert_eq!(hour["slots"]["received"], due, "{hour}");
        assert_eq!(hour["status_codes"]["200"], ok, "{hour}");
        assert_eq!(hour["revision"], 1, "{hour}");
        assert!(hour["latency_ms"]["p50"].as_f64().expect("samples") > 0.0);
    }
    the_other_routes_agree(&rig, &told, &(from, to));
}

fn the_other_routes_agree(rig: &Rig, told: &past::Told, (from, to): &(String, String)) {
    let up = told.slots.iter().filter(|(_, _, outcome)| outcome.is_up());
    let vantage = past::VANTAGE;
    let answer = rig.json(&format!("/api/v1/uptime?window=62h&by=target&vantage={vantage}"));
    // The first round was planned before the hours that were asked for above, and some slots after the past are open.
    assert_eq!(answer["all"]["up"], up.clone().count() as u64, "{answer}");
    assert_eq!(answer["rows"].as_array().expect("rows").len(), 3);
    let of_one = up.filter(|(n, _, _)| *n == 1).count() as u64;
    assert_eq!(answer["rows"][1]["target"], past::name(1));
    assert_eq!(answer["rows"][1]["up"], of_one, "{answer}");
    let summary = rig.json(&format!("/api/v1/summary?window=62h&vantage={vantage}"));
    assert_eq!(summary["slots"]["received"], told.slots.len() as u64, "{summary}");
    let csv = send(rig.http, "GET", "/api/v1/uptime?by=vantage", &[("accept", "text/csv")]);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"), "{csv:?}");
    let text = &csv.body;
    assert!(text.starts_with("vantage,expected,received,up,missed,open,low,high,coverage\n"));
    assert!(text.contains(&format!("\n{vantage},")), "{text}");
    history_of_one(rig, told, (from, to));
}

fn history_of_one(rig: &Rig, told: &past::Told, (from, to): (&String, &String)) {
    let name = past::name(1);
    let route = format!("/api/v1/targets/{name}/history?from={from}&to={to}&limit=100");
    let mut page = rig.json(&route);
    let planned = |slot: &Value| slot["planned"].as_str().expect("a text").to_owned();
    let sum: u64 = page["hours"]
        .as_array()
        .expect("hours")
        .iter()
        .map(|hour| hour["slots"]["received"].as_u64().expect("a number"))
        .sum();
    let due = told.slots.iter().filter(|(n, at, _)| *n == 1 && at.rfc3339() >= *from).count();
    assert_eq!(sum, due as u64);
    let mut seen: Vec<Value> = Vec::new();
    loop {
        seen.extend(page["slots"].as_array().expect("slots").iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = rig.json(&format!("{route}&cursor={cursor}"));
        assert_eq!(page["hours"].as_array().expect("hours").len(), 0, "only on the first page");
    }
    assert!(seen.windows(2).all(|pair| planned(&pair[0]) > planned(&pair[1])), "newest first");
    let kept = page["slots_from"].as_str().expect("a text").to_owned();
    let expected: Vec<String> = told
        .slots
        .iter()
        .rev()
        .filter(|(n, at, _)| *n == 1 && at.rfc3339() >= kept)
        .map(|(_, at, _)| at.rfc3339())
        .collect();
    let found: Vec<String> = seen.iter().map(planned).filter(|at| *at >= kept).collect();
    assert_eq!(found, expected, "every slot that is kept, once");
    assert!(found.len() > 250, "{}", found.len());
    assert_eq!(seen[0]["agent"], "agent-past");
    assert_eq!(seen[0]["state"], "received");
    let none = rig.get("/api/v1/targets/nobody/history");
    assert_eq!(none.status, 404);
}

#[test]
fn what_is_asked_of_the_past_is_bounded_and_what_is_wrong_is_said() {
    let rig = Rig::start("name,url,interval\na,http://{origin}/,1s\n", &[]);
    for (route, said) in [
        ("hours?from=2026-01-01&to=2026-03-01", "31 days"),
        ("hours?from=yesterday", "2026-03-01T08:00:00Z"),
        ("hours?from=2026-03-02&to=2026-03-01", "earlier"),
        ("hours?vantage=nowhere", "vantage"),
        ("hours?limit=3", "allowed here"),
        ("uptime?month=2026-13", "2026-03"),
        ("uptime?month=26-3", "2026-03"),
        ("uptime?window=91d", "at most 2160h"),
        ("uptime?by=zone", "target, category, vantage"),
        ("uptime?by=target&limit=10001", "10000"),
        ("targets/a/history?cursor=x", "next_cursor"),
        ("targets/a/history?limit=0", "5000"),
    ] {
        let answer = rig.get(&format!("/api/v1/{route}"));
        assert_eq!(answer.status, 400, "{route}: {answer:?}");
        let detail = answer.json()["detail"].as_str().expect("a sentence").to_owned();
        assert!(detail.contains(said), "{route}: {detail}");
    }
    let empty = rig.json("/api/v1/uptime?month=2020-02");
    assert_eq!(empty["all"]["expected"], 0);
    assert_eq!(empty["all"]["uptime"], Value::Null);
}
