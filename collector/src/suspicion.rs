//! When agents fail most of what they probe, and it is not the targets: a dead uplink, a broken resolver, a firewall.
//!
//! Pure: what each agent saw lately goes in, who is under suspicion comes out. The core logs it; the fold of the log, not this,
//! decides what counts. Judged over distinct places, the addresses that were dialled or, where there never was one, the hosts:
//! a hundred targets behind one address that fail are one place that fails.
//!
//! - Somebody *suddenly fails* when at least five places that were up are not, and more than half of the places seen lately.
//! - Somebody *hears nothing* when at least five places fail for want of a name, a connection or time, and none is up: also
//!   at the very start.
//! - Agents that fail together (all of a zone, of a vantage, of this process) are judged together, in the widest such circle.
//! - They are suspect if somebody outside that circle sees no such thing: where both saw the same places, by those; else if
//!   the others do not fail themselves. An outage that others see too is the targets'.
//! - Where nobody is outside (one agent, one vantage), hearing nothing at all is enough, and failing much is not: a whole list that
//!   cannot be reached over five and more places is our network far oftener than theirs.
//! - Several vantages that hear nothing confirm each other, unless all their agents are inside this process.

mod sightings;

use std::collections::{BTreeMap, BTreeSet};

pub use sightings::{SIGHTINGS_MAX, Seen, Sightings, View};

/// Places that must fail before anybody is suspected.
pub const PLACES_MIN: usize = 5;

/// One agent, and what it saw lately.
#[derive(Clone, Debug)]
pub struct Witness<'a, Id> {
    /// Who.
    pub id: Id,
    /// Where it reports from.
    pub vantage: &'a str,
    /// Its failure domain in there.
    pub zone: &'a str,
    /// It runs inside the collector's process, and shares its network.
    pub local: bool,
    /// It is under suspicion already: no witness for others.
    pub suspect: bool,
    /// What it saw.
    pub view: View,
    /// Places that must fail for it to be suspected: more for an agent that has many to see.
    pub places_min: usize,
}

/// The circle in which agents fail together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Circle {
    /// One agent.
    Agent,
    /// All of a zone.
    Zone,
    /// All of a vantage.
    Vantage,
    /// All agents inside this process.
    Process,
}

impl Circle {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Zone => "zone",
            Self::Vantage => "vantage",
            Self::Process => "process",
        }
    }

    fn holds<Id: PartialEq>(self, of: &Witness<'_, Id>, other: &Witness<'_, Id>) -> bool {
        match self {
            Self::Agent => of.id == other.id,
            Self::Zone => of.vantage == other.vantage && of.zone == other.zone,
            Self::Vantage => of.vantage == other.vantage,
            Self::Process => of.local && other.local,
        }
    }
}

/// Who is to be suspected from now on, and in which circle they fail.
pub fn judge<Id: Copy + Ord>(witnesses: &[Witness<'_, Id>]) -> BTreeMap<Id, Circle> {
    let mut suspects = BTreeMap::new();
    for of in witnesses.iter().filter(|witness| !witness.suspect) {
        if !fails(&of.view, of.places_min) {
            continue;
        }
        let circles: &[Circle] = match of.local {
            true => &[Circle::Agent, Circle::Zone, Circle::Vantage, Circle::Process],
            false => &[Circle::Agent, Circle::Zone, Circle::Vantage],
        };
        // The widest circle that fails as a whole; what fails inside a circle that does not is judged by itself.
        let widest = circles.iter().rev().copied().find(|circle| {
            fails(&together(witnesses.iter().filter(|w| circle.holds(of, w))), of.places_min)
        });
        let circle = widest.unwrap_or(Circle::Agent);
        let inside = together(witnesses.iter().filter(|w| circle.holds(of, w)));
        let outside: Vec<_> =
            witnesses.iter().filter(|w| !circle.holds(of, w) && !w.suspect).collect();
        if is_ours(&inside, &outside, of.places_min) {
            suspects.insert(of.id, circle);
        }
    }
    suspects
}

/// Whether it is our fault that all these places fail.
fn is_ours<Id>(inside: &View, outside: &[&Witness<'_, Id>], places_min: usize) -> bool {
    let others = together(outside.iter().copied());
    if others.is_empty() {
        return inside.hears_nothing(places_min);
    }
    let failing: BTreeSet<u64> = inside.failing().collect();
    let (mut up, mut down) = (0, 0);
    for (place, seen) in others.iter() {
        match seen {
            _ if !failing.contains(&place) => {}
            Seen::Up => up += 1,
            Seen::Turned { .. } | Seen::New { .. } | Seen::Old => down += 1,
        }
    }
    match up + down {
        0 => !fails(&others, places_min) && others.ups() > 0,
        _ => up > down,
    }
}

fn fails(view: &View, places_min: usize) -> bool {
    view.suddenly_fails() || view.hears_nothing(places_min)
}

fn together<'a, Id: 'a>(witnesses: impl Iterator<Item = &'a Witness<'a, Id>>) -> View {
    let mut all = View::default();
    for witness in witnesses {
        all.merge(&witness.view);
    }
    all
}

#[cfg(test)]
mod tests;
