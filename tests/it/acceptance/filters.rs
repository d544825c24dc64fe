//! Filters, NULL and expressions.

use portcullis::{SqlType, any_of, case, coalesce, col, lit};
use rust_decimal::Decimal;

use crate::support::{self, check, check_any_order};

#[tokio::test]
async fn a_condition_keeps_the_rows_for_which_it_is_true() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE customers (id integer NOT NULL, name varchar(40), active boolean)",
            "INSERT INTO customers VALUES (1, 'Alice', TRUE), (2, 'Bob', FALSE)",
            "CREATE TABLE people (id integer NOT NULL, age integer, name varchar(40), email varchar(40))",
            "INSERT INTO people VALUES (1, 25, 'Alice', 'a@x'), (2, 15, 'Bob', NULL), (3, 70, 'Charlie', 'c@x')",
            "CREATE TABLE amounts (id integer NOT NULL, amount integer)",
            "INSERT INTO amounts VALUES (1, 50), (2, 200), (3, 600), (4, 300)",
        ])
        .await;
        let db = db.read_only().await;
        let customers = || db.table("customers");
        check(&db, customers().select(["id", "name"]).where_(col("active")), &["1|Alice"]).await;
        check(&db, customers().select(["id", "name"]).where_(col("active").eq(true)), &["1|Alice"]).await;
        check(&db, customers().select(["id"]).where_(!col("active")), &["2"]).await;
        let people = || db.table("people").order_by("id");
        check(&db, people().select("name").where_(col("email").is_null()), &["Bob"]).await;
        check(&db, people().select("name").where_(col("email").is_not_null()), &["Alice", "Charlie"]).await;
        check(&db, people().select("age").where_(col("age").lt(18).or(col("age").gt(65))), &["15", "70"]).await;
        check(&db, people().select("age").where_(any_of([col("age").lt(18), col("age").gt(65)])), &["15", "70"]).await;
        check(&db, people().where_(col("id").in_(Vec::<i32>::new())), &[]).await;
        check(&db, people().select("id").where_(col("id").not_in(Vec::<i32>::new())), &["1", "2", "3"]).await;
        let amounts = || db.table("amounts").order_by("id");
        check(&db, amounts().select("amount").where_(col("amount").between(100, 500)), &["200", "300"]).await;
        check(&db, amounts().select("amount").where_(col("amount").between(200, 300)), &["200", "300"]).await;
        check(&db, amounts().select("amount").where_(col("amount").not_between(200, 300)), &["50", "600"]).await;
    })
    .await;
}

#[tokio::test]
async fn null_is_neither_equal_nor_unequal_to_anything() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE readings (id integer NOT NULL, value double precision)",
            "INSERT INTO readings VALUES (1, 10.5), (2, NULL), (3, NULL)",
            "CREATE TABLE staff (id integer NOT NULL, dept integer)",
            "INSERT INTO staff VALUES (1, 10), (2, 10), (3, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        check(&db, db.table("readings").where_(col("value").is_null()).select("id").order_by("id"), &["2", "3"]).await;
        check(&db, db.table("readings").where_(col("value").is_not_null()), &["1|10.5"]).await;
        let staff = || db.table("staff").select("id").order_by("id");
        check(&db, staff().where_(col("dept").ne(10)), &[]).await;
        check(&db, staff().where_(!col("dept").eq(10)), &[]).await;
        check(&db, staff().where_(col("dept").not_in([Some(10), None])), &[]).await;
        check(&db, staff().where_(col("dept").in_([Some(10), None])), &["1", "2"]).await;
        check(&db, staff().where_(col("dept").eq(10).or(col("dept").is_null())), &["1", "2", "3"]).await;
        check(&db, staff().where_(!(col("dept").eq(10) & col("id").eq(1))), &["2", "3"]).await;
    })
    .await;
}

#[tokio::test]
async fn patterns_take_letters_as_they_are() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE names (id integer NOT NULL, name varchar(40))",
            "INSERT INTO names VALUES (1, 'Alice'), (2, 'Bob'), (3, 'Anna'), (4, NULL)",
            "CREATE TABLE odd (id integer NOT NULL, name varchar(40))",
        ])
        .await;
        let rw = db.read_write().await;
        let odd = [(1, "100%"), (2, "100"), (3, "a_b"), (4, "axb"), (5, r"c\d"), (6, "cd"), (7, "álice")];
        assert_eq!(rw.insert("odd").columns(["id", "name"]).rows(odd).execute().await.expect("rows"), 7);
        let db = db.read_only().await;
        let names = || db.table("names").select("name").order_by("id");
        check(&db, names().where_(col("name").like("A%")), &["Alice", "Anna"]).await;
        check(&db, names().where_(col("name").not_like("A%")), &["Bob"]).await;
        check(&db, names().where_(col("name").like("a%")), &[]).await;
        check(&db, names().where_(col("name").like("_o_")), &["Bob"]).await;
        check(&db, names().where_(col("name").contains("%")), &[]).await;
        check(&db, names().where_(col("name").contains("_")), &[]).await;
        check(&db, names().where_(col("name").contains("")), &["Alice", "Bob", "Anna"]).await;
        let odd = || db.table("odd").select("id").order_by("id");
        check(&db, odd().where_(col("name").contains("%")), &["1"]).await;
        check(&db, odd().where_(col("name").ends_with("%")), &["1"]).await;
        check(&db, odd().where_(col("name").contains("_")), &["3"]).await;
        check(&db, odd().where_(col("name").starts_with(r"c\")), &["5"]).await;
        check(&db, odd().where_(col("name").like(r"c\\d")), &["5"]).await;
        check(&db, odd().where_(col("name").like(r"100\%")), &["1"]).await;
        check(&db, odd().where_(col("name").like(r"\c\d")), &["6"]).await;
        check(&db, odd().where_(col("name").like("_lice")), &["7"]).await;
        check(&db, odd().where_(col("name").starts_with("a")), &["3", "4"]).await;
    })
    .await;
}

#[tokio::test]
async fn expressions_compute_the_same_everywhere() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE staff (id integer NOT NULL, salary integer)",
            "INSERT INTO staff VALUES (1, 80000), (2, 50000), (3, 60000)",
            "CREATE TABLE sales (id integer NOT NULL, amount decimal(10, 2), tax decimal(10, 2))",
            "INSERT INTO sales VALUES (1, 100, 10)",
            "CREATE TABLE counted (id integer NOT NULL, a integer, b integer, c integer)",
            "INSERT INTO counted VALUES (7, NULL, NULL, 5)",
            "CREATE TABLE prices (id integer NOT NULL, price double precision, text_price varchar(20))",
            "INSERT INTO prices VALUES (1, 99.999, 'x'), (2, 149.50, 'y')",
        ])
        .await;
        let db = db.read_only().await;
        let level = case()
            .when(col("salary").gt(75_000), "High")
            .when(col("salary").gt(55_000), "Medium")
            .otherwise("Low")
            .as_("level");
        check(&db, db.table("staff").order_by("id").select([level]), &["High", "Low", "Medium"]).await;
        let none = case().when(col("salary").gt(75_000), 1).end().as_("top");
        check(&db, db.table("staff").order_by("id").select([none]), &["1", "null", "null"]).await;

        let total = ((col("amount") + col("tax")) * 1.1).as_("total");
        let rows = db.table("sales").select([total.clone()]).collect_as::<Decimal>().await.expect("a total");
        assert_eq!(rows, ["121".parse::<Decimal>().expect("a decimal")], "on {}", db.dialect());
        check(&db, db.table("sales").select([total]).where_(col("total").eq(121)).select([lit(1).as_("one")]), &["1"])
            .await;

        let counted = || db.table("counted");
        let named = (
            (col("id") % 4).as_("rest"),
            (-col("id")).as_("negative"),
            col("a").is_null().as_("absent"),
            col("id").gt(5).as_("large"),
        );
        let rows = counted().select(named).collect().await.expect("a row");
        assert_eq!(rows.columns(), ["rest", "negative", "absent", "large"]);
        assert_eq!(support::lines(&rows), ["3|-7|true|true"], "on {}", db.dialect());
        check(&db, counted().select([coalesce([col("a"), col("b"), col("c")]).as_("first")]), &["5"]).await;

        let money = SqlType::decimal(10, 2);
        let cast = || db.table("prices").order_by("id").select([col("price").cast(money).as_("price")]);
        check(&db, cast(), &["100.00d", "149.50d"]).await;
        check_any_order(&db, cast().where_(col("price").eq(100)), &["100.00d"]).await;
    })
    .await;
}
