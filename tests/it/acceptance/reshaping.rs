//! Frames that change their shape.

use portcullis::{SqlType, all, col, count, elements, sum};

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

#[tokio::test]
async fn pivot_makes_a_column_of_each_value() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE orders (category varchar(5), status varchar(10), amount integer)",
            "INSERT INTO orders VALUES ('A', 'active', 100), ('A', 'inactive', 50), ('A', 'pending', 75), ('B', 'active', 200), \
             ('B', 'inactive', 150)",
        ])
        .await;
        let db = db.read_only().await;
        let by_category = || db.table("orders").group_by("category");
        let listed = by_category().pivot("status", ["active", "inactive"]).agg(sum(col("amount"))).order_by("category");
        check(&db, listed, &["A|100|50", "B|200|150"]).await;
        let inferred = by_category().pivot_inferred("status", 10).await.expect("values");
        let inferred = inferred.agg(sum(col("amount"))).order_by("category");
        assert_eq!(inferred.collect().await.expect("rows").columns(), ["category", "active", "inactive", "pending"]);
        check(&db, inferred, &["A|100|50|75", "B|200|150|null"]).await;
    })
    .await;
}
