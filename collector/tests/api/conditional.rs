//! What a browser and what is between may do with answers and questions: keep, compress, ask from elsewhere.

use crate::client::{send, send_for_bytes};
use crate::rig::{Rig, shared};

#[test]
fn an_answer_that_the_client_has_already_is_not_sent_again() {
    let rig = shared();
    let route = "/api/v1/rejected-rows";
    let first = rig.get(route);
    let tag = first.header("etag").expect("it is named").to_owned();
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    let again = send(rig.http, "GET", route, &[("If-None-Match", &tag)]);
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    let other = send(rig.http, "GET", route, &[("If-None-Match", "W/\"0\"")]);
    assert_eq!((other.status, other.body), (200, first.body));
}

#[test]
fn a_long_answer_is_compressed_for_whoever_asks() {
    let rig = shared();
    let accept = [("Accept-Encoding", "gzip")];
    let (head, body) = send_for_bytes(rig.http, "GET", "/api/v1/targets", &accept);
    assert!(head.to_lowercase().contains("content-encoding: gzip"), "{head}");
    assert_eq!(body[..2], [0x1f, 0x8b]);
    let plain = rig.get("/api/v1/targets");
    assert_eq!(plain.header("content-encoding"), None);
    assert!(body.len() * 2 < plain.body.len(), "{} of {}", body.len(), plain.body.len());
}

#[test]
fn an_answer_in_pieces_is_whole_when_it_is_compressed() {
    // More than a piece holds; nobody probes them.
    let rows: String = (0..5_000).map(|n| format!("site-{n},http://127.0.0.1:9/,true\n")).collect();
    let rig = Rig::start(&format!("name,url,paused\n{rows}"), &[]);
    let (head, body) =
        send_for_bytes(rig.http, "GET", "/websites-status", &[("Accept-Encoding", "gzip")]);
    assert!(head.to_lowercase().contains("content-encoding: gzip"), "{head}");
    assert!(head.to_lowercase().contains("transfer-encoding: chunked"), "{head}");
    // A gzip stream ends with the length of what is in it.
    let length = body.last_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let plain = rig.get("/websites-status").body;
    assert_eq!(length, u32::try_from(plain.len()).ok());
    assert!(plain.contains("\"site-4999\""), "all of them");
}

#[test]
fn an_answer_that_is_given_again_has_the_head_of_the_first() {
    let rig = shared();
    let route = "/api/v1/targets?limit=3&verdict=paused";
    for headers in [&[][..], &[("Accept-Encoding", "gzip")]] {
        let names = |head: &str| -> Vec<String> {
            head.lines().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
        };
        let (first, _) = send_for_bytes(rig.http, "GET", route, headers);
        for _ in 0..3 {
            let (again, body) = send_for_bytes(rig.http, "GET", route, headers);
            assert_eq!(names(&again), names(&first));
            assert_eq!(body.starts_with(&[0x1f, 0x8b]), !headers.is_empty());
        }
        assert!(first.to_lowercase().contains("content-security-policy"), "{first}");
    }
}

#[test]
fn a_page_of_another_origin_cannot_make_agents_probe_unless_it_is_listed() {
    let rig = Rig::start(
        "name,url\nok,http://{origin}/status/200\n",
        &["--cors-origin", "https://status.example"],
    );
    let ask = |origin: &str| {
        send(rig.http, "POST", "/api/v1/targets/ok/probe", &[("Origin", origin)]).status
    };
    for origin in ["https://evil.example", "http://status.example", "null"] {
        assert_eq!(ask(origin), 403, "{origin}");
    }
    assert_eq!(ask("https://status.example"), 200);
    assert_eq!(ask(&format!("http://{}", rig.http)), 200, "its own page");
}
