//! Which live agent claims which part of a shard's time.

use std::collections::BTreeSet;

use proto::{SHARDS, ShardId, Timestamp};

use super::AgentIdx;

/// An agent probes a shard's slots planned in `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub agent: AgentIdx,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// The claims at one vantage. At most one of a shard is without an end: its owner's.
#[derive(Debug)]
pub struct Claims {
    shards: Vec<Vec<Claim>>,
    /// Shards with a claim that has an end: few, so that looking for spent ones does not go through all.
    ended: BTreeSet<ShardId>,
}

impl Default for Claims {
    fn default() -> Self {
        Self { shards: vec![Vec::new(); SHARDS], ended: BTreeSet::new() }
    }
}

impl Claims {
    /// Who the shard belongs to from now on.
    pub fn owner(&self, shard: ShardId) -> Option<AgentIdx> {
        self.open(shard).map(|claim| claim.agent)
    }

    /// The owner's claim.
    pub fn open(&self, shard: ShardId) -> Option<&Claim> {
        self.shards[shard.index()].iter().find(|claim| claim.until == Timestamp::MAX)
    }

    /// The claim of one agent on a shard, the latest if there are several.
    pub fn of(&self, shard: ShardId, agent: AgentIdx) -> Option<&Claim> {
        self.shards[shard.index()].iter().rev().find(|claim| claim.agent == agent)
    }

    /// Every claim that covers a planned start.
    pub fn covering(&self, shard: ShardId, planned: Timestamp) -> impl Iterator<Item = &Claim> {
        let claims = self.shards[shard.index()].iter();
        claims.filter(move |claim| claim.from <= planned && planned < claim.until)
    }

    /// The shard belongs to `agent` from this instant; the owner before it keeps what is planned earlier.
    pub fn grant(&mut self, shard: ShardId, agent: AgentIdx, from: Timestamp) {
        self.end(shard, from);
        self.shards[shard.index()].push(Claim { agent, from, until: Timestamp::MAX });
    }

    /// Nobody owns the shard any more; its owner keeps what is planned before `until`.
    pub fn end(&mut self, shard: ShardId, until: Timestamp) {
        let claims = &mut self.shards[shard.index()];
        for claim in claims.iter_mut().filter(|claim| claim.until == Timestamp::MAX) {
            claim.until = until;
            self.ended.insert(shard);
        }
        claims.retain(|claim| claim.from < claim.until);
    }

    /// An agent holds, and will deliver, what was planned in this time, though the shard is another's now. It replaces what
    /// that agent claimed of the shard before.
    pub fn remember(&mut self, shard: ShardId, claim: Claim) {
        let claims = &mut self.shards[shard.index()];
        claims.retain(|known| known.agent != claim.agent);
        if claim.from < claim.until {
            claims.push(claim);
            self.ended.insert(shard);
        }
    }

    /// Drops the claims with an end that are `spent`.
    pub fn drop_spent(&mut self, spent: impl Fn(&Claim) -> bool) {
        let shards = &mut self.shards;
        self.ended.retain(|shard| {
            let claims = &mut shards[shard.index()];
            let ends = |claim: &Claim| claim.until != Timestamp::MAX;
            claims.retain(|claim| !(ends(claim) && spent(claim)));
            claims.iter().any(ends)
        });
    }

    /// Drops every claim that `keep` does not hold with; gives the shards that lost one.
    pub fn retain(&mut self, mut keep: impl FnMut(ShardId, &Claim) -> bool) -> Vec<ShardId> {
        let mut lost = Vec::new();
        for shard in ShardId::all() {
            let claims = &mut self.shards[shard.index()];
            let before = claims.len();
            claims.retain(|claim| keep(shard, claim));
            if claims.len() < before {
                lost.push(shard);
            }
        }
        lost
    }
}
