//! The target file is watched: a change reaches the agents, a slip changes nothing.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::origin::Origin;
use crate::program::{Program, Targets};

/// Ten targets, every one probed once a second.
fn rows(origin: &Origin) -> Vec<String> {
    (0..10).map(|n| format!("t{n},{}", origin.url(&format!("t{n}/200")))).collect()
}

fn file(rows: &[String]) -> String {
    format!("name,url\n{}\n", rows.join("\n"))
}

fn start() -> (Origin, Targets, Program) {
    let origin = Origin::start();
    let targets = Targets::new(file(&rows(&origin)));
    let path = targets.path();
    let program = Program::serve(&[&path, "--interval", "1s", "--local-agents", "1"], &[]);
    until(&program, |sites| (0..10).all(|n| sites[format!("t{n}")]["Status"] == 200));
    (origin, targets, program)
}

#[track_caller]
fn until(program: &Program, enough: impl Fn(&Value) -> bool) -> Value {
    program.until("/websites-status", |answer| enough(&answer.json())).json()
}

#[test]
fn new_changed_removed_and_bad_rows_each_take_their_way() {
    let (origin, targets, mut program) = start();
    let mut changed = rows(&origin);
    changed[0] = "t0,ftp://me:hunter2@bad/".into();
    changed[1] = format!("t1,{}", origin.url("t1-elsewhere/404"));
    changed.remove(2);
    changed.push(format!("new,{}", origin.url("new/201")));
    let asked_before = origin.asked("new") + origin.asked("t1-elsewhere");
    assert_eq!(asked_before, 0);
    targets.replace(file(&changed));

    let sites =
        until(&program, |sites| sites["new"]["Status"] == 201 && sites["t1"]["Status"] == 404);
    assert_eq!(sites["t2"], Value::Null, "a row that is gone is a target that is gone: {sites:#}");
    assert_eq!(sites["t0"]["Status"], 200, "a bad row keeps the last good one of its name");
    assert_eq!(sites.as_object().map(serde_json::Map::len), Some(10));
    assert!(origin.asked("new") > 0 && origin.asked("t1-elsewhere") > 0);

    let rejected = program.json("/api/v1/rejected-rows");
    assert_eq!(rejected["total"], 1);
    let reason = "\"ftp://***@bad/\" is not an http or https URL; keeping the previous row";
    assert_eq!(rejected["rows"][0], serde_json::json!({"line": 2, "name": "t0", "reason": reason}));
    let line = program.says("row left out: ");
    assert!(line.contains(&format!("{}:2: {reason}", targets.path())), "{line}");
    assert!(!program.log().contains("hunter2"));
    let metrics = program.get("/metrics").body;
    assert!(metrics.contains("\nzonewatch_rejected_rows 1\n"), "{metrics}");

    still_asked(&origin, "t0");
    asked_no_more(&origin, "t2");
    asked_no_more(&origin, "t1");

    // Mended: nothing is rejected any more, and the agent has it.
    changed[0] = format!("t0,{}", origin.url("t0-mended/202"));
    targets.replace(file(&changed));
    until(&program, |sites| sites["t0"]["Status"] == 202);
    assert_eq!(program.json("/api/v1/rejected-rows")["total"], 0);
}

#[track_caller]
fn still_asked(origin: &Origin, name: &str) {
    let (began, before) = (Instant::now(), origin.asked(name));
    while origin.asked(name) < before + 2 {
        assert!(began.elapsed() < Duration::from_secs(45), "{name} is not probed any more");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// For two of its intervals nobody asks; a change may take some seconds to get there.
#[track_caller]
fn asked_no_more(origin: &Origin, name: &str) {
    let began = Instant::now();
    loop {
        let before = origin.asked(name);
        std::thread::sleep(Duration::from_millis(2200));
        if origin.asked(name) == before {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(45), "{name} is probed still");
    }
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let (origin, targets, mut program) = start();
    let ten = |program: &Program| {
        let sites = program.json("/websites-status");
        assert_eq!(sites.as_object().map(serde_json::Map::len), Some(10));
    };
    targets.replace(b"\x7fELF\0\0");
    let line = program.says("target file cannot be used; keeping the targets in force");
    assert!(line.contains("is a binary file") && line.contains("kept=10"), "{line}");
    ten(&program);
    // Over 30 % gone at once is more likely a slip: it has to stay so for a minute.
    targets.replace(file(&rows(&origin)[..6]));
    let line = program.says("loses over 30 % of its targets");
    assert!(line.contains("lost=4") && line.contains("of=10"), "{line}");
    ten(&program);
    std::fs::remove_file(targets.path()).expect("it is there");
    program.says("no such file");
    ten(&program);
    still_asked(&origin, "t9");
    targets.replace(file(&rows(&origin)[..8]));
    until(&program, |sites| sites.as_object().map(serde_json::Map::len) == Some(8));
}
