//! Values that came through serde, as what their columns hold.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::Number;
use uuid::Uuid;

use crate::types::{Family, SqlType};
use crate::value::{Bind, Interval, Value};

/// `bind` as a value for a column of type `target`, or as it was where that is no such value: the check of types then says so.
pub(crate) fn conform(bind: &Bind, target: SqlType) -> Bind {
    match conformed(&bind.value, target) {
        Some(value) => {
            let sql_type = value.sql_type().filter(|found| found.family() != Family::Array).unwrap_or(target);
            Bind { value, sql_type }
        }
        None => bind.clone(),
    }
}

/// `None` where it stays as it is.
fn conformed(value: &Value, target: SqlType) -> Option<Value> {
    match (value, target) {
        (Value::Text(text), SqlType::Json) => Some(Value::Json(serde_json::Value::String(text.clone()))),
        (Value::Text(text), _) => parsed(text, target),
        (Value::Json(fields), SqlType::Interval) => {
            serde_json::from_value::<Interval>(fields.clone()).ok().map(Value::Interval)
        }
        (Value::Array(items), SqlType::Bytes) => {
            let byte = |item: &Value| match item {
                Value::Int(byte) => u8::try_from(*byte).ok(),
                _ => None,
            };
            items.iter().map(byte).collect::<Option<Vec<u8>>>().map(Value::Bytes)
        }
        (Value::Array(items), SqlType::Array(element)) => {
            let item = |item: &Value| match item {
                Value::Null => Some(Value::Null),
                item => {
                    let item = conformed(item, *element).unwrap_or_else(|| item.clone());
                    item.sql_type().filter(|found| found.family() == element.family()).map(|_| item)
                }
            };
            items.iter().map(item).collect::<Option<Vec<Value>>>().map(Value::Array)
        }
        // A text column holds JSON where the database has no type for it.
        (Value::Array(_), SqlType::Json | SqlType::Text) => document(value).map(Value::Json),
        (Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Decimal(_), SqlType::Json) => {
            document(value).map(Value::Json)
        }
        _ => None,
    }
}

/// What a text says, in the words of the types' own implementations of serde.
pub(crate) fn parsed(text: &str, target: SqlType) -> Option<Value> {
    let moment = || DateTime::parse_from_rfc3339(text).ok().map(|it| Value::TimestampTz(it.with_timezone(&Utc)));
    let local = || text.parse::<NaiveDateTime>().ok().map(Value::Timestamp);
    match target {
        SqlType::Decimal(_) => Decimal::from_str_exact(text).ok().map(Value::Decimal),
        SqlType::Uuid => Uuid::parse_str(text).ok().map(Value::Uuid),
        SqlType::Date => text.parse::<NaiveDate>().ok().map(Value::Date),
        SqlType::Time => text.parse::<NaiveTime>().ok().map(Value::Time),
        SqlType::Timestamp => local().or_else(moment),
        SqlType::TimestampTz => moment().or_else(local),
        _ => None,
    }
}

fn document(value: &Value) -> Option<serde_json::Value> {
    Some(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(it) => (*it).into(),
        Value::Int(it) => (*it).into(),
        Value::UInt(it) => (*it).into(),
        Value::Float(it) => serde_json::Value::Number(Number::from_f64(*it)?),
        Value::Decimal(it) => serde_json::Value::Number(it.to_string().parse().ok()?),
        Value::Text(it) => it.clone().into(),
        Value::Json(it) => it.clone(),
        Value::Bytes(it) => it.iter().map(|byte| serde_json::Value::from(*byte)).collect(),
        Value::Array(items) => items.iter().map(document).collect::<Option<Vec<_>>>()?.into(),
        _ => return None,
    })
}
