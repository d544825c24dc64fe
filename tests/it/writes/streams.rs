//! Rows that come one after another.

use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use portcullis::{Database, ErrorKind, ReadWrite, col, incoming, sum};

use crate::support::{self, TestDatabase};

async fn numbers(db: &TestDatabase) -> Database<ReadWrite> {
    db.execute_setup(&["CREATE TABLE numbers (n integer PRIMARY KEY, square bigint)"]).await;
    db.read_write().await
}

#[tokio::test]
async fn a_stream_is_inserted_in_batches_and_counted() {
    support::each(async |db| {
        let db = numbers(db).await;
        let insert = || db.insert("numbers").columns(["n", "square"]);
        let rows = stream::iter((1..=12_345).map(|n: i64| (n, n * n)));
        assert_eq!(insert().execute_stream(rows).await.expect("rows"), 12_345);
        assert_eq!(db.table("numbers").where_(col("square").eq(12_345_i64 * 12_345)).count().await.expect("a row"), 1);
        let none = stream::iter(Vec::<(i64, i64)>::new());
        assert_eq!(insert().execute_stream(none).await.expect("no rows"), 0);
        // Rows written before the stream come first, and a row may come late.
        let late = stream::iter([(20_001, 1), (20_002, 2)]).then(async |row| {
            tokio::task::yield_now().await;
            row
        });
        assert_eq!(insert().row((20_000, 0)).execute_stream(Box::pin(late)).await.expect("rows"), 3);
        assert_eq!(db.table("numbers").count().await.expect("a count"), 12_348);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_fails_keeps_nothing() {
    support::each(async |db| {
        let db = numbers(db).await;
        let insert = || db.insert("numbers").columns(["n", "square"]);
        let twice = stream::iter((1..=12_000).map(|n: i64| (if n == 11_999 { 1 } else { n }, n)));
        assert_eq!(insert().execute_stream(twice).await.expect_err("a duplicate").kind(), ErrorKind::Constraint);
        assert_eq!(db.table("numbers").count().await.expect("a count"), 0);
        let own =
            stream::iter((1..=6_000).map(|n: i64| {
                if n < 6_000 { Ok((n, n)) } else { "nothing".parse::<portcullis::Dsn>().map(|_| (n, n)) }
            }));
        assert!(insert().execute_stream(own).await.is_err());
        assert_eq!(db.table("numbers").count().await.expect("a count"), 0);
        let ragged = stream::iter([vec![1, 1], vec![2]]);
        assert_eq!(insert().execute_stream(ragged).await.expect_err("ragged").code(), "insert.ragged");
        assert_eq!(db.table("numbers").count().await.expect("a count"), 0);
        let nothing = insert().on_conflict("n").do_nothing().execute_stream(stream::iter([(1, 1), (1, 2), (2, 2)]));
        assert_eq!(nothing.await.expect("two rows"), 2, "on {}", db.dialect());
    })
    .await;
}

#[tokio::test]
async fn a_stream_within_a_transaction_that_fails_takes_the_transaction_with_it() {
    support::each(async |db| {
        let db = numbers(db).await;
        let tx = db.begin().await.expect("a transaction");
        let rows = stream::iter((1..=12_000).map(|n: i64| (if n == 11_999 { 1 } else { n }, n)));
        let failed = tx.insert("numbers").columns(["n", "square"]).execute_stream(rows).await;
        assert_eq!(failed.expect_err("a duplicate").kind(), ErrorKind::Constraint);
        assert!(tx.commit().await.is_err(), "half of a stream was kept on {}", db.dialect());
        assert_eq!(db.table("numbers").count().await.expect("a count"), 0);
        let tx = db.begin().await.expect("a transaction");
        let rows = stream::iter((1..=6_000).map(|n: i64| (n, n)));
        assert_eq!(tx.insert("numbers").columns(["n", "square"]).execute_stream(rows).await.expect("rows"), 6_000);
        tx.commit().await.expect("a commit");
        assert_eq!(db.table("numbers").count().await.expect("a count"), 6_000);
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_upserts_changes_what_is_there_and_inserts_the_rest() {
    support::each(async |db| {
        let db = numbers(db).await;
        let insert = || db.insert("numbers").columns(["n", "square"]);
        let upsert =
            || insert().on_conflict("n").do_update(|row| row.set("square", col("square") + incoming("square")));
        let rows = |from: i64, to: i64| stream::iter((from..=to).map(|n: i64| (n, n * n)));
        assert_eq!(insert().execute_stream(rows(1, 9_000)).await.expect("rows"), 9_000);
        let told = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&told);
        let upserted = upsert().on_progress(move |rows| notes.lock().expect("a lock").push(rows));
        assert_eq!(upserted.execute_stream(rows(4_001, 65_000)).await.expect("rows"), 61_000, "on {}", db.dialect());
        let told = told.lock().expect("a lock").clone();
        assert!(told.len() > 1 && told.is_sorted() && told.last() == Some(&61_000), "{told:?}");
        let squares = async |from: i64, to: i64| {
            let sum = db.table("numbers").where_(col("n").between(from, to)).agg(sum(col("square")));
            sum.one_as::<rust_decimal::Decimal>().await.expect("a sum")
        };
        let of = |from: i64, to: i64| rust_decimal::Decimal::from((from..=to).map(|n| n * n).sum::<i64>());
        assert_eq!(squares(1, 4_000).await, of(1, 4_000), "on {}", db.dialect());
        assert_eq!(squares(4_001, 9_000).await, of(4_001, 9_000) * rust_decimal::Decimal::TWO, "on {}", db.dialect());
        assert_eq!(squares(9_001, 65_000).await, of(9_001, 65_000), "on {}", db.dialect());
        // Files are streams.
        let csv = "n,square\n1,41\n70000,7\n".as_bytes();
        let file = db.insert("numbers").on_conflict("n").do_update(|row| row.set_incoming("square"));
        assert_eq!(file.execute_csv(csv).await.expect("rows"), 2);
        let lines = "{\"n\":2,\"square\":42}\n{\"n\":70001,\"square\":8}\n".as_bytes();
        let file = db.insert("numbers").on_conflict("n").do_update(|row| row.set_incoming("square"));
        assert_eq!(file.execute_json_lines(lines).await.expect("rows"), 2);
        let found = db.table("numbers").where_(col("n").in_([1, 2, 70_000, 70_001])).order_by("n").select("square");
        assert_eq!(found.collect_as::<i64>().await.expect("rows"), [41, 42, 7, 8], "on {}", db.dialect());
    })
    .await;
}

#[tokio::test]
async fn two_rows_of_a_stream_with_one_key_are_seen_however_far_apart_they_are() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE days (place integer, day date, seen integer, UNIQUE (place, day))"]).await;
        let db = db.read_write().await;
        let start = chrono::NaiveDate::from_ymd_opt(1960, 2, 28).expect("a date");
        let row = move |n: i64| (Some(n % 7), start + chrono::Days::new(n.unsigned_abs()), n);
        let upsert = || {
            let insert = db.insert("days").columns(["place", "day", "seen"]);
            insert.on_conflict(["place", "day"]).do_update(|row| row.set_incoming("seen"))
        };
        // The last row has the key of the first.
        let twice = stream::iter((1..=60_000).map(move |n| row(if n == 60_000 { 1 } else { n })));
        let error = upsert().execute_stream(twice).await.expect_err("one key twice");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Plan, "upsert.repeated_key"), "on {}", db.dialect());
        assert!(error.to_string().contains("rows 1 and 60000"), "{error}");
        assert_eq!(db.table("days").count().await.expect("a count"), 0, "on {}", db.dialect());
        // A key that holds NULL equals none, and rows that came before the stream count too.
        let nulls = stream::iter((1..=60_000).map(move |n| (None::<i64>, start, n)));
        assert_eq!(upsert().execute_stream(nulls).await.expect("rows"), 60_000, "on {}", db.dialect());
        let late =
            upsert().row(row(5)).execute_stream(stream::iter([row(6), row(5)])).await.expect_err("one key twice");
        assert!(late.to_string().contains("rows 1 and 3"), "{late}");
        let files = upsert().execute_csv("place,day,seen\n1,1999-01-01,1\n1,1999-1-1,2\n".as_bytes()).await;
        assert_eq!(files.expect_err("one key twice").code(), "upsert.repeated_key", "on {}", db.dialect());
    })
    .await;
}
