//! The store in a DynamoDB table, against moto: the contract, the same behind a proxy that fails as networks and services do,
//! crashes between any two calls,
//! rivals, and two real collectors of which one leads.

mod cluster;
mod contract;
mod crash;
mod moto;
mod proxy;
mod rivals;
mod standby;
