//! The last look at compiled text: what the builder wrote may hold names, keywords, operators and placeholders only.

use std::ops::Range;

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::token::{Kind, Tokens};

/// The types whose parentheses may hold digits.
const SIZED_TYPES: [&[u8]; 14] = [
    b"DECIMAL", b"NUMERIC", b"CHAR", b"VARCHAR", b"CHARACTER", b"VARYING", b"BINARY", b"VARBINARY", b"DATETIME", b"TIMESTAMP",
    b"TIME", b"INTERVAL", b"FLOAT", b"BIT",
];

/// The one string that compiled text may hold: the escape character of LIKE, which the builder writes itself.
const ESCAPE_LITERAL: &[u8] = b"'!'";

/// What a byte may start outside a quoted name.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    /// A space, a bracket or an operator that starts nothing else.
    Plain,
    Word,
    Digit,
    DoubleQuote,
    Backtick,
    Quote,
    Dollar,
    Question,
    Colon,
    Ampersand,
    /// `-` or `/`: alone an operator, doubled or before a star a comment.
    Comment,
    Hash,
    At,
    Square,
    Semicolon,
    Refused,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut table = [Class::Refused; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, bounded by the loop")]
        {
            table[byte] = match byte as u8 {
                b' ' | b'\n' | b'\t' | b'\r' => Class::Plain,
                b'(' | b')' | b',' | b'.' | b'*' | b'+' | b'<' | b'>' | b'=' | b'~' | b'!' | b'%' | b'^' | b'|' => Class::Plain,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => Class::Word,
                b'0'..=b'9' => Class::Digit,
                b'"' => Class::DoubleQuote,
                b'`' => Class::Backtick,
                b'\'' => Class::Quote,
                b'$' => Class::Dollar,
                b'?' => Class::Question,
                b':' => Class::Colon,
                b'&' => Class::Ampersand,
                b'-' | b'/' => Class::Comment,
                b'#' => Class::Hash,
                b'@' => Class::At,
                b'[' | b']' => Class::Square,
                b';' => Class::Semicolon,
                _ => Class::Refused,
            };
        }
        byte += 1;
    }
    table
}

/// Checks the text that the builder compiled: one statement, no comment, no literal, and exactly the placeholders `1..=binds`.
///
/// `skip` holds the byte ranges of raw fragments, in order, each already split by
/// [`named_parameters`](crate::token::named_parameters): in them only placeholders are counted.
pub(crate) fn verify(sql: &str, dialect: Dialect, binds: usize, skip: &[Range<usize>]) -> Result<()> {
    let mut scan = Scan {
        bytes: sql.as_bytes(),
        dialect,
        position: 0,
        word: 0..0,
        binds: Binds { total: binds, counted: 0, first: 0, rest: Vec::new() },
    };
    for range in skip {
        scan.walk(range.start)?;
        scan.fragment(sql, range)?;
    }
    scan.walk(sql.len())?;
    scan.binds.finish(dialect)
}

/// Which placeholders were seen.
struct Binds {
    total: usize,
    /// How many `?` on MySQL.
    counted: usize,
    /// The first 128 as bits; the rest is only made when there are more.
    first: u128,
    rest: Vec<bool>,
}

impl Binds {
    fn see(&mut self, number: usize) -> Result<()> {
        if number == 0 || number > self.total {
            return refuse("verify.placeholder", "compiled text holds a placeholder without a bind");
        }
        let index = number - 1;
        if index < 128 {
            self.first |= 1 << index;
            return Ok(());
        }
        if self.rest.is_empty() {
            self.rest = vec![false; self.total - 128];
        }
        if let Some(seen) = self.rest.get_mut(index - 128) {
            *seen = true;
        }
        Ok(())
    }

    fn finish(&self, dialect: Dialect) -> Result<()> {
        let complete = if dialect.is_mysql_family() {
            self.counted == self.total
        } else {
            let head = self.total.min(128);
            let wanted = if head == 128 { u128::MAX } else { (1 << head) - 1 };
            let tail = self.total - head;
            self.first == wanted && (tail == 0 || (self.rest.len() == tail && self.rest.iter().all(|seen| *seen)))
        };
        if complete { Ok(()) } else { refuse("verify.binds", "compiled text and its binds don't agree") }
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
    position: usize,
    /// The last bare word.
    word: Range<usize>,
    binds: Binds,
}

impl Scan<'_> {
    /// Reads from the current position to `end` exactly.
    fn walk(&mut self, end: usize) -> Result<()> {
        if end < self.position || end > self.bytes.len() {
            return refuse("verify.fragment", "a raw fragment lies outside the compiled text");
        }
        let postgres = self.dialect == Dialect::Postgres;
        let mysql = self.dialect.is_mysql_family();
        while self.position < end {
            let start = self.position;
            let byte = self.at(start);
            let next = self.at(start + 1);
            match CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Refused) {
                Class::Plain => self.position += 1,
                Class::Word => {
                    self.position = self.run(start, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
                    self.word = start..self.position;
                }
                Class::Digit => self.size(start)?,
                Class::DoubleQuote if !mysql => self.name(b'"')?,
                Class::Backtick if mysql => self.name(b'`')?,
                Class::Quote => self.escape_literal()?,
                Class::Dollar if postgres => self.numbered()?,
                Class::Question if mysql => {
                    self.binds.counted += 1;
                    self.position += 1;
                }
                Class::Question if self.dialect == Dialect::Sqlite => self.numbered()?,
                Class::Colon if postgres && next == b':' => self.position += 2,
                // `U&"` would start a name with escapes.
                Class::Ampersand if next != b'"' => self.position += 1,
                Class::Comment if next == byte && byte == b'-' || next == b'*' && byte == b'/' => {
                    return refuse("verify.comment", "compiled text holds a comment");
                }
                Class::Comment => self.position += 1,
                Class::Hash | Class::At | Class::Square if postgres => self.position += 1,
                Class::Hash if mysql => return refuse("verify.comment", "compiled text holds a comment"),
                Class::Semicolon => return refuse("verify.statement", "compiled text holds a second statement"),
                Class::DoubleQuote | Class::Dollar => return refuse("verify.literal", "compiled text holds a literal"),
                _ => return refuse("verify.character", "compiled text holds a sign that the builder never writes"),
            }
        }
        if self.position == end {
            Ok(())
        } else {
            refuse("verify.fragment", "a raw fragment lies within another token of the compiled text")
        }
    }

    /// Counts the placeholders of a raw fragment with the tokenizer, since strings in it may hold anything.
    fn fragment(&mut self, sql: &str, range: &Range<usize>) -> Result<()> {
        let Some(text) = sql.get(range.clone()) else {
            return refuse("verify.fragment", "a raw fragment lies outside the compiled text");
        };
        for token in Tokens::new(text, self.dialect) {
            match token.kind {
                Kind::Positional if self.dialect.is_mysql_family() => self.binds.counted += 1,
                Kind::Positional => match token.text.get(1..).and_then(|digits| digits.parse().ok()) {
                    Some(number) => self.binds.see(number)?,
                    None => return refuse("verify.placeholder", "a raw fragment holds a placeholder without a number"),
                },
                Kind::Broken | Kind::Directive | Kind::Semicolon | Kind::Variable | Kind::Param => {
                    return refuse("verify.fragment", "a raw fragment was not split into parameters");
                }
                _ => {}
            }
        }
        self.position = range.end;
        self.word = 0..0;
        Ok(())
    }

    fn at(&self, position: usize) -> u8 {
        self.bytes.get(position).copied().unwrap_or(0)
    }

    fn run(&self, from: usize, test: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        from + rest.iter().position(|byte| !test(*byte)).unwrap_or(rest.len())
    }

    /// A quoted name; its quote is doubled inside.
    fn name(&mut self, quote: u8) -> Result<()> {
        let mut position = self.position + 1;
        loop {
            position = self.run(position, |byte| byte != quote && byte != 0);
            if self.at(position) != quote {
                return refuse("verify.name", "compiled text holds a name without an end");
            }
            if self.at(position + 1) != quote {
                self.position = position + 1;
                return Ok(());
            }
            position += 2;
        }
    }

    /// `$n` or `?n`.
    fn numbered(&mut self) -> Result<()> {
        let start = self.position + 1;
        let end = self.run(start, |byte| byte.is_ascii_digit());
        let digits = self.bytes.get(start..end).unwrap_or_default();
        if digits.is_empty() || digits.len() > 6 || is_word(self.at(end)) {
            return refuse("verify.placeholder", "compiled text holds a placeholder without a number");
        }
        let number = digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        self.position = end;
        self.binds.see(number)
    }

    /// Digits stand only in the parentheses of a type: `NUMERIC(10, 2)`. The current position is the first digit.
    fn size(&mut self, start: usize) -> Result<()> {
        let word = self.bytes.get(self.word.clone()).unwrap_or_default();
        let sized = self.word.end + 1 == start
            && self.at(self.word.end) == b'('
            && SIZED_TYPES.iter().any(|name| name.eq_ignore_ascii_case(word));
        let mut position = self.run(start, |byte| byte.is_ascii_digit());
        if sized && self.at(position) == b',' {
            let second = self.run(position + 1, |byte| byte == b' ');
            position = self.run(second, |byte| byte.is_ascii_digit());
            if position == second {
                return refuse("verify.literal", "compiled text holds a literal");
            }
        }
        if !sized || self.at(position) != b')' {
            return refuse("verify.literal", "compiled text holds a literal");
        }
        self.position = position;
        Ok(())
    }

    /// `ESCAPE '!'`, and no other string.
    fn escape_literal(&mut self) -> Result<()> {
        let start = self.position;
        let word = self.bytes.get(self.word.clone()).unwrap_or_default();
        let allowed = word.eq_ignore_ascii_case(b"ESCAPE")
            && self.word.end + 1 == start
            && self.at(self.word.end) == b' '
            && self.bytes.get(start..).is_some_and(|rest| rest.starts_with(ESCAPE_LITERAL))
            && !is_word(self.at(start + 3))
            && self.at(start + 3) != b'\'';
        if !allowed {
            return refuse("verify.literal", "compiled text holds a literal");
        }
        self.position = start + ESCAPE_LITERAL.len();
        Ok(())
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

fn refuse(code: &'static str, message: &'static str) -> Result<()> {
    Err(Error::new(ErrorKind::Internal, code, message))
}
