//! The first row of those that agree in some columns.

use portcullis::{Dialect, all, col, count, table};

use crate::support::{self, check};

portcullis::table! { visits { id: i64, person: Option<String>, day: Option<i64> } }

#[tokio::test]
async fn the_first_row_of_each_key_stays_whole() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE visits (id bigint NOT NULL, person varchar(10), day integer)",
            "INSERT INTO visits VALUES (1, 'ann', 3), (2, 'Ann', 1), (3, 'ann', 5), (4, NULL, 2), (5, NULL, 9), (6, 'bob', NULL), (7, 'bob', 4), (8, 'ann', 5)",
        ])
        .await;
        let db = db.read_only().await;
        let visits = || db.table("visits");
        // Text by code point, NULL as one group and, in the order, as the largest.
        check(
            &db,
            visits().distinct_on("person", (col("day").desc(), "id")).order_by("id"),
            &["2|Ann|1", "3|ann|5", "5|null|9", "6|bob|null"],
        )
        .await;
        check(
            &db,
            visits().distinct_on("person", ("day", "id")).order_by("id"),
            &["1|ann|3", "2|Ann|1", "4|null|2", "7|bob|4"],
        )
        .await;
        // By several keys and by an expression; what follows sees the chosen rows only.
        check(&db, visits().distinct_on(["person", "day"], "id").select("id").order_by("id"), &["1", "2", "3", "4", "5", "6", "7"]).await;
        check(&db, visits().distinct_on((col("id") % 2).as_("odd"), "id").order_by("id").select("id"), &["1", "2"]).await;
        check(&db, visits().distinct_on("person", "id").agg(count(all())), &["4"]).await;
        check(&db, visits().distinct_on("person", "id").where_(col("id").gt(2)).order_by("id").select("id"), &["4", "6"]).await;
        // What stands before it chooses among fewer rows.
        check(&db, visits().where_(col("id").gt(2)).distinct_on("person", "id").order_by("id").select("id"), &["3", "4", "6"]).await;
        check(&db, visits().order_by(col("id").desc()).limit(3).distinct_on("person", "id").order_by("id").select("id"), &["6", "8"]).await;
        check(&db, visits().distinct_on("person", "id").distinct_on("day", col("id").desc()).order_by("id").select("id"), &["1", "2", "4", "6"]).await;
    })
    .await;
}

#[test]
fn a_key_and_an_order_must_be_named() {
    let visits = || table(visits::table);
    let cases = [
        (
            visits().distinct_on(Vec::<String>::new(), "id"),
            "plan.no_columns",
            "`distinct_on` names no column; write at least one",
        ),
        (
            visits().distinct_on("id", Vec::<String>::new()),
            "plan.no_columns",
            "`distinct_on` names no column; write at least one",
        ),
        (
            visits().distinct_on(all(), "id"),
            "distinct_on.all",
            "`distinct_on` takes the columns that rows agree in; for rows that agree in all of them write `distinct()`",
        ),
        (
            visits().distinct_on("persn", "id"),
            "schema.unknown_column",
            "there is no column `persn` here; did you mean `person`?",
        ),
    ];
    for (frame, code, message) in cases {
        let error = frame.to_sql_for(Dialect::Sqlite).expect_err(message);
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
    assert!(visits().distinct_on("person", "id").to_sql_for(Dialect::Sqlite).is_ok());
}
