//! Connections that are cut in mid-transaction, at every step: all of it is there or nothing, nothing twice, and the error says which.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use portcullis::{
    Database, Dialect, ErrorKind, Hook, Isolation, Outcome, OutcomeKind, QueryContext, ReadWrite, Result, Retry,
    StatementKind, TransactionOptions,
};

use super::{builder, builder_through, wait_for_sessions};
use crate::support::{self, Fault, Proxy, Recorder, TestDatabase, Tls};

/// How many rows a transaction of the tests writes.
const ROWS: i64 = 3;

/// Cuts in each direction that are spread evenly over a transaction's bytes, and more of them around its commit.
const SPREAD: usize = 70;
const AT_COMMIT: usize = 35;

async fn make_tables(test: &TestDatabase) {
    test.execute_setup(&["CREATE TABLE t (id bigint NOT NULL, part bigint NOT NULL)"]).await;
}

/// A transaction with each kind of step: a write, a savepoint, a read, a write.
async fn write(db: &Database<ReadWrite>, id: i64) -> Result<()> {
    let options =
        TransactionOptions::new().isolation(Isolation::RepeatableRead).statement_timeout(Duration::from_secs(9));
    db.transaction_with(options, async |tx| {
        tx.insert("t").columns(["id", "part"]).row([id, 1]).execute().await?;
        tx.savepoint("second", async |tx| tx.insert("t").columns(["id", "part"]).row([id, 2]).execute().await).await?;
        tx.table("t").count().await?;
        tx.insert("t").columns(["id", "part"]).row([id, 3]).execute().await?;
        Ok(())
    })
    .await
}

/// What stands in the table for each id, seen without the crate's own pool of the test.
async fn found(test: &TestDatabase) -> BTreeMap<i64, i64> {
    let db = test.read_write().await;
    let rows: Vec<(i64, i64)> = db.table("t").select(["id", "part"]).collect_as().await.unwrap();
    let mut found = BTreeMap::new();
    for (id, _) in rows {
        *found.entry(id).or_insert(0) += 1;
    }
    found
}

/// What a caller was told, against what there is.
#[derive(Debug, Default)]
struct Tally {
    committed: usize,
    rolled_back: usize,
    unknown_kept: usize,
    unknown_gone: usize,
}

impl Tally {
    fn of(told: &BTreeMap<i64, Result<()>>, found: &BTreeMap<i64, i64>) -> Tally {
        let mut tally = Tally::default();
        for (id, told) in told {
            let rows = found.get(id).copied().unwrap_or(0);
            match (told, rows) {
                (Ok(()), ROWS) => tally.committed += 1,
                (Err(error), ROWS) if error.kind() == ErrorKind::CommitUnknown => tally.unknown_kept += 1,
                (Err(error), 0) if error.kind() == ErrorKind::CommitUnknown => tally.unknown_gone += 1,
                (Err(_), 0) => tally.rolled_back += 1,
                (told, rows) => panic!("{id}: {told:?} and {rows} rows"),
            }
        }
        assert!(found.keys().all(|id| told.contains_key(id)), "rows of no transaction");
        tally
    }
}

/// Without TLS, so that a cut falls on any byte and not only between records.
async fn cut_everywhere(dialect: Dialect) {
    let Some(test) = &TestDatabase::fresh_with(dialect, Tls::Off).await else { return };
    make_tables(test).await;
    let proxy = Proxy::start(test.server().unwrap().port).await;
    let recorder = Recorder::default();
    let db = builder_through(test, &proxy).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
    let fresh = async || {
        // The pool has recovered from the last cut; a new session has prepared nothing.
        db.table("t").count().await.unwrap();
    };
    fresh().await;
    write(&db, 0).await.unwrap();
    // How many bytes a transaction takes on a session that has run none before.
    proxy.set(Fault::Close);
    assert!(db.table("t").count().await.is_err());
    proxy.set(Fault::None);
    fresh().await;
    let before = proxy.passed();
    write(&db, 1).await.unwrap();
    let after = proxy.passed();
    let mut told = BTreeMap::from([(0, Ok(())), (1, Ok(()))]);
    for (length, cut) in [(after.0 - before.0, Fault::CutSent as fn(usize) -> Fault), (after.1 - before.1, Fault::Cut)]
    {
        let spread = (0..SPREAD).map(|step| 1 + step * length / SPREAD);
        let last = (0..AT_COMMIT).map(|step| length.saturating_sub(4 * step + 1).max(1));
        for position in spread.chain(last) {
            proxy.set(cut(position));
            let id = told.len() as i64;
            let limit = Duration::from_secs(20);
            let done = tokio::time::timeout(limit, write(&db, id)).await.unwrap_or_else(|_| panic!("{position} hangs"));
            if done.is_ok() {
                // The cut was beyond the last byte, so the session is closed now: the next is to begin as this one did.
                proxy.set(Fault::Close);
                let _ = db.table("t").count().await;
            }
            told.insert(id, done);
            proxy.set(Fault::None);
            fresh().await;
        }
    }
    wait_for_sessions(test, 1).await;
    let tally = Tally::of(&told, &found(test).await);
    assert_eq!(told.len(), 2 + 2 * (SPREAD + AT_COMMIT));
    assert!(tally.rolled_back > 100 && tally.unknown_kept > 1 && tally.unknown_gone > 1, "{tally:?}");
    // Every transaction that hooks saw begin, they saw end.
    let ended = recorder.settled().await;
    let of = |kinds: &[StatementKind]| ended.iter().filter(|(kind, _)| kinds.contains(kind)).count();
    let begun = ended.iter().filter(|it| **it == (StatementKind::Begin, OutcomeKind::Completed)).count();
    assert_eq!(begun, of(&[StatementKind::Commit, StatementKind::Rollback]), "{tally:?}");
}

#[tokio::test]
async fn a_postgres_transaction_that_is_cut_anywhere_is_whole_or_absent_and_says_which() {
    cut_everywhere(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_transaction_that_is_cut_anywhere_is_whole_or_absent_and_says_which() {
    cut_everywhere(Dialect::MariaDb).await;
}

/// A commit whose answer is lost is not run again, however many tries are allowed: it would be kept twice.
#[tokio::test]
async fn a_commit_of_unknown_outcome_is_not_run_again_and_runs_no_actions() {
    support::on(&support::SERVERS, async |test| {
        make_tables(test).await;
        let proxy = Proxy::start(test.server().unwrap().port).await;
        let db = builder_through(test, &proxy).pool_size(1).open_read_write().await.unwrap();
        let tries = std::sync::atomic::AtomicU32::new(0);
        let acted = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let count = |tries: &std::sync::atomic::AtomicU32| tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let error = db
            .transaction_retry(TransactionOptions::new(), Retry::new().sqlstate("08006").lock_timeouts(), async |tx| {
                count(&tries);
                for part in 1..=ROWS {
                    tx.insert("t").columns(["id", "part"]).row([1, part]).execute().await?;
                }
                let acted = Arc::clone(&acted);
                tx.after_commit(move || acted.store(true, std::sync::atomic::Ordering::SeqCst));
                // The COMMIT reaches the server, and its answer nobody.
                proxy.set(Fault::Cut(1));
                Ok::<(), portcullis::Error>(())
            })
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::CommitUnknown, "transaction.commit_unknown"));
        assert!(std::error::Error::source(&error).is_some());
        proxy.set(Fault::None);
        assert_eq!(tries.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert!(!acted.load(std::sync::atomic::Ordering::SeqCst));
        for _ in 0..100 {
            if found(test).await.get(&1) == Some(&ROWS) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the commit did not arrive, so nothing is shown");
    })
    .await;
}

#[tokio::test]
async fn a_bulk_insert_that_is_cut_is_whole_or_absent() {
    support::on(&support::SERVERS, async |test| {
        make_tables(test).await;
        let proxy = Proxy::start(test.server().unwrap().port).await;
        let db = builder_through(test, &proxy).pool_size(1).open_read_write().await.unwrap();
        let most = 6_000_i64;
        let insert =
            |id: i64| db.insert("t").columns(["id", "part"]).rows((0..most).map(move |part| [id, part])).execute();
        let before = proxy.passed().0;
        assert_eq!(insert(0).await.unwrap(), most as u64);
        let length = proxy.passed().0 - before;
        let mut told = vec![Ok(())];
        for step in 1..=8 {
            proxy.set(Fault::CutSent(step * length / 8 - 40));
            told.push(insert(step as i64).await.map(drop));
            proxy.set(Fault::None);
        }
        assert!(told.iter().skip(1).all(std::result::Result::is_err), "{told:?}");
        assert_eq!(db.table("t").count().await.unwrap(), found(test).await.values().sum::<i64>() as u64);
        for (id, told) in told.iter().enumerate() {
            let rows = found(test).await.get(&(id as i64)).copied().unwrap_or(0);
            let unknown = told.as_ref().is_err_and(|error| error.kind() == ErrorKind::CommitUnknown);
            assert!(
                rows == if told.is_ok() { most } else { 0 } || (unknown && rows == most),
                "{id}: {told:?}, {rows} rows"
            );
        }
    })
    .await;
}

/// Polls `work` this many times and then drops it; `None` when it was dropped.
pub(super) async fn polled<T>(work: impl Future<Output = T>, mut polls: usize) -> Option<T> {
    let mut work = Box::pin(work);
    poll_fn(move |cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        polls -= 1;
        if polls == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// Waits before and after each statement, so that a caller can go away there however soon the database answers.
struct Waits;

impl Hook for Waits {
    async fn before(&self, _: &QueryContext) -> Result<()> {
        wait().await;
        Ok(())
    }

    async fn after(&self, _: &QueryContext, _: &Outcome) {
        wait().await;
    }
}

async fn wait() {
    // A hook that is not ready is asked a second time at once, now with its deadline.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_at_any_await_is_whole_or_absent() {
    support::each(async |test| {
        make_tables(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(2).statement_timeout(Duration::from_secs(7)).hook(recorder.clone());
        let db = db.hook(Waits).open_read_write().await.unwrap();
        write(&db, 0).await.unwrap();
        let mut ids = vec![0];
        let mut completed = 0;
        // The hook alone makes sixteen waits of a transaction's eight statements.
        let most = 30;
        for round in 0..60 {
            let (id, polls) = (round as i64 + 1, 1 + round % most);
            ids.push(id);
            if let Some(done) = polled(write(&db, id), polls).await {
                done.unwrap();
                completed += 1;
            }
        }
        assert!(completed < 45, "{completed} were not dropped, so little is shown");
        // Every session works and is as the handle has set it.
        for _ in 0..4 {
            let tx = db.begin().await.unwrap();
            tx.table("t").count().await.unwrap();
            match test.dialect {
                Dialect::Postgres => {
                    let set = tx.sql("SELECT current_setting('statement_timeout')").one_as::<String>().await.unwrap();
                    assert_eq!(set, "7s");
                }
                Dialect::MariaDb => {
                    let look = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = 'max_statement_time'";
                    assert!(tx.sql(look).one_as::<String>().await.unwrap().starts_with("7.0"));
                }
                _ => {}
            }
            tx.rollback().await.unwrap();
        }
        if test.dialect != Dialect::Sqlite {
            wait_for_sessions(test, 2).await;
        }
        let found = found(test).await;
        for id in ids {
            assert!(matches!(found.get(&id), None | Some(&ROWS)), "{id}: {:?} rows", found.get(&id));
        }
        let ended = recorder.settled().await;
        let of = |kinds: &[StatementKind]| ended.iter().filter(|(kind, _)| kinds.contains(kind)).count();
        let begun = ended.iter().filter(|it| **it == (StatementKind::Begin, OutcomeKind::Completed)).count();
        assert_eq!(begun, of(&[StatementKind::Commit, StatementKind::Rollback]));
    })
    .await;
}

#[tokio::test]
async fn transactions_that_find_no_free_session_leave_nothing_and_the_pool_goes_on() {
    support::each(async |test| {
        make_tables(test).await;
        let db =
            builder(test).pool_size(2).acquire_timeout(Duration::from_millis(150)).open_read_write().await.unwrap();
        let held = db.begin_with(TransactionOptions::new().read_only()).await.unwrap();
        let also = db.begin_with(TransactionOptions::new().read_only()).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for id in 1..=20 {
            let db = db.clone();
            tasks.spawn(async move { (id, write(&db, id).await) });
        }
        let told: BTreeMap<i64, Result<()>> = tasks.join_all().await.into_iter().collect();
        assert!(told.values().all(|it| it.as_ref().is_err_and(|error| error.kind() == ErrorKind::Pool)), "{told:?}");
        held.commit().await.unwrap();
        drop(also);
        for id in 21..=30 {
            write(&db, id).await.unwrap();
        }
        let found = found(test).await;
        assert_eq!(found, (21..=30).map(|id| (id, ROWS)).collect());
    })
    .await;
}
