//! The positive twin: what to write instead of `None`.

use portcullis::{col, table};

table! {
    orders { id: i64, note: Option<String> }
}

fn main() {
    let _ = col("note").is_null();
    let _ = orders::note.is_not_null();
    let _ = col("note").eq("a");
    let _ = col("id").in_([Some(1), None]);
}
