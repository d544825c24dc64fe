//! Opening and setting up a SQLite connection; what it may do afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::db::driver::Session;
use crate::db::driver::sqlite::SqliteLocation;
use crate::db::driver::sqlite_error::{self, open_error};
use crate::db::driver::sqlite_functions;
use crate::db::driver::sqlite_watch::Watch;
use crate::error::{Error, ErrorKind, Result, show_name};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 100;
/// How many instructions of SQLite's machine run between two looks at the clock: some tens of microseconds.
const INSTRUCTIONS: i32 = 1_000;
/// How long a statement waits for another connection's lock, unless the setting `busy_timeout` (milliseconds) says otherwise.
const BUSY: Duration = Duration::from_secs(5);

/// Pragmas that a handle may set, with the values that each takes.
const SETTINGS: [(&str, Takes); 8] = [
    ("busy_timeout", Takes::Number),
    ("cache_size", Takes::Number),
    ("journal_size_limit", Takes::Number),
    ("mmap_size", Takes::Number),
    ("wal_autocheckpoint", Takes::Number),
    ("synchronous", Takes::OneOf(&["normal", "full", "extra"])),
    ("temp_store", Takes::OneOf(&["default", "file", "memory"])),
    ("secure_delete", Takes::OneOf(&["on", "off", "fast"])),
];

#[derive(Clone, Copy)]
enum Takes {
    Number,
    OneOf(&'static [&'static str]),
}

/// Catalogue reads. As `PRAGMA name(..)` or `FROM pragma_name(..)` they return rows and change nothing.
const CATALOGUE: [&str; 7] =
    ["table_list", "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list"];

/// Pragmas that only report when they are given no value.
const REPORTS: [&str; 12] = [
    "application_id",
    "compile_options",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "integrity_check",
    "journal_mode",
    "page_count",
    "page_size",
    "query_only",
    "quick_check",
    "user_version",
];

/// Opens and sets up. Settings first, the authorizer last: it would refuse them.
pub(super) fn connect(location: &SqliteLocation, session: &Session, watch: &Arc<Watch>) -> Result<Connection> {
    let settings = check_settings(&session.settings)?;
    let mut connection = open(location, session.read_only)?;
    watch.connect(connection.get_interrupt_handle());
    let mut busy = BUSY;
    for (name, value) in &settings {
        if *name == "busy_timeout" {
            busy = Duration::from_millis(value.parse().unwrap_or(0));
        }
    }
    wait_for_locks(&mut connection, busy, Arc::clone(watch)).map_err(open_error)?;
    configure(&connection).map_err(open_error)?;
    sqlite_functions::register(&connection, watch).map_err(open_error)?;
    for (name, value) in &settings {
        if *name != "busy_timeout" {
            connection.pragma_update(None, name, value).map_err(open_error)?;
        }
    }
    // Reads the first page: a file that is no database, or a missing key, shows here and not in a query.
    connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0)).map_err(open_error)?;
    if session.read_only {
        connection.pragma_update(None, "query_only", true).map_err(open_error)?;
    } else if matches!(location, SqliteLocation::File { .. }) {
        write_ahead(&connection, watch)?;
    }
    let its_watch = Arc::clone(watch);
    connection.progress_handler(INSTRUCTIONS, Some(move || its_watch.stop().is_some())).map_err(open_error)?;
    let its_watch = Arc::clone(watch);
    let allows = if session.read_only { read_only_allows } else { read_write_allows };
    let authorizer = move |context: AuthContext<'_>| {
        if its_watch.is_own() || allows(&context.action) { Authorization::Allow } else { Authorization::Deny }
    };
    connection.authorizer(Some(authorizer)).map_err(open_error)?;
    Ok(connection)
}

fn open(location: &SqliteLocation, read_only: bool) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags |= match (read_only, location) {
        (true, _) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        (false, SqliteLocation::File { create: false, .. }) => OpenFlags::SQLITE_OPEN_READ_WRITE,
        (false, _) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let path = match location {
        SqliteLocation::File { path, .. } => plain_path(path)?,
        SqliteLocation::Memory(name) => {
            flags |= OpenFlags::SQLITE_OPEN_URI;
            PathBuf::from(memory_uri(name))
        }
    };
    Connection::open_with_flags(path, flags).map_err(open_error)
}

/// A path that SQLite takes as one: `:memory:` and names in `file:` have a meaning of their own unless a folder stands before them.
fn plain_path(path: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(Error::new(ErrorKind::Connect, "connect.path", "the path of the database file is empty"));
    }
    Ok(if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) })
}

/// SQLite's `memdb` shares a database between connections when its name starts with a slash.
fn memory_uri(name: &str) -> String {
    let mut uri = String::from("file:/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02x}"));
        }
    }
    uri.push_str("?vfs=memdb");
    uri
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    for (what, on) in [
        // A name in double quotes that is no column is an error, not a text.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
    ] {
        connection.set_db_config(what, on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 4 << 20),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 1_000),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 32_766),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // As on PostgreSQL; also lets an index serve `LIKE 'a%'`.
    connection.pragma_update(None, "case_sensitive_like", true)
}

/// Waits for locks as SQLite's own timeout does, but stops for a cancel or a deadline.
fn wait_for_locks(connection: &mut Connection, limit: Duration, watch: Arc<Watch>) -> rusqlite::Result<()> {
    let mut since = Instant::now();
    connection.busy_handler(Some(move |count: i32| {
        if count == 0 {
            since = Instant::now();
        }
        if watch.stop().is_some() || since.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(u64::try_from(count).unwrap_or(0).clamp(1, 25)));
        true
    }))
}

/// Readers and a writer then don't block each other. Two connections that switch a new file at once find it locked, and SQLite
/// doesn't wait here by itself.
fn write_ahead(connection: &Connection, watch: &Watch) -> Result<()> {
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(_) => return Ok(()),
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) if watch.stop().is_none() => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => return Err(sqlite_error::open_error(error)),
            },
        }
    }
}

/// A read-only connection selects, and reads the catalogue.
fn read_only_allows(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive | AuthAction::Transaction { .. } => true,
        AuthAction::Function { function_name } => is_harmless(function_name),
        AuthAction::Pragma { pragma_name, .. } => is_in(&CATALOGUE, pragma_name),
        _ => false,
    }
}

/// A read-write connection does all but reach other files and change its own settings.
fn read_write_allows(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Unknown { .. } => false,
        AuthAction::Function { function_name } => is_harmless(function_name),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            is_in(&CATALOGUE, pragma_name)
                || (pragma_value.is_none() && is_in(&REPORTS, pragma_name))
                // With a table's name it reads that table. ALTER TABLE does so to see whether the rows meet a new check.
                || pragma_name.eq_ignore_ascii_case("quick_check")
        }
        _ => true,
    }
}

/// SQLite's shell brings `readfile`, `writefile` and `edit`; none is in the library, and none shall be if that changes.
fn is_harmless(function: &str) -> bool {
    !is_in(&["load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"], function)
}

fn is_in(names: &[&str], name: &str) -> bool {
    names.iter().any(|it| it.eq_ignore_ascii_case(name))
}

fn check_settings(settings: &[(String, String)]) -> Result<Vec<(&'static str, &str)>> {
    settings.iter().map(|(name, value)| check_setting(name, value)).collect()
}

fn check_setting<'v>(name: &str, value: &'v str) -> Result<(&'static str, &'v str)> {
    let Some((known, takes)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<String> = SETTINGS.iter().map(|(known, _)| show_name(known)).collect();
        let message = format!("sqlite has no session setting {}; there are {}", show_name(name), known.join(", "));
        return Err(Error::new(ErrorKind::Connect, "connect.setting", message));
    };
    let expected = match takes {
        Takes::Number if value.parse::<i64>().is_ok() => return Ok((known, value)),
        Takes::Number => "a whole number".to_owned(),
        Takes::OneOf(words) if words.contains(&value) => return Ok((known, value)),
        Takes::OneOf(words) => format!("one of {}", words.join(", ")),
    };
    let message = format!("the session setting {} takes {expected}", show_name(known));
    Err(Error::new(ErrorKind::Connect, "connect.setting_value", message))
}

#[cfg(test)]
pub(super) fn tests_plain_path(path: &str) -> String {
    plain_path(Path::new(path)).map_or(String::new(), |it| it.display().to_string())
}
