//! What the programs might do wrong: each mistake is made at a seam between them, and the oracle must notice.
//!
//! The programs themselves are untouched. A [`Mutant`] bends messages, effects or records on their way; a [`Wrong`] is a
//! recount with a known mistake that stands in for the collector's answers, and so tests the oracle's eyes.

mod bend;

pub use bend::Bent;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Results are acknowledged as soon as they are on their way into the log.
    AckBeforeAppend,
    /// An append that failed, or may have, is taken as done.
    UnknownAppendTakenAsDone,
    /// An agent frees results when it has sent them.
    FreeOnSend,
    /// A probe during which its process stood still is a time-out.
    PausedProbeAsTimeout,
    /// Slots that nobody claims are left to the next regular start: nothing is swept.
    TakeoverWithNextSlot,
    /// The collector takes what it sent as applied.
    DeltaAgainstSent,
    /// An agent's idea of the time steps without a new leader.
    OffsetStep,
    /// Results that are refused are not acknowledged.
    RefusedNotAcknowledged,
    /// Results that come late are dropped, and acknowledged.
    LateResultDroppedSilently,
    /// Acknowledgements of an old stream count on the new one.
    OldAckHonoured,
    /// Of several records in one append, the first being written is taken for all.
    PartTakenAsWritten,
    /// Ranges that an agent gave up are not reported.
    DroppedRangesUnreported,
    /// An agent says that it has delivered further than it has.
    WatermarkBeforeDurable,
    /// Results are taken for a newer specification than was probed, and probed by an old one.
    StaleSpecificationAccepted,
    /// A new leader does not claim the log before it reads it.
    TakeoverWithoutClaim,
    /// The log is trimmed before the manifest of its hours is in it.
    TrimBeforeManifest,
    /// A second append is acknowledged before the first is done.
    AcksOutOfOrder,
    /// A slot is judged missed as soon as a new collector leads.
    SettlesWithoutWaiting,
    /// Facts of incidents are taken for durable and never written.
    IncidentsForgotten,
    /// Facts of incidents are written twice.
    IncidentsTwice,
    /// A message is noted as told before the receiver has taken it.
    ToldBeforeTaken,
    /// Benign: every batch of results comes twice.
    ResendEverything,
    /// Benign: every slot is run by two agents.
    RunEverythingTwice,
    /// What is answered is counted with a mistake.
    Counts(Wrong),
}

/// A mistake in counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The first result of a slot stays its value.
    FirstWins,
    /// The last one does.
    LastWins,
    /// Results are told apart by their start.
    DedupeByStartTime,
    /// Slots are named by their number under today's interval.
    KeyBySlotNumber,
    /// A planned start on a boundary is on its wrong side.
    FloorOffByOne,
    /// A result counts in the hour in which it came.
    HourByArrival,
    /// A judgement or report of missed slots removes their results.
    MissedOverwritesResult,
    /// A revision of an hour is added to the one before it.
    RevisionThatAdds,
    /// What is in an hour's parts counts once more from the log.
    LogAndHourBothCounted,
    /// What was due is computed from today's list.
    ExpectedFromTodaysCatalog,
    /// What comes late does not count.
    LateNotCounted,
    /// A newcomer gets the uid of a target that is gone.
    UidReused,
    /// What a deposed leader wrote counts.
    DeposedCounted,
}
