//! Whole agents against a scripted collector over real gRPC.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "runtime/collector.rs"]
mod collector;
#[path = "runtime/no_collector.rs"]
mod no_collector;
#[path = "runtime/program.rs"]
mod program;
#[path = "runtime/session.rs"]
mod session;
