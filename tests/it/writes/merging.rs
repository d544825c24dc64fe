//! Merges.

use portcullis::{Database, ErrorKind, ReadWrite, col, on, using, values};

use crate::support::{self, TestDatabase, check};

async fn stock(db: &TestDatabase) -> Database<ReadWrite> {
    db.execute_setup(&[
        "CREATE TABLE stock (sku varchar(9) PRIMARY KEY, qty integer, note varchar(9))",
        "CREATE TABLE news (sku varchar(9), more integer, kind varchar(9))",
        "INSERT INTO stock VALUES ('bolt', 1, NULL), ('nut', 2, NULL), ('pin', 3, NULL)",
        "INSERT INTO news VALUES ('bolt', 10, 'add'), ('nut', 20, 'end'), ('rod', 30, 'add'), ('saw', 40, 'end')",
    ])
    .await;
    db.read_write().await
}

#[tokio::test]
async fn a_merge_changes_what_matches_and_inserts_what_does_not() {
    support::each(async |db| {
        let db = stock(db).await;
        let merge = db.merge("stock").using(db.table("news"), using("sku"));
        let merge = merge.when_matched_update(|row| row.set("qty", col("qty") + col("more")).set("note", col("kind")));
        let merge = merge.when_not_matched_insert(|row| {
            row.set("sku", col("sku")).set("qty", col("more") * 2).set("note", "new").where_(col("kind").eq("add"))
        });
        assert_eq!(merge.execute().await.expect("three rows"), 3, "on {}", db.dialect());
        let rows = ["bolt|11|add", "nut|22|end", "pin|3|null", "rod|60|new"];
        check(&db, db.table("stock").order_by("sku"), &rows).await;
    })
    .await;
}

#[tokio::test]
async fn a_merge_deletes_before_it_changes() {
    support::each(async |db| {
        let db = stock(db).await;
        let news = db.table("news").as_("n");
        let merge = db.merge("stock").using(news, on(col("sku").of("n").eq(col("sku").of("stock"))));
        let merge =
            merge.when_matched_delete(col("kind").eq("end")).when_matched_update(|row| row.set("qty", col("more")));
        assert_eq!(merge.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku"), &["bolt|10|null", "pin|3|null"]).await;
    })
    .await;
}

#[tokio::test]
async fn rows_of_the_program_are_merged_as_often_as_one_likes() {
    support::each(async |db| {
        let db = stock(db).await;
        for _ in 0..2 {
            let rows = values(["sku", "want"], [("nut", 7), ("zip", 8)]);
            let merge = db.merge("stock").using(rows, using("sku"));
            let merge = merge.when_matched_update(|row| row.set("qty", col("want")));
            let merge = merge.when_not_matched_insert(|row| row.set("sku", col("sku")).set("qty", col("want")));
            assert_eq!(merge.execute().await.expect("two rows"), 2, "on {}", db.dialect());
            let rows = ["bolt|1|null", "nut|7|null", "pin|3|null", "zip|8|null"];
            check(&db, db.table("stock").order_by("sku"), &rows).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_merge_that_fails_or_goes_too_far_keeps_nothing() {
    support::each(async |db| {
        let db = stock(db).await;
        let merge = || db.merge("stock").using(db.table("news"), using("sku"));
        let full = || merge().when_matched_update(|row| row.set("qty", 0));
        // Both new rows get one key.
        let twice = full().when_not_matched_insert(|row| row.set("sku", "same")).execute().await;
        assert_eq!(twice.expect_err("one key twice").kind(), ErrorKind::Constraint, "on {}", db.dialect());
        let new = || full().when_not_matched_insert(|row| row.set("sku", col("sku")));
        let many = new().max_affected(3).execute().await.expect_err("four rows");
        assert_eq!(many.kind(), ErrorKind::TooManyRows);
        db.insert("news").columns(["sku", "more"]).row(("bolt", 11)).execute().await.expect("a row");
        let several = merge().when_matched_update(|row| row.set("qty", col("more"))).execute().await;
        assert_eq!(several.expect_err("two matches").code(), "update.several_matches", "on {}", db.dialect());
        check(&db, db.table("stock").order_by("sku"), &["bolt|1|null", "nut|2|null", "pin|3|null"]).await;
        assert_eq!(new().max_affected(4).execute().await.expect("four rows"), 4);

        let tx = db.begin().await.expect("a transaction");
        let merge =
            tx.merge("stock").using(tx.table("news"), using("sku")).when_matched_update(|row| row.set("qty", 1));
        assert_eq!(merge.execute().await.expect("rows"), 4, "on {}", db.dialect());
        tx.rollback().await.expect("a rollback");
        check(&db, db.table("stock").where_(col("qty").eq(1)), &[]).await;
    })
    .await;
}

#[tokio::test]
async fn branches_of_which_one_undoes_another_are_refused() {
    support::each(async |db| {
        let db = stock(db).await;
        let merge = || db.merge("stock").using(db.table("news"), using("sku"));
        let insert = |merge: portcullis::Merge| merge.when_not_matched_insert(|row| row.set("sku", col("sku")));
        for (merge, code) in [
            (merge(), "merge.nothing"),
            (db.merge("stock").when_matched_delete(col("qty").gt(1)), "merge.no_frame"),
            (insert(merge().when_matched_delete(col("qty").gt(1))), "merge.delete_and_insert"),
            (insert(merge().when_matched_update(|row| row.set("sku", "x"))), "merge.match_changed"),
            (merge().when_matched_update(|row| row), "update.nothing"),
            (insert(insert(merge())), "merge.branch"),
        ] {
            assert_eq!(merge.execute().await.expect_err(code).code(), code);
        }
        check(&db, db.table("stock").order_by("sku").select("qty"), &["1", "2", "3"]).await;
        assert_eq!(insert(merge()).execute().await.expect("two rows"), 2);
    })
    .await;
}
