//! Where a driver puts rows: collected whole, turned into Rust types, counted, or handed on in batches.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::db::driver::{BoxFuture, Flow, RawRow, RowSink};
use crate::error::{Error, ErrorKind, Result};
use crate::row::{Columns, Row, Rows, de};

/// How one row becomes an item.
pub(crate) trait MakeRow: Send + 'static {
    type Item: Send + 'static;
    fn make(columns: &Arc<Columns>, row: &dyn RawRow) -> Result<Self::Item>;
}

/// Rows as [`Row`].
pub(crate) struct ToOwnedRow;

impl MakeRow for ToOwnedRow {
    type Item = Row;

    fn make(columns: &Arc<Columns>, row: &dyn RawRow) -> Result<Row> {
        let mut values = Vec::with_capacity(row.len());
        for index in 0..row.len() {
            values.push(row.cell(index)?.into_value(columns.name(index))?);
        }
        Ok(Row::new(Arc::clone(columns), values))
    }
}

/// Rows as a Rust type, by serde, straight from the driver's cells.
pub(crate) struct ToSerde<T>(PhantomData<fn() -> T>);

impl<T: DeserializeOwned + Send + 'static> MakeRow for ToSerde<T> {
    type Item = T;

    fn make(columns: &Arc<Columns>, row: &dyn RawRow) -> Result<T> {
        de::from_row(row, columns)
    }
}

/// Collects everything.
pub(crate) struct CollectSink<M: MakeRow> {
    columns: Arc<Columns>,
    items: Vec<M::Item>,
}

/// Collects [`Row`]s.
pub(crate) type RowsSink = CollectSink<ToOwnedRow>;
/// Collects `T`s.
pub(crate) type SerdeSink<T> = CollectSink<ToSerde<T>>;

impl<M: MakeRow> CollectSink<M> {
    pub(crate) fn new() -> Self {
        CollectSink { columns: Arc::default(), items: Vec::new() }
    }

    pub(crate) fn into_items(self) -> Vec<M::Item> {
        self.items
    }
}

impl RowsSink {
    /// The columns, and the rows.
    pub(crate) fn into_parts(self) -> (Arc<Columns>, Vec<Row>) {
        (self.columns, self.items)
    }

    pub(crate) fn into_rows(self) -> Rows {
        Rows::new(self.columns, self.items)
    }
}

impl<M: MakeRow> RowSink for CollectSink<M> {
    fn columns(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.columns = Arc::clone(columns);
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        self.items.push(M::make(&self.columns, row)?);
        Ok(Flow::More)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Takes rows and keeps none, without decoding them; for writes and counts.
#[derive(Debug, Default)]
pub(crate) struct CountSink {
    rows: u64,
}

impl CountSink {
    pub(crate) fn new() -> Self {
        CountSink::default()
    }

    #[cfg(test)]
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }
}

impl RowSink for CountSink {
    fn columns(&mut self, _: &Arc<Columns>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        self.rows += 1;
        Ok(Flow::More)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Fills batches and sends each over a bounded channel, so that a slow reader holds the database back and memory stays
/// constant. The last, partial batch is sent by whoever gets the sink back, through [`RowSink::flush`].
pub(crate) struct BatchSink<M: MakeRow> {
    columns: Arc<Columns>,
    batch: Vec<M::Item>,
    size: usize,
    sender: mpsc::Sender<Vec<M::Item>>,
}

impl<M: MakeRow> BatchSink<M> {
    /// Batches of `size` rows, at least one.
    pub(crate) fn new(size: usize, sender: mpsc::Sender<Vec<M::Item>>) -> Self {
        BatchSink { columns: Arc::default(), batch: Vec::new(), size: size.max(1), sender }
    }
}

impl<M: MakeRow> RowSink for BatchSink<M> {
    fn columns(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.columns = Arc::clone(columns);
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        if self.batch.capacity() == 0 {
            self.batch.reserve_exact(self.size.min(4096));
        }
        self.batch.push(M::make(&self.columns, row)?);
        Ok(if self.batch.len() >= self.size { Flow::Flush } else { Flow::More })
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<()>> {
        let batch = std::mem::take(&mut self.batch);
        let sender = &self.sender;
        Box::pin(async move {
            if batch.is_empty() {
                return Ok(());
            }
            sender.send(batch).await.map_err(|_| reader_gone())
        })
    }

    fn flush_blocking(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(batch).map_err(|_| reader_gone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

fn reader_gone() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled.stream", "the stream of rows was dropped before its end")
}

/// The sink as the type that it was sent out as.
pub(crate) fn take_back<S: RowSink + 'static>(sink: Box<dyn RowSink>) -> Result<S> {
    match sink.into_any().downcast::<S>() {
        Ok(sink) => Ok(*sink),
        Err(_) => Err(Error::new(ErrorKind::Internal, "internal.sink", "a driver gave back another sink than it got")),
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
