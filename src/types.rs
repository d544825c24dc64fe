//! SQL types as the builder knows them.

use std::fmt;

/// The SQL type of an expression, a bind or a result column.
///
/// A closed list: a cast can name these and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SqlType {
    /// True or false; an integer 0 or 1 on MySQL and SQLite.
    Bool,
    /// A signed integer of 16 bits.
    Int16,
    /// A signed integer of 32 bits.
    Int32,
    /// A signed integer of 64 bits.
    Int64,
    /// An unsigned integer of 64 bits (MySQL; NUMERIC on PostgreSQL).
    UInt64,
    /// A binary floating-point number of 32 bits.
    Float32,
    /// A binary floating-point number of 64 bits.
    Float64,
    /// A decimal number with (precision, scale), or with those of its database when `None`.
    Decimal(Option<(u8, u8)>),
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and time without a zone.
    Timestamp,
    /// A moment in time.
    TimestampTz,
    /// A span of months, days and microseconds.
    Interval,
    /// A UUID.
    Uuid,
    /// JSON.
    Json,
    /// A one-dimensional array (PostgreSQL).
    Array(&'static SqlType),
}

/// Types that compare with each other without a cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Bool,
    Number,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    Interval,
    Uuid,
    Json,
    Array,
}

impl SqlType {
    /// The type of an array of it, as values are bound; `None` where there is none.
    pub(crate) fn array(self) -> Option<SqlType> {
        Some(SqlType::Array(match self {
            SqlType::Bool => &SqlType::Bool,
            SqlType::Int16 | SqlType::Int32 | SqlType::Int64 => &SqlType::Int64,
            SqlType::Float32 | SqlType::Float64 => &SqlType::Float64,
            SqlType::Decimal(_) => &SqlType::Decimal(None),
            SqlType::Text => &SqlType::Text,
            SqlType::Bytes => &SqlType::Bytes,
            SqlType::Date => &SqlType::Date,
            SqlType::Time => &SqlType::Time,
            SqlType::Timestamp => &SqlType::Timestamp,
            SqlType::TimestampTz => &SqlType::TimestampTz,
            SqlType::Interval => &SqlType::Interval,
            SqlType::Uuid => &SqlType::Uuid,
            SqlType::Json => &SqlType::Json,
            SqlType::UInt64 | SqlType::Array(_) => return None,
        }))
    }

    /// A decimal with `precision` digits, `scale` of them after the point.
    pub const fn decimal(precision: u8, scale: u8) -> SqlType {
        SqlType::Decimal(Some((precision, scale)))
    }

    pub(crate) fn family(self) -> Family {
        match self {
            SqlType::Bool => Family::Bool,
            SqlType::Int16
            | SqlType::Int32
            | SqlType::Int64
            | SqlType::UInt64
            | SqlType::Float32
            | SqlType::Float64
            | SqlType::Decimal(_) => Family::Number,
            SqlType::Text => Family::Text,
            SqlType::Bytes => Family::Bytes,
            SqlType::Date => Family::Date,
            SqlType::Time => Family::Time,
            SqlType::Timestamp | SqlType::TimestampTz => Family::Timestamp,
            SqlType::Interval => Family::Interval,
            SqlType::Uuid => Family::Uuid,
            SqlType::Json => Family::Json,
            SqlType::Array(_) => Family::Array,
        }
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, SqlType::Int16 | SqlType::Int32 | SqlType::Int64 | SqlType::UInt64)
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, SqlType::Float32 | SqlType::Float64)
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            SqlType::Bool => "boolean",
            SqlType::Int16 => "smallint",
            SqlType::Int32 => "integer",
            SqlType::Int64 => "bigint",
            SqlType::UInt64 => "unsigned bigint",
            SqlType::Float32 => "real",
            SqlType::Float64 => "double",
            SqlType::Decimal(None) => "decimal",
            SqlType::Decimal(Some((precision, scale))) => return write!(f, "decimal({precision}, {scale})"),
            SqlType::Text => "text",
            SqlType::Bytes => "bytes",
            SqlType::Date => "date",
            SqlType::Time => "time",
            SqlType::Timestamp => "timestamp",
            SqlType::TimestampTz => "timestamp with time zone",
            SqlType::Interval => "interval",
            SqlType::Uuid => "uuid",
            SqlType::Json => "json",
            SqlType::Array(element) => return write!(f, "array of {element}"),
        };
        f.write_str(name)
    }
}
