//! Writes: insert, update and delete.

mod check;
mod copy;
mod delete;
mod insert;
mod keyed;
mod merge;
mod record;
mod returning;
mod row;
mod rows;
mod update;
mod upsert;
mod version;

use std::fmt;
use std::panic::Location;

pub(crate) use check::check_write;
pub(crate) use copy::{CopyType, Way};
pub use delete::Delete;
pub use insert::Insert;
pub(crate) use insert::Progress;
pub use keyed::{DeleteByKeys, UpdateByKeys};
pub use merge::Merge;
pub use returning::Returning;
pub use row::IntoRow;
pub(crate) use rows::{MANY, RowSet};
pub use update::Update;
pub use upsert::{Changes, ConflictTarget, OnConflict, UniqueKey, incoming, unique_key};
pub(crate) use upsert::{Target, Upsert};
pub(crate) use version::Version;

use super::{Frame, IntoTable, JoinOn, Origin, Stripped, TableName};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, IntoExpr};
use crate::ident::Ident;

/// A write as its builder leaves it: a plan like a frame's, which takes the same way through the guard.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) table: Result<TableName>,
    pub(crate) kind: WriteKind,
    pub(crate) mistakes: Vec<Error>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) max_affected: Option<u64>,
    pub(crate) origin: Origin,
    /// What a row must be for the write to be done.
    pub(crate) version: Option<Version>,
    /// What finding no row is.
    pub(crate) conflict: Option<Error>,
    /// What of each row that was written is given back.
    pub(crate) returning: Option<Vec<Expr>>,
    pub(crate) rules: UnderRules,
}

/// How the rules of its table's validators are kept.
#[derive(Clone, Default)]
pub(crate) struct UnderRules {
    /// Its values were checked, as part of a larger write.
    pub(crate) checked: bool,
    /// So many rows of the same write came before.
    pub(crate) rows_before: u64,
    /// Where to say what is left out.
    pub(crate) strip: Option<Stripped>,
}

#[derive(Clone)]
pub(crate) enum WriteKind {
    Insert { columns: Vec<Ident>, source: Source, upsert: Option<Upsert> },
    Update { set: Vec<(Ident, Expr)>, condition: Option<Expr>, all_rows: bool, from: Option<Joined> },
    Delete { condition: Option<Expr>, all_rows: bool, using: Option<Joined> },
}

/// Where the rows of an insert come from.
#[derive(Clone)]
pub(crate) enum Source {
    Rows {
        rows: RowSet,
        /// They came through serde, which knows no dates: a text becomes what its column holds.
        loose: bool,
        /// How they go.
        way: Way,
    },
    Frame {
        frame: Frame,
        by_name: bool,
    },
}

/// A relation that a write is matched with.
#[derive(Clone)]
pub(crate) struct Joined {
    pub(crate) frame: Frame,
    pub(crate) on: JoinOn,
}

impl Write {
    #[track_caller]
    fn new(table: impl IntoTable, kind: WriteKind, origin: Origin) -> Write {
        Write {
            table: table.into_table(),
            kind,
            mistakes: Vec::new(),
            location: Location::caller(),
            max_affected: None,
            origin,
            version: None,
            conflict: None,
            returning: None,
            rules: UnderRules::default(),
        }
    }

    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.mistakes.push(error)).ok()
    }

    /// A frame that is a part of the write.
    pub(crate) fn frame(&self) -> Option<&Frame> {
        match &self.kind {
            WriteKind::Insert { source: Source::Frame { frame, .. }, .. } => Some(frame),
            WriteKind::Update { from: Some(joined), .. } | WriteKind::Delete { using: Some(joined), .. } => {
                Some(&joined.frame)
            }
            _ => None,
        }
    }

    /// Its own expressions.
    pub(crate) fn each_expr<'w>(&'w self, visit: &mut dyn FnMut(&'w Expr)) {
        match &self.kind {
            WriteKind::Insert { upsert, .. } => {
                if let Some(upsert) = upsert {
                    upsert.set.iter().map(|(_, value)| value).chain(&upsert.condition).for_each(&mut *visit);
                }
            }
            WriteKind::Update { set, condition, from, .. } => {
                set.iter().map(|(_, value)| value).chain(condition).for_each(&mut *visit);
                if let Some(joined) = from {
                    joined.each_expr(visit);
                }
            }
            WriteKind::Delete { condition, using, .. } => {
                condition.iter().for_each(&mut *visit);
                if let Some(joined) = using {
                    joined.each_expr(visit);
                }
            }
        }
        self.returning.iter().flatten().for_each(visit);
    }

    /// Visits the relations of the write's frames and subqueries.
    pub(crate) fn each_below<'w>(&'w self, visit: &mut dyn FnMut(&'w super::Relation)) {
        let mut exprs: Vec<&Expr> = Vec::new();
        self.each_expr(&mut |expr| exprs.push(expr));
        let mut plans = Vec::new();
        super::subquery::plans_of(exprs, &mut plans);
        plans.extend(self.frame().map(|frame| &**frame.relation()));
        plans.into_iter().for_each(|plan| plan.each_below(visit));
    }
}

impl Joined {
    fn each_expr<'w>(&'w self, visit: &mut dyn FnMut(&'w Expr)) {
        if let super::Matching::Condition(condition) = &self.on.condition {
            visit(condition);
        }
    }
}

fn twice(verb: &'static str) -> Error {
    let message = format!("`{verb}` is written twice; join the two frames first");
    Error::new(ErrorKind::Plan, "write.two_frames", message)
}

macro_rules! conditions {
    ($($write:ident),*) => {$(
        impl $write {
            /// Only rows for which `condition` is true. A second condition narrows the first.
            pub fn where_(mut self, new: impl IntoExpr) -> $write {
                let new = new.into_expr();
                if let WriteKind::Update { condition, .. } | WriteKind::Delete { condition, .. } = &mut self.write.kind {
                    *condition = Some(match condition.take() {
                        Some(old) => old.and(new),
                        None => new,
                    });
                }
                self
            }

            /// Every row of the table, said on purpose.
            pub fn all_rows(mut self) -> $write {
                if let WriteKind::Update { all_rows, .. } | WriteKind::Delete { all_rows, .. } = &mut self.write.kind {
                    *all_rows = true;
                }
                self
            }

            /// Rolls back, with [`ErrorKind::TooManyRows`], when more than `rows` rows were touched.
            pub fn max_affected(mut self, rows: u64) -> $write {
                self.write.max_affected = Some(rows);
                self
            }
        }
    )*};
}

conditions!(Update, Delete);

macro_rules! strips {
    ($($write:ident),*) => {$(
        impl $write {
            /// Leaves out the columns that may not be written, where the table's validator allows that
            /// ([`Validator::writable_or_strip`](crate::Validator::writable_or_strip)), and says in `stripped` which. When nothing would be left, it is an
            /// error (`validation.nothing_left`).
            pub fn strip_into(mut self, stripped: &Stripped) -> $write {
                self.write.rules.strip = Some(stripped.clone());
                self
            }
        }
    )*};
}

strips!(Insert, Update, Merge, UpdateByKeys);

macro_rules! write_debug {
    ($($write:ident),*) => {$(
        impl fmt::Debug for $write {
            /// Names the table; never a value.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.write.show(stringify!($write), f)
            }
        }
    )*};
}

write_debug!(Insert, Update, Delete, Merge, Returning, UpdateByKeys, DeleteByKeys);

impl Write {
    fn show(&self, kind: &'static str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.table {
            Ok(table) => write!(f, "{kind}({:?})", table.name),
            Err(error) => write!(f, "{kind}(invalid {})", error.code()),
        }
    }
}
