//! The store in a DynamoDB table, and whatever else of AWS moto stands in for. What needs moto is named so, that it can be
//! left out.

mod on_moto;
