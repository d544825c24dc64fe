//! Values written into a table's definition: each comes back as it was, and ends nothing.

use chrono::{NaiveDate, NaiveTime};
use portcullis::{Database, Dialect, ErrorKind, ReadWrite, SqlType, col, column, lit};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::corpus::list::payloads;
use crate::support;

/// So many columns with defaults has one table.
const WIDTH: usize = 60;

async fn given<T: serde::de::DeserializeOwned + Send + 'static>(db: &Database<ReadWrite>, name: &str) -> T {
    db.table("t").select(name).one_as::<T>().await.unwrap()
}

#[tokio::test]
async fn every_value_of_the_corpus_is_given_back_as_a_default() {
    support::each(async |test| {
        let db = test.read_write().await;
        db.create_table("witness").column(column("v", SqlType::Int64)).execute().await.unwrap();
        db.insert("witness").columns(["v"]).row([1]).execute().await.unwrap();
        let payloads = payloads().to_vec();
        let (bad, good): (Vec<String>, Vec<String>) = payloads.into_iter().partition(|text| text.contains('\0'));
        assert!(good.len() > 200);
        for text in &bad {
            let create = db.create_table("t").column(column("v", SqlType::Text).default(text.as_str()));
            let error = create.execute().await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Encode, "literal.nul"));
        }
        for texts in good.chunks(WIDTH) {
            let mut create = db.create_table("t").column(column("id", SqlType::Int64));
            for (place, text) in texts.iter().enumerate() {
                create = create.column(column(&format!("c{place}"), SqlType::Text).default(text.as_str()));
            }
            create.execute().await.unwrap();
            if support::mysql_family(test.dialect) {
                // It then reads anew what it keeps of the table.
                test.execute_setup(&["FLUSH TABLES"]).await;
            }
            db.insert("t").columns(["id"]).row([1]).execute().await.unwrap();
            let row = db.table("t").one().await.unwrap();
            for (place, text) in texts.iter().enumerate() {
                assert_eq!(&row.try_get::<String>(&*format!("c{place}")).unwrap(), text, "{}", test.dialect);
            }
            db.drop_table("t").execute().await.unwrap();
        }
        assert_eq!(db.table("witness").count().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn every_value_of_the_corpus_is_compared_as_it_is_in_a_check() {
    support::each(async |test| {
        let db = test.read_write().await;
        let texts: Vec<String> = payloads().iter().filter(|text| !text.contains('\0')).cloned().collect();
        for texts in texts.chunks(40) {
            let create = db.create_table("t").column(column("v", SqlType::Text).one_of(texts));
            // A payload may be longer than what a key takes, which this is not.
            create.execute().await.unwrap();
            for text in texts {
                db.insert("t").columns(["v"]).row([text.as_str()]).execute().await.unwrap();
            }
            let other = db.insert("t").columns(["v"]).row(["none of these"]).execute().await;
            assert_eq!(other.unwrap_err().kind(), ErrorKind::Constraint);
            db.drop_table("t").execute().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn values_of_every_type_are_given_back_as_defaults() {
    support::each(async |test| {
        let db = test.read_write().await;
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let time = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap();
        let whole = NaiveTime::from_hms_opt(12, 0, 0).unwrap();
        let uuid = Uuid::from_u128(0x1234_5678_9abc_4ef0_9234_5678_9abc_def0);
        let decimal: Decimal = "-12345.6700".parse().unwrap();
        let bytes = vec![0_u8, 39, 34, 92, 255];
        let mut create = db
            .create_table("t")
            .column(column("id", SqlType::Int64))
            .column(column("yes", SqlType::Bool).default(true))
            .column(column("no", SqlType::Bool).default(false))
            .column(column("least", SqlType::Int64).default(i64::MIN))
            .column(column("most", SqlType::Int64).default(i64::MAX))
            .column(column("small", SqlType::Int16).default(-7))
            .column(column("double", SqlType::Float64).default(-1.5e10))
            .column(column("number", SqlType::decimal(12, 4)).default(decimal))
            .column(column("bytes", SqlType::Bytes).default(bytes.clone()))
            .column(column("day", SqlType::Date).default(day))
            .column(column("time", SqlType::Time).default(time))
            .column(column("whole", SqlType::Time).default(whole))
            .column(column("at", SqlType::Timestamp).default(day.and_time(time)))
            .column(column("moment", SqlType::TimestampTz).default(day.and_time(whole).and_utc()))
            .column(column("sum", SqlType::Int64).default(lit(40) + 2));
        if test.dialect != Dialect::MySql {
            create = create.column(column("uuid", SqlType::Uuid).default(uuid));
        }
        let exact = [0.1 + 0.2, f64::MAX, f64::MIN_POSITIVE, 5e-324, 123_456_789.123_456_79];
        if test.dialect != Dialect::Sqlite {
            for (place, value) in exact.iter().enumerate() {
                create = create.column(column(&format!("f{place}"), SqlType::Float64).default(*value));
            }
        }
        create.execute().await.unwrap();
        db.insert("t").columns(["id"]).row([1]).execute().await.unwrap();
        let db = &db;
        assert!(given::<bool>(db, "yes").await);
        assert!(!given::<bool>(db, "no").await);
        assert_eq!(given::<i64>(db, "least").await, i64::MIN);
        assert_eq!(given::<i64>(db, "most").await, i64::MAX);
        assert_eq!(given::<i16>(db, "small").await, -7);
        assert_eq!(given::<f64>(db, "double").await, -1.5e10);
        assert_eq!(given::<Decimal>(db, "number").await, decimal);
        let row = db.table("t").one().await.unwrap();
        assert!(row.get("bytes").unwrap() == &portcullis::Value::Bytes(bytes));
        assert_eq!(given::<NaiveDate>(db, "day").await, day);
        assert_eq!(given::<NaiveTime>(db, "time").await, time);
        assert_eq!(given::<NaiveTime>(db, "whole").await, whole);
        assert_eq!(given::<chrono::NaiveDateTime>(db, "at").await, day.and_time(time));
        assert_eq!(given::<chrono::DateTime<chrono::Utc>>(db, "moment").await, day.and_time(whole).and_utc());
        if test.dialect != Dialect::MySql {
            assert_eq!(given::<Uuid>(db, "uuid").await, uuid);
        }
        assert_eq!(given::<i64>(db, "sum").await, 42);
        // What SQLite keeps as text is the text that a bind makes.
        assert_eq!(db.table("t").where_(col("whole").eq(whole) & col("time").eq(time)).count().await.unwrap(), 1);
        if test.dialect != Dialect::Sqlite {
            for (place, value) in exact.iter().enumerate() {
                let found = given::<f64>(db, &format!("f{place}")).await;
                assert_eq!(found.to_bits(), value.to_bits(), "{value}");
            }
        }
    })
    .await;
}

/// A file with a table is read by another program too, so its numbers must be the ones that SQLite itself reads.
#[test]
fn doubles_that_sqlite_is_given_are_those_that_it_reads() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    let mut state = 0x1234_5678_9abc_def1_u64;
    for _ in 0..20_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let digits = i64::try_from(state % 999_999_999_999_999).unwrap();
        let scale = i32::try_from((state >> 50) % 37).unwrap() - 22;
        let text = format!("{digits}e{scale}");
        let expected: f64 = text.parse().unwrap();
        let shortest = format!("{expected:e}");
        let found: f64 = connection.query_row(&format!("SELECT {shortest}"), [], |row| row.get(0)).unwrap();
        assert_eq!(found.to_bits(), expected.to_bits(), "{shortest}");
    }
}
