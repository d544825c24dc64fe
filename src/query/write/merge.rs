//! Merges: what is done with the rows that match a relation, and with the relation's rows that match none.

use super::upsert::Changes;
use super::{Joined, Source, Write, WriteKind, twice};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, IntoExpr, Kind, each_child};
use crate::ident::Ident;
use crate::query::{Frame, IntoJoinOn, IntoTable, Matching, Origin, TableName};

/// A merge of a relation into a table; made by `db.merge("table")`.
///
/// The rows of the table that match a row of [`using`](Merge::using)'s frame are deleted or changed, and the frame's rows that match none are
/// inserted: all of it in one transaction, and each branch as it would have been without the others. Names are those of
/// [`Update::from`](crate::Update::from).
///
/// The branches are statements of their own, `DELETE`, `UPDATE` and `INSERT … SELECT` in this order, on every database: what PostgreSQL's MERGE does with a row that matches
/// twice depends on the order of the rows. On PostgreSQL a transaction of the merge's own is `REPEATABLE READ`, so that all branches see one state;
/// within a caller's transaction they see what its isolation gives.
///
/// ```
/// use portcullis::{Database, ReadWrite, col, using};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
/// db.sql("CREATE TABLE stock (sku text PRIMARY KEY, qty integer)").execute().await?;
/// db.sql("CREATE TABLE news (sku text, more integer)").execute().await?;
/// db.insert("stock").columns(["sku", "qty"]).row(("nut", 5)).execute().await?;
/// db.insert("news").columns(["sku", "more"]).rows([("nut", 2), ("bolt", 9)]).execute().await?;
///
/// let merge = db.merge("stock").using(db.table("news"), using("sku"));
/// let merge = merge
///     .when_matched_update(|row| row.set("qty", col("qty") + col("more")))
///     .when_not_matched_insert(|row| row.set("sku", col("sku")).set("qty", col("more")));
/// assert_eq!(merge.execute().await?, 2);
/// let stock: Vec<(String, i64)> = db.table("stock").order_by("sku").collect_as().await?;
/// assert_eq!(stock, [("bolt".to_owned(), 9), ("nut".to_owned(), 7)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a merge does nothing until it is run with `.execute().await`"]
pub struct Merge {
    /// What all its statements have in common.
    pub(crate) write: Write,
    joined: Option<Joined>,
    delete: Option<Expr>,
    update: Option<Changes>,
    insert: Option<Changes>,
}

impl Merge {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Merge {
        let kind = WriteKind::Delete { condition: None, all_rows: false, using: None };
        let write = Write::new(table, kind, origin);
        Merge { write, joined: None, delete: None, update: None, insert: None }
    }

    /// The relation, and how its rows match the table's.
    pub fn using(mut self, frame: Frame, on: impl IntoJoinOn) -> Merge {
        if self.joined.is_some() {
            self.write.mistakes.push(twice("using"));
        }
        self.joined = Some(Joined { frame, on: on.into_join_on() });
        self
    }

    /// Deletes a row of the table that matches and for which `condition`, over both sides, is true. It goes before the update.
    pub fn when_matched_delete(mut self, condition: impl IntoExpr) -> Merge {
        let new = condition.into_expr();
        self.delete = Some(match self.delete.take() {
            Some(old) => old.or(new),
            None => new,
        });
        self
    }

    /// Changes a row of the table that matches, from the one row that it matches; with [`Changes::where_`] only some of them.
    pub fn when_matched_update(mut self, changes: impl FnOnce(Changes) -> Changes) -> Merge {
        if self.update.is_some() {
            self.write.mistakes.push(twice_branch("when_matched_update"));
        }
        self.update = Some(changes(Changes::default()));
        self
    }

    /// Inserts a row for each row of the relation that matches none, or with [`Changes::where_`] for some of them. Names here are the
    /// relation's own.
    pub fn when_not_matched_insert(mut self, row: impl FnOnce(Changes) -> Changes) -> Merge {
        if self.insert.is_some() {
            self.write.mistakes.push(twice_branch("when_not_matched_insert"));
        }
        self.insert = Some(row(Changes::default()));
        self
    }

    /// Rolls back, with [`ErrorKind::TooManyRows`], when more than `rows` rows were deleted, changed and inserted.
    pub fn max_affected(mut self, rows: u64) -> Merge {
        self.write.max_affected = Some(rows);
        self
    }

    /// What its branches set.
    pub(crate) fn each_set(&mut self) -> impl Iterator<Item = &mut Vec<(Ident, Expr)>> {
        self.update.iter_mut().chain(&mut self.insert).map(|changes| &mut changes.set)
    }

    /// Its statements, in the order in which they run.
    pub(crate) fn into_writes(self) -> Result<Vec<Write>> {
        let Merge { write, joined, delete, update, insert } = self;
        let location = write.location;
        let mut mistakes = write.mistakes.clone();
        for changes in update.iter().chain(&insert) {
            mistakes.extend(changes.mistakes.iter().cloned());
        }
        let table = match write.table.clone() {
            Ok(table) => Some(table),
            Err(error) => {
                mistakes.push(error);
                None
            }
        };
        if let Some(table) = &table {
            mistakes.extend(check(table, joined.as_ref(), delete.as_ref(), update.as_ref(), insert.as_ref()));
        }
        if let Some(mistakes) = Error::join(mistakes) {
            return Err(mistakes.at(location));
        }
        let (Some(table), Some(joined)) = (table, joined) else { return Err(Error::internal("merge.parts")) };
        let origin = write.origin.clone();
        let shared = |kind: WriteKind| Write { kind, max_affected: None, ..write.clone() };
        let mut writes = Vec::new();
        if let Some(condition) = delete {
            let using = Some(joined.clone());
            writes.push(shared(WriteKind::Delete { condition: Some(condition), all_rows: false, using }));
        }
        if let Some(Changes { set, condition, .. }) = update {
            let from = Some(joined.clone());
            writes.push(shared(WriteKind::Update { set, condition, all_rows: false, from }));
        }
        if let Some(Changes { set, condition, .. }) = insert {
            let target = Frame::start(Ok(table), Some(origin));
            let mut frame = joined.frame.anti_join(target, joined.on);
            if let Some(condition) = condition {
                frame = frame.where_(condition);
            }
            let columns = set.iter().map(|(name, _)| name.clone()).collect();
            let values: Vec<Expr> = set.into_iter().map(|(name, value)| value.as_(name.as_str())).collect();
            let source = Source::Frame { frame: frame.select(values), by_name: false };
            writes.push(shared(WriteKind::Insert { columns, source, upsert: None }));
        }
        Ok(writes)
    }
}

fn twice_branch(verb: &'static str) -> Error {
    Error::new(ErrorKind::Plan, "merge.branch", format!("`{verb}` is written twice; put both into one"))
}

/// What a merge in several statements would do otherwise than in one.
fn check(
    table: &TableName,
    joined: Option<&Joined>,
    delete: Option<&Expr>,
    update: Option<&Changes>,
    insert: Option<&Changes>,
) -> Vec<Error> {
    let name = &table.name;
    let error = |code, message: String| Error::new(ErrorKind::Plan, code, message).with_table(name.as_str());
    let mut mistakes = Vec::new();
    if joined.is_none() {
        let message = format!("the merge into {name:?} has no relation; write `.using(frame, on)`");
        mistakes.push(error("merge.no_frame", message));
    }
    if delete.is_none() && update.is_none() && insert.is_none() {
        let message =
            format!("the merge into {name:?} does nothing; write `.when_matched_update(..)` or another branch");
        mistakes.push(error("merge.nothing", message));
    }
    for changes in update.iter().chain(&insert) {
        if changes.set.is_empty() {
            mistakes.push(error(
                "update.nothing",
                format!("a branch of the merge into {name:?} sets nothing; write `row.set(..)`"),
            ));
        }
    }
    if delete.is_some() && insert.is_some() {
        let message = format!(
            "the merge into {name:?} deletes rows that match and inserts those that match none, and what it deleted would match none; write the two in a transaction, the insert first"
        );
        mistakes.push(error("merge.delete_and_insert", message));
    }
    if let (Some(joined), Some(update), Some(_)) = (joined, update, insert)
        && let Some((column, _)) = update.set.iter().find(|(column, _)| matches_by(joined, column))
    {
        let message = format!(
            "the merge into {name:?} changes {column:?}, by which its rows are matched, and inserts what matches none; change it in a statement of its own"
        );
        mistakes.push(error("merge.match_changed", message).with_column(column.as_str()));
    }
    mistakes
}

/// Whether a column of this name decides what matches.
fn matches_by(joined: &Joined, column: &Ident) -> bool {
    fn names(expr: &Expr, column: &Ident) -> bool {
        let mut found = matches!(expr.kind(), Kind::Column { name, .. } if name == column);
        each_child(expr.kind(), &mut |child| found = found || names(child, column));
        found
    }
    match &joined.on.condition {
        Matching::Names(list) => list.contains(column),
        Matching::Condition(condition) => condition.depth() <= 200 && names(condition, column),
        Matching::Nothing | Matching::Invalid(_) => false,
    }
}
