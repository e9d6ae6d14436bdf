//! Two collectors on one table: one leads, the other stands by, is healthy, and knows what the log says.
//!
//! A standby takes the lease when nobody renews it; whose writes count is decided by the claim in the log alone. Until then
//! it forwards to the leader what is asked of it, answers itself what it can when the leader does not, and tells agents who
//! leads.

mod fleet;
mod follow;
mod forward;
mod keep;
mod place;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::{Config, chain};
use crate::reload::Reloaded;
use crate::serve::StartError;
use crate::store::dynamodb::lease::{Holder, LOOK_EVERY, Lease};
use crate::store::{DynamoDb, TableAddress};
use fleet::Refusing;
use follow::Follower;
pub use keep::{LeaseKeeper, LeaseLost};

/// Who leads: where its API is, as far as that is known.
type Leader = watch::Receiver<Option<String>>;

/// A store that this process may lead on.
pub struct Elected {
    /// Open, with nothing claimed yet.
    pub store: DynamoDb,
    /// Renews the lease from now on.
    pub lease: LeaseKeeper,
    /// What this process served while it waited: it goes on until it is dropped, however long the log takes to read.
    pub meanwhile: Option<Meanwhile>,
}

/// A standby's servers.
pub struct Meanwhile {
    _parts: JoinSet<()>,
    _stop: DropGuard,
}

/// Waits until this process may lead, and stands by meanwhile on the same ports.
///
/// # Errors
/// When the table cannot be used at all, or a port breaks.
pub async fn until_elected(
    config: &Config,
    address: &TableAddress,
    http: &TcpListener,
    grpc: &TcpListener,
) -> Result<Elected, StartError> {
    let store = open(address).await?;
    let mut lease = store.lease().reached_at(place::reached_at(http));
    let Some(holder) = lease.look().await? else {
        return Ok(Elected { store, lease: LeaseKeeper::start(lease), meanwhile: None });
    };
    tracing::info!(leader = %holder.http, http = %place::reached_at(http), "standing by: another collector leads");
    let (says, leader) = watch::channel(leads(holder));
    let stop = CancellationToken::new();
    let follower = Follower::new(config, open(address).await?);
    let api = follower.api(config, stop.clone());
    let mut parts = JoinSet::new();
    parts.spawn(follower.run(stop.clone()));
    let router = forward::router(api, leader.clone());
    let (server, stopped) = (crate::http::serve(again(http)?, router, stop.clone()), stop.clone());
    parts.spawn(async move {
        let _served = server.await;
        stopped.cancelled().await;
    });
    let door = Refusing { leader, tokens: config.agent_tokens.as_ref().map(Reloaded::live) };
    let server = crate::serve::grpc::serve(
        door.server(),
        again(grpc)?,
        config.tls.as_ref().map(Reloaded::live),
        Arc::default(),
        stop.clone(),
    );
    parts.spawn(async move {
        if let Err(error) = server.await {
            tracing::warn!(error = %chain(&error), "agents cannot be told who leads");
        }
    });
    wait(&mut lease, &says, &mut parts).await;
    tracing::info!("nobody leads: taking over");
    says.send_replace(None);
    let meanwhile = Meanwhile { _parts: parts, _stop: stop.drop_guard() };
    Ok(Elected { store, lease: LeaseKeeper::start(lease), meanwhile: Some(meanwhile) })
}

/// Looks until the lease is held.
async fn wait(lease: &mut Lease, says: &watch::Sender<Option<String>>, parts: &mut JoinSet<()>) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(Err(panic)) = parts.join_next(), if !parts.is_empty() => {
                tracing::error!(%panic, "a part of the standby panicked: please report this");
                continue;
            }
        }
        match lease.look().await {
            Ok(None) => return,
            Ok(Some(holder)) => {
                let leader = leads(holder);
                says.send_if_modified(|known| {
                    let changed = *known != leader;
                    *known = leader;
                    changed
                });
                failing = false;
            }
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(error = %chain(&error), "the lease cannot be looked at; trying again");
            }
            Err(_) => {}
        }
    }
}

fn leads(holder: Holder) -> Option<String> {
    (!holder.http.is_empty() && !holder.released).then_some(holder.http)
}

async fn open(address: &TableAddress) -> Result<DynamoDb, StartError> {
    let address = address.clone();
    Ok(crate::serve::blocking(move || DynamoDb::open(&address)).await?)
}

/// The same port once more: whoever leads later goes on with it, and no connection is refused in between.
fn again(listener: &TcpListener) -> Result<TcpListener, StartError> {
    use std::os::fd::AsFd;
    let again = listener.as_fd().try_clone_to_owned().map(std::net::TcpListener::from);
    again.and_then(TcpListener::from_std).map_err(StartError::Port)
}
