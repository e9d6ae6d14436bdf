//! Parts: a small item that lists each, and its bytes under names of their own.
//!
//! The bytes come first and the small item decides, as in [`super::group`]. Deleting goes the other way round, so a part is
//! there whole or not at all.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

use super::table::{
    Created, Item, Range, Table, bytes, bytes_value, failed, item, number, number_value, text,
};
use crate::store::{Parts, StoreError};

/// The bytes of one item.
const ITEM_BYTES_MAX: usize = 340_000;
/// Where parts are listed.
const LIST: &str = "parts";
/// Sorts behind every key: keys are ASCII.
const BEHIND: char = '\u{7f}';

/// Reads parts from any thread that may block.
pub(super) struct TableParts(pub(super) Table);

fn piece_pk(key: &str) -> String {
    format!("part/{key}")
}

fn piece_sk(digest: &[u8], piece: u64) -> String {
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digest}/{piece:04}")
}

/// Creates a part.
pub(super) async fn put(table: &Table, key: &str, part: &Bytes) -> Result<(), StoreError> {
    let digest = xxh3_128(part).to_be_bytes();
    let mut pieces = 0;
    for piece in part.chunks(ITEM_BYTES_MAX) {
        let sk = piece_sk(&digest, pieces);
        table.put(item(&piece_pk(key), &sk, [("r", bytes_value(piece))])).await?;
        pieces += 1;
    }
    let listed = [
        ("d", bytes_value(&digest)),
        ("l", number_value(part.len() as u64)),
        ("m", number_value(pieces)),
    ];
    match table.create(item(LIST, key, listed)).await? {
        Created::Now => Ok(()),
        Created::There(there) => {
            let same = bytes(&there, "d")? == digest && number(&there, "l")? == part.len() as u64;
            if same { Ok(()) } else { Err(StoreError::PartConflict { key: key.to_owned() }) }
        }
    }
}

/// Deletes parts.
pub(super) async fn delete(table: &Table, keys: &[String]) -> Result<(), StoreError> {
    for key in keys {
        let Some(listed) = table.get(LIST, key).await? else { continue };
        let (digest, pieces) = (bytes(&listed, "d")?, number(&listed, "m")?);
        table.delete(vec![(LIST.to_owned(), key.clone())]).await?;
        let pieces = (0..pieces).map(|piece| (piece_pk(key), piece_sk(digest, piece)));
        table.delete(pieces.collect()).await?;
    }
    Ok(())
}

async fn get(table: &Table, key: &str) -> Result<Option<Bytes>, StoreError> {
    let Some(listed) = table.get(LIST, key).await? else { return Ok(None) };
    let digest = bytes(&listed, "d")?;
    let pk = piece_pk(key);
    let (from, to) = (piece_sk(digest, 0), piece_sk(digest, 9_999));
    let range = Range { pk: &pk, from: &from, to: &to, forward: true, limit: None };
    let mut part = Vec::new();
    for piece in table.all(&range).await? {
        part.extend_from_slice(bytes(&piece, "r")?);
    }
    if xxh3_128(&part).to_be_bytes() == digest {
        return Ok(Some(part.into()));
    }
    // It may have been deleted meanwhile.
    match table.get(LIST, key).await? {
        None => Ok(None),
        Some(_) => Err(failed(format!("part {key} is damaged"))),
    }
}

async fn keys(table: &Table, prefix: &str) -> Result<Vec<String>, StoreError> {
    // A sort key is never empty.
    let from = if prefix.is_empty() { "\u{1}" } else { prefix };
    let to = format!("{prefix}{BEHIND}");
    let range = Range { pk: LIST, from, to: &to, forward: true, limit: None };
    let listed: Vec<Item> = table.all(&range).await?;
    listed.iter().map(|item| text(item, "sk").map(str::to_owned)).collect()
}

impl Parts for TableParts {
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.0.wait(get(&self.0, key))
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.0.wait(keys(&self.0, prefix))
    }
}
