//! What a probe sends: method, headers and body. Secrets are tried here, and filled in on the way to an agent: what is kept
//! holds `${NAME}`. No sentence here quotes a value.

use std::fmt;

use http::{HeaderName, HeaderValue, Method};
use serde::de::{Deserializer, MapAccess, Visitor};

use super::mask::quoted;
use super::secrets::Secrets;

/// The most headers of one target.
const HEADERS_MAX: usize = 64;
/// The most bytes of them all, names and values: what common servers accept.
const HEADERS_BYTES_MAX: usize = 32 << 10;
/// The largest body.
const BODY_BYTES_MAX: usize = 64 << 10;
/// The longest method.
const METHOD_BYTES_MAX: usize = 32;

/// A method in capitals.
pub(super) fn method(text: &str) -> Result<String, String> {
    let method = text.to_ascii_uppercase();
    let valid = method.len() <= METHOD_BYTES_MAX && Method::from_bytes(method.as_bytes()).is_ok();
    if !valid || method == "CONNECT" {
        return Err(format!(
            "method {} is not one to probe with; expected GET, HEAD, POST, …",
            quoted(text)
        ));
    }
    Ok(method)
}

/// The headers of a JSON object, in its order, as they are written: they were good with their secrets in them.
pub(super) fn headers(text: &str, secrets: &Secrets) -> Result<Vec<(String, String)>, String> {
    let pairs = pairs(text)?;
    if pairs.len() > HEADERS_MAX {
        return Err(format!("{} headers; expected at most {HEADERS_MAX}", pairs.len()));
    }
    let mut headers: Vec<(String, String)> = Vec::with_capacity(pairs.len());
    let mut bytes = 0;
    for (name, template) in pairs {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(format!("header {} is not a header's name", quoted(&name)));
        }
        if headers.iter().any(|(before, _)| before.eq_ignore_ascii_case(&name)) {
            return Err(format!("header {} is there twice", quoted(&name)));
        }
        let value = secrets.fill(&template).map_err(|error| format!("header {name}: {error}"))?;
        if HeaderValue::from_str(&value).is_err() {
            return Err(format!(
                "the value of header {name} holds more than visible ASCII characters"
            ));
        }
        bytes += name.len() + value.len();
        headers.push((name, template));
    }
    if bytes > HEADERS_BYTES_MAX {
        return Err(format!("{bytes} bytes of headers; expected at most {HEADERS_BYTES_MAX}"));
    }
    Ok(headers)
}

/// The body, as it is written.
pub(super) fn body(text: &str, secrets: &Secrets) -> Result<Vec<u8>, String> {
    let body = secrets.fill(text).map_err(|error| format!("body: {error}"))?;
    if body.len() > BODY_BYTES_MAX {
        return Err(format!("{} bytes of body; expected at most {BODY_BYTES_MAX}", body.len()));
    }
    Ok(text.as_bytes().to_vec())
}

/// Whether `text` could be headers, were its secrets known.
pub(super) fn check_headers(text: &str) -> Result<(), String> {
    pairs(text).map(|_| ())
}

/// The pairs of a JSON object of strings. What serde would say may quote the values: only the place is told.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(Pairs).and_then(|pairs| json.end().map(|()| pairs));
    read.map_err(|error| {
        let place = format!("line {} column {} of the field", error.line(), error.column());
        format!("headers is not a JSON object of strings (at {place}); expected one like {{\"Accept\": \"text/html\"}}")
    })
}

/// Keeps the order and what is there twice, as a map would not.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
