//! What a write broke of its table's rules, as data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

/// One rule that one value, or one row, broke. It never holds the value.
///
/// As JSON: `{"row":1,"column":"name","rule":"length.max","bounds":{"max":80},"message":"must have at most 80 characters"}`.
#[derive(Clone, PartialEq, Serialize)]
pub struct Violation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    pub(crate) rule: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) bounds: BTreeMap<&'static str, Json>,
    pub(crate) message: Cow<'static, str>,
}

/// The rules that a write broke; see [`Error::violations`](crate::Error::violations). Those of the first hundred rows that broke any are
/// listed, and the others are counted.
///
/// As JSON: `{"violations":[..],"rows":2,"more":0}`.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct Violations {
    violations: Vec<Violation>,
    rows: u64,
    more: u64,
}

/// The violations of so many rows are listed.
pub(crate) const MOST_ROWS: u64 = 100;

impl Violation {
    /// The row's number, from 1, in the order in which the write was given its rows; `None` for an update of rows that a condition names.
    pub fn row(&self) -> Option<u64> {
        self.row
    }

    /// The column; of a rule over several columns the first.
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// The rule: `required`, `length.min`, `length.max`, `range.min`, `range.max`, `pattern`, `one_of`, `type`, or the code of a rule of the
    /// program's own.
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// What the rule allows, as it was declared: `min` and `max`, with `exclusive` where the bound itself is out; `pattern`; `allowed`; and
    /// `columns` of a rule over several.
    pub fn bounds(&self) -> &BTreeMap<&'static str, Json> {
        &self.bounds
    }

    /// What is wrong, as part of a sentence about the column: `must have at most 80 characters`. It holds no value.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Violations {
    /// Those that are listed, by row and in the order of the rules.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.violations.iter()
    }

    /// How many are listed.
    pub fn len(&self) -> usize {
        self.violations.len()
    }

    /// True when none is listed.
    pub fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }

    /// How many rows broke a rule.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many more there are than are listed.
    pub fn more(&self) -> u64 {
        self.more
    }

    /// Those that are listed of one column.
    pub fn of<'v>(&'v self, column: &'v str) -> impl Iterator<Item = &'v Violation> {
        self.violations.iter().filter(move |violation| violation.column() == Some(column))
    }

    /// Adds what one row broke.
    pub(crate) fn add_row(&mut self, broken: Vec<Violation>) {
        if broken.is_empty() {
            return;
        }
        if self.rows < MOST_ROWS {
            self.violations.extend(broken);
        } else {
            self.more += broken.len() as u64;
        }
        self.rows += 1;
    }
}

impl<'v> IntoIterator for &'v Violations {
    type Item = &'v Violation;
    type IntoIter = std::slice::Iter<'v, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(f, "row {row} ")?;
        }
        if let Some(column) = &self.column {
            write!(f, "{} ", super::show_name(column))?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Violations {
    /// The first three, and how many more there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, violation) in self.iter().take(3).enumerate() {
            write!(f, "{}{violation}", if position == 0 { "" } else { "; " })?;
        }
        match self.len().saturating_sub(3) as u64 + self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} [{}]", self.rule)
    }
}

impl fmt::Debug for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.violations).finish()?;
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}
