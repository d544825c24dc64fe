//! The last look at compiled text: what the builder wrote may hold names, keywords, operators and placeholders only.

use std::ops::Range;

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::token::{Kind, Tokens};

/// The types whose parentheses may hold digits.
const SIZED_TYPES: [&[u8]; 14] = [
    b"DECIMAL",
    b"NUMERIC",
    b"CHAR",
    b"VARCHAR",
    b"CHARACTER",
    b"VARYING",
    b"BINARY",
    b"VARBINARY",
    b"DATETIME",
    b"TIMESTAMP",
    b"TIME",
    b"INTERVAL",
    b"FLOAT",
    b"BIT",
];

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
                b'(' | b')' | b',' | b'.' | b'*' | b'+' | b'<' | b'>' | b'=' | b'~' | b'!' | b'%' | b'^' | b'|' => {
                    Class::Plain
                }
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

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Refused)
}

/// Checks the text of a statement that can't bind: as [`verify`] does, but each of the byte ranges `literals`, in order, holds one
/// literal of the forms that [`is_literal`] knows, and touches no word.
pub(crate) fn verify_written(
    sql: &str,
    dialect: Dialect,
    binds: usize,
    skip: &[Range<usize>],
    literals: &[Range<usize>],
) -> Result<()> {
    let mut scan = Scan::new(sql, dialect, binds);
    let mut skip = skip.iter().peekable();
    for literal in literals {
        while let Some(range) = skip.next_if(|range| range.start < literal.start) {
            scan.walk(range.start)?;
            scan.fragment(sql, range)?;
        }
        scan.walk(literal.start)?;
        scan.literal(sql, literal)?;
    }
    for range in skip {
        scan.walk(range.start)?;
        scan.fragment(sql, range)?;
    }
    scan.walk(sql.len())?;
    scan.binds.finish(dialect)
}

/// Whether the text is one literal in a form that this crate writes, and that ends where it ends whatever the modes of the server:
/// a number, or a text in quotes without any sign that could end or escape it; with escapes by code point on PostgreSQL, in
/// hexadecimal digits on MySQL, MariaDB and SQLite, and with doubled quotes on SQLite.
pub(crate) fn is_literal(text: &str, dialect: Dialect) -> bool {
    let inside = |prefix: &str| text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('\''));
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\';
    if let Some(inner) = inside("'") {
        return match dialect {
            Dialect::Sqlite => !inner.contains('\0') && !inner.replace("''", "").contains('\''),
            _ => inner.bytes().all(plain),
        };
    }
    if let Some(inner) = inside("X'") {
        return dialect != Dialect::Postgres && inner.len() % 2 == 0 && inner.bytes().all(|it| it.is_ascii_hexdigit());
    }
    if let Some(inner) = inside("E'") {
        return dialect == Dialect::Postgres && is_escaped(inner.as_bytes(), plain);
    }
    is_number(text)
}

/// Plain signs, `\uXXXX` and `\UXXXXXXXX`; none of them U+0000.
fn is_escaped(mut rest: &[u8], plain: impl Fn(u8) -> bool) -> bool {
    loop {
        let digits = match rest {
            [] => return true,
            [b'\\', b'u', ..] => 4,
            [b'\\', b'U', ..] => 8,
            [byte, after @ ..] if plain(*byte) => {
                rest = after;
                continue;
            }
            _ => return false,
        };
        let Some(code) = rest.get(2..2 + digits) else { return false };
        if !code.iter().all(u8::is_ascii_hexdigit) || code.iter().all(|digit| *digit == b'0') {
            return false;
        }
        rest = rest.get(2 + digits..).unwrap_or_default();
    }
}

/// `-12.5e-3`: digits, with a point among them and an exponent if need be.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = |text: &str| digits(text.strip_prefix('-').unwrap_or(text));
    let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    unsigned(whole) && digits(fraction) && unsigned(exponent)
}

/// Checks the text that the builder compiled: one statement, no comment, no literal, and exactly the placeholders `1..=binds`.
///
/// `skip` holds the byte ranges of raw fragments, in order, each already split by
/// [`named_parameters`](crate::token::named_parameters): in them only placeholders are counted.
pub(crate) fn verify(sql: &str, dialect: Dialect, binds: usize, skip: &[Range<usize>]) -> Result<()> {
    let mut scan = Scan::new(sql, dialect, binds);
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

impl<'a> Scan<'a> {
    fn new(sql: &'a str, dialect: Dialect, binds: usize) -> Scan<'a> {
        Scan {
            bytes: sql.as_bytes(),
            dialect,
            position: 0,
            word: 0..0,
            binds: Binds { total: binds, counted: 0, first: 0, rest: Vec::new() },
        }
    }
}

impl Scan<'_> {
    /// A literal that the compiler says it wrote.
    fn literal(&mut self, sql: &str, range: &Range<usize>) -> Result<()> {
        let touches = |position: Option<usize>| {
            position
                .is_some_and(|position| is_word(self.at(position)) || matches!(self.at(position), b'\'' | b'"' | b'`'))
        };
        let free = !touches(range.start.checked_sub(1)) && !touches(Some(range.end));
        match sql.get(range.clone()) {
            Some(text) if free && is_literal(text, self.dialect) => {
                self.position = range.end;
                self.word = 0..0;
                Ok(())
            }
            _ => refuse("verify.literal", "compiled text holds a literal in a form that it must not have"),
        }
    }

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
            match class(byte) {
                Class::Plain => self.position += 1,
                Class::Word => {
                    self.position = self.run(start, |byte| matches!(class(byte), Class::Word | Class::Digit));
                    self.word = start..self.position;
                }
                Class::Digit => self.size(start)?,
                Class::DoubleQuote if !mysql => self.name(b'"')?,
                Class::Backtick if mysql => self.name(b'`')?,
                Class::Quote => return refuse("verify.literal", "compiled text holds a literal"),
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

    /// `$n` or `?n`. To PostgreSQL `a$1` is one word, so a placeholder touches no word on either side.
    fn numbered(&mut self) -> Result<()> {
        if self.position.checked_sub(1).is_some_and(|before| is_word(self.at(before))) {
            return refuse("verify.placeholder", "compiled text holds a placeholder that touches a word");
        }
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
}

fn is_word(byte: u8) -> bool {
    matches!(class(byte), Class::Word | Class::Digit | Class::Dollar) || !byte.is_ascii()
}

fn refuse(code: &'static str, message: &'static str) -> Result<()> {
    Err(Error::new(ErrorKind::Internal, code, message))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];

    fn code(sql: &str, dialect: Dialect, binds: usize) -> &'static str {
        match verify(sql, dialect, binds, &[]) {
            Ok(()) => "ok",
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Internal);
                error.code()
            }
        }
    }

    #[test]
    fn what_the_builder_writes_passes() {
        let postgres = "SELECT \"a\".\"x;--'\", CAST(\"b\" AS numeric(10, 2)), $1::int8, \"j\" @> $2 FROM \"t\" AS \"a\" WHERE \
                        \"c\" LIKE $3 ESCAPE $6 AND \"d\" = ANY($4) ORDER BY \"x\" DESC NULLS LAST LIMIT $5 OFFSET $1";
        assert_eq!(code(postgres, Dialect::Postgres, 6), "ok");
        let mysql = "SELECT `a`.`x``?`, CAST(`b` AS DECIMAL(65,30)) FROM `t` WHERE `c` <=> ? AND NOT (`d` - ? > ?)";
        assert_eq!(code(mysql, Dialect::MySql, 3), "ok");
        assert_eq!(code("SELECT \"a\"\"?9\" || ?1 FROM \"t\" WHERE \"b\" IS ?2 OR ?1", Dialect::Sqlite, 2), "ok");
        let many: Vec<String> = (1..=300).map(|number| format!("${number}")).collect();
        assert_eq!(code(&many.join(", "), Dialect::Postgres, 300), "ok");
    }

    #[test]
    fn every_defect_has_its_code() {
        for (dialects, sql, binds, expected) in [
            (&ALL[..], "SELECT 1", 0, "verify.literal"),
            (&ALL, "SELECT .5", 0, "verify.literal"),
            (&ALL, "SELECT 'x'", 0, "verify.literal"),
            (&ALL, "SELECT ESCAPE '!'", 0, "verify.literal"),
            (&ALL, "SELECT DECIMALS(1)", 0, "verify.literal"),
            (&ALL, "SELECT DECIMAL(1, x)", 0, "verify.literal"),
            (&ALL, "SELECT a; DROP TABLE t", 0, "verify.statement"),
            (&ALL, "SELECT a;", 0, "verify.statement"),
            (&ALL, "SELECT a --b", 0, "verify.comment"),
            (&ALL, "SELECT a /* b */", 0, "verify.comment"),
            (&ALL, "SELECT é", 0, "verify.character"),
            (&ALL, "SELECT \0", 0, "verify.character"),
            (&[Dialect::MySql, Dialect::MariaDb], "SELECT a # b", 0, "verify.comment"),
            (&[Dialect::MySql, Dialect::MariaDb], "SELECT \"a\"", 0, "verify.literal"),
            (&[Dialect::MySql], "SELECT ?", 2, "verify.binds"),
            (&[Dialect::MySql], "SELECT ?, ?", 1, "verify.binds"),
            (&[Dialect::Postgres], "SELECT $1, $3", 3, "verify.binds"),
            (&[Dialect::Postgres], "SELECT $1, $3", 2, "verify.placeholder"),
            (&[Dialect::Postgres], "SELECT $0", 1, "verify.placeholder"),
            (&[Dialect::Postgres], "SELECT $1a", 1, "verify.placeholder"),
            (&[Dialect::Postgres], "SELECT a$1", 1, "verify.placeholder"),
            (&[Dialect::Sqlite], "SELECT a?1", 1, "verify.placeholder"),
            (&[Dialect::Postgres], "SELECT $$x$$", 0, "verify.placeholder"),
            (&[Dialect::Postgres], "SELECT $99999999999999999999", 1, "verify.placeholder"),
            (&[Dialect::Postgres], "SELECT `a`", 0, "verify.character"),
            (&[Dialect::Postgres], "SELECT U&\"a\"", 0, "verify.character"),
            (&[Dialect::Sqlite], "SELECT ?", 1, "verify.placeholder"),
            (&[Dialect::Sqlite], "SELECT [a]", 0, "verify.character"),
            (&[Dialect::Sqlite, Dialect::Postgres], "SELECT :a", 0, "verify.character"),
            (&[Dialect::Sqlite, Dialect::Postgres], "SELECT \"a", 0, "verify.name"),
            (&[Dialect::MySql], "SELECT `a\0`", 0, "verify.name"),
        ] {
            for dialect in dialects {
                assert_eq!(code(sql, *dialect, binds), expected, "{dialect}: {sql}");
            }
        }
    }

    #[test]
    fn a_raw_fragment_may_hold_literals_and_its_placeholders_count() {
        let sql = "SELECT \"a\" FROM (select 'it''s $9', 1 from t where b = $1) AS \"r\" WHERE \"a\" = $2";
        let start = sql.find("select").unwrap();
        let range = start..sql.find(") AS").unwrap();
        assert!(verify(sql, Dialect::Postgres, 2, std::slice::from_ref(&range)).is_ok());
        assert_eq!(verify(sql, Dialect::Postgres, 2, &[]).unwrap_err().code(), "verify.literal");
        let one = std::slice::from_ref(&range);
        assert_eq!(verify(sql, Dialect::Postgres, 3, one).unwrap_err().code(), "verify.binds");
        for wrong in [8..20, 9..11, 0..sql.len() + 1, start..start + 10] {
            assert!(verify(sql, Dialect::Postgres, 2, &[wrong]).is_err());
        }
        let mysql = "SELECT `a` FROM (select '?', \"?\" from t where b = ?) AS `r` WHERE `a` = ?";
        let range = mysql.find("select").unwrap()..mysql.find(") AS").unwrap();
        assert!(verify(mysql, Dialect::MySql, 2, &[range]).is_ok());
    }

    #[test]
    fn a_written_value_has_one_of_the_forms_and_stands_where_it_is_said_to() {
        let check = |sql: &str, literal: &str, dialect: Dialect| {
            let start = sql.rfind(literal).unwrap();
            let range = start..start + literal.len();
            verify_written(sql, dialect, 0, &[], std::slice::from_ref(&range))
        };
        for (dialects, literal) in [
            (&ALL[..], "7"),
            (&ALL, "-12.5e-3"),
            (&ALL, "'a; -- b'"),
            (&ALL[..1], "E'a\\u0027\\U0001f600'"),
            (&ALL[1..], "X'00ff'"),
            (&ALL[3..], "'it''s \\ é'"),
        ] {
            for dialect in dialects {
                let sql = format!("CREATE TABLE t (a DEFAULT ({literal}))");
                check(&sql, literal, *dialect).unwrap();
                // Undeclared, or beside a word, it is a literal like any other.
                assert_eq!(verify_written(&sql, *dialect, 0, &[], &[]).unwrap_err().code(), "verify.literal");
                let touching = format!("CREATE TABLE t (a DEFAULT (N{literal}))");
                assert!(check(&touching, literal, *dialect).is_err(), "{touching}");
                let touching = format!("CREATE TABLE t (a DEFAULT ({literal}x))");
                assert!(check(&touching, literal, *dialect).is_err(), "{touching}");
            }
        }
        for (dialects, literal) in [
            (&ALL[..], "'a' || 'b'"),
            (&ALL, "'it's'"),
            (&ALL, "'"),
            (&ALL, "1; DROP TABLE t"),
            (&ALL, "0x10"),
            (&ALL, "1--"),
            (&ALL[..3], "'it''s'"),
            (&ALL[..3], "'a\\'"),
            (&ALL[..3], "'é'"),
            (&ALL[..1], "E'\\''"),
            (&ALL[..1], "E'\\u00'"),
            (&ALL[..1], "E'\\u0000'"),
            (&ALL[..1], "E'\\x41'"),
            (&ALL[1..], "X'0'"),
            (&ALL[1..], "X'0g'"),
            (&ALL[1..], "E'a'"),
            (&ALL[3..], "'a'''b'"),
        ] {
            for dialect in dialects {
                let sql = format!("CREATE TABLE t (a DEFAULT ({literal}))");
                assert_eq!(
                    check(&sql, literal, *dialect).unwrap_err().code(),
                    "verify.literal",
                    "{dialect}: {literal}"
                );
            }
        }
    }

    fn is_word_sign(character: char) -> bool {
        character.is_ascii_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
    }

    /// The same rule told over tokens: slow, and written without a look at the scanner.
    fn by_tokens(sql: &str, dialect: Dialect, binds: usize) -> bool {
        let tokens: Vec<_> = Tokens::new(sql, dialect).collect();
        let mut seen = vec![0_usize; binds + 1];
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            let before = |back: usize| index.checked_sub(back).map(|position| tokens[position]);
            match token.kind {
                Kind::Word => {
                    if !token.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                        || token.text.starts_with(|c: char| c.is_ascii_digit())
                    {
                        return false;
                    }
                }
                Kind::Name => {
                    if !token.text.starts_with(dialect.name_quote()) || token.text.contains('\0') {
                        return false;
                    }
                }
                Kind::Positional if dialect.is_mysql_family() => seen[0] += 1,
                Kind::Positional
                    if sql[token.end()..].starts_with(is_word_sign) || sql[..token.start].ends_with(is_word_sign) =>
                {
                    return false;
                }
                Kind::Positional
                    if !token.text.starts_with(['?', '$']) || token.text.starts_with('$') != (dialect == ALL[0]) =>
                {
                    return false;
                }
                Kind::Positional => {
                    let digits = &token.text[1..];
                    match digits.parse::<usize>() {
                        Ok(number) if number > 0 && number <= binds && digits.len() <= 6 => seen[number] += 1,
                        _ => return false,
                    }
                }
                Kind::Number => {
                    let sized = before(1).is_some_and(|open| open.is_operator("(") && open.end() == token.start)
                        && before(2).is_some_and(|word| {
                            word.end() + 1 == token.start
                                && SIZED_TYPES.iter().any(|name| word.is_word(std::str::from_utf8(name).unwrap()))
                        });
                    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                    if !sized || !digits(token.text) {
                        return false;
                    }
                    let next = |forward: usize| tokens.get(index + forward).copied();
                    let touches = |one: usize, two: usize| {
                        next(one).zip(next(two)).is_some_and(|(one, two)| one.end() == two.start)
                    };
                    if next(1).is_some_and(|close| close.is_operator(")")) && touches(0, 1) {
                        index += 1;
                    } else if next(1).is_some_and(|comma| comma.is_operator(","))
                        && touches(0, 1)
                        && next(2).is_some_and(|second| second.kind == Kind::Number && digits(second.text))
                        && sql[next(1).unwrap().end()..next(2).unwrap().start].bytes().all(|byte| byte == b' ')
                        && next(3).is_some_and(|close| close.is_operator(")"))
                        && touches(2, 3)
                    {
                        index += 3;
                    } else {
                        return false;
                    }
                }
                Kind::Operator => {
                    let allowed = match dialect {
                        Dialect::Postgres => "(),.*+-/<>=~!%^|&#@[]:",
                        _ => "(),.*+-/<>=~!%^|&",
                    };
                    if !token.text.chars().all(|c| allowed.contains(c)) || token.text == ":" || token.text == ":=" {
                        return false;
                    }
                }
                _ => return false,
            }
            index += 1;
        }
        if sql.contains(['\u{b}', '\u{c}', '\u{feff}']) {
            return false;
        }
        if dialect.is_mysql_family() { seen[0] == binds } else { seen[1..].iter().all(|count| *count > 0) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn the_scanner_and_the_tokenizer_agree(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "SELECT", " ", " ", " ", ", ", "\"a\"", "`a`", "\"a\"\"b\"", "`a``b`", "\"", "`", "'!'", "ESCAPE", "ESCAPE '!'", "'",
                "$1", "$2", "?1", "?2", "?", "$", "::", ":", "DECIMAL(10, 2)", "numeric(5)", "CHAR(", "(", ")", "1", "2", ".", "-",
                "--", "/", "*", "/*", "*/", "#", "@", "@>", "&", "U&\"a\"", "[", "]", ";", "x", "_y", "é", "\n", "\\", "=", "<=", "||",
                "$$", "{", "0x1",
            ]), 0..14),
            binds in 0_usize..3,
        ) {
            let sql = parts.concat();
            for dialect in ALL {
                let scanned = verify(&sql, dialect, binds, &[]);
                let slow = by_tokens(&sql, dialect, binds);
                // The scanner refuses some texts that the tokenizer finds harmless (`a--1` on MySQL); never the reverse.
                let stricter = dialect.is_mysql_family() && sql.contains("--") || sql.contains("&\"");
                prop_assert!(
                    scanned.is_ok() == slow || (slow && stricter),
                    "{dialect}: {sql}: scanner {scanned:?}, tokens {slow}"
                );
            }
        }
    }
}
