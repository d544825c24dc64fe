//! MySQL's and MariaDB's values of the binary protocol as cells (MySQL internals, "Binary Protocol Value").

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;
use sqlx::mysql::{MySqlQueryResult, MySqlRow, MySqlTypeInfo};
use sqlx::{Decode, MySql, Row, Type, TypeInfo};

use super::sqlx_rows::{Trap, Wire, fixed, utf8};
use crate::row::Cell;
use crate::types::SqlType;
use crate::value::Interval;

/// How a column's bytes are read. Integers come in the width of their column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoder {
    /// TINYINT(1), which is what BOOLEAN makes.
    Bool,
    Int(SqlType),
    UInt(SqlType),
    /// The bits as a number, highest first.
    Bit,
    Float,
    Double,
    Decimal,
    Text,
    Bytes,
    Date,
    Time,
    /// TIME where a span of time is expected: it may be negative or longer than a day.
    Span,
    Datetime,
    /// TIMESTAMP, which is a moment; sessions run in UTC.
    Timestamp,
    Json,
    Null,
}

impl Wire for MySql {
    type Decoder = Decoder;

    fn decoder(info: &MySqlTypeInfo, expected: Option<SqlType>) -> Option<Decoder> {
        // A column of text with a `_bin` collation is called BINARY or BLOB by its flags; only its character set tells, and
        // this is where sqlx shows it. MySQL also calls a bare parameter text when bytes are bound to it.
        if <str as Type<MySql>>::compatible(info) {
            return Some(if expected == Some(SqlType::Bytes) { Decoder::Bytes } else { Decoder::Text });
        }
        by_name(info.name(), expected)
    }

    fn sql_type(decoder: &Decoder) -> Option<SqlType> {
        Some(match decoder {
            Decoder::Bool => SqlType::Bool,
            Decoder::Int(sql_type) | Decoder::UInt(sql_type) => *sql_type,
            Decoder::Bit => SqlType::UInt64,
            Decoder::Float => SqlType::Float32,
            Decoder::Double => SqlType::Float64,
            Decoder::Decimal => SqlType::Decimal(None),
            Decoder::Text => SqlType::Text,
            Decoder::Bytes => SqlType::Bytes,
            Decoder::Date => SqlType::Date,
            Decoder::Time => SqlType::Time,
            Decoder::Span => SqlType::Interval,
            Decoder::Datetime => SqlType::Timestamp,
            Decoder::Timestamp => SqlType::TimestampTz,
            Decoder::Json => SqlType::Json,
            Decoder::Null => return None,
        })
    }

    fn cell<'r>(row: &'r MySqlRow, index: usize, decoder: &Decoder) -> Result<Cell<'r>, Trap> {
        let value = row.try_get_raw(index).map_err(|_| Trap::Malformed)?;
        // Not `is_null`, which also says so of a zero date. This fails for NULL only, without setting memory aside.
        match <&[u8] as Decode<MySql>>::decode(value) {
            Ok(bytes) => decode(bytes, *decoder),
            Err(_) => Ok(Cell::Null),
        }
    }

    fn affected(result: &MySqlQueryResult) -> u64 {
        result.rows_affected()
    }
}

fn by_name(name: &str, expected: Option<SqlType>) -> Option<Decoder> {
    Some(match name {
        // Where an integer is expected, a TINYINT(1) may hold more than 0 and 1.
        "BOOLEAN" if expected.is_some_and(SqlType::is_integer) => Decoder::Int(SqlType::Int16),
        "BOOLEAN" => Decoder::Bool,
        "TINYINT" | "SMALLINT" => Decoder::Int(SqlType::Int16),
        "TINYINT UNSIGNED" => Decoder::UInt(SqlType::Int16),
        "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "YEAR" => Decoder::UInt(SqlType::Int32),
        "MEDIUMINT" | "INT" => Decoder::Int(SqlType::Int32),
        "INT UNSIGNED" => Decoder::UInt(SqlType::Int64),
        "BIGINT" => Decoder::Int(SqlType::Int64),
        "BIGINT UNSIGNED" => Decoder::UInt(SqlType::UInt64),
        "BIT" => Decoder::Bit,
        "FLOAT" => Decoder::Float,
        "DOUBLE" => Decoder::Double,
        "DECIMAL" => Decoder::Decimal,
        "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" | "SET" => Decoder::Text,
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => Decoder::Bytes,
        "DATE" => Decoder::Date,
        "TIME" if expected == Some(SqlType::Interval) => Decoder::Span,
        "TIME" => Decoder::Time,
        "DATETIME" => Decoder::Datetime,
        "TIMESTAMP" => Decoder::Timestamp,
        "JSON" => Decoder::Json,
        "NULL" => Decoder::Null,
        // GEOMETRY, and what later servers bring.
        _ => return None,
    })
}

pub(super) fn decode(bytes: &[u8], decoder: Decoder) -> Result<Cell<'_>, Trap> {
    Ok(match decoder {
        Decoder::Bool => match signed(bytes)? {
            0 => Cell::Bool(false),
            1 => Cell::Bool(true),
            _ => return Err(Trap::NotBool),
        },
        Decoder::Int(_) => Cell::Int(signed(bytes)?),
        Decoder::UInt(_) => unsigned_cell(unsigned(bytes)?),
        Decoder::Bit => {
            if bytes.len() > 8 {
                return Err(Trap::Malformed);
            }
            unsigned_cell(bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
        }
        Decoder::Float => Cell::Float(f32::from_le_bytes(fixed(bytes)?).into()),
        Decoder::Double => Cell::Float(f64::from_le_bytes(fixed(bytes)?)),
        Decoder::Decimal => Cell::Decimal(decimal(utf8(bytes)?)?),
        Decoder::Text => Cell::Text(Cow::Borrowed(utf8(bytes)?)),
        Decoder::Bytes => Cell::Bytes(Cow::Borrowed(bytes)),
        Decoder::Date => Cell::Date(datetime(bytes)?.date()),
        Decoder::Time => Cell::Time(time_of_day(bytes)?),
        Decoder::Span => Cell::Interval(Interval { months: 0, days: 0, microseconds: span(bytes)? }),
        Decoder::Datetime => Cell::Timestamp(datetime(bytes)?),
        Decoder::Timestamp => Cell::TimestampTz(datetime(bytes)?.and_utc()),
        Decoder::Json => Cell::Json(Cow::Borrowed(utf8(bytes)?)),
        Decoder::Null => Cell::Null,
    })
}

fn signed(bytes: &[u8]) -> Result<i64, Trap> {
    Ok(match bytes.len() {
        1 => i8::from_le_bytes(fixed(bytes)?).into(),
        2 => i16::from_le_bytes(fixed(bytes)?).into(),
        4 => i32::from_le_bytes(fixed(bytes)?).into(),
        _ => i64::from_le_bytes(fixed(bytes)?),
    })
}

fn unsigned(bytes: &[u8]) -> Result<u64, Trap> {
    Ok(match bytes.len() {
        1 => u8::from_le_bytes(fixed(bytes)?).into(),
        2 => u16::from_le_bytes(fixed(bytes)?).into(),
        4 => u32::from_le_bytes(fixed(bytes)?).into(),
        _ => u64::from_le_bytes(fixed(bytes)?),
    })
}

fn unsigned_cell<'r>(number: u64) -> Cell<'r> {
    i64::try_from(number).map_or(Cell::UInt(number), Cell::Int)
}

/// Up to 65 digits come as text. Zeros at the end of a fraction are dropped when there is no room for them, no other digit is.
fn decimal(text: &str) -> Result<Decimal, Trap> {
    // The parser also takes underscores.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.')) {
        return Err(Trap::Malformed);
    }
    if let Ok(decimal) = Decimal::from_str_exact(text) {
        return Ok(decimal);
    }
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    Decimal::from_str_exact(short).map_err(|_| Trap::Precision)
}

/// The first byte is the count of those that follow: none for a zero date, 4 for a date, 7 with a time, 11 with microseconds.
fn datetime(bytes: &[u8]) -> Result<NaiveDateTime, Trap> {
    let (len, rest) = bytes.split_first().ok_or(Trap::Malformed)?;
    if usize::from(*len) != rest.len() {
        return Err(Trap::Malformed);
    }
    let (date, time) = match rest {
        [] => return Err(Trap::ZeroDate),
        [date @ .., hour, minute, second, a, b, c, d] if date.len() == 4 => {
            (date, clock(*hour, *minute, *second, u32::from_le_bytes([*a, *b, *c, *d])))
        }
        [date @ .., hour, minute, second] if date.len() == 4 => (date, clock(*hour, *minute, *second, 0)),
        date => (date, Some(NaiveTime::MIN)),
    };
    let [low, high, month, day] = fixed(date)?;
    let date = NaiveDate::from_ymd_opt(u16::from_le_bytes([low, high]).into(), month.into(), day.into());
    Ok(date.ok_or(Trap::ZeroDate)?.and_time(time.ok_or(Trap::Malformed)?))
}

fn clock(hour: u8, minute: u8, second: u8, micros: u32) -> Option<NaiveTime> {
    NaiveTime::from_hms_micro_opt(hour.into(), minute.into(), second.into(), micros)
}

fn time_of_day(bytes: &[u8]) -> Result<NaiveTime, Trap> {
    let micros = u64::try_from(span(bytes)?).map_err(|_| Trap::LongTime)?;
    let seconds = u32::try_from(micros / 1_000_000).map_err(|_| Trap::LongTime)?;
    let nanos = u32::try_from(micros % 1_000_000 * 1000).map_err(|_| Trap::LongTime)?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos).ok_or(Trap::LongTime)
}

/// A TIME in microseconds. The first byte counts those that follow: none for zero, 8, or 12 with microseconds; the sign and the
/// days come first.
fn span(bytes: &[u8]) -> Result<i64, Trap> {
    let (len, rest) = bytes.split_first().ok_or(Trap::Malformed)?;
    if usize::from(*len) != rest.len() {
        return Err(Trap::Malformed);
    }
    let (sign, days, [hour, minute, second], micros) = match *rest {
        [] => return Ok(0),
        [sign, a, b, c, d, hour, minute, second] => (sign, [a, b, c, d], [hour, minute, second], [0; 4]),
        [sign, a, b, c, d, hour, minute, second, e, f, g, h] => {
            (sign, [a, b, c, d], [hour, minute, second], [e, f, g, h])
        }
        _ => return Err(Trap::Malformed),
    };
    let hours = i64::from(u32::from_le_bytes(days)) * 24 + i64::from(hour);
    let seconds = (hours * 60 + i64::from(minute)) * 60 + i64::from(second);
    let micros = seconds * 1_000_000 + i64::from(u32::from_le_bytes(micros));
    Ok(if sign == 0 { micros } else { -micros })
}

#[cfg(test)]
#[path = "mysql_decode_tests.rs"]
mod tests;
