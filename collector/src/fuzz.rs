//! The entries of a fuzzer: every parser of bytes that come from a file, a client or a certificate.

use std::time::Duration;

use crate::agent_settings::AgentSettings;
use crate::http::fuzz as http;
use crate::maintenance::Maintenance;
use crate::serve::places;
use crate::target_file::{Defaults, Secrets, mask_url, parse_default, read};
use crate::tokens::{Tokens, bearer};

/// The name of what is fed, and where it goes in.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("target_file", target_file),
    ("default_option", default_option),
    ("secrets_file", secrets_file),
    ("tokens", tokens),
    ("query", http::query),
    ("agent_certificate", agent_certificate),
    ("agent_settings", agent_settings),
    ("maintenance_file", maintenance_file),
];

fn defaults(columns: impl IntoIterator<Item = (String, String)>) -> Option<Defaults> {
    Defaults::new(Duration::from_secs(600), Duration::from_secs(10), columns).ok()
}

/// What `${TOKEN}` stands for, and nobody may be shown.
const SECRET: &str = "s3cr3t-in-a-header";

/// A list: every row is a target or has a reason, and no reason or masked URL shows a password.
fn target_file(bytes: &[u8]) {
    // A file that has the secret itself, as the name of a column say, is quoted like any other.
    if bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
        return;
    }
    let defaults = defaults([]).expect("good defaults");
    let secrets = Secrets::new([("TOKEN".to_owned(), SECRET.to_owned())]);
    match read(bytes, "t.csv", &defaults, &secrets) {
        Ok(file) => {
            assert_eq!(file.rows, file.targets.len() + file.rejected.total);
            let said = file.rejected.rows.iter().map(|row| row.reason.as_str());
            assert!(said.chain(file.warnings.iter().map(|w| w.text.as_str())).all(is_discreet));
            for target in &file.targets {
                assert!(is_discreet(&format!("{target:?}")));
                let _shown = mask_url(&target.spec.url);
            }
        }
        Err(error) => assert!(is_discreet(&error.to_string())),
    }
}

fn is_discreet(text: &str) -> bool {
    !text.contains(SECRET)
}

fn default_option(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(pair) = parse_default(text) {
        let _good_or_not = defaults([pair]);
    }
}

fn secrets_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _good_or_not = Secrets::default().with_lines(text, "s.env");
}

fn tokens(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(tokens) = Tokens::parse(text, "tokens") {
        assert!(!tokens.accept(""));
        assert!(bearer(text).is_none_or(|token| !token.is_empty() || !tokens.accept(token)));
    }
}

fn agent_settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _good_or_not = AgentSettings::parse(text, "settings.toml");
}

fn maintenance_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(windows) = Maintenance::parse(text, "maintenance.toml") else { return };
    for hours in [0, 500_000, 5_000_000] {
        let _lasting = windows.now(proto::Timestamp::from_millis(hours * 3_600_000));
    }
}

fn agent_certificate(bytes: &[u8]) {
    assert!(places(bytes).iter().all(|place| !place.vantage.is_empty() && !place.zone.is_empty()));
}
