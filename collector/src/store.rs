//! The log and the parts beside it: one narrow trait, an embedded store and one in memory.
//!
//! Positions are created once and never overwritten (accounting K4), and so are parts: what a log's beginning is folded
//! into before it is trimmed. Implementations block: they live on the writer's thread, see [`writer`]; only parts are read
//! from other threads, by [`Store::parts`].

pub mod backup;
pub mod contract;
pub mod dynamodb;
mod folder;
mod log;
mod memory;
mod owner;
pub mod writer;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use dynamodb::{DynamoDb, TableAddress};
pub use folder::Folder;
pub use memory::Memory;

/// Where the log is kept.
pub trait Store: Send + 'static {
    /// Creates the records at `first`, `first + 1`, … durably, all or none of them. What is there already with the same
    /// bytes counts as created: an append whose outcome is unknown is simply made again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a position holds other bytes or positions before `first` are empty; anything else
    /// says that nothing may be taken as durable.
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError>;

    /// Shows every record from position `from` on, in order, until `each` gives false.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError>;

    /// The first position that is free. Trimming never moves it.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn tail(&self) -> Result<u64, StoreError>;

    /// The first position that is still held: 0 until the log is trimmed. [`Self::read_from`] an earlier one begins here.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn head(&self) -> Result<u64, StoreError>;

    /// Forgets the records before this position, for good; one that was trimmed already changes nothing. Never all of them in
    /// one call where that would take long: say it again until [`Self::head`] is there.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it lies beyond the tail; anything else may work later.
    fn trim(&mut self, before: u64) -> Result<(), StoreError>;

    /// Whoever calls this leads from now on, and may write what older versions cannot read: they are to refuse the log. While
    /// another leads, whoever only reads must not keep that one from its log. Nothing to do where to open it was to own it.
    ///
    /// # Errors
    /// When that could not be noted.
    fn upgrade(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Creates a part, durably. What is there already with the same bytes counts as created. Keys are at most
    /// [`PART_KEY_MAX`] bytes of ASCII; a part may be empty, and some are larger than the 256 KiB that most keep below.
    ///
    /// # Errors
    /// [`StoreError::PartConflict`] when the key holds other bytes; anything else may work later.
    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError>;

    /// Deletes parts. One that is not there is deleted already.
    ///
    /// # Errors
    /// When some may be there still; the same call may work later.
    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError>;

    /// A handle that reads parts from any thread, while this store appends. It may be kept.
    fn parts(&self) -> Arc<dyn Parts>;

    /// How long lies between two appends at least, so that what comes meanwhile is one: where appends are dear.
    fn gather(&self) -> Duration {
        Duration::ZERO
    }
}

/// The longest key of a part.
pub const PART_KEY_MAX: usize = 128;

/// Reads parts, blocking, from any thread.
pub trait Parts: Send + Sync + 'static {
    /// The bytes of a part; nothing when there is none of this key (any more).
    ///
    /// # Errors
    /// When it cannot be read now.
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Every key that begins so, in order.
    ///
    /// # Errors
    /// When they cannot be read now.
    fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// What went wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote there.
    #[error("position {position} of the log is not what this collector wrote")]
    Conflict {
        /// Where.
        position: u64,
    },
    /// Somebody else wrote a part of this key.
    #[error("part {key} is not what this collector wrote")]
    PartConflict {
        /// Which.
        key: String,
    },
    /// Another process has it open.
    #[error("{path}: in use by {owner}; stop that collector, or give this one another --store")]
    Locked {
        /// Which folder.
        path: PathBuf,
        /// Who, as far as it can be known.
        owner: String,
    },
    /// The file is not a log of ours.
    #[error("{path}: not a log that this version can read ({reason}); nothing was changed")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder or file cannot be used.
    #[error("{path}: the log cannot be opened")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The table is not there, not ours to use, or holds something else.
    #[error("dynamodb://{table}: {reason}")]
    Table {
        /// Which.
        table: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store failed: a full disk, a service that cannot be reached. The same append may work later.
    #[error("the log cannot be read or written")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where the log is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// Nowhere: gone with the process.
    Memory,
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a DynamoDB table.
    DynamoDb(TableAddress),
}

impl FromStr for StoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "memory:" => Ok(Self::Memory),
            "" => Err("is empty; expected a folder, dynamodb://TABLE or memory:".into()),
            "memory" | "memory://" => {
                Err(format!("{text}: write memory: or ./{text} for a folder"))
            }
            _ if text.contains("://") && !text.starts_with("dynamodb:") => Err(format!(
                "{text}: no such kind of store; expected a folder, dynamodb://TABLE or memory:"
            )),
            _ => match text.strip_prefix("dynamodb:") {
                Some(rest) => TableAddress::parse(rest).map(Self::DynamoDb),
                None => Ok(Self::Folder(text.into())),
            },
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Folder(path) => path.display().fmt(f),
            Self::DynamoDb(table) => table.fmt(f),
        }
    }
}

/// Opens the log.
///
/// # Errors
/// When another process has it, or it is not one.
pub fn open(address: &StoreAddress) -> Result<Box<dyn Store>, StoreError> {
    Ok(match address {
        StoreAddress::Memory => Box::new(Memory::default()),
        StoreAddress::Folder(path) => Box::new(Folder::open(path)?),
        StoreAddress::DynamoDb(table) => Box::new(DynamoDb::open(table)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_memory_or_a_folder_and_says_what_else_it_is_not() {
        assert_eq!("memory:".parse(), Ok(StoreAddress::Memory));
        assert_eq!("./data".parse(), Ok(StoreAddress::Folder("./data".into())));
        assert_eq!("/var/lib/zw".parse::<StoreAddress>().unwrap().to_string(), "/var/lib/zw");
        for (text, said) in [
            ("", "expected a folder"),
            ("memory", "memory:"),
            ("dynamodb:table", "dynamodb://TABLE"),
            ("s3://bucket/key", "no such kind"),
        ] {
            let error = text.parse::<StoreAddress>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn both_kinds_can_be_opened_by_address() {
        let folder = tempfile::tempdir().unwrap();
        for address in [StoreAddress::Memory, StoreAddress::Folder(folder.path().join("a/b"))] {
            let mut store = open(&address).unwrap();
            store.append(0, &contract::records(&["a"])).unwrap();
            assert_eq!(store.tail().unwrap(), 1);
        }
    }
}
