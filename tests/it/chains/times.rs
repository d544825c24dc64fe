//! Dates and moments, compared, sorted and grouped.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use portcullis::{Dialect, all, col, count, max, min};

use crate::support::{self, check};

fn moment(text: &str) -> NaiveDateTime {
    text.parse().expect("a moment")
}

#[tokio::test]
async fn dates_and_moments_compare_and_sort_as_time_does() {
    support::each(async |db| {
        let micros = if support::mysql_family(db.dialect) { "datetime(6)" } else { "timestamp" };
        let zone = match db.dialect {
            Dialect::Postgres => "timestamptz",
            Dialect::MariaDb | Dialect::MySql => "timestamp(6) NULL",
            _ => "timestamptz",
        };
        let clock = if support::mysql_family(db.dialect) { "time(6)" } else { "time" };
        db.execute_setup(&[&format!(
            "CREATE TABLE times (id integer NOT NULL, d date, m {micros}, z {zone}, c {clock})"
        )])
        .await;
        let db = db.read_write().await;
        let texts = [
            (1, "2024-02-29", "2024-02-29T12:00:00", "12:00:00"),
            (2, "1999-12-31", "2024-02-29T12:00:00.5", "11:59:59.999999"),
            (3, "2024-10-01", "2024-02-29T12:00:00.000001", "00:00:00"),
            (4, "2024-09-30", "2024-02-29T11:59:59.999999", "23:59:59"),
        ];
        for (id, date, at, clock) in texts {
            let date: NaiveDate = date.parse().expect("a date");
            let clock: NaiveTime = clock.parse().expect("a time");
            let row = (id, date, moment(at), moment(at).and_utc(), clock);
            db.insert("times").columns(["id", "d", "m", "z", "c"]).row(row).execute().await.expect("a row");
        }
        let none = (5, None::<NaiveDate>, None::<NaiveDateTime>, None::<DateTime<Utc>>, None::<NaiveTime>);
        db.insert("times").columns(["id", "d", "m", "z", "c"]).row(none).execute().await.expect("a row");
        let t = || db.table("times").select("id");
        check(&db, t().order_by("d"), &["2", "1", "4", "3", "5"]).await;
        check(&db, t().order_by("m"), &["4", "1", "3", "2", "5"]).await;
        check(&db, t().order_by("z"), &["4", "1", "3", "2", "5"]).await;
        check(&db, t().order_by(col("z").desc().nulls_last()), &["2", "3", "1", "4", "5"]).await;
        check(&db, t().order_by("c"), &["3", "2", "1", "4", "5"]).await;
        let noon = || moment("2024-02-29T12:00:00");
        check(&db, t().where_(col("m").eq(noon())), &["1"]).await;
        check(&db, t().where_(col("z").eq(noon().and_utc())), &["1"]).await;
        check(&db, t().where_(col("m").gt(noon())).order_by("id"), &["2", "3"]).await;
        check(&db, t().where_(col("z").le(noon().and_utc())).order_by("id"), &["1", "4"]).await;
        check(&db, t().where_(col("m").between(noon(), moment("2024-02-29T12:00:00.1"))).order_by("id"), &["1", "3"])
            .await;
        check(&db, t().where_(col("d").gt("2024-09-30".parse::<NaiveDate>().expect("a date"))), &["3"]).await;
        check(
            &db,
            t().where_(col("c").lt("12:00:00".parse::<NaiveTime>().expect("a time"))).order_by("id"),
            &["2", "3"],
        )
        .await;
        check(&db, t().where_(col("m").in_([noon(), moment("2024-02-29T12:00:00.5")])).order_by("id"), &["1", "2"])
            .await;
        let many = || (0..300).map(|n| noon() + chrono::Duration::days(n)).collect::<Vec<_>>();
        check(&db, t().where_(col("m").in_(many())), &["1"]).await;
        check(&db, t().where_(col("z").in_(many().into_iter().map(|at| at.and_utc()).collect::<Vec<_>>())), &["1"])
            .await;
        let clocks: Vec<NaiveTime> = (0..300).map(|n| NaiveTime::MIN + chrono::Duration::seconds(n)).collect();
        check(&db, t().where_(col("c").in_(clocks)), &["3"]).await;
        let days: Vec<NaiveDate> = (0..300).map(|n| noon().date() + chrono::Duration::days(n)).collect();
        check(&db, t().where_(col("d").in_(days.clone())).order_by("id"), &["1", "3", "4"]).await;
        check(&db, t().where_(col("d").not_in(days)).order_by("id"), &["2"]).await;
        check(
            &db,
            db.table("times").agg((min(col("d")), max(col("d")), max(col("m")), min(col("c")))),
            &["1999-12-31|2024-10-01|2024-02-29 12:00:00.500|00:00:00"],
        )
        .await;
        check(
            &db,
            db.table("times").group_by("d").agg(count(all()).as_("n")).order_by("d").limit(1),
            &["1999-12-31|1"],
        )
        .await;
        check(&db, db.table("times").where_(col("m").eq(col("z"))).agg(count(all())), &["4"]).await;
    })
    .await;
}
