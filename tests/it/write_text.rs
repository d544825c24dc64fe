//! The text of writes.

use portcullis::{Database, Dialect, ReadWrite, col};

#[tokio::test]
async fn a_write_shows_its_text_with_every_row_and_without_a_value() {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().expect("a DSN")).await.expect("a handle");
    let insert = db.insert("t").columns(["a", "b"]).rows([(1, "x"), (2, "y"), (3, "z")]);
    for (dialect, expected) in [
        (
            Dialect::Postgres,
            r#"INSERT INTO "t" ("a", "b") VALUES ($1::bigint, $2::text), ($3::bigint, $4::text), ($5::bigint, $6::text)"#,
        ),
        (Dialect::MariaDb, "INSERT INTO `t` (`a`, `b`) VALUES (?, ?), (?, ?), (?, ?)"),
        (Dialect::Sqlite, r#"INSERT INTO "t" ("a", "b") VALUES (?1, ?2), (?3, ?4), (?5, ?6)"#),
    ] {
        let text = insert.to_sql_for(dialect).expect("text");
        assert_eq!(text.sql(), expected);
        assert_eq!(text.bind_types().len(), 6);
    }
    let none = db.insert("t").columns(["a"]).to_sql_for(Dialect::Sqlite).expect_err("no rows, no statement");
    assert_eq!(none.code(), "insert.no_rows");
    let update = db.update("t").set("a", col("a") + 1).where_(col("b").eq("x")).to_sql_for(Dialect::Sqlite);
    assert_eq!(update.expect("text").sql(), r#"UPDATE "t" SET "a" = "a" + ?1 WHERE "b" = ?2"#);
    let delete = db.delete("t").where_(col("a").gt(1)).to_sql_for(Dialect::Postgres);
    assert_eq!(delete.expect("text").sql(), r#"DELETE FROM "t" WHERE "a" > $1::bigint"#);
    let everything = db.delete("t").to_sql_for(Dialect::Postgres).expect_err("a condition is needed");
    assert_eq!(everything.code(), "write.no_condition");
}
