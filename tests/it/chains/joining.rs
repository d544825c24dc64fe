//! Joins: what folds, what nests, and what an outer join may not be mixed with.

use portcullis::{all, coalesce, col, count, lit, on, sum, using};

use super::snapshot::Tables;

fn of_t() -> portcullis::JoinOn {
    on(col("t_id").eq(col("id").of("t")))
}

#[tokio::test]
async fn inner_joins_fold_with_filters_of_both_sides() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| from.u().join(from.t(), of_t()).select((col("id").of("u"), "v")).order_by("id"),
            &["1|10", "2|10", "3|30"],
            &[r#"SELECT "u"."id", "t"."v" FROM "u" INNER JOIN "t" ON "u"."t_id" = "t"."id" ORDER BY "u"."id" ASC"#],
        )
        .await;
    tables.case(|from| from.u().where_(col("x").gt(100)).join(from.t().where_(col("g").eq(1)), of_t()).select(["x", "v"]), &["200|10"], &[
            r#"SELECT "u"."x", "t"."v" FROM "u" INNER JOIN "t" ON "u"."t_id" = "t"."id" WHERE "u"."x" > ?1 AND "t"."g" = ?2"#,
        ]).await;
    tables
        .case(
            |from| from.u().join(from.t(), of_t()).where_(col("v").gt(10)).select(["x", "v"]),
            &["300|30"],
            &[r#"SELECT "u"."x", "t"."v" FROM "u" INNER JOIN "t" ON "u"."t_id" = "t"."id" WHERE "t"."v" > ?1"#],
        )
        .await;
    // A computed column on either side.
    tables.case(|from| from.u().with_column("x", col("x") + 1).join(from.t().with_column("v", -col("v")), of_t()).select(["x", "v"]).order_by("x"), &["101|-10", "201|-10", "301|-30"], &[
            r#"SELECT "u"."x" + ?1 AS "x", ?2 - "t"."v" AS "v" FROM "u" INNER JOIN "t" ON "u"."t_id" = "t"."id" ORDER BY "u"."x" + ?1 ASC"#,
            r#"MariaDB: SELECT "u"."x" + ?1 AS "x", ?2 - "t"."v" AS "v" FROM "u" INNER JOIN "t" ON "u"."t_id" = "t"."id" ORDER BY "u"."x" + ?3 ASC"#,
        ]).await;
    // A selection on either side: only what it returns can be joined on.
    tables.case(|from| from.u().select(("x", col("t_id").as_("k"))).join(from.t().select((col("id").as_("k"), "v")), using("k")).order_by("x"), &["100|1|10", "200|1|10", "300|3|30"], &[
            r#"SELECT "u"."x", "u"."t_id" AS "k", "t"."v" FROM "u" INNER JOIN "t" ON "u"."t_id" = "t"."id" ORDER BY "u"."x" ASC"#,
        ]).await;
    // Limited, grouped and distinct sides nest.
    tables.case(|from| from.u().order_by("id").limit(2).join(from.t(), of_t()).select(["x", "v"]).order_by("x"), &["100|10", "200|10"], &[
            r#"SELECT "t_2"."x", "t"."v" FROM (SELECT "id", "t_id", "x" FROM "u" ORDER BY "id" ASC LIMIT ?1) AS "t_2" INNER JOIN "t" ON "t_2"."t_id" = "t"."id" ORDER BY "t_2"."x" ASC"#,
        ]).await;
    tables.case(|from| from.u().order_by("id").limit(3).join(from.t().order_by("id").limit(1), of_t()).select(["x", "v"]).order_by("x"), &["100|10", "200|10"], &[
            r#"SELECT "t_2"."x", "t_3"."v" FROM (SELECT "id", "t_id", "x" FROM "u" ORDER BY "id" ASC LIMIT ?1) AS "t_2" INNER JOIN (SELECT "id", "v" FROM "t" ORDER BY "id" ASC LIMIT ?2) AS "t_3" ON "t_2"."t_id" = "t_3"."id" ORDER BY "t_2"."x" ASC"#,
        ]).await;
    tables.case(
        |from| {
            from.t()
                .join(from.u().group_by("t_id").agg(sum(col("x")).as_("total")), on(col("id").eq(col("t_id"))))
                .select(["id", "total"])
                .order_by("id")
        },
        &["1|300", "3|300"],
        &[
            r#"SELECT "t"."id", "t_2"."total" FROM "t" INNER JOIN (SELECT "t_id", SUM("x") AS "total" FROM "u" GROUP BY "t_id") AS "t_2" ON "t"."id" = "t_2"."t_id" ORDER BY "t"."id" ASC"#,
        ],
    )
    .await;
    tables.case(|from| from.t().join(from.u().select("t_id").distinct(), on(col("id").eq(col("t_id")))).select("id").order_by("id"), &["1", "3"], &[
            r#"SELECT "t"."id" FROM "t" INNER JOIN (SELECT DISTINCT "t_id" FROM "u") AS "t_2" ON "t"."id" = "t_2"."t_id" ORDER BY "t"."id" ASC"#,
        ]).await;
    // Three tables, and a join of a join.
    tables.case(
        |from| {
            from.p()
                .join(from.u(), on(col("u_id").eq(col("id").of("u"))))
                .join(from.t(), of_t().suffix("_t"))
                .select((col("id").of("p"), "y", "x", "v"))
                .order_by("id")
        },
        &["1|7|100|10", "2|8|300|30", "3|9|300|30"],
        &[
            r#"SELECT "p"."id", "p"."y", "u"."x", "t"."v" FROM "p" INNER JOIN "u" ON "p"."u_id" = "u"."id" INNER JOIN "t" ON "u"."t_id" = "t"."id" ORDER BY "p"."id" ASC"#,
        ],
    )
    .await;
    tables.case(
        |from| {
            from.t()
                .join(from.u().join(from.p(), on(col("id").of("u").eq(col("u_id")))).as_("up"), on(col("id").of("t").eq(col("t_id"))).suffix("_up"))
                .select((col("id").of("t"), "x", "y"))
                .order_by("y")
        },
        &["1|100|7", "3|300|8", "3|300|9"],
        &[
            r#"SELECT "t"."id", "t_2"."x", "t_2"."y" FROM "t" INNER JOIN (SELECT "u"."t_id", "p"."y", "u"."x" FROM "u" INNER JOIN "p" ON "u"."id" = "p"."u_id") AS "t_2" ON "t"."id" = "t_2"."t_id" ORDER BY "t_2"."y" ASC"#,
        ],
    )
    .await;
    // Self-joins.
    tables.case(
        |from| {
            from.t()
                .as_("a")
                .join(from.t().as_("b"), on(col("g").of("a").eq(col("g").of("b")) & col("id").of("a").lt(col("id").of("b"))))
                .select((col("id").of("a"), col("id").of("b").as_("other")))
                .order_by("id")
        },
        &["1|2", "3|4"],
        &[
            r#"SELECT "a"."id", "b"."id" AS "other" FROM "t" AS "a" INNER JOIN "t" AS "b" ON "a"."g" = "b"."g" AND "a"."id" < "b"."id" ORDER BY "a"."id" ASC"#,
        ],
    )
    .await;
    tables.case(|from| from.t().join(from.t(), using("id")).select(["id", "v", "v_right"]).order_by("id").limit(1), &["1|10|10"], &[
            r#"SELECT "t"."id", "t"."v", "t_2"."v" AS "v_right" FROM "t" INNER JOIN "t" AS "t_2" ON "t"."id" = "t_2"."id" ORDER BY "t"."id" ASC LIMIT ?1"#,
        ]).await;
    tables.case(|from| from.t().join(from.t(), using("id").suffix("_again")).select(["id", "v_again"]).order_by("id").limit(1), &["1|10"], &[
            r#"SELECT "t"."id", "t_2"."v" AS "v_again" FROM "t" INNER JOIN "t" AS "t_2" ON "t"."id" = "t_2"."id" ORDER BY "t"."id" ASC LIMIT ?1"#,
        ]).await;
}

#[tokio::test]
async fn an_outer_join_keeps_filters_and_computed_columns_on_their_side() {
    let tables = Tables::new().await;
    let of_u = || on(col("id").of("t").eq(col("t_id")));
    let pair = || (col("id").of("t"), "x");
    tables.case(|from| from.t().left_join(from.u(), of_u()).select(pair()).order_by(["id", "x"]), &["1|100", "1|200", "2|null", "3|300", "4|null", "5|null"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "t"."id" ASC, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "t"."id" ASC, "u"."x" ASC"#,
            r#"MariaDB: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "t"."id" ASC, "u"."x" IS NULL ASC, "u"."x" ASC"#,
        ]).await;
    // A filter of the right side before the join belongs to the match, after it to the rows.
    tables.case(|from| from.t().left_join(from.u().where_(col("x").gt(100)), of_u()).select(pair()).order_by(["id", "x"]), &["1|200", "2|null", "3|300", "4|null", "5|null"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" AND "u"."x" > ?1 ORDER BY "t"."id" ASC, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" AND "u"."x" > ?1 ORDER BY "t"."id" ASC, "u"."x" ASC"#,
            r#"MariaDB: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" AND "u"."x" > ?1 ORDER BY "t"."id" ASC, "u"."x" IS NULL ASC, "u"."x" ASC"#,
        ]).await;
    tables.case(|from| from.t().left_join(from.u(), of_u()).where_(col("x").gt(100)).select(pair()).order_by(["id", "x"]), &["1|200", "3|300"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" WHERE "u"."x" > ?1 ORDER BY "t"."id" ASC, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" WHERE "u"."x" > ?1 ORDER BY "t"."id" ASC, "u"."x" ASC"#,
            r#"MariaDB: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" WHERE "u"."x" > ?1 ORDER BY "t"."id" ASC, "u"."x" IS NULL ASC, "u"."x" ASC"#,
        ]).await;
    tables.case(|from| from.t().where_(col("g").eq(1)).left_join(from.u(), of_u()).select(pair()).order_by(["id", "x"]), &["1|100", "1|200", "2|null"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" WHERE "t"."g" = ?1 ORDER BY "t"."id" ASC, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" WHERE "t"."g" = ?1 ORDER BY "t"."id" ASC, "u"."x" ASC"#,
            r#"MariaDB: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" WHERE "t"."g" = ?1 ORDER BY "t"."id" ASC, "u"."x" IS NULL ASC, "u"."x" ASC"#,
        ]).await;
    tables.case(|from| from.t().left_join(from.u(), of_u()).where_(col("x").is_null()).select("id").order_by("id"), &["2", "4", "5"], &[
            r#"SELECT "t"."id" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" WHERE "u"."x" IS NULL ORDER BY "t"."id" ASC"#,
        ]).await;
    // A column computed on the right side is NULL for rows without a match, whatever it computes.
    tables.case(|from| from.t().left_join(from.u().with_column("x", coalesce([col("x"), lit(0)])), of_u()).select(pair()).order_by(["id", "x"]).limit(3), &["1|100", "1|200", "2|null"], &[
            r#"SELECT "t"."id", "t_2"."x" FROM "t" LEFT JOIN (SELECT "u"."t_id", COALESCE("u"."x", ?1) AS "x" FROM "u") AS "t_2" ON "t"."id" = "t_2"."t_id" ORDER BY "t"."id" ASC, "t_2"."x" ASC NULLS LAST LIMIT ?2"#,
            r#"PostgreSQL: SELECT "t"."id", "t_2"."x" FROM "t" LEFT JOIN (SELECT "u"."t_id", COALESCE("u"."x", ?1) AS "x" FROM "u") AS "t_2" ON "t"."id" = "t_2"."t_id" ORDER BY "t"."id" ASC, "t_2"."x" ASC LIMIT ?2"#,
            r#"MariaDB: SELECT "t"."id", "t_2"."x" FROM "t" LEFT JOIN (SELECT "u"."t_id", COALESCE("u"."x", ?1) AS "x" FROM "u") AS "t_2" ON "t"."id" = "t_2"."t_id" ORDER BY "t"."id" ASC, "t_2"."x" IS NULL ASC, "t_2"."x" ASC LIMIT ?2"#,
        ]).await;
    tables.case(|from| from.t().left_join(from.u().with_column("one", lit(1)), of_u()).select((col("id").of("t"), "one")).order_by("id").limit(3), &["1|1", "1|1", "2|null"], &[
            r#"SELECT "t"."id", "t_2"."one" FROM "t" LEFT JOIN (SELECT "t_id", ?1 AS "one" FROM "u") AS "t_2" ON "t"."id" = "t_2"."t_id" ORDER BY "t"."id" ASC LIMIT ?2"#,
        ]).await;
    // Of the left side of a right join, and of both sides of a full one.
    tables.case(|from| from.u().with_column("one", lit(1)).where_(col("x").lt(300)).right_join(from.t().where_(col("g").lt(3)), of_t()).select((col("id").of("t"), "x", "one")).order_by(["id", "x"]), &["1|100|1", "1|200|1", "2|null|null", "3|null|null", "4|null|null"], &[
            r#"SELECT "t"."id", "t_2"."x", "t_2"."one" FROM (SELECT "t_id", "x", ?1 AS "one" FROM "u" WHERE "x" < ?2) AS "t_2" RIGHT JOIN "t" ON "t_2"."t_id" = "t"."id" WHERE "t"."g" < ?3 ORDER BY "t"."id" ASC, "t_2"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "t_2"."x", "t_2"."one" FROM (SELECT "t_id", "x", ?1 AS "one" FROM "u" WHERE "x" < ?2) AS "t_2" RIGHT JOIN "t" ON "t_2"."t_id" = "t"."id" WHERE "t"."g" < ?3 ORDER BY "t"."id" ASC, "t_2"."x" ASC"#,
            r#"MariaDB: SELECT "t"."id", "t_2"."x", "t_2"."one" FROM (SELECT "t_id", "x", ?1 AS "one" FROM "u" WHERE "x" < ?2) AS "t_2" RIGHT JOIN "t" ON "t_2"."t_id" = "t"."id" WHERE "t"."g" < ?3 ORDER BY "t"."id" ASC, "t_2"."x" IS NULL ASC, "t_2"."x" ASC"#,
        ]).await;
    // Outer joins after one another.
    tables.case(|from| from.t().left_join(from.u(), of_u()).left_join(from.p(), on(col("id").of("u").eq(col("u_id"))).suffix("_p")).select((col("id").of("t"), "x", "y")).order_by(["id", "x", "y"]), &["1|100|7", "1|200|null", "2|null|null", "3|300|8", "3|300|9", "4|null|null", "5|null|null"], &[
            r#"SELECT "t"."id", "u"."x", "p"."y" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" LEFT JOIN "p" ON "u"."id" = "p"."u_id" ORDER BY "t"."id" ASC, "u"."x" ASC NULLS LAST, "p"."y" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x", "p"."y" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" LEFT JOIN "p" ON "u"."id" = "p"."u_id" ORDER BY "t"."id" ASC, "u"."x" ASC, "p"."y" ASC"#,
            r#"MariaDB: SELECT "t"."id", "u"."x", "p"."y" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" LEFT JOIN "p" ON "u"."id" = "p"."u_id" ORDER BY "t"."id" ASC, "u"."x" IS NULL ASC, "u"."x" ASC, "p"."y" IS NULL ASC, "p"."y" ASC"#,
        ]).await;
    tables.case(|from| from.t().left_join(from.u(), of_u()).where_(col("x").ne(100)).right_join(from.p(), on(col("id").of("u").eq(col("u_id"))).suffix("_p")).select((col("id").of("t"), "x", "y")).order_by("y"), &["null|null|7", "3|300|8", "3|300|9"], &[
            r#"SELECT "t"."id", "u"."x", "p"."y" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" RIGHT JOIN "p" ON "u"."id" = "p"."u_id" AND "u"."x" <> ?1 ORDER BY "p"."y" ASC"#,
        ]).await;
    tables.case(|from| from.p().left_join(from.u().join(from.t(), of_t()).as_("ut"), on(col("u_id").eq(col("id").of("ut"))).suffix("_ut")).select(["y", "x", "v"]).order_by("y"), &["7|100|10", "8|300|30", "9|300|30"], &[
            r#"SELECT "p"."y", "t_2"."x", "t_2"."v" FROM "p" LEFT JOIN (SELECT "u"."id", "u"."x", "t"."v" FROM "u" INNER JOIN "t" ON "u"."t_id" = "t"."id") AS "t_2" ON "p"."u_id" = "t_2"."id" ORDER BY "p"."y" ASC"#,
        ]).await;
    // Grouped afterwards.
    tables.case(|from| from.t().left_join(from.u(), of_u()).group_by(col("id").of("t")).agg((count(col("x")).as_("n"), sum(col("x")).as_("s"))).order_by("id"), &["1|2|300", "2|0|null", "3|1|300", "4|0|null", "5|0|null"], &[
            r#"SELECT "t"."id", COUNT("u"."x") AS "n", SUM("u"."x") AS "s" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" GROUP BY "t"."id" ORDER BY "t"."id" ASC"#,
        ]).await;
    // A NOT NULL column of the filled side sorts as one that may be NULL.
    tables.case(|from| from.t().left_join(from.u(), of_u()).order_by((col("x").desc(), col("id").of("t"))).select(pair()).limit(4), &["2|null", "4|null", "5|null", "3|300"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."x" DESC NULLS FIRST, "t"."id" ASC LIMIT ?1"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."x" DESC, "t"."id" ASC LIMIT ?1"#,
            r#"MariaDB: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."x" IS NULL DESC, "u"."x" DESC, "t"."id" ASC LIMIT ?1"#,
        ]).await;
}

#[tokio::test]
async fn a_using_key_is_one_column_and_each_side_keeps_its_own() {
    let tables = Tables::new().await;
    let key = |name: &'static str, frame: portcullis::Frame| frame.rename(name, "k");
    let both = || (col("k"), col("k").of("t").as_("left"), col("k").of("u").as_("right"));
    tables.case(|from| key("id", from.t()).join(key("t_id", from.u()), using("k")).select(both()).order_by("k"), &["1|1|1", "1|1|1", "3|3|3"], &[
            r#"SELECT "t"."id" AS "k", "t"."id" AS "left", "u"."t_id" AS "right" FROM "t" INNER JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "t"."id" ASC"#,
        ]).await;
    tables.case(|from| key("id", from.t()).left_join(key("t_id", from.u()), using("k")).select(both()).order_by("k").limit(3), &["1|1|1", "1|1|1", "2|2|null"], &[
            r#"SELECT "t"."id" AS "k", "t"."id" AS "left", "u"."t_id" AS "right" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "t"."id" ASC LIMIT ?1"#,
        ]).await;
    tables.case(|from| key("id", from.t()).right_join(key("t_id", from.u()), using("k")).select(both()).order_by(["k", "left"]), &["1|1|1", "1|1|1", "3|3|3", "9|null|9", "null|null|null"], &[
            r#"SELECT "u"."t_id" AS "k", "t"."id" AS "left", "u"."t_id" AS "right" FROM "t" RIGHT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."t_id" ASC NULLS LAST, "t"."id" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "u"."t_id" AS "k", "t"."id" AS "left", "u"."t_id" AS "right" FROM "t" RIGHT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."t_id" ASC, "t"."id" ASC"#,
            r#"MariaDB: SELECT "u"."t_id" AS "k", "t"."id" AS "left", "u"."t_id" AS "right" FROM "t" RIGHT JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."t_id" IS NULL ASC, "u"."t_id" ASC, "t"."id" IS NULL ASC, "t"."id" ASC"#,
        ]).await;
    tables.case(|from| key("id", from.t()).full_join(key("t_id", from.u()), using("k")).select(both()).order_by(["k", "left"]), &["1|1|1", "1|1|1", "2|2|null", "3|3|3", "4|4|null", "5|5|null", "9|null|9", "null|null|null"], &[
            r#"SELECT COALESCE("t"."id", "u"."t_id") AS "k", "t"."id" AS "left", "u"."t_id" AS "right" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY COALESCE("t"."id", "u"."t_id") ASC NULLS LAST, "t"."id" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT COALESCE("t"."id", "u"."t_id") AS "k", "t"."id" AS "left", "u"."t_id" AS "right" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY COALESCE("t"."id", "u"."t_id") ASC, "t"."id" ASC"#,
            r#"MariaDB: SELECT COALESCE("id", "t_id") AS "k", "id" AS "left", "t_id" AS "right" FROM (SELECT "t"."id", "u"."t_id" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" UNION ALL (SELECT NULL AS "id", "u_2"."t_id" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id"))) AS "t_3" ORDER BY COALESCE("id", "t_id") IS NULL ASC, COALESCE("id", "t_id") ASC, "id" IS NULL ASC, "id" ASC"#,
        ]).await;
    tables.case(|from| from.t().join(from.t().as_("s"), using(["id", "g"])).select(["id", "g", "v_right"]).order_by("id").limit(1), &["1|1|10"], &[
            r#"SELECT "t"."id", "t"."g", "s"."v" AS "v_right" FROM "t" INNER JOIN "t" AS "s" ON "t"."id" = "s"."id" AND "t"."g" = "s"."g" ORDER BY "t"."id" ASC LIMIT ?1"#,
        ]).await;
}

#[tokio::test]
async fn a_full_join_is_emulated_where_it_must_be() {
    let tables = Tables::new().await;
    let of_u = || on(col("id").of("t").eq(col("t_id")));
    let pair = || (col("id").of("t"), "x");
    tables.case(|from| from.t().full_join(from.u(), of_u()).select(pair()).order_by(["id", "x"]), &["1|100", "1|200", "2|null", "3|300", "4|null", "5|null", "null|400", "null|500"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "t"."id" ASC NULLS LAST, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "t"."id" ASC, "u"."x" ASC"#,
            r#"MariaDB: SELECT "id", "x" FROM (SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" UNION ALL (SELECT NULL AS "id", "u_2"."x" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id"))) AS "t_3" ORDER BY "id" IS NULL ASC, "id" ASC, "x" IS NULL ASC, "x" ASC"#,
        ]).await;
    tables.case(|from| from.t().full_join(from.u(), of_u()).where_(col("x").gt(300).or(col("v").gt(30))).select(pair()).order_by(["id", "x"]), &["4|null", "null|400", "null|500"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" WHERE "u"."x" > ?1 OR "t"."v" > ?2 ORDER BY "t"."id" ASC NULLS LAST, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" WHERE "u"."x" > ?1 OR "t"."v" > ?2 ORDER BY "t"."id" ASC, "u"."x" ASC"#,
            r#"MariaDB: SELECT "id", "x" FROM (SELECT "u"."x", "t"."v", "t"."id" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" UNION ALL (SELECT "u_2"."x", NULL AS "v", NULL AS "id" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id"))) AS "t_3" WHERE "x" > ?1 OR "v" > ?2 ORDER BY "id" IS NULL ASC, "id" ASC, "x" IS NULL ASC, "x" ASC"#,
        ]).await;
    tables.case(|from| from.t().full_join(from.u(), of_u()).agg((count(all()).as_("n"), count(col("x")).as_("xs"), sum(col("v")).as_("s"))), &["8|5|120"], &[
            r#"SELECT COUNT(*) AS "n", COUNT("u"."x") AS "xs", SUM("t"."v") AS "s" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id""#,
            r#"MariaDB: SELECT COUNT(*) AS "n", COUNT("x") AS "xs", SUM("v") AS "s" FROM (SELECT "u"."x", "t"."v" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" UNION ALL (SELECT "u_2"."x", NULL AS "v" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id"))) AS "t_3""#,
        ]).await;
    tables.case(|from| from.t().full_join(from.u(), of_u()).order_by((col("x").desc().nulls_last(), "id")).select(pair()).limit(2), &["null|500", "null|400"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."x" DESC, "t"."id" ASC NULLS LAST LIMIT ?1"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" ORDER BY "u"."x" DESC NULLS LAST, "t"."id" ASC LIMIT ?1"#,
            r#"MariaDB: SELECT "id", "x" FROM (SELECT "u"."x", "t"."id" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" UNION ALL (SELECT "u_2"."x", NULL AS "id" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id"))) AS "t_3" ORDER BY "x" DESC, "id" IS NULL ASC, "id" ASC LIMIT ?1"#,
        ]).await;
    // Filtered and computed sides are so before the join.
    tables.case(|from| from.t().where_(col("g").eq(1)).full_join(from.u().where_(col("x").lt(300)).with_column("one", lit(1)), of_u()).select((col("id").of("t"), "x", "one")).order_by(["id", "x"]), &["1|100|1", "1|200|1", "2|null|null"], &[
            r#"SELECT "t_2"."id", "t_3"."x", "t_3"."one" FROM (SELECT "id" FROM "t" WHERE "g" = ?1) AS "t_2" FULL OUTER JOIN (SELECT "t_id", "x", ?2 AS "one" FROM "u" WHERE "x" < ?3) AS "t_3" ON "t_2"."id" = "t_3"."t_id" ORDER BY "t_2"."id" ASC NULLS LAST, "t_3"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t_2"."id", "t_3"."x", "t_3"."one" FROM (SELECT "id" FROM "t" WHERE "g" = ?1) AS "t_2" FULL OUTER JOIN (SELECT "t_id", "x", ?2 AS "one" FROM "u" WHERE "x" < ?3) AS "t_3" ON "t_2"."id" = "t_3"."t_id" ORDER BY "t_2"."id" ASC, "t_3"."x" ASC"#,
            r#"MariaDB: SELECT "id", "x", "one" FROM (SELECT "t"."id", "t_2"."x", "t_2"."one" FROM "t" LEFT JOIN (SELECT "t_id", "x", ?1 AS "one" FROM "u" WHERE "x" < ?2) AS "t_2" ON "t"."id" = "t_2"."t_id" WHERE "t"."g" = ?3 UNION ALL (SELECT NULL AS "id", "u_2"."x", ?4 AS "one" FROM "u" AS "u_2" WHERE "u_2"."x" < ?5 AND (NOT EXISTS(SELECT NULL FROM "t" AS "t_3" WHERE "t_3"."g" = ?6 AND "t_3"."id" = "u_2"."t_id")))) AS "t_4" ORDER BY "id" IS NULL ASC, "id" ASC, "x" IS NULL ASC, "x" ASC"#,
        ]).await;
    tables.case(|from| from.t().order_by("id").limit(2).full_join(from.u().group_by("t_id").agg(sum(col("x")).as_("s")), on(col("id").eq(col("t_id")))).select(["id", "t_id", "s"]).order_by(["id", "t_id"]), &["1|1|300", "2|null|null", "null|3|300", "null|9|400", "null|null|500"], &[
            r#"SELECT "t_2"."id", "t_3"."t_id", "t_3"."s" FROM (SELECT "id" FROM "t" ORDER BY "id" ASC NULLS LAST LIMIT ?1) AS "t_2" FULL OUTER JOIN (SELECT "t_id", SUM("x") AS "s" FROM "u" GROUP BY "t_id") AS "t_3" ON "t_2"."id" = "t_3"."t_id" ORDER BY "t_2"."id" ASC NULLS LAST, "t_3"."t_id" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t_2"."id", "t_3"."t_id", "t_3"."s" FROM (SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" FULL OUTER JOIN (SELECT "t_id", SUM("x") AS "s" FROM "u" GROUP BY "t_id") AS "t_3" ON "t_2"."id" = "t_3"."t_id" ORDER BY "t_2"."id" ASC, "t_3"."t_id" ASC"#,
            r#"MariaDB: SELECT "id", "t_id", "s" FROM (SELECT "t_2"."id", "t_3"."t_id", "t_3"."s" FROM (SELECT "id" FROM "t" ORDER BY "id" IS NULL ASC, "id" ASC LIMIT ?1) AS "t_2" LEFT JOIN (SELECT "t_id", SUM("x") AS "s" FROM "u" GROUP BY "t_id") AS "t_3" ON "t_2"."id" = "t_3"."t_id" UNION ALL (SELECT NULL AS "id", "t_4"."t_id", "t_4"."s" FROM (SELECT "t_id", SUM("x") AS "s" FROM "u" AS "u_2" GROUP BY "t_id") AS "t_4" WHERE NOT EXISTS(SELECT NULL FROM (SELECT "id" FROM "t" AS "t_5" ORDER BY "id" IS NULL ASC, "id" ASC LIMIT ?2) AS "t_6" WHERE "t_6"."id" = "t_4"."t_id"))) AS "t_7" ORDER BY "id" IS NULL ASC, "id" ASC, "t_id" IS NULL ASC, "t_id" ASC"#,
        ]).await;
    // Without an equality between the sides PostgreSQL can't do it by itself.
    tables.case(|from| from.t().full_join(from.u(), on(col("v").gt(col("x") / 10))).select(pair()).order_by(["id", "x"]), &["1|null", "2|100", "3|100", "3|200", "4|100", "4|200", "4|300", "5|null", "null|400", "null|500"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."v" > CAST("u"."x" AS REAL) / ?1 ORDER BY "t"."id" ASC NULLS LAST, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."v" > CAST("u"."x" AS double precision) / ?1 UNION ALL (SELECT NULL AS "id", "u_2"."x" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."v" > CAST("u_2"."x" AS double precision) / ?1)) ORDER BY "id" ASC, "x" ASC"#,
            r#"MariaDB: SELECT "id", "x" FROM (SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."v" > CAST("u"."x" AS DOUBLE) / ?1 UNION ALL (SELECT NULL AS "id", "u_2"."x" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."v" > CAST("u_2"."x" AS DOUBLE) / ?2))) AS "t_3" ORDER BY "id" IS NULL ASC, "id" ASC, "x" IS NULL ASC, "x" ASC"#,
        ]).await;
    tables.case(|from| from.t().full_join(from.u(), on(col("id").of("t").eq(col("t_id")) & col("x").gt(100))).select(pair()).order_by(["id", "x"]), &["1|200", "2|null", "3|300", "4|null", "5|null", "null|100", "null|400", "null|500"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" AND "u"."x" > ?1 ORDER BY "t"."id" ASC NULLS LAST, "u"."x" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" AND "u"."x" > ?1 ORDER BY "t"."id" ASC, "u"."x" ASC"#,
            r#"MariaDB: SELECT "id", "x" FROM (SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" AND "u"."x" > ?1 UNION ALL (SELECT NULL AS "id", "u_2"."x" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id" AND "u_2"."x" > ?2))) AS "t_3" ORDER BY "id" IS NULL ASC, "id" ASC, "x" IS NULL ASC, "x" ASC"#,
        ]).await;
    // Joined again.
    tables.case(|from| from.t().full_join(from.u(), of_u()).join(from.p(), on(col("id").of("u").eq(col("u_id"))).suffix("_p")).select((col("id").of("t"), "x", "y")).order_by("y"), &["1|100|7", "3|300|8", "3|300|9"], &[
            r#"SELECT "t"."id", "u"."x", "p"."y" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" INNER JOIN "p" ON "u"."id" = "p"."u_id" ORDER BY "p"."y" ASC"#,
            r#"MariaDB: SELECT "t_3"."id_2" AS "id", "t_3"."x", "p"."y" FROM (SELECT "u"."id", "t"."id" AS "id_2", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" UNION ALL (SELECT "u_2"."id", NULL AS "id_2", "u_2"."x" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id"))) AS "t_3" INNER JOIN "p" ON "t_3"."id" = "p"."u_id" ORDER BY "p"."y" ASC"#,
        ]).await;
    tables.case(|from| from.t().full_join(from.u(), of_u()).full_join(from.p(), on(col("id").of("u").eq(col("u_id"))).suffix("_p")).agg((count(all()).as_("n"), count(col("y")).as_("ys"))), &["9|3"], &[
            r#"SELECT COUNT(*) AS "n", COUNT("p"."y") AS "ys" FROM "t" FULL OUTER JOIN "u" ON "t"."id" = "u"."t_id" FULL OUTER JOIN "p" ON "u"."id" = "p"."u_id""#,
            r#"MariaDB: SELECT COUNT(*) AS "n", COUNT("y") AS "ys" FROM (SELECT "p"."y" FROM (SELECT "u"."id" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" UNION ALL (SELECT "u_2"."id" FROM "u" AS "u_2" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_2" WHERE "t_2"."id" = "u_2"."t_id"))) AS "t_3" LEFT JOIN "p" ON "t_3"."id" = "p"."u_id" UNION ALL (SELECT "p_2"."y" FROM "p" AS "p_2" WHERE NOT EXISTS(SELECT NULL FROM (SELECT "u_3"."id" FROM "t" AS "t_4" LEFT JOIN "u" AS "u_3" ON "t_4"."id" = "u_3"."t_id" UNION ALL (SELECT "u_4"."id" FROM "u" AS "u_4" WHERE NOT EXISTS(SELECT NULL FROM "t" AS "t_5" WHERE "t_5"."id" = "u_4"."t_id"))) AS "t_6" WHERE "t_6"."id" = "p_2"."u_id"))) AS "t_7""#,
        ]).await;
}

#[tokio::test]
async fn semi_and_anti_joins_return_each_left_row_at_most_once() {
    let tables = Tables::new().await;
    let of_u = || on(col("id").of("t").eq(col("t_id")));
    tables.case(|from| from.t().semi_join(from.u(), of_u()).select("id").order_by("id"), &["1", "3"], &[
            r#"SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "t"."id" ASC"#,
        ]).await;
    tables.case(|from| from.t().anti_join(from.u(), of_u()).select("id").order_by("id"), &["2", "4", "5"], &[
            r#"SELECT "t"."id" FROM "t" WHERE NOT COALESCE("t"."id" IN (SELECT "u"."t_id" FROM "u"), FALSE) ORDER BY "t"."id" ASC"#,
            r#"PostgreSQL: SELECT "t"."id" FROM "t" WHERE NOT EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "t"."id" ASC"#,
            r#"MariaDB: SELECT "t"."id" FROM "t" WHERE NOT EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "t"."id" ASC"#,
        ]).await;
    tables.case(|from| from.u().anti_join(from.t(), of_t()).select("id").order_by("id"), &["4", "5"], &[
            r#"SELECT "u"."id" FROM "u" WHERE NOT COALESCE("u"."t_id" IN (SELECT "t"."id" FROM "t"), FALSE) ORDER BY "u"."id" ASC"#,
            r#"PostgreSQL: SELECT "u"."id" FROM "u" WHERE NOT EXISTS(SELECT NULL FROM "t" WHERE "u"."t_id" = "t"."id") ORDER BY "u"."id" ASC"#,
            r#"MariaDB: SELECT "u"."id" FROM "u" WHERE NOT EXISTS(SELECT NULL FROM "t" WHERE "u"."t_id" = "t"."id") ORDER BY "u"."id" ASC"#,
        ]).await;
    tables.case(|from| from.t().semi_join(from.u().where_(col("x").gt(100)), of_u()).where_(col("v").lt(30)).select("id"), &["1"], &[
            r#"SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "u"."x" > ?1 AND "t"."id" = "u"."t_id") AND "t"."v" < ?2"#,
        ]).await;
    // Of a grouped, a limited and a distinct frame, on either side.
    tables.case(|from| from.t().semi_join(from.u().group_by("t_id").agg(count(all()).as_("n")).where_(col("n").gt(1)), on(col("id").eq(col("t_id")))).select("id"), &["1"], &[
            r#"SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM (SELECT "t_id" FROM "u" GROUP BY "t_id" HAVING COUNT(*) > ?1) AS "t_2" WHERE "t"."id" = "t_2"."t_id")"#,
        ]).await;
    tables.case(|from| from.t().anti_join(from.u().order_by(col("id").desc()).limit(3), of_u()).select("id").order_by("id"), &["1", "2", "4", "5"], &[
            r#"SELECT "t"."id" FROM "t" WHERE NOT COALESCE("t"."id" IN (SELECT "t_2"."t_id" FROM (SELECT "id", "t_id" FROM "u" ORDER BY "id" DESC LIMIT ?1) AS "t_2"), FALSE) ORDER BY "t"."id" ASC"#,
            r#"PostgreSQL: SELECT "t"."id" FROM "t" WHERE NOT EXISTS(SELECT NULL FROM (SELECT "id", "t_id" FROM "u" ORDER BY "id" DESC LIMIT ?1) AS "t_2" WHERE "t"."id" = "t_2"."t_id") ORDER BY "t"."id" ASC"#,
            r#"MariaDB: SELECT "t"."id" FROM "t" WHERE NOT EXISTS(SELECT NULL FROM (SELECT "id", "t_id" FROM "u" ORDER BY "id" DESC LIMIT ?1) AS "t_2" WHERE "t"."id" = "t_2"."t_id") ORDER BY "t"."id" ASC"#,
        ]).await;
    tables.case(|from| from.t().order_by("id").limit(2).semi_join(from.u(), of_u()).select("id"), &["1"], &[
            r#"SELECT "t_2"."id" FROM (SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t_2"."id" = "u"."t_id") ORDER BY "t_2"."id" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by("g").agg(sum(col("v")).as_("s")).anti_join(from.p(), on(col("g").eq(col("id")))), &[], &[
            r#"SELECT "t_2"."g", "t_2"."s" FROM (SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g") AS "t_2" WHERE NOT COALESCE("t_2"."g" IN (SELECT "p"."id" FROM "p"), FALSE)"#,
            r#"PostgreSQL: SELECT "t_2"."g", "t_2"."s" FROM (SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g") AS "t_2" WHERE NOT EXISTS(SELECT NULL FROM "p" WHERE "t_2"."g" = "p"."id")"#,
            r#"MariaDB: SELECT "t_2"."g", "t_2"."s" FROM (SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g") AS "t_2" WHERE NOT EXISTS(SELECT NULL FROM "p" WHERE "t_2"."g" = "p"."id")"#,
        ]).await;
    tables.case(|from| from.t().group_by("g").agg(sum(col("v")).as_("s")).semi_join(from.p(), on(col("g").eq(col("u_id")))).order_by("g"), &["1|30", "3|10"], &[
            r#"SELECT "t_2"."g", "t_2"."s" FROM (SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g") AS "t_2" WHERE EXISTS(SELECT NULL FROM "p" WHERE "t_2"."g" = "p"."u_id") ORDER BY "t_2"."g" ASC"#,
        ]).await;
    tables.case(|from| from.t().select("g").distinct().semi_join(from.p(), on(col("g").eq(col("u_id")))).order_by("g"), &["1", "3"], &[
            r#"SELECT DISTINCT "t"."g" FROM "t" WHERE EXISTS(SELECT NULL FROM "p" WHERE "t"."g" = "p"."u_id") ORDER BY "t"."g" ASC"#,
        ]).await;
    // One in another, and joins around them.
    tables.case(|from| from.t().semi_join(from.u().semi_join(from.p(), on(col("id").of("u").eq(col("u_id")))), of_u()).select("id").order_by("id"), &["1", "3"], &[
            r#"SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE EXISTS(SELECT NULL FROM "p" WHERE "u"."id" = "p"."u_id") AND "t"."id" = "u"."t_id") ORDER BY "t"."id" ASC"#,
        ]).await;
    tables.case(|from| from.t().semi_join(from.u(), of_u()).anti_join(from.p(), on(col("id").of("t").eq(col("u_id")))).select("id"), &[], &[
            r#"SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") AND (NOT COALESCE("t"."id" IN (SELECT "p"."u_id" FROM "p"), FALSE))"#,
            r#"PostgreSQL: SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") AND (NOT EXISTS(SELECT NULL FROM "p" WHERE "t"."id" = "p"."u_id"))"#,
            r#"MariaDB: SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") AND (NOT EXISTS(SELECT NULL FROM "p" WHERE "t"."id" = "p"."u_id"))"#,
        ]).await;
    tables.case(|from| from.p().right_join(from.t().semi_join(from.u(), of_u()), on(col("id").of("t").eq(col("u_id")))).select((col("id").of("t"), "y")).order_by("y"), &["1|7", "3|8", "3|9"], &[
            r#"SELECT "t"."id", "p"."y" FROM "p" RIGHT JOIN "t" ON "t"."id" = "p"."u_id" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "p"."y" ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "t"."id", "p"."y" FROM "p" RIGHT JOIN "t" ON "t"."id" = "p"."u_id" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "p"."y" ASC"#,
            r#"MariaDB: SELECT "t"."id", "p"."y" FROM "p" RIGHT JOIN "t" ON "t"."id" = "p"."u_id" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "p"."y" IS NULL ASC, "p"."y" ASC"#,
        ]).await;
    tables.case(|from| from.t().left_join(from.u().semi_join(from.p(), on(col("id").of("u").eq(col("u_id")))), of_u()).select((col("id").of("t"), "x")).order_by(["id", "x"]).limit(3), &["1|100", "2|null", "3|300"], &[
            r#"SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" AND EXISTS(SELECT NULL FROM "p" WHERE "u"."id" = "p"."u_id") ORDER BY "t"."id" ASC, "u"."x" ASC NULLS LAST LIMIT ?1"#,
            r#"PostgreSQL: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" AND EXISTS(SELECT NULL FROM "p" WHERE "u"."id" = "p"."u_id") ORDER BY "t"."id" ASC, "u"."x" ASC LIMIT ?1"#,
            r#"MariaDB: SELECT "t"."id", "u"."x" FROM "t" LEFT JOIN "u" ON "t"."id" = "u"."t_id" AND EXISTS(SELECT NULL FROM "p" WHERE "u"."id" = "p"."u_id") ORDER BY "t"."id" ASC, "u"."x" IS NULL ASC, "u"."x" ASC LIMIT ?1"#,
        ]).await;
    // A semi join of the same table.
    tables.case(|from| from.t().as_("a").semi_join(from.t().as_("b"), on(col("v").of("a").eq(col("v").of("b")) & col("id").of("a").ne(col("id").of("b")))).select("id").order_by("id"), &["1", "5"], &[
            r#"SELECT "a"."id" FROM "t" AS "a" WHERE EXISTS(SELECT NULL FROM "t" AS "b" WHERE "a"."v" = "b"."v" AND "a"."id" <> "b"."id") ORDER BY "a"."id" ASC"#,
        ]).await;
    // Counted, grouped and limited afterwards.
    tables.case(|from| from.t().semi_join(from.u(), of_u()).agg(sum(col("v"))), &["40"], &[
            r#"SELECT SUM("t"."v") AS "sum_v" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id")"#,
        ]).await;
    tables.case(|from| from.t().anti_join(from.u(), of_u()).order_by(col("id").desc()).limit(1).select("id"), &["5"], &[
            r#"SELECT "t"."id" FROM "t" WHERE NOT COALESCE("t"."id" IN (SELECT "u"."t_id" FROM "u"), FALSE) ORDER BY "t"."id" DESC LIMIT ?1"#,
            r#"PostgreSQL: SELECT "t"."id" FROM "t" WHERE NOT EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "t"."id" DESC LIMIT ?1"#,
            r#"MariaDB: SELECT "t"."id" FROM "t" WHERE NOT EXISTS(SELECT NULL FROM "u" WHERE "t"."id" = "u"."t_id") ORDER BY "t"."id" DESC LIMIT ?1"#,
        ]).await;
}
