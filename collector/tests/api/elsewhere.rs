//! A dashboard that is hosted elsewhere.

use crate::client::send;
use crate::rig::Rig;

const ORIGIN: &str = "https://status.example";

#[test]
fn a_named_origin_may_read_the_api_and_no_other() {
    let rig = Rig::start(
        "ok,http://{origin}/status/200\n",
        &["--cors-origin", ORIGIN, "--cors-origin", "http://localhost:8000/"],
    );
    for origin in [ORIGIN, "http://localhost:8000"] {
        let answer = send(rig.http, "GET", "/api/v1/agents", &[("Origin", origin)]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        let asked = [("Origin", origin), ("Access-Control-Request-Method", "GET")];
        let answer = send(rig.http, "OPTIONS", "/api/v1/agents", &asked);
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        assert!(headers.contains("authorization"), "{answer:?}");
        // What went wrong is for it to read, too.
        let answer = send(rig.http, "GET", "/nothing", &[("Origin", origin)]);
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
    for origin in ["https://evil.example", "null", "https://status.example.evil.example"] {
        for (method, status) in [("GET", 200), ("OPTIONS", 405)] {
            let asked = [("Origin", origin), ("Access-Control-Request-Method", "GET")];
            let answer = send(rig.http, method, "/api/v1/agents", &asked);
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
            assert_eq!(answer.header("vary"), Some("origin"), "a cache tells the two apart");
        }
    }
}

#[test]
fn a_browser_may_ask_before_it_shows_its_token_which_is_asked_for_all_the_same() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "first-token\n").expect("it can be written");
    let path = file.path().to_str().expect("UTF-8");
    let rig = Rig::start(
        "ok,http://{origin}/status/200\n",
        &["--api-token-file", path, "--cors-origin", ORIGIN],
    );
    let asked = [("Origin", ORIGIN), ("Access-Control-Request-Method", "GET")];
    assert_eq!(send(rig.http, "OPTIONS", "/api/v1/agents", &asked).status, 204);
    let refused = send(rig.http, "GET", "/api/v1/agents", &[("Origin", ORIGIN)]);
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), Some(ORIGIN));
    let token = [("Origin", ORIGIN), ("Authorization", "Bearer first-token")];
    assert_eq!(send(rig.http, "GET", "/api/v1/agents", &token).status, 200);
}

#[test]
fn without_the_option_nothing_is_said_to_other_origins() {
    let rig = Rig::start("ok,http://{origin}/status/200\n", &[]);
    let answer = send(rig.http, "GET", "/api/v1/agents", &[("Origin", ORIGIN)]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), Some("accept-encoding"), "and not the origin");
}
