//! What a site of the demo internet does, as a pure function of how long it has been there.

use std::time::Duration;

use http::StatusCode;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An answer with this status, after this long.
    Status(StatusCode, Duration),
    /// The beginning of one; then the connection breaks off.
    Broken,
    /// None.
    Never,
}

impl Answer {
    /// An answer with this status, at once.
    pub fn status(code: StatusCode) -> Self {
        Self::Status(code, Duration::ZERO)
    }
}

/// What a site does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// The same to every request.
    Always(Answer),
    /// `bad` for a part of every period, `good` for the rest.
    Flapping {
        /// For the rest.
        good: Answer,
        /// During the part.
        bad: Answer,
        /// Part and rest together; not zero.
        period: Duration,
        /// The part.
        bad_for: Duration,
        /// When the first part begins.
        first: Duration,
    },
    /// It dies, and comes back for good.
    Dying {
        /// While it lives.
        alive: Answer,
        /// While it is dead.
        dead: Answer,
        /// When it dies.
        dies: Duration,
        /// When it is back.
        back: Duration,
    },
}

impl Script {
    /// What becomes of a request at this age of the demo internet.
    pub fn at(&self, age: Duration) -> Answer {
        match *self {
            Self::Always(answer) => answer,
            Self::Flapping { good, bad, period, bad_for, first } => {
                let into = age.checked_sub(first).map(|after| after.as_nanos() % period.as_nanos());
                if into.is_some_and(|into| into < bad_for.as_nanos()) { bad } else { good }
            }
            Self::Dying { alive, dead, dies, back } => {
                if (dies..back).contains(&age) {
                    dead
                } else {
                    alive
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Answer = Answer::Status(StatusCode::OK, Duration::ZERO);
    const BAD: Answer = Answer::Status(StatusCode::BAD_GATEWAY, Duration::ZERO);

    fn at(script: Script, seconds: f64) -> Answer {
        script.at(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn a_flapping_site_fails_for_its_part_of_every_period_from_the_first_on() {
        let script = Script::Flapping {
            good: GOOD,
            bad: BAD,
            period: Duration::from_secs(180),
            bad_for: Duration::from_secs(60),
            first: Duration::from_secs(30),
        };
        for period in 0..50 {
            let start = f64::from(period) * 180.0;
            assert_eq!(at(script, start + 29.9), GOOD);
            assert_eq!(at(script, start + 30.0), BAD);
            assert_eq!(at(script, start + 89.9), BAD);
            assert_eq!(at(script, start + 90.0), GOOD);
        }
        assert_eq!(at(script, 0.0), GOOD, "nothing fails before the first part");
    }

    #[test]
    fn a_dying_site_dies_once_and_comes_back_for_good() {
        let script = Script::Dying {
            alive: GOOD,
            dead: Answer::Never,
            dies: Duration::from_secs(120),
            back: Duration::from_secs(300),
        };
        for (seconds, answer) in [
            (0.0, GOOD),
            (119.9, GOOD),
            (120.0, Answer::Never),
            (299.9, Answer::Never),
            (300.0, GOOD),
            (1e6, GOOD),
        ] {
            assert_eq!(at(script, seconds), answer, "{seconds}");
        }
    }

    #[test]
    fn what_a_site_does_depends_on_its_age_alone() {
        let script = Script::Always(Answer::Broken);
        assert!([0.0, 1.0, 1e9].iter().all(|age| at(script, *age) == Answer::Broken));
    }
}
