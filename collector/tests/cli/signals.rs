//! SIGTERM, SIGINT and SIGHUP drain; a second one does not wait.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::origin::Origin;
use crate::program::{Program, Targets};

/// Waits until the origin was asked for `name`.
fn asked(origin: &Origin, name: &str) {
    let began = Instant::now();
    while origin.asked(name) == 0 {
        assert!(began.elapsed() < Duration::from_secs(45), "nobody asks for {name}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_runs_when_the_signal_comes_is_finished_and_found_again_after_a_restart() {
    for signal in [Signal::TERM, Signal::INT] {
        let origin = Origin::start();
        // Once an hour: nothing but the first probe can have given the result.
        let text = format!("name,url,interval\nslow,{},1h\n", origin.url("slow/203/1500"));
        let targets = Targets::new(text);
        let (path, store) = (targets.path(), targets.join("store"));
        let program = Program::serve(&[&path, "--store", &store, "--local-agents", "1"], &[]);
        asked(&origin, "slow");
        program.signal(signal);
        let (code, log) = program.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped; everything acknowledged is in the log"), "{log}");
        let again = Program::serve(&[&path, "--store", &store], &[]);
        assert_eq!(again.json("/websites-status")["slow"]["Status"], 203, "{signal:?}: {log}");
        assert_eq!(origin.asked("slow"), 1);
    }
}

#[test]
fn a_collector_whose_terminal_is_gone_drains_and_says_why() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let program = Program::serve(&[&targets.path(), "--local-agents", "1"], &[]);
    program.signal(Signal::HUP);
    let (code, log) = program.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("SIGHUP: the terminal or the shell is gone"), "{log}");
    assert!(log.contains("stopped; everything acknowledged is in the log"), "{log}");
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let origin = Origin::start();
    let text = format!("name,url,interval,timeout\nslow,{},1h,2m\n", origin.url("slow/200/120000"));
    let targets = Targets::new(text);
    let program = Program::serve(&[&targets.path(), "--local-agents", "1"], &[]);
    asked(&origin, "slow");
    let mut program = program;
    program.signal(Signal::TERM);
    program.says("stopping: agents deliver, the log is flushed");
    // Two signals within a moment are one: the second one is somebody's, who waited and lost patience.
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    program.signal(Signal::INT);
    let (code, log) = program.ended();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("a second signal: stopped at once, without draining"), "{log}");
    // A drain would have waited for the agent: 18 seconds.
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[test]
fn a_signal_that_is_sent_to_the_process_and_to_its_group_is_one() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let program = Program::serve(&[&targets.path(), "--local-agents", "1"], &[]);
    // Both wait when it goes on: they come in one moment, however slow this machine is.
    program.signal(Signal::STOP);
    program.signal(Signal::TERM);
    program.signal(Signal::INT);
    program.signal(Signal::CONT);
    let (code, log) = program.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped; everything acknowledged is in the log"), "{log}");
}

#[test]
fn while_it_runs_a_signal_makes_it_say_more_and_another_what_was_asked_for_again() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    for format in ["text", "json"] {
        let mut program = Program::serve(&[&targets.path(), "--log-format", format], &[]);
        assert_eq!(program.get("/livez").status, 200);
        assert!(!program.log().contains("request answered"), "{}", program.log());
        program.signal(Signal::USR1);
        program.says("collector=debug");
        assert_eq!(program.get("/livez").status, 200);
        let line = program.says("request answered");
        assert!(line.contains("/livez") && line.contains("GET"), "its span says of which: {line}");
        program.signal(Signal::USR2);
        let changed = |log: &str| log.lines().filter(|l| l.contains("log level changed")).count();
        let began = Instant::now();
        while changed(&program.log()) < 2 {
            assert!(began.elapsed() < Duration::from_secs(45), "{}", program.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        let answered = |log: &str| log.matches("request answered").count();
        let before = answered(&program.log());
        assert_eq!(program.get("/livez").status, 200);
        program.signal(Signal::TERM);
        let (code, log) = program.ended();
        assert_eq!((code, answered(&log)), (Some(0), before), "{log}");
    }
}
