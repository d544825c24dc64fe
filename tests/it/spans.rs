//! The spans of `TraceLayer` as an exporter of OpenTelemetry gets them.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use portcullis::{AuditLayer, AuditLog, Database, Dialect, ReadWrite, Subject, TraceLayer, col};
use serde_json::Value as Json;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{self, TestDatabase};

const MARKER: &str = "hunter2MARKER";

fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    span.attributes.iter().map(|it| (it.key.to_string(), it.value.to_string())).collect()
}

/// What `body` exports, on this thread.
async fn exported(body: impl Future<Output = ()>) -> Vec<SpanData> {
    support::listen_always();
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    body.await;
    drop(guard);
    provider.force_flush().unwrap();
    exporter.get_finished_spans().unwrap()
}

/// A handle whose audit asks `tracing-opentelemetry` for the trace.
async fn traced(test: &TestDatabase) -> (Database<ReadWrite>, AuditLog) {
    test.execute_setup(&[
        "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, note varchar(100))",
        "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
    ])
    .await;
    let (audit, log) = AuditLayer::builder()
        .trace_id(|| Some(tracing::Span::current().context().span().span_context().trace_id().to_string()))
        .to_memory();
    let db = Database::builder(test.dsn_rw().parse().unwrap()).hook(audit).hook(TraceLayer::new());
    let db = db.open_read_write().await.unwrap().acting_as(Subject::new(MARKER));
    db.schema().await.unwrap();
    log.take();
    (db, log)
}

#[tokio::test]
async fn spans_reach_an_exporter_with_names_kind_attributes_status_and_parent_of_the_conventions() {
    support::each(async |test| {
        let (db, _log) = traced(test).await;
        let slow = match test.dialect {
            Dialect::Postgres => "SELECT pg_sleep(20)",
            Dialect::MariaDb => "SELECT SLEEP(20)",
            _ => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000000) SELECT max(i) FROM n"
            }
        };
        let spans = exported(async {
            let request = async {
                db.table("t").where_(col("note").ne(MARKER)).collect().await.unwrap();
                db.insert("t").columns(["id", "note"]).row((1, MARKER)).execute().await.unwrap_err();
                db.delete("t").execute().await.unwrap_err();
                tokio::time::timeout(Duration::from_millis(50), db.sql(slow).collect()).await.unwrap_err();
                // The hooks are told of it by another task.
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            // Made here, where the exporter listens.
            request.instrument(tracing::info_span!("request")).await;
        })
        .await;
        let request = spans.iter().find(|it| it.name == "request").expect("the caller's span");
        let spans: Vec<_> = spans.iter().filter(|it| it.name != "request").collect();
        let names: Vec<_> = spans.iter().map(|it| it.name.as_ref()).collect();
        assert_eq!(names, ["SELECT t", "INSERT t", "DELETE t", "RAW"]);
        for span in &spans {
            assert_eq!(span.span_kind, SpanKind::Client);
            assert_eq!(span.parent_span_id, request.span_context.span_id());
            assert_eq!(span.span_context.trace_id(), request.span_context.trace_id());
            assert!(!format!("{span:?}").contains("MARKER"), "{span:?}");
            let attributes = attributes(span);
            assert_eq!(attributes["db.system.name"], test.dialect.name());
            assert_eq!(attributes["db.namespace"], test.name());
            assert!(!attributes.keys().any(|key| key.starts_with("otel.")), "{attributes:?}");
            assert_eq!(span.events.iter().filter(|it| it.name == "statement ended").count(), 1);
        }

        let select = attributes(spans[0]);
        assert_eq!(spans[0].status, Status::Unset);
        assert_eq!(select["db.operation.name"], "SELECT");
        assert_eq!(select["db.collection.name"], "t");
        assert_eq!(select["db.query.summary"], "SELECT t");
        assert_eq!(select["db.response.returned_rows"], "2");
        assert!(select["db.query.text"].contains("note") && !select.contains_key("error.type"), "{select:?}");
        let ended = |span: &SpanData| {
            assert!(matches!(span.status, Status::Error { .. }), "{span:?}");
            let attributes = attributes(span);
            let state = attributes.get("db.response.status_code").cloned();
            (attributes["error.type"].clone(), attributes["portcullis.outcome"].clone(), state.is_some())
        };
        let said = |code: &str, outcome: &str, state| (code.to_owned(), outcome.to_owned(), state);
        assert_eq!(ended(spans[1]), said("constraint.unique", "failed", true));
        assert_eq!(ended(spans[2]), said("write.no_condition", "denied", false));
        assert_eq!(ended(spans[3]), said("statement.cancelled", "cancelled", false));
        assert!(spans[3].end_time.duration_since(spans[3].start_time).unwrap() >= Duration::from_millis(30));
    })
    .await;
}

#[tokio::test]
async fn the_record_of_a_statement_has_the_trace_of_its_span() {
    support::each(async |test| {
        let (db, log) = traced(test).await;
        let spans = exported(async {
            for _ in 0..2 {
                let request = async {
                    db.table("t").collect().await.unwrap();
                    let transaction = db.begin().await.unwrap();
                    transaction.update("t").set("note", "x").where_(col("id").eq(1)).execute().await.unwrap();
                    transaction.commit().await.unwrap();
                };
                request.instrument(tracing::info_span!("request")).await;
            }
        })
        .await;
        // Without a span there is no trace.
        db.table("t").collect().await.unwrap();
        let by_id: BTreeMap<_, _> = spans
            .iter()
            .filter_map(|span| {
                Some((attributes(span).get("portcullis.id")?.clone(), span.span_context.trace_id().to_string()))
            })
            .collect();
        let records: Vec<Json> = log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let intents: Vec<_> = records.iter().filter(|record| record["phase"] == "intent").collect();
        assert_eq!((by_id.len(), intents.len()), (8, 9));
        for intent in &intents[..8] {
            assert_eq!(intent["trace_id"].as_str(), by_id.get(intent["id"].as_str().unwrap()).map(String::as_str));
        }
        assert!(intents[8].get("trace_id").is_none(), "{}", intents[8]);
        assert_ne!(intents[0]["trace_id"], intents[7]["trace_id"], "two requests, two traces");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_trace_id_is_left_out_of_the_record() {
    for (given, recorded) in [
        ("4bf92f3577b34da6a3ce929d0e0e4736", true),
        ("00000000000000000000000000000000", false),
        ("4BF92F3577B34DA6A3CE929D0E0E4736", false),
        ("4bf92f35", false),
        ("4bf92f3577b34da6a3ce929d0e0e473\"", false),
    ] {
        let (audit, log) = AuditLayer::builder().trace_id(move || Some(given.to_owned())).to_memory();
        let db = Database::builder("sqlite::memory:".parse().unwrap()).hook(audit).open_read_write().await.unwrap();
        db.sql("SELECT 1 AS one").collect().await.unwrap();
        let intent: Json = serde_json::from_str(&log.lines()[0]).unwrap();
        assert_eq!(intent.get("trace_id").and_then(Json::as_str), recorded.then_some(given), "{given}");
    }
}
