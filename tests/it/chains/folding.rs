//! What folds into one flat SELECT and what nests: each verb after each other where it matters.

use portcullis::{all, coalesce, col, count, count_distinct, lit, max, min, sum};

use super::snapshot::Tables;

#[tokio::test]
async fn filters_stay_flat_until_rows_were_cut_off() {
    let tables = Tables::new().await;
    // where_ after where_.
    tables
        .case(
            |from| from.t().where_(col("v").gt(10)).where_(col("g").eq(2)).select("id").order_by("id"),
            &["3", "4"],
            &[r#"SELECT "id" FROM "t" WHERE "v" > ?1 AND "g" = ?2 ORDER BY "id" ASC"#],
        )
        .await;
    // where_ after select, of a column that is projected, of one that is not, and of a computed one.
    tables
        .case(
            |from| from.t().select(["id", "v"]).where_(col("v").gt(20)).order_by("id"),
            &["3|30", "4|40"],
            &[r#"SELECT "id", "v" FROM "t" WHERE "v" > ?1 ORDER BY "id" ASC"#],
        )
        .await;
    tables
        .case(
            |from| from.t().select("id").where_(col("v").gt(20)).order_by("id"),
            &["3", "4"],
            &[r#"SELECT "id" FROM "t" WHERE "v" > ?1 ORDER BY "id" ASC"#],
        )
        .await;
    tables
        .case(
            |from| from.t().select(("id", (col("v") * 2).as_("d"))).where_(col("d").gt(50)).order_by("id"),
            &["3|60", "4|80"],
            &[
                r#"SELECT "id", "v" * ?1 AS "d" FROM "t" WHERE "v" * ?1 > ?2 ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "id", "v" * ?1 AS "d" FROM "t" WHERE "v" * ?2 > ?3 ORDER BY "id" ASC"#,
            ],
        )
        .await;
    // where_ after select, of an alias that hides a column: the projected one is meant.
    tables.case(|from| from.t().select(("id", (col("v") + 100).as_("v"))).where_(col("v").gt(120)).order_by("id"), &["3|130", "4|140"], &[
            r#"SELECT "t"."id", "t"."v" + ?1 AS "v" FROM "t" WHERE "t"."v" + ?1 > ?2 ORDER BY "t"."id" ASC"#,
            r#"MariaDB: SELECT "t"."id", "t"."v" + ?1 AS "v" FROM "t" WHERE "t"."v" + ?2 > ?3 ORDER BY "t"."id" ASC"#,
        ]).await;
    // where_ after limit, with and without a select between.
    tables.case(|from| from.t().order_by("id").limit(2).where_(col("v").gt(15)).select("id"), &["2"], &[
            r#"SELECT "id" FROM (SELECT "id", "v" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" WHERE "v" > ?2 ORDER BY "id" ASC"#,
        ]).await;
    tables.case(|from| from.t().order_by("id").select("id").limit(2).where_(col("v").gt(15)), &["2"], &[
            r#"SELECT "id" FROM (SELECT "id", "v" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" WHERE "v" > ?2 ORDER BY "id" ASC"#,
        ]).await;
    tables.case(|from| from.t().order_by("id").offset(3).where_(col("v").lt(20)).select("id"), &["5"], &[
            r#"SELECT "id" FROM (SELECT "id", "v" FROM "t" ORDER BY "id" ASC LIMIT ?1 OFFSET ?2) AS "t_2" WHERE "v" < ?3 ORDER BY "id" ASC"#,
            r#"PostgreSQL: SELECT "id" FROM (SELECT "id", "v" FROM "t" ORDER BY "id" ASC OFFSET ?1) AS "t_2" WHERE "v" < ?2 ORDER BY "id" ASC"#,
        ]).await;
    // where_ after order_by.
    tables
        .case(
            |from| from.t().order_by(col("id").desc()).where_(col("v").eq(10)).select("id"),
            &["5", "1"],
            &[r#"SELECT "id" FROM "t" WHERE "v" = ?1 ORDER BY "id" DESC"#],
        )
        .await;
    // where_ after distinct.
    tables
        .case(
            |from| from.t().select("g").distinct().where_(col("g").gt(1)).order_by("g"),
            &["2", "3"],
            &[r#"SELECT DISTINCT "g" FROM "t" WHERE "g" > ?1 ORDER BY "g" ASC"#],
        )
        .await;
    // where_ after with_column that replaces the column.
    tables.case(|from| from.t().with_column("v", col("v") * 2).where_(col("v").eq(20)).select(["id", "v"]).order_by("id"), &["1|20", "5|20"], &[
            r#"SELECT "t"."id", "t"."v" * ?1 AS "v" FROM "t" WHERE "t"."v" * ?1 = ?2 ORDER BY "t"."id" ASC"#,
            r#"MariaDB: SELECT "t"."id", "t"."v" * ?1 AS "v" FROM "t" WHERE "t"."v" * ?2 = ?3 ORDER BY "t"."id" ASC"#,
        ]).await;
    tables
        .case(
            |from| from.t().where_(col("v").eq(20)).with_column("v", col("v") * 2).select(["id", "v"]),
            &["2|40"],
            &[r#"SELECT "t"."id", "t"."v" * ?1 AS "v" FROM "t" WHERE "t"."v" = ?2"#],
        )
        .await;
    // where_ after rename and drop.
    tables
        .case(
            |from| from.t().rename("v", "value").where_(col("value").eq(20)).drop(["g", "w", "name"]),
            &["2|20"],
            &[r#"SELECT "id", "v" AS "value" FROM "t" WHERE "v" = ?1"#],
        )
        .await;
    tables
        .case(
            |from| from.t().drop(["v", "w", "name"]).where_(col("v").eq(20)),
            &["2|1"],
            &[r#"SELECT "id", "g" FROM "t" WHERE "v" = ?1"#],
        )
        .await;
    // where_ after agg is HAVING; after a limit of it, a filter of the rows.
    tables
        .case(
            |from| from.t().group_by("g").agg(sum(col("v")).as_("s")).where_(col("s").gt(20)).order_by("g"),
            &["1|30", "2|70"],
            &[r#"SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g" HAVING SUM("v") > ?1 ORDER BY "g" ASC"#],
        )
        .await;
    tables
        .case(
            |from| from.t().group_by("g").agg(sum(col("v")).as_("s")).where_(col("g").gt(1)).order_by("g"),
            &["2|70", "3|10"],
            &[
                r#"SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g" HAVING "g" > ?1 ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "g", SUM("v") AS "s" FROM "t" WHERE "g" > ?1 GROUP BY "g" ORDER BY "g" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().where_(col("v").gt(10)).group_by("g").agg(count(all()).as_("n")).where_(col("n").eq(2)),
            &["2|2"],
            &[r#"SELECT "g", COUNT(*) AS "n" FROM "t" WHERE "v" > ?1 GROUP BY "g" HAVING COUNT(*) = ?2"#],
        )
        .await;
    tables.case(|from| from.t().group_by("g").agg(sum(col("v")).as_("s")).order_by("g").limit(2).where_(col("s").gt(40)), &["2|70"], &[
            r#"SELECT "g", "s" FROM (SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g" ORDER BY "g" ASC LIMIT ?1) AS "t_2" WHERE "s" > ?2 ORDER BY "g" ASC"#,
        ]).await;
}

#[tokio::test]
async fn sorting_and_cutting_compose() {
    let tables = Tables::new().await;
    // order_by twice: the second decides, the first among equals.
    tables
        .case(
            |from| from.t().order_by(col("id").desc()).order_by("v").select("id"),
            &["5", "1", "2", "3", "4"],
            &[r#"SELECT "id" FROM "t" ORDER BY "v" ASC, "id" DESC"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").order_by(col("id").desc()).select("id").limit(1),
            &["5"],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" DESC LIMIT ?1"#],
        )
        .await;
    // order_by after limit sorts the limited rows.
    tables
        .case(
            |from| from.t().order_by("id").limit(2).order_by(col("id").desc()).select("id"),
            &["2", "1"],
            &[r#"SELECT "id" FROM (SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" ORDER BY "id" DESC"#],
        )
        .await;
    tables.case(|from| from.t().order_by("v").order_by("g").limit(3).order_by(col("v").desc()).select("id"), &["3", "2", "1"], &[
            r#"SELECT "id" FROM (SELECT "g", "v", "id" FROM "t" ORDER BY "g" ASC, "v" ASC LIMIT ?1) AS "t_2" ORDER BY "v" DESC, "g" ASC"#,
        ]).await;
    // limit and offset.
    tables
        .case(
            |from| from.t().order_by("id").limit(4).limit(2).select("id"),
            &["1", "2"],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").limit(2).limit(4).select("id"),
            &["1", "2"],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").offset(1).limit(2).select("id"),
            &["2", "3"],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1 OFFSET ?2"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").limit(2).offset(1).select("id"),
            &["2"],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1 OFFSET ?2"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").offset(1).offset(2).select("id"),
            &["4", "5"],
            &[
                r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1 OFFSET ?2"#,
                r#"PostgreSQL: SELECT "id" FROM "t" ORDER BY "id" ASC OFFSET ?1"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").limit(3).offset(1).limit(5).offset(1).select("id"),
            &["3"],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1 OFFSET ?2"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").limit(2).offset(5).select("id"),
            &[],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1 OFFSET ?2"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").limit(0).select("id"),
            &[],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1"#],
        )
        .await;
    // A name that is hidden by an alias sorts by what was projected; the source column keeps its own.
    tables
        .case(
            |from| from.t().select(("id", (-col("v")).as_("v"))).order_by(["v", "id"]),
            &["4|-40", "3|-30", "2|-20", "1|-10", "5|-10"],
            &[
                r#"SELECT "t"."id", ?1 - "t"."v" AS "v" FROM "t" ORDER BY ?1 - "t"."v" ASC, "t"."id" ASC"#,
                r#"MariaDB: SELECT "t"."id", ?1 - "t"."v" AS "v" FROM "t" ORDER BY ?2 - "t"."v" ASC, "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by(["v", "id"]).select(("id", (-col("v")).as_("v"))),
            &["1|-10", "5|-10", "2|-20", "3|-30", "4|-40"],
            &[r#"SELECT "t"."id", ?1 - "t"."v" AS "v" FROM "t" ORDER BY "t"."v" ASC, "t"."id" ASC"#],
        )
        .await;
    tables
        .case(
            |from| from.t().select((col("v").as_("id"), col("id").as_("v"))).order_by(["id", "v"]),
            &["10|1", "10|5", "20|2", "30|3", "40|4"],
            &[r#"SELECT "t"."v" AS "id", "t"."id" AS "v" FROM "t" ORDER BY "t"."v" ASC, "t"."id" ASC"#],
        )
        .await;
    // The alias hides a computed column of a nested relation.
    tables.case(
        |from| from.t().with_column("y", col("v") + 0).order_by("id").limit(3).select(("id", (-col("y")).as_("y"))).order_by("y"),
        &["3|-30", "2|-20", "1|-10"],
        &[
            r#"SELECT "id", "y" FROM (SELECT "id", ?1 - ("v" + ?2) AS "y" FROM "t" ORDER BY "id" ASC LIMIT ?3) AS "t_2" ORDER BY "y" ASC, "id" ASC"#,
        ],
    )
    .await;
    tables.case(
        |from| from.t().with_column("y", col("v") + 0).order_by("id").limit(3).order_by("y").select(("id", (-col("y")).as_("y"))),
        &["1|-10", "2|-20", "3|-30"],
        &[
            r#"SELECT "t_2"."id", ?1 - "t_2"."y" AS "y" FROM (SELECT "id", "v" + ?2 AS "y" FROM "t" ORDER BY "id" ASC LIMIT ?3) AS "t_2" ORDER BY "t_2"."y" ASC, "t_2"."id" ASC"#,
        ],
    )
    .await;
    // A column that is not returned.
    tables
        .case(
            |from| from.t().select("name").order_by(["g", "id"]),
            &["a", "b", "a", "c", "b"],
            &[r#"SELECT "name" FROM "t" ORDER BY "g" ASC, "id" ASC"#],
        )
        .await;
    tables.case(|from| from.t().select("name").order_by("id").limit(2).order_by(col("v").desc()), &["b", "a"], &[
            r#"SELECT "name" FROM (SELECT "id", "v", "name" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" ORDER BY "v" DESC, "id" ASC"#,
        ]).await;
    // An expression.
    tables
        .case(
            |from| from.t().order_by((col("v") % 20, "id")).select("id"),
            &["2", "4", "1", "3", "5"],
            &[
                r#"SELECT "id" FROM "t" ORDER BY "v" % ?1 ASC NULLS LAST, "id" ASC"#,
                r#"PostgreSQL: SELECT "id" FROM "t" ORDER BY "v" % ?1 ASC, "id" ASC"#,
                r#"MariaDB: SELECT "id" FROM "t" ORDER BY ("v" % ?1) IS NULL ASC, "v" % ?2 ASC, "id" ASC"#,
            ],
        )
        .await;
    // NULL is the largest unless said otherwise.
    tables
        .case(
            |from| from.t().order_by((col("w"), "id")).select("w"),
            &["1", "5", "7", "null", "null"],
            &[
                r#"SELECT "w" FROM "t" ORDER BY "w" ASC NULLS LAST, "id" ASC"#,
                r#"PostgreSQL: SELECT "w" FROM "t" ORDER BY "w" ASC, "id" ASC"#,
                r#"MariaDB: SELECT "w" FROM "t" ORDER BY "w" IS NULL ASC, "w" ASC, "id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by((col("w").desc(), "id")).select("w"),
            &["null", "null", "7", "5", "1"],
            &[
                r#"SELECT "w" FROM "t" ORDER BY "w" DESC NULLS FIRST, "id" ASC"#,
                r#"PostgreSQL: SELECT "w" FROM "t" ORDER BY "w" DESC, "id" ASC"#,
                r#"MariaDB: SELECT "w" FROM "t" ORDER BY "w" IS NULL DESC, "w" DESC, "id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by((col("w").asc().nulls_first(), "id")).select("w"),
            &["null", "null", "1", "5", "7"],
            &[
                r#"SELECT "w" FROM "t" ORDER BY "w" ASC, "id" ASC"#,
                r#"PostgreSQL: SELECT "w" FROM "t" ORDER BY "w" ASC NULLS FIRST, "id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by((col("w").desc().nulls_last(), "id")).select("w"),
            &["7", "5", "1", "null", "null"],
            &[
                r#"SELECT "w" FROM "t" ORDER BY "w" DESC, "id" ASC"#,
                r#"PostgreSQL: SELECT "w" FROM "t" ORDER BY "w" DESC NULLS LAST, "id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                from.t().order_by((col("id").asc().nulls_first(), col("v").desc().nulls_last())).select("id").limit(2)
            },
            &["1", "2"],
            &[r#"SELECT "id" FROM "t" ORDER BY "id" ASC, "v" DESC LIMIT ?1"#],
        )
        .await;
}

#[tokio::test]
async fn distinct_is_over_what_is_visible() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| from.t().select("g").distinct().order_by("g"),
            &["1", "2", "3"],
            &[r#"SELECT DISTINCT "g" FROM "t" ORDER BY "g" ASC"#],
        )
        .await;
    tables
        .case(
            |from| from.t().select("w").distinct().order_by("w"),
            &["1", "5", "7", "null"],
            &[
                r#"SELECT DISTINCT "w" FROM "t" ORDER BY "w" ASC NULLS LAST"#,
                r#"PostgreSQL: SELECT DISTINCT "w" FROM "t" ORDER BY "w" ASC"#,
                r#"MariaDB: SELECT DISTINCT "w" FROM "t" ORDER BY "w" IS NULL ASC, "w" ASC"#,
            ],
        )
        .await;
    tables.case(|from| from.t().select("name").distinct().order_by(col("name").desc()), &["c", "b", "a"], &[
            r#"SELECT DISTINCT "name" FROM "t" ORDER BY "name" DESC"#,
            r#"PostgreSQL: SELECT "name" FROM (SELECT DISTINCT "name" FROM "t") AS "t_2" ORDER BY "name" COLLATE "C" DESC"#,
            r#"MariaDB: SELECT "name" FROM (SELECT DISTINCT CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin AS "name" FROM "t") AS "t_2" ORDER BY "name" DESC"#,
        ]).await;
    // Sorted by something else than what is distinct.
    tables.case(|from| from.t().select("g").distinct().order_by(-col("g")), &["3", "2", "1"], &[
            r#"SELECT "g" FROM (SELECT DISTINCT "g", ?1 - "g" AS "sort_key" FROM "t") AS "t_2" ORDER BY "sort_key" ASC"#,
        ]).await;
    // Twice, and after a limit.
    tables
        .case(
            |from| from.t().select(["g", "v"]).distinct().select("g").distinct().order_by("g"),
            &["1", "2", "3"],
            &[r#"SELECT DISTINCT "g" FROM (SELECT DISTINCT "g", "v" FROM "t") AS "t_2" ORDER BY "g" ASC"#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").limit(2).select("g").distinct(),
            &["1"],
            &[r#"SELECT DISTINCT "g" FROM (SELECT "id", "g" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2""#],
        )
        .await;
    tables
        .case(
            |from| from.t().select("g").distinct().order_by("g").limit(2),
            &["1", "2"],
            &[r#"SELECT DISTINCT "g" FROM "t" ORDER BY "g" ASC LIMIT ?1"#],
        )
        .await;
    tables.case(|from| from.t().select("g").distinct().order_by("g").limit(2).where_(col("g").gt(1)), &["2"], &[
            r#"SELECT "g" FROM (SELECT DISTINCT "g" FROM "t" ORDER BY "g" ASC LIMIT ?1) AS "t_2" WHERE "g" > ?2 ORDER BY "g" ASC"#,
        ]).await;
    // A selection of distinct rows may hold equal ones.
    tables
        .case(
            |from| from.t().select(["g", "v"]).distinct().select("g").order_by("g"),
            &["1", "1", "2", "2", "3"],
            &[r#"SELECT "g" FROM (SELECT DISTINCT "g", "v" FROM "t") AS "t_2" ORDER BY "g" ASC"#],
        )
        .await;
    tables.case(|from| from.t().select(["g", "v"]).distinct().with_column("h", col("g") * 10).order_by(["g", "v"]).limit(2), &["1|10|10", "1|20|10"], &[
            r#"SELECT "g", "v", "h" FROM (SELECT DISTINCT "g", "v", "g" * ?1 AS "h" FROM "t" ORDER BY "g" ASC, "v" ASC LIMIT ?2) AS "t_2" ORDER BY "g" ASC, "v" ASC"#,
        ]).await;
    tables
        .case(
            |from| from.t().select([(col("v") % 20).as_("r")]).distinct().order_by("r"),
            &["0", "10"],
            &[
                r#"SELECT DISTINCT "v" % ?1 AS "r" FROM "t" ORDER BY "v" % ?1 ASC NULLS LAST"#,
                r#"PostgreSQL: SELECT DISTINCT "v" % ?1 AS "r" FROM "t" ORDER BY "v" % ?1 ASC"#,
                r#"MariaDB: SELECT "r" FROM (SELECT DISTINCT "v" % ?1 AS "r" FROM "t") AS "t_2" ORDER BY "r" IS NULL ASC, "r" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select([lit(1).as_("one")]).distinct(),
            &["1"],
            &[r#"SELECT DISTINCT ?1 AS "one" FROM "t""#],
        )
        .await;
    // Grouped, and of groups.
    tables.case(|from| from.t().select(["g", "name"]).distinct().group_by("g").agg(count(all()).as_("n")).order_by("g"), &["1|2", "2|2", "3|1"], &[
            r#"SELECT "g", COUNT(*) AS "n" FROM (SELECT DISTINCT "g", "name" FROM "t") AS "t_2" GROUP BY "g" ORDER BY "g" ASC"#,
            r#"MariaDB: SELECT "g", COUNT(*) AS "n" FROM (SELECT DISTINCT "t"."g", CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin AS "name" FROM "t") AS "t_2" GROUP BY "g" ORDER BY "g" ASC"#,
        ]).await;
    tables
        .case(
            |from| from.t().group_by("g").agg(count(all()).as_("n")).select("n").distinct().order_by("n"),
            &["1", "2"],
            &[
                r#"SELECT DISTINCT COUNT(*) AS "n" FROM "t" GROUP BY "g" ORDER BY COUNT(*) ASC"#,
                r#"MariaDB: SELECT DISTINCT "n" FROM (SELECT COUNT(*) AS "n" FROM "t" GROUP BY "g") AS "t_2" ORDER BY "n" ASC"#,
            ],
        )
        .await;
    tables.case(|from| from.t().distinct().where_(col("w").is_null()).select("id").order_by("id"), &["2", "4"], &[
            r#"SELECT "id" FROM (SELECT DISTINCT "id", "g", "v", "w", "name" FROM "t" WHERE "w" IS NULL) AS "t_2" ORDER BY "id" ASC"#,
            r#"MariaDB: SELECT "id" FROM (SELECT DISTINCT "t"."id", "t"."g", "t"."v", "t"."w", CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin AS "name" FROM "t" WHERE "t"."w" IS NULL) AS "t_2" ORDER BY "id" ASC"#,
        ]).await;
}

#[tokio::test]
async fn groups_fold_with_what_stands_before_and_after() {
    let tables = Tables::new().await;
    let total = || sum(col("v")).as_("s");
    tables.case(|from| from.t().agg(total()), &["110"], &[r#"SELECT SUM("v") AS "s" FROM "t""#]).await;
    tables
        .case(
            |from| from.t().where_(col("id").lt(0)).agg((total(), count(all()))),
            &["null|0"],
            &[r#"SELECT SUM("v") AS "s", COUNT(*) AS "count" FROM "t" WHERE "id" < ?1"#],
        )
        .await;
    tables
        .case(
            |from| from.t().where_(col("id").lt(0)).group_by("g").agg(total()),
            &[],
            &[r#"SELECT "g", SUM("v") AS "s" FROM "t" WHERE "id" < ?1 GROUP BY "g""#],
        )
        .await;
    tables
        .case(
            |from| from.t().order_by("id").limit(3).agg(total()),
            &["60"],
            &[r#"SELECT SUM("v") AS "s" FROM (SELECT "id", "v" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2""#],
        )
        .await;
    tables.case(|from| from.t().order_by("id").limit(3).group_by("g").agg(total()).order_by("g"), &["1|30", "2|30"], &[
            r#"SELECT "g", SUM("v") AS "s" FROM (SELECT "id", "g", "v" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" GROUP BY "g" ORDER BY "g" ASC"#,
        ]).await;
    tables
        .case(
            |from| from.t().select("g").group_by("g").agg(total()).order_by("g").limit(1),
            &["1|30"],
            &[r#"SELECT "g", SUM("v") AS "s" FROM "t" GROUP BY "g" ORDER BY "g" ASC LIMIT ?1"#],
        )
        .await;
    // Keys that are expressions, with values and without, returned, sorted by and filtered.
    tables.case(|from| from.t().group_by((col("v") % 20).as_("r")).agg(count(all()).as_("n")).order_by("r"), &["0|2", "10|3"], &[
            r#"SELECT "v" % ?1 AS "r", COUNT(*) AS "n" FROM "t" GROUP BY "v" % ?1 ORDER BY "v" % ?1 ASC NULLS LAST"#,
            r#"PostgreSQL: SELECT "v" % ?1 AS "r", COUNT(*) AS "n" FROM "t" GROUP BY "v" % ?1 ORDER BY "v" % ?1 ASC"#,
            r#"MariaDB: SELECT "r", COUNT(*) AS "n" FROM (SELECT "v" % ?1 AS "r" FROM "t") AS "t_2" GROUP BY "r" ORDER BY "r" IS NULL ASC, "r" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by((col("v") + col("g")).as_("k")).agg(count(all()).as_("n")).order_by("k").limit(2), &["11|1", "13|1"], &[
            r#"SELECT "v" + "g" AS "k", COUNT(*) AS "n" FROM "t" GROUP BY "v" + "g" ORDER BY "v" + "g" ASC LIMIT ?1"#,
            r#"MariaDB: SELECT "k", COUNT(*) AS "n" FROM (SELECT "v" + "g" AS "k" FROM "t") AS "t_2" GROUP BY "k" ORDER BY "k" ASC LIMIT ?1"#,
        ]).await;
    tables.case(|from| from.t().group_by((-col("g")).as_("k")).agg(total()).where_(col("k").lt(-1)).order_by("k"), &["-3|10", "-2|70"], &[
            r#"SELECT ?1 - "g" AS "k", SUM("v") AS "s" FROM "t" GROUP BY ?1 - "g" HAVING ?1 - "g" < ?2 ORDER BY ?1 - "g" ASC"#,
            r#"MariaDB: SELECT "k", SUM("v") AS "s" FROM (SELECT ?1 - "g" AS "k", "v" FROM "t") AS "t_2" WHERE "k" < ?2 GROUP BY "k" ORDER BY "k" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by((col("v") / col("g")).as_("k")).agg(count(all()).as_("n")).order_by("k").limit(1), &["3.3333333333333335|1"], &[
            r#"SELECT CAST("v" AS REAL) / "g" AS "k", COUNT(*) AS "n" FROM "t" GROUP BY CAST("v" AS REAL) / "g" ORDER BY CAST("v" AS REAL) / "g" ASC NULLS LAST LIMIT ?1"#,
            r#"PostgreSQL: SELECT CAST("v" AS double precision) / NULLIF("g", ?1) AS "k", COUNT(*) AS "n" FROM "t" GROUP BY CAST("v" AS double precision) / NULLIF("g", ?1) ORDER BY CAST("v" AS double precision) / NULLIF("g", ?1) ASC LIMIT ?2"#,
            r#"MariaDB: SELECT "k", COUNT(*) AS "n" FROM (SELECT CAST("v" AS DOUBLE) / "g" AS "k" FROM "t") AS "t_2" GROUP BY "k" ORDER BY "k" IS NULL ASC, "k" ASC LIMIT ?1"#,
        ]).await;
    tables.case(|from| from.t().group_by(col("w").is_null().as_("k")).agg(count(all()).as_("n")).order_by("k"), &["false|3", "true|2"], &[
            r#"SELECT "w" IS NULL AS "k", COUNT(*) AS "n" FROM "t" GROUP BY "w" IS NULL ORDER BY "w" IS NULL ASC"#,
            r#"MariaDB: SELECT "k", COUNT(*) AS "n" FROM (SELECT "w" IS NULL AS "k" FROM "t") AS "t_2" GROUP BY "k" ORDER BY "k" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by(col("v").gt(10).as_("k")).agg(count(all()).as_("n")).order_by("k"), &["false|2", "true|3"], &[
            r#"SELECT "v" > ?1 AS "k", COUNT(*) AS "n" FROM "t" GROUP BY "v" > ?1 ORDER BY "v" > ?1 ASC"#,
            r#"MariaDB: SELECT "k", COUNT(*) AS "n" FROM (SELECT "v" > ?1 AS "k" FROM "t") AS "t_2" GROUP BY "k" ORDER BY "k" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by((col("v").gt(col("g")) & col("w").is_null()).as_("k")).agg(count(all()).as_("n")).order_by("k"), &["false|3", "true|2"], &[
            r#"SELECT "v" > "g" AND "w" IS NULL AS "k", COUNT(*) AS "n" FROM "t" GROUP BY "v" > "g" AND "w" IS NULL ORDER BY "v" > "g" AND "w" IS NULL ASC"#,
            r#"MariaDB: SELECT "k", COUNT(*) AS "n" FROM (SELECT "v" > "g" AND "w" IS NULL AS "k" FROM "t") AS "t_2" GROUP BY "k" ORDER BY "k" ASC"#,
        ]).await;
    tables
        .case(
            |from| from.t().group_by(lit(7).as_("k")).agg(count(all()).as_("n")),
            &["7|5"],
            &[
                // A constant as a key would be refused by one database and taken for a position by another.
                r#"SELECT "k", COUNT(*) AS "n" FROM (SELECT ?1 AS "k" FROM "t") AS "t_2" GROUP BY "k""#,
            ],
        )
        .await;
    tables.case(|from| from.t().group_by("name").agg(count(all()).as_("n")).order_by("name"), &["a|2", "b|2", "c|1"], &[
            r#"SELECT "name", COUNT(*) AS "n" FROM "t" GROUP BY "name" ORDER BY "name" ASC"#,
            r#"PostgreSQL: SELECT "name", COUNT(*) AS "n" FROM "t" GROUP BY "name" ORDER BY "name" COLLATE "C" ASC"#,
            r#"MariaDB: SELECT "name", COUNT(*) AS "n" FROM (SELECT CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin AS "name" FROM "t") AS "t_2" GROUP BY "name" ORDER BY "name" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by("name").agg((max(col("name")).as_("most"), count_distinct(col("g")).as_("gs"))).where_(col("name").ne("c")).order_by("name"), &["a|a|2", "b|b|2"], &[
            r#"SELECT "name", MAX("name") AS "most", COUNT(DISTINCT "g") AS "gs" FROM "t" GROUP BY "name" HAVING "name" <> ?1 ORDER BY "name" ASC"#,
            r#"PostgreSQL: SELECT "name", MAX("name" COLLATE "C") AS "most", COUNT(DISTINCT "g") AS "gs" FROM "t" GROUP BY "name" HAVING "name" <> ?1 ORDER BY "name" COLLATE "C" ASC"#,
            r#"MariaDB: SELECT "name", MAX("name") AS "most", COUNT(DISTINCT "g") AS "gs" FROM (SELECT CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin AS "name", "t"."g" FROM "t") AS "t_2" WHERE "name" <> ?1 GROUP BY "name" ORDER BY "name" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by(["g", "name"]).agg(total()).order_by(["g", "name"]).limit(2), &["1|a|10", "1|b|20"], &[
            r#"SELECT "g", "name", SUM("v") AS "s" FROM "t" GROUP BY "g", "name" ORDER BY "g" ASC, "name" ASC LIMIT ?1"#,
            r#"PostgreSQL: SELECT "g", "name", SUM("v") AS "s" FROM "t" GROUP BY "g", "name" ORDER BY "g" ASC, "name" COLLATE "C" ASC LIMIT ?1"#,
            r#"MariaDB: SELECT "g", "name", SUM("v") AS "s" FROM (SELECT "t"."g", CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin AS "name", "t"."v" FROM "t") AS "t_2" GROUP BY "g", "name" ORDER BY "g" ASC, "name" ASC LIMIT ?1"#,
        ]).await;
    // Keys without aggregates are the distinct keys.
    tables
        .case(
            |from| from.t().group_by("g").agg(Vec::<portcullis::Expr>::new()).order_by("g"),
            &["1", "2", "3"],
            &[r#"SELECT "g" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#],
        )
        .await;
    // Twice.
    tables.case(|from| from.t().group_by("g").agg(total()).agg((max(col("s")).as_("most"), count(all()).as_("n"))), &["70|3"], &[
            r#"SELECT MAX("s") AS "most", COUNT(*) AS "n" FROM (SELECT SUM("v") AS "s" FROM "t" GROUP BY "g") AS "t_2""#,
        ]).await;
    tables.case(|from| from.t().group_by("g").agg(count(all()).as_("n")).group_by("n").agg(count(all()).as_("gs")).order_by("n"), &["1|1", "2|2"], &[
            r#"SELECT "n", COUNT(*) AS "gs" FROM (SELECT COUNT(*) AS "n" FROM "t" GROUP BY "g") AS "t_2" GROUP BY "n" ORDER BY "n" ASC"#,
        ]).await;
    // What is computed from aggregates.
    tables.case(|from| from.t().group_by("g").agg((sum(col("v")) / count(all())).as_("mean")).order_by("g"), &["1|15.0", "2|35.0", "3|10.0"], &[
            r#"SELECT "g", CAST(SUM("v") AS REAL) / COUNT(*) AS "mean" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
            r#"PostgreSQL: SELECT "g", CAST(SUM("v") AS double precision) / NULLIF(COUNT(*), ?1) AS "mean" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
            r#"MariaDB: SELECT "g", CAST(SUM("v") AS DOUBLE) / COUNT(*) AS "mean" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by("g").agg(total()).with_column("half", col("s").int_div(20)).select(["g", "half"]).order_by("g"), &["1|1", "2|3", "3|0"], &[
            r#"SELECT "g", SUM("v") / ?1 AS "half" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
            r#"PostgreSQL: SELECT "g", CAST(SUM("v") AS bigint) / ?1 AS "half" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
            r#"MariaDB: SELECT "g", SUM("v") DIV ?1 AS "half" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
        ]).await;
    tables.case(|from| from.t().group_by("g").agg(total()).order_by("g").limit(2).select([col("s").int_div(20).as_("half")]), &["1", "3"], &[
            r#"SELECT SUM("v") / ?1 AS "half" FROM "t" GROUP BY "g" ORDER BY "g" ASC LIMIT ?2"#,
            r#"PostgreSQL: SELECT CAST(SUM("v") AS bigint) / ?1 AS "half" FROM "t" GROUP BY "g" ORDER BY "g" ASC LIMIT ?2"#,
            r#"MariaDB: SELECT SUM("v") DIV ?1 AS "half" FROM "t" GROUP BY "g" ORDER BY "g" ASC LIMIT ?2"#,
        ]).await;
    tables
        .case(
            |from| from.t().group_by("g").agg(total()).order_by(col("s").desc()).select("g").limit(1),
            &["2"],
            &[
                r#"SELECT "g" FROM "t" GROUP BY "g" ORDER BY SUM("v") DESC NULLS FIRST LIMIT ?1"#,
                r#"PostgreSQL: SELECT "g" FROM "t" GROUP BY "g" ORDER BY SUM("v") DESC LIMIT ?1"#,
                r#"MariaDB: SELECT "g" FROM "t" GROUP BY "g" ORDER BY SUM("v") IS NULL DESC, SUM("v") DESC LIMIT ?1"#,
            ],
        )
        .await;
    // One group of all rows stays one row, whatever is returned of it.
    tables
        .case(
            |from| from.t().agg(total()).select([lit(1).as_("one")]),
            &["1"],
            &[r#"SELECT "one" FROM (SELECT ?1 AS "one", COUNT(*) FROM "t") AS "t_2""#],
        )
        .await;
    tables
        .case(
            |from| from.t().agg(total()).with_column("one", lit(1)).limit(3).select("one"),
            &["1"],
            &[r#"SELECT "one" FROM (SELECT ?1 AS "one", COUNT(*) FROM "t" LIMIT ?2) AS "t_2""#],
        )
        .await;
    tables
        .case(
            |from| from.t().agg(total()).where_(col("s").gt(1000)).select([lit(1).as_("one")]),
            &[],
            &[r#"SELECT "one" FROM (SELECT ?1 AS "one", COUNT(*) FROM "t" HAVING SUM("v") > ?2) AS "t_2""#],
        )
        .await;
    tables
        .case(
            |from| from.t().agg(total()).where_(col("s").gt(100)),
            &["110"],
            &[r#"SELECT SUM("v") AS "s" FROM "t" HAVING SUM("v") > ?1"#],
        )
        .await;
    tables
        .case(
            |from| from.t().agg(total()).agg(count(all()).as_("n")),
            &["1"],
            &[r#"SELECT COUNT(*) AS "n" FROM (SELECT COUNT(*) FROM "t") AS "t_2""#],
        )
        .await;
    tables.case(|from| from.u().cross_join(from.t().agg(min(col("v")))).select("id").order_by("id").limit(2), &["1", "2"], &[
            r#"SELECT "u"."id" FROM "u" CROSS JOIN (SELECT COUNT(*) FROM "t") AS "t_2" ORDER BY "u"."id" ASC LIMIT ?1"#,
        ]).await;
    tables
        .case(
            |from| from.t().agg(coalesce([sum(col("w")), lit(0)]).as_("s")),
            &["13"],
            &[r#"SELECT COALESCE(SUM("w"), ?1) AS "s" FROM "t""#],
        )
        .await;
}
