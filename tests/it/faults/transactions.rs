//! Transactions: what they keep and what they leave when something goes wrong.

use std::time::Duration;

use portcullis::{Dialect, ErrorKind, OutcomeKind, StatementKind, col};

use super::{builder, count, wait_for_sessions};
use crate::support::{self, Recorder};

#[tokio::test]
async fn a_dropped_transaction_rolls_back() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint)"]).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).statement_timeout(Duration::from_secs(2)).hook(recorder.clone());
        let db = db.open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        drop(tx);
        // The pool's one session comes back without it.
        assert_eq!(db.table("t").count().await.unwrap(), 0);
        let ended = recorder.settled().await;
        assert!(ended.contains(&(StatementKind::Rollback, OutcomeKind::Completed)), "{ended:?}");

        // Dropped in the middle of a statement of its own.
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([2]).execute().await.unwrap();
        let long = match test.dialect {
            Dialect::Postgres => "SELECT pg_sleep(20)",
            Dialect::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            _ => "SELECT SLEEP(20)",
        };
        let work = async {
            let _ = tx.sql(long).collect().await;
            tx.commit().await
        };
        tokio::time::timeout(Duration::from_millis(60), work).await.unwrap_err();
        assert_eq!(db.table("t").count().await.unwrap(), 0);
        assert_eq!(count(test, "t").await, 0);
        if test.dialect != Dialect::Sqlite {
            wait_for_sessions(test, 1).await;
        }

        // The statement alone was dropped: the transaction is lost, and says so.
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([3]).execute().await.unwrap();
        let statement = tx.sql(long);
        tokio::time::timeout(Duration::from_millis(60), statement.collect()).await.unwrap_err();
        let error = tx.insert("t").columns(["n"]).row([4]).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transaction, "{error:?}");
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transaction, "{error:?}");
        assert_eq!(count(test, "t").await, 0);
        recorder.settled().await;
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_outlives_its_transaction_is_refused() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint)"]).await;
        let db = test.read_write().await;
        let tx = db.begin().await.unwrap();
        let frame = tx.table("t").select("n");
        let insert = tx.insert("t").columns(["n"]).row([1]);
        assert!(frame.collect().await.unwrap().is_empty());
        insert.clone().execute().await.unwrap();
        assert_eq!(frame.collect().await.unwrap().len(), 1);
        tx.commit().await.unwrap();
        for error in [frame.collect().await.unwrap_err(), insert.execute().await.unwrap_err()] {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Transaction, "transaction.ended"));
        }
        assert_eq!(count(test, "t").await, 1);
    })
    .await;
}

/// After an error PostgreSQL refuses all but the end, the others go on; in no case is a half kept without the caller's word.
#[tokio::test]
async fn a_failed_statement_in_a_transaction_keeps_nothing_that_was_not_committed() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint PRIMARY KEY)"]).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        let error = tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Constraint);
        tx.rollback().await.unwrap();
        assert_eq!(count(test, "t").await, 0);

        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap_err();
        let committed = tx.commit().await;
        if test.dialect == Dialect::Postgres {
            let error = committed.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Transaction, "transaction.aborted"));
            assert_eq!(count(test, "t").await, 0);
        } else {
            committed.unwrap();
            assert_eq!(count(test, "t").await, 1);
        }
        assert_eq!(db.table("t").where_(col("n").eq(99)).count().await.unwrap(), 0);
    })
    .await;
}

/// A constraint that is checked at the end makes the commit fail, on the database's own terms.
#[tokio::test]
async fn a_commit_that_the_database_refuses_leaves_nothing_open() {
    support::on(&[Dialect::Postgres, Dialect::Sqlite], async |test| {
        test.execute_setup(&[
            "CREATE TABLE parent (id bigint PRIMARY KEY)",
            "CREATE TABLE child (parent bigint REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
        ])
        .await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.insert("child").columns(["parent"]).row([5]).execute().await.unwrap();
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Constraint, "{error:?}");
        db.insert("parent").columns(["id"]).row([1]).execute().await.unwrap();
        db.insert("child").columns(["parent"]).row([1]).execute().await.unwrap();
        // The executor's own transaction around `max_affected` ends as surely.
        let write = db.update("child").set("parent", 5).where_(col("parent").eq(1)).max_affected(10);
        assert_eq!(write.execute().await.unwrap_err().kind(), ErrorKind::Constraint);
        db.insert("parent").columns(["id"]).row([2]).execute().await.unwrap();
        assert_eq!((count(test, "parent").await, count(test, "child").await), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_write_beyond_max_affected_is_rolled_back() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint)", "INSERT INTO t VALUES (1), (2), (3)"]).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        for write in [db.delete("t").all_rows().max_affected(2), db.delete("t").where_(col("n").gt(0)).max_affected(2)]
        {
            let error = write.execute().await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::TooManyRows, "write.max_affected"));
            assert_eq!(count(test, "t").await, 3);
        }
        assert_eq!(
            db.update("t").set("n", 0).all_rows().max_affected(2).execute().await.unwrap_err().kind(),
            ErrorKind::TooManyRows
        );
        // Within the bound it stays, and on the bound too.
        assert_eq!(db.delete("t").where_(col("n").gt(1)).max_affected(2).execute().await.unwrap(), 2);
        assert_eq!(count(test, "t").await, 1);

        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).rows([[4], [5]]).execute().await.unwrap();
        let error = tx.delete("t").all_rows().max_affected(1).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyRows);
        assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Transaction);
        assert_eq!(count(test, "t").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_long_insert_is_kept_whole_or_not_at_all() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (a bigint NOT NULL PRIMARY KEY, b bigint, c varchar(20))"]).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
        let rows = |last: i64| (1..60_000_i64).chain([last]).map(|n| (n, n * 2, "x"));
        let error = db.insert("t").columns(["a", "b", "c"]).rows(rows(1)).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Constraint, "{error:?}");
        assert_eq!(count(test, "t").await, 0);
        let ended = recorder.settled().await;
        // PostgreSQL's catalogue is asked first whether the rows can go by COPY.
        let mut written = ended.iter().filter(|(kind, _)| *kind != StatementKind::Catalog);
        assert_eq!(written.next(), Some(&(StatementKind::Begin, OutcomeKind::Completed)));
        assert_eq!(written.next_back(), Some(&(StatementKind::Rollback, OutcomeKind::Completed)));
        assert_eq!(db.insert("t").columns(["a", "b", "c"]).rows(rows(60_000)).execute().await.unwrap(), 60_000);
        assert_eq!(count(test, "t").await, 60_000);
        assert_eq!(recorder.settled().await.last(), Some(&(StatementKind::Commit, OutcomeKind::Completed)));

        // In a transaction of the caller's it is part of that.
        let tx = db.begin().await.unwrap();
        let more = (70_001..150_000_i64).map(|n| (n, n, "y"));
        tx.insert("t").columns(["a", "b", "c"]).rows(more).execute().await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(count(test, "t").await, 60_000);
    })
    .await;
}

/// A `rollback` that reports success while rows stay, or a `commit` while none do, is worse than an error.
#[tokio::test]
async fn raw_sql_can_not_end_the_transaction_it_runs_in() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint)"]).await;
        let db = test.read_write().await;
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        for sql in ["COMMIT", "/* so */ rollback", "ROLLBACK WORK;", "BEGIN", "END", "START TRANSACTION"] {
            let error = tx.sql(sql).execute().await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::RawSql, "raw_sql.transaction"), "{sql}");
        }
        if support::mysql_family(test.dialect) {
            for sql in [
                "CREATE TABLE u (n bigint)",
                "CREATE OR REPLACE TABLE u (n bigint)",
                "TRUNCATE t",
                "SET autocommit = 1",
                "SET STATEMENT max_statement_time = 1 FOR COMMIT",
            ] {
                assert_eq!(tx.sql(sql).execute().await.unwrap_err().code(), "raw_sql.transaction", "{sql}");
            }
            tx.sql("CREATE TEMPORARY TABLE u (n bigint)").execute().await.unwrap();
        } else {
            tx.sql("CREATE TABLE u (n bigint)").execute().await.unwrap();
        }
        tx.rollback().await.unwrap();
        assert_eq!(count(test, "t").await, 0);

        if test.dialect == Dialect::MySql {
            // SQL: MySQL prepares no SAVEPOINT; the transaction's own `savepoint` is sent without.
            let tx = db.begin().await.unwrap();
            assert_eq!(tx.sql("SAVEPOINT here").execute().await.unwrap_err().kind(), ErrorKind::Database);
            return;
        }
        // Savepoints stay within it.
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        tx.sql("SAVEPOINT here").execute().await.unwrap();
        tx.insert("t").columns(["n"]).row([2]).execute().await.unwrap();
        tx.sql("ROLLBACK TO SAVEPOINT here").execute().await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count(test, "t").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_insert_in_parts_that_fails_midway_takes_its_transaction_with_it() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint PRIMARY KEY)"]).await;
        let db = test.read_write().await;
        // One statement takes more of them on SQLite.
        let many = if db.dialect() == Dialect::Sqlite { 130_000 } else { 6_000 };
        let rows = |last: i64| (0..many).chain([last]).map(|n| [n]).collect::<Vec<[i64; 1]>>();
        let tx = db.begin().await.unwrap();
        let error = tx.insert("t").columns(["n"]).rows(rows(0)).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Constraint, "{error:?}");
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transaction, "{error:?}");
        assert_eq!(count(test, "t").await, 0);

        let tx = db.begin().await.unwrap();
        assert_eq!(tx.insert("t").columns(["n"]).rows(rows(many)).execute().await.unwrap(), many as u64 + 1);
        tx.commit().await.unwrap();
        assert_eq!(count(test, "t").await, many + 1);
    })
    .await;
}
