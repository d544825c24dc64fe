//! Servers that are killed, connections that are cut and callers that go away in the middle of a load of many rows: all of the load is there or
//! nothing, nothing twice, the error says what is known, and the handle goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream;
use portcullis::{Database, Dialect, ErrorKind, ReadWrite, Result, col};

use super::builder;
use super::builder_through;
use super::cuts::polled;
use crate::support::{self, Fault, OwnServer, Proxy, READ_WRITE_ROLE, TestDatabase, Tls};

const TABLE: &str = "CREATE TABLE t (id bigint NOT NULL, part bigint NOT NULL)";

/// A load of rows in several statements.
async fn load(db: &Database<ReadWrite>, id: i64, rows: i64) -> Result<u64> {
    let rows = stream::iter((0..rows).map(move |part| [id, part]));
    db.insert("t").columns(["id", "part"]).execute_stream(rows).await
}

/// What was told of each load; nothing of one that was dropped.
type Told = BTreeMap<i64, Option<Result<u64>>>;

/// Compares what was told of each load with what there is.
async fn check(db: &Database<ReadWrite>, told: &Told, most: i64) -> (usize, usize) {
    let (mut kept, mut gone) = (0, 0);
    for (id, told) in told {
        let rows = db.table("t").where_(col("id").eq(*id)).select("part").collect_as::<i64>().await.unwrap();
        let distinct: std::collections::BTreeSet<i64> = rows.iter().copied().collect();
        let found = rows.len() as i64;
        assert!(found == distinct.len() as i64 && (found == 0 || found == most), "{id}: {found} rows, {told:?}");
        match told {
            None => {}
            Some(Ok(number)) => assert_eq!((found, *number), (most, most as u64), "{id}"),
            Some(Err(error)) if error.kind() == ErrorKind::CommitUnknown => {}
            Some(Err(error)) => assert_eq!(found, 0, "{id}: {error:?}"),
        }
        if found == 0 { gone += 1 } else { kept += 1 }
    }
    (kept, gone)
}

/// Kills the server at rows spread over a load, every third time at its end, and goes on with the same handle.
async fn killed(dialect: Dialect, kills: i64, rows: i64) {
    let Some(mut own) = OwnServer::start(dialect) else { return };
    let name = own.server.create_database().await;
    own.server.execute(&name, &[TABLE]).await;
    let dsn = own.server.dsn(READ_WRITE_ROLE, &name);
    let db = Database::builder(dsn.parse().unwrap()).pool_size(2).acquire_timeout(Duration::from_secs(10));
    let db = db.open_read_write().await.unwrap();
    let mut told = Told::from([(0, Some(load(&db, 0, rows).await))]);
    for kill in 1..=kills {
        let at_the_end = kill % 3 == 0;
        let at = if at_the_end { rows - 1 } else { rows * (2 * kill - 1) / (2 * kills) };
        let (reached, there) = tokio::sync::oneshot::channel();
        let mut reached = Some(reached);
        let stream = stream::iter((0..rows).map(move |part| {
            if part == at
                && let Some(reached) = reached.take()
            {
                reached.send(()).unwrap();
            }
            [kill, part]
        }));
        let insert = db.insert("t").columns(["id", "part"]).execute_stream(stream);
        let (done, ()) = tokio::join!(insert, async {
            there.await.unwrap();
            if at_the_end {
                // The last rows and the commit take some milliseconds.
                tokio::time::sleep(Duration::from_millis(2 * kill.unsigned_abs())).await;
            }
            own.kill();
        });
        own.start_again();
        if let Err(error) = &done {
            let known = matches!(error.kind(), ErrorKind::Connect | ErrorKind::CommitUnknown);
            assert!(known, "{kill}: {error:?}");
        }
        told.insert(kill, Some(done));
        // The handle is the same; each of its two sessions may have gone with the server, and is given up when that is seen.
        let mut found = Err(None);
        for _ in 0..3 {
            found = db.table("t").where_(col("id").eq(0)).count().await.map_err(Some);
            match &found {
                Err(Some(error)) => assert_eq!(error.kind(), ErrorKind::Connect, "after kill {kill}: {error:?}"),
                _ => break,
            }
        }
        assert_eq!(found.unwrap(), rows as u64, "after kill {kill}");
    }
    let (kept, gone) = check(&db, &told, rows).await;
    assert!(kept >= 1 && gone >= 2, "{kept} kept, {gone} gone: {told:?}");
}

#[tokio::test]
async fn a_postgres_that_is_killed_in_mid_load_keeps_all_of_it_or_nothing() {
    killed(Dialect::Postgres, 8, 150_000).await;
}

#[tokio::test]
async fn a_mariadb_that_is_killed_in_mid_load_keeps_all_of_it_or_nothing() {
    killed(Dialect::MariaDb, 5, 40_000).await;
}

/// The next of a fixed series of numbers that look like chance.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Without TLS, so that a cut falls on any byte.
async fn cut(dialect: Dialect, cuts: i64) {
    let Some(test) = &TestDatabase::fresh_with(dialect, Tls::Off).await else { return };
    test.execute_setup(&[TABLE]).await;
    let proxy = Proxy::start(test.server().unwrap().port).await;
    let db = builder_through(test, &proxy).pool_size(1).open_read_write().await.unwrap();
    let rows = if dialect == Dialect::Postgres { 70_000 } else { 6_000 };
    let before = proxy.passed();
    let mut told = Told::from([(0, Some(load(&db, 0, rows).await))]);
    let after = proxy.passed();
    let (sent, answered) = ((after.0 - before.0) as u64, (after.1 - before.1) as u64);
    let mut state = 4;
    for id in 1..=cuts {
        let fault = match id % 4 {
            0 => Fault::Cut(1 + (next(&mut state) % answered) as usize),
            // Around its end too, where the commit is.
            1 => Fault::CutSent((sent - next(&mut state) % 60) as usize),
            _ => Fault::CutSent(1 + (next(&mut state) % sent) as usize),
        };
        proxy.set(fault);
        let done = tokio::time::timeout(Duration::from_secs(20), load(&db, id, rows)).await;
        told.insert(id, Some(done.unwrap_or_else(|_| panic!("{fault:?} hangs"))));
        proxy.set(Fault::Close);
        let _ = db.table("t").count().await;
        proxy.set(Fault::None);
        assert!(db.table("t").limit(1).collect().await.is_ok(), "after {fault:?}");
    }
    let (kept, gone) = check(&db, &told, rows).await;
    assert!(kept >= 2 && gone >= 10, "{kept} kept, {gone} gone: {told:?}");
}

#[tokio::test]
async fn a_postgres_load_that_is_cut_at_any_byte_is_whole_or_absent() {
    cut(Dialect::Postgres, 40).await;
}

#[tokio::test]
async fn a_mariadb_load_that_is_cut_at_any_byte_is_whole_or_absent() {
    cut(Dialect::MariaDb, 40).await;
}

#[tokio::test]
async fn a_load_that_is_dropped_at_any_await_is_whole_or_absent_and_the_pool_goes_on() {
    support::each(async |test| {
        test.execute_setup(&[TABLE]).await;
        let db = builder(test).pool_size(2).open_read_write().await.unwrap();
        let rows = if test.dialect == Dialect::Postgres { 70_000 } else { 11_000 };
        let mut told = Told::new();
        for id in 0..24 {
            told.insert(id, polled(load(&db, id, rows), 1 + id as usize * 2).await);
        }
        let finished = told.values().flatten().count();
        let (kept, gone) = check(&db, &told, rows).await;
        assert!(gone >= 1 && kept >= finished, "{kept} kept, {gone} gone");
        assert_eq!(load(&db, 100, rows).await.unwrap(), rows as u64);
    })
    .await;
}
