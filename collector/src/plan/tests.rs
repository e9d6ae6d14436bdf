//! The laws of the plan over random fleets, weights and churn, and the examples that people ask about.

use proptest::prelude::*;
use proto::SHARDS;

use super::{Member, plan};

const NOBODY: &[Option<u64>] = &[None; SHARDS];

fn members(capacities: &[u32]) -> Vec<Member> {
    capacities
        .iter()
        .enumerate()
        .map(|(at, c)| Member { id: at as u64 + 1, capacity: *c })
        .collect()
}

/// Plans by id, and checks every law that needs no history.
#[track_caller]
fn checked(weights: &[f64], members: &[Member], previous: &[Option<u64>]) -> Vec<Option<u64>> {
    let by_id = |members: &[Member], previous: &[Option<u64>]| -> Vec<Option<u64>> {
        let owners = plan(weights, members, previous);
        owners.iter().map(|owner| owner.map(|at| members[at].id)).collect()
    };
    let owners = by_id(members, previous);
    assert_eq!(owners.len(), weights.len());
    assert!(owners.iter().all(|owner| owner.is_some() != members.is_empty()), "exactly one owner");
    for member in members {
        let (load, most) =
            (load_of(weights, &owners, member.id), bound_of(weights, members, member));
        assert!(load <= most, "{member:?} has {load}, bound {most}");
    }
    assert_eq!(by_id(members, &owners), owners, "planning again changes nothing");
    let mut shuffled = members.to_vec();
    shuffled.reverse();
    shuffled.rotate_left(members.len() / 3);
    assert_eq!(by_id(&shuffled, previous), owners, "the order of the members does not matter");
    owners
}

fn load_of(weights: &[f64], owners: &[Option<u64>], id: u64) -> f64 {
    weights.iter().zip(owners).filter(|(_, owner)| **owner == Some(id)).map(|(w, _)| w).sum()
}

fn share_of(weights: &[f64], members: &[Member], member: &Member) -> f64 {
    let capacities: f64 = members.iter().map(|m| f64::from(m.capacity)).sum();
    let part = if capacities == 0.0 {
        1.0 / members.len() as f64
    } else {
        f64::from(member.capacity) / capacities
    };
    weights.iter().sum::<f64>() * part
}

fn heaviest(weights: &[f64]) -> f64 {
    weights.iter().copied().fold(0.0, f64::max)
}

fn bound_of(weights: &[f64], members: &[Member], member: &Member) -> f64 {
    let share = share_of(weights, members, member);
    let heaviest =
        if share > 0.0 || weights.iter().all(|w| *w == 0.0) { heaviest(weights) } else { 0.0 };
    1.10 * share + heaviest + rounding(weights)
}

/// What sums of floats may be off by here.
fn rounding(weights: &[f64]) -> f64 {
    1e-9 * weights.iter().sum::<f64>()
}

fn moved(weights: &[f64], before: &[Option<u64>], after: &[Option<u64>]) -> f64 {
    (0..weights.len()).filter(|s| before[*s] != after[*s]).map(|s| weights[s]).sum()
}

fn count_of(owners: &[Option<u64>], id: u64) -> usize {
    owners.iter().filter(|owner| **owner == Some(id)).count()
}

/// `targets` names, each once every ten minutes.
fn catalog(targets: usize) -> Vec<f64> {
    let mut weights = vec![0.0; SHARDS];
    for target in 0..targets {
        weights[proto::shard_of(&format!("www.example-{target}.org")).index()] += 1.0 / 600.0;
    }
    weights
}

#[test]
fn without_members_no_shard_has_an_owner() {
    assert_eq!(checked(&[1.0; SHARDS], &[], NOBODY), vec![None; SHARDS]);
}

#[test]
fn the_first_agent_gets_everything() {
    let owners = checked(&catalog(100), &members(&[1]), NOBODY);
    assert!(owners.iter().all(|owner| *owner == Some(1)));
}

#[test]
fn twelve_targets_on_three_agents_leave_nobody_idle() {
    let weights = catalog(12);
    let owners = checked(&weights, &members(&[10, 10, 10]), NOBODY);
    for id in 1..=3 {
        let targets = (load_of(&weights, &owners, id) * 600.0).round();
        assert!((3.0..=5.0).contains(&targets), "agent {id} has {targets} of 12");
    }
}

#[test]
fn a_list_of_1321_is_split_in_thirds_by_targets_and_by_shards() {
    let weights = catalog(1321);
    let owners = checked(&weights, &members(&[10, 10, 10]), NOBODY);
    for id in 1..=3 {
        let targets = load_of(&weights, &owners, id) * 600.0;
        assert!((targets - 1321.0 / 3.0).abs() < 25.0, "agent {id} has {targets} of 1321");
        let shards = count_of(&owners, id);
        assert!(shards.abs_diff(SHARDS / 3) < 200, "agent {id} has {shards} shards");
    }
}

#[test]
fn empty_shards_are_spread_by_count_and_stay() {
    let nothing = vec![0.0; SHARDS];
    let owners = checked(&nothing, &members(&[1, 1, 2]), NOBODY);
    for (id, ideal) in [(1, SHARDS / 4), (2, SHARDS / 4), (3, SHARDS / 2)] {
        let count = count_of(&owners, id);
        assert!(count.abs_diff(ideal) <= ideal / 20, "agent {id} has {count} shards");
    }
    // Targets that come later land evenly without moving anything.
    let later = checked(&catalog(100_000), &members(&[1, 1, 2]), &owners);
    assert_eq!(later, owners);
}

#[test]
fn a_newcomer_takes_its_share_and_nothing_else_moves() {
    let weights = catalog(1321);
    let before = checked(&weights, &members(&[10, 10, 10]), NOBODY);
    let after = checked(&weights, &members(&[10, 10, 10, 10]), &before);
    let taken = moved(&weights, &before, &after) * 600.0;
    assert!((taken - 1321.0 / 4.0).abs() < 20.0, "took {taken}");
    assert!((0..SHARDS).all(|s| before[s] == after[s] || after[s] == Some(4)));
}

#[test]
fn a_newcomer_to_a_list_with_one_heavy_target_is_given_light_ones() {
    let mut weights = catalog(40);
    weights[7] = 10.0;
    let before = checked(&weights, &members(&[1, 1, 1]), NOBODY);
    let after = checked(&weights, &members(&[1, 1, 1, 1]), &before);
    assert!(load_of(&weights, &after, 4) > 0.0);
    assert_eq!(before[7], after[7], "the heavy one stays");
}

#[test]
fn what_an_agent_without_capacity_had_goes_elsewhere() {
    let weights = catalog(500);
    let before = checked(&weights, &members(&[5, 5, 5]), NOBODY);
    let after = checked(&weights, &members(&[5, 0, 5]), &before);
    assert_eq!(count_of(&after, 2), 0);
    assert!((0..SHARDS).all(|s| before[s] == after[s] || before[s] == Some(2)));
}

#[test]
fn without_any_capacity_all_count_the_same() {
    let owners = checked(&[1.0; SHARDS], &members(&[0, 0]), NOBODY);
    assert!(count_of(&owners, 1).abs_diff(SHARDS / 2) < 100);
}

#[test]
fn weights_that_are_no_numbers_count_as_none() {
    let mut weights = vec![1.0; SHARDS];
    let sound = plan(&weights, &members(&[1, 1]), NOBODY);
    weights[3] = f64::NAN;
    weights[4] = f64::INFINITY;
    weights[5] = -1.0;
    let owners = plan(&weights, &members(&[1, 1]), NOBODY);
    assert!(owners.iter().all(Option::is_some));
    assert!(owners.iter().zip(&sound).filter(|(a, b)| a == b).count() > SHARDS / 2);
}

#[test]
fn a_lost_zone_is_spread_over_the_others_by_capacity() {
    let weights = catalog(20_000);
    let fleet = members(&[10, 20, 10, 20, 10, 20, 10, 20, 10]);
    let before = checked(&weights, &fleet, NOBODY);
    let rest: Vec<Member> = fleet.iter().filter(|m| m.id % 3 != 0).copied().collect();
    let after = checked(&weights, &rest, &before);
    for member in &rest {
        let relative = load_of(&weights, &after, member.id) / share_of(&weights, &rest, member);
        assert!((0.9..1.1).contains(&relative), "{member:?} has {relative} of its share");
    }
    assert!((0..SHARDS).all(|s| before[s] == after[s] || before[s].unwrap().is_multiple_of(3)));
}

#[test]
fn a_thousand_agents_share_all_shards() {
    let fleet = members(&[7; 1000]);
    let weights = vec![1.0; SHARDS];
    let owners = checked(&weights, &fleet, NOBODY);
    let most = fleet.iter().map(|m| count_of(&owners, m.id)).max();
    assert!(most <= Some(5), "{most:?} shards on one agent");
    let after = checked(&weights, &fleet[1..], &owners);
    assert!(moved(&weights, &owners, &after) <= 5.0);
}

#[derive(Clone, Debug)]
enum Change {
    Join(u32),
    Leave(prop::sample::Index),
    /// Every `n`th leaves at once.
    LeaveTogether(usize),
    Capacity(prop::sample::Index, u32),
    Weights(Vec<f64>),
}

fn weights(shards: usize) -> impl Strategy<Value = Vec<f64>> {
    let of = |weight: BoxedStrategy<f64>| prop::collection::vec(weight, shards);
    let sparse = || prop_oneof![4 => Just(0.0), 1 => Just(1.0), 1 => 0.0..5.0].boxed();
    prop_oneof![
        Just(vec![1.0; shards]),
        Just(vec![0.0; shards]),
        of((0.5..2.0).boxed()),
        of(sparse()),
        (of(sparse()), 0..shards, 10.0..10_000.0).prop_map(|(mut weights, at, heavy)| {
            weights[at] = heavy;
            weights
        }),
    ]
}

fn change(shards: usize) -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => capacity().prop_map(Change::Join),
        3 => any::<prop::sample::Index>().prop_map(Change::Leave),
        1 => (2usize..4).prop_map(Change::LeaveTogether),
        1 => (any::<prop::sample::Index>(), capacity()).prop_map(|(who, c)| Change::Capacity(who, c)),
        1 => weights(shards).prop_map(Change::Weights),
    ]
}

fn capacity() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(100u32), 2 => 50u32..400, 1 => 1u32..5_000]
}

fn story() -> impl Strategy<Value = (Vec<f64>, Vec<u32>, Vec<Change>)> {
    prop_oneof![Just(5usize), Just(64), Just(700)].prop_flat_map(|shards| {
        let fleet = prop::collection::vec(capacity(), 1..24);
        (weights(shards), fleet, prop::collection::vec(change(shards), 1..8))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_plan_of_a_churning_fleet_keeps_the_laws((mut weights, fleet, changes) in story()) {
        let mut fleet = members(&fleet);
        let mut next_id = 1_000;
        let mut owners = checked(&weights, &fleet, &vec![None; weights.len()]);
        for change in changes {
            // What a change may move at most; None: any amount.
            let mut most = None;
            // With a handful of shards for a whole fleet one move may cause another.
            let rounded_up = if weights.len() >= 500 { 1.0 } else { 2.0 };
            let spare = |fleet: &[Member], of: &Member| {
                0.15 * share_of(&weights, fleet, of) + rounded_up * heaviest(&weights)
            };
            match change {
                Change::Join(capacity) => {
                    let new = Member { id: next_id, capacity };
                    fleet.push(new);
                    next_id += 1;
                    most = Some(share_of(&weights, &fleet, &new) + spare(&fleet, &new));
                }
                Change::Leave(who) if !fleet.is_empty() => {
                    let all = fleet.clone();
                    let gone = fleet.remove(who.index(all.len()));
                    most = Some(load_of(&weights, &owners, gone.id) + spare(&all, &gone));
                }
                Change::LeaveTogether(n) => {
                    let all = fleet.clone();
                    let gone: Vec<Member> = all.iter().step_by(n).copied().collect();
                    fleet.retain(|m| !gone.contains(m));
                    let had = |m: &Member| load_of(&weights, &owners, m.id) + spare(&all, m);
                    most = Some(gone.iter().map(had).sum());
                }
                Change::Capacity(who, capacity) if !fleet.is_empty() => {
                    let at = who.index(fleet.len());
                    fleet[at].capacity = capacity;
                }
                Change::Weights(new) => weights = new,
                Change::Leave(_) | Change::Capacity(..) => {}
            }
            let after = checked(&weights, &fleet, &owners);
            if let (Some(most), false) = (most, fleet.is_empty()) {
                let moved = moved(&weights, &owners, &after);
                prop_assert!(moved <= most + rounding(&weights), "moved {moved} of at most {most}");
            }
            if !fleet.is_empty() {
                owners = after;
            }
        }
    }
}
