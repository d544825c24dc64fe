//! A statement: its intent, and the completion that belongs to it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, Utc};
use portcullis::AuditLine;
use serde::Deserialize;
use uuid::Uuid;

use crate::args::{Outcome, Use};

/// What a record says before a statement is sent; fields as `docs/audit.md` describes them.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Intent {
    pub(crate) time: DateTime<Utc>,
    pub(crate) id: Uuid,
    pub(crate) subject: Option<String>,
    pub(crate) tenant: Option<String>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    pub(crate) source_address: Option<String>,
    #[serde(default)]
    pub(crate) context: BTreeMap<String, String>,
    pub(crate) transaction: Option<Uuid>,
    pub(crate) trace_id: Option<String>,
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) tables: Vec<Table>,
    pub(crate) fingerprint: String,
    #[serde(default)]
    pub(crate) sql: Option<String>,
}

/// What is done to a table.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Table {
    #[serde(rename = "table")]
    pub(crate) name: String,
    pub(crate) verb: String,
    #[serde(default)]
    output: Vec<String>,
    #[serde(default)]
    filter: Vec<String>,
    #[serde(default)]
    join: Vec<String>,
    #[serde(default)]
    group: Vec<String>,
    #[serde(default)]
    sort: Vec<String>,
    #[serde(default)]
    assign: Vec<String>,
    #[serde(default, rename = "return")]
    returned: Vec<String>,
}

impl Table {
    /// The columns by use, those that are used.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (Use, &[String])> {
        let by_use = [
            (Use::Output, &self.output),
            (Use::Filter, &self.filter),
            (Use::Join, &self.join),
            (Use::Group, &self.group),
            (Use::Sort, &self.sort),
            (Use::Assign, &self.assign),
            (Use::Return, &self.returned),
        ];
        by_use.into_iter().filter(|(_, columns)| !columns.is_empty()).map(|(name, columns)| (name, columns.as_slice()))
    }
}

/// How a statement ended.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Completion {
    pub(crate) id: Uuid,
    outcome: String,
    #[serde(default)]
    pub(crate) rows: u64,
    #[serde(default)]
    pub(crate) affected: u64,
    #[serde(default)]
    pub(crate) elapsed_us: u64,
    pub(crate) error: Option<String>,
    pub(crate) rule: Option<String>,
}

/// Both, with where they stand.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) intent: Intent,
    pub(crate) completion: Option<Completion>,
    /// Number of the intent's record.
    pub(crate) seq: u64,
    /// Whether both records stand in the chain.
    pub(crate) chained: bool,
    /// The records' lines, where they are wanted.
    pub(crate) lines: [Option<String>; 2],
}

impl Statement {
    pub(crate) fn outcome(&self) -> Outcome {
        let Some(completion) = &self.completion else { return Outcome::Unfinished };
        match completion.outcome.as_str() {
            "allowed" => Outcome::Allowed,
            "denied" => Outcome::Denied,
            "throttled" => Outcome::Throttled,
            "failed" => Outcome::Failed,
            "rolled_back" => Outcome::RolledBack,
            "cancelled" => Outcome::Cancelled,
            _ => Outcome::Unknown,
        }
    }

    /// Whether it is raw SQL of which the log can't say what it touched.
    pub(crate) fn is_opaque(&self) -> bool {
        self.intent.operation == "RAW" && self.intent.tables.is_empty()
    }
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 8] = [
        Outcome::Allowed,
        Outcome::Denied,
        Outcome::Throttled,
        Outcome::Failed,
        Outcome::RolledBack,
        Outcome::Cancelled,
        Outcome::Unknown,
        Outcome::Unfinished,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            Outcome::Throttled => "throttled",
            Outcome::Failed => "failed",
            Outcome::RolledBack => "rolled_back",
            Outcome::Cancelled => "cancelled",
            Outcome::Unknown => "unknown",
            Outcome::Unfinished => "unfinished",
        }
    }
}

impl Use {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Use::Output => "output",
            Use::Filter => "filter",
            Use::Join => "join",
            Use::Group => "group",
            Use::Sort => "sort",
            Use::Assign => "assign",
            Use::Return => "return",
            Use::Read => "read",
        }
    }
}

/// The most statements that wait for their completion. A log of a process that was killed holds some that get none.
const OPEN: usize = 20_000;

/// Brings intents and completions together, in bounded memory.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    open: HashMap<Uuid, Statement>,
    order: VecDeque<Uuid>,
    keep_lines: bool,
    /// Lines that have a record's form and not its fields.
    pub(crate) unreadable: u64,
    /// Completions without an intent, as at the start of a log whose beginning is missing.
    pub(crate) orphans: u64,
}

impl Joiner {
    pub(crate) fn new(keep_lines: bool) -> Joiner {
        Joiner { keep_lines, ..Joiner::default() }
    }

    /// Takes a record; gives each statement that is as complete as it gets.
    pub(crate) fn take(&mut self, line: &AuditLine<'_>, mut each: impl FnMut(Statement)) {
        let text = || self.keep_lines.then(|| line.text().into_owned());
        match line.phase() {
            "intent" => {
                let Some(intent) = line.record::<Intent>() else {
                    self.unreadable = self.unreadable.saturating_add(1);
                    return;
                };
                let id = intent.id;
                let lines = [text(), None];
                let (seq, chained) = (line.seq(), line.is_chained());
                let statement = Statement { intent, completion: None, seq, chained, lines };
                self.order.push_back(id);
                if let Some(earlier) = self.open.insert(id, statement) {
                    each(earlier);
                }
                while self.open.len() > OPEN
                    && let Some(oldest) = self.order.pop_front()
                {
                    if let Some(statement) = self.open.remove(&oldest) {
                        each(statement);
                    }
                }
                if self.order.len() > 2 * OPEN {
                    self.order.retain(|id| self.open.contains_key(id));
                }
            }
            "completion" => {
                let Some(completion) = line.record::<Completion>() else {
                    self.unreadable = self.unreadable.saturating_add(1);
                    return;
                };
                let Some(mut statement) = self.open.remove(&completion.id) else {
                    self.orphans = self.orphans.saturating_add(1);
                    return;
                };
                statement.chained &= line.is_chained();
                statement.lines = [statement.lines[0].take(), text()];
                statement.completion = Some(completion);
                each(statement);
            }
            _ => {}
        }
    }

    /// Gives those that have no completion.
    pub(crate) fn finish(&mut self, each: impl FnMut(Statement)) {
        let mut left: Vec<Statement> = self.open.drain().map(|(_, statement)| statement).collect();
        left.sort_by_key(|statement| statement.seq);
        self.order.clear();
        left.into_iter().for_each(each);
    }
}
