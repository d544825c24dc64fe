//! The builder: a frame is a relation, and each verb gives the next relation.

mod names;
mod verbs;
mod join;
mod raw;
mod window;
mod write;

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::error::Error;
use crate::expr::{Expr, SortKey};
use crate::ident::{Ident, rust_name};
use crate::types::SqlType;

pub use join::{IntoJoinOn, JoinOn, on, using};
pub(crate) use join::{JoinKind, Matching};
pub use names::{DeclaredTable, IntoNames, IntoSortKeys, IntoTable, Projections, TableName, in_schema};
pub use raw::RawSql;
pub(crate) use raw::{RawText, Text as RawSource};
pub use verbs::GroupedFrame;
pub use write::{Delete, Insert, IntoRow, Update};
pub(crate) use write::{Write, WriteKind, check_write};

/// A relation under construction: a table, or what a chain of verbs makes of one.
///
/// Verbs mean what they say in the order they are written: `limit` and then `where_` filters the limited rows. A frame is
/// cheap to clone, and a clone is independent. One that came from `db.table(..)` can be run; one from [`table`] is a plan
/// that can be joined to others or turned into text.
///
/// Verbs never fail. A mistake is kept with the place where it was written, and running the frame reports all of them.
#[derive(Clone)]
#[must_use = "a frame does nothing until it is run, for example with `.collect().await`"]
pub struct Frame {
    pub(crate) relation: Arc<Relation>,
    pub(crate) origin: Option<Origin>,
}

/// The handle that a frame came from, of a type that only `db` knows.
#[derive(Clone)]
pub(crate) struct Origin(pub(crate) Arc<dyn Any + Send + Sync>);

impl Origin {
    fn is(&self, other: &Origin) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// One verb and what it works on.
pub(crate) struct Relation {
    pub(crate) verb: Verb,
    pub(crate) location: &'static Location<'static>,
    /// How many verbs stand below, so that a chain too long is refused before anything recurses.
    pub(crate) depth: u32,
    /// How many verbs it is made of, each counted as often as it is used: a join of a frame with itself doubles it.
    pub(crate) size: u32,
}

pub(crate) enum Verb {
    Table(TableName),
    Raw(Arc<RawText>),
    Select(Arc<Relation>, Vec<Expr>),
    Where(Arc<Relation>, Expr),
    WithColumn(Arc<Relation>, Ident, Expr),
    Rename(Arc<Relation>, Vec<(Ident, Ident)>),
    Drop(Arc<Relation>, Vec<Ident>),
    Join {
        left: Arc<Relation>,
        right: Arc<Relation>,
        kind: JoinKind,
        on: JoinOn,
    },
    Aggregate {
        input: Arc<Relation>,
        keys: Vec<Expr>,
        aggregates: Vec<Expr>,
    },
    OrderBy(Arc<Relation>, Vec<SortKey>),
    Limit(Arc<Relation>, u64),
    Offset(Arc<Relation>, u64),
    Distinct(Arc<Relation>),
    As(Arc<Relation>, Ident),
    /// A mistake in a verb's arguments. The relation below is still resolved, so that its mistakes are reported too.
    Invalid(Option<Arc<Relation>>, Error),
}

/// A column as `table!` declares it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeclaredColumn {
    pub(crate) name: &'static str,
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
}

impl DeclaredColumn {
    /// Used by `table!`.
    #[doc(hidden)]
    pub const fn new(name: &'static str, sql_type: SqlType, nullable: bool) -> DeclaredColumn {
        DeclaredColumn { name: rust_name(name), sql_type, nullable }
    }
}

/// A frame over a table, without a database: to be joined to another frame, or to be turned into text by
/// [`Frame::to_sql_for`].
///
/// ```
/// use portcullis::{Dialect, col, table};
///
/// let frame = table("orders").where_(col("total").gt(100)).select(["id", "total"]);
/// let query = frame.to_sql_for(Dialect::Postgres)?;
/// assert_eq!(query.sql(), r#"SELECT "id", "total" FROM "orders" WHERE "total" > $1::bigint"#);
/// # Ok::<(), portcullis::Error>(())
/// ```
#[track_caller]
pub fn table(name: impl IntoTable) -> Frame {
    Frame::start(name.into_table(), None)
}

impl Frame {
    #[track_caller]
    pub(crate) fn start(name: Result<TableName, Error>, origin: Option<Origin>) -> Frame {
        let verb = match name {
            Ok(name) => Verb::Table(name),
            Err(error) => Verb::Invalid(None, error),
        };
        Frame { relation: Arc::new(Relation { verb, location: Location::caller(), depth: 1, size: 1 }), origin }
    }

    /// The next relation. `make` gets the current one.
    #[track_caller]
    fn then(self, make: impl FnOnce(Arc<Relation>) -> Verb) -> Frame {
        let (depth, size) = (self.relation.depth.saturating_add(1), self.relation.size.saturating_add(1));
        let relation = Relation { verb: make(self.relation), location: Location::caller(), depth, size };
        Frame { relation: Arc::new(relation), origin: self.origin }
    }

    /// True when raw SQL is part of the frame.
    pub(crate) fn has_raw(&self) -> bool {
        let mut waiting = vec![&self.relation];
        while let Some(relation) = waiting.pop() {
            match &relation.verb {
                Verb::Raw(_) => return true,
                Verb::Join { right, .. } => waiting.push(right),
                _ => {}
            }
            waiting.extend(relation.verb.input());
        }
        false
    }

    #[track_caller]
    fn then_or<T>(self, argument: Result<T, Error>, make: impl FnOnce(Arc<Relation>, T) -> Verb) -> Frame {
        self.then(|input| match argument {
            Ok(argument) => make(input, argument),
            Err(error) => Verb::Invalid(Some(input), error),
        })
    }
}

impl fmt::Debug for Frame {
    /// Names the verbs, innermost first; never a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut verbs = Vec::new();
        let mut next = Some(&self.relation);
        while let Some(relation) = next {
            if verbs.len() == 16 {
                verbs.push("…".to_owned());
                break;
            }
            verbs.push(match &relation.verb {
                Verb::Table(name) => format!("table({})", crate::error::show_name(name.name.as_str())),
                other => other.name().to_owned(),
            });
            next = relation.verb.input();
        }
        verbs.reverse();
        write!(f, "Frame({})", verbs.join("."))
    }
}

impl Verb {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Verb::Table(_) => "table",
            Verb::Raw(_) => "sql",
            Verb::Select(..) => "select",
            Verb::Where(..) => "where_",
            Verb::WithColumn(..) => "with_column",
            Verb::Rename(..) => "rename",
            Verb::Drop(..) => "drop",
            Verb::Join { .. } => "join",
            Verb::Aggregate { .. } => "agg",
            Verb::OrderBy(..) => "order_by",
            Verb::Limit(..) => "limit",
            Verb::Offset(..) => "offset",
            Verb::Distinct(_) => "distinct",
            Verb::As(..) => "as_",
            Verb::Invalid(..) => "invalid",
        }
    }

    /// The relation that the verb works on; the left one of a join.
    pub(crate) fn input(&self) -> Option<&Arc<Relation>> {
        match self {
            Verb::Table(_) | Verb::Raw(_) => None,
            Verb::Select(input, _)
            | Verb::Where(input, _)
            | Verb::WithColumn(input, ..)
            | Verb::Rename(input, _)
            | Verb::Drop(input, _)
            | Verb::Join { left: input, .. }
            | Verb::Aggregate { input, .. }
            | Verb::OrderBy(input, _)
            | Verb::Limit(input, _)
            | Verb::Offset(input, _)
            | Verb::Distinct(input)
            | Verb::As(input, _) => Some(input),
            Verb::Invalid(input, _) => input.as_ref(),
        }
    }

    /// The deepest of the verb's expressions.
    pub(crate) fn expr_depth(&self) -> u32 {
        let of = |list: &[Expr]| list.iter().map(|expr| expr.0.depth).max().unwrap_or(0);
        match self {
            Verb::Select(_, list) => of(list),
            Verb::Where(_, expr) | Verb::WithColumn(_, _, expr) => expr.0.depth,
            Verb::Join { on, .. } => match &on.condition {
                Matching::Condition(expr) => expr.0.depth,
                _ => 0,
            },
            Verb::Aggregate { keys, aggregates, .. } => of(keys).max(of(aggregates)),
            Verb::OrderBy(_, keys) => keys.iter().map(|key| key.expr.0.depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Takes the inputs out, leaving a verb without any.
    fn take_inputs(&mut self) -> Vec<Arc<Relation>> {
        match std::mem::replace(self, Verb::Invalid(None, Error::internal("plan.taken"))) {
            Verb::Table(_) | Verb::Raw(_) => Vec::new(),
            Verb::Select(input, _)
            | Verb::Where(input, _)
            | Verb::WithColumn(input, ..)
            | Verb::Rename(input, _)
            | Verb::Drop(input, _)
            | Verb::Aggregate { input, .. }
            | Verb::OrderBy(input, _)
            | Verb::Limit(input, _)
            | Verb::Offset(input, _)
            | Verb::Distinct(input)
            | Verb::As(input, _) => vec![input],
            Verb::Join { left, right, .. } => vec![left, right],
            Verb::Invalid(input, _) => input.into_iter().collect(),
        }
    }
}

/// Below this depth the compiler's own recursive drop is safe and faster.
const SHALLOW: u32 = 100;

impl Drop for Relation {
    /// Takes a long chain apart in a loop: 100,000 verbs must not overflow the stack when they are dropped.
    fn drop(&mut self) {
        if self.depth < SHALLOW {
            return;
        }
        let mut waiting = self.verb.take_inputs();
        while let Some(next) = waiting.pop() {
            if let Some(mut relation) = Arc::into_inner(next) {
                waiting.append(&mut relation.verb.take_inputs());
                relation.depth = 0;
            }
        }
    }
}
