//! One field each: text to value, or a sentence that says what was expected. No sentence holds a secret.

use std::time::Duration;

use url::Url;

use super::mask::{quoted, quoted_url};

/// The longest name of a target or a vantage, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 255;
/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 8 << 10;
/// The most vantages that one row may name.
const VANTAGES_MAX: usize = 64;
/// The longest path of a CA file: Linux's own limit.
const PATH_BYTES_MAX: usize = 4096;
/// The shortest interval and timeout.
const SPAN_MIN: Duration = Duration::from_secs(1);
/// The longest interval, timeout and `slow_after`.
const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);

/// `500ms`, `30s`, `10m`, `1h`: whole milliseconds up to a day.
pub(super) fn duration(column: &str, text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|_| {
        format!(
            "{column} {} is not a duration; expected one like 500ms, 30s, 10m or 1h",
            quoted(text)
        )
    })?;
    if duration.is_zero()
        || duration > SPAN_MAX
        || !duration.subsec_nanos().is_multiple_of(1_000_000)
    {
        return Err(format!(
            "{column} {} is not above 0 and at most 24h, in whole milliseconds",
            quoted(text)
        ));
    }
    Ok(duration)
}

/// An interval or a timeout: 1s to 24h.
pub(super) fn span(column: &str, text: &str) -> Result<Duration, String> {
    let duration = duration(column, text)?;
    check_span(column, duration).map(|()| duration)
}

/// Whether an interval or a timeout is one that may be asked for.
pub(super) fn check_span(column: &str, duration: Duration) -> Result<(), String> {
    if (SPAN_MIN..=SPAN_MAX).contains(&duration)
        && duration.subsec_nanos().is_multiple_of(1_000_000)
    {
        Ok(())
    } else {
        Err(format!("{column} {} is not within 1s and 24h", show(duration)))
    }
}

/// A duration as it is written in a target file, a day as `24h`.
pub(crate) fn show(duration: Duration) -> String {
    const DAY: u64 = 24 * 3600;
    if duration.as_secs() < DAY {
        return humantime::format_duration(duration).to_string();
    }
    let rest = Duration::new(duration.as_secs() % 3600, duration.subsec_nanos());
    let hours = format!("{}h", duration.as_secs() / 3600);
    if rest.is_zero() { hours } else { format!("{hours} {}", humantime::format_duration(rest)) }
}

/// `true` or `false`, in any case: spreadsheets write them in capitals.
pub(super) fn boolean(column: &str, text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(format!("{column} {} is neither `true` nor `false`", quoted(text)))
    }
}

/// An http or https URL with a host: as it stands but for `<>` round it, or as it is sent when it holds what URLs may not
/// (`http://bücher.de/a b`); and in its parts.
pub(super) fn url(text: &str) -> Result<(String, Url), String> {
    let bare =
        text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text).trim();
    if bare.is_empty() {
        return Err("no url; expected one that begins with http:// or https://".into());
    }
    if bare.len() > URL_BYTES_MAX {
        return Err(format!(
            "the url is {} bytes long; expected at most {URL_BYTES_MAX}",
            bare.len()
        ));
    }
    let web =
        |scheme: &str| bare.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
    if !web("http://") && !web("https://") {
        return Err(format!("{} is not an http or https URL", quoted_url(bare)));
    }
    if bare.chars().any(char::is_control) {
        return Err(format!("{} has a control character in it", quoted_url(bare)));
    }
    match Url::parse(bare) {
        Ok(parsed) if parsed.host_str().is_some_and(|host| !host.is_empty()) => {
            let sendable = bare.parse::<http::Uri>().is_ok();
            Ok((if sendable { bare.to_owned() } else { parsed.as_str().to_owned() }, parsed))
        }
        Ok(_) => Err(format!("{} has no host", quoted_url(bare))),
        Err(error) => Err(format!("{} is not a URL: {error}", quoted_url(bare))),
    }
}

/// What a target without a name is called: host and path of its URL, `www.trip.com` for `http://www.trip.com/`.
pub(super) fn default_name(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let path = if url.path() == "/" { "" } else { url.path() };
    format!("{host}{port}{path}")
}

/// Text that is shown: within `max` bytes and on one line.
pub(super) fn plain(what: &str, text: &str, max: usize) -> Result<(), String> {
    if text.len() > max {
        return Err(format!("{what} is {} bytes long; expected at most {max}", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} {} has a control character in it", quoted(text)));
    }
    Ok(())
}

/// The path of a CA file on the agents.
pub(super) fn ca_file(text: &str) -> Result<String, String> {
    plain("tls_ca", text, PATH_BYTES_MAX).map(|()| text.to_owned())
}

/// `all` (an empty list), or names separated by `|`: sorted, each once.
pub(super) fn vantages(text: &str) -> Result<Vec<String>, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for name in text.split('|').map(str::trim) {
        if name.is_empty() || name.eq_ignore_ascii_case("all") {
            return Err(format!(
                "vantages {} has {} between its `|`; expected `all` alone, or names",
                quoted(text),
                if name.is_empty() { "nothing" } else { "`all`" }
            ));
        }
        plain("the name of a vantage", name, NAME_BYTES_MAX)?;
        names.push(name.to_owned());
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > VANTAGES_MAX {
        return Err(format!("vantages has {} names; expected at most {VANTAGES_MAX}", names.len()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn name_of(url: &str, expected: &str) {
        assert_eq!(default_name(&Url::parse(url).expect(url)), expected);
    }

    #[test]
    fn a_default_name_is_host_and_path() {
        name_of("http://www.trip.com/", "www.trip.com");
        name_of("http://www.trip.com", "www.trip.com");
        name_of("HTTPS://Example.COM:443/a/b/?q=1#f", "example.com/a/b/");
        name_of("http://user:secret@localhost:8001/", "localhost:8001");
    }

    #[test]
    fn vantages_are_sorted_and_each_is_there_once() {
        assert_eq!(vantages("eu | us|eu"), Ok(vec!["eu".into(), "us".into()]));
        assert_eq!(vantages("ALL"), Ok(Vec::new()));
        assert!(vantages("eu|").is_err() && vantages("eu|all").is_err());
    }
}
