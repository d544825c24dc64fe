//! `portcullis audit verify`.

use std::io;

use portcullis::{AuditLine, AuditReport};
use serde::Serialize;

use crate::args::{Format, Require, Verify};
use crate::escape::{number, shown};
use crate::log::{FileSpan, Reading};
use crate::{Fault, Verdict, print};

#[derive(Serialize)]
struct Answer<'a> {
    whole: bool,
    /// Records that are chained but not vouched for.
    unanchored: u64,
    #[serde(flatten)]
    report: &'a AuditReport,
    spans: &'a [FileSpan],
    unmet: &'a [&'static str],
}

pub(crate) fn run(asked: &Verify) -> Result<Verdict, Fault> {
    let Reading { report, files } = asked.log.read(|_| {})?;
    let unmet: Vec<&'static str> = asked.require.iter().filter_map(|require| unmet(*require, &report)).collect();
    let mut out = io::stdout().lock();
    match asked.format {
        Format::Json => {
            let (whole, unanchored) = (report.is_whole(), report.unanchored());
            let answer = Answer { whole, unanchored, report: &report, spans: &files, unmet: &unmet };
            let text = serde_json::to_string(&answer).map_err(|_| Fault::Io("no JSON of the report".to_owned()))?;
            print(&mut out, &AuditLine::printable_json(&text))?;
        }
        Format::Table => {
            for (name, value) in lines(&report, &files) {
                print(&mut out, &format!("{name:<14}{value}"))?;
            }
            for what in &unmet {
                print(&mut out, &format!("{:<14}{what}", "not met"))?;
            }
        }
    }
    Ok(if report.is_whole() && unmet.is_empty() { Verdict::Fine } else { Verdict::Amiss })
}

fn unmet(require: Require, report: &AuditReport) -> Option<&'static str> {
    let (met, what) = match require {
        Require::Anchored => {
            (report.records() > 0 && report.unanchored() == 0, "anchored: not every record is vouched for")
        }
        Require::Closed => (report.is_closed(), "closed: the log does not end as a layer ends it"),
        Require::Beginning => (report.first_seq() == 1, "beginning: record 1 is not there"),
        Require::NoGaps => (report.gaps() == 0, "no-gaps: records could not be written for a while"),
    };
    (!met).then_some(what)
}

/// What is to be said of a log, in lines of a name and a sentence.
pub(crate) fn lines(report: &AuditReport, files: &[FileSpan]) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    lines.push((
        "state",
        match report.broken() {
            None => "whole: no record was found to be changed, missing or out of place".to_owned(),
            // Names of files in it are escaped by the library.
            Some(broken) => format!("BROKEN: {broken}"),
        },
    ));
    let (first, last) = (report.first_seq(), report.last_seq());
    lines.push((
        "good records",
        if report.records() == 0 {
            "none".to_owned()
        } else {
            format!("{} ({first} to {last})", number(report.records()))
        },
    ));
    if first > 1 {
        lines.push(("beginning", format!("records 1 to {} are elsewhere: not looked at", first - 1)));
    }
    lines.push((
        "anchored",
        match report.anchored_to() {
            Some(seq) => format!("records {first} to {seq}: a known key or an anchor vouches for them"),
            None => "nothing: no checkpoint with a known key, no anchor".to_owned(),
        },
    ));
    if report.unanchored() > 0 {
        let from = report.anchored_to().map_or(first, |seq| seq.saturating_add(1));
        let what = "chained only: whoever can write the file could have replaced them, or cut off what came after";
        lines.push((
            "not anchored",
            format!("records {from} to {last}, {} in all, are {what}", number(report.unanchored())),
        ));
    }
    lines.push((
        "checkpoints",
        match report.unknown_keys() {
            0 => number(report.checkpoints()),
            unknown => {
                let all = number(report.checkpoints());
                format!("{all}, {} of them of a key that was not given, which vouch for nothing", number(unknown))
            }
        },
    ));
    lines.push((
        "closed",
        if report.is_closed() {
            "yes, by a checkpoint that says so".to_owned()
        } else {
            "no: the log goes on, or its process was killed, or its end was cut off".to_owned()
        },
    ));
    if report.torn_lines() > 0 {
        lines.push(("torn lines", format!("{}, each explained by the record after it", number(report.torn_lines()))));
    }
    if report.gaps() > 0 {
        lines.push(("gaps", format!("{}: the log could not be written for a while", number(report.gaps()))));
    }
    for file in files {
        let name = shown(&file.name);
        lines.push((
            "file",
            if file.records == 0 {
                format!("{name}: no records")
            } else {
                format!("{name}: records {} to {}", file.first_seq, file.last_seq)
            },
        ));
    }
    lines
}
