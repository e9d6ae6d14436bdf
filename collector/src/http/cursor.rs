//! Where a page of targets ends. By name, which never changes, the last name says it; in an order that changes by itself
//! (since, latency) the whole order is kept for a while: a target that matches throughout is shown exactly once either way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::Problem;
use crate::state::TargetIdx;
use crate::view::targets::After;

/// Targets in all orders that are kept, of 4 bytes each. The oldest order goes first, the newest stays whatever its size.
const KEPT_MAX: usize = 4 << 20;

type Order = Arc<[TargetIdx]>;

/// The orders of lists that somebody may read further.
#[derive(Clone, Default)]
pub struct Orders(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    orders: VecDeque<(u64, Order)>,
    last: u64,
}

impl Orders {
    /// The cursor after this page.
    pub(super) fn cursor(&self, after: After) -> Option<String> {
        match after {
            After::Nothing => None,
            After::Name(name) => {
                let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
                Some(format!("n{hex}"))
            }
            After::Place(order, place) => {
                let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let known = kept.orders.iter().find(|(_, known)| Arc::ptr_eq(known, &order));
                let id = known.map(|(id, _)| *id).unwrap_or_else(|| kept.keep(order));
                Some(format!("o{id}-{place}"))
            }
        }
    }

    /// What a cursor means.
    pub(super) fn read(&self, cursor: Option<&str>) -> Result<After, Problem> {
        let Some(cursor) = cursor else { return Ok(After::Nothing) };
        let name = cursor.strip_prefix('n').and_then(unhex);
        let place = cursor.strip_prefix('o').and_then(|rest| rest.split_once('-'));
        let place = place.and_then(|(id, place)| Some((id.parse().ok()?, place.parse().ok()?)));
        match (name, place) {
            (Some(name), _) => Ok(After::Name(name)),
            (None, Some((id, place))) => self.order(id).map(|order| After::Place(order, place)),
            (None, None) => Err(Problem::bad_request(format!(
                "`cursor={cursor}`: expected the next_cursor of the page before"
            ))),
        }
    }

    fn order(&self, id: u64) -> Result<Order, Problem> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.orders.iter().find(|(known, _)| *known == id);
        found.map(|(_, order)| order.clone()).ok_or_else(|| {
            Problem::bad_request("`cursor`: it is too old; expected a new one, from a list without")
        })
    }
}

impl Kept {
    fn keep(&mut self, order: Order) -> u64 {
        self.last += 1;
        self.orders.push_back((self.last, order));
        let size = |kept: &Self| kept.orders.iter().map(|(_, order)| order.len()).sum::<usize>();
        while self.orders.len() > 1 && size(self) > KEPT_MAX {
            self.orders.pop_front();
        }
        self.last
    }
}

fn unhex(hex: &str) -> Option<String> {
    let digits = hex.as_bytes().chunks(2).map(|pair| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        u8::try_from(digit(0)? * 16 + digit(1)?).ok()
    });
    String::from_utf8(digits.collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_by_name_holds_any_name() {
        let orders = Orders::default();
        let name = "names/with spaces, & ünï✓ %41?#";
        let cursor = orders.cursor(After::Name(name.into())).expect("there is more");
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{cursor}");
        assert!(matches!(orders.read(Some(&cursor)), Ok(After::Name(read)) if read == name));
        for wrong in ["x", "-1", "n0", "nzz", "o1", "o7-1", "nff"] {
            assert!(orders.read(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn orders_are_bounded_and_the_newest_is_always_there() {
        let orders = Orders::default();
        let order = |size: usize| -> Order { vec![TargetIdx(0); size].into() };
        let first = orders.cursor(After::Place(order(KEPT_MAX), 100)).expect("there is more");
        assert!(matches!(orders.read(Some(&first)), Ok(After::Place(_, 100))));
        let second = orders.cursor(After::Place(order(KEPT_MAX + 1), 5)).expect("there is more");
        assert!(orders.read(Some(&first)).is_err(), "the older one had to go");
        assert!(orders.read(Some(&second)).is_ok());
    }
}
