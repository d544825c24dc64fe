//! One row of each kind.

use super::names::no_columns;
use super::step::Step;
use super::verbs::{list, sort_keys};
use super::{Frame, IntoSortKeys, Projections, Verb};
use crate::error::{Error, ErrorKind};
use crate::expr::{Kind, row_number, window};

impl Frame {
    /// The first row by `order` of those that agree in `keys`: whole rows that exist, with all their columns.
    ///
    /// NULL in a key is a value like any other: rows with NULL agree. Rows that are equal in `order` too have no sure first, so end it with
    /// something unique. The result has no order of its own; sort after it.
    ///
    /// SQL text, on every database: `ROW_NUMBER() OVER (PARTITION BY keys ORDER BY order)` in a subquery, and a filter for its 1.
    ///
    /// ```
    /// use portcullis::{Dialect, col, table};
    /// portcullis::table! { orders { id: i64, customer: i64 } }
    /// let last = table(orders::table).distinct_on("customer", col("id").desc()).select(["customer", "id"]);
    /// assert_eq!(last.to_sql_for(Dialect::Sqlite)?.sql(), concat!(
    ///     r#"SELECT "customer", "id" FROM (SELECT ROW_NUMBER() OVER (PARTITION BY "customer" ORDER BY "id" DESC) "#,
    ///     r#"AS "row_number", "customer", "id" FROM "orders") AS "t" WHERE "row_number" = ?1"#));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When run: `plan.no_columns` without a key or without an order, `distinct_on.all` for `all()`, `schema.unknown_column`.
    #[doc(alias("drop_duplicates", "unique_by", "deduplicate"))]
    #[track_caller]
    pub fn distinct_on(self, keys: impl Projections, order: impl IntoSortKeys) -> Frame {
        let keys = list(keys);
        let sorted = sort_keys(order);
        let checked = if keys.is_empty() || sorted.is_empty() {
            Err(no_columns("distinct_on"))
        } else if keys.iter().any(|key| matches!(key.kind(), Kind::Everything)) {
            let message = "`distinct_on` takes the columns that rows agree in; for rows that agree in all of them write `distinct()`";
            Err(Error::new(ErrorKind::Plan, "distinct_on.all", message))
        } else {
            Ok(row_number().over(window().partition_by(keys).order_by(sorted)).eq(1))
        };
        self.then_or(checked, |input, first| Verb::Step(input, Box::new(Step::DistinctOn(first))))
    }
}
