//! Cells on their way out of SQLite.
//!
//! A cell has one of five storage classes, whatever its column was declared as. It is brought to the type that the compiler
//! expects, else to the declared one, else it stays what it is.

use std::borrow::Cow;

use rusqlite::types::ValueRef;

use crate::db::driver::{Expected, RawRow};
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::row::{Cell, Columns, convert};
use crate::types::SqlType;

/// A row that SQLite stands on.
pub(super) struct SqliteRow<'r> {
    pub(super) row: &'r rusqlite::Row<'r>,
    pub(super) columns: &'r Columns,
}

impl RawRow for SqliteRow<'_> {
    fn len(&self) -> usize {
        self.columns.names.len()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        let column = self.columns.name(index);
        let sql_type = self.columns.types.get(index).copied().flatten();
        let value = self.row.get_ref(index).map_err(|_| {
            Error::new(ErrorKind::Internal, "internal.column", format!("a row has no column at position {index}"))
        })?;
        let cell = match value {
            ValueRef::Null => return Ok(Cell::Null),
            ValueRef::Integer(it) => Cell::Int(it),
            ValueRef::Real(it) => Cell::Float(it),
            // A text that is no UTF-8 can still be asked for as bytes.
            ValueRef::Text(it) => match std::str::from_utf8(it) {
                Ok(it) => Cell::Text(Cow::Borrowed(it)),
                Err(_) if sql_type == Some(SqlType::Bytes) => Cell::Bytes(Cow::Borrowed(it)),
                Err(_) => {
                    let message = format!("column {} holds text that is not utf-8", show_name(column));
                    return Err(Error::new(ErrorKind::Decode, "decode.text", message).with_column(column));
                }
            },
            ValueRef::Blob(it) => Cell::Bytes(Cow::Borrowed(it)),
        };
        match sql_type {
            Some(sql_type) => convert(cell, sql_type, column),
            None => Ok(cell),
        }
    }
}

/// The result's columns: the compiler's where it knows them, else SQLite's names and declared types.
pub(super) fn describe(statement: &rusqlite::Statement<'_>, expected: Option<&[Expected]>) -> Result<Columns> {
    let mut columns = Columns::default();
    for (index, column) in statement.columns().enumerate() {
        let known = expected.and_then(|expected| expected.get(index));
        columns.names.push(known.map_or_else(|| column.name().to_owned(), |known| known.name.as_str().to_owned()));
        let sql_type = known.and_then(|known| known.sql_type);
        columns.types.push(sql_type.or_else(|| column.decl_type().and_then(declared)));
    }
    match expected {
        // A statement without rows (a write) has no columns, and the compiler expects none of it.
        Some(expected) if expected.len() != columns.len() => {
            let message = format!("{} columns were expected but {} came", expected.len(), columns.len());
            Err(Error::new(ErrorKind::Internal, "internal.columns", message))
        }
        _ => Ok(columns),
    }
}

/// The type that a declared type stands for. SQLite takes any words; those of other databases are known here.
pub(crate) fn declared(declared: &str) -> Option<SqlType> {
    let upper = declared.to_ascii_uppercase();
    let (name, shape) = match upper.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.split_once(')')),
        None => (upper.trim(), None),
    };
    let after = shape.map_or("", |(_, after)| after.trim());
    Some(match name {
        "BOOL" | "BOOLEAN" => SqlType::Bool,
        "DATE" => SqlType::Date,
        "TIME" => SqlType::Time,
        "TIMESTAMP" if after == "WITH TIME ZONE" => SqlType::TimestampTz,
        "DATETIME" | "TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE" => SqlType::Timestamp,
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" | "DATETIMETZ" => SqlType::TimestampTz,
        "INTERVAL" => SqlType::Interval,
        "UUID" | "GUID" => SqlType::Uuid,
        // Named so that a number keeps its digits: `JSON` alone would have it stored as a number.
        "JSON" | "JSON TEXT" => SqlType::Json,
        "DECIMAL" | "NUMERIC" | "DEC" => SqlType::Decimal(shape.and_then(|(shape, _)| digits(shape))),
        "BLOB" | "BYTEA" | "BINARY" | "VARBINARY" => SqlType::Bytes,
        // The order of SQLite's own rules of affinity, so that no point becomes an integer by its name.
        "POINT" | "POINTZ" => return None,
        _ if name.contains("INT") => SqlType::Int64,
        _ if ["CHAR", "CLOB", "TEXT"].iter().any(|it| name.contains(it)) => SqlType::Text,
        _ if ["REAL", "FLOA", "DOUB"].iter().any(|it| name.contains(it)) => SqlType::Float64,
        _ => return None,
    })
}

/// `10,2` or `10`; a scale that no decimal has is left out.
fn digits(shape: &str) -> Option<(u8, u8)> {
    let (precision, scale) = shape.split_once(',').unwrap_or((shape, "0"));
    let scale: u8 = scale.trim().parse().ok()?;
    (scale <= 28).then_some((precision.trim().parse().ok()?, scale))
}
