//! What may be shown of a target file: URLs without credentials, and text cut and escaped for one line of a log.

use url::Url;

/// The most bytes of one field that a reason quotes.
const QUOTE_MAX: usize = 120;

/// `url` with its user and password replaced by `***`.
///
/// Also for text that is no URL: then everything before its last `@` goes, after the scheme if it has one.
///
/// ```
/// use collector::target_file::mask_url;
/// assert_eq!(mask_url("https://me:secret@example.com/a"), "https://***@example.com/a");
/// assert_eq!(mask_url("https://example.com/@me"), "https://example.com/@me");
/// ```
pub fn mask_url(url: &str) -> String {
    if !url.contains('@') {
        return url.to_owned();
    }
    match Url::parse(url) {
        Ok(parsed) if parsed.has_host() => {
            if parsed.username().is_empty() && parsed.password().is_none() {
                return url.to_owned();
            }
            let mut masked = parsed;
            let replaced = masked.set_password(None).and_then(|()| masked.set_username("***"));
            replaced.map_or_else(|()| "***".to_owned(), |()| masked.into())
        }
        _ => {
            let (before, after) = url.rsplit_once('@').unwrap_or(("", url));
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            let mark = if scheme.is_empty() { "" } else { "://" };
            format!("{scheme}{mark}***@{after}")
        }
    }
}

/// `text` in quotes, escaped, and cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    let shown = &text[..text.floor_char_boundary(QUOTE_MAX)];
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{more}")
}

/// A URL as a reason quotes it.
pub(super) fn quoted_url(url: &str) -> String {
    quoted(&mask_url(url))
}

/// At most `max` bytes of `text`, on one line.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let flat: String =
        text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(max).collect();
    let cut = flat.floor_char_boundary(max);
    if cut < flat.len() || flat.len() < text.len() { format!("{}…", &flat[..cut]) } else { flat }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, masked: &str) {
        assert_eq!(mask_url(url), masked);
    }

    #[test]
    fn user_and_password_are_masked_wherever_they_stand() {
        check("http://user:pass@host/path?q#f", "http://***@host/path?q#f");
        check("http://user@host:8080", "http://***@host:8080/");
        check("http://:pass@host/", "http://***@host/");
        check("http:\\\\user:pass@host/", "http://***@host/");
        check("ht\ntp://user:pa\tss@host/", "http://***@host/");
        check("ftp://user:p@ss@host/", "ftp://***@host/");
    }

    #[test]
    fn text_that_is_no_url_loses_everything_before_its_last_at_sign() {
        check("user:pass@host", "***@host");
        check("http://user:p/w@host/", "http://***@host/");
        check("http://user:pass@", "http://***@");
    }

    #[test]
    fn a_url_without_credentials_stays_as_it_is() {
        check("https://example.com/@me?to=a@b", "https://example.com/@me?to=a@b");
        check("https://example.com", "https://example.com");
        check("nothing", "nothing");
    }

    #[test]
    fn what_is_quoted_is_cut_and_escaped() {
        assert_eq!(quoted("a\u{1b}b"), "\"a\\u{1b}b\"");
        assert!(quoted(&"ü".repeat(500)).len() < 200);
        assert_eq!(one_line("a\nb", 10), "a b");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
