//! Subtotals: rollup, cube, grouping sets.

use portcullis::{
    Dialect, Frame, all, avg, col, count, count_distinct, cube, grouping, grouping_sets, max, rollup, sum, table,
};

use crate::support::{self, check};

portcullis::table! { sales { region: Option<String>, product: String, amount: i64 } }

const SETUP: &[&str] = &[
    "CREATE TABLE sales (region varchar(10), product varchar(10) NOT NULL, amount bigint NOT NULL)",
    "INSERT INTO sales VALUES ('east', 'tea', 1), ('east', 'tea', 2), ('east', 'Tea', 4), ('west', 'tea', 8), (NULL, 'tea', 16), (NULL, 'oil', 32)",
];

fn ordered(frame: Frame) -> Frame {
    frame.order_by((col("all_regions"), col("region"), col("all_products"), col("product")))
}

fn marks() -> (portcullis::Expr, portcullis::Expr) {
    (grouping("region").as_("all_regions"), grouping("product").as_("all_products"))
}

#[tokio::test]
async fn subtotals_are_rows_whose_keys_are_null_and_are_told_from_null_in_the_data() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let db = db.read_only().await;
        let sales = || db.table("sales");
        let (regions, products) = marks();
        let total = || sum(col("amount")).as_("total");
        check(
            &db,
            ordered(sales().group_by(rollup(["region", "product"])).agg((total(), regions.clone(), products.clone()))),
            &[
                "east|Tea|4|0|0",
                "east|tea|3|0|0",
                "east|null|7|0|1",
                "west|tea|8|0|0",
                "west|null|8|0|1",
                "null|oil|32|0|0",
                "null|tea|16|0|0",
                "null|null|48|0|1",
                "null|null|63|1|1",
            ],
        )
        .await;
        check(
            &db,
            ordered(sales().group_by(cube(["region", "product"])).agg((total(), regions.clone(), products.clone())))
                .where_(col("all_regions").eq(1)),
            &["null|Tea|4|1|0", "null|oil|32|1|0", "null|tea|27|1|0", "null|null|63|1|1"],
        )
        .await;
        check(
            &db,
            ordered(sales().group_by(grouping_sets([vec!["product"], vec!["region"]])).agg((
                total(),
                regions.clone(),
                products.clone(),
            ))),
            &[
                "null|east|7|0|1",
                "null|west|8|0|1",
                "null|null|48|0|1",
                "Tea|null|4|1|0",
                "oil|null|32|1|0",
                "tea|null|27|1|0",
            ],
        )
        .await;
        // What is aggregated is the column, also where it is a key that is left out.
        check(
            &db,
            sales()
                .group_by(rollup("region"))
                .agg((
                    count(all()).as_("n"),
                    count(col("region")).as_("known"),
                    count_distinct(col("product")).as_("products"),
                    max(col("region")).as_("last"),
                    avg(col("amount")).as_("mean"),
                ))
                .order_by((col("n"), "known")),
            &[
                "west|1|1|1|west|8.0",
                "null|2|0|2|null|24.0",
                "east|3|3|2|east|2.3333333333333335",
                "null|6|4|3|west|10.5",
            ],
        )
        .await;
        // Without an aggregate; a computed key; a key in an expression; rows that were chosen before.
        check(
            &db,
            sales().group_by(rollup("product")).agg(Vec::<portcullis::Expr>::new()).order_by("product"),
            &["Tea", "oil", "tea", "null"],
        )
        .await;
        check(
            &db,
            sales()
                .group_by(rollup((col("amount") % 2).as_("odd")))
                .agg(((col("odd") + 10).as_("more"), total(), grouping("odd").as_("all_rows")))
                .order_by((col("all_rows"), col("odd"))),
            &["0|10|62|0", "1|11|1|0", "null|null|63|1"],
        )
        .await;
        check(
            &db,
            sales()
                .where_(col("amount").lt(5))
                .order_by("amount")
                .limit(2)
                .group_by(rollup("product"))
                .agg(total())
                .order_by("product"),
            &["tea|3", "null|3"],
        )
        .await;
        check(
            &db,
            sales().group_by(cube("product")).agg(grouping("product").as_("every")).order_by("product"),
            &["Tea|0", "oil|0", "tea|0", "null|1"],
        )
        .await;
        // What follows sees the whole: filters on a subtotal's NULL, distinct, joins, a second aggregation, limits.
        let by_product = || sales().group_by(rollup("product")).agg(total());
        check(&db, by_product().where_(col("product").is_null()), &["null|63"]).await;
        check(
            &db,
            by_product().fill_null("product", "all").where_(col("total").gt(10)).order_by("product"),
            &["all|63", "oil|32", "tea|27"],
        )
        .await;
        check(&db, by_product().agg((sum(col("total")).as_("twice"), count(all()).as_("n"))), &["126|4"]).await;
        check(&db, by_product().select("product").distinct().order_by("product").limit(2), &["Tea", "oil"]).await;
        check(
            &db,
            by_product()
                .join(db.table("sales"), portcullis::using("product"))
                .where_(col("amount").gt(20))
                .select(["product", "total"]),
            &["oil|32"],
        )
        .await;
        // Over no rows: no groups, and one row for all of them.
        check(
            &db,
            sales().where_(col("amount").lt(0)).group_by(rollup("product")).agg((total(), count(all()).as_("n"))),
            &["null|null|0"],
        )
        .await;
    })
    .await;
}

#[test]
fn the_text_is_grouping_sets_or_a_union() {
    let frame = table(sales::table)
        .group_by(rollup(["region", "product"]))
        .agg((sum(col("amount")).as_("total"), grouping("product")));
    let sql = |dialect| frame.to_sql_for(dialect).expect("text").sql().to_owned();
    assert_eq!(
        sql(Dialect::Postgres),
        r#"SELECT "region", "product", SUM("amount") AS "total", CAST(GROUPING("product") AS bigint) AS "grouping_product" FROM "sales" GROUP BY GROUPING SETS (("region", "product"), ("region"), ())"#
    );
    assert_eq!(
        sql(Dialect::Sqlite),
        concat!(
            r#"SELECT "region", "product", "total", "grouping_product" FROM (SELECT SUM("amount") AS "total", "region", "product", (0) AS "grouping_product" FROM "sales" GROUP BY "region", "product""#,
            r#" UNION ALL SELECT SUM("sales_2"."amount") AS "total", "sales_2"."region", NULL AS "product", (1) AS "grouping_product" FROM "sales" AS "sales_2" GROUP BY "sales_2"."region""#,
            r#" UNION ALL SELECT SUM("sales_3"."amount") AS "total", NULL AS "region", NULL AS "product", (1) AS "grouping_product" FROM "sales" AS "sales_3") AS "t""#,
        )
    );
}

#[test]
fn what_makes_no_sets_is_refused() {
    let sales = || table(sales::table);
    let seven = ["a", "b", "c", "d", "e", "f", "g"];
    let none: [&str; 0] = [];
    let cases = [
        (
            sales().group_by(rollup(none)).agg(count(all())),
            "plan.no_columns",
            "`rollup` names no column; write at least one",
        ),
        (
            sales().group_by(cube(seven)).agg(count(all())),
            "limit.grouping_sets",
            "`cube` makes more than 64 sets of keys; list those you need with `grouping_sets`",
        ),
        (
            sales().group_by(cube(all())).agg(count(all())),
            "grouping.all",
            "`cube` takes the columns to sum up over; name them instead of `all()`",
        ),
        (
            sales().group_by("region").agg(grouping("region")),
            "grouping.no_sets",
            "`grouping` asks for a key of `rollup`, `cube` or `grouping_sets`; write it in the `agg` that follows their `group_by`",
        ),
        (
            sales().group_by(rollup("region")).agg(grouping("amount")),
            "agg.not_a_key",
            "the column `amount` is neither a key of `group_by` nor inside an aggregate; add it to `group_by`, or write `min(..)` of it",
        ),
        (
            sales().group_by(grouping_sets([["region", "prodct"]])).agg(count(all())),
            "schema.unknown_column",
            "there is no column `prodct` here; did you mean `product`?",
        ),
        (
            sales().group_by(rollup("region")).agg(count(all())).where_(grouping("region").eq(1)),
            "grouping.no_sets",
            "`grouping` asks for a key of `rollup`, `cube` or `grouping_sets`; write it in the `agg` that follows their `group_by`",
        ),
    ];
    for (frame, code, message) in cases {
        let error = frame.to_sql_for(Dialect::Sqlite).expect_err(message);
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
    assert!(sales().group_by(cube(["region", "product"])).agg(grouping("region")).to_sql_for(Dialect::Sqlite).is_ok());
}
