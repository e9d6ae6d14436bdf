//! The contract of every store, kept over a way that fails as networks and services do; crashes between any two calls;
//! rivals; two real collectors of which one leads; a target file in a bucket.

mod cluster;
mod contract;
mod crash;
mod history;
mod lease;
mod moto;
mod outcome;
mod proxy;
mod rivals;
mod s3;
mod standby;
