//! Who may make tables, and what is left when it fails.

use portcullis::{Database, ErrorKind, Result, SqlType, TransactionOptions, column};

use crate::support;

#[tokio::test]
async fn a_handle_built_without_the_right_makes_and_removes_no_table() {
    support::each(async |test| {
        let db = test.read_write().await;
        db.create_table("t").column(column("id", SqlType::Int64)).execute().await.unwrap();
        let builder = Database::builder(test.dsn_rw().parse().unwrap()).without_ddl();
        let bound = builder.open_read_write().await.unwrap();
        let create = bound.create_table("u").column(column("id", SqlType::Int64)).execute().await;
        let results = [create, bound.drop_table("t").execute().await, bound.truncate("t").execute().await];
        for result in results {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Policy, "policy.ddl"));
        }
        for raw in [
            bound.sql("CREATE TABLE u (id bigint)"),
            bound.sql("/* */ DROP TABLE t"),
            bound.sql("ALTER TABLE t ADD COLUMN x bigint"),
            bound.sql("SELECT 1 INTO u"),
        ] {
            assert_eq!(raw.execute().await.unwrap_err().code(), "policy.ddl");
        }
        // Rows are read and written as before, in raw SQL too.
        bound.insert("t").columns(["id"]).row([1]).execute().await.unwrap();
        bound.sql("INSERT INTO t VALUES (2)").execute().await.unwrap();
        assert_eq!(bound.sql("SELECT count(*) AS n FROM t").one_as::<i64>().await.unwrap(), 2);
        bound.delete("t").all_rows().execute().await.unwrap();
        assert!(bound.table("u").count().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_read_only_transaction_takes_no_statement_about_tables() {
    support::each(async |test| {
        let db = test.read_write().await;
        let tx = db.begin_with(TransactionOptions::new().read_only()).await.unwrap();
        let create = tx.create_table("t").column(column("id", SqlType::Int64)).temporary();
        let error = create.execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy, "{error:?}");
        tx.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn statements_about_tables_that_fail_leave_the_pool_healthy() {
    support::each(async |test| {
        let db = Database::builder(test.dsn_rw().parse().unwrap()).pool_size(1).open_read_write().await.unwrap();
        db.create_table("t").column(column("id", SqlType::Int64)).execute().await.unwrap();
        for _ in 0..5 {
            db.create_table("t").column(column("id", SqlType::Int64)).execute().await.unwrap_err();
            db.drop_table("nothing").execute().await.unwrap_err();
            db.truncate("nothing").execute().await.unwrap_err();
            let dropped = db.transaction(async |tx| -> Result<()> { tx.drop_table("nothing").execute().await });
            dropped.await.unwrap_err();
            assert_eq!(db.table("t").count().await.unwrap(), 0);
        }
    })
    .await;
}
