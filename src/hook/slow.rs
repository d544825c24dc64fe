//! Statements that took long, kept for whoever looks into them later.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Clock, Hook, Outcome, OutcomeKind, QueryContext, Subject};
use crate::dialect::Dialect;
use crate::statement::{HandleKind, StatementKind, TableAccess};
use crate::types::SqlType;

/// The longest text that is kept whole.
const SQL_BYTES: usize = 64 * 1024;

/// Keeps a report of each statement that took longer than a threshold, in a queue of bounded length.
///
/// ```text
///  the request's path                          │  whoever operates it, when there is time
///                                              │
///  statement ends ─▶ longer than allowed? ──▶ queue ──▶ take(), next() ──▶ report.explain(&db) ──▶ EXPLAIN, without ANALYZE,
///                    (one look at a number)    │ the oldest gives way, and is counted             on another handle
/// ```
///
/// The threshold is the lowest of those of the statement's tables; without one that of its handle, by name; without one the layer's. What is compared is
/// [`Outcome::elapsed`]: hooks, waiting for a session and a reader who takes his time count. Statements that were refused are not reported. Each report
/// is also an event at `WARN` with target `portcullis::slow`, which has no subject.
///
/// A report has text with placeholders, types of binds, counts and codes, and no value. A plan is made only when somebody asks for it: see
/// [`SlowQuery::explain`].
///
/// ```
/// use std::time::Duration;
/// use portcullis::{Database, SlowQueryLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let slow = SlowQueryLayer::new(Duration::from_millis(200)).for_table("orders", Duration::ZERO).keep(100);
/// let db = Database::builder("sqlite:file.db?mode=rwc".parse()?);
/// # let db = Database::builder("sqlite::memory:".parse()?);
/// let db = db.hook(slow.clone()).open_read_write().await?;
/// db.sql("CREATE TABLE orders (id integer PRIMARY KEY, total integer)").execute().await?;
/// db.table("orders").where_(portcullis::col("id").eq(4711)).collect().await?;
///
/// // Elsewhere, later, on a handle without the layer.
/// # let operator = db.to_read_only().await?;
/// for report in slow.take() {
///     println!("{:?} {} {:?}", report.elapsed(), report.sql(), report.subject_id());
///     println!("{}", report.explain(&operator).await?);
/// }
/// # assert!(slow.take()[0].sql().starts_with("EXPLAIN"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SlowQueryLayer {
    threshold: Duration,
    handles: Arc<HashMap<String, Duration>>,
    tables: Arc<HashMap<String, Duration>>,
    clock: Clock,
    queue: Arc<Queue>,
}

/// A statement that took longer than its threshold.
#[derive(Clone)]
pub struct SlowQuery {
    id: Uuid,
    ended: DateTime<Utc>,
    kind: StatementKind,
    sql: Arc<str>,
    sql_cut: bool,
    bind_types: Arc<[SqlType]>,
    tables: Arc<[TableAccess]>,
    summary: String,
    fingerprint: u64,
    subject: Option<String>,
    handle: HandleKind,
    handle_name: Option<Arc<str>>,
    dialect: Dialect,
    threshold: Duration,
    elapsed: Duration,
    rows: u64,
    affected: u64,
    outcome: OutcomeKind,
}

struct Queue {
    kept: Mutex<Kept>,
    arrived: Notify,
}

struct Kept {
    reports: VecDeque<SlowQuery>,
    most: usize,
    dropped: u64,
}

impl SlowQueryLayer {
    /// Reports statements that take longer than `threshold`, and keeps the last 100. A clone shares what is kept.
    pub fn new(threshold: Duration) -> SlowQueryLayer {
        SlowQueryLayer {
            threshold,
            handles: Arc::default(),
            tables: Arc::default(),
            clock: Clock::system(),
            queue: Arc::new(Queue {
                kept: Mutex::new(Kept { reports: VecDeque::new(), most: 100, dropped: 0 }),
                arrived: Notify::new(),
            }),
        }
    }

    /// Another threshold for the handles of that name, see [`DatabaseBuilder::name`](crate::DatabaseBuilder::name).
    pub fn for_handle(mut self, name: &str, threshold: Duration) -> SlowQueryLayer {
        Arc::make_mut(&mut self.handles).insert(name.to_owned(), threshold);
        self
    }

    /// Another threshold for statements on that table, named as statements name it.
    pub fn for_table(mut self, table: &str, threshold: Duration) -> SlowQueryLayer {
        Arc::make_mut(&mut self.tables).insert(table.to_owned(), threshold);
        self
    }

    /// How many reports wait at most; when one more comes the oldest gives way. At least one.
    pub fn keep(self, most: usize) -> SlowQueryLayer {
        self.queue.lock().most = most.max(1);
        self
    }

    /// Where the reports' time of day comes from.
    pub fn clock(mut self, clock: Clock) -> SlowQueryLayer {
        self.clock = clock;
        self
    }

    /// The reports that wait, oldest first; none waits after that.
    pub fn take(&self) -> Vec<SlowQuery> {
        std::mem::take(&mut self.queue.lock().reports).into()
    }

    /// The oldest report that waits, or the next one that comes. It may be dropped without a loss.
    pub async fn next(&self) -> SlowQuery {
        loop {
            let arrived = self.queue.arrived.notified();
            let oldest = self.queue.lock().reports.pop_front();
            match oldest {
                Some(report) => return report,
                None => arrived.await,
            }
        }
    }

    /// How many reports gave way to later ones.
    pub fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }

    fn threshold_of(&self, cx: &QueryContext) -> Duration {
        let of_tables = match self.tables.is_empty() {
            true => None,
            false => cx.tables().iter().filter_map(|access| self.tables.get(&access.table)).min(),
        };
        let of_handle = || self.handles.get(cx.handle_name()?);
        of_tables.or_else(of_handle).copied().unwrap_or(self.threshold)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hook for SlowQueryLayer {
    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        let threshold = self.threshold_of(cx);
        let sent = !matches!(outcome.kind(), OutcomeKind::Denied | OutcomeKind::Throttled);
        if outcome.elapsed() <= threshold || !sent {
            return;
        }
        let report = SlowQuery::new(cx, outcome, threshold, self.clock.now());
        tracing::warn!(
            target: "portcullis::slow",
            id = %report.id,
            summary = report.summary,
            fingerprint = %format_args!("{:016x}", report.fingerprint),
            elapsed_us = u64::try_from(report.elapsed.as_micros()).unwrap_or(u64::MAX),
            rows = report.rows,
            "slow statement"
        );
        let given_way = {
            let mut kept = self.queue.lock();
            let full = kept.reports.len() >= kept.most;
            let oldest = if full { kept.reports.pop_front() } else { None };
            kept.dropped = kept.dropped.saturating_add(u64::from(full));
            kept.reports.push_back(report);
            oldest
        };
        drop(given_way);
        self.queue.arrived.notify_one();
    }
}

impl SlowQuery {
    fn new(cx: &QueryContext, outcome: &Outcome, threshold: Duration, ended: DateTime<Utc>) -> SlowQuery {
        let none: Arc<str> = "".into();
        let whole = cx.sql.as_ref().unwrap_or(&none);
        let sql_cut = whole.len() > SQL_BYTES;
        let part = || whole.get(..whole.floor_char_boundary(SQL_BYTES / 8)).unwrap_or_default();
        SlowQuery {
            id: cx.id(),
            ended,
            kind: cx.kind(),
            sql: if sql_cut { part().into() } else { Arc::clone(whole) },
            sql_cut,
            bind_types: if sql_cut { Arc::new([]) } else { Arc::clone(&cx.bind_types) },
            tables: Arc::clone(&cx.tables),
            summary: cx.summary(),
            fingerprint: cx.fingerprint(),
            subject: cx.subject().map(Subject::id).map(str::to_owned),
            handle: cx.handle(),
            handle_name: cx.handle_name.clone(),
            dialect: cx.dialect(),
            threshold,
            elapsed: outcome.elapsed(),
            rows: outcome.rows(),
            affected: outcome.affected(),
            outcome: outcome.kind(),
        }
    }

    /// [`QueryContext::id`], to find the audit's record.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// When it ended.
    pub fn ended(&self) -> DateTime<Utc> {
        self.ended
    }

    /// What it did.
    pub fn kind(&self) -> StatementKind {
        self.kind
    }

    /// Its text with placeholders for all values; of one longer than 64 KiB the first 8, see [`SlowQuery::sql_cut`]. Empty where a statement has none, as
    /// the ends of transactions.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether the text had more.
    pub fn sql_cut(&self) -> bool {
        self.sql_cut
    }

    /// The types of its binds; none of a text that was cut.
    pub fn bind_types(&self) -> &[SqlType] {
        &self.bind_types
    }

    /// Its tables and columns by use.
    pub fn tables(&self) -> &[TableAccess] {
        &self.tables
    }

    /// [`QueryContext::summary`].
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The same for statements that differ in values only.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The id of the subject on whose behalf it ran.
    pub fn subject_id(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The kind of its handle.
    pub fn handle(&self) -> HandleKind {
        self.handle
    }

    /// The name of its handle.
    pub fn handle_name(&self) -> Option<&str> {
        self.handle_name.as_deref()
    }

    /// The dialect that it is written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it was compared with.
    pub fn threshold(&self) -> Duration {
        self.threshold
    }

    /// How long it took, see [`Outcome::elapsed`].
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Rows returned.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows matched by a write.
    pub fn affected(&self) -> u64 {
        self.affected
    }

    /// How it ended.
    pub fn outcome(&self) -> OutcomeKind {
        self.outcome
    }

    pub(crate) fn shared_tables(&self) -> &Arc<[TableAccess]> {
        &self.tables
    }
}

impl fmt::Debug for SlowQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowQuery")
            .field("id", &self.id)
            .field("sql", &self.sql)
            .field("elapsed", &self.elapsed)
            .field("rows", &self.rows)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SlowQueryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.queue.lock();
        f.debug_struct("SlowQueryLayer")
            .field("threshold", &self.threshold)
            .field("handles", &self.handles)
            .field("tables", &self.tables)
            .field("waiting", &kept.reports.len())
            .field("dropped", &kept.dropped)
            .finish()
    }
}
