//! Savepoints.

use std::time::Duration;

use portcullis::{Dialect, Error, ErrorKind, OutcomeKind, Result, StatementKind};

use super::{builder, numbers, with_table};
use crate::support::{self, Recorder, Seen};

#[tokio::test]
async fn a_savepoint_keeps_or_undoes_its_own_part_and_the_transaction_goes_on() {
    support::each(async |test| {
        with_table(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(1).hook(recorder.clone()).open_read_write().await.unwrap();
        db.transaction(async |tx| -> Result<()> {
            let add = async |n: i64| tx.insert("t").columns(["n"]).row([n]).execute().await;
            add(1).await?;
            // The same name twice, and one of other letters that MariaDB takes for the same.
            for (name, n) in [("part", 2), ("part", 3), ("PÄRT", 4)] {
                tx.savepoint(name, async |tx| tx.insert("t").columns(["n"]).row([n]).execute().await).await?;
            }
            let failed = tx.savepoint("part", async |tx| {
                tx.insert("t").columns(["n"]).row([5]).execute().await?;
                tx.insert("t").columns(["n"]).row([1]).execute().await
            });
            assert_eq!(failed.await.unwrap_err().kind(), ErrorKind::Constraint);
            add(6).await?;
            // Nested: the inner is undone and the outer kept, then the other way round.
            tx.savepoint("outer", async |tx| -> Result<()> {
                tx.insert("t").columns(["n"]).row([7]).execute().await?;
                let inner = tx.savepoint("outer", async |tx| {
                    tx.insert("t").columns(["n"]).row([8]).execute().await?;
                    tx.insert("t").columns(["n"]).row([7]).execute().await
                });
                assert!(inner.await.is_err());
                tx.insert("t").columns(["n"]).row([9]).execute().await?;
                Ok(())
            })
            .await?;
            let outer = tx.savepoint("outer", async |tx| {
                tx.savepoint("inner", async |tx| tx.insert("t").columns(["n"]).row([10]).execute().await).await?;
                tx.insert("t").columns(["n"]).row([1]).execute().await
            });
            assert!(outer.await.is_err());
            add(11).await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(numbers(&db).await, [1, 2, 3, 4, 6, 7, 9, 11]);
        let ended = recorder.settled().await;
        let of = |kind| ended.iter().filter(|it| **it == (kind, OutcomeKind::Completed)).count();
        let told = (of(StatementKind::Savepoint), of(StatementKind::Release), of(StatementKind::RollbackTo));
        assert_eq!(told, (8, 5, 3));
    })
    .await;
}

#[tokio::test]
async fn an_error_that_a_savepoints_closure_swallows_is_told_where_the_database_undid_its_part() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        db.transaction(async |tx| -> Result<()> {
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            let swallowed = tx.savepoint("part", async |tx| -> Result<()> {
                tx.insert("t").columns(["n"]).row([2]).execute().await?;
                assert!(tx.insert("t").columns(["n"]).row([1]).execute().await.is_err());
                Ok(())
            });
            let swallowed = swallowed.await;
            if test.dialect == Dialect::Postgres {
                let error = swallowed.unwrap_err();
                assert_eq!((error.kind(), error.code()), (ErrorKind::Transaction, "savepoint.aborted"));
            } else {
                swallowed.unwrap();
            }
            tx.insert("t").columns(["n"]).row([3]).execute().await?;
            Ok(())
        })
        .await
        .unwrap();
        let kept: &[i64] = if test.dialect == Dialect::Postgres { &[1, 3] } else { &[1, 2, 3] };
        assert_eq!(numbers(&db).await, kept);
    })
    .await;
}

#[tokio::test]
async fn savepoints_have_names_that_are_names_and_do_not_cross() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        let nothing = async |_: &portcullis::Transaction<_>| Ok::<(), Error>(());
        for name in ["", "a; COMMIT", "x' --", "a\"b", "a`b"] {
            assert_eq!(tx.savepoint(name, nothing).await.unwrap_err().kind(), ErrorKind::Name, "{name}");
        }
        for name in ["plain", "with space", "ünïcode", "select", &"x".repeat(63)] {
            tx.savepoint(name, nothing).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        }
        // Two at once on one handle, and one on the outer handle from within.
        let slow = async |tx: &portcullis::Transaction<_>| {
            tx.insert("t").columns(["n"]).row([1]).execute().await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<(), Error>(())
        };
        let (one, other) = tokio::join!(tx.savepoint("one", slow), tx.savepoint("other", nothing));
        one.unwrap();
        assert_eq!(other.unwrap_err().code(), "savepoint.not_innermost");
        let crossed = tx.savepoint("inner", async |_| tx.savepoint("crossed", nothing).await).await;
        assert_eq!(crossed.unwrap_err().code(), "savepoint.not_innermost");
        tx.savepoint("again", nothing).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&db).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn a_savepoint_that_is_dropped_takes_its_transaction_with_it() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        let stuck = tx.savepoint("part", async |tx| -> Result<()> {
            tx.insert("t").columns(["n"]).row([2]).execute().await?;
            std::future::pending().await
        });
        tokio::time::timeout(Duration::from_millis(100), stuck).await.unwrap_err();
        assert_eq!(tx.table("t").count().await.unwrap_err().kind(), ErrorKind::Transaction);
        assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Transaction);
        assert!(numbers(&db).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_a_savepoint_undoes_it_before_it_goes_on() {
    support::each(async |test| {
        with_table(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        let work = tx.savepoint("part", async |tx| -> Result<()> {
            tx.insert("t").columns(["n"]).row([2]).execute().await?;
            panic!("on purpose");
        });
        use futures_util::FutureExt;
        assert!(std::panic::AssertUnwindSafe(work).catch_unwind().await.is_err());
        tx.commit().await.unwrap();
        assert_eq!(numbers(&db).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn hooks_may_refuse_a_savepoint_and_its_release_but_not_its_undoing() {
    use portcullis::{Hook, QueryContext};
    struct Refuse(StatementKind);
    impl Hook for Refuse {
        async fn before(&self, cx: &QueryContext) -> Result<()> {
            if cx.kind() == self.0 { Err(Error::refused("no")) } else { Ok(()) }
        }
    }
    support::each(async |test| {
        with_table(test).await;
        for kind in [StatementKind::Savepoint, StatementKind::Release, StatementKind::RollbackTo] {
            let recorder = Recorder::default();
            let db = builder(test).pool_size(1).hook(recorder.clone()).hook(Refuse(kind)).open_read_write().await.unwrap();
            let tx = db.begin().await.unwrap();
            let kept = tx.savepoint("kept", async |tx| tx.insert("t").columns(["n"]).row([1]).execute().await).await;
            assert_eq!(kept.is_ok(), kind == StatementKind::RollbackTo, "{kept:?}");
            let undone = tx.savepoint("undone", async |tx| -> Result<()> {
                tx.insert("t").columns(["n"]).row([2]).execute().await?;
                Err(Error::refused("of my own"))
            });
            assert_eq!(undone.await.unwrap_err().kind(), ErrorKind::Hook);
            let seen = if kind == StatementKind::RollbackTo { vec![1] } else { vec![] };
            assert_eq!(tx.table("t").collect_as::<i64>().await.unwrap(), seen, "{kind:?}");
            tx.rollback().await.unwrap();
            let all = recorder.take();
            assert!(all.iter().any(|it| matches!(it, Seen::After { kind: k, outcome: OutcomeKind::Denied | OutcomeKind::Completed, .. } if *k == kind)));
        }
    })
    .await;
}
