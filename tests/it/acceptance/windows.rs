//! Windows.

use portcullis::{
    col, count, current_row, dense_rank, following, lag, last_value, lead, ntile, percent_rank, preceding, rank,
    row_number, sum, window,
};

use crate::support::{self, check};

#[tokio::test]
async fn each_row_keeps_its_place_and_sees_its_neighbours() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE sales (day date NOT NULL, amount integer)",
            "INSERT INTO sales VALUES ('2024-01-01', 100), ('2024-01-02', 200), ('2024-01-03', 150), ('2024-01-04', 300)",
            "CREATE TABLE items (id integer NOT NULL, category varchar(5), amount integer)",
            "INSERT INTO items VALUES (10, 'A', 5), (20, 'A', 7), (30, 'B', 1), (40, 'B', 9)",
            "CREATE TABLE scores (id integer NOT NULL, score integer)",
            "INSERT INTO scores VALUES (1, 10), (2, 10), (3, 20), (4, 30)",
        ])
        .await;
        let db = db.read_only().await;
        let rolling = sum(col("amount")).over(window().order_by("day").rows(preceding(1), following(1)));
        check(
            &db,
            db.table("sales").order_by("day").select(rolling.as_("rolling")),
            &["300", "450", "650", "450"],
        )
        .await;
        let by_amount = window().partition_by("category").order_by("amount");
        check(
            &db,
            db.table("items").with_column("n", row_number().over(&by_amount)).drop("amount").order_by("id"),
            &["10|A|1", "20|A|2", "30|B|1", "40|B|2"],
        )
        .await;
        let largest_first = window().partition_by("category").order_by(col("amount").desc());
        check(
            &db,
            db.table("items").select(("id", row_number().over(&largest_first).as_("n"))).where_(col("n").eq(1)).order_by("id"),
            &["20|1", "40|1"],
        )
        .await;
        // The same without a name for it: a filter on a window nests by itself.
        check(
            &db,
            db.table("items").select("id").where_(row_number().over(&largest_first).eq(1)).order_by("id"),
            &["20", "40"],
        )
        .await;
        let by_score = window().order_by("score");
        check(
            &db,
            db.table("scores").order_by("id").select((
                "id",
                rank().over(&by_score).as_("rank"),
                dense_rank().over(&by_score).as_("dense"),
                percent_rank().over(&by_score).as_("part"),
                ntile(4).over(window().order_by(("score", "id"))).as_("quarter"),
            )),
            &["1|1|1|0.0|1", "2|1|1|0.0|2", "3|3|2|0.6666666666666666|3", "4|4|3|1.0|4"],
        )
        .await;
        let by_id = window().order_by("id");
        check(
            &db,
            db.table("scores").order_by("id").select((
                lag(col("id"), 1).default_to(0).over(&by_id).as_("before"),
                lead(col("id"), 1).over(&by_id).as_("after"),
                last_value(col("score")).over(&by_id).as_("last"),
                count(col("score")).over(by_id.rows(preceding(1), current_row())).as_("near"),
            )),
            &["0|2|10|1", "1|3|10|2", "2|4|20|2", "3|null|30|2"],
        )
        .await;
        // A column may be replaced by its row's number.
        check(
            &db,
            db.table("items")
                .where_(col("id").ne(40))
                .with_column("id", row_number().over(window().partition_by("category").order_by("amount")))
                .order_by(("category", "amount")),
            &["1|A|5", "2|A|7", "1|B|1"],
        )
        .await;
    })
    .await;
}
