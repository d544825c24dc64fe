//! The one error type.
//!
//! A message says what was refused and what to write instead. It holds no value, no DSN, no SQL text and no
//! server message, because servers quote row data; what a program needs from the server (SQLSTATE, constraint,
//! table and column names) is behind accessors.

mod violations;

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

pub use violations::{Violation, Violations};

/// A `Result` whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What family an [`Error`] belongs to, for a program that decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A name can't be an identifier, or stands where no name may stand.
    Name,
    /// The chain itself makes no sense: a verb misses something or asks for two things at once.
    Plan,
    /// A table or column doesn't exist, or a name means two columns.
    Schema,
    /// Two types don't fit, or a value doesn't fit its type.
    Type,
    /// The plan needs a table's columns and they are not known yet; see `Database::schema`.
    SchemaNeeded,
    /// The guard refuses the statement: a write on a read-only handle, a write without a condition.
    Policy,
    /// The database lacks a feature that can't be emulated exactly.
    Unsupported,
    /// A depth, node, bind, name or size limit was exceeded.
    Limit,
    /// Raw SQL text was refused.
    RawSql,
    /// A DSN is malformed, or has an unknown or repeated option.
    Dsn,
    /// The server's certificate or the TLS handshake was refused.
    Tls,
    /// The server could not be reached or refused the session.
    Connect,
    /// The server refused the credentials.
    Auth,
    /// No connection became free in time.
    Pool,
    /// A deadline passed.
    Timeout,
    /// The statement was cancelled.
    Cancelled,
    /// A unique, foreign key, check or not-null constraint was violated.
    Constraint,
    /// The database refused the statement for another reason; see [`Error::sqlstate`].
    Database,
    /// A value from the database doesn't fit the type asked for.
    Decode,
    /// A bound value can't be sent to this database exactly.
    Encode,
    /// `one` found no row or more than one, `optional` more than one.
    RowCount,
    /// A write touched more rows than `max_affected` allows and was rolled back.
    TooManyRows,
    /// A hook refused the statement, panicked or missed its deadline.
    Hook,
    /// A rate limit was exceeded; see [`Error::retry_after`].
    RateLimited,
    /// The audit record could not be written, so the statement was not sent.
    Audit,
    /// A file or environment variable could not be read.
    Io,
    /// A transaction was used after its end.
    Transaction,
    /// A commit was on its way when the connection was lost or the deadline passed: either all of the transaction was kept or
    /// none of it, and which is not known. Any other error of a transaction means that nothing was kept.
    CommitUnknown,
    /// A row was not as the write expected it; see `Update::expect_version` and `Update::or_conflict`.
    Conflict,
    /// A row broke the rules of its table's validator; see [`Error::violations`].
    Validation,
    /// A defect in this crate: please report it.
    Internal,
}

/// Why a statement, a name or a DSN was refused or failed.
///
/// The message is one line, lower case, and says what to write instead where that is known. [`Error::kind`] and
/// [`Error::code`] are for programs; codes are stable across versions.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: Cow<'static, str>,
    location: Option<&'static Location<'static>>,
    sqlstate: Option<String>,
    constraint: Option<String>,
    table: Option<String>,
    column: Option<String>,
    rule: Option<String>,
    retry_after: Option<Duration>,
    needs: Vec<(Option<String>, String)>,
    violations: Option<Violations>,
    others: Vec<Error>,
    source: Option<Arc<dyn std::error::Error + Send + Sync + 'static>>,
}

impl Error {
    /// `code` is `area.what`, lower case; it never changes once released.
    pub(crate) fn new(kind: ErrorKind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Arc::new(Inner {
            kind,
            code,
            message: message.into(),
            location: None,
            sqlstate: None,
            constraint: None,
            table: None,
            column: None,
            rule: None,
            retry_after: None,
            needs: Vec::new(),
            violations: None,
            others: Vec::new(),
            source: None,
        }))
    }

    /// A refusal by a caller's own [`Hook`](crate::Hook): `message` is shown as it is, so it should hold no value.
    pub fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Hook, "hook.refused", message)
    }

    /// A defect of this crate.
    pub(crate) fn internal(code: &'static str) -> Self {
        Error::new(ErrorKind::Internal, code, "a defect in this crate; please report it with the error's code")
    }

    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Keeps the first location: the innermost verb is the one to mend.
    pub(crate) fn at(self, location: &'static Location<'static>) -> Self {
        self.edit(|inner| inner.location = inner.location.or(Some(location)))
    }

    pub(crate) fn with_sqlstate(self, sqlstate: impl Into<String>) -> Self {
        self.edit(|inner| inner.sqlstate = Some(sqlstate.into()))
    }

    pub(crate) fn with_constraint(self, name: impl Into<String>) -> Self {
        self.edit(|inner| inner.constraint = Some(name.into()))
    }

    pub(crate) fn with_table(self, name: impl Into<String>) -> Self {
        self.edit(|inner| inner.table = Some(name.into()))
    }

    pub(crate) fn with_column(self, name: impl Into<String>) -> Self {
        self.edit(|inner| inner.column = Some(name.into()))
    }

    pub(crate) fn with_rule(self, rule: impl Into<String>, retry_after: Option<Duration>) -> Self {
        self.edit(|inner| {
            inner.rule = Some(rule.into());
            inner.retry_after = retry_after;
        })
    }

    pub(crate) fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.edit(|inner| inner.source = Some(Arc::new(source)))
    }

    /// The tables, as (schema, name), whose columns a plan asks for; with [`ErrorKind::SchemaNeeded`].
    pub(crate) fn with_needs(self, tables: Vec<(Option<String>, String)>) -> Self {
        self.edit(|inner| inner.needs = tables)
    }

    pub(crate) fn with_violations(self, violations: Violations) -> Self {
        self.edit(|inner| inner.violations = Some(violations))
    }

    pub(crate) fn needs(&self) -> &[(Option<String>, String)] {
        &self.0.needs
    }

    /// Joins all mistakes of one chain into the first of them.
    pub(crate) fn join(errors: Vec<Error>) -> Option<Error> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        let others: Vec<Error> = errors.collect();
        Some(if others.is_empty() { first } else { first.edit(|inner| inner.others = others) })
    }

    /// The family of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// A stable code such as `ident.empty`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Where in the caller's source the refused verb or expression was written, when it is known.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.0.location
    }

    /// The SQLSTATE that the server gave (SQL:2016 part 2, clause 24), or SQLite's extended result code as a number.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// The constraint that was violated, when the server names it.
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// The table that the error is about, when known.
    pub fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// The column that the error is about, when known.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// The rate-limit rule that refused the statement.
    pub fn rule(&self) -> Option<&str> {
        self.0.rule.as_deref()
    }

    /// How long to wait before the same statement is allowed; `None` when waiting doesn't help.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The rules that the rows of a write broke, with [`ErrorKind::Validation`]: data that can be shown to whoever sent the rows.
    pub fn violations(&self) -> Option<&Violations> {
        self.0.violations.as_ref()
    }

    /// The further mistakes of the same chain: a builder reports all of them at once.
    pub fn others(&self) -> &[Error] {
        &self.0.others
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for other in &self.0.others {
            write!(f, "; {other}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    /// Written for `fn main() -> Result<()>`, which prints errors this way: the message, the code, the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.0.code)?;
        if let Some(sqlstate) = &self.0.sqlstate {
            // An SQLSTATE has five characters; SQLite's result codes have at most four.
            let what = if sqlstate.len() == 5 { "SQLSTATE" } else { "result code" };
            write!(f, " ({what} {sqlstate})")?;
        }
        if let Some(place) = self.0.location {
            write!(f, " at {}:{}", place.file(), place.line())?;
        }
        for other in &self.0.others {
            write!(f, "; {other:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

/// A name in back-ticks for a message: one line, escaped, cut at 64 characters, whatever it holds.
pub(crate) fn show_name(name: &str) -> String {
    let mut shown = String::with_capacity(name.len().min(80) + 2);
    shown.push('`');
    for (position, character) in name.chars().enumerate() {
        if position == 64 {
            shown.push('…');
            break;
        }
        if character.is_alphanumeric()
            || (character.is_ascii_graphic() && character != '`' && character != '\\')
            || character == ' '
        {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown.push('`');
    shown
}
