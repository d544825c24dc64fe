//! Counts rows on their way, so that hooks are told of those of a statement that does not come to its end.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::driver::{BoxFuture, Flow, RawRow, RowSink};
use crate::error::Result;
use crate::row::Columns;

/// A sink before another. What its owner gets back is what the other collected.
pub(super) struct Counting {
    inner: Box<dyn RowSink>,
    rows: Arc<AtomicU64>,
}

impl Counting {
    pub(super) fn around(inner: Box<dyn RowSink>, rows: &Arc<AtomicU64>) -> Box<dyn RowSink> {
        Box::new(Counting { inner, rows: Arc::clone(rows) })
    }
}

impl RowSink for Counting {
    fn columns(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.inner.columns(columns)
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        self.rows.fetch_add(1, Ordering::Relaxed);
        self.inner.row(row)
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<()>> {
        self.inner.flush()
    }

    fn flush_blocking(&mut self) -> Result<()> {
        self.inner.flush_blocking()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self.inner.into_any()
    }
}
