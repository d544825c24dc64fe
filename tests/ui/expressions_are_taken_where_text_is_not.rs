//! The twin of `text_is_no_expression.rs`.

use portcullis::{Frame, avg, col, in_schema, lit, max, on, sum, table, using};

fn main() {
    let orders: Frame = table(in_schema("sales", "orders"));
    let condition = col("total").gt(10);
    let _ = orders.clone().where_(&condition).where_(col("paid").or(&condition));
    let _ = orders.clone().with_column("label", lit("gift")).with_column("one", lit(1));
    let _ = orders.clone().agg((sum(col("total")).as_("total"), avg(col("total")).as_("mean"), max(col("total")).as_("most")));
    let _ = orders.clone().join(table("people"), using("person"));
    let _ = orders.clone().join(table("people"), on(col("person").eq(col("id"))));
    let _ = orders.clone().join(table("people"), col("person").eq(col("id")));

    let ids: Vec<i64> = vec![1, 2];
    let names: Vec<String> = vec!["Ada".to_owned()];
    let _ = orders.where_(col("id").in_(&ids).and(col("name").in_(&names)).and(col("id").ne(&ids[0])));
}
