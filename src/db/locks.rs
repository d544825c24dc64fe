//! Advisory locks: locks on a name that the database gives no meaning to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::handle::Mode;
use super::prepare::Plan;
use super::transaction::Transaction;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{RawSource, RawSql};
use crate::row::{SerdeSink, take_back};

// SQL: PostgreSQL manual, 9.28.10 (advisory lock functions). They end with the transaction.
const POSTGRES: &str =
    "SELECT 1::bigint AS locked FROM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(:name, 0))";
const POSTGRES_TRY: &str =
    "SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended(:name, 0))::int::bigint AS locked";

// SQL: MySQL manual, 14.14 (locking functions). A name is the whole server's, folds case, and has at most 64 characters: hence the
// digest, which has 64.
const MYSQL: &str = "SELECT GET_LOCK(SHA2(CONCAT(COALESCE(DATABASE(), ''), ':', :name), 256), :seconds) AS locked";

/// A year: what stands for no limit.
const LONGEST: Duration = Duration::from_secs(31_536_000);

impl<M: Mode> Transaction<M> {
    /// Takes the lock called `name`, which one transaction of the database can hold at a time, and waits for it as long as a statement may
    /// take. It is given up when the transaction ends, however it ends; taking it again within the transaction changes nothing.
    ///
    /// It keeps out only those who ask for the same name. Names are exact, and each database of a server has its own.
    ///
    /// - PostgreSQL: `pg_advisory_xact_lock(hashtextextended(name, 0))`. Two names may share a number, once in 2⁶⁴; they then wait for each other.
    ///   Undoing a savepoint gives up the locks that were taken in it.
    /// - MySQL and MariaDB: `GET_LOCK(SHA2(CONCAT(DATABASE(), ':', name), 256), …)`. Undoing a savepoint keeps them.
    /// - SQLite: [`ErrorKind::Unsupported`]. A transaction that may write holds the one write lock of the whole database already.
    ///
    /// ```no_run
    /// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
    /// db.transaction(async |tx| -> portcullis::Result<()> {
    ///     tx.advisory_lock("monthly report").await?;
    ///     // Nobody else makes the report now.
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A refusal of a hook, [`ErrorKind::Timeout`] or the code `db.lock_timeout` when the lock did not become free in time, and what the database gives.
    pub async fn advisory_lock(&self, name: &str) -> Result<()> {
        if self.lock(name, true).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Database, "db.lock_timeout", "a lock did not become free in time"))
    }

    /// Takes the lock called `name` if it is free, and says whether it did; see [`advisory_lock`](Transaction::advisory_lock).
    ///
    /// # Errors
    ///
    /// A refusal of a hook, and what the database gives.
    pub async fn try_advisory_lock(&self, name: &str) -> Result<bool> {
        self.lock(name, false).await
    }

    async fn lock(&self, name: &str, wait: bool) -> Result<bool> {
        let runner = self.runner();
        let state = self.state()?;
        let query = match (runner.core.server.dialect, wait) {
            (Dialect::Postgres, true) => RawSql::new(RawSource::Fixed(POSTGRES), None).bind("name", name),
            (Dialect::Postgres, false) => RawSql::new(RawSource::Fixed(POSTGRES_TRY), None).bind("name", name),
            (Dialect::MySql | Dialect::MariaDb, _) => {
                let limit = state.statement_timeout.or(runner.core.statement_timeout).unwrap_or(LONGEST).min(LONGEST);
                let seconds = if wait { i64::try_from(limit.as_millis().div_ceil(1_000)).unwrap_or(0) } else { 0 };
                state.locked.store(true, Ordering::SeqCst);
                RawSql::new(RawSource::Fixed(MYSQL), None).bind("name", name).bind("seconds", seconds)
            }
            (Dialect::Sqlite, _) => {
                let message = "SQLite has no advisory locks; a transaction that may write holds the database's one write lock already";
                return Err(Error::new(ErrorKind::Unsupported, "lock.unsupported", message));
            }
        };
        let sink = Box::new(SerdeSink::<Option<i64>>::new());
        let (sink, _) = runner.run(Plan::Lock(&query.text), sink).await?;
        Ok(take_back::<SerdeSink<Option<i64>>>(sink)?.into_items().first() == Some(&Some(1)))
    }
}
