//! What a fuzzer feeds behind the HTTP port.

use std::time::Duration;

use super::Orders;
use super::query::Parameters;

/// Every way in which a route takes a parameter, over one query string.
pub(crate) fn query(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    let Ok(mut parameters) = Parameters::parse(query) else { return };
    let day = Duration::from_secs(86_400);
    let window = parameters.duration("window", day, day);
    assert!(window.is_err() || window.is_ok_and(|window| window <= day));
    let limit = parameters.number("limit", 100, 1..=1000);
    assert!(limit.is_err() || limit.is_ok_and(|limit| (1..=1000).contains(&limit)));
    let _after = Orders::default().read(parameters.text("cursor").as_deref());
    let _part = parameters.part("shard", 4096);
    let _instant = parameters.instant("from");
    let _verdict = parameters.choice("verdict", &["up", "down"]);
    let _labels = parameters.prefixed("label.", "label.NAME");
    let _words = parameters.text("q");
    let _rest = parameters.finish();
}
