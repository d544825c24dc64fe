//! No type of sea-query, sqlx or rusqlite leads in or out: their text doors stay closed.

use portcullis::{Expr, Frame};
use portcullis::sea_query; //~ unresolved import
use portcullis::sqlx; //~ unresolved import
use portcullis::rusqlite; //~ unresolved import

fn doors(frame: Frame, expr: Expr) {
    let _ = Expr::cust("1 = 1"); //~ associated item named `cust`
    let _ = expr.clone().cast_as("text"); //~ no method named `cast_as`
    let _ = expr.into_inner(); //~ no method named `into_inner`
    let _ = frame.build_sqlx(); //~ no method named `build_sqlx`
}

fn main() {}
