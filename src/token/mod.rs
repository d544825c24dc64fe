//! A tokenizer of SQL per dialect: one pass, no copies, linear time, never a panic.
//!
//! It reads text the way the server does where that decides where a string, a name or a comment ends, under the session
//! settings that the drivers make: `standard_conforming_strings` on PostgreSQL, no `ANSI_QUOTES` and no
//! `NO_BACKSLASH_ESCAPES` on MySQL. It is not a grammar.
//!
//! `:name` is a parameter when a letter or underscore follows the colon and nothing stands glued before it that could be an
//! operand. So `a::text` is a cast, `a[lo:hi]` a slice, `:=` an assignment, and `a[:i]` and `x=:id` hold parameters.

mod raw;
mod scan;
#[cfg(test)]
mod tests;

#[cfg(test)]
use std::borrow::Cow;

use crate::dialect::Dialect;

#[cfg(test)]
pub(crate) use raw::MAX_BYTES;
pub(crate) use raw::{
    MAX_TOKENS, Segment, begins_transaction, check_text, controls_transaction, named_parameters, touches_hyphen,
};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A bare word: a keyword, a name, a function.
    Word,
    /// A quoted name, with its quotes.
    Name,
    /// A string, byte or bit literal in any notation, with its quotes, prefix and continuations.
    Text,
    /// A number in any notation.
    Number,
    /// `:name`.
    Param,
    /// A placeholder of the server: `$1`, `?`, `?1`, and on SQLite `@x` and `$x`.
    Positional,
    /// A user or system variable of MySQL: `@x`, `@@x`.
    Variable,
    /// An operator or punctuation.
    Operator,
    /// `;`.
    Semicolon,
    /// A comment that is only a comment.
    Comment,
    /// A comment that some server runs or obeys: `/*! */`, `/*M! */`, `/*+ */`.
    Directive,
    /// A string, name or comment without an end, or a number glued to a word: servers disagree on it.
    Broken,
}

/// One token of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// The byte at which the token starts.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// The byte after the token.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// True for a bare word equal to `word`, whatever its case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// True for exactly this operator.
    pub(crate) fn is_operator(&self, operator: &str) -> bool {
        self.kind == Kind::Operator && self.text == operator
    }
}

/// The tokens of a text, in order; white space is left out.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    sql: &'a str,
    position: usize,
    dialect: Dialect,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(sql: &'a str, dialect: Dialect) -> Self {
        Tokens { sql, position: 0, dialect }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let scan = scan::Scan { bytes: self.sql.as_bytes(), dialect: self.dialect };
        let start = scan.skip_space(self.position);
        if start >= self.sql.len() {
            self.position = start;
            return None;
        }
        let (kind, end) = scan.token(start);
        match self.sql.get(start..end) {
            Some(text) if !text.is_empty() => {
                self.position = end;
                Some(Token { kind, text, start })
            }
            // A scanner that stops within a character has a defect: the rest is one broken token, so nothing passes.
            _ => {
                self.position = self.sql.len();
                let text = self.sql.get(start..).unwrap_or_default();
                Some(Token { kind: Kind::Broken, text, start })
            }
        }
    }
}

/// The text of a quoted name without its quotes; `None` when the token is no quoted name of the dialect.
pub(crate) fn decode_name(text: &str, dialect: Dialect) -> Option<String> {
    let mut tokens = Tokens::new(text, dialect);
    let token = tokens.next()?;
    if token.kind != Kind::Name || token.text.len() != text.len() || tokens.next().is_some() {
        return None;
    }
    let quote = text.chars().next()?;
    match quote {
        '[' => Some(text.get(1..text.len() - 1)?.to_owned()),
        '"' | '`' => {
            let mut doubled = String::from(quote);
            doubled.push(quote);
            Some(text.get(1..text.len() - 1)?.replace(&doubled, quote.encode_utf8(&mut [0; 4])))
        }
        _ => None,
    }
}

/// The shape of a text: its tokens, with what stands inside names and literals dropped and comments left out.
///
/// Two texts of the same shape differ only in names and values, so a name or a value that changes the shape has escaped.
#[cfg(test)]
pub(crate) fn structure(sql: &str, dialect: Dialect) -> Vec<(Kind, Cow<'_, str>)> {
    Tokens::new(sql, dialect)
        .filter(|token| token.kind != Kind::Comment)
        .map(|token| {
            let shape = match token.kind {
                Kind::Name | Kind::Text | Kind::Number => Cow::Borrowed(""),
                Kind::Word => Cow::Owned(token.text.to_ascii_lowercase()),
                _ => Cow::Borrowed(token.text),
            };
            (token.kind, shape)
        })
        .collect()
}
