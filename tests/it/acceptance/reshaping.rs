//! Frames that change their shape.

use portcullis::{SqlType, all, col, count, elements};

use crate::support::{self, check};

#[tokio::test]
async fn explode_gives_a_row_for_each_element() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE people (id integer NOT NULL, skills json)",
            "INSERT INTO people VALUES (1, '[\"python\",\"sql\"]'), (2, '[\"java\"]'), (3, '[]'), (4, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let skills = || db.table("people").explode(elements("skills").as_type(SqlType::Text).position("n"));
        check(&db, skills().order_by(["id", "n"]).drop("n"), &["1|python", "1|sql", "2|java"]).await;
        check(&db, db.table("people").explode("skills").agg(count(all())), &["3"]).await;
        let twice = skills().explode("n").where_(col("id").gt(0)).collect().await.expect_err("two explodes");
        assert_eq!(twice.code(), "explode.twice");
    })
    .await;
}
