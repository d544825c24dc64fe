//! What people read of a statement, audit lines, tables, errors and traces, is one record a line whatever the strings hold.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::{
    AuditLayer, Clock, Database, ErrorKind, Ident, RateLimit, RateLimitLayer, RateScope, ReadWrite, Subject,
    TraceLayer, col, lit, table,
};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::list::payloads;
use super::names::hidden;

#[tokio::test]
async fn audit_lines_hold_any_subject_and_name_as_one_json_record_each() {
    let (audit, log) = AuditLayer::to_memory();
    let db = Database::builder("sqlite::memory:".parse().unwrap()).hook(audit).open_read_write().await.unwrap();
    for payload in payloads() {
        let db = db.acting_as(Subject::new(payload).tenant(payload));
        // Runs or not, it is recorded.
        let _ = db.table(payload.as_str()).where_(col("a").eq(payload)).select(["a"]).collect().await;
        let lines = log.take();
        assert!(lines.len() >= 2, "{payload:?}: {lines:?}");
        for line in &lines {
            assert!(!line.chars().any(hidden), "{payload:?}: {line:?}");
            let record: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if record["phase"] == "intent" {
                assert_eq!(record["subject"], payload.as_str(), "{line}");
                assert_eq!(record["tenant"], payload.as_str(), "{line}");
                match Ident::new(payload) {
                    Ok(_) => assert_eq!(record["tables"][0]["table"], payload.as_str(), "{line}"),
                    Err(_) => assert!(record["refused"].as_str().unwrap().starts_with("ident."), "{line}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_handle_of_any_name_is_recorded_under_it() {
    for payload in payloads().iter().step_by(15) {
        let (audit, log) = AuditLayer::to_memory();
        let dsn = "sqlite::memory:".parse().unwrap();
        let db = Database::builder(dsn).name(payload).hook(audit).open_read_write().await.unwrap();
        assert!(!format!("{db:?}").chars().any(hidden));
        db.sql("SELECT 1 AS one").collect().await.unwrap();
        let lines = log.take();
        assert!(!lines.concat().chars().any(hidden), "{lines:?}");
        let record: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(record["handle_name"], payload.as_str());
    }
}

#[tokio::test]
async fn a_printed_table_has_a_line_for_each_row_whatever_the_cells_hold() {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().unwrap()).await.unwrap();
    db.sql("CREATE TABLE notes (id integer, body text)").execute().await.unwrap();
    let rows = payloads().iter().enumerate().map(|(place, payload)| (place as i64, payload.as_str()));
    db.insert("notes").columns(["id", "body"]).rows(rows).execute().await.unwrap();
    let rows = db.table("notes").order_by("id").collect().await.unwrap();
    let whole = rows.show(usize::MAX).to_string();
    // A head, a rule, the rows, and their number.
    assert_eq!(whole.lines().count(), payloads().len() + 3);
    assert!(whole.lines().all(|line| !line.chars().any(hidden)));
    // Bars part the columns and nothing else does, but for a payload that has one itself.
    for (line, payload) in whole.lines().skip(2).zip(payloads()) {
        assert_eq!(line.matches('│').count(), 1 + payload.matches('│').count().min(40), "{line}");
    }
    assert_eq!(rows.to_string().lines().count(), 23);
    assert!(!format!("{rows:?}{:?}", rows.first()).contains(payloads()[0].as_str()));
}

#[tokio::test]
async fn a_column_of_any_taken_name_stands_on_the_head_of_a_table() {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().unwrap()).await.unwrap();
    db.sql("CREATE TABLE notes (id integer)").execute().await.unwrap();
    for payload in payloads().iter().filter(|payload| Ident::new(payload).is_ok()) {
        let rows = db.table("notes").select([(col("id") + 1).as_(payload)]).collect().await.unwrap();
        let text = rows.to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| !line.chars().any(hidden)), "{text:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_of_any_name_refuses_in_one_line() {
    for payload in payloads().iter().step_by(5) {
        let (clock, _hands) = Clock::manual();
        let rule = || RateLimit::named(payload.as_str()).scope(RateScope::Subject).limit(1, Duration::from_secs(60));
        let limits = match RateLimitLayer::with_clock([rule()], clock.clone()) {
            Ok(limits) => limits,
            Err(error) => panic!("{payload:?}: {error:?}"),
        };
        let twice = RateLimitLayer::with_clock([rule(), rule()], clock).unwrap_err();
        let (audit, log) = AuditLayer::to_memory();
        let dsn = "sqlite::memory:".parse().unwrap();
        let db = Database::builder(dsn).hook(audit).hook(limits.clone()).open_read_write().await.unwrap();
        let unknown = db.sql("SELECT 1 AS one").collect().await.unwrap_err();
        let db = db.acting_as(Subject::new(payload));
        db.sql("SELECT 1 AS one").collect().await.unwrap();
        let error = db.sql("SELECT 1 AS one").collect().await.unwrap_err();
        assert_eq!((error.kind(), error.rule()), (ErrorKind::RateLimited, Some(payload.as_str())));
        for shown in [&error, &twice, &unknown].map(|error| format!("{error} {error:?}")) {
            assert!(!shown.chars().any(hidden), "{shown:?}");
        }
        assert!(!format!("{limits:?}").chars().any(hidden), "{limits:?}");
        for line in log.take() {
            assert!(!line.chars().any(hidden), "{line:?}");
            let record: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(record["rule"].is_null() || record["rule"] == payload.as_str(), "{line}");
        }
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Buffer;

    fn make_writer(&'a self) -> Buffer {
        self.clone()
    }
}

#[tokio::test]
async fn a_trace_is_a_line_an_event_and_holds_no_value() {
    let (json, text) = (Buffer::default(), Buffer::default());
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().json().with_writer(json.clone()))
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(text.clone()));
    crate::support::listen_always();
    let guard = tracing::subscriber::set_default(subscriber);
    let dsn = "sqlite::memory:".parse().unwrap();
    let db = Database::builder(dsn).hook(TraceLayer::new()).open_read_write().await.unwrap();
    for payload in payloads().iter().step_by(3) {
        let db = db.acting_as(Subject::new(payload));
        db.sql("SELECT :v AS v").bind("v", payload).collect().await.unwrap();
        let _ = db.table(payload.as_str()).where_(col("a").eq("a value")).select(["a"]).collect().await;
        for buffer in [&json, &text] {
            let written = String::from_utf8(std::mem::take(&mut *buffer.0.lock().unwrap())).unwrap();
            assert!(written.lines().count() >= 2, "{payload:?}: {written}");
            assert!(!written.chars().any(|it| it != '\n' && hidden(it)), "{payload:?}: {written:?}");
            assert!(!written.contains("a value"), "{written}");
        }
    }
    drop(guard);
}

#[test]
fn debug_output_of_plans_shows_no_value_and_no_raw_name() {
    for payload in payloads() {
        let frame = table(payload.as_str()).where_(col("a").eq(payload)).select([lit(payload).as_("l")]);
        let expr = col(payload).eq(payload).and(lit(payload).contains(payload)).or(col("a").as_(payload));
        let shown = format!("{frame:?} {expr:?} {:?} {:?}", Subject::new(payload), RateLimit::named(payload.as_str()));
        assert!(!shown.chars().any(hidden), "{shown:?}");
        let values = format!("{:?}", col("a").eq(payload).and(col("b").in_([payload]).or(col("c").like(payload))));
        if payload.len() > 4 && payload.chars().any(|it| !it.is_ascii_alphanumeric() && !" (),_<>".contains(it)) {
            assert!(!values.contains(payload.as_str()), "{values}");
        }
    }
}
