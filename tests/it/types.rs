//! Every SQL type, there and back, on each database that has it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use portcullis::{Database, Dialect, Error, ErrorKind, Interval, ReadWrite, ToValue, Value};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::support::{self, TestDatabase};

/// A row with one column, read by its name.
#[derive(Deserialize)]
struct Named<T> {
    v: Option<T>,
}

/// A database with a handle, and tables made as they are needed.
struct Bench<'a> {
    test: &'a TestDatabase,
    db: Database<ReadWrite>,
    tables: AtomicU32,
}

impl<'a> Bench<'a> {
    async fn new(test: &'a TestDatabase) -> Bench<'a> {
        Bench { test, db: test.read_write().await, tables: AtomicU32::new(0) }
    }

    async fn table(&self, sql_type: &str) -> String {
        let name = format!("t{}", self.tables.fetch_add(1, Ordering::Relaxed));
        // The first TIMESTAMP column of a MariaDB table fills itself unless NULL is said to be allowed.
        let options = if support::mysql_family(self.test.dialect) { "CHARACTER SET utf8mb4" } else { "" };
        self.test.execute_setup(&[&format!("CREATE TABLE {name} (id bigint, v {sql_type} NULL) {options}")]).await;
        name
    }

    /// Inserts each value and NULL, and reads them back: as the same Rust type, as values, and by raw SQL.
    async fn round_trip<T>(&self, sql_type: &str, values: &[T])
    where
        T: ToValue + Clone + PartialEq + Debug + DeserializeOwned + Send + 'static,
    {
        let at = format!("{sql_type} on {}", self.test.dialect);
        let table = self.table(sql_type).await;
        for (id, value) in (0_i64..).zip(values) {
            let insert = self.db.insert(table.as_str()).columns(["id", "v"]).row((id, value.clone()));
            assert_eq!(insert.execute().await.unwrap_or_else(|error| panic!("{at}, {value:?}: {error:?}")), 1);
        }
        let null = self.db.insert(table.as_str()).columns(["id", "v"]).row((1_000_i64, None::<T>));
        assert_eq!(null.execute().await.unwrap_or_else(|error| panic!("{at}, NULL: {error:?}")), 1);

        let mut expected: Vec<Option<T>> = values.iter().cloned().map(Some).collect();
        expected.push(None);
        let expected_values: Vec<Value> = expected.iter().cloned().map(ToValue::to_value).collect();
        let frame = self.db.table(table.as_str()).order_by("id").select("v");
        // The second time the columns' types are known.
        for _ in 0..2 {
            let named: Vec<Named<T>> = frame.collect_as().await.unwrap_or_else(|error| panic!("{at}: {error:?}"));
            assert!(named.into_iter().map(|row| row.v).eq(expected.iter().cloned()), "{at}");
            // A lone column of JSON is read as a map with its name, so that rows of all sorts become JSON objects.
            if !sql_type.starts_with("json") {
                let typed: Vec<Option<T>> = frame.collect_as().await.unwrap_or_else(|error| panic!("{at}: {error:?}"));
                assert_eq!(typed, expected, "{at}");
            }
            let rows = frame.collect().await.unwrap();
            for ((row, value), typed) in rows.iter().zip(&expected_values).zip(&expected) {
                let found = row.get("v").unwrap();
                assert!(found == value, "{at}, {typed:?}: {}", found_text(found));
                assert_eq!(&row.try_get::<Option<T>>(0).unwrap(), typed, "{at}");
            }
            self.db.schema().await.unwrap();
        }
        let text: &'static str = Box::leak(format!("SELECT v FROM {table} ORDER BY id").into_boxed_str());
        let raw: Vec<Named<T>> = self.db.sql(text).collect_as().await.unwrap_or_else(|error| panic!("{at}: {error:?}"));
        assert!(raw.into_iter().map(|row| row.v).eq(expected), "{at}, raw");
    }

    /// An insert of a value that this database can't hold as it is.
    async fn refused<T: ToValue + Debug + Clone>(&self, sql_type: &str, value: T, kind: ErrorKind) {
        let table = self.table(sql_type).await;
        let at = format!("{value:?} as {sql_type} on {}", self.test.dialect);
        let insert = self.db.insert(table.as_str()).columns(["id", "v"]).row((1_i64, value));
        let error = insert.execute().await.expect_err(&at);
        assert_eq!(error.kind(), kind, "{at}: {error:?}");
        assert_eq!(self.db.table(table.as_str()).count().await.unwrap(), 0, "{at}");
    }

    /// What reading `expression` as `T` fails with: an error that names the column and shows no value.
    async fn unreadable<T: DeserializeOwned + Debug + Send + 'static>(
        &self,
        expression: &str,
        words: &[&str],
    ) -> Error {
        let view = format!("w{}", self.tables.fetch_add(1, Ordering::Relaxed));
        self.test.execute_setup(&[&format!("CREATE VIEW {view} AS SELECT {expression} AS odd_column")]).await;
        let frame = self.db.table(view.as_str());
        let error = frame.collect_as::<T>().await.expect_err(expression);
        assert_eq!(error.kind(), ErrorKind::Decode, "{expression}: {error:?}");
        assert_eq!(error.column(), Some("odd_column"), "{expression}: {error:?}");
        for word in words.iter().chain(&["`odd_column`"]) {
            assert!(error.to_string().contains(word), "{expression}: `{word}` is not in: {error}");
        }
        // The session is as good as before.
        assert_eq!(self.db.sql("SELECT 7 AS n").one_as::<i64>().await.unwrap(), 7);
        error
    }
}

/// A value in words: `Debug` shows none, on purpose.
fn found_text(value: &Value) -> String {
    match value {
        Value::Int(it) => format!("int {it}"),
        Value::UInt(it) => format!("uint {it}"),
        Value::Float(it) => format!("float {it:?}"),
        Value::Decimal(it) => format!("decimal {it}"),
        Value::Text(it) => format!("text {it:?}"),
        Value::Bytes(it) => format!("bytes {it:?}"),
        Value::Json(it) => format!("json {it}"),
        other => format!("{other:?}"),
    }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn time(text: &str) -> NaiveTime {
    text.parse().unwrap()
}

fn timestamp(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap()
}

fn moment(text: &str) -> DateTime<Utc> {
    timestamp(text).and_utc()
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

#[tokio::test]
async fn integers_of_every_width_and_sign() {
    support::each(async |test| {
        let bench = Bench::new(test).await;
        bench.round_trip("smallint", &[i16::MIN, -1, 0, 1, i16::MAX]).await;
        bench.round_trip("integer", &[i32::MIN, -1, 0, i32::MAX]).await;
        bench.round_trip("bigint", &[i64::MIN, i64::MIN + 1, -1, 0, i64::MAX]).await;
        bench.round_trip("bigint", &[u32::MAX, 0]).await;
        bench.round_trip("bigint", &[0_u64, u64::try_from(i64::MAX).unwrap()]).await;
        if support::mysql_family(test.dialect) {
            bench.round_trip("tinyint", &[i8::MIN, -1, 0, i8::MAX]).await;
            bench.round_trip("tinyint unsigned", &[0_i16, 255]).await;
            bench.round_trip("smallint unsigned", &[0_u16, u16::MAX]).await;
            bench.round_trip("mediumint", &[-8_388_608_i32, 8_388_607]).await;
            bench.round_trip("mediumint unsigned", &[0_i32, 16_777_215]).await;
            bench.round_trip("integer unsigned", &[0_u32, u32::MAX]).await;
            bench.round_trip("bigint unsigned", &[0_u64, 1 << 63, u64::MAX]).await;
            bench.round_trip("year", &[1901_i32, 2155]).await;
            bench.refused("bigint unsigned", -1_i64, ErrorKind::Database).await;
            bench.refused("tinyint", 200_i64, ErrorKind::Database).await;
        } else {
            bench.refused("bigint", u64::MAX, ErrorKind::Encode).await;
        }
        if test.dialect == Dialect::Postgres {
            bench.refused("smallint", 40_000_i32, ErrorKind::Database).await;
            bench.refused("integer", i64::MAX, ErrorKind::Database).await;
        }
        // What doesn't fit the Rust type is an error, never another number.
        bench.unreadable::<i8>("300", &["300"].map(|_| "8")).await;
        bench.unreadable::<u64>("-5", &[]).await;
        bench.unreadable::<bool>("'x'", &["text"]).await;
    })
    .await;
}

#[tokio::test]
async fn floats_are_exact_or_refused() {
    support::each(async |test| {
        let bench = Bench::new(test).await;
        let double = if support::mysql_family(test.dialect) { "double" } else { "double precision" };
        let values = [0.1 + 0.2, f64::MIN, f64::MAX, f64::MIN_POSITIVE, -1.0, 1e300, 123_456_789.123_456_79];
        bench.round_trip(double, &values).await;
        if test.dialect != Dialect::Sqlite {
            let single = if support::mysql_family(test.dialect) { "float" } else { "real" };
            bench.round_trip(single, &[1.1_f32, f32::MIN, f32::MAX, f32::MIN_POSITIVE, -0.5]).await;
        }
        match test.dialect {
            Dialect::Postgres => {
                bench.round_trip(double, &[f64::INFINITY, f64::NEG_INFINITY, 5e-324]).await;
                bench.round_trip("real", &[f32::INFINITY]).await;
                // NaN equals nothing, itself included.
                let table = bench.table(double).await;
                bench.db.insert(table.as_str()).columns(["v"]).row([f64::NAN]).execute().await.unwrap();
                assert!(bench.db.table(table.as_str()).select("v").one_as::<f64>().await.unwrap().is_nan());
                bench.db.insert(table.as_str()).columns(["v"]).row([-0.0]).execute().await.unwrap();
                let found: Vec<f64> = bench.db.table(table.as_str()).select("v").collect_as().await.unwrap();
                assert!(found.iter().any(|it| *it == 0.0 && it.is_sign_negative()));
            }
            Dialect::Sqlite => {
                bench.round_trip(double, &[f64::INFINITY, f64::NEG_INFINITY, 5e-324]).await;
                bench.refused(double, f64::NAN, ErrorKind::Encode).await;
            }
            _ => {
                for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    bench.refused(double, value, ErrorKind::Encode).await;
                }
            }
        }
        bench.unreadable::<i64>("cast('x' as char(1))", &["text"]).await;
    })
    .await;
}

#[tokio::test]
async fn decimals_keep_every_digit_or_are_refused() {
    support::each(async |test| {
        let bench = Bench::new(test).await;
        let long = "9999999999999999999999999999";
        match test.dialect {
            Dialect::Sqlite => {
                bench.round_trip("decimal(15, 2)", &["0.00", "-12.50", "99999999999.99"].map(decimal)).await;
                // SQLite keeps a decimal as a double, so what a double can't hold is refused.
                bench.refused("decimal(28, 0)", decimal("0.1234567890123456789"), ErrorKind::Encode).await;
                bench.refused("decimal(28, 0)", decimal(long), ErrorKind::Encode).await;
            }
            _ => {
                bench.round_trip("decimal(28, 0)", &[decimal(long), decimal(&format!("-{long}")), Decimal::ZERO]).await;
                let small = ["0.1234567890", "-999999999999999999.9999999999", "0.0000000001"].map(decimal);
                bench.round_trip("decimal(28, 10)", &small).await;
                bench.unreadable::<Decimal>(&format!("cast('{long}999' as decimal(31, 0))"), &["28 digits"]).await;
            }
        }
        if test.dialect == Dialect::Postgres {
            let scales = ["1", "1.0", "1.50", "0.0000000000000000000000000001", "-79228162514264337593543950335"];
            bench.round_trip("numeric", &scales.map(decimal)).await;
            bench.unreadable::<Decimal>("'NaN'::numeric", &["NaN"]).await;
            bench.unreadable::<Decimal>("'Infinity'::numeric", &["NaN or infinite"]).await;
            bench.unreadable::<Decimal>("1e100::numeric", &["28 digits"]).await;
            bench.unreadable::<Decimal>("1e-100::numeric", &["28 digits"]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn text_and_bytes_come_back_byte_for_byte() {
    support::each(async |test| {
        let bench = Bench::new(test).await;
        let texts: Vec<String> = [
            "",
            " ",
            "  padded  ",
            "O'Brien; DROP TABLE t --",
            "back\\slash \\' \\n",
            "%_?:name $1 ?1 @x",
            "line\r\nbreak\ttab\u{1}\u{7f}",
            "ünïcödé 日本語 \u{1F600}\u{10FFFF}",
            "e\u{301} \u{e9}",
            "\u{202e}\u{feff}",
        ]
        .map(str::to_owned)
        .into();
        bench.round_trip("varchar(200)", &texts).await;
        bench.round_trip(if support::mysql_family(test.dialect) { "longtext" } else { "text" }, &texts).await;
        bench
            .round_trip(if support::mysql_family(test.dialect) { "longtext" } else { "text" }, &["x".repeat(300_000)])
            .await;
        let bytes = vec![Vec::new(), vec![0, 255, 0x80, 0x27, 0x5c], (0..=255).collect::<Vec<u8>>(), vec![7; 100_000]];
        let binary = match test.dialect {
            Dialect::Postgres => "bytea",
            Dialect::MariaDb | Dialect::MySql => "mediumblob",
            _ => "blob",
        };
        bench.round_trip(binary, &bytes).await;
        let nul = "a\0b".to_owned();
        if test.dialect == Dialect::Postgres {
            bench.refused("text", nul, ErrorKind::Encode).await;
        } else {
            bench.round_trip("varchar(20)", &[nul]).await;
        }
        if test.dialect != Dialect::Sqlite {
            bench.refused("varchar(3)", "abcd".to_owned(), ErrorKind::Database).await;
            bench.round_trip("varchar(3)", &["日本語".to_owned()]).await;
        }
        if support::mysql_family(test.dialect) {
            bench.round_trip("varbinary(10)", &[vec![0_u8, 1, 255]]).await;
            bench.round_trip("enum('a', 'b')", &["a".to_owned(), "b".to_owned()]).await;
            bench.unreadable::<String>("x'ff'", &[]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn booleans_are_booleans_everywhere() {
    support::each(async |test| {
        let bench = Bench::new(test).await;
        bench.round_trip("boolean", &[true, false]).await;
    })
    .await;
}

#[tokio::test]
async fn dates_and_times_before_1970_and_far_ahead() {
    support::each(async |test| {
        let bench = Bench::new(test).await;
        let dates = ["1000-01-01", "1582-10-04", "1900-02-28", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31"];
        bench.round_trip("date", &dates.map(date)).await;
        let times = ["00:00:00", "23:59:59.999999", "12:34:56.000001", "01:02:03.5"];
        let time_type = if support::mysql_family(test.dialect) { "time(6)" } else { "time" };
        bench.round_trip(time_type, &times.map(time)).await;
        let stamps =
            ["1000-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "9999-12-31 23:59:59.999999"];
        let plain = if support::mysql_family(test.dialect) { "datetime(6)" } else { "timestamp" };
        bench.round_trip(plain, &stamps.map(timestamp)).await;
        match test.dialect {
            // SQL: TIMESTAMP counts seconds since 1970 in 32 bits.
            Dialect::MariaDb | Dialect::MySql => {
                let zoned = ["1970-01-01 00:00:01", "2024-03-31 01:30:00.123456", "2038-01-19 03:14:07.999999"];
                bench.round_trip("timestamp(6)", &zoned.map(moment)).await;
                bench.refused("timestamp(6)", moment("1969-12-31 23:59:59"), ErrorKind::Database).await;
            }
            _ => {
                let zoned = ["1000-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2024-03-31 01:30:00.123456"];
                bench.round_trip("timestamp with time zone", &zoned.map(moment)).await;
            }
        }
        if test.dialect == Dialect::Postgres {
            bench
                .round_trip(
                    "date",
                    &[NaiveDate::from_ymd_opt(-4000, 1, 1).unwrap(), NaiveDate::from_ymd_opt(200_000, 1, 1).unwrap()],
                )
                .await;
            for expression in
                ["'infinity'::date", "'-infinity'::date", "'infinity'::timestamp", "'-infinity'::timestamptz"]
            {
                bench.unreadable::<String>(expression, &["infinite"]).await;
            }
            bench.unreadable::<NaiveDate>("'5874897-12-31'::date", &["outside the range"]).await;
            bench.unreadable::<NaiveTime>("'24:00:00'::time", &[]).await;
        } else {
            bench.refused("date", NaiveDate::from_ymd_opt(-1, 1, 1).unwrap(), ErrorKind::Encode).await;
            bench.refused("date", NaiveDate::from_ymd_opt(10_000, 1, 1).unwrap(), ErrorKind::Encode).await;
        }
        bench.unreadable::<NaiveDate>("'not a date'", &["text"]).await;
    })
    .await;
}

#[tokio::test]
async fn zero_dates_and_long_times_of_mariadb_are_errors_that_name_the_column() {
    support::on(&[Dialect::MariaDb], async |test| {
        let bench = Bench::new(test).await;
        test.execute_setup(&[
            "CREATE TABLE odd (id integer, d date, dt datetime, ts timestamp NULL, t time(6), b bit(8))",
            "SET SESSION sql_mode = ''; INSERT INTO odd VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '-01:00:00', b'1'), (2, '2024-00-10', '2024-01-00 00:00:00', NULL, '838:59:59.999999', b'0')",
        ])
        .await;
        for id in [1, 2] {
            for column in ["d", "dt", "ts", "t"] {
                if (id, column) == (2, "ts") {
                    continue;
                }
                let frame = bench.db.table("odd").where_(portcullis::col("id").eq(id)).select(column);
                let error = frame.collect().await.expect_err(column);
                assert_eq!((error.kind(), error.column()), (ErrorKind::Decode, Some(column)), "{error:?}");
                assert!(!error.to_string().contains("838"), "{error}");
            }
        }
        // A time is also a span, and read as one it is whole.
        portcullis::table! {
            odd { id: i64, t: Interval }
        }
        let spans = bench.db.table(odd::table).order_by(odd::id).select(odd::t);
        let span = |microseconds| Interval { months: 0, days: 0, microseconds };
        assert_eq!(spans.collect_as::<Interval>().await.unwrap(), [span(-3_600_000_000), span(3_020_399_999_999)]);
    })
    .await;
}

#[tokio::test]
async fn intervals_uuids_and_json() {
    support::each(async |test| {
        let bench = Bench::new(test).await;
        // MariaDB knows no UUID of version 8 or above with a variant of 0.
        if test.dialect != Dialect::MySql {
            bench.round_trip("uuid", &[Uuid::nil(), Uuid::max(), Uuid::now_v7(), Uuid::new_v4()]).await;
        }
        let documents = [
            serde_json::json!({"a": [1, 2.5, null, true, "x'\"\\"], "b": {"c": "\u{1F600}"}}),
            serde_json::json!([]),
            serde_json::json!("text"),
            serde_json::json!(i64::MAX),
            serde_json::json!(null),
        ];
        if support::mysql_family(test.dialect) {
            // JSON is another name for LONGTEXT there, so it takes a declaration to read it as what it is.
            portcullis::table! {
                documents { id: i64, v: Option<serde_json::Value> }
            }
            test.execute_setup(&["CREATE TABLE documents (id bigint, v json) CHARACTER SET utf8mb4"]).await;
            for (id, document) in (0_i64..).zip(&documents) {
                let insert = bench.db.insert(documents::table).columns(["id", "v"]).row((id, document.clone()));
                insert.execute().await.unwrap();
            }
            let frame = bench.db.table(documents::table).order_by(documents::id).select(documents::v);
            let found: Vec<Named<serde_json::Value>> = frame.collect_as().await.unwrap();
            assert!(found.into_iter().map(|row| row.v.unwrap_or_default()).eq(documents.clone()));
            let values = frame.collect().await.unwrap();
            assert!(values.iter().all(|row| matches!(row.values()[0], Value::Json(_))));
        } else {
            bench.round_trip("json", &documents).await;
        }
        match test.dialect {
            Dialect::Postgres => {
                bench.round_trip("jsonb", &documents).await;
                let intervals = [
                    Interval::default(),
                    Interval { months: 14, days: -3, microseconds: 1 },
                    Interval { months: i32::MIN, days: i32::MAX, microseconds: 86_400_000_000 * 400 },
                ];
                bench.round_trip("interval", &intervals).await;
            }
            Dialect::Sqlite => {
                bench.round_trip("interval", &[Interval { months: 14, days: 3, microseconds: 1_500_000 }]).await;
            }
            _ => bench.refused("time", Interval { months: 0, days: 0, microseconds: 1 }, ErrorKind::Encode).await,
        }
        bench.unreadable::<Uuid>("'not a uuid'", &["text"]).await;
    })
    .await;
}

#[tokio::test]
async fn arrays_with_nulls_in_them() {
    support::on(&[Dialect::Postgres], async |test| {
        let bench = Bench::new(test).await;
        bench.round_trip("boolean[]", &[vec![Some(true), None, Some(false)], vec![]]).await;
        bench.round_trip("smallint[]", &[vec![Some(i16::MIN), None]]).await;
        bench.round_trip("integer[]", &[vec![Some(i32::MAX), None]]).await;
        bench.round_trip("bigint[]", &[vec![Some(i64::MAX), None, Some(i64::MIN)], vec![None]]).await;
        bench.round_trip("real[]", &[vec![Some(1.5_f32), None]]).await;
        bench.round_trip("double precision[]", &[vec![Some(0.1), None]]).await;
        bench.round_trip("numeric[]", &[vec![Some(decimal("12.3400")), None]]).await;
        let texts = vec![Some("a,b\"c\\{}".to_owned()), None, Some(String::new()), Some("NULL".to_owned())];
        bench.round_trip("text[]", std::slice::from_ref(&texts)).await;
        bench.round_trip("varchar(20)[]", std::slice::from_ref(&texts)).await;
        bench.round_trip("date[]", &[vec![Some(date("1969-12-31")), None]]).await;
        bench.round_trip("timestamp[]", &[vec![Some(timestamp("1969-12-31 23:59:59.5")), None]]).await;
        bench.round_trip("timestamptz[]", &[vec![Some(moment("1969-12-31 23:59:59.5")), None]]).await;
        bench.round_trip("uuid[]", &[vec![Some(Uuid::max()), None]]).await;
        bench.unreadable::<Vec<Vec<i64>>>("array[array[1, 2], array[3, 4]]", &["more than one dimension"]).await;
        bench.unreadable::<Vec<i64>>("array[1::bigint, null]", &[]).await;
        bench.unreadable::<Vec<Option<String>>>("array['infinity'::date]", &["infinite"]).await;
    })
    .await;
    support::on(&[Dialect::MariaDb, Dialect::Sqlite], async |test| {
        Bench::new(test).await.refused("text", vec![1_i64, 2], ErrorKind::Encode).await;
    })
    .await;
}

#[tokio::test]
async fn types_that_can_not_be_read_say_so_and_can_be_cast_to_text() {
    support::on(&[Dialect::Postgres], async |test| {
        let bench = Bench::new(test).await;
        for expression in
            ["point(1, 2)", "'10.0.0.1'::inet", "int4range(1, 5)", "'12.50'::money", "b'101'", "'a'::tsvector"]
        {
            let error = bench.unreadable::<String>(expression, &["cast it to text"]).await;
            assert_eq!(error.code(), "decode.unsupported", "{expression}");
        }
        test.execute_setup(&[
            "CREATE TYPE mood AS ENUM ('glad', 'sad')",
            "CREATE TABLE moods (m mood)",
            "INSERT INTO moods VALUES ('glad')",
        ])
        .await;
        let mood = bench.db.table("moods").one_as::<String>().await;
        assert!(
            mood.as_ref().is_ok_and(|mood| mood == "glad")
                || mood.is_err_and(|error| error.kind() == ErrorKind::Decode)
        );
    })
    .await;
}

/// A struct with too few or unlike fields is an error that names the field, with no value in it.
#[tokio::test]
async fn a_struct_that_does_not_fit_names_the_column_and_shows_no_value() {
    #[derive(serde::Deserialize, Debug)]
    #[expect(dead_code, reason = "the fields are what is asked for")]
    struct Wrong {
        id: i64,
        note: i64,
    }
    #[derive(serde::Deserialize, Debug)]
    #[expect(dead_code, reason = "the fields are what is asked for")]
    struct NotNull {
        id: i64,
        other: String,
    }
    support::each(async |test| {
        test.execute_setup(&[
            "CREATE TABLE t (id integer, note varchar(40), other varchar(40))",
            "INSERT INTO t VALUES (1, 'hunter2MARKER', NULL)",
        ])
        .await;
        let db = test.read_only().await;
        let wrong = db.table("t").collect_as::<Wrong>().await.unwrap_err();
        assert_eq!((wrong.kind(), wrong.column()), (ErrorKind::Decode, Some("note")), "{wrong:?}");
        let null = db.table("t").collect_as::<NotNull>().await.unwrap_err();
        assert_eq!((null.kind(), null.column()), (ErrorKind::Decode, Some("other")), "{null:?}");
        let missing = db.table("t").select("note").collect_as::<NotNull>().await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Decode);
        assert!(missing.to_string().contains("id"), "{missing}");
        for error in [wrong, null, missing] {
            assert!(!format!("{error} {error:?}").contains("MARKER"), "{error:?}");
        }
    })
    .await;
}
