//! Functions that SQLite lacks, or has with another meaning, and that its SQL can't express: they exist on this crate's
//! connections alone, under names that start with `portcullis_`. `compile/lower/forms` writes them.
//!
//! Each is deterministic and harmless, so that an index or a view may not keep it: they are registered `SQLITE_DIRECTONLY`.

mod collect;
mod decimal;
mod moments;
mod text;
mod regexp;
mod number;
mod time;
mod json;
mod array;

use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, Result};

pub(super) use time::clock;

use crate::db::driver::sqlite_watch::Watch;

/// Registers all of them.
pub(super) fn register(connection: &Connection, watch: &Arc<Watch>) -> Result<()> {
    collect::register(connection)?;
    decimal::register(connection)?;
    moments::register(connection)?;
    text::register(connection)?;
    regexp::register(connection)?;
    number::register(connection)?;
    json::register(connection)?;
    array::register(connection)?;
    time::register(connection, watch)
}

const AGGREGATE: FunctionFlags =
    FunctionFlags::SQLITE_UTF8.union(FunctionFlags::SQLITE_DETERMINISTIC).union(FunctionFlags::SQLITE_DIRECTONLY);

/// Registers a function that gives the same for the same operands.
fn scalar(
    connection: &Connection,
    name: &str,
    operands: i32,
    body: impl Fn(&Context<'_>) -> Result<ToSqlOutput<'static>> + Send + 'static,
) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function(name, operands, flags, body)
}

/// A text operand; `None` for NULL.
fn text_at<'a>(context: &'a Context<'_>, position: usize) -> Result<Option<&'a str>> {
    Ok(context.get_raw(position).as_str_or_null()?)
}

/// A number; `None` for NULL. A decimal that no double holds is kept as text.
fn number_at(context: &Context<'_>, position: usize) -> Result<Option<f64>> {
    match context.get_raw(position) {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(number as f64)),
        ValueRef::Real(number) => Ok(Some(number)),
        ValueRef::Text(text) => match std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(Error::UserFunctionError("a text is no number".into())),
        },
        ValueRef::Blob(_) => Err(Error::UserFunctionError("bytes are no number".into())),
    }
}

/// An integer operand; `None` for NULL.
fn int_at(context: &Context<'_>, position: usize) -> Result<Option<i64>> {
    Ok(context.get_raw(position).as_i64_or_null()?)
}
