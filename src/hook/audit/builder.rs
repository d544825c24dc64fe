//! The settings of an audit.

use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::file::{FileTarget, Rotation};
use super::journal::{Owner, Settings, Who};
use super::key::AuditKey;
use super::redact::Redact;
use super::sink::Sink;
use super::target::{AuditStore, Target};
use super::{AuditLayer, AuditLog};
use crate::error::{Error, ErrorKind, Result};
use crate::hook::Clock;

/// How safe a record must be before its statement is sent.
///
/// | | The record is | It is lost when |
/// | --- | --- | --- |
/// | `Buffered` | in this process's memory, and in the file 20 ms later | the process is killed in between |
/// | `Flushed` | with the operating system | the machine stops |
/// | `Synced` | on the disk (`fdatasync`) | the disk is |
///
/// Whatever waits at the same time is written in one go and shares one `fdatasync`, so many tasks cost little more than one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// In the memory of the process. A sink that fails is noticed some milliseconds late; statements are refused from then on.
    Buffered,
    /// With the operating system.
    #[default]
    Flushed,
    /// On the disk. It makes no difference to sinks other than files.
    Synced,
}

/// The settings of an [`AuditLayer`]; made by [`AuditLayer::builder`].
///
/// ```
/// use std::time::Duration;
/// use portcullis::{AuditKey, AuditLayer, Durability};
///
/// let folder = tempfile::tempdir()?;
/// let audit = AuditLayer::builder()
///     .durability(Durability::Synced)
///     .key(AuditKey::new("2026", "5d1c0e7a9b3f48268c4e1f0a7d2b6395")?)
///     .rotate_at(64 << 20)
///     .rotate_after(Duration::from_secs(24 * 3600))
///     .keep(30)
///     .redact("*token*")
///     .to_file(folder.path().join("audit.jsonl"))?;
/// # let _ = audit;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is given a sink"]
pub struct AuditBuilder {
    durability: Durability,
    deadline: Duration,
    memory: usize,
    key: Option<AuditKey>,
    checkpoint_every: u64,
    best_effort: bool,
    redact: Redact,
    rotation: Rotation,
    clock: Clock,
    traces: TraceSource,
}

/// Where the trace of a statement is asked for.
#[derive(Clone, Default)]
pub(super) struct TraceSource(Option<Arc<dyn Fn() -> Option<String> + Send + Sync>>);

impl TraceSource {
    /// The trace id, if it is one as W3C's Trace Context writes it.
    pub(super) fn now(&self) -> Option<String> {
        let id = self.0.as_ref()?()?;
        let digits = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (id.len() == 32 && digits && id.bytes().any(|byte| byte != b'0')).then_some(id)
    }
}

impl std::fmt::Debug for TraceSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "TraceSource" } else { "None" })
    }
}

impl AuditBuilder {
    pub(super) fn new() -> AuditBuilder {
        AuditBuilder {
            durability: Durability::default(),
            deadline: Duration::from_secs(2),
            memory: 8 << 20,
            key: None,
            checkpoint_every: 1_000,
            best_effort: false,
            redact: Redact::default(),
            rotation: Rotation::default(),
            clock: Clock::system(),
            traces: TraceSource::default(),
        }
    }

    /// How safe a record must be before its statement is sent; [`Durability::Flushed`] if not said.
    pub fn durability(mut self, durability: Durability) -> AuditBuilder {
        self.durability = durability;
        self
    }

    /// How long a statement waits for its record; 2 s if not said. It should be less than the handle's hook deadline.
    pub fn deadline(mut self, limit: Duration) -> AuditBuilder {
        self.deadline = limit;
        self
    }

    /// The most bytes of records that wait in memory; 8 MiB if not said. When they are used up, statements wait to their deadline and
    /// are refused then; completions of statements that run already may use as much again.
    pub fn memory(mut self, bytes: usize) -> AuditBuilder {
        self.memory = bytes.max(1);
        self
    }

    /// Writes checkpoints with this key: one for every thousand records, one a second while there are records, one at the end of each
    /// file and one when the layer is dropped.
    pub fn key(mut self, key: AuditKey) -> AuditBuilder {
        self.key = Some(key);
        self
    }

    /// How many records at most stand between two checkpoints; 1,000 if not said.
    pub fn checkpoint_every(mut self, records: u64) -> AuditBuilder {
        self.checkpoint_every = records.max(1);
        self
    }

    /// Lets statements pass whose record can't be written. No statement waits for this layer: records go into memory, up to
    /// [`memory`](AuditBuilder::memory), and from there to the sink when it can take them. What finds no room is counted in a gap record. For a
    /// second layer beside one that must not fail, such as a copy for a dashboard; see [`AuditFanOut`](crate::AuditFanOut).
    pub fn best_effort(mut self) -> AuditBuilder {
        self.best_effort = true;
        self
    }

    /// Hides the values of context entries whose name fits `pattern`, in any case; `*` stands for any characters. May be repeated.
    pub fn redact(mut self, pattern: &str) -> AuditBuilder {
        self.redact.add(pattern);
        self
    }

    /// Hides the values of context entries that were given this tag; see [`Subject::tag`](crate::Subject::tag). May be repeated.
    pub fn redact_tag(mut self, tag: &str) -> AuditBuilder {
        self.redact.add_tag(tag);
        self
    }

    /// Closes a file before it gets larger than this, and begins the next one. The closed one gets a number behind its name:
    /// `audit.jsonl.000001`.
    pub fn rotate_at(mut self, bytes: u64) -> AuditBuilder {
        self.rotation.bytes = Some(bytes);
        self
    }

    /// Closes a file when its first record is as old as this and another is to be written.
    pub fn rotate_after(mut self, age: Duration) -> AuditBuilder {
        self.rotation.age = Some(age);
        self
    }

    /// Removes the oldest closed files beyond so many. What remains verifies as a log whose beginning is missing.
    pub fn keep(mut self, files: usize) -> AuditBuilder {
        self.rotation.keep = Some(files);
        self
    }

    /// Compresses closed files with gzip, on a thread of its own, to about a sixth of their size: `audit.jsonl.000001.gz`. A file is removed
    /// when what was written in its place has been read back. [`AuditVerifier`](crate::AuditVerifier) and the tool read both.
    #[cfg(feature = "compress")]
    pub fn compress(mut self) -> AuditBuilder {
        self.rotation.compress = true;
        self
    }

    /// Takes the time of records from this clock.
    pub fn clock(mut self, clock: Clock) -> AuditBuilder {
        self.clock = clock;
        self
    }

    /// Asks `current` for the id of the trace that a statement belongs to, and records it as `trace_id`. It is called where the statement is, so
    /// the current span is the caller's. What is not 32 lower-case hexadecimal digits, or is all zeros, is left out.
    ///
    /// `tracing` knows no such ids, and this crate names no version of OpenTelemetry's; with `tracing-opentelemetry` it is
    ///
    /// ```
    /// use opentelemetry::trace::TraceContextExt;
    /// use portcullis::AuditLayer;
    /// use tracing_opentelemetry::OpenTelemetrySpanExt;
    ///
    /// let (audit, log) = AuditLayer::builder()
    ///     .trace_id(|| Some(tracing::Span::current().context().span().span_context().trace_id().to_string()))
    ///     .to_memory();
    /// ```
    pub fn trace_id(mut self, current: impl Fn() -> Option<String> + Send + Sync + 'static) -> AuditBuilder {
        self.traces = TraceSource(Some(Arc::new(current)));
        self
    }

    /// A layer that appends to a file; see [`AuditLayer::to_file`].
    ///
    /// # Errors
    ///
    /// The file can't be opened for reading and appending: kind [`ErrorKind::Io`], code `audit.open`.
    pub fn to_file(self, path: impl AsRef<Path>) -> Result<AuditLayer> {
        let rotation = self.rotation;
        self.append_to(path.as_ref(), rotation)
    }

    pub(super) fn append_to(self, path: &Path, rotation: Rotation) -> Result<AuditLayer> {
        let file = FileTarget::open(path, rotation).map_err(open_error)?;
        // A write to a file is short, and going to a thread and back takes longer. To wait for the disk, and for whoever reads a pipe,
        // is the thread's.
        let leader = self.durability == Durability::Flushed && file.is_regular();
        let who = if leader { Who::Leader } else { Who::Thread };
        self.start(who, Target::File(file)).map_err(open_error)
    }

    /// A layer that writes to anything; see [`AuditLayer::to_writer`].
    ///
    /// # Errors
    ///
    /// The thread that writes can't be started: kind [`ErrorKind::Io`], code `audit.open`.
    pub fn to_writer(self, writer: impl io::Write + Send + 'static) -> Result<AuditLayer> {
        self.start(Who::Thread, Target::writer(Box::new(writer))).map_err(open_error)
    }

    /// A layer that sends each record, a line without its newline, to the other end of a channel that holds so many: for tests, and for
    /// consumers in the same process. When it is full, a statement waits to its deadline and is refused; when the receiver is gone, it is refused
    /// at once (`audit.closed`).
    ///
    /// ```
    /// use portcullis::AuditLayer;
    ///
    /// let (audit, records) = AuditLayer::builder().to_channel(1_000)?;
    /// assert!(records.try_recv().is_err());
    /// # let _ = audit;
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The thread that sends can't be started: kind [`ErrorKind::Io`], code `audit.open`.
    pub fn to_channel(self, capacity: usize) -> Result<(AuditLayer, mpsc::Receiver<String>)> {
        let (sender, receiver) = mpsc::sync_channel(capacity);
        Ok((self.to_writer(LineSender(sender))?, receiver))
    }

    /// A layer that hands each record to `tracing`; see [`AuditLayer::to_tracing`].
    pub fn to_tracing(self) -> AuditLayer {
        self.start_here(Target::Tracing)
    }

    /// A layer that keeps the records in memory; see [`AuditLayer::to_memory`].
    pub fn to_memory(self) -> (AuditLayer, AuditLog) {
        let log = AuditLog(Arc::default());
        (self.start_here(Target::Memory(Arc::clone(&log.0))), log)
    }

    /// A layer that keeps records in a store, from a thread.
    pub(crate) fn keep_in(self, store: Box<dyn AuditStore>) -> Result<AuditLayer> {
        self.start(Who::Thread, Target::store(store)).map_err(open_error)
    }

    /// The deadline.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.deadline
    }

    #[cfg(feature = "webhook")]
    pub(super) fn time(&self) -> Clock {
        self.clock.clone()
    }

    fn start(self, who: Who, target: Target) -> io::Result<AuditLayer> {
        let (settings, sink) = self.parts(who, target);
        Ok(self.layer(Owner::start(settings, sink)?))
    }

    fn start_here(self, target: Target) -> AuditLayer {
        let (settings, sink) = self.parts(Who::Caller, target);
        self.layer(Owner::without_thread(settings, sink))
    }

    fn parts(&self, who: Who, target: Target) -> (Settings, Sink) {
        let synced = self.durability == Durability::Synced;
        let settings = Settings {
            who,
            buffered: self.durability == Durability::Buffered && who == Who::Thread,
            synced,
            deadline: self.deadline,
            memory: self.memory,
            clock: self.clock.clone(),
        };
        (settings, Sink::new(target, self.key.clone(), self.checkpoint_every, self.clock.clone(), synced))
    }

    fn layer(self, owner: Owner) -> AuditLayer {
        AuditLayer {
            owner: Arc::new(owner),
            #[cfg(feature = "webhook")]
            _delivery: None,
            clock: self.clock,
            traces: self.traces,
            redact: Arc::new(self.redact),
            best_effort: self.best_effort,
        }
    }
}

/// Sends a line at a time, so that what was sent and what was not is known.
struct LineSender(mpsc::SyncSender<String>);

impl io::Write for LineSender {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let line = lines.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned();
        self.0.send(text).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open_error(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "audit.open", "the audit file can't be opened for reading and appending")
        .with_source(io::Error::from(cause.kind()))
}
