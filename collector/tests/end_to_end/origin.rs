//! The demo's origin as 1,321 sites that answer with the status codes of the mix, each with a host of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use collector::demo::origin::{self, Sites};
use collector::demo::script::{Answer, Script};
use collector::demo::sites;
use http::StatusCode;
use tokio::runtime::Runtime;

pub struct Origin {
    statuses: Vec<StatusCode>,
    asked: Arc<Sites>,
    address: SocketAddr,
    mix: BTreeMap<String, u64>,
    _runtime: Runtime,
}

impl Origin {
    pub fn start() -> Self {
        let origin = Self::of(usize::MAX);
        assert_eq!(origin.sites(), 1321);
        origin
    }

    /// The first so many sites.
    pub fn of(sites: usize) -> Self {
        let mut statuses = sites::statuses();
        statuses.truncate(sites);
        let mut mix = BTreeMap::new();
        for status in &statuses {
            *mix.entry(status.as_str().to_owned()).or_default() += 1;
        }
        let scripts = statuses
            .iter()
            .enumerate()
            .map(|(site, status)| (host(site), Script::Always(Answer::status(*status))));
        let runtime = Runtime::new().expect("a runtime");
        let origin = runtime.block_on(origin::Origin::bind(scripts)).expect("loopback");
        let (asked, address) = (origin.sites(), origin.address());
        runtime.spawn(async { origin.serve().await.expect("serves for ever") });
        Self { statuses, asked, address, mix, _runtime: runtime }
    }

    pub fn sites(&self) -> usize {
        self.statuses.len()
    }

    pub fn name(&self, site: usize) -> String {
        format!("site-{site}")
    }

    pub fn status(&self, site: usize) -> u16 {
        self.statuses[site].as_u16()
    }

    pub fn mix(&self) -> &BTreeMap<String, u64> {
        &self.mix
    }

    /// How often each site was asked.
    pub fn asked(&self) -> Vec<u64> {
        (0..self.sites()).map(|site| self.asked.asked(&host(site))).collect()
    }

    /// A target file of all sites, each a category of its own.
    pub fn target_file(&self) -> String {
        let row = |site: usize| {
            let (name, host, port) = (self.name(site), host(site), self.address.port());
            format!("{name},http://{host}:{port}/,{name}\n")
        };
        std::iter::once("name,url,category\n".to_owned())
            .chain((0..self.sites()).map(row))
            .collect()
    }
}

/// Names under `localhost` are this machine without asking anybody (RFC 6761).
fn host(site: usize) -> String {
    format!("site-{site}.localhost")
}
