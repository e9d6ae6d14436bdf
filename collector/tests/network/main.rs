//! The real gRPC of both programs, with their event loops, over a network that fails by seed.
//!
//! Servers, clients, sessions, keepalives and back-off are those of the programs; the network and its time are turmoil's, the
//! log is in memory, and what is probed is made up. docs/testing.md says what is tried here and what is not.

mod agents;
mod books;
mod disk;
mod faults;
mod leader;
mod ledger;
mod oracle;
mod seeds;
mod world;

#[path = "../simulation/random.rs"]
mod random;

/// The seeds of every test run.
const SEEDS: u64 = 20;

#[test]
fn over_a_network_that_fails_nothing_is_lost_nothing_counts_twice_and_it_comes_to_rest() {
    seeds::check(SEEDS);
}
