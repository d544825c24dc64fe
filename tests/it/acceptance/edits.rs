//! Edits of a frame's columns.

use portcullis::{ErrorKind, col};

use crate::support::{self, check};

#[tokio::test]
async fn rename_drop_and_replace_keep_the_other_columns() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE people (id integer NOT NULL, name varchar(20), value double precision, email varchar(20))",
            "INSERT INTO people VALUES (1, 'Ann', 1.5, 'a@x'), (2, NULL, NULL, 'b@x'), (3, 'Cid', 2.5, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let people = || db.table("people").order_by("id");
        let renamed = people().rename("value", "amount").limit(1);
        assert_eq!(renamed.collect().await.expect("rows").columns(), ["id", "name", "amount", "email"]);
        check(&db, renamed, &["1|Ann|1.5|a@x"]).await;
        check(&db, people().drop(["email", "value"]), &["1|Ann", "2|null", "3|Cid"]).await;
        let error = people().drop(["id", "name", "value", "email"]).collect().await.expect_err("nothing left");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Plan, "drop.all"));
        // Filling NULL in two columns keeps all columns, in their places.
        let filled = people().fill_null("name", "Unknown").fill_null("value", 0.0);
        check(&db, filled, &["1|Ann|1.5|a@x", "2|Unknown|0.0|b@x", "3|Cid|2.5|null"]).await;
        let replaced = people().with_column("id", col("id") * 10).select(["id", "name"]);
        check(&db, replaced, &["10|Ann", "20|null", "30|Cid"]).await;
    })
    .await;
}

#[tokio::test]
async fn rows_with_null_are_left_out_when_any_or_when_all_are_null() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE people (id integer NOT NULL, name varchar(20), age integer, email varchar(20))",
            "INSERT INTO people VALUES (1, 'Ann', 30, 'a@x'), (2, NULL, 25, 'b@x'), (3, 'Cid', NULL, NULL), \
             (4, 'Dan', 40, NULL), (5, NULL, NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let people = || db.table("people").order_by("id");
        check(&db, people().drop_nulls(["name", "age", "email"]), &["1|Ann|30|a@x"]).await;
        check(&db, people().drop_all_null(["name", "age", "email"]).select("id"), &["1", "2", "3", "4"]).await;
    })
    .await;
}
