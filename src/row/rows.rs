//! Rows that a caller holds: `collect` gives these.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result, show_name};
use crate::row::{Cell, Columns, de};
use crate::types::SqlType;
use crate::value::Value;

/// One row of a result. `Debug` shows the columns' names, never what the cells hold.
#[derive(Clone, PartialEq)]
pub struct Row {
    columns: Arc<Columns>,
    values: Box<[Value]>,
}

impl Row {
    pub(crate) fn new(columns: Arc<Columns>, values: Vec<Value>) -> Row {
        Row { columns, values: values.into_boxed_slice() }
    }

    /// The value in a column, given by name or by position from 0; `None` where there is no such column.
    pub fn get(&self, column: impl ColumnIndex) -> Option<&Value> {
        self.values.get(column.position(&self.columns)?)
    }

    /// The value in a column as a Rust type: a number, text, `Option`, date, or whatever `serde` can read from it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when there is no such column or its value doesn't fit `T`.
    pub fn try_get<T: DeserializeOwned>(&self, column: impl ColumnIndex) -> Result<T> {
        let found = column.position(&self.columns).and_then(|at| Some((at, self.values.get(at)?)));
        let Some((at, value)) = found else {
            let known: Vec<String> = self.columns.names.iter().take(20).map(|it| show_name(it)).collect();
            let message = format!("no column {} in the row; it has {}", column.shown(), known.join(", "));
            return Err(Error::new(ErrorKind::Decode, "decode.no_column", message));
        };
        de::from_cell(Cell::of(value), self.columns.name(at))
    }

    /// The whole row as a Rust type: a struct by the columns' names, a tuple by their positions, a map, or a plain value
    /// when there is one column.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`], naming the column.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T> {
        de::from_row(self, &self.columns)
    }

    /// The columns' names, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns.names
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True for a row without columns.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The columns' names with their values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.columns.names.iter().map(String::as_str).zip(&self.values)
    }

    /// The values, in order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values by themselves.
    pub fn into_values(self) -> Vec<Value> {
        self.values.into_vec()
    }
}

impl crate::db::driver::RawRow for Row {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        Ok(self.values.get(index).map_or(Cell::Null, Cell::of))
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("columns", &self.columns.names).finish_non_exhaustive()
    }
}

/// The rows of a result, with the names of its columns. Printing it gives an aligned table; `Debug` shows no cell.
#[derive(Clone, PartialEq, Default)]
pub struct Rows {
    columns: Arc<Columns>,
    rows: Vec<Row>,
}

impl Rows {
    pub(crate) fn new(columns: Arc<Columns>, rows: Vec<Row>) -> Rows {
        Rows { columns, rows }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at `index`, from 0.
    pub fn get(&self, index: usize) -> Option<&Row> {
        self.rows.get(index)
    }

    /// The first row.
    pub fn first(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// The rows, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.rows.iter()
    }

    /// The columns' names, in order; known also when there are no rows.
    pub fn columns(&self) -> &[String] {
        &self.columns.names
    }

    /// The columns' types, in order; `None` where a database can't tell before it has seen a value.
    pub fn column_types(&self) -> &[Option<SqlType>] {
        &self.columns.types
    }

    /// Every row as a Rust type; see [`Row::deserialize`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`], naming the column.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.rows.iter().map(Row::deserialize).collect()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("columns", &self.columns.names).field("len", &self.rows.len()).finish()
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

/// What names a column of a row: its name or its position from 0. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't name a column of a row",
    label = "neither a name nor a position",
    note = "give the column's name as text or its position as a `usize`"
)]
pub trait ColumnIndex: sealed::Sealed {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn position(&self, columns: &Columns) -> Option<usize>;
    #[doc(hidden)]
    fn shown(&self) -> String;
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for usize {}
impl ColumnIndex for usize {
    #[allow(private_interfaces)]
    fn position(&self, columns: &Columns) -> Option<usize> {
        (*self < columns.len()).then_some(*self)
    }

    fn shown(&self) -> String {
        format!("at position {self}")
    }
}

impl sealed::Sealed for &str {}
impl ColumnIndex for &str {
    #[allow(private_interfaces)]
    fn position(&self, columns: &Columns) -> Option<usize> {
        columns.position(self)
    }

    fn shown(&self) -> String {
        show_name(self)
    }
}

impl sealed::Sealed for &String {}
impl ColumnIndex for &String {
    #[allow(private_interfaces)]
    fn position(&self, columns: &Columns) -> Option<usize> {
        columns.position(self)
    }

    fn shown(&self) -> String {
        show_name(self)
    }
}
