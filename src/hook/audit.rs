//! The audit trail: one record before each statement and one after it, as JSON lines in a chain of hashes.

mod anchor;
mod builder;
mod chain;
mod escape;
mod fan_out;
mod file;
mod gzip;
mod journal;
mod key;
mod line;
mod record;
mod redact;
mod sink;
mod target;
mod verify;
#[cfg(feature = "webhook")]
mod webhook;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

pub use self::anchor::AuditAnchor;
use self::builder::TraceSource;
pub use self::builder::{AuditBuilder, Durability};
use self::escape::to_object;
pub use self::fan_out::AuditFanOut;
use self::journal::{Fault, Owner};
pub use self::key::AuditKey;
pub use self::line::AuditLine;
use self::record::{Completion, Intent};
use self::redact::Redact;
pub(crate) use self::target::{AuditRow, AuditStore};
pub use self::verify::{AuditBreak, AuditBreakKind, AuditReport, AuditVerifier};
#[cfg(feature = "webhook")]
pub use self::webhook::Webhook;
use super::{Clock, Hook, Outcome, QueryContext};
use crate::error::{Error, ErrorKind, Result};

/// Writes who asked for what, before it is sent, and how it ended.
///
/// Each statement gives two lines of JSON with the same `id`: the intent (who, where, which tables and columns by use, the text with
/// placeholders for all values) and the completion (outcome, counts, time, codes). `docs/audit.md` describes each field. Add the layer
/// first, so that it is outermost and also records what the hooks within it refuse. A record never holds a value.
///
/// One record is one line whatever names hold: control, format, bidirectional and unassigned characters and the Unicode line
/// separators are written as `\u` escapes.
///
/// # Promises
///
/// - *Fails closed.* If the intent can't be made as safe as [`Durability`] says, the statement is not sent: [`ErrorKind::Audit`], with a
///   code that says why (`audit.disk_full`, `audit.closed`, `audit.permission`, `audit.missing_file`, `audit.damaged`,
///   `audit.deadline`, `audit.overloaded`, or `audit.unavailable` for all else). The first statement after the sink is back passes.
/// - *Complete.* A completion that can't be written waits in memory and is written when the sink is back; that is logged at `ERROR` with
///   target `portcullis::audit`. A `gap` record says how many statements were refused meanwhile, and names completions for which there was no
///   room. An intent without a completion or a gap record means that the process ended while the statement ran.
/// - *Bounded.* A statement waits no longer than the deadline for its record, and no more memory is used than was said.
/// - *Ordered.* Records stand in the order in which the statements of a handle came to the layer.
/// - *Evident.* Each record holds a hash of itself and all before it, see [`AuditVerifier`]; with an [`AuditKey`] checkpoints vouch for them.
///
/// ```
/// use portcullis::AuditLayer;
///
/// let (audit, log) = AuditLayer::to_memory();
/// assert!(log.lines().is_empty());
/// # let _ = audit;
/// ```
///
/// [`AuditFanOut`] makes several copies, of which some may be at best effort; see [`AuditBuilder::best_effort`].
#[derive(Debug, Clone)]
pub struct AuditLayer {
    owner: Arc<Owner>,
    /// Dropped after the owner, so that it delivers what that writes last; nothing else is asked of it.
    #[cfg(feature = "webhook")]
    _delivery: Option<Arc<webhook::Delivery>>,
    clock: Clock,
    traces: TraceSource,
    redact: Arc<Redact>,
    best_effort: bool,
}

/// What an [`AuditLayer::to_memory`] has written.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Mutex<Vec<String>>>);

impl AuditLayer {
    #[cfg(feature = "webhook")]
    fn with_companion(self, delivery: webhook::Delivery) -> AuditLayer {
        AuditLayer { _delivery: Some(Arc::new(delivery)), ..self }
    }

    /// A builder, for all that is not as usual: durability, checkpoints, rotation.
    pub fn builder() -> AuditBuilder {
        AuditBuilder::new()
    }

    /// Appends to a file, which is made with mode 600 if it doesn't exist; the mode of one that exists is left alone.
    ///
    /// Several layers and processes may append to one local file: its lines never mix, and they make one chain. A line that was torn by a
    /// full disk or a crash is ended before the next record, and a `recovery` record says how it looked. A file that was moved away
    /// is followed by a new one at the path, whose first record links to it; [`AuditBuilder::rotate_at`] does that by itself.
    ///
    /// ```
    /// use portcullis::AuditLayer;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let audit = AuditLayer::to_file(folder.path().join("audit.jsonl"))?;
    /// # let _ = audit;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The file can't be opened for reading and appending: kind [`ErrorKind::Io`], code `audit.open`.
    pub fn to_file(path: impl AsRef<Path>) -> Result<AuditLayer> {
        AuditLayer::builder().to_file(path)
    }

    /// Hands each record to `tracing`, as the message of an event at `INFO` with target `portcullis::audit`.
    ///
    /// `tracing` doesn't report a loss. What can be known is whether a subscriber takes such events at all: if none does, the
    /// record counts as not written, and the statement is refused.
    pub fn to_tracing() -> AuditLayer {
        AuditLayer::builder().to_tracing()
    }

    /// Writes to anything: a socket, a compressor, a test's own sink. The writer is flushed after each write, and runs on a thread of its
    /// own, so it may block.
    ///
    /// ```
    /// use portcullis::AuditLayer;
    ///
    /// let audit = AuditLayer::to_writer(std::io::stderr())?;
    /// # let _ = audit;
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The thread can't be started: kind [`ErrorKind::Io`], code `audit.open`.
    pub fn to_writer(writer: impl io::Write + Send + 'static) -> Result<AuditLayer> {
        AuditLayer::builder().to_writer(writer)
    }

    /// Keeps the records in memory, without bound: for tests and examples.
    pub fn to_memory() -> (AuditLayer, AuditLog) {
        AuditLayer::builder().to_memory()
    }

    /// Writes all that waits, and a checkpoint if there is a key, and says where the log is now. Kept where whoever writes the log
    /// can't change it, the anchor shows later that nothing before it was changed and that the log was not cut short of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Audit`] as for a statement.
    pub async fn checkpoint(&self) -> Result<AuditAnchor> {
        let journal = Arc::clone(&self.owner.0);
        let chain = match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn_blocking(move || journal.checkpoint()).await.unwrap_or(Err(io::ErrorKind::Other))
            }
            Err(_) => journal.checkpoint(),
        };
        chain.map(AuditAnchor::of).map_err(|fault| refusal(fault, "the log could not be brought to a checkpoint"))
    }
}

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
        let journal = &self.owner.0;
        let mut unless_written = LostIntent { layer: self, lost: true };
        let written = match to_object(&Intent::new(cx, self.clock.now(), &self.redact, self.traces.now())) {
            Ok(object) if self.best_effort => journal.offer(cx.id(), object, true),
            Ok(object) => journal.intent(cx.id(), object).await,
            Err(error) => Err(error.kind()),
        };
        unless_written.lost = written.is_err();
        match written {
            Err(fault) if !self.best_effort => {
                Err(refusal(fault, "the audit record could not be written, so the statement was not sent"))
            }
            _ => Ok(()),
        }
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        let mut unless_written = LateCompletion(Some(cx.id()));
        let written = match to_object(&Completion::new(cx, outcome, self.clock.now())) {
            Ok(object) if self.best_effort => {
                unless_written.0 = None;
                let offered = self.owner.0.offer(cx.id(), object, false);
                if offered.is_err() {
                    self.owner.0.note(|missing| missing.lose(cx.id()));
                }
                offered
            }
            Ok(object) => self.owner.0.completion(cx.id(), object).await,
            Err(error) => {
                self.owner.0.note(|missing| missing.lose(cx.id()));
                Err(error.kind())
            }
        };
        if written.is_ok() {
            unless_written.0 = None;
        }
    }
}

/// Counts a statement that was refused, also when the caller went away before it heard of it.
struct LostIntent<'a> {
    layer: &'a AuditLayer,
    lost: bool,
}

impl Drop for LostIntent<'_> {
    fn drop(&mut self) {
        if self.lost {
            let best_effort = self.layer.best_effort;
            self.layer.owner.0.note(|missing| {
                let count = if best_effort { &mut missing.intents } else { &mut missing.refused };
                *count = count.saturating_add(1);
            });
        }
    }
}

/// Says in the program's own log that a completion is late, also when `after` was cut short by the deadline.
struct LateCompletion(Option<Uuid>);

impl Drop for LateCompletion {
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        tracing::error!(
            target: "portcullis::audit",
            %id,
            "the completion of a statement could not be recorded yet; statements are refused until the audit can be written again"
        );
    }
}

/// Why a statement is not sent.
fn refusal(fault: Fault, what: &str) -> Error {
    use io::ErrorKind as Io;
    let (code, why) = match fault {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ("audit.disk_full", "the disk is full"),
        Io::BrokenPipe | Io::ConnectionReset | Io::ConnectionAborted => ("audit.closed", "the other end is closed"),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ("audit.permission", "writing is not permitted"),
        Io::NotFound | Io::NotADirectory | Io::IsADirectory => {
            ("audit.missing_file", "there is no file or table of its name")
        }
        Io::InvalidData => ("audit.damaged", "the file ends in what is no audit record; move it away"),
        Io::TimedOut => ("audit.deadline", "that took longer than the deadline"),
        Io::ResourceBusy => ("audit.overloaded", "too many records wait already"),
        _ => ("audit.unavailable", "the sink failed"),
    };
    let message = format!("{what}: {why}");
    // The kind only: what a writer of the caller's puts into its errors is not known.
    Error::new(ErrorKind::Audit, code, message).with_source(io::Error::from(fault))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compiles the example of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/audit.md")]
struct Guide;

#[cfg(test)]
mod tests;
