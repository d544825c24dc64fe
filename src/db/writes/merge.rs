//! Merges, as statements of one transaction.

use super::super::handle::Runner;
use super::run_on;
use super::work::Work;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Merge, Write};
use crate::statement::Isolation;

impl Merge {
    /// Runs the branches; the number of rows deleted, changed and inserted.
    ///
    /// # Errors
    ///
    /// The mistakes of the merge: nothing to do, and branches of which one would undo what another is decided by. `RowCount` when a row that is
    /// changed has several matches, [`ErrorKind::TooManyRows`] beyond `max_affected`, a refusal of a hook, and what the database gives, such as
    /// [`ErrorKind::Constraint`] for a key that another session has inserted meanwhile.
    pub async fn execute(self) -> Result<u64> {
        let (most, location) = (self.write.max_affected, self.write.location);
        let runner = Runner::of(Some(&self.write.origin.clone()))?;
        let writes = self.into_writes()?;
        if let ([only], None) = (writes.as_slice(), most) {
            return run_on(&runner, only).await;
        }
        let isolation = (runner.core.server.dialect == Dialect::Postgres).then_some(Isolation::RepeatableRead);
        let mut work = Work::begin_with(&runner, isolation).await?;
        let result = branches(&mut work, writes, most).await.map_err(|error| error.at(location));
        work.end(result).await
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
