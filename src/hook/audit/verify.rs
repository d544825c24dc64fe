//! Whether a log is as it was written.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::anchor::AuditAnchor;
use super::chain::{Chain, Hash, Line, from_hex, sha256};
use super::gzip;
use super::key::AuditKey;
use super::line::AuditLine;
use crate::error::{Error, ErrorKind, Result};

/// Verifies a log: that nothing in it was changed, dropped, moved, inserted or cut off, and how much of that is certain.
///
/// The chain of hashes alone shows damage and clumsy hands. Somebody who can write the file and knows how the chain is made can make it
/// anew; what they can't make are checkpoints, without the [`AuditKey`], and [`AuditAnchor`]s that were kept elsewhere. So the report
/// says up to which record the log is *anchored*: vouched for by a checkpoint with a known key, or equal to an anchor. What stands
/// after that is chained, and whoever can write the file could have replaced it or cut it off.
///
/// Files are given oldest first, and read once, in constant memory.
///
/// ```
/// use portcullis::{AuditKey, AuditLayer, AuditVerifier, Database, ReadWrite};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("audit.jsonl");
/// let key = AuditKey::new("2026", "5d1c0e7a9b3f48268c4e1f0a7d2b6395")?;
/// let audit = AuditLayer::builder().key(key.clone()).to_file(&path)?;
/// let db = Database::builder("sqlite::memory:".parse()?).hook(audit.clone()).open_read_write().await?;
/// db.sql("SELECT 1 AS one").collect().await?;
/// let anchor = audit.checkpoint().await?;
///
/// let report = AuditVerifier::new().key(key.clone()).anchor(anchor).verify_files([&path])?;
/// assert!(report.is_whole());
/// assert_eq!((report.records(), report.unanchored()), (3, 0));
///
/// // The same with the last line cut off.
/// let text = std::fs::read_to_string(&path)?;
/// let cut = text.trim_end().rsplit_once('\n').map_or("", |(before, _)| before);
/// std::fs::write(&path, format!("{cut}\n"))?;
/// let report = AuditVerifier::new().key(key).anchor(anchor).verify_files([&path])?;
/// assert!(!report.is_whole());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "a verifier does nothing until it is given files"]
pub struct AuditVerifier {
    keys: Vec<AuditKey>,
    anchors: Vec<AuditAnchor>,
    chain: Chain,
    report: AuditReport,
}

/// What a verifier found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    files: u64,
    records: u64,
    first_seq: u64,
    last_seq: u64,
    checkpoints: u64,
    unknown_keys: u64,
    anchored_to: u64,
    torn_lines: u64,
    gaps: u64,
    closed: bool,
    broken: Option<AuditBreak>,
}

/// The first place where a log is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditBreak {
    kind: AuditBreakKind,
    file: String,
    line: u64,
    seq: u64,
}

/// What is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditBreakKind {
    /// The line is no record.
    NotARecord,
    /// The last line has no end: it was cut off by a crash, or by somebody.
    Torn,
    /// The record, or one before it, was changed.
    Changed,
    /// One or more records before this one are missing.
    Missing,
    /// A record stands here that belongs elsewhere: it was repeated, moved or put in.
    OutOfOrder,
    /// The first record is not the first of the log, and does not say what it follows.
    Beginning,
    /// A checkpoint was not made with its key: the records up to it, from the last good checkpoint on, were replaced.
    Forged,
    /// The record is not the one that an anchor was made of.
    NotAsAnchored,
    /// The log ends before an anchor: records at the end are missing.
    Cut,
    /// The file is compressed, and its data are not as they were compressed.
    Damaged,
}

impl AuditVerifier {
    /// A verifier without keys or anchors: it sees whether the chain holds.
    pub fn new() -> AuditVerifier {
        AuditVerifier::default()
    }

    /// Checks the checkpoints that were made with this key. May be repeated.
    pub fn key(mut self, key: AuditKey) -> AuditVerifier {
        self.keys.push(key);
        self
    }

    /// Checks that the log holds the record that the anchor was made of. May be repeated.
    pub fn anchor(mut self, anchor: AuditAnchor) -> AuditVerifier {
        self.anchors.push(anchor);
        self
    }

    /// Verifies the files of a log, oldest first. Those that are compressed with gzip are read as they are, with feature `compress`.
    ///
    /// # Errors
    ///
    /// A file can't be read: [`ErrorKind::Io`], code `audit.read`, or `audit.compressed` for a compressed file without the feature. What is
    /// wrong with the log is in the report.
    pub fn verify_files<P: AsRef<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> Result<AuditReport> {
        for path in paths {
            let file = File::open(path.as_ref()).map_err(read_error)?;
            self.read(&path.as_ref().to_string_lossy(), file)?;
        }
        Ok(self.finish())
    }

    /// Reads one file of the log. Of those after the first break nothing is looked at.
    ///
    /// # Errors
    ///
    /// As [`AuditVerifier::verify_files`].
    pub fn read(&mut self, name: &str, file: impl Read) -> Result<()> {
        if self.report.broken.is_some() {
            return Ok(());
        }
        self.read_lines(name, file, None)
    }

    /// Reads one file of the log and shows `each` every line that has a record's form, in the same pass: what a report counts is what
    /// was verified. Lines from the first break on are shown too, as [not chained](AuditLine::is_chained).
    ///
    /// ```
    /// use portcullis::AuditVerifier;
    ///
    /// let mut verifier = AuditVerifier::new();
    /// let mut intents = 0;
    /// let log = b"".as_slice();
    /// verifier.read_each("audit.jsonl", log, |line| intents += u64::from(line.phase() == "intent"))?;
    /// assert_eq!((intents, verifier.finish().records()), (0, 0));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`AuditVerifier::verify_files`].
    pub fn read_each(&mut self, name: &str, file: impl Read, mut each: impl FnMut(AuditLine<'_>)) -> Result<()> {
        self.read_lines(name, file, Some(&mut each))
    }

    fn read_lines(
        &mut self,
        name: &str,
        file: impl Read,
        mut each: Option<&mut dyn FnMut(AuditLine<'_>)>,
    ) -> Result<()> {
        self.report.files = self.report.files.saturating_add(1);
        let mut file = gzip::lines_of(file).map_err(read_error)?;
        let mut line = Vec::new();
        let mut number: u64 = 0;
        // A line that is no good, until the next one says that it was torn.
        let mut suspect: Option<Suspect> = None;
        loop {
            line.clear();
            // Longer lines are not written.
            let read = (&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line);
            number = number.saturating_add(1);
            let damaged = match read {
                Ok(_) => false,
                Err(error) if gzip::is_damage(&error) => true,
                Err(error) => return Err(read_error(error)),
            };
            if damaged && suspect.is_none() && self.report.broken.is_none() {
                let hash = Hash::default();
                suspect = Some(Suspect { kind: AuditBreakKind::Damaged, line: number, bytes: 0, hash });
            }
            if damaged || line.is_empty() {
                break;
            }
            let text = line.strip_suffix(b"\n");
            let ended = text.is_some();
            let text = text.unwrap_or(&line);
            let parsed = Line::parse(text).filter(|_| ended);
            if let Some(broken) = suspect.take() {
                if parsed.is_some_and(|line| self.is_recovery(&line, &broken)) {
                    self.report.torn_lines = self.report.torn_lines.saturating_add(1);
                } else {
                    self.break_off(name, &broken);
                }
            }
            let checked = if self.report.broken.is_none() { Some(self.check(parsed)) } else { None };
            if let (Some(each), Some(parsed)) = (each.as_mut(), parsed) {
                each(AuditLine::new(text, parsed, number, checked == Some(Ok(()))));
            }
            if let Some(Err(kind)) = checked {
                let kind = if ended { kind } else { AuditBreakKind::Torn };
                suspect = Some(Suspect { kind, line: number, bytes: text.len() as u64, hash: sha256(text) });
            } else if checked.is_none() && each.is_none() {
                break;
            }
        }
        if let Some(suspect) = suspect {
            self.break_off(name, &suspect);
        }
        Ok(())
    }

    fn break_off(&mut self, name: &str, suspect: &Suspect) {
        let seq = self.chain.seq.saturating_add(1);
        self.report.broken = Some(AuditBreak { kind: suspect.kind, file: name.to_owned(), line: suspect.line, seq });
    }

    /// The report on what was read.
    pub fn finish(mut self) -> AuditReport {
        self.report.last_seq = self.chain.seq;
        let end = self.anchors.iter().map(AuditAnchor::seq).max().unwrap_or_default();
        if self.report.broken.is_none() && end > self.chain.seq {
            let seq = self.chain.seq.saturating_add(1);
            self.report.broken = Some(AuditBreak { kind: AuditBreakKind::Cut, file: String::new(), line: 0, seq });
        }
        self.report
    }

    fn is_recovery(&self, line: &Line<'_>, suspect: &Suspect) -> bool {
        #[derive(Deserialize)]
        struct Recovery {
            torn_bytes: u64,
            torn_sha256: String,
        }
        line.phase == "recovery"
            && line.field::<Recovery>().is_some_and(|said| {
                said.torn_bytes == suspect.bytes && from_hex(said.torn_sha256.as_bytes()) == Some(suspect.hash)
            })
    }

    /// Whether the line is the next record; if so the chain goes on from it.
    fn check(&mut self, line: Option<Line<'_>>) -> Result<(), AuditBreakKind> {
        let line = line.ok_or(AuditBreakKind::NotARecord)?;
        let before = if self.report.records == 0 && line.seq != 1 { beginning(&line)? } else { self.chain };
        let expected = before.seq.saturating_add(1);
        if line.seq != expected {
            return Err(if line.seq > expected { AuditBreakKind::Missing } else { AuditBreakKind::OutOfOrder });
        }
        if !line.follows(&before.head) {
            return Err(AuditBreakKind::Changed);
        }
        let checkpoint = line.phase == "checkpoint";
        let vouched = checkpoint && self.is_vouched(&line, &before.head)?;
        let mut anchored = vouched;
        for anchor in self.anchors.iter().filter(|anchor| anchor.seq() == line.seq) {
            if *anchor.hash() != line.hash {
                return Err(AuditBreakKind::NotAsAnchored);
            }
            anchored = true;
        }
        let report = &mut self.report;
        if report.records == 0 {
            report.first_seq = line.seq;
        }
        report.records = report.records.saturating_add(1);
        report.checkpoints = report.checkpoints.saturating_add(u64::from(checkpoint));
        report.unknown_keys = report.unknown_keys.saturating_add(u64::from(checkpoint && !vouched));
        report.gaps = report.gaps.saturating_add(u64::from(line.phase == "gap"));
        report.closed = vouched && closes_log(&line);
        if anchored {
            report.anchored_to = line.seq;
        }
        self.chain = Chain { seq: line.seq, head: line.hash };
        Ok(())
    }

    /// Whether a checkpoint was made with a key that is known.
    fn is_vouched(&self, line: &Line<'_>, before: &Hash) -> Result<bool, AuditBreakKind> {
        #[derive(Deserialize)]
        struct Named {
            key: String,
        }
        let named = line.field::<Named>().ok_or(AuditBreakKind::Changed)?;
        let (content, mac) = line.mac().ok_or(AuditBreakKind::Changed)?;
        let mut known = self.keys.iter().filter(|key| key.name() == named.key).peekable();
        if known.peek().is_none() {
            return Ok(false);
        }
        if known.any(|key| key.vouches(before, content, &mac)) { Ok(true) } else { Err(AuditBreakKind::Forged) }
    }
}

const LONGEST_LINE: u64 = 64 << 20;

struct Suspect {
    kind: AuditBreakKind,
    line: u64,
    bytes: u64,
    hash: Hash,
}

/// What a log whose beginning is elsewhere says that it follows.
fn beginning(line: &Line<'_>) -> Result<Chain, AuditBreakKind> {
    #[derive(Deserialize)]
    struct Segment {
        previous_seq: u64,
        previous_hash: String,
    }
    let named = line.field::<Segment>().filter(|_| line.phase == "segment").ok_or(AuditBreakKind::Beginning)?;
    let head = from_hex(named.previous_hash.as_bytes()).ok_or(AuditBreakKind::Beginning)?;
    Ok(Chain { seq: named.previous_seq, head })
}

fn closes_log(line: &Line<'_>) -> bool {
    #[derive(Deserialize)]
    struct Closes {
        #[serde(default)]
        closes: Option<String>,
    }
    line.field::<Closes>().is_some_and(|said| said.closes.as_deref() == Some("log"))
}

impl AuditReport {
    /// True when no record was found to be changed, missing or out of place. How much of that is certain says
    /// [`AuditReport::unanchored`].
    pub fn is_whole(&self) -> bool {
        self.broken.is_none()
    }

    /// The first place where the log is not as it was written.
    pub fn broken(&self) -> Option<&AuditBreak> {
        self.broken.as_ref()
    }

    /// Records that are good, up to the end or the first break.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Files that were looked at.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// The number of the first record; 1 unless the beginning of the log is elsewhere.
    pub fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// The number of the last good record.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Up to which record the log is vouched for by a key or an anchor; `None` when nothing is.
    pub fn anchored_to(&self) -> Option<u64> {
        (self.anchored_to > 0).then_some(self.anchored_to)
    }

    /// Records that are chained but not vouched for: whoever can write the file could have replaced them.
    pub fn unanchored(&self) -> u64 {
        if self.records == 0 {
            0
        } else {
            self.last_seq.saturating_sub(self.anchored_to.max(self.first_seq.saturating_sub(1)))
        }
    }

    /// Checkpoints, with known and unknown keys.
    pub fn checkpoints(&self) -> u64 {
        self.checkpoints
    }

    /// Checkpoints whose key was not given; they vouch for nothing.
    pub fn unknown_keys(&self) -> u64 {
        self.unknown_keys
    }

    /// Lines that were cut off by a crash or a full disk, each explained by the record after it.
    pub fn torn_lines(&self) -> u64 {
        self.torn_lines
    }

    /// Gap records: how often statements were refused or completions lost because the log could not be written.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Whether the log ends with the checkpoint that a layer writes when it is dropped. One that does not goes on, or its process was
    /// killed, or its end was cut off.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.broken {
            Some(broken) => write!(f, "broken: {broken}; before it, ")?,
            None => f.write_str("whole: ")?,
        }
        write!(f, "{} records in {} files", self.records, self.files)?;
        if self.records > 0 {
            write!(f, ", {} to {}", self.first_seq, self.last_seq)?;
        }
        if self.first_seq > 1 {
            f.write_str("; the beginning of the log is elsewhere")?;
        }
        match (self.anchored_to(), self.unanchored()) {
            (None, _) => f.write_str("; nothing is anchored")?,
            (Some(seq), 0) => write!(f, "; anchored to the last, {seq}")?,
            (Some(seq), after) => write!(f, "; anchored up to {seq}, {after} after it are chained only")?,
        }
        if self.unknown_keys > 0 {
            write!(f, "; {} checkpoints are of a key that was not given", self.unknown_keys)?;
        }
        if self.torn_lines > 0 {
            write!(f, "; {} torn lines", self.torn_lines)?;
        }
        if self.gaps > 0 {
            write!(f, "; {} gaps", self.gaps)?;
        }
        f.write_str(if self.closed { "; closed" } else { "; not closed" })
    }
}

impl AuditBreak {
    /// What is wrong.
    pub fn kind(&self) -> AuditBreakKind {
        self.kind
    }

    /// The file, as it was named to the verifier; empty when the log ends too early.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line in the file, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The number of the record that should stand there.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl fmt::Display for AuditBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            AuditBreakKind::NotARecord => "a line that is no record",
            AuditBreakKind::Torn => "a line without its end",
            AuditBreakKind::Changed => "a changed record",
            AuditBreakKind::Missing => "records are missing before this one",
            AuditBreakKind::OutOfOrder => "a record that belongs elsewhere",
            AuditBreakKind::Beginning => "the beginning is missing",
            AuditBreakKind::Forged => {
                "a checkpoint that its key did not make: records since the checkpoint before were replaced"
            }
            AuditBreakKind::NotAsAnchored => "not the record that the anchor was made of",
            AuditBreakKind::Cut => "the log ends before an anchor",
            AuditBreakKind::Damaged => "compressed data that are damaged",
        };
        write!(f, "{what}, where record {} should be", self.seq)?;
        if self.line > 0 {
            write!(f, " (line {} of {})", self.line, crate::error::show_name(&self.file))?;
        }
        Ok(())
    }
}

fn read_error(cause: io::Error) -> Error {
    if cause.kind() == io::ErrorKind::Unsupported {
        let message = "an audit file is compressed; it is read with the crate's feature `compress`";
        return Error::new(ErrorKind::Io, "audit.compressed", message);
    }
    Error::new(ErrorKind::Io, "audit.read", "an audit file can't be read").with_source(io::Error::from(cause.kind()))
}
