//! Rate limits around statements on real databases.

use std::time::Duration;

use portcullis::{
    Database, DatabaseBuilder, Dialect, ErrorKind, Hook, QueryContext, RateContext, RateCost, RateLimit,
    RateLimitLayer, RateScope, ReadWrite, Result, Subject, col,
};

use crate::support::{self, TestDatabase};

const HOUR: Duration = Duration::from_secs(3_600);

fn builder(db: &TestDatabase) -> DatabaseBuilder {
    Database::builder(db.dsn_rw().parse().unwrap()).pool_size(4)
}

async fn limited(db: &TestDatabase, rule: RateLimit) -> Database<ReadWrite> {
    let limits = RateLimitLayer::new([rule]).unwrap();
    builder(db).hook(limits).open_read_write().await.unwrap().acting_as(Subject::new("ada").tenant("north"))
}

async fn table_of(db: &TestDatabase, rows: i64) {
    db.execute_setup(&["CREATE TABLE t (id integer NOT NULL PRIMARY KEY)"]).await;
    let db = builder(db).open_read_write().await.unwrap();
    db.insert("t").columns(["id"]).rows((0..rows).map(|id| [id])).execute().await.unwrap();
}

/// Waits until a statement passes: what is dropped gives its place back a little later.
async fn passes_soon(db: &Database<ReadWrite>) {
    for _ in 0..2_000 {
        match db.table("t").limit(1).collect().await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.code(), "rate.in_flight", "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the place in flight did not come back");
}

/// Panics, waits for ever, or refuses, as the subject's context says.
struct Troublesome;

impl Hook for Troublesome {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        match cx.subject().and_then(Subject::named_context) {
            Some("panic") => panic!("on purpose"),
            Some("hang") => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_place_in_flight_comes_back_after_each_kind_of_end() {
    support::each(async |test| {
        table_of(test, 5_000).await;
        let limits = RateLimitLayer::new([RateLimit::named("one").scope(RateScope::Subject).in_flight(1)]).unwrap();
        let db = builder(test)
            .hook_deadline(Duration::from_secs(60))
            .hook(limits)
            .hook(Troublesome)
            .open_read_write()
            .await
            .unwrap();
        let db = db.acting_as(Subject::new("ada"));
        let in_context = |name: &str| db.acting_as(Subject::new("ada").in_context(name));

        // Completed, failed in the database, refused by the guard, and by a later hook that panics.
        db.table("t").count().await.unwrap();
        db.insert("t").columns(["id"]).row([1]).execute().await.unwrap_err();
        db.delete("t").execute().await.unwrap_err();
        assert_eq!(in_context("panic").table("t").count().await.unwrap_err().code(), "hook.panicked");
        db.table("t").limit(1).collect().await.unwrap();

        // A stream has it until its end, and until it is dropped.
        let mut rows = db.table("t").order_by("id").stream().await.unwrap();
        rows.next().await.unwrap().unwrap();
        let error = db.table("t").limit(1).collect().await.unwrap_err();
        assert_eq!((error.kind(), error.code(), error.rule()), (ErrorKind::RateLimited, "rate.in_flight", Some("one")));
        while let Some(row) = rows.next().await {
            row.unwrap();
        }
        passes_soon(&db).await;
        let mut rows = db.table("t").order_by("id").stream().await.unwrap();
        rows.next().await.unwrap().unwrap();
        db.table("t").limit(1).collect().await.unwrap_err();
        drop(rows);
        passes_soon(&db).await;

        // Dropped by the caller, before it is sent.
        let hanging = in_context("hang").table("t");
        tokio::time::timeout(Duration::from_millis(50), hanging.collect()).await.unwrap_err();
        passes_soon(&db).await;
        // In a transaction each statement has its own.
        let tx = db.begin().await.unwrap();
        tx.table("t").limit(1).collect().await.unwrap();
        db.table("t").limit(1).collect().await.unwrap();
        tx.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn statements_that_wait_run_one_after_another() {
    support::each(async |test| {
        table_of(test, 1).await;
        let db = limited(test, RateLimit::named("one").in_flight(1).wait(Duration::from_secs(4))).await;
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { db.table("t").count().await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn refusals_of_the_guard_and_of_the_database_slow_down_whoever_tries() {
    support::each(async |test| {
        table_of(test, 1).await;
        let rule = || RateLimit::named("probing").scope(RateScope::Subject).context(RateContext::Denied).limit(2, HOUR);
        let db = limited(test, rule()).await;
        for _ in 0..5 {
            db.table("t").collect().await.unwrap();
        }
        assert_eq!(db.delete("t").execute().await.unwrap_err().kind(), ErrorKind::Policy);
        db.table("t").collect().await.unwrap();
        db.table("nowhere").collect().await.unwrap_err();
        let error = db.table("t").collect().await.unwrap_err();
        assert_eq!((error.kind(), error.rule()), (ErrorKind::RateLimited, Some("probing")));
        assert!(error.retry_after().unwrap() > HOUR / 3);
        db.acting_as(Subject::new("bob")).table("t").collect().await.unwrap();

        if test.dialect == Dialect::Sqlite {
            return;
        }
        // The role may not write, and the handle does not know.
        let limits = RateLimitLayer::new([rule()]).unwrap();
        let dsn = test.dsn_ro().parse().unwrap();
        let db: Database<ReadWrite> = Database::builder(dsn).hook(limits).open_read_write().await.unwrap();
        let db = db.acting_as(Subject::new("ada"));
        for _ in 0..2 {
            let error = db.insert("t").columns(["id"]).row([7]).execute().await.unwrap_err();
            assert_eq!(error.code(), "db.permission", "{error:?}");
        }
        assert_eq!(db.table("t").collect().await.unwrap_err().rule(), Some("probing"));
    })
    .await;
}

#[tokio::test]
async fn rows_are_charged_when_they_have_come_also_those_of_a_stream_that_is_dropped() {
    support::each(async |test| {
        table_of(test, 3_000).await;
        let rule = RateLimit::named("rows").scope(RateScope::Subject).cost(RateCost::ReturnedRows).limit(1_000, HOUR);
        let db = limited(test, rule).await;
        assert_eq!(db.table("t").limit(900).collect().await.unwrap().len(), 900);
        // A hundred are left, and it has two thousand more.
        assert_eq!(db.table("t").collect().await.unwrap().len(), 3_000);
        let error = db.table("t").limit(1).collect().await.unwrap_err();
        let wait = error.retry_after().unwrap();
        assert!(wait > HOUR * 2 && wait < HOUR * 3, "{wait:?}");

        let bob = db.acting_as(Subject::new("bob"));
        let mut rows = bob.table("t").order_by("id").stream().await.unwrap();
        for _ in 0..1_200 {
            rows.next().await.unwrap().unwrap();
        }
        drop(rows);
        let mut tries = 0;
        while bob.table("t").limit(1).collect().await.is_ok() {
            tries += 1;
            assert!(tries < 500, "the rows of the dropped stream were not charged");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_rows_that_a_plan_may_give_are_charged_before() {
    support::each(async |test| {
        table_of(test, 50).await;
        let rule = RateLimit::named("rows").cost(RateCost::EstimatedRows).limit(100, HOUR);
        let db = limited(test, rule).await;
        db.table("t").limit(40).collect().await.unwrap();
        db.insert("t").columns(["id"]).rows((100..130).map(|id| [id])).execute().await.unwrap();
        db.delete("t").where_(col("id").eq(100)).max_affected(5).execute().await.unwrap();
        assert_eq!(db.table("t").count().await.unwrap(), 79);
        // 76 of a hundred are used.
        assert_eq!(db.table("t").limit(25).collect().await.unwrap_err().code(), "rate.limited");
        db.table("t").limit(24).collect().await.unwrap();
        assert_eq!(db.table("t").limit(101).collect().await.unwrap_err().code(), "rate.too_dear");
        // What nothing bounds takes the whole bucket.
        let wait = db.table("t").collect().await.unwrap_err().retry_after().unwrap();
        assert!(wait > HOUR * 9 / 10, "{wait:?}");
    })
    .await;
}

#[tokio::test]
async fn tables_and_tenants_are_counted_by_what_the_plan_says() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE a (id integer)", "CREATE TABLE b (id integer)"]).await;
        let db = limited(test, RateLimit::named("r").scope([RateScope::Tenant, RateScope::Table]).limit(1, HOUR)).await;
        db.table("a").collect().await.unwrap();
        // A join of both is refused for the one, and leaves the other alone.
        let joined = db.table("b").join(db.table("a"), portcullis::using("id"));
        assert_eq!(joined.collect().await.unwrap_err().rule(), Some("r"));
        db.table("b").collect().await.unwrap();
        db.table("b").collect().await.unwrap_err();
        db.acting_as(Subject::new("ada").tenant("south")).table("a").collect().await.unwrap();
        assert_eq!(db.sql("SELECT id FROM b").collect().await.unwrap_err().code(), "rate.no_table");
    })
    .await;
}

#[tokio::test]
async fn a_unit_is_spent_by_what_fails_later_and_not_by_what_the_guard_refuses() {
    support::each(async |test| {
        table_of(test, 1).await;
        let rule = || RateLimit::named("two").scope(RateScope::Subject).limit(2, HOUR);
        let db = limited(test, rule()).await;
        db.schema().await.unwrap();
        for _ in 0..5 {
            assert_eq!(db.delete("t").execute().await.unwrap_err().code(), "write.no_condition");
        }
        // The database refuses the first, and the second passes.
        let failed = db.insert("t").columns(["id"]).row([0]).execute().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Constraint);
        db.table("t").collect().await.unwrap();
        assert_eq!(db.table("t").collect().await.unwrap_err().rule(), Some("two"));
        // Buckets are kept in memory only: a layer that is made anew, as by a restart, begins with full ones.
        limited(test, rule()).await.table("t").collect().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn each_layer_counts_what_is_in_flight_and_a_transaction_only_while_a_statement_of_it_runs() {
    support::each(async |test| {
        table_of(test, 5_000).await;
        let rule = || RateLimit::named("one").scope(RateScope::Subject).in_flight(1);
        let limits = RateLimitLayer::new([rule()]).unwrap();
        let open = async |limits: &RateLimitLayer| {
            let db = builder(test).hook(limits.clone()).open_read_only().await.unwrap();
            let db = db.acting_as(Subject::new("ada"));
            db.schema().await.unwrap();
            db
        };
        let (one, same_layer, other_layer) =
            (open(&limits).await, open(&limits).await, open(&RateLimitLayer::new([rule()]).unwrap()).await);
        let mut rows = one.table("t").stream().await.unwrap();
        rows.next().await.unwrap().unwrap();
        assert_eq!(same_layer.table("t").limit(1).collect().await.unwrap_err().code(), "rate.in_flight");
        other_layer.table("t").limit(1).collect().await.unwrap();
        while rows.next().await.transpose().unwrap().is_some() {}
        drop(rows);

        let transaction = one.begin().await.unwrap();
        transaction.table("t").limit(1).collect().await.unwrap();
        same_layer.table("t").limit(1).collect().await.unwrap();
        transaction.rollback().await.unwrap();
    })
    .await;
}
