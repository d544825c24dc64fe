//! The records, and how they become one line each.

use std::fmt::Display;
use std::io;

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use uuid::Uuid;

use super::Missing;
use crate::hook::{Outcome, QueryContext};
use crate::statement::TableAccess;
use crate::types::SqlType;

const VERSION: u32 = 1;
const SQL_BYTES: usize = 8 * 1024;
const BIND_TYPES: usize = 256;

/// Written before the statement is sent.
#[derive(Serialize)]
pub(super) struct Intent<'a> {
    v: u32,
    phase: &'static str,
    time: &'a str,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    handle: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle_name: Option<&'a str>,
    dialect: &'static str,
    database: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Uuid>,
    kind: &'static str,
    summary: String,
    tables: &'a [TableAccess],
    fingerprint: Hex,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    sql_cut: bool,
    bind_types: Types<'a>,
    bind_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
}

/// Written after the statement ended.
#[derive(Serialize)]
pub(super) struct Completion<'a> {
    v: u32,
    phase: &'static str,
    time: &'a str,
    id: Uuid,
    outcome: &'static str,
    rows: u64,
    affected: u64,
    elapsed_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlstate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraint: Option<&'a str>,
}

/// Written when records can be written again after some could not.
#[derive(Serialize)]
pub(super) struct Gap<'a> {
    v: u32,
    phase: &'static str,
    time: &'a str,
    since: String,
    refused_statements: u64,
    lost_completions: u64,
    lost_ids: &'a [Uuid],
}

impl<'a> Intent<'a> {
    pub(super) fn new(cx: &'a QueryContext, time: &'a str) -> Intent<'a> {
        let whole = cx.sql();
        let sql = whole.map(|sql| sql.get(..sql.floor_char_boundary(SQL_BYTES)).unwrap_or(sql));
        Intent {
            v: VERSION,
            phase: "intent",
            time,
            id: cx.id(),
            subject: cx.subject().map(|subject| subject.id()),
            tenant: cx.subject().and_then(|subject| subject.tenant_id()),
            handle: cx.handle().name(),
            handle_name: cx.handle_name(),
            dialect: cx.dialect().name(),
            database: cx.database(),
            transaction: cx.transaction(),
            kind: cx.kind().name(),
            summary: cx.summary(),
            tables: cx.tables(),
            fingerprint: Hex(cx.fingerprint()),
            sql,
            sql_cut: sql != whole,
            bind_types: Types(cx.bind_types()),
            bind_count: cx.bind_types().len(),
            refused: cx.refusal().map(|error| error.code()),
        }
    }
}

impl<'a> Completion<'a> {
    pub(super) fn new(cx: &QueryContext, outcome: &'a Outcome, time: &'a str) -> Completion<'a> {
        let error = outcome.error();
        Completion {
            v: VERSION,
            phase: "completion",
            time,
            id: cx.id(),
            outcome: outcome.kind().name(),
            rows: outcome.rows(),
            affected: outcome.affected(),
            elapsed_us: u64::try_from(outcome.elapsed().as_micros()).unwrap_or(u64::MAX),
            error: error.map(|error| error.code()),
            rule: error.and_then(|error| error.rule()),
            sqlstate: error.and_then(|error| error.sqlstate()),
            constraint: error.and_then(|error| error.constraint()),
        }
    }
}

impl<'a> Gap<'a> {
    pub(super) fn new(missing: &'a Missing, time: &'a str) -> Gap<'a> {
        Gap {
            v: VERSION,
            phase: "gap",
            time,
            since: super::stamp(missing.since),
            refused_statements: missing.refused,
            lost_completions: missing.completions,
            lost_ids: &missing.ids,
        }
    }
}

/// One record with its newline.
pub(super) fn to_line(record: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(512);
    record.serialize(&mut serde_json::Serializer::with_formatter(&mut line, OneLine))?;
    line.push(b'\n');
    Ok(line)
}

/// Compact JSON in which nothing can look like another line or reorder what is shown. serde_json itself escapes quotes,
/// backslashes and the ASCII control characters below the space.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((before, hidden, after)) = next_hidden(rest) {
            writer.write_all(before.as_bytes())?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after;
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Splits at the first character that a reader would not see as itself.
fn next_hidden(text: &str) -> Option<(&str, char, &str)> {
    let (position, hidden) = text.char_indices().find(|(_, character)| is_hidden(*character))?;
    let (before, after) = text.split_at_checked(position)?;
    Some((before, hidden, after.get(hidden.len_utf8()..)?))
}

fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

struct Types<'a>(&'a [SqlType]);

impl Serialize for Types<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().take(BIND_TYPES).map(Shown))
    }
}

struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}
