//! What must hold, a sentence each.

mod mutants;
mod single;
mod together;
