//! What is absent from the sources, kept absent.
//!
//! Each rule below is a line of DESIGN.md's "Absences" or of its order of stages. A rule brings snippets that break it and
//! snippets that keep it, so that a rule which no longer sees anything fails too.

pub mod source;

use std::path::Path;

use source::{Named, Source, is_word};

/// The stages, from left to right. A module names only those to its left; modules of one stage may name each other.
const STAGES: &[&[&str]] = &[
    &["error", "types", "value", "dialect", "ident", "token", "statement"],
    &["expr"],
    &["query"],
    &["schema"],
    &["policy"],
    &["compile"],
    // What `src/db/driver/mod.rs` defines, and the rows that it speaks of.
    &["row", "driver contract"],
    &["hook"],
    &["conn"],
    &["db"],
    // Checks of hooks, for those who write them.
    &["testing"],
];

/// Modules that stand outside the order: the crate's front, the names of the opt-outs, which belong to many stages, and the auditor's
/// tool, which is a program beside the library.
const OUTSIDE: &[&str] = &["lib", "prelude", "danger", "macros", "bin"];

/// The modules that turn a chain into text. They know the plan and nothing of the world.
const PURE: &[&str] = &["expr", "query", "schema", "policy", "compile", "token"];

/// What a pure module does not name, with why.
const WORLD: &[(&str, &str)] = &[
    ("tokio", "the runtime"),
    ("async", "the runtime"),
    ("await", "the runtime"),
    ("futures_util", "the runtime"),
    ("sqlx", "a driver"),
    ("rusqlite", "a driver"),
    ("deadpool", "the pool"),
    ("std::env", "the environment"),
    ("env::var", "the environment"),
    ("std::fs", "files"),
    ("std::net", "the network"),
    ("time::Instant", "the clock"),
    ("time::SystemTime", "the clock"),
    ("Utc::now", "the clock"),
    ("Local::now", "the clock"),
];

/// A rule, with code that breaks it and code that keeps it, as pairs of path and text.
struct Rule {
    says: &'static str,
    check: fn(&[Source]) -> Vec<String>,
    broken_by: &'static [(&'static str, &'static str)],
    kept_by: &'static [(&'static str, &'static str)],
}

const RULES: &[Rule] = &[
    Rule {
        says: "expr, query, schema, policy, compile and token know no async, driver, clock or environment",
        check: pure_modules,
        broken_by: &[
            ("expr/a.rs", "use tokio::time;"),
            ("query.rs", "pub async fn f() {}"),
            ("schema/a.rs", "use std::{env, fmt};"),
            ("schema/a.rs", "use std::env; fn f() { env::var(\"X\"); }"),
            ("policy/a.rs", "fn f() { let now = std::time::Instant::now(); }"),
            ("compile/a.rs", "use std::time::{Duration, SystemTime};"),
            ("token/a.rs", "fn f(row: &rusqlite::Row) {}"),
            ("compile/a.rs", "fn f() { chrono::Utc::now(); }"),
        ],
        kept_by: &[
            ("expr/a.rs", "// tokio\nuse std::time::Duration; fn f() { \"std::env\"; x.sqlx(); }"),
            ("expr/a.rs", "#[cfg(test)]\nmod tests { use std::env; }"),
            ("conn/a.rs", "use std::env; use tokio::net::TcpStream;"),
        ],
    },
    Rule {
        says: "only compile/lower names sea-query",
        check: |sources| only_in("sea_query", |path| path.starts_with("compile/lower"), sources),
        broken_by: &[("compile/verify.rs", "use sea_query::Expr;"), ("expr/a.rs", "fn f() -> sea_query::Value {}")],
        kept_by: &[
            ("compile/lower.rs", "use sea_query::Expr;"),
            ("compile/lower_write.rs", "use sea_query::Expr;"),
            ("compile/lower/case.rs", "use sea_query::Expr;"),
            ("lib.rs", "//! Built on sea_query."),
        ],
    },
    Rule {
        says: "only the SQLite driver names rusqlite; only conn and the drivers name sqlx",
        check: |sources| {
            let mut found = only_in("rusqlite", |path| path.starts_with("db/driver/sqlite"), sources);
            let with_sqlx = |path: &str| path.starts_with("db/driver/") || path.starts_with("conn/");
            found.extend(only_in("sqlx", with_sqlx, sources));
            found
        },
        broken_by: &[
            ("db/pool.rs", "use rusqlite::Connection;"),
            ("error.rs", "impl From<sqlx::Error> for Error {}"),
            ("db/driver/mysql.rs", "use rusqlite::Connection;"),
        ],
        kept_by: &[
            ("db/driver/sqlite_engine.rs", "use rusqlite::Connection;"),
            ("conn/mysql.rs", "use sqlx::mysql::MySqlConnectOptions;"),
            ("db/driver/sqlx_rows.rs", "use sqlx::Row;"),
        ],
    },
    Rule {
        says: "only conn exposes a secret, and the key of audit checkpoints",
        check: |sources| {
            let may = |path: &str| path.starts_with("conn") || path == "hook/audit/key.rs";
            let mut found = only_in("ExposeSecret", may, sources);
            found.extend(words_only_in("expose_secret", may, sources));
            found
        },
        broken_by: &[
            ("db/a.rs", "fn f() { password.expose_secret(); }"),
            ("db/driver/mysql.rs", "use secrecy::{ExposeSecret, SecretString};"),
        ],
        kept_by: &[
            ("conn/secret.rs", "use secrecy::ExposeSecret; fn f() { password.expose_secret(); }"),
            ("db/a.rs", "use secrecy::SecretString;"),
        ],
    },
    Rule {
        says: "each sqlx driver takes SQL text in one line, and nothing else does",
        check: one_line_of_sqlx,
        broken_by: &[
            ("db/driver/postgres.rs", "fn f() { query(AssertSqlSafe(a)); query(AssertSqlSafe(b)); }"),
            ("db/pool.rs", "use sqlx::AssertSqlSafe;"),
            ("db/driver/sqlx_rows.rs", "fn f() { query(sqlx::AssertSqlSafe(a)); }"),
            ("db/driver/mysql.rs", "fn f() { sqlx::raw_sql(x); }"),
        ],
        kept_by: &[
            ("db/driver/postgres.rs", "use sqlx::AssertSqlSafe; fn f() { query(AssertSqlSafe(a)); }"),
            ("db/driver/mysql.rs", "fn f() { query(sqlx::AssertSqlSafe(a)); }"),
        ],
    },
    Rule {
        says: "the SQLite driver prepares a statement's text in one line; all other text that it runs is fixed",
        check: one_line_of_rusqlite,
        broken_by: &[
            ("db/driver/sqlite.rs", "fn f() { c.prepare(a); c.prepare_cached(b); }"),
            ("db/pool.rs", "fn f(c: &rusqlite::Connection) { c.prepare_cached(b); }"),
            ("db/driver/sqlite.rs", "fn f() { c.execute_batch(&text); }"),
            ("db/driver/sqlite_session.rs", "fn f() { c.query_row(text, [], g); }"),
            ("db/driver/sqlite_session.rs", "fn f(sql: &str) { c.execute_batch(sql); }"),
        ],
        kept_by: &[
            (
                "db/driver/sqlite.rs",
                "fn f() { c.prepare_cached(a); c.execute_batch(\"BEGIN\"); c.execute_batch(BEGIN); }",
            ),
            ("db/driver/sqlite_engine.rs", "fn own(&self, sql: &'static str) { c.execute_batch(sql); }"),
            ("db/execute.rs", "fn f() { self.prepare(&plan); }"),
            ("db/driver/postgres.rs", "fn f() { connection.prepare(text); connection.execute(text); }"),
        ],
    },
    Rule {
        says: "no public function takes SQL as text that is not 'static, outside danger",
        check: no_sql_text,
        broken_by: &[
            ("db/a.rs", "impl D { pub fn run(&self, sql: &str) {} }"),
            ("db/a.rs", "pub async fn run<'a>(sql: impl Into<String>, n: u8) {}"),
            ("query/a.rs", "pub const fn raw(text: u8, query: Cow<'a, str>) {}"),
            ("query/a.rs", "pub fn raw(r#statement: String) {}"),
        ],
        kept_by: &[
            ("db/a.rs", "pub fn sql(&self, sql: &'static str) {} pub(crate) fn run(sql: &str) {}"),
            ("danger.rs", "pub fn unchecked_sql(sql: impl Into<String>) {}"),
            ("db/a.rs", "pub fn table(name: &str, sql: Fixed) {} fn private(sql: &str) {}"),
        ],
    },
    Rule {
        says: "a module names only what stands to its left",
        check: layering,
        broken_by: &[
            ("expr/a.rs", "use crate::query::Plan;"),
            ("compile/mod.rs", "fn f(s: crate::db::driver::Statement) {}"),
            ("value.rs", "use crate::{error::Error, expr::Expr};"),
            ("hook/a.rs", "use crate::db::Database;"),
            ("db/driver/mod.rs", "use crate::conn::Dsn;"),
            ("query/a.rs", "use super::super::policy::Policy;"),
            ("query/a.rs", "use crate::Database;"),
            ("novelty/a.rs", "fn f() {}"),
        ],
        kept_by: &[
            ("query/a.rs", "use crate::expr::Expr; use crate::error::{Error, Result}; use super::frame::Frame;"),
            ("db/driver/postgres.rs", "use crate::conn::Dsn; use super::{Connection, sqlx_bind};"),
            ("row/mod.rs", "use crate::db::driver::RowSink;"),
            ("lib.rs", "pub use crate::db::Database; pub use crate::expr::Expr;"),
            ("expr/a.rs", "macro_rules! m { () => { $crate::Expr } }"),
            ("conn/tls.rs", "use crate::danger;"),
        ],
    },
];

#[test]
fn the_sources_keep_every_rule() {
    let sources = real_sources();
    let broken: Vec<String> = RULES
        .iter()
        .flat_map(|rule| (rule.check)(&sources).into_iter().map(|found| format!("{found}\n    rule: {}", rule.says)))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_rule_sees_what_breaks_it() {
    for rule in RULES {
        for (path, text) in rule.broken_by {
            assert!(!(rule.check)(&[Source::new(path, text)]).is_empty(), "{}: not seen in `{text}`", rule.says);
        }
    }
}

#[test]
#[should_panic(expected = "what is `<` in an import?")]
fn an_import_that_is_not_understood_is_no_import_without_end() {
    Source::new("compile/mod.rs", "use crate::{\n<<<<<<< HEAD\n    expr::Expr,\n};").paths();
}

#[test]
fn every_rule_lets_pass_what_keeps_it() {
    for rule in RULES {
        for (path, text) in rule.kept_by {
            let found = (rule.check)(&[Source::new(path, text)]);
            assert!(found.is_empty(), "{}: {found:?} in `{text}`", rule.says);
        }
    }
}

#[test]
fn the_rules_read_the_sources_of_this_crate() {
    let sources = real_sources();
    let error = sources.iter().find(|source| source.path == "error.rs").expect("src/error.rs");
    assert!(!error.lines_with("ErrorKind").is_empty());
    assert!(sources.iter().any(|source| source.path == "db/driver/mod.rs"));
}

fn real_sources() -> Vec<Source> {
    fn read(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{prefix}{name}");
            if entry.file_type().unwrap().is_dir() {
                read(&entry.path(), &format!("{path}/"), sources);
            } else if name.ends_with(".rs") && name != "tests.rs" && !name.ends_with("_tests.rs") {
                sources.push(Source::new(&path, &std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let mut sources = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut sources);
    sources
}

fn at(source: &Source, line: usize, what: &str) -> String {
    format!("src/{}:{line}: {what}", source.path)
}

/// True where `pattern` (`a::b`) is a run of the path's segments.
fn names(path: &Named, pattern: &str) -> bool {
    let pattern: Vec<&str> = pattern.split("::").collect();
    path.segments.windows(pattern.len()).any(|run| run.iter().zip(&pattern).all(|(a, b)| a == b))
}

fn only_in(pattern: &str, allowed: fn(&str) -> bool, sources: &[Source]) -> Vec<String> {
    let others = sources.iter().filter(|source| !allowed(&source.path));
    others
        .flat_map(|source| {
            let paths = source.paths().into_iter().filter(|path| names(path, pattern));
            paths.map(|path| at(source, path.line, &format!("names `{pattern}`"))).collect::<Vec<_>>()
        })
        .collect()
}

fn words_only_in(word: &str, allowed: fn(&str) -> bool, sources: &[Source]) -> Vec<String> {
    let others = sources.iter().filter(|source| !allowed(&source.path));
    others
        .flat_map(|source| source.lines_with(word).into_iter().map(|line| at(source, line, &format!("has `{word}`"))))
        .collect()
}

fn pure_modules(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| PURE.contains(&source.module())) {
        for path in source.paths() {
            if let Some((pattern, what)) = WORLD.iter().find(|(pattern, _)| names(&path, pattern)) {
                found.push(at(source, path.line, &format!("names {what}: `{pattern}`")));
            }
        }
        for word in ["async", "await"] {
            found.extend(source.lines_with(word).into_iter().map(|line| at(source, line, &format!("has `{word}`"))));
        }
    }
    found
}

fn one_line_of_sqlx(sources: &[Source]) -> Vec<String> {
    let driver = |path: &str| path.starts_with("db/driver/postgres") || path.starts_with("db/driver/mysql");
    let mut found = only_in("AssertSqlSafe", driver, sources);
    found.extend(only_in("raw_sql", |_| false, sources).into_iter().filter(|line| line.contains("db/")));
    for driver in ["db/driver/postgres", "db/driver/mysql"] {
        let mut uses = Vec::new();
        for source in sources.iter().filter(|source| source.path.starts_with(driver)) {
            let paths = source.paths().into_iter().filter(|path| names(path, "AssertSqlSafe") && !path.imported);
            uses.extend(paths.map(|path| at(source, path.line, "takes SQL text, and so does another line")));
        }
        if uses.len() > 1 {
            found.extend(uses);
        }
    }
    found
}

fn one_line_of_rusqlite(sources: &[Source]) -> Vec<String> {
    const PREPARES: &[&str] = &["prepare", "prepare_cached", "prepare_with_flags"];
    const RUNS: &[&str] = &["execute", "execute_batch", "query_row", "query_row_and_then", "query_one"];
    let mut found = Vec::new();
    let mut prepares = Vec::new();
    for source in sources {
        let of_sqlite = source.path.starts_with("db/driver/sqlite");
        // Elsewhere `prepare` and `execute` are other things: sqlx's take text that the rule above has counted.
        if !of_sqlite && !source.paths().iter().any(|path| names(path, "rusqlite")) {
            continue;
        }
        for (index, token) in source.tokens.iter().enumerate() {
            if index == 0 || source.text(index - 1) != "." || source.text(index + 1) != "(" {
                continue;
            }
            if PREPARES.contains(&token.text.as_str()) {
                let line = at(source, token.line, "prepares SQL text, and so does another line");
                if of_sqlite { prepares.push(line) } else { found.push(line) }
            }
            if of_sqlite && RUNS.contains(&token.text.as_str()) && is_sql_argument(source, index + 2) {
                found.push(at(source, token.line, "runs SQL text that is neither a literal nor a constant"));
            }
        }
    }
    if prepares.len() > 1 {
        found.extend(prepares);
    }
    found
}

/// True where the argument is neither a literal, a constant nor a parameter of type `&'static str`. A prepared statement's own `execute` and `query_row` take binds, not text: a slice, an
/// iterator, `params!`.
fn is_sql_argument(source: &Source, index: usize) -> bool {
    let argument = source.text(index);
    let constant = is_word(argument) && argument.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let fixed = source.tokens.windows(5).any(|run| {
        let run: Vec<&str> = run.iter().map(|token| token.text.as_str()).collect();
        run == [argument, ":", "&", "'static", "str"]
    });
    !(argument == "\"\"" || constant || fixed || matches!(argument, "[" | "(" | ")" | "params" | "params_from_iter"))
}

fn no_sql_text(sources: &[Source]) -> Vec<String> {
    const TEXT: &[&str] = &["str", "String"];
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.module() != "danger") {
        for (index, token) in source.tokens.iter().enumerate() {
            if token.text != "fn" || !is_public(source, index) {
                continue;
            }
            for (name, type_) in parameters(source, index) {
                let about_sql = ["sql", "query", "statement", "ddl"].contains(&name.as_str());
                let text = type_.iter().any(|word| TEXT.contains(&word.as_str()));
                if about_sql && text && !type_.iter().any(|word| word == "'static") {
                    found.push(at(
                        source,
                        token.line,
                        &format!("a public function takes `{name}: {}`", type_.join(" ")),
                    ));
                }
            }
        }
    }
    found
}

/// True where `pub` without a restriction stands before the `fn` at `index`.
fn is_public(source: &Source, mut index: usize) -> bool {
    while index > 0 && ["async", "const", "unsafe", "extern", "\"\""].contains(&source.text(index - 1)) {
        index -= 1;
    }
    index > 0 && source.text(index - 1) == "pub"
}

/// The parameters of the `fn` at `index`: name, and the words of the type.
fn parameters(source: &Source, mut index: usize) -> Vec<(String, Vec<String>)> {
    let mut angle = 0;
    while index < source.tokens.len() {
        match source.text(index) {
            "<" => angle += 1,
            ">" if source.text(index - 1) != "-" => angle -= 1,
            "(" if angle == 0 => break,
            _ => {}
        }
        index += 1;
    }
    let (mut parameters, mut current, mut depth) = (Vec::new(), Vec::new(), 0);
    for token in source.tokens.iter().skip(index) {
        match token.text.as_str() {
            "(" | "[" | "<" | "{" => depth += 1,
            ")" | "]" | ">" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && token.text == ",") {
            parameters.push(std::mem::take(&mut current));
            if depth == 0 {
                break;
            }
        } else {
            current.push(token.text.clone());
        }
    }
    let split = |words: Vec<String>| {
        let colon = words.iter().position(|word| word == ":")?;
        Some((words.get(colon.checked_sub(1)?)?.clone(), words[colon + 1..].to_vec()))
    };
    parameters.into_iter().filter_map(split).collect()
}

fn layering(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let here = if source.path == "db/driver/mod.rs" { "driver contract" } else { source.module() };
        if OUTSIDE.contains(&here) {
            continue;
        }
        let Some(own) = stage(here) else {
            found.push(at(source, 1, &format!("`{here}` has no place in the order of stages")));
            continue;
        };
        for path in source.paths().iter().filter(|path| path.segments.first().is_some_and(|first| first == "crate")) {
            let segments: Vec<&str> = path.segments.iter().skip(1).map(String::as_str).collect();
            let there = match segments[..] {
                ["db", "driver", item, ..] if item.starts_with(char::is_uppercase) => "driver contract",
                [module, ..] => module,
                [] => continue,
            };
            match stage(there) {
                Some(other) if other > own => {
                    found.push(at(source, path.line, &format!("`{here}` names `{there}`, which stands to its right")));
                }
                None if !OUTSIDE.contains(&there) => {
                    found.push(at(
                        source,
                        path.line,
                        &format!("`crate::{there}` does not say which module it is from"),
                    ));
                }
                _ => {}
            }
        }
    }
    found
}

fn stage(module: &str) -> Option<usize> {
    STAGES.iter().position(|stage| stage.contains(&module))
}
