//! The verbs that run raw SQL.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::handle::Runner;
use super::prepare::Plan;
use super::stream::{RowStream, open_stream};
use super::terminals::{at_most_one, exactly_one};
use crate::error::{Error, ErrorKind, Result};
use crate::query::RawSql;
use crate::row::{CountSink, Row, Rows, RowsSink, SerdeSink, take_back};
use crate::statement::HandleKind;

/// Running; see [`Frame`](crate::Frame) for what each gives.
///
/// # Errors
///
/// [`ErrorKind::RawSql`](crate::ErrorKind::RawSql) for text that is refused anywhere, `Policy` for what a read-only handle
/// refuses, and what running gives.
impl RawSql {
    fn runner(&self) -> Result<Arc<Runner>> {
        Runner::of(self.origin.as_ref())
    }

    /// All rows, in memory.
    pub async fn collect(&self) -> Result<Rows> {
        let (sink, _) = self.runner()?.run(Plan::Raw(&self.text), Box::new(RowsSink::new())).await?;
        Ok(take_back::<RowsSink>(sink)?.into_rows())
    }

    /// All rows as `T`, by serde.
    pub async fn collect_as<T: DeserializeOwned + Send + 'static>(&self) -> Result<Vec<T>> {
        let (sink, _) = self.runner()?.run(Plan::Raw(&self.text), Box::new(SerdeSink::<T>::new())).await?;
        Ok(take_back::<SerdeSink<T>>(sink)?.into_items())
    }

    /// The only row.
    pub async fn one(&self) -> Result<Row> {
        exactly_one(self.collect().await?.into_iter().collect())
    }

    /// The only row, if there is one.
    pub async fn optional(&self) -> Result<Option<Row>> {
        at_most_one(self.collect().await?.into_iter().collect())
    }

    /// The only row as `T`.
    pub async fn one_as<T: DeserializeOwned + Send + 'static>(&self) -> Result<T> {
        exactly_one(self.collect_as().await?)
    }

    /// Rows one after another, in constant memory.
    pub async fn stream(&self) -> Result<RowStream> {
        let runner = self.runner()?;
        open_stream(&runner, Plan::Raw(&self.text)).await
    }

    /// Runs a statement for its effect; the number of rows that a write touched. On a read-write handle what was known of tables
    /// is forgotten, since the statement may have changed one.
    pub async fn execute(&self) -> Result<u64> {
        let runner = self.runner()?;
        let result = runner.run(Plan::Raw(&self.text), Box::new(CountSink::new())).await;
        if runner.core.kind == HandleKind::ReadWrite && result.as_ref().err().is_none_or(may_have_run) {
            runner.core.tables_changed();
        }
        let (_, done) = result?;
        Ok(done.affected)
    }
}

/// False for what was refused before anything was sent.
fn may_have_run(error: &Error) -> bool {
    use ErrorKind::{Audit, Hook, Policy, Pool, RateLimited, RawSql};
    !matches!(error.kind(), Audit | Hook | Policy | Pool | RateLimited | RawSql)
}
