//! An audit table: records of one handle, kept in a database through another.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::handle::{Database, ReadWrite};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::col;
use crate::hook::{AuditBuilder, AuditLayer, AuditRow, AuditStore};
use crate::query::{IntoTable, TableName};

impl AuditBuilder {
    /// A layer that keeps its records in a table, one a row:
    ///
    /// ```sql
    /// CREATE TABLE audit_records (
    ///   seq   bigint NOT NULL PRIMARY KEY,  -- number of the record, without a hole
    ///   time  varchar(32) NOT NULL,         -- UTC, to the microsecond
    ///   phase varchar(16) NOT NULL,
    ///   id    varchar(36),                  -- the statement, for intents and completions
    ///   line  text NOT NULL                 -- the record; longtext on MySQL and MariaDB
    /// )
    /// ```
    ///
    /// The layer opens a handle of its own on the database of `db`, with the same settings, one session and *no hooks*: what it writes is not
    /// audited, no limit holds it up, and no transaction of `db` holds its session. On SQLite the table belongs into another file than the data,
    /// because a file has one writer at a time. A role that may INSERT into and SELECT from this table, and no more, is enough.
    ///
    /// Records that wait together are one INSERT, and count as written when that is committed, at every [`Durability`](crate::Durability) but `Buffered`.
    /// Several processes may share a table: its lines make one chain. The rows in order of `seq`, each `line` with a newline, are a log that
    /// [`AuditVerifier`](crate::AuditVerifier) reads.
    ///
    /// While the database is away, statements are refused (`audit.unavailable`, `audit.deadline`), or pass with
    /// [`best_effort`](AuditBuilder::best_effort). If the answer to an INSERT was lost, the log may hold intents of statements that were refused.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Audit`], code `audit.table`, for a database in memory; what opening a handle gives; [`ErrorKind::Io`], code `audit.open`, when
    /// the thread that writes can't be started. A table that is not there or not as above is found when the first statement is refused.
    pub async fn to_table(self, db: &Database<ReadWrite>, table: impl IntoTable) -> Result<AuditLayer> {
        let core = &db.runner.core;
        if core.anchor.is_some() {
            let message = "an audit table in a database in memory would be gone with it; name a file";
            return Err(Error::new(ErrorKind::Audit, "audit.table", message));
        }
        let builder = core.builder.clone().without_hooks().pool_size(1);
        let limit = self.longest_wait();
        let name = table.into_table()?;
        let opened = tokio::task::spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build().map_err(open_error)?;
            let db = runtime.block_on(builder.open_read_write())?;
            Ok(TableStore { runtime: Some(runtime), db, name, limit })
        });
        match opened.await {
            Ok(store) => self.keep_in(Box::new(store?)),
            Err(_) => Err(open_error(io::ErrorKind::Other.into())),
        }
    }
}

fn open_error(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "audit.open", "the audit table's own runtime can't be started")
        .with_source(io::Error::from(cause.kind()))
}

struct TableStore {
    /// Its sessions belong to it, whatever becomes of the caller's runtime.
    runtime: Option<Runtime>,
    db: Database<ReadWrite>,
    name: TableName,
    limit: Duration,
}

impl TableStore {
    fn run<T>(&self, work: impl Future<Output = Result<T>>) -> io::Result<T> {
        let runtime = self.runtime.as_ref().ok_or(io::ErrorKind::Other)?;
        match runtime.block_on(async { tokio::time::timeout(self.limit, work).await }) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(fault(&error).into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl AuditStore for TableStore {
    fn last_line(&mut self) -> io::Result<Option<String>> {
        let last = self.db.table(self.name.clone()).order_by(col("seq").desc()).limit(1).select("line");
        let lines: Vec<String> = self.run(last.collect_as())?;
        Ok(lines.into_iter().next())
    }

    fn append(&mut self, rows: &[AuditRow<'_>]) -> io::Result<()> {
        let mut insert = self.db.insert(self.name.clone()).columns(["seq", "time", "phase", "id", "line"]);
        for row in rows {
            let seq = i64::try_from(row.seq).map_err(|_| io::ErrorKind::FileTooLarge)?;
            insert = insert.row((seq, row.time.clone(), row.phase, row.id.clone(), row.line));
        }
        self.run(insert.execute()).map(|_| ())
    }
}

impl Drop for TableStore {
    fn drop(&mut self) {
        // Whoever drops the layer may be a task, which must not wait for a runtime to end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the caller of a statement is told: the kind only.
fn fault(error: &Error) -> io::ErrorKind {
    match error.kind() {
        // Another process has written meanwhile.
        ErrorKind::Constraint => io::ErrorKind::AlreadyExists,
        ErrorKind::Timeout | ErrorKind::Cancelled => io::ErrorKind::TimedOut,
        _ if ["db.unknown_table", "schema.unknown_table"].contains(&error.code()) => io::ErrorKind::NotFound,
        ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Auth | ErrorKind::Pool => io::ErrorKind::NotConnected,
        _ => io::ErrorKind::Other,
    }
}
