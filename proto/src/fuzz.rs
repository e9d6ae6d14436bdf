//! The entries of a fuzzer: every parser of bytes that come over the wire or out of the store.

use bytes::Bytes;
use prost::Message;

use crate::wire::{decode_batch, decode_record, encode_batch, encode_record, raw};
use crate::{AgentMessage, CollectorMessage};

/// The name of what is fed, and where it goes in.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("agent_message", agent_message),
    ("collector_message", collector_message),
    ("batch", batch),
    ("record", record),
];

/// What an agent says: nothing is taken that would not be sent again as it is.
fn agent_message(bytes: &[u8]) {
    let Ok(raw) = raw::v1::AgentMessage::decode(bytes) else { return };
    let Ok(message) = AgentMessage::try_from(raw) else { return };
    if let AgentMessage::Results(results) = &message {
        batch(&results.columns);
    }
    let again = AgentMessage::try_from(raw::v1::AgentMessage::from(message.clone()));
    assert_eq!(again.ok(), Some(message));
}

fn collector_message(bytes: &[u8]) {
    let Ok(raw) = raw::v1::CollectorMessage::decode(bytes) else { return };
    let Ok(message) = CollectorMessage::try_from(raw) else { return };
    let again = CollectorMessage::try_from(raw::v1::CollectorMessage::from(message.clone()));
    assert_eq!(again.ok(), Some(message));
}

fn batch(bytes: &[u8]) {
    let Ok(batch) = decode_batch(bytes) else { return };
    assert_eq!(decode_batch(&encode_batch(&batch)).ok(), Some(batch));
}

fn record(bytes: &[u8]) {
    let Ok(record) = decode_record(Bytes::copy_from_slice(bytes)) else { return };
    let again = decode_record(encode_record(record.clone()));
    assert_eq!(again.ok(), Some(record));
}
