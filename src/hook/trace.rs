//! Spans for `tracing`, with the attribute names of OpenTelemetry.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

use super::{Hook, Outcome, OutcomeKind, QueryContext};
use crate::error::Result;

/// Opens a `tracing` span for each statement and closes it when the statement ends.
///
/// Span and event have level `INFO` and target `portcullis::query`. The span's parent is the one that the caller was in. Its
/// fields have the names of OpenTelemetry's semantic conventions for database client spans, version 1.33:
///
/// | Field | Value |
/// | --- | --- |
/// | `db.system.name` | `postgresql`, `mysql`, `mariadb`, `sqlite` |
/// | `db.namespace` | The database's name. |
/// | `db.operation.name` | `SELECT`, `INSERT`, … |
/// | `db.collection.name` | The table, when there is exactly one. |
/// | `db.query.summary` | `SELECT orders, customers`; also in `otel.name`, which `tracing-opentelemetry` takes as the span's name. |
/// | `db.query.text` | The SQL text, with placeholders for all values. |
/// | `db.response.returned_rows` | Rows returned, unless an error ended it. |
/// | `db.response.status_code` | The SQLSTATE of an error, or SQLite's result code. |
/// | `error.type` | The error's code, or `cancelled`. |
/// | `otel.kind`, `otel.status_code` | `client`; `ERROR` when it did not complete. |
/// | `portcullis.id` | [`QueryContext::id`], to find the audit record. |
/// | `portcullis.outcome`, `portcullis.affected` | How it ended, and the rows written. |
///
/// When the statement ends, one event in the span says so with `outcome`, `rows` and `elapsed_us`, for subscribers that show
/// events only. No field holds a value, a subject or a DSN. A span costs some microseconds where a subscriber writes it out, and
/// next to nothing where none takes it.
///
/// ```
/// use portcullis::TraceLayer;
///
/// let trace = TraceLayer::new();
/// # let _ = trace;
/// ```
#[derive(Clone, Default)]
pub struct TraceLayer {
    /// The spans of the statements that are running.
    open: Arc<Mutex<HashMap<Uuid, Span>>>,
}

impl TraceLayer {
    /// The layer. It has no settings: a subscriber filters by target.
    pub fn new() -> TraceLayer {
        TraceLayer::default()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, Span>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hook for TraceLayer {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        let span = tracing::info_span!(
            target: "portcullis::query",
            "query",
            "otel.kind" = "client",
            "otel.name" = Empty,
            "otel.status_code" = Empty,
            "db.system.name" = cx.dialect().name(),
            "db.namespace" = cx.database(),
            "db.operation.name" = cx.kind().name(),
            "db.collection.name" = Empty,
            "db.query.summary" = Empty,
            "db.query.text" = cx.sql(),
            "db.response.returned_rows" = Empty,
            "db.response.status_code" = Empty,
            "error.type" = Empty,
            "portcullis.id" = %cx.id(),
            "portcullis.outcome" = Empty,
            "portcullis.affected" = Empty,
        );
        if span.is_disabled() {
            return Ok(());
        }
        let summary = cx.summary();
        span.record("otel.name", &summary);
        span.record("db.query.summary", &summary);
        if let [table] = cx.tables() {
            span.record("db.collection.name", &table.table);
        }
        self.open().insert(cx.id(), span);
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        // In a statement of its own, so that the lock is free again before a subscriber is called.
        let found = self.open().remove(&cx.id());
        let Some(span) = found else { return };
        span.record("portcullis.outcome", outcome.kind().name());
        span.record("portcullis.affected", outcome.affected());
        if outcome.error().is_none() {
            span.record("db.response.returned_rows", outcome.rows());
        }
        let failure = match outcome.error() {
            Some(error) => Some(error.code()),
            None if outcome.kind() == OutcomeKind::Completed => None,
            None => Some(outcome.kind().name()),
        };
        if let Some(failure) = failure {
            span.record("error.type", failure);
            span.record("otel.status_code", "ERROR");
        }
        if let Some(sqlstate) = outcome.error().and_then(|error| error.sqlstate()) {
            span.record("db.response.status_code", sqlstate);
        }
        tracing::info!(
            target: "portcullis::query",
            parent: &span,
            outcome = outcome.kind().name(),
            rows = outcome.rows(),
            elapsed_us = u64::try_from(outcome.elapsed().as_micros()).unwrap_or(u64::MAX),
            "statement ended"
        );
    }
}

impl fmt::Debug for TraceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceLayer").field("open", &self.open().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
    use tracing_subscriber::registry::LookupSpan;

    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::statement::{StatementKind, TableAccess};

    #[derive(Clone, Default)]
    struct Capture(Arc<Mutex<Seen>>);

    #[derive(Default)]
    struct Seen {
        spans: Vec<(u64, BTreeMap<String, String>, Option<u64>)>,
        closed: usize,
        events: Vec<(Option<u64>, BTreeMap<String, String>)>,
    }

    struct Fields<'a>(&'a mut BTreeMap<String, String>);

    impl Visit for Fields<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
        }

        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name().to_owned(), value.to_owned());
        }
    }

    impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
        fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
            let mut fields = BTreeMap::new();
            attributes.record(&mut Fields(&mut fields));
            fields.insert("target".to_owned(), attributes.metadata().target().to_owned());
            let parent = cx.span(id).unwrap().parent().map(|span| span.id().into_u64());
            self.0.lock().unwrap().spans.push((id.into_u64(), fields, parent));
        }

        fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
            let mut seen = self.0.lock().unwrap();
            let span = seen.spans.iter_mut().rev().find(|span| span.0 == id.into_u64()).unwrap();
            record.record(&mut Fields(&mut span.1));
        }

        fn on_event(&self, event: &tracing::Event<'_>, cx: Context<'_, S>) {
            let mut fields = BTreeMap::new();
            event.record(&mut Fields(&mut fields));
            let parent = cx.event_span(event).map(|span| span.id().into_u64());
            self.0.lock().unwrap().events.push((parent, fields));
        }

        fn on_close(&self, _: Id, _: Context<'_, S>) {
            self.0.lock().unwrap().closed += 1;
        }
    }

    /// The fields of the span of one statement, and those of its event.
    fn run(cx: &QueryContext, outcome: &Outcome) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let capture = Capture::default();
        let trace = TraceLayer::new();
        let subscriber = tracing_subscriber::registry().with(capture.clone());
        crate::hook::listen_always();
        tracing::subscriber::with_default(subscriber, || {
            let caller = tracing::info_span!("caller");
            caller.in_scope(|| trace.before(cx).now_or_never().unwrap().unwrap());
            assert_eq!(capture.0.lock().unwrap().closed, 0);
            trace.after(cx, outcome).now_or_never().unwrap();
            assert_eq!(capture.0.lock().unwrap().closed, 1);
        });
        assert!(trace.open().is_empty());
        let mut seen = capture.0.lock().unwrap();
        let (id, fields, parent) = seen.spans.remove(1);
        assert_eq!(parent, Some(seen.spans[0].0));
        let (event_span, event) = seen.events.remove(0);
        assert_eq!(event_span, Some(id));
        (fields, event)
    }

    fn of(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn span_has_the_attributes_of_the_conventions() {
        let cx = QueryContext::sample(StatementKind::Select);
        let id = cx.id().to_string();
        let (span, event) = run(&cx, &Outcome::sample());
        assert_eq!(
            span,
            of(&[
                ("target", "portcullis::query"),
                ("otel.kind", "client"),
                ("otel.name", "SELECT orders"),
                ("db.system.name", "postgresql"),
                ("db.namespace", "shop"),
                ("db.operation.name", "SELECT"),
                ("db.collection.name", "orders"),
                ("db.query.summary", "SELECT orders"),
                ("db.query.text", r#"SELECT "id", "total" FROM "orders" WHERE "total" > $1::numeric"#),
                ("db.response.returned_rows", "3"),
                ("portcullis.id", &id),
                ("portcullis.outcome", "completed"),
                ("portcullis.affected", "0"),
            ])
        );
        assert_eq!(
            event,
            of(&[("message", "statement ended"), ("outcome", "completed"), ("rows", "3"), ("elapsed_us", "1500")])
        );
    }

    #[test]
    fn failure_has_error_type_and_status_code() {
        let error = Error::new(ErrorKind::Database, "db.failed", "the database refused it").with_sqlstate("42P01");
        let outcome = Outcome { kind: OutcomeKind::Failed, rows: 0, error: Some(error), ..Outcome::sample() };
        let (span, _) = run(&QueryContext::sample(StatementKind::Update), &outcome);
        assert_eq!(span["error.type"], "db.failed");
        assert_eq!(span["db.response.status_code"], "42P01");
        assert_eq!(span["otel.status_code"], "ERROR");
        assert_eq!(span["portcullis.outcome"], "failed");
        assert!(!span.contains_key("db.response.returned_rows"));
        assert!(!span.values().any(|value| value.contains("refused it")));
    }

    #[test]
    fn cancelled_statement_has_an_error_type_without_an_error() {
        let outcome = Outcome { kind: OutcomeKind::Cancelled, error: None, ..Outcome::sample() };
        let (span, event) = run(&QueryContext::sample(StatementKind::Select), &outcome);
        assert_eq!((span["error.type"].as_str(), event["outcome"].as_str()), ("cancelled", "cancelled"));
    }

    #[test]
    fn refused_statement_of_two_tables_has_no_text_and_no_single_collection() {
        let table = |name: &str| TableAccess { table: name.to_owned(), ..TableAccess::default() };
        let refusal = Error::new(ErrorKind::Policy, "write.no_condition", "no condition");
        let cx = QueryContext {
            tables: [table("a"), table("b")].into(),
            sql: None,
            refusal: Some(refusal.clone()),
            ..QueryContext::sample(StatementKind::Delete)
        };
        let (span, _) = run(&cx, &Outcome::not_sent(refusal, Duration::ZERO));
        assert!(!span.contains_key("db.query.text") && !span.contains_key("db.collection.name"));
        assert_eq!(span["db.query.summary"], "DELETE a, b");
        assert_eq!(span["error.type"], "write.no_condition");
    }

    #[test]
    fn nothing_is_kept_without_a_subscriber() {
        let trace = TraceLayer::new();
        let cx = QueryContext::sample(StatementKind::Select);
        crate::hook::listen_always();
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
            trace.before(&cx).now_or_never().unwrap().unwrap();
        });
        assert!(trace.open().is_empty());
        trace.after(&cx, &Outcome::sample()).now_or_never().unwrap();
    }
}
