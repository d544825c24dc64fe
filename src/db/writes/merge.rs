//! Merges, as statements of one transaction.

use super::super::handle::Runner;
use super::run_on;
use super::work::Work;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::validation::{nothing_left, strip_set};
use crate::query::{Merge, Write, note_stripped};
use crate::statement::Isolation;

impl Merge {
    /// Runs the branches; the number of rows deleted, changed and inserted.
    ///
    /// # Errors
    ///
    /// The mistakes of the merge: nothing to do, and branches of which one would undo what another is decided by. `RowCount` when a row that is
    /// changed has several matches, [`ErrorKind::TooManyRows`] beyond `max_affected`, a refusal of a hook, and what the database gives, such as
    /// [`ErrorKind::Constraint`] for a key that another session has inserted meanwhile.
    pub async fn execute(mut self) -> Result<u64> {
        let (most, location) = (self.write.max_affected, self.write.location);
        let runner = Runner::of(Some(&self.write.origin.clone()))?;
        runner.strip_merge(&mut self)?;
        let mut writes = self.into_writes()?;
        for write in &mut writes {
            runner.under_rules(write).await?;
        }
        if let ([only], None) = (writes.as_slice(), most) {
            return run_on(&runner, only).await;
        }
        let isolation = (runner.core.server.dialect == Dialect::Postgres).then_some(Isolation::RepeatableRead);
        let mut work = Work::begin_with(&runner, isolation).await?;
        let result = branches(&mut work, writes, most).await.map_err(|error| error.at(location));
        work.end(result).await
    }
}

impl Runner {
    /// Leaves out of the branches what may not be written, where that is allowed.
    fn strip_merge(&self, merge: &mut Merge) -> Result<()> {
        let (Ok(table), Some(stripped)) = (merge.write.table.clone(), merge.write.rules.strip.take()) else {
            return Ok(());
        };
        let validators = self.validators_of(&table);
        let nothing = nothing_left(&merge.write);
        for writable in validators.iter().filter_map(|validator| validator.writable.as_ref()) {
            for set in merge.each_set().filter(|_| writable.strips) {
                let mut out = Vec::new();
                if !strip_set(set, &|name| writable.columns.contains(name), &mut out) {
                    return Err(nothing);
                }
                note_stripped(&stripped, out);
            }
        }
        Ok(())
    }
}

async fn branches(work: &mut Work, writes: Vec<Write>, most: Option<u64>) -> Result<u64> {
    let mut total = 0;
    for write in &writes {
        // The whole is what may touch so many rows.
        total += run_on(work.runner(), write).await?;
        work.sent();
        if let Some(most) = most.filter(|most| total > *most) {
            let message = format!(
                "the merge touched {total} rows so far and `max_affected` allows {most}; it was rolled back, with its transaction if it had one"
            );
            return Err(Error::new(ErrorKind::TooManyRows, "write.max_affected", message));
        }
    }
    Ok(total)
}
