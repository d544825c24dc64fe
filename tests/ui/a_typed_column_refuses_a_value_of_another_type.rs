//! A typed column compares with its own family only.

use portcullis::table;

table! {
    orders { id: i64, total: f64, note: Option<String>, open: bool }
}

fn main() {
    let _ = orders::id.eq("seven"); //~ `&str` does not fit a column of
    let _ = orders::total.gt("7"); //~ `&str` does not fit a column of
    let _ = orders::note.ne(7); //~ does not fit a column of
    let _ = orders::open.eq(1); //~ does not fit a column of
    let _ = orders::id.between(1, "9"); //~ `&str` does not fit a column of
    let _ = orders::note.in_([1, 2]); //~ does not fit a column of
    let _ = orders::id.eq(orders::note); //~ a column of portcullis::family::Text does not fit a column of Number
}
