//! A standby reads the log as it grows, and answers from what it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proto::{Timestamp, wire};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, chain};
use crate::core::{Core, CoreConfig};
use crate::http::{Answers, Api, History, Listeners};
use crate::hub::{self, Hub, Inbox, LogHealth};
use crate::leader::{self, LeadError};
use crate::news::News;
use crate::reload::Reloaded;
use crate::store::{DynamoDb, Store, StoreError};
use crate::target_file::{Health, Rejected};

/// Between two looks at the log's end.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Records that one look brings: the core answers questions between two.
const RECORDS_MAX: usize = 2_000;

/// What a look at the log found.
type Found = Result<Vec<(u64, Bytes)>, StoreError>;

/// Reads the log into a core that decides nothing.
pub(super) struct Follower {
    config: CoreConfig,
    hub: Hub,
    inbox: Inbox,
    store: Arc<std::sync::Mutex<DynamoDb>>,
    /// The newest record's instant: what is answered is true as of then.
    as_of: Arc<AtomicI64>,
}

impl Follower {
    pub(super) fn new(config: &Config, store: DynamoDb) -> Self {
        let as_of = Arc::new(AtomicI64::new(0));
        let clock = as_of.clone();
        let clock = Arc::new(move || Timestamp::from_millis(clock.load(Ordering::Relaxed)));
        let (hub, inbox) = Hub::new(clock);
        let store = Arc::new(std::sync::Mutex::new(store));
        Self { config: crate::serve::core_config(config), hub, inbox, store, as_of }
    }

    /// The same routes as a leader's.
    pub(super) fn api(&self, config: &Config, stop: CancellationToken) -> Api {
        Api {
            hub: self.hub.clone(),
            round: config.interval,
            keep: config.keep,
            keep_slots: config.keep_slots,
            history: History::new(lock(&self.store).parts()),
            targets: config.targets.to_string().into(),
            rejected: watch::channel(Arc::new(Rejected::default())).1,
            log_health: watch::channel(LogHealth::Working).1,
            tokens: config.api_tokens.as_ref().map(Reloaded::live),
            source_health: watch::channel(Health::default()).1,
            refusals: Arc::default(),
            origins: config.origins.clone(),
            answers: Answers::default(),
            lists: Default::default(),
            sites: Default::default(),
            orders: Default::default(),
            notified: Default::default(),
            listeners: Listeners::new(News::default(), stop),
        }
    }

    /// Follows the log until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let Self { config, hub: _, mut inbox, store, as_of } = self;
        let mut said = false;
        loop {
            // From the beginning: at the start, and when the log was trimmed beyond what was read.
            let (keep_slots, hour, first) = (config.keep_slots, config.seal.hour, store.clone());
            let found =
                crate::serve::blocking(move || leader::read(&*lock(&first), keep_slots, hour));
            let found = tokio::select! {
                () = stop.cancelled() => return,
                found = found => found,
            };
            let followed = match found {
                Ok(leader::Found { state, standing: _ }) => {
                    let (newest, next) = (state.newest, state.position());
                    as_of.fetch_max(newest.millis(), Ordering::Relaxed);
                    let core = Core::new(config.clone(), state, newest);
                    follow(core, next, &mut inbox, &store, &as_of, &stop).await
                }
                Err(error) => Err(error),
            };
            let Err(error) = followed else { return };
            if !said {
                said = true;
                tracing::warn!(error = %chain(&error), "the log cannot be followed; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

/// Takes in what comes until `stop`.
async fn follow(
    mut core: Core,
    mut next: u64,
    inbox: &mut Inbox,
    store: &Arc<std::sync::Mutex<DynamoDb>>,
    as_of: &AtomicI64,
    stop: &CancellationToken,
) -> Result<(), LeadError> {
    loop {
        let store = store.clone();
        let look = async move {
            tokio::time::sleep(LOOK_EVERY).await;
            crate::serve::blocking(move || look(&lock(&store), next)).await
        };
        tokio::pin!(look);
        let found = loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = hub::answer(&core, inbox) => {}
                found = &mut look => break found,
            }
        };
        for (position, bytes) in found? {
            if position != next {
                return Err(StoreError::Conflict { position: next }.into());
            }
            next += 1;
            let unreadable = |source| LeadError::Record { position, source };
            let record = wire::decode_record(bytes).map_err(unreadable)?;
            as_of.fetch_max(record.at.millis(), Ordering::Relaxed);
            core.follow(record).map_err(unreadable)?;
        }
    }
}

fn look(store: &DynamoDb, next: u64) -> Found {
    let mut found = Vec::new();
    store.read_from(next, &mut |position, bytes| {
        found.push((position, bytes));
        found.len() < RECORDS_MAX
    })?;
    Ok(found)
}

/// Nothing panics while it is held.
fn lock(store: &std::sync::Mutex<DynamoDb>) -> std::sync::MutexGuard<'_, DynamoDb> {
    store.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
