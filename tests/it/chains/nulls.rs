//! Verbs about NULL: what is filled, what is left out, and what they refuse.

use portcullis::{Dialect, ErrorKind, Frame, all, col, lit, table};
use rust_decimal::Decimal;

use crate::support::{self, check};

portcullis::table! {
    people { id: i64, name: Option<String>, age: Option<i64>, score: Option<f64>, paid: Option<Decimal>, active: Option<bool> }
}

const SETUP: &[&str] = &[
    "CREATE TABLE people (id bigint NOT NULL, name varchar(20), age integer, score double precision, paid decimal(10, 2), active boolean)",
    "INSERT INTO people VALUES (1, 'Ann', 30, 1.5, 10.25, TRUE), (2, NULL, NULL, NULL, NULL, NULL), \
     (3, 'Cid', NULL, 2.5, NULL, FALSE), (4, NULL, 40, NULL, 1.00, NULL)",
];

fn sql(frame: &Frame, dialect: Dialect) -> String {
    frame.to_sql_for(dialect).expect("text").sql().to_owned()
}

#[tokio::test]
async fn filling_keeps_every_column_in_its_place() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let db = db.read_only().await;
        let people = || db.table("people").order_by("id");
        check(
            &db,
            people().fill_null("name", "Unknown").fill_null("score", 0.0).drop("active"),
            &["1|Ann|30|1.5|10.25d", "2|Unknown|null|0.0|null", "3|Cid|null|2.5|null", "4|Unknown|40|0.0|1.00d"],
        )
        .await;
        // Every column of the value's family, and no other.
        check(
            &db,
            people().fill_null(all(), 7).drop("active"),
            &["1|Ann|30|1.5|10.25d", "2|null|7|7.0|7.00d", "3|Cid|7|2.5|7.00d", "4|null|40|7.0|1.00d"],
        )
        .await;
        check(
            &db,
            people().fill_null(all(), false).select(["id", "active"]),
            &["1|true", "2|false", "3|false", "4|false"],
        )
        .await;
        // An expression, over the columns as they were before.
        check(
            &db,
            people().fill_null(["age", "score"], col("id") * 10).select(["age", "score"]),
            &["30|1.5", "20|20.0", "30|2.5", "40|40.0"],
        )
        .await;
        check(&db, people().fill_null("age", col("score")).select("age"), &["30.0", "null", "2.5", "40.0"]).await;
        check(&db, people().fill_null(["paid", "paid"], 0.1).select("paid"), &["10.25d", "0.10d", "0.10d", "1.00d"])
            .await;
        // What was filled can be filtered and grouped by.
        check(&db, people().fill_null("name", "?").where_(col("name").eq("?")).select("id"), &["2", "4"]).await;
        // A column that a join filled.
        check(
            &db,
            people()
                .select("id")
                .left_join(people().where_(col("age").gt(30)).select(["id", "age"]), portcullis::using("id"))
                .fill_null("age", lit(0))
                .order_by("id"),
            &["1|0", "2|0", "3|0", "4|40"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn rows_with_null_in_any_or_in_all_of_some_columns_are_left_out() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let db = db.read_only().await;
        let ids = |frame: Frame| frame.order_by("id").select("id");
        check(&db, ids(db.table("people").drop_nulls(["name", "score"])), &["1", "3"]).await;
        check(&db, ids(db.table("people").drop_nulls("age")), &["1", "4"]).await;
        check(&db, ids(db.table("people").drop_nulls(all())), &["1"]).await;
        check(&db, ids(db.table("people").drop_all_null(["name", "age"])), &["1", "3", "4"]).await;
        check(&db, ids(db.table("people").drop_all_null(all())), &["1", "2", "3", "4"]).await;
        check(&db, ids(db.table("people").drop("id").drop_all_null(all()).with_column("id", lit(1))), &["1", "1", "1"])
            .await;
        // After `limit` it filters the limited rows, after `agg` the groups.
        check(&db, db.table("people").order_by("id").limit(2).drop_nulls("name").select("id"), &["1"]).await;
        check(
            &db,
            db.table("people").group_by("name").agg(portcullis::sum(col("age")).as_("ages")).drop_nulls(all()),
            &["Ann|30"],
        )
        .await;
    })
    .await;
}

#[test]
fn the_text_is_coalesce_and_is_not_null() {
    let filled = table(people::table).fill_null(["id", "name"], "x").select("name");
    assert_eq!(filled.to_sql_for(Dialect::Sqlite).map(drop).map_err(|error| error.code()), Err("type.clash"));
    let filled = table(people::table).fill_null(all(), 0).select(["id", "age"]);
    assert_eq!(
        sql(&filled, Dialect::Sqlite),
        r#"SELECT "people"."id", COALESCE("people"."age", ?1) AS "age" FROM "people""#
    );
    assert_eq!(
        sql(&filled, Dialect::Postgres),
        r#"SELECT "people"."id", COALESCE("people"."age", $1::bigint) AS "age" FROM "people""#
    );
    assert_eq!(
        sql(&filled, Dialect::MariaDb),
        "SELECT `people`.`id`, COALESCE(`people`.`age`, ?) AS `age` FROM `people`"
    );
    let dropped = table("people").select("id").drop_all_null(["name", "age"]);
    assert_eq!(
        sql(&dropped, Dialect::Sqlite),
        r#"SELECT "id" FROM "people" WHERE "name" IS NOT NULL OR "age" IS NOT NULL"#
    );
}

#[test]
fn what_does_not_fit_is_refused_with_what_to_write_instead() {
    let people = || table(people::table);
    let cases = [
        (
            people().fill_null("age", "none"),
            ErrorKind::Type,
            "type.clash",
            "`fill_null` has `age` (bigint) on one side and a value (text) on the other; write a value of the other's type, or convert one with `.cast(..)`",
        ),
        (
            people().fill_null("nmae", "none"),
            ErrorKind::Schema,
            "schema.unknown_column",
            "there is no column `nmae` here; did you mean `name`?",
        ),
        (
            people().fill_null(all(), uuid::Uuid::nil()),
            ErrorKind::Type,
            "fill_null.no_column",
            "no column here is filled with a uuid; write a value of another type",
        ),
        (
            people().fill_null(Vec::<String>::new(), 1),
            ErrorKind::Plan,
            "plan.no_columns",
            "`fill_null` names no column; write at least one",
        ),
        (
            people().drop_nulls(Vec::<String>::new()),
            ErrorKind::Plan,
            "plan.no_columns",
            "`drop_nulls` names no column; write at least one",
        ),
        (
            people().drop_all_null("adge"),
            ErrorKind::Schema,
            "schema.unknown_column",
            "there is no column `adge` here; did you mean `age`?",
        ),
        (
            people().fill_null("age", portcullis::max(col("age"))),
            ErrorKind::Plan,
            "agg.misplaced",
            "`max` is an aggregate and can't stand in `fill_null`; write it in `.agg(..)`",
        ),
    ];
    for (frame, kind, code, message) in cases {
        let error = frame.to_sql_for(Dialect::Sqlite).expect_err(message);
        assert_eq!((error.kind(), error.code(), error.to_string().as_str()), (kind, code, message));
    }
}
