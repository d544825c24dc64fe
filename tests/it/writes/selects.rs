//! `insert … select`.

use std::sync::{Arc, Mutex};

use portcullis::{
    Database, Dialect, ErrorKind, Hook, QueryContext, ReadWrite, Result, StatementKind, TableAccess, all, col, count,
    table,
};

use crate::support::{self, TestDatabase, check};

#[derive(Default)]
struct Accesses(Mutex<Vec<(StatementKind, Vec<TableAccess>)>>);

impl Hook for Accesses {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.kind() != StatementKind::Catalog {
            self.0.lock().unwrap().push((cx.kind(), cx.tables().to_vec()));
        }
        Ok(())
    }
}

async fn orders(db: &TestDatabase) -> Database<ReadWrite> {
    db.execute_setup(&[
        "CREATE TABLE orders (id integer PRIMARY KEY, customer varchar(20), total integer)",
        "CREATE TABLE archive (id integer PRIMARY KEY, total integer, customer varchar(20), kept integer DEFAULT 1)",
        "INSERT INTO orders VALUES (1, 'Ada', 10), (2, 'Bob', 20), (3, 'Ada', 30)",
    ])
    .await;
    db.read_write().await
}

#[tokio::test]
async fn a_frame_is_inserted_by_position_or_by_name() {
    support::each(async |db| {
        let db = orders(db).await;
        let old = || db.table("orders").where_(col("total").lt(25));
        let by_position = db.insert("archive").columns(["id", "total"]).select(old().select(["id", "total"]));
        assert_eq!(by_position.execute().await.expect("two rows"), 2);
        check(&db, db.table("archive").order_by("id"), &["1|10|null|1", "2|20|null|1"]).await;
        let rest = db.table("orders").where_(col("id").eq(3));
        assert_eq!(db.insert("archive").select(rest.by_name()).execute().await.expect("a row"), 1);
        check(&db, db.table("archive").where_(col("id").eq(3)), &["3|30|Ada|1"]).await;
        // With columns and by name, in their order.
        let fourth = db.table("orders").where_(col("id").eq(1)).select((col("total"), (col("id") + 3).as_("id")));
        let insert = db.insert("archive").columns(["id", "total"]).select(fourth.by_name());
        assert_eq!(insert.execute().await.expect("a row"), 1);
        check(&db, db.table("archive").where_(col("id").eq(4)), &["4|10|null|1"]).await;
        let none = db.insert("archive").select(db.table("orders").where_(col("id").gt(100)).by_name());
        assert_eq!(none.execute().await.expect("no row"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_frame_may_group_unite_and_read_its_own_target() {
    support::each(async |db| {
        let db = orders(db).await;
        let sums = db
            .table("orders")
            .group_by("customer")
            .agg((portcullis::min(col("id")).as_("id"), portcullis::sum(col("total")).as_("total")));
        let sums = sums.with_column("total", col("total").cast(portcullis::SqlType::Int64));
        assert_eq!(db.insert("archive").select(sums.by_name()).execute().await.expect("two rows"), 2);
        check(&db, db.table("archive").order_by("id"), &["1|40|Ada|1", "2|20|Bob|1"]).await;
        // The table is read as it was before.
        let again = db.table("orders").select(((col("id") + 10).as_("id"), col("customer"), col("total")));
        let both = again.clone().union_all(db.table("orders").select((
            (col("id") + 20).as_("id"),
            col("customer"),
            col("total"),
        )));
        assert_eq!(db.insert("orders").select(both.by_name()).execute().await.expect("six rows"), 6);
        let counted = db.table("orders").agg(count(all()).as_("n"));
        check(&db, counted, &["9"]).await;
        let shared = db.table("orders").where_(col("id").le(3)).cte("old");
        let twice = shared
            .clone()
            .select(((col("id") + 30).as_("id"), col("customer"), col("total")))
            .union_all(shared.select(((col("id") + 40).as_("id"), col("customer"), col("total"))));
        assert_eq!(db.insert("orders").select(twice.by_name()).execute().await.expect("six rows"), 6);
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_does_not_fit_is_refused() {
    support::each(async |db| {
        let db = orders(db).await;
        let wide =
            db.insert("archive").columns(["id"]).select(db.table("orders")).execute().await.expect_err("three for one");
        assert_eq!((wide.code(), wide.table()), ("insert.width", Some("archive")));
        let unknown = db.insert("archive").select(db.table("orders").rename("total", "sum").by_name());
        let unknown = unknown.execute().await.expect_err("no such column");
        assert_eq!((unknown.kind(), unknown.column()), (ErrorKind::Schema, Some("sum")));
        let missing = db.insert("archive").columns(["id", "kept"]).select(db.table("orders").select("id").by_name());
        let missing = missing.execute().await.expect_err("no such column in the frame");
        assert_eq!((missing.code(), missing.column()), ("insert.by_name", Some("kept")));
        let extra = db.insert("archive").columns(["id"]).select(db.table("orders").by_name()).execute().await;
        assert_eq!(extra.expect_err("too many").code(), "insert.by_name");
        let clash = db.insert("archive").columns(["id"]).select(db.table("orders").select("customer")).execute().await;
        assert_eq!(clash.expect_err("text into a number").code(), "type.value");
        let unnamed = db.insert("archive").select(db.table("orders")).execute().await.expect_err("no columns");
        assert_eq!(unnamed.code(), "plan.no_columns");
        let both =
            db.insert("archive").columns(["id"]).row([1]).select(db.table("orders").select("id")).execute().await;
        assert_eq!(both.expect_err("rows and a frame").code(), "insert.two_sources");
        check(&db, db.table("archive"), &[]).await;
        let fits = db.insert("archive").columns(["id"]).select(db.table("orders").select("id"));
        assert_eq!(fits.execute().await.expect("three rows"), 3);
    })
    .await;
}

#[tokio::test]
async fn the_report_of_an_insert_names_both_tables() {
    support::each(async |db| {
        drop(orders(db).await);
        let seen = Arc::new(Accesses::default());
        let builder = Database::builder(db.dsn_rw().parse().expect("a DSN")).hook(Arc::clone(&seen));
        let db = builder.open_read_write().await.expect("a handle");
        let old = db.table("orders").where_(col("total").gt(15)).select(["id", "customer"]);
        db.insert("archive").select(old.by_name()).execute().await.expect("rows");
        let seen = seen.0.lock().unwrap().clone();
        let (kind, tables) = seen.last().expect("a statement");
        assert_eq!(*kind, StatementKind::Insert);
        let written = tables.iter().find(|table| table.table == "archive").expect("the target");
        assert_eq!(
            (written.verb, written.assign.as_slice()),
            (StatementKind::Insert, ["id".to_owned(), "customer".to_owned()].as_slice())
        );
        let read = tables.iter().find(|table| table.table == "orders").expect("the source");
        assert_eq!(read.verb, StatementKind::Select);
        assert_eq!(
            (read.output.as_slice(), read.filter.as_slice()),
            (["id".to_owned(), "customer".to_owned()].as_slice(), ["total".to_owned()].as_slice())
        );
    })
    .await;
}

portcullis::table! { old { id: i64, total: i64 } new { id: i64, total: i64 } }

#[tokio::test]
async fn an_insert_of_a_frame_is_a_select_after_its_columns() {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().expect("a DSN")).await.expect("a handle");
    let insert = db.insert(new::table).columns(["id", "total"]).select(table(old::table).where_(old::total.gt(5)));
    for (dialect, expected) in [
        (
            Dialect::Postgres,
            r#"INSERT INTO "new" ("id", "total") SELECT "id", "total" FROM "old" WHERE "total" > $1::bigint"#,
        ),
        (Dialect::MariaDb, "INSERT INTO `new` (`id`, `total`) SELECT `id`, `total` FROM `old` WHERE `total` > ?"),
        (Dialect::Sqlite, r#"INSERT INTO "new" ("id", "total") SELECT "id", "total" FROM "old" WHERE "total" > ?1"#),
    ] {
        assert_eq!(insert.to_sql_for(dialect).expect("text").sql(), expected);
    }
}
