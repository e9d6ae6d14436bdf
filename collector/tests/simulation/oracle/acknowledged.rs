//! What agents were told is safe: it is there, whoever dies.

use collector::state::State;

use crate::world::World;

/// A new collector knows every slot whose result was acknowledged. (That the log held it at the moment of the
/// acknowledgement, the books saw.)
pub fn is_still_there(world: &World, state: &State) {
    if world.books.may_refuse {
        // What a changed list or clock took back is the recount's to know, at the end of the run.
        return;
    }
    for key in &world.books.acknowledged {
        let idx = state.by_uid(key.uid).expect("it was listed");
        let vantage = state.vantage_idx(key.vantage).expect("it is in the log");
        let series = state.series(vantage, idx).expect("it was due there");
        let known = series.attempts(key.planned).next().is_some();
        assert!(known, "{key:?} was acknowledged, and the next collector does not know it");
    }
}
