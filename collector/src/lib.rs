//! The collector: shards a list of URLs over agents and serves what they found.

pub mod check;
pub mod target_file;
