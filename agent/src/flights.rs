//! Slots between becoming due and having a result: each waits, runs or rests before another try.
//!
//! At most `handed_max` of them are with the shell without having started; the others wait here, the oldest deadline
//! first. Reads no clock.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::{Timestamp, Uid};
use rustc_hash::FxHashMap;

use crate::clock::LocalMicros;

/// Names one try of one slot. Never reused, so what is said of an old try is known as old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// When a probe started, by what was known of the collector's clock then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    /// On the collector's clock, …
    pub(crate) at: Timestamp,
    /// … which may have been off by so much.
    pub(crate) clock_error: Duration,
}

/// A slot on its way to a result.
#[derive(Clone, Debug)]
pub(crate) struct Flight<H> {
    /// Which target.
    pub(crate) uid: Uid,
    /// In which revision.
    pub(crate) revision: u32,
    /// The slot.
    pub(crate) planned: Timestamp,
    /// When its window closes.
    pub(crate) start_before: Timestamp,
    /// How to probe it.
    pub(crate) handle: H,
    /// It came by Run, so the watermark does not speak of it.
    pub(crate) from_run: bool,
    /// When it started.
    pub(crate) began: Option<Began>,
    /// Tries that ended with a shortage on this machine.
    pub(crate) faults: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Queued,
    Handed,
    Running,
    Resting(LocalMicros),
}

/// Every slot without a result yet. At most one a key.
#[derive(Debug)]
pub(crate) struct Flights<H> {
    by_ticket: FxHashMap<Ticket, (Flight<H>, Stage)>,
    by_key: FxHashMap<(Uid, Timestamp), Ticket>,
    /// Those that the watermark must not pass.
    scheduled: BTreeSet<(Timestamp, Ticket)>,
    queued: BTreeSet<(Timestamp, Ticket)>,
    resting: BTreeSet<(LocalMicros, Ticket)>,
    handed: usize,
    handed_max: usize,
    running: usize,
    last: u64,
}

impl<H: Clone> Flights<H> {
    /// None yet; at most `handed_max` will be with the shell without having started.
    pub(crate) fn new(handed_max: usize) -> Self {
        Self {
            by_ticket: FxHashMap::default(),
            by_key: FxHashMap::default(),
            scheduled: BTreeSet::new(),
            queued: BTreeSet::new(),
            resting: BTreeSet::new(),
            handed: 0,
            handed_max: handed_max.max(1),
            running: 0,
            last: 0,
        }
    }

    /// Forgets every slot; what comes back of them is unknown, since tickets are not given twice.
    pub(crate) fn clear(&mut self) {
        *self = Self { last: self.last, ..Self::new(self.handed_max) };
    }

    /// Whether this slot is on its way.
    pub(crate) fn contains(&self, uid: Uid, planned: Timestamp) -> bool {
        self.by_key.contains_key(&(uid, planned))
    }

    /// Takes a slot in, to be handed out when there is room; with `rest`, not before that instant. One that is on its
    /// way already is not taken twice; if it came by Run and is scheduled now, the watermark waits for it from now on.
    pub(crate) fn add(&mut self, flight: Flight<H>, rest: Option<LocalMicros>) {
        let key = (flight.uid, flight.planned);
        if let Some(ticket) = self.by_key.get(&key) {
            if !flight.from_run {
                self.scheduled.insert((flight.planned, *ticket));
                self.by_ticket.get_mut(ticket).expect("a key's ticket is there").0.from_run = false;
            }
            return;
        }
        self.last += 1;
        let ticket = Ticket(self.last);
        self.by_key.insert(key, ticket);
        if !flight.from_run {
            self.scheduled.insert((flight.planned, ticket));
        }
        let stage = match rest {
            Some(until) => {
                self.resting.insert((until, ticket));
                Stage::Resting(until)
            }
            None => {
                self.queued.insert((flight.start_before, ticket));
                Stage::Queued
            }
        };
        self.by_ticket.insert(ticket, (flight, stage));
    }

    /// Hands out the slot with the oldest deadline, if there is one and the shell has room.
    pub(crate) fn hand(&mut self) -> Option<(Ticket, &Flight<H>)> {
        if self.handed >= self.handed_max {
            return None;
        }
        let (_, ticket) = self.queued.pop_first()?;
        let (flight, stage) = self.by_ticket.get_mut(&ticket).expect("what is queued is there");
        *stage = Stage::Handed;
        self.handed += 1;
        Some((ticket, flight))
    }

    /// The shell has started it. None for a try that is over.
    pub(crate) fn started(&mut self, ticket: Ticket, began: Option<Began>) -> Option<&Flight<H>> {
        let (flight, stage) = self.by_ticket.get_mut(&ticket)?;
        flight.began = began;
        if *stage == Stage::Handed {
            *stage = Stage::Running;
            self.handed -= 1;
            self.running += 1;
        }
        Some(flight)
    }

    /// Takes a try out: it is over. None if it was over before.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Flight<H>> {
        let (flight, stage) = self.by_ticket.remove(&ticket)?;
        self.by_key.remove(&(flight.uid, flight.planned));
        self.scheduled.remove(&(flight.planned, ticket));
        match stage {
            Stage::Queued => drop(self.queued.remove(&(flight.start_before, ticket))),
            Stage::Handed => self.handed -= 1,
            Stage::Running => self.running -= 1,
            Stage::Resting(until) => drop(self.resting.remove(&(until, ticket))),
        }
        Some(flight)
    }

    /// Lets those whose rest is over queue again.
    pub(crate) fn wake(&mut self, now: LocalMicros) {
        while let Some((until, ticket)) = self.resting.first().copied().filter(|r| r.0 <= now) {
            self.resting.remove(&(until, ticket));
            let (flight, stage) = self.by_ticket.get_mut(&ticket).expect("what rests is there");
            *stage = Stage::Queued;
            self.queued.insert((flight.start_before, ticket));
        }
    }

    /// Takes out a slot that never got as far as the shell and whose window has closed.
    pub(crate) fn take_expired(&mut self, now: Timestamp) -> Option<Flight<H>> {
        let (start_before, ticket) = *self.queued.first()?;
        if start_before > now { None } else { self.take(ticket) }
    }

    /// Drops everything that is not with the shell. Gives the earliest planned start among them that was scheduled.
    pub(crate) fn drop_waiting(&mut self) -> Option<Timestamp> {
        let queued = self.queued.iter().map(|(_, ticket)| *ticket);
        let resting = self.resting.iter().map(|(_, ticket)| *ticket);
        let tickets: Vec<_> = queued.chain(resting).collect();
        let dropped = tickets.into_iter().filter_map(|ticket| self.take(ticket));
        dropped.filter(|flight| !flight.from_run).map(|flight| flight.planned).min()
    }

    /// The earliest planned start of a scheduled slot on its way.
    pub(crate) fn oldest_scheduled(&self) -> Option<Timestamp> {
        self.scheduled.first().map(|(planned, _)| *planned)
    }

    /// When the next rest is over.
    pub(crate) fn next_wake(&self) -> Option<LocalMicros> {
        self.resting.first().map(|(until, _)| *until)
    }

    /// When the window of the first queued slot closes.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.queued.first().map(|(start_before, _)| *start_before)
    }

    /// Probes that run.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Slots that do not run yet.
    pub(crate) fn waiting(&self) -> usize {
        self.by_ticket.len() - self.running
    }

    /// Nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_ticket.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn flight(uid: u64, planned: i64, from_run: bool) -> Flight<()> {
        Flight {
            uid: Uid(uid),
            revision: 1,
            planned: at(planned),
            start_before: at(planned + 100),
            handle: (),
            from_run,
            began: None,
            faults: 0,
        }
    }

    #[test]
    fn the_oldest_deadline_is_handed_out_first_and_no_more_than_the_shell_has_room_for() {
        let mut flights = Flights::new(2);
        for (uid, planned) in [(1, 30), (2, 10), (3, 20)] {
            flights.add(flight(uid, planned, false), None);
        }
        let first = flights.hand().map(|(ticket, f)| (ticket, f.uid)).unwrap();
        assert_eq!(first.1, Uid(2));
        assert_eq!(flights.hand().unwrap().1.uid, Uid(3));
        assert!(flights.hand().is_none());
        flights.started(first.0, None);
        assert_eq!((flights.running(), flights.waiting()), (1, 2));
        assert_eq!(flights.hand().unwrap().1.uid, Uid(1));
    }

    #[test]
    fn a_slot_on_its_way_is_not_taken_twice() {
        let mut flights = Flights::new(9);
        flights.add(flight(1, 10, false), None);
        flights.add(flight(1, 10, true), None);
        let (ticket, _) = flights.hand().unwrap();
        assert!(flights.hand().is_none());
        assert!(flights.take(ticket).is_some());
        assert!(flights.take(ticket).is_none(), "over is over");
        assert!(flights.is_empty());
    }

    #[test]
    fn only_scheduled_slots_hold_the_watermark() {
        let mut flights = Flights::new(9);
        flights.add(flight(1, 10, true), None);
        assert_eq!(flights.oldest_scheduled(), None);
        flights.add(flight(2, 20, false), Some(LocalMicros(5)));
        assert_eq!(flights.oldest_scheduled(), Some(at(20)));
        flights.add(flight(1, 10, false), None);
        assert_eq!(flights.oldest_scheduled(), Some(at(10)), "a run that is scheduled as well");
    }

    #[test]
    fn a_resting_slot_queues_again_after_its_rest() {
        let mut flights = Flights::new(9);
        flights.add(flight(1, 10, false), Some(LocalMicros(5)));
        flights.wake(LocalMicros(4));
        assert!(flights.hand().is_none());
        flights.wake(LocalMicros(5));
        assert!(flights.hand().is_some());
    }

    #[test]
    fn a_queued_slot_expires_when_its_window_closes() {
        let mut flights = Flights::new(1);
        flights.add(flight(1, 10, false), None);
        assert!(flights.take_expired(at(109)).is_none());
        assert_eq!(flights.take_expired(at(110)).unwrap().uid, Uid(1));
    }

    #[test]
    fn dropping_what_waits_here_says_what_the_watermark_must_not_pass_and_keeps_what_the_shell_has()
    {
        let mut flights = Flights::new(1);
        for (uid, planned, from_run) in
            [(1, 5, false), (2, 6, false), (3, 10, true), (4, 20, false), (5, 30, false)]
        {
            flights.add(flight(uid, planned, from_run), None);
        }
        let (running, _) = flights.hand().unwrap();
        flights.started(running, None);
        flights.hand().unwrap();
        assert_eq!(flights.drop_waiting(), Some(at(20)));
        assert_eq!((flights.running(), flights.waiting()), (1, 1));
        assert_eq!(flights.oldest_scheduled(), Some(at(5)));
    }
}
