//! Secrets put wherever they may be put, and looked for wherever they must not be.

use std::time::Duration;

use crate::client::send;
use crate::origin::Origin;
use crate::program::{Program, Targets, run};

const API: &str = "hunter2-token-of-the-api";
const AGENTS: &str = "hunter2-token-of-the-agents";

#[test]
fn no_secret_is_in_a_log_an_answer_a_metric_a_process_list_or_the_help() {
    let origin = Origin::start();
    let host = origin.address;
    let targets = Targets::new(format!(
        "name,url,headers,body,method\n\
         plain,http://{host}/plain/200,,,\n\
         url,http://me:hunter2-in-a-url@{host}/url/200,,,\n\
         header,http://{host}/header/200,\"{{\"\"Authorization\"\": \"\"Bearer ${{FROM_FILE}}\"\"}}\",,\n\
         body,http://{host}/body/200,,password=${{FROM_ENVIRONMENT}},POST\n\
         unknown,http://{host}/x/200,\"{{\"\"X\"\": \"\"hunter2-in-a-bad-row ${{NOWHERE}}\"\"}}\",,\n\
         bad,ftp://me:hunter2-in-a-bad-url@{host}/,,,\n\
         own,http://{host}/own/200,,${{ZONEWATCH_API_TOKEN}},POST\n"
    ));
    let secrets = targets.join("secrets.env");
    std::fs::write(&secrets, "FROM_FILE=hunter2-from-the-file\n").expect("written");
    let (path, store) = (targets.path(), targets.join("store"));
    let line = [
        &path,
        "--secrets-file",
        &secrets,
        "--local-agents",
        "1",
        "--interval",
        "1s",
        "--log-level",
        "trace",
        "--default",
        "team=x",
        "--store",
        &store,
    ];
    let variables = [
        ("ZONEWATCH_API_TOKEN", API),
        ("ZONEWATCH_AGENT_TOKEN", AGENTS),
        ("FROM_ENVIRONMENT", "hunter2-from-the-environment"),
    ];
    let program = Program::serve(&line, &variables);
    let authorization = format!("Bearer {API}");
    let get = |route: &str| send(program.http, "GET", route, &[("Authorization", &authorization)]);
    let began = std::time::Instant::now();
    while get("/websites-status").json()["body"]["Status"] != 200 {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", get("/websites-status").body);
        std::thread::sleep(Duration::from_millis(50));
    }
    for name in ["plain", "url", "header", "body"] {
        assert!(origin.asked(name) > 0, "{name} was probed, with its secret");
    }
    assert_eq!(origin.asked("own"), 0, "our own settings fill nothing");

    let mut places = vec![("the log".to_owned(), program.log())];
    for route in [
        "/latest-summary",
        "/past-hour-summary",
        "/websites-status",
        "/api/v1/summary",
        "/api/v1/targets",
        "/api/v1/targets?q=hunter",
        "/api/v1/targets/url",
        "/api/v1/targets/header",
        "/api/v1/targets/body",
        "/api/v1/agents",
        "/api/v1/vantages",
        "/api/v1/rejected-rows",
        "/metrics",
        "/api/v1/targets?verdict=hunter2x",
    ] {
        places.push((route.to_owned(), get(route).body));
    }
    // The log holds the list as it is written: names of secrets, not what they stand for.
    let log = std::fs::read(format!("{store}/log.redb")).expect("the log is there");
    let log = String::from_utf8_lossy(&log).into_owned();
    assert!(log.contains("Bearer ${FROM_FILE}") && log.contains("password=${FROM_ENVIRONMENT}"));
    places.push(("the store".to_owned(), log.replace("hunter2-in-a-url", "")));
    let list =
        std::fs::read_to_string(format!("/proc/{}/cmdline", program.id())).expect("it lives");
    places.push(("the process list".to_owned(), list));
    let url = "https://me:hunter2-in-a-variable@lists.example/t.csv";
    let told = [
        variables[0],
        variables[1],
        ("ZONEWATCH_TARGETS", url),
        ("ZONEWATCH_DEFAULT", "headers={\"A\": \"hunter2-in-a-default\"}"),
    ];
    for command in ["serve", "check", "demo", "healthcheck"] {
        places.push((format!("{command} --help"), run(&[command, "--help"], &told).out));
    }
    let check = run(&["check", &path, "--secrets-file", &secrets], &variables);
    places.push(("check".into(), check.out + &check.err));
    let log = &places[0].1;
    assert!(log.contains("TRACE") && log.contains("row left out"), "the log says everything else");
    for (place, text) in &places {
        // What a caller asked for may be in the answer: it is the caller's own.
        let text = text.replace("hunter2x", "");
        let at = text.find("hunter2");
        assert_eq!(at, None, "{place}: {}", &text[at.unwrap_or(0).saturating_sub(200)..]);
    }
}
