//! Weighted rendezvous: every (shard, member) pair has a score, and the best score wins the shard.
//!
//! A member that leaves gives away its own shards and no others, in proportion to the capacities of those that stay;
//! nobody has to remember anything for that.

use xxhash_rust::xxh3::xxh3_64;

/// The shard's affinity to the member: uniform over all of `u64`.
///
/// For one and the same member it orders shards exactly as [`score`] does, and is cheaper.
pub(super) fn affinity(shard: usize, member: u64) -> u64 {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&(shard as u64).to_le_bytes());
    key[8..].copy_from_slice(&member.to_le_bytes());
    xxh3_64(&key)
}

/// `-capacity / ln(u)`: the chance to hold the best of several scores is proportional to the capacity.
pub(super) fn score(shard: usize, member: u64, capacity: u64) -> f64 {
    /// 2^-53: with the top 53 bits and a half, u is exact and strictly between 0 and 1.
    const STEP: f64 = 1.0 / (1u64 << 53) as f64;
    let u = ((affinity(shard, member) >> 11) as f64 + 0.5) * STEP;
    -(capacity as f64) / u.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_score_falls_to_members_in_proportion_to_their_capacity() {
        let capacities = [1u64, 2, 5];
        let mut won = [0u32; 3];
        for shard in 0..8_000 {
            let best = (0..3).max_by(|a, b| {
                let of = |i: &usize| score(shard, *i as u64, capacities[*i]);
                of(a).total_cmp(&of(b))
            });
            won[best.unwrap()] += 1;
        }
        for (won, ideal) in won.iter().zip([1_000.0, 2_000.0, 5_000.0]) {
            assert!((f64::from(*won) / ideal - 1.0).abs() < 0.12, "{won} of about {ideal}");
        }
    }
}
