//! Relations of WITH: written once, read by all uses.

use portcullis::{Dialect, all, avg, col, count, exists, max, on, outer, scalar, table};

use super::snapshot::{Tables, t, u};
use crate::support::{self, check_any_order};

#[tokio::test]
async fn a_relation_used_twice_is_written_once() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| {
                let big = from.t().where_(col("v").ge(20)).cte("big");
                big.clone().join(big.as_("other"), on(col("g").of("big").eq(col("g").of("other")))).agg(count(all()).as_("n"))
            },
            &["5"],
            &[
                r#"WITH "big" AS (SELECT "g" FROM "t" WHERE "v" >= ?1) SELECT COUNT(*) AS "n" FROM "big" INNER JOIN "big" AS "other" ON "big"."g" = "other"."g""#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                let big = from.t().where_(col("v").ge(20)).cte("big");
                let mean = big.clone().agg(avg(col("v")).as_("mean"));
                big.where_(col("v").ge(scalar(mean))).select("id").order_by("id")
            },
            &["3", "4"],
            &[
                r#"WITH "big" AS (SELECT "v", "id" FROM "t" WHERE "v" >= ?1) SELECT "big"."id" FROM "big" WHERE "big"."v" >= (SELECT AVG("big_2"."v") AS "mean" FROM "big" AS "big_2") ORDER BY "big"."id" ASC"#,
                r#"PostgreSQL: WITH "big" AS (SELECT "v", "id" FROM "t" WHERE "v" >= ?1) SELECT "big"."id" FROM "big" WHERE "big"."v" >= (SELECT AVG(CAST("big_2"."v" AS double precision)) AS "mean" FROM "big" AS "big_2") ORDER BY "big"."id" ASC"#,
                r#"MariaDB: WITH "big" AS (SELECT "v", "id" FROM "t" WHERE "v" >= ?1) SELECT "big"."id" FROM "big" WHERE "big"."v" >= (SELECT AVG(CAST("big_2"."v" AS DOUBLE)) AS "mean" FROM "big" AS "big_2") ORDER BY "big"."id" ASC"#,
            ],
        )
        .await;
    // One that reads another, a set operation, a limit.
    tables
        .case(
            |from| {
                let ids = from.t().select("id").union(from.u().select("id")).cte("ids");
                let last = ids.clone().order_by(col("id").desc()).limit(2).cte("last");
                ids.semi_join(last.clone(), portcullis::using("id")).union_all(last).order_by("id")
            },
            &["4", "4", "5", "5"],
            &[
                r#"WITH "ids" AS (SELECT "id" FROM "t" UNION SELECT "id" FROM "u") , "last" AS (SELECT "id" FROM "ids" AS "ids_2" ORDER BY "id" DESC LIMIT ?1) SELECT "ids"."id" AS "id" FROM "ids" WHERE EXISTS(SELECT NULL FROM "last" WHERE "ids"."id" = "last"."id") UNION ALL SELECT "id" FROM "last" AS "last_2" ORDER BY "id" ASC"#,
                r#"PostgreSQL: WITH "ids" AS (SELECT "id" FROM "t" UNION (SELECT "id" FROM "u")) , "last" AS (SELECT "id" FROM "ids" AS "ids_2" ORDER BY "id" DESC LIMIT ?1) SELECT "ids"."id" FROM "ids" WHERE EXISTS(SELECT NULL FROM "last" WHERE "ids"."id" = "last"."id") UNION ALL (SELECT "id" FROM "last" AS "last_2") ORDER BY "id" ASC"#,
                r#"MariaDB: WITH "ids" AS (SELECT "id" FROM "t" UNION (SELECT "id" FROM "u")) , "last" AS (SELECT "id" FROM "ids" AS "ids_2" ORDER BY "id" DESC LIMIT ?1) SELECT "ids"."id" FROM "ids" WHERE EXISTS(SELECT NULL FROM "last" WHERE "ids"."id" = "last"."id") UNION ALL (SELECT "id" FROM "last" AS "last_2") ORDER BY "id" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn a_name_in_with_hides_no_table() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE n (id bigint NOT NULL)", "INSERT INTO n VALUES (1), (2), (3)"]).await;
        let handle = db.read_only().await;
        let few = handle.table("n").where_(col("id").gt(1)).select("id").cte("n");
        let both = few.clone().union_all(handle.table("n").select("id")).union_all(few);
        check_any_order(&handle, both.clone(), &["1", "2", "2", "2", "3", "3", "3"]).await;
        let text = both.to_sql().unwrap();
        assert!(text.sql().contains("n_2"), "{text}");
        // A raw part may name any table.
        let raw = handle.sql("select id from n").into_frame().select("id");
        check_any_order(
            &handle,
            handle.table("n").where_(col("id").gt(2)).select("id").cte("N").union_all(raw),
            &["1", "2", "3", "3"],
        )
        .await;
    })
    .await;
}

#[test]
fn what_is_behind_a_name_is_reported_and_two_relations_of_one_name_are_refused() {
    let one = || table(t::table).select("id").cte("x");
    let other = table(u::table).select("id").cte("x");
    assert_eq!(one().union(other).to_sql_for(Dialect::Postgres).unwrap_err().code(), "cte.name");
    let same = one();
    assert!(same.clone().union(same).to_sql_for(Dialect::Postgres).is_ok());
    // It stands before the statement and sees nothing around its use.
    let inner = table(u::table).where_(u::t_id.eq(outer("id"))).cte("inner");
    assert_eq!(
        table(t::table).where_(exists(inner)).to_sql_for(Dialect::Postgres).unwrap_err().code(),
        "subquery.outer"
    );
    let inner = table(u::table).cte("inner").where_(col("t_id").eq(outer("id")));
    assert!(table(t::table).where_(exists(inner)).agg(max(t::id)).to_sql_for(Dialect::Postgres).is_ok());
}
