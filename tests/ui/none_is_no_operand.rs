//! SQL's NULL equals nothing, so `None` beside a comparison would silently find no row.

use portcullis::{col, lit, table};

table! {
    orders { id: i64, note: Option<String> }
}

fn main() {
    let _ = col("note").eq(None::<&str>); //~ `Option<&str>` can't stand beside an operator
    let _ = col("note").ne(Some("a")); //~ `Option<&str>` can't stand beside an operator
    let _ = orders::note.eq(None::<String>); //~ `Option<String>` does not fit a column of
    let _ = lit(None::<i64>); //~ `Option<i64>` can't stand beside an operator
    let _ = col("id").eq(()); //~ `()` can't stand beside an operator
}
