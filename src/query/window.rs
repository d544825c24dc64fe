//! The verbs of windows and of aggregates that take names: a plain string is a column here too.

use super::names::{IntoSortKeys, Projections};
use super::verbs::{list, sort_keys};
use crate::error::{Error, ErrorKind};
use crate::expr::{Expr, Kind, OrderKey, Window};

impl Window {
    /// Looks only at the rows that have the same values here; NULL is a value of its own. Text compares by code point.
    pub fn partition_by(mut self, columns: impl Projections) -> Window {
        self.partition.append(&mut list(columns));
        if self.partition.iter().any(|key| matches!(key.kind(), Kind::Everything)) {
            let message = "`all()` stands for columns, not for a value; name the columns in `partition_by`";
            return self.refused(Error::new(ErrorKind::Plan, "window.all", message));
        }
        self
    }

    /// Sorts the rows of a partition. NULL counts as larger than any value and text sorts by code point, as everywhere. Rows that
    /// are equal here come in no order that could be relied on: name a unique column last.
    pub fn order_by(mut self, keys: impl IntoSortKeys) -> Window {
        self.order.extend(order_keys(keys));
        self
    }
}

impl Expr {
    /// The order in which an aggregate takes its rows: for `string_agg`, `array_agg`, `json_array_agg`, `first` and `last`.
    /// Rows that are equal here are taken in the order of the aggregated value.
    ///
    /// ```
    /// use portcullis::{col, string_agg};
    /// let names = string_agg(col("name"), ", ").order_by(col("age").desc());
    /// # let _ = names;
    /// ```
    pub fn order_by(self, keys: impl IntoSortKeys) -> Expr {
        let keys = order_keys(keys);
        self.of_aggregate("order_by", |mut call| {
            if !call.function.takes_order() {
                let message = format!("`{}` gives the same in any order; leave `order_by` out", call.function.name());
                return Expr::invalid(Error::new(ErrorKind::Plan, "agg.order", message));
            }
            call.order.extend(keys);
            Expr::make(Kind::Aggregate(Box::new(call)))
        })
    }
}

fn order_keys(keys: impl IntoSortKeys) -> Vec<OrderKey<Expr>> {
    sort_keys(keys)
        .into_iter()
        .map(|key| OrderKey { expr: key.expr, descending: key.descending, nulls_first: key.nulls_first })
        .collect()
}
