//! Rows as text, so that a test reads like the table it expects.

use std::pin::Pin;

use portcullis::{Database, Frame, Mode, Rows, Value};

/// Rows as text, a line each, cells parted by a bar.
pub fn lines(rows: &Rows) -> Vec<String> {
    rows.iter().map(|row| row.values().iter().map(shown).collect::<Vec<_>>().join("|")).collect()
}

/// A cell as text.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::UInt(it) => it.to_string(),
        Value::Float(it) => format!("{it:?}"),
        Value::Decimal(it) => format!("{it}d"),
        Value::Text(it) => it.clone(),
        Value::Bytes(it) => format!("{it:02x?}"),
        Value::Date(it) => it.to_string(),
        Value::Time(it) => it.to_string(),
        Value::Timestamp(it) => it.to_string(),
        Value::TimestampTz(it) => it.to_string(),
        Value::Interval(it) => it.to_string(),
        Value::Uuid(it) => it.to_string(),
        Value::Json(it) => it.to_string(),
        other => panic!("a {other:?} in a test of rows"),
    }
}

/// Runs the frame and compares its rows, and their number as `count` gives it.
#[track_caller]
pub fn check<'a, M: Mode>(
    db: &'a Database<M>,
    frame: Frame,
    expected: &'a [&'a str],
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    let place = std::panic::Location::caller();
    // In a box, so that a test of many checks stays small on its stack.
    Box::pin(async move {
        let rows = frame.collect().await;
        let text = frame.to_sql().map(|text| text.sql().to_owned()).unwrap_or_else(|error| format!("{error:?}"));
        let place = format!("{place}, on {}:\n{text}", db.dialect());
        let rows = rows.unwrap_or_else(|error| panic!("{error:?} {:?}\n{place}", error.sqlstate()));
        assert_eq!(lines(&rows), expected, "{place}");
        let counted = frame.count().await.unwrap_or_else(|error| panic!("count: {error:?}\n{place}"));
        assert_eq!(counted, rows.len() as u64, "`count` gives another number of rows: {place}");
    })
}

/// As [`check`], for rows that have no order.
#[track_caller]
pub fn check_any_order<'a, M: Mode>(
    db: &'a Database<M>,
    frame: Frame,
    expected: &'a [&'a str],
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    let place = std::panic::Location::caller();
    // In a box, so that a test of many checks stays small on its stack.
    Box::pin(async move {
        let rows = frame.collect().await;
        let text = frame.to_sql().map(|text| text.sql().to_owned()).unwrap_or_else(|error| format!("{error:?}"));
        let place = format!("{place}, on {}:\n{text}", db.dialect());
        let rows = rows.unwrap_or_else(|error| panic!("{error:?} {:?}\n{place}", error.sqlstate()));
        let mut found = lines(&rows);
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(|&line| line.to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected, "{place}");
        let counted = frame.count().await.unwrap_or_else(|error| panic!("count: {error:?}\n{place}"));
        assert_eq!(counted, rows.len() as u64, "`count` gives another number of rows: {place}");
    })
}
