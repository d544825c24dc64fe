//! Samples that repeat, and a frame's columns in figures.

use portcullis::{Dialect, ErrorKind, Value, col, table};

use crate::support::{self, check, lines};

portcullis::table! { t { id: i64, name: Option<String>, score: f64 } }

#[tokio::test]
async fn a_sample_has_the_same_rows_each_time_and_everywhere() {
    support::each(async |db| {
        let rows: Vec<String> = (1..=2000).map(|id| format!("({id}, 'n{id}')")).collect();
        let insert = format!("INSERT INTO numbers VALUES {}", rows.join(", "));
        db.execute_setup(&[
            "CREATE TABLE numbers (id bigint NOT NULL, name varchar(10) NOT NULL)",
            &insert,
            "CREATE TABLE names (id integer, name varchar(10))",
            "INSERT INTO names VALUES (1, 'a'), (2, ''), (3, NULL), (NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let ids =
            |fraction: f64, seed: u64| db.table("numbers").sample_by("id", fraction, seed).order_by("id").select("id");
        // By `printf 7:ID | sha256sum`: d7, 8d, 11, 02, da, f5, 08, 13, ce, a6.
        check(&db, ids(0.5, 7).where_(col("id").le(10)), &["3", "4", "7", "8"]).await;
        check(&db, ids(0.05, 7).where_(col("id").le(10)), &["4", "7"]).await;
        check(&db, ids(0.0, 7), &[]).await;
        assert_eq!(ids(1.0, 7).count().await.expect("a count"), 2000);
        let tenth = lines(&ids(0.1, 7).collect().await.expect("rows"));
        assert!((150..250).contains(&tenth.len()), "{}", tenth.len());
        assert_eq!(lines(&ids(0.1, 7).collect().await.expect("rows")), tenth);
        let fifth = lines(&ids(0.2, 7).collect().await.expect("rows"));
        assert!(tenth.iter().all(|id| fifth.contains(id)));
        assert_ne!(lines(&ids(0.1, 8).collect().await.expect("rows")), tenth);
        // Several keys; NULL and the empty text are keys like any other. `printf 7 | sha256sum` is 79, `printf 7: | sha256sum` is 70.
        check(&db, db.table("names").sample_by("name", 0.46, 7).where_(col("id").ne(1)).select("id"), &["2"]).await;
        let both = db.table("numbers").sample_by(["id", "name"], 0.5, 1).count().await.expect("a count");
        assert!((900..1100).contains(&both), "{both}");
    })
    .await;
}

#[test]
fn a_fraction_from_zero_to_one_and_a_key_that_is_written_alike_are_asked_for() {
    let none: [&str; 0] = [];
    let cases = [
        (
            table(t::table).sample_by("id", 1.5, 1),
            "sample.fraction",
            "`sample_by` takes a fraction from 0 to 1, as 0.1 for a tenth of the rows",
        ),
        (
            table(t::table).sample_by("id", f64::NAN, 1),
            "sample.fraction",
            "`sample_by` takes a fraction from 0 to 1, as 0.1 for a tenth of the rows",
        ),
        (table(t::table).sample_by(none, 0.5, 1), "plan.no_columns", "`sample_by` names no column; write at least one"),
        (
            table(t::table).sample_by("score", 0.5, 1),
            "sample.key",
            "a key of `sample_by` is an integer, text, a boolean, a date or a UUID, not `score` (double); choose another, or convert it with `.cast(..)`",
        ),
    ];
    for (frame, code, message) in cases {
        let error = frame.to_sql_for(Dialect::Sqlite).expect_err(message);
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
    assert!(table(t::table).sample_by(["id", "name"], 0.5, 1).to_sql_for(Dialect::Sqlite).is_ok());
}

#[tokio::test]
async fn describe_gives_a_row_for_each_column() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE items (id integer NOT NULL, name varchar(10), price decimal(10, 2), score double precision, made date, sold boolean)",
            "INSERT INTO items VALUES (1, 'b', 10.50, 1.5, '2024-02-29', TRUE), (2, 'a', 20.25, NULL, '1969-12-31', NULL), \
             (3, NULL, NULL, 2.5, NULL, FALSE), (4, 'B', 0.25, NULL, NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let figures = db.table("items").describe().await.expect("figures");
        assert_eq!(figures.columns(), ["column", "count", "nulls", "mean", "stddev", "min", "q1", "median", "q3", "max"]);
        let rounded = |value: &Value| match value {
            Value::Float(it) => Value::Float((it * 1e6).round() / 1e6),
            Value::Decimal(it) => Value::Decimal(it.normalize()),
            other => other.clone(),
        };
        let shown: Vec<String> = figures
            .iter()
            .map(|row| row.values().iter().map(|it| crate::support::cell(&rounded(it)).to_string()).collect::<Vec<_>>().join("|"))
            .collect();
        assert_eq!(
            shown,
            [
                "id|4|0|2.5|1.290994|1|1.75|2.5|3.25|4",
                "name|3|1|null|null|B|null|null|null|b",
                "price|3|1|10.333333|10.001042|0.25d|5.375|10.5|15.375|20.25d",
                "score|2|2|2.0|0.707107|1.5|1.75|2.0|2.25|2.5",
                "made|2|2|null|null|1969-12-31|null|null|null|2024-02-29",
                "sold|2|2|null|null|null|null|null|null|null",
            ],
            "{}",
            db.dialect()
        );
        // Of a chain, and of no rows.
        let none = db.table("items").where_(col("id").gt(9)).select("price").describe().await.expect("figures");
        assert_eq!(lines(&none), ["price|0|0|null|null|null|null|null|null|null"]);
        let error = db.table("items").select("pric").describe().await.expect_err("no such column");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Schema, "schema.unknown_column"));
    })
    .await;
}
