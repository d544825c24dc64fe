//! Lists of values as one value: an array, or a JSON text where there are no arrays.

use chrono::{Datelike, NaiveDateTime, NaiveTime, Timelike};

use crate::dialect::Dialect;
use crate::schema::ListForm;
use crate::value::Value;

/// Up to here a list is written out with one bind a value, where there are no arrays.
pub(crate) const MAX_LISTED: usize = 100;

/// Texts of up to this many characters fit a VARCHAR that MariaDB can hash.
pub(super) const MAX_SHORT: usize = 255;

/// The values as one; `None` when one of them can't be held exactly that way.
pub(super) fn list_value(form: ListForm, values: &mut dyn Iterator<Item = &Value>, dialect: Dialect) -> Option<Value> {
    let is_long = |value: &Value| matches!(value, Value::Text(text) if text.chars().count() > MAX_SHORT);
    let text = |value: &Value| match value {
        Value::Text(text) => text.as_str().into(),
        _ => serde_json::Value::Null,
    };
    let list: Vec<serde_json::Value> = match form {
        ListForm::Array => return Some(Value::Array(values.cloned().collect())),
        ListForm::Json => values.map(|value| json_value(value, dialect)).collect::<Option<_>>()?,
        ListForm::ShortTexts => values.filter(|value| !is_long(value)).map(text).collect(),
        ListForm::LongTexts => values.filter(|value| is_long(value)).map(text).collect(),
    };
    Some(Value::Text(serde_json::Value::Array(list).to_string()))
}

/// A value as JSON, where that holds it exactly and the database reads it back as the same.
fn json_value(value: &Value, dialect: Dialect) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    let sqlite = dialect == Dialect::Sqlite;
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::from(i64::from(*flag)),
        Value::Int(number) => Json::from(*number),
        // SQL: in a document MySQL keeps a number with a point as a double, and casts one beyond 63 bits as if it had a sign.
        Value::UInt(number) if dialect == Dialect::MySql => Json::from(number.to_string()),
        Value::Decimal(number) if dialect == Dialect::MySql => Json::from(number.to_string()),
        // SQLite has no such integers.
        Value::UInt(number) if !sqlite => Json::from(*number),
        Value::Float(number) if number.is_finite() => Json::from(*number),
        Value::Decimal(number) => number.to_string().parse::<serde_json::Number>().ok().map(Json::Number)?,
        // SQLite ends a text from JSON at a NUL.
        Value::Text(text) if !sqlite || !text.contains('\0') => Json::String(text.clone()),
        Value::Date(date) if (0..=9999).contains(&date.year()) => Json::String(date.to_string()),
        Value::Time(time) => Json::String(time_text(*time)?),
        Value::Timestamp(moment) => Json::String(moment_text(*moment)?),
        Value::TimestampTz(moment) => Json::String(moment_text(moment.naive_utc())?),
        Value::Uuid(uuid) => Json::String(uuid.to_string()),
        _ => return None,
    })
}

/// Microseconds, as the databases keep, and none where there are none, as SQLite's texts are compared letter by letter.
fn time_text(time: NaiveTime) -> Option<String> {
    let form = match time.nanosecond() {
        0..1_000 => "%H:%M:%S",
        1_000..1_000_000_000 => "%H:%M:%S%.6f",
        _ => return None,
    };
    Some(time.format(form).to_string())
}

fn moment_text(moment: NaiveDateTime) -> Option<String> {
    let in_range = (0..=9999).contains(&moment.year());
    in_range
        .then(|| moment.date().to_string())
        .zip(time_text(moment.time()))
        .map(|(date, time)| format!("{date} {time}"))
}
