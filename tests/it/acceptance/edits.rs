//! Edits of a frame's columns.

use portcullis::{ErrorKind, coalesce, col, lit};

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
        let filled = people()
            .with_column("name", coalesce([col("name"), lit("Unknown")]))
            .with_column("value", coalesce([col("value"), lit(0.0)]));
        check(&db, filled, &["1|Ann|1.5|a@x", "2|Unknown|0.0|b@x", "3|Cid|2.5|null"]).await;
        let whole = col("name").is_not_null() & col("value").is_not_null() & col("email").is_not_null();
        check(&db, people().where_(whole).select("id"), &["1"]).await;
        let replaced = people().with_column("id", col("id") * 10).select(["id", "name"]);
        check(&db, replaced, &["10|Ann", "20|null", "30|Cid"]).await;
    })
    .await;
}
