//! Binds for PostgreSQL, in its binary format (PostgreSQL manual, "Message Data Types" and the types' send functions).

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments, Encode, Postgres, Type};

use super::sqlx_bind::{Unsendable, decimal, float, micros_of_day, micros_since_1970, refuse};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// Encodes all binds or fails at the first that can't be sent exactly.
pub(super) fn arguments(binds: &[Bind]) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    arguments.reserve(binds.len(), binds.len().saturating_mul(16));
    for (index, bind) in binds.iter().enumerate() {
        arguments
            .add(Bound(bind))
            .map_err(|error| refuse(error.as_ref(), index.saturating_add(1), bind, Dialect::Postgres))?;
    }
    Ok(arguments)
}

struct Bound<'a>(&'a Bind);

impl Type<Postgres> for Bound<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(oid(SqlType::Text)))
    }
}

impl<'a> Encode<'a, Postgres> for Bound<'a> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        if self.0.value.is_null() {
            return Ok(IsNull::Yes);
        }
        write(&self.0.value, self.0.sql_type, buffer)?;
        Ok(IsNull::No)
    }

    /// The compiler writes the same type behind the placeholder, so that the text alone tells two statements apart: sqlx
    /// keeps prepared statements by their text.
    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(oid(self.0.sql_type))))
    }
}

/// Fixed object ids of the types that values are bound as (PostgreSQL's `pg_type.dat`).
fn oid(sql_type: SqlType) -> u32 {
    match sql_type {
        SqlType::Bool => 16,
        SqlType::Int16 | SqlType::Int32 | SqlType::Int64 | SqlType::UInt64 => 20,
        SqlType::Float32 | SqlType::Float64 => 701,
        SqlType::Decimal(_) => 1700,
        SqlType::Text => 25,
        SqlType::Bytes => 17,
        SqlType::Date => 1082,
        SqlType::Time => 1083,
        SqlType::Timestamp => 1114,
        SqlType::TimestampTz => 1184,
        SqlType::Interval => 1186,
        SqlType::Uuid => 2950,
        SqlType::Json => 3802,
        SqlType::Array(element) => match element {
            SqlType::Bool => 1000,
            SqlType::Int16 | SqlType::Int32 | SqlType::Int64 | SqlType::UInt64 => 1016,
            SqlType::Float32 | SqlType::Float64 => 1022,
            SqlType::Decimal(_) => 1231,
            SqlType::Bytes => 1001,
            SqlType::Date => 1182,
            SqlType::Time => 1183,
            SqlType::Timestamp => 1115,
            SqlType::TimestampTz => 1185,
            SqlType::Interval => 1187,
            SqlType::Uuid => 2951,
            SqlType::Json => 3807,
            // An array of arrays has no type of its own; `write` refuses it.
            SqlType::Text | SqlType::Array(_) => 1009,
        },
    }
}

/// 2000-01-01, from which PostgreSQL counts, as days since 0001-01-01 and as microseconds since 1970.
pub(super) const EPOCH_DAYS: i32 = 730_120;
pub(super) const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// 4714-11-24 BC, before which PostgreSQL has no dates (`DATETIME_MIN_JULIAN`).
const FIRST_DAY: i32 = -2_451_545;
const FIRST_MICROS: i64 = -211_813_488_000_000_000;

pub(super) fn write(value: &Value, sql_type: SqlType, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    match (sql_type, value) {
        (SqlType::Bool, Value::Bool(it)) => out.push(u8::from(*it)),
        (SqlType::Int16 | SqlType::Int32 | SqlType::Int64 | SqlType::UInt64, Value::Int(it)) => {
            out.extend_from_slice(&it.to_be_bytes());
        }
        (SqlType::Int16 | SqlType::Int32 | SqlType::Int64 | SqlType::UInt64, Value::UInt(it)) => {
            let it = i64::try_from(*it).map_err(|_| Unsendable::OutOfRange)?;
            out.extend_from_slice(&it.to_be_bytes());
        }
        (SqlType::Float32 | SqlType::Float64, it) => out.extend_from_slice(&float(it)?.to_be_bytes()),
        (SqlType::Decimal(_), it) => write_numeric(decimal(it)?, out),
        (SqlType::Text, Value::Text(it)) => {
            if it.contains('\0') {
                return Err(Unsendable::Nul);
            }
            out.extend_from_slice(it.as_bytes());
        }
        (SqlType::Bytes, Value::Bytes(it)) => out.extend_from_slice(it),
        (SqlType::Date, Value::Date(it)) => out.extend_from_slice(&days(*it)?.to_be_bytes()),
        (SqlType::Time, Value::Time(it)) => out.extend_from_slice(&micros_of_day(*it)?.to_be_bytes()),
        (SqlType::Timestamp, Value::Timestamp(it)) => out.extend_from_slice(&micros(*it)?.to_be_bytes()),
        (SqlType::TimestampTz, Value::TimestampTz(it)) => {
            out.extend_from_slice(&micros(it.naive_utc())?.to_be_bytes());
        }
        (SqlType::Interval, Value::Interval(it)) => {
            // PostgreSQL 17 reads the extreme of all three fields as infinity; before it, as a very long time.
            let extreme = |months, days, micros| (it.months, it.days, it.microseconds) == (months, days, micros);
            if extreme(i32::MAX, i32::MAX, i64::MAX) || extreme(i32::MIN, i32::MIN, i64::MIN) {
                return Err(Unsendable::OutOfRange);
            }
            out.extend_from_slice(&it.microseconds.to_be_bytes());
            out.extend_from_slice(&it.days.to_be_bytes());
            out.extend_from_slice(&it.months.to_be_bytes());
        }
        (SqlType::Uuid, Value::Uuid(it)) => out.extend_from_slice(it.as_bytes()),
        (SqlType::Json, Value::Json(it)) => {
            let text = it.to_string();
            if has_escaped_nul(&text) {
                return Err(Unsendable::Nul);
            }
            // The version of the binary format of jsonb.
            out.push(1);
            out.extend_from_slice(text.as_bytes());
        }
        (SqlType::Array(SqlType::Array(_)), Value::Array(_)) => return Err(Unsendable::Unsupported),
        (SqlType::Array(element), Value::Array(items)) => write_array(items, *element, out)?,
        _ => return Err(Unsendable::Mismatch),
    }
    Ok(())
}

fn days(date: NaiveDate) -> Result<i32, Unsendable> {
    match date.num_days_from_ce().checked_sub(EPOCH_DAYS) {
        Some(days) if days >= FIRST_DAY => Ok(days),
        _ => Err(Unsendable::OutOfRange),
    }
}

fn micros(moment: chrono::NaiveDateTime) -> Result<i64, Unsendable> {
    match micros_since_1970(moment)?.checked_sub(EPOCH_MICROS) {
        Some(micros) if micros >= FIRST_MICROS => Ok(micros),
        _ => Err(Unsendable::OutOfRange),
    }
}

/// Digits to base 10,000, of which `weight + 1` stand before the point; `scale` keeps trailing zeros visible.
fn write_numeric(decimal: Decimal, out: &mut Vec<u8>) {
    let scale = decimal.scale();
    let pad = (4 - scale % 4) % 4;
    // INVARIANT: a mantissa has at most 96 bits, 29 digits, so that three more fit.
    let mut mantissa = decimal.mantissa().unsigned_abs().saturating_mul(10_u128.pow(pad));
    let fraction_groups = i16::try_from((scale + pad) / 4).unwrap_or(i16::MAX);
    let mut groups: Vec<u16> = Vec::with_capacity(10);
    while mantissa != 0 {
        groups.push(u16::try_from(mantissa % 10_000).unwrap_or_default());
        mantissa /= 10_000;
    }
    let weight = i16::try_from(groups.len()).unwrap_or(i16::MAX) - fraction_groups - 1;
    let trailing = groups.iter().take_while(|group| **group == 0).count();
    let digits = groups.get(trailing..).unwrap_or_default();
    out.extend_from_slice(&u16::try_from(digits.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&(if digits.is_empty() { 0 } else { weight }).to_be_bytes());
    out.extend_from_slice(
        &(if decimal.is_sign_negative() && !decimal.is_zero() { 0x4000_u16 } else { 0 }).to_be_bytes(),
    );
    out.extend_from_slice(&u16::try_from(scale).unwrap_or_default().to_be_bytes());
    for group in digits.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

fn write_array(items: &[Value], element: SqlType, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let has_null = items.iter().any(Value::is_null);
    let len = i32::try_from(items.len()).map_err(|_| Unsendable::OutOfRange)?;
    out.extend_from_slice(&i32::from(!items.is_empty()).to_be_bytes());
    out.extend_from_slice(&i32::from(has_null).to_be_bytes());
    out.extend_from_slice(&oid(element).to_be_bytes());
    if items.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    let mut item_bytes = Vec::new();
    for item in items {
        if item.is_null() {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            continue;
        }
        item_bytes.clear();
        write(item, element, &mut item_bytes)?;
        let len = i32::try_from(item_bytes.len()).map_err(|_| Unsendable::OutOfRange)?;
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&item_bytes);
    }
    Ok(())
}

/// Finds `\u0000`, which jsonb can't hold, but not `\\u0000`, which is a backslash and five letters.
fn has_escaped_nul(json: &str) -> bool {
    let mut rest = json;
    while let Some((_, after)) = rest.split_once('\\') {
        if after.starts_with("u0000") {
            return true;
        }
        // What follows the backslash is part of the escape and one byte long.
        rest = after.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
#[path = "postgres_bind_tests.rs"]
mod tests;
