//! The positive twin.

use portcullis::{Database, ReadWrite, all, col, count, in_schema, table};

fn right(db: &Database<ReadWrite>) -> portcullis::Result<()> {
    let _ = table("orders").select(("id", col("total").as_("t")));
    let _ = table("orders").group_by(["id"]);
    let _ = table("orders").order_by((col("id").desc(), "total"));
    let _ = table(in_schema("sales", "orders")?);
    let _ = table("orders").drop(["id"]);
    let _ = db.insert("orders").columns(["id", "note"]).row((1, None::<&str>));
    let _ = count(all());
    let _ = col("id").in_([1, 2]);
    Ok(())
}

fn main() {}
