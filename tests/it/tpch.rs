//! The 22 queries of TPC-H: the builder's on every database against the plain SQL that the `tpchgen` crate brings, run on
//! PostgreSQL without this crate.

#[path = "../../examples/tpch/data.rs"]
mod data;
#[path = "../../examples/tpch/queries.rs"]
mod queries;

use portcullis::{Dialect, Rows, Value};
use rust_decimal::Decimal;

use crate::support::{self, Session, TestDatabase};

/// 60,175 line items.
const SCALE: f64 = 0.01;

/// What the validation run puts in the places `:1`, `:2` … of each query's text.
const PARAMETERS: [&[&str]; 22] = [
    &["90"],
    &["15", "BRASS", "EUROPE"],
    &["BUILDING", "1995-03-15"],
    &["1993-07-01"],
    &["ASIA", "1994-01-01"],
    &["1994-01-01", "0.06", "24"],
    &["FRANCE", "GERMANY"],
    &["BRAZIL", "AMERICA", "ECONOMY ANODIZED STEEL"],
    &["green"],
    &["1993-10-01"],
    &["GERMANY", "0.0001"],
    &["MAIL", "SHIP", "1994-01-01"],
    &["special", "requests"],
    &["1995-09-01"],
    &["1996-01-01"],
    &["Brand#45", "MEDIUM POLISHED", "49", "14", "23", "45", "19", "3", "36", "9"],
    &["Brand#23", "MED BOX"],
    &["300"],
    &["Brand#12", "Brand#23", "Brand#34", "1", "10", "20"],
    &["forest", "1994-01-01", "CANADA"],
    &["SAUDI ARABIA"],
    &["13", "31", "23", "29", "30", "18", "17"],
];

/// The statements of a query in plain SQL: one, but for the fifteenth, which makes a view.
fn plain(number: usize) -> Vec<String> {
    let mut text = tpchgen::q_and_a::queries::query(number as i32).unwrap().replace(":s", "0");
    // PostgreSQL has no leading precision in an interval.
    text = text.replace(" day (3)", " day");
    for (place, value) in PARAMETERS[number - 1].iter().enumerate().rev() {
        text = text.replace(&format!(":{}", place + 1), value);
    }
    text.split(';').map(|statement| statement.trim().to_owned()).filter(|statement| !statement.is_empty()).collect()
}

/// A query's rows as PostgreSQL writes them, what it costs by PostgreSQL's estimate, and its text.
async fn reference(session: &mut Session, number: usize) -> (Vec<Vec<Option<String>>>, f64, String) {
    let mut found = None;
    for statement in plain(number) {
        if statement.starts_with("select") {
            let plan = session.rows(&format!("EXPLAIN {statement}")).await.unwrap();
            let rows = session.rows(&statement).await.unwrap();
            found = Some((rows, cost(plan[0][0].as_ref().unwrap()), statement));
        } else {
            session.run(&statement).await.unwrap();
        }
    }
    found.unwrap()
}

/// The estimated total cost: the second number of `(cost=1.00..2.00 …`.
fn cost(first_line: &str) -> f64 {
    let (_, tail) = first_line.split_once("..").unwrap();
    tail.split(' ').next().unwrap().parse().unwrap()
}

/// How deep SELECTs stand within each other.
fn nesting(sql: &str) -> usize {
    let sql = sql.to_lowercase();
    let (mut depth, mut deepest, mut open) = (0usize, 0usize, Vec::new());
    for (position, character) in sql.char_indices() {
        match character {
            '(' => {
                let inner = sql[position + 1..].trim_start().starts_with("select");
                open.push(inner);
                depth += usize::from(inner);
                deepest = deepest.max(depth);
            }
            ')' => depth -= usize::from(open.pop().unwrap_or(false)),
            _ => {}
        }
    }
    deepest + 1
}

/// Every cell that is not what plain SQL gave.
fn differences(rows: &Rows, expected: &[Vec<Option<String>>]) -> Vec<String> {
    let mut found = Vec::new();
    if rows.len() != expected.len() {
        found.push(format!("{} rows where {} were expected", rows.len(), expected.len()));
        return found;
    }
    for (number, (row, expected)) in rows.iter().zip(expected).enumerate() {
        assert_eq!(row.len(), expected.len());
        for ((name, value), expected) in row.iter().zip(expected) {
            if !same(value, expected.as_deref()) {
                let expected = expected.as_deref().unwrap_or("NULL");
                found.push(format!(
                    "row {number}, {name}: {} where {expected} was expected",
                    crate::conformance::show(value)
                ));
            }
        }
    }
    found
}

/// Exact but for doubles, which plain SQL gives as decimals: a mean, a quotient.
fn same(value: &Value, expected: Option<&str>) -> bool {
    let Some(expected) = expected else { return matches!(value, Value::Null) };
    match value {
        Value::Int(number) => expected.parse::<Decimal>().is_ok_and(|expected| expected == Decimal::from(*number)),
        Value::Decimal(number) => expected.parse::<Decimal>().is_ok_and(|expected| expected == *number),
        Value::Float(number) => {
            let expected: f64 = expected.parse().unwrap();
            (number - expected).abs() <= 1e-12 * expected.abs()
        }
        Value::Text(text) => text == expected,
        Value::Date(date) => date.to_string() == expected,
        _ => false,
    }
}

#[tokio::test]
async fn all_22_queries_agree_with_plain_sql_on_every_database() {
    let Some(postgres) = TestDatabase::fresh(Dialect::Postgres).await else { return };
    data::load(&postgres.read_write().await, SCALE).await.unwrap();
    postgres.execute_setup(&["ANALYZE"]).await;
    let mut session = postgres.server().unwrap().admin(&postgres.name()).await;
    let mut expected = Vec::new();
    for number in 1..=22 {
        expected.push(reference(&mut session, number).await);
    }

    let wrong = std::cell::RefCell::new(Vec::new());
    support::each(async |db| {
        let handle = if db.dialect == Dialect::Postgres {
            postgres.read_only().await
        } else {
            data::load(&db.read_write().await, SCALE).await.unwrap();
            db.read_only().await
        };
        for (number, (rows, plain_cost, plain)) in (1..=22).zip(&expected) {
            let frame = queries::query(number, &|name| handle.table(name)).unwrap();
            let found = match frame.collect().await {
                Ok(found) => found,
                Err(error) => {
                    wrong.borrow_mut().push(format!("query {number} on {}: {error}", db.dialect));
                    continue;
                }
            };
            let differences = differences(&found, rows);
            if let Some(first) = differences.first() {
                wrong.borrow_mut().push(format!("query {number} on {}: {} cells differ: {first}", db.dialect, differences.len()));
            }
            if db.dialect == Dialect::Postgres {
                let ours = cost(frame.explain().await.unwrap().lines().next().unwrap());
                let sql = frame.to_sql().unwrap();
                let depths = (nesting(sql.sql()), nesting(plain));
                let ratio = ours / plain_cost;
                support::say(&format!(
                    "TPC-H {number:>2}: {:>4} rows; {:>4} bytes of SQL against {:>4}, {} levels against {}; plan cost ratio {ratio:.3}",
                    rows.len(),
                    sql.sql().len(),
                    plain.split_whitespace().map(|word| word.len() + 1).sum::<usize>(),
                    depths.0,
                    depths.1
                ));
                if depths.0 > depths.1 {
                    wrong.borrow_mut().push(format!("query {number} nests {} levels deep where plain SQL has {}", depths.0, depths.1));
                }
                // A mean of decimals is a sum and a count, so that it rounds once; the planner counts both.
                if ratio > 1.1 {
                    wrong.borrow_mut().push(format!("query {number} costs {ratio:.3} times what plain SQL costs"));
                }
            }
        }
    })
    .await;
    let wrong = wrong.into_inner();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
