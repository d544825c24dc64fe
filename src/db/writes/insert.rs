//! Inserts in as many statements as their rows need.

use std::sync::Arc;

use super::super::driver::RowSink;
use super::super::handle::Runner;
use super::copy::{self, choose_way};
use super::ruled::ruled_upsert;
use super::upsert::{SeenKeys, settle_keys};
use super::work::Work;
use super::{run_into, run_on};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::policy::validation::Verdict;
use crate::query::{CopyType, MANY, Progress, Source, Way, Write, WriteKind, check_write};

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
        let verdict = runner.under_rules(&mut write).await?;
        settle_keys(&runner, &mut write, &mut SeenKeys::default()).await?;
        if verdict == Verdict::NeedsRows {
            return Box::pin(ruled_upsert(&runner, write, progress, sink)).await;
        }
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
