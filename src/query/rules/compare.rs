//! Values beside each other, as SQL would order them, without a database.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value as Json;

use crate::value::Value;

/// How two values of one family are ordered; `None` where they have no order between them, as NaN and a text have with a number.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
        (Value::TimestampTz(left), Value::TimestampTz(right)) => Some(left.cmp(right)),
        (Value::Timestamp(left), Value::TimestampTz(right)) => Some(left.cmp(&right.naive_utc())),
        (Value::TimestampTz(left), Value::Timestamp(right)) => Some(left.naive_utc().cmp(right)),
        (left, right) => match (exact(left), exact(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            // A float beyond the decimals, or infinite.
            _ => float(left)?.partial_cmp(&float(right)?),
        },
    }
}

/// Whether two values are the same, a number however it is written.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    left == right || order(left, right) == Some(Ordering::Equal)
}

/// The number as a decimal, where it is one exactly.
fn exact(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(it) => Some(Decimal::from(*it)),
        Value::UInt(it) => Some(Decimal::from(*it)),
        Value::Decimal(it) => Some(*it),
        // The shortest decimal that stands for it; one that is too small to be written exactly is compared as a float.
        Value::Float(it) => Decimal::from_str_exact(&it.to_string()).ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(it) => Some(*it),
        other => exact(other)?.to_f64(),
    }
}

/// A bound of a rule as data.
pub(super) fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(it) => (*it).into(),
        Value::Int(it) => (*it).into(),
        Value::UInt(it) => (*it).into(),
        Value::Float(it) => (*it).into(),
        Value::Decimal(it) => it.to_string().parse().map_or_else(|_| Json::String(it.to_string()), Json::Number),
        other => Json::String(shown(other)),
    }
}

/// A bound of a rule as text.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::UInt(it) => it.to_string(),
        Value::Float(it) => it.to_string(),
        Value::Decimal(it) => it.to_string(),
        Value::Text(it) => it.clone(),
        Value::Date(it) => it.to_string(),
        Value::Time(it) => it.to_string(),
        Value::Timestamp(it) => it.to_string(),
        Value::TimestampTz(it) => it.to_rfc3339(),
        Value::Interval(it) => it.to_string(),
        Value::Uuid(it) => it.to_string(),
        Value::Json(it) => it.to_string(),
        Value::Bytes(_) | Value::Array(_) => "a list".to_owned(),
    }
}
