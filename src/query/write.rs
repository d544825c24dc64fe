//! Writes: insert, update and delete.

use std::fmt;
use std::panic::Location;

use super::names::no_columns;
use super::version::check_version;
use super::{IntoNames, IntoTable, Origin, TableName, Version};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, IntoExpr, Operand};
use crate::ident::Ident;
use crate::types::SqlType;
use crate::value::{Bind, ToValue};

/// A write as its builder leaves it: a plan like a frame's, which takes the same way through the guard.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) table: Result<TableName>,
    pub(crate) kind: WriteKind,
    pub(crate) mistakes: Vec<Error>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) max_affected: Option<u64>,
    pub(crate) origin: Origin,
    /// What a row must be for the write to be done.
    pub(crate) version: Option<Version>,
    /// What finding no row is.
    pub(crate) conflict: Option<Error>,
}

#[derive(Clone)]
pub(crate) enum WriteKind {
    Insert { columns: Vec<Ident>, rows: Vec<Vec<Bind>> },
    Update { set: Vec<(Ident, Expr)>, condition: Option<Expr>, all_rows: bool },
    Delete { condition: Option<Expr>, all_rows: bool },
}

impl Write {
    #[track_caller]
    fn new(table: impl IntoTable, kind: WriteKind, origin: Origin) -> Write {
        Write {
            table: table.into_table(),
            kind,
            mistakes: Vec::new(),
            location: Location::caller(),
            max_affected: None,
            origin,
            version: None,
            conflict: None,
        }
    }

    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.mistakes.push(error)).ok()
    }
}

impl Write {
    /// Visits the relations of the write's subqueries.
    pub(crate) fn each_below<'w>(&'w self, visit: &mut dyn FnMut(&'w super::Relation)) {
        let exprs: Vec<&Expr> = match &self.kind {
            WriteKind::Insert { .. } => Vec::new(),
            WriteKind::Update { set, condition, .. } => set.iter().map(|(_, value)| value).chain(condition).collect(),
            WriteKind::Delete { condition, .. } => condition.iter().collect(),
        };
        let mut plans = Vec::new();
        super::subquery::plans_of(exprs, &mut plans);
        plans.into_iter().for_each(|plan| plan.each_below(visit));
    }
}

/// Values of one row, by position: a tuple, an array or a vector. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no row of values",
    note = "write (1, \"Ada\", None::<i32>), an array, or a vector of values of one type"
)]
pub trait IntoRow: sealed::Sealed {
    #[doc(hidden)]
    fn into_row(self) -> Row;

    /// The types of its values, where the type of the row tells.
    #[doc(hidden)]
    fn types() -> Option<Vec<SqlType>>
    where
        Self: Sized,
    {
        None
    }
}

/// A row on its way into a statement.
#[doc(hidden)]
pub struct Row(pub(crate) Vec<Bind>);

mod sealed {
    pub trait Sealed {}
}

fn bind<T: ToValue>(value: T) -> Bind {
    Bind { value: value.to_value(), sql_type: T::SQL_TYPE }
}

impl<T: ToValue, const N: usize> sealed::Sealed for [T; N] {}
impl<T: ToValue, const N: usize> IntoRow for [T; N] {
    fn into_row(self) -> Row {
        Row(self.into_iter().map(bind).collect())
    }

    fn types() -> Option<Vec<SqlType>> {
        Some(vec![T::SQL_TYPE; N])
    }
}

impl<T: ToValue> sealed::Sealed for Vec<T> {}
impl<T: ToValue> IntoRow for Vec<T> {
    fn into_row(self) -> Row {
        Row(self.into_iter().map(bind).collect())
    }
}

macro_rules! rows {
    ($($name:ident)+) => {
        impl<$($name: ToValue),+> sealed::Sealed for ($($name,)+) {}
        #[expect(non_snake_case, reason = "the macro names each variable after its type")]
        impl<$($name: ToValue),+> IntoRow for ($($name,)+) {
            fn into_row(self) -> Row {
                let ($($name,)+) = self;
                Row(vec![$(bind($name)),+])
            }

            fn types() -> Option<Vec<SqlType>> {
                Some(vec![$($name::SQL_TYPE),+])
            }
        }
    };
}

rows!(A);
rows!(A B);
rows!(A B C);
rows!(A B C D);
rows!(A B C D E);
rows!(A B C D E F);
rows!(A B C D E F G);
rows!(A B C D E F G H);
rows!(A B C D E F G H I);
rows!(A B C D E F G H I J);
rows!(A B C D E F G H I J K);
rows!(A B C D E F G H I J K L);
rows!(A B C D E F G H I J K L M);
rows!(A B C D E F G H I J K L M N);
rows!(A B C D E F G H I J K L M N O);
rows!(A B C D E F G H I J K L M N O P);

/// New rows for a table; made by `db.insert("table")`.
///
/// ```no_run
/// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
/// let inserted = db.insert("customers").columns(["id", "name"]).row((1, "Ada")).row((2, "Bob")).execute().await?;
/// assert_eq!(inserted, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "an insert does nothing until it is run with `.execute().await`"]
pub struct Insert {
    pub(crate) write: Write,
    pub(crate) origin: Origin,
}

impl Insert {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Insert {
        Insert {
            write: Write::new(table, WriteKind::Insert { columns: Vec::new(), rows: Vec::new() }, origin.clone()),
            origin,
        }
    }

    /// The columns that the rows give values for, in their order.
    pub fn columns(mut self, names: impl IntoNames) -> Insert {
        let names = names.into_names();
        if let (Some(names), WriteKind::Insert { columns, .. }) = (self.write.note(names), &mut self.write.kind) {
            *columns = names;
        }
        self
    }

    /// Adds a row: one value for each column.
    pub fn row(mut self, row: impl IntoRow) -> Insert {
        if let WriteKind::Insert { rows, .. } = &mut self.write.kind {
            rows.push(row.into_row().0);
        }
        self
    }

    /// Adds rows.
    pub fn rows<R: IntoRow>(mut self, new: impl IntoIterator<Item = R>) -> Insert {
        if let WriteKind::Insert { rows, .. } = &mut self.write.kind {
            rows.extend(new.into_iter().map(|row| row.into_row().0));
        }
        self
    }
}

/// A change of rows; made by `db.update("table")`. It needs a condition, or [`all_rows`](Update::all_rows).
///
/// ```no_run
/// # use portcullis::col;
/// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
/// let changed = db.update("stock").set("count", col("count") - 1).where_(col("id").eq(7)).execute().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "an update does nothing until it is run with `.execute().await`"]
pub struct Update {
    pub(crate) write: Write,
    pub(crate) origin: Origin,
}

impl Update {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Update {
        let kind = WriteKind::Update { set: Vec::new(), condition: None, all_rows: false };
        Update { write: Write::new(table, kind, origin.clone()), origin }
    }

    /// Sets `column` to a value, or to an expression over the row as it was.
    pub fn set(mut self, column: &str, value: impl Operand) -> Update {
        let name = Ident::new(column);
        if let (Some(name), WriteKind::Update { set, .. }) = (self.write.note(name), &mut self.write.kind) {
            set.push((name, value.into_operand()));
        }
        self
    }

    /// Sets `column` to NULL.
    pub fn set_null(mut self, column: &str) -> Update {
        let name = Ident::new(column);
        if let (Some(name), WriteKind::Update { set, .. }) = (self.write.note(name), &mut self.write.kind) {
            set.push((name, Expr::make(crate::expr::Kind::Null)));
        }
        self
    }
}

/// A removal of rows; made by `db.delete("table")`. It needs a condition, or [`all_rows`](Delete::all_rows).
#[derive(Clone)]
#[must_use = "a delete does nothing until it is run with `.execute().await`"]
pub struct Delete {
    pub(crate) write: Write,
    pub(crate) origin: Origin,
}

impl Delete {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Delete {
        Delete {
            write: Write::new(table, WriteKind::Delete { condition: None, all_rows: false }, origin.clone()),
            origin,
        }
    }
}

macro_rules! conditions {
    ($($write:ident),*) => {$(
        impl $write {
            /// Only rows for which `condition` is true. A second condition narrows the first.
            pub fn where_(mut self, new: impl IntoExpr) -> $write {
                let new = new.into_expr();
                if let WriteKind::Update { condition, .. } | WriteKind::Delete { condition, .. } = &mut self.write.kind {
                    *condition = Some(match condition.take() {
                        Some(old) => old.and(new),
                        None => new,
                    });
                }
                self
            }

            /// Every row of the table, said on purpose.
            pub fn all_rows(mut self) -> $write {
                if let WriteKind::Update { all_rows, .. } | WriteKind::Delete { all_rows, .. } = &mut self.write.kind {
                    *all_rows = true;
                }
                self
            }

            /// Rolls back, with [`ErrorKind::TooManyRows`], when more than `rows` rows were touched.
            pub fn max_affected(mut self, rows: u64) -> $write {
                self.write.max_affected = Some(rows);
                self
            }
        }
    )*};
}

conditions!(Update, Delete);

macro_rules! write_debug {
    ($($write:ident),*) => {$(
        impl fmt::Debug for $write {
            /// Names the table; never a value.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.write.table {
                    Ok(table) => write!(f, "{}({:?})", stringify!($write), table.name),
                    Err(error) => write!(f, "{}(invalid {})", stringify!($write), error.code()),
                }
            }
        }
    )*};
}

write_debug!(Insert, Update, Delete);

/// The mistakes that need no schema: ragged rows, repeated columns, nothing to set, no condition.
pub(crate) fn check_write(write: &Write) -> Vec<Error> {
    let mut mistakes = write.mistakes.clone();
    let table = match &write.table {
        Ok(table) => table.name.clone(),
        Err(error) => {
            mistakes.push(error.clone());
            return mistakes;
        }
    };
    match &write.kind {
        WriteKind::Insert { columns, rows } => {
            if columns.is_empty() && !rows.is_empty() && write.mistakes.is_empty() {
                mistakes.push(no_columns("insert").with_table(table.as_str()));
            }
            if let Some(repeated) = first_repeated(columns.iter()) {
                mistakes.push(repeated_column(&table, repeated));
            }
            let ragged = rows.iter().enumerate().find(|(_, row)| row.len() != columns.len());
            if let (Some((position, row)), false) = (ragged, columns.is_empty()) {
                mistakes.push(
                    Error::new(
                        ErrorKind::Plan,
                        "insert.ragged",
                        format!(
                            "row {} for {table:?} has {} values for {} columns; give one value for each column",
                            position + 1,
                            row.len(),
                            columns.len()
                        ),
                    )
                    .with_table(table.as_str()),
                );
            }
        }
        WriteKind::Update { set, condition, all_rows } => {
            if set.is_empty() && write.mistakes.is_empty() {
                let message = format!("the update of {table:?} sets nothing; write `.set(\"column\", value)`");
                mistakes.push(Error::new(ErrorKind::Plan, "update.nothing", message).with_table(table.as_str()));
            }
            if let Some(repeated) = first_repeated(set.iter().map(|(name, _)| name)) {
                mistakes.push(repeated_column(&table, repeated));
            }
            mistakes.extend(check_version(write, &table));
            mistakes.extend(condition_needed("update", &table, condition.is_some(), *all_rows));
        }
        WriteKind::Delete { condition, all_rows } => {
            mistakes.extend(check_version(write, &table));
            mistakes.extend(condition_needed("delete", &table, condition.is_some(), *all_rows));
        }
    }
    mistakes
}

fn condition_needed(verb: &str, table: &Ident, condition: bool, all_rows: bool) -> Option<Error> {
    let (code, message) = match (condition, all_rows) {
        (false, false) => (
            "write.no_condition",
            format!("the {verb} of {table:?} has no condition; write `.where_(..)`, or `.all_rows()` for every row"),
        ),
        (true, true) => {
            ("write.all_rows", format!("the {verb} of {table:?} has a condition and `all_rows`; leave one out"))
        }
        _ => return None,
    };
    Some(Error::new(ErrorKind::Policy, code, message).with_table(table.as_str()))
}

fn repeated_column(table: &Ident, column: &Ident) -> Error {
    Error::new(
        ErrorKind::Plan,
        "write.repeated_column",
        format!("the column {column:?} of {table:?} is given twice; leave one out"),
    )
    .with_table(table.as_str())
    .with_column(column.as_str())
}

fn first_repeated<'a>(names: impl Iterator<Item = &'a Ident>) -> Option<&'a Ident> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().find(|name| !seen.insert(name.as_str()))
}
