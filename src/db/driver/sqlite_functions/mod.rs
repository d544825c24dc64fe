//! Functions that SQLite lacks, or has with another meaning, and that its SQL can't express: they exist on this crate's
//! connections alone, under names that start with `portcullis_`. `compile/lower/forms` writes them.
//!
//! Each is deterministic and harmless, so that an index or a view may not keep it: they are registered `SQLITE_DIRECTONLY`.

mod text;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Result};

/// Registers all of them.
pub(super) fn register(connection: &Connection) -> Result<()> {
    text::register(connection)
}

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
