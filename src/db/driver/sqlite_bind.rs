//! Values on their way into SQLite: exactly, or an error.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::db::driver::sqlite_error::error_of;
use crate::error::{Error, ErrorKind, Result};
use crate::row::decimal_as_double;
use crate::value::packed::{PackedCell, PackedPart};
use crate::value::{Bind, Value};

/// Binds all values; a wrong number of them is an error, where SQLite would bind NULL.
pub(super) fn bind(statement: &mut rusqlite::Statement<'_>, binds: &[Bind]) -> Result<()> {
    check_count(statement, binds.len())?;
    for (index, bind) in binds.iter().enumerate() {
        let number = index + 1;
        let value = encode(&bind.value, number)?;
        statement.raw_bind_parameter(number, value).map_err(|error| error_of(error, None))?;
    }
    Ok(())
}

/// The same with one of the rows that the statement runs for.
pub(super) fn bind_row(statement: &mut rusqlite::Statement<'_>, rows: &PackedPart, row: usize) -> Result<()> {
    check_count(statement, rows.width())?;
    for (index, column) in rows.columns().iter().enumerate() {
        let number = index + 1;
        let value = match column.cell(row) {
            PackedCell::Null => Stored::Null,
            PackedCell::Bool(it) => Stored::Integer(it.into()),
            PackedCell::Int(it) => Stored::Integer(it),
            PackedCell::Float(it) if !it.is_nan() => Stored::Real(it),
            PackedCell::Float(_) => encode(&Value::Float(f64::NAN), number)?,
            PackedCell::Text(it) => Stored::Borrowed(it),
            PackedCell::Other(it) => encode(it, number)?,
        };
        statement.raw_bind_parameter(number, value).map_err(|error| error_of(error, None))?;
    }
    Ok(())
}

fn check_count(statement: &rusqlite::Statement<'_>, given: usize) -> Result<()> {
    let wanted = statement.parameter_count();
    if wanted == given {
        return Ok(());
    }
    let message = format!("the statement has {wanted} placeholders but {given} binds");
    Err(Error::new(ErrorKind::Encode, "bind.count", message))
}

/// A value in one of SQLite's five storage classes.
enum Stored<'v> {
    Null,
    Integer(i64),
    Real(f64),
    Borrowed(&'v str),
    Text(String),
    Blob(&'v [u8]),
}

impl ToSql for Stored<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Stored::Null => ValueRef::Null,
            Stored::Integer(it) => ValueRef::Integer(*it),
            Stored::Real(it) => ValueRef::Real(*it),
            Stored::Borrowed(it) => ValueRef::Text(it.as_bytes()),
            Stored::Text(it) => ValueRef::Text(it.as_bytes()),
            Stored::Blob(it) => ValueRef::Blob(it),
        }))
    }
}

fn encode(value: &Value, number: usize) -> Result<Stored<'_>> {
    let refused = |code, why: &str| Err(Error::new(ErrorKind::Encode, code, format!("bind {number}: {why}")));
    Ok(match value {
        Value::Null => Stored::Null,
        Value::Bool(it) => Stored::Integer((*it).into()),
        Value::Int(it) => Stored::Integer(*it),
        Value::UInt(it) => match i64::try_from(*it) {
            Ok(it) => Stored::Integer(it),
            Err(_) => {
                return refused(
                    "bind.out_of_range",
                    "sqlite has no integers above 9223372036854775807; store it as text",
                );
            }
        },
        // SQLite would store NULL.
        Value::Float(it) if it.is_nan() => {
            return refused("bind.not_finite", "sqlite can't store NaN; write null instead");
        }
        Value::Float(it) => Stored::Real(*it),
        Value::Decimal(it) => {
            let it = it.normalize();
            let integer = if it.scale() == 0 { i64::try_from(it.mantissa()).ok() } else { None };
            match (integer, decimal_as_double(it)) {
                (Some(integer), _) => Stored::Integer(integer),
                (None, Some(double)) => Stored::Real(double),
                (None, None) => {
                    return refused(
                        "bind.precision",
                        "sqlite keeps decimals as doubles, which hold 15 digits; store this one as text",
                    );
                }
            }
        }
        Value::Text(it) => Stored::Borrowed(it),
        Value::Bytes(it) => Stored::Blob(it),
        // The forms of SQLite's own date functions, so that text sorts as time does.
        Value::Date(it) => match date(*it) {
            Some(text) => Stored::Text(text),
            None => return refused("bind.out_of_range", "sqlite keeps dates as text with years from 0 to 9999"),
        },
        Value::Time(it) => match time(*it) {
            Some(text) => Stored::Text(text),
            None => return refused("bind.out_of_range", "sqlite has no leap seconds"),
        },
        Value::Timestamp(it) => match timestamp(*it) {
            Some(text) => Stored::Text(text),
            None => return refused("bind.out_of_range", "sqlite keeps timestamps as text with years from 0 to 9999"),
        },
        Value::TimestampTz(it) => match timestamp(it.naive_utc()) {
            Some(text) => Stored::Text(text),
            None => return refused("bind.out_of_range", "sqlite keeps timestamps as text with years from 0 to 9999"),
        },
        Value::Interval(it) => Stored::Text(it.to_string()),
        Value::Uuid(it) => Stored::Text(it.hyphenated().to_string()),
        Value::Json(it) => Stored::Text(it.to_string()),
        Value::Array(_) => return refused("bind.unsupported", "sqlite has no arrays; bind JSON instead"),
    })
}

fn date(date: NaiveDate) -> Option<String> {
    (0..=9999).contains(&date.year()).then(|| date.format("%Y-%m-%d").to_string())
}

/// Microseconds, as PostgreSQL and MySQL keep; finer parts are cut off there too.
fn time(time: NaiveTime) -> Option<String> {
    let form = match time.nanosecond() {
        0..1_000 => "%H:%M:%S",
        1_000..1_000_000_000 => "%H:%M:%S%.6f",
        _ => return None,
    };
    Some(time.format(form).to_string())
}

fn timestamp(timestamp: NaiveDateTime) -> Option<String> {
    Some(format!("{} {}", date(timestamp.date())?, time(timestamp.time())?))
}
