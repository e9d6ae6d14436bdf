//! An attacker's tour: every door of a real collector tried by somebody who should not get in, and what each attempt got.

mod agents;
mod certificates;
#[path = "../api/client.rs"]
mod client;
mod crowd;
mod fleet;
mod http;
#[path = "../cli/origin.rs"]
mod origin;
#[path = "../cli/program.rs"]
#[expect(dead_code, reason = "the command line's tests use more of it")]
mod program;
mod rotation;
mod secrets;
