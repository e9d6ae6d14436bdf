//! Everything that needs real sockets, in one binary.

#[path = "probe/suite.rs"]
mod probe;
