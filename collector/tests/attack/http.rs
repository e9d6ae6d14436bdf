//! The HTTP port, tried with what no honest client sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::client::send;
use crate::program::{Program, Targets};

fn program(variables: &[(&str, &str)]) -> (Targets, Program) {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let program = Program::serve(&[&targets.path()], variables);
    (targets, program)
}

/// The status of the answer to these bytes; none when the connection is closed without one.
fn raw(program: &Program, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(program.http).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let _it_may_close_early = stream.write_all(request);
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_browser_may_do_nothing_with_an_answer_but_read_it() {
    let (_targets, program) = program(&[]);
    for route in
        ["/", "/app.js", "/api/v1/summary", "/latest-summary", "/metrics", "/livez", "/nosuch"]
    {
        let answer = program.get(route);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{route}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{route}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{route}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{route}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{route}: {policy}");
    }
}

#[test]
fn heads_and_bodies_without_end_are_refused() {
    let (_targets, program) = program(&[]);
    let long = "x".repeat(100 << 10);
    for (what, request, expected) in [
        ("a long line", format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), &[414, 431][..]),
        ("a long header", format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), &[431]),
        (
            "many headers",
            format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(500)),
            &[431],
        ),
        (
            "a large body",
            format!(
                "GET /latest-summary HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
                1_u64 << 40
            ),
            &[413],
        ),
        (
            "two lengths",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n".into(),
            &[400],
        ),
        ("no HTTP", "HELO x\r\n\r\n".into(), &[400]),
    ] {
        let status = raw(&program, request.as_bytes());
        assert!(status.is_some_and(|status| expected.contains(&status)), "{what}: {status:?}");
    }
    assert_eq!(program.get("/readyz").status, 200);
}

#[test]
fn no_route_reads_a_file_or_dials_what_a_caller_names() {
    let (_targets, program) = program(&[]);
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/app.js/../../etc/passwd",
        "//etc/passwd",
        "/api/v1/targets/..%2f..%2fetc%2fpasswd",
        "/api/v1/targets/http:%2f%2f127.0.0.1:22%2f",
        "http://169.254.169.254/latest/meta-data/",
    ] {
        let answer = program.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        assert!(!answer.body.contains("root:"), "{path}");
    }
    let proxied = send(program.http, "CONNECT", "127.0.0.1:22", &[]);
    assert!(matches!(proxied.status, 400 | 404 | 405), "{proxied:?}");
}

#[test]
fn without_its_token_the_api_tells_nothing_and_with_it_only_what_was_asked() {
    let (_targets, program) =
        program(&[("ZONEWATCH_API_TOKEN", "the-token-of-the-api\nthe-next-token")]);
    let guarded =
        ["/latest-summary", "/api/v1/targets", "/api/v1/targets/ok", "/metrics", "/api/v1/summary"];
    for route in guarded {
        for given in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer the-token-of-the-ap",
            "Bearer x",
            "Basic dGhlLXRva2Vu",
            "the-token-of-the-api",
        ] {
            let refused = send(program.http, "GET", route, &[("Authorization", given)]);
            assert_eq!(refused.status, 401, "{route} {given:?}");
            assert!(
                !refused.body.contains("127.0.0.1") && !refused.body.contains("the-token"),
                "{refused:?}"
            );
        }
        for token in ["the-token-of-the-api", "the-next-token"] {
            let value = format!("Bearer {token}");
            let answer = send(program.http, "GET", route, &[("Authorization", &value)]);
            assert_eq!(answer.status, 200, "{route}");
        }
    }
    for (method, route) in [("POST", "/api/v1/targets/ok/probe"), ("GET", "/api/v1/events")] {
        assert_eq!(send(program.http, method, route, &[]).status, 401, "{route}");
    }
    // A token belongs into a header: in a URL it would be in every log on the way.
    let in_the_url = program.get("/latest-summary?token=the-token-of-the-api");
    assert_eq!(in_the_url.status, 401);
    assert_eq!(program.get("/livez").status, 200, "a health check needs none");
    assert!(!program.log().contains("the-token"), "{}", program.log());
}
