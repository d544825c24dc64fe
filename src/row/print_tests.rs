#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::str::FromStr;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::*;
use crate::row::{Columns, Row};

fn rows(columns: &[(&str, Option<SqlType>)], rows: Vec<Vec<Value>>) -> Rows {
    let columns = Arc::new(Columns {
        names: columns.iter().map(|it| it.0.to_owned()).collect(),
        types: columns.iter().map(|it| it.1).collect(),
    });
    let rows = rows.into_iter().map(|values| Row::new(Arc::clone(&columns), values)).collect();
    Rows::new(columns, rows)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn rows_print_as_an_aligned_table_with_a_count() {
    let rows = rows(
        &[("carrier", Some(SqlType::Text)), ("delay", Some(SqlType::decimal(6, 2))), ("n", None)],
        vec![
            vec![text("UA"), Value::Decimal(Decimal::from_str("12.10").unwrap()), Value::Int(4637)],
            vec![text("日本航空"), Value::Null, Value::Int(-1)],
        ],
    );
    let expected = [
        " carrier  │ delay │    n",
        "──────────┼───────┼──────",
        " UA       │ 12.10 │ 4637",
        " 日本航空 │  null │   -1",
        "2 rows",
    ];
    assert_eq!(rows.to_string().lines().collect::<Vec<_>>(), expected);
    assert!(rows.show(1).to_string().ends_with("4637\n2 rows, 1 shown"));
}

#[test]
fn an_empty_result_still_shows_its_columns() {
    assert_eq!(rows(&[("a", None), ("b", None)], vec![]).to_string(), " a │ b\n───┼───\n0 rows");
    assert_eq!(Rows::default().to_string(), "0 rows");
}

#[test]
fn twenty_rows_are_printed_and_all_are_counted() {
    let rows = rows(&[("a", None)], (0..27_004).map(|it| vec![Value::Int(it)]).collect());
    let printed = rows.to_string();
    assert_eq!(printed.lines().count(), 23);
    assert!(printed.ends_with("\n27004 rows, 20 shown"), "{printed}");
    assert_eq!(rows.show(30_000).to_string().lines().count(), 27_007);
}

#[test]
fn one_row_is_one_line_whatever_the_cells_hold() {
    let nasty = "a\nb\r\n\tc\u{1b}[31m\u{202e}d\u{200b}\u{2028}\u{0}";
    let rows = rows(&[("c\n2", None)], vec![vec![text(nasty)], vec![text(&"\u{301}".repeat(100_000))]]);
    let printed = rows.to_string();
    assert_eq!(printed.lines().count(), 5, "{printed}");
    for hidden in ['\u{1b}', '\u{202e}', '\u{200b}', '\u{2028}', '\0', '\r', '\t'] {
        assert!(!printed.contains(hidden));
    }
    assert!(printed.contains("a\\nb\\r\\n\\tc\\u{1b}[31m\\u{202e}d"), "{printed}");
    assert!(printed.len() < 2_000);
}

#[test]
fn long_cells_are_cut_and_marked() {
    let exactly = "x".repeat(40);
    let wide = "漢".repeat(30);
    let rows = rows(
        &[("a", None)],
        vec![vec![text(&exactly)], vec![text(&"x".repeat(41))], vec![text(&wide)], vec![Value::Bytes(vec![0xab; 100])]],
    );
    let printed = rows.to_string();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[2], format!(" {exactly}"));
    assert_eq!(lines[3], format!(" {}…", "x".repeat(39)));
    assert_eq!(lines[4], format!(" {}…", "漢".repeat(19)));
    assert!(lines[5].starts_with(" \\xabab") && lines[5].ends_with('…'));
    assert!(lines[2..6].iter().all(|it| it.width() <= 41));
}

#[test]
fn debug_shows_no_cell() {
    let rows = rows(&[("name", None)], vec![vec![text("s3cret")]]);
    let shown = format!("{rows:?} {:?} {:?}", rows.get(0), rows.show(1));
    assert!(shown.contains("name") && !shown.contains("s3cret"), "{shown}");
}
