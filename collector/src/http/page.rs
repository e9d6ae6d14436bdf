//! The page at `/`: plain files inside the program, and headers that let nothing else in. A browser asks again for each file
//! and is answered 304 until the program is another one.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use xxhash_rust::xxh3::xxh3_64;

use super::Api;

/// Only what this server serves is loaded, and no page frames it.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The files under `collector/assets`, by their paths.
macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../assets/", $path)))),*]
    };
}

const ASSETS: &[(&str, &str)] = assets![
    "index.html",
    "icon.svg",
    "js/api.js",
    "js/charts/hours.js",
    "js/charts/lines.js",
    "js/charts/phases.js",
    "js/charts/rounds.js",
    "js/charts/scale.js",
    "js/charts/scrub.js",
    "js/charts/share.js",
    "js/charts/strip.js",
    "js/chrome.js",
    "js/dom.js",
    "js/events.js",
    "js/format.js",
    "js/main.js",
    "js/parts/banners.js",
    "js/parts/counts.js",
    "js/parts/headline.js",
    "js/parts/history.js",
    "js/parts/incidents.js",
    "js/parts/marks.js",
    "js/parts/now.js",
    "js/parts/places.js",
    "js/parts/probe-now.js",
    "js/parts/table.js",
    "js/route.js",
    "js/sources.js",
    "js/time.js",
    "js/types.js",
    "js/view.js",
    "js/views/fleet.js",
    "js/views/incident.js",
    "js/views/incidents.js",
    "js/views/overview.js",
    "js/views/target.js",
    "js/views/targets.js",
    "js/words.js",
    "style/base.css",
    "style/charts.css",
    "style/parts.css",
    "style/views.css",
];

/// One file as it is served.
struct Asset {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
    tag: HeaderValue,
}

static SERVED: LazyLock<Vec<Asset>> = LazyLock::new(|| ASSETS.iter().map(Asset::new).collect());

impl Asset {
    fn new((path, text): &(&'static str, &'static str)) -> Self {
        let kind = match path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        let tag = HeaderValue::from_str(&format!("\"{:016x}\"", xxh3_64(text.as_bytes())))
            .expect("hex is a header value");
        Self { path, kind, text, tag }
    }

    fn respond(&self, asked: &HeaderMap) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::ETAG, self.tag.clone()),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        let known = asked.get(header::IF_NONE_MATCH).is_some_and(|tag| holds(tag, &self.tag));
        match known {
            true => (StatusCode::NOT_MODIFIED, headers).into_response(),
            false => (headers, self.text).into_response(),
        }
    }
}

/// Whether an `If-None-Match` names the tag; a proxy that compresses may have made it a weak one.
fn holds(given: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(given), Ok(tag)) = (given.to_str(), tag.to_str()) else { return false };
    given.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

pub(super) fn routes() -> Router<Api> {
    SERVED.iter().fold(Router::new(), |router, asset| {
        let answer = move |headers: HeaderMap| async move { asset.respond(&headers) };
        let path = match asset.path {
            "index.html" => "/".to_owned(),
            path => format!("/{path}"),
        };
        router.route(&path, get(answer))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn files(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in folder.read_dir().expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                files(&path, root, found);
            } else {
                let inside = path.strip_prefix(root).expect("it is inside");
                found.insert(inside.to_str().expect("plain names").replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_served_and_every_module_is_loaded_at_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut found = BTreeSet::new();
        files(&root, &root, &mut found);
        // The document of the API lies beside the page; it is a route of its own.
        assert!(found.remove("openapi.json"));
        let served: BTreeSet<String> = ASSETS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(served, found);
        // What only describes types is loaded by nobody.
        let loaded = |path: &&String| !path.ends_with("types.js") && !path.ends_with("view.js");
        let html = ASSETS[0].1;
        for path in served.iter().filter(|path| path.contains('/')).filter(loaded) {
            assert!(html.contains(&format!("\"{path}\"")), "index.html does not name {path}");
        }
    }

    #[test]
    fn a_browser_that_has_a_file_is_told_that_it_is_still_the_one() {
        let asset = &SERVED[0];
        let tag = asset.tag.to_str().expect("text");
        for given in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let asked = HeaderMap::from_iter([(
                header::IF_NONE_MATCH,
                HeaderValue::from_str(&given).expect("a header"),
            )]);
            assert_eq!(asset.respond(&asked).status(), StatusCode::NOT_MODIFIED, "{given}");
        }
        let asked =
            HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("\"0123\""))]);
        assert_eq!(asset.respond(&asked).status(), StatusCode::OK);
        assert_eq!(asset.respond(&HeaderMap::new()).status(), StatusCode::OK);
    }
}
