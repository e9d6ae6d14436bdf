//! A real HTTP origin that answers as 1,321 sites, each with its status, and counts how often each was asked.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How many of the 1,321 sites answered with which status in one pass of September 2023.
const MIX: &str = include_str!("../data/status-mix.json");
/// The sites share these hosts, so that the limit of probes a host is not what is tested.
const HOSTS: u8 = 16;

pub struct Origin {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    mix: BTreeMap<String, u64>,
    _runtime: Runtime,
}

struct Shared {
    statuses: Vec<StatusCode>,
    asked: Vec<AtomicU64>,
}

impl Origin {
    pub fn start() -> Self {
        let mix: BTreeMap<String, u64> = serde_json::from_str(MIX).expect("the mix is JSON");
        let status = |code: &String| code.parse::<StatusCode>().expect("the mix has status codes");
        let statuses: Vec<StatusCode> = mix
            .iter()
            .flat_map(|(code, count)| std::iter::repeat_n(status(code), *count as usize))
            .collect();
        assert_eq!(statuses.len(), 1321);
        let asked = statuses.iter().map(|_| AtomicU64::new(0)).collect();
        let shared = Arc::new(Shared { statuses, asked });
        let runtime = Runtime::new().expect("a runtime");
        let app = Router::new().route("/{site}", any(answer)).with_state(shared.clone());
        let addresses = (1..=HOSTS)
            .map(|host| {
                let ip = Ipv4Addr::new(127, 0, 0, host);
                let listener = runtime.block_on(TcpListener::bind((ip, 0))).expect("loopback");
                let address = listener.local_addr().expect("bound");
                let serving = axum::serve(listener, app.clone()).into_future();
                runtime.spawn(async { serving.await.expect("serves for ever") });
                address
            })
            .collect();
        Self { shared, addresses, mix, _runtime: runtime }
    }

    pub fn sites(&self) -> usize {
        self.shared.statuses.len()
    }

    pub fn name(&self, site: usize) -> String {
        format!("site-{site}")
    }

    pub fn status(&self, site: usize) -> u16 {
        self.shared.statuses[site].as_u16()
    }

    pub fn mix(&self) -> &BTreeMap<String, u64> {
        &self.mix
    }

    /// How often each site was asked.
    pub fn asked(&self) -> Vec<u64> {
        self.shared.asked.iter().map(|asked| asked.load(Ordering::SeqCst)).collect()
    }

    /// A target file of all sites, each a category of its own.
    pub fn target_file(&self) -> String {
        let row = |site: usize| {
            let address = self.addresses[site % self.addresses.len()];
            let name = self.name(site);
            format!("{name},http://{address}/{site},{name}\n")
        };
        std::iter::once("name,url,category\n".to_owned())
            .chain((0..self.sites()).map(row))
            .collect()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, Path(site): Path<usize>) -> StatusCode {
    shared.asked[site].fetch_add(1, Ordering::SeqCst);
    shared.statuses[site]
}
