//! The files of a log, in their order, read once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use portcullis::{AuditKey, AuditLine, AuditReport, AuditVerifier};

use crate::args::Log;
use crate::escape::shown;
use crate::{Fault, is_terminal};

/// From how many bytes on progress is shown.
const LARGE: u64 = 16 << 20;

/// What of a log stands in one file.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct FileSpan {
    pub(crate) name: String,
    pub(crate) records: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

/// What reading a log told.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) report: AuditReport,
    pub(crate) files: Vec<FileSpan>,
}

impl Log {
    /// Reads and verifies the log in one pass; `each` gets every line that has a record's form.
    pub(crate) fn read(&self, mut each: impl FnMut(AuditLine<'_>)) -> Result<Reading, Fault> {
        let mut verifier = AuditVerifier::new();
        for key in self.keys()? {
            verifier = verifier.key(key);
        }
        for anchor in self.anchors()? {
            verifier = verifier.anchor(anchor);
        }
        let paths = in_order(&self.files);
        let progress = progress(&paths, self.quiet);
        let mut files = Vec::new();
        for path in &paths {
            let name = path.to_string_lossy().into_owned();
            let mut span = FileSpan { name: name.clone(), ..FileSpan::default() };
            let file: Box<dyn Read> = if path.as_os_str() == "-" {
                Box::new(io::stdin())
            } else {
                Box::new(File::open(path).map_err(|error| unreadable(path, &error))?)
            };
            let read = verifier.read_each(&name, Counted { file, progress: progress.as_ref() }, |line| {
                if span.records == 0 {
                    span.first_seq = line.seq();
                }
                span.last_seq = line.seq();
                span.records = span.records.saturating_add(1);
                each(line);
            });
            read.map_err(|error| Fault::Io(format!("`{}`: {error}", shown(&name))))?;
            files.push(span);
        }
        if let Some(progress) = progress {
            progress.finish_and_clear();
        }
        Ok(Reading { report: verifier.finish(), files })
    }

    fn keys(&self) -> Result<Vec<AuditKey>, Fault> {
        let mut keys = Vec::new();
        for given in &self.key_file {
            let (name, path) = split(given, "--key-file NAME=FILE")?;
            let secret = std::fs::read_to_string(path).map_err(|error| unreadable(Path::new(path), &error))?;
            keys.push(key(name, secret.trim_end_matches(['\r', '\n']).to_owned())?);
        }
        for given in &self.key_env {
            let (name, variable) = split(given, "--key-env NAME=VARIABLE")?;
            let secret = std::env::var(variable).map_err(|_| {
                Fault::Usage(format!("the environment has no variable `{}` with a key's secret", shown(variable)))
            })?;
            keys.push(key(name, secret)?);
        }
        Ok(keys)
    }

    fn anchors(&self) -> Result<Vec<portcullis::AuditAnchor>, Fault> {
        let mut anchors = self.anchor.clone();
        for path in &self.anchor_file {
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                anchors.push(line.parse().map_err(|error: portcullis::Error| Fault::Usage(error.to_string()))?);
            }
        }
        Ok(anchors)
    }
}

/// Both parts of `NAME=PLACE`. What was given is not shown: it may be a secret that somebody wrote there.
fn split<'a>(given: &'a str, form: &str) -> Result<(&'a str, &'a str), Fault> {
    given.split_once('=').ok_or_else(|| Fault::Usage(format!("a key is given as {form}")))
}

fn key(name: &str, secret: String) -> Result<AuditKey, Fault> {
    AuditKey::new(name, secret).map_err(|error| Fault::Usage(error.to_string()))
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::Io(format!("`{}` can't be read: {}", shown(&path.to_string_lossy()), error.kind()))
}

/// The oldest first. Closed files have a number behind their name, and the file that grows has none; a shell lists that first. Files with
/// other names stay where they were given.
pub(crate) fn in_order(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut logs: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut ordered: Vec<(usize, u64, PathBuf)> = Vec::new();
    for path in files {
        let (log, number) = numbered(path).unwrap_or((path.clone(), u64::MAX));
        let place = logs.len();
        let place = *logs.entry(log).or_insert(place);
        ordered.push((place, number, path.clone()));
    }
    ordered.sort_by_key(|(place, number, _)| (*place, *number));
    ordered.into_iter().map(|(_, _, path)| path).collect()
}

/// The log that a closed file belongs to, and its number: `audit.jsonl.000012` or `audit.jsonl.000012.gz`.
pub(crate) fn numbered(path: &Path) -> Option<(PathBuf, u64)> {
    let name = path.to_str()?;
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let (log, digits) = name.rsplit_once('.')?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((log.into(), digits.parse().ok().filter(|_| is_number)?))
}

fn progress(paths: &[PathBuf], quiet: bool) -> Option<ProgressBar> {
    let bytes = paths.iter().filter_map(|path| path.metadata().ok()).map(|found| found.len()).sum();
    if quiet || bytes < LARGE || !is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    Some(ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

struct Counted<'a> {
    file: Box<dyn Read>,
    progress: Option<&'a ProgressBar>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(progress) = self.progress {
            progress.inc(count as u64);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_from_the_oldest_on_as_a_shell_lists_them() {
        let given = ["a/x.jsonl", "a/x.jsonl.000002.gz", "a/x.jsonl.000010", "a/x.jsonl.000001"].map(PathBuf::from);
        let ordered = in_order(&given);
        let names: Vec<_> = ordered.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(names, ["a/x.jsonl.000001", "a/x.jsonl.000002.gz", "a/x.jsonl.000010", "a/x.jsonl"]);
        let other = ["b.2", "b.1", "a.jsonl"].map(PathBuf::from);
        assert_eq!(in_order(&other), other);
    }
}
