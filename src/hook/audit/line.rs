//! A line of a log as a reader sees it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::chain::Line;
use super::escape::{printable, printable_json};

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
    /// Fields are described in `docs/audit.md`. Strings in them hold what names hold, control characters too: print them by
    /// [`printable`](AuditLine::printable).
    pub fn record<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.text).ok()
    }

    /// `text`, of a record or from anywhere else, for a terminal or a page: on one line, in which no character moves the cursor, changes colours or turns
    /// the direction around. What a reader would not see as itself is an escape, the same characters that no line of a log holds as themselves.
    ///
    /// ```
    /// use portcullis::AuditLine;
    ///
    /// assert_eq!(AuditLine::printable("Zoë\u{1b}[31m\nx"), r"Zoë\u{1b}[31m\u{a}x");
    /// ```
    pub fn printable(text: &str) -> Cow<'_, str> {
        printable(text)
    }

    /// A text of JSON with the same meaning, in which such characters are `\u` escapes. Text with newlines between its parts loses its form, so give it
    /// compact.
    ///
    /// ```
    /// use portcullis::AuditLine;
    ///
    /// assert_eq!(AuditLine::printable_json("[\"a\u{202e}\u{e0001}\"]"), r#"["a\u202e\udb40\udc01"]"#);
    /// ```
    pub fn printable_json(text: &str) -> Cow<'_, str> {
        printable_json(text)
    }
}
