//! Text where a condition stands would be SQL, so it does not compile; nor does a lone bool or number.

use portcullis::{all_of, case, col, on, table};

fn main() {
    let _ = table("orders").where_("id = 1"); //~ is not an expression
    let _ = table("orders").where_(String::from("id = 1")); //~ is not an expression
    let _ = table("orders").where_(true); //~ is not an expression
    let _ = all_of(["id = 1"]); //~ type mismatch
    let _ = case().when("id = 1", 2); //~ mismatched types
    let _ = on("a.id = b.id"); //~ mismatched types
    let _ = col("id").eq(1).and("1 = 1"); //~ is not an expression
    let _ = table("orders").with_column("twice", "id * 2"); //~ is not an expression
}
