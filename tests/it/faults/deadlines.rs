//! Deadlines: of statements, of dead servers, of connecting, of the pool.

use std::time::{Duration, Instant};

use portcullis::{Dialect, ErrorKind, OutcomeKind, StatementKind};

use super::{builder, builder_through, sessions, wait_for_sessions};
use crate::support::{self, Fault, Proxy, Recorder};

/// Statements that would take many seconds.
fn long_statements(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Postgres => &["SELECT pg_sleep(20)", "SELECT count(*) FROM generate_series(1, 1000000000) AS g"],
        Dialect::Sqlite => &["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"],
        // SLEEP itself returns early there, without an error.
        Dialect::MySql => &["SELECT COUNT(*) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b, \
               information_schema.COLLATIONS c, information_schema.COLLATIONS d"],
        Dialect::MariaDb => &["SELECT SLEEP(20)", "SELECT SUM(MOD(seq, 7)) FROM seq_1_to_10000000000"],
    }
}

#[tokio::test]
async fn the_database_ends_a_statement_at_its_deadline() {
    support::each(async |test| {
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).statement_timeout(Duration::from_millis(300)).hook(recorder.clone());
        let db = db.open_read_write().await.unwrap();
        for sql in long_statements(test.dialect) {
            let start = Instant::now();
            let error = db.sql(sql).collect().await.unwrap_err();
            let took = start.elapsed();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{sql}: {error:?}");
            // The client's own deadline is later and has another code: here the database itself gave up.
            assert_ne!(error.code(), "statement.deadline", "{sql}");
            assert!(took >= Duration::from_millis(250) && took < Duration::from_millis(1500), "{sql}: {took:?}");
            assert_eq!(recorder.ended(), [(StatementKind::Raw, OutcomeKind::Cancelled)]);
            assert_eq!(db.sql("SELECT 7 AS n").one_as::<i64>().await.unwrap(), 7);
            recorder.take();
        }
        if test.dialect != Dialect::Sqlite {
            wait_for_sessions(test, 1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_at_the_clients_deadline() {
    support::on(&support::SERVERS, async |test| {
        test.execute_setup(&["CREATE TABLE t (n integer)", "INSERT INTO t VALUES (7)"]).await;
        let proxy = Proxy::start(test.server().unwrap().port).await;
        let db = builder_through(test, &proxy).pool_size(3).statement_timeout(Duration::from_millis(300));
        let db = db.connect_timeout(Duration::from_secs(5)).open_read_write().await.unwrap();
        let read = async || db.table("t").select("n").one_as::<i64>().await;
        // Three sessions are open before the server falls silent; a new one would wait for its own deadline.
        let (tx, one, two) = (db.begin().await.unwrap(), db.begin().await.unwrap(), db.begin().await.unwrap());
        one.rollback().await.unwrap();
        two.rollback().await.unwrap();
        proxy.set(Fault::Blackhole);
        for what in ["select", "stream", "in a transaction"] {
            let start = Instant::now();
            let error = match what {
                "select" => read().await.unwrap_err(),
                "stream" => db.table("t").stream().await.unwrap().next().await.unwrap().unwrap_err(),
                _ => tx.table("t").count().await.unwrap_err(),
            };
            let took = start.elapsed();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "statement.deadline"), "{what}: {error:?}");
            assert!(took < Duration::from_secs(2), "{what}: {took:?}");
        }
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transaction, "{error:?}");
        proxy.set(Fault::None);
        assert_eq!(read().await.unwrap(), 7);
    })
    .await;
}

#[tokio::test]
async fn connecting_to_a_silent_server_ends_in_time() {
    support::on(&support::SERVERS, async |test| {
        let proxy = Proxy::start(test.server().unwrap().port).await;
        proxy.set(Fault::Blackhole);
        let start = Instant::now();
        let open = builder_through(test, &proxy).connect_timeout(Duration::from_millis(300)).open_read_write();
        let error = open.await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "connect.timeout"), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        proxy.set(Fault::None);
        builder_through(test, &proxy).open_read_write().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_statement_is_an_error_and_the_next_works() {
    support::on(&support::SERVERS, async |test| {
        let proxy = Proxy::start(test.server().unwrap().port).await;
        let db = builder_through(test, &proxy).pool_size(2).open_read_write().await.unwrap();
        let nap = if test.dialect == Dialect::Postgres { "SELECT pg_sleep(5)" } else { "SELECT SLEEP(5)" };
        for fault in [Fault::Reset, Fault::Close, Fault::Cut(3)] {
            // Two sessions lie idle when the first breaks; the second breaks unseen.
            let (one, two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
            one.rollback().await.unwrap();
            two.rollback().await.unwrap();
            let running = {
                let db = db.clone();
                tokio::spawn(async move { db.sql(nap).collect().await })
            };
            tokio::time::sleep(Duration::from_millis(100)).await;
            proxy.set(fault);
            if let Fault::Cut(_) = fault {
                // It cuts answers, so one must come.
                let error = db.sql("SELECT 1 AS n").collect().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
                running.abort();
            } else {
                let error = running.await.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Connect, "{fault:?}: {error:?}");
            }
            proxy.set(Fault::None);
            for _ in 0..4 {
                assert_eq!(db.sql("SELECT 7 AS n").one_as::<i64>().await.unwrap(), 7, "{fault:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_exhausted_pool_is_an_error_in_time() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n integer)"]).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(2).acquire_timeout(Duration::from_millis(200)).hook(recorder.clone());
        let db = db.open_read_only().await.unwrap();
        let (one, two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        recorder.take();
        let start = Instant::now();
        let error = db.table("t").count().await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Pool, "pool.timeout"), "{error:?}");
        assert_eq!(db.begin().await.unwrap_err().kind(), ErrorKind::Pool);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        let failed = OutcomeKind::Failed;
        assert_eq!(recorder.ended(), [(StatementKind::Select, failed), (StatementKind::Begin, failed)]);
        one.rollback().await.unwrap();
        assert_eq!(db.table("t").count().await.unwrap(), 0);
        drop(two);
        db.close();
        assert_eq!(db.table("t").count().await.unwrap_err().code(), "pool.closed");
        if test.dialect != Dialect::Sqlite {
            for _ in 0..60 {
                if sessions(test).await == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("sessions stay after `close`");
        }
    })
    .await;
}
