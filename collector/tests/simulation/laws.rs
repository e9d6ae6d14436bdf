//! What must hold, a sentence each.

mod days;
mod mutants;
mod single;
mod together;
