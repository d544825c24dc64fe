//! `portcullis audit report`.

mod charts;
mod collect;
mod page;
mod style;
mod timeline;

use std::collections::HashSet;
use std::io;

use portcullis::AuditLine;

use crate::args::{Format, Report};
use crate::escape::number;
use crate::log::{Reading, in_order};
use crate::statement::Joiner;
use crate::{Fault, Verdict, note, print};

use self::collect::{Figures, shape_of};

pub(crate) fn run(asked: &Report) -> Result<Verdict, Fault> {
    let known = baseline(asked)?;
    let has_baseline = !asked.baseline.is_empty() || asked.baseline_until.is_some();
    let mut figures = Figures::new(known, asked.baseline_until, has_baseline);
    let mut joiner = Joiner::new(false);
    let read = asked.log.read(|line| {
        figures.see_line(&line);
        joiner.take(&line, |statement| figures.see(&asked.filters, &statement));
    })?;
    joiner.finish(|statement| figures.see(&asked.filters, &statement));
    figures.unreadable = joiner.unreadable;
    let text = page::make(&asked.title, &figures, &read)
        .map_err(|error| Fault::Io(format!("a chart can't be drawn: {error}")))?;
    write(asked, &text)?;
    conclude(asked, &figures, &read)?;
    Ok(if read.report.is_whole() { Verdict::Fine } else { Verdict::Amiss })
}

/// The shapes of the earlier log.
fn baseline(asked: &Report) -> Result<HashSet<u64>, Fault> {
    let mut known = HashSet::new();
    let mut verifier = portcullis::AuditVerifier::new();
    for path in in_order(&asked.baseline) {
        let file = std::fs::File::open(&path).map_err(|error| crate::log::unreadable(&path, &error))?;
        let read = verifier.read_each(&path.to_string_lossy(), file, |line| {
            if let Some(shape) = shape_of(&line) {
                collect::learn(&mut known, shape);
            }
        });
        read.map_err(|error| Fault::Io(error.to_string()))?;
    }
    let report = verifier.finish();
    if !report.is_whole() {
        note(&format!("the baseline is {report}"));
    }
    Ok(known)
}

/// The page appears whole or not at all.
fn write(asked: &Report, text: &str) -> Result<(), Fault> {
    let mut beside = asked.output.clone().into_os_string();
    beside.push(".part");
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &asked.output));
    written.map_err(|error| Fault::Io(format!("the page can't be written: {}", error.kind())))
}

fn conclude(asked: &Report, figures: &Figures, read: &Reading) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    let report = &read.report;
    let new = figures.new_shapes().map(|shapes| shapes.len() as u64);
    if asked.format == Format::Json {
        let outcomes: serde_json::Map<_, _> =
            figures.by_outcome().map(|(outcome, count)| (outcome.name().to_owned(), count.into())).collect();
        let answer = serde_json::json!({
            "statements": figures.statements,
            "outcomes": outcomes,
            "rows": figures.rows,
            "affected": figures.affected,
            "subjects": figures.subjects.len(),
            "shapes": figures.shapes.len(),
            "new_shapes": new,
            "whole": report.is_whole(),
            "records": report.records(),
            "unanchored": report.unanchored(),
        });
        return print(&mut out, &AuditLine::printable_json(&answer.to_string()));
    }
    print(
        &mut out,
        &format!("{} statements, {} shapes", number(figures.statements), number(figures.shapes.len() as u64)),
    )?;
    for (outcome, count) in figures.by_outcome().filter(|(_, count)| *count > 0) {
        print(&mut out, &format!("  {:<12}{}", outcome.name(), number(count)))?;
    }
    if let Some(new) = new {
        print(&mut out, &format!("{} shapes never seen before", number(new)))?;
    }
    print(&mut out, &format!("the log is {report}"))
}
