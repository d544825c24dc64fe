//! Writes that give back the rows that they wrote.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::super::driver::RowSink;
use super::super::handle::Runner;
use super::super::prepare::Plan;
use super::super::terminals::{at_most_one, exactly_one};
use super::insert::MakeSink;
use super::work::Work;
use super::{insert, run_into, run_on};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Comparison, Expr, Kind, all_of, any_of, col};
use crate::query::{Frame, Returning, Source, TableName, Write, WriteKind, check_write};
use crate::row::{Row, Rows, RowsSink, SerdeSink, take_back};
use crate::types::SqlType;
use crate::value::Bind;

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

async fn run(write: Write, sink: MakeSink<'_>) -> Result<Vec<Box<dyn RowSink>>> {
    if let WriteKind::Insert { .. } = &write.kind {
        return Ok(insert::run(write, None, sink).await?.0);
    }
    let runner = Runner::of(Some(&write.origin.clone()))?;
    if matches!(write.kind, WriteKind::Update { .. })
        && runner.core.server.dialect.is_mysql_family()
        && check_write(&write).is_empty()
    {
        return update_and_read(&runner, &write, sink).await;
    }
    let (sink, _) = run_into(&runner, &write, sink()).await?;
    Ok(vec![sink])
}

/// How many keys one statement names.
const KEYS: usize = 500;

/// Reads the keys of the rows and locks them, changes those rows, and reads them: what `UPDATE … RETURNING` does, where it is lacking.
async fn update_and_read(runner: &Arc<Runner>, write: &Write, sink: MakeSink<'_>) -> Result<Vec<Box<dyn RowSink>>> {
    let table = write.table.clone()?;
    let key = key_of(runner, write, &table).await.map_err(|error| error.at(write.location))?;
    let mut work = Work::begin(runner).await?;
    let result = in_steps(&mut work, write, &table, &key, sink).await;
    work.end(result).await
}

async fn key_of(runner: &Arc<Runner>, write: &Write, table: &TableName) -> Result<Vec<String>> {
    let dialect = runner.core.server.dialect;
    let refuse = |message: String| {
        Err(Error::new(ErrorKind::Unsupported, "returning.unsupported", message).with_table(table.name.as_str()))
    };
    let WriteKind::Update { set, from, .. } = &write.kind else { return Err(Error::internal("returning.kind")) };
    if from.is_some() {
        return refuse(format!(
            "{dialect} gives back nothing of the rows that an update changes from a frame; run the update and read the rows in one transaction"
        ));
    }
    let keys = runner.keys_of(table).await?;
    let Some(key) = keys.into_iter().find(|key| key.primary && key.plain) else {
        return refuse(format!(
            "{dialect} gives back nothing of the rows that an update changes, and {:?} has no primary key to read them again by; run the update and read the rows in one transaction",
            table.name
        ));
    };
    if let Some((column, _)) = set.iter().find(|(column, _)| key.columns.iter().any(|name| name == column.as_str())) {
        return refuse(format!(
            "{dialect} gives back nothing of the rows that an update changes, and this one changes {column:?} of the primary key of {:?}, by which they would be read again; read them by another column in one transaction",
            table.name
        ));
    }
    Ok(key.columns)
}

async fn in_steps(
    work: &mut Work,
    write: &Write,
    table: &TableName,
    key: &[String],
    sink: MakeSink<'_>,
) -> Result<Vec<Box<dyn RowSink>>> {
    let versioned = write.with_version();
    let WriteKind::Update { condition, .. } = &versioned.kind else { return Err(Error::internal("returning.kind")) };
    let frame = |runner: &Arc<Runner>| Frame::start(Ok(table.clone()), Some(runner.origin()));
    let mut wanted = frame(work.runner()).select(key.iter().map(|name| col(name)).collect::<Vec<_>>());
    if let Some(condition) = condition {
        wanted =
            frame(work.runner()).where_(condition.clone()).select(key.iter().map(|name| col(name)).collect::<Vec<_>>());
    }
    let wanted = wanted.for_update();
    let (found, _) = work.runner().run(Plan::Frame(&wanted), Box::new(RowsSink::new())).await?;
    let found = take_back::<RowsSink>(found)?.into_rows();
    if let Some(most) = write.max_affected
        && found.len() as u64 > most
    {
        let message =
            format!("the write would touch {} rows and `max_affected` allows {most}; nothing was written", found.len());
        return Err(Error::new(ErrorKind::TooManyRows, "write.max_affected", message).at(write.location));
    }
    if let (true, Some(conflict)) = (found.is_empty(), &write.conflict) {
        return Err(conflict.clone().at(write.location));
    }
    let rows: Vec<Row> = found.into_iter().collect();
    let mut sinks = Vec::new();
    for chunk in rows.chunks(KEYS) {
        let those = these(key, chunk)?;
        let mut part = versioned.clone().into_owned();
        (part.returning, part.max_affected, part.conflict) = (None, None, None);
        if let WriteKind::Update { condition, all_rows, .. } = &mut part.kind {
            (*condition, *all_rows) = (Some(those.clone()), false);
        }
        part.origin = work.runner().origin();
        run_on(work.runner(), &part).await?;
        work.sent();
        let list = write.returning.clone().unwrap_or_default();
        let again = frame(work.runner()).where_(those).select(list);
        let (sink, _) = work.runner().run(Plan::Frame(&again), sink()).await?;
        sinks.push(sink);
    }
    if sinks.is_empty() {
        // No row, and yet the columns.
        let list = write.returning.clone().unwrap_or_default();
        let none = frame(work.runner()).select(list).limit(0);
        let (sink, _) = work.runner().run(Plan::Frame(&none), sink()).await?;
        sinks.push(sink);
    }
    Ok(sinks)
}

/// The rows with these keys.
fn these(key: &[String], rows: &[Row]) -> Result<Expr> {
    let bind = |row: &Row, place: usize| -> Result<Bind> {
        let value = row.values().get(place).cloned().ok_or_else(|| Error::internal("returning.key"))?;
        let sql_type = value.sql_type().unwrap_or(SqlType::Text);
        Ok(Bind { value, sql_type })
    };
    if let [only] = key {
        let list = rows.iter().map(|row| bind(row, 0)).collect::<Result<Vec<_>>>()?;
        let list_type = list.first().map_or(SqlType::Text, |bind| bind.sql_type);
        return Ok(Expr::make(Kind::In { operand: col(only), list, list_type, negated: false }));
    }
    let one = |row: &Row| -> Result<Expr> {
        let parts = key.iter().enumerate().map(|(place, name)| {
            let value = Expr::make(Kind::Literal(bind(row, place)?));
            Ok(Expr::make(Kind::Compare(Comparison::Equal, col(name), value)))
        });
        Ok(all_of(parts.collect::<Result<Vec<_>>>()?))
    };
    Ok(any_of(rows.iter().map(one).collect::<Result<Vec<_>>>()?))
}
