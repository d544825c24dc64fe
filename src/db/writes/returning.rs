//! Writes that give back the rows that they wrote.

use serde::de::DeserializeOwned;

use super::super::driver::RowSink;
use super::super::handle::Runner;
use super::super::terminals::{at_most_one, exactly_one};
use super::insert::MakeSink;
use super::{insert, run_into, steps};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::policy::validation::Verdict;
use crate::query::{Returning, Source, Write, WriteKind, check_write};
use crate::row::{Row, Rows, RowsSink, SerdeSink, take_back};

/// Running; see [`Frame`](crate::Frame) for what each gives. `one` and `optional` keep nothing when more rows were written.
///
/// # Errors
///
/// What the write gives, and [`ErrorKind::Unsupported`] where the database can't give back rows and it can't be done exactly otherwise.
impl Returning {
    /// All rows, in memory.
    pub async fn collect(self) -> Result<Rows> {
        let make: MakeSink<'_> = &|| Box::new(RowsSink::new());
        let mut all: Option<(std::sync::Arc<crate::row::Columns>, Vec<Row>)> = None;
        for sink in run(self.write, make).await? {
            let (columns, rows) = take_back::<RowsSink>(sink)?.into_parts();
            match &mut all {
                None => all = Some((columns, rows)),
                Some((_, known)) => known.extend(rows),
            }
        }
        let (columns, rows) = all.unwrap_or_default();
        Ok(Rows::new(columns, rows))
    }

    /// All rows as `T`, by serde.
    pub async fn collect_as<T: DeserializeOwned + Send + 'static>(self) -> Result<Vec<T>> {
        let make: MakeSink<'_> = &|| Box::new(SerdeSink::<T>::new());
        let mut items = Vec::new();
        for sink in run(self.write, make).await? {
            items.extend(take_back::<SerdeSink<T>>(sink)?.into_items());
        }
        Ok(items)
    }

    /// The only row; [`ErrorKind::RowCount`] when nothing was written, and [`ErrorKind::TooManyRows`] for more than one, of which nothing is kept.
    pub async fn one(self) -> Result<Row> {
        exactly_one(self.limited().collect().await?.into_iter().collect())
    }

    /// The only row, if one was written; [`ErrorKind::TooManyRows`] for more, of which nothing is kept.
    pub async fn optional(self) -> Result<Option<Row>> {
        at_most_one(self.limited().collect().await?.into_iter().collect())
    }

    /// The only row as `T`; see [`one`](Returning::one).
    pub async fn one_as<T: DeserializeOwned + Send + 'static>(self) -> Result<T> {
        exactly_one(self.limited().collect_as().await?)
    }

    /// The only row as `T`, if one was written; see [`optional`](Returning::optional).
    pub async fn optional_as<T: DeserializeOwned + Send + 'static>(self) -> Result<Option<T>> {
        at_most_one(self.limited().collect_as().await?)
    }

    fn limited(mut self) -> Returning {
        // One row to insert is one row, without a transaction to make sure of it.
        let single =
            matches!(&self.write.kind, WriteKind::Insert { source: Source::Rows { rows, .. }, .. } if rows.len() < 2);
        if !single {
            let most = self.write.max_affected.unwrap_or(1);
            self.write.max_affected = Some(most.min(1));
        }
        self
    }
}

async fn run(mut write: Write, sink: MakeSink<'_>) -> Result<Vec<Box<dyn RowSink>>> {
    if let WriteKind::Insert { .. } = &write.kind {
        return Ok(Box::pin(insert::run(write, None, sink)).await?.0);
    }
    let runner = Runner::of(Some(&write.origin.clone()))?;
    let ruled = runner.under_rules(&mut write).await? == Verdict::NeedsRows;
    let emulated = matches!(write.kind, WriteKind::Update { .. })
        && runner.core.server.dialect.is_mysql_family()
        && check_write(&write).is_empty();
    if ruled || emulated {
        return Ok(Box::pin(steps::run(&runner, &write, sink, ruled)).await?.0);
    }
    let (sink, _) = run_into(&runner, &write, sink()).await?;
    Ok(vec![sink])
}
