//! Callers who go away: at any point, on any statement, without harm to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis::{Database, Dialect, ErrorKind, OutcomeKind, ReadWrite, StatementKind, col};

use super::{builder, count, sessions, wait_for_sessions};
use crate::support::{self, Recorder};

/// A small generator, so that a failing run can be read: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// One statement or transaction of each kind. Whatever it answers must be its own.
async fn act(db: &Database<ReadWrite>, kind: u64, sentinel: i64) {
    let read = async |found: portcullis::Result<i64>| {
        if let Ok(found) = found {
            assert_eq!(found, sentinel, "another statement's rows");
        }
    };
    match kind {
        0 => read(db.table("one").select((col("n") * sentinel).as_("n")).one_as().await).await,
        1 => read(db.sql("SELECT CAST(:n AS decimal(20)) AS n").bind("n", sentinel).one_as().await).await,
        2 => {
            let Ok(mut rows) = db.table("many").select((col("n") - col("n") + sentinel).as_("n")).stream().await else {
                return;
            };
            while let Some(Ok(row)) = rows.next().await {
                assert_eq!(row.try_get::<i64>("n").unwrap(), sentinel, "another statement's rows");
            }
        }
        3 => drop(db.insert("written").columns(["n"]).row([sentinel]).execute().await),
        4 => {
            let Ok(tx) = db.begin().await else { return };
            if tx.insert("halves").columns(["n"]).row([sentinel]).execute().await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
            if tx.insert("halves").columns(["n"]).row([-sentinel]).execute().await.is_ok() {
                let _ = tx.commit().await;
            }
        }
        _ => {
            let parts =
                db.insert("halves").columns(["n"]).rows((1..=3_000_i64).map(|n| [n]).chain((1..=3_000).map(|n| [-n])));
            let _ = parts.execute().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_dropped_at_random_points_harm_nothing() {
    support::each(async |test| {
        let values = (1..=2_000).map(|n| format!("({n})")).collect::<Vec<_>>().join(",");
        test.execute_setup(&[
            "CREATE TABLE one (n bigint)",
            "INSERT INTO one VALUES (1)",
            "CREATE TABLE many (n bigint)",
            &format!("INSERT INTO many VALUES {values}"),
            "CREATE TABLE written (n bigint)",
            "CREATE TABLE halves (n bigint)",
        ])
        .await;
        const POOL: usize = 4;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(POOL).statement_timeout(Duration::from_secs(10)).hook(recorder.clone());
        let db = db.acquire_timeout(Duration::from_secs(20)).open_read_write().await.unwrap();
        let cancelled = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8_u64 {
            let (db, cancelled) = (db.clone(), Arc::clone(&cancelled));
            // A statement that is cut short costs its session, and a new one takes longer on a server.
            let patience = if test.dialect == Dialect::Sqlite { 4_000 } else { 20_000 };
            tasks.spawn(async move {
                let mut random = Random(task * 7919 + 17);
                for round in 0..30 {
                    let sentinel = i64::try_from(task * 1000 + round + 1).unwrap();
                    // The long insert seldom: it takes a while.
                    let kind = if random.below(80) == 0 { 5 } else { random.below(5) };
                    // One caller in four waits for as long as it takes.
                    let patience = match random.below(4) {
                        0 => Duration::from_secs(20),
                        _ => Duration::from_micros(random.below(if kind == 5 { 40_000 } else { patience })),
                    };
                    if tokio::time::timeout(patience, act(&db, kind, sentinel)).await.is_err() {
                        cancelled.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        tasks.join_all().await;
        let cancelled = cancelled.load(Ordering::SeqCst);
        assert!(cancelled > 20, "only {cancelled} were cut short, so nothing is shown");
        let ended = recorder.settled().await;
        assert!(ended.iter().any(|(_, outcome)| *outcome == OutcomeKind::Cancelled));
        assert!(ended.iter().any(|(_, outcome)| *outcome == OutcomeKind::Completed));

        // Every session works, answers its own statement and is in no transaction.
        for round in 0..20 {
            act(&db, round % 4, i64::try_from(round).unwrap() + 5).await;
        }
        let mut open = Vec::new();
        for _ in 0..if test.dialect == Dialect::Sqlite { 1 } else { POOL } {
            open.push(db.begin().await.unwrap());
        }
        for tx in open {
            assert_eq!(tx.table("one").count().await.unwrap(), 1);
            tx.rollback().await.unwrap();
        }
        if test.dialect != Dialect::Sqlite {
            wait_for_sessions(test, POOL).await;
        }
        // A transaction is whole or absent.
        let cast = if support::mysql_family(test.dialect) { "char" } else { "text" };
        let sum = test.scalar(&format!("SELECT CAST(SUM(n) AS {cast}) FROM halves")).await;
        assert!(matches!(sum.as_deref(), None | Some("0")), "{sum:?}");
        assert!(recorder.settled().await.iter().all(|(_, outcome)| *outcome == OutcomeKind::Completed));
    })
    .await;
}

/// A statement that is dropped while it runs stops on the server too.
#[tokio::test]
async fn a_dropped_statement_stops_and_is_told_once() {
    support::each(async |test| {
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).statement_timeout(Duration::from_secs(2)).hook(recorder.clone());
        let db = db.open_read_write().await.unwrap();
        let long = match test.dialect {
            Dialect::Postgres => "SELECT pg_sleep(20)",
            Dialect::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            _ => "SELECT SLEEP(20)",
        };
        for _ in 0..3 {
            let running = db.sql(long);
            tokio::time::timeout(Duration::from_millis(60), running.collect()).await.unwrap_err();
            let start = Instant::now();
            assert_eq!(db.sql("SELECT 7 AS n").one_as::<i64>().await.unwrap(), 7);
            assert!(start.elapsed() < Duration::from_secs(1), "the pool's only place was held");
        }
        let ended = recorder.settled().await;
        let of = |outcome| ended.iter().filter(|it| **it == (StatementKind::Raw, outcome)).count();
        assert_eq!((of(OutcomeKind::Cancelled), of(OutcomeKind::Completed)), (3, 3), "{ended:?}");
        if test.dialect != Dialect::Sqlite {
            // MariaDB runs the statement on to its deadline, PostgreSQL looks at the socket every half second.
            wait_for_sessions(test, 1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_dropped_stream_ends_its_statement_and_frees_its_place() {
    support::each(async |test| {
        let values = (1..=2_000).map(|n| format!("({n})")).collect::<Vec<_>>().join(",");
        test.execute_setup(&["CREATE TABLE many (n bigint)", &format!("INSERT INTO many VALUES {values}")]).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_only().await.unwrap();
        let pairs = || db.table("many").cross_join(db.table("many").select(col("n").as_("m")));
        for taken in [0, 1, 300] {
            let mut rows = pairs().stream().await.unwrap();
            for _ in 0..taken {
                rows.next().await.unwrap().unwrap();
            }
            drop(rows);
            assert_eq!(db.table("many").count().await.unwrap(), 2_000);
        }
        let mut ended = recorder.settled().await;
        ended.retain(|(kind, _)| *kind == StatementKind::Select);
        let cancelled = ended.iter().filter(|(_, outcome)| *outcome == OutcomeKind::Cancelled).count();
        assert_eq!((cancelled, ended.len()), (3, 6), "{ended:?}");
    })
    .await;
}

async fn memory_in_use() -> u64 {
    let pages = tokio::fs::read_to_string("/proc/self/statm").await.unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn a_slow_reader_of_a_large_result_holds_the_database_back_and_not_the_rows() {
    support::on(&[Dialect::Postgres, Dialect::Sqlite], async |test| {
        // 200 MB of rows, made as they are read.
        let (table, rows) = match test.dialect {
            Dialect::Postgres => (
                "CREATE VIEW large AS SELECT g AS id, repeat('x', 1024) AS note FROM generate_series(1, 200000) AS g",
                200_000,
            ),
            _ => (
                "CREATE VIEW large AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) \
                 SELECT i AS id, printf('%.1024c', 'x') AS note FROM n",
                200_000,
            ),
        };
        test.execute_setup(&[table]).await;
        let db = test.read_only().await;
        let mut stream = db.table("large").stream().await.unwrap();
        let before = memory_in_use().await;
        let (mut read, mut most) = (0, 0);
        while let Some(row) = stream.next().await {
            row.unwrap();
            read += 1;
            if read % 10_000 == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                most = most.max(memory_in_use().await.saturating_sub(before));
            }
        }
        assert_eq!(read, rows);
        // Other tests of this process use memory too, hence the room.
        assert!(most < 100 << 20, "{} MB", most >> 20);
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_leaves_while_waiting_for_the_pool_takes_nothing_with_it() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n integer)"]).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        for _ in 0..20 {
            let waiting = db.insert("t").columns(["n"]).row([1]).execute();
            tokio::time::timeout(Duration::from_millis(2), waiting).await.unwrap_err();
        }
        tx.rollback().await.unwrap();
        assert_eq!(count(test, "t").await, 0);
        db.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        let ended = recorder.settled().await;
        assert_eq!(ended.iter().filter(|it| it.1 == OutcomeKind::Cancelled).count(), 20);
        if test.dialect != Dialect::Sqlite {
            assert_eq!(sessions(test).await, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_closed_runtime_is_no_reason_to_panic() {
    support::each(async |test| {
        let (db, stream) = {
            let dsn = test.dsn_rw();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let db = Database::<ReadWrite>::open(dsn.parse().unwrap()).await.unwrap();
                    let stream = db.sql("SELECT 1 AS n").stream().await.unwrap();
                    (db, stream)
                })
            })
            .join()
            .unwrap()
        };
        let mut stream = stream;
        let mut last = None;
        while let Some(row) = stream.next().await {
            last = Some(row.map(drop));
        }
        if let Some(Err(error)) = last {
            assert!(matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Connect), "{error:?}");
        }
        drop(db);
    })
    .await;
}
