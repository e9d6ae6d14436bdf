//! Targets from an https:// URL: fetched by ETag, again and again; what goes wrong there changes nothing here.

use crate::https_server::HttpsServer;
use crate::program::{Program, run};

fn list(count: usize) -> String {
    let rows = (0..count).map(|n| format!("t{n},http://127.0.0.1:9/{n}\n"));
    format!("name,url\n{}", rows.collect::<String>())
}

fn names(program: &Program) -> usize {
    program.json("/websites-status").as_object().map_or(0, serde_json::Map::len)
}

#[test]
fn a_list_is_followed_by_its_etag_and_a_source_that_fails_changes_nothing() {
    let server = HttpsServer::start(&list(10));
    let (variable, authority) = server.trust();
    let url = server.url_with("me:hunter2");
    let mut program = Program::serve(&[&url], &[(variable, &authority)]);
    assert_eq!(names(&program), 10);
    assert_eq!(server.desk(|desk| desk.authorization.clone()), "Basic bWU6aHVudGVyMg==");

    // A failing source is said everywhere, and what is in force stays.
    server.desk(|desk| desk.status = "503 Service Unavailable".into());
    let line = program.says("targets cannot be fetched");
    assert!(line.contains("WARN") && line.contains("503 Service Unavailable"), "{line}");
    let told = program.until("/api/v1/rejected-rows", |answer| !answer.json()["problem"].is_null());
    let problem = told.json()["problem"].as_str().expect("a sentence").to_owned();
    let shown = server.url_with("***");
    assert_eq!(
        problem,
        format!("{shown}: cannot be fetched: the answer is 503 Service Unavailable; expected 200")
    );
    let metrics = program.get("/metrics").body;
    assert!(metrics.contains("\nzonewatch_targets_readable 0\n"), "{metrics}");
    assert!(metrics.contains("\nzonewatch_targets_read_failures_total "), "{metrics}");
    assert_eq!(names(&program), 10);

    // It is back with one row more and a bad one: the good rows are taken, the bad one keeps what it had.
    let changed = list(11).replace("t3,http:", "t3,ftp:");
    server.desk(|desk| {
        (desk.status, desk.etag, desk.body) = ("200 OK".into(), "\"2\"".into(), changed);
    });
    program.until("/websites-status", |answer| answer.json()["t10"].is_object());
    assert_eq!(names(&program), 11);
    program.says("the source of the targets answers again");
    let rejected = program.json("/api/v1/rejected-rows");
    assert_eq!((&rejected["total"], rejected["problem"].is_null()), (&1.into(), true));
    assert_eq!(rejected["file"], shown);
    assert!(
        rejected["rows"][0]["reason"]
            .as_str()
            .is_some_and(|why| why.ends_with("keeping the previous row"))
    );

    // One that lost over 30 % of its rows is held back.
    server.desk(|desk| (desk.etag, desk.body) = ("\"3\"".into(), list(5)));
    let line = program.says("loses over 30 %");
    assert!(line.contains("lost=6") && line.contains("of=11"), "{line}");
    assert_eq!(names(&program), 11);
    assert!(!program.log().contains("hunter2"), "{}", program.log());
}

#[test]
fn a_list_that_cannot_be_had_at_the_start_is_told_with_exit_code_2() {
    let server = HttpsServer::start(&list(2));
    let (variable, authority) = server.trust();
    let url = server.url_with("me:hunter2");
    let shown = server.url_with("***");
    let refused = |trusted: bool, expected: &str| {
        let variables = [(variable, authority.as_str())];
        let ended = run(&["serve", &url], if trusted { &variables } else { &[] });
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        let last = ended.err.lines().last().unwrap_or_default();
        assert!(last.starts_with(&format!("zonewatch-collector: {shown}: ")), "{}", ended.err);
        assert!(ended.err.contains(expected) && !ended.err.contains("hunter2"), "{}", ended.err);
    };
    refused(false, "certificate");
    server.desk(|desk| desk.status = "404 Not Found".into());
    refused(true, "cannot be fetched: the answer is 404 Not Found; expected 200");
    server.desk(|desk| {
        (desk.status, desk.headers) =
            ("302 Found".into(), "Location: http://127.0.0.1:9/t.csv\r\n".into());
    });
    refused(true, "cannot be fetched");
    server.desk(|desk| {
        (desk.status, desk.headers, desk.body) = ("200 OK".into(), String::new(), "<html>\n".into())
    });
    refused(true, "no `url` column");
}

#[test]
fn the_same_list_is_not_sent_again_and_half_a_list_is_no_list() {
    let server = HttpsServer::start(&list(10));
    let (variable, authority) = server.trust();
    let program = Program::serve(&[&server.url()], &[(variable, &authority)]);
    let began = std::time::Instant::now();
    while server.desk(|desk| desk.answered.last().is_none_or(|status| !status.starts_with("304"))) {
        assert!(began.elapsed().as_secs() < 60, "never asked again: {}", program.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    server.desk(|desk| {
        let whole = list(10);
        (desk.etag, desk.announced) = ("\"2\"".into(), Some(whole.len()));
        desk.body = whole[..whole.len() / 2].into();
    });
    program.until("/api/v1/rejected-rows", |answer| {
        answer.json()["problem"].as_str().is_some_and(|why| why.contains("cannot be read"))
    });
    assert_eq!(names(&program), 10);
}

#[test]
fn check_reads_a_url_too() {
    let server = HttpsServer::start(&list(3));
    let (variable, authority) = server.trust();
    let ended = run(&["check", &server.url()], &[(variable, &authority)]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("3 rows, 3 targets, 0 bad rows"), "{}", ended.out);
}
