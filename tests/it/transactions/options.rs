//! Options: isolation, read-only, deferred constraints, timeouts; none outlives its transaction.

use std::time::{Duration, Instant};

use portcullis::{Database, Dialect, ErrorKind, Isolation, ReadWrite, Result, Transaction, TransactionOptions, col};

use super::{builder, numbers, with_table};
use crate::support;

fn of(level: Isolation) -> TransactionOptions {
    TransactionOptions::new().isolation(level)
}

/// What a session is set to, of all that a transaction's options touch.
async fn state(tx: &Transaction<ReadWrite>) -> Vec<String> {
    let texts: &[&'static str] = match tx.table("t").to_sql().unwrap().sql().contains('`') {
        true => &[
            "SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = 'max_statement_time'",
            "SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = 'tx_isolation'",
            "SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = 'tx_read_only'",
        ],
        false => &[
            "SELECT current_setting('statement_timeout')",
            "SELECT current_setting('transaction_isolation')",
            "SELECT current_setting('transaction_read_only')",
            "SELECT current_setting('default_transaction_isolation')",
        ],
    };
    let mut found = Vec::new();
    for text in texts {
        found.push(tx.sql(text).one_as().await.unwrap());
    }
    found
}

#[tokio::test]
async fn nothing_that_a_transaction_sets_is_left_on_its_session() {
    support::on(&[Dialect::Postgres, Dialect::MariaDb], async |test| {
        with_table(test).await;
        test.execute_setup(&[match test.dialect {
            Dialect::Postgres => "CREATE VIEW me AS SELECT pg_backend_pid()::bigint AS id",
            _ => "CREATE VIEW me AS SELECT CONNECTION_ID() AS id",
        }])
        .await;
        for handle_limit in [None, Some(Duration::from_secs(7))] {
            let db = match handle_limit {
                Some(limit) => builder(test).statement_timeout(limit),
                None => builder(test).no_statement_timeout(),
            };
            let db: Database<ReadWrite> = db.pool_size(1).open_read_write().await.unwrap();
            let tx = db.begin().await.unwrap();
            let (before, me) = (state(&tx).await, tx.table("me").one_as::<i64>().await.unwrap());
            tx.rollback().await.unwrap();
            let odd = of(Isolation::Serializable)
                .statement_timeout(Duration::from_millis(1_234))
                .timeout(Duration::from_secs(60));
            for commits in [true, false] {
                let tx = db.begin_with(odd.clone()).await.unwrap();
                let within = state(&tx).await;
                assert!(within[0].starts_with("1234ms") || within[0].starts_with("1.234"), "{within:?}");
                if commits {
                    tx.commit().await.unwrap()
                } else {
                    tx.rollback().await.unwrap()
                }
                let tx = db.begin_with(TransactionOptions::new().read_only()).await.unwrap();
                tx.rollback().await.unwrap();
                let tx = db.begin().await.unwrap();
                // A session that ran raw SQL is replaced on MariaDB, so the one that is looked at ran none but these.
                let same = tx.table("me").one_as::<i64>().await.unwrap() == me;
                assert!(same || support::mysql_family(test.dialect));
                assert_eq!(state(&tx).await, before);
                tx.rollback().await.unwrap();
            }
            // On one session all along, with no raw SQL in between.
            let me = async || db.table("me").one_as::<i64>().await.unwrap();
            let first = me().await;
            db.begin_with(odd.clone()).await.unwrap().commit().await.unwrap();
            assert_eq!(me().await, first);
            let tx = db.begin().await.unwrap();
            assert_eq!(state(&tx).await, before);
        }
    })
    .await;
}

/// A select, an insert by another session, and the select again.
async fn sees_others(db: &Database<ReadWrite>, options: TransactionOptions) -> Result<bool> {
    let tx = db.begin_with(options).await?;
    let before = tx.table("t").count().await?;
    db.insert("t").columns(["n"]).row([numbers(db).await.len() as i64 + 100]).execute().await?;
    let seen = tx.table("t").count().await? > before;
    tx.rollback().await?;
    Ok(seen)
}

#[tokio::test]
async fn isolation_is_what_was_asked_for() {
    support::on(&support::SERVERS, async |test| {
        with_table(test).await;
        let db = builder(test).open_read_write().await.unwrap();
        assert!(sees_others(&db, of(Isolation::ReadCommitted)).await.unwrap());
        assert!(!sees_others(&db, of(Isolation::RepeatableRead)).await.unwrap());
        let default = sees_others(&db, TransactionOptions::new()).await.unwrap();
        assert_eq!(default, test.dialect == Dialect::Postgres);
        // Read-only ones on each level, too.
        assert!(sees_others(&db, of(Isolation::ReadCommitted).read_only()).await.unwrap());
        assert!(!sees_others(&db, of(Isolation::RepeatableRead).read_only()).await.unwrap());
        if test.dialect == Dialect::Postgres {
            assert!(!sees_others(&db, of(Isolation::Serializable)).await.unwrap());
            assert!(!sees_others(&db, of(Isolation::Serializable).read_only()).await.unwrap());
        } else {
            // A serializable select locks what it read: the insert waits for the transaction, in vain.
            let impatient = builder(test).setting("innodb_lock_wait_timeout", "1").open_read_write().await.unwrap();
            let error = sees_others(&impatient, of(Isolation::Serializable)).await.unwrap_err();
            assert_eq!(error.code(), "db.lock_timeout");
        }
    })
    .await;
}

#[tokio::test]
async fn sqlite_is_serializable_whatever_is_asked_for() {
    support::on(&[Dialect::Sqlite], async |test| {
        with_table(test).await;
        let db = builder(test).setting("busy_timeout", "100").open_read_write().await.unwrap();
        for level in [Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable] {
            assert!(!sees_others(&db, of(level).read_only()).await.unwrap(), "{level:?}");
            // One that may write holds the one write lock.
            assert_eq!(sees_others(&db, of(level)).await.unwrap_err().code(), "db.lock_timeout");
        }
    })
    .await;
}

#[tokio::test]
async fn a_read_only_transaction_writes_nothing_on_a_handle_that_can() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        db.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        let tx = db.begin_with(TransactionOptions::new().read_only()).await.unwrap();
        assert_eq!(tx.table("t").count().await.unwrap(), 1);
        assert_eq!(tx.sql("SELECT n FROM t").one_as::<i64>().await.unwrap(), 1);
        for error in [
            tx.insert("t").columns(["n"]).row([2]).execute().await.unwrap_err(),
            tx.update("t").set("n", 2).all_rows().execute().await.unwrap_err(),
            tx.delete("t").all_rows().execute().await.unwrap_err(),
        ] {
            assert_eq!(error.code(), "policy.read_only");
        }
        // On MariaDB the last would commit the transaction and go on without its switch.
        for sql in ["DELETE FROM t", "INSERT INTO t VALUES (2)", "CREATE TABLE u (n bigint)"] {
            let error = tx.sql(sql).execute().await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Policy | ErrorKind::RawSql), "{error:?}");
        }
        tx.commit().await.unwrap();
        let written = db.transaction(async |tx| tx.insert("t").columns(["n"]).row([2]).execute().await).await;
        assert_eq!(written.unwrap(), 1);
        assert_eq!(numbers(&db).await, [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn deferred_constraints_are_checked_at_the_commit() {
    support::each(async |test| {
        let reference = match test.dialect {
            Dialect::Postgres => "parent bigint REFERENCES parent (id) DEFERRABLE",
            _ => "parent bigint REFERENCES parent (id)",
        };
        test.execute_setup(&[
            "CREATE TABLE parent (id bigint PRIMARY KEY)",
            &format!("CREATE TABLE child ({reference})"),
        ])
        .await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let deferred = || TransactionOptions::new().defer_constraints();
        if support::mysql_family(test.dialect) {
            let error = db.begin_with(deferred()).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "transaction.defer_constraints"));
            return;
        }
        let child_first = async |tx: &Transaction<ReadWrite>, id: i64, with_parent: bool| {
            tx.insert("child").columns(["parent"]).row([id]).execute().await?;
            if with_parent {
                tx.insert("parent").columns(["id"]).row([id]).execute().await?;
            }
            Ok::<(), portcullis::Error>(())
        };
        db.transaction_with(deferred(), async |tx| child_first(tx, 1, true).await).await.unwrap();
        let orphan = db.transaction_with(deferred(), async |tx| child_first(tx, 2, false).await).await;
        assert_eq!(orphan.unwrap_err().kind(), ErrorKind::Constraint);
        // The next transaction on the session checks at once again.
        let at_once = db.transaction(async |tx| {
            let error = tx.insert("child").columns(["parent"]).row([3]).execute().await.unwrap_err();
            Err::<(), _>(error)
        });
        assert_eq!(at_once.await.unwrap_err().kind(), ErrorKind::Constraint);
        assert_eq!(db.table("child").count().await.unwrap(), 1);
    })
    .await;
}

fn long(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "SELECT pg_sleep(20)",
        Dialect::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        Dialect::MySql => {
            "SELECT COUNT(*) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b, \
             information_schema.COLLATIONS c, information_schema.COLLATIONS d"
        }
        // SLEEP itself returns early without an error.
        Dialect::MariaDb => "SELECT COUNT(*) FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b WHERE a.seq + b.seq < 0",
    }
}

#[tokio::test]
async fn a_statement_timeout_of_a_transaction_ends_with_it() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).statement_timeout(Duration::from_secs(5)).open_read_write().await.unwrap();
        let brief = TransactionOptions::new().statement_timeout(Duration::from_millis(200));
        let tx = db.begin_with(brief).await.unwrap();
        let start = Instant::now();
        let error = tx.sql(long(test.dialect)).collect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        tx.rollback().await.unwrap();
        // Afterwards the handle's own limit holds, in a transaction and without one.
        let enough = match test.dialect {
            Dialect::Postgres => "SELECT cast(pg_sleep(0.5) AS text)",
            Dialect::Sqlite => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT count(*) FROM n"
            }
            _ => "SELECT SLEEP(0.5)",
        };
        let start = Instant::now();
        db.sql(enough).collect().await.unwrap();
        db.transaction(async |tx| tx.sql(enough).collect().await).await.unwrap();
        assert!(start.elapsed() > Duration::from_millis(400), "{:?} shows nothing", start.elapsed());
        // And one that is longer than the handle's own is longer.
        let db =
            builder(test).pool_size(1).statement_timeout(Duration::from_millis(100)).open_read_write().await.unwrap();
        let patient = TransactionOptions::new().statement_timeout(Duration::from_secs(5));
        db.transaction_with(patient, async |tx| tx.sql(enough).collect().await).await.unwrap();
        assert_eq!(db.sql(long(test.dialect)).collect().await.unwrap_err().kind(), ErrorKind::Timeout);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_beyond_its_timeout_is_rolled_back() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let brief = || TransactionOptions::new().timeout(Duration::from_millis(300));
        // In a statement, between statements, and before the commit.
        let start = Instant::now();
        let in_statement = db.transaction_with(brief(), async |tx| {
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            tx.sql(long(test.dialect)).collect().await
        });
        assert_eq!(in_statement.await.unwrap_err().kind(), ErrorKind::Timeout);
        let between = db.transaction_with(brief(), async |tx| -> Result<()> {
            tx.insert("t").columns(["n"]).row([2]).execute().await?;
            std::future::pending().await
        });
        assert_eq!(between.await.unwrap_err().code(), "transaction.timeout");
        let tx = db.begin_with(brief()).await.unwrap();
        tx.insert("t").columns(["n"]).row([3]).execute().await.unwrap();
        tokio::time::sleep(Duration::from_millis(350)).await;
        // It was closed meanwhile: the pool's only place is free.
        assert!(numbers(&db).await.is_empty());
        assert_eq!(tx.table("t").count().await.unwrap_err().code(), "transaction.timeout");
        assert_eq!(tx.commit().await.unwrap_err().code(), "transaction.timeout");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        // One that is in time is kept.
        let slow = TransactionOptions::new().timeout(Duration::from_secs(20));
        let kept = db.transaction_with(slow, async |tx| tx.insert("t").columns(["n"]).row([4]).execute().await);
        kept.await.unwrap();
        assert_eq!(db.table("t").where_(col("n").eq(4)).count().await.unwrap(), 1);
        assert_eq!(numbers(&db).await, [4]);
    })
    .await;
}
