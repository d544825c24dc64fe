//! Columns that a thread has mentioned before: a chain names the same few again and again.

use std::cell::RefCell;

use super::{Declared, Expr, Kind};
use crate::error::Result;
use crate::ident::Ident;

/// A thread remembers two columns for each place. Nothing but speed depends on which.
const PLACES: usize = 128;

thread_local! {
    static COLUMNS: RefCell<Vec<[Option<Expr>; 2]>> = const { RefCell::new(Vec::new()) };
}

/// The column called `name`, of the relation called `table` if one is given: the expression made for the same words before, or a
/// new one whose names `check` makes.
pub(super) fn column(
    table: Option<&str>,
    name: impl AsRef<[u8]>,
    declared: Option<Declared>,
    check: impl FnOnce() -> Result<(Option<Ident>, Ident)>,
) -> Expr {
    let name = name.as_ref();
    let place = place_of(table.map(str::as_bytes), name);
    let is_it = |known: &&Expr| match known.kind() {
        Kind::Column { table: its_table, name: its_name, declared: its_declared } => {
            its_name.as_bytes() == name
                && its_table.as_ref().map(Ident::as_bytes) == table.map(str::as_bytes)
                && *its_declared == declared
        }
        _ => false,
    };
    let known = COLUMNS.try_with(|columns| {
        let columns = columns.try_borrow().ok()?;
        columns.get(place)?.iter().flatten().find(is_it).cloned()
    });
    if let Ok(Some(known)) = known {
        return known;
    }
    let column = match check() {
        Ok((table, name)) => Expr::make(Kind::Column { table, name, declared }),
        Err(error) => return Expr::invalid(error),
    };
    // A thread that ends remembers nothing any more.
    let _ = COLUMNS.try_with(|columns| {
        let Ok(mut columns) = columns.try_borrow_mut() else { return };
        if columns.is_empty() {
            columns.resize_with(PLACES, Default::default);
        }
        if let Some([newer, older]) = columns.get_mut(place) {
            *older = newer.replace(column.clone());
        }
    });
    column
}

fn place_of(table: Option<&[u8]>, name: &[u8]) -> usize {
    let state = mix(table.map_or(0, |table| mix(1, table)), name);
    (state >> 57) as usize % PLACES
}

/// The ends and the length tell most names apart; two that meet here only take turns.
fn mix(state: u64, bytes: &[u8]) -> u64 {
    let (head, tail) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(head), Some(tail)) => (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into()),
            _ => (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        },
    };
    let product = u128::from(head ^ state ^ 0x9e37_79b9_7f4a_7c15) * u128::from(tail ^ 0xd1b5_4a32_d192_ed03);
    (product as u64) ^ ((product >> 64) as u64) ^ bytes.len() as u64
}
