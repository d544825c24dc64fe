//! Rows that come one after another.

use futures_util::{StreamExt, stream};
use portcullis::{Database, ErrorKind, ReadWrite, col, incoming};

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
        let update = insert().on_conflict("n").do_update(|row| row.set("square", incoming("square")));
        assert_eq!(update.execute_stream(stream::iter([(1, 1)])).await.expect_err("an update").code(), "upsert.stream");
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
