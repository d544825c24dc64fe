//! DROP TABLE and TRUNCATE, and tables within transactions.

use portcullis::{ErrorKind, ReferentialAction, Result, SqlType, column, foreign_key};

use crate::support;

#[tokio::test]
async fn a_table_that_others_refer_to_is_neither_dropped_nor_truncated() {
    support::each(async |test| {
        let db = test.read_write().await;
        db.create_table("parents").column(column("id", SqlType::Int64).primary_key()).execute().await.unwrap();
        let key = foreign_key("id").references("parents", "id").on_delete(ReferentialAction::Cascade);
        let children = db.create_table("children").column(column("id", SqlType::Int64));
        children.foreign_key(key).execute().await.unwrap();
        db.insert("parents").columns(["id"]).row([1]).execute().await.unwrap();
        db.insert("children").columns(["id"]).row([1]).execute().await.unwrap();
        db.drop_table("parents").execute().await.unwrap_err();
        db.truncate("parents").execute().await.unwrap_err();
        assert_eq!(db.table("parents").count().await.unwrap(), 1);
        assert_eq!(db.table("children").count().await.unwrap(), 1);
        db.truncate("children").execute().await.unwrap();
        assert_eq!(db.table("children").count().await.unwrap(), 0);
        db.drop_table("children").execute().await.unwrap();
        db.truncate("parents").execute().await.unwrap();
        db.drop_table("parents").execute().await.unwrap();
        assert_eq!(db.drop_table("parents").execute().await.unwrap_err().kind(), ErrorKind::Database);
        db.drop_table("parents").if_exists().execute().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_truncated_table_is_empty_and_counts_from_one_again() {
    support::each(async |test| {
        let db = test.read_write().await;
        let create = db.create_table("t").column(column("id", SqlType::Int64).identity());
        create.column(column("v", SqlType::Int64)).execute().await.unwrap();
        db.insert("t").columns(["v"]).rows([[1], [2], [3]]).execute().await.unwrap();
        db.truncate("t").execute().await.unwrap();
        assert_eq!(db.table("t").count().await.unwrap(), 0);
        db.insert("t").columns(["v"]).row([4]).execute().await.unwrap();
        assert_eq!(db.table("t").select("id").one_as::<i64>().await.unwrap(), 1);
        // One without a counter, and one that is not there.
        db.create_table("u").column(column("v", SqlType::Int64)).execute().await.unwrap();
        db.truncate("u").execute().await.unwrap();
        db.truncate("nothing").execute().await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn a_table_is_part_of_its_transaction_or_refused_in_one() {
    support::each(async |test| {
        let db = test.read_write().await;
        db.create_table("kept").column(column("id", SqlType::Int64).primary_key()).execute().await.unwrap();
        let make = async |fail: bool| {
            db.transaction(async |tx| -> Result<u64> {
                tx.insert("kept").columns(["id"]).row([1]).execute().await?;
                tx.create_table("t").column(column("v", SqlType::Text)).execute().await?;
                tx.insert("t").columns(["v"]).row(["x"]).execute().await?;
                if fail {
                    tx.insert("kept").columns(["id"]).row([1]).execute().await?;
                }
                tx.table("t").where_(portcullis::col("v").eq("x")).count().await
            })
            .await
        };
        if support::mysql_family(test.dialect) {
            let error = make(false).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "ddl.transaction"));
            let error = db.transaction(async |tx| tx.truncate("kept").execute().await).await.unwrap_err();
            assert_eq!(error.code(), "ddl.transaction");
            assert_eq!(db.table("kept").count().await.unwrap(), 0);
        } else {
            assert_eq!(make(true).await.unwrap_err().kind(), ErrorKind::Constraint);
            assert_eq!(db.table("kept").count().await.unwrap(), 0);
            assert!(db.table("t").count().await.is_err());
            assert_eq!(make(false).await.unwrap(), 1);
            assert_eq!(db.table("t").count().await.unwrap(), 1);
            assert_eq!(db.table("t").where_(portcullis::col("v").eq("x")).count().await.unwrap(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_temporary_table_lives_within_its_transaction() {
    support::each(async |test| {
        let db =
            portcullis::Database::builder(test.dsn_rw().parse().unwrap()).pool_size(1).open_read_write().await.unwrap();
        for _ in 0..2 {
            let made = db.transaction(async |tx| -> Result<u64> {
                let create = tx.create_table("scratch").column(column("v", SqlType::Int64));
                create.temporary().execute().await?;
                tx.insert("scratch").columns(["v"]).rows([[1], [2]]).execute().await?;
                tx.table("scratch").count().await
            });
            assert_eq!(made.await.unwrap(), 2);
            assert!(db.table("scratch").count().await.is_err());
        }
        let dropped = db.transaction(async |tx| -> Result<()> {
            tx.create_table("scratch").column(column("v", SqlType::Int64)).temporary().execute().await?;
            tx.drop_table("scratch").temporary().execute().await?;
            assert!(tx.drop_table("scratch").temporary().execute().await.is_err());
            Ok(())
        });
        // PostgreSQL lets nothing more happen after the error.
        let _ = dropped.await;
        let refused = db.drop_table("scratch").temporary().execute().await.unwrap_err();
        assert_eq!(refused.code(), "ddl.temporary");
        assert_eq!(db.sql("SELECT 7 AS n").one_as::<i64>().await.unwrap(), 7);
    })
    .await;
}
