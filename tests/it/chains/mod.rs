//! What a chain means: the same rows on every database.

mod ctes;
mod cycles;
mod deduplicating;
mod exploding;
mod aggregates;
mod folding;
mod grouping;
mod joining;
mod lateral;
mod locks;
mod nulls;
mod numbers;
mod pivoting;
mod recursive;
mod sampling;
mod sets;
mod snapshot;
mod subqueries;
mod subtotals;
mod text;
mod times;
mod unpivoting;
mod values;
mod windows;

use portcullis::{all, avg, case, coalesce, col, count, count_distinct, lit, max, min, on, sum, using};

use crate::support;

use crate::support::check;

#[tokio::test]
async fn verbs_mean_the_same_on_every_database() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE items (id integer NOT NULL, dept integer, name varchar(40), v double precision)",
            "INSERT INTO items VALUES (1, 10, 'Alice', 10.5), (2, 10, 'bob', 20), (3, NULL, 'Bob', NULL), (4, 20, NULL, 30)",
            "CREATE TABLE depts (dept integer NOT NULL, title varchar(40))",
            "INSERT INTO depts VALUES (10, 'Ten'), (20, 'Twenty'), (30, 'Thirty')",
        ])
        .await;
        let db = db.read_only().await;
        let items = || db.table("items");
        check(&db, items().where_(col("dept").ne(10)).select(["id"]), &["4"]).await;
        check(&db, items().where_(col("name").eq("bob")).select(["id"]), &["2"]).await;
        check(&db, items().where_(col("name").like("b%")).select(["id"]), &["2"]).await;
        check(&db, items().order_by("id").limit(2).where_(col("v").gt(15)).select(["id"]), &["2"]).await;
        check(&db, items().order_by("id").limit(2).order_by(col("id").desc()).select(["id"]), &["2", "1"]).await;
        check(&db, items().select(["id"]).order_by(col("name").asc()), &["1", "3", "2", "4"]).await;
        check(&db, items().order_by((col("dept").desc(), "id")).select(["id"]), &["3", "4", "1", "2"]).await;
        check(
            &db,
            items().group_by("dept").agg((count(all()).as_("n"), avg(col("v")).as_("mean"))).order_by("dept"),
            &["10|2|15.25", "20|1|30.0", "null|1|null"],
        )
        .await;
        check(
            &db,
            items().group_by("dept").agg(sum(col("id"))).where_(col("sum_id").gt(3)).order_by(col("dept")),
            &["20|4"],
        )
        .await;
        check(
            &db,
            items().join(db.table("depts"), using("dept")).select(["id", "dept", "title"]).order_by("id"),
            &["1|10|Ten", "2|10|Ten", "4|20|Twenty"],
        )
        .await;
        check(
            &db,
            items()
                .full_join(db.table("depts"), on(col("dept").of("items").eq(col("dept").of("depts"))))
                .select(["id", "dept", "dept_right", "title"])
                .order_by((col("id"), col("dept_right"))),
            &["1|10|10|Ten", "2|10|10|Ten", "3|null|null|null", "4|20|20|Twenty", "null|null|30|Thirty"],
        )
        .await;
        check(
            &db,
            db.table("depts").anti_join(items(), using("dept")).select(["title"]),
            &["Thirty"],
        )
        .await;
        check(&db, db.table("depts").semi_join(items(), using("dept")).select(["title"]).order_by("title"), &["Ten", "Twenty"])
            .await;
        let level = case().when(col("v").gt(25), "High").when(col("v").gt(15), "Medium").otherwise("Low");
        check(&db, items().order_by("id").select(("id", level.as_("level"))), &["1|Low", "2|Medium", "3|Low", "4|High"]).await;
        check(
            &db,
            items().agg((min(col("name")), max(col("name")), count_distinct(col("name")).as_("names"), sum(col("v")))),
            &["Alice|bob|3|60.5"],
        )
        .await;
        check(&db, items().select([coalesce([col("name"), lit("none")]).as_("name")]).distinct().order_by("name"), &["Alice", "Bob", "bob", "none"]).await;
        check(&db, items().where_(col("id").in_(Vec::<i64>::new())), &[]).await;
        check(&db, items().where_(col("id").in_((0..5000).collect::<Vec<i64>>())).agg(count(all())), &["4"]).await;
        check(&db, items().where_(col("name").in_((0..500).map(|n| format!("n{n}")).chain(["bob".to_owned()]).collect::<Vec<_>>())).select("id"), &["2"]).await;
        check(&db, items().rename("v", "value").drop(["name", "dept"]).order_by("id").limit(1), &["1|10.5"]).await;
        check(&db, items().with_column("v", col("id") * 2).with_column("half", col("id") / 2).drop(["name", "dept"]).order_by("id").limit(2), &["1|2|0.5", "2|4|1.0"]).await;
        check(&db, items().where_(col("id").gt(1)).as_("a").join(items().as_("b"), on(col("id").of("a").eq(col("id").of("b")))).select([col("id").of("b")]).order_by("id").limit(1), &["2"]).await;
        assert_eq!(items().limit(1).count().await.expect("a count"), 1);
        assert_eq!(items().select("dept").distinct().count().await.expect("a count"), 3);
    })
    .await;
}
