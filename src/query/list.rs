//! Lists of expressions and of sort keys, as they are collected from what a caller gives.

use std::fmt;

use super::chain::Chain;
use crate::expr::{Expr, SortKey, col};

/// Where a list goes: on the tape of its chain, or, for a verb that has no words, into a vector.
pub struct List<'c, T>(Place<'c, T>);

enum Place<'c, T> {
    Chain { chain: &'c mut Chain, count: u32 },
    Vector(Vec<T>),
}

/// What a list is of.
pub(super) trait Listed {
    /// Writes it on the tape of `chain`.
    fn put(self, chain: &mut Chain);
}

impl Listed for Expr {
    #[inline]
    fn put(self, chain: &mut Chain) {
        chain.expr(self);
    }
}

impl Listed for SortKey {
    #[inline]
    fn put(self, chain: &mut Chain) {
        chain.sort_key(self);
    }
}

impl<T> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("List")
    }
}

#[expect(private_bounds, reason = "nobody else makes or fills one")]
impl<T: Listed> List<'_, T> {
    /// What `collect` gives, in a vector.
    pub(super) fn vector(collect: impl FnOnce(&mut List<'_, T>)) -> Vec<T> {
        let mut list = List(Place::Vector(Vec::new()));
        collect(&mut list);
        match list.0 {
            Place::Vector(items) => items,
            Place::Chain { .. } => Vec::new(),
        }
    }

    /// What `collect` gives, on the tape of `chain`; returns how many.
    #[inline]
    pub(super) fn on(chain: &mut Chain, collect: impl FnOnce(&mut List<'_, T>)) -> u32 {
        let mut list = List(Place::Chain { chain, count: 0 });
        collect(&mut list);
        match list.0 {
            Place::Chain { count, .. } => count,
            Place::Vector(_) => 0,
        }
    }

    /// There will be so many more.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) {
        if let Place::Vector(items) = &mut self.0 {
            items.reserve(more);
        }
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        match &mut self.0 {
            Place::Chain { chain, count } => {
                *count += 1;
                item.put(chain);
            }
            Place::Vector(items) => items.push(item),
        }
    }
}

impl List<'_, Expr> {
    /// The column called `name`.
    #[inline]
    pub(super) fn name(&mut self, name: &str) {
        if let Place::Chain { chain, count } = &mut self.0
            && chain.column(name)
        {
            *count += 1;
            return;
        }
        self.push(col(name));
    }
}
