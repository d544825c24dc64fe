//! Text could be a name or a value, so where an expression is wanted the compiler says how to write either.

use portcullis::{Frame, avg, col, max, sum, table};

fn main() {
    let orders: Frame = table("orders");
    let _ = orders.clone().where_("total > 10"); //~ write `col("name")` for a column
    let _ = orders.clone().with_column("label", "gift"); //~ `lit(value)` for a value
    let _ = orders.clone().with_column("one", 1); //~ `lit(value)` for a value
    let _ = orders.clone().agg(sum("total").as_("total")); //~ write `col("name")` for the column of that name
    let _ = orders.clone().agg(avg("total").as_("mean")); //~ write `col("name")` for the column of that name
    let _ = orders.clone().agg(max("total").as_("most")); //~ write `col("name")` for a column
    let _ = orders.clone().where_(col("paid").or("sent")); //~ write `col("name")` for a column
    let _ = orders.clone().join(table("people"), "person"); //~ write `using("id")` for a column that both have
}
