//! What the core asks of a prober: whether it can take a target.

use std::sync::Arc;

use proto::{ProbeSpec, ScheduledTarget};

/// Judges targets when they are granted, so that one which cannot be probed is said at once and not at every slot.
pub trait Admit {
    /// What a start needs of a target, cheap to clone.
    type Handle: Clone;

    /// Takes `target`.
    ///
    /// # Errors
    /// A sentence for people, when it cannot be probed.
    fn admit(&mut self, target: &ScheduledTarget) -> Result<Self::Handle, String>;
}

/// Takes every target as it stands: for a simulation without a prober.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmitAll;

impl Admit for AdmitAll {
    type Handle = Arc<ProbeSpec>;

    fn admit(&mut self, target: &ScheduledTarget) -> Result<Self::Handle, String> {
        Ok(Arc::new(target.spec.clone()))
    }
}
