//! Retries: what is run again, what is not, and that each is kept once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use portcullis::{
    Database, Dialect, Error, ErrorKind, Hook, Isolation, QueryContext, ReadWrite, Result, Retry, StatementKind,
    Transaction, TransactionOptions, col,
};

use super::{builder, numbers, with_table};
use crate::support;

/// The tries of the transactions that were begun, as hooks see them.
#[derive(Clone, Default)]
struct Tries(Arc<std::sync::Mutex<Vec<(u32, uuid::Uuid)>>>);

impl Hook for Tries {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.kind() == StatementKind::Begin {
            self.0.lock().unwrap().push((cx.attempt(), cx.transaction().unwrap()));
        }
        Ok(())
    }
}

async fn accounts(test: &support::TestDatabase) {
    test.execute_setup(&[
        "CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL)",
        "INSERT INTO accounts VALUES (1, 0), (2, 0)",
    ])
    .await;
}

async fn add(tx: &Transaction<ReadWrite>, id: i64) -> Result<u64> {
    tx.update("accounts").set("balance", col("balance") + 1).where_(col("id").eq(id)).execute().await
}

async fn balances(db: &Database<ReadWrite>) -> Vec<i64> {
    db.table("accounts").order_by("id").select("balance").collect_as().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocks_are_run_again_and_each_transaction_is_kept_once() {
    support::each(async |test| {
        accounts(test).await;
        let tries = Tries::default();
        let db = builder(test).pool_size(2).hook(tries.clone()).open_read_write().await.unwrap();
        let both = Arc::new(tokio::sync::Barrier::new(2));
        let mut tasks = tokio::task::JoinSet::new();
        for (first, second) in [(1, 2), (2, 1)] {
            let (db, both) = (db.clone(), Arc::clone(&both));
            let server = test.dialect != Dialect::Sqlite;
            tasks.spawn(async move {
                for _ in 0..5 {
                    both.wait().await;
                    let work = db.transaction_retry(TransactionOptions::new(), Retry::new().attempts(10), async |tx| {
                        add(tx, first).await?;
                        if server && tx.attempt() == 1 {
                            // Each holds one row and wants the other's.
                            let _ = tokio::time::timeout(Duration::from_secs(2), both.wait()).await;
                        }
                        add(tx, second).await
                    });
                    assert_eq!(work.await.unwrap(), 1);
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(balances(&db).await, [10, 10]);
        let tries = tries.0.lock().unwrap().clone();
        let again = tries.iter().filter(|(attempt, _)| *attempt > 1).count();
        assert!(test.dialect == Dialect::Sqlite || again >= 5, "{tries:?}");
        // Each try is a transaction of its own.
        let mut ids: Vec<_> = tries.iter().map(|(_, id)| id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), tries.len());
    })
    .await;
}

/// Two read both rows and each writes one: no order of the two gives what both would leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serialization_failures_are_run_again_also_when_the_commit_is_what_fails() {
    support::on(&support::SERVERS, async |test| {
        accounts(test).await;
        let db = builder(test).pool_size(2).open_read_write().await.unwrap();
        let both = Arc::new(tokio::sync::Barrier::new(2));
        let tries = Arc::new(AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for id in [1, 2] {
            let (db, both, tries) = (db.clone(), Arc::clone(&both), Arc::clone(&tries));
            tasks.spawn(async move {
                let options = TransactionOptions::new().isolation(Isolation::Serializable);
                let done = db.transaction_retry(options, Retry::new(), async |tx| -> Result<i64> {
                    tries.fetch_add(1, Ordering::SeqCst);
                    let seen: Vec<i64> = tx.table("accounts").select("balance").collect_as().await?;
                    let sum = seen.iter().sum::<i64>();
                    if tx.attempt() == 1 {
                        both.wait().await;
                    }
                    tx.update("accounts").set("balance", sum + 1).where_(col("id").eq(id)).execute().await?;
                    if tx.attempt() == 1 {
                        // On PostgreSQL neither waits for the other, and the second commit fails.
                        let _ = tokio::time::timeout(Duration::from_millis(300), both.wait()).await;
                    }
                    Ok(sum)
                });
                done.await.unwrap()
            });
        }
        let mut seen = tasks.join_all().await;
        seen.sort_unstable();
        // As if one had run after the other.
        assert_eq!(seen, [0, 1]);
        let mut left = balances(&db).await;
        left.sort_unstable();
        assert_eq!(left, [1, 2]);
        assert!(tries.load(Ordering::SeqCst) >= 3);
    })
    .await;
}

#[tokio::test]
async fn a_locked_sqlite_database_is_tried_again_and_a_lock_on_a_server_only_when_asked() {
    support::each(async |test| {
        accounts(test).await;
        let quick = match test.dialect {
            Dialect::Sqlite => builder(test).setting("busy_timeout", "20"),
            Dialect::Postgres => builder(test).setting("lock_timeout", "20"),
            _ => builder(test).setting("innodb_lock_wait_timeout", "1"),
        };
        let db = quick.open_read_write().await.unwrap();
        let other = test.read_write().await;
        for asked in [false, true] {
            let holder = other.begin().await.unwrap();
            add(&holder, 1).await.unwrap();
            let tries = AtomicU32::new(0);
            let retry = Retry::new().attempts(30).pauses(Duration::from_millis(5), Duration::from_millis(20));
            let retry = if asked { retry.lock_timeouts() } else { retry };
            let over = AtomicBool::new(false);
            let done = async {
                let work = async |tx: &Transaction<ReadWrite>| {
                    tries.fetch_max(tx.attempt(), Ordering::SeqCst);
                    add(tx, 1).await
                };
                let done = db.transaction_retry(TransactionOptions::new(), retry, work).await;
                over.store(true, Ordering::SeqCst);
                done
            };
            // On SQLite it is the beginning of the transaction that is tried again.
            let release = async {
                let until = Instant::now() + Duration::from_millis(200);
                while match test.dialect {
                    Dialect::Sqlite => Instant::now() < until,
                    _ => tries.load(Ordering::SeqCst) < 2 && !over.load(Ordering::SeqCst),
                } {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                holder.commit().await.unwrap();
            };
            let (done, ()) = tokio::join!(done, release);
            if asked || test.dialect == Dialect::Sqlite {
                assert_eq!(done.unwrap(), 1);
                assert!(tries.load(Ordering::SeqCst) > 1 || test.dialect == Dialect::Sqlite);
            } else {
                assert_eq!(done.unwrap_err().code(), "db.lock_timeout");
                assert_eq!(tries.load(Ordering::SeqCst), 1);
            }
        }
        let expected = if test.dialect == Dialect::Sqlite { 4 } else { 3 };
        assert_eq!(balances(&db).await, [expected, 0]);
    })
    .await;
}

#[tokio::test]
async fn other_errors_are_given_at_once_and_what_always_fails_ends() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let tries = AtomicU32::new(0);
        let work = async |tx: &Transaction<ReadWrite>| {
            tries.fetch_add(1, Ordering::SeqCst);
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            tx.insert("t").columns(["n"]).row([1]).execute().await
        };
        let plain = TransactionOptions::new;
        let error = db.transaction_retry(plain(), Retry::new(), work).await.unwrap_err();
        assert_eq!((error.kind(), tries.swap(0, Ordering::SeqCst)), (ErrorKind::Constraint, 1));
        // A list of the caller's own makes it one that is run again: to no end here.
        let sqlstate = error.sqlstate().unwrap().to_owned();
        let retry =
            Retry::new().attempts(3).sqlstate(&sqlstate).pauses(Duration::from_millis(1), Duration::from_millis(1));
        let error = db.transaction_retry(plain(), retry.clone(), work).await.unwrap_err();
        assert_eq!((error.kind(), tries.swap(0, Ordering::SeqCst)), (ErrorKind::Constraint, 3));
        let late = retry.deadline(Duration::ZERO);
        assert!(db.transaction_retry(plain(), late, work).await.is_err());
        assert_eq!(tries.swap(0, Ordering::SeqCst), 1);
        // An error of the closure's own is no failure of the database, also after one that it has dealt with.
        let done = db.transaction_retry(plain(), Retry::new().sqlstate(&sqlstate), async |tx| -> Result<()> {
            tries.fetch_add(1, Ordering::SeqCst);
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            let dealt = tx.savepoint("part", async |tx| tx.insert("t").columns(["n"]).row([1]).execute().await).await;
            assert!(dealt.is_err());
            tx.insert("t").columns(["n"]).row([2]).execute().await?;
            Err(Error::refused("of my own"))
        });
        assert_eq!(done.await.unwrap_err().kind(), ErrorKind::Hook);
        assert_eq!(tries.load(Ordering::SeqCst), 1);
        assert!(numbers(&db).await.is_empty());
    })
    .await;
}

/// With snapshots that MariaDB guards, a row that changed ends the whole transaction, and nothing after it is kept alone.
#[tokio::test]
async fn a_changed_row_on_mariadb_ends_the_transaction_and_is_run_again() {
    support::on(&[Dialect::MariaDb], async |test| {
        accounts(test).await;
        let (db, other) = (test.read_write().await, test.read_write().await);
        let done = db.transaction_retry(TransactionOptions::new(), Retry::new(), async |tx| -> Result<u32> {
            tx.sql("SET SESSION innodb_snapshot_isolation = ON").execute().await?;
            tx.table("accounts").count().await?;
            if tx.attempt() == 1 {
                add_alone(&other, 1).await;
                let error = add(tx, 1).await.unwrap_err();
                assert_eq!(error.code(), "db.serialization", "{error:?}");
                // What follows would be committed by itself.
                let error = add(tx, 2).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Transaction);
                assert_eq!(
                    tx.savepoint("part", async |tx| add(tx, 2).await).await.unwrap_err().kind(),
                    ErrorKind::Transaction
                );
                return Err(error);
            }
            add(tx, 1).await?;
            Ok(tx.attempt())
        });
        // The error that the closure gave is not of a conflict: nobody runs it again.
        assert_eq!(done.await.unwrap_err().kind(), ErrorKind::Transaction);
        assert_eq!(balances(&db).await, [1, 0]);
        let done = db.transaction_retry(TransactionOptions::new(), Retry::new(), async |tx| -> Result<u32> {
            tx.sql("SET SESSION innodb_snapshot_isolation = ON").execute().await?;
            tx.table("accounts").count().await?;
            if tx.attempt() == 1 {
                add_alone(&other, 1).await;
            }
            add(tx, 1).await?;
            Ok(tx.attempt())
        });
        assert_eq!(done.await.unwrap(), 2);
        assert_eq!(balances(&db).await, [3, 0]);
    })
    .await;
}

async fn add_alone(db: &Database<ReadWrite>, id: i64) {
    let update = db.update("accounts").set("balance", col("balance") + 1).where_(col("id").eq(id));
    assert_eq!(update.execute().await.unwrap(), 1);
}
