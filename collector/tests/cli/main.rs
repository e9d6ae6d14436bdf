//! The program as a user starts it: what it says, how it ends, what it makes of signals, variables and a changed file.

mod check;
#[path = "../api/client.rs"]
mod client;
mod emf;
mod https;
mod https_server;
mod origin;
mod program;
mod reference;
mod reload;
mod signals;
mod start;
mod tokens;
mod usage;
