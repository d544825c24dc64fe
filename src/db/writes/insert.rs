//! Inserts in as many statements as their rows need.

use std::sync::Arc;

use super::super::driver::RowSink;
use super::super::handle::Runner;
use super::copy::{self, choose_way};
use super::ruled::ruled_upsert;
use super::work::Work;
use super::{run_into, run_on};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::policy::validation::Verdict;
use crate::query::{
    ConflictKey, CopyType, MANY, Progress, Source, TableName, Way, Write, WriteKind, check_write, repeated_keys,
};
use crate::schema::KeySchema;

/// How many rows one INSERT holds at most, however few columns they have.
const MAX_ROWS: usize = 5_000;

/// The same on MySQL and MariaDB, which are no faster with more: the binds of 1,000 rows are some tens of kilobytes on their way.
const MAX_ROWS_OF_MYSQL: usize = 1_000;

/// The same where each row is a SELECT of its own.
const MAX_SELECTS: usize = 500;

/// How many placeholders are kept free for what stands after the rows.
const RESERVED: usize = 1_000;

/// Makes the sink of one statement.
pub(super) type MakeSink<'s> = &'s (dyn Fn() -> Box<dyn RowSink> + Sync);

/// Runs an insert; gives the sinks of its statements, and the number of rows.
pub(super) async fn run(
    mut write: Write,
    progress: Option<&Progress>,
    sink: MakeSink<'_>,
) -> Result<(Vec<Box<dyn RowSink>>, u64)> {
    let WriteKind::Insert { source, .. } = &write.kind else { return Err(Error::internal("insert.kind")) };
    let mistakes = check_write(&write);
    let runner = Runner::of(Some(&write.origin.clone()))?;
    let Source::Rows { rows, .. } = source else {
        runner.under_rules(&mut write).await?;
        let (sink, affected) = run_into(&runner, &write, sink()).await?;
        return Ok((vec![sink], affected));
    };
    if rows.is_empty() && mistakes.is_empty() {
        return Ok((Vec::new(), 0));
    }
    if mistakes.is_empty() {
        if runner.under_rules(&mut write).await? == Verdict::NeedsRows {
            settle_keys(&runner, &mut write).await?;
            return Box::pin(ruled_upsert(&runner, write, progress, sink)).await;
        }
        settle_keys(&runner, &mut write).await?;
    }
    if mistakes.is_empty() && rows_of(&write) >= MANY {
        let types = runner.copy_types(&write).await?;
        choose_way(&mut write, types.as_ref(), runner.core.server.dialect);
    }
    let most = rows_at_once(&write, runner.core.server.dialect);
    let WriteKind::Insert { source: Source::Rows { rows, .. }, .. } = &write.kind else {
        return Err(Error::internal("insert.rows"));
    };
    if rows.len() <= most || !mistakes.is_empty() {
        let (sink, affected) = run_into(&runner, &write, sink()).await?;
        return Ok((vec![sink], affected));
    }
    let mut work = Work::begin(&runner).await?;
    let result = parts(&mut work, split(write, most), progress, sink).await;
    work.end(result).await
}

/// How many rows the insert itself holds.
pub(super) fn rows_of(write: &Write) -> usize {
    match &write.kind {
        WriteKind::Insert { source: Source::Rows { rows, .. }, .. } => rows.len(),
        _ => 0,
    }
}

pub(super) async fn parts(
    work: &mut Work,
    parts: Vec<Write>,
    progress: Option<&Progress>,
    sink: MakeSink<'_>,
) -> Result<(Vec<Box<dyn RowSink>>, u64)> {
    let (mut sinks, mut total) = (Vec::with_capacity(parts.len()), 0);
    for part in &parts {
        let (sink, affected) = run_into(work.runner(), part, sink()).await?;
        work.sent();
        sinks.push(sink);
        total += affected;
        if let Some(told) = progress {
            told(total);
        }
    }
    Ok((sinks, total))
}

/// One of many batches of rows, in as many statements as it needs.
pub(super) async fn run_batch(work: &mut Work, mut write: Write, types: Option<&Arc<[CopyType]>>) -> Result<u64> {
    let dialect = work.runner().core.server.dialect;
    choose_way(&mut write, types, dialect);
    let most = rows_at_once(&write, dialect);
    let statements = if rows_of(&write) <= most { vec![write] } else { split(write, most) };
    let mut total = 0;
    for statement in &statements {
        total += run_on(work.runner(), statement).await?;
        work.sent();
    }
    Ok(total)
}

/// How many rows one statement takes.
pub(super) fn rows_at_once(write: &Write, dialect: Dialect) -> usize {
    let WriteKind::Insert { columns, upsert, source } = &write.kind else { return 1 };
    if let Source::Rows { way: Way::Copy(_) | Way::Arrays | Way::Each, .. } = source {
        return copy::rows_at_once(columns.len());
    }
    let binds = dialect.max_binds();
    let width = columns.len().max(1);
    let most = if dialect.is_mysql_family() { MAX_ROWS_OF_MYSQL } else { MAX_ROWS };
    match upsert {
        None if write.returning.is_none() => (binds / width).clamp(1, most),
        Some(upsert) if upsert.nothing && dialect.is_mysql_family() => {
            ((binds - RESERVED) / (width * 2)).clamp(1, MAX_SELECTS)
        }
        _ => ((binds - RESERVED) / width).clamp(1, most),
    }
}

/// The same insert in parts of at most `most` rows.
pub(super) fn split(write: Write, most: usize) -> Vec<Write> {
    let mut empty = write;
    let WriteKind::Insert { source: Source::Rows { rows, .. }, .. } = &mut empty.kind else { return Vec::new() };
    let rows = std::mem::take(rows);
    let with = |part| {
        let mut next = empty.clone();
        if let WriteKind::Insert { source: Source::Rows { rows, .. }, .. } = &mut next.kind {
            *rows = part;
        }
        next
    };
    rows.split(most).into_iter().map(with).collect()
}

/// Two rows of one insert with the same key: of an update an error, since the one that comes second is not said; left out where
/// nothing is to be done, on the databases that would not see the first row yet.
pub(super) async fn settle_keys(runner: &Arc<Runner>, write: &mut Write) -> Result<()> {
    let (Ok(table), location) = (write.table.clone(), write.location) else { return Ok(()) };
    let WriteKind::Insert { columns, source: Source::Rows { rows, .. }, upsert: Some(upsert) } = &mut write.kind else {
        return Ok(());
    };
    if rows.len() < 2 || (upsert.nothing && !runner.core.server.dialect.is_mysql_family()) {
        return Ok(());
    }
    let key = match &upsert.target {
        ConflictKey::Columns(names) => names.clone(),
        ConflictKey::Key(name) => match runner.keys_of(&table).await?.iter().find(|key| key.name == name.as_str()) {
            Some(key) => key.columns.iter().map(|name| Ident::from_catalog(name)).collect::<Result<Vec<_>>>()?,
            // The resolver says so.
            None => return Ok(()),
        },
    };
    let rows = rows.listed();
    let repeated = repeated_keys(columns, &key, rows);
    if upsert.nothing {
        let mut left_out = repeated.into_iter().map(|(_, later)| later).peekable();
        let mut number = 0;
        rows.retain(|_| {
            let stays = left_out.next_if_eq(&number).is_none();
            number += 1;
            stays
        });
        return Ok(());
    }
    let Some((first, second)) = repeated.first() else { return Ok(()) };
    let message = format!(
        "rows {} and {} for {:?} have the same key, and which of them comes last is not said; make them one row",
        first + 1,
        second + 1,
        table.name
    );
    Err(Error::new(ErrorKind::Plan, "upsert.repeated_key", message).with_table(table.name.as_str()).at(location))
}

impl Runner {
    /// The keys of a table, read if they are not known.
    pub(super) async fn keys_of(&self, table: &TableName) -> Result<Vec<KeySchema>> {
        for read in [false, true] {
            if read {
                let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned());
                self.read_tables(&[(schema, table.name.as_str().to_owned())]).await?;
            }
            if let Some(keys) = self.core.schema().find(table).and_then(|known| known.keys.clone()) {
                return Ok(keys);
            }
        }
        Ok(Vec::new())
    }
}
