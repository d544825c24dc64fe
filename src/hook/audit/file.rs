//! A log in files: one that grows, and those that were closed before it, in the same folder.
//!
//! Several processes may write one log. Each locks the file for the time of a write (`flock`), looks whether others have written
//! meanwhile and goes on from the end of their chain, and looks whether the path leads to the file still. A process that writes without
//! pause and finds nothing of others keeps the lock over several writes, see [`HOLD`].

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::chain::{Chain, Line, sha256};
use super::gzip;
use super::target::Owed;

/// When a file is closed and the next one begun, and how many closed ones are kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rotation {
    pub(super) bytes: Option<u64>,
    pub(super) age: Option<Duration>,
    pub(super) keep: Option<usize>,
    /// Closed files are compressed.
    pub(super) compress: bool,
    /// How many bytes all files may have together.
    pub(super) most: Option<u64>,
}

pub(super) struct FileTarget {
    path: PathBuf,
    rotation: Rotation,
    open: Option<Opened>,
}

struct Opened {
    file: File,
    /// Pipes and devices are written to as they come: they have no length, no end to look at and no lock.
    regular: bool,
    identity: Identity,
    locked: bool,
    /// Where our own last write ended, if that went well.
    len: Option<u64>,
    number: u64,
    begun: Option<DateTime<Utc>>,
    /// How many writes in a row, each soon after the one before, found nothing of others.
    alone: u32,
    /// When the lock is given up at the latest, if it is kept over several writes.
    held_until: Option<Instant>,
    last_end: Option<Instant>,
}

/// How long the lock is kept over several writes by a process that writes without pause and alone. Locking and looking cost more than
/// writing a line; others wait this much longer at worst, and then have their turn before the lock is kept again.
const HOLD: Duration = Duration::from_millis(5);
/// After how many such writes.
const ALONE: u32 = 16;
/// The longest pause between two of them.
const PAUSE: Duration = Duration::from_millis(1);

/// The most bytes that are looked through for the last line.
const LONGEST_LINE: u64 = 64 << 20;

impl FileTarget {
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<FileTarget> {
        let open = Some(Opened::open(path)?);
        let target = FileTarget { path: path.to_owned(), rotation, open };
        // What an earlier process left as it was.
        target.compress_closed();
        Ok(target)
    }

    /// Whether it is a file and not a pipe or a device, so that a write to it does not wait for a reader.
    pub(super) fn is_regular(&self) -> bool {
        self.open.as_ref().is_some_and(|opened| opened.regular)
    }

    pub(super) fn begin(&mut self, chain: &mut Chain, patience: Duration, now: DateTime<Utc>) -> io::Result<Owed> {
        if self.rotation.most.is_some_and(|most| self.size() >= most) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.held_until().is_some_and(|until| Instant::now() < until) {
            return Ok(Owed::default());
        }
        self.unlock();
        let begun = self.lock_the_right_one(chain, patience);
        let begun = begun.and_then(|()| match &mut self.open {
            Some(opened) if opened.regular => opened.catch_up(chain, &self.path, now),
            _ => Ok(Owed::default()),
        });
        if begun.is_err() {
            self.unlock();
        }
        begun
    }

    /// Of all files.
    fn size(&self) -> u64 {
        let closed = closed_files(&self.path).into_iter().map(|(_, path)| path);
        let found = closed.chain([self.path.clone()]).filter_map(|path| fs::metadata(path).ok());
        found.map(|found| found.len()).sum()
    }

    fn lock_the_right_one(&mut self, chain: &mut Chain, patience: Duration) -> io::Result<()> {
        for _ in 0..16 {
            let opened = match &mut self.open {
                Some(opened) => opened,
                none => none.insert(Opened::open(&self.path)?),
            };
            opened.lock(patience)?;
            match fs::metadata(&self.path) {
                Ok(found) if opened.identity == Identity::of(&found) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            // The file was moved away. What others wrote into it before comes first in the chain. The next one is opened before
            // the lock on this one is given up: whoever moved it holds that until the next one has its first record.
            if opened.regular {
                // One whose end could not be read was moved away for that, perhaps: what we wrote ourselves is known.
                let _ = opened.catch_up(chain, &self.path, DateTime::default());
            }
            let mut next = Opened::open(&self.path)?;
            if next.number == 0 {
                next.number = opened.number.max(1).saturating_add(1);
            }
            self.open = Some(next);
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    pub(super) fn put(&mut self, lines: &[u8]) -> (usize, Option<io::Error>) {
        match &self.open {
            Some(opened) => write_all(&opened.file, lines),
            None => (0, Some(io::ErrorKind::NotFound.into())),
        }
    }

    /// `whole` says that the file ends where we left it, so that it need not be looked at again.
    pub(super) fn end(&mut self, written: usize, whole: bool) {
        if let Some(opened) = &mut self.open {
            opened.len = opened.len.filter(|_| whole).map(|len| len.saturating_add(written as u64));
            if !whole && !opened.regular {
                // A pipe whose reader left, or a device that went: the path may lead to another one next time.
                self.open = None;
            }
        }
        if !self.open.as_mut().is_some_and(|opened| whole && opened.keeps_lock()) {
            self.unlock();
        }
    }

    /// When the lock is to be given up, if it is kept beyond a write.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.open.as_ref()?.held_until
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        match &self.open {
            Some(opened) if opened.regular => opened.file.sync_data(),
            _ => Ok(()),
        }
    }

    /// Whether the file should be closed before so many bytes are added; what the next one's number is.
    pub(super) fn next_number(&self, bytes: usize, now: DateTime<Utc>) -> Option<u64> {
        let opened = self.open.as_ref().filter(|opened| opened.regular)?;
        let len = opened.len.filter(|len| *len > 0)?;
        let full = self.rotation.bytes.is_some_and(|most| len.saturating_add(bytes as u64) > most);
        let age = opened.begun.and_then(|begun| (now - begun).to_std().ok());
        let old = self.rotation.age.is_some_and(|most| age.is_some_and(|age| age >= most));
        if !full && !old {
            return None;
        }
        // No number that a closed file has already, whoever gave it.
        let closed = last_closed(&self.path).map_or(0, |(number, _)| number);
        Some(opened.number.max(1).max(closed.saturating_add(1)).saturating_add(1))
    }

    /// Moves the file aside and puts one that holds `first` in its place, in a way that the path always leads to a file: whoever
    /// opens it meanwhile gets the old one or the new one, never an empty one of its own.
    pub(super) fn rotate(&mut self, number: u64, first: &[u8], now: DateTime<Utc>, sync: bool) -> io::Result<()> {
        let aside = with_suffix(&self.path, &format!(".{:06}", number.saturating_sub(1)));
        let beside = with_suffix(&self.path, ".next");
        if aside.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let _ = fs::remove_file(&beside);
        let mut next = Opened::open(&beside)?;
        next.lock(Duration::ZERO)?;
        let (written, fault) = write_all(&next.file, first);
        let prepared = fault.map_or(Ok(()), Err).and_then(|()| if sync { next.file.sync_data() } else { Ok(()) });
        let linked = prepared.and_then(|()| fs::hard_link(&self.path, &aside));
        let moved = match linked {
            // Not every file system has a second name for a file.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => fs::rename(&self.path, &aside),
            other => other,
        };
        let placed = moved.and_then(|()| {
            fs::rename(&beside, &self.path).inspect_err(|_| {
                let _ = fs::remove_file(&aside);
            })
        });
        if let Err(error) = placed {
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        if sync {
            sync_folder(&self.path);
        }
        self.open = Some(Opened { len: Some(written as u64), number, begun: Some(now), ..next });
        self.forget_old();
        self.compress_closed();
        Ok(())
    }

    /// On a thread of its own: no statement waits for it.
    fn compress_closed(&self) {
        if !self.rotation.compress {
            return;
        }
        let mut closed = closed_files(&self.path);
        closed.retain(|(_, path)| path.extension().is_some_and(|extension| extension != "gz"));
        if closed.is_empty() {
            return;
        }
        let (log, keep) = (self.path.clone(), self.rotation.keep);
        let work = move || {
            for (_, path) in closed {
                if gzip::compress(&path).is_err() {
                    tracing::warn!(target: "portcullis::audit", "a closed audit file could not be compressed");
                }
            }
            // One may have been forgotten while it was being compressed.
            forget_old(&log, keep);
        };
        let _ = std::thread::Builder::new().name("portcullis-gzip".to_owned()).spawn(work);
    }

    fn forget_old(&self) {
        forget_old(&self.path, self.rotation.keep);
    }

    pub(super) fn unlock(&mut self) {
        if let Some(opened) = &mut self.open
            && opened.locked
        {
            opened.locked = false;
            if opened.held_until.take().is_some() {
                // Others first.
                opened.alone = 0;
            }
            if opened.file.unlock().is_err() {
                // Closing the file lets go of it in any case.
                self.open = None;
            }
        }
    }
}

impl Opened {
    fn open(path: &Path) -> io::Result<Opened> {
        let special = fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        let mut options = OpenOptions::new();
        options.append(true);
        if !special {
            // Read, because the end of the file is where the chain goes on.
            options.read(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = options.open(path)?;
        let found = file.metadata()?;
        let regular = found.is_file();
        let mut opened = Opened {
            file,
            regular,
            identity: Identity::of(&found),
            locked: false,
            len: None,
            number: 0,
            begun: None,
            alone: 0,
            held_until: None,
            last_end: None,
        };
        if regular && found.len() > 0 {
            opened.read_first_line()?;
        }
        Ok(opened)
    }

    fn lock(&mut self, patience: Duration) -> io::Result<()> {
        if self.locked || !self.regular {
            return Ok(());
        }
        let until = Instant::now().checked_add(patience);
        loop {
            let tried = self.file.try_lock();
            if tried.is_err() {
                self.alone = 0;
            }
            match tried {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if patience.is_zero() => return Err(io::ErrorKind::WouldBlock.into()),
                Err(TryLockError::WouldBlock) if until.is_none_or(|until| Instant::now() < until) => {
                    std::thread::sleep(Duration::from_micros(200));
                }
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        self.locked = true;
        Ok(())
    }

    /// Whether the lock is kept after a write that went well.
    fn keeps_lock(&mut self) -> bool {
        let now = Instant::now();
        let soon = self.last_end.replace(now).is_some_and(|last| now.saturating_duration_since(last) < PAUSE);
        if !soon {
            self.alone = 0;
        }
        if self.held_until.is_none() && self.alone >= ALONE {
            self.held_until = now.checked_add(HOLD);
        }
        self.locked && self.held_until.is_some_and(|until| now < until)
    }

    /// The number and the age of the file, from its first record.
    fn read_first_line(&mut self) -> io::Result<()> {
        #[derive(serde::Deserialize)]
        struct First {
            time: DateTime<Utc>,
            #[serde(default)]
            number: Option<u64>,
        }
        let mut start = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take(1 << 20).read_to_end(&mut start)?;
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first = Line::parse(line).and_then(|line| line.field::<First>());
        self.number = first.as_ref().and_then(|first| first.number).unwrap_or(1);
        self.begun = first.map(|first| first.time);
        Ok(())
    }

    /// Brings `chain` to the end of the file if others wrote meanwhile, or our own last write failed half-way.
    fn catch_up(&mut self, chain: &mut Chain, path: &Path, now: DateTime<Utc>) -> io::Result<Owed> {
        let len = self.file.metadata()?.len();
        let mut owed = Owed::default();
        if self.len == Some(len) && len > 0 {
            self.alone = self.alone.saturating_add(1);
            return Ok(owed);
        }
        self.alone = 0;
        if len == 0 {
            if *chain == Chain::default()
                && let Some((number, last)) = last_closed(path)
            {
                *chain = last_link(&last)?;
                self.number = number.saturating_add(1);
            }
            self.number = self.number.max(1);
            self.begun = Some(now);
            self.len = Some(0);
            owed.fresh = Some(self.number);
            return Ok(owed);
        }
        if self.number == 0 {
            self.read_first_line()?;
        }
        let tail = tail(&self.file, len)?;
        let (whole, rest) = match tail.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => tail.split_at(end.saturating_add(1)),
            None => (&[][..], tail.as_slice()),
        };
        let mut end = *chain;
        if !whole.is_empty() {
            let line = whole.strip_suffix(b"\n").unwrap_or(whole);
            let line = line.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = Line::parse(line).ok_or(io::ErrorKind::InvalidData)?;
            end = Chain { seq: line.seq, head: line.hash };
        }
        if !rest.is_empty() {
            match Line::parse(rest).filter(|line| line.follows(&end.head)) {
                Some(line) => {
                    owed.newline = true;
                    end = Chain { seq: line.seq, head: line.hash };
                }
                None => owed.torn = Some((rest.len() as u64, sha256(rest))),
            }
        }
        // A file that has lost lines does not bring the chain back: the next record shows that they are missing.
        if end.seq >= chain.seq {
            *chain = end;
        }
        self.len = Some(len);
        Ok(owed)
    }
}

/// What tells one file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(found: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity(found.dev(), found.ino())
    }

    /// Elsewhere a file that is open can't be moved away.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Identity {
        Identity(0, 0)
    }
}

fn write_all(mut file: &File, lines: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => written = written.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

/// The end of a file from the start of its last whole line on, or more.
fn tail(mut file: &File, len: u64) -> io::Result<Vec<u8>> {
    let mut size = 16 << 10;
    loop {
        let from = len.saturating_sub(size);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        file.take(len - from).read_to_end(&mut tail)?;
        let lines = tail.iter().filter(|byte| **byte == b'\n').count();
        if from == 0 || lines > 1 {
            return Ok(tail);
        }
        if size >= LONGEST_LINE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        size *= 8;
    }
}

/// Where the chain of a closed file ends.
fn last_link(path: &Path) -> io::Result<Chain> {
    let file = match File::open(path) {
        // It was compressed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.extension().is_none_or(|end| end != "gz") => {
            return last_link(&with_suffix(path, ".gz"));
        }
        other => other?,
    };
    if path.extension().is_some_and(|extension| extension == "gz") {
        // Only what was compressed has to be read from its start.
        let mut lines = gzip::lines_of(file)?;
        let (mut line, mut last) = (Vec::new(), None);
        while lines.read_until(b'\n', &mut line)? > 0 {
            last = line.strip_suffix(b"\n").and_then(Line::parse).map(Chain::after).or(last);
            line.clear();
        }
        return last.ok_or(io::ErrorKind::InvalidData.into());
    }
    let tail = tail(&file, file.metadata()?.len())?;
    let lines = tail.split(|byte| *byte == b'\n').rev();
    lines.filter_map(Line::parse).next().map(Chain::after).ok_or(io::ErrorKind::InvalidData.into())
}

/// The files that were closed before the one at `path`, oldest first. One that is being compressed is there twice for a moment, first as it was.
pub(super) fn closed_files(path: &Path) -> Vec<(u64, PathBuf)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let number_of = |found: &Path| -> Option<u64> {
        let digits = found.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('.')?;
        let digits = digits.strip_suffix(".gz").unwrap_or(digits);
        if digits.len() < 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut closed: Vec<_> = entries.filter_map(|entry| Some((number_of(&entry.path())?, entry.path()))).collect();
    closed.sort();
    closed
}

/// Removes the oldest of them beyond so many.
fn forget_old(path: &Path, keep: Option<usize>) {
    let Some(keep) = keep else { return };
    let closed = closed_files(path);
    let mut numbers: Vec<u64> = closed.iter().map(|(number, _)| *number).collect();
    numbers.dedup();
    numbers.truncate(numbers.len().saturating_sub(keep));
    for (_, path) in closed.into_iter().filter(|(number, _)| numbers.contains(number)) {
        if fs::remove_file(&path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            tracing::warn!(target: "portcullis::audit", "an audit file beyond those to keep could not be removed");
        }
    }
}

/// The newest of them, as it was rather than compressed.
fn last_closed(path: &Path) -> Option<(u64, PathBuf)> {
    let mut closed = closed_files(path);
    let (number, _) = closed.last()?;
    let number = *number;
    closed.retain(|(found, _)| *found == number);
    closed.into_iter().next()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Whether the path leads to this file.
#[cfg(any(feature = "compress", feature = "webhook"))]
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(Identity::of(&found) == Identity::of(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The new name of a file survives the machine only with its folder.
pub(super) fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}
