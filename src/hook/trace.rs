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
