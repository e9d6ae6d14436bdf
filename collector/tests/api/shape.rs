//! What a JSON answer must look like, exactly: no field more, none less.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$").expect("a regex"));

/// Holds `value` against a pattern of the same form. Where the pattern has
///
/// - a text: it names what is there (`text`, `time`, `count`, `positive`, `number`, `bool`, `null`, `empty`, or several with `|`);
/// - `[p]`: a list, each of `p`, and one at least;
/// - `{"*": p}`: a map with any keys, each of `p`;
/// - any other object: an object with exactly these fields.
#[track_caller]
pub(crate) fn check(value: &Value, pattern: &str) {
    let pattern = serde_json::from_str(pattern).expect("the pattern is JSON");
    let mut wrong = Vec::new();
    compare("", value, &pattern, &mut wrong);
    assert!(wrong.is_empty(), "{}\nin {value:#}", wrong.join("\n"));
}

fn compare(place: &str, value: &Value, pattern: &Value, wrong: &mut Vec<String>) {
    match (pattern, value) {
        (Value::String(kinds), _) => {
            if !kinds.split('|').any(|kind| is(kind, value)) {
                wrong.push(format!("{place}: {value} is not {kinds}"));
            }
        }
        (Value::Array(patterns), Value::Array(values)) => {
            if values.is_empty() {
                wrong.push(format!("{place}: nothing is in it, so nothing was checked"));
            }
            for (index, value) in values.iter().enumerate() {
                compare(&format!("{place}[{index}]"), value, &patterns[0], wrong);
            }
        }
        (Value::Object(patterns), Value::Object(values)) => {
            if let Some(pattern) = patterns.get("*") {
                for (key, value) in values {
                    compare(&format!("{place}.{key}"), value, pattern, wrong);
                }
                return;
            }
            let (expected, found): (Vec<_>, Vec<_>) =
                (patterns.keys().collect(), values.keys().collect());
            if expected != found {
                wrong.push(format!("{place}: fields {found:?}, expected {expected:?}"));
            }
            for (key, pattern) in patterns {
                if let Some(value) = values.get(key) {
                    compare(&format!("{place}.{key}"), value, pattern, wrong);
                }
            }
        }
        _ => wrong.push(format!("{place}: {value} is not like {pattern}")),
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "text" => value.is_string(),
        "time" => value.as_str().is_some_and(|text| TIME.is_match(text)),
        "count" => value.is_u64(),
        "positive" => value.as_u64().is_some_and(|count| count > 0),
        "number" => value.is_number(),
        "bool" => value.is_boolean(),
        "null" => value.is_null(),
        "empty" => value.as_array().is_some_and(Vec::is_empty),
        other => panic!("no such kind: {other}"),
    }
}
