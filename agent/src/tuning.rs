//! Settings that a collector sends, against what this agent was told when it was started.
//!
//! What stands on this agent's own command line (or in its environment) wins: whoever started it knows the machine. Refusals
//! add up, so that a collector can narrow what an agent may dial but not widen it beyond what its operator wrote down.

use proto::{ProbeSettings, SettingsApplied};
use tokio::task::JoinSet;

use crate::config::AgentConfig;
use crate::probe::{ProbeOptions, Prober, network};

/// What this agent was told when it was started.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) probe: ProbeOptions,
    pub(crate) concurrency: Option<usize>,
    pub(crate) concurrency_max: usize,
}

impl Own {
    /// The most probes at once, with what settings say.
    pub(crate) fn concurrency(&self, settings: Option<u32>) -> usize {
        let settings = settings.and_then(|n| usize::try_from(n).ok());
        let wanted = self.concurrency.or(settings).unwrap_or(AgentConfig::CONCURRENCY);
        wanted.min(self.concurrency_max).max(1)
    }

    /// How to probe under these settings.
    fn under(&self, settings: &ProbeSettings) -> Result<ProbeOptions, String> {
        let networks = |texts: &[String]| {
            texts.iter().map(|text| network(text)).collect::<Result<Vec<_>, _>>()
        };
        let own = &self.probe;
        let dns = match (&own.dns, &settings.dns) {
            (Some(own), _) => Some(own.clone()),
            (None, given) => given.as_deref().map(str::parse).transpose()?,
        };
        let bad_agent = |_| "the user agent is not visible ASCII".to_owned();
        let agent = settings.user_agent.as_deref().map(str::parse).transpose();
        // Exceptions of one's own, or a refusal of one's own, are not undone from elsewhere.
        let decided_here = own.deny_private || !own.allow_network.is_empty();
        let allow_network = match decided_here {
            true => own.allow_network.clone(),
            false => networks(&settings.allow_network)?,
        };
        Ok(ProbeOptions {
            per_host: own.per_host.or(settings.per_host),
            dns,
            deny_private: own.deny_private || settings.deny_private,
            allow_network,
            refuse_network: networks(&settings.refuse_network)?,
            user_agent: agent.map_err(bad_agent)?,
        })
    }
}

/// Brings settings into force, one after the other, off the event loop: a name server given by name has to be looked up.
pub(crate) struct Tuner {
    prober: Prober,
    own: Own,
    newest: Option<ProbeSettings>,
    trying: JoinSet<SettingsApplied>,
    /// In force.
    capacity: u32,
}

impl Tuner {
    pub(crate) fn new(prober: Prober, own: Own) -> Self {
        let capacity = u32::try_from(own.concurrency(None)).unwrap_or(u32::MAX);
        Self { prober, own, newest: None, trying: JoinSet::new(), capacity }
    }

    /// Tries these next; what has not been tried yet need not be any more.
    pub(crate) fn tune(&mut self, settings: ProbeSettings) {
        self.newest = Some(settings);
        self.try_next();
    }

    /// Whether settings are being tried.
    pub(crate) fn is_busy(&self) -> bool {
        !self.trying.is_empty()
    }

    fn try_next(&mut self) {
        if !self.trying.is_empty() {
            return;
        }
        let Some(settings) = self.newest.take() else { return };
        let (prober, own, before) = (self.prober.clone(), self.own.clone(), self.capacity);
        self.trying.spawn_blocking(move || {
            let options = own.under(&settings);
            let tried = options.and_then(|o| prober.tune(&o).map_err(|error| error.to_string()));
            let capacity = match &tried {
                Ok(()) => u32::try_from(own.concurrency(settings.concurrency)).unwrap_or(u32::MAX),
                Err(_) => before,
            };
            SettingsApplied { version: settings.version, capacity, problem: tried.err() }
        });
    }

    /// What came of the ones tried; waits for ever when there is nothing to try. Cancel safe.
    pub(crate) async fn done(&mut self) -> Option<SettingsApplied> {
        let applied = match self.trying.join_next().await? {
            Ok(applied) => applied,
            Err(error) => {
                tracing::error!(%error, "applying settings panicked: please report this");
                return None;
            }
        };
        self.capacity = applied.capacity;
        match &applied.problem {
            None => tracing::info!(
                version = applied.version,
                capacity = applied.capacity,
                "settings in force"
            ),
            Some(problem) => tracing::warn!(
                version = applied.version,
                problem,
                "the collector's settings cannot be used here; those before them stay in force"
            ),
        }
        self.try_next();
        Some(applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        Own { probe: ProbeOptions::default(), concurrency: None, concurrency_max: 5000 }
    }

    fn given() -> ProbeSettings {
        ProbeSettings {
            version: 1,
            concurrency: Some(20),
            per_host: Some(2),
            dns: Some("10.0.0.2".into()),
            user_agent: Some("us".into()),
            deny_private: true,
            allow_network: vec!["10.0.0.0/8".into()],
            refuse_network: vec!["10.1.0.0/16".into()],
        }
    }

    #[test]
    fn an_agent_started_without_options_does_as_the_settings_say() {
        let options = own().under(&given()).unwrap();
        assert_eq!(options.per_host, Some(2));
        assert_eq!(options.dns.unwrap().to_string(), "10.0.0.2:53");
        assert_eq!(options.user_agent.unwrap(), "us");
        assert!(options.deny_private);
        assert_eq!((options.allow_network.len(), options.refuse_network.len()), (1, 1));
        assert_eq!(own().concurrency(Some(20)), 20);
        assert_eq!(own().concurrency(Some(9000)), 5000, "no more than the machine affords");
    }

    #[test]
    fn what_an_agent_was_told_at_its_start_wins_and_refusals_add_up() {
        let probe = ProbeOptions {
            per_host: Some(7),
            dns: Some("127.0.0.1:5353".parse().unwrap()),
            deny_private: true,
            ..ProbeOptions::default()
        };
        let own = Own { probe, concurrency: Some(3), concurrency_max: 5000 };
        let options = own.under(&ProbeSettings { deny_private: false, ..given() }).unwrap();
        assert_eq!(options.per_host, Some(7));
        assert_eq!(options.dns.unwrap().to_string(), "127.0.0.1:5353");
        assert!(options.deny_private);
        assert!(options.allow_network.is_empty(), "an exception cannot come from elsewhere");
        assert_eq!(options.refuse_network.len(), 1);
        assert_eq!(own.concurrency(Some(20)), 3);
    }

    #[test]
    fn settings_that_make_no_sense_are_said_to_and_change_nothing() {
        for bad in [
            ProbeSettings { dns: Some("a b:1".into()), ..given() },
            ProbeSettings { allow_network: vec!["10.0.0.0/99".into()], ..given() },
            ProbeSettings { user_agent: Some("two\nlines".into()), ..given() },
        ] {
            assert!(own().under(&bad).is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn of_settings_that_come_too_fast_the_newest_is_applied() {
        let prober = Prober::new(&ProbeOptions::default()).unwrap();
        let mut tuner = Tuner::new(prober, own());
        for version in 1..=5 {
            let dns = Some("127.0.0.1:9".into());
            tuner.tune(ProbeSettings { version, dns, ..ProbeSettings::default() });
        }
        assert_eq!(tuner.done().await.map(|applied| applied.version), Some(1));
        assert_eq!(tuner.done().await.map(|applied| applied.version), Some(5));
        assert!(tuner.trying.is_empty());
    }
}
