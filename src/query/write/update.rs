//! Updates.

use super::{Joined, Write, WriteKind};
use crate::expr::{Expr, Kind, Operand};
use crate::ident::Ident;
use crate::query::{Frame, IntoJoinOn, IntoTable, Origin};

/// A change of rows; made by `db.update("table")`. It needs a condition, or [`all_rows`](Update::all_rows).
///
/// ```no_run
/// # use portcullis::col;
/// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
/// let changed = db.update("stock").set("count", col("count") - 1).where_(col("id").eq(7)).execute().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "an update does nothing until it is run with `.execute().await`"]
pub struct Update {
    pub(crate) write: Write,
    pub(crate) origin: Origin,
}

impl Update {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Update {
        let kind = WriteKind::Update { set: Vec::new(), condition: None, all_rows: false, from: None };
        Update { write: Write::new(table, kind, origin.clone()), origin }
    }

    /// Sets `column` to a value, or to an expression over the row as it was.
    pub fn set(mut self, column: &str, value: impl Operand) -> Update {
        let name = Ident::new(column);
        if let (Some(name), WriteKind::Update { set, .. }) = (self.write.note(name), &mut self.write.kind) {
            set.push((name, value.into_operand()));
        }
        self
    }

    /// Sets `column` to NULL.
    pub fn set_null(mut self, column: &str) -> Update {
        let name = Ident::new(column);
        if let (Some(name), WriteKind::Update { set, .. }) = (self.write.note(name), &mut self.write.kind) {
            set.push((name, Expr::make(Kind::Null)));
        }
        self
    }

    /// Takes values from another relation: each row of the table is changed from the one row of `frame` that matches it. A row that none matches
    /// stays as it is, and one that several match is an error on every database, unless no value is taken from the frame.
    ///
    /// In `set`, `where_` and `on` a name means a column of the table or of the frame; one that both have is written with its relation,
    /// `col("id").of("stock")`. `using` names columns that both have. The match is a condition, so `where_` may be left out.
    ///
    /// SQL text: `UPDATE "t" SET "a" = (SELECT … FROM … WHERE …) WHERE EXISTS (SELECT NULL FROM … WHERE …)`, which is the form that fails alike where
    /// a row has two matches. PostgreSQL's and SQLite's UPDATE … FROM and MySQL's UPDATE … JOIN take any of them. Where `on` holds an equality
    /// of the two sides, no row is compared with each: PostgreSQL and SQLite get `SET "a" = CASE WHEN n = 1 THEN … ELSE (SELECT …) END FROM (SELECT …,
    /// COUNT(k) OVER (PARTITION BY k) AS n …)`, and the subqueries of MySQL and MariaDB read a derived table with a LIMIT, which they store with an index;
    /// docs/writes.md has the table.
    ///
    /// ```no_run
    /// # use portcullis::{col, using};
    /// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
    /// let news = db.table("deliveries").select(["sku", "price"]).as_("news");
    /// let priced = db.update("stock").from(news, using("sku")).set("price", col("price").of("news")).execute().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from(mut self, frame: Frame, on: impl IntoJoinOn) -> Update {
        if let WriteKind::Update { from, .. } = &mut self.write.kind {
            if from.is_some() {
                self.write.mistakes.push(super::twice("from"));
            } else {
                *from = Some(Joined { frame, on: on.into_join_on() });
            }
        }
        self
    }
}
