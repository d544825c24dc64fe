//! What a server's refusal is called here.
//!
//! Server messages quote row values, so none is kept: only the SQLSTATE and the names of what was violated leave this file.

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};

#[cfg(feature = "mysql")]
use super::mysql_error;
#[cfg(feature = "postgres")]
use super::postgres_error;

/// Turns the driver's error into ours. It never fails and keeps no text of the server.
pub(crate) fn from_sqlx(error: sqlx::Error, dialect: Dialect) -> Error {
    match error {
        sqlx::Error::Database(error) => from_server(&*error, dialect),
        sqlx::Error::Io(error) => from_io(&error, dialect),
        sqlx::Error::Tls(_) => tls(dialect),
        // Every encode error is raised by our own binder before a statement is handed over.
        sqlx::Error::Encode(_) => Error::new(ErrorKind::Encode, "bind.encode", "a bound value can't be sent"),
        // sqlx looks a result's types up in the catalogue and gives up on some that are internal to the server.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => Error::new(
            ErrorKind::Decode,
            "decode.unsupported",
            "a column of the result is of a type that can't be read; cast it to text",
        ),
        _ => Error::new(
            ErrorKind::Connect,
            "connect.protocol",
            format!("the conversation with {dialect} went out of step, and the session was closed"),
        ),
    }
}

/// Whether the session is of no more use after this error.
pub(crate) fn breaks_session(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            #[cfg(feature = "postgres")]
            if let Some(error) = error.try_downcast_ref() {
                return postgres_error::breaks_session(error);
            }
            #[cfg(feature = "mysql")]
            if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
                return mysql_error::breaks_session(error.number());
            }
            // A proxy's own kind of error, of which nothing is known.
            true
        }
        sqlx::Error::Encode(_) => false,
        _ => true,
    }
}

fn from_server(error: &dyn sqlx::error::DatabaseError, dialect: Dialect) -> Error {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref() {
        return postgres_error::from_server(error);
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return mysql_error::from_server(error.number(), error.code(), error.message(), dialect);
    }
    refused(dialect)
}

/// The server's error of no kind that a program would want to tell from others.
pub(super) fn refused(dialect: Dialect) -> Error {
    Error::new(ErrorKind::Database, "db.error", format!("{dialect} refused the statement"))
}

fn tls(dialect: Dialect) -> Error {
    Error::new(ErrorKind::Tls, "tls.refused", format!("the TLS handshake with {dialect} failed"))
}

/// A certificate that was refused arrives as invalid data; nothing else does. Text of the operating system is dropped, since
/// it may name the host.
fn from_io(error: &std::io::Error, dialect: Dialect) -> Error {
    if error.kind() == std::io::ErrorKind::InvalidData {
        return tls(dialect);
    }
    let message = format!("the connection to {dialect} was lost");
    Error::new(ErrorKind::Connect, "connect.lost", message).with_source(std::io::Error::from(error.kind()))
}

/// What the two servers call differently but means one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Unique,
    ForeignKey,
    Check,
    NotNull,
    Exclusion,
    OtherConstraint,
    StatementTimeout,
    IdleTimeout,
    Cancelled,
    ReadOnly,
    Permission,
    Serialization,
    Deadlock,
    LockTimeout,
    StalePlan,
    Connection,
    Auth,
    UnknownDatabase,
    UnknownTable,
    UnknownColumn,
    UnknownFunction,
    Syntax,
    DivisionByZero,
    OutOfRange,
    TooLong,
    InvalidValue,
    Other,
}

impl Refusal {
    pub(super) fn error(self, dialect: Dialect) -> Error {
        use ErrorKind::{Auth, Cancelled, Connect, Constraint, Database, Policy, Timeout};
        let (kind, code, message) = match self {
            Refusal::Unique => (Constraint, "constraint.unique", "a row with the same unique key exists"),
            Refusal::ForeignKey => {
                (Constraint, "constraint.foreign_key", "a foreign key refers to a row that is missing or still in use")
            }
            Refusal::Check => (Constraint, "constraint.check", "a check constraint is violated"),
            Refusal::NotNull => (Constraint, "constraint.not_null", "a column that may not be null got no value"),
            Refusal::Exclusion => (Constraint, "constraint.exclusion", "an exclusion constraint is violated"),
            Refusal::OtherConstraint => (Constraint, "constraint.other", "a constraint is violated"),
            Refusal::StatementTimeout => {
                (Timeout, "timeout.statement", "the server ended the statement at its deadline")
            }
            Refusal::IdleTimeout => {
                (Timeout, "timeout.idle", "the server closed the session because it was idle too long")
            }
            Refusal::Cancelled => (Cancelled, "cancelled.server", "the statement was cancelled on the server"),
            Refusal::ReadOnly => (Policy, "db.read_only", "the database refuses writes in this session"),
            Refusal::Permission => (Database, "db.permission", "the role lacks a privilege that the statement needs"),
            Refusal::Serialization => {
                (Database, "db.serialization", "the transaction conflicts with another; run it again from its start")
            }
            Refusal::Deadlock => {
                (Database, "db.deadlock", "the transaction was chosen to end a deadlock; run it again from its start")
            }
            Refusal::LockTimeout => (Database, "db.lock_timeout", "a lock did not become free in time"),
            Refusal::StalePlan => {
                (Database, "db.stale_plan", "a table changed after the statement was prepared; run the statement again")
            }
            Refusal::Connection => (Connect, "connect.lost", "the server ended the session or takes none"),
            Refusal::Auth => (Auth, "auth.refused", "the server refused the credentials"),
            Refusal::UnknownDatabase => (Connect, "connect.database", "the server has no such database"),
            Refusal::UnknownTable => (Database, "db.unknown_table", "the database has no such table"),
            Refusal::UnknownColumn => (Database, "db.unknown_column", "the database has no such column"),
            Refusal::UnknownFunction => {
                (Database, "db.unknown_function", "the database has no such function or operator for these types")
            }
            Refusal::Syntax => (Database, "db.syntax", "the database can't read the statement"),
            Refusal::DivisionByZero => (Database, "db.division_by_zero", "the statement divides by zero"),
            Refusal::OutOfRange => (Database, "db.out_of_range", "a value is outside the range of its type"),
            Refusal::TooLong => (Database, "db.too_long", "a value is longer than its column"),
            Refusal::InvalidValue => (Database, "db.invalid_value", "a value can't be read as the type it is used as"),
            Refusal::Other => return refused(dialect),
        };
        Error::new(kind, code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_breaks_the_session_and_names_no_host() {
        let lost = sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "reset by db.example"));
        assert!(breaks_session(&lost));
        let error = from_sqlx(lost, Dialect::Postgres);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Connect, "connect.lost"));
        let source = std::error::Error::source(&error).expect("the kind of the failure is kept");
        assert!(!format!("{error:?} {source}").contains("db.example"));
    }

    #[test]
    fn a_refused_certificate_is_no_lost_connection() {
        let refused = sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, "UnknownIssuer"));
        assert_eq!(from_sqlx(refused, Dialect::MariaDb).kind(), ErrorKind::Tls);
    }

    #[test]
    fn an_unexpected_message_breaks_the_session_and_an_unsent_value_does_not() {
        let protocol = sqlx::Error::Protocol("expected COM_STMT_PREPARE_OK but found 'secret'".into());
        assert!(breaks_session(&protocol));
        let error = from_sqlx(protocol, Dialect::MySql);
        assert_eq!(error.code(), "connect.protocol");
        assert!(!format!("{error:?}").contains("secret"));
        assert!(!breaks_session(&sqlx::Error::Encode("too long".into())));
    }
}
