//! From the command line to an [`AgentConfig`]: files read, the place found out, contradictions refused.

use std::path::{Path, PathBuf};

use crate::cli::RunArgs;
use crate::config::{AgentConfig, ClientTls, Files, Listen, Secret};
use crate::descriptors::affordable_concurrency;
use crate::metadata::{self, Task};

/// The variable that holds the token itself.
const TOKEN_VARIABLE: &str = "ZONEWATCH_TOKEN";

/// Why the command line cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file that was named cannot be read.
    #[error("cannot read {option} {}: {source}", path.display())]
    File {
        /// Which.
        option: &'static str,
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A token that is there and empty.
    #[error("{0} holds no token; expected one on its first line")]
    NoToken(String),
    /// TLS options for a collector without TLS.
    #[error("{option} needs an https collector; --collector is {collector}")]
    NotHttps {
        /// Which.
        option: &'static str,
        /// As given.
        collector: String,
    },
}

impl RunArgs {
    /// What these options mean in an environment (`variable` reads it) with so many descriptors.
    ///
    /// # Errors
    /// When a file cannot be read, or options contradict each other.
    pub async fn config(
        self,
        variable: impl Fn(&str) -> Option<String>,
        descriptors: Option<u64>,
    ) -> Result<AgentConfig, SettingsError> {
        let files = self.files()?;
        let (token, tls) = files.read()?;
        let token = match (token, variable(TOKEN_VARIABLE)) {
            (None, Some(value)) => Some(first_line(&value, TOKEN_VARIABLE)?),
            (token, _) => token,
        };
        let plain = !self.collector.is_https() && !self.collector.is_loopback();
        if token.is_some() && plain && self.allow_plaintext {
            tracing::warn!(collector = %self.collector, "the token travels unencrypted");
        }
        let concurrency = self.concurrency.and_then(|given| usize::try_from(given).ok());
        let concurrency_max = affordable_concurrency(usize::MAX, descriptors);
        let wanted = concurrency.unwrap_or(AgentConfig::CONCURRENCY);
        if concurrency_max < wanted {
            let concurrency = concurrency_max;
            tracing::warn!(wanted, concurrency, ?descriptors, "fewer probes at once: open files");
        }
        let task = match variable(metadata::VARIABLE) {
            Some(base)
                if self.vantage.is_none() || self.zone.is_none() || self.agent_id.is_none() =>
            {
                Task::read(&base).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "task metadata cannot be read: going on with defaults");
                    Task::default()
                })
            }
            _ => Task::default(),
        };
        let default = AgentConfig::new(self.collector);
        let listen = match self.listen {
            Some(address) => Listen { address, required: true },
            None => Listen { address: AgentConfig::LISTEN, required: false },
        };
        Ok(AgentConfig {
            tls,
            token,
            files,
            allow_plaintext: self.allow_plaintext,
            agent_id: self.agent_id.or(task.id).unwrap_or(default.agent_id),
            vantage: self.vantage.or(task.region).unwrap_or(default.vantage),
            zone: self.zone.or(task.zone).unwrap_or(default.zone),
            concurrency,
            concurrency_max,
            probe: self.probe,
            listen: Some(listen),
            emf: self.emf.emf.then_some(self.emf.deployment),
            collector: default.collector,
            outbox_bytes: default.outbox_bytes,
            drain_max: default.drain_max,
        })
    }

    /// The files that are named; those of TLS need a collector with TLS.
    fn files(&self) -> Result<Files, SettingsError> {
        let files =
            [("--ca", &self.ca), ("--tls-cert", &self.tls_cert), ("--tls-key", &self.tls_key)];
        if let Some((option, _)) = files.iter().find(|(_, path)| path.is_some())
            && !self.collector.is_https()
        {
            return Err(SettingsError::NotHttps { option, collector: self.collector.to_string() });
        }
        let [(_, ca), (_, cert), (_, key)] = files.map(|(option, path)| (option, path.clone()));
        Ok(Files { token: self.token_file.clone(), ca, cert, key })
    }
}

impl Files {
    /// What is in them.
    ///
    /// # Errors
    /// When one cannot be read, or the token's is empty.
    pub(crate) fn read(&self) -> Result<(Option<Secret>, ClientTls), SettingsError> {
        let pem = |option, path: &Option<PathBuf>| {
            let read = |path: &PathBuf| std::fs::read(path).map_err(unreadable(option, path));
            path.as_ref().map(read).transpose()
        };
        let (certificate, key) = (pem("--tls-cert", &self.cert)?, pem("--tls-key", &self.key)?);
        let tls = ClientTls { ca: pem("--ca", &self.ca)?, identity: certificate.zip(key) };
        let Some(path) = &self.token else { return Ok((None, tls)) };
        let text = std::fs::read_to_string(path).map_err(unreadable("--token-file", path))?;
        let token = first_line(&text, &path.display().to_string())?;
        Ok((Some(token), tls))
    }
}

fn unreadable(option: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SettingsError {
    let path = path.to_owned();
    move |source| SettingsError::File { option, path, source }
}

fn first_line(text: &str, place: &str) -> Result<Secret, SettingsError> {
    Secret::first_line(text).ok_or_else(|| SettingsError::NoToken(place.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    async fn config(line: &str, variables: &[(&str, &str)]) -> Result<AgentConfig, SettingsError> {
        let arguments = format!("zonewatch-agent run {line}");
        let Command::Run(args) = Cli::try_parse_from(arguments.split(' ')).unwrap().command else {
            panic!("{line}");
        };
        let variable = |name: &str| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        args.config(variable, Some(500)).await
    }

    #[tokio::test]
    async fn without_options_the_place_is_default_and_the_id_random() {
        let one = config("--collector http://a:1", &[]).await.unwrap();
        let two = config("--collector http://a:1", &[]).await.unwrap();
        assert_eq!((one.vantage.as_str(), one.zone.as_str()), ("default", "default"));
        assert_ne!(one.agent_id, two.agent_id);
        assert_eq!((one.concurrency, one.concurrency_max), (None, 400), "as the descriptors allow");
        assert_eq!(one.listen, Some(Listen { address: AgentConfig::LISTEN, required: false }));
    }

    #[tokio::test]
    async fn a_token_comes_from_the_variable_and_an_empty_one_is_refused() {
        let token = [(TOKEN_VARIABLE, "hunter2\n")];
        let config_with = config("--collector http://a:1", &token).await.unwrap();
        assert_eq!(config_with.token.unwrap().reveal(), "hunter2");
        let empty = config("--collector http://a:1", &[(TOKEN_VARIABLE, " ")]).await;
        assert!(matches!(empty, Err(SettingsError::NoToken(place)) if place == TOKEN_VARIABLE));
    }

    #[tokio::test]
    async fn a_missing_file_is_named_with_its_option() {
        for option in ["--token-file", "--ca"] {
            let line = format!("--collector https://a:1 {option} /nowhere/x");
            let error = config(&line, &[]).await.expect_err(option).to_string();
            assert!(error.contains(option) && error.contains("/nowhere/x"), "{error}");
        }
    }

    #[tokio::test]
    async fn tls_options_need_https() {
        let error = config("--collector http://a:1 --ca /nowhere/x", &[]).await;
        assert!(matches!(error, Err(SettingsError::NotHttps { option: "--ca", .. })));
    }

    #[tokio::test]
    async fn on_ecs_the_place_is_where_the_task_runs_unless_it_is_given() {
        let endpoint = axum::Router::new().route(
            "/v4/x/task",
            axum::routing::get(|| async {
                r#"{"TaskARN":"arn:aws:ecs:eu-west-1:1:task/c/7f3a","AvailabilityZone":"eu-west-1b"}"#
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v4/x", listener.local_addr().unwrap());
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move { axum::serve(listener, endpoint).await.unwrap() });
        let variables = [(metadata::VARIABLE, base.as_str())];
        let found = config("--collector http://a:1 --vantage mine", &variables).await.unwrap();
        assert_eq!(
            (found.vantage.as_str(), found.zone.as_str(), found.agent_id.as_str()),
            ("mine", "eu-west-1b", "7f3a")
        );
    }

    #[tokio::test]
    async fn unreachable_metadata_leaves_the_defaults() {
        let nobody = [(metadata::VARIABLE, "http://127.0.0.1:1/v4")];
        let config = config("--collector http://a:1 --zone z", &nobody).await.unwrap();
        assert_eq!((config.vantage.as_str(), config.zone.as_str()), ("default", "z"));
    }
}
