//! Tables declared once, so that the Rust compiler finds a wrong literal or operand.
//!
//! `orders::total` is a `Column<Decimal>`. Comparing it with text, or summing `orders::note`, does not compile. The rows
//! come back as a struct of the program's own, by serde.
//!
//! ```text
//! cargo run --example typed_tables
//! ```

use portcullis::{Database, ReadWrite, Result, avg, count, on, sum, table};
use rust_decimal::Decimal;

table! {
    orders { id: i64, customer_id: i64, total: Decimal, note: Option<String> }
    customers { id: i64, name: String, active: bool }
}

#[derive(Debug, serde::Deserialize)]
struct Revenue {
    name: String,
    orders: i64,
    revenue: Decimal,
    mean: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    db.sql("CREATE TABLE customers (id integer PRIMARY KEY, name text, active boolean)").execute().await?;
    db.sql("CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer, total integer, note text)")
        .execute()
        .await?;
    db.insert(customers::table)
        .columns(["id", "name", "active"])
        .rows([(1, "Ada", true), (2, "Bob", false), (3, "Eve", true)])
        .execute()
        .await?;
    db.insert(orders::table)
        .columns(["id", "customer_id", "total", "note"])
        .rows([(1, 1, 120, None), (2, 1, 30, Some("gift")), (3, 2, 99, None), (4, 3, 40, None)])
        .execute()
        .await?;

    let by_customer = db
        .table(orders::table)
        .join(db.table(customers::table), on(orders::customer_id.eq(customers::id)))
        .where_(customers::active.eq(true).and(orders::total.gt(35)))
        .group_by(customers::name)
        .agg((count(orders::id).as_("orders"), sum(orders::total).as_("revenue"), avg(orders::total).as_("mean")))
        .order_by("name");
    println!("{}", by_customer.to_sql()?);
    for row in by_customer.collect_as::<Revenue>().await? {
        println!("{}: {} orders, {} in all, {} each", row.name, row.orders, row.revenue, row.mean);
    }

    // orders::total.gt("35")          `&str` does not fit a column of Number
    // sum(orders::note)               `sum` and `avg` take numbers
    // orders::note.eq(None::<&str>)   for NULL write `.is_null()`
    println!("{} orders without a note", db.table(orders::table).where_(orders::note.is_null()).count().await?);
    Ok(())
}
