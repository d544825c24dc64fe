//! Raw SQL on a read-only handle: an allow-list of what a select may be made of.
//!
//! The parser is not the server, so it never sees the caller's text. Our tokenizer, which ends strings, names and comments
//! where the server does, writes a plain text of the same tokens (each string as `'x'`, each number as `0`, each parameter as
//! a placeholder, comments gone), and the parser reads that. What the parser takes for a select must then pass three lists:
//! words that no select needs, words in front of a parenthesis, and the walk over the syntax tree, where a node that is not
//! known to be harmless is refused. The original text is what runs; the rewritten one is dropped.
//!
//! This is the third lock. The session's own read-only switch and the role's grants are the other two.

mod expression;
mod functions;
#[cfg(test)]
mod tests;
mod types;
mod walk;

use sqlparser::ast::Statement;
use sqlparser::dialect::{Dialect as ParserDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::token::{Kind, MAX_TOKENS, Token, Tokens, check_text, decode_name, touches_hyphen};

/// How deep parentheses may nest: the parser and the walk recurse on them.
const MAX_NESTING: usize = 32;

/// The stack of the thread that parses.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Words that no read-only select needs, whatever the parser makes of them. Quoted, they are names and pass.
const REFUSED_WORDS: [&str; 7] = ["INTO", "INSERT", "UPDATE", "DELETE", "MERGE", "OUTFILE", "DUMPFILE"];

/// What a select reads, for the audit record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RawAccess {
    /// Tables as (schema, name), in the order of their first use, each once. Names of common table expressions are not
    /// among them where they hide a table; in doubt a name is listed.
    pub(crate) tables: Vec<(Option<String>, String)>,
}

/// Checks that `sql` is one select that writes nothing, locks nothing and calls only functions known to be harmless.
///
/// `sql` may hold its parameters as `:name` or already as the server's placeholders.
pub(crate) fn check_read_only(sql: &str, dialect: Dialect) -> Result<RawAccess> {
    check_text(sql)?;
    let tokens = significant_tokens(sql, dialect)?;
    check_words(&tokens, dialect)?;
    let plain = plain_text(&tokens, dialect)?;
    // The parser recurses with large frames: a debug build overflows a common stack of 2 MiB within its own depth limit. Its
    // tree is walked and dropped there too.
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || check_plain(&plain, &tokens, dialect))
            .ok()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_else(|| {
                refuse("raw.thread", "raw sql could not be checked: the machine refused a thread; try again later")
            })
    })
}

fn check_plain(plain: &str, tokens: &[Token<'_>], dialect: Dialect) -> Result<RawAccess> {
    let mut statements = Parser::new(parser_dialect(dialect))
        .with_recursion_limit(MAX_NESTING + 16)
        .try_with_sql(plain)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|_| {
            // The parser's own message quotes the text.
            Error::new(
                ErrorKind::Policy,
                "raw.syntax",
                "raw sql on a read-only handle could not be read as a select; simplify it, use the builder, or a read-write handle",
            )
        })?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return refuse("raw.statements", "raw sql must be exactly one statement; send each statement on its own");
    };
    let Statement::Query(query) = &statement else { return not_a_select() };
    let mut walk = walk::Walk::new(dialect);
    walk.query(query, 0)?;
    check_calls(tokens, dialect, &walk.aliases)?;
    Ok(RawAccess { tables: walk.tables })
}

fn significant_tokens(sql: &str, dialect: Dialect) -> Result<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    for (position, token) in Tokens::new(sql, dialect).enumerate() {
        if position >= MAX_TOKENS {
            return refuse("raw.too_many_tokens", "raw sql has more than 8000 words and signs; split it");
        }
        match token.kind {
            Kind::Comment => continue,
            Kind::Directive => {
                return refuse("raw.directive", "raw sql holds a comment that a server runs or obeys; remove it");
            }
            Kind::Broken => {
                return refuse(
                    "raw.broken",
                    "raw sql holds a string, name, comment or number without an end; close it",
                );
            }
            Kind::Variable => {
                return refuse(
                    "raw.variable",
                    "raw sql holds a user or system variable; write `:name` and bind the value",
                );
            }
            Kind::Operator if token.text == "(" || token.text == "[" => depth += 1,
            Kind::Operator if token.text == ")" || token.text == "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return refuse(
                "raw.too_deep",
                "raw sql nests more than 32 parentheses; use `with` to name the inner parts",
            );
        }
        tokens.push(token);
    }
    while tokens.last().is_some_and(|token| token.kind == Kind::Semicolon) {
        tokens.pop();
    }
    if tokens.iter().any(|token| token.kind == Kind::Semicolon) {
        return refuse("raw.statements", "raw sql must be exactly one statement; send each statement on its own");
    }
    Ok(tokens)
}

fn check_words(tokens: &[Token<'_>], dialect: Dialect) -> Result<()> {
    let first = tokens.iter().find(|token| !token.is_operator("("));
    if !first.is_some_and(|token| ["SELECT", "WITH", "VALUES"].iter().any(|word| token.is_word(word))) {
        return not_a_select();
    }
    let lock = || refuse("raw.lock", "raw sql on a read-only handle locks rows; remove the lock clause");
    for (position, token) in tokens.iter().enumerate() {
        let next = tokens.get(position + 1);
        let before = position.checked_sub(1).and_then(|position| tokens.get(position));
        if token.is_word("UPDATE") && before.is_some_and(|word| word.is_word("FOR") || word.is_word("KEY")) {
            return lock();
        }
        if token.is_word("LOCK") && next.is_some_and(|next| next.is_word("IN")) {
            return lock();
        }
        if REFUSED_WORDS.iter().any(|word| token.is_word(word)) {
            return refuse(
                "raw.write_word",
                "raw sql on a read-only handle holds `into`, `insert`, `update`, `delete` or `merge`; quote it where it is a name, \
                 or use a read-write handle",
            );
        }
        // SQL: PostgreSQL reads `FROM ONLY t` as table `t` without its children; the parser reads a table named ONLY.
        if dialect == Dialect::Postgres && token.is_word("ONLY") && next.is_some_and(|next| !next.is_word("WITH")) {
            let fetch =
                next.is_none_or(|next| next.is_operator(")") || next.is_word("OFFSET") || next.is_word("LIMIT"));
            if !fetch {
                return refuse(
                    "raw.only",
                    "raw sql holds `only`; name the table without it, or use a read-write handle",
                );
            }
        }
    }
    Ok(())
}

/// The same tokens in the plainest spelling, for the parser.
fn plain_text(tokens: &[Token<'_>], dialect: Dialect) -> Result<String> {
    let mut plain = String::new();
    let mut end = 0;
    let mut after_text = false;
    let mut after_hyphen = false;
    for (position, token) in tokens.iter().enumerate() {
        let is_text = token.kind == Kind::Text;
        // Adjacent strings are one string on PostgreSQL and MySQL; the parser would take the second for an alias.
        if is_text && after_text && dialect != Dialect::Sqlite {
            continue;
        }
        after_text = is_text;
        if touches_hyphen(token, end, after_hyphen, dialect) {
            return refuse(
                "raw.hyphens",
                "raw sql holds two hyphens that are no comment here; put a space between them",
            );
        }
        after_hyphen = token.is_operator("-");
        if token.start > end {
            plain.push(' ');
        }
        end = token.end();
        match token.kind {
            Kind::Text => plain.push_str(" 'x' "),
            Kind::Number => plain.push_str(" 0 "),
            Kind::Param | Kind::Positional => plain.push_str(if dialect == Dialect::Postgres { " $1 " } else { " ? " }),
            Kind::Name => {
                let Some(name) = decode_name(token.text, dialect) else {
                    return refuse(
                        "raw.name",
                        "raw sql holds a name in the notation `U&`; write it in plain double quotes",
                    );
                };
                if name.is_empty() || name.contains(['"', '`', '\\']) {
                    return refuse(
                        "raw.name",
                        "raw sql holds a quoted name that is empty or has quotes inside; use the builder",
                    );
                }
                let quote = dialect.name_quote();
                plain.extend([' ', quote]);
                plain.push_str(&name);
                plain.extend([quote, ' ']);
            }
            // The parser has its own idea of white space beyond ASCII, and of these signs.
            Kind::Word if !token.text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$')) => {
                return refuse("raw.name", "raw sql holds a bare name with unusual characters; quote it");
            }
            Kind::Operator if token.text.contains(['$', '`', '\\', '{', '}', '\'', '"']) || !token.text.is_ascii() => {
                return refuse("raw.sign", "raw sql holds a sign that no select needs; remove it");
            }
            // SQL: MySQL, `a mod b` is `a % b`; the parser takes the word for an alias.
            Kind::Word
                if dialect.is_mysql_family()
                    && token.is_word("MOD")
                    && !tokens.get(position + 1).is_some_and(|next| next.is_operator("(")) =>
            {
                plain.push_str(" % ");
            }
            // SQL: SQLite, `a is b` compares any two operands, null with null.
            Kind::Word if dialect == Dialect::Sqlite && token.is_word("IS") && compares(tokens, position + 1) => {
                plain.push_str(" = ");
            }
            _ => plain.push_str(token.text),
        }
    }
    Ok(plain)
}

/// True when what follows `is` is an operand and not one of the fixed words, which the parser knows.
fn compares(tokens: &[Token<'_>], after: usize) -> bool {
    let after = if tokens.get(after).is_some_and(|token| token.is_word("NOT")) { after + 1 } else { after };
    tokens.get(after).is_some_and(|token| !["NULL", "TRUE", "FALSE", "DISTINCT"].iter().any(|word| token.is_word(word)))
}

/// Every word before a parenthesis must be an allowed function, a keyword that takes one, a sized type or an alias with
/// columns. The walk says the same of the tree; this says it of the tokens, which can't be misread.
fn check_calls(tokens: &[Token<'_>], dialect: Dialect, aliases: &[String]) -> Result<()> {
    for (token, next) in tokens.iter().zip(tokens.iter().skip(1)) {
        if !next.is_operator("(") {
            continue;
        }
        let known = match token.kind {
            Kind::Word => {
                let word = token.text.to_ascii_lowercase();
                functions::is_allowed(&word, dialect)
                    || functions::is_allowed_relation(&word, dialect)
                    || functions::PAREN_KEYWORDS.contains(&word.as_str())
                    || types::is_sized(&word)
                    || aliases.iter().any(|alias| alias.eq_ignore_ascii_case(&word))
            }
            Kind::Name => decode_name(token.text, dialect).is_some_and(|name| aliases.contains(&name)),
            _ => true,
        };
        if !known {
            return Err(functions::refuse_function(token.text));
        }
    }
    Ok(())
}

fn parser_dialect(dialect: Dialect) -> &'static dyn ParserDialect {
    match dialect {
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::MySql | Dialect::MariaDb => &MySqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
    }
}

fn not_a_select<T>() -> Result<T> {
    refuse(
        "raw.not_a_select",
        "raw sql on a read-only handle must be one select; use the builder's write verbs on a read-write handle for anything else",
    )
}

fn refuse<T>(code: &'static str, message: &'static str) -> Result<T> {
    Err(Error::new(ErrorKind::Policy, code, message))
}
