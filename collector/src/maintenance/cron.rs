//! `minute hour day-of-month month day-of-week`, as cron has it: lists, ranges, steps; where both sorts of days are given, either.

use std::str::FromStr;

use jiff::civil::DateTime;

/// The minutes at which something begins, by some clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both sorts of days are given: either will do.
    either: bool,
}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err("expected five fields: minute hour day month weekday".into());
        };
        let weekdays = field(weekday, 0, 7)?;
        Ok(Self {
            minutes: field(minute, 0, 59)?,
            hours: field(hour, 0, 23)?,
            days: field(day, 1, 31)?,
            months: field(month, 1, 12)?,
            // 7 is Sunday, too.
            weekdays: weekdays | (weekdays >> 7 & 1),
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }
}

impl Cron {
    /// Whether it begins in the minute of this time.
    pub(super) fn is_at(&self, time: DateTime) -> bool {
        let has = |set: u64, number: i8| set >> number & 1 == 1;
        let day = has(self.days, time.day());
        let weekday = has(self.weekdays, time.weekday().to_sunday_zero_offset());
        has(self.minutes, time.minute())
            && has(self.hours, time.hour())
            && has(self.months, time.month())
            && if self.either { day || weekday } else { day && weekday }
    }
}

/// `*`, `5`, `1-5`, `*/15`, `1,2,10-20/2`: a bit for each number.
fn field(text: &str, first: u32, last: u32) -> Result<u64, String> {
    let number = |part: &str| {
        let number = part.parse::<u32>().ok().filter(|number| (first..=last).contains(number));
        number.ok_or_else(|| format!("{part:?}: expected a number from {first} to {last}"))
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = step.parse::<u32>().ok().filter(|step| *step > 0);
                (range, step.ok_or_else(|| format!("{part:?}: expected a step of 1 or more"))?)
            }
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (first, last),
            Some((from, to)) => (number(from)?, number(to)?),
            None if part.contains('/') => (number(range)?, last),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(format!("{part:?}: expected the smaller number first"));
        }
        for number in (from..=to).step_by(step as usize) {
            set |= 1 << number;
        }
    }
    Ok(set)
}
