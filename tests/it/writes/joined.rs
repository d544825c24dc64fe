//! Updates and deletes that are matched with a frame.

use portcullis::{Database, Dialect, ErrorKind, ReadWrite, col, on, using, values};

use crate::support::{self, TestDatabase, check};

async fn stock(db: &TestDatabase) -> Database<ReadWrite> {
    db.execute_setup(&[
        "CREATE TABLE stock (sku varchar(9) PRIMARY KEY, price integer, qty integer, note varchar(20))",
        "CREATE TABLE news (sku varchar(9), price integer, kind varchar(9))",
        "INSERT INTO stock VALUES ('bolt', 10, 1, NULL), ('nut', 20, 2, NULL), ('pin', 30, 3, NULL)",
        "INSERT INTO news VALUES ('bolt', 11, 'up'), ('nut', 19, 'down'), ('new', 1, 'up')",
    ])
    .await;
    db.read_write().await
}

#[tokio::test]
async fn an_update_takes_values_from_the_row_that_matches() {
    support::each(async |db| {
        let db = stock(db).await;
        let update = db.update("stock").from(db.table("news"), using("sku"));
        let update = update.set("price", col("price_right")).set("note", col("kind")).set("qty", col("qty") + 1);
        assert_eq!(update.execute().await.expect("two rows"), 2);
        check(&db, db.table("stock").order_by("sku"), &["bolt|11|2|up", "nut|19|3|down", "pin|30|3|null"]).await;
        // With a condition over both, and one over each.
        let update =
            db.update("stock").from(db.table("news").as_("n"), on(col("sku").of("n").eq(col("sku").of("stock"))));
        let update = update.set("price", col("price").of("n") * 10 + col("qty")).where_(col("kind").eq("up"));
        let update = update.where_(col("qty").lt(col("price").of("n")));
        assert_eq!(update.execute().await.expect("a row"), 1);
        check(&db, db.table("stock").order_by("sku").select("price"), &["112", "19", "30"]).await;
        let none = db.update("stock").from(db.table("news"), using("sku")).set("qty", 0).where_(col("qty").gt(100));
        assert_eq!(none.execute().await.expect("no row"), 0);
    })
    .await;
}

#[tokio::test]
async fn the_frame_may_be_grouped_limited_or_rows_of_the_program() {
    support::each(async |db| {
        let db = stock(db).await;
        let sums = db.table("news").group_by("kind").agg(portcullis::max(col("price")).as_("most"));
        let update = db.update("stock").from(sums, on(col("note").eq(col("kind")))).set("price", col("most"));
        assert_eq!(update.execute().await.expect("no row"), 0);
        db.update("stock").set("note", "up").where_(col("sku").ne("pin")).execute().await.expect("two rows");
        let sums = db.table("news").group_by("kind").agg(portcullis::max(col("price")).as_("most"));
        let update = db.update("stock").from(sums, on(col("note").eq(col("kind")))).set("price", col("most"));
        assert_eq!(update.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku").select("price"), &["11", "11", "30"]).await;
        let first = db.table("news").order_by("price").limit(1).select("price");
        let update = db.update("stock").from(first, on(col("price").of("stock").gt(col("price").of("news"))));
        let update = update.set("qty", col("price").of("news"));
        assert_eq!(update.execute().await.expect("three rows"), 3, "on {}", db.dialect());
        let rows = values(["sku", "price"], [("bolt", 1), ("pin", 3)]).as_("v");
        let update = db.update("stock").from(rows, using("sku")).set("price", col("price").of("v"));
        assert_eq!(update.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku").select("price"), &["1", "11", "3"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_row_with_two_matches_is_an_error_only_where_a_value_is_taken() {
    support::each(async |db| {
        let db = stock(db).await;
        db.insert("news").columns(["sku", "price", "kind"]).row(("nut", 18, "up")).execute().await.expect("a row");
        let update = || db.update("stock").from(db.table("news"), using("sku"));
        let error = update().set("price", col("price_right")).execute().await.expect_err("two matches");
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::RowCount, "update.several_matches"),
            "on {}",
            db.dialect()
        );
        assert_eq!(error.table(), Some("stock"));
        check(&db, db.table("stock").order_by("sku").select("price"), &["10", "20", "30"]).await;
        // A condition makes it one.
        let one = update().set("price", col("price_right")).where_(col("kind").eq("up"));
        assert_eq!(one.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku").select("price"), &["11", "18", "30"]).await;
        // Each row is changed once.
        assert_eq!(update().set("qty", col("qty") + 1).execute().await.expect("two rows"), 2);
        check(&db, db.table("stock").order_by("sku").select("qty"), &["2", "3", "3"]).await;
        let most = update().set("qty", 0).max_affected(1).execute().await.expect_err("two rows");
        assert_eq!(most.kind(), ErrorKind::TooManyRows);
        assert_eq!(update().set("qty", 0).max_affected(2).execute().await.expect("two rows"), 2);
    })
    .await;
}

#[tokio::test]
async fn a_delete_removes_what_matches_once() {
    support::each(async |db| {
        let db = stock(db).await;
        db.insert("news").columns(["sku", "price", "kind"]).row(("nut", 18, "up")).execute().await.expect("a row");
        let gone = db.delete("stock").using(db.table("news"), using("sku")).where_(col("kind").eq("down"));
        assert_eq!(gone.execute().await.expect("a row"), 1);
        check(&db, db.table("stock").order_by("sku").select("sku"), &["bolt", "pin"]).await;
        db.insert("stock").columns(["sku", "price", "qty"]).row(("nut", 18, 1)).execute().await.expect("a row");
        let dear = db
            .delete("stock")
            .using(db.table("news").as_("n"), using("sku"))
            .where_(col("price").le(col("price").of("n")));
        assert_eq!(dear.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("stock").select("sku"), &["pin"]).await;
        let none = db.delete("stock").using(db.table("news"), using("sku"));
        assert_eq!(none.execute().await.expect("no row"), 0);
    })
    .await;
}

#[tokio::test]
async fn what_a_joined_write_can_not_be_is_refused() {
    support::each(async |db| {
        let db = stock(db).await;
        let ambiguous = db.update("stock").from(db.table("news"), on(col("sku").of("stock").eq(col("sku").of("news"))));
        let unknown = ambiguous.clone().set("price", col("cost")).execute().await.expect_err("no such column");
        assert_eq!(unknown.kind(), ErrorKind::Schema);
        let both = ambiguous.set("note", col("kind")).all_rows().execute().await.expect_err("a match and all rows");
        assert_eq!(both.kind(), ErrorKind::Policy);
        let twice = db.delete("stock").using(db.table("news"), using("sku")).using(db.table("news"), using("sku"));
        assert_eq!(twice.execute().await.expect_err("two frames").code(), "write.two_frames");
        let clash = db.update("stock").from(db.table("news"), using("sku")).set("qty", col("kind")).execute().await;
        assert_eq!(clash.expect_err("text into a number").kind(), ErrorKind::Type);
        // The table itself as the frame: the same rows everywhere, or a refusal.
        let dearest = db.table("stock").select((col("sku"), (col("price") + 1).as_("next"))).as_("other");
        let own = db.update("stock").from(dearest, using("sku")).set("price", col("next")).execute().await;
        match own {
            Ok(rows) => {
                assert_eq!(rows, 3);
                check(&db, db.table("stock").order_by("sku").select("price"), &["11", "21", "31"]).await;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error} on {}", db.dialect());
                check(&db, db.table("stock").order_by("sku").select("price"), &["10", "20", "30"]).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_version_narrows_a_joined_update() {
    support::each(async |db| {
        let db = stock(db).await;
        let update = |qty: i64| {
            let update = db.update("stock").from(db.table("news"), using("sku")).set("price", col("price_right"));
            update.where_(col("sku").eq("nut")).expect_version("qty", qty).execute()
        };
        assert_eq!(update(2).await.expect("a row"), 1, "on {}", db.dialect());
        check(&db, db.table("stock").where_(col("sku").eq("nut")), &["nut|19|3|null"]).await;
        assert_eq!(update(2).await.expect_err("another version").kind(), ErrorKind::Conflict);
    })
    .await;
}

#[tokio::test]
async fn the_text_of_a_joined_write() {
    portcullis::table! { stock { sku: String, price: i64 } }
    portcullis::table! { news { sku: String, price: i64, kind: String } }
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().expect("a DSN")).await.expect("a handle");
    let update =
        db.update(stock::table).from(portcullis::table(news::table), using("sku")).set("price", col("price_right"));
    assert_eq!(
        update.where_(col("kind").eq("up")).to_sql_for(Dialect::Postgres).expect("text").sql(),
        concat!(
            r#"UPDATE "stock" SET "price" = (SELECT "news"."price" FROM "news" WHERE "stock"."sku" = "news"."sku" AND "news"."kind" = $1::text) "#,
            r#"WHERE EXISTS(SELECT NULL FROM "news" AS "news_2" WHERE "stock"."sku" = "news_2"."sku" AND "news_2"."kind" = $2::text)"#
        )
    );
    let delete = db.delete(stock::table).using(portcullis::table(news::table), using("sku"));
    assert_eq!(
        delete.to_sql_for(Dialect::Postgres).expect("text").sql(),
        r#"DELETE FROM "stock" WHERE EXISTS(SELECT NULL FROM "news" WHERE "stock"."sku" = "news"."sku")"#
    );
}
