//! Every route: its exact shape, and that its numbers agree with each other.

use serde_json::Value;

use crate::client::send;
use crate::rig::shared;
use crate::shape::check;

/// What any probe finds.
pub(crate) const FOUND: &str = r#""started":"time","status":"count|null","error":"text|null","unexpected":"text|null",
    "kind":"text|null","cause":"text|null","latency_ms":"number",
    "phases_ms":{"resolve":"number","connect":"number","tls":"number","processing":"number","transfer":"number"},
    "address":"text|null","protocol":"text|null","tls":"text|null","redirects":"count","location":"text|null",
    "certificate_expires":"time|null","certificate_subject":"text|null","certificate_issuer":"text|null",
    "headers":{"*":"text"},"body_start":"text|null","body_bytes":"count""#;

const STRIP: &str = r#"{"cell_ms":"positive","cells":"text","maintenance":"text|null"}"#;

const SLOTS: &str =
    r#""expected":"count","received":"count","missed":{"*":"positive"},"open":"count""#;

const LISTED: &str = r#"{"name":"text","url":"text","category":"text","labels":{"*":"text"},"interval":"text",
    "paused":"bool","verdict":"text","since":"time|null","status":"count|null","error":"text|null",
    "latency_ms":"number|null","last_planned":"time|null","maintenance":"time|null",
    "last_hour":{"cell_ms":"positive","cells":"text","maintenance":"text|null"}}"#;

fn sum(counts: &Value) -> u64 {
    counts.as_object().expect("a map").values().map(|count| count.as_u64().expect("a count")).sum()
}

#[test]
fn the_latest_summary_counts_every_target_once_by_its_newest_result() {
    let counts = shared().json("/latest-summary");
    check(&counts, r#"{"*":"positive"}"#);
    // ok, names/…, odd-body, slow and secret answer 200; paused is left out.
    let expected = serde_json::json!({
        "200": 5, "201": 1, "204": 1, "404": 1, "418": 1, "blocked": 1, "connect": 1, "timeout": 1,
    });
    assert_eq!(counts, expected);
}

#[test]
fn the_websites_have_the_shape_of_the_first_version() {
    let sites = shared().json("/websites-status");
    let site = |name: &str, category: &str, status: Value, error: Option<&str>| {
        let mut site = serde_json::json!({"name": name, "Category": category, "Status": status});
        if let Some(error) = error {
            site["Error"] = error.into();
        }
        assert_eq!(sites[name], site, "{sites:#}");
    };
    site("ok", "Good", 200.into(), None);
    site("gone", "Bad", 404.into(), None);
    site("never", "Bad", Value::Null, Some("timeout"));
    site("refused", "Bad", Value::Null, Some("connect"));
    site("forbidden", "Bad", Value::Null, Some("blocked"));
    site("paused", "Good", Value::Null, Some("paused"));
    site("names/with spaces, & ünï✓ %41?#", "Good", 200.into(), None);
    assert_eq!(sites.as_object().map(serde_json::Map::len), Some(13));
}

#[test]
fn the_summary_has_every_field_and_its_numbers_add_up() {
    let rig = shared();
    let summary = rig.json("/api/v1/summary?window=10m");
    let counts = r#"{"*":"positive"}"#;
    let latency = r#"{"p50":"number|null","p90":"number|null","p95":"number|null","p99":"number|null","max":"number|null"}"#;
    let round = format!(
        r#"{{"start":"time",{SLOTS},"status_codes":{counts},"failures":{counts},"latency_ms":{latency}}}"#
    );
    check(
        &summary,
        &format!(
            r#"{{"as_of":"time","window":{{"from":"time","to":"time"}},
            "targets":{{"total":"count","up":"count","degraded":"count","partial":"count","down":"count",
                "unknown":"count","paused":"count"}},
            "slots":{{{SLOTS}}},"status_codes":{counts},"unexpected":{{"status":"count","body":"count"}},
            "failures":{counts},"unconfirmed":"count","in_maintenance":"count",
            "latency_ms":{{"p50":"number","p90":"number","p95":"number","p99":"number","max":"number"}},
            "uptime":{{"low":"number","high":"number","coverage":"number"}},"rounds":[{round}]}}"#
        ),
    );
    assert_eq!(summary["as_of"], summary["window"]["to"]);
    let targets = serde_json::json!({
        "total": 13, "up": 6, "degraded": 1, "partial": 0, "down": 4, "unknown": 1, "paused": 1,
    });
    assert_eq!(summary["targets"], targets);
    let count = |value: &Value| value.as_u64().expect("a count");
    let adds_up = |slots: &Value, of: &Value| {
        let parts = count(&slots["received"]) + sum(&slots["missed"]) + count(&slots["open"]);
        assert_eq!(count(&slots["expected"]), parts, "{of:#}");
        let found = sum(&of["status_codes"]) + sum(&of["failures"]);
        assert_eq!(count(&slots["received"]), found, "{of:#}");
    };
    adds_up(&summary["slots"], &summary);
    let rounds = summary["rounds"].as_array().expect("a list");
    for round in rounds {
        adds_up(round, round);
    }
    for field in ["expected", "received", "open"] {
        let in_rounds: u64 = rounds.iter().map(|round| count(&round[field])).sum();
        assert_eq!(count(&summary["slots"][field]), in_rounds, "{field}");
    }
    assert_eq!(count(&summary["unexpected"]["status"]), count(&summary["status_codes"]["404"]));
    assert!(count(&summary["unexpected"]["body"]) > 0);
    for kind in ["blocked", "connect", "timeout"] {
        assert!(count(&summary["failures"][kind]) > 0, "{kind}");
    }
    let latency = |name: &str| summary["latency_ms"][name].as_f64().expect("a number");
    let percentiles = ["p50", "p90", "p95", "p99", "max"].map(latency);
    assert!(percentiles.is_sorted() && percentiles[4] >= 1000.0, "{percentiles:?}");
    let starts: Vec<&str> = rounds.iter().map(|r| r["start"].as_str().expect("a time")).collect();
    assert!(starts.is_sorted_by(|a, b| a > b), "newest first: {starts:?}");
}

#[test]
fn a_summary_of_one_zone_says_nothing_of_slots_that_nobody_ran() {
    let rig = shared();
    let of = |zone: &str| rig.json(&format!("/api/v1/summary?zone={zone}"));
    let local = of("local-a");
    assert!(local["slots"]["received"].as_u64() > Some(0), "{local:#}");
    for summary in [local, of("nowhere")] {
        for field in ["expected", "missed", "open"] {
            assert_eq!(summary["slots"][field], Value::Null, "{field}");
            assert_eq!(summary["rounds"][0][field], Value::Null, "{field}");
        }
        assert_eq!(summary["uptime"], Value::Null);
    }
    let nowhere = of("nowhere");
    assert_eq!(nowhere["slots"]["received"], 0);
    assert_eq!(nowhere["latency_ms"]["p50"], Value::Null);
    check(
        &nowhere["latency_ms"],
        r#"{"p50":"null","p90":"null","p95":"null","p99":"null","max":"null"}"#,
    );
}

#[test]
fn targets_are_listed_with_every_field() {
    let page = shared().json("/api/v1/targets");
    check(&page, &format!(r#"{{"targets":[{LISTED}],"total":"count","next_cursor":"null"}}"#));
    assert_eq!(page["total"], 13);
    let target = |name: &str| {
        let all = page["targets"].as_array().expect("a list");
        all.iter()
            .find(|target| target["name"] == name)
            .unwrap_or_else(|| panic!("{page:#}"))
            .clone()
    };
    let fields = |name: &str| {
        let target = target(name);
        [target["verdict"].clone(), target["status"].clone(), target["error"].clone()]
    };
    let null = Value::Null;
    assert_eq!(fields("ok"), ["up".into(), 200.into(), null.clone()]);
    assert_eq!(fields("teapot"), ["up".into(), 418.into(), null.clone()]);
    assert_eq!(fields("gone"), ["down".into(), 404.into(), null.clone()]);
    assert_eq!(fields("odd-body"), ["down".into(), 200.into(), null.clone()]);
    assert_eq!(fields("slow"), ["degraded".into(), 200.into(), null.clone()]);
    assert_eq!(fields("never"), ["down".into(), null.clone(), "timeout".into()]);
    assert_eq!(fields("forbidden"), ["unknown".into(), null.clone(), "blocked".into()]);
    assert_eq!(fields("paused"), ["paused".into(), null.clone(), null.clone()]);
    assert_eq!(target("ok")["labels"], serde_json::json!({"team": "a", "env": "live"}));
    assert_eq!(target("gone")["labels"], serde_json::json!({"team": "b"}));
    assert_eq!(target("never")["interval"], "30s");
}

#[test]
fn one_target_is_told_in_full_from_each_vantage() {
    let full = shared().json("/api/v1/targets/gone");
    let probe = format!(r#"{{"planned":"time","agent":"text","zone":"text",{FOUND}}}"#);
    let at = format!(
        r#"{{"vantage":"text","verdict":"text","since":"time","last_hour":{STRIP},"next_planned":"time",
        "newest":{probe},"last_success":"null","newest_failure":{probe},"changed":"null",
        "unconfirmed":"count"}}"#
    );
    check(
        &full,
        &format!(
            r#"{{"name":"text","url":"text","category":"text","labels":{{"*":"text"}},"interval":"text",
            "timeout":"text","method":"text","expect_status":"text","paused":"bool","verdict":"text",
            "since":"time","maintenance":"time|null","last_hour":{STRIP},"vantages":[{at}]}}"#
        ),
    );
    let newest = &full["vantages"][0]["newest"];
    assert_eq!((&newest["status"], &newest["unexpected"]), (&404.into(), &"status".into()));
    assert_eq!((&newest["agent"], &newest["zone"]), (&"local-a".into(), &"local-a".into()));
    assert_eq!((&full["timeout"], &full["expect_status"]), (&"10s".into(), &"200-399".into()));
    let never = shared().json("/api/v1/targets/never");
    let newest = &never["vantages"][0]["newest"];
    assert_eq!(newest["error"], "timeout");
    assert!(newest["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{never:#}");
    assert!(newest["latency_ms"].as_f64() >= Some(900.0), "{never:#}");
}

#[test]
fn a_paused_target_is_listed_and_not_probed() {
    let full = shared().json("/api/v1/targets/paused");
    assert_eq!((&full["verdict"], &full["paused"]), (&"paused".into(), &true.into()));
    assert_eq!(full["vantages"], serde_json::json!([]), "probed from nowhere: {full:#}");
    assert_eq!(shared().json("/api/v1/targets?verdict=paused")["total"], 1);
}

#[test]
fn any_name_can_be_asked_for_percent_encoded() {
    let rig = shared();
    let name = "names/with spaces, & ünï✓ %41?#";
    let encoded = "names%2Fwith%20spaces%2C%20%26%20%C3%BCn%C3%AF%E2%9C%93%20%2541%3F%23";
    assert_eq!(rig.json(&format!("/api/v1/targets/{encoded}"))["name"], name);
    let missing = rig.get("/api/v1/targets/n%C3%B6body%2Fhere");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["detail"], "no target is called `nöbody/here`");
}

#[test]
fn agents_and_vantages_say_who_is_there() {
    let rig = shared();
    let agents = rig.until("/api/v1/agents", |agents| {
        let agent = &agents["agents"][0];
        agent["targets"] == 12 && agent["clock_offset_ms"].is_number()
    });
    check(
        &agents,
        r#"{"agents":[{"id":"text","vantage":"text","zone":"text","state":"text","targets":"count",
            "shards":"positive","version":"text","capacity":"positive","in_flight":"count","waiting":"count","outbox_bytes":"count",
            "lateness_ms":"count","clock_offset_ms":"number","clock_error_ms":"number","connected_since":"time","last_heard":"time","watermark":"time|null",
            "refused":"empty","busy":"number","suspect":"null","behind":"bool",
            "settings":{"desired":"positive","applied":"positive","behind_ms":"count"},
            "assignment":{"desired":"positive","applied":"positive","behind_ms":"count"}}],
            "settings":{"version":"positive","problem":"null"}}"#,
    );
    let agent = &agents["agents"][0];
    assert_eq!((&agent["id"], &agent["state"]), (&"local-a".into(), &"connected".into()));
    assert_eq!(agent["shards"], 12, "each of its targets is in a shard of its own");
    // One machine has one clock; what is left is what a beat takes on a busy machine.
    let offset = agent["clock_offset_ms"].as_f64().expect("a number");
    assert!(offset.abs() < 2_000.0, "{offset} ms");
    let vantages = rig.json("/api/v1/vantages");
    check(
        &vantages,
        r#"{"vantages":[{"name":"text","state":"text","agents":"count","targets":"count","last_seen":"time|null",
            "capacity":{"at_once":"positive","needed":"number","more_agents":"count"}}]}"#,
    );
    let vantage = &vantages["vantages"][0];
    assert_eq!((&vantage["name"], &vantage["state"]), (&"default".into(), &"active".into()));
    assert_eq!((&vantage["agents"], &vantage["targets"]), (&1.into(), &12.into()));
}

#[test]
fn rejected_rows_say_where_and_why() {
    let rejected = shared().json("/api/v1/rejected-rows");
    check(
        &rejected,
        r#"{"file":"text","problem":"text|null","total":"count","rows":[{"line":"count","name":"text|null","reason":"text"}]}"#,
    );
    assert_eq!(rejected["total"], 2);
    let row = |index: usize| &rejected["rows"][index];
    assert_eq!((&row(0)["line"], &row(0)["name"]), (&15.into(), &"no-url".into()));
    let reason = row(0)["reason"].as_str().expect("a text");
    assert_eq!(reason, "\"ftp://***@example.com/\" is not an http or https URL");
    assert_eq!((&row(1)["line"], &row(1)["name"]), (&16.into(), &"ok".into()));
    assert!(
        row(1)["reason"].as_str().is_some_and(|reason| reason.contains("line 2")),
        "{rejected:#}"
    );
}

#[test]
fn health_routes_answer_in_a_word() {
    let rig = shared();
    for (route, body) in [("/livez", "ok\n"), ("/readyz", "ready\n")] {
        let answer = rig.get(route);
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{route}");
    }
}

#[test]
fn metrics_are_openmetrics_about_the_program_and_not_about_each_target() {
    let accept = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = send(shared().http, "GET", "/metrics", &accept);
    let kind = answer.header("content-type").expect("it has one");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    assert_eq!(answer.body.matches("# EOF").count(), 1);
    let plain = shared().get("/metrics");
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.body.contains("# TYPE zonewatch_results_total counter\n"), "{}", plain.body);
    assert!(!plain.body.contains("# EOF"), "{}", plain.body);
    for line in [
        "zonewatch_rejected_rows 2",
        "zonewatch_log_working 1",
        "zonewatch_targets{verdict=\"paused\"} 1",
        "zonewatch_targets{verdict=\"down\"} 4",
        "zonewatch_agents{state=\"connected\"} 1",
        "zonewatch_assignments_behind 0",
    ] {
        assert!(answer.body.lines().any(|known| known == line), "{line} in {}", answer.body);
    }
    for name in ["teapot", "odd-body", "gone"] {
        let labelled = answer.body.contains(&format!("\"{name}\""));
        assert!(!labelled, "a label for each target: {}", answer.body);
    }
}

#[test]
fn the_page_and_its_files_are_served_with_headers_that_let_nothing_else_in() {
    for (route, kind) in
        [("/", "text/html"), ("/js/main.js", "text/javascript"), ("/style/base.css", "text/css")]
    {
        let answer = shared().get(route);
        assert_eq!(answer.status, 200, "{route}");
        assert!(
            answer.header("content-type").is_some_and(|found| found.starts_with(kind)),
            "{route}"
        );
        let policy = answer.header("content-security-policy").expect(route);
        assert!(policy.contains("default-src 'self'"), "{policy}");
        assert!(!answer.body.is_empty());
    }
}

/// Every route that takes no path parameter, and one that does.
pub(crate) const ROUTES: [&str; 14] = [
    "/latest-summary",
    "/past-hour-summary",
    "/websites-status",
    "/api/v1/summary",
    "/api/v1/targets",
    "/api/v1/targets/ok",
    "/api/v1/agents",
    "/api/v1/vantages",
    "/api/v1/rejected-rows",
    "/metrics",
    "/livez",
    "/readyz",
    "/",
    "/js/main.js",
];

#[test]
fn head_answers_like_get_without_a_body() {
    for route in ROUTES {
        let answer = send(shared().http, "HEAD", route, &[]);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{route}: {answer:?}");
        let length = answer.header("content-length").and_then(|text| text.parse::<u64>().ok());
        assert!(length > Some(0), "{route}: {answer:?}");
        assert_eq!(
            answer.header("content-type"),
            shared().get(route).header("content-type"),
            "{route}"
        );
    }
}

/// A problem document with this status, and its detail.
#[track_caller]
pub(crate) fn problem(answer: &crate::client::Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = answer.json();
    check(&problem, r#"{"type":"text","title":"text","status":"count","detail":"text"}"#);
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().expect("a text").to_owned()
}

#[test]
fn another_method_is_told_which_there_are() {
    for route in ROUTES {
        for method in ["POST", "DELETE", "PUT"] {
            let answer = send(shared().http, method, route, &[("Content-Length", "0")]);
            assert_eq!(
                problem(&answer, 405),
                "this route does not answer this method; see the Allow header"
            );
            assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method} {route}: {answer:?}");
        }
    }
}

#[test]
fn an_unknown_route_is_a_problem_that_says_where_routes_are_listed() {
    for route in ["/nothing", "/api/v1/", "/api/v1/targets/", "/api/v2/summary", "/latest-summary/"]
    {
        let detail = problem(&shared().get(route), 404);
        assert_eq!(detail, "no such route; see docs/api.md for those there are", "{route}");
    }
}
