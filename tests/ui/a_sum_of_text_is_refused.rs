//! `sum` and `avg` take numbers, patterns text.

use portcullis::{avg, sum, table};

table! {
    orders { id: i64, note: Option<String> }
}

fn main() {
    let _ = sum(orders::note); //~ `sum` and `avg` take numbers, and this is a column of portcullis::family::Text
    let _ = avg(orders::note); //~ `sum` and `avg` take numbers, and this is a column of portcullis::family::Text
    let _ = sum("total"); //~ `sum` and `avg` take a column of numbers, and `&str` is none
    let _ = orders::id.like("7%"); //~ `like` exists
    let _ = orders::note + 1; //~ cannot add
}
