//! The verbs that run writes.

mod copy;
mod each;
mod file;
mod insert;
mod keyed;
mod merge;
mod returning;
mod ruled;
mod steps;
mod stream;
mod upsert;
mod work;

pub use stream::StreamRow;

use std::sync::Arc;

use super::driver::RowSink;
use super::handle::Runner;
use super::prepare::{Plan, compile_plan};
use super::terminals::QueryText;
use crate::compile::Target;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::policy::Policy;
use crate::policy::validation::Verdict;
use crate::query::{Delete, Insert, Origin, Returning, Update, Write};
use crate::row::CountSink;
use crate::schema::Schema;
use crate::statement::HandleKind;

/// Runs an update or a delete.
async fn run(origin: &Origin, mut write: Write) -> Result<u64> {
    let runner = Runner::of(Some(origin))?;
    match runner.under_rules(&mut write).await? {
        Verdict::Passed => run_on(&runner, &write).await,
        Verdict::NeedsRows => Ok(Box::pin(steps::run(&runner, &write, &count, true)).await?.1),
    }
}

async fn run_on(runner: &Arc<Runner>, write: &Write) -> Result<u64> {
    let (_, affected) = run_into(runner, write, count()).await?;
    Ok(affected)
}

/// Runs one statement; what it returns goes into `sink`.
async fn run_into(runner: &Arc<Runner>, write: &Write, sink: Box<dyn RowSink>) -> Result<(Box<dyn RowSink>, u64)> {
    let (sink, done) = runner.run(Plan::Write(write), sink).await?;
    Ok((sink, done.affected))
}

fn count() -> Box<dyn RowSink> {
    Box::new(CountSink::new())
}

impl Insert {
    /// Inserts the rows; their number. No rows is 0, and nothing is sent. More rows than one statement can bind go in
    /// several, in one transaction: all of them or none. When a later one fails within a transaction of the caller's, that
    /// transaction is rolled back with it.
    ///
    /// Of an upsert the number is that of the rows inserted and changed; see [`on_conflict`](Insert::on_conflict).
    ///
    /// # Errors
    ///
    /// The mistakes of the insert (ragged rows, unknown or repeated columns, values of another type), a refusal of a hook, and
    /// what the database gives, such as [`ErrorKind::Constraint`](crate::ErrorKind::Constraint).
    pub async fn execute(self) -> Result<u64> {
        let (_, affected) = Box::pin(insert::run(self.write, self.progress.as_ref(), &count)).await?;
        Ok(affected)
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

to_sql_for!(Insert, Update, Delete, Returning);

impl Update {
    /// Changes the rows; the number of rows that the condition matched, changed or not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`](crate::ErrorKind::Policy) without a condition or `all_rows`; `TooManyRows` beyond `max_affected`;
    /// `Conflict` when no row has the version of [`expect_version`](Update::expect_version); `RowCount` when a row has several matches in the
    /// frame of [`from`](Update::from); the mistakes of the update, a refusal of a hook, and what the database gives.
    pub async fn execute(self) -> Result<u64> {
        run(&self.origin, self.write).await
    }
}

impl Delete {
    /// Deletes the rows; their number.
    ///
    /// # Errors
    ///
    /// As [`Update::execute`].
    pub async fn execute(self) -> Result<u64> {
        run(&self.origin, self.write).await
    }
}
