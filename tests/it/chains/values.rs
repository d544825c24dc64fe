//! Rows of the program as a relation.

use chrono::NaiveDate;
use portcullis::{Dialect, ErrorKind, all, col, count, sum, using, values};
use rust_decimal::Decimal;

use crate::support::{self, check, check_any_order};

#[tokio::test]
async fn values_are_a_table_of_their_own() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE t (id bigint NOT NULL, name varchar(9))",
            "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
        ])
        .await;
        let db = db.read_only().await;
        let rows = || values(["id", "word"], [(1_i64, Some("eins")), (3, None), (2, Some("it's \"x\" `y`"))]);
        let t = || db.table("t");
        check(
            &db,
            t().join(rows(), using("id")).order_by("id").select(["id", "name", "word"]),
            &["1|one|eins", "2|two|it's \"x\" `y`"],
        )
        .await;
        check(&db, t().anti_join(rows().where_(col("word").is_not_null()), using("id")), &[]).await;
        check(&db, t().select("id").union(rows().select("id")).order_by("id"), &["1", "2", "3"]).await;
        check(&db, t().where_(col("id").in_(rows().where_(col("word").is_null()).select("id"))), &[]).await;
        check(
            &db,
            t().limit(1)
                .agg(count(all()).as_("n"))
                .cross_join(rows().as_("v"))
                .where_(col("word").of("v").eq("eins"))
                .select(("n", "id")),
            &["1|1"],
        )
        .await;
        check(
            &db,
            t().full_join(rows(), using("id")).order_by("id").select(["id", "name", "word"]),
            &["1|one|eins", "2|two|it's \"x\" `y`", "3|null|null"],
        )
        .await;
        // Text is compared by code point.
        let texts = || values(["k"], [["a"], ["A"], ["a "]]);
        check(&db, t().limit(1).cross_join(texts()).where_(col("k").eq("a")).select("k"), &["a"]).await;
        check(&db, t().limit(1).cross_join(texts()).order_by(col("k").desc()).select("k"), &["a ", "a", "A"]).await;
        // Of other types, and of none.
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let mixed = values(
            ["flag", "day", "price", "half"],
            [(true, day, Decimal::new(105, 1), 0.5), (false, day, Decimal::new(5, 1), 1.5)],
        );
        check_any_order(
            &db,
            t().limit(1).cross_join(mixed).select(["flag", "day", "price", "half"]),
            &["false|2024-02-29|0.5d|1.5", "true|2024-02-29|10.5d|0.5"],
        )
        .await;
        let none: Vec<(i64, &str)> = Vec::new();
        check(&db, t().join(values(["id", "word"], none.clone()), using("id")).select("word"), &[]).await;
        check(
            &db,
            t().left_join(values(["id", "word"], none), using("id")).order_by("id").select(["id", "word"]),
            &["1|null", "2|null"],
        )
        .await;
        // Many rows.
        let many = values(["n"], (1..=3000_i64).map(|n| [n]));
        check(
            &db,
            t().limit(1).cross_join(many).agg((count(all()).as_("k"), sum(col("n")).as_("s"))),
            &["3000|4501500"],
        )
        .await;
    })
    .await;
}

#[test]
fn values_are_binds_and_their_width_is_checked() {
    let two = || values(["a", "b"], [(1_i64, "x"), (2, "y")]);
    let text = |dialect| two().select(["a", "b"]).to_sql_for(dialect).unwrap().sql().to_owned();
    assert_eq!(
        text(Dialect::Postgres),
        r#"SELECT "a", "b" FROM (VALUES ($1::bigint, $2::text), ($3::bigint, $4::text)) AS "t" ("a", "b")"#
    );
    assert_eq!(
        text(Dialect::Sqlite),
        r#"SELECT "a", "b" FROM (SELECT column1 AS "a", column2 AS "b" FROM (VALUES (?1, ?2), (?3, ?4))) AS "t""#
    );
    assert_eq!(
        text(Dialect::MariaDb),
        "SELECT `a`, `b` FROM (SELECT CAST(? AS SIGNED) AS `a`, ? AS `b` UNION ALL SELECT ?, ?) AS `t`"
    );
    assert_eq!(
        text(Dialect::MySql),
        "SELECT `a`, `b` FROM (VALUES ROW(CAST(? AS SIGNED), CAST(? AS CHAR)), ROW(CAST(? AS SIGNED), CAST(? AS CHAR))) AS `t` (`a`, `b`)"
    );
    let code = |frame: portcullis::Frame| frame.to_sql_for(Dialect::Sqlite).unwrap_err();
    assert_eq!(code(values(["a"], [(1, 2)])).code(), "values.width");
    assert_eq!(code(values(["a", "a"], [(1, 2)])).code(), "plan.repeated_column");
    assert_eq!(code(values(["a; --"], [(1,)])).kind(), ErrorKind::Name);
    assert_eq!(code(values(["a"], Vec::<Vec<i64>>::new())).code(), "values.types");
    assert_eq!(code(values(["a"], vec![vec![1], vec![1, 2]])).code(), "values.width");
}
