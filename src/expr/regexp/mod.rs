//! Regular expressions: the patterns that mean the same to every database's engine.
//!
//! PostgreSQL, MariaDB (PCRE2), MySQL (ICU) and Rust's `regex` differ in classes, anchors, line ends and in which of several matches
//! they take. So a pattern is read here, refused when it holds anything that differs, and written anew for each engine from what was
//! understood, with every class spelled out.

mod parse;
mod check;
mod write;

pub(crate) use write::class_of;

use crate::error::{Error, ErrorKind};

/// A pattern that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Regexp {
    branches: Vec<Branch>,
    groups: usize,
}

/// Pieces one after the other, and whether they are bound to the text's ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Branch {
    start: bool,
    pieces: Vec<Piece>,
    end: bool,
}

/// Something that is repeated at least `min` and at most `max` times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Piece {
    item: Item,
    min: u32,
    max: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Item {
    Set(Set),
    /// A group, with its number when it captures.
    Group(Option<usize>, Vec<Branch>),
}

/// One character out of these, or, negated, out of all others. The ranges are sorted and apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Set {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Set {
    fn new(negated: bool, mut ranges: Vec<(char, char)>) -> Set {
        ranges.sort_unstable();
        let mut merged: Vec<(char, char)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if u32::from(low) <= u32::from(last.1).saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Set { negated, ranges: merged }
    }

    /// Without negation.
    fn plain(&self) -> Vec<(char, char)> {
        if !self.negated {
            return self.ranges.clone();
        }
        let mut rest = Vec::new();
        let mut next = Some('\0');
        for (low, high) in &self.ranges {
            if let (Some(from), Some(to)) = (next, before(*low))
                && from <= to
            {
                rest.push((from, to));
            }
            next = after(*high);
        }
        if let Some(from) = next {
            rest.push((from, char::MAX));
        }
        rest
    }
}

fn before(character: char) -> Option<char> {
    match character {
        '\0' => None,
        '\u{e000}' => Some('\u{d7ff}'),
        other => char::from_u32(u32::from(other) - 1),
    }
}

fn after(character: char) -> Option<char> {
    match character {
        char::MAX => None,
        '\u{d7ff}' => Some('\u{e000}'),
        other => char::from_u32(u32::from(other) + 1),
    }
}

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::Plan, "regexp.pattern", message)
}

#[cfg(test)]
mod tests;
