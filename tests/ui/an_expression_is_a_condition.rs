//! The positive twin.

use portcullis::{all_of, case, col, lit, on, table};

fn main() {
    let _ = table("orders").where_(col("id").eq(1));
    let _ = table("orders").where_(lit(true));
    let _ = all_of([col("id").eq(1)]);
    let _ = case().when(col("id").eq(1), 2);
    let _ = on(col("id").of("a").eq(col("id").of("b")));
    let _ = col("id").eq(1).and(lit(1).eq(1));
    let _ = table("orders").with_column("twice", col("id") * 2);
}
