//! Columns as rows, and what hooks are told of the verbs that reshape.

use std::sync::{Arc, Mutex};

use portcullis::{
    Database, Dialect, Hook, Outcome, QueryContext, Result, SqlType, StatementKind, all, col, count, elements, rollup,
    sum, table,
};

use crate::support::{self, check};

portcullis::table! { sales { id: i64, spring: i64, autumn: Option<i64>, share: f64, note: String } }

#[tokio::test]
async fn each_column_becomes_a_row_and_null_stays() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE sales (id integer NOT NULL, spring integer NOT NULL, autumn integer, share double precision NOT NULL, note varchar(9) NOT NULL, extra varchar(9))",
            "INSERT INTO sales VALUES (1, 10, 20, 0.5, 'x', 'X'), (2, 30, NULL, 0.25, 'y', NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let sales = || db.table("sales");
        let seasons = || sales().drop(["share", "note", "extra"]).unpivot(["spring", "autumn"], "season", "sold");
        let sorted = seasons().order_by(("id", col("season").desc()));
        assert_eq!(sorted.collect().await.expect("rows").columns(), ["id", "season", "sold"]);
        check(&db, sorted, &["1|spring|10", "1|autumn|20", "2|spring|30", "2|autumn|null"]).await;
        check(&db, seasons().drop_nulls("sold").group_by("season").agg(sum(col("sold"))).order_by("season"), &["autumn|20", "spring|40"]).await;
        check(&db, seasons().where_(col("season").eq("autumn")).order_by("id").select(["id", "sold"]), &["1|20", "2|null"]).await;
        // The values get the type that holds them all; text stays text.
        check(
            &db,
            sales().select(["id", "spring", "share"]).unpivot(["spring", "share"], "what", "figure").order_by(("id", "what")),
            &["1|share|0.5", "1|spring|10.0", "2|share|0.25", "2|spring|30.0"],
        )
        .await;
        check(
            &db,
            sales().select(["id", "note", "extra"]).unpivot(["note", "extra"], "note", "extra").order_by(("id", "note")),
            &["1|extra|X", "1|note|x", "2|extra|null", "2|note|y"],
        )
        .await;
        // After a limit and after groups; into a pivot and back.
        check(&db, sales().order_by("id").limit(1).unpivot("spring", "season", "sold").select(["season", "sold"]), &["spring|10"]).await;
        check(
            &db,
            sales().agg((sum(col("spring")).as_("spring"), sum(col("autumn")).as_("autumn"))).unpivot(["spring", "autumn"], "season", "sold").order_by("sold"),
            &["autumn|20", "spring|40"],
        )
        .await;
        check(
            &db,
            seasons().group_by("id").pivot("season", ["spring", "autumn"]).agg(sum(col("sold"))).order_by("id"),
            &["1|10|20", "2|30|null"],
        )
        .await;
    })
    .await;
}

#[test]
fn columns_that_do_not_meet_and_names_that_are_taken_are_refused() {
    let none: [&str; 0] = [];
    let cases = [
        (
            table(sales::table).unpivot(["spring", "note"], "n", "v"),
            "type.clash",
            "`unpivot` has `spring` (bigint) on one side and `note` (text) on the other; write a value of the other's type, or convert one with `.cast(..)`",
        ),
        (
            table(sales::table).unpivot(["spring", "autumn"], "id", "v"),
            "plan.repeated_column",
            "two columns of the result are called `id`; rename one with `.as_(\"..\")`",
        ),
        (
            table(sales::table).unpivot(["spring", "spring"], "n", "v"),
            "plan.repeated_column",
            "`unpivot` names `spring` twice; name each column once",
        ),
        (
            table(sales::table).unpivot("sprin", "n", "v"),
            "schema.unknown_column",
            "there is no column `sprin` here; did you mean `spring`?",
        ),
        (
            table(sales::table).unpivot(none, "n", "v"),
            "plan.no_columns",
            "`unpivot` names no column; write at least one",
        ),
    ];
    for (frame, code, message) in cases {
        let error = frame.to_sql_for(Dialect::Sqlite).expect_err(message);
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
    assert!(table(sales::table).unpivot(["spring", "autumn"], "n", "v").to_sql_for(Dialect::Sqlite).is_ok());
}

/// Writes down which columns each select uses, and for what.
#[derive(Clone, Default)]
struct Uses(Arc<Mutex<Vec<String>>>);

impl Hook for Uses {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.kind() == StatementKind::Select {
            let tables = serde_json::to_string(cx.tables()).expect("json");
            self.0.lock().expect("a lock").push(tables);
        }
        Ok(())
    }

    async fn after(&self, _: &QueryContext, _: &Outcome) {}
}

#[tokio::test]
async fn hooks_are_told_of_every_column_that_is_read() {
    support::on(&[Dialect::Sqlite], async |database| {
        database
            .execute_setup(&[
                "CREATE TABLE t (id integer NOT NULL, a text, b integer, c integer, tags json)",
                "INSERT INTO t VALUES (1, 'x', 2, 3, '[1]')",
            ])
            .await;
        let uses = Uses::default();
        let builder = Database::builder(database.dsn_ro().parse().expect("a DSN")).hook(uses.clone());
        let db = builder.open_read_only().await.expect("a handle");
        let t = || db.table("t");
        let told = async |frame: portcullis::Frame| {
            uses.0.lock().expect("a lock").clear();
            frame.collect().await.expect("rows");
            uses.0.lock().expect("a lock").join("; ").replace("\"verb\":\"select\",", "")
        };
        assert!(told(t().drop_nulls(["a", "b"]).select("id")).await.contains(r#""output":["id"],"filter":["a","b"]"#));
        let exploded = told(
            t().select(["id", "tags"])
                .explode(elements("tags").as_type(SqlType::Int64).position("n"))
                .select(["id", "n"]),
        )
        .await;
        assert!(exploded.contains(r#""join":["tags"]"#), "{exploded}");
        let distinct = told(t().distinct_on("a", "b").select("id")).await;
        assert!(distinct.contains(r#""group":["a"]"#) && distinct.contains(r#""sort":["b"]"#), "{distinct}");
        let subtotals = told(t().group_by(rollup(["a", "b"])).agg(sum(col("c")))).await;
        assert!(subtotals.contains(r#""group":["a","b"]"#) && subtotals.contains(r#""c""#), "{subtotals}");
        let long = told(t().select(["id", "b", "c"]).unpivot(["b", "c"], "n", "v").select("v")).await;
        assert!(long.contains(r#""b","c""#), "{long}");
        let pivoted = told(t().group_by("a").pivot("b", [2]).agg(count(all()))).await;
        assert!(pivoted.contains(r#""group":["a"]"#) && pivoted.contains(r#""b""#), "{pivoted}");
        let sampled = told(t().sample_by("id", 1.0, 1).select("a")).await;
        assert!(sampled.contains(r#""filter":["id"]"#), "{sampled}");
        // A pivot over the values that there are is two statements, and hooks see both; figures are one.
        uses.0.lock().expect("a lock").clear();
        let inferred = t().group_by("a").pivot_inferred("b", 5).await.expect("values");
        inferred.agg(sum(col("c"))).collect().await.expect("rows");
        assert_eq!(uses.0.lock().expect("a lock").len(), 2);
        uses.0.lock().expect("a lock").clear();
        t().describe().await.expect("figures");
        let told = uses.0.lock().expect("a lock").clone();
        assert_eq!(told.len(), 1);
        assert!(
            ["id", "a", "b", "c", "tags"].iter().all(|column| told[0].contains(&format!("\"{column}\""))),
            "{told:?}"
        );
    })
    .await;
}
