//! How a transaction is begun.

use std::time::Duration;

use super::driver::Begin;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Isolation;

/// How a transaction is begun; for [`begin_with`](crate::Database::begin_with) and its neighbours.
///
/// All of it ends with the transaction: nothing stays on the session for its next borrower.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{Isolation, TransactionOptions};
///
/// let strict = TransactionOptions::new().isolation(Isolation::Serializable).timeout(Duration::from_secs(3));
/// # let _ = strict;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until a transaction is begun with them"]
pub struct TransactionOptions {
    isolation: Option<Isolation>,
    read_only: bool,
    defer_constraints: bool,
    statement_timeout: Option<Duration>,
    timeout: Option<Duration>,
}

impl TransactionOptions {
    /// The database's defaults.
    pub fn new() -> TransactionOptions {
        TransactionOptions::default()
    }

    /// How far it is kept apart from others.
    ///
    /// - PostgreSQL: as asked; read committed if not said (or the session setting `default_transaction_isolation`). Repeatable read and
    ///   serializable transactions may fail and are then to be run again, as [`transaction_retry`](crate::Database::transaction_retry) does.
    /// - MySQL and MariaDB: as asked; repeatable read if not said. A repeatable read there is one for plain selects only: an update finds
    ///   what others committed meanwhile. Serializable makes each select take shared locks, and deadlocks likelier.
    /// - SQLite: always serializable, so less gets more.
    pub fn isolation(mut self, level: Isolation) -> TransactionOptions {
        self.isolation = Some(level);
        self
    }

    /// Refuses writes, by the guard and by the database; all of it sees one state of the database on SQLite, MySQL and MariaDB, and on
    /// PostgreSQL from repeatable read on. Raw SQL in it must be what a read-only handle takes.
    pub fn read_only(mut self) -> TransactionOptions {
        self.read_only = true;
        self
    }

    /// Checks constraints at the commit where they can be: those declared `DEFERRABLE` on PostgreSQL (`SET CONSTRAINTS ALL DEFERRED`),
    /// all foreign keys on SQLite (`PRAGMA defer_foreign_keys`). MySQL and MariaDB check at once: [`ErrorKind::Unsupported`].
    pub fn defer_constraints(mut self) -> TransactionOptions {
        self.defer_constraints = true;
        self
    }

    /// How long each of its statements may take, in place of the handle's own limit.
    pub fn statement_timeout(mut self, limit: Duration) -> TransactionOptions {
        self.statement_timeout = Some(limit);
        self
    }

    /// How long it may take to its commit, from when it began. Then it is rolled back, with [`ErrorKind::Timeout`], also when the program does nothing in it or
    /// has forgotten it. The commit itself is not cut short: its outcome would not be known.
    pub fn timeout(mut self, limit: Duration) -> TransactionOptions {
        self.timeout = Some(limit);
        self
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// The deadline of each statement when it is not the handle's, which is `own`.
    pub(super) fn deadline_of_statements(&self, own: Option<Duration>) -> Option<Duration> {
        let wanted = self.statement_timeout.or(own);
        let shortest = match (wanted, self.timeout) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        shortest.filter(|_| shortest != own)
    }

    /// What the driver is asked for, or what the database lacks.
    pub(super) fn begin(&self, read_only: bool, own: Option<Duration>, dialect: Dialect) -> Result<Begin> {
        if self.defer_constraints && dialect.is_mysql_family() {
            let message = format!(
                "{dialect} checks each constraint at once; write the rows in an order that its constraints allow"
            );
            return Err(Error::new(ErrorKind::Unsupported, "transaction.defer_constraints", message));
        }
        Ok(Begin {
            read_only,
            isolation: self.isolation,
            defer_constraints: self.defer_constraints,
            statement_timeout: self.deadline_of_statements(own),
        })
    }
}
