//! Values of a column as columns.

use portcullis::{Dialect, ErrorKind, all, avg, col, count, lit, max, rollup, sum, table};

use crate::support::{self, check};

portcullis::table! { sales { category: String, status: Option<String>, amount: i64, paid: bool, level: i64 } }

const SETUP: &[&str] = &[
    "CREATE TABLE sales (category varchar(5) NOT NULL, status varchar(10), amount integer NOT NULL, paid boolean NOT NULL, level integer NOT NULL)",
    "INSERT INTO sales VALUES ('A', 'open', 1, TRUE, 1), ('A', 'open', 2, FALSE, 2), ('A', 'Open', 4, TRUE, 1), ('B', 'done', 8, TRUE, 3), \
     ('B', NULL, 16, FALSE, 1), ('C', NULL, 32, FALSE, 3)",
];

#[tokio::test]
async fn each_value_gets_a_column_of_each_aggregate() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let db = db.read_only().await;
        let by_category = || db.table("sales").group_by("category");
        let one = by_category().pivot("status", ["open", "done", "lost"]).agg(sum(col("amount"))).order_by("category");
        assert_eq!(one.collect().await.expect("rows").columns(), ["category", "open", "done", "lost"]);
        check(&db, one, &["A|3|null|null", "B|null|8|null", "C|null|null|null"]).await;
        let several = by_category()
            .pivot("status", ["open", "Open"])
            .agg((sum(col("amount")), count(all()).as_("n"), max(col("level"))))
            .order_by("category");
        assert_eq!(
            several.collect().await.expect("rows").columns(),
            ["category", "sum_amount_open", "sum_amount_Open", "n_open", "n_Open", "max_level_open", "max_level_Open"]
        );
        check(&db, several, &["A|3|4|2|1|2|1", "B|null|null|0|0|null|null", "C|null|null|0|0|null|null"]).await;
        // By a boolean, by numbers under other names, by an expression, of an aggregate with a filter of its own.
        check(
            &db,
            by_category().pivot("paid", [true, false]).agg(sum(col("amount"))).order_by("category"),
            &["A|5|2", "B|8|16", "C|null|32"],
        )
        .await;
        let levels = by_category().pivot(col("level") + 0, [lit(1).as_("low"), lit(3).as_("high")]);
        let levels = levels.agg(avg(col("amount")).filter(col("amount").gt(1))).order_by("category");
        assert_eq!(levels.collect().await.expect("rows").columns(), ["category", "low", "high"]);
        check(&db, levels, &["A|4.0|null", "B|16.0|8.0", "C|null|32.0"]).await;
        // Without keys one row; with subtotals a row for each; and what follows sees the columns.
        check(
            &db,
            db.table("sales").group_by(Vec::<String>::new()).pivot("status", ["open", "done"]).agg(sum(col("amount"))),
            &["3|8"],
        )
        .await;
        check(
            &db,
            db.table("sales")
                .group_by(rollup("category"))
                .pivot("paid", [true])
                .agg(sum(col("amount")))
                .order_by("category"),
            &["A|5", "B|8", "C|null", "null|13"],
        )
        .await;
        check(
            &db,
            by_category()
                .pivot("status", ["open", "done"])
                .agg(sum(col("amount")))
                .fill_null(["open", "done"], 0)
                .where_(col("done").eq(0))
                .order_by("category"),
            &["A|3|0", "C|0|0"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_values_that_there_are_are_read_first_and_are_limited() {
    support::each(async |db| {
        db.execute_setup(SETUP).await;
        let db = db.read_only().await;
        let by_category = || db.table("sales").group_by("category");
        let found = by_category()
            .pivot_inferred("status", 4)
            .await
            .expect("values")
            .agg(sum(col("amount")))
            .order_by("category");
        assert_eq!(found.collect().await.expect("rows").columns(), ["category", "Open", "done", "open", "null"]);
        check(&db, found, &["A|4|null|3|null", "B|null|8|null|16", "C|null|null|null|32"]).await;
        let levels =
            by_category().pivot_inferred("level", 3).await.expect("values").agg(count(all())).order_by("category");
        assert_eq!(levels.collect().await.expect("rows").columns(), ["category", "1", "2", "3"]);
        check(&db, levels, &["A|2|1|0", "B|1|0|1", "C|0|0|1"]).await;
        let error = by_category().pivot_inferred("status", 3).await.expect_err("four values");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "pivot.too_many"));
        let error = by_category().pivot_inferred("sttus", 3).await.expect_err("no such column");
        assert_eq!(error.to_string(), "there is no column `sttus` here; did you mean `status`?");
    })
    .await;
}

#[test]
fn the_text_is_an_aggregate_with_a_filter() {
    let frame = table(sales::table).group_by("category").pivot("status", ["open", "done"]).agg(sum(col("amount")));
    let sql = |dialect| frame.to_sql_for(dialect).expect("text").sql().to_owned();
    assert_eq!(
        sql(Dialect::Sqlite),
        r#"SELECT "category", SUM("amount") FILTER (WHERE "status" = ?1) AS "open", SUM("amount") FILTER (WHERE "status" = ?2) AS "done" FROM "sales" GROUP BY "category""#
    );
}

#[test]
fn what_can_not_be_pivoted_is_refused() {
    let by_category = || table(sales::table).group_by("category");
    let none: [&str; 0] = [];
    let cases = [
        (
            by_category().pivot("status", none).agg(sum(col("amount"))),
            "pivot.no_values",
            "`pivot` lists no value; write those that get a column, as in `.pivot(\"status\", [\"open\", \"paid\"])`",
        ),
        (
            by_category().pivot("status", [col("amount")]).agg(sum(col("amount"))),
            "pivot.value",
            "the values of `pivot` are texts, numbers, booleans, dates or UUIDs; write `lit(value).as_(\"name\")` to name one",
        ),
        (
            by_category().pivot(["status", "paid"], ["open"]).agg(sum(col("amount"))),
            "pivot.column",
            "`pivot` takes one column; for several, put them into one with `with_column` before",
        ),
        (
            by_category().pivot("status", ["open"]).agg((sum(col("amount")) + 1).as_("more")),
            "pivot.aggregate",
            "`pivot` takes aggregates, each by itself, as `sum(col(\"total\"))`; compute with the columns that it gives afterwards",
        ),
        (
            by_category().pivot("status", ["open", "open"]).agg(sum(col("amount"))),
            "plan.repeated_column",
            "two columns of the result are called `open`; rename one with `.as_(\"..\")`",
        ),
        (
            by_category().pivot("level", ["open"]).agg(sum(col("amount"))),
            "type.clash",
            "a comparison has `level` (bigint) on one side and a value (text) on the other; write a value of the other's type, or convert one with `.cast(..)`",
        ),
        (
            by_category().pivot("status", ["open"]).agg(none),
            "plan.no_columns",
            "`agg` names no column; write at least one",
        ),
    ];
    for (frame, code, message) in cases {
        let error = frame.to_sql_for(Dialect::Sqlite).expect_err(message);
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
}
