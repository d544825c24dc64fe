//! Rows one after another.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};

use super::driver::RowSink;
use super::handle::Runner;
use super::prepare::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::row::{BatchSink, Row, ToOwnedRow};

/// Rows that cross from the driver to the reader at once: enough to make the crossing cheap, few enough to be small.
const BATCH: usize = 256;

/// Rows of a running statement, made by `stream()`. It is a [`Stream`] of the `futures` crates, and has a `next` of its own.
///
/// Dropping it ends the statement and closes its session.
#[must_use = "a stream does nothing unless it is read"]
pub struct RowStream {
    batches: mpsc::Receiver<Vec<Row>>,
    current: std::vec::IntoIter<Row>,
    /// How the statement ended; taken once it was told.
    end: Option<oneshot::Receiver<Result<()>>>,
}

pub(super) async fn open_stream(runner: &Arc<Runner>, plan: Plan<'_>) -> Result<RowStream> {
    let (flight, statement, care) = runner.enter(plan, |query| query).await?;
    let (sender, batches) = mpsc::channel(2);
    let (finished, end) = oneshot::channel();
    let gone = sender.clone();
    let sink: Box<dyn RowSink> = Box::new(BatchSink::<ToOwnedRow>::new(BATCH, sender));
    tokio::spawn(async move {
        let run = async {
            let (mut sink, _) = flight.run(&statement, care, sink).await?;
            sink.flush().await
        };
        let result = tokio::select! {
            result = run => result,
            // The reader went away: dropping the run closes the session and tells the hooks.
            () = gone.closed() => Err(Error::new(ErrorKind::Cancelled, "statement.cancelled", "the stream was dropped")),
        };
        // The channel of batches must not close before the end is known.
        let _ = finished.send(result);
        drop(gone);
    });
    Ok(RowStream { batches, current: Vec::new().into_iter(), end: Some(end) })
}

impl RowStream {
    /// The next row; `None` after the last. After an error the stream has ended.
    pub async fn next(&mut self) -> Option<Result<Row>> {
        std::future::poll_fn(|cx| self.poll_row(cx)).await
    }

    fn poll_row(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Row>>> {
        loop {
            if let Some(row) = self.current.next() {
                return Poll::Ready(Some(Ok(row)));
            }
            match self.batches.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(batch)) => self.current = batch.into_iter(),
                Poll::Ready(None) => break,
            }
        }
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        let result = match Pin::new(end).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(result) => result,
        };
        self.end = None;
        match result {
            Ok(Ok(())) => Poll::Ready(None),
            Ok(Err(error)) => Poll::Ready(Some(Err(error))),
            Err(_) => Poll::Ready(Some(Err(Error::new(
                ErrorKind::Cancelled,
                "statement.cancelled",
                "the statement ended without a word, as when the runtime shuts down",
            )))),
        }
    }
}

impl Stream for RowStream {
    type Item = Result<Row>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Row>>> {
        self.get_mut().poll_row(cx)
    }
}

impl fmt::Debug for RowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowStream").field("ended", &self.end.is_none()).finish_non_exhaustive()
    }
}
