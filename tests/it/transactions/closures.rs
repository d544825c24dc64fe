//! Closures: how they end, and what they leave.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use portcullis::{Dialect, Error, ErrorKind, Hook, Outcome, OutcomeKind, QueryContext, Result, StatementKind, col};

use super::{builder, numbers, with_table};
use crate::support::{self, Recorder};

/// An error of a program's own.
#[derive(Debug)]
enum Mine {
    Database(Error),
    NoFunds,
}

impl From<Error> for Mine {
    fn from(error: Error) -> Mine {
        Mine::Database(error)
    }
}

#[tokio::test]
async fn a_closure_commits_on_ok_and_rolls_back_on_the_error_that_it_gives() {
    support::each(async |test| {
        with_table(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
        let kept = db.transaction(async |tx| -> Result<&str> {
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            assert_eq!(tx.table("t").count().await?, 1);
            Ok("kept")
        });
        assert_eq!(kept.await.unwrap(), "kept");
        let refused = db.transaction(async |tx| -> Result<(), Mine> {
            tx.insert("t").columns(["n"]).row([2]).execute().await?;
            Err(Mine::NoFunds)
        });
        assert!(matches!(refused.await, Err(Mine::NoFunds)));
        let failed = db.transaction(async |tx| -> Result<(), Mine> {
            tx.insert("t").columns(["n"]).row([3]).execute().await?;
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            Ok(())
        });
        let Err(Mine::Database(error)) = failed.await else { panic!("an error of the database") };
        assert_eq!(error.kind(), ErrorKind::Constraint);
        let kinds: Vec<StatementKind> = recorder.settled().await.into_iter().map(|(kind, _)| kind).collect();
        use StatementKind::{Begin, Commit, Insert, Rollback};
        let kinds: Vec<_> =
            kinds.into_iter().filter(|kind| matches!(kind, Begin | Commit | Insert | Rollback)).collect();
        assert_eq!(kinds, [Begin, Insert, Commit, Begin, Insert, Rollback, Begin, Insert, Insert, Rollback]);
        assert_eq!(numbers(&db).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn a_closure_that_panics_is_rolled_back_before_the_panic_goes_on() {
    support::each(async |test| {
        with_table(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
        let work = db.transaction(async |tx| -> Result<()> {
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            panic!("on purpose");
        });
        let panic = std::panic::AssertUnwindSafe(work).catch_unwind().await.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(recorder.ended().last(), Some(&(StatementKind::Rollback, OutcomeKind::Completed)));
        assert!(numbers(&db).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_closure_that_is_dropped_is_rolled_back() {
    support::each(async |test| {
        with_table(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
        let work = db.transaction(async |tx| -> Result<()> {
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        });
        tokio::time::timeout(Duration::from_millis(200), work).await.unwrap_err();
        assert!(numbers(&db).await.is_empty());
        let ended = recorder.settled().await;
        assert!(ended.contains(&(StatementKind::Rollback, OutcomeKind::Completed)), "{ended:?}");
    })
    .await;
}

/// Spawning is what asks for `Send`, of the closure with all that it borrows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_can_run_on_a_task_of_its_own() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).open_read_write().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..4_i64 {
            let db = db.clone();
            tasks.spawn(async move {
                let name = format!("part {n}");
                db.transaction(async |tx| -> Result<()> {
                    tx.insert("t").columns(["n"]).row([n]).execute().await?;
                    tx.savepoint(&name, async |tx| tx.insert("t").columns(["n"]).row([n + 10]).execute().await).await?;
                    Ok(())
                })
                .await
            });
        }
        for done in tasks.join_all().await {
            done.unwrap();
        }
        assert_eq!(numbers(&db).await, [0, 1, 2, 3, 10, 11, 12, 13]);
    })
    .await;
}

#[tokio::test]
async fn a_statement_on_another_handle_runs_there_and_a_frame_that_outlives_the_closure_is_refused() {
    support::each(async |test| {
        with_table(test).await;
        let other = support::TestDatabase::fresh(test.dialect).await.unwrap();
        with_table(&other).await;
        let (db, other) = (test.read_write().await, other.read_write().await);
        let frame = db.transaction(async |tx| -> Result<_> {
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            other.insert("t").columns(["n"]).row([7]).execute().await?;
            // The same database through the handle is another session, which sees only what is committed.
            assert_eq!(db.table("t").count().await?, 0);
            let frame = tx.table("t").select("n");
            assert_eq!(frame.collect().await?.len(), 1);
            Ok(frame)
        });
        let error = frame.await.unwrap().collect().await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Transaction, "transaction.ended"));
        assert_eq!((numbers(&db).await, numbers(&other).await), (vec![1], vec![7]));
    })
    .await;
}

#[tokio::test]
async fn actions_run_after_a_commit_and_at_no_other_time() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let say = |word: &'static str| {
            let said = Arc::clone(&said);
            move || said.lock().unwrap().push(word)
        };
        db.transaction(async |tx| -> Result<()> {
            tx.after_commit(say("first"));
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            tx.savepoint("kept", async |tx| -> Result<()> {
                tx.after_commit(say("within"));
                Ok(())
            })
            .await?;
            let undone = tx.savepoint("undone", async |tx| -> Result<(), Mine> {
                tx.after_commit(say("undone"));
                Err(Mine::NoFunds)
            });
            assert!(undone.await.is_err());
            tx.after_commit(|| panic!("on purpose"));
            tx.after_commit(say("last"));
            assert!(said.lock().unwrap().is_empty());
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(*said.lock().unwrap(), ["first", "within", "last"]);
        said.lock().unwrap().clear();

        let rolled_back = db.transaction(async |tx| -> Result<(), Mine> {
            tx.after_commit(say("rolled back"));
            Err(Mine::NoFunds)
        });
        assert!(rolled_back.await.is_err());
        let tx = db.begin().await.unwrap();
        tx.after_commit(say("rolled back"));
        tx.rollback().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.after_commit(say("dropped"));
        drop(tx);
        let tx = db.begin().await.unwrap();
        tx.after_commit(say("committed"));
        tx.commit().await.unwrap();
        assert_eq!(*said.lock().unwrap(), ["committed"]);
    })
    .await;
}

/// On PostgreSQL alone a failed statement leaves nothing to commit; the closure's `Ok` does not hide that.
#[tokio::test]
async fn a_swallowed_error_is_no_silent_loss() {
    support::each(async |test| {
        with_table(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let result = db.transaction(async move |tx| -> Result<()> {
            tx.after_commit(move || {
                count.fetch_add(1, Ordering::SeqCst);
            });
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            let again = tx.insert("t").columns(["n"]).row([1]).execute().await;
            assert_eq!(again.unwrap_err().kind(), ErrorKind::Constraint);
            Ok(())
        });
        if test.dialect == Dialect::Postgres {
            assert_eq!(result.await.unwrap_err().code(), "transaction.aborted");
            assert_eq!(recorder.ended().last(), Some(&(StatementKind::Commit, OutcomeKind::RolledBack)));
            assert_eq!((numbers(&db).await, done.load(Ordering::SeqCst)), (vec![], 0));
        } else {
            result.await.unwrap();
            assert_eq!((numbers(&db).await, done.load(Ordering::SeqCst)), (vec![1], 1));
        }
    })
    .await;
}

/// Holds `after` of one kind of statement back.
#[derive(Clone)]
struct Slow(StatementKind);

impl Hook for Slow {
    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        if cx.kind() == self.0 {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

#[tokio::test]
async fn a_begin_that_is_dropped_while_hooks_are_told_has_its_end_told_too() {
    support::each(async |test| {
        with_table(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).hook(Slow(StatementKind::Begin));
        let db = db.open_read_write().await.unwrap();
        tokio::time::timeout(Duration::from_millis(150), db.begin()).await.unwrap_err();
        assert_eq!(db.table("t").where_(col("n").eq(1)).count().await.unwrap(), 0);
        let mut ended = recorder.settled().await;
        ended.retain(|(kind, _)| matches!(kind, StatementKind::Begin | StatementKind::Rollback));
        let completed = OutcomeKind::Completed;
        assert_eq!(ended, [(StatementKind::Begin, completed), (StatementKind::Rollback, completed)]);
    })
    .await;
}
