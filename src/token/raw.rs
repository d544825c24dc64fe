//! Named parameters of raw SQL, and what raw SQL may not hold.

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::token::{Kind, Token, Tokens};

/// The longest raw SQL text. Far longer ones make the parser overflow its stack.
pub(crate) const MAX_BYTES: usize = 32 * 1024;

/// The most tokens of a raw SQL text, for the same reason.
pub(crate) const MAX_TOKENS: usize = 8_000;

/// A part of raw SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment<'a> {
    /// Text to be sent as it is.
    Text(&'a str),
    /// The place of a bind, by its name without the colon.
    Param(&'a str),
}

/// Splits raw SQL into text and named parameters.
///
/// The segments are the text from the first token to the last, without comments around it and without a closing
/// semicolon: what is left can stand in parentheses, because it can't end in a line comment.
pub(crate) fn named_parameters(sql: &str, dialect: Dialect) -> Result<Vec<Segment<'_>>> {
    check_text(sql)?;
    let mut segments = Vec::new();
    let mut copied = None;
    let mut end = 0;
    let mut count = 0_usize;
    let mut brackets = 0_usize;
    let mut open = 0_usize;
    let mut closed = false;
    let mut last_hyphen = false;
    for token in Tokens::new(sql, dialect) {
        count += 1;
        if count > MAX_TOKENS {
            return refuse("raw_sql.too_many_tokens", "raw sql has more than 8000 words and signs; split it");
        }
        check_token(&token, dialect)?;
        if token.kind == Kind::Comment {
            continue;
        }
        if token.kind == Kind::Semicolon {
            if copied.is_none() {
                return refuse("raw_sql.empty", "raw sql holds no statement before its semicolon; write one statement");
            }
            closed = true;
            continue;
        }
        if closed {
            return refuse(
                "raw_sql.second_statement",
                "raw sql holds a second statement after a semicolon; send each statement on its own",
            );
        }
        match (token.kind, token.text) {
            // A text that closes more than it opens would end the parentheses in which a frame puts it.
            (Kind::Operator, "(") => open += 1,
            (Kind::Operator, ")") => match open.checked_sub(1) {
                Some(left) => open = left,
                None => return refuse_parentheses(),
            },
            (Kind::Operator, "[") => brackets += 1,
            (Kind::Operator, "]") => brackets = brackets.saturating_sub(1),
            (Kind::Operator, ":") if brackets == 0 || dialect != Dialect::Postgres => {
                return refuse(
                    "raw_sql.colon",
                    "raw sql holds a colon that starts no parameter; write `:name`, with a space before it and a letter behind it",
                );
            }
            _ => {}
        }
        if touches_hyphen(&token, end, last_hyphen, dialect) {
            return refuse(
                "raw_sql.hyphens",
                "raw sql holds two hyphens that are no comment here; put a space between them",
            );
        }
        last_hyphen = token.is_operator("-");
        let from = *copied.get_or_insert(token.start);
        if token.kind == Kind::Param {
            push_text(&mut segments, sql, from, token.start);
            segments.push(Segment::Param(token.text.get(1..).unwrap_or_default()));
            copied = Some(token.end());
        }
        end = token.end();
    }
    if open > 0 {
        return refuse_parentheses();
    }
    match copied {
        Some(from) => push_text(&mut segments, sql, from, end),
        None => return refuse("raw_sql.empty", "raw sql is empty; write one statement"),
    }
    Ok(segments)
}

/// Refuses what no raw SQL may hold before it is read at all: too long, empty, NUL and other control characters.
pub(crate) fn check_text(sql: &str) -> Result<()> {
    if sql.len() > MAX_BYTES {
        return refuse("raw_sql.too_long", "raw sql is longer than 32 KiB; bind long values or split it");
    }
    if sql.trim().is_empty() {
        return refuse("raw_sql.empty", "raw sql is empty; write one statement");
    }
    if let Some(character) = sql.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        let code = if character == '\0' { "raw_sql.nul" } else { "raw_sql.control" };
        let message =
            format!("raw sql holds the control character U+{:04X}; bind the value instead", u32::from(character));
        return Err(Error::new(ErrorKind::RawSql, code, message));
    }
    Ok(())
}

/// On MySQL `a--1` is `a - (-1)`, but becomes a comment as soon as white space or the end follows the hyphens, which happens
/// when the text is taken apart and composed.
pub(crate) fn touches_hyphen(token: &Token<'_>, end: usize, after_hyphen: bool, dialect: Dialect) -> bool {
    dialect.is_mysql_family() && after_hyphen && token.start == end && token.is_operator("-")
}

fn check_token(token: &Token<'_>, dialect: Dialect) -> Result<()> {
    match token.kind {
        Kind::Positional => {
            let shown = show_name(token.text);
            let message = format!("raw sql holds the placeholder {shown}; write `:name` and bind it by its name");
            Err(Error::new(ErrorKind::RawSql, "raw_sql.positional", message))
        }
        Kind::Variable => refuse(
            "raw_sql.variable",
            "raw sql holds a user or system variable (`@`); write `:name` and bind the value",
        ),
        Kind::Operator if dialect == Dialect::Postgres && token.text.contains('?') => refuse(
            "raw_sql.question_mark",
            "raw sql holds a `?`; write `:name` for a value, and `jsonb_exists`, `jsonb_exists_any`, `jsonb_exists_all` or \
             `jsonb_path_exists` for the operators of jsonb",
        ),
        Kind::Operator if token.text == ":=" && dialect != Dialect::Postgres => {
            refuse("raw_sql.assignment", "raw sql assigns a variable with `:=`; write `:name` and bind the value")
        }
        Kind::Directive => refuse(
            "raw_sql.directive",
            "raw sql holds a comment that a server runs or obeys (`/*!`, `/*M!` or `/*+`); remove it",
        ),
        Kind::Broken => refuse_broken(token),
        _ => Ok(()),
    }
}

fn refuse_broken(token: &Token<'_>) -> Result<()> {
    let mut characters = token.text.chars();
    match (characters.next(), characters.next()) {
        (Some('/'), Some('*')) => {
            refuse("raw_sql.open_comment", "raw sql holds a comment without an end; close it with `*/`")
        }
        (Some('"' | '`' | '['), _) => {
            refuse("raw_sql.open_name", "raw sql holds a quoted name without an end; close its quote")
        }
        (Some(':'), _) => refuse(
            "raw_sql.parameter",
            "raw sql holds a parameter whose name goes on with another character; use letters, digits and `_` only",
        ),
        (Some('0'..='9' | '.'), _) => {
            refuse("raw_sql.number", "raw sql holds a number that touches a word; put a space between them")
        }
        (Some('$'), Some('0'..='9')) => {
            refuse("raw_sql.positional", "raw sql holds a placeholder; write `:name` and bind it by its name")
        }
        _ => refuse("raw_sql.open_string", "raw sql holds a string without an end; close its quote"),
    }
}

fn push_text<'a>(segments: &mut Vec<Segment<'a>>, sql: &'a str, from: usize, to: usize) {
    if let Some(text) = sql.get(from..to)
        && !text.is_empty()
    {
        segments.push(Segment::Text(text));
    }
}

fn refuse_parentheses<T>() -> Result<T> {
    refuse("raw_sql.parentheses", "raw sql holds a parenthesis without its other half; close what it opens")
}

/// Whether `sql` begins a transaction, a savepoint that stands for one, or a block of statements.
pub(crate) fn begins_transaction(sql: &str, dialect: Dialect) -> bool {
    let first = Tokens::new(sql, dialect).find(|token| token.kind != Kind::Comment);
    first.is_some_and(|word| ["BEGIN", "START", "SAVEPOINT", "XA"].iter().any(|known| word.is_word(known)))
}

/// Whether `sql` begins or ends a transaction, or commits the one it runs in, as far as its own words tell.
///
/// SQL: MySQL manual, 15.3.3 "Statements That Cause an Implicit Commit"; MariaDB's `SET STATEMENT .. FOR` may hold any of them.
pub(crate) fn controls_transaction(sql: &str, dialect: Dialect) -> bool {
    let mut words = Tokens::new(sql, dialect).filter(|token| token.kind != Kind::Comment);
    let Some(first) = words.next() else { return false };
    let is_one_of = |word: &Token<'_>, list: &[&str]| list.iter().any(|it| word.is_word(it));
    let second = words.next();
    let second_is = |list: &[&str]| second.as_ref().is_some_and(|word| is_one_of(word, list));
    if first.is_word("ROLLBACK") {
        // To a savepoint, the transaction goes on.
        let noise = second_is(&["WORK", "TRANSACTION"]);
        return !(second_is(&["TO"]) || (noise && words.next().is_some_and(|word| word.is_word("TO"))));
    }
    if is_one_of(&first, &["BEGIN", "START", "COMMIT", "END", "ABORT"]) {
        return true;
    }
    if !dialect.is_mysql_family() {
        return first.is_word("PREPARE") && second_is(&["TRANSACTION"]);
    }
    let temporary = second_is(&["TEMPORARY"])
        || (second_is(&["OR"]) && words.by_ref().take(2).any(|word| word.is_word("TEMPORARY")));
    match () {
        () if is_one_of(&first, &["CREATE", "DROP"]) => !temporary,
        () if first.is_word("SET") => {
            second_is(&["STATEMENT", "PASSWORD", "DEFAULT", "AUTOCOMMIT"])
                || words.any(|word| word.is_word("AUTOCOMMIT") || word.text.eq_ignore_ascii_case("`autocommit`"))
        }
        () => is_one_of(&first, &IMPLICIT_COMMITS),
    }
}

/// The first words of statements before which MySQL and MariaDB commit.
const IMPLICIT_COMMITS: [&str; 22] = [
    "ALTER",
    "ANALYZE",
    "CACHE",
    "CHANGE",
    "CHECK",
    "FLUSH",
    "GRANT",
    "IMPORT",
    "INSTALL",
    "LOAD",
    "LOCK",
    "OPTIMIZE",
    "RENAME",
    "REPAIR",
    "RESET",
    "REVOKE",
    "STOP",
    "TRUNCATE",
    "UNINSTALL",
    "UNLOCK",
    "XA",
    "BACKUP",
];

fn refuse<T>(code: &'static str, message: &'static str) -> Result<T> {
    Err(Error::new(ErrorKind::RawSql, code, message))
}
