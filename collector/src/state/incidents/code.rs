//! Incidents as a part of a snapshot, and back.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proto::{CauseKind, IncidentCause, IncidentKind, LeftWhy, Timestamp, Uid};

use super::{Incident, Incidents, Member, Message, Messages, Severity, What};
use crate::parts::{Coded, Damaged, In, Out, put_outcome, take_outcome};

impl Coded for Incidents {
    fn put(&self, out: &mut Out) {
        // Which targets have which, and which are empty, follows from the open ones.
        let Self { open, closed, count, empty: _, of: _, left, messages } = self;
        out.number(*count);
        for incidents in [open.values().collect::<Vec<_>>(), closed.iter().collect()] {
            out.number(incidents.len() as u64);
            incidents.into_iter().for_each(|incident| incident.put(out));
        }
        out.number(left.len() as u64);
        for ((kind, uid), (at, flaps)) in left {
            out.put(kind);
            out.put(uid);
            out.put(at);
            out.put(flaps);
        }
        let Messages { list, count, told } = messages;
        out.number(*count);
        out.number(list.len() as u64);
        for Message { number, incident, what, at } in list {
            out.number(*number);
            out.number(*incident);
            out.number(match what {
                What::Opened => 1,
                What::Grown => 2,
                What::Closed => 3,
                What::Worse => 4,
            });
            out.put(at);
        }
        out.put(told);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let mut incidents = Self { count: input.number()?, ..Self::default() };
        for _ in 0..input.count()? {
            let incident: Incident = input.take()?;
            let number = incident.number;
            for uid in incident.members.keys() {
                incidents.of.insert((incident.kind.number(), *uid), number);
            }
            if incident.empty_since.is_some() {
                incidents.empty.insert(number);
            }
            incidents.open.insert(number, incident);
        }
        for _ in 0..input.count()? {
            incidents.closed.push_back(input.take()?);
        }
        for _ in 0..input.count()? {
            let key: (u32, Uid) = input.take()?;
            incidents.left.insert(key, input.take()?);
        }
        let messages = &mut incidents.messages;
        messages.count = input.number()?;
        for _ in 0..input.count()? {
            let (number, incident) = (input.number()?, input.number()?);
            let what = match input.number()? {
                1 => What::Opened,
                2 => What::Grown,
                3 => What::Closed,
                4 => What::Worse,
                _ => return Err(Damaged("a message")),
            };
            messages.list.push_back(Message { number, incident, what, at: input.take()? });
        }
        messages.told = input.take()?;
        Ok(incidents)
    }
}

impl Coded for Incident {
    fn put(&self, out: &mut Out) {
        let Self {
            number,
            kind,
            cause,
            shared,
            labels,
            opened,
            closed,
            members,
            past,
            joined,
            peak,
            told,
            severity,
            raised,
            flaps,
            hold,
            empty_since,
        } = self;
        out.number(*number);
        out.number(kind.number().into());
        out.put(cause);
        out.put(shared);
        out.put(labels);
        out.put(opened);
        out.put(closed);
        out.put(members);
        out.put(past);
        for number in [joined, peak, told, flaps] {
            out.put(number);
        }
        out.put(&(*severity == Severity::Critical));
        out.put(raised);
        out.put(hold);
        out.put(empty_since);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let number = input.number()?;
        let kind = IncidentKind::from_number(input.take()?).ok_or(Damaged("a kind"))?;
        let (cause, shared, labels) = (input.take()?, input.take()?, input.take()?);
        let (opened, closed) = (input.take()?, input.take()?);
        let members: BTreeMap<Uid, Member> = input.take()?;
        let past = input.take()?;
        let (joined, peak, told, flaps) =
            (input.take()?, input.take()?, input.take()?, input.take()?);
        let severity = match input.take()? {
            true => Severity::Critical,
            false => Severity::Warning,
        };
        let (raised, hold, empty_since) = (input.take()?, input.take()?, input.take()?);
        Ok(Self {
            number,
            kind,
            cause,
            shared,
            labels,
            opened,
            closed,
            members,
            past,
            joined,
            peak,
            told,
            severity,
            raised,
            flaps,
            hold,
            empty_since,
        })
    }
}

impl Coded for IncidentCause {
    fn put(&self, out: &mut Out) {
        let Self { kind, value } = self;
        out.number(kind.number().into());
        out.put(value);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let kind = CauseKind::from_number(input.take()?).ok_or(Damaged("a cause"))?;
        Ok(Self { kind, value: input.take()? })
    }
}

impl Coded for Member {
    fn put(&self, out: &mut Out) {
        let Self { since, down, vantage, planned, outcome, address, text, left } = self;
        out.put(since);
        out.put(down);
        out.put(vantage);
        out.put(planned);
        out.put(&outcome.is_some());
        if let Some(outcome) = outcome {
            put_outcome(out, *outcome);
        }
        out.put(&address.map(|address| address.to_string()));
        out.put(text);
        out.put(&left.map(|(at, why)| (at, why.number())));
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let (since, down, vantage, planned) =
            (input.take()?, input.take()?, input.take()?, input.take()?);
        let outcome = if input.take()? { Some(take_outcome(input)?) } else { None };
        let address: Option<String> = input.take()?;
        let address: Option<IpAddr> = match address {
            Some(text) => Some(text.parse().map_err(|_| Damaged("an address"))?),
            None => None,
        };
        let text = input.take()?;
        let left: Option<(Timestamp, u32)> = input.take()?;
        let left = match left {
            Some((at, why)) => {
                Some((at, LeftWhy::from_number(why).ok_or(Damaged("a reason to leave"))?))
            }
            None => None,
        };
        Ok(Self { since, down, vantage, planned, outcome, address, text, left })
    }
}
