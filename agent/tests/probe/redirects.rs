//! Redirects that are followed, and those that are not.

use agent::probe::{ProbeOptions, Prober};
use proto::{Failure, ProbeSpec};

use super::origin::{Origin, response};
use super::{answered, details, failed, get, run, run_with};

fn following(url: String) -> ProbeSpec {
    ProbeSpec { follow_redirects: true, ..get(url) }
}

/// Redirects every path of `routes` to the one beside it, and answers all others.
async fn redirecting(status: u16, routes: &[(&'static str, &str)]) -> Origin {
    let routes: Vec<_> =
        routes.iter().map(|(from, to)| (*from, format!("location: {to}"))).collect();
    Origin::answering(move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        match routes.iter().find(|(from, _)| *from == path) {
            Some((_, location)) => response(status, &[location], "moved"),
            None => response(200, &[], "here"),
        }
    })
    .await
}

#[tokio::test]
async fn a_redirect_that_is_not_to_be_followed_is_the_answer() {
    let origin = redirecting(302, &[("/", "/there")]).await;
    answered(&run(&get(origin.url("/"))).await, 302);
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_followed_and_the_last_status_counts() {
    let origin =
        redirecting(301, &[("/", "/two"), ("/two", "three?x"), ("/three?x", "/four")]).await;
    let report = run(&following(origin.url("/"))).await;
    answered(&report, 200);
    assert_eq!(origin.requests().len(), 4);
    let hops: Vec<_> =
        details(&report).redirects.iter().map(|hop| (hop.status, hop.to.clone())).collect();
    assert_eq!(
        hops,
        [(301, origin.url("/two")), (301, origin.url("/three?x")), (301, origin.url("/four"))]
    );
    assert_eq!(details(&report).attempts.len(), 4, "a connection for each hop");
}

#[tokio::test]
async fn a_loop_is_a_redirect_failure() {
    let origin = redirecting(302, &[("/a", "/b"), ("/b", "/a#again")]).await;
    let report = run(&following(origin.url("/a"))).await;
    failed(&report, Failure::Redirect, "a loop");
    assert_eq!(origin.requests().len(), 2);
}

#[tokio::test]
async fn more_than_ten_redirects_are_a_failure() {
    let origin = Origin::answering(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        response(302, &[&format!("location: {path}x")], "")
    })
    .await;
    let report = run(&following(origin.url("/"))).await;
    failed(&report, Failure::Redirect, "more than 10 redirects");
    assert_eq!(origin.requests().len(), 11);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_a_failure() {
    for location in ["location: ftp://files.test/", "location: http://[", "x: y"] {
        let origin = Origin::always(response(302, &[location], "")).await;
        let report = run(&following(origin.url("/"))).await;
        failed(&report, Failure::Redirect, "Location");
    }
}

#[tokio::test]
async fn a_redirect_to_a_refused_address_is_blocked() {
    for refused in ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"] {
        let origin =
            Origin::always(response(302, &[&format!("location: http://{refused}/latest/")], ""))
                .await;
        let report = run(&following(origin.url("/"))).await;
        failed(&report, Failure::Blocked, "is refused");
    }
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_blocked_where_private_ones_are_denied() {
    let inside = Origin::always(response(200, &[], "secret")).await;
    let port = inside.address.port();
    let origin =
        Origin::always(response(302, &[&format!("location: http://127.0.0.2:{port}/")], "")).await;
    let options = ProbeOptions {
        deny_private: true,
        allow_network: vec!["127.0.0.1/32".parse().unwrap()],
        ..ProbeOptions::default()
    };
    let prober = Prober::new(&options).unwrap();
    let report = run_with(&prober, &following(origin.url("/"))).await;
    failed(&report, Failure::Blocked, "127.0.0.2 is refused: loopback");
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn credentials_and_headers_stay_with_their_origin() {
    let other = Origin::always(response(200, &[], "")).await;
    let origin = redirecting(302, &[("/", "/same"), ("/same", &other.url("/other"))]).await;
    let headers = [("cookie", "a=secret"), ("x-api-key", "secret"), ("user-agent", "mine")];
    let spec = ProbeSpec {
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..following(format!("http://user:secret@{}/", origin.address))
    };
    answered(&run(&spec).await, 200);
    for request in origin.requests() {
        assert!(
            request.contains("cookie: a=secret") && request.contains("authorization: Basic"),
            "{request}"
        );
    }
    assert_eq!(origin.requests().len(), 2);
    let request = other.requests().remove(0);
    for leaked in ["secret", "authorization", "cookie", "x-api-key", "mine"] {
        assert!(!request.contains(leaked), "{leaked} leaked: {request}");
    }
}

#[tokio::test]
async fn a_post_becomes_a_get_unless_the_redirect_keeps_it() {
    for (status, kept) in [(301, false), (302, false), (303, false), (307, true), (308, true)] {
        let origin = redirecting(status, &[("/", "/there")]).await;
        let spec = ProbeSpec {
            method: "POST".into(),
            body: b"payload".to_vec(),
            ..following(origin.url("/"))
        };
        answered(&run(&spec).await, 200);
        let second = origin.requests().remove(1);
        let (method, body) = if kept { ("POST", true) } else { ("GET", false) };
        assert!(second.starts_with(&format!("{method} /there ")), "{status}: {second}");
        assert_eq!(second.ends_with("payload"), body, "{status}: {second}");
    }
}
