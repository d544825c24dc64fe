//! The conformance suite: every function on every database against a reference, cell by cell, and `docs/functions.md`, which is
//! made from the same table.
//!
//! A file per family gives its entries; `inputs` holds the rows that they run over.

mod inputs;
mod page;
mod aggregates;
mod windows;
mod text;
mod numbers;
mod choices;
mod times;
mod json;
mod arrays;

use portcullis::{Dialect, ErrorKind, Expr, Value, col};

use crate::support::{self, TestDatabase};
use inputs::Input;

/// A function, what it is said to do, and the cases that show it.
pub struct Entry {
    /// What a program writes, without operands: `upper`.
    pub name: &'static str,
    /// A whole call, as a program writes it.
    pub call: &'static str,
    /// The type of the result.
    pub gives: &'static str,
    /// NULL, overflow, empty set and rounding, and where the reference comes from.
    pub note: &'static str,
    cases: Vec<Case>,
    /// The databases that refuse it, with the code of the error.
    refused: Vec<(Dialect, &'static str)>,
}

/// An expression over `inputs`, and what it gives.
struct Case {
    expr: Expr,
    expected: Expected,
    /// How far floats may lie apart, relative to the expected one.
    tolerance: f64,
}

enum Expected {
    /// For each row, in the order of `id`.
    Rows(Box<dyn Fn(&Input) -> Value + Send + Sync>),
    /// For the first row.
    Value(Value),
    /// For the rows of a group, in the order of `id`.
    Group(OfGroup),
}

type OfGroup = Box<dyn Fn(&[&Input]) -> Value + Send + Sync>;

/// Starts an entry.
pub fn function(name: &'static str, call: &'static str, gives: &'static str, note: &'static str) -> Entry {
    Entry { name, call, gives, note, cases: Vec::new(), refused: Vec::new() }
}

impl Entry {
    /// Over all rows, what `reference` computes of each in Rust. The first case's SQL is shown on the page.
    pub fn over<V: Into<Cell>>(
        mut self,
        expr: impl Into<Expr>,
        reference: impl Fn(&Input) -> V + Send + Sync + 'static,
    ) -> Entry {
        let reference = move |input: &Input| reference(input).into().0;
        self.cases.push(Case { expr: expr.into(), expected: Expected::Rows(Box::new(reference)), tolerance: 0.0 });
        self
    }

    /// An aggregate: over all rows, for each value of `f` (NULL is one), and over no rows.
    pub fn aggregating<V: Into<Cell>>(
        mut self,
        expr: impl Into<Expr>,
        reference: impl Fn(&[&Input]) -> V + Send + Sync + 'static,
    ) -> Entry {
        let reference = move |inputs: &[&Input]| reference(inputs).into().0;
        self.cases.push(Case { expr: expr.into(), expected: Expected::Group(Box::new(reference)), tolerance: 0.0 });
        self
    }

    fn aggregates(&self) -> bool {
        self.cases.iter().any(|case| matches!(case.expected, Expected::Group(_)))
    }

    /// One value.
    pub fn gives<V: Into<Cell>>(mut self, expr: impl Into<Expr>, value: V) -> Entry {
        self.cases.push(Case { expr: expr.into(), expected: Expected::Value(value.into().0), tolerance: 0.0 });
        self
    }

    /// The cases so far compare floats with this relative difference allowed.
    pub fn within(mut self, tolerance: f64) -> Entry {
        for case in &mut self.cases {
            case.tolerance = tolerance;
        }
        self
    }

    /// A database that refuses the function before anything is sent.
    pub fn refused_on(mut self, dialects: &[Dialect], code: &'static str) -> Entry {
        self.refused.extend(dialects.iter().map(|dialect| (*dialect, code)));
        self
    }
}

/// A value of the reference.
pub struct Cell(pub Value);

impl Cell {
    pub fn from_option(value: Option<impl Into<Cell>>) -> Cell {
        value.map_or(Cell(Value::Null), Into::into)
    }
}

macro_rules! cells {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for Cell {
            fn from(value: $rust) -> Cell {
                Cell(Value::$variant(value.into()))
            }
        }
        impl From<Option<$rust>> for Cell {
            fn from(value: Option<$rust>) -> Cell {
                value.map_or(Cell(Value::Null), Cell::from)
            }
        }
    )*};
}

cells! {
    bool => Bool, i32 => Int, i64 => Int, f64 => Float, rust_decimal::Decimal => Decimal, String => Text, &'static str => Text,
    Vec<u8> => Bytes, chrono::NaiveDate => Date, chrono::NaiveTime => Time, chrono::NaiveDateTime => Timestamp,
    chrono::DateTime<chrono::Utc> => TimestampTz, portcullis::Interval => Interval, serde_json::Value => Json,
}

impl From<Value> for Cell {
    fn from(value: Value) -> Cell {
        Cell(value)
    }
}

/// The sections of the page, in its order.
fn sections() -> Vec<(&'static str, Vec<Entry>)> {
    vec![
        ("Aggregates", aggregates::entries()),
        ("Windows", windows::entries()),
        ("Text", text::entries()),
        ("Numbers", numbers::entries()),
        ("Choices", choices::entries()),
        ("Dates and times", times::entries()),
        ("JSON", json::entries()),
        ("Arrays", arrays::entries()),
    ]
}

#[tokio::test]
async fn every_function_gives_the_same_on_every_database() {
    support::each(async |db| {
        inputs::fill(db).await;
        let mut wrong = Vec::new();
        for (_, entries) in sections() {
            for entry in &entries {
                run(db, entry, &mut wrong).await;
            }
        }
        assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    })
    .await;
}

#[test]
fn the_page_of_functions_is_made_from_the_suite() {
    page::check(&sections());
}

async fn run(db: &TestDatabase, entry: &Entry, wrong: &mut Vec<String>) {
    let handle = db.read_only().await;
    let name = entry.name;
    assert!(!entry.cases.is_empty(), "`{name}` has no case");
    for (position, case) in entry.cases.iter().enumerate() {
        let table = || handle.table(inputs::inputs::table);
        let aggregated = matches!(case.expected, Expected::Group(_));
        let frame = if aggregated {
            table().group_by("f").agg(case.expr.clone().as_("result")).order_by("f")
        } else {
            table().order_by("id").select(("id", case.expr.clone().as_("result")))
        };
        let result = frame.collect().await;
        if let Some((_, code)) = entry.refused.iter().find(|(dialect, _)| *dialect == db.dialect) {
            match result {
                Err(error) if error.code() == *code && error.kind() == ErrorKind::Unsupported => {}
                Err(error) => wrong.push(format!("{name}, case {position}: refused with {}: {error}", error.code())),
                Ok(_) => wrong.push(format!("{name}, case {position}: not refused")),
            }
            continue;
        }
        let rows = match result {
            Ok(rows) => rows,
            Err(error) => {
                wrong.push(format!("{name}, case {position}: {} ({:?}): {error}", error.code(), error.sqlstate()));
                continue;
            }
        };
        let inputs = inputs::rows_on(db.dialect);
        if !aggregated {
            assert_eq!(rows.len(), inputs.len());
        }
        let mut compare = |id: i64, found: &Value, expected: &Value| {
            if !same(found, expected, case.tolerance) {
                wrong.push(format!(
                    "{name}, case {position}, row {id}: {} where the reference has {}",
                    show(found),
                    show(expected)
                ));
            }
        };
        match &case.expected {
            Expected::Rows(reference) => {
                for (row, input) in rows.iter().zip(&inputs) {
                    compare(input.id, row.get("result").unwrap(), &reference(input));
                }
            }
            Expected::Group(reference) => {
                let groups = [Some(false), Some(true), None];
                assert_eq!(rows.len(), groups.len());
                for (row, (place, f)) in rows.iter().zip(groups.iter().enumerate()) {
                    let members: Vec<&Input> = inputs.iter().filter(|input| input.f == *f).collect();
                    compare(place as i64, row.get("result").unwrap(), &reference(&members));
                }
                let all: Vec<&Input> = inputs.iter().collect();
                for (frame, members, place) in [(table(), all, 10), (table().where_(col("id").lt(0)), Vec::new(), 11)] {
                    match frame.agg(case.expr.clone().as_("result")).collect().await {
                        Ok(rows) => compare(place, rows.first().unwrap().get("result").unwrap(), &reference(&members)),
                        Err(error) => compare(place, &Value::Text(format!("{error:?}")), &reference(&members)),
                    }
                }
            }
            Expected::Value(value) => compare(1, rows.first().unwrap().get("result").unwrap(), value),
        }
    }
}

/// The same type and value; decimals by value, since databases show different numbers of zeros.
fn same(found: &Value, expected: &Value, tolerance: f64) -> bool {
    match (found, expected) {
        (Value::Float(found), Value::Float(expected)) => {
            found == expected
                || (found.is_nan() && expected.is_nan())
                || (found - expected).abs() <= tolerance * expected.abs()
        }
        (Value::Json(found), Value::Json(expected)) => same_json(found, expected),
        _ => found == expected,
    }
}

/// The same JSON, numbers by value: databases show them with other zeros and exponents.
pub fn same_json(found: &serde_json::Value, expected: &serde_json::Value) -> bool {
    use serde_json::Value as Json;
    match (found, expected) {
        (Json::Number(found), Json::Number(expected)) => {
            let exact = |number: &serde_json::Number| {
                let text = number.to_string();
                text.parse::<rust_decimal::Decimal>().or_else(|_| rust_decimal::Decimal::from_scientific(&text)).ok()
            };
            match (exact(found), exact(expected)) {
                (Some(found), Some(expected)) => found == expected,
                _ => found.as_f64() == expected.as_f64(),
            }
        }
        (Json::Array(found), Json::Array(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| same_json(found, expected))
        }
        (Json::Object(found), Json::Object(expected)) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .all(|(name, found)| expected.get(name).is_some_and(|expected| same_json(found, expected)))
        }
        _ => found == expected,
    }
}

pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::Float(it) => format!("{it:?} (float)"),
        Value::Decimal(it) => format!("{it} (decimal)"),
        Value::Text(it) => format!("{it:?}"),
        Value::Bytes(it) => format!("bytes {it:02x?}"),
        Value::Date(it) => it.to_string(),
        Value::Time(it) => it.to_string(),
        Value::Timestamp(it) => it.to_string(),
        Value::TimestampTz(it) => it.to_string(),
        Value::Interval(it) => it.to_string(),
        Value::Json(it) => format!("json {it}"),
        Value::Array(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}
