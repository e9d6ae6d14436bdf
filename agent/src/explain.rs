//! Stub, replaced at merge.
#![allow(missing_docs)]
pub fn text(url: &str, _: &crate::probe::Report) -> String {
    format!("{url}\n")
}
pub fn json(url: &str, _: &crate::probe::Report) -> serde_json::Value {
    serde_json::json!({ "url": url })
}
