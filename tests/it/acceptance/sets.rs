//! Set operations, common table expressions and subqueries.

use portcullis::{
    Database, ErrorKind, ReadOnly, SqlType, all, avg, col, count, exists, max, not_exists, on, outer, recursive,
    scalar, sum,
};

use crate::support::{self, TestDatabase, check};

async fn shop(db: &TestDatabase) -> Database<ReadOnly> {
    db.execute_setup(&[
        "CREATE TABLE one (name varchar(5) NOT NULL)",
        "INSERT INTO one VALUES ('A'), ('B')",
        "CREATE TABLE two (name varchar(5) NOT NULL)",
        "INSERT INTO two VALUES ('B'), ('C')",
        "CREATE TABLE sales (id integer NOT NULL, amount decimal(10, 2) NOT NULL)",
        "INSERT INTO sales VALUES (1, 100), (2, 200), (3, 150)",
        "CREATE TABLE customers (id integer NOT NULL, name varchar(20) NOT NULL, active boolean NOT NULL)",
        "INSERT INTO customers VALUES (1, 'Alice', true), (2, 'Bob', false), (3, 'Cara', true)",
        "CREATE TABLE orders (id integer NOT NULL, customer_id integer)",
        "INSERT INTO orders VALUES (100, 1), (101, 2), (102, 1), (103, NULL)",
    ])
    .await;
    db.read_only().await
}

#[tokio::test]
async fn frames_are_united_intersected_and_subtracted() {
    support::each(async |db| {
        let db = shop(db).await;
        let (one, two) = (|| db.table("one"), || db.table("two"));
        check(&db, one().union(two()).order_by("name"), &["A", "B", "C"]).await;
        check(&db, one().union_all(two()).order_by("name"), &["A", "B", "B", "C"]).await;
        let (abc, bcd) = (|| one().union(two()), || two().union(one().where_(col("name").eq("nobody"))));
        check(&db, abc().intersect(bcd()).order_by("name"), &["B", "C"]).await;
        check(&db, abc().except(two()), &["A"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_common_table_expression_is_read_twice() {
    support::each(async |db| {
        let db = shop(db).await;
        let large = db.table("sales").where_(col("amount").gt(100)).cte("large");
        check(&db, large.clone().order_by("id").select("id"), &["2", "3"]).await;
        let mean = large.clone().agg(avg(col("amount")).as_("mean"));
        check(&db, large.clone().where_(col("amount").gt(scalar(mean))).select("id"), &["2"]).await;
        check(
            &db,
            large
                .clone()
                .join(large.as_("other"), on(col("id").of("large").lt(col("id").of("other"))))
                .select((col("id").of("large"), col("id").of("other").as_("next"))),
            &["2|3"],
        )
        .await;
        let first = db.table("sales").where_(col("id").eq(1)).select("id");
        let ids = recursive("ids", first).max_depth(2).step(|ids| ids.select((col("id") + 1).as_("id")));
        check(&db, ids.order_by("id"), &["1", "2", "3"]).await;
    })
    .await;
}

#[tokio::test]
async fn subqueries_filter_and_compute() {
    support::each(async |db| {
        let db = shop(db).await;
        let (customers, orders) = (|| db.table("customers"), || db.table("orders"));
        let active = customers().where_(col("active")).select("id");
        check(&db, orders().where_(col("customer_id").in_(active)).select("id").order_by("id"), &["100", "102"]).await;
        check(&db, customers().where_(exists(orders())).agg(count(all())), &["3"]).await;
        let theirs = || orders().where_(col("customer_id").eq(outer("id")));
        check(&db, customers().where_(exists(theirs())).select("name").order_by("name"), &["Alice", "Bob"]).await;
        check(&db, customers().where_(not_exists(theirs())).select("name"), &["Cara"]).await;
        let highest = db.table("sales").agg(max(col("amount")).as_("highest"));
        check(
            &db,
            db.table("sales").select(("id", scalar(highest).as_("highest"))).order_by("id"),
            &["1|200.00d", "2|200.00d", "3|200.00d"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn writes_take_subqueries_in_conditions_and_values() {
    support::each(async |test| {
        shop(test).await;
        let db = test.read_write().await;
        let sales = || db.table("sales");
        let changed = db
            .update("customers")
            .set("name", "nobody")
            .where_(not_exists(db.table("orders").where_(col("customer_id").eq(outer("id")))))
            .execute();
        assert_eq!(changed.await.unwrap(), 1);
        check(&db, db.table("customers").order_by("id").select("name"), &["Alice", "Bob", "nobody"]).await;
        // Of the table that is written.
        let most = sales().agg(max(col("amount")).as_("most"));
        let changed =
            db.update("sales").set("amount", scalar(most.clone())).where_(col("amount").lt(scalar(most))).execute();
        assert_eq!(changed.await.unwrap(), 2);
        check(&db, sales().agg(sum(col("amount"))), &["600.00d"]).await;
        let largest = sales().order_by(col("id").desc()).limit(2).select("id");
        assert_eq!(db.delete("sales").where_(col("id").in_(largest)).execute().await.unwrap(), 2);
        check(&db, sales().select("id"), &["1"]).await;
        // Correlated with each row that is written, through a relation of WITH.
        let counted = db.table("orders").group_by("customer_id").agg(count(all()).as_("n")).cte("counted");
        let many = counted.where_(col("n").gt(1) & col("customer_id").eq(outer("id")));
        assert_eq!(db.delete("customers").where_(exists(many)).execute().await.unwrap(), 1);
        check(&db, db.table("customers").order_by("id").select("id"), &["2", "3"]).await;
        // A subquery of another handle is refused.
        let reader = test.read_only().await;
        let foreign = db
            .delete("customers")
            .where_(col("id").in_(reader.table("orders").select("id")))
            .execute()
            .await
            .unwrap_err();
        assert_eq!((foreign.code(), foreign.kind()), ("join.two_databases", ErrorKind::Plan));
    })
    .await;
}

#[tokio::test]
async fn a_value_that_would_see_a_part_of_the_changes_is_refused() {
    support::each(async |test| {
        shop(test).await;
        let db = test.read_write().await;
        let before = db.table("sales").where_(col("id").lt(outer("id"))).agg(sum(col("amount")).as_("s"));
        let running = db.update("sales").set("amount", scalar(before)).where_(col("id").gt(1)).execute().await;
        match test.dialect {
            portcullis::Dialect::Sqlite => assert_eq!(running.unwrap_err().code(), "update.self_read"),
            _ => {
                assert_eq!(running.unwrap(), 2);
                check(&db, db.table("sales").order_by("id").select("amount"), &["100.00d", "100.00d", "300.00d"]).await;
            }
        }
    })
    .await;
}

/// Keeps the tables of the last statement.
#[derive(Clone, Default)]
struct Accesses(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl portcullis::Hook for Accesses {
    async fn before(&self, cx: &portcullis::QueryContext) -> portcullis::Result<()> {
        let shown = cx.tables().iter().map(|table| {
            format!(
                "{} out {:?} where {:?} join {:?} group {:?}",
                table.table, table.output, table.filter, table.join, table.group
            )
        });
        *self.0.lock().unwrap() = shown.collect();
        Ok(())
    }

    async fn after(&self, _: &portcullis::QueryContext, _: &portcullis::Outcome) {}
}

#[tokio::test]
async fn tables_and_columns_are_reported_wherever_they_are_read() {
    support::each(async |test| {
        shop(test).await;
        let seen = Accesses::default();
        let db = Database::builder(test.dsn_rw().parse().unwrap()).hook(seen.clone()).open_read_write().await.unwrap();
        let taken = || {
            let mut taken = std::mem::take(&mut *seen.0.lock().unwrap());
            taken.sort();
            taken
        };
        db.schema().await.unwrap();
        // A relation of WITH that is called like a table hides nothing from the report.
        let named = db.table("orders").where_(col("id").gt(100)).select("customer_id").cte("customers");
        db.table("customers").where_(col("id").in_(named)).select("name").collect().await.unwrap();
        assert_eq!(
            taken(),
            [
                r#"customers out ["name"] where ["id"] join [] group []"#,
                r#"orders out ["customer_id"] where ["id", "customer_id"] join [] group []"#
            ]
        );
        // The columns that end a path are looked at as a condition's are.
        let anchor = db.table("customers").where_(col("active")).select(("id", "name"));
        let on_id = |it: &str| on(col("customer_id").eq(col("id").of(it)));
        let on_path = recursive("on", anchor).cycle("name").step(|it| {
            db.table("orders").join(it, on_id("on")).select((col("customer_id").cast(SqlType::Int64).as_("id"), "name"))
        });
        on_path.select("id").collect().await.unwrap();
        assert_eq!(
            taken(),
            [
                r#"customers out ["id", "name"] where ["active", "name"] join ["id"] group []"#,
                r#"orders out ["customer_id"] where [] join ["customer_id"] group []"#
            ]
        );
        db.table("one").union(db.table("two")).collect().await.unwrap();
        assert_eq!(
            taken(),
            [
                r#"one out ["name"] where [] join [] group ["name"]"#,
                r#"two out ["name"] where [] join [] group ["name"]"#
            ]
        );
        let top = db.table("sales").agg(max(col("amount")).as_("top"));
        db.update("customers")
            .set("name", "x")
            .where_(exists(top.where_(col("top").gt(outer("id")))))
            .execute()
            .await
            .unwrap();
        assert_eq!(
            taken(),
            [
                r#"customers out [] where ["id"] join [] group []"#,
                r#"sales out ["amount"] where ["amount"] join [] group []"#
            ]
        );
    })
    .await;
}
