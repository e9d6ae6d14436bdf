//! What a reload keeps of the file before.

use std::collections::HashMap;

use super::{Target, TargetFile};

/// `new` with the last good row of every name whose row is bad now, in the place of that row. The row stays rejected,
/// with the words "keeping the previous row".
pub fn carry_over(mut new: TargetFile, previous: &[Target]) -> TargetFile {
    let mut wanted: HashMap<&str, Option<&Target>> =
        new.rejected_names.iter().map(|(_, name)| (name.as_str(), None)).collect();
    if wanted.is_empty() {
        return new;
    }
    for target in previous {
        if let Some(kept) = wanted.get_mut(target.name.as_str()) {
            *kept = Some(target);
        }
    }
    for target in &new.targets {
        wanted.remove(target.name.as_str()); // Another row gives it.
    }
    for row in &mut new.rejected.rows {
        if row.name.as_deref().is_some_and(|name| matches!(wanted.get(name), Some(Some(_)))) {
            row.reason.push_str("; keeping the previous row");
        }
    }
    let mut merged = Vec::with_capacity(new.targets.len() + wanted.len());
    let mut fresh = new.targets.into_iter();
    let mut taken = 0;
    for (before, name) in &new.rejected_names {
        if let Some(kept) = wanted.remove(name.as_str()).flatten() {
            merged.extend(fresh.by_ref().take(before - taken));
            taken = *before;
            merged.push(kept.clone());
        }
    }
    merged.extend(fresh);
    new.targets = merged;
    new.rejected_names.clear();
    new
}

/// Whether a file that keeps `kept` of `previous` targets loses over 30 % of them: more likely a slip than a wish.
pub fn shrinks_too_much(previous: usize, kept: usize) -> bool {
    let lost = previous.saturating_sub(kept);
    lost.saturating_mul(10) > previous.saturating_mul(3)
}
