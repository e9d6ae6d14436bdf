//! `--agent-settings`: a TOML file that says how agents probe, for all and per vantage. Strict: a key that means nothing is
//! an error with its line, since a setting that is silently ignored is worse than none.

mod watch;

use std::collections::BTreeMap;
use std::path::Path;

use agent::probe::{DnsServer, network};
use proto::ProbeSettings;
use serde::Deserialize;

pub use watch::watch;

/// A file that is longer is not one of settings.
const FILE_MAX: u64 = 1 << 20;
/// Networks in a list: every address that is dialled is compared with each.
const NETWORKS_MAX: usize = 256;
/// As the wire takes it.
const TEXT_MAX: usize = 1024;

/// What the file says, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentSettings {
    everywhere: Section,
    vantages: BTreeMap<String, Section>,
}

/// Settings for all, or those that a vantage has of its own. Named as the agent's options are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Section {
    concurrency: Option<Number>,
    per_host: Option<Number>,
    dns: Option<Dns>,
    user_agent: Option<UserAgent>,
    deny_private: Option<bool>,
    allow_network: Option<Networks>,
    refuse_network: Option<Networks>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    concurrency: Option<Number>,
    per_host: Option<Number>,
    dns: Option<Dns>,
    user_agent: Option<UserAgent>,
    deny_private: Option<bool>,
    allow_network: Option<Networks>,
    refuse_network: Option<Networks>,
    #[serde(default)]
    vantages: BTreeMap<String, Section>,
}

/// Checked where it is read, so that an error has its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
struct Number(u32);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Dns(String);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct UserAgent(String);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Networks(Vec<String>);

impl TryFrom<i64> for Number {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let positive = u32::try_from(number).ok().filter(|number| *number > 0);
        positive.map(Self).ok_or_else(|| format!("{number} is not a number of 1 or more"))
    }
}

impl TryFrom<String> for Dns {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse::<DnsServer>().map(|server| Self(server.to_string()))
    }
}

impl TryFrom<String> for UserAgent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        match plain && !text.is_empty() && text.len() <= TEXT_MAX {
            true => Ok(Self(text)),
            false => Err(format!("a user agent is 1 to {TEXT_MAX} visible ASCII characters")),
        }
    }
}

impl TryFrom<Vec<String>> for Networks {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        if texts.len() > NETWORKS_MAX {
            return Err(format!("{} networks; expected at most {NETWORKS_MAX}", texts.len()));
        }
        let networks = texts.iter().map(|text| network(text).map(|net| net.to_string()));
        networks.collect::<Result<_, _>>().map(Self)
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read.
    #[error("--agent-settings {path}: cannot be read: {cause}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// It says something that is no setting.
    #[error("--agent-settings {path}:{line}: {what}")]
    Line {
        /// Which file.
        path: String,
        /// Where.
        line: usize,
        /// What is wrong there.
        what: String,
    },
}

impl AgentSettings {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or a line of it is not a setting.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let shown = path.display().to_string();
        let text = read_bounded(path)
            .map_err(|cause| SettingsError::Unreadable { path: shown.clone(), cause })?;
        Self::parse(&text, &shown)
    }

    /// Understands the file's text; `path` is for errors.
    ///
    /// # Errors
    /// When a line of it is not a setting.
    pub fn parse(text: &str, path: &str) -> Result<Self, SettingsError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let what = error.message().replace('\n', " ");
            SettingsError::Line { path: path.to_owned(), line, what }
        })?;
        let File {
            concurrency,
            per_host,
            dns,
            user_agent,
            deny_private,
            allow_network,
            refuse_network,
            vantages,
        } = file;
        let everywhere = Section {
            concurrency,
            per_host,
            dns,
            user_agent,
            deny_private,
            allow_network,
            refuse_network,
        };
        Ok(Self { everywhere, vantages })
    }

    /// What holds at a vantage: what its section says, else what is said for all.
    pub fn at(&self, vantage: &str, version: u64) -> ProbeSettings {
        let none = Section::default();
        let (own, all) = (self.vantages.get(vantage).unwrap_or(&none), &self.everywhere);
        let networks = |own: &Option<Networks>, all: &Option<Networks>| {
            own.as_ref().or(all.as_ref()).map_or_else(Vec::new, |networks| networks.0.clone())
        };
        ProbeSettings {
            version,
            concurrency: own.concurrency.or(all.concurrency).map(|number| number.0),
            per_host: own.per_host.or(all.per_host).map(|number| number.0),
            dns: own.dns.as_ref().or(all.dns.as_ref()).map(|dns| dns.0.clone()),
            user_agent: own.user_agent.as_ref().or(all.user_agent.as_ref()).map(|ua| ua.0.clone()),
            deny_private: own.deny_private.or(all.deny_private).unwrap_or(false),
            allow_network: networks(&own.allow_network, &all.allow_network),
            refuse_network: networks(&own.refuse_network, &all.refuse_network),
        }
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > FILE_MAX {
        true => Err(std::io::Error::other("it is longer than 1 MiB")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vantage_has_what_is_said_for_all_but_for_what_its_section_says() {
        let text = "concurrency = 500\ndns = \"10.0.0.2\"\nallow-network = [\"10.0.0.0/8\"]\n\
                    [vantages.eu]\nconcurrency = 20\nuser-agent = \"x (+https://y)\"\n";
        let settings = AgentSettings::parse(text, "f").expect("it is sound");
        let (eu, us) = (settings.at("eu", 3), settings.at("us", 3));
        assert_eq!((eu.concurrency, us.concurrency), (Some(20), Some(500)));
        assert_eq!(
            (eu.dns.as_deref(), us.dns.as_deref()),
            (Some("10.0.0.2:53"), Some("10.0.0.2:53"))
        );
        assert_eq!((eu.user_agent.as_deref(), us.user_agent), (Some("x (+https://y)"), None));
        assert_eq!((eu.version, eu.allow_network), (3, vec!["10.0.0.0/8".to_owned()]));
    }

    #[test]
    fn what_is_no_setting_is_an_error_with_its_line_and_what_was_expected() {
        for (text, line, words) in [
            ("\nconcurency = 5\n", 2, "concurrency"),
            ("per-host = 0", 1, "1 or more"),
            ("per-host = \"many\"", 1, "expected"),
            ("dns = \"a b:1\"", 1, "HOST:PORT"),
            ("# x\n[vantages.eu]\nallow-network = [\"10.0.0.0/99\"]", 3, "10.0.0.0/8"),
            ("[vantages.eu]\nvantages = 1", 2, "vantages"),
            ("user-agent = \"ä\"", 1, "visible ASCII"),
            ("concurrency = ", 1, ""),
        ] {
            let error = AgentSettings::parse(text, "a.toml").expect_err(text).to_string();
            assert!(error.contains(&format!("a.toml:{line}: ")), "{text:?}: {error}");
            assert!(error.contains(words) && !error.contains('\n'), "{text:?}: {error}");
        }
    }
}
