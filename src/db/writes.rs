//! The verbs that run writes.

use std::sync::Arc;

use super::handle::{ReadWrite, Runner};
use super::prepare::{Plan, compile_plan};
use super::terminals::QueryText;
use super::transaction::Transaction;
use super::transaction_options::TransactionOptions;
use super::transaction_state::TransactionState;
use crate::compile::Target;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::policy::Policy;
use crate::query::{Delete, Insert, Origin, Update, Write, WriteKind, check_write};
use crate::row::CountSink;
use crate::schema::Schema;
use crate::statement::HandleKind;

/// How many rows one INSERT holds at most, however few columns they have.
const MAX_ROWS: usize = 5_000;

async fn run(origin: &Origin, write: &Write) -> Result<u64> {
    let runner = Runner::of(Some(origin))?;
    run_on(&runner, write).await
}

async fn run_on(runner: &Arc<Runner>, write: &Write) -> Result<u64> {
    let (_, done) = runner.run(Plan::Write(write), Box::new(CountSink::new())).await?;
    Ok(done.affected)
}

impl Insert {
    /// Inserts the rows; their number. No rows is 0, and nothing is sent. More rows than one statement can bind go in
    /// several, in one transaction: all of them or none. When a later one fails within a transaction of the caller's, that
    /// transaction is rolled back with it.
    ///
    /// # Errors
    ///
    /// The mistakes of the insert (ragged rows, unknown or repeated columns, values of another type), a refusal of a hook, and
    /// what the database gives, such as [`ErrorKind::Constraint`](crate::ErrorKind::Constraint).
    pub async fn execute(self) -> Result<u64> {
        let WriteKind::Insert { columns, rows } = &self.write.kind else { return Err(Error::internal("insert.kind")) };
        let mistakes = check_write(&self.write);
        if rows.is_empty() && mistakes.is_empty() {
            return Ok(0);
        }
        let runner = Runner::of(Some(&self.origin))?;
        let width = columns.len().max(1);
        let most = (runner.core.server.dialect.max_binds() / width).clamp(1, MAX_ROWS);
        if rows.len() <= most || !mistakes.is_empty() {
            return run_on(&runner, &self.write).await;
        }
        in_transaction(&runner, split(self.write, most)).await
    }
}

/// The same insert in parts of at most `most` rows.
fn split(write: Write, most: usize) -> Vec<Write> {
    let Write { table, kind, mistakes, location, max_affected, origin, version, conflict } = write;
    let WriteKind::Insert { columns, rows } = kind else { return Vec::new() };
    let mut parts = Vec::with_capacity(rows.len() / most + 1);
    let mut rows = rows.into_iter();
    loop {
        let part: Vec<_> = rows.by_ref().take(most).collect();
        if part.is_empty() {
            return parts;
        }
        parts.push(Write {
            table: table.clone(),
            kind: WriteKind::Insert { columns: columns.clone(), rows: part },
            mistakes: mistakes.clone(),
            location,
            max_affected,
            origin: origin.clone(),
            version: version.clone(),
            conflict: conflict.clone(),
        });
    }
}

/// Runs all parts in one transaction, or in the one that the caller has begun.
async fn in_transaction(runner: &Arc<Runner>, parts: Vec<Write>) -> Result<u64> {
    let mut total = 0;
    if let Some(transaction) = &runner.transaction {
        let mut half = Half { transaction, sent: false };
        for part in &parts {
            total += run_on(runner, part).await?;
            half.sent = true;
        }
        half.sent = false;
        return Ok(total);
    }
    let transaction = Transaction::<ReadWrite>::begin(runner, &TransactionOptions::new(), 1).await?;
    for part in &parts {
        match run_on(transaction.runner(), part).await {
            Ok(count) => total += count,
            Err(error) => {
                // The part's error is what the caller needs. A rollback that fails closes the session, which rolls back too.
                let _ = transaction.rollback().await;
                return Err(error);
            }
        }
    }
    transaction.commit().await?;
    Ok(total)
}

/// An insert within a caller's transaction of which some parts were sent. Should the rest not follow, because a part failed, a hook
/// refused it or the caller went away, the transaction is lost: committing it would keep half of the rows.
struct Half<'t> {
    transaction: &'t TransactionState,
    sent: bool,
}

impl Drop for Half<'_> {
    fn drop(&mut self) {
        if self.sent {
            self.transaction.lose();
        }
    }
}

macro_rules! to_sql_for {
    ($($write:ident),*) => {$(
        impl $write {
            /// The statement for a database of `dialect`, without sending it. Tables' columns are known from `table!` only.
            ///
            /// # Errors
            ///
            /// The mistakes of the write, as running it would give them before anything is sent.
            pub fn to_sql_for(&self, dialect: Dialect) -> Result<QueryText> {
                let plan = Plan::Write(&self.write);
                let target = Target::without_server(dialect);
                let query = compile_plan(&plan, &Schema::default(), &Policy::default(), HandleKind::ReadWrite, target)?;
                Ok(QueryText::of(query))
            }
        }
    )*};
}

to_sql_for!(Insert, Update, Delete);

impl Update {
    /// Changes the rows; the number of rows that the condition matched, changed or not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`](crate::ErrorKind::Policy) without a condition or `all_rows`; `TooManyRows` beyond `max_affected`;
    /// `Conflict` when no row has the version of [`expect_version`](Update::expect_version);
    /// the mistakes of the update, a refusal of a hook, and what the database gives.
    pub async fn execute(self) -> Result<u64> {
        run(&self.origin, &self.write).await
    }
}

impl Delete {
    /// Deletes the rows; their number.
    ///
    /// # Errors
    ///
    /// As [`Update::execute`].
    pub async fn execute(self) -> Result<u64> {
        run(&self.origin, &self.write).await
    }
}
