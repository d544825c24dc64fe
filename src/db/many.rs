//! The text of the last insert of many rows: the next batch has the same, and only other rows.

use std::sync::{Mutex, PoisonError};

use super::prepare::Plan;
use crate::compile::CompiledQuery;
use crate::error::Result;
use crate::ident::Ident;
use crate::query::{Source, TableName, Way, WriteKind};
use crate::statement::HandleKind;
use crate::types::SqlType;

/// All that the text depends on, and the report of tables and columns.
#[derive(Clone, PartialEq)]
pub(super) struct Batch {
    kind: HandleKind,
    tables: u64,
    table: TableName,
    columns: Vec<Ident>,
    /// The types of its values, and whether there is one that is not NULL.
    types: Vec<(SqlType, bool)>,
    rows: usize,
    way: Way,
}

impl Batch {
    /// `None` for a plan that is no plain insert of packed rows.
    pub(super) fn of(plan: &Plan<'_>, kind: HandleKind, tables: u64) -> Option<Batch> {
        let Plan::Write(write) = plan else { return None };
        let WriteKind::Insert { columns, source: Source::Rows { rows, loose: false, way }, upsert: None } = &write.kind
        else {
            return None;
        };
        let packed = rows.packed().filter(|_| !matches!(way, Way::Values | Way::Arrays))?;
        let plain = write.mistakes.is_empty()
            && write.max_affected.is_none()
            && write.version.is_none()
            && write.conflict.is_none()
            && write.returning.is_none();
        let table = write.table.as_ref().ok().filter(|_| plain)?.clone();
        let types = packed.columns().iter().map(|column| (column.sql_type(), column.has_values())).collect();
        Some(Batch { kind, tables, table, columns: columns.clone(), types, rows: rows.len(), way: way.clone() })
    }
}

#[derive(Default)]
pub(super) struct LastBatch(Mutex<Option<(Batch, CompiledQuery)>>);

impl LastBatch {
    pub(super) fn compile(&self, batch: Batch, anew: impl Fn() -> Result<CompiledQuery>) -> Result<CompiledQuery> {
        let last = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, query)) = &*last()
            && *known == batch
        {
            return Ok(query.clone());
        }
        let query = anew()?;
        *last() = Some((batch, query.clone()));
        Ok(query)
    }
}
