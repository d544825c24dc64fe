//! Joins.

use portcullis::{Database, ErrorKind, Frame, ReadOnly, all, all_of, col, count, on, sum, using};

use crate::support::{self, TestDatabase, check};

async fn shop(db: &TestDatabase) -> Database<ReadOnly> {
    db.execute_setup(&[
        "CREATE TABLE customers (id integer NOT NULL, name varchar(40) NOT NULL, country varchar(2))",
        "INSERT INTO customers VALUES (1, 'Alice', 'US'), (2, 'Bob', 'UK'), (3, 'Charlie', 'US'), (4, 'Dora', NULL)",
        "CREATE TABLE orders (id integer NOT NULL, customer_id integer, total decimal(10, 2), status varchar(20))",
        "INSERT INTO orders VALUES (1, 1, 999.99, 'completed'), (2, 1, 59.98, 'completed'), (3, 2, 20, 'pending'), \
         (4, 3, 5, 'completed'), (5, NULL, 7, 'pending')",
        "CREATE TABLE colours (colour varchar(10) NOT NULL)",
        "INSERT INTO colours VALUES ('red'), ('blue')",
        "CREATE TABLE sizes (size varchar(10) NOT NULL)",
        "INSERT INTO sizes VALUES ('S'), ('L')",
        "CREATE TABLE notes (id integer NOT NULL, note varchar(10))",
        "INSERT INTO notes VALUES (1, 'one'), (9, 'nine')",
    ])
    .await;
    db.read_only().await
}

fn by_customer() -> portcullis::JoinOn {
    on(col("customer_id").eq(col("id").of("customers")))
}

#[tokio::test]
async fn joins_match_rows_and_say_what_is_missing_with_null() {
    support::each(async |db| {
        let db = shop(db).await;
        let (orders, customers) = (|| db.table("orders"), || db.table("customers"));
        let inner = || orders().join(customers(), by_customer());
        check(
            &db,
            inner().order_by(col("id").of("orders")).select((col("id").of("orders"), "name")),
            &["1|Alice", "2|Alice", "3|Bob", "4|Charlie"],
        )
        .await;
        let left = || orders().left_join(customers(), by_customer());
        check(&db, left().where_(col("customer_id").is_null()).select((col("id").of("orders"), "name")), &["5|null"])
            .await;
        check(&db, inner().where_(col("customer_id").is_null()), &[]).await;
        // The name of the left side is its own, also where nothing matches.
        check(
            &db,
            customers().left_join(db.table("notes"), using("id")).order_by("id").select(("id", "name", "note")),
            &["1|Alice|one", "2|Bob|null", "3|Charlie|null", "4|Dora|null"],
        )
        .await;
        check(
            &db,
            customers()
                .left_join(db.table("notes"), on(col("id").of("customers").eq(col("id").of("notes"))))
                .order_by("id"),
            &["1|Alice|US|1|one", "2|Bob|UK|null|null", "3|Charlie|US|null|null", "4|Dora|null|null|null"],
        )
        .await;
        check(
            &db,
            customers().right_join(db.table("notes"), using("id")).order_by("id").select(("id", "name", "note")),
            &["1|Alice|one", "9|null|nine"],
        )
        .await;
        check(
            &db,
            orders()
                .right_join(customers(), by_customer())
                .order_by((col("name"), col("id").of("orders")))
                .select(("name", col("id").of("orders"))),
            &["Alice|1", "Alice|2", "Bob|3", "Charlie|4", "Dora|null"],
        )
        .await;
        check(
            &db,
            customers().full_join(db.table("notes"), using("id")).order_by("id").select(("id", "name", "note")),
            &["1|Alice|one", "2|Bob|null", "3|Charlie|null", "4|Dora|null", "9|null|nine"],
        )
        .await;
        check(
            &db,
            db.table("colours").cross_join(db.table("sizes")).order_by(["colour", "size"]),
            &["blue|L", "blue|S", "red|L", "red|S"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_join_is_a_relation_that_can_be_grouped_and_filtered() {
    support::each(async |db| {
        let db = shop(db).await;
        let joined = |orders: Frame| orders.join(db.table("customers"), by_customer());
        let orders = || db.table("orders");
        check(
            &db,
            joined(orders())
                .group_by("name")
                .agg((count(all()).as_("orders"), sum(col("total")).as_("spent")))
                .order_by("name"),
            &["Alice|2|1059.97d", "Bob|1|20.00d", "Charlie|1|5.00d"],
        )
        .await;
        check(
            &db,
            joined(orders().where_(col("status").eq("completed"))).order_by(col("id").of("orders")).select("name"),
            &["Alice", "Alice", "Charlie"],
        )
        .await;
        check(
            &db,
            joined(orders()).where_(col("country").eq("US")).select("name").distinct().order_by("name"),
            &["Alice", "Charlie"],
        )
        .await;
        let completed = || orders().where_(col("status").eq("completed"));
        let on_customer = || on(col("id").of("customers").eq(col("customer_id")));
        check(
            &db,
            db.table("customers")
                .where_(col("name").ne("Dora"))
                .anti_join(completed().where_(col("total").gt(10)), on_customer())
                .order_by("name")
                .select("name"),
            &["Bob", "Charlie"],
        )
        .await;
        check(&db, db.table("customers").anti_join(orders(), on_customer()).select("name"), &["Dora"]).await;
        check(
            &db,
            db.table("customers").semi_join(completed(), on_customer()).order_by("name").select("name"),
            &["Alice", "Charlie"],
        )
        .await;
        // A row whose key is NULL matches nothing, so an anti join returns it.
        check(&db, orders().anti_join(db.table("customers"), by_customer()).select("id"), &["5"]).await;
    })
    .await;
}

#[tokio::test]
async fn joins_without_a_condition_or_across_databases_are_refused() {
    support::each(async |db| {
        let one = shop(db).await;
        let other = db.read_only().await;
        let joined = one.table("orders").join(other.table("customers"), by_customer()).collect().await;
        assert_eq!(joined.expect_err("two handles").code(), "join.two_databases");
        let joined = one.table("orders").join(one.table("customers"), all_of([])).collect().await;
        let error = joined.expect_err("no condition");
        assert_eq!((error.code(), error.kind()), ("join.no_condition", ErrorKind::Plan));
        check(&one, one.table("orders").join(one.table("customers"), by_customer()).select("name").limit(0), &[]).await;
    })
    .await;
}
