//! Columns whose value does not come of their row alone, which servers lose sight of where an outer join fills them with NULL.

use super::{Block, Folder, Projection, SourceKind, is_constant};
use crate::schema::{ColumnId, Rx, RxKind, ScanSource};

impl Folder<'_> {
    /// Whether a view is read.
    pub(in crate::compile) fn reads_views(&self) -> bool {
        self.facts.scans.iter().any(|scan| scan.view() == Some(true))
    }

    /// Whether the source is known to be a table and no view.
    pub(in crate::compile) fn is_stored(&self, place: usize) -> bool {
        let source = self.sources.get(place);
        let scan = source.and_then(|source| source.scan).and_then(|scan| self.facts.scans.get(scan));
        scan.is_some_and(|scan| scan.view() == Some(false) && matches!(scan.source, ScanSource::Table(_)))
    }

    /// Whether an expression is a column of a table that is no view.
    pub(in crate::compile) fn is_stored_column(&self, rx: &Rx) -> bool {
        matches!(rx.kind(), RxKind::Source { source, .. } if self.is_stored(*source))
    }

    /// Whether a server that pulls up subselects may compute a column of a row that an outer join fills with NULL.
    pub(in crate::compile) fn may_hide_its_null(&self, rx: &Rx) -> bool {
        match rx.kind() {
            RxKind::Source { source, column } => rx.nullable() && self.hides_null(*source, *column, false),
            _ => false,
        }
    }

    fn hides_null(&self, place: usize, column: ColumnId, filled: bool) -> bool {
        let Some(source) = self.sources.get(place) else { return false };
        let filled = filled || source.nullable;
        match &source.kind {
            SourceKind::Table(_) => filled && !self.is_stored(place),
            SourceKind::Raw(_) | SourceKind::Cte(_) | SourceKind::Taken => true,
            SourceKind::Values(_) | SourceKind::Set { .. } | SourceKind::Elements(_) => false,
            SourceKind::Block(block) => {
                let Some(rx) = pulled_up(block, column) else { return false };
                match rx.kind() {
                    RxKind::Source { source, column } => self.hides_null(*source, *column, filled),
                    _ => filled && !is_strict(rx),
                }
            }
        }
    }

    /// Whether the source is a subselect with a column whose NULL a server that pulls it up may lose sight of.
    pub(in crate::compile) fn hides_nulls(&self, place: usize) -> bool {
        match self.sources.get(place).map(|source| &source.kind) {
            Some(SourceKind::Block(block)) => match &block.projection {
                Projection::Columns(columns) => columns.iter().any(|(_, id, _)| self.hides_null(place, *id, false)),
                Projection::Everything | Projection::Nothing => false,
            },
            _ => false,
        }
    }

    /// Whether a subquery of the block may ask about a column of a view or the like whose NULL a server loses sight of.
    pub(in crate::compile) fn asks_about_hidden_nulls(&self, block: &Block) -> bool {
        if !block.has_subquery() {
            return false;
        }
        let may_hide = |place: &usize| {
            self.sources.get(*place).is_some_and(|source| match &source.kind {
                SourceKind::Table(_) => source.nullable && !self.is_stored(*place),
                SourceKind::Raw(_) | SourceKind::Cte(_) => source.nullable,
                _ => false,
            })
        };
        block.sources.iter().any(may_hide)
    }

    /// Whether a column of the block is computed from constants alone, so that a server may compute it once and for all; where the
    /// statement has subqueries, also whether it is one constant.
    pub(in crate::compile) fn computes_constants(&self, block: &Block) -> bool {
        let Projection::Columns(columns) = &block.projection else { return false };
        let lone = |rx: &Rx| matches!(rx.kind(), RxKind::Bind(_) | RxKind::Null | RxKind::True | RxKind::False);
        let computed = |rx: &Rx| is_constant(rx) && !(lone(rx) && self.subqueries.is_empty());
        !block.limited()
            && (columns.iter().any(|(_, _, rx)| computed(rx))
                || block.sources.iter().any(|place| match self.sources.get(*place).map(|source| &source.kind) {
                    Some(SourceKind::Block(inner)) => self.computes_constants(inner),
                    _ => false,
                }))
    }
}

/// Whether an expression is NULL for a row whose columns are.
fn is_strict(rx: &Rx) -> bool {
    match rx.kind() {
        RxKind::Source { .. } | RxKind::Null => true,
        RxKind::Not(operand) | RxKind::Negate(operand) | RxKind::ExactText(operand) => is_strict(operand),
        RxKind::Cast { operand, .. } => is_strict(operand),
        RxKind::Arithmetic(_, left, right) | RxKind::Compare(_, left, right) => is_strict(left) || is_strict(right),
        _ => false,
    }
}

/// What a column of a derived table is, as far as a server makes the table one with the SELECT around it.
fn pulled_up(block: &Block, column: ColumnId) -> Option<&Rx> {
    let Projection::Columns(columns) = &block.projection else { return None };
    // A window that no column is made of is not written.
    let windowed = columns.iter().any(|(_, _, rx)| rx.windowed());
    if block.limited() || block.group.is_some() || block.distinct.is_some() || windowed {
        return None;
    }
    columns.iter().find(|(_, id, _)| *id == column).map(|(_, _, rx)| rx)
}
