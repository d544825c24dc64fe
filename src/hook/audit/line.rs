//! A line of a log as a reader sees it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::chain::Line;

/// A line of a log, shown by [`AuditVerifier::read_each`](crate::AuditVerifier::read_each).
#[derive(Debug, Clone, Copy)]
pub struct AuditLine<'a> {
    text: &'a [u8],
    line: Line<'a>,
    number: u64,
    chained: bool,
}

impl<'a> AuditLine<'a> {
    pub(super) fn new(text: &'a [u8], line: Line<'a>, number: u64, chained: bool) -> AuditLine<'a> {
        AuditLine { text, line, number, chained }
    }

    /// The line, without its newline. What is not UTF-8, and so was not written by a layer, is replaced.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.text)
    }

    /// The line in its file, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The number that the record says it has.
    pub fn seq(&self) -> u64 {
        self.line.seq
    }

    /// `intent`, `completion`, `gap`, `recovery`, `segment` or `checkpoint`.
    pub fn phase(&self) -> &'a str {
        self.line.phase
    }

    /// Whether the record stands in the chain that began with the first file, before the first break.
    pub fn is_chained(&self) -> bool {
        self.chained
    }

    /// The record as a type of the caller's; `None` when it has not that form.
    ///
    /// Fields are described in `docs/audit.md`. Strings in them hold what names hold, control characters too: escape what is printed.
    pub fn record<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.text).ok()
    }
}
