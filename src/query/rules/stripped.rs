//! What was left out of a write because it may not be written.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ident::Ident;

/// What a write left out, because the table's [`Validator::writable_or_strip`](crate::Validator::writable_or_strip) does not let it be written. Give
/// it to the write with `strip_into`, and look into it afterwards. Clones share what they hold.
#[derive(Debug, Clone, Default)]
pub struct Stripped(Arc<Mutex<Vec<Ident>>>);

impl Stripped {
    /// Nothing yet.
    pub fn new() -> Stripped {
        Stripped::default()
    }

    /// The columns that were left out, each once, in the write's order.
    pub fn columns(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|name| name.as_str().to_owned()).collect()
    }

    /// True when nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Adds columns that were left out.
pub(crate) fn note(stripped: &Stripped, columns: impl IntoIterator<Item = Ident>) {
    let mut known = stripped.0.lock().unwrap_or_else(PoisonError::into_inner);
    for column in columns {
        if !known.contains(&column) {
            known.push(column);
        }
    }
}
