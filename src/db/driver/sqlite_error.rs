//! SQLite's errors as ours. Its messages quote values and SQL text, so only names in known places are taken from them.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::db::driver::sqlite_watch::Stop;
use crate::error::{Error, ErrorKind, show_name};

/// An error of a statement; `stop` says why it was interrupted, if it was.
pub(super) fn error_of(error: rusqlite::Error, stop: Option<Stop>) -> Error {
    let (failure, message) = match &error {
        rusqlite::Error::SqliteFailure(failure, message) => (*failure, message.as_deref().unwrap_or("")),
        rusqlite::Error::SqlInputError { error, msg, .. } => (*error, msg.as_str()),
        rusqlite::Error::MultipleStatement => {
            return Error::new(ErrorKind::RawSql, "raw_sql.statements", "the SQL text holds more than one statement");
        }
        _ => return Error::new(ErrorKind::Database, "db.error", "sqlite refused the statement"),
    };
    let new = |kind, code, message: &'static str| Error::new(kind, code, message);
    let error = match failure.code {
        ErrorCode::OperationInterrupted => stopped(stop.unwrap_or(Stop::Cancelled)),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => match stop {
            Some(stop) => stopped(stop),
            None => new(ErrorKind::Database, "db.lock_timeout", "the database is locked by another connection"),
        },
        ErrorCode::ConstraintViolation => constraint(failure.extended_code, message),
        ErrorCode::ReadOnly => {
            new(ErrorKind::Policy, "db.read_only", "the connection is read-only; write through a read-write handle")
        }
        ErrorCode::AuthorizationForStatementDenied => not_authorized(),
        ErrorCode::TooBig => {
            new(ErrorKind::Limit, "db.too_big", "the statement or a value is longer than sqlite takes")
        }
        ErrorCode::TypeMismatch => {
            new(ErrorKind::Database, "db.type_mismatch", "a value doesn't fit the type of its column")
        }
        ErrorCode::DiskFull => new(ErrorKind::Io, "db.disk_full", "the disk is full"),
        ErrorCode::SystemIoFailure => new(ErrorKind::Io, "db.io", "the database file could not be read or written"),
        ErrorCode::DatabaseCorrupt => new(ErrorKind::Database, "db.corrupt", "the database file is damaged"),
        ErrorCode::NotADatabase => new(ErrorKind::Database, "db.not_a_database", "the file is no sqlite database"),
        ErrorCode::OutOfMemory => new(ErrorKind::Limit, "db.memory", "sqlite ran out of memory"),
        ErrorCode::ApiMisuse => new(ErrorKind::RawSql, "raw_sql.empty", "the SQL text holds no statement"),
        _ => refused(message),
    };
    error.with_sqlstate(failure.extended_code.to_string())
}

/// An error while a connection opens.
pub(super) fn open_error(error: rusqlite::Error) -> Error {
    let found = error_of(error, None);
    let (code, message) = match found.code() {
        "db.lock_timeout" => return found,
        "db.not_a_database" => ("connect.not_a_database", "the file is no sqlite database"),
        _ => (
            "connect.open",
            "the database file could not be opened; `?mode=rwc` makes one that does not exist, on a read-write handle",
        ),
    };
    let opened = Error::new(ErrorKind::Connect, code, message);
    match found.sqlstate() {
        Some(sqlstate) => opened.with_sqlstate(sqlstate),
        None => opened,
    }
}

/// Why a statement was stopped.
pub(super) fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Cancelled => Error::new(ErrorKind::Cancelled, "cancelled.server", "the statement was cancelled"),
        Stop::Deadline => {
            Error::new(ErrorKind::Timeout, "timeout.statement", "the statement took longer than its timeout")
        }
    }
}

fn not_authorized() -> Error {
    Error::new(
        ErrorKind::Policy,
        "db.not_authorized",
        "the connection may not do this: it attaches no files, loads no extensions, changes no settings, and when it is read-only \
         writes nothing",
    )
}

fn constraint(extended_code: i32, message: &str) -> Error {
    // `UNIQUE constraint failed: t.a, t.b`, `CHECK constraint failed: name` (or the condition's text, which is not taken).
    let subject = message.split_once(" constraint failed: ").map_or("", |(_, subject)| subject);
    let (code, what) = match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            ("constraint.unique", "the write would store a second row with the same key")
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
            ("constraint.foreign_key", "the write would leave a foreign key without its row")
        }
        ffi::SQLITE_CONSTRAINT_CHECK => ("constraint.check", "the write violates a check constraint"),
        ffi::SQLITE_CONSTRAINT_NOTNULL => {
            ("constraint.not_null", "the write would store null in a column that takes none")
        }
        ffi::SQLITE_CONSTRAINT_DATATYPE => ("constraint.type", "a value doesn't fit the type of its column"),
        ffi::SQLITE_CONSTRAINT_TRIGGER => ("constraint.trigger", "a trigger refused the write"),
        _ => ("constraint.other", "the write violates a constraint"),
    };
    let mut pairs =
        subject.split(", ").map(|it| it.split_once('.').filter(|(table, column)| is_name(table) && is_name(column)));
    let first = pairs.next().flatten();
    let index = subject.strip_prefix("index '").and_then(|it| it.strip_suffix('\'')).filter(|it| is_name(it));
    match (first, index) {
        (Some((table, column)), _) if extended_code != ffi::SQLITE_CONSTRAINT_CHECK => {
            let is_single = pairs.next().is_none();
            let place =
                if is_single { format!("{}.{}", show_name(table), show_name(column)) } else { show_name(table) };
            let error = Error::new(ErrorKind::Constraint, code, format!("{what}: {place}")).with_table(table);
            if is_single { error.with_column(column) } else { error }
        }
        (None, Some(index)) => {
            Error::new(ErrorKind::Constraint, code, format!("{what}: {}", show_name(index))).with_constraint(index)
        }
        _ if extended_code == ffi::SQLITE_CONSTRAINT_CHECK && is_name(subject) => {
            Error::new(ErrorKind::Constraint, code, format!("{what}: {}", show_name(subject))).with_constraint(subject)
        }
        _ => Error::new(ErrorKind::Constraint, code, what),
    }
}

/// SQLite's plain error, which covers everything from an unknown column to an overflow.
fn refused(message: &str) -> Error {
    if let Some(name) = named(message, "no such column: ") {
        let column = name.rsplit_once('.').map_or(name, |(_, column)| column);
        let message = format!("the database has no column {}", show_name(name));
        return Error::new(ErrorKind::Database, "db.unknown_column", message).with_column(column);
    }
    if let Some(name) = named(message, "no such table: ") {
        let message = format!("the database has no table {}", show_name(name));
        return Error::new(ErrorKind::Database, "db.unknown_table", message).with_table(name);
    }
    if let Some(name) = named(message, "no such function: ") {
        let message = format!("the database has no function {}", show_name(name));
        return Error::new(ErrorKind::Database, "db.unknown_function", message);
    }
    // What the authorizer denies is an error of its own, except a function.
    if message.starts_with("not authorized") {
        return not_authorized();
    }
    if message.starts_with("Expression tree is too large") || message.starts_with("too many ") {
        return Error::new(ErrorKind::Limit, "db.limit", "the statement is larger than sqlite takes");
    }
    if message == "integer overflow" {
        return Error::new(ErrorKind::Database, "db.out_of_range", "an integer result is out of range");
    }
    if message.ends_with(": syntax error") || message == "incomplete input" {
        return Error::new(ErrorKind::Database, "db.syntax", "sqlite can't parse the statement");
    }
    Error::new(ErrorKind::Database, "db.error", "sqlite refused the statement")
}

/// The name after `shape`, without quotes and the hint that SQLite adds for a quoted one.
fn named<'m>(message: &'m str, shape: &str) -> Option<&'m str> {
    let rest = message.strip_prefix(shape)?;
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.0,
        None => rest,
    };
    name.split('.').all(is_name).then_some(name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|it| it.is_alphanumeric() || it == '_')
}
