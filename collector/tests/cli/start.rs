//! Starting: what is in the way is told with exit code 1, and variables do what options do.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::origin::Origin;
use crate::program::{Program, Targets, run};

#[test]
fn a_port_in_use_is_named_with_its_option() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let blocker = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = blocker.local_addr().expect("bound").to_string();
    for (busy, free) in [("--http-listen", "--grpc-listen"), ("--grpc-listen", "--http-listen")] {
        let path = targets.path();
        let ended =
            run(&["serve", &path, "--store", "memory:", busy, &taken, free, "127.0.0.1:0"], &[]);
        let expected = format!(
            "zonewatch-collector: {busy} {taken}: cannot listen there: Address already in use (os error 98)\n"
        );
        assert_eq!((ended.code, ended.err), (Some(1), expected));
    }
}

#[test]
fn a_store_in_use_is_told_with_its_owner_and_is_free_again_after_a_kill() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let (path, store) = (targets.path(), targets.join("store"));
    let first = Program::serve(&[&path, "--store", &store], &[]);
    let line = [
        "serve",
        &path,
        "--store",
        &store,
        "--http-listen",
        "127.0.0.1:0",
        "--grpc-listen",
        "127.0.0.1:0",
    ];
    let second = run(&line, &[]);
    assert_eq!(second.code, Some(1));
    let owner = format!("zonewatch-collector: {store}: in use by process {} on ", first.id());
    assert!(second.err.starts_with(&owner), "{}", second.err);
    let advice = "; stop that collector, or give this one another --store\n";
    assert!(second.err.ends_with(advice), "{}", second.err);
    assert_eq!(first.get("/livez").status, 200, "the owner goes on");
    first.signal(Signal::KILL);
    assert_eq!(first.ended().0, None);
    let third = Program::serve(&[&path, "--store", &store], &[]);
    assert!(third.log().contains("known_targets=1"), "{}", third.log());
}

#[test]
fn a_store_that_is_no_folder_or_not_ours_is_left_as_it_is() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let path = targets.path();
    let serve = |store: &str| {
        let ports = ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"];
        run(&[&["serve", &path, "--store", store], &ports[..]].concat(), &[])
    };
    let ended = serve(&path);
    let expected = format!(
        "zonewatch-collector: {path}: the log cannot be opened: it is a file; expected a folder, or a name for one\n"
    );
    assert_eq!((ended.code, ended.err), (Some(1), expected));
    let foreign = targets.join("foreign");
    std::fs::create_dir(&foreign).expect("a folder");
    let file = format!("{foreign}/log.redb");
    std::fs::write(&file, "somebody's data").expect("it can be written");
    let ended = serve(&foreign);
    let expected = format!(
        "zonewatch-collector: {file}: not a log that this version can read (it is not a redb file); nothing was changed\n"
    );
    assert_eq!((ended.code, ended.err), (Some(1), expected));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "somebody's data");
}

#[test]
fn variables_do_what_options_do_and_options_win() {
    let origin = Origin::start();
    let targets = Targets::new(format!("ok,{}\n", origin.url("ok/200")));
    let (path, store) = (targets.path(), targets.join("store"));
    let variables = [
        ("ZONEWATCH_TARGETS", path.as_str()),
        ("ZONEWATCH_HTTP_LISTEN", "127.0.0.1:0"),
        ("ZONEWATCH_GRPC_LISTEN", "0.0.0.0:0"),
        ("ZONEWATCH_ALLOW_PLAINTEXT", "1"),
        ("ZONEWATCH_AGENT_TOKEN", "a-good-token"),
        ("ZONEWATCH_STORE", &store),
        ("ZONEWATCH_INTERVAL", "2h"),
        ("ZONEWATCH_DEFAULT", "category=From a variable; with a semicolon\nteam=x"),
        ("ZONEWATCH_VANTAGES", "eu,us"),
        ("ZONEWATCH_LOCAL_AGENTS", "1"),
        ("ZONEWATCH_LOG_FORMAT", "text"),
    ];
    let program = Program::serve(&["--interval", "90m"], &variables);
    assert!(std::path::Path::new(&store).join("log.redb").exists());
    let page =
        program.until("/api/v1/targets", |answer| answer.json()["targets"][0]["status"] == 200);
    let target = &page.json()["targets"][0];
    assert_eq!(target["interval"], "1h 30m");
    assert_eq!(target["category"], "From a variable; with a semicolon");
    assert_eq!(target["labels"], serde_json::json!({"team": "x"}));
    let full = program.json("/api/v1/targets/ok");
    let vantages: Vec<_> = full["vantages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|at| at["vantage"].as_str())
        .collect();
    assert_eq!(vantages, [Some("eu"), Some("us")]);
    assert_eq!(full["vantages"][0]["newest"]["zone"], "local-a");
}

#[test]
fn an_http_address_that_anyone_may_reach_without_a_token_is_a_warning() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let mut program = Program::serve(&[&targets.path(), "--http-listen", "0.0.0.0:0"], &[]);
    let line = program.says("anyone who reaches this address can read the API");
    assert!(line.contains("WARN") && line.contains("--api-token-file"), "{line}");
    let path = targets.path();
    let guarded = Program::serve(
        &[&path, "--http-listen", "0.0.0.0:0"],
        &[("ZONEWATCH_API_TOKEN", "a-good-token")],
    );
    assert!(!guarded.log().contains("anyone who reaches"), "{}", guarded.log());
    let refused = guarded.get("/latest-summary");
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
}

#[test]
fn logs_are_json_lines_if_asked_for() {
    let targets = Targets::new("name,url\nok,http://127.0.0.1:9/\nbad,ftp://x\n");
    let program = Program::serve(&[&targets.path(), "--log-format", "json"], &[]);
    let log = program.log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let loaded = lines.iter().find(|line| line["message"] == "targets loaded");
    assert_eq!(loaded.expect(&log)["left_out"], 1);
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
}

#[test]
fn the_health_check_says_whether_the_collector_lives() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let program = Program::serve(&[&targets.path()], &[]);
    let address = program.http.to_string();
    let healthy = run(&["healthcheck", "--http-listen", &address], &[]);
    assert_eq!((healthy.code, healthy.out.as_str(), healthy.err.as_str()), (Some(0), "", ""));
    let everywhere = format!("0.0.0.0:{}", program.http.port());
    let by_variable = run(&["healthcheck"], &[("ZONEWATCH_HTTP_LISTEN", &everywhere)]);
    assert_eq!((by_variable.code, by_variable.err.as_str()), (Some(0), ""));
    program.signal(Signal::TERM);
    assert_eq!(program.ended().0, Some(0));
    let gone = run(&["healthcheck", "--http-listen", &address], &[]);
    assert_eq!(gone.code, Some(1));
    let expected = format!("zonewatch-collector: http://{address}/livez: cannot connect: ");
    assert!(gone.err.starts_with(&expected), "{}", gone.err);
}
