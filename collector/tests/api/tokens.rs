//! An API that asks for a token.

use crate::client::send;
use crate::rig::Rig;
use crate::routes::{ROUTES, problem};

const OPEN: [&str; 5] = ["/livez", "/readyz", "/", "/js/main.js", "/style/base.css"];

#[test]
fn every_route_but_health_and_the_page_asks_for_a_token() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "first-token\nsecond-token\n").expect("it can be written");
    let path = file.path().to_str().expect("UTF-8");
    let rig = Rig::start("ok,http://{origin}/status/200\n", &["--api-token-file", path]);
    let get = |route: &str, headers: &[(&str, &str)]| send(rig.http, "GET", route, headers);
    for route in OPEN {
        assert_eq!(get(route, &[]).status, 200, "{route}");
    }
    let guarded: Vec<&str> = ROUTES.into_iter().filter(|route| !OPEN.contains(route)).collect();
    assert_eq!(guarded.len(), 10);
    for route in guarded {
        for wrong in [
            None,
            Some("Bearer first-toke"),
            Some("Bearer first-token2"),
            Some("Bearer "),
            Some("Basic first-token"),
            Some("first-token"),
        ] {
            let headers: Vec<_> = wrong.iter().map(|value| ("Authorization", *value)).collect();
            let answer = get(route, &headers);
            let detail = problem(&answer, 401);
            assert_eq!(detail, "this API asks for a bearer token: Authorization: Bearer <token>");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        // Nothing is told before the token, not even what is wrong with the question.
        assert_eq!(get(&format!("{route}?sise=3"), &[]).status, 401, "{route}");
        assert_eq!(send(rig.http, "HEAD", route, &[]).status, 401, "{route}");
        for good in ["Bearer first-token", "bearer second-token", "BEARER  second-token"] {
            let status = get(route, &[("Authorization", good)]).status;
            assert_eq!(status, 200, "{route} with {good:?}");
        }
    }
    assert_eq!(get("/nothing", &[]).status, 404);
}
