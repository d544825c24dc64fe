//! Sort keys.

use super::Expr;

/// One key of an `order_by`, made by [`Expr::asc`] or [`Expr::desc`].
///
/// NULL counts as larger than any value on every database: last in ascending order, first in descending order, unless
/// [`nulls_first`](SortKey::nulls_first) or [`nulls_last`](SortKey::nulls_last) says otherwise. Text sorts by code point.
#[derive(Debug, Clone)]
#[must_use = "a sort key does nothing until it is given to `order_by`"]
pub struct SortKey {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl SortKey {
    pub(crate) fn new(expr: Expr, descending: bool) -> SortKey {
        SortKey { expr, descending, nulls_first: descending }
    }

    /// Puts NULL before all values.
    pub fn nulls_first(mut self) -> SortKey {
        self.nulls_first = true;
        self
    }

    /// Puts NULL after all values.
    pub fn nulls_last(mut self) -> SortKey {
        self.nulls_first = false;
        self
    }
}
