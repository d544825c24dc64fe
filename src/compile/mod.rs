//! From a guarded plan to text with placeholders and its binds.

mod caps;
mod emulate;
mod fold;
mod lower;
pub(crate) mod verify;

use std::sync::Arc;

use crate::dialect::Dialect;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::ident::Ident;
use crate::policy::GuardedPlan;
use crate::schema::{Body, Facts, Output};
use crate::statement::{StatementKind, TableAccess};
use crate::types::SqlType;
use crate::value::Bind;

pub(crate) use caps::Capabilities;
use fold::{Folder, Projection};
use lower::{Lowering, Rendered};

/// The database that a plan is compiled for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) dialect: Dialect,
    /// The database compares text by code point by itself.
    pub(crate) binary_text: bool,
    /// There is a database to ask for a table's columns; without one, text is made from what is known.
    pub(crate) live: bool,
}

impl Target {
    /// Some database of `dialect`: text is taken to need a collation wherever one may.
    pub(crate) fn without_server(dialect: Dialect) -> Target {
        Target { dialect, binary_text: dialect == Dialect::Sqlite, live: false }
    }
}

/// A statement ready to run: text with placeholders only, and its binds. Made by [`compile`] alone.
#[derive(Clone)]
pub(crate) struct CompiledQuery {
    sql: Arc<str>,
    binds: Vec<Bind>,
    columns: Option<Arc<[ResultColumn]>>,
    kind: StatementKind,
    tables: Arc<[TableAccess]>,
    max_affected: Option<u64>,
    /// It locks rows until its transaction ends.
    locks: bool,
}

/// A column that the statement will return, as far as the compiler knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResultColumn {
    pub(crate) name: Ident,
    pub(crate) sql_type: Option<SqlType>,
}

impl CompiledQuery {
    pub(crate) fn sql(&self) -> &Arc<str> {
        &self.sql
    }

    pub(crate) fn into_binds(self) -> Vec<Bind> {
        self.binds
    }

    pub(crate) fn columns(&self) -> Option<&Arc<[ResultColumn]>> {
        self.columns.as_ref()
    }

    pub(crate) fn kind(&self) -> StatementKind {
        self.kind
    }

    pub(crate) fn tables(&self) -> &Arc<[TableAccess]> {
        &self.tables
    }

    pub(crate) fn max_affected(&self) -> Option<u64> {
        self.max_affected
    }

    pub(crate) fn locks(&self) -> bool {
        self.locks
    }

    pub(crate) fn bind_types(&self) -> Arc<[SqlType]> {
        self.binds.iter().map(|bind| bind.sql_type).collect()
    }

    /// FNV-1a of the text: the text has no values, so statements that differ in values only have the same.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.sql
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    /// The same statement as the subject of an EXPLAIN.
    pub(crate) fn into_explain(mut self, dialect: Dialect) -> CompiledQuery {
        let keyword = if dialect == Dialect::Sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
        self.sql = format!("{keyword}{}", self.sql).into();
        self.columns = None;
        self.kind = StatementKind::Explain;
        self
    }
}

/// Turns a guarded plan into a statement for `target`.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] for a feature that the database lacks and that can't be emulated exactly,
/// [`ErrorKind::SchemaNeeded`] when the text depends on a column's type that is not known, [`ErrorKind::Limit`].
pub(crate) fn compile(plan: GuardedPlan, target: Target) -> Result<CompiledQuery> {
    let (mut body, mut facts) = plan.into_parts();
    if target.dialect.is_mysql_family() {
        emulate::aggregates(&mut body, &mut facts)?;
    }
    let binds = std::mem::take(&mut facts.binds);
    let mut columns = None;
    let mut max_affected = None;
    let mut locks = false;
    let rendered = match &body {
        Body::Query { root, output } => {
            let mut folder = Folder::new(&facts, Capabilities::of(target.dialect));
            let block = folder.query(root, output)?;
            if let (Projection::Columns(list), Output::Columns(_)) = (&block.projection, output) {
                let list = list.iter();
                columns = Some(
                    list.map(|(name, _, rx)| ResultColumn { name: name.clone(), sql_type: rx.sql_type() }).collect(),
                );
            }
            locks = facts.lock.is_some();
            Lowering::new(target, folder, binds).query(&block, facts.lock)?
        }
        Body::Insert { table, columns, rows } => {
            let folder = Folder::new(&facts, Capabilities::of(target.dialect));
            Lowering::new(target, folder, binds).insert(table, columns, *rows)?
        }
        Body::Update { table, scan, set, condition, max_affected: most } => {
            max_affected = *most;
            let mut folder = Folder::new(&facts, Capabilities::of(target.dialect));
            let block = folder.target(*scan)?;
            Lowering::new(target, folder, binds).update(table, &block, set, condition.as_ref())?
        }
        Body::Delete { table, scan, condition, max_affected: most } => {
            max_affected = *most;
            let mut folder = Folder::new(&facts, Capabilities::of(target.dialect));
            let block = folder.target(*scan)?;
            Lowering::new(target, folder, binds).delete(table, &block, condition.as_ref())?
        }
        Body::Raw(statement) => lower::raw(target, binds, statement)?,
    };
    finish(rendered, target, facts, columns, max_affected).map(|query| CompiledQuery { locks, ..query })
}

fn finish(
    rendered: Rendered,
    target: Target,
    facts: Facts,
    columns: Option<Arc<[ResultColumn]>>,
    max_affected: Option<u64>,
) -> Result<CompiledQuery> {
    let Rendered { sql, binds, skip } = rendered;
    verify::verify(&sql, target.dialect, binds.len(), &skip)?;
    let (kind, tables) = (facts.kind, facts.tables.into());
    Ok(CompiledQuery { sql: sql.into(), binds, columns, kind, tables, max_affected, locks: false })
}
