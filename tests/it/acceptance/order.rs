//! The order of verbs.

use portcullis::col;

use crate::support::{self, check};

#[tokio::test]
async fn verbs_work_on_what_the_verb_before_gave() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE t (id integer NOT NULL, v integer NOT NULL)",
            "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)",
            "CREATE TABLE letters (letter varchar(3) NOT NULL)",
            "INSERT INTO letters VALUES ('a'), ('a'), ('b')",
        ])
        .await;
        let db = db.read_only().await;
        let first = || db.table("t").order_by("id").limit(2);
        check(&db, first().where_(col("v").gt(15)).select("id"), &["2"]).await;
        check(&db, db.table("t").where_(col("v").gt(15)).order_by("id").limit(2).select("id"), &["2", "3"]).await;
        check(&db, first().order_by(col("id").desc()).select("id"), &["2", "1"]).await;
        check(&db, db.table("t").order_by("id").order_by(col("id").desc()).limit(2).select("id"), &["3", "2"]).await;
        assert_eq!(db.table("t").limit(1).count().await.expect("a count"), 1);
        assert_eq!(db.table("letters").distinct().count().await.expect("a count"), 2);
        assert_eq!(db.table("letters").count().await.expect("a count"), 3);
        check(&db, db.table("letters").distinct().order_by("letter"), &["a", "b"]).await;
    })
    .await;
}
