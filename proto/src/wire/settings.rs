//! Settings on their way to an agent, and its answer.

use super::raw::v1 as raw;
use super::{Malformed, clip, value};
use crate::evidence::Note;
use crate::messages::{ProbeSettings, SettingsApplied};

/// The longest text of a setting, in bytes.
const TEXT_MAX: usize = 1024;
/// The most networks in a list.
const NETWORKS_MAX: usize = 1024;

impl From<raw::Settings> for ProbeSettings {
    fn from(settings: raw::Settings) -> Self {
        let text = |text: String| (!text.is_empty()).then(|| clip(&text, TEXT_MAX).to_owned());
        let list = |list: Vec<String>| list.into_iter().take(NETWORKS_MAX).collect();
        Self {
            version: settings.version,
            concurrency: (settings.concurrency > 0).then_some(settings.concurrency),
            per_host: (settings.per_host > 0).then_some(settings.per_host),
            dns: text(settings.dns),
            user_agent: text(settings.user_agent),
            deny_private: settings.deny_private,
            allow_network: list(settings.allow_network),
            refuse_network: list(settings.refuse_network),
        }
    }
}

impl From<ProbeSettings> for raw::Settings {
    fn from(settings: ProbeSettings) -> Self {
        Self {
            version: settings.version,
            concurrency: settings.concurrency.unwrap_or(0),
            per_host: settings.per_host.unwrap_or(0),
            dns: settings.dns.unwrap_or_default(),
            user_agent: settings.user_agent.unwrap_or_default(),
            deny_private: settings.deny_private,
            allow_network: settings.allow_network,
            refuse_network: settings.refuse_network,
        }
    }
}

pub(super) fn applied(applied: raw::SettingsApplied) -> Result<SettingsApplied, Malformed> {
    let raw::SettingsApplied { version, capacity, problem } = applied;
    if capacity == 0 {
        return Err(value("settings_applied.capacity", 0, "at least 1"));
    }
    let problem = (!problem.is_empty()).then(|| clip(&problem, Note::TEXT_MAX).to_owned());
    Ok(SettingsApplied { version, capacity, problem })
}

impl From<SettingsApplied> for raw::SettingsApplied {
    fn from(applied: SettingsApplied) -> Self {
        let SettingsApplied { version, capacity, problem } = applied;
        let problem = clip(problem.as_deref().unwrap_or_default(), Note::TEXT_MAX).to_owned();
        Self { version, capacity, problem }
    }
}
