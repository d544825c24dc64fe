//! Deletes.

use super::{Joined, Write, WriteKind};
use crate::query::{Frame, IntoJoinOn, IntoTable, Origin};

/// A removal of rows; made by `db.delete("table")`. It needs a condition, or [`all_rows`](Delete::all_rows).
#[derive(Clone)]
#[must_use = "a delete does nothing until it is run with `.execute().await`"]
pub struct Delete {
    pub(crate) write: Write,
    pub(crate) origin: Origin,
}

impl Delete {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Delete {
        Delete {
            write: Write::new(
                table,
                WriteKind::Delete { condition: None, all_rows: false, using: None },
                origin.clone(),
            ),
            origin,
        }
    }

    /// Deletes the rows that match a row of `frame`, however many; see [`Update::from`](crate::Update::from) for names. The match is a condition, so `where_` may be left
    /// out.
    ///
    /// SQL text: `DELETE FROM "t" WHERE EXISTS (SELECT NULL FROM … WHERE …)`; on SQLite, where `on` is made of equalities, `(k, …) IN (SELECT …)`, and
    /// on MySQL and MariaDB over a derived table that is stored.
    ///
    /// ```no_run
    /// # use portcullis::using;
    /// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
    /// let gone = db.delete("stock").using(db.table("discontinued"), using("sku")).execute().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn using(mut self, frame: Frame, on: impl IntoJoinOn) -> Delete {
        if let WriteKind::Delete { using, .. } = &mut self.write.kind {
            if using.is_some() {
                self.write.mistakes.push(super::twice("using"));
            } else {
                *using = Some(Joined { frame, on: on.into_join_on() });
            }
        }
        self
    }
}
