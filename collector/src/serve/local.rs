//! The agents inside this process.

use std::net::{Ipv4Addr, SocketAddr};

use agent::{Agent, AgentConfig, CollectorUrl, Secret};
use tokio::net::TcpListener;

use super::{AGENTS_DRAIN_MAX, StartError, listen};
use crate::config::Config;
use crate::tokens::Tokens;

/// Real agents over real gRPC, on a loopback port of their own, behind a token of their own.
pub(super) struct LocalAgents {
    pub(super) listener: TcpListener,
    pub(super) tokens: Tokens,
    pub(super) agents: Vec<Agent>,
}

impl LocalAgents {
    pub(super) async fn open(config: &Config) -> Result<Self, StartError> {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = listen("--local-agents", loopback).await?;
        let address = listener.local_addr().unwrap_or(loopback);
        let token = format!("{:032x}", rand::random::<u128>());
        let url: CollectorUrl =
            format!("http://{address}").parse().expect("an address makes a URL");
        let agents = config.local_agents.iter().map(|local| {
            Agent::new(AgentConfig {
                token: Secret::first_line(&token),
                agent_id: local.id.clone(),
                vantage: local.vantage.clone(),
                zone: local.zone.clone(),
                concurrency: config.concurrency.and_then(|given| usize::try_from(given).ok()),
                concurrency_max: config.concurrency_max,
                probe: local.probe.clone(),
                drain_max: AGENTS_DRAIN_MAX,
                ..AgentConfig::new(url.clone())
            })
        });
        let agents = agents.collect::<Result<_, _>>()?;
        let tokens = Tokens::parse(&token, "the local agents' token")?;
        Ok(Self { listener, tokens, agents })
    }
}
