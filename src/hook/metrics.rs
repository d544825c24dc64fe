//! Durations and counts of statements for the `metrics` facade, under OpenTelemetry's names.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError};

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit, with_recorder};

use super::{Connections, Hook, Outcome, OutcomeKind, QueryContext};
use crate::error::Result;
use crate::statement::StatementKind;

const DURATION: &str = "db.client.operation.duration";
const RETURNED_ROWS: &str = "db.client.response.returned_rows";
const STATEMENTS: &str = "portcullis.statements";
const CONNECTIONS: &str = "db.client.connection.count";
const MAX_CONNECTIONS: &str = "db.client.connection.max";
const PENDING: &str = "db.client.connection.pending_requests";
const TIMEOUTS: &str = "db.client.connection.timeouts";
const WAIT_TIME: &str = "db.client.connection.wait_time";
const CREATE_TIME: &str = "db.client.connection.create_time";
const USE_TIME: &str = "db.client.connection.use_time";

/// What stands in the place of a name for which there is no room.
const OTHER: &str = "_OTHER";

const METADATA: Metadata<'_> = Metadata::new("portcullis", Level::INFO, Some("portcullis"));

/// Counts and times statements, for whatever recorder the program has installed for the `metrics` facade.
///
/// Names, units and labels are those of OpenTelemetry's semantic conventions for database clients, version 1.33, where they have one:
///
/// | Metric | Kind and unit | What |
/// | --- | --- | --- |
/// | `db.client.operation.duration` | histogram, s | [`Outcome::elapsed`] of each statement that the hooks let pass: hooks and the wait for a session included |
/// | `db.client.response.returned_rows` | histogram, rows | rows of each statement that completed and reads or returned rows |
/// | `portcullis.statements` | counter | each statement, those that were refused included, by `portcullis.outcome` |
/// | `db.client.connection.count` | gauge | open sessions of the pool, by `db.client.connection.state`: `used`, `idle` |
/// | `db.client.connection.max` | gauge | the most sessions |
/// | `db.client.connection.pending_requests` | gauge | those that wait for a session |
/// | `db.client.connection.wait_time` | histogram, s | how long a statement or transaction waited for its session |
/// | `db.client.connection.create_time` | histogram, s | how long a session took to open |
/// | `db.client.connection.use_time` | histogram, s | how long a session was in use, for a statement or a whole transaction, till it was given back or closed |
/// | `db.client.connection.timeouts` | counter | those that got none in time |
///
/// Labels of the first three: `db.system.name`, `db.operation.name`, `portcullis.handle` (`read-only`, `read-write`), `db.collection.name` where
/// there is exactly one table, and of what did not complete `error.type` (the error's code, or `cancelled`) and `db.response.status_code`
/// (SQLSTATE). Of the others: `db.client.connection.pool.name`, which is the handle's name (`db.system.name` if it has none, so name handles that are to be told
/// apart), and `portcullis.handle`. No label holds a value, a subject, a DSN or SQL text.
///
/// Label sets are bounded: of tables, SQLSTATEs and pools the first 200 each have a name, see [`most_names`](MetricsLayer::most_names), and all
/// others are `_OTHER`. A table gets its place only when a statement on it completes, so names that somebody tries out take none.
///
/// Gauges are set before and after each statement, and the times of sessions are told with the end of a statement; while there is none nothing changes but by
/// [`Database::connections`](crate::Database::connections).
/// The conventions ask for buckets, which are the recorder's to set:
/// 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10 for durations ([`DURATION_BUCKETS`](MetricsLayer::DURATION_BUCKETS)),
/// 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000 for rows ([`ROW_BUCKETS`](MetricsLayer::ROW_BUCKETS)).
///
/// Install the recorder before the first statement: units and descriptions are told once. Add the layer before those whose refusals it is to
/// count, after the audit. Without a recorder it costs next to nothing, and a program that has none loses nothing by it.
///
/// ```
/// use portcullis::{Database, MetricsLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::builder("sqlite::memory:".parse()?).name("shop").hook(MetricsLayer::new()).open_read_write().await?;
/// db.sql("SELECT 1 AS one").collect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MetricsLayer(Arc<Inner>);

struct Inner {
    most_names: usize,
    described: Once,
    tables: Names,
    states: Names,
    pools: Names,
}

impl MetricsLayer {
    /// The bounds of buckets that the conventions recommend for durations, in seconds.
    pub const DURATION_BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

    /// The bounds of buckets that the conventions recommend for returned rows.
    pub const ROW_BUCKETS: [f64; 13] =
        [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];

    /// The layer, with at most 200 names of each kind.
    pub fn new() -> MetricsLayer {
        MetricsLayer::with_most(200)
    }

    /// How many tables, SQLSTATEs and pools have a name of their own in labels, each; what comes later is `_OTHER`.
    pub fn most_names(self, most: usize) -> MetricsLayer {
        MetricsLayer::with_most(most)
    }

    fn with_most(most_names: usize) -> MetricsLayer {
        MetricsLayer(Arc::new(Inner {
            most_names,
            described: Once::new(),
            tables: Names::default(),
            states: Names::default(),
            pools: Names::default(),
        }))
    }
}

impl Default for MetricsLayer {
    fn default() -> MetricsLayer {
        MetricsLayer::new()
    }
}

impl fmt::Debug for MetricsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsLayer").field("most_names", &self.0.most_names).finish_non_exhaustive()
    }
}

impl Hook for MetricsLayer {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        with_recorder(|recorder| {
            self.0.describe(recorder);
            self.0.set_gauges(recorder, cx);
        });
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        with_recorder(|recorder| {
            self.0.record(recorder, cx, outcome);
            self.0.set_gauges(recorder, cx);
        });
    }
}

impl Inner {
    fn describe(&self, recorder: &dyn Recorder) {
        self.described.call_once(|| {
            let name = KeyName::from_const_str;
            recorder.describe_histogram(
                name(DURATION),
                Some(Unit::Seconds),
                "Duration of database client operations.".into(),
            );
            let rows = "The actual number of records returned by the database operation.";
            recorder.describe_histogram(name(RETURNED_ROWS), Some(Unit::Count), rows.into());
            let statements = "Statements by outcome, those that were refused and not sent included.";
            recorder.describe_counter(name(STATEMENTS), Some(Unit::Count), statements.into());
            let count = "The number of connections that are currently in the state of the `state` attribute.";
            recorder.describe_gauge(name(CONNECTIONS), Some(Unit::Count), count.into());
            let max = "The maximum number of open connections allowed.";
            recorder.describe_gauge(name(MAX_CONNECTIONS), Some(Unit::Count), max.into());
            let pending = "The number of current pending requests for an open connection.";
            recorder.describe_gauge(name(PENDING), Some(Unit::Count), pending.into());
            let timeouts =
                "The number of connection timeouts that have occurred trying to obtain a connection from the pool.";
            recorder.describe_counter(name(TIMEOUTS), Some(Unit::Count), timeouts.into());
            let wait = "The time it took to obtain an open connection from the pool.";
            recorder.describe_histogram(name(WAIT_TIME), Some(Unit::Seconds), wait.into());
            let create = "The time it took to create a new connection.";
            recorder.describe_histogram(name(CREATE_TIME), Some(Unit::Seconds), create.into());
            let in_use = "The time between borrowing a connection and returning it to the pool.";
            recorder.describe_histogram(name(USE_TIME), Some(Unit::Seconds), in_use.into());
        });
    }

    fn record(&self, recorder: &dyn Recorder, cx: &QueryContext, outcome: &Outcome) {
        let completed = outcome.kind() == OutcomeKind::Completed;
        let mut labels = vec![
            Label::from_static_parts("db.system.name", cx.dialect().name()),
            Label::from_static_parts("db.operation.name", cx.kind().name()),
            Label::from_static_parts("portcullis.handle", cx.handle().name()),
        ];
        if let Some(table) = only_table(cx) {
            let name = if completed { self.tables.admit(table, self.most_names) } else { self.tables.known(table) };
            labels.push(label("db.collection.name", name));
        }
        if !completed {
            let failure = outcome.error().map_or(outcome.kind().name(), |error| error.code());
            labels.push(Label::from_static_parts("error.type", failure));
            if let Some(state) = outcome.error().and_then(|error| error.sqlstate()) {
                labels.push(label("db.response.status_code", self.states.admit(state, self.most_names)));
            }
            if failure == "pool.timeout" {
                recorder.register_counter(&Key::from_parts(TIMEOUTS, self.of_pool(cx)), &METADATA).increment(1);
            }
        }
        let sent = !matches!(outcome.kind(), OutcomeKind::Denied | OutcomeKind::Throttled);
        if sent {
            let key = Key::from_parts(DURATION, labels.clone());
            recorder.register_histogram(&key, &METADATA).record(outcome.elapsed().as_secs_f64());
        }
        let reads = matches!(
            cx.kind(),
            StatementKind::Select | StatementKind::RawSelect | StatementKind::Catalog | StatementKind::Explain
        );
        if completed && (reads || outcome.rows() > 0) {
            let rows = u32::try_from(outcome.rows()).map_or(f64::from(u32::MAX), f64::from);
            recorder.register_histogram(&Key::from_parts(RETURNED_ROWS, labels.clone()), &METADATA).record(rows);
        }
        labels.push(Label::from_static_parts("portcullis.outcome", outcome.kind().name()));
        recorder.register_counter(&Key::from_parts(STATEMENTS, labels), &METADATA).increment(1);
        let waited = outcome.waited();
        let of_sessions = [
            (WAIT_TIME, waited.as_slice()),
            (CREATE_TIME, outcome.sessions_opened()),
            (USE_TIME, outcome.sessions_used()),
        ];
        for (name, times) in of_sessions.into_iter().filter(|(_, times)| !times.is_empty()) {
            let histogram = recorder.register_histogram(&Key::from_parts(name, self.of_pool(cx)), &METADATA);
            times.iter().for_each(|time| histogram.record(time.as_secs_f64()));
        }
    }

    fn set_gauges(&self, recorder: &dyn Recorder, cx: &QueryContext) {
        let Some(Connections { max, used, idle, waiting }) = cx.connections() else { return };
        let set = |name: &'static str, state: Option<&'static str>, count: usize| {
            let mut labels = self.of_pool(cx);
            labels.extend(state.map(|state| Label::from_static_parts("db.client.connection.state", state)));
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            recorder.register_gauge(&Key::from_parts(name, labels), &METADATA).set(f64::from(count));
        };
        set(CONNECTIONS, Some("used"), used);
        set(CONNECTIONS, Some("idle"), idle);
        set(MAX_CONNECTIONS, None, max);
        set(PENDING, None, waiting);
    }

    fn of_pool(&self, cx: &QueryContext) -> Vec<Label> {
        let name = self.pools.admit(cx.handle_name().unwrap_or(cx.dialect().name()), self.most_names);
        vec![
            label("db.client.connection.pool.name", name),
            Label::from_static_parts("portcullis.handle", cx.handle().name()),
        ]
    }
}

/// The statement's table, when it is one only.
fn only_table(cx: &QueryContext) -> Option<&str> {
    let (first, others) = cx.tables().split_first()?;
    others.iter().all(|access| access.table == first.table).then_some(first.table.as_str())
}

fn label(key: &'static str, name: Option<Arc<str>>) -> Label {
    match name {
        Some(name) => Label::new(key, name),
        None => Label::from_static_parts(key, OTHER),
    }
}

/// The names that have a place in labels.
#[derive(Default)]
struct Names(Mutex<HashSet<Arc<str>>>);

impl Names {
    fn known(&self, name: &str) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The name, if it has a place or finds one.
    fn admit(&self, name: &str, most: usize) -> Option<Arc<str>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Some(Arc::clone(known));
        }
        (names.len() < most && name.len() <= 128).then(|| {
            let name: Arc<str> = name.into();
            names.insert(Arc::clone(&name));
            name
        })
    }
}
