//! Binds for MySQL and MariaDB, in the binary protocol (MySQL internals, "Binary Protocol Value").

use chrono::{NaiveDateTime, NaiveTime, Timelike};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::mysql::types::MySqlTime;
use sqlx::mysql::{MySqlArguments, MySqlTypeInfo};
use sqlx::{Arguments, Encode, MySql, Type};

use super::sqlx_bind::{Unsendable, decimal, float, four_digit_date, micros_of_day, refuse};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::types::SqlType;
use crate::value::packed::PackedPart;
use crate::value::{Bind, Value};

/// Encodes all binds or fails at the first that can't be sent exactly.
pub(super) fn arguments(binds: &[Bind], types: &ParameterTypes, dialect: Dialect) -> Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    arguments.reserve(binds.len(), binds.len().saturating_mul(12));
    for (index, bind) in binds.iter().enumerate() {
        arguments
            .add(Bound { bind, types })
            .map_err(|error| refuse(error.as_ref(), index.saturating_add(1), bind, dialect))?;
    }
    Ok(arguments)
}

/// The same of rows, one after another.
pub(super) fn arguments_of(rows: &PackedPart, types: &ParameterTypes, dialect: Dialect) -> Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    let binds = rows.len().saturating_mul(rows.width());
    arguments.reserve(binds, binds.saturating_mul(12));
    for (index, (sql_type, cell)) in rows.cells().enumerate() {
        let bind = &Bind { value: cell.to_value(), sql_type };
        arguments
            .add(Bound { bind, types })
            .map_err(|error| refuse(error.as_ref(), index.saturating_add(1), bind, dialect))?;
    }
    Ok(arguments)
}

/// Wire types that sqlx names only together with decoders that we do not use, so they are taken from a result that has a column
/// of each. Sent as text instead, a decimal would be compared as a double.
#[derive(Debug, Clone)]
pub(super) struct ParameterTypes {
    pub(super) date: MySqlTypeInfo,
    pub(super) datetime: MySqlTypeInfo,
    pub(super) decimal: MySqlTypeInfo,
}

struct Bound<'a> {
    bind: &'a Bind,
    types: &'a ParameterTypes,
}

impl Type<MySql> for Bound<'_> {
    fn type_info() -> MySqlTypeInfo {
        <str as Type<MySql>>::type_info()
    }
}

impl<'a> Encode<'a, MySql> for Bound<'a> {
    fn encode_by_ref(&self, buffer: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        // Also for NULL: what the database lacks should not depend on the value.
        if matches!(self.bind.sql_type, SqlType::Interval | SqlType::Array(_)) {
            return Err(Unsendable::Unsupported.into());
        }
        if self.bind.value.is_null() {
            return Ok(IsNull::Yes);
        }
        write(&self.bind.value, self.bind.sql_type, buffer)
    }

    fn produces(&self) -> Option<MySqlTypeInfo> {
        Some(match self.bind.sql_type {
            SqlType::Bool => <i8 as Type<MySql>>::type_info(),
            SqlType::Int16 | SqlType::Int32 | SqlType::Int64 => <i64 as Type<MySql>>::type_info(),
            SqlType::UInt64 => <u64 as Type<MySql>>::type_info(),
            SqlType::Float32 | SqlType::Float64 => <f64 as Type<MySql>>::type_info(),
            SqlType::Decimal(_) => self.types.decimal.clone(),
            SqlType::Bytes => <[u8] as Type<MySql>>::type_info(),
            SqlType::Date => self.types.date.clone(),
            SqlType::Time => <MySqlTime as Type<MySql>>::type_info(),
            SqlType::Timestamp | SqlType::TimestampTz => self.types.datetime.clone(),
            SqlType::Text | SqlType::Uuid | SqlType::Json | SqlType::Interval | SqlType::Array(_) => {
                <str as Type<MySql>>::type_info()
            }
        })
    }
}

fn write(value: &Value, sql_type: SqlType, out: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
    match (sql_type, value) {
        (SqlType::Bool, Value::Bool(it)) => out.push(u8::from(*it)),
        (SqlType::Int16 | SqlType::Int32 | SqlType::Int64, Value::Int(it)) => out.extend_from_slice(&it.to_le_bytes()),
        (SqlType::Int16 | SqlType::Int32 | SqlType::Int64, Value::UInt(it)) => {
            let it = i64::try_from(*it).map_err(|_| Unsendable::OutOfRange)?;
            out.extend_from_slice(&it.to_le_bytes());
        }
        (SqlType::UInt64, Value::Int(it)) => {
            let it = u64::try_from(*it).map_err(|_| Unsendable::OutOfRange)?;
            out.extend_from_slice(&it.to_le_bytes());
        }
        (SqlType::UInt64, Value::UInt(it)) => out.extend_from_slice(&it.to_le_bytes()),
        (SqlType::Float32 | SqlType::Float64, it) => {
            let it = float(it)?;
            if !it.is_finite() {
                return Err(Unsendable::NotFinite.into());
            }
            out.extend_from_slice(&it.to_le_bytes());
        }
        (SqlType::Decimal(_), it) => return text(&decimal(it)?.to_string(), out),
        (SqlType::Text, Value::Text(it)) => return text(it, out),
        (SqlType::Bytes, Value::Bytes(it)) => return <&[u8] as Encode<MySql>>::encode(it, out),
        (SqlType::Date, Value::Date(it)) => {
            let (year, month, day) = four_digit_date(*it)?;
            out.push(4);
            out.extend_from_slice(&year.to_le_bytes());
            out.extend_from_slice(&[month, day]);
        }
        (SqlType::Time, Value::Time(it)) => {
            micros_of_day(*it)?;
            // Twelve bytes: sign, days, then the time.
            out.extend_from_slice(&[12, 0, 0, 0, 0, 0]);
            write_time(*it, out);
        }
        (SqlType::Timestamp, Value::Timestamp(it)) => write_datetime(*it, out)?,
        // Sessions run in UTC, so that the server stores the same moment.
        (SqlType::TimestampTz, Value::TimestampTz(it)) => write_datetime(it.naive_utc(), out)?,
        (SqlType::Uuid, Value::Uuid(it)) => {
            let mut buffer = uuid::Uuid::encode_buffer();
            return text(it.hyphenated().encode_lower(&mut buffer), out);
        }
        (SqlType::Json, Value::Json(it)) => return text(&it.to_string(), out),
        _ => return Err(Unsendable::Mismatch.into()),
    }
    Ok(IsNull::No)
}

/// With its length in front, in the protocol's own form.
fn text(text: &str, out: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
    <&str as Encode<MySql>>::encode(text, out)
}

fn write_datetime(moment: NaiveDateTime, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    micros_of_day(moment.time())?;
    let (year, month, day) = four_digit_date(moment.date())?;
    out.push(11);
    out.extend_from_slice(&year.to_le_bytes());
    out.extend_from_slice(&[month, day]);
    write_time(moment.time(), out);
    Ok(())
}

/// Hour, minute, second and microseconds.
fn write_time(time: NaiveTime, out: &mut Vec<u8>) {
    // INVARIANT: each part is below 60, and the fraction below a second, since leap seconds were refused.
    let parts = [time.hour(), time.minute(), time.second()];
    out.extend(parts.iter().map(|part| u8::try_from(*part).unwrap_or_default()));
    out.extend_from_slice(&(time.nanosecond() / 1000).to_le_bytes());
}

#[cfg(test)]
#[path = "mysql_bind_tests.rs"]
mod tests;
