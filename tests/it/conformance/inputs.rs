//! The rows that the functions run over: NULL, extremes, Unicode, dates before 1970, leap days.

use chrono::{NaiveDate, NaiveDateTime};
use portcullis::{Dialect, table};
use rust_decimal::Decimal;

use crate::support::TestDatabase;

table! {
    inputs {
        id: i64,
        t: Option<String>,
        u: Option<String>,
        n: Option<i64>,
        m: Option<i64>,
        x: Option<f64>,
        y: Option<f64>,
        d: Option<Decimal>,
        day: Option<NaiveDate>,
        at: Option<NaiveDateTime>,
        f: Option<bool>,
        j: Option<serde_json::Value>,
        list: Option<serde_json::Value>,
        words: Option<serde_json::Value>,
    }
}

#[derive(Debug, Clone)]
pub struct Input {
    pub id: i64,
    /// Text of every kind.
    pub t: Option<&'static str>,
    /// Short text, to look for in `t`.
    pub u: Option<&'static str>,
    /// Any integer.
    pub n: Option<i64>,
    /// Small integers.
    pub m: Option<i64>,
    pub x: Option<f64>,
    pub y: Option<f64>,
    /// Up to four digits after the point.
    pub d: Option<Decimal>,
    pub day: Option<NaiveDate>,
    pub at: Option<NaiveDateTime>,
    pub f: Option<bool>,
    /// Documents of every kind.
    pub j: Option<serde_json::Value>,
    /// Arrays of numbers, and what is none.
    pub list: Option<serde_json::Value>,
    /// Arrays of texts, and what is none.
    pub words: Option<serde_json::Value>,
}

/// The JSON of each row, in the order of `id`.
const DOCUMENTS: [[&str; 3]; 12] = [
    [
        r#"{"a": [1, 2, {"b": "deep"}], "s": "text é😀 \"q\" \\ \n", "n": 7, "f": 1.5, "t": true, "z": null, "o": {}}"#,
        "[3, 1, 2, 1]",
        r#"["b", "a", "é", "B", "a"]"#,
    ],
    ["{}", "[]", "[]"],
    ["", "", ""],
    [
        r##"{"a.b": 1, "a\"b": 2, "a\\b": 3, "$": 4, "": 5, "é": 6, "0": 7, "*": 8, "[0]": 9, "a b": 10, "a": {"b": 11}, "😀": 12,
           "'": 13, "$.a": 14, "A": 15, "#-1": 16, "?": 17, "{0}": 18, "%": 19, "-1": 20, "a''b": 21, "last": 22}"##,
        "[null, 5, null, 5]",
        r#"[null, "x"]"#,
    ],
    [r#"[1, 2.5, "x", null, true, [1], {"a": 1}]"#, "[1.5, -2, 0]", r#"["", " ", "日本", "😀", "z"]"#],
    ["[]", "[9007199254740993, 9007199254740992]", r#"["10", "9"]"#],
    [r#""a string""#, "[7]", r#"["a\"q", "a\\b", "a\nb", "a'b"]"#],
    ["42", "null", r#""not an array""#],
    ["null", r#"{"a": 1}"#, "5"],
    [
        r#"{"n": 9223372036854775807, "big": 12345678901234567890, "neg": -9223372036854775808, "dec": 0.1234567890123456789, "exp": 1e3,
           "whole": 5.0, "huge": 1e400, "tiny": 1e-7}"#,
        "[10, 9, 100, 1]",
        r#"["Z", "z"]"#,
    ],
    ["true", "[0, 1, 1.0, 1e0, -0.5]", r#"["x"]"#],
    [
        r#"{"a": {"b": {"c": [[1], [2, [3]]]}}, "s": "", "n": -1.5, "f": "1.5", "t": "true", "z": {"z": null}}"#,
        "[-1, -1]",
        r#"["é", "e", "é"]"#,
    ],
];

fn json(id: i64, place: usize) -> Option<serde_json::Value> {
    let text = DOCUMENTS[id as usize - 1][place];
    (!text.is_empty()).then(|| text.parse().unwrap())
}

fn day(text: &str) -> Option<NaiveDate> {
    Some(text.parse().unwrap())
}

fn at(text: &str) -> Option<NaiveDateTime> {
    Some(text.parse().unwrap())
}

fn dec(text: &str) -> Option<Decimal> {
    Some(text.parse().unwrap())
}

pub fn rows() -> Vec<Input> {
    let list = vec![
        (
            Some("hello world"),
            Some("o"),
            Some(7),
            Some(2),
            Some(2.5),
            Some(0.5),
            dec("2.5"),
            day("2024-02-29"),
            at("2024-02-29T12:34:56.789012"),
            Some(true),
        ),
        (
            Some(""),
            Some(""),
            Some(0),
            Some(0),
            Some(0.0),
            Some(1.0),
            dec("0"),
            day("1970-01-01"),
            at("1970-01-01T00:00:00"),
            Some(false),
        ),
        (None, None, None, None, None, None, None, None, None, None),
        (
            Some("Straße ÄÖÜ éa"),
            Some("é"),
            Some(-7),
            Some(3),
            Some(-2.5),
            Some(2.0),
            dec("-2.5"),
            day("1969-12-31"),
            at("1969-12-31T23:59:59.999999"),
            Some(true),
        ),
        (
            Some("a%b_c\\d'e\"f"),
            Some("%"),
            Some(i64::MAX),
            Some(1),
            Some(1e15),
            Some(-1.0),
            dec("12345.6789"),
            day("2000-12-31"),
            at("2000-12-31T23:59:59"),
            Some(false),
        ),
        (
            Some("  padded  "),
            Some(" "),
            Some(i64::MIN + 1),
            Some(5),
            Some(-0.1),
            Some(3.0),
            dec("-0.0005"),
            day("1900-02-28"),
            at("1900-02-28T06:07:08"),
            None,
        ),
        (
            Some("日本語 text"),
            Some("本"),
            Some(1_000_000),
            Some(4),
            Some(0.1),
            Some(10.0),
            dec("0.0005"),
            day("2021-01-03"),
            at("2021-01-03T00:00:00.000001"),
            Some(true),
        ),
        (
            Some("one two three"),
            Some("two"),
            Some(-1),
            Some(-2),
            Some(123.456),
            Some(-2.0),
            dec("99.995"),
            day("2020-12-28"),
            at("2020-12-28T23:00:00.5"),
            Some(false),
        ),
        (
            Some("AbC-123"),
            Some("abc"),
            Some(255),
            Some(6),
            Some(-7.999),
            Some(4.0),
            dec("-99.995"),
            day("1000-01-01"),
            at("1000-01-01T00:00:00"),
            Some(true),
        ),
        (
            Some("tab\tand\nline"),
            Some("\t"),
            Some(42),
            Some(10),
            Some(1e-7),
            Some(0.25),
            dec("1000000"),
            day("9999-12-31"),
            at("9999-12-31T23:59:59.999999"),
            Some(false),
        ),
        (
            Some("𝒳😀z"),
            Some("😀"),
            Some(2),
            Some(-3),
            Some(3.0),
            Some(7.5),
            dec("0.1"),
            day("2019-12-30"),
            at("2019-12-30T12:00:00"),
            None,
        ),
        (
            Some("x"),
            None,
            Some(64),
            None,
            Some(-1.0),
            None,
            dec("1.0049"),
            day("2024-12-31"),
            at("2024-12-31T18:30:15.25"),
            Some(true),
        ),
    ];
    list.into_iter()
        .zip(1..)
        .map(|((t, u, n, m, x, y, d, day, at, f), id)| {
            let (j, list, words) = (json(id, 0), json(id, 1), json(id, 2));
            Input { id, t, u, n, m, x, y, d, day, at, f, j, list, words }
        })
        .collect()
}

/// The rows as a database keeps them. SQL: in a document of MySQL's a number is a whole one of 64 bits or a double.
pub fn rows_on(dialect: Dialect) -> Vec<Input> {
    let mut rows = rows();
    if dialect == Dialect::MySql {
        let documents =
            rows.iter_mut().filter_map(|row| row.j.as_mut()).filter(|document| document.get("huge").is_some());
        for document in documents {
            document["huge"] = serde_json::json!(1e300);
            document["dec"] = serde_json::json!(0.123_456_789_012_345_68);
        }
    }
    rows
}

/// Makes the table and fills it through the builder, so that every value is bound.
pub async fn fill(db: &TestDatabase) {
    let (text, moment, double, json) = match db.dialect {
        Dialect::Postgres => ("text", "timestamp", "double precision", "jsonb"),
        Dialect::Sqlite => ("text", "timestamp", "double", "json"),
        _ => ("varchar(200) CHARACTER SET utf8mb4", "datetime(6)", "double", "json"),
    };
    db.execute_setup(&[&format!(
        "CREATE TABLE inputs (id bigint NOT NULL PRIMARY KEY, t {text}, u {text}, n bigint, m bigint, x {double}, y {double}, \
         d decimal(20, 4), day date, at {moment}, f boolean, j {json}, list {json}, words {json})"
    )])
    .await;
    let handle = db.read_write().await;
    let columns = ["id", "t", "u", "n", "m", "x", "y", "d", "day", "at", "f"];
    let rows = rows_on(db.dialect);
    let documents: Vec<_> =
        rows.iter().map(|row| (row.id, row.j.clone(), row.list.clone(), row.words.clone())).collect();
    let count = rows.len() as u64;
    let rows =
        rows.into_iter().map(|row| (row.id, row.t, row.u, row.n, row.m, row.x, row.y, row.d, row.day, row.at, row.f));
    let written = handle.insert(inputs::table).columns(columns).rows(rows).execute().await.unwrap();
    assert_eq!(written, count);
    // A row of an insert has at most twelve values.
    for (id, j, list, words) in documents {
        for (name, json) in [("j", j), ("list", list), ("words", words)] {
            if let Some(json) = json {
                let row = portcullis::col("id").eq(id);
                handle.update(inputs::table).set(name, json).where_(row).execute().await.unwrap();
            }
        }
    }
}
