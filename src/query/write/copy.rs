//! The exact types of PostgreSQL's columns, for COPY in its binary format, which converts nothing.

use crate::value::{Bind, Value};

/// A type that values are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyType {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Jsonb,
}

impl CopyType {
    /// By its name in the catalogue; `None` for one whose binary format is not known here. SQL: a json column is left out because an INSERT
    /// makes jsonb of the value before.
    pub(crate) fn named(name: &str) -> Option<CopyType> {
        Some(match name {
            "bool" => CopyType::Bool,
            "int2" => CopyType::Int2,
            "int4" => CopyType::Int4,
            "int8" => CopyType::Int8,
            "float4" => CopyType::Float4,
            "float8" => CopyType::Float8,
            "numeric" => CopyType::Numeric,
            "text" | "varchar" | "bpchar" => CopyType::Text,
            "bytea" => CopyType::Bytes,
            "date" => CopyType::Date,
            "time" => CopyType::Time,
            "timestamp" => CopyType::Timestamp,
            "timestamptz" => CopyType::TimestampTz,
            "interval" => CopyType::Interval,
            "uuid" => CopyType::Uuid,
            "jsonb" => CopyType::Jsonb,
            _ => return None,
        })
    }

    /// Whether the value is one of the type as it is, where an INSERT would convert it otherwise.
    pub(crate) fn takes(self, bind: &Bind) -> bool {
        matches!(
            (self, &bind.value),
            (_, Value::Null)
                | (CopyType::Bool, Value::Bool(_))
                | (CopyType::Int2 | CopyType::Int4 | CopyType::Int8, Value::Int(_))
                | (CopyType::Float4 | CopyType::Float8, Value::Float(_))
                | (CopyType::Numeric, Value::Decimal(_) | Value::Int(_))
                | (CopyType::Text, Value::Text(_))
                | (CopyType::Bytes, Value::Bytes(_))
                | (CopyType::Date, Value::Date(_))
                | (CopyType::Time, Value::Time(_))
                | (CopyType::Timestamp, Value::Timestamp(_))
                | (CopyType::TimestampTz, Value::TimestampTz(_))
                | (CopyType::Interval, Value::Interval(_))
                | (CopyType::Uuid, Value::Uuid(_))
                | (CopyType::Jsonb, Value::Json(_))
        )
    }
}
