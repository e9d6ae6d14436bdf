//! From what the target file says to a catalog record: identity is the name, and what did not change is not logged.

use proto::{Kind, TargetEntry, Timestamp, Uid, VantageState};

use super::{Core, DEFAULT_VANTAGE, VANTAGES_MAX};
use crate::state::{Reach, State, Vantage};
use crate::target_file::Target;

/// A vantage without an agent for so long is no longer one that `all` means (rule 10).
const SEEN_FOR: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// … so its agents are logged again after a fraction of that.
pub(super) const SEEN_AGAIN: std::time::Duration = std::time::Duration::from_secs(3600);

/// What a listing changes.
struct Difference {
    upserts: Vec<TargetEntry>,
    removals: Vec<Uid>,
}

fn difference(state: &State, listing: Vec<Target>) -> Difference {
    let mut next_uid = state.next_uid();
    let mut upserts = Vec::new();
    let all = state.targets().len();
    let mut listed = vec![false; all];
    // A list mostly has its rows where it had them before: then no name is looked up.
    let mut at_this_row = state.targets_in(0..all);
    for target in listing {
        let same_row = at_this_row.next().filter(|(_, known)| known.entry.name == target.name);
        let known = same_row.or_else(|| {
            let idx = state.by_name(&target.name)?;
            at_this_row = state.targets_in(idx.index() + 1..all);
            Some((idx, state.target(idx)))
        });
        if let Some((idx, _)) = known {
            listed[idx.index()] = true;
        }
        let known = known.map(|(_, known)| known);
        let Target { name, interval, spec, category, labels, vantages, paused, slow_after } =
            target;
        let uid = known.map_or(next_uid, |known| known.uid);
        let revision = match known {
            None => 1,
            Some(known) if known.entry.interval == interval && known.entry.spec == spec => {
                known.entry.revision
            }
            Some(known) => known.entry.revision + 1,
        };
        let entry = TargetEntry {
            uid,
            name,
            revision,
            interval,
            spec,
            category,
            labels,
            vantages,
            paused,
            slow_after,
        };
        if known.is_none() {
            next_uid = Uid(next_uid.0 + 1);
        }
        if known.is_none_or(|known| !known.listed || known.entry != entry) {
            upserts.push(entry);
        }
    }
    let gone = state.targets().filter(|(idx, target)| target.listed && !listed[idx.index()]);
    Difference { upserts, removals: gone.map(|(_, target)| target.uid).collect() }
}

impl Core {
    /// Logs what waits to be logged about targets and vantages.
    pub(super) fn list(&mut self, now: Timestamp) {
        if self.stopping {
            return;
        }
        if !self.listing_in_log
            && let Some(listing) = self.listing.take()
        {
            let Difference { upserts, removals } = difference(&self.state, listing);
            if !upserts.is_empty() || !removals.is_empty() || self.state.first_load.is_none() {
                let revision = self.state.catalog_revision + 1;
                self.append(now, Kind::Catalog { revision, upserts, removals });
                self.listing_in_log = true;
            }
        }
        if std::mem::take(&mut self.vantages_changed) {
            self.log_vantages(now);
        }
    }

    /// Logs a vantage whose reach should be another, or whose agents have not been logged for long.
    fn log_vantages(&mut self, now: Timestamp) {
        // Vantages are logged after the first listing, so that a list is never due from nowhere.
        if self.state.first_load.is_none() || self.listing_in_log {
            self.vantages_changed = true;
            return;
        }
        let mut names: Vec<String> =
            self.state.vantages().map(|(_, vantage)| vantage.name.clone()).collect();
        names.extend(self.config.vantages.iter().flatten().cloned());
        names.extend(self.fleet.agents().iter().map(|(_, agent)| agent.vantage.clone()));
        names.extend(self.named.iter().cloned());
        names.push(DEFAULT_VANTAGE.to_owned());
        names.sort_unstable();
        names.dedup();
        for name in names {
            if self.vantages_in_log.contains(&name) {
                continue;
            }
            let known = self.state.vantage_idx(&name).is_some();
            if !known && self.state.vantages().count() + self.vantages_in_log.len() >= VANTAGES_MAX
            {
                tracing::warn!(
                    vantage = name,
                    max = VANTAGES_MAX,
                    "one vantage too many; nothing is due from it"
                );
                continue;
            }
            if let Some(state) = self.vantage_change(&name, now) {
                self.vantages_in_log.push(name.clone());
                self.append(now, Kind::Vantage { name, state });
            }
        }
    }

    /// Which vantages the listed targets name, after the listing changed.
    pub(super) fn collect_named_vantages(&mut self) {
        let listed = self.state.targets().filter(|(_, target)| target.listed);
        self.named = listed.flat_map(|(_, target)| target.entry.vantages.iter().cloned()).collect();
        self.vantages_changed = true;
    }

    fn vantage_change(&self, name: &str, now: Timestamp) -> Option<VantageState> {
        let known = self.state.vantage_idx(name).map(|idx| self.state.vantage(idx));
        let seen = known.and_then(|vantage| vantage.seen);
        if self.fleet.is_present(name) && seen.is_none_or(|seen| now.since(seen) >= SEEN_AGAIN) {
            return Some(VantageState::Seen);
        }
        let reach = known.map_or(Reach::Nobody, |vantage| vantage.reach);
        let wanted = self.wanted_reach(name, known, now);
        let stands_in = seen.is_none() && name == DEFAULT_VANTAGE && self.config.vantages.is_none();
        match wanted {
            _ if wanted == reach => None,
            Reach::All => Some(VantageState::Active),
            Reach::Named => Some(VantageState::Named),
            Reach::Nobody if stands_in => Some(VantageState::Withdrawn),
            Reach::Nobody => Some(VantageState::Retired),
        }
    }

    /// Accounting rule 10.
    fn wanted_reach(&self, name: &str, known: Option<&Vantage>, now: Timestamp) -> Reach {
        if let Some(vantages) = &self.config.vantages {
            return if vantages.iter().any(|v| v == name) { Reach::All } else { Reach::Nobody };
        }
        let lately = |vantage: &Vantage| {
            self.fleet.is_present(&vantage.name)
                || vantage.seen.is_some_and(|seen| now.since(seen) < SEEN_FOR)
        };
        let ever = self.state.vantages().any(|(_, vantage)| vantage.seen.is_some());
        if known.is_some_and(|vantage| vantage.seen.is_some() && lately(vantage))
            || (!ever && name == DEFAULT_VANTAGE)
        {
            Reach::All
        } else if self.named.contains(name) {
            Reach::Named
        } else {
            Reach::Nobody
        }
    }
}
