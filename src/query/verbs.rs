//! The verbs that take one relation.

use std::panic::Location;

use super::chain::fits;
use super::list::List;
use super::names::no_columns;
use super::{Frame, GroupKeys, GroupedFrame, IntoNames, IntoSortKeys, Projections, Verb};
use crate::expr::{Expr, IntoExpr, SortKey};
use crate::ident::Ident;

pub(super) fn list(projections: impl Projections) -> Vec<Expr> {
    List::vector(|list| projections.collect_into(list))
}

pub(super) fn sort_keys(keys: impl IntoSortKeys) -> Vec<SortKey> {
    List::vector(|list| keys.collect_keys(list))
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
    pub fn select(mut self, projections: impl Projections) -> Frame {
        if let Some(chain) = self.body.open(Location::caller()) {
            let some = chain.select(|list| projections.collect_into(list));
            return if some { self } else { self.then_or(Err(no_columns("select")), Verb::Select) };
        }
        let list = list(projections);
        let checked = if list.is_empty() { Err(no_columns("select")) } else { Ok(list) };
        self.then_or(checked, Verb::Select)
    }

    /// The rows for which `condition` is true. After `agg` it filters groups (HAVING), after `limit` the limited rows.
    #[doc(alias("filter"))]
    #[track_caller]
    pub fn where_(mut self, condition: impl IntoExpr) -> Frame {
        let condition = condition.into_expr();
        if let Some(chain) = self.body.open(Location::caller()) {
            chain.where_(condition);
            return self;
        }
        self.then(|input| Verb::Where(input, condition))
    }

    /// Adds a column, or replaces the one of that name where it stands.
    #[doc(alias("mutate", "assign", "with_columns"))]
    #[track_caller]
    pub fn with_column(mut self, name: &str, expr: impl IntoExpr) -> Frame {
        let (name, expr) = (Ident::new(name), expr.into_expr());
        if let Ok(name) = &name
            && let Some(chain) = self.body.open(Location::caller())
        {
            chain.with_column(name, expr);
            return self;
        }
        self.then_or(name, |input, name| Verb::WithColumn(input, name, expr))
    }

    /// Gives a column another name; the others stay.
    #[track_caller]
    pub fn rename(mut self, from: &str, to: &str) -> Frame {
        let names = Ident::new(from).and_then(|from| Ok((from, Ident::new(to)?)));
        if let Ok((from, to)) = &names
            && let Some(chain) = self.body.open(Location::caller())
        {
            chain.rename(from, to);
            return self;
        }
        self.then_or(names, |input, names| Verb::Rename(input, vec![names]))
    }

    /// Leaves columns out; the others stay.
    #[track_caller]
    pub fn drop(mut self, names: impl IntoNames) -> Frame {
        let names =
            names.into_names().and_then(|names| if names.is_empty() { Err(no_columns("drop")) } else { Ok(names) });
        if let Ok(names) = &names
            && fits(names)
            && let Some(chain) = self.body.open(Location::caller())
        {
            chain.drop_columns(names);
            return self;
        }
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
    pub fn order_by(mut self, keys: impl IntoSortKeys) -> Frame {
        if let Some(chain) = self.body.open(Location::caller()) {
            let some = chain.order_by(|list| keys.collect_keys(list));
            return if some { self } else { self.then_or(Err(no_columns("order_by")), Verb::OrderBy) };
        }
        let list = sort_keys(keys);
        let checked = if list.is_empty() { Err(no_columns("order_by")) } else { Ok(list) };
        self.then_or(checked, Verb::OrderBy)
    }

    /// The first `rows` rows. Which rows those are is only sure after an `order_by` by unique keys.
    #[doc(alias("head", "take"))]
    #[track_caller]
    pub fn limit(mut self, rows: u64) -> Frame {
        if i64::try_from(rows).is_ok()
            && let Some(chain) = self.body.open(Location::caller())
        {
            chain.limit(rows);
            return self;
        }
        self.then(|input| Verb::Limit(input, rows))
    }

    /// Leaves out the first `rows` rows.
    #[doc(alias("skip"))]
    #[track_caller]
    pub fn offset(mut self, rows: u64) -> Frame {
        if i64::try_from(rows).is_ok()
            && let Some(chain) = self.body.open(Location::caller())
        {
            chain.offset(rows);
            return self;
        }
        self.then(|input| Verb::Offset(input, rows))
    }

    /// Each different row once, in no order; sort after it.
    #[doc(alias("unique"))]
    #[track_caller]
    pub fn distinct(mut self) -> Frame {
        if let Some(chain) = self.body.open(Location::caller()) {
            chain.distinct();
            return self;
        }
        self.then(Verb::Distinct)
    }

    /// Names the relation, so that `col("id").of("name")` means its columns: for self-joins.
    #[doc(alias("alias"))]
    #[track_caller]
    pub fn as_(mut self, name: &str) -> Frame {
        let name = Ident::new(name);
        if let Ok(name) = &name
            && let Some(chain) = self.body.open(Location::caller())
        {
            chain.as_(name);
            return self;
        }
        self.then_or(name, Verb::As)
    }
}
