//! Frames as tables: made of one, and written into one.

use portcullis::{
    Database, ErrorKind, ReadWrite, Result, SqlType, TableDetails, WriteMode, col, column, count, lit, sum,
};

use crate::support;

async fn with_orders(db: &Database<ReadWrite>) {
    let create = db.create_table("orders").column(column("id", SqlType::Int64).primary_key());
    let create = create.column(column("name", SqlType::Text).max_length(20)).column(column("n", SqlType::Int32));
    create.execute().await.unwrap();
    let rows = [(1, "a", 10), (2, "it's", 20), (3, "a", 30)];
    db.insert("orders").columns(["id", "name", "n"]).rows(rows).execute().await.unwrap();
}

async fn ids(db: &Database<ReadWrite>, table: &str) -> Vec<i64> {
    db.table(table).order_by("id").select("id").collect_as().await.unwrap()
}

fn types(details: &TableDetails) -> Vec<(String, SqlType)> {
    details.columns.iter().map(|column| (column.name.clone(), column.sql_type.unwrap())).collect()
}

#[tokio::test]
async fn a_table_is_made_of_a_frame_with_its_columns_types_and_rows() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_orders(&db).await;
        let frame = db.table("orders").where_(col("name").ne("it's")).with_column("twice", col("n") * 2);
        let rows = db.create_table("copy").primary_key("id").as_frame(frame).execute().await.unwrap();
        assert_eq!(rows, 2);
        let copied: Vec<(i64, String, i64, i64)> = db.table("copy").order_by("id").collect_as().await.unwrap();
        assert_eq!(copied, [(1, "a".to_owned(), 10, 20), (3, "a".to_owned(), 30, 60)]);
        let details = db.table_details("copy").await.unwrap();
        assert_eq!(details.primary_key, ["id"]);
        assert_eq!(types(&details)[1], ("name".to_owned(), SqlType::Text));
        // Grouped, with an expression that has no column of its own.
        let frame = db.table("orders").group_by("name").agg((count(col("id")).as_("rows"), sum(col("n")).as_("total")));
        let create = db.create_table("totals").column(column("name", SqlType::Text).max_length(20).primary_key());
        assert_eq!(create.as_frame(frame).execute().await.unwrap(), 2);
        assert_eq!(db.table("totals").where_(col("name").eq("a")).select("total").one_as::<i64>().await.unwrap(), 40);
        // A table that is there, and a frame that fails.
        let again = db.create_table("copy").as_frame(db.table("orders")).execute().await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Database);
        assert_eq!(ids(&db, "copy").await, [1, 3]);
        let twice = db.table("orders").select((lit(1).as_("id"), "name"));
        let failed = db.create_table("broken").primary_key("id").as_frame(twice).execute().await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Constraint);
        db.table("broken").count().await.unwrap_err();
        let unknown = db.create_table("broken").as_frame(db.table("orders").select("nothing")).execute().await;
        unknown.unwrap_err();
        db.table("broken").count().await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn a_table_made_of_a_frame_in_a_failed_transaction_leaves_nothing() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_orders(&db).await;
        let work = db.transaction(async |tx| -> Result<()> {
            tx.insert("orders").columns(["id"]).row([9]).execute().await?;
            let rows = tx.create_table("copy").as_frame(tx.table("orders")).execute().await?;
            assert_eq!(rows, 4);
            assert_eq!(tx.table("copy").count().await?, 4);
            tx.insert("orders").columns(["id"]).row([9]).execute().await?;
            Ok(())
        });
        let error = work.await.unwrap_err();
        if support::mysql_family(test.dialect) {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "ddl.transaction"));
        } else {
            assert_eq!(error.kind(), ErrorKind::Constraint);
        }
        db.table("copy").count().await.unwrap_err();
        assert_eq!(ids(&db, "orders").await, [1, 2, 3]);
        // A temporary one is part of its transaction everywhere, and its columns are known in it.
        let work = db.transaction(async |tx| -> Result<i64> {
            let frame = tx.table("orders").where_(col("n").gt(10));
            tx.create_table("some").temporary().as_frame(frame).execute().await?;
            assert_eq!(tx.table("some").where_(col("name").eq("a")).count().await?, 1);
            tx.table("some").agg(sum(col("n")).as_("n")).one_as().await
        });
        assert_eq!(work.await.unwrap(), 50);
    })
    .await;
}

#[tokio::test]
async fn each_mode_does_with_a_table_that_is_there_what_it_says() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_orders(&db).await;
        let big = || db.table("orders").where_(col("n").gt(10));
        for mode in [WriteMode::Append, WriteMode::Overwrite, WriteMode::Ignore, WriteMode::ErrorIfExists] {
            assert_eq!(db.write_table("made", big(), mode).await.unwrap(), 2, "{mode:?}");
            assert_eq!(ids(&db, "made").await, [2, 3]);
            db.drop_table("made").execute().await.unwrap();
        }
        let more = || db.table("orders").select(((col("id") + 100).as_("id"), col("name"), col("n")));
        assert_eq!(db.write_table("orders", more(), WriteMode::Ignore).await.unwrap(), 0);
        let error = db.write_table("orders", more(), WriteMode::ErrorIfExists).await.unwrap_err();
        assert_eq!(error.code(), "table.exists");
        assert_eq!(ids(&db, "orders").await, [1, 2, 3]);
        assert_eq!(db.write_table("orders", more(), WriteMode::Append).await.unwrap(), 3);
        assert_eq!(ids(&db, "orders").await, [1, 2, 3, 101, 102, 103]);
        // A row that is there already: none of them is added.
        let clash = db.table("orders").select((col("id"), col("name")));
        assert_eq!(db.write_table("orders", clash, WriteMode::Append).await.unwrap_err().kind(), ErrorKind::Constraint);
        assert_eq!(ids(&db, "orders").await.len(), 6);
    })
    .await;
}

#[tokio::test]
async fn a_table_is_overwritten_from_itself_or_stays_as_it_was() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_orders(&db).await;
        let own = db.table("orders").where_(col("name").eq("a")).with_column("n", col("n") + 1);
        assert_eq!(db.write_table("orders", own, WriteMode::Overwrite).await.unwrap(), 2);
        let rows: Vec<(i64, String, i32)> = db.table("orders").order_by("id").collect_as().await.unwrap();
        assert_eq!(rows, [(1, "a".to_owned(), 11), (3, "a".to_owned(), 31)]);
        assert_eq!(db.table_details("orders").await.unwrap().primary_key, ["id"]);
        // Two rows of one key: the old ones stay.
        let clash = db.table("orders").select((lit(7).as_("id"), "name"));
        let error = db.write_table("orders", clash, WriteMode::Overwrite).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Constraint);
        assert_eq!(ids(&db, "orders").await, [1, 3]);
        let work = db.transaction(async |tx| -> Result<()> {
            tx.write_table("orders", tx.table("orders").where_(col("id").eq(3)), WriteMode::Overwrite).await?;
            tx.insert("orders").columns(["id"]).row([3]).execute().await?;
            Ok(())
        });
        assert_eq!(work.await.unwrap_err().kind(), ErrorKind::Constraint);
        assert_eq!(ids(&db, "orders").await, [1, 3]);
    })
    .await;
}
