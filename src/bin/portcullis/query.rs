//! `portcullis audit query`.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use portcullis::AuditLine;

use crate::args::{By, Expect, Filters, Format, Outcome, Query};
use crate::escape::{duration, number, shown};
use crate::log::Reading;
use crate::statement::{Joiner, Statement, Table};
use crate::{Fault, Verdict, note, print, table};

/// The most groups that are counted apart.
const GROUPS: usize = 100_000;

pub(crate) fn run(asked: &Query) -> Result<Verdict, Fault> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut joiner = Joiner::new(asked.format == Format::Json && asked.by.is_empty());
    let mut found = Found { asked, shown: 0, seen: 0, opaque: 0, groups: HashMap::new(), crowded: 0, fault: None };
    let Reading { report, .. } = asked.log.read(|line| {
        joiner.take(&line, |statement| found.look(&statement, &mut out));
    })?;
    joiner.finish(|statement| found.look(&statement, &mut out));
    if let Some(fault) = found.fault.take() {
        return Err(fault);
    }
    if !asked.by.is_empty() {
        found.show_groups(&mut out)?;
    }
    out.flush().map_err(|error| crate::output_fault(&error))?;
    found.conclude(&joiner);
    note(&format!("the log is {report}"));
    let expected = match asked.expect {
        None => true,
        Some(Expect::None) => found.shown == 0,
        Some(Expect::Some) => found.shown > 0,
    };
    Ok(if report.is_whole() && expected { Verdict::Fine } else { Verdict::Amiss })
}

struct Found<'a> {
    asked: &'a Query,
    shown: u64,
    seen: u64,
    opaque: u64,
    groups: HashMap<Vec<String>, Group>,
    crowded: u64,
    fault: Option<Fault>,
}

#[derive(Debug, Default)]
struct Group {
    statements: u64,
    rows: u64,
    affected: u64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
}

impl Found<'_> {
    fn look(&mut self, statement: &Statement, out: &mut impl Write) {
        self.seen = self.seen.saturating_add(1);
        let filters = &self.asked.filters;
        if filters.may_match(statement) {
            self.opaque = self.opaque.saturating_add(1);
        }
        if !filters.matches(statement) || self.asked.limit.is_some_and(|limit| self.shown >= limit) {
            return;
        }
        self.shown = self.shown.saturating_add(1);
        if self.asked.by.is_empty() {
            let line = match self.asked.format {
                Format::Table => one_line(statement),
                Format::Json => one_object(statement),
            };
            self.fault = self.fault.take().or(print(out, &line).err());
        } else {
            self.count(statement);
        }
    }

    fn count(&mut self, statement: &Statement) {
        for key in keys(&self.asked.by, statement, &self.asked.filters) {
            if self.groups.len() >= GROUPS && !self.groups.contains_key(&key) {
                self.crowded = self.crowded.saturating_add(1);
                continue;
            }
            let group = self.groups.entry(key).or_default();
            group.statements = group.statements.saturating_add(1);
            if let Some(completion) = &statement.completion {
                group.rows = group.rows.saturating_add(completion.rows);
                group.affected = group.affected.saturating_add(completion.affected);
            }
            let time = statement.intent.time;
            group.first = Some(group.first.map_or(time, |first| first.min(time)));
            group.last = Some(group.last.map_or(time, |last| last.max(time)));
        }
    }

    fn show_groups(&mut self, out: &mut impl Write) -> Result<(), Fault> {
        let mut groups: Vec<(Vec<String>, Group)> = self.groups.drain().collect();
        groups.sort_by(|a, b| b.1.statements.cmp(&a.1.statements).then_with(|| a.0.cmp(&b.0)));
        let names: Vec<String> = self.asked.by.iter().map(|by| format!("{by:?}").to_lowercase()).collect();
        let time = |time: Option<DateTime<Utc>>| time.map(stamp).unwrap_or_default();
        if self.asked.format == Format::Json {
            for (key, group) in groups {
                let mut object = serde_json::Map::new();
                for (name, value) in names.iter().zip(key) {
                    object.insert(name.clone(), value.into());
                }
                object.insert("statements".to_owned(), group.statements.into());
                object.insert("rows".to_owned(), group.rows.into());
                object.insert("affected".to_owned(), group.affected.into());
                object.insert("first".to_owned(), time(group.first).into());
                object.insert("last".to_owned(), time(group.last).into());
                print(out, &AuditLine::printable_json(&serde_json::Value::Object(object).to_string()))?;
            }
            return Ok(());
        }
        let mut headings: Vec<&str> = names.iter().map(String::as_str).collect();
        headings.extend([">statements", ">rows", ">affected", "first", "last"]);
        let rows: Vec<Vec<String>> = groups
            .iter()
            .map(|(key, group)| {
                let mut row: Vec<String> = key.iter().map(|value| shown(value)).collect();
                row.extend([number(group.statements), number(group.rows), number(group.affected)]);
                row.extend([time(group.first), time(group.last)]);
                row
            })
            .collect();
        table::write(out, &headings, &rows)
    }

    fn conclude(&self, joiner: &Joiner) {
        note(&format!("{} of {} statements", number(self.shown), number(self.seen)));
        if self.asked.limit.is_some_and(|limit| self.shown >= limit) {
            note("there may be more: the limit was reached");
        }
        if self.opaque > 0 {
            let what = "statements of raw SQL name no tables and may have touched it: --verb RAW shows them";
            note(&format!("{} {what}", number(self.opaque)));
        }
        if self.crowded > 0 {
            note(&format!("{} were not counted: there are too many groups", number(self.crowded)));
        }
        if joiner.orphans > 0 {
            note(&format!("{} completions have no intent here", number(joiner.orphans)));
        }
        if joiner.unreadable > 0 {
            note(&format!(
                "{} records can't be read: their fields are not as docs/audit.md says",
                number(joiner.unreadable)
            ));
        }
    }
}

/// What a statement counts for: each of its tables or columns, if that is asked.
fn keys(by: &[By], statement: &Statement, filters: &Filters) -> Vec<Vec<String>> {
    let intent = &statement.intent;
    let mut keys = vec![Vec::new()];
    for by in by {
        let values: Vec<String> = match by {
            By::Subject => vec![intent.subject.clone().unwrap_or_default()],
            By::Tenant => vec![intent.tenant.clone().unwrap_or_default()],
            By::Verb => vec![intent.operation.clone()],
            By::Outcome => vec![statement.outcome().name().to_owned()],
            By::Address => vec![intent.source_address.clone().unwrap_or_default()],
            By::Fingerprint => vec![intent.fingerprint.clone()],
            By::Day => vec![intent.time.format("%Y-%m-%d").to_string()],
            By::Hour => vec![intent.time.format("%Y-%m-%dT%H").to_string()],
            By::Table => {
                let tables = intent.tables.iter().filter(|table| filters.asks_for(table));
                distinct(tables.map(|table| table.name.clone()))
            }
            By::Column => {
                let tables = intent.tables.iter().filter(|table| filters.asks_for(table));
                distinct(tables.flat_map(|table| {
                    let columns = table.columns().flat_map(|(_, columns)| columns);
                    columns.map(|column| format!("{}.{column}", table.name)).collect::<Vec<_>>()
                }))
            }
        };
        let values = if values.is_empty() { vec![String::new()] } else { values };
        keys = keys
            .iter()
            .flat_map(|key| values.iter().map(move |value| key.iter().chain([value]).cloned().collect()))
            .collect();
    }
    keys
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut values: Vec<String> = values.collect();
    values.sort();
    values.dedup();
    values
}

pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A statement for a person.
pub(crate) fn one_line(statement: &Statement) -> String {
    let intent = &statement.intent;
    let who = match (&intent.subject, &intent.tenant) {
        (Some(subject), Some(tenant)) => format!("{} @ {}", shown(subject), shown(tenant)),
        (Some(subject), None) => shown(subject),
        (None, _) => "(nobody)".to_owned(),
    };
    let tables: Vec<String> = intent.tables.iter().map(one_table).collect();
    let mut line = [
        stamp(intent.time),
        table::padded(statement.outcome().name(), 10),
        table::padded(&who, 20),
        table::padded(&shown(&intent.operation), 8),
        tables.join(", "),
    ]
    .join("  ");
    match &statement.completion {
        None => {}
        Some(end) if statement.outcome() == Outcome::Allowed => {
            let count = if end.affected > 0 {
                format!("{} affected", number(end.affected))
            } else {
                format!("{} rows", number(end.rows))
            };
            line += &format!("  {count}, {}", duration(end.elapsed_us));
        }
        Some(end) => line += &format!("  {}", shown(end.error.as_deref().unwrap_or("-"))),
    }
    if !statement.chained {
        line += "  NOT CHAINED";
    }
    line
}

fn one_table(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns()
        .map(|(which, columns)| {
            let columns: Vec<String> = columns.iter().map(|column| shown(column)).collect();
            format!("{} {}", which.name(), columns.join(" "))
        })
        .collect();
    format!("{}({})", shown(&table.name), columns.join("; "))
}

/// A statement for a program: both records as they stand in the log.
pub(crate) fn one_object(statement: &Statement) -> String {
    let [intent, completion] = statement.lines.each_ref().map(|line| line.as_deref().unwrap_or("null"));
    let (outcome, chained) = (statement.outcome().name(), statement.chained);
    let object =
        format!(r#"{{"outcome":"{outcome}","chained":{chained},"intent":{intent},"completion":{completion}}}"#);
    AuditLine::printable_json(&object).into_owned()
}
