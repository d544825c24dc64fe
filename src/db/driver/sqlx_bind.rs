//! Why a value can't be bound, for both drivers.

use std::fmt;

use chrono::{Datelike, NaiveDateTime, NaiveTime, Timelike};

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};
use crate::value::{Bind, Value};

/// Why a value can't be sent exactly. It travels through sqlx as the source of its encode error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsendable {
    /// U+0000 in text or JSON.
    Nul,
    /// A number or moment that the database's type has no room for.
    OutOfRange,
    /// NaN or an infinity.
    NotFinite,
    /// The database has no such type.
    Unsupported,
    /// The value is not of the type that the compiler says it is.
    Mismatch,
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bound value can't be sent")
    }
}

impl std::error::Error for Unsendable {}

/// The error for the bind at `position`, counted from 1. A bind that was not added shifts all that follow, so the first
/// failure ends the statement.
pub(super) fn refuse(
    error: &(dyn std::error::Error + Send + Sync + 'static),
    position: usize,
    bind: &Bind,
    dialect: Dialect,
) -> Error {
    let sql_type = bind.sql_type;
    let (code, message) = match error.downcast_ref::<Unsendable>() {
        Some(Unsendable::Nul) => (
            "bind.nul",
            format!(
                "bind {position} holds the character U+0000, which {dialect} can't store as {sql_type}; bind bytes"
            ),
        ),
        Some(Unsendable::OutOfRange) => {
            ("bind.out_of_range", format!("bind {position} is outside the range that {dialect} has for {sql_type}"))
        }
        Some(Unsendable::NotFinite) => (
            "bind.not_finite",
            format!("bind {position} is NaN or infinite, and {dialect} has no such number; bind NULL"),
        ),
        Some(Unsendable::Unsupported) => {
            ("bind.unsupported", format!("bind {position} is of the type {sql_type}, which {dialect} doesn't have"))
        }
        Some(Unsendable::Mismatch) => {
            let found = bind.value.sql_type().map_or_else(|| "NULL".to_owned(), |found| found.to_string());
            ("bind.type", format!("bind {position} should be {sql_type} but is {found}"))
        }
        None => ("bind.too_large", format!("bind {position} is larger than the protocol of {dialect} carries")),
    };
    Error::new(ErrorKind::Encode, code, message)
}

/// A floating-point number from a value that is one, or from an integer that is exact as one.
pub(super) fn float(value: &Value) -> Result<f64, Unsendable> {
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    match value {
        Value::Float(it) => Ok(*it),
        Value::Int(it) if (-EXACT..=EXACT).contains(it) => Ok(*it as f64),
        Value::Int(_) | Value::UInt(_) => Err(Unsendable::OutOfRange),
        _ => Err(Unsendable::Mismatch),
    }
}

/// A decimal from a value that is one, or from an integer.
pub(super) fn decimal(value: &Value) -> Result<rust_decimal::Decimal, Unsendable> {
    match value {
        Value::Decimal(it) => Ok(*it),
        Value::Int(it) => Ok((*it).into()),
        Value::UInt(it) => Ok((*it).into()),
        _ => Err(Unsendable::Mismatch),
    }
}

/// Microseconds since midnight. Finer parts are cut off, as no server here stores them; a leap second is refused, since it would
/// come back as the next day.
pub(super) fn micros_of_day(time: NaiveTime) -> Result<u64, Unsendable> {
    if time.nanosecond() >= 1_000_000_000 {
        return Err(Unsendable::OutOfRange);
    }
    Ok(u64::from(time.num_seconds_from_midnight()) * 1_000_000 + u64::from(time.nanosecond() / 1000))
}

/// Year, month and day, when the year has four digits.
pub(super) fn four_digit_date(date: impl Datelike) -> Result<(u16, u8, u8), Unsendable> {
    let year = u16::try_from(date.year()).ok().filter(|year| (1..=9999).contains(year));
    let month = u8::try_from(date.month());
    let day = u8::try_from(date.day());
    match (year, month, day) {
        (Some(year), Ok(month), Ok(day)) => Ok((year, month, day)),
        _ => Err(Unsendable::OutOfRange),
    }
}

/// Microseconds since 1970, rounded down.
pub(super) fn micros_since_1970(moment: NaiveDateTime) -> Result<i64, Unsendable> {
    micros_of_day(moment.time())?;
    Ok(moment.and_utc().timestamp_micros())
}
