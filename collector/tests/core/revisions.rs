//! Whoever keeps finished hours hears when one is final, and when something in it changed after that.

use collector::core::Notice;
use proto::Timestamp;

use crate::rig::{Rig, targets};

fn told(rig: &mut Rig) -> Vec<(Timestamp, u32)> {
    let revisions = rig.core.take_notices().into_iter().filter_map(|notice| match notice {
        Notice::Revision { hour, revision } => Some((hour, revision)),
        Notice::Fleet { .. } | Notice::Suspicion { .. } => None,
    });
    revisions.collect()
}

#[test]
fn an_hour_is_told_when_it_is_final_and_again_when_a_late_result_changes_it_and_only_then() {
    let mut rig = Rig::new(targets(1, 600));
    rig.hello(1, "a1", 1, "eu");
    rig.run(2, &[1]);
    let late = rig.planned_after(rig.now());
    // Its first slots go by without a result; the hour is over, and nothing in it is open.
    rig.run(2 * 3600, &[1]);
    let hour = late.floor(std::time::Duration::from_secs(3600));
    let first = told(&mut rig);
    assert!(first.contains(&(hour, 1)), "{first:?}");
    assert!(first.iter().all(|(_, revision)| *revision == 1), "{first:?}");
    assert_eq!(told(&mut rig), [], "each is told once");
    let result = rig.up(1, late);
    rig.results(1, late, vec![result.clone()], Vec::new());
    rig.run(3600, &[1]);
    let second = told(&mut rig);
    let of_hour: Vec<u32> = second.iter().filter(|(h, _)| *h == hour).map(|(_, r)| *r).collect();
    assert_eq!(of_hour, [2], "{second:?}");
    // The same again changes nothing, so there is nothing to tell.
    rig.results(1, late, vec![result], Vec::new());
    rig.run(3600, &[1]);
    assert!(told(&mut rig).iter().all(|(h, _)| *h != hour));
}
