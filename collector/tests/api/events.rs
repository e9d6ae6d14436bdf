//! What happens, as it happens: in order, with ids under which a listener goes on where it was.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use agent::ProbeOptions;
use serde_json::Value;

use crate::client::send;
use crate::rig::Rig;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

pub(crate) struct Listener(BufReader<TcpStream>);

impl Listener {
    /// Asks in the way of HTTP/1.0, which has no chunks between the lines.
    pub(crate) fn open(rig: &Rig, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(rig.http).expect("the collector listens");
        stream.set_read_timeout(Some(Duration::from_secs(45))).expect("a timeout can be set");
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!("GET /api/v1/events HTTP/1.0\r\nHost: x\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).expect("it can be sent");
        let mut listener = Self(BufReader::new(stream));
        assert!(listener.line().contains("200"));
        while !listener.line().is_empty() {}
        listener
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line comes");
        line.trim_end().to_owned()
    }

    fn next(&mut self) -> Told {
        let mut told = Told { id: String::new(), kind: String::new(), data: Value::Null };
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some(("id", id)) => told.id = id.into(),
                Some(("event", kind)) => told.kind = kind.into(),
                Some(("data", data)) => told.data = serde_json::from_str(data).expect("JSON"),
                _ if line.is_empty() && !told.kind.is_empty() => return told,
                _ => {}
            }
        }
    }

    pub(crate) fn until(&mut self, enough: impl Fn(&Told) -> bool) -> Vec<Told> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.next());
            if heard.last().is_some_and(&enough) {
                return heard;
            }
        }
    }
}

#[test]
fn agents_that_come_rounds_that_end_and_verdicts_that_change_are_told_in_order_and_again_on_resume()
{
    let rig = Rig::start("name,url\ngone,http://{origin}/status/404\n", &["--vantages", "us"]);
    let mut listener = Listener::open(&rig, None);
    let first = listener.next();
    assert_eq!(first.kind, "round", "{first:?}");
    rig.agent("us", None, ProbeOptions::default());
    let mut heard = vec![first.clone()];
    heard.extend(listener.until(|told| told.kind == "verdict"));
    let joined = heard.iter().find(|told| told.kind == "fleet").expect("an agent came");
    assert_eq!(
        (&joined.data["change"], &joined.data["agent"]),
        (&"joined".into(), &"agent-us".into())
    );
    let verdict = &heard.last().expect("it was heard").data;
    assert_eq!((&verdict["name"], &verdict["to"]), (&"gone".into(), &"down".into()));
    assert_eq!(verdict["failing"][0]["status"], 404);
    let starts: Vec<_> =
        heard.iter().filter(|t| t.kind == "round").map(|t| &t.data["start"]).collect();
    assert!(starts.is_sorted_by(|a, b| a.as_str() < b.as_str()), "{starts:?}");
    // Whoever comes back with the first id hears the rest again, the same.
    let mut again = Listener::open(&rig, Some(&first.id));
    for told in &heard[1..] {
        assert_eq!(again.next(), *told);
    }
}

#[test]
fn a_listener_for_which_events_are_lost_is_told_so_and_goes_on_from_there() {
    let rig = Rig::start("name,url\nok,http://{origin}/status/200\n", &[]);
    for last in ["0-5", "nonsense", "99-1"] {
        let mut listener = Listener::open(&rig, Some(last));
        let first = listener.next();
        assert_eq!((first.kind.as_str(), &first.data), ("reset", &serde_json::json!({})));
        let next = listener.next();
        assert_eq!(next.kind, "round", "{next:?}");
        let number = |id: &str| id.split_once('-').and_then(|(_, n)| n.parse::<u64>().ok());
        assert_eq!(number(&next.id), number(&first.id).map(|n| n + 1));
    }
}

#[test]
fn events_take_no_parameters() {
    let rig = Rig::start("name,url\nok,http://{origin}/status/200\n", &[]);
    assert_eq!(send(rig.http, "GET", "/api/v1/events?since=1", &[]).status, 400);
}
