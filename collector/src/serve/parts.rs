//! The collector's tasks: each has an owner, and an end within a deadline.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{LOG_DRAIN_MAX, RunError};
use crate::core::Core;
use crate::hub::HubError;

/// A part of the collector that ended.
pub(super) struct Part {
    name: &'static str,
    error: Option<String>,
}

impl Part {
    pub(super) fn of<E: std::error::Error>(name: &'static str, result: Result<(), E>) -> Self {
        Self { name, error: result.err().map(|error| crate::config::chain(&error)) }
    }
}

pub(super) fn part_error(part: Result<Part, tokio::task::JoinError>) -> RunError {
    match part {
        Ok(Part { name, error }) => RunError::Part {
            part: name,
            cause: error.unwrap_or_else(|| "nothing told it to".into()),
        },
        Err(panic) => RunError::Part { part: "a part", cause: panic.to_string() },
    }
}

pub(super) async fn within<T: 'static>(limit: Duration, what: &str, tasks: &mut JoinSet<T>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!(what, unfinished = tasks.len(), "not done in time; cut off");
        tasks.abort_all();
    }
}

/// Waits for the core to drain; gives it back if it did.
pub(super) async fn flush(core_task: &mut JoinSet<Result<Core, HubError>>) -> Option<Core> {
    match tokio::time::timeout(LOG_DRAIN_MAX, core_task.join_next()).await {
        Ok(Some(Ok(Ok(core)))) => Some(core),
        Ok(_) => None,
        Err(_) => {
            tracing::warn!(
                "the log did not take everything in time; what it did not take was never acknowledged"
            );
            core_task.abort_all();
            None
        }
    }
}
