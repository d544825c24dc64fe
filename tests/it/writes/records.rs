//! Rows from structs and maps.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use portcullis::{Database, Dialect, ErrorKind, ReadWrite};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::support::{self, TestDatabase, check};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Mood {
    Calm,
    Wild,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    id: i64,
    small: i16,
    ratio: f64,
    price: Decimal,
    #[serde(rename = "label")]
    name: String,
    mood: Mood,
    code: Uuid,
    day: NaiveDate,
    at: NaiveTime,
    local: NaiveDateTime,
    moment: DateTime<Utc>,
    flag: bool,
    note: Option<String>,
    raw: Vec<u8>,
}

fn everything(id: i64, note: Option<&str>) -> Everything {
    Everything {
        id,
        small: -7,
        ratio: 0.1,
        price: "12345678901234.5678".parse().unwrap(),
        name: "O'Neil \\ \"x\" 東".to_owned(),
        mood: Mood::Wild,
        code: Uuid::from_u128(0x1234_5678_9abc_4ef0_9234_5678_9abc_def0),
        day: NaiveDate::from_ymd_opt(1969, 2, 28).unwrap(),
        at: NaiveTime::from_hms_micro_opt(23, 59, 59, 123_456).unwrap(),
        local: NaiveDate::from_ymd_opt(2024, 2, 29).unwrap().and_hms_micro_opt(1, 2, 3, 450_000).unwrap(),
        moment: NaiveDate::from_ymd_opt(2024, 2, 29).unwrap().and_hms_micro_opt(1, 2, 3, 4).unwrap().and_utc(),
        flag: true,
        note: note.map(str::to_owned),
        raw: vec![0, 255, 39],
    }
}

async fn table(db: &TestDatabase) -> Database<ReadWrite> {
    let types = match db.dialect {
        Dialect::Postgres => {
            "ratio double precision, price numeric(18, 4), label text, mood text, code uuid, day date, at time, \
             local timestamp, moment timestamptz, flag boolean, note text, raw bytea"
        }
        Dialect::Sqlite => {
            "ratio double, price decimal(18, 4), label text, mood text, code uuid, day date, at time, \
             local timestamp, moment timestamptz, flag boolean, note text, raw blob"
        }
        Dialect::MySql => {
            "ratio double, price decimal(18, 4), label varchar(40), mood varchar(9), code varchar(36), day date, \
             at time(6), local datetime(6), moment timestamp(6) NULL, flag boolean, note text, raw blob"
        }
        Dialect::MariaDb => {
            "ratio double, price decimal(18, 4), label varchar(40) CHARACTER SET utf8mb4, mood varchar(9), code uuid, day date, \
             at time(6), local datetime(6), moment timestamp(6) NULL, flag boolean, note text, raw blob"
        }
    };
    db.execute_setup(&[&format!("CREATE TABLE everything (id bigint PRIMARY KEY, small smallint, {types})")]).await;
    db.read_write().await
}

#[tokio::test]
async fn a_struct_becomes_a_row_and_comes_back_as_it_was() {
    support::each(async |db| {
        let db = table(db).await;
        let mut rows = vec![everything(1, None), everything(2, Some("two"))];
        if db.dialect() == Dialect::Sqlite {
            // SQLite holds a decimal as a double, 15 digits of it.
            rows.iter_mut().for_each(|row| row.price = "1234567.5678".parse().unwrap());
        }
        assert_eq!(db.insert("everything").records(&rows).execute().await.expect("two rows"), 2);
        let found: Vec<Everything> = db.table("everything").order_by("id").collect_as().await.expect("rows");
        assert_eq!(found, rows, "on {}", db.dialect());
        // The same values by the crate's own binds meet the same rows.
        let one = &rows[0];
        let same = db
            .table("everything")
            .where_(portcullis::all_of([
                portcullis::col("price").eq(one.price),
                portcullis::col("code").eq(one.code),
                portcullis::col("day").eq(one.day),
                portcullis::col("at").eq(one.at),
                portcullis::col("local").eq(one.local),
                portcullis::col("moment").eq(one.moment),
                portcullis::col("raw").eq(one.raw.clone()),
            ]))
            .count()
            .await;
        assert_eq!(same.expect("a count"), 2, "on {}", db.dialect());
    })
    .await;
}

async fn users(db: &TestDatabase) -> Database<ReadWrite> {
    db.execute_setup(&["CREATE TABLE users (id integer PRIMARY KEY, name varchar(40), age integer DEFAULT 18)"]).await;
    db.read_write().await
}

#[tokio::test]
async fn maps_are_records_and_a_column_left_out_takes_its_default() {
    support::each(async |db| {
        let db = users(db).await;
        let ages: Vec<BTreeMap<String, i64>> = (1..=2).map(|id| BTreeMap::from([("id".to_owned(), id)])).collect();
        assert_eq!(db.insert("users").records(ages).execute().await.expect("rows"), 2);
        let objects = [serde_json::json!({"name": "Cid", "id": 3}), serde_json::json!({"id": 4, "name": null})];
        assert_eq!(db.insert("users").records(&objects).execute().await.expect("rows"), 2);
        // Fields in another order than the columns', with a plain row beside them.
        let fifth = serde_json::json!({"name": "Eve", "id": 5, "age": 7});
        let mixed = db.insert("users").columns(["id", "name", "age"]).record(&fifth).row((6, "Fay", 8));
        assert_eq!(mixed.execute().await.expect("rows"), 2);
        let rows = ["1|null|18", "2|null|18", "3|Cid|18", "4|null|18", "5|Eve|7", "6|Fay|8"];
        check(&db, db.table("users").order_by("id"), &rows).await;
        let none: [BTreeMap<String, i64>; 0] = [];
        assert_eq!(db.insert("users").records(none).execute().await.expect("no rows"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_record_that_is_ragged_or_wrong_is_refused_with_its_table_and_column() {
    support::each(async |db| {
        let db = users(db).await;
        let refused = async |records: &[serde_json::Value]| {
            let error = db.insert("users").records(records).execute().await.expect_err("a mistake");
            (
                error.kind(),
                error.code(),
                error.table().map(str::to_owned),
                error.column().map(str::to_owned),
                error.to_string(),
            )
        };
        let (kind, code, table, column, message) =
            refused(&[serde_json::json!({"id": 1, "name": "a"}), serde_json::json!({"id": 2})]).await;
        assert_eq!((kind, code), (ErrorKind::Plan, "insert.ragged"), "{message}");
        assert_eq!((table.as_deref(), column.as_deref()), (Some("users"), Some("name")));
        assert!(message.contains("record 2") && message.contains("`name`"), "{message}");
        let (_, code, _, column, message) =
            refused(&[serde_json::json!({"id": 1}), serde_json::json!({"id": 2, "name": "b"})]).await;
        assert_eq!((code, column.as_deref()), ("insert.ragged", Some("name")), "{message}");
        let (kind, code, table, column, message) = refused(&[serde_json::json!({"id": 1, "nmae": "a"})]).await;
        assert_eq!((kind, code), (ErrorKind::Schema, "schema.unknown_column"));
        assert_eq!((table.as_deref(), column.as_deref()), (Some("users"), Some("nmae")));
        assert!(message.contains("did you mean `name`"), "{message}");
        let (kind, code, _, column, _) = refused(&[serde_json::json!({"id": "one"})]).await;
        assert_eq!((kind, code, column.as_deref()), (ErrorKind::Type, "type.value", Some("id")));
        let tuple = db.insert("users").record((1, "a")).execute().await.expect_err("no record");
        assert_eq!(tuple.code(), "insert.no_record");
        check(&db, db.table("users"), &[]).await;
        let right = serde_json::json!({"id": 1, "name": "a"});
        assert_eq!(db.insert("users").record(&right).execute().await.expect("a row"), 1);
    })
    .await;
}

#[derive(Serialize)]
struct Twice {
    id: i64,
    #[serde(flatten)]
    more: BTreeMap<String, i64>,
}

#[tokio::test]
async fn a_column_that_a_record_has_twice_is_refused() {
    support::each(async |db| {
        let db = users(db).await;
        let row = |name: &str| Twice { id: 1, more: BTreeMap::from([(name.to_owned(), 2)]) };
        let error = db.insert("users").record(row("id")).execute().await.expect_err("twice");
        assert_eq!((error.code(), error.column()), ("write.repeated_column", Some("id")));
        assert_eq!(db.insert("users").record(row("age")).execute().await.expect("a row"), 1);
        check(&db, db.table("users"), &["1|null|2"]).await;
    })
    .await;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Document {
    id: i64,
    body: serde_json::Value,
}

#[tokio::test]
async fn what_has_fields_is_json_and_a_text_in_a_json_column_is_a_string_of_it() {
    support::on(&[Dialect::Postgres, Dialect::Sqlite], async |db| {
        let kind = if db.dialect == Dialect::Postgres { "jsonb" } else { "json" };
        db.execute_setup(&[&format!("CREATE TABLE documents (id bigint PRIMARY KEY, body {kind})")]).await;
        let db = db.read_write().await;
        let bodies = [
            serde_json::json!({"a": [1, 2.5, null, "x"], "big": 12_345_678_901_234_567_890_u64}),
            serde_json::json!("just text"),
            serde_json::json!([true, {"n": 1}]),
            serde_json::json!(7),
        ];
        let rows: Vec<Document> = (0..).zip(bodies).map(|(id, body)| Document { id, body }).collect();
        assert_eq!(db.insert("documents").records(&rows).execute().await.expect("rows"), 4);
        let found: Vec<Document> = db.table("documents").order_by("id").collect_as().await.expect("rows");
        assert_eq!(found, rows, "on {}", db.dialect());
    })
    .await;
}

#[tokio::test]
async fn many_records_go_in_parts_and_all_or_none() {
    support::each(async |db| {
        let db = users(db).await;
        let many = |last: i64| {
            (1..=12_000).map(move |id| BTreeMap::from([("id", if id == 12_000 { last } else { id }), ("age", 3)]))
        };
        let failed = db.insert("users").records(many(1)).execute().await;
        assert_eq!(failed.expect_err("a duplicate").kind(), ErrorKind::Constraint);
        assert_eq!(db.table("users").count().await.expect("a count"), 0);
        assert_eq!(db.insert("users").records(many(12_000)).execute().await.expect("rows"), 12_000);
        assert_eq!(db.table("users").count().await.expect("a count"), 12_000);
    })
    .await;
}
