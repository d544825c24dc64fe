//! Inserts of rows that come one after another.

use std::pin::pin;

use futures_util::{Stream, StreamExt};

use super::super::handle::Runner;
use super::insert::{rows_at_once, run_batch, settle_keys};
use super::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{GivenRow, Insert, IntoRow, Source, Write, WriteKind, check_write};
use crate::value::Bind;

mod sealed {
    pub trait Sealed {}
}

/// What a stream of rows gives: a row, or a row or an error. The trait is sealed.
pub trait StreamRow: sealed::Sealed {
    #[doc(hidden)]
    fn into_stream_row(self) -> Result<GivenRow>;
}

impl<R: IntoRow> sealed::Sealed for R {}
impl<R: IntoRow> StreamRow for R {
    fn into_stream_row(self) -> Result<GivenRow> {
        Ok(self.into_row())
    }
}

impl<R: IntoRow> sealed::Sealed for Result<R> {}
impl<R: IntoRow> StreamRow for Result<R> {
    fn into_stream_row(self) -> Result<GivenRow> {
        Ok(self?.into_row())
    }
}

impl Insert {
    /// Inserts the rows of a stream as they come; their number. They go in batches, in one transaction, which is open until the stream ends: all
    /// of them are kept or none. No more than one batch is in memory. An error in the stream, or its end by being dropped, keeps nothing.
    ///
    /// The columns are those of [`columns`](Insert::columns). `on_conflict` may do nothing; an update is refused, since whether two rows of the
    /// stream have one key is not known before all have been seen.
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
        let mut write = self.write;
        let WriteKind::Insert { source: Source::Rows { rows: before, .. }, upsert, .. } = &mut write.kind else {
            let message = "an insert takes a stream or a frame; write two inserts";
            return Err(Error::new(ErrorKind::Plan, "insert.two_sources", message).at(write.location));
        };
        if upsert.as_ref().is_some_and(|upsert| !upsert.nothing) {
            let message = "an upsert of a stream can't see whether two of its rows have one key; insert batches with `rows`, or do nothing on a conflict";
            return Err(Error::new(ErrorKind::Plan, "upsert.stream", message).at(write.location));
        }
        let mut batch = std::mem::take(before);
        let runner = Runner::of(Some(&self.origin))?;
        let most = rows_at_once(&write, runner.core.server.dialect);
        let mut rows = pin!(rows);
        let mut work: Option<Work> = None;
        let mut number = 0u64;
        let mut failed = None;
        loop {
            let next = match rows.next().await.map(StreamRow::into_stream_row) {
                Some(Err(error)) => {
                    failed = Some(error);
                    break;
                }
                Some(Ok(row)) => Some(row),
                None => None,
            };
            let ended = next.is_none();
            batch.extend(next.map(|row| row.0));
            if batch.is_empty() || (!ended && batch.len() < most) {
                if ended {
                    break;
                }
                continue;
            }
            let mut part = with_rows(&write, std::mem::take(&mut batch));
            if let Some(mistake) = Error::join(check_write(&part)) {
                failed = Some(mistake.at(write.location));
                break;
            }
            if let Err(error) = settle_keys(&runner, &mut part).await {
                failed = Some(error);
                break;
            }
            if work.is_none() {
                work = Some(Work::begin(&runner).await?);
            }
            let Some(open) = &mut work else { return Err(Error::internal("insert.work")) };
            match run_batch(open, &part).await {
                Ok(affected) => number += affected,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
            if ended {
                break;
            }
        }
        let result = failed.map_or(Ok(number), Err);
        match work {
            Some(work) => work.end(result).await,
            None => result,
        }
    }
}

fn with_rows(write: &Write, rows: Vec<Vec<Bind>>) -> Write {
    let mut part = write.clone();
    if let WriteKind::Insert { source: Source::Rows { rows: place, .. }, .. } = &mut part.kind {
        *place = rows;
    }
    part
}
