//! Subqueries: blocks that an expression asks, and their columns of the blocks around them.

use super::{Block, Folder, Projection, SourceKind};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::SubqueryKind;
use crate::ident::Ident;
use crate::schema::{Asked, ColumnId, RowCount, Rx, RxKind, ScanInfo, ScanSource, each_operand, map_operands};
use crate::types::SqlType;

/// A folded subquery.
#[derive(Debug, Default)]
pub(in crate::compile) struct Subquery {
    pub(in crate::compile) block: Block,
    /// It can't have more than one row.
    pub(in crate::compile) one_row: bool,
}

impl Folder<'_> {
    /// The expression over a folded block. `blocks` are those around it, the innermost first.
    pub(super) fn subquery(&mut self, blocks: &[&Block], rx: &Rx) -> Result<Rx> {
        let RxKind::Subquery { kind, operand, of: Asked::Plan(plan), negated } = rx.kind() else {
            return Err(Error::internal("fold.subquery"));
        };
        let facts = self.facts;
        let plan = facts.subplans.get(*plan).ok_or_else(|| Error::internal("fold.plan"))?;
        self.inside += 1;
        let folded = self.fold(&plan.root).and_then(|block| self.asked(block, *kind, &plan.columns));
        self.inside -= 1;
        let mut block = folded?;
        if !plan.outer.is_empty() {
            self.bind_outer(&mut block, blocks, false)?;
        }
        let double = operand.as_ref().and_then(Rx::sql_type).is_some_and(SqlType::is_float);
        if double
            && self.caps.rounds_looked_up_doubles
            && let Projection::Columns(columns) = &mut block.projection
        {
            for (_, _, rx) in columns.iter_mut().filter(|(_, _, rx)| rx.sql_type().is_some_and(SqlType::is_integer)) {
                let nullable = rx.nullable();
                // The conversion needs no bind.
                let kind = RxKind::Cast { operand: rx.clone(), to: SqlType::Float64, helper: 0 };
                *rx = Rx::new(kind, Some(SqlType::Float64), nullable);
            }
        }
        // A value is compared as the column that it comes from.
        let exact =
            matches!(&block.projection, Projection::Columns(list) if list.iter().all(|(_, _, rx)| rx.0.binary_text));
        let one_row = block.limit.is_some_and(RowCount::is_at_most_one) || block.one_group();
        self.subqueries.push(Subquery { block, one_row });
        let of = Asked::Block(self.subqueries.len() - 1);
        let kind = RxKind::Subquery { kind: *kind, operand: operand.clone(), of, negated: *negated };
        Ok(Rx::new(kind, rx.sql_type(), rx.nullable()).with_binary_text(exact && rx.sql_type() == Some(SqlType::Text)))
    }

    /// The block with what is asked of it as its projection.
    fn asked(&mut self, mut block: Block, kind: SubqueryKind, columns: &[(Ident, ColumnId)]) -> Result<Block> {
        if !block.limited() {
            block.order.clear();
        }
        if columns.is_empty() {
            if !block.limited() {
                block.distinct = None;
            }
            return Ok(block);
        }
        // SQL: MySQL and MariaDB take no LIMIT directly in an IN.
        if kind == SubqueryKind::In && block.limited() && self.caps.loose_text {
            block = self.wrap(block)?;
            block.order.clear();
        }
        self.projected(block, columns)
    }

    /// Binds the columns that `block` has left open to what they are in the blocks around it, where they are known there.
    pub(super) fn bind_outer(&mut self, block: &mut Block, outers: &[&Block], nested: bool) -> Result<()> {
        let mut failed = None;
        let mut change = |folder: &mut Self, rx: &mut Rx| {
            let bound = folder.bound(rx, outers, nested, &mut failed);
            if let Some(bound) = bound {
                *rx = bound;
            }
        };
        for rx in block.filter.iter_mut().chain(&mut block.having) {
            change(self, rx);
        }
        for rx in block.group.iter_mut().flatten().chain(block.order.iter_mut().map(|(rx, _)| rx)) {
            change(self, rx);
        }
        for rx in block.joins.iter_mut().flat_map(|join| &mut join.on).chain(block.env.iter_mut().map(|(_, rx)| rx)) {
            change(self, rx);
        }
        if let Projection::Columns(columns) = &mut block.projection {
            for (_, _, rx) in columns {
                change(self, rx);
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        for place in block.sources.clone() {
            let Some(source) = self.sources.get_mut(place) else { continue };
            if !source.is_derived() {
                continue;
            }
            let lateral = source.lateral;
            let mut kind = std::mem::replace(&mut source.kind, SourceKind::Taken);
            let done = match &mut kind {
                SourceKind::Block(inner) => self.bind_outer(inner, outers, !lateral),
                SourceKind::Set { arms, .. } => arms.iter_mut().try_for_each(|arm| self.bind_outer(arm, outers, true)),
                SourceKind::Table(_)
                | SourceKind::Raw(_)
                | SourceKind::Cte(_)
                | SourceKind::Elements(_)
                | SourceKind::Values(_)
                | SourceKind::Taken => Ok(()),
            };
            self.put_back(place, kind);
            done?;
        }
        Ok(())
    }

    /// The expression with its open columns bound; `None` when it has none.
    fn bound(&mut self, rx: &Rx, outers: &[&Block], nested: bool, failed: &mut Option<Error>) -> Option<Rx> {
        if !self.is_open(rx) {
            return None;
        }
        if nested && !self.caps.nested_correlation {
            failed.get_or_insert_with(nested_correlation);
        }
        if let RxKind::Column(id) = rx.kind() {
            for outer in outers {
                match self.find(outer, *id) {
                    Ok(Some(found)) => return Some(found),
                    Ok(None) => {}
                    Err(error) => *failed = Some(error),
                }
            }
            return None;
        }
        if let RxKind::Subquery { of: Asked::Block(place), .. } = rx.kind()
            && let Some(subquery) = self.subqueries.get_mut(*place)
        {
            let mut inner = std::mem::take(&mut subquery.block);
            let done = self.bind_outer(&mut inner, outers, nested);
            if let Some(subquery) = self.subqueries.get_mut(*place) {
                subquery.block = inner;
            }
            if let Err(error) = done {
                *failed = Some(error);
            }
        }
        Some(map_operands(rx, &mut |operand| {
            self.bound(operand, outers, nested, failed).unwrap_or_else(|| operand.clone())
        }))
    }

    /// True when a column stands in it, or in a subquery of it, that is of no source yet.
    fn is_open(&self, rx: &Rx) -> bool {
        match rx.kind() {
            RxKind::Column(_) => true,
            RxKind::Subquery { of: Asked::Block(place), operand, .. } => {
                operand.as_ref().is_some_and(|operand| self.is_open(operand))
                    || self.subqueries.get(*place).is_some_and(|subquery| self.has_open(&subquery.block))
            }
            kind => {
                let mut found = false;
                each_operand(kind, &mut |operand| found = found || self.is_open(operand));
                found
            }
        }
    }

    fn has_open(&self, block: &Block) -> bool {
        let mut found = false;
        block.each_expr(&mut |rx| found = found || self.is_open(rx));
        found
            || block.sources.iter().filter_map(|place| self.sources.get(*place)).any(|source| match &source.kind {
                SourceKind::Block(inner) => self.has_open(inner),
                SourceKind::Set { arms, .. } => arms.iter().any(|arm| self.has_open(arm)),
                SourceKind::Table(_)
                | SourceKind::Raw(_)
                | SourceKind::Cte(_)
                | SourceKind::Elements(_)
                | SourceKind::Values(_)
                | SourceKind::Taken => false,
            })
    }

    /// True when a column of the blocks around stands in the block, or could be asked of it.
    pub(super) fn leaves_open(&self, block: &Block) -> bool {
        self.inside > 0
            && (self.has_open(block)
                || block.env.iter().any(|(_, rx)| self.is_open(rx))
                || block.sources.iter().filter_map(|place| self.sources.get(*place)).any(|source| match &source.kind {
                    SourceKind::Block(inner) => self.leaves_open(inner),
                    SourceKind::Set { arms, .. } => arms.iter().any(|arm| self.leaves_open(arm)),
                    _ => false,
                }))
    }

    /// True when a subquery may name columns of the blocks around it, on purpose or by a table whose columns are not known.
    pub(in crate::compile) fn sees_around(&self) -> bool {
        !self.facts.subplans.is_empty()
            || self.facts.scans.iter().any(|scan| scan.open)
            || self.sources.iter().any(|source| source.lateral)
    }

    /// True when a subquery of the statement reads the table that is written.
    pub(in crate::compile) fn reads_target_again(&self) -> bool {
        let reads = |scan: &&ScanInfo| matches!(&scan.source, ScanSource::Table(table) if self.is_target(table));
        self.facts.scans.iter().filter(reads).count() > 1
    }

    /// True when a subquery stands in it that names columns of the block around.
    pub(in crate::compile) fn is_correlated(&self, rx: &Rx) -> bool {
        if let RxKind::Subquery { of: Asked::Plan(plan), .. } = rx.kind()
            && self.facts.subplans.get(*plan).is_some_and(|plan| !plan.outer.is_empty())
        {
            return true;
        }
        let mut found = false;
        each_operand(rx.kind(), &mut |operand| found = found || self.is_correlated(operand));
        found
    }
}

/// True when a subquery stands in it.
pub(in crate::compile) fn has_subquery(rx: &Rx) -> bool {
    let mut found = matches!(rx.kind(), RxKind::Subquery { .. });
    each_operand(rx.kind(), &mut |operand| found = found || has_subquery(operand));
    found
}

fn nested_correlation() -> Error {
    let message = "MariaDB sees no column of the relation around a subquery inside a subselect in FROM, which this subquery needs (for its limit, its groups or its joins); filter by `outer(..)` after them, or join instead";
    Error::new(ErrorKind::Unsupported, "subquery.nested", message)
}
