//! Groups.

use portcullis::{all, avg, case, col, count, count_distinct, max, min, sum};

use crate::support::{self, check};

#[tokio::test]
async fn groups_have_one_row_each_and_null_is_a_group() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE orders (id integer NOT NULL, customer integer, total integer)",
            "INSERT INTO orders VALUES (1, 1, 20), (2, 1, 30), (3, 2, 75)",
            "CREATE TABLE items (category varchar(5), amount integer, price double precision)",
            "INSERT INTO items VALUES ('A', 100, 10), ('A', 200, 20), ('B', 50, 5)",
            "CREATE TABLE parts (name varchar(5), v integer)",
            "INSERT INTO parts VALUES ('a', 10), ('a', 20), ('b', 60), (NULL, NULL)",
            "CREATE TABLE blank (v integer, d decimal(10, 2), f double precision, t varchar(5))",
        ])
        .await;
        let db = db.read_only().await;
        check(
            &db,
            db.table("orders").group_by("customer").agg(sum(col("total")).as_("total")).order_by("customer"),
            &["1|50", "2|75"],
        )
        .await;
        check(
            &db,
            db.table("items")
                .group_by("category")
                .agg((sum(col("amount")), avg(col("price"))))
                .where_(col("category").eq("A")),
            &["A|300|15.0"],
        )
        .await;
        let parts = || db.table("parts").group_by("name").agg(sum(col("v")).as_("total"));
        check(&db, parts().order_by("name"), &["a|30", "b|60", "null|null"]).await;
        check(&db, parts().where_(col("total").gt(25)).order_by("name"), &["a|30", "b|60"]).await;
        check(&db, parts().where_(col("total").gt(25)).order_by("name").select("name"), &["a", "b"]).await;
        let nothing = (
            sum(col("v")).as_("i"),
            sum(col("d")).as_("d"),
            avg(col("f")).as_("f"),
            min(col("t")).as_("least"),
            max(col("t")).as_("most"),
            count(col("v")).as_("values"),
            count(all()).as_("rows"),
            count_distinct(col("v")).as_("kinds"),
        );
        check(&db, db.table("blank").agg(nothing), &["null|null|null|null|null|0|0|0"]).await;
        check(&db, db.table("blank").group_by("v").agg(count(all())), &[]).await;
    })
    .await;
}

#[tokio::test]
async fn a_filtered_aggregate_looks_at_part_of_a_group() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE events (category varchar(5), status varchar(10), amount integer, customer integer)",
            "INSERT INTO events VALUES ('A', 'active', 100, 1), ('A', 'inactive', 50, 3), ('A', 'pending', 75, 1), \
             ('B', 'active', 200, 2)",
            "CREATE TABLE visits (visitor integer, active boolean)",
            "INSERT INTO visits VALUES (1, TRUE), (1, TRUE), (2, TRUE), (3, FALSE)",
        ])
        .await;
        let db = db.read_only().await;
        let active = || col("status").eq("active");
        check(
            &db,
            db.table("events")
                .group_by("category")
                .agg((
                    sum(col("amount")).filter(active()).as_("active_sum"),
                    // The name may come first.
                    sum(col("amount")).as_("inactive_sum").filter(col("status").eq("inactive")),
                    count(all()).filter(col("status").ne("pending")).as_("settled"),
                    avg(col("amount")).filter(active()).as_("mean"),
                ))
                .order_by("category"),
            &["A|100|50|2|100.0", "B|200|null|1|200.0"],
        )
        .await;
        check(
            &db,
            db.table("visits").agg(count_distinct(col("visitor")).filter(col("active").eq(true)).as_("visitors")),
            &["2"],
        )
        .await;
        // CASE inside an aggregate says the same.
        let amount = case().when(active(), col("amount")).end();
        check(&db, db.table("events").agg((sum(amount.clone()).as_("s"), count(amount).as_("n"))), &["300|2"]).await;
    })
    .await;
}
