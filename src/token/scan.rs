//! Where one token ends, by byte.

use crate::dialect::Dialect;
use crate::token::Kind;

/// Operators of MySQL and SQLite that are more than one character, longest first.
const LONG_OPERATORS: [&[u8]; 13] =
    [b"->>", b"<=>", b"->", b"||", b"&&", b"<=", b">=", b"<>", b"!=", b"==", b"<<", b">>", b"=>"];

/// How the inside of a string reads.
#[derive(Clone, Copy, PartialEq)]
enum Escape {
    /// A doubled quote is a quote.
    Doubled,
    /// So is one behind a backslash.
    Backslash,
}

pub(super) struct Scan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) dialect: Dialect,
}

impl Scan<'_> {
    /// The kind of the token at `start` and the byte after it. `start` is not white space.
    pub(super) fn token(&self, start: usize) -> (Kind, usize) {
        let first = self.at(start);
        match first {
            b'\'' => self.text(start, if self.mysql() { Escape::Backslash } else { Escape::Doubled }),
            b'"' if self.mysql() => self.text(start, Escape::Backslash),
            b'"' => self.quoted(start, b'"', Kind::Name),
            b'`' if self.dialect != Dialect::Postgres => self.quoted(start, b'`', Kind::Name),
            b'[' if self.dialect == Dialect::Sqlite => match self.find(start + 1, |byte| byte == b']') {
                Some(end) => (Kind::Name, end + 1),
                None => (Kind::Broken, self.bytes.len()),
            },
            b'-' if self.starts_line_comment(start) => (Kind::Comment, self.line_end(start)),
            b'#' if self.mysql() => (Kind::Comment, self.line_end(start)),
            b'/' if self.at(start + 1) == b'*' => self.block_comment(start),
            b';' => (Kind::Semicolon, start + 1),
            b'0'..=b'9' => self.number(start),
            b'.' if self.at(start + 1).is_ascii_digit() => self.number(start),
            b'$' => self.dollar(start),
            b':' => self.colon(start),
            b'@' if self.mysql() => self.variable(start),
            b'@' if self.dialect == Dialect::Sqlite && self.is_word_byte(self.at(start + 1)) => {
                (Kind::Positional, self.word_end(start + 1))
            }
            b'?' if self.dialect != Dialect::Postgres => {
                let end = if self.dialect == Dialect::Sqlite {
                    self.run(start + 1, |byte| byte.is_ascii_digit())
                } else {
                    start + 1
                };
                (Kind::Positional, end)
            }
            _ if is_word_start(first) => self.word(start),
            _ => (Kind::Operator, self.operator_end(start)),
        }
    }

    pub(super) fn skip_space(&self, mut position: usize) -> usize {
        loop {
            match self.at(position) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c if position < self.bytes.len() => position += 1,
                // SQL: SQLite's tokenizer takes a byte order mark that starts a token for white space.
                0xef if self.dialect == Dialect::Sqlite && self.starts_with(position, b"\xef\xbb\xbf") => position += 3,
                _ => return position,
            }
        }
    }

    /// The byte at a position, NUL past the end, as every server sees it.
    fn at(&self, position: usize) -> u8 {
        self.bytes.get(position).copied().unwrap_or(0)
    }

    fn mysql(&self) -> bool {
        self.dialect.is_mysql_family()
    }

    fn starts_with(&self, position: usize, prefix: &[u8]) -> bool {
        self.bytes.get(position..).is_some_and(|rest| rest.starts_with(prefix))
    }

    fn find(&self, from: usize, test: impl Fn(u8) -> bool) -> Option<usize> {
        self.bytes.get(from..)?.iter().position(|byte| test(*byte)).map(|offset| from + offset)
    }

    /// The end of the run of bytes that pass the test.
    fn run(&self, from: usize, test: impl Fn(u8) -> bool) -> usize {
        self.find(from, |byte| !test(byte)).unwrap_or(self.bytes.len()).max(from.min(self.bytes.len()))
    }

    fn is_word_byte(&self, byte: u8) -> bool {
        is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
    }

    fn word_end(&self, from: usize) -> usize {
        self.run(from, |byte| self.is_word_byte(byte))
    }

    /// A bare word, or the literal or name that its prefix starts: `E''`, `U&""`, `x''`, `_utf8''`.
    fn word(&self, start: usize) -> (Kind, usize) {
        let first = self.at(start).to_ascii_lowercase();
        let second = self.at(start + 1);
        let postgres = self.dialect == Dialect::Postgres;
        if second == b'\'' {
            match first {
                b'e' if postgres => return self.text(start + 1, Escape::Backslash),
                b'b' | b'n' if postgres => return self.text(start + 1, Escape::Doubled),
                b'n' if self.mysql() => return self.text(start + 1, Escape::Backslash),
                b'b' if self.mysql() => return self.text(start + 1, Escape::Doubled),
                b'x' => return self.text(start + 1, Escape::Doubled),
                _ => {}
            }
        }
        if postgres && first == b'u' && second == b'&' {
            match self.at(start + 2) {
                b'\'' => return self.text(start + 2, Escape::Doubled),
                b'"' => return self.quoted(start + 2, b'"', Kind::Name),
                _ => {}
            }
        }
        let end = self.word_end(start);
        // SQL: MySQL, character set introducer.
        if self.mysql() && first == b'_' && matches!(self.at(end), b'\'' | b'"') {
            return self.text(end, Escape::Backslash);
        }
        (Kind::Word, end)
    }

    /// A string whose opening quote is at `open`, with the segments that PostgreSQL joins to it.
    fn text(&self, open: usize, escape: Escape) -> (Kind, usize) {
        let quote = self.at(open);
        let mut position = open + 1;
        loop {
            let Some(end) = self.find(position, |byte| byte == quote || (byte == b'\\' && escape == Escape::Backslash))
            else {
                return (Kind::Broken, self.bytes.len());
            };
            if self.at(end) == b'\\' {
                if end + 1 >= self.bytes.len() {
                    return (Kind::Broken, self.bytes.len());
                }
                position = end + 2;
            } else if self.at(end + 1) == quote {
                position = end + 2;
            } else if let Some(next) = self.continuation(end + 1) {
                position = next;
            } else {
                return (Kind::Text, end + 1);
            }
        }
    }

    // SQL: PostgreSQL, string constants: segments with a line break between them are one string, and the later ones are
    // read in the mode of the first. A line comment may stand between.
    fn continuation(&self, mut position: usize) -> Option<usize> {
        if self.dialect != Dialect::Postgres {
            return None;
        }
        let mut broken = false;
        loop {
            match self.at(position) {
                b'\n' | b'\r' => broken = true,
                b' ' | b'\t' | 0x0b | 0x0c => {}
                b'-' if self.at(position + 1) == b'-' => {
                    position = self.line_end(position);
                    continue;
                }
                b'\'' if broken => return Some(position + 1),
                _ => return None,
            }
            position += 1;
        }
    }

    /// A name in quotes that are doubled inside.
    fn quoted(&self, open: usize, quote: u8, kind: Kind) -> (Kind, usize) {
        let mut position = open + 1;
        while let Some(end) = self.find(position, |byte| byte == quote) {
            if self.at(end + 1) != quote {
                return (kind, end + 1);
            }
            position = end + 2;
        }
        (Kind::Broken, self.bytes.len())
    }

    // SQL: MySQL wants white space or a control character behind the hyphens, or the end of the text.
    fn starts_line_comment(&self, start: usize) -> bool {
        self.at(start + 1) == b'-' && {
            let next = self.at(start + 2);
            !self.mysql() || next.is_ascii_whitespace() || next.is_ascii_control()
        }
    }

    /// The line break that ends a line comment; PostgreSQL also takes a carriage return.
    fn line_end(&self, start: usize) -> usize {
        let postgres = self.dialect == Dialect::Postgres;
        self.run(start, |byte| byte != b'\n' && !(postgres && byte == b'\r'))
    }

    fn block_comment(&self, start: usize) -> (Kind, usize) {
        let kind = match (self.at(start + 2), self.at(start + 3)) {
            (b'!' | b'+', _) | (b'M' | b'm', b'!') => Kind::Directive,
            _ => Kind::Comment,
        };
        let nests = self.dialect == Dialect::Postgres;
        let mut depth = 1_usize;
        let mut position = start + 2;
        while let Some(found) = self.find(position, |byte| byte == b'*' || byte == b'/') {
            position = found + 1;
            match (self.at(found), self.at(found + 1)) {
                (b'*', b'/') => {
                    depth -= 1;
                    position = found + 2;
                }
                (b'/', b'*') if nests => {
                    depth += 1;
                    position = found + 2;
                }
                _ => {}
            }
            if depth == 0 {
                return (kind, position);
            }
        }
        (Kind::Broken, self.bytes.len())
    }

    fn number(&self, start: usize) -> (Kind, usize) {
        let radix: Option<fn(u8) -> bool> = match (self.at(start), self.at(start + 1)) {
            (b'0', b'x' | b'X') => Some(|byte| byte.is_ascii_hexdigit() || byte == b'_'),
            (b'0', b'b' | b'B' | b'o' | b'O') => Some(|byte| byte.is_ascii_digit() || byte == b'_'),
            _ => None,
        };
        let mut end = match radix {
            Some(digit) if digit(self.at(start + 2)) => self.run(start + 2, digit),
            _ => self.digits(start),
        };
        let mut whole = true;
        if radix.is_none() {
            if self.at(end) == b'.' && !self.starts_with(end, b"..") {
                whole = false;
                end = self.digits(end + 1);
            }
            if matches!(self.at(end), b'e' | b'E') {
                let sign = usize::from(matches!(self.at(end + 1), b'+' | b'-'));
                if self.at(end + 1 + sign).is_ascii_digit() {
                    whole = false;
                    end = self.digits(end + 1 + sign);
                }
            }
        }
        if !self.is_word_byte(self.at(end)) {
            return (Kind::Number, end);
        }
        if self.mysql() {
            // SQL: MySQL, a name may start with a digit.
            return if whole { (Kind::Word, self.word_end(end)) } else { (Kind::Number, end) };
        }
        // `1a` and `0x1E''` are read one way by one version and another way by the next.
        (Kind::Broken, self.word_end(end))
    }

    fn digits(&self, from: usize) -> usize {
        self.run(from, |byte| byte.is_ascii_digit() || byte == b'_' && !self.mysql())
    }

    /// `$1`, a dollar-quoted string, SQLite's `$name`, a MySQL word, or a lone dollar sign.
    fn dollar(&self, start: usize) -> (Kind, usize) {
        let next = self.at(start + 1);
        if self.mysql() {
            return (Kind::Word, self.word_end(start));
        }
        if self.dialect == Dialect::Sqlite {
            return if self.is_word_byte(next) {
                (Kind::Positional, self.word_end(start + 1))
            } else {
                (Kind::Operator, start + 1)
            };
        }
        if next.is_ascii_digit() {
            let end = self.run(start + 1, |byte| byte.is_ascii_digit());
            return if self.is_word_byte(self.at(end)) {
                (Kind::Broken, self.word_end(end))
            } else {
                (Kind::Positional, end)
            };
        }
        let tag = self.run(start + 1, |byte| is_word_start(byte) || byte.is_ascii_digit());
        if self.at(tag) != b'$' {
            return (Kind::Operator, start + 1);
        }
        let fence = self.bytes.get(start..=tag).unwrap_or_default();
        match find_fence(self.bytes, tag + 1, fence) {
            Some(end) => (Kind::Text, end),
            None => (Kind::Broken, self.bytes.len()),
        }
    }

    fn colon(&self, start: usize) -> (Kind, usize) {
        match self.at(start + 1) {
            b':' if self.dialect == Dialect::Postgres => (Kind::Operator, start + 2),
            b'=' => (Kind::Operator, start + 2),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' if !self.is_operand_end(start) => {
                let end = self.run(start + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
                // `:a$` and `:aé` would make the placeholder touch another word.
                if self.is_word_byte(self.at(end)) { (Kind::Broken, self.word_end(end)) } else { (Kind::Param, end) }
            }
            _ => (Kind::Operator, start + 1),
        }
    }

    /// True when the byte before `start` could end an operand, or is another colon.
    fn is_operand_end(&self, start: usize) -> bool {
        let Some(before) = start.checked_sub(1) else { return false };
        let byte = self.at(before);
        self.is_word_byte(byte) || matches!(byte, b':' | b')' | b']' | b'\'' | b'"' | b'`' | b'?' | b'.')
    }

    // SQL: MySQL, user variables `@x`, `@'x'`, system variables `@@x`. A quoted part is the token that follows.
    fn variable(&self, start: usize) -> (Kind, usize) {
        let from = if self.at(start + 1) == b'@' { start + 2 } else { start + 1 };
        (Kind::Variable, self.run(from, |byte| self.is_word_byte(byte) || byte == b'.'))
    }

    fn operator_end(&self, start: usize) -> usize {
        if self.dialect == Dialect::Postgres && is_postgres_operator(self.at(start)) {
            return self.postgres_operator_end(start);
        }
        let long = LONG_OPERATORS.iter().find(|operator| self.starts_with(start, operator));
        if let Some(operator) = long
            && self.dialect != Dialect::Postgres
        {
            return start + operator.len();
        }
        start + 1
    }

    // SQL: PostgreSQL, operators: the longest run that holds no comment start; one of several characters ends in `+` or
    // `-` only when it holds one of `~ ! @ # % ^ & | ` ?`.
    fn postgres_operator_end(&self, start: usize) -> usize {
        let mut end = start;
        // SQL: PostgreSQL, an operator has at most 63 bytes. Without a bound a long run of signs would be read again and again.
        while end - start < 63
            && is_postgres_operator(self.at(end))
            && !self.starts_with(end, b"--")
            && !self.starts_with(end, b"/*")
        {
            end += 1;
        }
        let run = self.bytes.get(start..end).unwrap_or_default();
        if run.iter().any(|byte| matches!(byte, b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|' | b'`' | b'?')) {
            return end.max(start + 1);
        }
        while end > start + 1 && matches!(self.at(end - 1), b'+' | b'-') {
            end -= 1;
        }
        end.max(start + 1)
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

fn is_postgres_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'+' | b'-'
            | b'*'
            | b'/'
            | b'<'
            | b'>'
            | b'='
            | b'~'
            | b'!'
            | b'@'
            | b'#'
            | b'%'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
    )
}

/// The byte after the next `fence` at or behind `from`.
fn find_fence(bytes: &[u8], from: usize, fence: &[u8]) -> Option<usize> {
    let mut position = from;
    loop {
        // Every dollar sign is looked at once; a fence can't overlap itself, because its inside holds no dollar sign.
        position += bytes.get(position..)?.iter().position(|byte| *byte == b'$')?;
        if bytes.get(position..)?.starts_with(fence) {
            return Some(position + fence.len());
        }
        position += 1;
    }
}
