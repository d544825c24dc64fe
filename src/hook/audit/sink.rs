//! Where audit records go.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, TryLockError};

use tracing::subscriber::NoSubscriber;

use super::lock;

pub(super) enum Sink {
    File(Mutex<Torn<File>>),
    Writer(Mutex<Torn<Box<dyn Write + Send>>>),
    Tracing,
    Memory(Arc<Mutex<Vec<String>>>),
}

/// A stream that remembers when its last line may lack its end.
pub(super) struct Torn<W> {
    stream: W,
    torn: bool,
}

impl Sink {
    pub(super) fn file(path: &Path) -> io::Result<Sink> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let torn = ends_torn(path);
        Ok(Sink::File(Mutex::new(Torn { stream: file, torn })))
    }

    pub(super) fn writer(writer: Box<dyn Write + Send>) -> Sink {
        Sink::Writer(Mutex::new(Torn { stream: writer, torn: false }))
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self, Sink::File(_))
    }

    /// True while another thread writes.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Sink::File(file) => matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
            Sink::Writer(writer) => matches!(writer.try_lock(), Err(TryLockError::WouldBlock)),
            Sink::Tracing | Sink::Memory(_) => false,
        }
    }

    /// Writes `line`, which ends in a newline, in whole or fails.
    pub(super) fn write(&self, line: &[u8], sync: bool) -> io::Result<()> {
        match self {
            Sink::File(file) => lock(file).append(line, sync),
            Sink::Writer(writer) => lock(writer).append(line),
            Sink::Tracing => {
                // `enabled!` alone is not enough: it may have been answered for another thread's subscriber.
                let none = tracing::dispatcher::get_default(|dispatch| dispatch.is::<NoSubscriber>());
                if none || !tracing::enabled!(target: "portcullis::audit", tracing::Level::INFO) {
                    return Err(io::ErrorKind::NotConnected.into());
                }
                tracing::info!(target: "portcullis::audit", "{}", text(line));
                Ok(())
            }
            Sink::Memory(lines) => {
                lock(lines).push(text(line).into_owned());
                Ok(())
            }
        }
    }
}

impl Torn<File> {
    /// One `write` call: in append mode it is not mixed with those of other processes.
    fn append(&mut self, line: &[u8], sync: bool) -> io::Result<()> {
        let ended;
        let line = if self.torn {
            ended = [b"\n", line].concat();
            &ended
        } else {
            line
        };
        let written = loop {
            match self.stream.write(line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if written < line.len() {
            self.torn = self.torn || written > 0;
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.torn = false;
        if sync { self.stream.sync_data() } else { Ok(()) }
    }
}

impl Torn<Box<dyn Write + Send>> {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let was_torn = self.torn;
        // Until it is known better, and so also after a panic in the writer.
        self.torn = true;
        if was_torn {
            self.stream.write_all(b"\n")?;
        }
        let mut rest = line;
        while !rest.is_empty() {
            let step = match self.stream.write(rest) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => Ok(rest.get(count..).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            match step {
                Ok(left) => rest = left,
                Err(error) => {
                    self.torn = rest.len() < line.len();
                    return Err(error);
                }
            }
        }
        self.stream.flush()?;
        self.torn = false;
        Ok(())
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sink::File(_) => "file",
            Sink::Writer(_) => "writer",
            Sink::Tracing => "tracing",
            Sink::Memory(_) => "memory",
        })
    }
}

/// Whether the last line of an older file lacks its end, as after a crash. What can't be read is taken as whole.
fn ends_torn(path: &Path) -> bool {
    let mut last = [b'\n'];
    let looked = File::open(path).and_then(|mut file| {
        if !file.metadata()?.is_file() {
            return Ok(());
        }
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)
    });
    looked.is_ok() && last != [b'\n']
}

fn text(line: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line))
}
