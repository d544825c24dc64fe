//! Many rows: by COPY where that says the same, in batches elsewhere, from files, all of them or none.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use futures_util::stream;
use portcullis::{Database, Dialect, ErrorKind, ReadWrite, StatementKind, col};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::support::{self, Recorder, TestDatabase};

/// A column of every type that a COPY writes, and the same table again.
pub(super) const POSTGRES: &str = "(id bigint PRIMARY KEY, b boolean, i2 smallint, i4 integer, f4 real, f8 double precision, d numeric(20, 4), \
    t varchar(40), x bytea, da date, ti time, ts timestamp, tz timestamptz, u uuid, j jsonb)";

pub(super) type Row = (
    i64,
    Option<bool>,
    Option<i64>,
    Option<i64>,
    Option<f64>,
    Option<f64>,
    Option<Decimal>,
    Option<String>,
    Option<Vec<u8>>,
    Option<NaiveDate>,
    Option<NaiveTime>,
    Option<NaiveDateTime>,
    Option<DateTime<chrono::Utc>>,
    Option<Uuid>,
    Option<serde_json::Value>,
);

pub(super) const COLUMNS: [&str; 15] =
    ["id", "b", "i2", "i4", "f4", "f8", "d", "t", "x", "da", "ti", "ts", "tz", "u", "j"];

pub(super) fn every_type(id: i64) -> Row {
    // Each column is NULL in another eleventh of the rows.
    let some = |column: i64| (id + column) % 11 != 0;
    let texts = ["", "it's", "tab\tand\nline", "\\N", "\\.", "é𝄞", "a,b;\"c\"", " "];
    let date = NaiveDate::from_ymd_opt(1960, 2, 29).unwrap() + chrono::Days::new(u64::try_from(id).unwrap() * 17);
    let time =
        NaiveTime::from_num_seconds_from_midnight_opt((id * 61 % 86_400) as u32, (id % 1_000) as u32 * 1_000_000);
    let moment = date.and_time(time.unwrap());
    let edge = |least: i64, most: i64| if id % 3 == 0 { least } else { most - id };
    (
        id,
        some(1).then_some(id % 2 == 0),
        some(2).then(|| edge(-32_768, 32_767)),
        some(3).then(|| edge(-2_147_483_648, 2_147_483_647)),
        some(4).then_some(id as f64 / 8.0),
        some(5).then_some(1.0 / (id as f64 + 1.0)),
        some(6).then(|| Decimal::new(id * 1_234_567_891 - 99, 4)),
        some(7).then(|| texts[id as usize % texts.len()].to_owned()),
        some(8).then(|| id.to_be_bytes()[4..].to_vec()),
        some(9).then_some(date),
        some(10).then_some(time.unwrap()),
        some(11).then_some(moment),
        some(12).then_some(moment.and_utc()),
        some(13).then(|| Uuid::from_u128(id as u128 * 0x1234_5678_9abc)),
        some(14).then(|| serde_json::json!({"n": id, "t": texts[id as usize % texts.len()].replace('\n', " ")})),
    )
}

pub(super) async fn with_recorder(db: &TestDatabase) -> (Database<ReadWrite>, Recorder) {
    let recorder = Recorder::default();
    let handle = Database::builder(db.dsn_rw().parse().unwrap()).hook(recorder.clone());
    (handle.open_read_write().await.unwrap(), recorder)
}

/// How many statements of a kind were sent since the last look, and how many of them are COPY.
fn inserts(recorder: &Recorder) -> (usize, usize) {
    let seen = recorder.take();
    let begun = seen.iter().filter_map(|seen| match seen {
        support::Seen::Before { kind: StatementKind::Insert, shown, .. } => Some(shown.contains("COPY ")),
        _ => None,
    });
    let begun: Vec<bool> = begun.collect();
    (begun.len(), begun.iter().filter(|copy| **copy).count())
}

#[tokio::test]
async fn rows_that_go_by_copy_are_what_an_insert_writes() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[&format!("CREATE TABLE one {POSTGRES}"), &format!("CREATE TABLE other {POSTGRES}")]).await;
        let (handle, recorder) = with_recorder(db).await;
        let rows: Vec<Row> = (0..1_300).map(every_type).collect();
        let whole = handle.insert("one").columns(COLUMNS).rows(rows.clone()).execute().await.unwrap();
        assert_eq!((whole, inserts(&recorder)), (1_300, (1, 1)));
        for few in rows.chunks(100) {
            assert_eq!(
                handle.insert("other").columns(COLUMNS).rows(few.to_vec()).execute().await.unwrap(),
                few.len() as u64
            );
        }
        assert_eq!(inserts(&recorder), (13, 0));
        let text = |table: &'static str| async move {
            db.scalar(&format!("SELECT md5(string_agg(t::text, E'\\n' ORDER BY id)) FROM {table} t")).await
        };
        let one = text("one").await;
        assert!(one.is_some() && one == text("other").await);
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_few_rows_asks_nothing_and_one_of_none_sends_nothing() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE numbers (n integer)"]).await;
        let (handle, recorder) = with_recorder(db).await;
        let insert = || handle.insert("numbers").columns(["n"]);
        assert_eq!(insert().execute_stream(stream::iter(Vec::<[i64; 1]>::new())).await.unwrap(), 0);
        assert_eq!(recorder.len(), 0, "on {}", db.dialect);
        let kinds = || recorder.ended().into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(insert().execute_stream(stream::iter((0..3).map(|n: i64| [n]))).await.unwrap(), 3);
        assert!(!kinds().contains(&StatementKind::Catalog), "on {}", db.dialect);
        // The twin: many are worth a question on PostgreSQL.
        assert_eq!(insert().execute_stream(stream::iter((0..700).map(|n: i64| [n]))).await.unwrap(), 700);
        assert_eq!(kinds().contains(&StatementKind::Catalog), db.dialect == Dialect::Postgres);
    })
    .await;
}

#[tokio::test]
async fn what_copy_would_do_otherwise_goes_by_insert() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[
            "CREATE TABLE plain (n integer, t text)",
            "CREATE VIEW seen AS SELECT n, t FROM plain",
            "CREATE TABLE guarded (n integer, t text)",
            "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY small ON guarded USING (true) WITH CHECK (n < 1000000)",
            "CREATE TABLE ruled (n integer, t text)",
            "CREATE RULE away AS ON INSERT TO ruled DO INSTEAD INSERT INTO plain VALUES (NEW.n, NEW.t)",
            "CREATE TABLE documents (n integer, t json)",
            "CREATE TYPE mood AS ENUM ('good', 'bad')",
            "CREATE TABLE moods (n integer, t mood)",
            "CREATE TABLE counted (n integer GENERATED ALWAYS AS IDENTITY, t text)",
        ])
        .await;
        let (handle, recorder) = with_recorder(db).await;
        let rows = || (0..700).map(|n: i64| (n, n.to_string()));
        let insert = |table: &str| handle.insert(table).columns(["n", "t"]);
        assert_eq!(insert("plain").rows(rows()).execute().await.unwrap(), 700);
        assert_eq!(inserts(&recorder), (1, 1));
        for table in ["seen", "guarded"] {
            assert_eq!(insert(table).rows(rows()).execute().await.unwrap(), 700, "{table}");
            assert_eq!(inserts(&recorder), (1, 0), "{table}");
        }
        insert("ruled").rows(rows()).execute().await.unwrap();
        assert_eq!(inserts(&recorder), (1, 0));
        assert_eq!(db.scalar("SELECT count(*) FROM plain").await.unwrap(), "2100");
        let documents = (0..700).map(|n: i64| (n, serde_json::json!({"b": n, "a": 1})));
        assert_eq!(insert("documents").rows(documents).execute().await.unwrap(), 700);
        assert_eq!(inserts(&recorder), (1, 0));
        // An INSERT refuses values for such a column, and a COPY would not.
        assert!(insert("counted").rows(rows()).execute().await.is_err());
        assert_eq!(inserts(&recorder), (1, 0));
        // An INSERT rounds what is no whole number.
        let halves = (0..700).map(|n: i64| (n as f64 + 0.25, "x"));
        assert_eq!(insert("plain").rows(halves).execute().await.unwrap(), 700);
        assert_eq!(inserts(&recorder), (1, 0));
        let again = insert("plain").rows(rows()).returning(["n"]).collect().await.unwrap();
        assert_eq!((again.len(), inserts(&recorder)), (700, (1, 0)));
    })
    .await;
}

#[tokio::test]
async fn a_bulk_insert_that_fails_keeps_nothing_and_the_session_goes_on() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE numbers (n integer PRIMARY KEY, t varchar(10))"]).await;
        let handle = db.read_write().await;
        let insert = || handle.insert("numbers").columns(["n", "t"]);
        let none_kept = async || assert_eq!(handle.table("numbers").count().await.unwrap(), 0, "on {}", db.dialect);
        // In the last of several statements.
        let twice = stream::iter((1..=130_000).map(|n: i64| (if n == 129_999 { 1 } else { n }, "x")));
        let error = insert().execute_stream(twice).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Constraint, "on {}", db.dialect);
        none_kept().await;
        let large = (0..600).map(|n: i64| (if n == 599 { 1 << 40 } else { n }, "x"));
        if db.dialect != Dialect::Sqlite {
            assert!(insert().rows(large).execute().await.is_err(), "on {}", db.dialect);
            let long = (0..600).map(|n: i64| (n, "a text that is longer than ten"));
            assert!(insert().rows(long).execute().await.is_err(), "on {}", db.dialect);
        }
        none_kept().await;
        if db.dialect == Dialect::Postgres {
            let nul = (0..600).map(|n: i64| (n, if n == 300 { "a\0b" } else { "x" }));
            assert_eq!(insert().rows(nul).execute().await.unwrap_err().code(), "bind.nul");
            none_kept().await;
            let within = handle.begin().await.unwrap();
            let twice = (0..600).map(|n: i64| (n / 2, "x"));
            let failed = within.insert("numbers").columns(["n", "t"]).rows(twice).execute().await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::Constraint);
            assert!(within.commit().await.is_err());
            none_kept().await;
        }
        if db.dialect == Dialect::Sqlite {
            // One statement, in the transaction of others: it keeps none of its rows, and they are kept.
            let within = handle.begin().await.unwrap();
            within.insert("numbers").columns(["n", "t"]).row((200_000, "y")).execute().await.unwrap();
            let twice = (0..600).map(|n: i64| (if n == 599 { 0 } else { n }, "x"));
            let failed = within.insert("numbers").columns(["n", "t"]).rows(twice).execute().await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::Constraint);
            within.commit().await.unwrap();
            assert_eq!(handle.delete("numbers").all_rows().execute().await.unwrap(), 1);
        }
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let rows = stream::iter((1..=130_000).map(|n: i64| (n, "x")));
        let insert = insert().on_progress(move |rows| heard.lock().unwrap().push(rows));
        assert_eq!(insert.execute_stream(rows).await.unwrap(), 130_000);
        let told = told.lock().unwrap().clone();
        assert!(told.len() > 1 && told.is_sorted() && told.last() == Some(&130_000), "{told:?}");
        assert_eq!(handle.table("numbers").count().await.unwrap(), 130_000);
    })
    .await;
}

#[tokio::test]
async fn a_bulk_insert_that_is_dropped_keeps_nothing() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE numbers (n integer, t varchar(10))"]).await;
        let handle = db.read_write().await;
        for after in [1, 20, 60] {
            let rows = stream::iter((1..=3_000_000).map(|n: i64| (n, "x")));
            let writing = handle.insert("numbers").columns(["n", "t"]).execute_stream(rows);
            assert!(tokio::time::timeout(std::time::Duration::from_millis(after), writing).await.is_err());
            assert_eq!(handle.table("numbers").count().await.unwrap(), 0, "on {}", db.dialect);
        }
        assert_eq!(handle.insert("numbers").columns(["n", "t"]).row((1, "y")).execute().await.unwrap(), 1);
    })
    .await;
}

async fn airports(db: &TestDatabase) -> Database<ReadWrite> {
    let decimal = "numeric(12, 4)";
    db.execute_setup(&[&format!(
        "CREATE TABLE airports (faa varchar(4) PRIMARY KEY, alt integer, lat double precision, fee {decimal}, since date, open boolean)"
    )])
    .await;
    db.read_write().await
}

#[tokio::test]
async fn a_file_of_values_becomes_rows_of_the_columns_types() {
    support::each(async |db| {
        let handle = airports(db).await;
        let file = "faa,alt,lat,fee,since,open,name\nJFK,13,40.64,12.5000,1948-07-01,true,\"Kennedy, J.\"\n\
            04G,,-41.5,,1960-02-29,0,\"two\nlines\"\nLGA,-7,,0.0001,,,\n";
        let insert = || handle.insert("airports").columns(["faa", "alt", "lat", "fee", "since", "open"]);
        assert_eq!(insert().execute_csv(file.as_bytes()).await.unwrap(), 3);
        let rows = handle.table("airports").order_by("faa").collect().await.unwrap();
        let shown = support::lines(&rows);
        assert_eq!(shown.len(), 3, "{shown:?}");
        let found = handle.table("airports").where_(col("alt").eq(13).and(col("lat").gt(40.6)).and(col("open")));
        assert_eq!(found.select("faa").one_as::<String>().await.unwrap(), "JFK");
        let empty = handle.table("airports").where_(col("fee").is_null().and(col("alt").is_null()));
        assert_eq!(empty.select("faa").one_as::<String>().await.unwrap(), "04G");
        for (file, code, line) in [
            ("faa,alt\nAAA,13\nBBB,high\n", "load.value", "line 3"),
            ("faa,alt\nAAA\n", "load.ragged", "line 2"),
            ("faa,height\nAAA,13\n", "schema.unknown_column", "`height`"),
        ] {
            let error = handle.insert("airports").execute_csv(file.as_bytes()).await.unwrap_err();
            assert_eq!(error.code(), code, "{error:?}");
            let shown = error.to_string();
            assert!(shown.contains(line) && !shown.contains("high\n") && !shown.contains("AAA"), "{shown}");
        }
        let lacking = insert().execute_csv("faa,alt,lat\nAAA,1,2\n".as_bytes()).await.unwrap_err();
        assert_eq!(lacking.code(), "load.header", "{lacking:?}");
        assert_eq!(handle.table("airports").count().await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_file_of_objects_becomes_rows() {
    support::each(async |db| {
        let handle = airports(db).await;
        let file = concat!(
            "{\"faa\": \"JFK\", \"alt\": 13, \"lat\": 40.64, \"fee\": \"12.5\", \"since\": \"1948-07-01\", \"open\": true}\n",
            "\n",
            "{\"open\": null, \"lat\": 2, \"fee\": 0.0001, \"since\": null, \"alt\": -7, \"faa\": \"LGA\"}"
        );
        assert_eq!(handle.insert("airports").execute_json_lines(file.as_bytes()).await.unwrap(), 2);
        let found = handle.table("airports").where_(col("fee").eq(Decimal::new(1, 4)));
        assert_eq!(found.select("faa").one_as::<String>().await.unwrap(), "LGA");
        for (file, code, what) in [
            ("{\"faa\": \"AAA\", \"alt\": \"13\"}\n", "load.value", "`alt`"),
            ("{\"faa\": \"AAA\", \"alt\": 1}\n{\"faa\": \"BBB\"}\n", "load.ragged", "line 2"),
            ("{\"faa\": \"AAA\"}\n{\"faa\": \"BBB\", \"alt\": 1}\n", "load.ragged", "`alt`"),
            ("{\"faa\": \"AAA\"}\n[1]\n", "load.value", "line 2"),
        ] {
            let error = handle.insert("airports").execute_json_lines(file.as_bytes()).await.unwrap_err();
            assert_eq!(error.code(), code, "{error:?}");
            assert!(error.to_string().contains(what), "{error}");
        }
        assert_eq!(handle.insert("airports").execute_json_lines("".as_bytes()).await.unwrap(), 0);
        assert_eq!(handle.table("airports").count().await.unwrap(), 2);
    })
    .await;
}
