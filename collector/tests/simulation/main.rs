//! A collector and its agents, by seed: the real cores over a network, a log, clocks and targets that fail on purpose.
//!
//! Every fault is drawn from the seed, so a failure is replayed by it; the command is printed. `SIM_SEEDS=1000` tries more
//! of them, `SIM_FROM=500` others. The oracle keeps its own books of what was really probed and recounts what was due in
//! its own way. docs/testing.md says what is tried and what was found.

mod mutants;
mod oracle;
mod random;
mod scale;
mod seeds;
mod world;

mod laws;
