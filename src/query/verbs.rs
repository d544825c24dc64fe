//! The verbs that take one relation.

use super::names::no_columns;
use super::{Frame, GroupKeys, GroupedFrame, IntoNames, IntoSortKeys, Projections, Verb};
use crate::expr::{Expr, IntoExpr, SortKey};
use crate::ident::Ident;

pub(super) fn list(projections: impl Projections) -> Vec<Expr> {
    let mut list = Vec::new();
    projections.collect_into(&mut list);
    list
}

impl Frame {
    /// The columns and expressions of the next relation, in this order: names, expressions (which need a name of their own:
    /// `.as_("name")`, unless they are columns or aggregates' plain columns), and [`all()`](crate::all).
    ///
    /// A later `where_`, `order_by` or `group_by` may still name a column of the relation before, so
    /// `select(["id"]).where_(col("active"))` works; a column of the selection goes first.
    ///
    /// ```
    /// use portcullis::{Dialect, col, table};
    /// let query = table("t").select(("id", (col("a") + 1).as_("next"))).to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(), r#"SELECT "id", "a" + ?1 AS "next" FROM "t""#);
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    #[track_caller]
    pub fn select(self, projections: impl Projections) -> Frame {
        let list = list(projections);
        let checked = if list.is_empty() { Err(no_columns("select")) } else { Ok(list) };
        self.then_or(checked, Verb::Select)
    }

    /// The rows for which `condition` is true. After `agg` it filters groups (HAVING), after `limit` the limited rows.
    #[doc(alias("filter"))]
    #[track_caller]
    pub fn where_(self, condition: impl IntoExpr) -> Frame {
        let condition = condition.into_expr();
        self.then(|input| Verb::Where(input, condition))
    }

    /// Adds a column, or replaces the one of that name where it stands.
    #[doc(alias("mutate", "assign", "with_columns"))]
    #[track_caller]
    pub fn with_column(self, name: &str, expr: impl IntoExpr) -> Frame {
        let expr = expr.into_expr();
        self.then_or(Ident::new(name), |input, name| Verb::WithColumn(input, name, expr))
    }

    /// Gives a column another name; the others stay.
    #[track_caller]
    pub fn rename(self, from: &str, to: &str) -> Frame {
        let names = Ident::new(from).and_then(|from| Ok((from, Ident::new(to)?)));
        self.then_or(names, |input, names| Verb::Rename(input, vec![names]))
    }

    /// Leaves columns out; the others stay.
    #[track_caller]
    pub fn drop(self, names: impl IntoNames) -> Frame {
        let names =
            names.into_names().and_then(|names| if names.is_empty() { Err(no_columns("drop")) } else { Ok(names) });
        self.then_or(names, Verb::Drop)
    }

    /// Groups the rows by columns or expressions; [`GroupedFrame::agg`] says what to compute for each group. NULL is a group
    /// of its own. [`rollup`](crate::rollup), [`cube`](crate::cube) and [`grouping_sets`](crate::grouping_sets) add subtotals.
    #[track_caller]
    pub fn group_by(self, keys: impl GroupKeys) -> GroupedFrame {
        GroupedFrame { frame: self, groups: keys.into_groups() }
    }

    /// Aggregates over all rows: one row.
    #[track_caller]
    pub fn agg(self, aggregates: impl Projections) -> Frame {
        self.group_by(Vec::<Expr>::new()).agg(aggregates)
    }

    /// Sorts. NULL is larger than any value and text sorts by code point, on every database; see [`SortKey`]. A second
    /// `order_by` sorts again and keeps the earlier order among equals.
    #[doc(alias("sort", "sort_by"))]
    #[track_caller]
    pub fn order_by(self, keys: impl IntoSortKeys) -> Frame {
        let mut list: Vec<SortKey> = Vec::new();
        keys.collect_keys(&mut list);
        let checked = if list.is_empty() { Err(no_columns("order_by")) } else { Ok(list) };
        self.then_or(checked, Verb::OrderBy)
    }

    /// The first `rows` rows. Which rows those are is only sure after an `order_by` by unique keys.
    #[doc(alias("head", "take"))]
    #[track_caller]
    pub fn limit(self, rows: u64) -> Frame {
        self.then(|input| Verb::Limit(input, rows))
    }

    /// Leaves out the first `rows` rows.
    #[doc(alias("skip"))]
    #[track_caller]
    pub fn offset(self, rows: u64) -> Frame {
        self.then(|input| Verb::Offset(input, rows))
    }

    /// Each different row once, in no order; sort after it.
    #[doc(alias("unique"))]
    #[track_caller]
    pub fn distinct(self) -> Frame {
        self.then(Verb::Distinct)
    }

    /// Names the relation, so that `col("id").of("name")` means its columns: for self-joins.
    #[doc(alias("alias"))]
    #[track_caller]
    pub fn as_(self, name: &str) -> Frame {
        self.then_or(Ident::new(name), Verb::As)
    }
}
