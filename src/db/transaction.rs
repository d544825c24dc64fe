//! Transactions.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deadpool::managed::Object;
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

use super::driver::Control;
use super::handle::{Database, Mode, ReadOnly, ReadWrite, Runner};
use super::pool::Manager;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Delete, Frame, Insert, IntoTable, RawSource, RawSql, Update};
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
    /// `commit` or `rollback` has taken over.
    ended: bool,
    mode: PhantomData<fn() -> M>,
}

pub(super) struct TransactionState {
    pub(super) id: Uuid,
    /// Empty once the transaction ended.
    session: Arc<Mutex<Option<Object<Manager>>>>,
    /// What it holds must not be committed.
    lost: AtomicBool,
}

impl TransactionState {
    /// Takes the session out, so that the transaction can be ended.
    pub(super) async fn take(&self) -> Result<Object<Manager>> {
        self.hold().await?.take().ok_or_else(|| Error::internal("transaction.hold"))
    }

    /// Closes the session, if it is still there: the database rolls back.
    pub(super) fn discard(&self) {
        if let Ok(mut session) = self.session.try_lock()
            && let Some(object) = session.take()
        {
            drop(Object::take(object));
        }
    }

    /// Lets nothing more happen in the transaction but its rollback.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::SeqCst);
        self.discard();
    }

    /// The transaction's session, for one statement; statements of one transaction wait for each other.
    pub(super) async fn hold(&self) -> Result<OwnedMutexGuard<Option<Object<Manager>>>> {
        let mut guard = Arc::clone(&self.session).lock_owned().await;
        if self.lost.load(Ordering::SeqCst) {
            drop(guard.take().map(Object::take));
        }
        if guard.is_none() {
            let message = "the transaction has ended; begin a new one";
            return Err(Error::new(ErrorKind::Transaction, "transaction.ended", message));
        }
        Ok(guard)
    }
}

impl<M: Mode> Database<M> {
    /// Begins a transaction; on a read-only handle a read-only one.
    ///
    /// # Errors
    ///
    /// A hook's refusal, or what the pool and the database give.
    pub async fn begin(&self) -> Result<Transaction<M>> {
        Transaction::begin(&self.runner).await
    }
}

impl<M: Mode> Transaction<M> {
    pub(super) async fn begin(outside: &Runner) -> Result<Transaction<M>> {
        let state = TransactionState { id: Uuid::now_v7(), session: Arc::default(), lost: AtomicBool::new(false) };
        let mut runner = Runner {
            core: Arc::clone(&outside.core),
            subject: outside.subject.clone(),
            transaction: Some(Arc::new(state)),
        };
        let object = runner.begin_session(Control::Begin { read_only: M::KIND == ReadOnly::KIND }).await?;
        // Nothing is waited for from here on: a session in mid-transaction would go back into the pool.
        if let Some(state) = &mut runner.transaction {
            let session = Arc::new(Mutex::new(Some(object)));
            *state = Arc::new(TransactionState { id: state.id, session, lost: AtomicBool::new(false) });
        }
        Ok(Transaction { runner: Arc::new(runner), ended: false, mode: PhantomData })
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
    /// MariaDB what commits by itself, such as CREATE TABLE; savepoints are not. A procedure that commits there is not seen.
    #[track_caller]
    pub fn sql(&self, sql: &'static str) -> RawSql {
        RawSql::new(RawSource::Fixed(sql), Some(self.runner.origin()))
    }

    /// The transaction's id, as hooks see it.
    pub fn id(&self) -> Uuid {
        self.runner.transaction.as_ref().map(|state| state.id).unwrap_or_default()
    }

    /// Commits.
    ///
    /// # Errors
    ///
    /// What the database gives; [`ErrorKind::Transaction`] when the session was lost, and so all was rolled back. A hook that
    /// refuses the commit rolls back too.
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
        let Some(state) = self.runner.transaction.clone() else { return Err(Error::internal("transaction.state")) };
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
}

impl<M: Mode> Drop for Transaction<M> {
    /// Rolls back by closing the session, and lets the hooks see a rollback.
    fn drop(&mut self) {
        let Some(state) = self.runner.transaction.clone() else { return };
        if self.ended {
            return;
        }
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
