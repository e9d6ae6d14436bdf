//! The HTTP API as the documentation has it: over a whole collector in this process, with real agents that probe a real
//! server, and over a state that a log of a few lines gives, where the exact counts matter.

mod changes;
mod client;
mod conditional;
mod counting;
mod days;
mod document;
mod elsewhere;
mod events;
mod everywhere;
mod history;
mod kept;
mod listing;
mod origin;
mod pages;
mod parameters;
#[path = "../../examples/past/log.rs"]
mod past;
mod past_hour;
mod probes;
mod recount;
mod rig;
mod routes;
mod searching;
mod secrets;
mod settings;
mod shape;
mod story;
mod suspicion;
mod tokens;
mod vantages;
