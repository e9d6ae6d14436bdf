//! URLs as they may be shown.

use url::Url;

/// `url` with its credentials replaced by `***`; without credentials, as it stands. Also for what is no valid URL.
pub fn mask_url(url: &str) -> String {
    match Url::parse(url) {
        Ok(parsed) if !parsed.has_host() => mask_text(url),
        Ok(parsed) if parsed.username().is_empty() && parsed.password().is_none() => url.to_owned(),
        Ok(mut parsed) => {
            let masked = parsed.set_username("***").and_then(|()| parsed.set_password(None));
            masked.map_or_else(|()| mask_text(url), |()| parsed.to_string())
        }
        Err(_) => mask_text(url),
    }
}

/// Hides all up to the last `@`: rather too much than a password.
fn mask_text(text: &str) -> String {
    let Some((front, rest)) = text.rsplit_once('@') else { return text.to_owned() };
    let scheme = front.split_once("://").map_or("", |(scheme, _)| scheme);
    if scheme.is_empty() { format!("***@{rest}") } else { format!("{scheme}://***@{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_nothing_else_is_touched() {
        let check = |url: &str, shown: &str| assert_eq!(mask_url(url), shown, "{url}");
        check("https://example.com/a?b=c", "https://example.com/a?b=c");
        check("https://user:secret@example.com/a", "https://***@example.com/a");
        check("https://user@example.com/a", "https://***@example.com/a");
        check("https://:secret@example.com/", "https://***@example.com/");
        check("http:user:secret@example.com/", "http://***@example.com/");
        check("https://example.com/@handle", "https://example.com/@handle");
    }

    proptest::proptest! {
        #[test]
        fn no_password_is_ever_shown(
            scheme in "https?|ftp|[a-z]{0,3}",
            slashes in "//|/|",
            user in "[a-z%:]{0,5}",
            rest in "[ -~]{0,20}",
        ) {
            let url = format!("{scheme}:{slashes}{user}:PASSWORD@{rest}");
            proptest::prop_assert!(!mask_url(&url).contains("PASSWORD"), "{}", mask_url(&url));
        }
    }

    #[test]
    fn what_is_no_url_hides_its_credentials_too() {
        assert_eq!(mask_url("https://user:secret@host:port/"), "https://***@host:port/");
        assert_eq!(mask_url("user:secret@host"), "***@host");
        assert_eq!(mask_url("no url"), "no url");
    }
}
