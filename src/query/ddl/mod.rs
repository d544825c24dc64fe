//! Statements that make, change, empty and remove tables.

mod alter;
mod column;
mod create;
mod drop;
mod index;
mod key;

use std::panic::Location;

pub use alter::AlterTable;
pub(crate) use alter::{Alteration, ColumnChange, KeptColumn, KeptDefault};
pub use column::{ColumnDefinition, column};
pub(crate) use create::TableDefinition;
pub use create::{CreateTable, CreateTableAs};
pub use drop::{DropTable, Truncate};
pub(crate) use index::IndexDefinition;
pub use index::{CreateIndex, DropIndex};
pub(crate) use key::{Check, Generation, Reference, UniqueKey};
pub use key::{ForeignKey, ReferentialAction, foreign_key};

use super::{IntoTable, Origin, TableName};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::ident::Ident;
use crate::statement::StatementKind;

/// A statement about tables as its builder leaves it: a plan like a frame's, which takes the same way through the guard.
#[derive(Clone)]
pub(crate) struct Ddl {
    pub(crate) table: Result<TableName>,
    pub(crate) kind: DdlKind,
    pub(crate) mistakes: Vec<Error>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) origin: Origin,
}

#[derive(Clone)]
pub(crate) enum DdlKind {
    Create(Box<TableDefinition>),
    Drop { if_exists: bool, temporary: bool },
    Truncate,
    Alter(Alteration),
    CreateIndex(Box<IndexDefinition>),
    DropIndex { name: Option<Ident>, if_exists: bool },
}

impl Ddl {
    #[track_caller]
    fn new(table: impl IntoTable, kind: DdlKind, origin: Origin) -> Ddl {
        Ddl { table: table.into_table(), kind, mistakes: Vec::new(), location: Location::caller(), origin }
    }

    /// Keeps what is wrong for when the statement is run.
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.mistakes.push(error)).ok()
    }

    pub(crate) fn statement_kind(&self) -> StatementKind {
        match &self.kind {
            DdlKind::Create(_) => StatementKind::CreateTable,
            DdlKind::Drop { .. } => StatementKind::DropTable,
            DdlKind::Truncate => StatementKind::Truncate,
            DdlKind::Alter(_) => StatementKind::AlterTable,
            DdlKind::CreateIndex(_) => StatementKind::CreateIndex,
            DdlKind::DropIndex { .. } => StatementKind::DropIndex,
        }
    }

    /// Of a table that lives as long as its session.
    pub(crate) fn is_temporary(&self) -> bool {
        match &self.kind {
            DdlKind::Create(table) => table.temporary,
            DdlKind::Drop { temporary, .. } => *temporary,
            DdlKind::Truncate | DdlKind::Alter(_) | DdlKind::CreateIndex(_) | DdlKind::DropIndex { .. } => false,
        }
    }

    /// How deep the deepest expression is.
    pub(crate) fn depth(&self) -> u32 {
        let mut deepest = 0;
        self.each_expr(&mut |expr| deepest = deepest.max(expr.depth()));
        deepest
    }

    fn each_expr(&self, visit: &mut dyn FnMut(&Expr)) {
        match &self.kind {
            DdlKind::Create(table) => table.each_expr(visit),
            DdlKind::Alter(alteration) => alteration.each_expr(visit),
            DdlKind::CreateIndex(index) => index.each_expr(visit),
            DdlKind::Drop { .. } | DdlKind::Truncate | DdlKind::DropIndex { .. } => {}
        }
    }
}

macro_rules! ddl_debug {
    ($($verb:ident),*) => {$(
        impl std::fmt::Debug for $verb {
            /// Names the table; never a value.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match &self.ddl.table {
                    Ok(table) => write!(f, "{}({:?})", stringify!($verb), table.name),
                    Err(error) => write!(f, "{}(invalid {})", stringify!($verb), error.code()),
                }
            }
        }
    )*};
}

ddl_debug!(AlterTable, CreateIndex, CreateTable, DropIndex, DropTable, Truncate);
