//! PostgreSQL's binary values as cells (the types' send functions in PostgreSQL's `src/backend/utils/adt`).
//!
//! Ranges are checked on the raw integers first: the database's dates and numbers reach further than ours.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveTime};
use rust_decimal::Decimal;
use sqlx::postgres::{PgQueryResult, PgRow, PgTypeInfo, PgTypeKind, PgValueFormat};
use sqlx::{Postgres, Row, TypeInfo};
use uuid::Uuid;

use super::postgres_bind::{EPOCH_DAYS, EPOCH_MICROS};
use super::sqlx_rows::{Trap, Wire, fixed, utf8};
use crate::row::Cell;
use crate::types::SqlType;
use crate::value::{Interval, Value};

/// How a column's bytes are read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decoder {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    /// PostgreSQL's `"char"`, one byte.
    Byte,
    Bytes,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Void,
    Array(Box<Decoder>),
}

impl Wire for Postgres {
    type Decoder = Decoder;

    fn decoder(info: &PgTypeInfo, _expected: Option<SqlType>) -> Option<Decoder> {
        let name = info.name();
        // sqlx found no such type in the catalogue, and asking for its kind would panic.
        if name == "?" {
            return None;
        }
        match info.kind() {
            PgTypeKind::Array(element) => match Self::decoder(element, None)? {
                Decoder::Array(_) | Decoder::Void => None,
                element => Some(Decoder::Array(Box::new(element))),
            },
            PgTypeKind::Domain(base) => Self::decoder(base, None),
            PgTypeKind::Enum(_) => Some(Decoder::Text),
            PgTypeKind::Simple | PgTypeKind::Pseudo => by_name(name),
            PgTypeKind::Composite(_) | PgTypeKind::Range(_) => None,
        }
    }

    fn sql_type(decoder: &Decoder) -> Option<SqlType> {
        Some(match decoder {
            Decoder::Bool => SqlType::Bool,
            Decoder::Int2 => SqlType::Int16,
            Decoder::Int4 => SqlType::Int32,
            Decoder::Int8 | Decoder::Oid => SqlType::Int64,
            Decoder::Float4 => SqlType::Float32,
            Decoder::Float8 => SqlType::Float64,
            Decoder::Numeric => SqlType::Decimal(None),
            Decoder::Text | Decoder::Byte => SqlType::Text,
            Decoder::Bytes => SqlType::Bytes,
            Decoder::Date => SqlType::Date,
            Decoder::Time => SqlType::Time,
            Decoder::Timestamp => SqlType::Timestamp,
            Decoder::TimestampTz => SqlType::TimestampTz,
            Decoder::Interval => SqlType::Interval,
            Decoder::Uuid => SqlType::Uuid,
            Decoder::Json | Decoder::Jsonb => SqlType::Json,
            Decoder::Void => return None,
            Decoder::Array(element) => match **element {
                Decoder::Bool => SqlType::Array(&SqlType::Bool),
                Decoder::Int2 => SqlType::Array(&SqlType::Int16),
                Decoder::Int4 => SqlType::Array(&SqlType::Int32),
                Decoder::Int8 | Decoder::Oid => SqlType::Array(&SqlType::Int64),
                Decoder::Float4 => SqlType::Array(&SqlType::Float32),
                Decoder::Float8 => SqlType::Array(&SqlType::Float64),
                Decoder::Numeric => SqlType::Array(&SqlType::Decimal(None)),
                Decoder::Text | Decoder::Byte => SqlType::Array(&SqlType::Text),
                Decoder::Bytes => SqlType::Array(&SqlType::Bytes),
                Decoder::Date => SqlType::Array(&SqlType::Date),
                Decoder::Time => SqlType::Array(&SqlType::Time),
                Decoder::Timestamp => SqlType::Array(&SqlType::Timestamp),
                Decoder::TimestampTz => SqlType::Array(&SqlType::TimestampTz),
                Decoder::Interval => SqlType::Array(&SqlType::Interval),
                Decoder::Uuid => SqlType::Array(&SqlType::Uuid),
                Decoder::Json | Decoder::Jsonb => SqlType::Array(&SqlType::Json),
                Decoder::Void | Decoder::Array(_) => return None,
            },
        })
    }

    fn cell<'r>(row: &'r PgRow, index: usize, decoder: &Decoder) -> Result<Cell<'r>, Trap> {
        let value = row.try_get_raw(index).map_err(|_| Trap::Malformed)?;
        // sqlx asks for the binary format of every result of a prepared statement, and we run no others.
        if value.format() != PgValueFormat::Binary {
            return Err(Trap::Malformed);
        }
        match value.as_bytes() {
            Ok(bytes) => decode(bytes, decoder),
            Err(_) => Ok(Cell::Null),
        }
    }

    fn affected(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }
}

/// sqlx writes the built-in types in capitals and a user's as the catalogue has them, so that the two can't be confused.
fn by_name(name: &str) -> Option<Decoder> {
    Some(match name {
        "BOOL" => Decoder::Bool,
        "INT2" => Decoder::Int2,
        "INT4" => Decoder::Int4,
        "INT8" => Decoder::Int8,
        "OID" => Decoder::Oid,
        "FLOAT4" => Decoder::Float4,
        "FLOAT8" => Decoder::Float8,
        "NUMERIC" => Decoder::Numeric,
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" => Decoder::Text,
        "\"CHAR\"" => Decoder::Byte,
        "BYTEA" => Decoder::Bytes,
        "DATE" => Decoder::Date,
        "TIME" => Decoder::Time,
        "TIMESTAMP" => Decoder::Timestamp,
        "TIMESTAMPTZ" => Decoder::TimestampTz,
        "INTERVAL" => Decoder::Interval,
        "UUID" => Decoder::Uuid,
        "JSON" => Decoder::Json,
        "JSONB" => Decoder::Jsonb,
        "VOID" => Decoder::Void,
        // The extension's type may live in any schema; its wire form is text.
        _ if name == "citext" || name.ends_with(".citext") => Decoder::Text,
        // TIMETZ would lose its zone, and MONEY's unit depends on the server's locale.
        _ => return None,
    })
}

pub(super) fn decode<'r>(bytes: &'r [u8], decoder: &Decoder) -> Result<Cell<'r>, Trap> {
    Ok(match decoder {
        Decoder::Bool => match bytes {
            [0] => Cell::Bool(false),
            [1] => Cell::Bool(true),
            _ => return Err(Trap::Malformed),
        },
        Decoder::Int2 => Cell::Int(i16::from_be_bytes(fixed(bytes)?).into()),
        Decoder::Int4 => Cell::Int(i32::from_be_bytes(fixed(bytes)?).into()),
        Decoder::Int8 => Cell::Int(i64::from_be_bytes(fixed(bytes)?)),
        Decoder::Oid => Cell::Int(u32::from_be_bytes(fixed(bytes)?).into()),
        Decoder::Float4 => Cell::Float(f32::from_be_bytes(fixed(bytes)?).into()),
        Decoder::Float8 => Cell::Float(f64::from_be_bytes(fixed(bytes)?)),
        Decoder::Numeric => Cell::Decimal(numeric(bytes)?),
        Decoder::Text => Cell::Text(Cow::Borrowed(utf8(bytes)?)),
        Decoder::Byte => match bytes {
            [0] => Cell::Text(Cow::Borrowed("")),
            _ => Cell::Text(Cow::Borrowed(utf8(bytes)?)),
        },
        Decoder::Bytes => Cell::Bytes(Cow::Borrowed(bytes)),
        Decoder::Date => Cell::Date(date(i32::from_be_bytes(fixed(bytes)?))?),
        Decoder::Time => Cell::Time(time(i64::from_be_bytes(fixed(bytes)?))?),
        Decoder::Timestamp => Cell::Timestamp(moment(i64::from_be_bytes(fixed(bytes)?))?.naive_utc()),
        Decoder::TimestampTz => Cell::TimestampTz(moment(i64::from_be_bytes(fixed(bytes)?))?),
        Decoder::Interval => Cell::Interval(interval(bytes)?),
        Decoder::Uuid => Cell::Uuid(Uuid::from_bytes(fixed(bytes)?)),
        Decoder::Json => Cell::Json(Cow::Borrowed(utf8(bytes)?)),
        Decoder::Jsonb => match bytes {
            [1, text @ ..] => Cell::Json(Cow::Borrowed(utf8(text)?)),
            _ => return Err(Trap::Malformed),
        },
        Decoder::Void => Cell::Null,
        Decoder::Array(element) => Cell::Array(array(bytes, element)?),
    })
}

fn date(days: i32) -> Result<NaiveDate, Trap> {
    if days == i32::MAX || days == i32::MIN {
        return Err(Trap::Infinite);
    }
    days.checked_add(EPOCH_DAYS).and_then(NaiveDate::from_num_days_from_ce_opt).ok_or(Trap::OutOfRange)
}

/// PostgreSQL also has 24:00:00, which no clock of ours shows.
fn time(micros: i64) -> Result<NaiveTime, Trap> {
    let micros = u64::try_from(micros).map_err(|_| Trap::OutOfRange)?;
    let seconds = u32::try_from(micros / 1_000_000).map_err(|_| Trap::OutOfRange)?;
    let nanos = u32::try_from(micros % 1_000_000 * 1000).map_err(|_| Trap::OutOfRange)?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos).ok_or(Trap::OutOfRange)
}

fn moment(micros: i64) -> Result<DateTime<chrono::Utc>, Trap> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err(Trap::Infinite);
    }
    micros.checked_add(EPOCH_MICROS).and_then(DateTime::from_timestamp_micros).ok_or(Trap::OutOfRange)
}

fn interval(mut bytes: &[u8]) -> Result<Interval, Trap> {
    let microseconds = i64::from_be_bytes(take(&mut bytes)?);
    let days = i32::from_be_bytes(take(&mut bytes)?);
    let months = i32::from_be_bytes(fixed(bytes)?);
    match (months, days, microseconds) {
        // PostgreSQL 17 writes infinity so.
        (i32::MAX, i32::MAX, i64::MAX) | (i32::MIN, i32::MIN, i64::MIN) => Err(Trap::Infinite),
        _ => Ok(Interval { months, days, microseconds }),
    }
}

/// Takes the first `N` bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Trap> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(Trap::Malformed)?;
    *bytes = rest;
    Ok(*head)
}

fn numeric(mut bytes: &[u8]) -> Result<Decimal, Trap> {
    let count = u16::from_be_bytes(take(&mut bytes)?);
    let weight = i32::from(i16::from_be_bytes(take(&mut bytes)?));
    let sign = u16::from_be_bytes(take(&mut bytes)?);
    let shown_scale = u32::from(u16::from_be_bytes(take(&mut bytes)?));
    if !matches!(sign, 0 | 0x4000) {
        // NaN is 0xC000, the infinities 0xD000 and 0xF000.
        return Err(if sign & 0xC000 == 0xC000 { Trap::NotFinite } else { Trap::Malformed });
    }
    let mut mantissa: i128 = 0;
    for _ in 0..count {
        let group = u16::from_be_bytes(take(&mut bytes)?);
        if group > 9999 {
            return Err(Trap::Malformed);
        }
        let shifted = mantissa.checked_mul(10_000).and_then(|it| it.checked_add(group.into()));
        mantissa = shifted.ok_or(Trap::Precision)?;
    }
    // The last group stands for 10,000 to the power of `weight - count + 1`.
    let mut scale = 4 * (i32::from(count) - weight - 1);
    if mantissa == 0 {
        return Decimal::try_from_i128_with_scale(0, shown_scale.min(Decimal::MAX_SCALE)).map_err(|_| Trap::Malformed);
    }
    while scale < 0 {
        mantissa = mantissa.checked_mul(10).ok_or(Trap::Precision)?;
        scale += 1;
    }
    let mut scale = scale.unsigned_abs();
    // A group has four digits, of which the last may lie behind the scale; zeros that do not fit are dropped too.
    while mantissa % 10 == 0
        && scale > 0
        && (scale > shown_scale || scale > Decimal::MAX_SCALE || mantissa > MAX_MANTISSA)
    {
        mantissa /= 10;
        scale -= 1;
    }
    // Trailing zeros that the database shows are kept while there is room.
    while scale < shown_scale.min(Decimal::MAX_SCALE) && mantissa <= MAX_MANTISSA / 10 {
        mantissa *= 10;
        scale += 1;
    }
    let signed = if sign == 0 { mantissa } else { -mantissa };
    Decimal::try_from_i128_with_scale(signed, scale).map_err(|_| Trap::Precision)
}

/// The largest mantissa of a [`Decimal`], of 96 bits.
const MAX_MANTISSA: i128 = (1 << 96) - 1;

fn array(mut bytes: &[u8], element: &Decoder) -> Result<Vec<Value>, Trap> {
    let dimensions = i32::from_be_bytes(take(&mut bytes)?);
    let _has_null: [u8; 4] = take(&mut bytes)?;
    let _element_oid: [u8; 4] = take(&mut bytes)?;
    match dimensions {
        0 => return Ok(Vec::new()),
        1 => {}
        _ => return Err(Trap::Dimensions),
    }
    let count = i32::from_be_bytes(take(&mut bytes)?);
    let _lower_bound: [u8; 4] = take(&mut bytes)?;
    // The count is the server's word; the bytes there are bound what is set aside for it.
    let mut items = Vec::with_capacity(usize::try_from(count).map_err(|_| Trap::Malformed)?.min(bytes.len() / 4));
    for _ in 0..count {
        let Ok(len) = usize::try_from(i32::from_be_bytes(take(&mut bytes)?)) else {
            items.push(Value::Null);
            continue;
        };
        let (item, rest) = bytes.split_at_checked(len).ok_or(Trap::Malformed)?;
        bytes = rest;
        items.push(decode(item, element)?.into_value("").map_err(|_| Trap::Malformed)?);
    }
    Ok(items)
}

#[cfg(test)]
#[path = "postgres_decode_tests.rs"]
mod tests;
