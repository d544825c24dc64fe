//! The exact types of PostgreSQL's columns, for COPY in its binary format, which converts nothing.

use std::sync::Arc;

use crate::value::Value;
use crate::value::packed::{PackedColumn, PackedPart};

/// How the rows of an insert go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Way {
    /// As binds of VALUES.
    #[default]
    Values,
    /// The same, beside the text: packed rows of an insert that says no more.
    Packed,
    /// One row at a time: the text is that of one row and runs for each of them, within one call of the database (SQLite).
    Each,
    /// By COPY, as values of these types.
    Copy(Arc<[CopyType]>),
    /// As an array for each column, which the database takes apart.
    Arrays,
}

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

    /// Whether each of the values is one of the type as it is, where an INSERT would convert it otherwise.
    fn takes(self, column: &PackedColumn) -> bool {
        !column.has_values() || column.holds(|value| self.takes_value(value))
    }

    fn takes_value(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (CopyType::Bool, Value::Bool(_))
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

    /// Whether COPY can write the rows as they are.
    pub(crate) fn take(types: &[CopyType], rows: &PackedPart) -> bool {
        rows.width() == types.len() && types.iter().zip(rows.columns()).all(|(to, column)| to.takes(column))
    }
}
