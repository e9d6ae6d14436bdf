//! How a group commit lies in the table: one item, created under its first position, holds it or (if it is too large for
//! one) the beginning of it and what the rest is called.
//!
//! The item under the position is written last and decides: the rest, under names of its own, counts for nothing until
//! that item says so. So a group is there whole or not at all, and two writers meet in one key.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::xxh3_128;

use super::table::{Item, bytes, bytes_value, failed, item, number, number_value};
use crate::store::StoreError;

/// The payload of one item: under 350 KB with its names, where 400 KB are allowed.
const ITEM_BYTES_MAX: usize = 340_000;
/// Positions of one partition: some days of a small installation's log.
const BLOCK: u32 = 20;

/// The partition of a position.
pub(super) fn block(position: u64) -> u64 {
    position >> BLOCK
}

pub(super) fn log_pk(block: u64) -> String {
    format!("log/{block:014}")
}

/// Sorts as the number does.
pub(super) fn sort_key(position: u64) -> String {
    format!("{position:020}")
}

fn rest_pk(block: u64) -> String {
    format!("rest/{block:014}")
}

fn rest_sk(position: u64, digest: &[u8], part: usize) -> String {
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}/{digest}/{part:04}", sort_key(position))
}

/// A group as items: the rest first, the deciding one last.
pub(super) struct Packed {
    pub(super) rest: Vec<Item>,
    pub(super) head: Item,
}

/// Packs records from `first` on.
pub(super) fn pack(first: u64, records: &[Bytes]) -> Packed {
    let size = records.iter().map(|record| record.len() + 4).sum();
    let mut payload = BytesMut::with_capacity(size);
    for record in records {
        payload.put_u32(u32::try_from(record.len()).unwrap_or(u32::MAX));
        payload.put_slice(record);
    }
    let digest = xxh3_128(&payload).to_be_bytes();
    let mut pieces = payload.chunks(ITEM_BYTES_MAX);
    let head = pieces.next().unwrap_or_default();
    let pk = rest_pk(block(first));
    let rest: Vec<Item> = pieces
        .enumerate()
        .map(|(n, piece)| item(&pk, &rest_sk(first, &digest, n), [("r", bytes_value(piece))]))
        .collect();
    let attributes = [
        ("n", number_value(records.len() as u64)),
        ("m", number_value(rest.len() as u64)),
        ("d", bytes_value(&digest)),
        ("r", bytes_value(head)),
    ];
    Packed { head: item(&log_pk(block(first)), &sort_key(first), attributes), rest }
}

/// What a deciding item says.
pub(super) struct Group {
    /// Its first position.
    pub(super) first: u64,
    /// The position after its last one.
    pub(super) end: u64,
    rest: u64,
    digest: Vec<u8>,
    payload: Vec<u8>,
}

impl Group {
    pub(super) fn of(item: &Item) -> Result<Self, StoreError> {
        let first = super::table::text(item, "sk")?;
        let first = first.parse().map_err(|_| failed(format!("`{first}` is no position")))?;
        let records = number(item, "n")?;
        if records == 0 {
            return Err(failed(format!("the group at {first} is empty")));
        }
        Ok(Self {
            first,
            end: first.saturating_add(records),
            rest: number(item, "m")?,
            digest: bytes(item, "d")?.to_vec(),
            payload: bytes(item, "r")?.to_vec(),
        })
    }

    /// The keys of the items that hold the rest.
    pub(super) fn rest_keys(&self) -> Vec<(String, String)> {
        let parts = 0..usize::try_from(self.rest).unwrap_or(usize::MAX);
        let pk = rest_pk(block(self.first));
        parts.map(|part| (pk.clone(), rest_sk(self.first, &self.digest, part))).collect()
    }

    /// The records, once the rest is put behind the beginning.
    pub(super) fn records(mut self, rest: &[Item]) -> Result<Vec<Bytes>, StoreError> {
        for item in rest {
            self.payload.extend_from_slice(bytes(item, "r")?);
        }
        if xxh3_128(&self.payload).to_be_bytes() != self.digest.as_slice() {
            return Err(failed(format!("the group at {} is damaged", self.first)));
        }
        let damaged = || failed(format!("the group at {} is cut short", self.first));
        let mut payload = Bytes::from(std::mem::take(&mut self.payload));
        let mut records = Vec::new();
        while payload.has_remaining() {
            let length = payload.try_get_u32().map_err(|_| damaged())? as usize;
            if length > payload.remaining() {
                return Err(damaged());
            }
            records.push(payload.split_to(length));
        }
        match records.len() as u64 == self.end - self.first {
            true => Ok(records),
            false => Err(damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(sizes: &[usize]) -> Vec<Bytes> {
        sizes.iter().enumerate().map(|(n, size)| Bytes::from(vec![n as u8; *size])).collect()
    }

    #[test]
    fn a_group_comes_back_from_its_items_whatever_its_size() {
        for sizes in [&[0][..], &[1, 0, 3], &[340_000], &[339_996], &[700_000, 5, 700_000]] {
            let records = records(sizes);
            let Packed { rest, head } = pack(7, &records);
            let total: usize = sizes.iter().map(|size| size + 4).sum();
            assert_eq!(rest.len(), total.div_ceil(ITEM_BYTES_MAX) - 1, "{sizes:?}");
            let group = Group::of(&head).unwrap();
            assert_eq!((group.first, group.end), (7, 7 + sizes.len() as u64));
            assert_eq!(group.rest_keys().len(), rest.len());
            assert_eq!(group.records(&rest).unwrap(), records);
        }
    }

    #[test]
    fn the_same_records_make_the_same_items_and_others_have_other_names() {
        let one = pack(7, &records(&[700_000]));
        assert_eq!(one.rest, pack(7, &records(&[700_000])).rest);
        let other = pack(7, &records(&[700_000, 1]));
        assert!(one.rest.iter().all(|item| other.rest.iter().all(|o| o["sk"] != item["sk"])));
    }

    #[test]
    fn a_group_that_lacks_a_part_is_not_taken_for_one() {
        let packed = pack(0, &records(&[700_000]));
        let group = Group::of(&packed.head).unwrap();
        assert!(group.records(&packed.rest[..1]).is_err());
    }
}
