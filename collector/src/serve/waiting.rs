//! Connections that have proven nothing yet: so many, and for so long.

use std::collections::VecDeque;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::patient::Proof;

/// Each costs a descriptor and, at most, some 100 KiB.
pub(crate) const UNPROVEN_MAX: usize = 1024;

/// The oldest first. When there are too many it goes: whoever is honest and quick always finds room.
#[derive(Default)]
pub(crate) struct Waiting(VecDeque<(Proof, CancellationToken)>);

/// A connection that has to prove itself.
pub(crate) struct Admitted {
    /// To be given when it has.
    pub(crate) proof: Proof,
    /// Cancelled when its place is needed.
    pub(crate) cut: CancellationToken,
    /// Whether another one had to go for it.
    pub(crate) crowded: bool,
}

impl Admitted {
    /// Ends when the connection is to be given up on.
    pub(crate) fn end(&self, within: Duration) -> impl Future<Output = ()> + Send + use<> {
        let cut = self.cut.clone();
        async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = tokio::time::sleep(within) => {}
            }
        }
    }
}

impl Waiting {
    /// Makes room for one more.
    pub(crate) fn admit(&mut self) -> Admitted {
        // Whoever proved itself, or is gone, waits no longer.
        let waits = |(proof, cut): &(Proof, CancellationToken)| {
            !proof.is_given() && !proof.is_alone() && !cut.is_cancelled()
        };
        while self.0.front().is_some_and(|first| !waits(first)) {
            self.0.pop_front();
        }
        if self.0.len() >= UNPROVEN_MAX {
            self.0.retain(waits);
        }
        let crowded = self.0.len() >= UNPROVEN_MAX;
        if crowded && let Some((_, cut)) = self.0.pop_front() {
            cut.cancel();
        }
        let (proof, cut) = (Proof::default(), CancellationToken::new());
        self.0.push_back((proof.clone(), cut.clone()));
        Admitted { proof, cut, crowded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_has_proven_nothing_makes_room_for_a_new_one() {
        let mut waiting = Waiting::default();
        let first: Vec<_> = (0..UNPROVEN_MAX).map(|_| waiting.admit()).collect();
        let cut = || (0..UNPROVEN_MAX).filter(|n| first[*n].cut.is_cancelled()).collect::<Vec<_>>();
        first[0].proof.give();
        let in_its_place = waiting.admit();
        assert!(!in_its_place.crowded && cut().is_empty(), "one proved itself");
        drop(in_its_place);
        let in_its_place = waiting.admit();
        assert!(!in_its_place.crowded && cut().is_empty(), "one is gone");
        let crowded = waiting.admit();
        assert!(crowded.crowded);
        assert_eq!(cut(), [1], "the oldest without a proof");
    }
}
