//! The positive twin.

use portcullis::{avg, col, sum, table};

table! {
    orders { id: i64, total: Option<f64>, note: Option<String> }
}

fn main() {
    let _ = sum(orders::id);
    let _ = avg(orders::total);
    let _ = sum(col("total"));
    let _ = sum(orders::id * 2 + orders::total);
    let _ = orders::note.like("7%");
    let _ = orders::id + 1;
}
