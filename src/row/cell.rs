//! Cells as drivers hand them over, and the way to the type that the compiler expects.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result, show_name};
use crate::row::{list, number, text};
use crate::types::SqlType;
use crate::value::{Interval, Value};

/// One cell, borrowed from the driver's buffer where that can be.
#[derive(Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Decimal(Decimal),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Date(NaiveDate),
    Time(NaiveTime),
    Timestamp(NaiveDateTime),
    TimestampTz(DateTime<Utc>),
    Interval(Interval),
    Uuid(Uuid),
    Json(Cow<'a, str>),
    Array(Vec<Value>),
}

/// The names and types of a result's columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Columns {
    pub(crate) names: Vec<String>,
    pub(crate) types: Vec<Option<SqlType>>,
}

impl Columns {
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name at `index`; empty past the end, so that an error can always be written.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// The first column of that name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

impl<'a> Cell<'a> {
    /// What the cell holds, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Cell::Null => "null",
            Cell::Bool(_) => "a boolean",
            Cell::Int(_) => "an integer",
            Cell::UInt(_) => "an unsigned integer",
            Cell::Float(_) => "a floating-point number",
            Cell::Decimal(_) => "a decimal",
            Cell::Text(_) => "text",
            Cell::Bytes(_) => "bytes",
            Cell::Date(_) => "a date",
            Cell::Time(_) => "a time",
            Cell::Timestamp(_) => "a timestamp",
            Cell::TimestampTz(_) => "a timestamp with time zone",
            Cell::Interval(_) => "an interval",
            Cell::Uuid(_) => "a uuid",
            Cell::Json(_) => "json",
            Cell::Array(_) => "an array",
        }
    }

    /// The owned value. JSON is parsed here, so it can fail.
    pub(crate) fn into_value(self, column: &str) -> Result<Value> {
        Ok(match self {
            Cell::Null => Value::Null,
            Cell::Bool(it) => Value::Bool(it),
            Cell::Int(it) => Value::Int(it),
            Cell::UInt(it) => i64::try_from(it).map_or(Value::UInt(it), Value::Int),
            Cell::Float(it) => Value::Float(it),
            Cell::Decimal(it) => Value::Decimal(it),
            Cell::Text(it) => Value::Text(it.into_owned()),
            Cell::Bytes(it) => Value::Bytes(it.into_owned()),
            Cell::Date(it) => Value::Date(it),
            Cell::Time(it) => Value::Time(it),
            Cell::Timestamp(it) => Value::Timestamp(it),
            Cell::TimestampTz(it) => Value::TimestampTz(it),
            Cell::Interval(it) => Value::Interval(it),
            Cell::Uuid(it) => Value::Uuid(it),
            Cell::Json(it) => {
                Value::Json(serde_json::from_str(&it).map_err(|_| mismatch(column, &"json", "text that is not json"))?)
            }
            Cell::Array(it) => Value::Array(it),
        })
    }

    /// A cell that borrows from an owned value.
    pub(crate) fn of(value: &'a Value) -> Cell<'a> {
        match value {
            Value::Null => Cell::Null,
            Value::Bool(it) => Cell::Bool(*it),
            Value::Int(it) => Cell::Int(*it),
            Value::UInt(it) => Cell::UInt(*it),
            Value::Float(it) => Cell::Float(*it),
            Value::Decimal(it) => Cell::Decimal(*it),
            Value::Text(it) => Cell::Text(Cow::Borrowed(it)),
            Value::Bytes(it) => Cell::Bytes(Cow::Borrowed(it)),
            Value::Date(it) => Cell::Date(*it),
            Value::Time(it) => Cell::Time(*it),
            Value::Timestamp(it) => Cell::Timestamp(*it),
            Value::TimestampTz(it) => Cell::TimestampTz(*it),
            Value::Interval(it) => Cell::Interval(*it),
            Value::Uuid(it) => Cell::Uuid(*it),
            Value::Json(it) => Cell::Json(Cow::Owned(it.to_string())),
            Value::Array(it) => Cell::Array(it.clone()),
        }
    }
}

/// A cell that is not what its column should hold. The message names types, never the value.
pub(crate) fn mismatch(column: &str, expected: &dyn std::fmt::Display, found: &str) -> Error {
    let message = format!("column {} should hold {expected} but holds {found}", show_name(column));
    Error::new(ErrorKind::Decode, "decode.type", message).with_column(column)
}

/// Brings a wire cell to the type that the compiler expects: the same chain then gives the same types on every database.
/// What can't be brought there exactly is an error; only a decimal's scale rounds, as the databases that know scales do.
pub(crate) fn convert<'a>(cell: Cell<'a>, to: SqlType, column: &str) -> Result<Cell<'a>> {
    match to {
        SqlType::Bool => to_bool(cell, column),
        SqlType::Int16 => to_int(cell, to, i16::MIN.into(), i16::MAX.into(), column),
        SqlType::Int32 => to_int(cell, to, i32::MIN.into(), i32::MAX.into(), column),
        SqlType::Int64 => to_int(cell, to, i64::MIN.into(), i64::MAX.into(), column),
        SqlType::UInt64 => to_int(cell, to, 0, u64::MAX.into(), column),
        SqlType::Float32 | SqlType::Float64 => match cell {
            Cell::Float(_) | Cell::Null => Ok(cell),
            Cell::Int(it) => Ok(Cell::Float(it as f64)),
            Cell::UInt(it) => Ok(Cell::Float(it as f64)),
            Cell::Decimal(it) => Ok(Cell::Float(number::decimal_to_f64(it))),
            other => Err(mismatch(column, &to, other.kind())),
        },
        SqlType::Decimal(shape) => to_decimal(cell, shape.map(|(_, scale)| scale), column),
        SqlType::Text => match cell {
            Cell::Text(_) | Cell::Null => Ok(cell),
            Cell::Json(it) => Ok(Cell::Text(it)),
            Cell::Bytes(it) => {
                utf8(it).map(Cell::Text).ok_or_else(|| mismatch(column, &to, "bytes that are not utf-8"))
            }
            other => Err(mismatch(column, &to, other.kind())),
        },
        SqlType::Bytes => match cell {
            Cell::Bytes(_) | Cell::Null => Ok(cell),
            Cell::Text(Cow::Borrowed(it)) => Ok(Cell::Bytes(Cow::Borrowed(it.as_bytes()))),
            Cell::Text(Cow::Owned(it)) => Ok(Cell::Bytes(Cow::Owned(it.into_bytes()))),
            other => Err(mismatch(column, &to, other.kind())),
        },
        SqlType::Date => match cell {
            Cell::Date(_) | Cell::Null => Ok(cell),
            other => from_text(other, to, column, |it| text::parse_date(it).map(Cell::Date)),
        },
        SqlType::Time => match cell {
            Cell::Time(_) | Cell::Null => Ok(cell),
            other => from_text(other, to, column, |it| text::parse_time(it).map(Cell::Time)),
        },
        SqlType::Timestamp => match cell {
            Cell::Timestamp(_) | Cell::Null => Ok(cell),
            Cell::TimestampTz(it) => Ok(Cell::Timestamp(it.naive_utc())),
            Cell::Date(it) => Ok(Cell::Timestamp(it.and_time(NaiveTime::MIN))),
            other => from_text(other, to, column, |it| text::parse_timestamp(it).map(Cell::Timestamp)),
        },
        SqlType::TimestampTz => match cell {
            Cell::TimestampTz(_) | Cell::Null => Ok(cell),
            Cell::Timestamp(it) => Ok(Cell::TimestampTz(it.and_utc())),
            Cell::Date(it) => Ok(Cell::TimestampTz(it.and_time(NaiveTime::MIN).and_utc())),
            other => from_text(other, to, column, |it| text::parse_timestamp_utc(it).map(Cell::TimestampTz)),
        },
        SqlType::Interval => match cell {
            Cell::Interval(_) | Cell::Null => Ok(cell),
            other => from_text(other, to, column, |it| text::parse_interval(it).map(Cell::Interval)),
        },
        SqlType::Uuid => match cell {
            Cell::Uuid(_) | Cell::Null => Ok(cell),
            // A column of 16 bytes is the other common way to keep a UUID where there is no such type.
            Cell::Bytes(ref it) if it.len() == 16 => {
                Uuid::from_slice(it).map(Cell::Uuid).map_err(|_| mismatch(column, &to, "bytes"))
            }
            other => from_text(other, to, column, |it| Uuid::try_parse(it).ok().map(Cell::Uuid)),
        },
        SqlType::Json => to_json(cell, column),
        SqlType::Array(_) => match cell {
            Cell::Array(_) | Cell::Null => Ok(cell),
            other => list::from_json(other, to, column),
        },
    }
}

fn to_bool<'a>(cell: Cell<'a>, column: &str) -> Result<Cell<'a>> {
    match cell {
        Cell::Bool(_) | Cell::Null => Ok(cell),
        Cell::Int(0) | Cell::UInt(0) => Ok(Cell::Bool(false)),
        Cell::Int(1) | Cell::UInt(1) => Ok(Cell::Bool(true)),
        Cell::Int(_) | Cell::UInt(_) => Err(mismatch(column, &SqlType::Bool, "an integer other than 0 and 1")),
        other => Err(mismatch(column, &SqlType::Bool, other.kind())),
    }
}

fn to_int<'a>(cell: Cell<'a>, to: SqlType, low: i128, high: i128, column: &str) -> Result<Cell<'a>> {
    let number = match cell {
        Cell::Null => return Ok(Cell::Null),
        Cell::Int(it) => i128::from(it),
        Cell::UInt(it) => i128::from(it),
        Cell::Bool(it) => i128::from(it),
        Cell::Decimal(it) => {
            number::decimal_to_integer(it).ok_or_else(|| mismatch(column, &to, "a decimal with a fraction"))?
        }
        Cell::Float(it) => number::float_to_integer(it)
            .ok_or_else(|| mismatch(column, &to, "a floating-point number that is no integer"))?,
        other => return Err(mismatch(column, &to, other.kind())),
    };
    if number < low || number > high {
        return Err(mismatch(column, &to, "a number outside its range"));
    }
    match i64::try_from(number) {
        Ok(it) => Ok(Cell::Int(it)),
        Err(_) => {
            u64::try_from(number).map(Cell::UInt).map_err(|_| mismatch(column, &to, "a number outside its range"))
        }
    }
}

fn to_decimal<'a>(cell: Cell<'a>, scale: Option<u8>, column: &str) -> Result<Cell<'a>> {
    let expected = &"decimal";
    let decimal = match cell {
        Cell::Null => return Ok(Cell::Null),
        Cell::Decimal(it) => it,
        Cell::Int(it) => Decimal::from(it),
        Cell::UInt(it) => Decimal::from(it),
        Cell::Float(it) => number::float_to_decimal(it, scale)
            .ok_or_else(|| mismatch(column, expected, "a floating-point number outside its range"))?,
        Cell::Text(it) => {
            number::text_to_decimal(&it).ok_or_else(|| mismatch(column, expected, "text that is no such number"))?
        }
        other => return Err(mismatch(column, expected, other.kind())),
    };
    Ok(Cell::Decimal(scale.map_or(decimal, |scale| number::rescale(decimal, scale))))
}

fn to_json<'a>(cell: Cell<'a>, column: &str) -> Result<Cell<'a>> {
    let text = match cell {
        Cell::Json(_) | Cell::Null => return Ok(cell),
        Cell::Text(it) => it,
        Cell::Bytes(it) => utf8(it).ok_or_else(|| mismatch(column, &SqlType::Json, "bytes that are not utf-8"))?,
        // SQLite keeps the bare JSON values `1`, `1.5` as numbers in a column of numeric affinity.
        Cell::Int(it) => Cow::Owned(it.to_string()),
        Cell::Float(it) if it.is_finite() => Cow::Owned(number::float_text(it)),
        other => return Err(mismatch(column, &SqlType::Json, other.kind())),
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(Cell::Json(text)),
        Err(_) => Err(mismatch(column, &SqlType::Json, "text that is not json")),
    }
}

fn from_text<'a>(
    cell: Cell<'a>,
    to: SqlType,
    column: &str,
    parse: impl FnOnce(&str) -> Option<Cell<'a>>,
) -> Result<Cell<'a>> {
    let parsed = match &cell {
        Cell::Text(it) => parse(it),
        Cell::Bytes(it) => match std::str::from_utf8(it) {
            Ok(it) => parse(it),
            Err(_) => return Err(mismatch(column, &to, "bytes that are not utf-8")),
        },
        other => return Err(mismatch(column, &to, other.kind())),
    };
    parsed.ok_or_else(|| mismatch(column, &to, "text in another form"))
}

fn utf8(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(it) => std::str::from_utf8(it).ok().map(Cow::Borrowed),
        Cow::Owned(it) => String::from_utf8(it).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
#[path = "cell_tests.rs"]
mod tests;
