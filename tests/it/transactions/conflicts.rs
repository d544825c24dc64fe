//! Versions, conditional writes and advisory locks.

use std::time::Duration;

use portcullis::{
    Database, Dialect, Error, ErrorKind, OutcomeKind, ReadWrite, Result, StatementKind, TransactionOptions, Update, col,
};

use super::builder;
use crate::support::{self, Recorder};

async fn notes(test: &support::TestDatabase) {
    test.execute_setup(&[
        "CREATE TABLE notes (id bigint PRIMARY KEY, body varchar(20), version bigint, stamp varchar(20))",
        "INSERT INTO notes VALUES (1, 'first', 1, 'a'), (2, 'second', 7, 'b'), (3, 'third', NULL, NULL)",
    ])
    .await;
}

fn save(db: &Database<ReadWrite>, id: i64, body: &str) -> Update {
    db.update("notes").set("body", body).where_(col("id").eq(id))
}

fn is_conflict(result: Result<u64>) -> bool {
    match result {
        Err(error) => {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "write.conflict"), "{error:?}");
            true
        }
        Ok(count) => {
            assert_eq!(count, 1);
            false
        }
    }
}

#[tokio::test]
async fn a_write_with_a_version_changes_the_row_that_was_read_and_no_other() {
    support::each(async |test| {
        notes(test).await;
        let recorder = Recorder::default();
        let db = builder(test).pool_size(2).hook(recorder.clone()).open_read_write().await.unwrap();
        let rows = async || support::lines(&db.table("notes").order_by("id").collect().await.unwrap());
        assert!(!is_conflict(save(&db, 1, "mine").expect_version("version", 1).execute().await));
        assert!(is_conflict(save(&db, 1, "theirs").expect_version("version", 1).execute().await));
        assert!(recorder.settled().await.contains(&(StatementKind::Update, OutcomeKind::Failed)));
        // The same text as before is no change, and still counted up.
        assert!(!is_conflict(save(&db, 1, "mine").expect_version("version", 2).execute().await));
        assert!(is_conflict(save(&db, 3, "null").expect_version("version", 0).execute().await));
        assert!(is_conflict(save(&db, 9, "none").expect_version("version", 1).execute().await));
        assert_eq!(rows().await, ["1|mine|3|a", "2|second|7|b", "3|third|null|null"]);
        // A version that the caller sets, as a number and as a text.
        assert!(!is_conflict(save(&db, 2, "two").expect_version("version", 7).set("version", 70).execute().await));
        assert!(!is_conflict(save(&db, 2, "TWO").expect_version("stamp", "b").set("stamp", "c").execute().await));
        assert!(is_conflict(save(&db, 2, "2").expect_version("stamp", "b").set("stamp", "d").execute().await));
        assert_eq!(rows().await, ["1|mine|3|a", "2|TWO|70|c", "3|third|null|null"]);
        // Deleting.
        let delete = |id: i64, version: i64| {
            db.delete("notes").where_(col("id").eq(id)).expect_version("version", version).execute()
        };
        assert!(is_conflict(delete(1, 2).await));
        assert!(!is_conflict(delete(1, 3).await));
        assert!(is_conflict(delete(1, 3).await));
        assert_eq!(rows().await, ["2|TWO|70|c", "3|third|null|null"]);
    })
    .await;
}

#[tokio::test]
async fn two_who_save_what_they_read_are_one_who_wins_and_one_who_is_told() {
    support::each(async |test| {
        notes(test).await;
        let db = builder(test).pool_size(4).open_read_write().await.unwrap();
        for _ in 0..5 {
            let read: i64 = db.table("notes").where_(col("id").eq(1)).select("version").one_as().await.unwrap();
            let both = async |body: &str| save(&db, 1, body).expect_version("version", read).execute().await;
            let (one, other) = tokio::join!(both("one"), both("other"));
            assert_eq!(u8::from(is_conflict(one)) + u8::from(is_conflict(other)), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_conditional_write_gives_the_callers_message_and_undoes_its_transaction() {
    support::each(async |test| {
        notes(test).await;
        let db = builder(test).pool_size(1).open_read_write().await.unwrap();
        let done = db.transaction(async |tx| {
            tx.insert("notes").columns(["id", "version"]).row([4, 1]).execute().await?;
            let taken = tx.update("notes").set("body", "x").where_(col("id").eq(1).and(col("body").eq("gone")));
            taken.or_conflict("the note is taken").execute().await
        });
        let error = done.await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Conflict, "the note is taken"));
        assert_eq!(db.table("notes").count().await.unwrap(), 3);
        // The message stands in for the version's own, in either order; with a row there is no conflict.
        let versioned = save(&db, 1, "x").or_conflict("mine").expect_version("version", 5).execute().await;
        assert_eq!(versioned.unwrap_err().to_string(), "mine");
        let versioned = save(&db, 1, "x").expect_version("version", 5).or_conflict("mine").execute().await;
        assert_eq!(versioned.unwrap_err().to_string(), "mine");
        assert_eq!(save(&db, 1, "x").or_conflict("mine").execute().await.unwrap(), 1);
        let many = db.delete("notes").where_(col("id").gt(1)).or_conflict("mine").max_affected(5).execute().await;
        assert_eq!(many.unwrap(), 2);
        // A conflict is no failure of the database: the transaction it happens in goes on.
        db.transaction(async |tx| -> Result<()> {
            let missed =
                tx.update("notes").set("body", "y").where_(col("id").eq(9)).or_conflict("none").execute().await;
            assert!(missed.is_err());
            tx.update("notes").set("body", "z").where_(col("id").eq(1)).execute().await?;
            Ok(())
        })
        .await
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn versions_that_make_no_sense_are_refused_before_anything_is_sent() {
    support::on(&[Dialect::Sqlite], async |test| {
        notes(test).await;
        let db = test.read_write().await;
        let refused: [(Update, &str); 6] = [
            (db.update("notes").set("body", "x").expect_version("version", 1), "write.no_condition"),
            (db.update("notes").set("body", "x").all_rows().expect_version("version", 1), "write.version_all_rows"),
            (save(&db, 1, "x").expect_version("stamp", "a"), "update.version_not_set"),
            (save(&db, 1, "x").expect_version("version", 1).expect_version("stamp", "a"), "write.two_versions"),
            (save(&db, 1, "x").expect_version("no; such", 1), "ident.character"),
            (save(&db, 1, "x").expect_version("verzion", 1), "schema.unknown_column"),
        ];
        for (update, code) in refused {
            let error = update.execute().await.unwrap_err();
            assert_eq!(error.code(), code, "{error:?}");
        }
        let text = save(&db, 1, "x").expect_version("version", 1).to_sql_for(Dialect::Postgres).unwrap();
        assert_eq!(
            text.sql(),
            r#"UPDATE "notes" SET "body" = $1::text, "version" = "version" + $2::bigint WHERE "id" = $3::bigint AND "version" = $4::bigint"#
        );
    })
    .await;
}

#[tokio::test]
async fn an_advisory_lock_keeps_others_out_until_the_transaction_ends() {
    support::on(&support::SERVERS, async |test| {
        let db = builder(test).pool_size(3).open_read_write().await.unwrap();
        let free = async |name: &str| {
            db.transaction(async |tx| tx.try_advisory_lock(name).await)
                .await
                .unwrap_or_else(|error: Error| panic!("{error:?}"))
        };
        for end in ["commit", "rollback", "drop", "lost"] {
            let tx = db.begin().await.unwrap();
            tx.advisory_lock("north").await.unwrap();
            assert!(tx.try_advisory_lock("north").await.unwrap(), "again within");
            assert!(!free("north").await, "{end}");
            assert!(free("North").await && free("south").await && free("nörth").await, "other names");
            match end {
                "commit" => tx.commit().await.unwrap(),
                "rollback" => tx.rollback().await.unwrap(),
                "drop" => drop(tx),
                _ => {
                    let stuck = tx.savepoint("part", async |_| std::future::pending::<Result<()>>().await);
                    tokio::time::timeout(Duration::from_millis(20), stuck).await.unwrap_err();
                }
            }
            for _ in 0..100 {
                if free("north").await {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(free("north").await, "{end} kept it");
        }
        // Waiting ends with the lock, or with the statement's deadline.
        let holder = db.begin().await.unwrap();
        holder.advisory_lock("north").await.unwrap();
        let brief = TransactionOptions::new().statement_timeout(Duration::from_millis(200));
        let waiting = db.transaction_with(brief, async |tx| tx.advisory_lock("north").await).await.unwrap_err();
        assert!(waiting.kind() == ErrorKind::Timeout || waiting.code() == "db.lock_timeout", "{waiting:?}");
        let waiting = db.transaction(async |tx| tx.advisory_lock("north").await);
        let release = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            holder.rollback().await
        };
        let (waited, released) = tokio::join!(waiting, release);
        released.unwrap();
        waited.unwrap_or_else(|error: Error| panic!("{error:?}"));
        // Another database of the server has names of its own.
        let other = support::TestDatabase::fresh(test.dialect).await.unwrap();
        let other = other.read_write().await;
        let (here, there) = (db.begin().await.unwrap(), other.begin().await.unwrap());
        here.advisory_lock("north").await.unwrap();
        assert!(there.try_advisory_lock("north").await.unwrap());
        // On a read-only handle too.
        let reader = test.read_only().await.begin().await.unwrap();
        assert!(!reader.try_advisory_lock("north").await.unwrap());
    })
    .await;
    support::on(&[Dialect::Sqlite], async |test| {
        let tx = test.read_write().await.begin().await.unwrap();
        assert_eq!(tx.advisory_lock("north").await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(tx.try_advisory_lock("north").await.unwrap_err().kind(), ErrorKind::Unsupported);
    })
    .await;
}
