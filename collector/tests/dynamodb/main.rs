//! The store in a DynamoDB table, against moto: the contract, the same behind a proxy that fails as networks and services do,
//! and crashes between any two calls.

mod contract;
mod crash;
mod moto;
mod proxy;
mod rivals;
