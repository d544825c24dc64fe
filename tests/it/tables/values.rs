//! A column made by type gives back what went in.

use std::fmt::Debug;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use portcullis::{Database, Dialect, ErrorKind, Interval, ReadWrite, SqlType, ToValue, Value, col, column};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::support;

async fn made(db: &Database<ReadWrite>, sql_type: SqlType) -> portcullis::Result<()> {
    db.drop_table("t").if_exists().execute().await?;
    db.create_table("t").column(column("id", SqlType::Int64)).column(column("v", sql_type)).execute().await
}

/// Values and NULL come back as they went in, as the type that the column was made with, and can be asked for.
async fn round_trip<T>(db: &Database<ReadWrite>, sql_type: SqlType, values: &[T])
where
    T: ToValue + Clone + PartialEq + Debug + DeserializeOwned + Send + 'static,
{
    let at = format!("{sql_type} on {}", db.dialect());
    made(db, sql_type).await.unwrap_or_else(|error| panic!("{at}: {error:?}"));
    for (id, value) in (0_i64..).zip(values) {
        let insert = db.insert("t").columns(["id", "v"]).row((id, value.clone()));
        assert_eq!(insert.execute().await.unwrap_or_else(|error| panic!("{at}, {value:?}: {error:?}")), 1);
    }
    db.insert("t").columns(["id", "v"]).row((1_000, None::<T>)).execute().await.unwrap();
    let expected: Vec<Value> = values.iter().cloned().map(Some).chain([None]).map(ToValue::to_value).collect();
    let rows = db.table("t").order_by("id").collect().await.unwrap();
    for (row, expected) in rows.iter().zip(&expected) {
        assert!(row.get("v").unwrap() == expected, "{at}: {:?} is not {expected:?}", row.get("v"));
    }
    assert_eq!(rows.len(), expected.len());
}

#[tokio::test]
async fn every_type_gives_back_what_went_in() {
    support::each(async |test| {
        let db = &test.read_write().await;
        let decimal = |text: &str| Decimal::from_str_exact(text).unwrap();
        let moment = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap();
        round_trip(db, SqlType::Bool, &[true, false]).await;
        round_trip(db, SqlType::Int16, &[i16::MIN, -1, 0, i16::MAX]).await;
        round_trip(db, SqlType::Int32, &[i32::MIN, 0, i32::MAX]).await;
        round_trip(db, SqlType::Int64, &[i64::MIN, -1, 0, i64::MAX]).await;
        round_trip(db, SqlType::Float32, &[1.5_f32, -0.25, f32::MAX]).await;
        round_trip(db, SqlType::Float64, &[0.1 + 0.2, f64::MAX, f64::MIN_POSITIVE, -1.0]).await;
        round_trip(db, SqlType::decimal(10, 2), &[decimal("12.34"), decimal("-99999999.99"), decimal("0.01")]).await;
        round_trip(db, SqlType::decimal(28, 0), &[decimal("12"), decimal("-99999999999999")]).await;
        round_trip(db, SqlType::Text, &["", " a ", "it's", "É\u{1f600}", "a\\b\n"].map(str::to_owned)).await;
        round_trip(db, SqlType::Bytes, &[vec![], vec![0_u8, 39, 92, 255]].map(serde_bytes_like)).await;
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        round_trip(db, SqlType::Date, &[day("2024-02-29"), day("1969-12-31"), day("9999-12-31")]).await;
        let times = ["00:00:00", "23:59:59.999999", "12:30:00.5"].map(|text| text.parse::<NaiveTime>().unwrap());
        round_trip(db, SqlType::Time, &times).await;
        let stamps = ["2024-02-29 12:30:00", "1969-12-31 23:59:59.000001", "9999-12-31 23:59:59.999999"].map(moment);
        round_trip(db, SqlType::Timestamp, &stamps).await;
        let moments = ["2024-02-29 12:30:00", "2038-01-01 23:59:59.000001"].map(|text| moment(text).and_utc());
        round_trip::<DateTime<Utc>>(db, SqlType::TimestampTz, &moments).await;
        if test.dialect == Dialect::MySql {
            assert_eq!(made(db, SqlType::Uuid).await.unwrap_err().code(), "table.type");
            return;
        }
        round_trip(db, SqlType::Uuid, &[Uuid::nil(), Uuid::from_u128(0x1234_5678_9abc_4ef0_9234_5678_9abc_def0)]).await;
        if test.dialect != Dialect::MariaDb {
            // MariaDB has no JSON of its own: what it calls so is text.
            let json = [serde_json::json!({"a": [1, null, "x"]}), serde_json::json!("1"), serde_json::json!(1)];
            round_trip(db, SqlType::Json, &json).await;
            round_trip(db, SqlType::Interval, &[Interval { months: 14, days: -3, microseconds: 1_500_000 }]).await;
        }
        if support::mysql_family(test.dialect) {
            round_trip(db, SqlType::UInt64, &[0_u64, u64::MAX]).await;
            round_trip(db, SqlType::Decimal(None), &[decimal("1.5"), decimal("7.9228162514264337593543950335")]).await;
        } else {
            round_trip(db, SqlType::Decimal(None), &[decimal("1.5"), decimal("-123456.789")]).await;
            assert_eq!(made(db, SqlType::UInt64).await.unwrap_err().code(), "table.type");
        }
        match test.dialect {
            Dialect::Postgres => {
                round_trip(db, SqlType::Array(&SqlType::Int64), &[vec![1_i64, 2], vec![]]).await;
                round_trip(db, SqlType::Array(&SqlType::Text), &[vec!["a".to_owned(), "it's".to_owned()]]).await;
            }
            _ => {
                let error = made(db, SqlType::Array(&SqlType::Int64)).await.unwrap_err();
                assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "table.type"));
            }
        }
    })
    .await;
}

fn serde_bytes_like(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// What the type has no room for is an error on every database, never another value.
#[tokio::test]
async fn what_a_type_has_no_room_for_is_refused() {
    support::each(async |test| {
        let db = test.read_write().await;
        let decimal = |text: &str| Decimal::from_str_exact(text).unwrap();
        let refused = async |sql_type: SqlType, value: Value| {
            made(&db, sql_type).await.unwrap();
            let insert = match value {
                Value::Int(value) => db.insert("t").columns(["v"]).row([value]).execute().await,
                Value::Decimal(value) => db.insert("t").columns(["v"]).row([value]).execute().await,
                _ => unreachable!(),
            };
            assert!(insert.is_err(), "{sql_type}");
            assert_eq!(db.table("t").count().await.unwrap(), 0);
        };
        refused(SqlType::Int16, Value::Int(32_768)).await;
        refused(SqlType::Int32, Value::Int(1 << 31)).await;
        refused(SqlType::decimal(4, 2), Value::Decimal(decimal("100"))).await;
        refused(SqlType::decimal(4, 2), Value::Decimal(decimal("-100.5"))).await;
        db.drop_table("t").execute().await.unwrap();
        db.create_table("t").column(column("v", SqlType::Text).max_length(3)).execute().await.unwrap();
        db.insert("t").columns(["v"]).row(["äöü"]).execute().await.unwrap();
        assert!(db.insert("t").columns(["v"]).row(["four"]).execute().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn text_is_kept_apart_by_code_point_in_keys_and_comparisons() {
    support::each(async |test| {
        let db = test.read_write().await;
        db.create_table("t").column(column("v", SqlType::Text).max_length(20).primary_key()).execute().await.unwrap();
        let texts = ["a", "A", "á", "a ", "ß", "ss", "z"];
        db.insert("t").columns(["v"]).rows(texts.map(|text| [text])).execute().await.unwrap();
        let sorted: Vec<String> = db.table("t").order_by("v").collect_as().await.unwrap();
        let mut expected = texts.to_vec();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(db.table("t").where_(col("v").eq("a")).count().await.unwrap(), 1);
        // The database compares so by itself: nothing in the text says it.
        let sql = db.table("t").where_(col("v").gt("a")).order_by("v").to_sql().unwrap().sql().to_owned();
        assert!(!sql.contains("COLLATE"), "{sql}");
    })
    .await;
}
