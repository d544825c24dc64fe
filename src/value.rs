//! Values: what is bound into a statement and what comes back in a row.

pub(crate) mod key;
#[cfg_attr(
    not(all(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "what the servers' drivers need")
)]
pub(crate) mod packed;

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::types::SqlType;
use packed::PackedColumn;

/// One SQL value, bound or returned. `Debug` shows its type, never what it holds.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`; a smaller one is [`Value::Int`].
    UInt(u64),
    /// A floating-point number.
    Float(f64),
    /// A decimal number.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A date.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A date and time without a zone.
    Timestamp(NaiveDateTime),
    /// A moment in time.
    TimestampTz(DateTime<Utc>),
    /// A span of time.
    Interval(Interval),
    /// A UUID.
    Uuid(Uuid),
    /// JSON.
    Json(serde_json::Value),
    /// A one-dimensional array.
    Array(Vec<Value>),
}

/// A span of time, in the three parts that SQL keeps apart: a month has no fixed number of days, a day none of hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Whole months.
    pub months: i32,
    /// Whole days.
    pub days: i32,
    /// Microseconds.
    pub microseconds: i64,
}

impl fmt::Display for Interval {
    /// ISO 8601: `P1M2DT3.5S`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Interval::default() {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        if self.months != 0 {
            write!(f, "{}M", self.months)?;
        }
        if self.days != 0 {
            write!(f, "{}D", self.days)?;
        }
        if self.microseconds != 0 {
            let sign = if self.microseconds < 0 { "-" } else { "" };
            let micros = self.microseconds.unsigned_abs();
            write!(f, "T{sign}{}", micros / 1_000_000)?;
            let fraction = micros % 1_000_000;
            if fraction != 0 {
                let digits = format!("{fraction:06}");
                write!(f, ".{}", digits.trim_end_matches('0'))?;
            }
            f.write_str("S")?;
        }
        Ok(())
    }
}

impl Value {
    /// The type that this value is bound as; `None` for NULL.
    pub fn sql_type(&self) -> Option<SqlType> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(_) => SqlType::Bool,
            Value::Int(_) => SqlType::Int64,
            Value::UInt(_) => SqlType::UInt64,
            Value::Float(_) => SqlType::Float64,
            Value::Decimal(_) => SqlType::Decimal(None),
            Value::Text(_) => SqlType::Text,
            Value::Bytes(_) => SqlType::Bytes,
            Value::Date(_) => SqlType::Date,
            Value::Time(_) => SqlType::Time,
            Value::Timestamp(_) => SqlType::Timestamp,
            Value::TimestampTz(_) => SqlType::TimestampTz,
            Value::Interval(_) => SqlType::Interval,
            Value::Uuid(_) => SqlType::Uuid,
            Value::Json(_) => SqlType::Json,
            Value::Array(items) => match items.iter().find_map(Value::sql_type) {
                Some(SqlType::Bool) => SqlType::Array(&SqlType::Bool),
                Some(SqlType::Int64) => SqlType::Array(&SqlType::Int64),
                Some(SqlType::Float64) => SqlType::Array(&SqlType::Float64),
                Some(SqlType::Decimal(_)) => SqlType::Array(&SqlType::Decimal(None)),
                Some(SqlType::Bytes) => SqlType::Array(&SqlType::Bytes),
                Some(SqlType::Date) => SqlType::Array(&SqlType::Date),
                Some(SqlType::Time) => SqlType::Array(&SqlType::Time),
                Some(SqlType::Timestamp) => SqlType::Array(&SqlType::Timestamp),
                Some(SqlType::TimestampTz) => SqlType::Array(&SqlType::TimestampTz),
                Some(SqlType::Interval) => SqlType::Array(&SqlType::Interval),
                Some(SqlType::Uuid) => SqlType::Array(&SqlType::Uuid),
                Some(SqlType::Json) => SqlType::Array(&SqlType::Json),
                _ => SqlType::Array(&SqlType::Text),
            },
        })
    }

    /// True for NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sql_type() {
            None => f.write_str("NULL"),
            Some(sql_type) => write!(f, "<{sql_type}>"),
        }
    }
}

/// A value together with the SQL type it is bound as: NULL has a type too.
#[derive(Clone, PartialEq)]
pub(crate) struct Bind {
    pub(crate) value: Value,
    pub(crate) sql_type: SqlType,
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.sql_type)
    }
}

/// A Rust type that can be bound: into a comparison, an inserted row or a named parameter of raw SQL.
///
/// Implemented for the integers, floats, `bool`, `&str`, `String`, bytes, [`Decimal`], the `chrono` types, [`Uuid`],
/// [`serde_json::Value`], [`Interval`], vectors of these (arrays, PostgreSQL) and `Option` of these, where `None` is NULL.
/// The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be bound as a value",
    label = "not a value that a database takes",
    note = "bind a number, text, bool, bytes, Decimal, chrono date or time, Uuid, JSON value, or an Option of one"
)]
pub trait ToValue: sealed::Sealed {
    /// The SQL type of every value of this Rust type.
    #[doc(hidden)]
    const SQL_TYPE: SqlType;
    /// The value to bind.
    #[doc(hidden)]
    fn to_value(self) -> Value;
    /// Adds the value to those of a column.
    #[doc(hidden)]
    #[inline]
    fn pack(self, column: &mut PackedColumn)
    where
        Self: Sized,
    {
        column.push(self.to_value());
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! to_value {
    ($($rust:ty => $sql:expr, |$it:ident| $make:expr $(, $push:ident($given:expr))?;)*) => {$(
        impl sealed::Sealed for $rust {}
        impl ToValue for $rust {
            const SQL_TYPE: SqlType = $sql;
            #[inline]
            fn to_value(self) -> Value {
                let $it = self;
                $make
            }
            $(
                #[inline]
                fn pack(self, column: &mut PackedColumn) {
                    let $it = self;
                    column.$push($given);
                }
            )?
        }
        impl sealed::Sealed for Vec<$rust> {}
        impl ToValue for Vec<$rust> {
            const SQL_TYPE: SqlType = SqlType::Array(&$sql);
            fn to_value(self) -> Value {
                Value::Array(self.into_iter().map(ToValue::to_value).collect())
            }
        }
        impl sealed::Sealed for Vec<Option<$rust>> {}
        impl ToValue for Vec<Option<$rust>> {
            const SQL_TYPE: SqlType = SqlType::Array(&$sql);
            fn to_value(self) -> Value {
                Value::Array(self.into_iter().map(ToValue::to_value).collect())
            }
        }
    )*};
}

to_value! {
    bool => SqlType::Bool, |it| Value::Bool(it), push_bool(it);
    i8 => SqlType::Int64, |it| Value::Int(it.into()), push_int(it.into());
    i16 => SqlType::Int64, |it| Value::Int(it.into()), push_int(it.into());
    i32 => SqlType::Int64, |it| Value::Int(it.into()), push_int(it.into());
    i64 => SqlType::Int64, |it| Value::Int(it), push_int(it);
    u16 => SqlType::Int64, |it| Value::Int(it.into()), push_int(it.into());
    u32 => SqlType::Int64, |it| Value::Int(it.into()), push_int(it.into());
    f32 => SqlType::Float64, |it| Value::Float(it.into()), push_float(it.into());
    f64 => SqlType::Float64, |it| Value::Float(it), push_float(it);
    Decimal => SqlType::Decimal(None), |it| Value::Decimal(it);
    &str => SqlType::Text, |it| Value::Text(it.to_owned()), push_text(it);
    String => SqlType::Text, |it| Value::Text(it), push_text(&it);
    &String => SqlType::Text, |it| Value::Text(it.clone()), push_text(it);
    Vec<u8> => SqlType::Bytes, |it| Value::Bytes(it);
    &[u8] => SqlType::Bytes, |it| Value::Bytes(it.to_vec());
    NaiveDate => SqlType::Date, |it| Value::Date(it);
    NaiveTime => SqlType::Time, |it| Value::Time(it);
    NaiveDateTime => SqlType::Timestamp, |it| Value::Timestamp(it);
    DateTime<Utc> => SqlType::TimestampTz, |it| Value::TimestampTz(it);
    Interval => SqlType::Interval, |it| Value::Interval(it);
    Uuid => SqlType::Uuid, |it| Value::Uuid(it);
    serde_json::Value => SqlType::Json, |it| Value::Json(it);
}

/// What is copied is taken by reference too, so that `in_(&ids)` needs no copy of the list.
macro_rules! by_reference {
    ($($rust:ty),* $(,)?) => {$(
        impl sealed::Sealed for &$rust {}
        impl ToValue for &$rust {
            const SQL_TYPE: SqlType = <$rust>::SQL_TYPE;
            fn to_value(self) -> Value {
                (*self).to_value()
            }
        }
    )*};
}

by_reference!(
    bool,
    i8,
    i16,
    i32,
    i64,
    u16,
    u32,
    u64,
    f32,
    f64,
    Decimal,
    NaiveDate,
    NaiveTime,
    NaiveDateTime,
    DateTime<Utc>,
    Uuid
);

impl sealed::Sealed for u64 {}
impl ToValue for u64 {
    const SQL_TYPE: SqlType = SqlType::UInt64;
    fn to_value(self) -> Value {
        i64::try_from(self).map_or(Value::UInt(self), Value::Int)
    }
}

impl<T: ToValue> sealed::Sealed for Option<T> {}
impl<T: ToValue> ToValue for Option<T> {
    const SQL_TYPE: SqlType = T::SQL_TYPE;
    fn to_value(self) -> Value {
        self.map_or(Value::Null, ToValue::to_value)
    }

    #[inline]
    fn pack(self, column: &mut PackedColumn) {
        match self {
            Some(it) => it.pack(column),
            None => column.push_null(),
        }
    }
}
