//! Values as keys: what tells one from another.

use std::io::Write;

use rust_decimal::Decimal;

use super::Value;
use super::packed::PackedCell;

/// Adds a key as bytes that no other key of so many values has; false where one of them is NULL, which equals none.
pub(crate) fn write_key<'v>(values: impl IntoIterator<Item = PackedCell<'v>>, into: &mut Vec<u8>) -> bool {
    values.into_iter().all(|value| {
        let start = into.len();
        let known = write_part(value, into);
        // What was written before begins where this one's length says.
        let length = (into.len() - start) as u64;
        into.extend(length.to_be_bytes());
        known
    })
}

/// The same by itself; `None` where a value is NULL.
pub(crate) fn key_of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    write_key(values.into_iter().map(PackedCell::of), &mut key).then_some(key)
}

/// A number is the same however it is written.
fn write_part(value: PackedCell<'_>, into: &mut Vec<u8>) -> bool {
    match value {
        PackedCell::Null => return false,
        PackedCell::Bool(it) => put(into, 'n', u8::from(it)),
        // As the decimal of it is written.
        PackedCell::Int(it) => put(into, 'n', it),
        PackedCell::Float(it) => match it.to_string().parse::<Decimal>() {
            Ok(it) => put(into, 'n', it.normalize()),
            // One that is no number equals itself here, as on PostgreSQL.
            Err(_) if it.is_nan() => put(into, 'f', ""),
            Err(_) => put(into, 'f', it),
        },
        PackedCell::Text(it) => put(into, 't', it),
        PackedCell::Other(it) => return write_other(it, into),
    }
    true
}

fn write_other(value: &Value, into: &mut Vec<u8>) -> bool {
    match value {
        Value::UInt(it) => put(into, 'n', it),
        Value::Decimal(it) => put(into, 'n', it.normalize()),
        Value::Bytes(it) => {
            into.push(b'b');
            into.extend(it);
        }
        Value::Uuid(it) => put(into, 't', it),
        Value::Date(it) => put(into, 'd', it),
        Value::Time(it) => put(into, 'd', it),
        Value::Timestamp(it) => put(into, 'd', it),
        Value::TimestampTz(it) => put(into, 'd', it.naive_utc()),
        Value::Interval(it) => put(into, 'i', it),
        Value::Json(it) => put(into, 'j', it),
        Value::Array(items) => {
            into.push(b'a');
            for item in items {
                // NULL in a list is a value like others.
                write_key([PackedCell::of(item)], into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
            return write_part(PackedCell::of(value), into);
        }
    }
    true
}

fn put(into: &mut Vec<u8>, kind: char, text: impl std::fmt::Display) {
    // A vector takes all that is written to it.
    let _ = write!(into, "{kind}{text}");
}
