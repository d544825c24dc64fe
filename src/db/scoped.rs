//! Closures in transactions and savepoints: the end can't be forgotten.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;

use super::driver::{Control, SavepointName};
use super::handle::{Database, Mode};
use super::retry::Retry;
use super::transaction::Transaction;
use super::transaction_options::TransactionOptions;
use super::transaction_state::{TransactionState, too_late};
use crate::error::{Error, Result};
use crate::ident::Ident;
use crate::statement::StatementKind;

impl<M: Mode> Database<M> {
    /// Runs `work` in a transaction: commits when it gives `Ok`, and rolls back when it gives `Err`, panics, or is dropped.
    ///
    /// What `work` gives is given back. Its error may be the caller's own type, if that can be made from an [`Error`]. What runs on `tx` is part
    /// of the transaction; a statement on any other handle runs there, on a session of its own.
    ///
    /// ```
    /// use portcullis::{Database, ErrorKind, ReadWrite, col};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE accounts (id integer PRIMARY KEY, balance integer CHECK (balance >= 0))").execute().await?;
    /// db.insert("accounts").columns(["id", "balance"]).rows([[1, 50], [2, 0]]).execute().await?;
    ///
    /// let moved = db.transaction(async |tx| -> portcullis::Result<u64> {
    ///     tx.update("accounts").set("balance", col("balance") + 80).where_(col("id").eq(2)).execute().await?;
    ///     tx.update("accounts").set("balance", col("balance") - 80).where_(col("id").eq(1)).execute().await
    /// });
    /// assert_eq!(moved.await.unwrap_err().kind(), ErrorKind::Constraint);
    /// assert_eq!(db.table("accounts").where_(col("balance").eq(0)).count().await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What `work` gives, and what [`begin`](Database::begin) and [`commit`](Transaction::commit) give. Any error means that nothing was kept, but for
    /// [`ErrorKind::CommitUnknown`](crate::ErrorKind::CommitUnknown).
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction<M>) -> Result<T, E>,
        E: From<Error>,
    {
        self.transaction_with(TransactionOptions::new(), work).await
    }

    /// Runs `work` in a transaction as `options` say; otherwise as [`transaction`](Database::transaction).
    ///
    /// # Errors
    ///
    /// As [`transaction`](Database::transaction), [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for an option that the database lacks, and
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) beyond a timeout.
    pub async fn transaction_with<T, E, F>(&self, options: TransactionOptions, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction<M>) -> Result<T, E>,
        E: From<Error>,
    {
        let tx = Transaction::begin(&self.runner, &options, 1).await?;
        let worked = run(tx.deadline(), work(&tx)).await;
        finish(tx, worked).await.map_err(|(error, _)| error)
    }

    /// Runs `work` in a transaction, and again from its start after a failure that [`Retry`] names: so it should do nothing but what the
    /// transaction undoes. What it asks for with [`after_commit`](Transaction::after_commit) runs once.
    ///
    /// The closure is cloned for each try, so what it captures is borrowed or can be cloned. (The future of a closure that may change what it
    /// captures could not be spawned: the compiler can't see that it is `Send`.)
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite, Retry, TransactionOptions, col};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE hits (n integer)").execute().await?;
    /// db.insert("hits").columns(["n"]).row([0]).execute().await?;
    /// let tries = db.transaction_retry(TransactionOptions::new(), Retry::new(), async |tx| -> portcullis::Result<u32> {
    ///     tx.update("hits").set("n", col("n") + 1).all_rows().execute().await?;
    ///     Ok(tx.attempt())
    /// });
    /// assert_eq!(tries.await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the last try; see [`transaction_with`](Database::transaction_with).
    pub async fn transaction_retry<T, E, F>(&self, options: TransactionOptions, retry: Retry, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction<M>) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        let start = Instant::now();
        let dialect = self.runner.core.server.dialect;
        let mut attempt = 1;
        loop {
            let (error, failure) = match Transaction::begin(&self.runner, &options, attempt).await {
                Ok(tx) => {
                    let worked = run(tx.deadline(), work.clone()(&tx)).await;
                    match finish(tx, worked).await {
                        Ok(value) => return Ok(value),
                        Err(failed) => failed,
                    }
                }
                Err(error) => (E::from(error.clone()), Some(error)),
            };
            let pause = failure.and_then(|failure| retry.pause_after(&failure, dialect, attempt, start.elapsed()));
            let Some(pause) = pause else { return Err(error) };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}

/// What a closure gave, or what it panicked with.
type Worked<T, E> = std::thread::Result<Result<T, E>>;

/// Runs a closure's future to its end, its panic or the transaction's deadline.
///
/// It takes the future and not the closure: a wrapper around an async closure hides from the compiler that what it gives is `Send`.
async fn run<T, E: From<Error>>(deadline: Option<Instant>, work: impl Future<Output = Result<T, E>>) -> Worked<T, E> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match deadline {
        None => work.await,
        Some(deadline) => match tokio::time::timeout_at(deadline.into(), work).await {
            Ok(worked) => worked,
            Err(_) => Ok(Err(too_late().into())),
        },
    }
}

/// Ends the transaction. With the error comes the failure of the statement or the commit that stands behind it.
async fn finish<M: Mode, T, E: From<Error>>(tx: Transaction<M>, worked: Worked<T, E>) -> Result<T, (E, Option<Error>)> {
    let state = tx.state().map(Arc::clone).map_err(|error| (E::from(error), None))?;
    match worked {
        Ok(Ok(value)) => match tx.commit().await {
            Ok(()) => Ok(value),
            Err(error) => Err((error.clone().into(), Some(error))),
        },
        Ok(Err(error)) => {
            let failure = state.failure();
            // The closure's error says more. A rollback that fails closes the session, which rolls back too.
            let _ = tx.rollback().await;
            Err((error, failure))
        }
        Err(panic) => {
            let _ = tx.rollback().await;
            resume_unwind(panic)
        }
    }
}

impl<M: Mode> Transaction<M> {
    /// Runs `work` within a savepoint: keeps what it did when it gives `Ok`, for as long as the transaction does, and undoes just that when it
    /// gives `Err` or panics. The transaction goes on either way, also on PostgreSQL after a statement that failed. Savepoints nest; the closure
    /// is given the transaction again, to open the next on.
    ///
    /// SQL text: `SAVEPOINT …`, then `RELEASE SAVEPOINT …` or `ROLLBACK TO SAVEPOINT …` and `RELEASE SAVEPOINT …`. The name is for people who read
    /// the server's log, and need not be unique.
    ///
    /// A savepoint that is dropped before its end takes the whole transaction with it, and so does a deadlock on MySQL and MariaDB, which undo
    /// all of a transaction then.
    ///
    /// ```
    /// use portcullis::{Database, Error, ReadWrite};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE t (id integer PRIMARY KEY)").execute().await?;
    /// db.transaction(async |tx| -> portcullis::Result<()> {
    ///     tx.insert("t").columns(["id"]).row([1]).execute().await?;
    ///     let again = tx.savepoint("twice", async |tx| tx.insert("t").columns(["id"]).row([1]).execute().await).await;
    ///     assert!(again.is_err());
    ///     tx.insert("t").columns(["id"]).row([2]).execute().await?;
    ///     Ok(())
    /// })
    /// .await?;
    /// assert_eq!(db.table("t").count().await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What `work` gives; [`ErrorKind::Name`](crate::ErrorKind::Name) for a name that is none; [`ErrorKind::Transaction`](crate::ErrorKind::Transaction) when another savepoint
    /// is open on the same handle, when the transaction has ended, and on PostgreSQL when `work` gives `Ok` though a statement in it failed.
    pub async fn savepoint<T, E, F>(&self, name: &str, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction<M>) -> Result<T, E>,
        E: From<Error>,
    {
        let name = Ident::new(name)?;
        let state = Arc::clone(self.state()?);
        let (number, actions) = state.open_scope(self.scope())?;
        let wire = SavepointName::new(number, &name);
        let mut open = Open { state, number, actions, set: true, ended: false };
        let set = self.runner().control_savepoint(StatementKind::Savepoint, Control::Savepoint(wire.clone())).await;
        if let Err(error) = set {
            open.set = false;
            return Err(error.into());
        }
        let inner = self.within(number);
        let worked = AssertUnwindSafe(work(&inner)).catch_unwind().await;
        if let Ok(Ok(value)) = worked {
            let released =
                self.runner().control_savepoint(StatementKind::Release, Control::Release(wire.clone())).await;
            return match released {
                Ok(()) => {
                    open.ended = true;
                    Ok(value)
                }
                Err(error) => {
                    open.undo(self, wire, error.code() == super::driver::SAVEPOINT_ABORTED).await;
                    Err(error.into())
                }
            };
        }
        open.undo(self, wire, false).await;
        match worked {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// An open savepoint. Dropping it before its end loses the transaction: what of it was done is not known.
struct Open {
    state: Arc<TransactionState>,
    number: u32,
    /// How many actions were waiting for the commit before it.
    actions: usize,
    set: bool,
    ended: bool,
}

impl Open {
    async fn undo<M: Mode>(&mut self, tx: &Transaction<M>, wire: SavepointName, is_undone: bool) {
        self.state.forget_actions(self.actions);
        // The closure's own error stays what retries look at.
        let failure = self.state.failure();
        if is_undone {
            self.ended = true;
            return;
        }
        let undone = tx.runner().control_savepoint(StatementKind::RollbackTo, Control::RollbackTo(wire)).await;
        self.state.note(failure.as_ref());
        self.ended = undone.is_ok();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.close_scope(self.number);
        if self.set && !self.ended {
            self.state.lose();
        }
    }
}
