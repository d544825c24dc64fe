//! Set operations: rows, text, and what is refused.

use portcullis::{Dialect, ErrorKind, SqlType, all, col, count, lit, sum, table};

use super::snapshot::{Tables, p, t, u};
use crate::support::{self, check, check_any_order};

#[tokio::test]
async fn set_operations_stand_side_by_side() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| from.t().select("g").union(from.p().select("id")).order_by("g"),
            &["1", "2", "3"],
            &[
                r#"SELECT "g" FROM "t" UNION SELECT "id" FROM "p" ORDER BY "g" ASC"#,
                r#"PostgreSQL: SELECT "g" FROM "t" UNION (SELECT "id" FROM "p") ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "g" FROM "t" UNION (SELECT "id" FROM "p") ORDER BY "g" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.p().select("id").union_all(from.p().select("u_id")).union_all(from.p().select("y")).order_by("id").limit(4),
            &["1", "1", "2", "3"],
            &[
                r#"SELECT "id" FROM "p" UNION ALL SELECT "u_id" FROM "p" AS "p_2" UNION ALL SELECT "y" FROM "p" AS "p_3" ORDER BY "id" ASC LIMIT ?1"#,
                r#"PostgreSQL: SELECT "id" FROM "p" UNION ALL (SELECT "u_id" FROM "p" AS "p_2") UNION ALL (SELECT "y" FROM "p" AS "p_3") ORDER BY "id" ASC LIMIT ?1"#,
                r#"MariaDB: SELECT "id" FROM "p" UNION ALL (SELECT "u_id" FROM "p" AS "p_2") UNION ALL (SELECT "y" FROM "p" AS "p_3") ORDER BY "id" ASC LIMIT ?1"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn a_member_keeps_its_order_and_its_limit() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| {
                let most = from.t().order_by(col("v").desc()).limit(1).select("v");
                most.union_all(from.u().order_by("x").limit(2).select("x")).order_by("v")
            },
            &["40", "100", "200"],
            &[
                r#"SELECT "v" FROM (SELECT "v" FROM "t" ORDER BY "v" DESC LIMIT ?1) AS "t_2" UNION ALL SELECT "x" FROM (SELECT "x" FROM "u" ORDER BY "x" ASC LIMIT ?2) AS "t_3" ORDER BY "v" ASC"#,
                r#"PostgreSQL: SELECT "v" FROM (SELECT "v" FROM "t" ORDER BY "v" DESC LIMIT ?1) AS "t_2" UNION ALL (SELECT "x" FROM "u" ORDER BY "x" ASC LIMIT ?2) ORDER BY "v" ASC"#,
                r#"MariaDB: SELECT "v" FROM (SELECT "v" FROM "t" ORDER BY "v" DESC LIMIT ?1) AS "t_2" UNION ALL (SELECT "x" FROM "u" ORDER BY "x" ASC LIMIT ?2) ORDER BY "v" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn verbs_go_on_from_a_set_operation() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| {
                from.t()
                    .select(("g", "v"))
                    .union_all(from.p().select(("u_id", "y")))
                    .where_(col("g").eq(3))
                    .group_by("g")
                    .agg((count(all()).as_("n"), sum(col("v")).as_("total")))
            },
            &["3|3|27"],
            &[
                r#"SELECT "g", COUNT(*) AS "n", SUM("v") AS "total" FROM (SELECT "g", "v" FROM "t" UNION ALL SELECT "u_id", "y" FROM "p") AS "t_2" WHERE "g" = ?1 GROUP BY "g""#,
                r#"PostgreSQL: SELECT "g", COUNT(*) AS "n", SUM("v") AS "total" FROM (SELECT "g", "v" FROM "t" UNION ALL (SELECT "u_id", "y" FROM "p")) AS "t_2" WHERE "g" = ?1 GROUP BY "g""#,
                r#"MariaDB: SELECT "g", COUNT(*) AS "n", SUM("v") AS "total" FROM (SELECT "g", "v" FROM "t" UNION ALL (SELECT "u_id", "y" FROM "p")) AS "t_2" WHERE "g" = ?1 GROUP BY "g""#,
            ],
        )
        .await;
}

async fn texts(db: &support::TestDatabase) -> portcullis::Database<portcullis::ReadOnly> {
    db.execute_setup(&[
        "CREATE TABLE a (id integer, name varchar(20), n decimal(10, 2))",
        "INSERT INTO a VALUES (1, 'x', 1.5), (1, 'x', 1.5), (2, 'X', 2), (NULL, NULL, NULL), (NULL, NULL, NULL), (3, 'z', 3)",
        "CREATE TABLE b (id bigint, name varchar(30), n double precision)",
        "INSERT INTO b VALUES (1, 'x', 1.5), (2, 'x', 2), (NULL, NULL, NULL), (3, 'z ', 3)",
    ])
    .await;
    db.read_only().await
}

#[tokio::test]
async fn equal_rows_are_equal_by_code_point_and_with_their_nulls() {
    support::each(async |db| {
        let db = texts(db).await;
        let (a, b) = (|| db.table("a").select(["id", "name"]), || db.table("b").select(["id", "name"]));
        check_any_order(&db, a().union(b()), &["1|x", "2|X", "2|x", "3|z", "3|z ", "null|null"]).await;
        check_any_order(
            &db,
            a().union_all(b()),
            &["1|x", "1|x", "1|x", "2|X", "2|x", "3|z", "3|z ", "null|null", "null|null", "null|null"],
        )
        .await;
        check_any_order(&db, a().intersect(b()), &["1|x", "null|null"]).await;
        check_any_order(&db, a().except(b()), &["2|X", "3|z"]).await;
        check_any_order(&db, a().intersect_all(b()), &["1|x", "null|null"]).await;
        check_any_order(&db, a().except_all(b()), &["1|x", "2|X", "3|z", "null|null"]).await;
        check_any_order(&db, a().intersect_all(a()), &["1|x", "1|x", "2|X", "3|z", "null|null", "null|null"]).await;
        check_any_order(&db, a().union(b()).except(b()), &["2|X", "3|z"]).await;
        // The right member is a unit.
        check_any_order(&db, a().except(b().union(a().where_(col("id").eq(3)))), &["2|X"]).await;
        check_any_order(&db, a().union(b()).intersect(b()), &["1|x", "2|x", "3|z ", "null|null"]).await;
        check(&db, a().union_all(b()).order_by(("id", "name")).limit(3), &["1|x", "1|x", "1|x"]).await;
        check(&db, a().union(b()).order_by((col("name").desc(), "id")).limit(3), &["null|null", "3|z ", "3|z"]).await;
        check(&db, a().union(b()).order_by(("name", "id")).select("name").limit(2), &["X", "x"]).await;
        check(&db, a().union_all(b()).agg(count(all())), &["10"]).await;
        check(&db, a().union(b()).select("id").agg(count(all())), &["6"]).await;
    })
    .await;
}

#[tokio::test]
async fn columns_are_matched_by_position_or_by_name_and_numbers_meet() {
    support::each(async |db| {
        let db = texts(db).await;
        let (a, b) = (|| db.table("a"), || db.table("b"));
        check_any_order(
            &db,
            a().where_(col("id").eq(2))
                .select(["id", "name"])
                .union_all(b().where_(col("id").eq(2)).select(["name", "id"]).by_name()),
            &["2|X", "2|x"],
        )
        .await;
        // Whole numbers, decimals and doubles.
        check_any_order(
            &db,
            a().where_(col("id").eq(2)).select("id").union(b().where_(col("id").eq(1)).select("n")),
            &["1.5", "2.0"],
        )
        .await;
        check_any_order(
            &db,
            a().where_(col("id").in_([1, 2])).select("n").union(b().where_(col("id").eq(2)).select("n")),
            &["1.5", "2.0"],
        )
        .await;
        check_any_order(
            &db,
            a().where_(col("id").eq(2)).select("id").union(a().where_(col("id").eq(1)).select("n")),
            &["1.50d", "2.00d"],
        )
        .await;
        check_any_order(&db, a().agg(count(all()).as_("n")).union_all(b().agg(count(all()))), &["4", "6"]).await;
        check_any_order(
            &db,
            a().where_(col("id").eq(3))
                .select((col("name"), lit("a").as_("from")))
                .union_all(b().where_(col("id").eq(3)).select((col("name"), lit("b").as_("from")))),
            &["z |b", "z|a"],
        )
        .await;
        check_any_order(
            &db,
            a().select(["id"]).distinct().union_all(a().group_by("id").agg(count(all())).select("count")),
            &["1", "2", "3", "null", "1", "1", "2", "2"],
        )
        .await;
    })
    .await;
}

#[test]
fn members_that_do_not_fit_are_refused_with_both_sides_named() {
    let (one, other) = (|| table(t::table), || table(u::table));
    let refused = |frame: portcullis::Frame| frame.to_sql_for(Dialect::Sqlite).unwrap_err();
    let error = refused(one().union(other()));
    assert_eq!((error.code(), error.kind()), ("set.width", ErrorKind::Plan));
    assert!(error.to_string().contains("5 columns (`id`, `g`, `v`, `w`, `name`) on the left and 3 columns"), "{error}");
    let error = refused(one().select("name").union(other().select("x")));
    assert_eq!((error.code(), error.kind()), ("set.type", ErrorKind::Type));
    assert!(error.to_string().contains("`name` (text) on the left and `x` (bigint) on the right"), "{error}");
    let error = refused(one().select(["id", "v"]).union_all(other().select(["id", "x"]).by_name()));
    assert_eq!((error.code(), error.kind()), ("set.name", ErrorKind::Schema));
    // Converted, renamed and selected they fit.
    let cast = other().select(col("x").cast(SqlType::Text).as_("x"));
    assert!(one().select("name").union(cast).to_sql_for(Dialect::Sqlite).is_ok());
    let renamed = other().select((col("x").as_("v"), "id"));
    assert!(one().select(["id", "v"]).union_all(renamed.by_name()).to_sql_for(Dialect::Sqlite).is_ok());
    let _ = table(p::table);
    assert_eq!(table("a").union(table("b")).to_sql_for(Dialect::Sqlite).unwrap_err().kind(), ErrorKind::SchemaNeeded);
}
