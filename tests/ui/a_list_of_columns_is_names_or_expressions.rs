//! What stands in `select`, `order_by`, `table` and a row of an insert is said in one sentence where it is not that.

use portcullis::{Database, ReadWrite, table};

struct Card;

fn wrong(db: &Database<ReadWrite>) {
    let _ = table("orders").select(7); //~ is no list of columns or expressions
    let _ = table("orders").group_by(Card); //~ `Card` is no list of columns or expressions
    let _ = table("orders").order_by(7); //~ is no sort key
    let _ = table(7); //~ does not name a table
    let _ = table("orders").drop(7); //~ is no list of names
    let _ = db.insert("orders").row(Card); //~ `Card` is no row of values
    let _ = portcullis::count("id"); //~ `count` takes `all()` or an expression
    let _ = portcullis::col("id").in_([Card]); //~ `Card` can't be bound as a value
}

fn main() {}
