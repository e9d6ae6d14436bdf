//! When a target is under maintenance: slots planned then are marked, and count apart.

use proto::Timestamp;

/// Spans of one target that are remembered; the oldest is forgotten first.
const SPANS_MAX: usize = 256;

/// Spans, in the order of time and apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quiet(pub(super) Vec<(Timestamp, Timestamp)>);

impl Quiet {
    /// From `from` on it is under maintenance until `until`, whatever was said before of the time after `from`; with both the
    /// same it no longer is.
    pub fn set(&mut self, from: Timestamp, until: Timestamp) {
        self.0.retain(|(start, _)| *start < from);
        if let Some(last) = self.0.last_mut() {
            last.1 = last.1.min(from);
        }
        if until <= from {
            return;
        }
        match self.0.last_mut().filter(|last| last.1 == from) {
            Some(last) => last.1 = until,
            None => self.0.push((from, until)),
        }
        if self.0.len() > SPANS_MAX {
            self.0.remove(0);
        }
    }

    /// Until when it is, if it is at this instant.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let last = self.0.iter().rev().find(|(from, _)| *from <= now)?;
        (now < last.1).then_some(last.1)
    }

    /// What of the spans lies in `[from, to)`.
    pub fn between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let clipped = self.0.iter().map(move |(start, end)| ((*start).max(from), (*end).min(to)));
        clipped.filter(|(start, end)| start < end)
    }

    /// Forgets what was over before.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        self.0.retain(|(_, until)| *until >= horizon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn spans(quiet: &Quiet) -> Vec<(i64, i64)> {
        quiet.0.iter().map(|(a, b)| (a.millis() / 1000, b.millis() / 1000)).collect()
    }

    #[test]
    fn what_is_said_last_holds_from_then_on() {
        let mut quiet = Quiet::default();
        quiet.set(at(10), at(20));
        quiet.set(at(30), at(40));
        assert_eq!(spans(&quiet), [(10, 20), (30, 40)]);
        quiet.set(at(35), at(60));
        assert_eq!(spans(&quiet), [(10, 20), (30, 60)], "it lasts longer");
        quiet.set(at(50), at(50));
        assert_eq!(spans(&quiet), [(10, 20), (30, 50)], "it is over early");
        quiet.set(at(5), at(5));
        assert_eq!(spans(&quiet), []);
    }

    #[test]
    fn spans_end_before_their_end_and_are_clipped_to_what_is_asked() {
        let mut quiet = Quiet::default();
        quiet.set(at(10), at(20));
        quiet.set(at(30), at(40));
        assert_eq!(
            [9, 10, 19, 20, 35].map(|s| quiet.until(at(s)).is_some()),
            [false, true, true, false, true]
        );
        let between = |from, to| quiet.between(at(from), at(to)).count();
        assert_eq!(
            (between(0, 10), between(0, 11), between(15, 35), between(40, 99)),
            (0, 1, 2, 0)
        );
        quiet.forget_before(at(25));
        assert_eq!(spans(&quiet), [(30, 40)]);
    }
}
