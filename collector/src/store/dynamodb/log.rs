//! The log over the table: where it begins and ends, reading it, creating groups, trimming.

use bytes::Bytes;

use super::group::{Group, block, log_pk, pack, sort_key};
use super::table::{Created, Item, Range, Table, failed, item, number, number_value};
use crate::store::StoreError;

/// The layout that this version writes, and what the records mean. In 1 no batch had runs (`ResultColumns.runs`).
const FORMAT: u64 = 2;
/// The oldest format that is read, and brought up to date by whoever leads: see [`upgrade`].
const FORMAT_OLDEST: u64 = 1;
/// Groups that the first page of a reading has: whoever wants one record reads no megabyte.
const FIRST_PAGE: i32 = 4;
/// Groups that one step of a trim deletes.
const TRIM_STEP: i32 = 100;
/// Sorts behind every position.
const LAST: &str = "99999999999999999999";

/// What the table says about the log as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The first position that is held.
    pub(super) head: u64,
    /// Items before this position are deleted: at most `head`, less while a trim is half done, or where the head lies
    /// inside a group.
    pub(super) swept: u64,
}

fn extent_item(extent: Extent) -> Item {
    let Extent { head, swept } = extent;
    let attributes = [
        ("format", number_value(FORMAT)),
        ("head", number_value(head)),
        ("swept", number_value(swept)),
    ];
    item("meta", "log", attributes)
}

/// Reads where the log begins; makes a new one of an empty table.
pub(super) async fn open(table: &Table) -> Result<Extent, StoreError> {
    let new = Extent { head: 0, swept: 0 };
    let there = match table.get("meta", "log").await? {
        Some(there) => there,
        None => match table.create(extent_item(new)).await? {
            Created::Now => return Ok(new),
            Created::There(there) => there,
        },
    };
    let format = number(&there, "format")?;
    if !(FORMAT_OLDEST..=FORMAT).contains(&format) {
        return Err(table.foreign(format!(
            "it has format {format}, this version understands formats {FORMAT_OLDEST} to {FORMAT}; nothing was changed"
        )));
    }
    extent_of(&there)
}

fn extent_of(there: &Item) -> Result<Extent, StoreError> {
    Ok(Extent { head: number(there, "head")?, swept: number(there, "swept")? })
}

/// Says that what is written from now on is of this version's format: what is there stays as it is, and a version that cannot
/// read what comes refuses the log as a whole.
pub(super) async fn upgrade(table: &Table) -> Result<(), StoreError> {
    match table.get("meta", "log").await? {
        Some(there) if number(&there, "format")? < FORMAT => {
            let extent = extent_of(&there)?;
            save(table, extent, extent).await
        }
        _ => Ok(()),
    }
}

/// The first position that is free.
pub(super) async fn tail(table: &Table, extent: Extent) -> Result<u64, StoreError> {
    let mut tail = extent.head;
    // Blocks are filled one after the other.
    for at in block(extent.swept).. {
        match last_group(table, at, extent.swept, u64::MAX).await? {
            Some(group) => {
                tail = tail.max(group.end);
                if block(group.end) == at {
                    break;
                }
            }
            None => break,
        }
    }
    Ok(tail)
}

/// The last group of a block that begins between these positions.
async fn last_group(
    table: &Table,
    at: u64,
    from: u64,
    to: u64,
) -> Result<Option<Group>, StoreError> {
    let (pk, from, to) = (log_pk(at), sort_key(from), sort_key(to));
    let range = Range { pk: &pk, from: &from, to: &to, forward: false, limit: Some(1) };
    let (items, _) = table.page(&range, None).await?;
    items.first().map(Group::of).transpose()
}

/// Where the group begins that holds `position`.
async fn covering(table: &Table, extent: Extent, position: u64) -> Result<u64, StoreError> {
    let at = block(position);
    for at in [Some(at), at.checked_sub(1)].into_iter().flatten() {
        if let Some(group) = last_group(table, at, extent.swept, position).await? {
            return Ok(if group.end > position { group.first } else { position });
        }
    }
    Ok(position)
}

/// Shows every record from `from` on until `each` gives false; gives the position after the last group that was read.
pub(super) async fn read(
    table: &Table,
    extent: Extent,
    from: u64,
    each: &mut dyn FnMut(u64, Bytes) -> bool,
) -> Result<Option<u64>, StoreError> {
    let from = from.max(extent.head);
    let mut next = covering(table, extent, from).await?;
    let mut limit = Some(FIRST_PAGE);
    loop {
        let at = block(next);
        let (pk, first) = (log_pk(at), sort_key(next));
        let mut range = Range { pk: &pk, from: &first, to: LAST, forward: true, limit };
        let mut start = None;
        loop {
            let (items, after) = table.page(&range, start).await?;
            (limit, range.limit) = (None, None);
            for item in &items {
                let group = Group::of(item)?;
                if group.first != next {
                    // Something in between was not shown: it is there, or this group would not be.
                    return Ok(Some(next));
                }
                next = group.end;
                let first = group.first;
                let mut rest = Vec::new();
                for (pk, sk) in group.rest_keys() {
                    let part = table.get(&pk, &sk).await?;
                    rest.push(part.ok_or_else(|| failed(format!("{pk} {sk} is missing")))?);
                }
                for (position, record) in (first..).zip(group.records(&rest)?) {
                    if position >= from && !each(position, record) {
                        return Ok(None);
                    }
                }
            }
            match after {
                Some(after) => start = Some(after),
                None => break,
            }
        }
        if block(next) == at {
            return Ok(Some(next));
        }
    }
}

/// Creates a group at a position that is thought to be free; false if it is not.
pub(super) async fn create(
    table: &Table,
    first: u64,
    records: &[Bytes],
) -> Result<bool, StoreError> {
    let packed = pack(first, records);
    for part in packed.rest {
        table.put(part).await?;
    }
    Ok(matches!(table.create(packed.head).await?, Created::Now))
}

/// A step of forgetting what is before `before`: what the head is then.
pub(super) async fn trim(table: &Table, extent: Extent, before: u64) -> Result<Extent, StoreError> {
    let at = block(extent.swept);
    let (pk, from, to) = (log_pk(at), sort_key(extent.swept), sort_key(before.saturating_sub(1)));
    let range = Range { pk: &pk, from: &from, to: &to, forward: true, limit: Some(TRIM_STEP) };
    let (items, _) = table.page(&range, None).await?;
    let groups = items.iter().map(Group::of).collect::<Result<Vec<_>, _>>()?;
    // Where the log was swept to a group begins, or nothing is left to trim.
    let Some(last) = groups.last() else {
        return Err(failed("what is to be trimmed is not shown".into()));
    };
    let reached = before.min(last.end);
    let gone: Vec<&Group> = groups.iter().filter(|group| group.end <= reached).collect();
    let swept = gone.last().map_or(extent.swept, |group| group.end);
    let head = reached.max(extent.head);
    // The head moves first: what is about to be deleted is not held any more.
    let moved = Extent { head, swept: extent.swept };
    save(table, extent, moved).await?;
    let keys = gone.iter().flat_map(|group| {
        let own = (log_pk(block(group.first)), sort_key(group.first));
        group.rest_keys().into_iter().chain([own])
    });
    table.delete(keys.collect()).await?;
    let done = Extent { head, swept };
    save(table, moved, done).await?;
    Ok(done)
}

/// Replaces the extent, unless somebody else trimmed.
async fn save(table: &Table, was: Extent, now: Extent) -> Result<(), StoreError> {
    let values = [(":head", number_value(was.head)), (":swept", number_value(was.swept))];
    match table.put_if(extent_item(now), "head = :head AND swept = :swept", values).await? {
        true => Ok(()),
        // An earlier try of ours may have arrived; the next one begins from what is there.
        false => Err(failed("the log's beginning was moved meanwhile".into())),
    }
}
