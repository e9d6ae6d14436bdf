//! The trust boundary: bytes become values, or a [`Malformed`] that names the field; values become bytes.
//!
//! Values are taken apart without `..`, so that a new field must be sent before the crate builds again.

mod ask;
mod batch;
mod incident;
mod messages;
mod note;
mod record;
mod settings;
mod target;

pub use batch::{decode_batch, encode_batch, encode_batch_without_runs};
pub use record::{decode_record, encode_record};

/// The generated types and the gRPC service. Nothing outside this crate looks into the messages.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated from the .proto files")]
pub mod raw {
    pub mod v1 {
        tonic::include_proto!("zonewatch.v1");
    }
    pub mod log {
        pub mod v1 {
            tonic::include_proto!("zonewatch.log.v1");
        }
    }
}

/// A message that does not say what it must.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// A field that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field holds what it must not.
    #[error("`{field}` is {value}; expected {expected}")]
    Value {
        /// Which.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// Not protobuf at all.
    #[error("not a protobuf message")]
    Encoding(#[from] prost::DecodeError),
}

fn value(field: &'static str, value: impl ToString, expected: &'static str) -> Malformed {
    Malformed::Value { field, value: value.to_string(), expected }
}

/// At most `max` bytes of `text`, cut at a character.
fn clip(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn millis_u64(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn millis_u32(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
