//! Who leads: one item that its holder renews. It decides who tries to lead, never whose writes count: that is the claim in
//! the log (accounting K4).
//!
//! Nobody compares clocks. A holder counts as gone when its item has not changed for [`LEASE`] on the observer's own clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use rustix::time::{ClockId, clock_gettime};

use super::table::{Item, Table, failed, item, number, number_value, text};
use crate::store::StoreError;

/// How long a holder that does not renew is waited for.
pub const LEASE: Duration = Duration::from_secs(12);
/// How often a holder renews.
pub const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How often the others look.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the item says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Which process: drawn at random.
    pub owner: String,
    /// Rises with every write of the item.
    pub version: u64,
    /// Where its API is, as others reach it.
    pub http: String,
    /// It gave the lease back: the next one need not wait.
    pub released: bool,
}

/// Time since this machine started, sleeping included.
fn boot_time() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    Duration::new(part(now.tv_sec), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// What an observer has seen, and since when on its own clock. Pure.
#[derive(Debug, Default)]
pub struct Observer {
    seen: Option<(String, u64, Duration)>,
}

impl Observer {
    /// Whether the lease can be had now, given what the item says.
    pub fn may_take(&mut self, now: Duration, holder: Option<&Holder>) -> bool {
        let Some(holder) = holder else { return true };
        if holder.released {
            return true;
        }
        match &self.seen {
            // Only a change starts the wait anew: looking does not.
            Some((owner, version, since))
                if *owner == holder.owner && *version == holder.version =>
            {
                now.saturating_sub(*since) >= LEASE
            }
            _ => {
                self.seen = Some((holder.owner.clone(), holder.version, now));
                false
            }
        }
    }
}

/// Until when this process may write, on its own boot-time clock. A process that was paused, or cut off from the table, for
/// longer than the lease finds out here before it writes.
#[derive(Clone, Default)]
pub(super) struct Licence(Arc<AtomicU64>);

impl Licence {
    fn extend(&self, from: Duration) {
        let until = u64::try_from((from + LEASE).as_millis()).unwrap_or(u64::MAX);
        self.0.store(until, Ordering::Relaxed);
    }

    /// # Errors
    /// When the lease was taken and is over. Without any lease (a test, one process alone) there is nothing to check.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let until = self.0.load(Ordering::Relaxed);
        match until == 0 || boot_time().as_millis() < u128::from(until) {
            true => Ok(()),
            false => Err(failed("the lease was not renewed in time".into())),
        }
    }
}

/// This process's way to the lease.
pub struct Lease {
    table: Table,
    licence: Licence,
    owner: String,
    http: String,
    observer: Observer,
    /// The version that this process wrote, while it holds the lease.
    held: Option<u64>,
}

/// What became of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease is held.
    Held,
    /// Somebody else has it.
    Lost,
}

impl Lease {
    pub(super) fn new(table: Table, licence: Licence) -> Self {
        let owner = format!("{:032x}", rand::random::<u128>());
        let observer = Observer::default();
        Self { table, licence, owner, http: String::new(), observer, held: None }
    }

    /// Says where this process's API is, for those who wait.
    #[must_use]
    pub fn reached_at(self, http: String) -> Self {
        Self { http, ..self }
    }

    /// Looks, and takes the lease if it can be had; who has it otherwise, nothing when this process does now.
    ///
    /// # Errors
    /// When the table cannot be read or written.
    pub async fn look(&mut self) -> Result<Option<Holder>, StoreError> {
        let holder = self.read().await?;
        let now = boot_time();
        if !self.observer.may_take(now, holder.as_ref()) {
            return Ok(holder);
        }
        let version = holder.as_ref().map_or(1, |holder| holder.version + 1);
        if self.write(version, false, holder.as_ref().map(|holder| holder.version)).await? {
            self.licence.extend(now);
            return Ok(None);
        }
        // Another one was faster, or an earlier try of ours has arrived.
        let holder = self.read().await?;
        if holder.as_ref().is_some_and(|holder| holder.owner == self.owner) {
            self.held = holder.map(|holder| holder.version);
            self.licence.extend(now);
            return Ok(None);
        }
        Ok(holder)
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// When the table cannot be written: try again, the lease may still be held.
    pub async fn renew(&mut self) -> Result<Renewal, StoreError> {
        let Some(version) = self.held else { return Ok(Renewal::Lost) };
        let now = boot_time();
        if !self.write(version + 1, false, Some(version)).await? {
            // The write before this one may have arrived without our knowing.
            match self.read().await? {
                Some(holder) if holder.owner == self.owner => self.held = Some(holder.version),
                _ => {
                    self.held = None;
                    return Ok(Renewal::Lost);
                }
            }
        }
        self.licence.extend(now);
        Ok(Renewal::Held)
    }

    /// Whether the lease that was held is over on this process's own clock.
    pub fn is_over(&self) -> bool {
        self.licence.check().is_err()
    }

    /// Gives the lease back: the next one need not wait. Nothing is written after this.
    ///
    /// # Errors
    /// When the table cannot be written: the others wait for its end.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        if let Some(version) = self.held.take() {
            self.write(version + 1, true, Some(version)).await?;
        }
        Ok(())
    }

    async fn read(&self) -> Result<Option<Holder>, StoreError> {
        self.table.get("meta", "lease").await?.as_ref().map(holder).transpose()
    }

    /// Writes the item over version `over`; false if that is not there (any more).
    async fn write(
        &mut self,
        version: u64,
        released: bool,
        over: Option<u64>,
    ) -> Result<bool, StoreError> {
        let item = item(
            "meta",
            "lease",
            [
                ("owner", AttributeValue::S(self.owner.clone())),
                ("version", number_value(version)),
                // An attribute may be empty; only keys may not.
                ("http", AttributeValue::S(self.http.clone())),
                ("released", AttributeValue::Bool(released)),
            ],
        );
        let written = match over {
            None => self.table.put_if(item, "attribute_not_exists(pk)", []).await?,
            Some(over) => {
                let values = [(":over", number_value(over))];
                self.table.put_if(item, "version = :over", values).await?
            }
        };
        if written && !released {
            self.held = Some(version);
        }
        Ok(written)
    }
}

fn holder(item: &Item) -> Result<Holder, StoreError> {
    Ok(Holder {
        owner: text(item, "owner")?.to_owned(),
        version: number(item, "version")?,
        http: text(item, "http")?.to_owned(),
        released: item.get("released").and_then(|v| v.as_bool().ok()).copied().unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(version: u64) -> Holder {
        Holder { owner: "a".into(), version, http: String::new(), released: false }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_lease_that_does_not_change_is_over_after_its_time_however_often_it_is_looked_at() {
        let mut observer = Observer::default();
        for now in 100..112 {
            assert!(!observer.may_take(seconds(now), Some(&held(7))), "{now}");
        }
        assert!(observer.may_take(seconds(112), Some(&held(7))));
    }

    #[test]
    fn every_renewal_starts_the_wait_anew() {
        let mut observer = Observer::default();
        for (now, version) in [(0, 1), (11, 2), (22, 3), (33, 3)] {
            assert!(!observer.may_take(seconds(now), Some(&held(version))), "{now}");
        }
        assert!(observer.may_take(seconds(34), Some(&held(3))));
    }

    #[test]
    fn a_lease_that_was_given_back_or_never_taken_can_be_had_at_once() {
        let given_back = Holder { released: true, ..held(7) };
        assert!(Observer::default().may_take(seconds(0), Some(&given_back)));
        assert!(Observer::default().may_take(seconds(0), None));
    }

    #[test]
    fn a_licence_ends_on_its_own() {
        let licence = Licence::default();
        licence.check().unwrap();
        licence.extend(boot_time());
        licence.check().unwrap();
        licence.extend(boot_time().saturating_sub(LEASE));
        licence.check().unwrap_err();
    }
}
