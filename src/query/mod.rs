//! The builder: a frame is a relation, and each verb gives the next relation.

mod names;
mod verbs;
mod join;
mod set;
mod cte;
mod lock;
mod most_rows;
mod values;
mod subquery;
mod step;
mod chain;
mod list;
mod nulls;
mod explode;
mod ddl;
mod dedupe;
mod grouping;
mod pivot;
mod unpivot;
mod sample;
mod raw;
mod window;
mod rules;
mod write;

mod shape;

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::expr::{Expr, SortKey};
use crate::ident::{Ident, rust_name};
use crate::types::SqlType;

use chain::Body;
pub(crate) use cte::Recursion;
pub use cte::{Recursive, recursive};
pub use ddl::{
    AlterTable, ColumnDefinition, CreateIndex, CreateTable, CreateTableAs, DropIndex, DropTable, ForeignKey,
    ReferentialAction, Truncate, column, foreign_key,
};
pub(crate) use ddl::{
    Alteration, ColumnChange, Ddl, DdlKind, Generation, IndexDefinition, KeptColumn, KeptDefault, Reference,
    TableDefinition,
};
pub(crate) use explode::Exploded;
pub use explode::{Elements, IntoElements, elements};
pub use grouping::{GroupKeys, GroupedFrame, GroupingSets, cube, grouping_sets, rollup};
pub use join::{IntoJoinOn, JoinOn, on, using};
pub(crate) use join::{JoinKind, Matching};
pub(crate) use lock::{LockStrength, LockVerb, LockWait, RowLock};
pub use names::{DeclaredTable, IntoNames, IntoSortKeys, IntoTable, Projections, TableName, in_schema};
pub use nulls::IntoColumns;
pub(crate) use pivot::Cell;
pub use pivot::PivotedFrame;
pub(crate) use pivot::one_column as pivot_column;
pub use raw::RawSql;
pub(crate) use raw::{RawText, Text as RawSource};
pub(crate) use rules::{Check, CheckKind, DeclaredRules, note_stripped, required_column};
pub use rules::{IntoValidator, RowValues, Rules, Stripped, Validator, rules};
pub use set::{ByName, SetMember};
pub(crate) use set::{SetKind, SetOperation};
pub(crate) use step::{Chosen, Step};
pub(crate) use subquery::frame_of;
pub use subquery::{exists, not_exists, scalar};
pub(crate) use values::ValueRows;
pub use values::values;
pub use write::{
    Changes, ConflictTarget, Delete, DeleteByKeys, Insert, IntoRow, Merge, OnConflict, Returning, UniqueKey, Update,
    UpdateByKeys, incoming, unique_key,
};
pub(crate) use write::{
    CopyType, Joined, MANY, Progress, RowSet, Source, Target as ConflictKey, Upsert, Way, Write, WriteKind, check_write,
};

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
    body: Body,
    pub(crate) origin: Option<Origin>,
}

/// The handle that a frame came from, of a type that only `db` knows.
#[derive(Clone)]
pub(crate) struct Origin(pub(crate) Arc<dyn Any + Send + Sync>);

impl Origin {
    /// What tells it from others while it lives.
    fn place(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(crate) fn is(&self, other: &Origin) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// One verb and what it works on.
pub(crate) struct Relation {
    pub(crate) verb: Verb,
    pub(crate) location: &'static Location<'static>,
    /// How many verbs stand below, so that a chain too long is refused before anything recurses.
    pub(crate) depth: u32,
    /// How many verbs it is made of, each counted as often as it is used: a join of a frame with itself doubles it, and so do
    /// those of its subqueries.
    pub(crate) size: u32,
    /// The deepest expression of its verbs, subqueries and all.
    pub(crate) deepest: u32,
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
    Set {
        left: Arc<Relation>,
        right: Arc<Relation>,
        operation: SetOperation,
        by_name: bool,
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
    Values(Arc<ValueRows>),
    Lock(Arc<Relation>, LockVerb),
    /// Written once in WITH.
    Cte(Arc<Relation>, Ident),
    Recursive {
        anchor: Arc<Relation>,
        step: Arc<Relation>,
        recursion: Recursion,
    },
    /// The recursion itself, in its step.
    Itself {
        name: Ident,
        token: Arc<()>,
    },
    /// A verb that stands for plainer ones.
    Step(Arc<Relation>, Box<Step>),
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
        let body = match name {
            Ok(name) => Body::table(name, Location::caller()),
            Err(error) => Body::Tree(Relation::new(Verb::Invalid(None, error), Location::caller())),
        };
        Frame { body, origin }
    }

    /// A frame of one verb that stands for itself.
    fn of(verb: Verb, location: &'static Location<'static>, origin: Option<Origin>) -> Frame {
        Frame { body: Body::Tree(Relation::new(verb, location)), origin }
    }

    /// The verbs as a tree, from the last one on.
    pub(crate) fn relation(&self) -> &Arc<Relation> {
        self.body.relation()
    }

    /// Where the last verb was written.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.body.location()
    }

    /// How many rows it gives at most, as far as it says itself.
    pub(crate) fn most_rows(&self) -> Option<u64> {
        self.body.most_rows()
    }

    /// The next relation. `make` gets the current one.
    #[track_caller]
    fn then(self, make: impl FnOnce(Arc<Relation>) -> Verb) -> Frame {
        Frame::of(make(self.body.into_relation()), Location::caller(), self.origin)
    }

    /// True when the two come from two handles.
    fn is_foreign_to(&self, other: &Frame) -> bool {
        matches!((&self.origin, &other.origin), (Some(left), Some(right)) if !left.is(right))
    }

    /// The next relation of two. They must come from one handle, or one of them from none.
    #[track_caller]
    fn with_other(
        self,
        other: Frame,
        verb: &'static str,
        make: impl FnOnce(Arc<Relation>, Arc<Relation>) -> Verb,
    ) -> Frame {
        let foreign = self.is_foreign_to(&other);
        let origin = self.origin.or(other.origin);
        let verb = if foreign {
            Verb::Invalid(Some(self.body.into_relation()), two_databases(verb))
        } else {
            make(self.body.into_relation(), other.body.into_relation())
        };
        Frame::of(verb, Location::caller(), origin)
    }

    /// The tables that its own chain reads, with their schemas.
    pub(crate) fn tables(&self) -> Vec<(Option<String>, String)> {
        let mut tables = Vec::new();
        self.relation().each_below(&mut |relation| {
            if let Verb::Table(table) = &relation.verb {
                let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned());
                tables.push((schema, table.name.as_str().to_owned()));
            }
        });
        tables.dedup();
        tables
    }

    /// True when raw SQL is part of the frame.
    pub(crate) fn has_raw(&self) -> bool {
        if self.body.is_plain() {
            return false;
        }
        let mut found = false;
        self.relation().each_below(&mut |relation| found = found || matches!(relation.verb, Verb::Raw(_)));
        found
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
        let mut next = Some(self.relation());
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
            Verb::Set { operation, .. } => operation.name(),
            Verb::Aggregate { .. } => "agg",
            Verb::OrderBy(..) => "order_by",
            Verb::Limit(..) => "limit",
            Verb::Offset(..) => "offset",
            Verb::Distinct(_) => "distinct",
            Verb::As(..) => "as_",
            Verb::Values(_) => "values",
            Verb::Lock(_, verb) => verb.name(),
            Verb::Cte(..) => "cte",
            Verb::Recursive { .. } => "recursive",
            Verb::Itself { .. } => "step",
            Verb::Step(_, step) => step.name(),
            Verb::Invalid(..) => "invalid",
        }
    }

    /// The relation that the verb works on; the left one of a join.
    pub(crate) fn input(&self) -> Option<&Arc<Relation>> {
        match self {
            Verb::Table(_) | Verb::Raw(_) | Verb::Values(_) | Verb::Itself { .. } => None,
            Verb::Select(input, _)
            | Verb::Where(input, _)
            | Verb::WithColumn(input, ..)
            | Verb::Rename(input, _)
            | Verb::Drop(input, _)
            | Verb::Join { left: input, .. }
            | Verb::Set { left: input, .. }
            | Verb::Aggregate { input, .. }
            | Verb::OrderBy(input, _)
            | Verb::Limit(input, _)
            | Verb::Offset(input, _)
            | Verb::Distinct(input)
            | Verb::As(input, _)
            | Verb::Cte(input, _)
            | Verb::Step(input, _)
            | Verb::Lock(input, _)
            | Verb::Recursive { anchor: input, .. } => Some(input),
            Verb::Invalid(input, _) => input.as_ref(),
        }
    }

    /// The relations that the verb works on.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Arc<Relation>> {
        let second = match self {
            Verb::Join { right, .. } | Verb::Set { right, .. } | Verb::Recursive { step: right, .. } => Some(right),
            _ => None,
        };
        self.input().into_iter().chain(second)
    }

    /// The verb's own expressions.
    pub(crate) fn each_expr<'v>(&'v self, visit: &mut dyn FnMut(&'v Expr)) {
        match self {
            Verb::Select(_, list) => list.iter().for_each(visit),
            Verb::Where(_, expr) | Verb::WithColumn(_, _, expr) => visit(expr),
            Verb::Join { on, .. } => {
                if let Matching::Condition(expr) = &on.condition {
                    visit(expr);
                }
            }
            Verb::Aggregate { keys, aggregates, .. } => keys.iter().chain(aggregates).for_each(visit),
            Verb::OrderBy(_, keys) => keys.iter().for_each(|key| visit(&key.expr)),
            Verb::Step(_, step) => step.each_expr(visit),
            Verb::Table(_)
            | Verb::Raw(_)
            | Verb::Rename(..)
            | Verb::Drop(..)
            | Verb::Set { .. }
            | Verb::Limit(..)
            | Verb::Offset(..)
            | Verb::Distinct(_)
            | Verb::As(..)
            | Verb::Values(_)
            | Verb::Lock(..)
            | Verb::Cte(..)
            | Verb::Recursive { .. }
            | Verb::Itself { .. }
            | Verb::Invalid(..) => {}
        }
    }

    /// Takes the inputs and the expressions out, leaving a verb without any.
    fn take(&mut self) -> (Vec<Arc<Relation>>, Vec<Expr>) {
        let mut exprs = Vec::new();
        let inputs = match std::mem::replace(self, Verb::Invalid(None, Error::internal("plan.taken"))) {
            Verb::Table(_) | Verb::Raw(_) | Verb::Values(_) | Verb::Itself { .. } => Vec::new(),
            Verb::Select(input, list) => {
                exprs = list;
                vec![input]
            }
            Verb::Where(input, expr) | Verb::WithColumn(input, _, expr) => {
                exprs.push(expr);
                vec![input]
            }
            Verb::Aggregate { input, keys, aggregates } => {
                exprs = keys;
                exprs.extend(aggregates);
                vec![input]
            }
            Verb::OrderBy(input, keys) => {
                exprs.extend(keys.into_iter().map(|key| key.expr));
                vec![input]
            }
            Verb::Rename(input, _)
            | Verb::Drop(input, _)
            | Verb::Limit(input, _)
            | Verb::Offset(input, _)
            | Verb::Distinct(input)
            | Verb::As(input, _)
            | Verb::Lock(input, _)
            | Verb::Cte(input, _) => vec![input],
            Verb::Step(input, step) => {
                step.each_expr(&mut |expr| exprs.push(expr.clone()));
                vec![input]
            }
            Verb::Recursive { anchor, step, .. } => vec![anchor, step],
            Verb::Join { left, right, on, .. } => {
                if let Matching::Condition(expr) = on.condition {
                    exprs.push(expr);
                }
                vec![left, right]
            }
            Verb::Set { left, right, .. } => vec![left, right],
            Verb::Invalid(input, _) => input.into_iter().collect(),
        };
        (inputs, exprs)
    }
}

fn two_databases(verb: &'static str) -> Error {
    let message = match verb {
        "join" => "the joined frames belong to two handles; read one side first and join what it gave".to_owned(),
        verb => format!("the frames of `{verb}` belong to two handles; read one first and use what it gave"),
    };
    Error::new(ErrorKind::Plan, "join.two_databases", message)
}

impl Relation {
    fn new(verb: Verb, location: &'static Location<'static>) -> Arc<Relation> {
        let (mut depth, mut size, mut deepest) = (0, 1u32, 0);
        for input in verb.inputs() {
            depth = depth.max(input.depth);
            size = size.saturating_add(input.size);
            deepest = deepest.max(input.deepest);
        }
        verb.each_expr(&mut |expr| {
            size = size.saturating_add(expr.verbs());
            deepest = deepest.max(expr.depth());
        });
        Arc::new(Relation { verb, location, depth: depth.saturating_add(1), size, deepest })
    }

    /// Visits the relation and those below it, also in subqueries; at most ten thousand.
    pub(crate) fn each_below<'r>(&'r self, visit: &mut dyn FnMut(&'r Relation)) {
        let mut relations = vec![self];
        let mut left = 10_000u32;
        while let Some(relation) = relations.pop() {
            left -= 1;
            if left == 0 {
                return;
            }
            visit(relation);
            relations.extend(relation.verb.inputs().map(std::convert::AsRef::as_ref));
            if relation.deepest > 0 {
                subquery::each_plan(&relation.verb, &mut relations);
            }
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
        let (mut waiting, _) = self.verb.take();
        while let Some(next) = waiting.pop() {
            if let Some(mut relation) = Arc::into_inner(next) {
                waiting.append(&mut relation.verb.take().0);
                relation.depth = 0;
            }
        }
    }
}
