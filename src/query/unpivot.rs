//! Columns as rows.

use super::names::no_columns;
use super::step::Step;
use super::{Frame, IntoNames, Verb};
use crate::ident::Ident;

impl Frame {
    /// The long form: each row once for each of `columns`, with the column's name in `name_column` and its value in `value_column`. The
    /// columns themselves are gone; the others stay, in front of the two new ones, and are repeated.
    ///
    /// The columns must have types of one family, and the values get the type that holds all of them: integers and doubles become
    /// doubles. A NULL is a row like any other; `drop_nulls` leaves those out. The rows come in no order; sort after it.
    ///
    /// SQL text: a `CROSS JOIN` with the names as [`values`](crate::values), and `CASE WHEN … THEN "a" WHEN … THEN "b" END`; the relation is
    /// read once.
    ///
    /// ```
    /// use portcullis::table;
    /// // (id, spring, autumn) becomes (id, season, sold), two rows for each.
    /// let long = table("sales").unpivot(["spring", "autumn"], "season", "sold");
    /// # let _ = long;
    /// ```
    ///
    /// # Errors
    ///
    /// When run: `type.clash` for columns of different families, `plan.repeated_column` where a new name is taken or a column named twice,
    /// `schema.unknown_column`.
    #[doc(alias("melt"))]
    #[track_caller]
    pub fn unpivot(self, columns: impl IntoNames, name_column: &str, value_column: &str) -> Frame {
        let checked = (|| {
            let columns = columns.into_names()?;
            if columns.is_empty() {
                return Err(no_columns("unpivot"));
            }
            Ok((columns, [Ident::new(name_column)?, Ident::new(value_column)?]))
        })();
        self.then_or(checked, |input, (columns, [name, value])| {
            Verb::Step(input, Box::new(Step::Unpivot { columns, name, value }))
        })
    }
}
