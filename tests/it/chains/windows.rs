//! Windows, and what each verb does with their results.

use portcullis::{
    Dialect, ErrorKind, Expr, Frame, Unit, all, avg, case, coalesce, col, count, count_distinct, current_row, first,
    first_value, following, from_unix, greatest, lag, least, lit, max, median, mode, on, percentile_disc, preceding,
    rank, row_number, sum, table, unbounded_following, unbounded_preceding, window,
};

use super::snapshot::Tables;
use crate::support;

#[tokio::test]
async fn a_window_stays_in_its_select_until_its_result_decides_about_rows() {
    let tables = Tables::new().await;
    let newest = || window().partition_by("g").order_by(col("id").desc());
    // In a select, and sorted by.
    tables
        .case(
            |from| from.t().select(("id", sum(col("v")).over(window().partition_by("g")).as_("total"))).order_by("id"),
            &["1|30", "2|30", "3|70", "4|70", "5|10"],
            &[
                r#"SELECT "id", SUM("v") OVER (PARTITION BY "g") AS "total" FROM "t" ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "t"."id", SUM("t"."v") OVER (PARTITION BY "t"."g") AS "total" FROM "t" ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select("id").order_by((row_number().over(newest()), "id")).limit(3),
            &["2", "4", "5"],
            &[
                r#"SELECT "id" FROM "t" ORDER BY ROW_NUMBER() OVER (PARTITION BY "g" ORDER BY "id" DESC) ASC, "id" ASC LIMIT ?1"#,
                r#"MariaDB: SELECT "t"."id" FROM "t" ORDER BY ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY "t"."id" DESC) ASC, "t"."id" ASC LIMIT ?1"#,
            ],
        )
        .await;
    // A filter before it is one of the rows that it sees; a filter after it is not.
    tables
        .case(
            |from| from.t().where_(col("v").gt(10)).select(("id", row_number().over(newest()).as_("n"))).order_by("id"),
            &["2|1", "3|2", "4|1"],
            &[
                r#"SELECT "id", ROW_NUMBER() OVER (PARTITION BY "g" ORDER BY "id" DESC) AS "n" FROM "t" WHERE "v" > ?1 ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "t"."id", ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY "t"."id" DESC) AS "n" FROM "t" WHERE "t"."v" > ?1 ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select(("id", row_number().over(newest()).as_("n"))).where_(col("v").gt(10)).order_by("id"),
            &["2|1", "3|2", "4|1"],
            &[
                r#"SELECT "id", "n" FROM (SELECT "v", "id", ROW_NUMBER() OVER (PARTITION BY "g" ORDER BY "id" DESC) AS "n" FROM "t") AS "t_2" WHERE "v" > ?1 ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "id", "n" FROM (SELECT "t"."v", "t"."id", ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY "t"."id" DESC) AS "n" FROM "t") AS "t_2" WHERE "v" > ?1 ORDER BY "id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select(("id", row_number().over(newest()).as_("n"))).where_(col("n").eq(1)).order_by("id"),
            &["2|1", "4|1", "5|1"],
            &[
                r#"SELECT "id", "n" FROM (SELECT ROW_NUMBER() OVER (PARTITION BY "g" ORDER BY "id" DESC) AS "n", "id" FROM "t") AS "t_2" WHERE "n" = ?1 ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "id", "n" FROM (SELECT ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY "t"."id" DESC) AS "n", "t"."id" FROM "t") AS "t_2" WHERE "n" = ?1 ORDER BY "id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select("id").where_(row_number().over(newest()).eq(1)).order_by("id"),
            &["2", "4", "5"],
            &[
                r#"SELECT "id" FROM (SELECT ROW_NUMBER() OVER (PARTITION BY "g" ORDER BY "id" DESC) AS "row_number", "id" FROM "t") AS "t_2" WHERE "row_number" = ?1 ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "id" FROM (SELECT ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY "t"."id" DESC) AS "row_number", "t"."id" FROM "t") AS "t_2" WHERE "row_number" = ?1 ORDER BY "id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                from.t()
                    .where_(col("v").lt(40))
                    .where_(row_number().over(newest()).le(1) & col("id").gt(2))
                    .select("id")
                    .order_by("id")
            },
            &["3", "5"],
            &[
                r#"SELECT "id" FROM (SELECT ROW_NUMBER() OVER (PARTITION BY "g" ORDER BY "id" DESC) AS "row_number", "id" FROM "t" WHERE "v" < ?1) AS "t_2" WHERE "row_number" <= ?2 AND "id" > ?3 ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "id" FROM (SELECT ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY "t"."id" DESC) AS "row_number", "t"."id" FROM "t" WHERE "t"."v" < ?1) AS "t_2" WHERE "row_number" <= ?2 AND "id" > ?3 ORDER BY "id" ASC"#,
            ],
        )
        .await;
    // Rows are cut off before it and after it.
    tables
        .case(
            |from| from.t().order_by("id").limit(3).select(("id", count(all()).over(window()).as_("n"))),
            &["1|3", "2|3", "3|3"],
            &[
                r#"SELECT "id", COUNT(*) OVER () AS "n" FROM (SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "t_2"."id", COUNT(*) OVER () AS "n" FROM (SELECT "id" FROM "t" ORDER BY "id" ASC LIMIT ?1) AS "t_2" ORDER BY "t_2"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select(("id", count(all()).over(window()).as_("n"))).order_by("id").limit(2),
            &["1|5", "2|5"],
            &[
                r#"SELECT "id", COUNT(*) OVER () AS "n" FROM "t" ORDER BY "id" ASC LIMIT ?1"#,
                r#"MariaDB: SELECT "t"."id", COUNT(*) OVER () AS "n" FROM "t" ORDER BY "t"."id" ASC LIMIT ?1"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select("g").distinct().select(("g", count(all()).over(window()).as_("n"))).order_by("g"),
            &["1|3", "2|3", "3|3"],
            &[
                r#"SELECT "g", COUNT(*) OVER () AS "n" FROM (SELECT DISTINCT "g" FROM "t") AS "t_2" ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "t_2"."g", COUNT(*) OVER () AS "n" FROM (SELECT DISTINCT "g" FROM "t") AS "t_2" ORDER BY "t_2"."g" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().select(count(all()).over(window().partition_by("g")).as_("n")).distinct().order_by("n"),
            &["1", "2"],
            &[
                r#"SELECT DISTINCT "n" FROM (SELECT COUNT(*) OVER (PARTITION BY "g") AS "n" FROM "t") AS "t_2" ORDER BY "n" ASC"#,
                r#"MariaDB: SELECT DISTINCT "n" FROM (SELECT COUNT(*) OVER (PARTITION BY "t"."g") AS "n" FROM "t") AS "t_2" ORDER BY "n" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn windows_see_groups_and_groups_see_windows() {
    let tables = Tables::new().await;
    // Over aggregated columns: in the same block.
    tables
        .case(
            |from| {
                from.t()
                    .group_by("g")
                    .agg(sum(col("v")).as_("total"))
                    .with_column("place", rank().over(window().order_by(col("total").desc())))
                    .order_by("g")
            },
            &["1|30|2", "2|70|1", "3|10|3"],
            &[
                r#"SELECT "g", SUM("v") AS "total", RANK() OVER (ORDER BY SUM("v") DESC NULLS FIRST) AS "place" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
                r#"PostgreSQL: SELECT "g", SUM("v") AS "total", RANK() OVER (ORDER BY SUM("v") DESC) AS "place" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "t_2"."g", "t_2"."total", RANK() OVER (ORDER BY "t_2"."total" IS NULL DESC, "t_2"."total" DESC) AS "place" FROM (SELECT SUM("v") AS "total", "g" FROM "t" GROUP BY "g") AS "t_2" ORDER BY "t_2"."g" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                from.t()
                    .group_by("g")
                    .agg(sum(col("v")).as_("total"))
                    .with_column("share", col("total") * 100 / sum(col("total")).over(window()))
                    .where_(col("share").gt(20))
                    .order_by("g")
                    .select("g")
            },
            &["1", "2"],
            &[
                r#"SELECT "g" FROM (SELECT CAST((SUM("v") * ?1) AS REAL) / (SUM(SUM("v")) OVER ()) AS "share", "g" FROM "t" GROUP BY "g") AS "t_2" WHERE "share" > ?2 ORDER BY "g" ASC"#,
                r#"PostgreSQL: SELECT "g" FROM (SELECT CAST((SUM("v") * ?1) AS double precision) / NULLIF(SUM(SUM("v")) OVER (), ?2) AS "share", "g" FROM "t" GROUP BY "g") AS "t_2" WHERE "share" > ?3 ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "g" FROM (SELECT CAST(("t_2"."total" * ?1) AS DOUBLE) / (SUM("t_2"."total") OVER ()) AS "share", "t_2"."g" FROM (SELECT SUM("v") AS "total", "g" FROM "t" GROUP BY "g") AS "t_2") AS "t_3" WHERE "share" > ?2 ORDER BY "g" ASC"#,
            ],
        )
        .await;
    // An aggregate of a window's result.
    tables
        .case(
            |from| {
                from.t()
                    .with_column("before", lag(col("v"), 1).over(window().partition_by("g").order_by("id")))
                    .group_by("g")
                    .agg(sum(col("v") - col("before")).as_("rise"))
                    .order_by("g")
            },
            &["1|10", "2|10", "3|null"],
            &[
                r#"SELECT "g", SUM("v" - "before") AS "rise" FROM (SELECT "g", "v", LAG("v", ?1) OVER (PARTITION BY "g" ORDER BY "id") AS "before" FROM "t") AS "t_2" GROUP BY "g" ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "g", SUM("v" - "before") AS "rise" FROM (SELECT "t"."g", "t"."v", LAG("t"."v", ?1) OVER (PARTITION BY "t"."g" ORDER BY "t"."id") AS "before" FROM "t") AS "t_2" GROUP BY "g" ORDER BY "g" ASC"#,
            ],
        )
        .await;
    // A window over a window's result.
    tables
        .case(
            |from| {
                from.t()
                    .with_column("running", sum(col("v")).over(window().order_by("id")))
                    .select(("id", avg(col("running")).over(window().partition_by("g")).as_("mean")))
                    .order_by("id")
            },
            &["1|20.0", "2|20.0", "3|80.0", "4|80.0", "5|110.0"],
            &[
                r#"SELECT "id", AVG("running") OVER (PARTITION BY "g") AS "mean" FROM (SELECT SUM("v") OVER (ORDER BY "id") AS "running", "g", "id" FROM "t") AS "t_2" ORDER BY "id" ASC"#,
                r#"PostgreSQL: SELECT "id", AVG(CAST("running" AS double precision)) OVER (PARTITION BY "g") AS "mean" FROM (SELECT SUM("v") OVER (ORDER BY "id") AS "running", "g", "id" FROM "t") AS "t_2" ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT "t_2"."id", CAST((SUM("t_2"."running") OVER (PARTITION BY "t_2"."g")) AS DOUBLE) / (COUNT("t_2"."running") OVER (PARTITION BY "t_2"."g")) AS "mean" FROM (SELECT SUM("t"."v") OVER (ORDER BY "t"."id") AS "running", "t"."g", "t"."id" FROM "t") AS "t_2" ORDER BY "t_2"."id" ASC"#,
            ],
        )
        .await;
    // Joins: on either side, and as the condition.
    tables
        .case(
            |from| {
                let newest =
                    from.t().select(("id", "g", row_number().over(window().partition_by("g").order_by("id")).as_("n")));
                newest.join(from.u(), on(col("id").of("t").eq(col("t_id")))).select(("x", "n")).order_by("x")
            },
            &["100|1", "200|1", "300|1"],
            &[
                r#"SELECT "u"."x", "t_2"."n" FROM (SELECT "id", ROW_NUMBER() OVER (PARTITION BY "g" ORDER BY "id") AS "n" FROM "t") AS "t_2" INNER JOIN "u" ON "t_2"."id" = "u"."t_id" ORDER BY "u"."x" ASC"#,
                r#"MariaDB: SELECT "u"."x", "t_2"."n" FROM (SELECT "t"."id", ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY "t"."id") AS "n" FROM "t") AS "t_2" INNER JOIN "u" ON "t_2"."id" = "u"."t_id" ORDER BY "u"."x" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                let last = from.u().select((
                    "t_id",
                    "x",
                    row_number().over(window().partition_by("t_id").order_by(col("x").desc())).as_("n"),
                ));
                from.t()
                    .left_join(
                        last.where_(col("n").eq(1)).as_("last"),
                        on(col("id").of("t").eq(col("t_id").of("last"))),
                    )
                    .select(("id", "x"))
                    .order_by("id")
            },
            &["1|200", "2|null", "3|300", "4|null", "5|null"],
            &[
                r#"SELECT "t"."id", "t_2"."x" FROM "t" LEFT JOIN (SELECT ROW_NUMBER() OVER (PARTITION BY "t_id" ORDER BY "x" DESC NULLS FIRST) AS "n", "t_id", "x" FROM "u" AS "last") AS "t_2" ON "t"."id" = "t_2"."t_id" AND "t_2"."n" = ?1 ORDER BY "t"."id" ASC"#,
                r#"PostgreSQL: SELECT "t"."id", "t_2"."x" FROM "t" LEFT JOIN (SELECT ROW_NUMBER() OVER (PARTITION BY "t_id" ORDER BY "x" DESC) AS "n", "t_id", "x" FROM "u" AS "last") AS "t_2" ON "t"."id" = "t_2"."t_id" AND "t_2"."n" = ?1 ORDER BY "t"."id" ASC"#,
                r#"MariaDB: SELECT "t"."id", "t_2"."x" FROM "t" LEFT JOIN (SELECT ROW_NUMBER() OVER (PARTITION BY "last"."t_id" ORDER BY "last"."x" IS NULL DESC, "last"."x" DESC) AS "n", "last"."t_id", "last"."x" FROM "u" AS "last") AS "t_2" ON "t"."id" = "t_2"."t_id" AND "t_2"."n" = ?1 ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                from.t()
                    .with_column("n", row_number().over(window().order_by("id")))
                    .semi_join(from.u(), on(col("id").of("t").eq(col("t_id"))))
                    .select(("id", "n"))
                    .order_by("id")
            },
            &["1|1", "3|3"],
            &[
                r#"SELECT "t_2"."id", "t_2"."n" FROM (SELECT "id", ROW_NUMBER() OVER (ORDER BY "id") AS "n" FROM "t") AS "t_2" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t_2"."id" = "u"."t_id") ORDER BY "t_2"."id" ASC"#,
                r#"MariaDB: SELECT "t_2"."id", "t_2"."n" FROM (SELECT "t"."id", ROW_NUMBER() OVER (ORDER BY "t"."id") AS "n" FROM "t") AS "t_2" WHERE EXISTS(SELECT NULL FROM "u" WHERE "t_2"."id" = "u"."t_id") ORDER BY "t_2"."id" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn frames_are_written_as_they_were_said() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| {
                from.t()
                    .order_by("id")
                    .select(sum(col("v")).over(window().order_by("id").rows(preceding(1), following(1))).as_("s"))
            },
            &["30", "60", "90", "80", "50"],
            &[
                r#"SELECT SUM("v") OVER (ORDER BY "id" ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS "s" FROM "t" ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT SUM("t"."v") OVER (ORDER BY "t"."id" ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS "s" FROM "t" ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                let rest = window().partition_by("g").order_by("id").rows(current_row(), unbounded_following());
                from.t().order_by("id").select((
                    sum(col("v")).over(&rest).as_("s"),
                    count(col("w")).filter(col("w").gt(1)).over(rest).as_("n"),
                ))
            },
            &["30|1", "20|0", "70|1", "40|0", "10|0"],
            &[
                r#"SELECT SUM("v") OVER (PARTITION BY "g" ORDER BY "id" ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS "s", COUNT("w") FILTER (WHERE "w" > ?1) OVER (PARTITION BY "g" ORDER BY "id" ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS "n" FROM "t" ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT SUM("t"."v") OVER (PARTITION BY "t"."g" ORDER BY "t"."id" ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS "s", COUNT(CASE WHEN ("t"."w" > ?1) THEN "t"."w" END) OVER (PARTITION BY "t"."g" ORDER BY "t"."id" ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS "n" FROM "t" ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    // NULL is the largest in a window too.
    tables
        .case(
            |from| {
                let by_w = window().order_by((col("w").desc(), "id"));
                from.t().order_by("id").select((
                    row_number().over(by_w).as_("n"),
                    row_number().over(window().order_by(("w", "id"))).as_("m"),
                ))
            },
            &["4|2", "1|4", "3|3", "2|5", "5|1"],
            &[
                r#"SELECT ROW_NUMBER() OVER (ORDER BY "w" DESC NULLS FIRST, "id") AS "n", ROW_NUMBER() OVER (ORDER BY "w" NULLS LAST, "id") AS "m" FROM "t" ORDER BY "id" ASC"#,
                r#"PostgreSQL: SELECT ROW_NUMBER() OVER (ORDER BY "w" DESC, "id") AS "n", ROW_NUMBER() OVER (ORDER BY "w", "id") AS "m" FROM "t" ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT ROW_NUMBER() OVER (ORDER BY "t"."w" IS NULL DESC, "t"."w" DESC, "t"."id") AS "n", ROW_NUMBER() OVER (ORDER BY "t"."w" IS NULL, "t"."w", "t"."id") AS "m" FROM "t" ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                let near = window().order_by("v").range(unbounded_preceding(), following(10));
                from.t().order_by("id").select(count(all()).over(near).as_("n"))
            },
            &["3", "4", "5", "5", "3"],
            &[
                r#"SELECT COUNT(*) OVER (ORDER BY "v" RANGE BETWEEN UNBOUNDED PRECEDING AND ?1 FOLLOWING) AS "n" FROM "t" ORDER BY "id" ASC"#,
                r#"MariaDB: SELECT COUNT(*) OVER (ORDER BY "t"."v" RANGE BETWEEN UNBOUNDED PRECEDING AND 10 FOLLOWING) AS "n" FROM "t" ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn aggregates_that_a_database_lacks_take_a_block_of_their_own() {
    let tables = Tables::new().await;
    tables
        .case(|from| from.t().group_by("g").agg(median(col("v"))).order_by("g"), &["1|15.0", "2|35.0", "3|10.0"], &[
                r#"SELECT "g", portcullis_percentile_cont("v", ?1) AS "median_v" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
                r#"PostgreSQL: SELECT "g", PERCENTILE_CONT(?1) WITHIN GROUP (ORDER BY CAST("v" AS double precision)) AS "median_v" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "g", MAX((CASE WHEN ("place" - ?1 <= ?2 * ("number" - ?3)) THEN CAST("v" AS DOUBLE) END)) + ((MIN(?4 * ("number" - ?5)) - MAX((CASE WHEN ("place" - ?6 <= ?7 * ("number" - ?8)) THEN "place" - ?9 END))) * (MIN((CASE WHEN ("place" - ?10 >= ?11 * ("number" - ?12)) THEN CAST("v" AS DOUBLE) END)) - MAX((CASE WHEN ("place" - ?13 <= ?14 * ("number" - ?15)) THEN CAST("v" AS DOUBLE) END)))) AS "median_v" FROM (SELECT "t"."g", ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY CAST("t"."v" AS DOUBLE)) AS "place", COUNT(CAST("t"."v" AS DOUBLE)) OVER (PARTITION BY "t"."g") AS "number", "t"."v" FROM "t") AS "t_2" GROUP BY "g" ORDER BY "g" ASC"#,
])
        .await;
    tables
        .case(
            |from| {
                from.t()
                    .group_by("g")
                    .agg((percentile_disc(0.5, col("name")).as_("p"), count(all()).as_("n")))
                    .order_by("g")
            },
            &["1|a|2", "2|a|2", "3|b|1"],
            &[
                r#"SELECT "g", portcullis_percentile_disc("name", ?1) AS "p", COUNT(*) AS "n" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
                r#"PostgreSQL: SELECT "g", PERCENTILE_DISC(?1) WITHIN GROUP (ORDER BY ("name" COLLATE "C")) AS "p", COUNT(*) AS "n" FROM "t" GROUP BY "g" ORDER BY "g" ASC"#,
                r#"MariaDB: SELECT "g", MIN(CONVERT((CASE WHEN ("place" >= ?1 * "number") THEN "name" END) USING utf8mb4) COLLATE utf8mb4_nopad_bin) AS "p", COUNT(*) AS "n" FROM (SELECT "t"."g", ROW_NUMBER() OVER (PARTITION BY "t"."g" ORDER BY CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin) AS "place", COUNT("t"."name") OVER (PARTITION BY "t"."g") AS "number", "t"."name" FROM "t") AS "t_2" GROUP BY "g" ORDER BY "g" ASC"#,
            ],
        )
        .await;
    tables
        .case(|from| from.t().agg((mode(col("name")), first(col("id")).order_by(col("v").desc()))), &["a|4"], &[
                r#"SELECT portcullis_mode("name") AS "mode_name", portcullis_first("id" ORDER BY "v" DESC, "id") AS "first_id" FROM "t""#,
                r#"PostgreSQL: SELECT MODE() WITHIN GROUP (ORDER BY ("name" COLLATE "C")) AS "mode_name", ((ARRAY_AGG("id" ORDER BY "v" DESC, "id"))[1]) AS "first_id" FROM "t""#,
                r#"MariaDB: SELECT MIN(CONVERT((CASE WHEN ("frequency" = "highest") THEN "name" END) USING utf8mb4) COLLATE utf8mb4_nopad_bin) AS "mode_name", MIN((CASE WHEN ("place" = ?1) THEN "id" END)) AS "first_id" FROM (SELECT "t_2"."frequency", MAX("t_2"."frequency") OVER () AS "highest", "t_2"."name", "t_2"."place", "t_2"."id" FROM (SELECT COUNT("t"."name") OVER (PARTITION BY CONVERT("t"."name" USING utf8mb4) COLLATE utf8mb4_nopad_bin) AS "frequency", "t"."name", ROW_NUMBER() OVER (ORDER BY "t"."v" DESC, "t"."id") AS "place", "t"."id" FROM "t") AS "t_2") AS "t_3""#,
])
        .await;
    tables
        .case(
            |from| from.t().agg(count_distinct((col("g"), col("w"))).as_("n")),
            &["3"],
            &[
                r#"SELECT COUNT(DISTINCT portcullis_tuple("g", "w")) AS "n" FROM "t""#,
                r#"PostgreSQL: SELECT COUNT(DISTINCT ("g", "w")) FILTER (WHERE "w" IS NOT NULL) AS "n" FROM "t""#,
                r#"MariaDB: SELECT COUNT(DISTINCT "g", "w") AS "n" FROM "t""#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                let totals = from.u().group_by("t_id").agg(median(col("x")).as_("middle"));
                from.t()
                    .join(totals, on(col("id").of("t").eq(col("t_id"))))
                    .select(("id", "middle"))
                    .where_(col("middle").gt(100))
                    .order_by("id")
            },
            &["1|150.0", "3|300.0"],
            &[
                r#"SELECT "t"."id", "t_2"."middle" FROM "t" INNER JOIN (SELECT "t_id", portcullis_percentile_cont("x", ?1) AS "middle" FROM "u" GROUP BY "t_id") AS "t_2" ON "t"."id" = "t_2"."t_id" WHERE "t_2"."middle" > ?2 ORDER BY "t"."id" ASC"#,
                r#"PostgreSQL: SELECT "t"."id", "t_2"."middle" FROM "t" INNER JOIN (SELECT "t_id", PERCENTILE_CONT(?1) WITHIN GROUP (ORDER BY CAST("x" AS double precision)) AS "middle" FROM "u" GROUP BY "t_id") AS "t_2" ON "t"."id" = "t_2"."t_id" WHERE "t_2"."middle" > ?2 ORDER BY "t"."id" ASC"#,
                r#"MariaDB: SELECT "t"."id", "t_3"."middle" FROM "t" INNER JOIN (SELECT "t_id", MAX((CASE WHEN ("place" - ?1 <= ?2 * ("number" - ?3)) THEN CAST("x" AS DOUBLE) END)) + ((MIN(?4 * ("number" - ?5)) - MAX((CASE WHEN ("place" - ?6 <= ?7 * ("number" - ?8)) THEN "place" - ?9 END))) * (MIN((CASE WHEN ("place" - ?10 >= ?11 * ("number" - ?12)) THEN CAST("x" AS DOUBLE) END)) - MAX((CASE WHEN ("place" - ?13 <= ?14 * ("number" - ?15)) THEN CAST("x" AS DOUBLE) END)))) AS "middle" FROM (SELECT "u"."t_id", ROW_NUMBER() OVER (PARTITION BY "u"."t_id" ORDER BY CAST("u"."x" AS DOUBLE)) AS "place", COUNT(CAST("u"."x" AS DOUBLE)) OVER (PARTITION BY "u"."t_id") AS "number", "u"."x" FROM "u") AS "t_2" GROUP BY "t_id") AS "t_3" ON "t"."id" = "t_3"."t_id" WHERE "t_3"."middle" > ?16 ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
}

fn code(frame: Frame, dialect: Dialect) -> (ErrorKind, String) {
    let error = frame.to_sql_for(dialect).expect_err("a refusal");
    assert!(!error.to_string().contains('\n'));
    (error.kind(), error.code().to_owned())
}

#[test]
fn a_window_in_the_wrong_place_is_told_where_to_stand() {
    use super::snapshot::{t, u};
    let number = || row_number().over(window().order_by("id"));
    let plan = |frame: Frame| {
        let (kind, code) = code(frame, Dialect::Postgres);
        assert_eq!(kind, ErrorKind::Plan, "{code}");
        code
    };
    let t = || table(t::table);
    assert_eq!(plan(t().group_by(number().as_("n")).agg(count(all()))), "window.misplaced");
    assert_eq!(plan(t().agg(number().as_("n"))), "window.misplaced");
    assert_eq!(plan(t().agg(sum(number()).as_("n"))), "window.misplaced");
    assert_eq!(plan(t().join(table(u::table), on(number().eq(1)))), "window.misplaced");
    assert_eq!(plan(t().select(sum(number()).over(window()).as_("n"))), "window.misplaced");
    assert_eq!(plan(t().select(rank().over(window().order_by(sum(col("v")))).as_("n"))), "agg.nested");
    assert_eq!(plan(t().select(row_number().over(window()))), "window.order");
    assert_eq!(plan(t().select(lag(col("v"), 1).over(window().partition_by("g")))), "window.order");
    assert_eq!(plan(t().select(sum(col("v")))), "agg.misplaced");
    assert_eq!(plan(t().select(col("v").filter(col("v").gt(1)))), "agg.method");
    assert_eq!(plan(t().select(col("v").over(window()))), "agg.method");
    assert_eq!(plan(t().agg(sum(col("v")).order_by("id"))), "agg.order");
    assert_eq!(plan(t().agg(first(col("v")))), "agg.order");
    assert_eq!(plan(t().agg(portcullis::percentile_cont(1.5, col("v")))), "agg.fraction");
    let frame = |start, end| t().select(sum(col("v")).over(window().order_by("id").rows(start, end)));
    assert_eq!(plan(frame(following(1), preceding(1))), "window.frame");
    assert_eq!(plan(frame(preceding(1), preceding(2))), "window.frame");
    assert_eq!(plan(frame(unbounded_following(), unbounded_following())), "window.frame");
    assert_eq!(plan(frame(preceding(-1), current_row())), "window.frame");
    assert_eq!(plan(frame(preceding(0.5), current_row())), "window.frame");
    assert!(frame(preceding(2), preceding(1)).to_sql_for(Dialect::MariaDb).is_ok());
    let range = |keys: &[&str]| {
        t().select(sum(col("v")).over(window().order_by(keys.to_vec()).range(preceding(1), current_row())))
    };
    assert_eq!(plan(range(&["g", "id"])), "window.frame");
    assert!(range(&["g"]).to_sql_for(Dialect::Sqlite).is_ok());
    let (kind, code) = code(range(&["name"]), Dialect::Postgres);
    assert_eq!((kind, code.as_str()), (ErrorKind::Type, "type.wrong"));
}

/// MySQL computes a window over the one row that a key finds wherever it reads it: LEAST summed it twice, and IS NULL was true of it.
#[tokio::test]
async fn a_window_over_a_row_that_its_key_finds_is_computed_once() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE w (id bigint NOT NULL PRIMARY KEY, v bigint, d date)",
            "INSERT INTO w VALUES (1, 16, '2020-01-31'), (2, 3, '2021-01-01')",
        ])
        .await;
        let handle = db.read_only().await;
        let windows = [
            sum(col("v")).over(window()),
            sum(col("v")).over(window().order_by("id")),
            count(all()).over(window().partition_by("v")),
            max(col("v")).over(window()),
            row_number().over(window().order_by("id")),
            first_value(col("v")).over(window().order_by("id")),
            lag(col("v"), 1).over(window().order_by("id")),
        ];
        let forms: [fn(Expr) -> Expr; 11] = [
            |it| it.is_null(),
            |it| case().when(it.is_not_null(), 1).otherwise(2),
            |it| least([it, lit(1000)]),
            |it| greatest([it + 0, lit(-1)]),
            |it| it.nullif(1000),
            |it| coalesce([it, lit(7)]),
            |it| lit("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz").substring(it, 2),
            |it| col("d").date_add_units(it, Unit::Day),
            from_unix,
            |it| it.is_distinct_from(16),
            |it| (it / 3).round(2),
        ];
        for (number, window) in windows.iter().enumerate() {
            for (form, of) in forms.iter().enumerate() {
                let computed = |frame: Frame| frame.select(of(window.clone()).as_("c"));
                let apart = |frame: Frame| frame.with_column("n", window.clone()).select(of(col("n")).as_("c"));
                let rows = async |frame: Frame| format!("{}", frame.collect().await.unwrap());
                let found = || handle.table("w").where_(col("id").eq(1));
                let expected = rows(computed(handle.table("w").where_(col("id").le(1)))).await;
                assert_eq!(rows(computed(found())).await, expected, "{}: {number} {form}", handle.dialect());
                assert_eq!(rows(apart(found())).await, expected, "{}: {number} {form}", handle.dialect());
            }
        }
    })
    .await;
}

#[test]
fn what_a_database_lacks_in_windows_is_refused_by_name() {
    use super::snapshot::t;
    let over = |window| table(t::table).select(sum(col("v")).over(window).as_("s"));
    let by = || window().order_by("w");
    let refused = |frame: Frame, dialects: &[Dialect]| {
        for dialect in [Dialect::Postgres, Dialect::Sqlite, Dialect::MariaDb, Dialect::MySql] {
            if dialects.contains(&dialect) {
                assert_eq!(code(frame.clone(), dialect), (ErrorKind::Unsupported, "window.unsupported".to_owned()));
            } else {
                frame.to_sql_for(dialect).unwrap_or_else(|error| panic!("{dialect}: {error}"));
            }
        }
    };
    let mysql = [Dialect::MariaDb, Dialect::MySql];
    refused(over(by().groups(preceding(1), current_row())), &mysql);
    refused(over(by().exclude_ties()), &mysql);
    refused(over(by().range(unbounded_preceding(), following(1))), &mysql);
    refused(over(by().range(preceding(1), following(1))), &[]);
    refused(over(by().rows(preceding(1), following(1))), &[]);
    let ratio = table(t::table).select(avg(col("v") / 2).over(by().rows(preceding(1), current_row())).as_("s"));
    refused(ratio, &[Dialect::MariaDb]);
    let everywhere = |frame: Frame| code(frame, Dialect::Sqlite);
    assert_eq!(
        everywhere(table(t::table).select(count_distinct(col("v")).over(window()).as_("n"))),
        (ErrorKind::Unsupported, "window.distinct".to_owned())
    );
    assert_eq!(
        everywhere(table(t::table).select(median(col("v")).over(window()).as_("n"))),
        (ErrorKind::Unsupported, "window.aggregate".to_owned())
    );
}
