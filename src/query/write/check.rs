//! The mistakes of a write that need no schema: ragged rows, repeated columns, nothing to set, no condition.

use super::version::check_version;
use super::{RowSet, Source, Write, WriteKind};
use crate::error::{Error, ErrorKind};
use crate::ident::Ident;
use crate::query::names::no_columns;

/// The mistakes that need no schema.
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
        WriteKind::Insert { columns, source, upsert } => {
            let named = match source {
                Source::Rows { rows, .. } => rows.is_empty(),
                Source::Frame { by_name, .. } => *by_name,
            };
            if columns.is_empty() && !named && write.mistakes.is_empty() {
                mistakes.push(no_columns("insert").with_table(table.as_str()));
            }
            if let Some(repeated) = first_repeated(columns.iter()) {
                mistakes.push(repeated_column(&table, repeated));
            }
            if let Source::Rows { rows, .. } = source
                && !columns.is_empty()
            {
                mistakes.extend(ragged(&table, columns, rows));
            }
            if let Some(upsert) = upsert {
                if upsert.set.is_empty() && !upsert.nothing && write.mistakes.is_empty() {
                    let message = format!(
                        "the upsert into {table:?} sets nothing; write `.do_update(|row| row.set(\"column\", value))`, or `.do_nothing()`"
                    );
                    mistakes.push(Error::new(ErrorKind::Plan, "update.nothing", message).with_table(table.as_str()));
                }
                if let Some(repeated) = first_repeated(upsert.set.iter().map(|(name, _)| name)) {
                    mistakes.push(repeated_column(&table, repeated));
                }
            }
        }
        WriteKind::Update { set, condition, all_rows, from } => {
            if set.is_empty() && write.mistakes.is_empty() {
                let message = format!("the update of {table:?} sets nothing; write `.set(\"column\", value)`");
                mistakes.push(Error::new(ErrorKind::Plan, "update.nothing", message).with_table(table.as_str()));
            }
            if let Some(repeated) = first_repeated(set.iter().map(|(name, _)| name)) {
                mistakes.push(repeated_column(&table, repeated));
            }
            mistakes.extend(check_version(write, &table));
            mistakes.extend(condition_needed("update", &table, condition.is_some() || from.is_some(), *all_rows));
        }
        WriteKind::Delete { condition, all_rows, using } => {
            mistakes.extend(check_version(write, &table));
            mistakes.extend(condition_needed("delete", &table, condition.is_some() || using.is_some(), *all_rows));
        }
    }
    mistakes
}

fn ragged(table: &Ident, columns: &[Ident], rows: &RowSet) -> Option<Error> {
    let (position, width) = rows.ragged(columns.len())?;
    let message = format!(
        "row {} for {table:?} has {} values for {} columns; give one value for each column",
        position + 1,
        width,
        columns.len()
    );
    Some(Error::new(ErrorKind::Plan, "insert.ragged", message).with_table(table.as_str()))
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

pub(super) fn repeated_column(table: &Ident, column: &Ident) -> Error {
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
