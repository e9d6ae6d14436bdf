//! Stub, replaced at merge.
