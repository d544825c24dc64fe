//! The positive twin.

use portcullis::{col, table};

table! {
    orders { id: i64, total: f64, note: Option<String>, open: bool }
}

fn main() {
    let _ = orders::id.eq(7);
    let _ = orders::total.gt(7);
    let _ = orders::note.ne("seven");
    let _ = orders::open.eq(true);
    let _ = orders::id.between(1, 9_u32);
    let _ = orders::note.in_(["a", "b"]);
    let _ = orders::id.eq(orders::total);
    let _ = orders::id.eq(col("note"));
}
