//! From a pattern to an engine's text.

use super::{Branch, Item, Piece, Regexp, Set, after};
use crate::dialect::Dialect;

impl Regexp {
    /// The pattern in a database's words; of its groups only `group` captures.
    pub(crate) fn text(&self, dialect: Dialect, group: usize) -> String {
        // SQL: in PCRE2 and ICU `$` also matches before a line break at the end.
        let end = if dialect.is_mysql_family() { "\\z" } else { "$" };
        let mut writer = Writer { text: String::new(), end, group };
        writer.branches(&self.branches);
        writer.text
    }

    /// A pattern that matches a whole text, the part that this pattern finds in it captured as 1: for engines that give a group by
    /// replacing only.
    pub(crate) fn whole(&self, dialect: Dialect, group: usize) -> String {
        format!("^[\\s\\S]*?(?:{})[\\s\\S]*\\z", self.text(dialect, group))
    }
}

/// A class of characters, or, negated, of all others.
pub(crate) fn class_of(ranges: impl IntoIterator<Item = (char, char)>, negated: bool) -> String {
    let mut writer = Writer { text: String::new(), end: "$", group: 0 };
    writer.class(&Set::new(negated, ranges.into_iter().collect()));
    writer.text
}

struct Writer {
    text: String,
    end: &'static str,
    group: usize,
}

impl Writer {
    fn branches(&mut self, branches: &[Branch]) {
        for (place, branch) in branches.iter().enumerate() {
            if place > 0 {
                self.text.push('|');
            }
            if branch.start {
                self.text.push('^');
            }
            for piece in &branch.pieces {
                self.piece(piece);
            }
            if branch.end {
                self.text.push_str(self.end);
            }
        }
    }

    fn piece(&mut self, piece: &Piece) {
        match &piece.item {
            Item::Set(set) => self.set(set),
            Item::Group(number, inner) => {
                self.text.push_str(if *number == Some(self.group) { "(" } else { "(?:" });
                self.branches(inner);
                self.text.push(')');
            }
        }
        match (piece.min, piece.max) {
            (1, Some(1)) => {}
            (0, None) => self.text.push('*'),
            (1, None) => self.text.push('+'),
            (0, Some(1)) => self.text.push('?'),
            (min, None) => self.text.push_str(&format!("{{{min},}}")),
            (min, Some(max)) if min == max => self.text.push_str(&format!("{{{min}}}")),
            (min, Some(max)) => self.text.push_str(&format!("{{{min},{max}}}")),
        }
    }

    fn set(&mut self, set: &Set) {
        match set.ranges.as_slice() {
            [(low, high)] if low == high && !set.negated => {
                if matches!(low, '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$') {
                    self.text.push('\\');
                }
                self.text.push(*low);
            }
            _ => self.class(set),
        }
    }

    fn class(&mut self, set: &Set) {
        self.text.push_str(if set.negated { "[^" } else { "[" });
        for (low, high) in &set.ranges {
            self.member(*low);
            if low < high {
                if after(*low) != Some(*high) {
                    self.text.push('-');
                }
                self.member(*high);
            }
        }
        self.text.push(']');
    }

    fn member(&mut self, character: char) {
        if matches!(character, '\\' | ']' | '[' | '^' | '-' | '&' | '~') {
            self.text.push('\\');
        }
        self.text.push(character);
    }
}
