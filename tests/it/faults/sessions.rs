//! What one borrower of a session leaves for the next, and sessions that end behind the pool's back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::{Database, Dialect, Dsn, ErrorKind, ReadWrite, SecretString};

use super::{builder, count, sessions};
use crate::support::{self, READ_WRITE_ROLE, certificates};

#[tokio::test]
async fn what_raw_sql_sets_does_not_reach_the_next_borrower() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint)", "INSERT INTO t VALUES (1)"]).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        match test.dialect {
            Dialect::Postgres => {
                for (change, look, expected) in [
                    ("SET search_path TO pg_catalog", "SELECT current_setting('search_path')", "\"$user\", public"),
                    ("SET TIME ZONE 'Asia/Tokyo'", "SELECT current_setting('TimeZone')", "UTC"),
                    ("SET statement_timeout = 0", "SELECT current_setting('statement_timeout')", "30s"),
                    (
                        "SET default_transaction_read_only = on",
                        "SELECT current_setting('transaction_read_only')",
                        "off",
                    ),
                    (
                        "SELECT set_config('app.tenant', 'north', false)",
                        "SELECT coalesce(current_setting('app.tenant', true), '')",
                        "",
                    ),
                    (
                        "SELECT pg_advisory_lock(42)::text",
                        "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND objid = 42",
                        "0",
                    ),
                    (
                        "CREATE TEMPORARY TABLE t AS SELECT 5 AS n UNION ALL SELECT 6",
                        "SELECT count(*)::text FROM t",
                        "1",
                    ),
                    ("LISTEN chan", "SELECT count(*)::text FROM pg_listening_channels()", "0"),
                    (
                        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
                        "SELECT count(*)::text FROM pg_cursors WHERE name = 'c'",
                        "0",
                    ),
                ] {
                    db.sql(change).execute().await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
                    let found: String = db.sql(look).one_as().await.unwrap();
                    assert_eq!(found, expected, "after {change}");
                }
                // The twin: within a transaction, on one session, it does last.
                let tx = db.begin().await.unwrap();
                tx.sql("SET search_path TO pg_catalog").execute().await.unwrap();
                let found: String = tx.sql("SELECT current_setting('search_path')").one_as().await.unwrap();
                assert_eq!(found, "pg_catalog");
                tx.commit().await.unwrap();
                let found: String = db.sql("SELECT current_setting('search_path')").one_as().await.unwrap();
                assert_eq!(found, "\"$user\", public");
                assert_eq!(db.sql("BEGIN").execute().await.unwrap_err().code(), "raw_sql.transaction");
                db.insert("t").columns(["n"]).row([2]).execute().await.unwrap();
                assert_eq!(count(test, "t").await, 2);
                // The same session all along.
                assert_eq!(sessions(test).await, 1);
            }
            Dialect::Sqlite => {
                db.sql("CREATE TEMPORARY TABLE t2 AS SELECT 5 AS n").execute().await.unwrap();
                assert_eq!(db.sql("SELECT n FROM t2").collect().await.unwrap_err().code(), "db.unknown_table");
                assert_eq!(db.sql("BEGIN").execute().await.unwrap_err().code(), "raw_sql.transaction");
                db.insert("t").columns(["n"]).row([2]).execute().await.unwrap();
                assert_eq!(count(test, "t").await, 2);
                let error = db.sql("PRAGMA foreign_keys = OFF").execute().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Policy, "{error:?}");
            }
            _ => {
                db.sql("SET SESSION sql_mode = ''").execute().await.unwrap();
                // By what they do: a number that is too large is refused, and the clock is that of UTC.
                let large = db.sql("INSERT INTO t VALUES (99999999999999999999)").execute().await.unwrap_err();
                assert_eq!(large.code(), "db.out_of_range");
                db.sql("SET SESSION time_zone = '+09:00'").execute().await.unwrap();
                let hours = "SELECT TIMESTAMPDIFF(HOUR, UTC_TIMESTAMP(), NOW())";
                assert_eq!(db.sql(hours).one_as::<i64>().await.unwrap(), 0);
                // A plain select leaves nothing behind, so its session is used again.
                test.execute_setup(&["CREATE VIEW me AS SELECT CONNECTION_ID() AS id"]).await;
                let me = async || db.table("me").one_as::<i64>().await.unwrap();
                let before = me().await;
                db.sql("SELECT n FROM t WHERE n = :n").bind("n", 1).collect().await.unwrap();
                assert_eq!(before, me().await);
                db.sql("SET SESSION sort_buffer_size = 1000000").execute().await.unwrap();
                assert_ne!(before, me().await);
                db.sql("SELECT GET_LOCK('north', 0)").execute().await.unwrap();
                for _ in 0..60 {
                    if db.sql("SELECT IS_FREE_LOCK('north')").one_as::<i64>().await.unwrap() == 1 {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert_eq!(db.sql("SELECT IS_FREE_LOCK('north')").one_as::<i64>().await.unwrap(), 1);
                db.sql("CREATE TEMPORARY TABLE t AS SELECT 5 AS n UNION ALL SELECT 6").execute().await.unwrap();
                assert_eq!(db.sql("SELECT COUNT(*) FROM t").one_as::<i64>().await.unwrap(), 1);
                assert_eq!(db.sql("START TRANSACTION").execute().await.unwrap_err().code(), "raw_sql.transaction");
                db.insert("t").columns(["n"]).row([2]).execute().await.unwrap();
                assert_eq!(count(test, "t").await, 2);
            }
        }
    })
    .await;
}

/// Ends every session of the read-write role on the test's database.
async fn terminate(test: &support::TestDatabase) {
    let (server, name) = (test.server().unwrap(), test.name());
    match test.dialect {
        Dialect::Postgres => {
            let all = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename = '{READ_WRITE_ROLE}'"
            );
            server.execute(&name, &[&all]).await;
        }
        _ => {
            let mut admin = server.admin(&name).await;
            while let Ok(Some(id)) = admin
                .scalar(&format!(
                    "SELECT cast(ID AS char) FROM information_schema.PROCESSLIST WHERE DB = '{name}' AND USER = '{READ_WRITE_ROLE}' LIMIT 1"
                ))
                .await
            {
                let _ = admin.run(&format!("KILL {id}")).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            admin.close().await;
        }
    }
    for _ in 0..100 {
        if sessions(test).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the sessions did not end");
}

#[tokio::test]
async fn sessions_that_the_server_ended_cost_one_error_and_no_more() {
    support::on(&support::SERVERS, async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint)", "INSERT INTO t VALUES (1)"]).await;
        let db = builder(test).pool_size(4).open_read_write().await.unwrap();
        let mut open = Vec::new();
        for _ in 0..4 {
            open.push(db.begin().await.unwrap());
        }
        for tx in open {
            tx.rollback().await.unwrap();
        }
        db.table("t").count().await.unwrap();
        assert_eq!(sessions(test).await, 4);
        terminate(test).await;
        let mut errors = Vec::new();
        for _ in 0..12 {
            if let Err(error) = db.table("t").count().await {
                errors.push(error);
            }
        }
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].kind(), ErrorKind::Connect, "{errors:?}");

        // A transaction whose session ended is lost: nothing of it is kept, and it says so.
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([2]).execute().await.unwrap();
        terminate(test).await;
        let error = tx.insert("t").columns(["n"]).row([3]).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
        assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Transaction);
        assert_eq!(count(test, "t").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_pool_outlives_a_change_of_its_password() {
    support::on(&support::SERVERS, async |test| {
        let server = test.server().unwrap();
        let role = format!("pooled_{}", test.name());
        let postgres = test.dialect == Dialect::Postgres;
        let alter = |word: &str| match postgres {
            true => format!("ALTER ROLE {role} PASSWORD '{word}'"),
            false => format!("ALTER USER '{role}'@'%' IDENTIFIED BY '{word}'"),
        };
        if postgres {
            test.execute_setup(&[&format!("CREATE ROLE {role} LOGIN PASSWORD 'one'")]).await;
        } else {
            let grant = format!("GRANT SELECT ON `{}`.* TO '{role}'@'%'", test.name());
            test.execute_setup(&[&format!("CREATE USER '{role}'@'%' IDENTIFIED BY 'one'"), &grant]).await;
        }
        let vault = Arc::new(Mutex::new(vec!["one"]));
        let asked = Arc::clone(&vault);
        let text = format!(
            "{}://{role}@localhost:{}/{}",
            if postgres { "postgres" } else { "mysql" },
            server.port,
            test.name()
        );
        let dsn = Dsn::parse(&text).unwrap().root_certificate_pem(&certificates().ca).unwrap();
        let dsn = dsn.with_password_provider(move || {
            let now = SecretString::from(*asked.lock().unwrap().last().unwrap());
            async move { Ok(now) }
        });
        let db = Database::builder(dsn).pool_size(2).open_read_only().await.unwrap();
        let one = async || db.sql("SELECT 7 AS n").one_as::<i64>().await;
        assert_eq!(one().await.unwrap(), 7);
        test.execute_setup(&[&alter("two")]).await;
        // An open session lives on; a second one is refused until the provider knows the new word.
        let tx = db.begin().await.unwrap();
        let error = one().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{error:?}");
        assert!(!format!("{error:?}").contains("one'"));
        vault.lock().unwrap().push("two");
        assert_eq!(one().await.unwrap(), 7);
        assert_eq!(tx.sql("SELECT 7 AS n").one_as::<i64>().await.unwrap(), 7);
        tx.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn sessions_beyond_their_age_are_replaced() {
    support::on(&support::SERVERS, async |test| {
        let session_id = match test.dialect {
            Dialect::Postgres => "CREATE VIEW me AS SELECT pg_backend_pid()::bigint AS id",
            _ => "CREATE VIEW me AS SELECT CONNECTION_ID() AS id",
        };
        test.execute_setup(&[session_id]).await;
        let me = async |db: &Database<ReadWrite>| db.table("me").one_as::<i64>().await.unwrap();
        let short = Duration::from_millis(50);
        let kept = builder(test).open_read_write().await.unwrap();
        assert_eq!(me(&kept).await, me(&kept).await);
        for builder in [builder(test).max_lifetime(short), builder(test).idle_timeout(short)] {
            let db = builder.open_read_write().await.unwrap();
            let first = me(&db).await;
            tokio::time::sleep(Duration::from_millis(80)).await;
            assert_ne!(first, me(&db).await);
        }
    })
    .await;
}

#[tokio::test]
async fn no_size_of_the_pool_panics() {
    for size in [0, 1, usize::MAX] {
        let db = Database::builder("sqlite::memory:".parse().unwrap()).pool_size(size).open_read_write().await.unwrap();
        assert_eq!(db.sql("SELECT 7 AS n").one_as::<i64>().await.unwrap(), 7, "{size}");
    }
}

/// What follows the closing of a statement waits for 40 ms (Nagle's algorithm and delayed acknowledgement), so a session closes many at once.
#[tokio::test]
async fn statements_that_are_prepared_anew_are_closed_together() {
    support::on(&[Dialect::MariaDb], async |test| {
        test.execute_setup(&["CREATE TABLE t (n bigint)", "INSERT INTO t VALUES (1)"]).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        let status = async |name: &'static str| {
            let sql = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = :name";
            tx.sql(sql).bind("name", name).one_as::<String>().await.unwrap().parse::<usize>().unwrap()
        };
        assert_eq!(status("COM_STMT_CLOSE").await, 0, "closed while the session was opened");
        for _ in 0..50 {
            tx.sql("SELECT n FROM t").collect().await.unwrap();
        }
        assert_eq!(status("COM_STMT_CLOSE").await, 0);
        assert!(status("COM_STMT_PREPARE").await >= 50, "raw statements are prepared anew");
        for n in 0..250 {
            let column = format!("c{n}");
            let found = tx.table("t").select([portcullis::col("n").as_(&column)]).collect().await.unwrap();
            assert_eq!(found.len(), 1);
        }
        let (closed, prepared) = (status("COM_STMT_CLOSE").await, status("COM_STMT_PREPARE").await);
        assert!((200..=prepared).contains(&closed), "{closed} of {prepared}");
        assert!(prepared - closed <= 110, "{closed} of {prepared}: no more than a hundred stay");
        tx.commit().await.unwrap();
    })
    .await;
}
