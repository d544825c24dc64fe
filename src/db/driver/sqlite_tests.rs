#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{NaiveDate, NaiveTime, TimeZone, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::db::driver::{Begin, Expected};
use crate::row::{BatchSink, CountSink, Rows, RowsSink, ToOwnedRow, ToSerde, take_back};
use crate::types::SqlType;
use crate::value::{Bind, Interval, Value};

const MILLION: &str =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i AS i FROM n";
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n";

fn session(read_only: bool) -> Session {
    Session { read_only, statement_timeout: None, connect_timeout: Duration::from_secs(10), settings: Vec::new() }
}

/// A memory database that no other test has.
fn memory() -> SqliteLocation {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    SqliteLocation::Memory(format!("test ?&/{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

async fn open(location: &SqliteLocation, read_only: bool) -> SqliteSession {
    SqliteSession::open(location, &session(read_only)).await.unwrap()
}

fn statement(sql: &str, binds: Vec<Value>) -> Statement {
    let binds =
        binds.into_iter().map(|value| Bind { sql_type: value.sql_type().unwrap_or(SqlType::Text), value }).collect();
    Statement {
        sql: sql.into(),
        binds,
        columns: None,
        cached: true,
        rows: None,
        ends_with_failure: false,
        copy: None,
        generic_plan: false,
    }
}

async fn run(session: &mut SqliteSession, statement: &Statement) -> Result<(Rows, Done)> {
    let (sink, done) = session.run(statement, Box::new(RowsSink::new())).await?;
    Ok((take_back::<RowsSink>(sink)?.into_rows(), done))
}

async fn rows(session: &mut SqliteSession, sql: &str) -> Rows {
    run(session, &statement(sql, vec![])).await.unwrap().0
}

async fn exec(session: &mut SqliteSession, sql: &str) -> u64 {
    run(session, &statement(sql, vec![])).await.unwrap().1.affected
}

async fn fails(session: &mut SqliteSession, sql: &str) -> Error {
    match run(session, &statement(sql, vec![])).await {
        Ok(_) => panic!("accepted: {sql}"),
        Err(error) => error,
    }
}

async fn int(session: &mut SqliteSession, sql: &str) -> i64 {
    rows(session, sql).await.get(0).unwrap().try_get(0).unwrap()
}

/// Binds `value`, reads it back as `sql_type`.
async fn round_trip(session: &mut SqliteSession, value: Value, sql_type: Option<SqlType>) -> Result<Value> {
    let mut statement = statement("SELECT ?1 AS v", vec![value]);
    statement.columns = Some([Expected { name: crate::ident::Ident::new("v").unwrap(), sql_type }].into());
    let (rows, _) = run(session, &statement).await?;
    Ok(rows.get(0).unwrap().get("v").unwrap().clone())
}

fn decimal(text: &str) -> Value {
    Value::Decimal(Decimal::from_str(text).unwrap())
}

#[tokio::test]
async fn every_value_comes_back_as_it_was_bound() {
    let mut it = open(&memory(), true).await;
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let at = day.and_hms_micro_opt(13, 14, 15, 120_000).unwrap();
    let values = [
        Value::Bool(true),
        Value::Bool(false),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Float(0.1),
        Value::Float(-0.0),
        Value::Float(f64::INFINITY),
        Value::Float(f64::NEG_INFINITY),
        Value::Float(f64::MIN_POSITIVE),
        decimal("149.5"),
        decimal("-0.000001"),
        decimal("123456789012345"),
        decimal("9223372036854775807"),
        Value::Text(String::new()),
        Value::Text("a\0b'\"\\; é 😀\n".to_owned()),
        Value::Text("\0".to_owned()),
        Value::Bytes(vec![]),
        Value::Bytes(vec![0, 255, 0]),
        Value::Date(day),
        Value::Time(NaiveTime::from_hms_opt(0, 0, 0).unwrap()),
        Value::Time(at.time()),
        Value::Timestamp(at),
        Value::Timestamp(day.and_hms_opt(0, 0, 0).unwrap()),
        Value::TimestampTz(Utc.from_utc_datetime(&at)),
        Value::Interval(Interval { months: -14, days: 3, microseconds: -1 }),
        Value::Uuid(Uuid::from_u128(u128::MAX / 3)),
        Value::Json(serde_json::json!({"a": [1, null, "\u{0}"]})),
    ];
    for value in values {
        let sql_type = value.sql_type();
        assert!(round_trip(&mut it, value.clone(), sql_type).await.unwrap() == value, "{value:?}");
        assert!(round_trip(&mut it, Value::Null, sql_type).await.unwrap().is_null());
    }
}

#[tokio::test]
async fn values_are_stored_in_the_forms_that_sqlite_works_with() {
    let mut it = open(&memory(), true).await;
    let at = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap().and_hms_opt(13, 14, 15).unwrap();
    let fine = at.with_nanos(120_000_999);
    for (value, stored) in [
        (Value::Bool(true), "integer 1"),
        (decimal("100.00"), "integer 100"),
        (decimal("149.50"), "real 149.5"),
        (Value::Date(at.date()), "text 2024-02-29"),
        (Value::Timestamp(at), "text 2024-02-29 13:14:15"),
        (Value::TimestampTz(at.and_utc()), "text 2024-02-29 13:14:15"),
        (Value::Timestamp(fine), "text 2024-02-29 13:14:15.120000"),
        (Value::Uuid(Uuid::from_u128(0xABCD)), "text 00000000-0000-0000-0000-00000000abcd"),
        (Value::Bytes(b"ab".to_vec()), "blob ab"),
    ] {
        let statement = statement("SELECT typeof(?1) || ' ' || CAST(?1 AS TEXT)", vec![value]);
        let (rows, _) = run(&mut it, &statement).await.unwrap();
        assert_eq!(rows.get(0).unwrap().try_get::<String>(0).unwrap(), stored);
    }
}

trait WithNanos {
    fn with_nanos(self, nanos: u32) -> Self;
}

impl WithNanos for chrono::NaiveDateTime {
    fn with_nanos(self, nanos: u32) -> Self {
        chrono::Timelike::with_nanosecond(&self, nanos).unwrap()
    }
}

#[tokio::test]
async fn what_sqlite_would_change_is_refused_before_it_is_sent() {
    let mut it = open(&memory(), true).await;
    let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).unwrap();
    for (value, code) in [
        (Value::UInt(u64::MAX), "bind.out_of_range"),
        (Value::Float(f64::NAN), "bind.not_finite"),
        (decimal("0.1234567890123456789"), "bind.precision"),
        (decimal("9223372036854775808.5"), "bind.precision"),
        (decimal("79228162514264337593543950335"), "bind.precision"),
        (Value::Date(NaiveDate::from_ymd_opt(10_000, 1, 1).unwrap()), "bind.out_of_range"),
        (Value::Date(NaiveDate::from_ymd_opt(-1, 1, 1).unwrap()), "bind.out_of_range"),
        (Value::Time(leap), "bind.out_of_range"),
        (Value::Array(vec![Value::Int(1)]), "bind.unsupported"),
    ] {
        let error = round_trip(&mut it, value, None).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Encode, code));
    }
    // Twins at the border, and the session still works.
    assert!(round_trip(&mut it, Value::UInt(1 << 62), None).await.unwrap() == Value::Int(1 << 62));
    assert_eq!(int(&mut it, "SELECT 1").await, 1);
}

#[tokio::test]
async fn a_wrong_number_of_binds_is_refused() {
    let mut it = open(&memory(), true).await;
    for binds in [0, 1, 3] {
        let statement = statement("SELECT ?1 + ?2", vec![Value::Int(1); binds]);
        assert_eq!(run(&mut it, &statement).await.map(|_| ()).unwrap_err().code(), "bind.count");
    }
    let both = statement("SELECT ?1 + ?2", vec![Value::Int(1); 2]);
    assert_eq!(run(&mut it, &both).await.unwrap().0.get(0).unwrap().try_get::<i64>(0).unwrap(), 2);
}

#[tokio::test]
async fn declared_types_decide_where_the_compiler_does_not_know() {
    let location = memory();
    let mut it = open(&location, false).await;
    exec(
        &mut it,
        "CREATE TABLE t (i INTEGER, b BOOLEAN, d DECIMAL(10, 2), n NUMERIC, r REAL, day DATE, tm TIME, ts DATETIME, \
         tz TIMESTAMP WITH TIME ZONE, u UUID, j JSON, x BLOB, s VARCHAR(20), iv INTERVAL, w WHATEVER)",
    )
    .await;
    exec(
        &mut it,
        "INSERT INTO t VALUES (7, 1, 100, 1.50, 2, '2024-02-29', '10:11', '2024-02-29 10:11:12', \
         '2024-02-29T10:11:12+02:00', '00000000-0000-0000-0000-00000000000A', '1', x'00ff', 'é', 'P1D', 'as is')",
    )
    .await;
    let rows = rows(&mut it, "SELECT *, i + 1 AS e FROM t").await;
    let types: Vec<String> = rows.column_types().iter().map(|it| it.map_or("-".into(), |it| it.to_string())).collect();
    assert_eq!(
        types.join("; "),
        "bigint; boolean; decimal(10, 2); decimal; double; date; time; timestamp; timestamp with time zone; uuid; json; bytes; \
         text; interval; -; -"
    );
    let row = rows.get(0).unwrap();
    assert!(row.get("b").unwrap() == &Value::Bool(true));
    assert_eq!(row.try_get::<String>("d").unwrap(), "100.00");
    assert_eq!(row.try_get::<String>("n").unwrap(), "1.5");
    assert_eq!(row.try_get::<f64>("r").unwrap(), 2.0);
    assert_eq!(row.try_get::<String>("tz").unwrap(), "2024-02-29T08:11:12Z");
    assert_eq!(row.try_get::<Uuid>("u").unwrap(), Uuid::from_u128(10));
    assert_eq!(row.try_get::<i64>("j").unwrap(), 1);
    assert_eq!(row.try_get::<i64>("e").unwrap(), 8);
    assert_eq!(row.try_get::<String>("w").unwrap(), "as is");
}

#[tokio::test]
async fn a_cell_that_does_not_fit_its_declared_type_names_its_column() {
    let mut it = open(&memory(), false).await;
    exec(&mut it, "CREATE TABLE t (id INTEGER, flag BOOL, day DATE, name TEXT)").await;
    exec(&mut it, "INSERT INTO t VALUES (1, 5, 's3cret', CAST(x'ff' AS TEXT)), (1, 1, '2024-01-01', 'a')").await;
    for (column, code) in [("flag", "decode.type"), ("day", "decode.type"), ("name", "decode.text")] {
        let error = fails(&mut it, &format!("SELECT {column} FROM t")).await;
        assert_eq!((error.kind(), error.code(), error.column()), (ErrorKind::Decode, code, Some(column)));
        assert!(!format!("{error:?}").contains("s3cret"));
        rows(&mut it, &format!("SELECT {column} FROM t WHERE flag = 1")).await;
    }
    assert_eq!(it.run(&statement("SELECT day FROM t", vec![]), Box::new(CountSink::new())).await.unwrap().1.rows, 2);
}

#[tokio::test]
async fn sums_of_decimals_come_back_with_their_scale() {
    let mut it = open(&memory(), false).await;
    exec(&mut it, "CREATE TABLE t (total DECIMAL(10, 2))").await;
    exec(&mut it, "INSERT INTO t VALUES (0.1), (0.2), (120.7)").await;
    let mut sum = statement("SELECT sum(total) AS s FROM t", vec![]);
    sum.columns = Some(
        [Expected { name: crate::ident::Ident::new("s").unwrap(), sql_type: Some(SqlType::decimal(12, 2)) }].into(),
    );
    let (rows, _) = run(&mut it, &sum).await.unwrap();
    assert_eq!(rows.get(0).unwrap().try_get::<String>("s").unwrap(), "121.00");
}

#[tokio::test]
async fn a_second_statement_a_nul_and_an_empty_text_are_refused() {
    let location = memory();
    let mut it = open(&location, false).await;
    exec(&mut it, "CREATE TABLE t (a)").await;
    for sql in ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t", "DELETE FROM t; SELECT 1"] {
        assert_eq!(fails(&mut it, sql).await.code(), "raw_sql.statements");
    }
    assert_eq!(fails(&mut it, "SELECT 1\0").await.code(), "raw_sql.nul");
    for sql in ["", " -- nothing"] {
        assert_eq!(fails(&mut it, sql).await.code(), "raw_sql.empty");
    }
    assert_eq!(int(&mut it, "SELECT count(*) FROM t; -- end").await, 0);
}

#[tokio::test]
async fn an_unknown_column_in_quotes_is_an_error_and_no_text() {
    let mut it = open(&memory(), false).await;
    exec(&mut it, "CREATE TABLE t (a)").await;
    let error = fails(&mut it, "SELECT \"nosuch\" FROM t").await;
    assert_eq!((error.code(), error.column()), ("db.unknown_column", Some("nosuch")));
    let error = fails(&mut it, "SELECT * FROM nosuch").await;
    assert_eq!((error.code(), error.table()), ("db.unknown_table", Some("nosuch")));
    assert_eq!(rows(&mut it, "SELECT \"a\" FROM t").await.columns(), ["a"]);
    let error = fails(&mut it, "SELECT nope FROM").await;
    assert_eq!(error.code(), "db.syntax");
    assert!(!format!("{error:?}").contains("FROM"));
}

#[tokio::test]
async fn a_read_only_connection_reads_what_a_read_write_one_wrote_and_can_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteLocation::File { path: folder.path().join("a.db"), create: true };
    for location in [file, memory()] {
        let mut writer = open(&location, false).await;
        exec(&mut writer, "CREATE TABLE t (a INTEGER)").await;
        exec(&mut writer, "CREATE INDEX by_a ON t (a)").await;
        assert_eq!(exec(&mut writer, "INSERT INTO t VALUES (1), (2)").await, 2);
        let mut reader = open(&location, true).await;
        assert_eq!(int(&mut reader, "SELECT count(*) FROM t").await, 2);
        let copy = folder.path().join("copy.db");
        let vacuum = format!("VACUUM INTO '{}'", copy.display());
        let attach = format!("ATTACH '{}' AS other", copy.display());
        for sql in [
            "INSERT INTO t VALUES (3)",
            "UPDATE t SET a = 3",
            "DELETE FROM t",
            "DROP TABLE t",
            "CREATE TABLE u (a)",
            "CREATE TEMP TABLE u (a)",
            "PRAGMA query_only = OFF",
            "PRAGMA user_version = 7",
            "PRAGMA user_version",
            "PRAGMA journal_mode = DELETE",
            "SELECT * FROM pragma_user_version",
            "SELECT * FROM pragma_journal_mode",
            "SELECT load_extension('x')",
            "EXPLAIN DELETE FROM t",
            "ANALYZE",
            "REINDEX",
            "SAVEPOINT s",
            "DETACH main",
            &vacuum,
            &attach,
        ] {
            let error = fails(&mut reader, sql).await;
            assert_eq!((error.kind(), error.code()), (ErrorKind::Policy, "db.not_authorized"), "{sql}: {error:?}");
        }
        assert!(!copy.exists());
        // The same reach the database where they may.
        assert_eq!(exec(&mut writer, "INSERT INTO t VALUES (3)").await, 1);
        assert_eq!(exec(&mut writer, "UPDATE t SET a = 3").await, 3);
        assert_eq!(exec(&mut writer, "CREATE TABLE u (a)").await, 0);
        assert_eq!(int(&mut reader, "SELECT count(*) FROM t").await, 3);
    }
}

#[tokio::test]
async fn the_open_flag_and_the_pragma_refuse_writes_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteLocation::File { path: folder.path().join("a.db"), create: true };
    for location in [file, memory()] {
        let mut writer = open(&location, false).await;
        exec(&mut writer, "CREATE TABLE t (a INTEGER)").await;
        let mut reader = open(&location, true).await;
        // Past the authorizer, as the driver's own statement.
        let past = |engine: &mut Engine, sql: &'static str| engine.past_the_authorizer(sql);
        let error = reader.call(move |engine| past(engine, "INSERT INTO t VALUES (1)")).await.unwrap_err();
        assert_eq!(error.code(), "db.read_only");
        reader.call(move |engine| past(engine, "PRAGMA query_only = OFF")).await.unwrap();
        let error = reader.call(move |engine| past(engine, "INSERT INTO t VALUES (1)")).await.unwrap_err();
        assert_eq!(error.code(), "db.read_only");
        writer.call(move |engine| past(engine, "INSERT INTO t VALUES (1)")).await.unwrap();
        assert_eq!(int(&mut reader, "SELECT count(*) FROM t").await, 1);
    }
}

#[tokio::test]
async fn a_read_write_connection_reaches_no_other_file_and_keeps_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut it = open(&SqliteLocation::File { path: folder.path().join("a.db"), create: true }, false).await;
    let other = folder.path().join("b.db");
    for sql in [
        &format!("ATTACH '{}' AS other", other.display()),
        &format!("VACUUM INTO '{}'", other.display()),
        "PRAGMA foreign_keys = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "PRAGMA case_sensitive_like = OFF",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA wal_checkpoint",
        "SELECT load_extension('x')",
    ] {
        assert_eq!(fails(&mut it, sql).await.code(), "db.not_authorized", "{sql}");
    }
    assert!(!other.exists());
    assert_eq!(int(&mut it, "PRAGMA foreign_keys").await, 1);
    assert_eq!(rows(&mut it, "PRAGMA journal_mode").await.get(0).unwrap().try_get::<String>(0).unwrap(), "wal");
    assert_eq!(int(&mut it, "SELECT 'A' LIKE 'a'").await, 0);
    let error = fails(&mut it, "UPDATE sqlite_schema SET sql = ''").await;
    assert_eq!(error.kind(), ErrorKind::Database);
}

#[tokio::test]
async fn the_catalogue_can_be_read_on_both_kinds_of_connection() {
    let location = memory();
    let mut writer = open(&location, false).await;
    exec(&mut writer, "CREATE TABLE p (id INTEGER PRIMARY KEY)").await;
    exec(&mut writer, "CREATE TABLE t (a TEXT NOT NULL, p INTEGER REFERENCES p, g AS (a || 'x'))").await;
    exec(&mut writer, "CREATE INDEX i ON t (a)").await;
    let mut reader = open(&location, true).await;
    for it in [&mut writer, &mut reader] {
        let columns = rows(it, "SELECT name, type, \"notnull\", hidden FROM pragma_table_xinfo('t')").await;
        assert_eq!(columns.deserialize::<(String, String, i64, i64)>().unwrap()[2], ("g".into(), String::new(), 0, 2));
        assert_eq!(int(it, "SELECT count(*) FROM pragma_table_list WHERE name IN ('t', 'p')").await, 2);
        assert_eq!(int(it, "SELECT count(*) FROM pragma_index_list('t')").await, 1);
        assert_eq!(int(it, "SELECT count(*) FROM pragma_index_xinfo('i') WHERE key").await, 1);
        assert_eq!(int(it, "SELECT count(*) FROM pragma_foreign_key_list('t')").await, 1);
        let joined = "SELECT count(*) FROM sqlite_schema s, pragma_table_xinfo(s.name) c WHERE s.type = 'table'";
        assert_eq!(int(it, joined).await, 4);
        assert_eq!(int(it, "SELECT sum(value) FROM json_each('[1, 2]')").await, 3);
        assert_eq!(rows(it, "EXPLAIN QUERY PLAN SELECT * FROM t WHERE a = 'x'").await.len(), 1);
    }
}

#[tokio::test]
async fn paths_are_paths() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["file:x?mode=memory", ":memory:", "a b%20#é.db"] {
        let location = SqliteLocation::File { path: folder.path().join(name), create: true };
        exec(&mut open(&location, false).await, "CREATE TABLE t (a)").await;
        assert!(folder.path().join(name).exists());
        assert_eq!(int(&mut open(&location, true).await, "SELECT count(*) FROM t").await, 0);
    }
    assert_eq!(super::super::sqlite_session::tests_plain_path("file:x"), "./file:x");
    assert_eq!(super::super::sqlite_session::tests_plain_path(":memory:"), "./:memory:");

    let missing = SqliteLocation::File { path: folder.path().join("missing.db"), create: true };
    let error = SqliteSession::open(&missing, &session(true)).await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Connect, "connect.open"));
    assert!(!format!("{error:?}").contains("missing.db"));
    std::fs::write(
        folder.path().join("text.db"),
        "no database, but long enough to hold a header, one hundred bytes of it, and some more so that it counts",
    )
    .unwrap();
    let text = SqliteLocation::File { path: folder.path().join("text.db"), create: true };
    let error = SqliteSession::open(&text, &session(true)).await.map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "connect.not_a_database");
    let error = SqliteSession::open(&SqliteLocation::File { path: PathBuf::new(), create: true }, &session(true))
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.code(), "connect.path");
}

#[tokio::test]
async fn constraint_errors_name_what_was_violated_and_no_value() {
    let mut it = open(&memory(), false).await;
    exec(&mut it, "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT UNIQUE)").await;
    exec(
        &mut it,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, n INTEGER CONSTRAINT positive CHECK (n > 0), m CHECK (m <> 's3cret'), \
         p INTEGER REFERENCES p, x, y, UNIQUE (x, y))",
    )
    .await;
    exec(&mut it, "CREATE TABLE l (name TEXT)").await;
    exec(&mut it, "CREATE UNIQUE INDEX lowered ON l (lower(name))").await;
    exec(&mut it, "INSERT INTO l VALUES ('s3cret')").await;
    exec(&mut it, "INSERT INTO p VALUES (1, 's3cret')").await;
    exec(&mut it, "INSERT INTO t (id, a, x, y) VALUES (1, 'a', 1, 2)").await;
    for (sql, code, constraint, table, column) in [
        ("INSERT INTO p VALUES (2, 's3cret')", "constraint.unique", None, Some("p"), Some("name")),
        ("INSERT INTO p VALUES (1, 'b')", "constraint.unique", None, Some("p"), Some("id")),
        ("INSERT INTO l VALUES ('S3CRET')", "constraint.unique", Some("lowered"), None, None),
        ("INSERT INTO t (a, x, y) VALUES ('b', 1, 2)", "constraint.unique", None, Some("t"), None),
        ("INSERT INTO t (a) VALUES (NULL)", "constraint.not_null", None, Some("t"), Some("a")),
        ("INSERT INTO t (a, n) VALUES ('a', -1)", "constraint.check", Some("positive"), None, None),
        ("INSERT INTO t (a, m) VALUES ('a', 's3cret')", "constraint.check", None, None, None),
        ("INSERT INTO t (a, p) VALUES ('a', 99)", "constraint.foreign_key", None, None, None),
    ] {
        let error = fails(&mut it, sql).await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Constraint, code), "{sql}");
        assert_eq!((error.constraint(), error.table(), error.column()), (constraint, table, column), "{sql}");
        assert!(error.sqlstate().is_some() && !format!("{error:?}").to_lowercase().contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn affected_counts_the_rows_of_this_write_only() {
    let mut it = open(&memory(), false).await;
    assert_eq!(exec(&mut it, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)").await, 0);
    assert_eq!(exec(&mut it, "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)").await, 3);
    assert_eq!(exec(&mut it, "SELECT * FROM t").await, 0);
    assert_eq!(exec(&mut it, "CREATE INDEX i ON t (a)").await, 0);
    assert_eq!(exec(&mut it, "UPDATE t SET a = a").await, 3);
    assert_eq!(exec(&mut it, "UPDATE t SET a = 1 WHERE id > 9").await, 0);
    assert_eq!(exec(&mut it, "INSERT INTO t VALUES (1, 1) ON CONFLICT DO NOTHING").await, 0);
    let (returned, done) = run(&mut it, &statement("DELETE FROM t WHERE id < 3 RETURNING id", vec![])).await.unwrap();
    assert_eq!((returned.len(), done), (2, Done { rows: 2, affected: 2 }));
    assert_eq!(exec(&mut it, "DELETE FROM t").await, 1);
    assert_eq!(exec(&mut it, "DROP TABLE t").await, 0);
}

#[tokio::test]
async fn transactions_commit_roll_back_and_hold_their_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let location = SqliteLocation::File { path: folder.path().join("a.db"), create: true };
    let mut writer = open(&location, false).await;
    exec(&mut writer, "CREATE TABLE t (a)").await;
    let mut reader = open(&location, true).await;

    reader.control(Control::Begin(Begin::plain(true))).await.unwrap();
    writer.control(Control::Begin(Begin::plain(false))).await.unwrap();
    assert_eq!(writer.control(Control::Begin(Begin::plain(false))).await.unwrap_err().code(), "transaction.open");
    exec(&mut writer, "INSERT INTO t VALUES (1)").await;
    writer.control(Control::Commit).await.unwrap();
    assert_eq!(writer.control(Control::Commit).await.unwrap_err().code(), "transaction.ended");
    assert_eq!(int(&mut reader, "SELECT count(*) FROM t").await, 0);
    reader.control(Control::Rollback).await.unwrap();
    assert_eq!(int(&mut reader, "SELECT count(*) FROM t").await, 1);

    writer.control(Control::Begin(Begin::plain(false))).await.unwrap();
    exec(&mut writer, "DELETE FROM t").await;
    writer.control(Control::Rollback).await.unwrap();
    assert_eq!(int(&mut writer, "SELECT count(*) FROM t").await, 1);

    // A read-only transaction on a read-write connection, and writes again after it.
    writer.control(Control::Begin(Begin::plain(true))).await.unwrap();
    assert_eq!(fails(&mut writer, "DELETE FROM t").await.code(), "db.read_only");
    writer.control(Control::Commit).await.unwrap();
    assert_eq!(exec(&mut writer, "DELETE FROM t").await, 1);

    // Left open: closing the session rolls back.
    writer.control(Control::Begin(Begin::plain(false))).await.unwrap();
    exec(&mut writer, "INSERT INTO t VALUES (5)").await;
    drop(writer);
    let mut other = open(&location, false).await;
    other.control(Control::Begin(Begin::plain(false))).await.unwrap();
    assert_eq!(int(&mut other, "SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn reset_ends_a_transaction_and_gives_up_on_temporary_tables() {
    let mut it = open(&memory(), false).await;
    exec(&mut it, "CREATE TABLE t (a)").await;
    it.control(Control::Begin(Begin::plain(true))).await.unwrap();
    assert!(it.reset().await.unwrap());
    it.control(Control::Begin(Begin::plain(false))).await.unwrap();
    exec(&mut it, "INSERT INTO t VALUES (1)").await;
    assert!(it.reset().await.unwrap());
    assert_eq!(int(&mut it, "SELECT count(*) FROM t").await, 0);
    it.ping().await.unwrap();
    exec(&mut it, "CREATE TEMP TABLE u (a)").await;
    assert!(!it.reset().await.unwrap());
    let mut reader = open(&memory(), true).await;
    reader.control(Control::Begin(Begin::plain(true))).await.unwrap();
    assert!(reader.reset().await.unwrap());
    reader.control(Control::Begin(Begin::plain(true))).await.unwrap();
}

#[tokio::test]
async fn a_lock_is_waited_for_and_then_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteLocation::File { path: folder.path().join("a.db"), create: true };
    for location in [file, memory()] {
        let mut first = open(&location, false).await;
        exec(&mut first, "CREATE TABLE t (a)").await;
        let settings = vec![("busy_timeout".to_owned(), "100".to_owned())];
        let mut second = SqliteSession::open(&location, &Session { settings, ..session(false) }).await.unwrap();
        let settings = vec![("busy_timeout".to_owned(), "60000".to_owned())];
        let mut patient = SqliteSession::open(&location, &Session { settings, ..session(false) }).await.unwrap();
        first.control(Control::Begin(Begin::plain(false))).await.unwrap();
        exec(&mut first, "INSERT INTO t VALUES (1)").await;
        let start = Instant::now();
        let error = fails(&mut second, "INSERT INTO t VALUES (2)").await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Database, "db.lock_timeout"));
        assert!(start.elapsed() >= Duration::from_millis(90));
        let (late, _) = tokio::join!(exec(&mut patient, "INSERT INTO t VALUES (2)"), async {
            tokio::time::sleep(Duration::from_millis(130)).await;
            first.control(Control::Commit).await.unwrap();
        });
        assert_eq!(late, 1);
    }
}

#[tokio::test]
async fn a_long_statement_is_cancelled_from_outside_and_the_session_stays_usable() {
    let mut it = open(&memory(), true).await;
    let canceller = it.watch();
    // With nothing running a cancel does nothing, now or later.
    canceller.cancel();
    assert_eq!(int(&mut it, "SELECT 1").await, 1);
    let start = Instant::now();
    let (error, ()) = tokio::join!(fails(&mut it, ENDLESS), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        canceller.cancel();
    });
    assert_eq!((error.kind(), error.code()), (ErrorKind::Cancelled, "cancelled.server"));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(it.is_open());
    assert_eq!(int(&mut it, "SELECT 2").await, 2);
}

#[tokio::test]
async fn a_deadline_ends_a_statement_and_its_wait_for_a_lock() {
    let location = memory();
    let mut first = open(&location, false).await;
    exec(&mut first, "CREATE TABLE t (a)").await;
    let timeout = Some(Duration::from_millis(100));
    let mut it =
        SqliteSession::open(&location, &Session { statement_timeout: timeout, ..session(false) }).await.unwrap();
    let error = fails(&mut it, ENDLESS).await;
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "timeout.statement"));
    assert_eq!(int(&mut it, "SELECT 2").await, 2);
    first.control(Control::Begin(Begin::plain(false))).await.unwrap();
    exec(&mut first, "INSERT INTO t VALUES (1)").await;
    let start = Instant::now();
    assert_eq!(fails(&mut it, "INSERT INTO t VALUES (2)").await.code(), "timeout.statement");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_future_dropped_midway_stops_the_statement_and_frees_the_thread() {
    let mut it = open(&memory(), true).await;
    let watch = Arc::downgrade(&it.watch);
    let endless = statement(ENDLESS, vec![]);
    let cut = tokio::time::timeout(Duration::from_millis(50), it.run(&endless, Box::new(CountSink::new()))).await;
    assert!(cut.is_err());
    assert!(!it.is_open());
    assert_eq!(fails(&mut it, "SELECT 1").await.code(), "connect.closed");
    drop(it);
    // The worker holds the last reference: when it is gone, the thread has ended.
    for _ in 0..200 {
        if watch.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the worker still runs");
}

#[tokio::test]
async fn a_million_rows_stream_in_batches_that_wait_for_their_reader() {
    let mut it = open(&memory(), true).await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
    let sink: BatchSink<ToSerde<i64>> = BatchSink::new(1_000, sender);
    let statement = statement(MILLION, vec![]);
    let (done, (count, sum)) = tokio::join!(
        async {
            let (mut sink, done) = it.run(&statement, Box::new(sink)).await.unwrap();
            sink.flush().await.unwrap();
            done
        },
        async {
            let (mut count, mut sum) = (0_u64, 0_i64);
            while let Some(batch) = receiver.recv().await {
                assert!(batch.len() <= 1_000 && receiver.len() <= 2);
                count += batch.len() as u64;
                sum += batch.iter().sum::<i64>();
            }
            (count, sum)
        }
    );
    assert_eq!((done.rows, count, sum), (1_000_000, 1_000_000, 500_000_500_000));
}

#[tokio::test]
async fn a_dropped_reader_ends_the_statement() {
    let mut it = open(&memory(), true).await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let sink: BatchSink<ToOwnedRow> = BatchSink::new(10, sender);
    let statement = statement(MILLION, vec![]);
    let (error, ()) =
        tokio::join!(async { it.run(&statement, Box::new(sink)).await.map(|_| ()).unwrap_err() }, async move {
            assert_eq!(receiver.recv().await.unwrap().len(), 10);
        });
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(int(&mut it, "SELECT 3").await, 3);
}

#[tokio::test]
async fn a_cached_statement_sees_a_changed_table() {
    let mut it = open(&memory(), false).await;
    exec(&mut it, "CREATE TABLE t (a)").await;
    assert_eq!(rows(&mut it, "SELECT * FROM t").await.columns(), ["a"]);
    exec(&mut it, "ALTER TABLE t ADD COLUMN b DATE").await;
    let empty = rows(&mut it, "SELECT * FROM t").await;
    assert_eq!(empty.columns(), ["a", "b"]);
    assert_eq!(empty.column_types(), [None, Some(SqlType::Date)]);
    exec(&mut it, "INSERT INTO t VALUES (1, '2024-01-01')").await;
    assert_eq!(rows(&mut it, "SELECT * FROM t").await.get(0).unwrap().len(), 2);
}

#[tokio::test]
async fn settings_are_checked_by_name_and_value() {
    let with =
        |name: &str, value: &str| Session { settings: vec![(name.to_owned(), value.to_owned())], ..session(false) };
    for (name, value, code) in [
        ("writable_schema", "on", "connect.setting"),
        ("cache_size", "1; DROP", "connect.setting_value"),
        ("synchronous", "off", "connect.setting_value"),
    ] {
        let error = SqliteSession::open(&memory(), &with(name, value)).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), code);
    }
    SqliteSession::open(&memory(), &with("cache_size", "-4000")).await.unwrap();
    SqliteSession::open(&memory(), &with("synchronous", "normal")).await.unwrap();
}

#[tokio::test]
async fn memory_databases_of_different_names_are_apart() {
    let (one, two) = (memory(), memory());
    let mut first = open(&one, false).await;
    exec(&mut first, "CREATE TABLE t (a)").await;
    let mut second = open(&two, false).await;
    assert_eq!(fails(&mut second, "SELECT * FROM t").await.code(), "db.unknown_table");
    assert_eq!(int(&mut open(&one, false).await, "SELECT count(*) FROM t").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_open_a_new_file_at_once_and_write_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let location = SqliteLocation::File { path: folder.path().join("a.db"), create: true };
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let location = location.clone();
        tasks.push(tokio::spawn(async move {
            let mut it = open(&location, false).await;
            exec(&mut it, "CREATE TABLE IF NOT EXISTS t (a)").await;
            for _ in 0..20 {
                exec(&mut it, "INSERT INTO t VALUES (1)").await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(int(&mut open(&location, true).await, "SELECT count(*) FROM t").await, 160);
}
