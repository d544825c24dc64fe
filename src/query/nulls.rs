//! Verbs about NULL.

use super::names::no_columns;
use super::step::{Chosen, Step};
use super::{Frame, IntoNames, Verb};
use crate::error::Result;
use crate::expr::{All, Operand};

/// What names some or all columns of a relation: one name, an array, a slice or a vector of names, or [`all()`](crate::all). The
/// trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no columns",
    note = "write \"id\", [\"id\", \"total\"], or all()"
)]
pub trait IntoColumns: into_columns::Sealed {
    #[doc(hidden)]
    fn into_columns(self) -> Result<ChosenColumns>;
}

/// Columns by name, or all there are.
#[doc(hidden)]
#[derive(Debug)]
pub struct ChosenColumns(pub(super) Chosen);

mod into_columns {
    pub trait Sealed {}
}

impl into_columns::Sealed for All {}
impl IntoColumns for All {
    fn into_columns(self) -> Result<ChosenColumns> {
        Ok(ChosenColumns(Chosen::All))
    }
}

impl<N: IntoNames> into_columns::Sealed for N {}
impl<N: IntoNames> IntoColumns for N {
    fn into_columns(self) -> Result<ChosenColumns> {
        Ok(ChosenColumns(Chosen::Named(self.into_names()?)))
    }
}

fn chosen(columns: impl IntoColumns, verb: &'static str) -> Result<Chosen> {
    match columns.into_columns()?.0 {
        Chosen::Named(names) if names.is_empty() => Err(no_columns(verb)),
        chosen => Ok(chosen),
    }
}

impl Frame {
    /// Puts `value` where a column is NULL; every column stays, in its place and under its name.
    ///
    /// `value` is a value, a column or an expression over the columns as they were before, and has to be of the column's family (an error
    /// otherwise). With [`all()`](crate::all) it fills every column of its own family: `fill_null(all(), 0)` all numbers, and no text.
    /// A column of integers filled with a fraction becomes one of doubles. Where `value` is NULL too, the result is NULL.
    ///
    /// SQL text: `COALESCE("c", value)` for a column that may hold NULL; one that can't is left as it is.
    ///
    /// ```
    /// use portcullis::{Dialect, table};
    /// portcullis::table! { people { id: i64, name: Option<String>, score: Option<f64> } }
    /// let query = table(people::table).fill_null("name", "Unknown").fill_null("score", 0.0).to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(),
    ///     r#"SELECT "people"."id", COALESCE("people"."name", ?1) AS "name", COALESCE("people"."score", ?2) AS "score" FROM "people""#);
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When run: `type.clash` for a value of another family, `fill_null.no_column` where `all()` finds no column of the value's,
    /// `schema.unknown_column`.
    #[doc(alias("fillna", "replace_nulls"))]
    #[track_caller]
    pub fn fill_null(self, columns: impl IntoColumns, value: impl Operand) -> Frame {
        let value = value.into_operand();
        self.then_or(chosen(columns, "fill_null"), |input, columns| {
            Verb::Step(input, Box::new(Step::FillNull { columns, value }))
        })
    }

    /// Leaves out the rows that have NULL in at least one of `columns`; [`all()`](crate::all) means every column.
    ///
    /// SQL text: `WHERE "a" IS NOT NULL AND "b" IS NOT NULL`.
    ///
    /// ```
    /// use portcullis::{Dialect, table};
    /// let query = table("people").select(["id", "name"]).drop_nulls(["name", "email"]).to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(), r#"SELECT "id", "name" FROM "people" WHERE "name" IS NOT NULL AND "email" IS NOT NULL"#);
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    #[doc(alias("dropna"))]
    #[track_caller]
    pub fn drop_nulls(self, columns: impl IntoColumns) -> Frame {
        self.drop_null_rows(columns, "drop_nulls", false)
    }

    /// Leaves out the rows that have NULL in every one of `columns`: a row with a value in any of them stays. [`all()`](crate::all)
    /// means every column.
    ///
    /// SQL text: `WHERE "a" IS NOT NULL OR "b" IS NOT NULL`.
    #[doc(alias("dropna"))]
    #[track_caller]
    pub fn drop_all_null(self, columns: impl IntoColumns) -> Frame {
        self.drop_null_rows(columns, "drop_all_null", true)
    }

    #[track_caller]
    fn drop_null_rows(self, columns: impl IntoColumns, verb: &'static str, whole: bool) -> Frame {
        self.then_or(chosen(columns, verb), |input, columns| {
            Verb::Step(input, Box::new(Step::DropNulls { columns, whole }))
        })
    }
}
