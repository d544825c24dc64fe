//! What hooks see of writes, and which of them find their text compiled.

use std::sync::{Arc, Mutex};

use portcullis::{Database, Hook, QueryContext, ReadWrite, Result, StatementKind, TableAccess, col, incoming, using};

use crate::support::{self, TestDatabase};

#[derive(Default)]
struct Last(Mutex<Vec<TableAccess>>);

impl Hook for Last {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if matches!(cx.kind(), StatementKind::Insert | StatementKind::Update | StatementKind::Delete) {
            *self.0.lock().unwrap() = cx.tables().to_vec();
        }
        Ok(())
    }
}

async fn handle(db: &TestDatabase) -> (Database<ReadWrite>, Arc<Last>) {
    db.execute_setup(&[
        "CREATE TABLE stock (sku varchar(9) PRIMARY KEY, qty integer, price integer)",
        "CREATE TABLE news (sku varchar(9), more integer, kind varchar(9))",
    ])
    .await;
    let last = Arc::new(Last::default());
    let builder = Database::builder(db.dsn_rw().parse().expect("a DSN")).hook(Arc::clone(&last));
    (builder.open_read_write().await.expect("a handle"), last)
}

fn names(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn the_report_tells_what_is_written_read_and_given_back() {
    support::on(&support::GIVES_BACK, async |db| {
        let (db, last) = handle(db).await;
        let table = |name: &str, verb: StatementKind| {
            let tables = last.0.lock().unwrap().clone();
            let found = tables.into_iter().find(|table| table.table == name && table.verb == verb);
            found.unwrap_or_else(|| panic!("no {name} in the report"))
        };
        let row = db.insert("stock").columns(["sku", "qty"]).row(("nut", 1));
        let upsert = row.on_conflict("sku").do_update(|row| row.set("price", incoming("qty") + col("price")));
        upsert.returning((col("qty"), (col("price") + 1).as_("next"))).collect().await.expect("a row");
        let written = table("stock", StatementKind::Insert);
        assert_eq!(names(&written.assign), ["sku", "qty", "price"]);
        assert_eq!(names(&written.returned), ["qty", "price"]);
        assert_eq!(names(&written.filter), ["price"]);

        let update = db.update("stock").from(db.table("news"), using("sku")).set("qty", col("more"));
        update.where_(col("kind").eq("up")).execute().await.expect("no row");
        let written = table("stock", StatementKind::Update);
        assert_eq!((names(&written.assign), names(&written.join)), (vec!["qty"], vec!["sku"]));
        let read = table("news", StatementKind::Select);
        assert_eq!((names(&read.join), names(&read.filter)), (vec!["sku"], vec!["kind", "more"]));

        let gone = db.delete("stock").where_(col("price").gt(5)).returning(portcullis::all()).collect().await;
        let dialect = db.dialect();
        assert!(gone.expect("no row").is_empty(), "on {dialect}");
        let written = table("stock", StatementKind::Delete);
        assert_eq!((names(&written.returned), names(&written.filter)), (vec!["sku", "qty", "price"], vec!["price"]));
    })
    .await;
}

#[tokio::test]
async fn a_write_of_a_known_shape_finds_its_text() {
    support::on(&support::GIVES_BACK, async |db| {
        let (db, _) = handle(db).await;
        db.schema().await.expect("the schema");
        let before = db.shapes().unshaped;
        for qty in 0..4_i64 {
            let row = db.insert("stock").columns(["sku", "qty", "price"]).row((format!("s{qty}"), qty, 5));
            let upsert = row.on_conflict("sku").do_update(|row| row.set("qty", col("qty") + incoming("qty") + qty));
            assert_eq!(upsert.returning("qty").one_as::<i64>().await.expect("a row"), qty);
        }
        // Two zeros and a number: whether a value is zero belongs to the shape.
        let first = db.shapes();
        assert!(first.hits >= 2 && first.unshaped == before, "{first:?} on {}", db.dialect());
        for least in [1_i64, 2, 3] {
            let some = db.table("stock").where_(col("qty").gt(least)).select(["sku", "qty"]);
            let insert = db.insert("news").columns(["sku", "more"]).select(some);
            assert_eq!(insert.execute().await.expect("rows"), (3 - least).unsigned_abs());
        }
        let second = db.shapes();
        assert_eq!((second.hits, second.unshaped), (first.hits + 2, before), "on {}", db.dialect());
    })
    .await;
}
