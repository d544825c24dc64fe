//! Inserts of rows that come one after another.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};

use super::super::driver::BoxFuture;
use super::super::handle::Runner;
use super::insert::{rows_at_once, rows_of, run_batch};
use super::ruled::in_steps;
use super::upsert::{SeenKeys, settle_keys};
use super::work::Work;
use super::{copy, count};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::validation::Verdict;
use crate::query::{Insert, IntoRow, MANY, RowSet, Source, Write, WriteKind, check_write};

mod sealed {
    pub trait Sealed {}
}

/// What a stream of rows gives: a row, or a row or an error. The trait is sealed.
pub trait StreamRow: sealed::Sealed {
    #[doc(hidden)]
    fn add_to(self, rows: &mut RowSet) -> Result<()>;
}

impl<R: IntoRow> sealed::Sealed for R {}
impl<R: IntoRow> StreamRow for R {
    fn add_to(self, rows: &mut RowSet) -> Result<()> {
        rows.push(self);
        Ok(())
    }
}

impl<R: IntoRow> sealed::Sealed for Result<R> {}
impl<R: IntoRow> StreamRow for Result<R> {
    fn add_to(self, rows: &mut RowSet) -> Result<()> {
        rows.push(self?);
        Ok(())
    }
}

impl Insert {
    /// Inserts the rows of a stream as they come; their number. They go in batches, in one transaction, which is open until the stream ends: all
    /// of them are kept or none. No more than one batch is in memory. An error in the stream, or its end by being dropped, keeps nothing.
    ///
    /// The columns are those of [`columns`](Insert::columns). Two rows with one key are an error for an upsert that updates, as they are in one of
    /// [`rows`](Insert::rows), however far apart they come; so that they are seen, such a one keeps some 50 bytes for each row.
    ///
    /// ```
    /// use futures_util::stream;
    /// use portcullis::{Database, ReadWrite};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE squares (n integer, square integer)").execute().await?;
    /// let rows = stream::iter((1..=10_000).map(|n: i64| (n, n * n)));
    /// assert_eq!(db.insert("squares").columns(["n", "square"]).execute_stream(rows).await?, 10_000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Insert::execute), and the stream's own.
    pub async fn execute_stream<S>(self, rows: S) -> Result<u64>
    where
        S: Stream + Send,
        S::Item: StreamRow + Send,
    {
        pour(self, &mut Rows(Box::pin(rows))).await
    }
}

/// Where batches of rows come from.
pub(super) trait Batches: Send {
    /// At most so many rows; none at the end.
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<RowSet>>;
}

struct Rows<S>(Pin<Box<S>>);

impl<S> Batches for Rows<S>
where
    S: Stream + Send,
    S::Item: StreamRow + Send,
{
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<RowSet>> {
        Box::pin(async move {
            let mut batch = RowSet::default();
            while batch.len() < most
                && let Some(row) = self.0.next().await
            {
                row.add_to(&mut batch)?;
            }
            Ok(batch)
        })
    }
}

/// Inserts batches until there are no more: all of them or none.
pub(super) async fn pour(insert: Insert, batches: &mut dyn Batches) -> Result<u64> {
    let Insert { mut write, origin, progress } = insert;
    let WriteKind::Insert { source: Source::Rows { rows: before, .. }, .. } = &mut write.kind else {
        let message = "an insert takes a stream or a frame; write two inserts";
        return Err(Error::new(ErrorKind::Plan, "insert.two_sources", message).at(write.location));
    };
    let mut before = std::mem::take(before);
    let runner = Runner::of(Some(&origin))?;
    let mut types = None;
    let mut most = rows_at_once(&write, runner.core.server.dialect);
    let mut work: Option<Work> = None;
    let mut keys = SeenKeys::default();
    let (mut number, mut seen) = (0, 0);
    let result = loop {
        let batch = match batches.next(most).await {
            Ok(batch) if before.is_empty() => batch,
            Ok(batch) => {
                let mut all = std::mem::take(&mut before);
                all.append(batch);
                all
            }
            Err(error) => break Err(error),
        };
        if batch.is_empty() {
            break Ok(number);
        }
        let mut part = with_rows(&write, batch);
        if let Some(mistake) = Error::join(check_write(&part)) {
            break Err(mistake.at(write.location));
        }
        part.rules.rows_before = seen;
        seen += rows_of(&part) as u64;
        let verdict = match runner.under_rules(&mut part).await {
            Ok(verdict) => verdict,
            Err(error) => break Err(error),
        };
        if let Err(error) = settle_keys(&runner, &mut part, &mut keys).await {
            break Err(error);
        }
        if work.is_none() {
            // Before the transaction takes its session, and only for many rows.
            if rows_of(&part) >= MANY {
                types = runner.copy_types(&part).await?;
                most = types.as_deref().map_or(most, |types| copy::rows_at_once(types.len()));
            }
            work = Some(Work::begin(&runner).await?);
        }
        let Some(open) = &mut work else { return Err(Error::internal("insert.work")) };
        let done = match verdict {
            Verdict::Passed => run_batch(open, part, types.as_ref()).await,
            Verdict::NeedsRows => Box::pin(in_steps(open, part, None, &count)).await.map(|(_, affected)| affected),
        };
        match done {
            Ok(affected) => number += affected,
            Err(error) => break Err(error),
        }
        if let Some(told) = &progress {
            told(number);
        }
    };
    match work {
        Some(work) => work.end(result).await,
        None => result,
    }
}

fn with_rows(write: &Write, rows: RowSet) -> Write {
    let mut part = write.clone();
    if let WriteKind::Insert { source: Source::Rows { rows: place, .. }, .. } = &mut part.kind {
        *place = rows;
    }
    part
}
