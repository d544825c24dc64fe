//! Transactions.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::driver::Control;
use super::execute::InFlight;
use super::handle::{Database, Mode, ReadOnly, ReadWrite, Runner};
use super::transaction_options::TransactionOptions;
use super::transaction_state::TransactionState;
use crate::error::{Error, Result};
use crate::query::{
    AlterTable, CreateIndex, CreateTable, Delete, DropIndex, DropTable, Frame, Insert, IntoTable, Merge, RawSource,
    RawSql, Truncate, Update,
};
use crate::statement::StatementKind;

/// A transaction: a session of its own, from `begin` to `commit` or `rollback`.
///
/// Dropping it rolls back. A frame or a write that outlives it is refused.
///
/// ```
/// use portcullis::{Database, ReadWrite, all};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
/// db.sql("CREATE TABLE t (id integer PRIMARY KEY)").execute().await?;
/// let tx = db.begin().await?;
/// tx.insert("t").columns(["id"]).row([1]).execute().await?;
/// tx.rollback().await?;
/// assert_eq!(db.table("t").count().await?, 0);
/// # Ok(())
/// # }
/// ```
#[must_use = "a transaction that is dropped at once rolls back"]
pub struct Transaction<M: Mode> {
    runner: Arc<Runner>,
    /// `commit` or `rollback` has taken over, or another value is the one that ends it.
    ended: bool,
    /// The savepoint within which this value was given out; 0 for none.
    scope: u32,
    mode: PhantomData<fn() -> M>,
}

impl<M: Mode> Database<M> {
    /// Begins a transaction with the database's defaults; on a read-only handle a read-only one. [`transaction`](Database::transaction) runs
    /// a closure in one, which can't forget its end.
    ///
    /// # Errors
    ///
    /// A hook's refusal, or what the pool and the database give.
    pub async fn begin(&self) -> Result<Transaction<M>> {
        Transaction::begin(&self.runner, &TransactionOptions::new(), 1).await
    }

    /// Begins a transaction as `options` say.
    ///
    /// ```
    /// use portcullis::{Database, ErrorKind, ReadWrite, TransactionOptions};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE t (id integer PRIMARY KEY)").execute().await?;
    /// let tx = db.begin_with(TransactionOptions::new().read_only()).await?;
    /// assert_eq!(tx.table("t").count().await?, 0);
    /// let refused = tx.insert("t").columns(["id"]).row([1]).execute().await;
    /// assert_eq!(refused.unwrap_err().kind(), ErrorKind::Policy);
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`begin`](Database::begin), and [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for an option that the database lacks.
    pub async fn begin_with(&self, options: TransactionOptions) -> Result<Transaction<M>> {
        Transaction::begin(&self.runner, &options, 1).await
    }
}

/// A transaction that has begun and of which the hooks have not all been told. Dropping it, as a caller who goes away does, tells
/// them the rest first and then of the rollback.
struct Begun<M: Mode> {
    flight: Option<InFlight>,
    transaction: Option<Transaction<M>>,
}

impl<M: Mode> Drop for Begun<M> {
    fn drop(&mut self) {
        let (Some(mut flight), Some(transaction)) = (self.flight.take(), self.transaction.take()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                flight.tell_owed().await;
                drop(transaction);
            });
        }
    }
}

impl<M: Mode> Transaction<M> {
    pub(super) async fn begin(outside: &Runner, options: &TransactionOptions, attempt: u32) -> Result<Transaction<M>> {
        let core = &outside.core;
        let read_only = M::KIND == ReadOnly::KIND || options.is_read_only();
        let begin = options.begin(read_only, core.statement_timeout, core.server.dialect)?;
        let state = Arc::new(TransactionState::new(attempt, read_only, begin.statement_timeout, options.limit()));
        let runner = Runner {
            core: Arc::clone(core),
            subject: outside.subject.clone(),
            transaction: Some(Arc::clone(&state)),
            validators: outside.validators.clone(),
        };
        let mut flight = runner.begin_session(begin).await?;
        // Nothing is waited for until the session has its place: in mid-transaction it would go back into the pool.
        state.fill(flight.take_begun()?)?;
        TransactionState::watch(&state);
        let transaction = Transaction { runner: Arc::new(runner), ended: false, scope: 0, mode: PhantomData };
        let mut begun = Begun { flight: Some(flight), transaction: Some(transaction) };
        if let Some(flight) = &mut begun.flight {
            flight.tell_owed().await;
        }
        begun.flight = None;
        begun.transaction.take().ok_or_else(|| Error::internal("transaction.begun"))
    }

    /// The same transaction for a savepoint's closure.
    pub(super) fn within(&self, scope: u32) -> Transaction<M> {
        Transaction { runner: Arc::clone(&self.runner), ended: true, scope, mode: PhantomData }
    }

    pub(super) fn scope(&self) -> u32 {
        self.scope
    }

    /// When it must have reached its commit.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.runner.transaction.as_ref().and_then(|state| state.deadline())
    }

    pub(super) fn state(&self) -> Result<&Arc<TransactionState>> {
        self.runner.transaction.as_ref().ok_or_else(|| Error::internal("transaction.state"))
    }

    /// What statements of the transaction run on.
    pub(super) fn runner(&self) -> &Arc<Runner> {
        &self.runner
    }
}

impl<M: Mode> Transaction<M> {
    /// A frame over `table`, read within the transaction.
    #[track_caller]
    pub fn table(&self, table: impl IntoTable) -> Frame {
        Frame::start(table.into_table(), Some(self.runner.origin()))
    }

    /// Raw SQL within the transaction; see [`Database::sql`]. What begins or ends a transaction is refused, and on MySQL and
    /// MariaDB what commits by itself, such as CREATE TABLE; savepoints are not, but [`savepoint`](Transaction::savepoint) is better. A procedure that commits there is not seen.
    #[track_caller]
    pub fn sql(&self, sql: &'static str) -> RawSql {
        RawSql::new(RawSource::Fixed(sql), Some(self.runner.origin()))
    }

    /// The transaction's id, as hooks see it.
    pub fn id(&self) -> Uuid {
        self.runner.transaction.as_ref().map(|state| state.id).unwrap_or_default()
    }

    /// Which try this is, from 1; see [`Database::transaction_retry`].
    pub fn attempt(&self) -> u32 {
        self.runner.transaction.as_ref().map_or(1, |state| state.attempt)
    }

    /// Runs `action` when the transaction has been committed, in the order in which they were asked for; not when it is rolled back, nor when it
    /// is not known whether it was committed. One that was asked for within a savepoint that was rolled back is forgotten.
    ///
    /// It runs before `commit` returns and should be short: to send a mail, spawn a task. A panic in it is logged, at `ERROR` with target
    /// `portcullis::transaction`, and changes nothing.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE orders (id integer)").execute().await?;
    /// let (sender, news) = std::sync::mpsc::channel();
    /// db.transaction(async |tx| -> portcullis::Result<()> {
    ///     tx.insert("orders").columns(["id"]).row([7]).execute().await?;
    ///     tx.after_commit(move || drop(sender.send("order 7 is in")));
    ///     Ok(())
    /// })
    /// .await?;
    /// assert_eq!(news.recv(), Ok("order 7 is in"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn after_commit(&self, action: impl FnOnce() + Send + 'static) {
        if let Ok(state) = self.state() {
            state.after_commit(Box::new(action));
        }
    }

    /// Commits.
    ///
    /// # Errors
    ///
    /// What the database gives, and [`ErrorKind::Transaction`](crate::ErrorKind::Transaction) when the session was lost: nothing was kept then. A hook that
    /// refuses the commit rolls back too. Only [`ErrorKind::CommitUnknown`](crate::ErrorKind::CommitUnknown) leaves open what happened.
    pub async fn commit(self) -> Result<()> {
        self.end(StatementKind::Commit, Control::Commit).await
    }

    /// Rolls back.
    ///
    /// # Errors
    ///
    /// What the database gives. The session is closed then, which rolls back by itself.
    pub async fn rollback(self) -> Result<()> {
        self.end(StatementKind::Rollback, Control::Rollback).await
    }

    async fn end(mut self, kind: StatementKind, control: Control) -> Result<()> {
        let state = Arc::clone(self.state()?);
        let taken = state.take().await;
        self.ended = true;
        match taken {
            Ok(object) => self.runner.end_session(kind, object, control).await,
            // The session is closed and all rolled back: the record of the transaction ends with a refused end.
            Err(error) => Err(self.runner.refused_end(kind, error).await),
        }
    }
}

impl Transaction<ReadWrite> {
    /// Starts an insert into `table`.
    #[track_caller]
    pub fn insert(&self, table: impl IntoTable) -> Insert {
        Insert::new(table, self.runner.origin())
    }

    /// Starts an update of `table`.
    #[track_caller]
    pub fn update(&self, table: impl IntoTable) -> Update {
        Update::new(table, self.runner.origin())
    }

    /// Starts a delete from `table`.
    #[track_caller]
    pub fn delete(&self, table: impl IntoTable) -> Delete {
        Delete::new(table, self.runner.origin())
    }

    /// Starts a new table.
    #[track_caller]
    pub fn create_table(&self, table: impl IntoTable) -> CreateTable {
        CreateTable::new(table, self.runner.origin())
    }

    /// Starts a change of `table`.
    #[track_caller]
    pub fn alter_table(&self, table: impl IntoTable) -> AlterTable {
        AlterTable::new(table, self.runner.origin())
    }

    /// Starts a new index of `table`, called `name`.
    #[track_caller]
    pub fn create_index(&self, table: impl IntoTable, name: &str) -> CreateIndex {
        CreateIndex::new(table, name, self.runner.origin())
    }

    /// Starts the removal of the index of `table` called `name`.
    #[track_caller]
    pub fn drop_index(&self, table: impl IntoTable, name: &str) -> DropIndex {
        DropIndex::new(table, name, self.runner.origin())
    }

    /// Starts the removal of `table`, with all that is in it.
    #[track_caller]
    pub fn drop_table(&self, table: impl IntoTable) -> DropTable {
        DropTable::new(table, self.runner.origin())
    }

    /// Starts the removal of all rows of `table`.
    #[track_caller]
    pub fn truncate(&self, table: impl IntoTable) -> Truncate {
        Truncate::new(table, self.runner.origin())
    }

    /// Starts a merge into `table`.
    #[track_caller]
    pub fn merge(&self, table: impl IntoTable) -> Merge {
        Merge::new(table, self.runner.origin())
    }
}

impl<M: Mode> Drop for Transaction<M> {
    /// Rolls back by closing the session, and lets the hooks see a rollback.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let Some(state) = self.runner.transaction.clone() else { return };
        let runner = Arc::clone(&self.runner);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    // A stream may still be reading; the transaction ends after it.
                    let end = StatementKind::Rollback;
                    match state.take().await {
                        Ok(object) => drop(runner.end_session(end, object, Control::Rollback).await),
                        Err(error) => drop(runner.refused_end(end, error).await),
                    }
                });
            }
            Err(_) => state.discard(),
        }
    }
}

impl<M: Mode> fmt::Debug for Transaction<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("id", &self.id()).finish_non_exhaustive()
    }
}
