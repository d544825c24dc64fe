//! Rows of the program as a relation.

use std::panic::Location;
use std::sync::Arc;

use super::{Frame, IntoNames, IntoRow, Verb};
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::types::SqlType;
use crate::value::Bind;

/// Named columns and their values, row by row.
pub(crate) struct ValueRows {
    pub(crate) columns: Vec<(Ident, SqlType)>,
    pub(crate) rows: Vec<Vec<Bind>>,
}

/// Rows of the program as a relation: to be joined, to be looked into, or to stand beside a table in a set operation. Every value is
/// a bind; `None` is NULL. No rows at all is a relation without rows, that still has its columns. The columns' types are those
/// of the Rust values. SQL text: `(VALUES ($1, $2), ($3, $4)) AS "t" ("id", "name")`, on SQLite the same in a subselect
/// that names the columns, on MySQL `VALUES ROW(?, ?), …`, on MariaDB SELECTs with UNION ALL.
///
/// Name it with [`as_`](Frame::as_) to say `col("id").of("name")`. A statement takes a limited number of binds (65,535 on
/// servers, 32,766 on SQLite); insert more rows than that into a table.
///
/// ```
/// use portcullis::{Dialect, values};
/// let rates = values(["currency", "rate"], [("EUR", 1.0), ("USD", 1.1)]);
/// let query = rates.select("rate").to_sql_for(Dialect::Postgres)?;
/// assert_eq!(query.sql(), concat!(
///     r#"SELECT "rate" FROM (VALUES ($1::text, $2::double precision), ($3::text, $4::double precision)) "#,
///     r#"AS "t" ("currency", "rate")"#));
/// # Ok::<(), portcullis::Error>(())
/// ```
#[track_caller]
pub fn values<R: IntoRow>(columns: impl IntoNames, rows: impl IntoIterator<Item = R>) -> Frame {
    let rows: Vec<Vec<Bind>> = rows.into_iter().map(|row| row.into_row().0).collect();
    let verb = match columns.into_names().and_then(|names| checked(names, rows, R::types())) {
        Ok(values) => Verb::Values(Arc::new(values)),
        Err(error) => Verb::Invalid(None, error),
    };
    Frame::of(verb, Location::caller(), None)
}

fn checked(names: Vec<Ident>, rows: Vec<Vec<Bind>>, types: Option<Vec<SqlType>>) -> Result<ValueRows> {
    let refuse = |code, message: String| Err(Error::new(ErrorKind::Plan, code, message));
    if names.is_empty() {
        return Err(super::names::no_columns("values"));
    }
    for (position, name) in names.iter().enumerate() {
        if names.iter().take(position).any(|before| before == name) {
            return refuse("plan.repeated_column", format!("two columns of `values` are called {name:?}; rename one"));
        }
    }
    let types = types.or_else(|| rows.first().map(|row| row.iter().map(|bind| bind.sql_type).collect()));
    let Some(types) = types else {
        let message = "`values` has no rows, and a vector as a row doesn't tell how many columns it would have; use tuples or arrays";
        return refuse("values.types", message.to_owned());
    };
    let ragged = rows.iter().map(Vec::len).chain([types.len()]).enumerate().find(|(_, width)| *width != names.len());
    if let Some((position, width)) = ragged {
        let row = if position < rows.len() { format!("row {}", position + 1) } else { "a row".to_owned() };
        let message = format!("{row} of `values` has {width} values for {} columns; give one for each", names.len());
        return refuse("values.width", message);
    }
    Ok(ValueRows { columns: names.into_iter().zip(types).collect(), rows })
}
