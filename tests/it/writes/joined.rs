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
        // The table itself as the frame, as it was before: what one row becomes is not what the next one reads.
        let dearest = db.table("stock").select((col("sku"), (col("price") + 1).as_("next"))).as_("other");
        let own = db.update("stock").from(dearest, using("sku")).set("price", col("next")).execute().await;
        assert_eq!(own.expect("three rows"), 3, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku").select("price"), &["11", "21", "31"]).await;
        let before = || db.table("stock").select((col("price"), col("qty").as_("was"))).as_("other");
        let chained = on(col("price").of("stock").eq(col("price").of("other") + 10));
        let chained = db.update("stock").from(before(), chained).set("qty", col("was") + 10);
        assert_eq!(chained.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku").select("qty"), &["1", "11", "12"]).await;
        // Without an equality SQLite looks for the match of each row when it comes to it.
        let next = on(col("price").of("other").between(col("price").of("stock") - 10, col("price").of("stock") - 1));
        let next = db.update("stock").from(before(), next).set("qty", col("was")).execute().await;
        if db.dialect() == Dialect::Sqlite {
            assert_eq!(next.expect_err("it would see its changes").code(), "update.self_read");
        } else {
            assert_eq!(next.expect("two rows"), 2, "on {}", db.dialect());
            check(&db, db.table("stock").order_by("sku").select("qty"), &["1", "1", "11"]).await;
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
    let text =
        |dialect| update.clone().where_(col("kind").eq("up")).to_sql_for(dialect).expect("text").sql().to_owned();
    assert_eq!(
        text(Dialect::Postgres),
        concat!(
            r#"UPDATE "stock" SET "price" = (CASE WHEN ("t"."matches" = $1::bigint) THEN "t"."price" "#,
            r#"ELSE (SELECT "news_2"."price" FROM "news" AS "news_2" WHERE "news_2"."kind" = $2::text AND "stock"."sku" = "news_2"."sku") END) "#,
            r#"FROM (SELECT COUNT("news"."sku") OVER (PARTITION BY "news"."sku") AS "matches", "news"."price", "news"."sku" FROM "news" "#,
            r#"WHERE "news"."kind" = $2::text AND EXISTS(SELECT NULL FROM "stock" AS "stock_2" WHERE "stock_2"."sku" = "news"."sku")) AS "t" "#,
            r#"WHERE "stock"."sku" = "t"."sku""#
        )
    );
    assert_eq!(
        text(Dialect::MariaDb),
        concat!(
            "UPDATE `stock` SET `price` = (SELECT `t`.`price` FROM (SELECT CONVERT(`news`.`sku` USING utf8mb4) COLLATE utf8mb4_nopad_bin AS `key`, ",
            "`news`.`price` FROM `news` WHERE `news`.`kind` = ? AND `news`.`kind` = (? COLLATE utf8mb4_nopad_bin) LIMIT ?) AS `t` ",
            "WHERE `t`.`key` = (CONVERT(`stock`.`sku` USING utf8mb4) COLLATE utf8mb4_nopad_bin)) ",
            "WHERE EXISTS(SELECT NULL FROM (SELECT CONVERT(`news_2`.`sku` USING utf8mb4) COLLATE utf8mb4_nopad_bin AS `key` FROM `news` AS `news_2` ",
            "WHERE `news_2`.`kind` = ? AND `news_2`.`kind` = (? COLLATE utf8mb4_nopad_bin) LIMIT ?) AS `t_2` ",
            "WHERE `t_2`.`key` = (CONVERT(`stock`.`sku` USING utf8mb4) COLLATE utf8mb4_nopad_bin))"
        )
    );
    // A few rows are looked for one by one.
    let few = update.where_(col("sku").of("stock").eq("nut")).to_sql_for(Dialect::MySql).expect("text");
    assert!(!few.sql().contains("LIMIT"), "{}", few.sql());
    let delete = db.delete(stock::table).using(portcullis::table(news::table), using(["sku", "price"]));
    let text = |dialect| delete.clone().to_sql_for(dialect).expect("text").sql().to_owned();
    assert_eq!(
        text(Dialect::Postgres),
        concat!(
            r#"DELETE FROM "stock" WHERE EXISTS(SELECT NULL FROM "news" "#,
            r#"WHERE "stock"."sku" = "news"."sku" AND "stock"."price" = "news"."price")"#
        )
    );
    assert_eq!(
        text(Dialect::Sqlite),
        r#"DELETE FROM "stock" WHERE ("sku", "price") IN (SELECT "news"."sku", "news"."price" FROM "news")"#
    );
}

#[tokio::test]
async fn conditions_on_both_sides_say_which_of_several_matches_counts() {
    support::each(async |db| {
        let db = stock(db).await;
        db.insert("news").columns(["sku", "price", "kind"]).row(("nut", 25, "up")).execute().await.expect("a row");
        let update = || {
            let update = db.update("stock").from(db.table("news").as_("n"), using("sku"));
            update.set("price", col("price").of("n")).set("qty", col("qty") * 10)
        };
        let dearer = col("price").of("n").gt(col("price").of("stock"));
        assert_eq!(update().where_(dearer).execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku").select(["price", "qty"]), &["11|10", "25|20", "30|3"]).await;
        let any = col("price").of("n").gt(col("qty").of("stock") - 100);
        let error = update().where_(any).execute().await.expect_err("two matches");
        assert_eq!(error.code(), "update.several_matches", "on {}", db.dialect());
        // The target's own conditions, also where they ask another relation and where they change from row to row.
        let known = col("sku").of("stock").in_(db.table("news").where_(col("price").gt(20)).select("sku"));
        let one = update().where_(known.clone()).where_(col("kind").eq("down"));
        assert_eq!(one.execute().await.expect("a row"), 1, "on {}", db.dialect());
        let never = update().where_(known).where_(portcullis::random().lt(0.0)).where_(col("kind").eq("down"));
        assert_eq!(never.execute().await.expect("no row"), 0, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku").select(["price", "qty"]), &["11|10", "19|200", "30|3"]).await;
    })
    .await;
}

#[tokio::test]
async fn rows_match_by_several_keys_of_which_none_is_null() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE doc_lines (doc varchar(9), line integer, at date, qty integer)",
            "CREATE TABLE marks (doc varchar(9), line integer, at date, mark integer)",
            "INSERT INTO doc_lines VALUES ('a', 1, '2020-02-29', 1), ('a', 2, '1960-01-01', 2), ('b', 1, NULL, 3), (NULL, 1, '2020-02-29', 4), ('A', 1, '2020-02-29', 5), ('a', NULL, NULL, 6)",
            "INSERT INTO marks VALUES ('a', 1, '2020-02-29', 10), ('a', 1, '2020-03-01', 20), ('b', 1, NULL, 30), (NULL, 1, '2020-02-29', 40), ('a', NULL, NULL, 60), ('a ', 1, '2020-02-29', 70)",
        ])
        .await;
        let db = db.read_write().await;
        let marked = db.update("doc_lines").from(db.table("marks"), using(["doc", "line", "at"])).set("qty", col("mark"));
        assert_eq!(marked.execute().await.expect("a row"), 1, "on {}", db.dialect());
        let twice = db.update("doc_lines").from(db.table("marks"), using(["doc", "line"])).set("qty", col("mark"));
        let error = twice.execute().await.expect_err("two matches of the first row");
        assert_eq!(error.code(), "update.several_matches", "on {}", db.dialect());
        check(&db, db.table("doc_lines").order_by("qty").select("qty"), &["2", "3", "4", "5", "6", "10"]).await;
        let gone = db.delete("doc_lines").using(db.table("marks"), using(["doc", "line"]));
        assert_eq!(gone.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("doc_lines").order_by("qty").select("qty"), &["2", "4", "5", "6"]).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_joined_update_returns_is_the_target_s() {
    support::each(async |db| {
        let db = stock(db).await;
        let update = db.update("stock").from(db.table("news"), using("sku")).set("price", col("price_right"));
        let update = update.returning((col("sku"), col("price"), (col("price") + col("qty")).as_("both")));
        let rows: portcullis::Result<Vec<(String, i64, i64)>> = update.collect_as().await;
        if matches!(db.dialect(), Dialect::MySql | Dialect::MariaDb) {
            assert_eq!(rows.expect_err("nothing is given back").code(), "returning.unsupported");
            return;
        }
        let mut rows = rows.expect("two rows");
        rows.sort();
        assert_eq!(rows, [("bolt".to_owned(), 11, 12), ("nut".to_owned(), 19, 21)], "on {}", db.dialect());
    })
    .await;
}

/// SQL: SQLite compares by the collation of the column on the left of the equality.
#[tokio::test]
async fn keys_that_a_collation_of_the_caller_s_takes_for_one_are_several_matches() {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().expect("a DSN")).await.expect("a handle");
    db.sql("CREATE TABLE stock (sku text COLLATE NOCASE, tag text COLLATE RTRIM, price integer)")
        .execute()
        .await
        .expect("a table");
    db.sql("CREATE TABLE news (sku text, tag text, price integer)").execute().await.expect("a table");
    db.insert("stock").columns(["sku", "tag", "price"]).row(("nut", "x", 1)).execute().await.expect("a row");
    db.insert("news").columns(["sku", "tag", "price"]).row(("NUT", "x", 2)).execute().await.expect("a row");
    for key in ["sku", "tag"] {
        let update = || db.update("stock").from(db.table("news"), using(key)).set("price", col("price_right"));
        assert_eq!(update().execute().await.expect("a row"), 1, "{key}");
    }
    db.insert("news").columns(["sku", "tag", "price"]).row(("Nut", "x  ", 3)).execute().await.expect("a row");
    for key in ["sku", "tag"] {
        let update = || db.update("stock").from(db.table("news"), using(key)).set("price", col("price_right"));
        assert_eq!(update().execute().await.expect_err("two").code(), "update.several_matches", "{key}");
        assert_eq!(update().where_(col("price_right").eq(3)).execute().await.expect("a row"), 1, "{key}");
    }
}

/// Each row with each would be 400 million comparisons, and took from 45 seconds up; the deadline of a statement is 30.
#[tokio::test]
async fn many_rows_match_many_without_an_index() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE big (id integer PRIMARY KEY, k integer, name varchar(20), v integer)",
            "CREATE TABLE news (k integer, name varchar(20), v integer)",
        ])
        .await;
        let db = db.read_write().await;
        let count = 20_000_i64;
        let name = |key: i64| format!("key {key}");
        let rows = (0..count).map(|id| (id, id * 7_919 % count, name(id * 7_919 % count), 0));
        db.insert("big").columns(["id", "k", "name", "v"]).rows(rows).execute().await.expect("rows");
        let rows = (0..count).map(|k| (k, name(k), k));
        db.insert("news").columns(["k", "name", "v"]).rows(rows).execute().await.expect("rows");
        for (key, more) in [("k", 0), ("name", 1)] {
            let update = db.update("big").from(db.table("news"), using(key)).set("v", col("v_right") + more);
            assert_eq!(update.execute().await.expect("all rows"), count as u64, "by {key} on {}", db.dialect());
            let right = db.table("big").where_(col("v").eq(col("k") + more)).count().await.expect("a number");
            assert_eq!(right, count as u64, "by {key} on {}", db.dialect());
        }
        for (key, range) in [("k", 0..5_000), ("name", 5_000..15_000)] {
            let half = db.table("news").where_(col("v").lt(range.end));
            let delete = db.delete("big").using(half, using(key)).execute().await.expect("some rows");
            assert_eq!(delete, (range.end - range.start) as u64, "by {key} on {}", db.dialect());
        }
        assert_eq!(db.table("big").count().await.expect("a number"), 5_000);
    })
    .await;
}

#[tokio::test]
async fn joined_updates_beside_each_other_lose_nothing() {
    support::each(async |db| {
        let db = stock(db).await;
        let tasks = (0..8).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let more = db.update("stock").from(db.table("news"), using("sku"));
                    let more = more.set("qty", col("qty") + col("price_right")).set("price", col("price") + 1);
                    assert_eq!(more.execute().await.expect("two rows"), 2, "on {}", db.dialect());
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
        let rows = ["bolt|90|881|null", "nut|100|1522|null", "pin|30|3|null"];
        check(&db, db.table("stock").order_by("sku"), &rows).await;
    })
    .await;
}
