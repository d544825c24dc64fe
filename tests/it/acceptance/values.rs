//! Values that look like syntax.

use portcullis::{Dialect, ErrorKind, Value, col, lit};

use crate::support;

const ODD: &[&str] = &[
    "it's",
    "two '' quotes",
    "\"double\"",
    "`back`",
    r"back\slash",
    r"trailing \",
    r"\' OR 1=1 -- ",
    "100%",
    "under_score",
    ":name and ::text",
    "? and ??",
    "$1 and $2::int and $$x$$",
    "; DROP TABLE odd; --",
    "/* comment */ # hash",
    "line\nbreak\ttab\r",
    "naïve ☃ 🦀 e\u{301}",
    "",
    " leading and trailing ",
    "NULL",
    "a\u{1}b\u{7f}",
];

#[tokio::test]
async fn odd_texts_come_back_and_are_found_changed_and_deleted_by_value() {
    support::each(async |db| {
        let any_text = if support::mysql_family(db.dialect) { " CHARACTER SET utf8mb4" } else { "" };
        let create = format!("CREATE TABLE odd (id integer NOT NULL, v varchar(200), w varchar(200)){any_text}");
        db.execute_setup(&[&create]).await;
        let db = db.read_write().await;
        let rows = ODD.iter().enumerate().map(|(id, text)| (id as i64, *text, *text));
        let inserted = db.insert("odd").columns(["id", "v", "w"]).rows(rows).execute().await.expect("rows");
        assert_eq!(inserted, ODD.len() as u64);
        for (id, text) in ODD.iter().enumerate() {
            let place = format!("{text:?} on {}", db.dialect());
            let found: Vec<(i64, String)> = db
                .table("odd")
                .where_(col("v").eq(*text))
                .select(["id", "w"])
                .collect_as()
                .await
                .unwrap_or_else(|error| panic!("{error:?}: {place}"));
            assert_eq!(found, [(id as i64, (*text).to_owned())], "{place}");
            let one: Vec<String> = db
                .table("odd")
                .where_(col("id").eq(id as i64))
                .select([lit(*text).as_("text")])
                .collect_as()
                .await
                .expect("a literal");
            assert_eq!(one, [*text], "{place}");
            for pattern in [col("v").contains(text), col("v").starts_with(text), col("v").ends_with(text)] {
                let found: Vec<i64> = db
                    .table("odd")
                    .where_(pattern & col("id").eq(id as i64))
                    .select("id")
                    .collect_as()
                    .await
                    .expect("rows");
                assert_eq!(found, [id as i64], "{place}");
            }
            let found = db.table("odd").where_(col("v").in_([*text])).count().await.expect("a count");
            assert_eq!(found, 1, "{place}");
            let changed = db
                .update("odd")
                .set("w", format!("{text}{text}"))
                .where_(col("v").eq(*text))
                .execute()
                .await
                .expect("a row");
            assert_eq!(changed, 1, "{place}");
            let found: Vec<String> =
                db.table("odd").where_(col("id").eq(id as i64)).select("w").collect_as().await.expect("a row");
            assert_eq!(found, [format!("{text}{text}")], "{place}");
        }
        for (done, text) in ODD.iter().enumerate() {
            let gone = db.delete("odd").where_(col("v").eq(*text)).execute().await.expect("a row");
            assert_eq!(gone, 1, "{text:?} on {}", db.dialect());
            assert_eq!(db.table("odd").count().await.expect("a count"), (ODD.len() - done - 1) as u64);
        }
    })
    .await;
}

#[tokio::test]
async fn a_nul_in_a_text_is_stored_whole_or_refused() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE odd (id integer NOT NULL, v varchar(200))"]).await;
        let db = db.read_write().await;
        let insert = |id: i64, text: &'static str| db.insert("odd").columns(["id", "v"]).row((id, text)).execute();
        insert(1, "a").await.expect("a row");
        let whole = insert(2, "a\0b").await;
        if db.dialect() == Dialect::Postgres {
            assert_eq!(whole.expect_err("no NUL on PostgreSQL").kind(), ErrorKind::Encode);
            let found = db.table("odd").where_(col("v").eq("a\0b")).collect().await;
            assert_eq!(found.expect_err("no NUL on PostgreSQL").kind(), ErrorKind::Encode);
            let found = db.table("odd").where_(col("v").contains("a\0")).collect().await;
            assert_eq!(found.expect_err("no NUL on PostgreSQL").kind(), ErrorKind::Encode);
            return;
        }
        assert_eq!(whole.expect("a row"), 1);
        let found = db.table("odd").where_(col("v").eq("a\0b")).select("v").collect().await.expect("a row");
        assert_eq!(found.first().and_then(|row| row.get("v")), Some(&Value::Text("a\0b".to_owned())));
        assert_eq!(found.len(), 1);
        let ids =
            async |condition| db.table("odd").where_(condition).select("id").order_by("id").collect_as::<i64>().await;
        assert_eq!(ids(col("v").in_(["a\0b"])).await.expect("rows"), [2]);
        let many = || (0..500).map(|n| format!("n{n}\0x")).chain(["a\0b".to_owned()]).collect::<Vec<_>>();
        assert_eq!(ids(col("v").in_(many())).await.expect("rows"), [2], "on {}", db.dialect());
        assert_eq!(ids(col("v").not_in(many())).await.expect("rows"), [1], "on {}", db.dialect());
        // SQLite's LIKE stops at a NUL, so a pattern with one is refused there.
        let pattern = ids(col("v").contains("a\0")).await;
        match db.dialect() {
            Dialect::Sqlite => assert_eq!(pattern.expect_err("no NUL in a pattern").code(), "like.nul"),
            _ => assert_eq!(pattern.expect("rows"), [2]),
        }
        let changed = db.update("odd").set("v", "c\0d").where_(col("v").eq("a\0b")).execute().await;
        assert_eq!(changed.expect("a row"), 1);
        assert_eq!(db.delete("odd").where_(col("v").eq("c\0d")).execute().await.expect("a row"), 1);
        assert_eq!(ids(col("id").gt(0)).await.expect("rows"), [1]);
    })
    .await;
}

#[tokio::test]
async fn bytes_of_every_value_come_back() {
    support::each(async |db| {
        let blob = match db.dialect {
            Dialect::Postgres => "bytea",
            _ => "blob",
        };
        db.execute_setup(&[&format!("CREATE TABLE bytes (id integer NOT NULL, b {blob})")]).await;
        let db = db.read_write().await;
        let every: Vec<u8> = (0..=255).collect();
        db.insert("bytes").columns(["id", "b"]).row((1, every.clone())).execute().await.expect("a row");
        let found = db.table("bytes").where_(col("b").eq(every.clone())).select("b").one().await.expect("a row");
        assert_eq!(found.get("b"), Some(&Value::Bytes(every)), "on {}", db.dialect());
    })
    .await;
}
