//! Subtotals of what is more than a table: on databases without grouping sets that is written once, in WITH.

use std::collections::BTreeMap;

use portcullis::{
    Dialect, Frame, all, col, count, cube, exists, grouping_sets, lit, not_exists, on, outer, random, rollup, sum,
    table,
};

use crate::support::{self, check};

portcullis::table! { sales { region: Option<String>, product: String, amount: i64 } }

const SETUP: &[&str] = &[
    "CREATE TABLE sales (region varchar(10), product varchar(10) NOT NULL, amount bigint NOT NULL)",
    "INSERT INTO sales VALUES ('east', 'tea', 1), ('east', 'tea', 2), ('east', 'Tea', 4), ('west', 'tea', 8), (NULL, 'tea', 16), (NULL, 'oil', 32)",
    "CREATE TABLE regions (name varchar(10) NOT NULL, area bigint NOT NULL)",
    "INSERT INTO regions VALUES ('east', 5), ('west', 7), ('north', 9)",
    "CREATE TABLE kept (region varchar(10), total bigint)",
];

type Row = (Option<String>, Option<String>, i64);

/// A cube over both keys, `times` times, in memory.
fn cubed(times: usize) -> Vec<Row> {
    let text = |it: &str| Some(it.to_owned());
    let mut rows = vec![
        (text("east"), text("tea"), 1),
        (text("east"), text("tea"), 2),
        (text("east"), text("Tea"), 4),
        (text("west"), text("tea"), 8),
        (None, text("tea"), 16),
        (None, text("oil"), 32),
    ];
    for _ in 0..times {
        let mut made = Vec::new();
        for (by_region, by_product) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut groups: BTreeMap<(Option<String>, Option<String>), i64> = BTreeMap::new();
            for (region, product, amount) in &rows {
                let key = (region.clone().filter(|_| by_region), product.clone().filter(|_| by_product));
                *groups.entry(key).or_default() += amount;
            }
            made.extend(groups.into_iter().map(|((region, product), amount)| (region, product, amount)));
        }
        rows = made;
    }
    rows.sort();
    rows
}

fn cubes(sales: Frame, times: usize) -> Frame {
    (0..times).fold(sales, |frame, _| frame.group_by(cube(["region", "product"])).agg(sum(col("amount")).as_("amount")))
}

#[tokio::test]
async fn subtotals_of_subtotals_of_subtotals_have_the_rows_of_memory() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let handle = db.read_only().await;
        for times in 1..=3 {
            // MariaDB answers some texts rightly once only.
            for _ in 0..2 {
                let mut rows: Vec<Row> = cubes(handle.table("sales"), times).collect_as().await.unwrap();
                rows.sort();
                assert_eq!(rows, cubed(times), "{times} on {}", db.dialect);
            }
        }
    })
    .await;
}

#[test]
fn each_cube_adds_as_much_text_as_the_one_before() {
    for dialect in [Dialect::MariaDb, Dialect::MySql, Dialect::Sqlite] {
        let length = |times| cubes(table(sales::table), times).to_sql_for(dialect).expect("text").sql().len();
        let (second, third, tenth) = (length(2), length(3), length(10));
        support::say(&format!("{dialect}: two cubes {second}, three {third}, ten {tenth} bytes"));
        assert!(tenth - third < 8 * (third - second), "{dialect}: {second}, {third}, {tenth}");
    }
    let two = cubes(table(sales::table), 2).to_sql_for(Dialect::Sqlite).expect("text");
    let one_in_all = concat!(
        r#"WITH "shared" AS  MATERIALIZED (SELECT "region", "product", "amount" FROM (SELECT SUM("sales"."amount") AS "amount", "sales"."region", "sales"."product" FROM "sales" GROUP BY "sales"."region", "sales"."product""#,
        r#" UNION ALL SELECT SUM("sales_2"."amount") AS "amount", "sales_2"."region", NULL AS "product" FROM "sales" AS "sales_2" GROUP BY "sales_2"."region""#,
        r#" UNION ALL SELECT SUM("sales_3"."amount") AS "amount", NULL AS "region", "sales_3"."product" FROM "sales" AS "sales_3" GROUP BY "sales_3"."product""#,
        r#" UNION ALL SELECT SUM("sales_4"."amount") AS "amount", NULL AS "region", NULL AS "product" FROM "sales" AS "sales_4") AS "t")"#,
        r#" SELECT "region", "product", "amount" FROM (SELECT SUM("shared"."amount") AS "amount", "shared"."region", "shared"."product" FROM "shared" GROUP BY "shared"."region", "shared"."product""#,
        r#" UNION ALL SELECT SUM("shared_2"."amount") AS "amount", "shared_2"."region", NULL AS "product" FROM "shared" AS "shared_2" GROUP BY "shared_2"."region""#,
        r#" UNION ALL SELECT SUM("shared_3"."amount") AS "amount", NULL AS "region", "shared_3"."product" FROM "shared" AS "shared_3" GROUP BY "shared_3"."product""#,
        r#" UNION ALL SELECT SUM("shared_4"."amount") AS "amount", NULL AS "region", NULL AS "product" FROM "shared" AS "shared_4") AS "t_2""#,
    );
    assert_eq!(two.sql(), one_in_all);
}

#[tokio::test]
async fn what_is_shared_may_be_a_join_a_limit_a_distinct_a_set_or_another_relation_of_with() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let db = db.read_only().await;
        let sales = || db.table("sales");
        let subtotals = |frame: Frame| {
            let total = (sum(col("amount")).as_("total"), count(all()).as_("n"));
            frame.group_by(rollup("product")).agg(total).order_by("product").where_(col("n").gt(0))
        };
        let with_area = sales().join(db.table("regions"), on(col("region").eq(col("name"))));
        check(&db, subtotals(with_area), &["Tea|4|1", "tea|11|3", "null|15|4"]).await;
        check(&db, subtotals(sales().order_by(col("amount").desc()).limit(3)), &["oil|32|1", "tea|24|2", "null|56|3"])
            .await;
        let kinds = sales().select((col("product"), (col("amount") % 2).as_("amount"))).distinct();
        check(&db, subtotals(kinds), &["Tea|0|1", "oil|0|1", "tea|1|2", "null|1|4"]).await;
        check(&db, subtotals(sales().union_all(sales())), &["Tea|8|2", "oil|64|2", "tea|54|8", "null|126|12"]).await;
        check(
            &db,
            subtotals(sales().union(sales()).cte("all of them")),
            &["Tea|4|1", "oil|32|1", "tea|27|4", "null|63|6"],
        )
        .await;
        // Another relation of WITH reads what is shared, and is shared.
        let inner = cubes(sales(), 2).cte("inner");
        let both = inner.clone().union_all(inner).cte("both");
        let rows: i64 = cubed(2).len() as i64 * 2;
        check(
            &db,
            both.group_by(grouping_sets([vec![], vec!["region"]]))
                .agg(count(all()).as_("n"))
                .order_by(col("n").desc())
                .select("n")
                .limit(1),
            &[&rows.to_string()],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_names_a_relation_around_it_stays_where_it_is() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let handle = db.read_only().await;
        // The last amounts of the region, with subtotals, among which is one of more than 10.
        let large = |limited: bool| {
            let own = handle.table("sales").where_(col("region").eq(outer("name")));
            let own = if limited { own.order_by(col("amount").desc()).limit(2) } else { own };
            let totals = own.group_by(cube("product")).agg(sum(col("amount")).as_("total"));
            exists(totals.where_(col("total").gt(6)))
        };
        let regions = || handle.table("regions").order_by("name").select("name");
        for limited in [false, true] {
            let found = regions().where_(large(limited)).collect_as::<String>().await;
            let expected: &[&str] = if limited { &["west"] } else { &["east", "west"] };
            match found {
                Ok(found) => assert_eq!(found, expected, "{}", db.dialect),
                Err(error) => {
                    assert_eq!((error.code(), db.dialect), ("subquery.nested", Dialect::MariaDb), "{error:?}");
                }
            }
        }
        // What names nothing around it is shared in the subquery too.
        let few = handle.table("sales").order_by("amount").limit(4);
        let totals = few.group_by(cube("region")).agg(sum(col("amount")).as_("total"));
        let known = totals.where_(col("region").eq(outer("name"))).where_(col("total").gt(7));
        check(&handle, regions().where_(exists(known.clone())), &["west"]).await;
        check(&handle, regions().where_(not_exists(known)), &["east", "north"]).await;
    })
    .await;
}

#[tokio::test]
async fn values_of_chance_are_the_same_in_each_set() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let handle = db.read_only().await;
        let thrown = handle.table("sales").with_column("dice", random());
        let frame = thrown.group_by(rollup("product")).agg((count(all()).as_("n"), sum(col("dice")).as_("total")));
        let rows: Vec<(Option<String>, i64, f64)> = frame.collect_as().await.unwrap();
        let parts: f64 = rows.iter().filter(|row| row.1 < 6).map(|row| row.2).sum();
        let whole = rows.iter().find(|row| row.1 == 6).unwrap().2;
        support::say(&format!("{}: {parts} {whole}", db.dialect));
        assert!((parts - whole).abs() < 1e-9 || db.dialect == Dialect::MariaDb, "{}: {parts} {whole}", db.dialect);
    })
    .await;
}

#[tokio::test]
async fn a_write_reads_subtotals_of_subtotals() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let handle = db.read_write().await;
        let totals = || {
            let known = handle.table("sales").where_(col("region").in_(handle.table("regions").select("name")));
            known
                .group_by(rollup("region"))
                .agg(sum(col("amount")).as_("amount"))
                .group_by(rollup("region"))
                .agg(sum(col("amount")).as_("amount"))
        };
        let rows = totals().select((col("region"), col("amount").as_("total")));
        let made = handle.insert("kept").columns(["region", "total"]).select(rows).execute().await.unwrap();
        assert_eq!(made, 4);
        let kept = || handle.table("kept").order_by((col("region"), col("total")));
        check(&handle, kept(), &["east|7", "west|8", "null|15", "null|30"]).await;
        let large = totals().where_(col("amount").gt(7)).where_(col("region").is_not_null()).select("region");
        let gone = handle.delete("kept").where_(col("region").in_(large)).execute().await.unwrap();
        assert_eq!(gone, 1);
        let large = totals().where_(col("amount").gt(6)).where_(col("region").is_not_null()).select("region");
        let changed =
            handle.update("kept").set("total", lit(1)).where_(col("region").in_(large)).execute().await.unwrap();
        assert_eq!(changed, 1);
        // The same under a name of the caller's.
        let known = handle.table("regions").select("name").cte("known");
        let named = handle.table("sales").where_(col("region").in_(known)).select("region").cte("named");
        let changed =
            handle.update("kept").set("total", lit(1)).where_(col("region").in_(named)).execute().await.unwrap();
        assert!(changed <= 1);
        check(&handle, kept(), &["east|1", "null|15", "null|30"]).await;
    })
    .await;
}
