//! Where lines go.

use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use tracing::subscriber::NoSubscriber;

use super::chain::{Chain, Hash, Line};
use super::file::FileTarget;
use super::lock;

pub(super) enum Target {
    File(FileTarget),
    Writer(WriterTarget),
    Tracing,
    Memory(Arc<Mutex<Vec<String>>>),
    Store(StoreTarget),
}

/// Where records are kept one by one, and others may add to them: an audit table.
pub(crate) trait AuditStore: Send {
    /// The record with the highest number.
    fn last_line(&mut self) -> io::Result<Option<String>>;

    /// Adds all of them or none. [`io::ErrorKind::AlreadyExists`] says that somebody else has used a number.
    fn append(&mut self, rows: &[AuditRow<'_>]) -> io::Result<()>;
}

/// A record for a store.
#[derive(Debug)]
pub(crate) struct AuditRow<'a> {
    pub(crate) seq: u64,
    pub(crate) time: String,
    pub(crate) phase: &'a str,
    pub(crate) id: Option<String>,
    pub(crate) line: &'a str,
}

pub(super) struct StoreTarget {
    store: Box<dyn AuditStore>,
    /// Whether the chain's end is known, because the last record there is ours.
    known: bool,
}

/// What must be written before anything else.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owed {
    /// The end of a line that is whole otherwise.
    pub(super) newline: bool,
    /// The end of a line that was cut off after so many bytes, with their hash.
    pub(super) torn: Option<(u64, Hash)>,
    /// The file is new: its number.
    pub(super) fresh: Option<u64>,
}

/// A writer of the caller's. It may fail, tear a line or panic.
pub(super) struct WriterTarget {
    stream: Box<dyn Write + Send>,
    owed: Owed,
}

impl Target {
    pub(super) fn writer(stream: Box<dyn Write + Send>) -> Target {
        Target::Writer(WriterTarget { stream, owed: Owed::default() })
    }

    pub(super) fn store(store: Box<dyn AuditStore>) -> Target {
        Target::Store(StoreTarget { store, known: false })
    }

    /// Makes ready for writing; a file is locked from here to [`Target::end`], or longer, see [`Target::held_until`]. `chain` is brought to where the file's chain is.
    pub(super) fn begin(&mut self, chain: &mut Chain, patience: Duration, now: DateTime<Utc>) -> io::Result<Owed> {
        match self {
            Target::File(file) => file.begin(chain, patience, now),
            Target::Writer(writer) => Ok(writer.owed),
            Target::Store(store) => store.begin(chain).map(|()| Owed::default()),
            Target::Tracing | Target::Memory(_) => Ok(Owed::default()),
        }
    }

    /// Writes lines. How many bytes were taken is known even when that fails.
    pub(super) fn put(&mut self, lines: &[u8]) -> (usize, Option<io::Error>) {
        match self {
            Target::File(file) => file.put(lines),
            Target::Writer(writer) => writer.put(lines),
            Target::Store(store) => store.put(lines),
            Target::Tracing => {
                let mut written = 0;
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    // `enabled!` alone is not enough: it may have been answered for another thread's subscriber.
                    let none = tracing::dispatcher::get_default(|dispatch| dispatch.is::<NoSubscriber>());
                    if none || !tracing::enabled!(target: "portcullis::audit", tracing::Level::INFO) {
                        return (written, Some(io::ErrorKind::NotConnected.into()));
                    }
                    tracing::info!(target: "portcullis::audit", "{}", text(line));
                    written += line.len();
                }
                (written, None)
            }
            Target::Memory(log) => {
                lock(log).extend(lines.split_inclusive(|byte| *byte == b'\n').map(text));
                (lines.len(), None)
            }
        }
    }

    /// Ends what [`Target::begin`] began: `written` bytes in whole lines, then `rest`, the start of another.
    pub(super) fn end(&mut self, written: usize, rest: &[u8], newline: bool) {
        match self {
            Target::File(file) => file.end(written, rest.is_empty() && !newline),
            Target::Writer(writer) => {
                if written > 0 || newline || !rest.is_empty() {
                    let torn = (!rest.is_empty()).then(|| (rest.len() as u64, super::chain::sha256(rest)));
                    writer.owed = Owed { newline, torn, fresh: None };
                }
            }
            Target::Tracing | Target::Memory(_) | Target::Store(_) => {}
        }
    }

    /// When [`Target::let_go`] is owed, if the lock is kept beyond a write.
    pub(super) fn held_until(&self) -> Option<Instant> {
        match self {
            Target::File(file) => file.held_until(),
            _ => None,
        }
    }

    /// Gives up a lock that is kept beyond a write.
    pub(super) fn let_go(&mut self) {
        if let Target::File(file) = self {
            file.unlock();
        }
    }

    /// Waits until what was written is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match self {
            Target::File(file) => file.sync(),
            _ => Ok(()),
        }
    }
}

impl WriterTarget {
    fn put(&mut self, lines: &[u8]) -> (usize, Option<io::Error>) {
        let mut written = 0;
        let stream = &mut self.stream;
        let result = catch_unwind(AssertUnwindSafe(|| -> io::Result<()> {
            while let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
                match stream.write(rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => written = written.saturating_add(count).min(lines.len()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            stream.flush()
        }));
        let fault = match result {
            Ok(result) => result.err(),
            Err(payload) => {
                // What the panic left is the writer's, and may panic again when it is dropped.
                std::mem::forget(payload);
                Some(io::ErrorKind::Other.into())
            }
        };
        (written, fault)
    }
}

impl StoreTarget {
    fn begin(&mut self, chain: &mut Chain) -> io::Result<()> {
        if self.known {
            return Ok(());
        }
        if let Some(text) = self.store.last_line()? {
            let end = Chain::after(Line::parse(text.as_bytes()).ok_or(io::ErrorKind::InvalidData)?);
            // Where rows were lost the next record shows that they are missing.
            if end.seq >= chain.seq {
                *chain = end;
            }
        }
        self.known = true;
        Ok(())
    }

    fn put(&mut self, lines: &[u8]) -> (usize, Option<io::Error>) {
        #[derive(Deserialize)]
        struct Named {
            time: String,
            id: Option<String>,
        }
        let row = |line: &'_ [u8]| -> Option<(Named, u64)> {
            let line = Line::parse(line)?;
            Some((line.field()?, line.seq))
        };
        let mut rows = Vec::new();
        for text in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (Some((named, seq)), Ok(line)) = (row(text), std::str::from_utf8(text)) else {
                return (0, Some(io::ErrorKind::InvalidData.into()));
            };
            let phase = Line::parse(text).map(|line| line.phase).unwrap_or_default();
            rows.push(AuditRow { seq, time: named.time, phase, id: named.id, line });
        }
        match self.store.append(&rows) {
            Ok(()) => (lines.len(), None),
            Err(error) => {
                self.known = false;
                (0, Some(error))
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::File(_) => "file",
            Target::Writer(_) => "writer",
            Target::Tracing => "tracing",
            Target::Memory(_) => "memory",
            Target::Store(_) => "store",
        })
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned()
}
