//! `GET /api/v1/openapi.json`. The document stands in `assets/openapi.json`; the tests hold every route, every parameter and
//! every answer against it, so that it cannot say anything else than the code does.

use std::sync::LazyLock;

use axum::response::Response;
use bytes::Bytes;

use super::Problem;
use super::answer::json_response;
use super::query::Parameters;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let text = include_str!("../../assets/openapi.json");
    text.replace("\"0.0.0\"", concat!("\"", env!("CARGO_PKG_VERSION"), "\"")).into()
});

pub(super) async fn document(parameters: Parameters) -> Result<Response, Problem> {
    parameters.finish()?;
    Ok(json_response(DOCUMENT.clone()))
}
