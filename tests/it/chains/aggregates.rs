//! What aggregates do beyond the small tables of the conformance suite: overflow, long results, and what they read.

use std::sync::{Arc, Mutex};

use portcullis::{
    Database, Hook, QueryContext, Result, TableAccess, all, array_agg, avg, col, corr, count, covar_samp, first, last,
    max, median, percentile_disc, row_number, scalar, stddev_pop, string_agg, sum, var_samp, window,
};

use crate::support::{self, check};

#[tokio::test]
async fn a_sum_beyond_its_type_is_an_error_and_never_a_number() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE large (id integer NOT NULL, n bigint NOT NULL)",
            "INSERT INTO large VALUES (1, 9223372036854775807), (2, 9223372036854775807), (3, -9223372036854775807)",
        ])
        .await;
        let db = db.read_only().await;
        let large = || db.table("large");
        assert!(large().where_(col("id").le(2)).agg(sum(col("n"))).collect().await.is_err());
        assert!(large().select(sum(col("n")).over(window().order_by("id")).as_("s")).collect().await.is_err());
        // What fits is exact.
        check(&db, large().where_(col("id").ne(2)).agg(sum(col("n"))), &["0"]).await;
        check(
            &db,
            large().where_(col("id").eq(2)).agg((sum(col("n")), avg(col("n")))),
            &["9223372036854775807|9.223372036854776e18"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_long_list_is_whole() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE notes (id integer NOT NULL, note varchar(1200) NOT NULL)"]).await;
        let writer = db.read_write().await;
        let rows: Vec<(i64, String)> = (0..1500).map(|id| (id, "x".repeat(1000))).collect();
        writer.insert("notes").columns(["id", "note"]).rows(rows).execute().await.unwrap();
        let db = db.read_only().await;
        let rows = db
            .table("notes")
            .agg((string_agg(col("note"), "--").order_by("id").as_("text"), array_agg(col("id")).as_("list")))
            .collect()
            .await
            .unwrap();
        let row = rows.first().unwrap();
        assert!(
            matches!(row.get("text").unwrap(), portcullis::Value::Text(text) if text.len() == 1500 * 1000 + 1499 * 2)
        );
        assert!(matches!(row.get("list").unwrap(), portcullis::Value::Array(list) if list.len() == 1500));
    })
    .await;
}

#[tokio::test]
async fn moments_of_close_values_keep_their_digits() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE close (x double precision, y double precision)",
            "INSERT INTO close VALUES (1000000.1, 1), (1000000.2, 2), (1000000.3, 3), (NULL, 4), (1000000.4, 4)",
        ])
        .await;
        let db = db.read_only().await;
        let rows = db
            .table("close")
            .agg((
                var_samp(col("x")).as_("v"),
                stddev_pop(col("x")).as_("s"),
                covar_samp(col("x"), col("y")).as_("c"),
                corr(col("x"), col("y")).as_("r"),
            ))
            .collect()
            .await
            .unwrap();
        let float = |name: &str| match rows.first().unwrap().get(name).unwrap() {
            portcullis::Value::Float(it) => *it,
            other => panic!("{other:?}"),
        };
        // A million is left out exactly, so that the reference loses nothing.
        let apart = [1000000.1, 1000000.2, 1000000.3, 1000000.4].map(|x: f64| x - 1_000_000.0);
        let mean = apart.iter().sum::<f64>() / 4.0;
        let squares: f64 = apart.iter().map(|x| (x - mean) * (x - mean)).sum();
        let products: f64 = apart.iter().zip([1.0, 2.0, 3.0, 4.0]).map(|(x, y)| (x - mean) * (y - 2.5)).sum();
        let corr = products / (squares.sqrt() * 5.0_f64.sqrt());
        // The mean of the squares less the square of the mean would be off by a hundredth.
        for (name, expected) in
            [("v", squares / 3.0), ("s", (squares / 4.0).sqrt()), ("c", products / 3.0), ("r", corr)]
        {
            assert!((float(name) / expected - 1.0).abs() < 1e-8, "{name}: {} and not {expected}", float(name));
        }
    })
    .await;
}

#[tokio::test]
async fn aggregates_work_in_joins_subqueries_and_writes_of_every_database() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE orders (id integer NOT NULL, customer integer, total integer NOT NULL)",
            "INSERT INTO orders VALUES (1, 1, 10), (2, 1, 30), (3, 2, 5), (4, NULL, 7), (5, 1, 90)",
            "CREATE TABLE customers (id integer NOT NULL, name varchar(10) NOT NULL)",
            "INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Eve')",
        ])
        .await;
        let db = db.read_only().await;
        // A median that a condition asks for.
        check(
            &db,
            db.table("orders")
                .where_(col("total").ge(scalar(db.table("orders").agg(median(col("total")).as_("m")))))
                .select("id")
                .order_by("id"),
            &["1", "2", "5"],
        )
        .await;
        // The last order of each customer, by a window and by an aggregate.
        let newest = row_number().over(window().partition_by("customer").order_by(col("id").desc()));
        check(&db, db.table("orders").where_(newest.eq(1)).select("id").order_by("id"), &["3", "4", "5"]).await;
        check(
            &db,
            db.table("orders")
                .group_by("customer")
                .agg((last(col("total")).order_by("id").as_("t"), first(col("id")).order_by("id").as_("f")))
                .order_by("customer"),
            &["1|90|1", "2|5|3", "null|7|4"],
        )
        .await;
        let totals = db.table("orders").group_by("customer").agg((
            percentile_disc(0.5, col("total")).as_("middle"),
            max(col("total")).filter(col("id").lt(5)).as_("before"),
            count(all()).as_("n"),
        ));
        check(
            &db,
            db.table("customers")
                .left_join(totals, portcullis::on(col("id").of("customers").eq(col("customer"))))
                .select(("name", "middle", "before", "n"))
                .order_by("name"),
            &["Ann|30|30|3", "Bob|5|5|1", "Eve|null|null|null"],
        )
        .await;
    })
    .await;
    // A condition of a write takes no window, and says what to do.
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE w (id integer NOT NULL)", "INSERT INTO w VALUES (1), (2)"]).await;
        let db = db.read_write().await;
        let number = || row_number().over(window().order_by("id"));
        let error = db.delete("w").where_(number().eq(1)).execute().await.unwrap_err();
        assert_eq!(error.code(), "window.misplaced");
        assert_eq!(db.delete("w").where_(col("id").eq(1)).execute().await.unwrap(), 1);
    })
    .await;
}

/// MariaDB found no group of a view's rows that a subquery chose by a key, where that key stands beside an aggregate.
#[tokio::test]
async fn a_key_stands_in_one_expression_with_an_aggregate() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE base (id bigint NOT NULL, g bigint)",
            "INSERT INTO base VALUES (1, 1), (2, 1), (3, 2), (4, NULL)",
            "CREATE TABLE asked (k bigint)",
            "INSERT INTO asked VALUES (1), (3)",
            "CREATE VIEW rows_of AS SELECT id, g FROM base",
        ])
        .await;
        let db = db.read_only().await;
        for from in [db.table("rows_of"), db.table("base"), db.table("base").limit(9)] {
            let chosen = from.clone().where_(col("g").in_(db.table("asked").select("k")));
            let with_key = || (count(all()) + col("g")).as_("c");
            check(&db, chosen.clone().group_by("g").agg(with_key()), &["1|3"]).await;
            let later = chosen.group_by("g").agg(count(all()).as_("n")).with_column("c", col("n") + col("g"));
            check(&db, later.select(("g", "c")), &["1|3"]).await;
            let others = from.where_(!col("g").in_(db.table("asked").select("k"))).group_by("g");
            check(&db, others.agg(with_key()), &["2|3"]).await;
        }
    })
    .await;
}

/// Remembers the tables of the last statement.
#[derive(Default)]
struct Tables(Mutex<Vec<TableAccess>>);

impl Hook for Tables {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        *self.0.lock().unwrap() = cx.tables().to_vec();
        Ok(())
    }
}

#[tokio::test]
async fn everything_that_an_aggregate_or_a_window_names_is_reported() {
    let tables = Arc::new(Tables::default());
    let dsn = "sqlite::memory:".parse().unwrap();
    let db = Database::builder(dsn).hook(Arc::clone(&tables)).open_read_write().await.unwrap();
    db.sql("CREATE TABLE sales (shop integer, day integer, amount integer, paid boolean, note text)")
        .execute()
        .await
        .unwrap();
    let aggregated = db.table("sales").group_by("shop").agg((
        sum(col("amount")).filter(col("paid").eq(true)).as_("paid"),
        string_agg(col("note"), ", ").order_by("day").as_("notes"),
    ));
    aggregated.collect().await.unwrap();
    // What decides about a value that is returned counts as returned too.
    let seen = || {
        let tables = tables.0.lock().unwrap();
        let [sales] = tables.as_slice() else { panic!("{tables:?}") };
        let names = |list: &[String]| list.join(" ");
        [&sales.output, &sales.filter, &sales.group, &sales.sort].map(|list| names(list))
    };
    assert_eq!(seen(), ["amount note shop paid day", "paid", "shop", "day"]);
    let over = window().partition_by("shop").order_by("day");
    db.table("sales").select("note").where_(max(col("amount")).over(over).gt(3)).collect().await.unwrap();
    assert_eq!(seen(), ["note", "amount", "shop", "day"]);
}
