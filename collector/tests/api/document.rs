//! The OpenAPI document cannot say anything else than the code does: every route, every parameter, every answer.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use crate::client::{Answer, send};
use crate::rig::shared;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| shared().json("/api/v1/openapi.json"));

/// Every operation: its path as it is asked for, its method, and what the document says of it.
fn operations() -> Vec<(String, &'static str, &'static Value)> {
    let mut found = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().expect("by path") {
        for method in ["get", "post"] {
            if let Some(operation) = item.get(method) {
                let path = path.replace("{name}", "gone");
                found.push((path, if method == "get" { "GET" } else { "POST" }, operation));
            }
        }
    }
    found
}

/// What is wrong with a value, by the parts of JSON Schema that the document uses.
fn compare(place: &str, value: &Value, schema: &Value, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/components/schemas/");
        return compare(place, value, &DOCUMENT["components"]["schemas"][name], wrong);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |schema: &Value| {
            let mut wrong = Vec::new();
            compare(place, value, schema, &mut wrong);
            wrong.is_empty()
        };
        if !choices.iter().any(fits) {
            wrong.push(format!("{place}: {value} is none of {choices:?}"));
        }
        return;
    }
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("no such type: {other}"),
    };
    let typed = match &schema["type"] {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().expect("a type"))),
        other => panic!("{place}: no type but {other}"),
    };
    let listed = schema["enum"].as_array().is_none_or(|choices| choices.contains(value));
    if !typed || !listed {
        wrong.push(format!("{place}: {value} is not like {schema}"));
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        compare(&format!("{place}[{index}]"), value, &schema["items"], wrong);
    }
    let Some(fields) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(required.as_str().expect("a name")) {
            wrong.push(format!("{place}: {required} is missing"));
        }
    }
    for (name, value) in fields {
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => compare(&format!("{place}.{name}"), value, schema, wrong),
            (None, Value::Bool(false)) => wrong.push(format!("{place}.{name}: is not known")),
            (None, Value::Null) => {}
            (None, schema) => compare(&format!("{place}.{name}"), value, schema, wrong),
        }
    }
}

#[track_caller]
fn conforms(what: &str, answer: &Answer, operation: &Value) {
    let documented = &operation["responses"][answer.status.to_string()];
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let schema = &documented["content"][kind]["schema"];
    assert!(schema.is_object(), "{what}: {} as {kind} is not documented", answer.status);
    if kind.ends_with("json") {
        let mut wrong = Vec::new();
        compare("", &answer.json(), schema, &mut wrong);
        assert!(wrong.is_empty(), "{what}: {}", wrong.join("\n"));
    }
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let routes = collector::http::routes();
    let routes: BTreeSet<&str> = routes.iter().map(|(path, _)| *path).collect();
    let paths = DOCUMENT["paths"].as_object().expect("by path");
    assert_eq!(routes, paths.keys().map(String::as_str).collect());
    assert_eq!(DOCUMENT["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
}

#[test]
fn every_route_allows_exactly_the_parameters_that_the_document_has() {
    for (path, method, operation) in operations() {
        let answer = send(shared().http, method, &format!("{path}?no-such=1"), &[]);
        let detail = crate::routes::problem(&answer, 400);
        let allowed = match detail.split_once("allowed here: ") {
            Some((_, allowed)) => allowed.split(", ").map(str::to_owned).collect(),
            None => BTreeSet::new(),
        };
        let documented = operation["parameters"].as_array().into_iter().flatten();
        let documented: BTreeSet<String> =
            documented.map(|p| p["name"].as_str().expect("a name").to_owned()).collect();
        assert_eq!(allowed, documented, "{method} {path}: {detail}");
        conforms(&path, &answer, operation);
    }
}

#[test]
fn every_answer_is_as_the_document_says() {
    for (path, method, operation) in operations() {
        if path == "/api/v1/events" {
            continue; // It has no end.
        }
        let answer = send(shared().http, method, &path, &[]);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        conforms(&path, &answer, operation);
    }
}

#[test]
fn answers_to_questions_with_parameters_are_as_the_document_says_too() {
    let more = [
        ("/api/v1/summary", "?zone=local-a&window=5m"),
        ("/api/v1/summary", "?category=none"),
        ("/api/v1/targets", "?limit=2&sort=-since"),
        ("/api/v1/targets", "?verdict=paused"),
        ("/api/v1/changes", "?target=nobody"),
        ("/latest-summary", "?vantage=default"),
    ];
    for (path, query) in more {
        let answer = shared().get(&format!("{path}{query}"));
        conforms(path, &answer, &DOCUMENT["paths"][path]["get"]);
    }
    let path = "/api/v1/targets/{name}";
    for name in ["ok", "never", "paused", "forbidden", "nobody"] {
        let answer = shared().get(&path.replace("{name}", name));
        conforms(name, &answer, &DOCUMENT["paths"][path]["get"]);
    }
}
