//! Where there is no collector the agent waits, says so once, and says what it found instead.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::collector::soon;
use crate::program::{Running, program};

/// What the program logs for people until it has tried three times, and that a signal still ends it with 0.
async fn said_about(collector: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let mut command = program(&["run", "--collector", collector, "--listen", "127.0.0.1:0"]);
    // What is not said again is there for those who debug.
    command.env("ZONEWATCH_LOG_LEVEL", "agent=debug");
    command.stderr(std::fs::File::create(&log).unwrap());
    let agent = Running::start(&mut command);
    soon("a third attempt", tried(&log, 3)).await;
    agent.signal(Signal::TERM);
    assert_eq!(agent.ended().await.status.code(), Some(0));
    let text = std::fs::read_to_string(&log).unwrap();
    let told = |line: &&str| line.contains(" WARN ") || line.contains("ERROR ");
    text.lines().filter(told).map(str::to_owned).collect()
}

async fn tried(log: &Path, times: usize) {
    while std::fs::read_to_string(log).unwrap().matches("retry_in=").count() < times {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_unreachable_collector_is_waited_for_and_said_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = said_about(&format!("http://{free}")).await;
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("no collector: going on") && said[0].contains("Connection refused"));
}

#[tokio::test]
async fn the_collectors_own_http_port_is_told_from_a_collector() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let problem = || async { (http::StatusCode::NOT_FOUND, r#"{"title":"Not Found"}"#) };
    let mut server = JoinSet::new();
    server.spawn(async move {
        axum::serve(listener, axum::Router::new().fallback(problem)).await.unwrap();
    });
    let said = said_about(&format!("http://{address}")).await;
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("is this its gRPC port (--grpc-listen)?"), "{said:#?}");
}

#[tokio::test]
async fn a_collector_without_tls_is_told_from_one_that_cannot_be_trusted() {
    let collector = crate::collector::Collector::start(None).await;
    let said = said_about(&collector.url().replace("http://", "https://")).await;
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("speaks no TLS there: expected --collector http://"), "{said:#?}");
}
