//! What the executor asks of a driver.
//!
//! One trait, three implementations with the same method names. A driver takes SQL text in one line, binds values in
//! order, and hands rows as borrowed cells to a sink, without an owned value in between.

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "mysql")]
mod mysql_bind;
#[cfg(feature = "mysql")]
mod mysql_decode;
#[cfg(feature = "mysql")]
mod mysql_error;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "postgres")]
mod postgres_bind;
#[cfg(feature = "postgres")]
mod postgres_copy;
#[cfg(feature = "postgres")]
mod postgres_decode;
#[cfg(feature = "postgres")]
mod postgres_error;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_bind;
#[cfg(feature = "sqlite")]
mod sqlite_decode;
#[cfg(feature = "sqlite")]
mod sqlite_engine;
#[cfg(feature = "sqlite")]
mod sqlite_error;
#[cfg(feature = "sqlite")]
mod sqlite_functions;
#[cfg(feature = "sqlite")]
mod sqlite_session;
#[cfg(feature = "sqlite")]
mod sqlite_watch;
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[cfg_attr(not(all(feature = "postgres", feature = "mysql")), allow(dead_code, reason = "what the other server needs"))]
mod sqlx_bind;
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[cfg_attr(not(all(feature = "postgres", feature = "mysql")), allow(dead_code, reason = "what the other server needs"))]
pub(crate) mod sqlx_error;
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[cfg_attr(not(all(feature = "postgres", feature = "mysql")), allow(dead_code, reason = "what the other server needs"))]
mod sqlx_rows;

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::ident::Ident;
use crate::query::CopyType;
use crate::row::{Cell, Columns};
use crate::statement::Isolation;
use crate::value::Bind;
use crate::value::packed::PackedPart;

/// A boxed future, as the drivers' and the hooks' object-safe traits return it.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A compiled statement as a driver gets it.
#[derive(Clone)]
pub(crate) struct Statement {
    /// Text with placeholders only: `$1::type` on PostgreSQL, `?` on MySQL, `?1` on SQLite.
    pub(crate) sql: Arc<str>,
    /// One bind for each placeholder number, in order.
    pub(crate) binds: Vec<Bind>,
    /// The result columns that the compiler expects, `None` where it can't know them (`SELECT *`, raw SQL). A driver decodes
    /// each wire value to the expected type, where there is one.
    pub(crate) columns: Option<Arc<[Expected]>>,
    /// False for statements that occur once (raw DDL): they stay out of the prepared-statement cache.
    pub(crate) cached: bool,
    /// The rows that it writes, where they are not among the binds.
    pub(crate) rows: Option<PackedPart>,
    /// Its transaction is rolled back should it fail, so that it may leave a part of its rows behind (SQLite).
    pub(crate) ends_with_failure: bool,
    /// They follow the text as values of these types (PostgreSQL).
    pub(crate) copy: Option<Arc<[CopyType]>>,
    /// Not to be run: its plan is wanted, for no values in particular (PostgreSQL, in a transaction).
    pub(crate) generic_plan: bool,
}

pub(crate) use crate::compile::ResultColumn as Expected;
#[cfg(feature = "sqlite")]
pub(crate) use sqlite_decode::declared as sqlite_declared;

/// What a finished statement reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Rows handed to the sink.
    pub(crate) rows: u64,
    /// Rows matched by a write (PostgreSQL and SQLite's count; MySQL with CLIENT_FOUND_ROWS, which sqlx sets).
    pub(crate) affected: u64,
}

/// Whether a sink can take more rows at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Go on.
    More,
    /// Call `flush` (or `flush_blocking` off the async threads) before the next row.
    Flush,
}

/// One row as the driver holds it.
pub(crate) trait RawRow {
    /// The number of columns.
    fn len(&self) -> usize;
    /// The cell at `index`, already of the column's [`SqlType`] in [`Columns`]; an error names the column.
    fn cell(&self, index: usize) -> Result<Cell<'_>>;
}

/// Where rows go. It travels to SQLite's worker thread and comes back with what it collected.
pub(crate) trait RowSink: Send {
    /// Called once, before the first row; also when there are no rows.
    fn columns(&mut self, columns: &Arc<Columns>) -> Result<()>;
    /// Called for each row.
    fn row(&mut self, row: &dyn RawRow) -> Result<Flow>;
    /// Hands on what is buffered, waiting for the consumer.
    fn flush(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    /// The same from a thread that may block.
    fn flush_blocking(&mut self) -> Result<()> {
        Ok(())
    }
    /// The sink itself, so that its owner gets back what it collected.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// Transaction control. The text of each is fixed in the driver, but for a savepoint's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Control {
    /// Starts a transaction.
    Begin(Begin),
    /// Commits.
    Commit,
    /// Rolls back.
    Rollback,
    /// Sets a savepoint.
    Savepoint(SavepointName),
    /// Gives up a savepoint and keeps what came after it. When a statement after it has failed, on a database that then refuses
    /// the rest, everything after it is undone instead: [`SAVEPOINT_ABORTED`].
    Release(SavepointName),
    /// Undoes what came after a savepoint, and gives it up.
    RollbackTo(SavepointName),
}

/// The code of an error that leaves the transaction itself usable.
pub(crate) const SAVEPOINT_ABORTED: &str = "savepoint.aborted";

/// How a transaction starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Begin {
    /// Read-only by the database's own means, with its snapshot taken at once.
    pub(crate) read_only: bool,
    /// The database's default when there is none.
    pub(crate) isolation: Option<Isolation>,
    /// Constraints that can be checked at the commit are.
    pub(crate) defer_constraints: bool,
    /// The deadline of its statements, in place of the session's. It ends with the transaction.
    pub(crate) statement_timeout: Option<Duration>,
}

impl Begin {
    /// A transaction with the database's defaults.
    pub(crate) fn plain(read_only: bool) -> Begin {
        Begin { read_only, ..Begin::default() }
    }
}

/// The name of a savepoint on the wire. Databases differ in what they take for the same name (MariaDB folds case and accents) and in
/// what a second one of a name does to the first, so each has a number of its own in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavepointName(String);

impl SavepointName {
    /// The caller's name follows the number where it is plain and short, for whoever reads the server's log.
    pub(crate) fn new(number: u32, name: &Ident) -> SavepointName {
        let name = name.as_str();
        let plain = name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        SavepointName(if plain { format!("portcullis_{number}_{name}") } else { format!("portcullis_{number}") })
    }

    /// The name holds letters, digits and underscores only, so it needs no quotes.
    pub(crate) fn text(&self, verb: &'static str) -> Arc<str> {
        format!("{verb} {}", self.0).into()
    }
}

/// SQL: the SQL standard's words, which all four databases take.
pub(crate) const SAVEPOINT: &str = "SAVEPOINT";
pub(crate) const RELEASE: &str = "RELEASE SAVEPOINT";
pub(crate) const ROLLBACK_TO: &str = "ROLLBACK TO SAVEPOINT";

/// What a new session is told: read-only by the database's own switch, deadlines, settings of the handle.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The handle is read-only.
    pub(crate) read_only: bool,
    /// The server ends a statement after this long.
    pub(crate) statement_timeout: Option<std::time::Duration>,
    /// How long connecting may take.
    pub(crate) connect_timeout: std::time::Duration,
    /// Settings by name, from the handle's builder; names are checked against the driver's allow-list.
    pub(crate) settings: Vec<(String, String)>,
}

/// What is known of the server after connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) dialect: crate::dialect::Dialect,
    /// The version as the server states it, shortened to digits and dots.
    pub(crate) version: String,
    /// Text compares and sorts by code point without a COLLATE clause (SQLite; PostgreSQL with the C collation).
    pub(crate) binary_text: bool,
}

/// One session with a database.
///
/// A future of any method that is dropped before it is ready leaves the session unusable: the caller must then drop it, which
/// closes the socket (or interrupts and closes SQLite), and never put it back into a pool.
pub(crate) trait Connection: Send {
    /// What was learnt of the server.
    fn server(&self) -> &Server;
    /// Runs one statement and hands its rows to `sink`, which comes back with the counts.
    fn run<'a>(
        &'a mut self,
        statement: &'a Statement,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<(Box<dyn RowSink>, Done)>>;
    /// Begins, commits or rolls back, also to a savepoint.
    fn control(&mut self, control: Control) -> BoxFuture<'_, Result<()>>;
    /// Asks the server for a sign of life.
    fn ping(&mut self) -> BoxFuture<'_, Result<()>>;
    /// Brings the session back to what `Session` asked for, read-only switch included, after raw SQL may have changed it.
    /// `Ok(false)` says that this driver can't, and the session must be closed.
    fn reset(&mut self) -> BoxFuture<'_, Result<bool>>;
    /// Gives up the advisory locks that outlive a transaction, where the database has such.
    fn release_locks(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    /// Forgets prepared statements, because tables have changed. SQLite prepares anew by itself.
    fn forget_prepared(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    /// Says again that the session is read-only: one round trip, before the next borrower of a session that ran raw SQL.
    fn assert_read_only(&mut self) -> BoxFuture<'_, Result<()>>;
    /// False once the session is known to be broken.
    fn is_open(&self) -> bool;
}
