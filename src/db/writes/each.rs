//! One statement that runs for each of many rows.

use std::sync::Arc;

use super::super::handle::Runner;
use super::super::prepare::Plan;
use super::run_on;
use crate::compile::CompiledQuery;
use crate::error::Result;
use crate::query::Write;
use crate::value::packed::{PackedPart, PackedRows};

/// How many rows one statement runs for.
const ROWS: usize = 5_000;

/// Writes that have one text, one after another.
pub(super) struct Each {
    /// The first of them.
    write: Write,
    query: CompiledQuery,
    /// What all of them bind.
    rows: PackedPart,
}

impl Each {
    /// Compiles the writes and puts together those that follow each other and have one text.
    pub(super) async fn of(runner: &Arc<Runner>, writes: impl Iterator<Item = Write> + Send) -> Result<Vec<Each>> {
        let mut all = Vec::new();
        let mut open: Option<(Write, CompiledQuery, PackedRows)> = None;
        let close = |(write, query, rows)| Each { write, query, rows: PackedPart::of(rows) };
        for write in writes {
            let plan = Plan::Write(&write);
            let compiled = match open {
                Some(_) => runner.compile_like(&plan),
                None => Box::pin(runner.prepare(&plan)).await,
            };
            let query = match compiled {
                Ok(query) => query,
                Err(error) => return Err(runner.refused(&plan, error.at(write.location)).await),
            };
            if let Some((_, first, rows)) = &mut open
                && rows.len() < ROWS
                && first.has_text_of(&query)
                && rows.push_row(query.binds())
            {
                continue;
            }
            let mut rows = PackedRows::new(query.bind_types());
            rows.push_row(query.binds());
            all.extend(open.replace((write, query, rows)).map(close));
        }
        all.extend(open.map(close));
        Ok(all)
    }

    /// Runs it; how many rows it changed, which must be no more than `max_affected`.
    pub(super) async fn run(&self, runner: &Arc<Runner>, max_affected: Option<u64>) -> Result<u64> {
        if self.rows.len() < 2 {
            let write = Write { max_affected, ..self.write.clone() };
            return run_on(runner, &write).await;
        }
        let query = self.query.for_each_row(max_affected);
        Ok(runner.run_each(Plan::Write(&self.write), query, self.rows.clone()).await?.affected)
    }
}
