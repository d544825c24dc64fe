//! The audit trail: one record before each statement and one after it, as JSON lines.

mod line;
mod sink;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use self::line::{Completion, Gap, Intent};
use self::sink::Sink;
use super::{Clock, Hook, Outcome, QueryContext};
use crate::error::{Error, ErrorKind, Result};

/// Writes who asked for what, before it is sent, and how it ended.
///
/// Each statement gives two lines of JSON with the same `id`. Add the layer first, so that it is outermost and also records
/// what the hooks within it refuse. A record never holds a value: SQL text has placeholders for all of them.
///
/// | Field | Record | Meaning |
/// | --- | --- | --- |
/// | `v` | all | Version of the record's form: 1. |
/// | `phase` | all | `intent`, `completion` or `gap`. |
/// | `time` | all | UTC to the microsecond, RFC 3339. |
/// | `id` | intent, completion | The statement. |
/// | `subject`, `tenant` | intent | On whose behalf; absent when not stated. |
/// | `handle`, `handle_name` | intent | `read-only` or `read-write`, and the name given to the handle. |
/// | `dialect`, `database` | intent | Where. |
/// | `transaction` | intent | The id that the statements of one transaction share. |
/// | `kind`, `summary` | intent | `SELECT`, and `SELECT orders, customers`. |
/// | `tables` | intent | Tables with columns by use: `output`, `filter`, `join`, `group`, `sort`, `assign`. |
/// | `fingerprint` | intent | 16 hexadecimal digits, the same for statements that differ in values only. |
/// | `sql`, `sql_cut` | intent | The text, at most 8 KiB of it; `sql_cut` is true when there was more. |
/// | `bind_types`, `bind_count` | intent | Types of the first 256 values, and how many there are. |
/// | `refused` | intent | The code with which the guard has refused the statement already; it is not sent. |
/// | `outcome` | completion | `completed`, `denied`, `throttled`, `failed` or `cancelled`. |
/// | `rows`, `affected`, `elapsed_us` | completion | Rows returned, rows written, microseconds. |
/// | `error`, `rule`, `sqlstate`, `constraint` | completion | The error's code and what is known with it. |
/// | `since`, `refused_statements`, `lost_completions`, `lost_ids` | gap | See below. |
///
/// One record is one line whatever names hold: control, format, bidirectional and unassigned characters and the Unicode line
/// separators are written as `\u` escapes.
///
/// # When a record can't be written
///
/// The audit fails closed. If the intent can't be written the statement is not sent: [`ErrorKind::Audit`], code
/// `audit.unavailable`. If the completion can't be written the statement has run already; that is logged at `ERROR` with target
/// `portcullis::audit`. In both cases the layer remembers a gap, and each later statement first tries to write a `gap` record: how
/// many statements were refused meanwhile, how many completions are missing, and the ids of the first 256 of these. Until one
/// is written all statements are refused. An intent without a completion or gap record means that the process ended, or that the
/// statement was dropped while its hooks were running.
///
/// ```
/// use portcullis::AuditLayer;
///
/// let (audit, log) = AuditLayer::to_memory();
/// assert!(log.lines().is_empty());
/// # let _ = audit;
/// ```
#[derive(Debug, Clone)]
pub struct AuditLayer {
    trail: Arc<Trail>,
    clock: Clock,
    synced: bool,
}

/// What an [`AuditLayer::to_memory`] has written.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Mutex<Vec<String>>>);

impl AuditLayer {
    /// Appends to a file, which is made with mode 600 if it doesn't exist; the mode of one that exists is left alone.
    ///
    /// Each record is one `write` call in append mode, so records of several tasks, handles and processes do not mix in one
    /// local file. A line that was torn by a full disk or a crash is ended before the next record: a reader should expect a
    /// line there that is empty or not JSON. To rotate, move the file away and start with a new layer.
    ///
    /// ```
    /// use portcullis::AuditLayer;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let audit = AuditLayer::to_file(folder.path().join("audit.jsonl"))?.synced();
    /// # let _ = audit;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The file can't be opened for appending: kind [`ErrorKind::Io`], code `audit.open`.
    pub fn to_file(path: impl AsRef<Path>) -> Result<AuditLayer> {
        let sink = Sink::file(path.as_ref()).map_err(|cause| {
            Error::new(ErrorKind::Io, "audit.open", "the audit file can't be opened for appending")
                .with_source(io::Error::from(cause.kind()))
        })?;
        Ok(AuditLayer::new(sink))
    }

    /// Hands each record to `tracing`, as the message of an event at `INFO` with target `portcullis::audit`.
    ///
    /// `tracing` doesn't report a loss. What can be known is whether a subscriber takes such events at all: if none does, the
    /// record counts as not written, and the statement is refused.
    pub fn to_tracing() -> AuditLayer {
        AuditLayer::new(Sink::Tracing)
    }

    /// Writes to anything: a socket, a compressor, a test's own sink. The writer is flushed after each record.
    ///
    /// It is called on the task that runs the statement, so it should not block for long.
    ///
    /// ```
    /// use portcullis::AuditLayer;
    ///
    /// let audit = AuditLayer::to_writer(std::io::stderr());
    /// # let _ = audit;
    /// ```
    pub fn to_writer(writer: impl io::Write + Send + 'static) -> AuditLayer {
        AuditLayer::new(Sink::writer(Box::new(writer)))
    }

    /// Keeps the records in memory, without bound: for tests and examples.
    pub fn to_memory() -> (AuditLayer, AuditLog) {
        let log = AuditLog(Arc::default());
        (AuditLayer::new(Sink::Memory(Arc::clone(&log.0))), log)
    }

    /// Waits after each record until the file's data is on the disk (`fdatasync`), on a thread that may block. Without it a
    /// record survives the end of the process, not that of the machine. It makes no difference to other sinks.
    #[must_use = "this returns the changed layer"]
    pub fn synced(mut self) -> AuditLayer {
        self.synced = true;
        self
    }

    /// Takes the time of records from this clock.
    #[must_use = "this returns the changed layer"]
    pub fn with_clock(mut self, clock: Clock) -> AuditLayer {
        self.clock = clock;
        self
    }

    fn new(sink: Sink) -> AuditLayer {
        let trail = Trail { sink, broken: AtomicBool::new(false), missing: Mutex::default() };
        AuditLayer { trail: Arc::new(trail), clock: Clock::system(), synced: false }
    }

    /// Writes the gap record if there is a gap, then `line`.
    async fn write(&self, now: DateTime<Utc>, line: Vec<u8>) -> io::Result<()> {
        if self.synced && self.trail.sink.is_file() {
            // Without a runtime there is no other thread to go to, and no task to hold up either.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                let trail = Arc::clone(&self.trail);
                let written = runtime.spawn_blocking(move || trail.write(now, &line, true)).await;
                return written.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            }
        }
        // Waiting for the lock puts the thread to sleep, and with it every other task that it could run meanwhile. A write
        // takes some microseconds, so it is soon free.
        for _ in 0..PATIENCE {
            if !self.trail.sink.is_busy() {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.trail.write(now, &line, self.synced)
    }
}

/// How often a record gives way to other tasks while the sink is busy, before it waits for the sink.
const PATIENCE: u32 = 16;

impl AuditLog {
    /// The records so far, in the order written, each without its newline.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).clone()
    }

    /// The records so far; the log is empty after that.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Hook for AuditLayer {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        let now = self.clock.now();
        let written = match line::to_line(&Intent::new(cx, &stamp(now))) {
            Ok(line) => self.write(now, line).await,
            Err(error) => Err(error),
        };
        written.map_err(|cause| {
            self.trail.note(now, |missing| missing.refused = missing.refused.saturating_add(1));
            Error::new(
                ErrorKind::Audit,
                "audit.unavailable",
                "the audit record could not be written, so the statement was not sent",
            )
            // The kind only: what a writer of the caller's puts into its errors is not known.
            .with_source(io::Error::from(cause.kind()))
        })
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        let now = self.clock.now();
        let mut unless_written = LostCompletion { trail: &self.trail, now, id: Some(cx.id()) };
        let written = match line::to_line(&Completion::new(cx, outcome, &stamp(now))) {
            Ok(line) => self.write(now, line).await,
            Err(error) => Err(error),
        };
        if written.is_ok() {
            unless_written.id = None;
        }
    }
}

/// Notes a missing completion when it is dropped, so also when `after` is cut short by the deadline or by a panic in a writer.
struct LostCompletion<'a> {
    trail: &'a Trail,
    now: DateTime<Utc>,
    id: Option<Uuid>,
}

impl Drop for LostCompletion<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        self.trail.note(self.now, |missing| missing.lose(id));
        tracing::error!(
            target: "portcullis::audit",
            %id,
            "the completion of a statement could not be recorded; statements are refused until the audit can be written again"
        );
    }
}

/// The sink, and what is missing in it.
#[derive(Debug)]
struct Trail {
    sink: Sink,
    /// There is a gap. Read for each statement, so apart from the lock.
    broken: AtomicBool,
    missing: Mutex<Option<Missing>>,
}

/// What could not be written.
#[derive(Debug, Default)]
struct Missing {
    since: DateTime<Utc>,
    refused: u64,
    completions: u64,
    ids: Vec<Uuid>,
}

/// The most ids in one gap record.
const LOST_IDS: usize = 256;

impl Missing {
    fn lose(&mut self, id: Uuid) {
        self.completions = self.completions.saturating_add(1);
        if self.ids.len() < LOST_IDS {
            self.ids.push(id);
        }
    }

    fn merge(&mut self, earlier: Missing) {
        self.since = self.since.min(earlier.since);
        self.refused = self.refused.saturating_add(earlier.refused);
        self.completions = self.completions.saturating_add(earlier.completions);
        let mut ids = earlier.ids;
        ids.append(&mut self.ids);
        ids.truncate(LOST_IDS);
        self.ids = ids;
    }
}

impl Trail {
    fn write(&self, now: DateTime<Utc>, line: &[u8], sync: bool) -> io::Result<()> {
        if self.broken.load(Ordering::Acquire) {
            let mut gap = GapInHand { trail: self, missing: self.take() };
            if let Some(missing) = &gap.missing {
                self.sink.write(&line::to_line(&Gap::new(missing, &stamp(now)))?, sync)?;
                gap.missing = None;
            }
        }
        self.sink.write(line, sync)
    }

    fn note(&self, now: DateTime<Utc>, change: impl FnOnce(&mut Missing)) {
        let mut missing = lock(&self.missing);
        change(missing.get_or_insert_with(|| Missing { since: now, ..Missing::default() }));
        self.broken.store(true, Ordering::Release);
    }

    fn take(&self) -> Option<Missing> {
        let mut missing = lock(&self.missing);
        self.broken.store(false, Ordering::Release);
        missing.take()
    }
}

/// A gap that is being written, without the lock: a subscriber of `tracing` may do anything. What was not written goes back.
struct GapInHand<'a> {
    trail: &'a Trail,
    missing: Option<Missing>,
}

impl Drop for GapInHand<'_> {
    fn drop(&mut self) {
        if let Some(taken) = self.missing.take() {
            self.trail.note(taken.since, |missing| missing.merge(taken));
        }
    }
}

fn stamp(now: DateTime<Utc>) -> String {
    now.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
