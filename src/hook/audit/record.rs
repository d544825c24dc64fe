//! The records: what `docs/audit.md` and `docs/audit.schema.json` describe, without the number and the hash that the chain adds.

use std::fmt::Display;
use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::redact::Redact;
use crate::hook::{Outcome, OutcomeKind, QueryContext, Subject};
use crate::statement::TableAccess;
use crate::types::SqlType;

const SQL_BYTES: usize = 8 * 1024;
const BIND_TYPES: usize = 256;

/// Written before the statement is sent.
#[derive(Serialize)]
pub(super) struct Intent<'a> {
    phase: &'static str,
    time: Stamp,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    source_address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Context::is_empty")]
    context: Context<'a>,
    #[serde(skip_serializing_if = "is_false")]
    context_cut: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    handle: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle_name: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    server: &'a str,
    database: &'a str,
    dialect: &'static str,
    ordinal: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
    attempt: u32,
    operation: &'static str,
    summary: String,
    tables: &'a [TableAccess],
    fingerprint: Hex,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    sql_cut: bool,
    bind_count: usize,
    bind_types: Types<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
}

/// Written after the statement ended.
#[derive(Serialize)]
pub(super) struct Completion<'a> {
    phase: &'static str,
    time: Stamp,
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
    phase: &'static str,
    time: Stamp,
    since: Stamp,
    refused_statements: u64,
    lost_intents: u64,
    lost_completions: u64,
    lost_ids: &'a [Uuid],
}

/// The first record of a file that continues the chain of another.
#[derive(Serialize)]
pub(super) struct Segment<'a> {
    phase: &'static str,
    time: Stamp,
    number: u64,
    previous_seq: u64,
    previous_hash: &'a str,
}

/// Follows a line that was cut off, and says how it looked.
#[derive(Serialize)]
pub(super) struct Recovery<'a> {
    phase: &'static str,
    time: Stamp,
    torn_bytes: u64,
    torn_sha256: &'a str,
}

/// Vouches for all records before it. The chain adds `mac`.
#[derive(Serialize)]
pub(super) struct Checkpoint<'a> {
    phase: &'static str,
    time: Stamp,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes: Option<&'static str>,
}

impl<'a> Intent<'a> {
    pub(super) fn new(
        cx: &'a QueryContext,
        now: DateTime<Utc>,
        redact: &'a Redact,
        trace_id: Option<String>,
    ) -> Intent<'a> {
        let whole = cx.sql();
        let sql = whole.map(|sql| sql.get(..sql.floor_char_boundary(SQL_BYTES)).unwrap_or(sql));
        let subject = cx.subject();
        Intent {
            phase: "intent",
            time: Stamp(now),
            id: cx.id(),
            subject: subject.map(Subject::id),
            tenant: subject.and_then(Subject::tenant_id),
            roles: subject.map(Subject::role_names).unwrap_or_default(),
            source_address: subject.and_then(Subject::source_address),
            delegated_by: subject.and_then(Subject::delegator),
            reason: subject.and_then(Subject::stated_reason),
            context: Context { subject, redact },
            context_cut: subject.is_some_and(Subject::context_cut),
            trace_id,
            handle: cx.handle().name(),
            handle_name: cx.handle_name(),
            server: cx.server(),
            database: cx.database(),
            dialect: cx.dialect().name(),
            ordinal: cx.ordinal(),
            transaction: cx.transaction(),
            step: cx.step(),
            attempt: cx.attempt(),
            operation: cx.kind().name(),
            summary: cx.summary(),
            tables: cx.tables(),
            fingerprint: Hex(cx.fingerprint()),
            sql,
            sql_cut: sql != whole,
            bind_count: cx.bind_types().len(),
            bind_types: Types(cx.bind_types()),
            refused: cx.refusal().map(|error| error.code()),
        }
    }
}

impl<'a> Completion<'a> {
    pub(super) fn new(cx: &QueryContext, outcome: &'a Outcome, now: DateTime<Utc>) -> Completion<'a> {
        let error = outcome.error();
        Completion {
            phase: "completion",
            time: Stamp(now),
            id: cx.id(),
            outcome: match outcome.kind() {
                OutcomeKind::Completed => "allowed",
                other => other.name(),
            },
            rows: outcome.rows(),
            affected: outcome.affected(),
            elapsed_us: u64::try_from(outcome.elapsed().as_micros()).unwrap_or(u64::MAX),
            error: error.map(|error| error.code()),
            rule: error.and_then(|error| error.rule()),
            sqlstate: error.and_then(|error| error.sqlstate()),
            constraint: error.and_then(|error| error.constraint()),
        }
    }

    /// Of a statement that was not sent although its intent was written, too late or not durably enough.
    pub(super) fn withdrawn(id: Uuid, why: Withdrawn, now: DateTime<Utc>) -> Completion<'static> {
        let (outcome, error) = match why {
            Withdrawn::Refused(code) => ("denied", code),
            Withdrawn::Dropped => ("cancelled", "statement.cancelled"),
        };
        Completion {
            phase: "completion",
            time: Stamp(now),
            id,
            outcome,
            rows: 0,
            affected: 0,
            elapsed_us: 0,
            error: Some(error),
            rule: None,
            sqlstate: None,
            constraint: None,
        }
    }
}

/// Why a statement was not sent although its intent was written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Withdrawn {
    Refused(&'static str),
    Dropped,
}

/// What could not be written.
#[derive(Debug, Default)]
pub(super) struct Missing {
    pub(super) since: DateTime<Utc>,
    pub(super) refused: u64,
    pub(super) intents: u64,
    pub(super) completions: u64,
    pub(super) ids: Vec<Uuid>,
}

/// The most ids in one gap record.
const LOST_IDS: usize = 256;

impl Missing {
    pub(super) fn lose(&mut self, id: Uuid) {
        self.completions = self.completions.saturating_add(1);
        if self.ids.len() < LOST_IDS {
            self.ids.push(id);
        }
    }

    pub(super) fn merge(&mut self, earlier: Missing) {
        self.since = self.since.min(earlier.since);
        self.refused = self.refused.saturating_add(earlier.refused);
        self.intents = self.intents.saturating_add(earlier.intents);
        self.completions = self.completions.saturating_add(earlier.completions);
        let mut ids = earlier.ids;
        ids.append(&mut self.ids);
        ids.truncate(LOST_IDS);
        self.ids = ids;
    }
}

impl<'a> Gap<'a> {
    pub(super) fn new(missing: &'a Missing, now: DateTime<Utc>) -> Gap<'a> {
        Gap {
            phase: "gap",
            time: Stamp(now),
            since: Stamp(missing.since),
            refused_statements: missing.refused,
            lost_intents: missing.intents,
            lost_completions: missing.completions,
            lost_ids: &missing.ids,
        }
    }
}

impl<'a> Segment<'a> {
    pub(super) fn new(number: u64, previous_seq: u64, previous_hash: &'a str, now: DateTime<Utc>) -> Segment<'a> {
        Segment { phase: "segment", time: Stamp(now), number, previous_seq, previous_hash }
    }
}

impl<'a> Recovery<'a> {
    pub(super) fn new(torn_bytes: u64, torn_sha256: &'a str, now: DateTime<Utc>) -> Recovery<'a> {
        Recovery { phase: "recovery", time: Stamp(now), torn_bytes, torn_sha256 }
    }
}

impl<'a> Checkpoint<'a> {
    pub(super) fn new(key: &'a str, closes: Option<&'static str>, now: DateTime<Utc>) -> Checkpoint<'a> {
        Checkpoint { phase: "checkpoint", time: Stamp(now), key, closes }
    }
}

/// UTC to the microsecond.
struct Stamp(DateTime<Utc>);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

struct Context<'a> {
    subject: Option<&'a Subject>,
    redact: &'a Redact,
}

impl Context<'_> {
    fn is_empty(&self) -> bool {
        self.subject.is_none_or(|subject| subject.context_map().is_empty())
    }
}

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.subject.map(Subject::context_map).unwrap_or_default();
        let mut map = serializer.serialize_map(Some(entries.len()))?;
        for (name, value) in entries {
            let tags = self.subject.into_iter().flat_map(|subject| subject.tags_of(name));
            map.serialize_entry(name, if self.redact.hides(name, tags) { "[redacted]" } else { value })?;
        }
        map.end()
    }
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
