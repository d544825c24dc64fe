//! `portcullis audit tail`.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portcullis::AuditVerifier;

use crate::args::{Format, Tail};
use crate::log::{numbered, unreadable};
use crate::query::{one_line, one_object};
use crate::statement::{Joiner, Statement};
use crate::{Fault, Verdict, note, output_fault, print};

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Follows the log from file to file. Each statement is shown when it ends; one chain is checked through all files.
pub(crate) fn run(asked: &Tail) -> Result<Verdict, Fault> {
    let mut view = View {
        asked,
        joiner: Joiner::new(asked.format == Format::Json),
        verifier: AuditVerifier::new(),
        shown: 0,
        last_seq: 0,
        broken: false,
        fault: None,
    };
    let mut seen = closed_files(&asked.file).last().map_or(0, |(number, _)| *number);
    let mut open = Open::at(&asked.file)?;
    view.take(&open.lines()?, asked.from_start);
    let mut quiet = Instant::now();
    loop {
        if let Some(fault) = view.fault.take() {
            return Err(fault);
        }
        if asked.limit.is_some_and(|limit| view.shown >= limit) {
            break;
        }
        let mut lines = open.lines()?;
        if lines.is_empty() && open.was_moved(&asked.file) {
            // What was written between the last look and the move.
            lines = open.lines()?;
            lines.append(&mut open.rest);
            view.take(&lines, true);
            match Open::at(&asked.file) {
                Ok(next) => open = next,
                // The next file is not there yet.
                Err(_) => std::thread::sleep(PAUSE),
            }
            // Looked for after the next file is open: what is closed later than that is followed to its end before it is left.
            let closed = closed_files(&asked.file);
            lines = open.lines()?;
            let first = first_seq(&lines)?;
            for (number, path) in closed {
                if number > seen && view.take_closed(&path, first)? {
                    seen = number;
                }
            }
            view.take(&lines, true);
            quiet = Instant::now();
            continue;
        }
        if lines.is_empty() {
            if asked.idle.is_some_and(|idle| quiet.elapsed() >= Duration::from_secs(idle)) {
                break;
            }
            std::thread::sleep(PAUSE);
            continue;
        }
        quiet = Instant::now();
        view.take(&lines, true);
    }
    Ok(if view.broken { Verdict::Amiss } else { Verdict::Fine })
}

struct View<'a> {
    asked: &'a Tail,
    joiner: Joiner,
    verifier: AuditVerifier,
    shown: u64,
    last_seq: u64,
    broken: bool,
    fault: Option<Fault>,
}

impl View<'_> {
    fn take(&mut self, lines: &[u8], show: bool) {
        let mut out = io::stdout().lock();
        let View { asked, joiner, verifier, shown, last_seq, broken, fault } = self;
        let mut each = |statement: Statement| {
            let enough = asked.limit.is_some_and(|limit| *shown >= limit);
            if !show || enough || !asked.filters.matches(&statement) {
                return;
            }
            *shown = shown.saturating_add(1);
            let line = match asked.format {
                Format::Table => one_line(&statement),
                Format::Json => one_object(&statement),
            };
            *fault = fault.take().or(print(&mut out, &line).err());
        };
        let read = verifier.read_each("", lines, |line| {
            if !line.is_chained() && !*broken {
                note(&format!("record {} does not follow the one before: the log is broken", line.seq()));
                *broken = true;
            }
            *last_seq = line.seq();
            joiner.take(&line, &mut each);
        });
        if let Err(error) = read {
            self.fault = Some(Fault::Io(error.to_string()));
        }
        if let Err(error) = out.flush() {
            self.fault = Some(output_fault(&error));
        }
    }

    /// A file that was begun and closed between two looks, and whether it is done with. The one that was followed until now is passed
    /// over, and one that does not stand before the record `next` waits.
    fn take_closed(&mut self, path: &Path, next: Option<u64>) -> Result<bool, Fault> {
        let mut text = Vec::new();
        let file = match open_closed(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                note("a closed file of the log was removed before it could be read");
                return Ok(true);
            }
            Err(error) => return Err(unreadable(path, &error)),
        };
        let read = AuditVerifier::new().read_each("", file, |line| {
            text.extend_from_slice(line.text().as_bytes());
            text.push(b'\n');
        });
        read.map_err(|error| Fault::Io(error.to_string()))?;
        let Some(first) = first_seq(&text)? else { return Ok(true) };
        let waits = next.is_some_and(|next| first >= next);
        if first > self.last_seq && !waits {
            self.take(&text, true);
        }
        Ok(!waits)
    }
}

/// A closed file, which may have been compressed since it was listed.
fn open_closed(path: &Path) -> io::Result<File> {
    File::open(path).or_else(|error| {
        let mut compressed = path.as_os_str().to_owned();
        compressed.push(".gz");
        File::open(compressed).map_err(|_| error)
    })
}

/// The number of the first record in whole lines.
fn first_seq(lines: &[u8]) -> Result<Option<u64>, Fault> {
    let mut first = None;
    let read = AuditVerifier::new().read_each("", lines, |line| first = first.or(Some(line.seq())));
    read.map_err(|error| Fault::Io(error.to_string()))?;
    Ok(first)
}

struct Open {
    file: File,
    identity: (u64, u64),
    /// The start of a line whose end is not there yet.
    rest: Vec<u8>,
}

impl Open {
    fn at(path: &Path) -> Result<Open, Fault> {
        let open = || {
            let file = File::open(path)?;
            let identity = identity(&file.metadata()?);
            Ok(Open { file, identity, rest: Vec::new() })
        };
        open().map_err(|error: io::Error| unreadable(path, &error))
    }

    /// The whole lines that came since the last look. A last line that is no record waits for the next one, which may say that it was torn.
    fn lines(&mut self) -> Result<Vec<u8>, Fault> {
        let read = self.file.read_to_end(&mut self.rest);
        read.map_err(|error| Fault::Io(format!("the log can't be read: {}", error.kind())))?;
        let end_of = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
        let mut end = end_of(&self.rest);
        let before = self.rest.get(..end.saturating_sub(1)).map_or(0, end_of);
        if first_seq(self.rest.get(before..end).unwrap_or_default())?.is_none() {
            end = before;
        }
        let rest = self.rest.split_off(end);
        Ok(std::mem::replace(&mut self.rest, rest))
    }

    fn was_moved(&self, path: &Path) -> bool {
        !fs::metadata(path).is_ok_and(|found| identity(&found) == self.identity)
    }
}

#[cfg(unix)]
fn identity(found: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Elsewhere a file that is open can't be moved away.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// The files that were closed before the one at `path`, oldest first.
fn closed_files(path: &Path) -> Vec<(u64, PathBuf)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut closed: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let found = entry.path();
            let (log, number) = numbered(&found)?;
            (log.file_name() == path.file_name()).then_some((number, found))
        })
        .collect();
    closed.sort();
    // A file that is being compressed is there twice for a moment.
    closed.dedup_by_key(|(number, _)| *number);
    closed
}
